import { DocumentChecked } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/audit', title: 'audit.title', icon: DocumentChecked, role: 'admin', group: 'access', order: 40, component: () => import('./Audit.vue'), words };
