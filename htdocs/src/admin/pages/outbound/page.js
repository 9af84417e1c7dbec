import { Promotion } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/outbound', title: 'outbound.title', icon: Promotion, group: 'operation', order: 30, component: () => import('./Outbound.vue'), words };
