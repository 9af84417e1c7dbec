import { Message } from '@element-plus/icons-vue';

export default { path: '/inbox', title: 'inbox.title', says: ['收件箱', 'Inbox'], icon: Message, group: 'operation', order: 20, component: () => import('./Inbox.vue'), words: () => import('./words.js') };
