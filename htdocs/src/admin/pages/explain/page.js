import { Share } from '@element-plus/icons-vue';

export default { path: '/explain', title: 'explain.title', says: ['消息追踪', 'Explain a message'], icon: Share, group: 'operation', order: 40, component: () => import('./Explain.vue'), words: () => import('./words.js') };
