import { Headset } from '@element-plus/icons-vue';

export default [
  { path: '/kf', title: 'kf.title', says: ['微信客服', 'WeCom service'], icon: Headset, group: 'service', order: 20, component: () => import('./Accounts.vue'), words: () => import('./words.js') },
  { path: '/kf/accounts/:id', title: 'kf.account', says: ['客服账号', 'Service account'], nav: false, component: () => import('./Account.vue') },
];
