import { FirstAidKit } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/doctor', title: 'doctor.title', icon: FirstAidKit, role: 'admin', group: 'system', order: 20, component: () => import('./Doctor.vue'), words };
