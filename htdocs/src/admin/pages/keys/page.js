import { Connection } from '@element-plus/icons-vue';

export default { path: '/keys', title: 'keys.title', says: ['API 密钥', 'API keys'], icon: Connection, role: 'admin', group: 'access', order: 30, component: () => import('./Keys.vue'), words: () => import('./words.js') };
