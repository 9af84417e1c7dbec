import { Key } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/roles', title: 'roles.title', icon: Key, role: 'viewer', group: 'access', order: 20, component: () => import('./Roles.vue'), words };
