import { Connection } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/keys', title: 'keys.title', icon: Connection, role: 'admin', group: 'access', order: 30, component: () => import('./Keys.vue'), words };
