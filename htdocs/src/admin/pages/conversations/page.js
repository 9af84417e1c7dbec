import { ChatDotSquare, EditPen, UserFilled } from '@element-plus/icons-vue';

export default [
  { path: '/conversations', title: 'conversations.title', says: ['会话', 'Conversations'], icon: ChatDotSquare, group: 'service', order: 1, component: () => import('./Conversations.vue'),
    words: () => import('./words.js') },
  { path: '/drafts', title: 'conversations.drafts', says: ['待批准的消息', 'Drafts'], icon: EditPen, role: 'approver', group: 'service', order: 2, component: () => import('./Drafts.vue') },
  { path: '/customers', title: 'conversations.customers', says: ['客户', 'Customers'], icon: UserFilled, group: 'service', order: 3, component: () => import('./Customers.vue') },
  { path: '/customers/:id', title: 'conversations.customerTitle', says: ['客户资料', 'Customer'], nav: false, component: () => import('./Customer.vue') },
];
