import { User } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/profile', title: 'profile.title', icon: User, group: 'access', nav: false, component: () => import('./Profile.vue'), words };
