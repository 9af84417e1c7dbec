import { User } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/users', title: 'users.title', icon: User, role: 'admin', group: 'access', order: 10, component: () => import('./Users.vue'), words };
