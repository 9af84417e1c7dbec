import { Odometer } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/overview', title: 'overview.title', icon: Odometer, group: 'overview', order: 10, component: () => import('./Overview.vue'), words };
