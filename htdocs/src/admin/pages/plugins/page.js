import { Setting } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/plugins', title: 'plugins.title', icon: Setting, role: 'viewer', group: 'system', order: 10, component: () => import('./Plugins.vue'), words };
