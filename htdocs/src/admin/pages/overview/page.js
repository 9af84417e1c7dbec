import { Odometer } from '@element-plus/icons-vue';

export default { path: '/overview', title: 'overview.title', says: ['概览', 'Overview'], icon: Odometer, group: 'overview', order: 10, component: () => import('./Overview.vue'), words: () => import('./words.js') };
