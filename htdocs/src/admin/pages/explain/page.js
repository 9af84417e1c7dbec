import { Share } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/explain', title: 'explain.title', icon: Share, group: 'operation', order: 40, component: () => import('./Explain.vue'), words };
