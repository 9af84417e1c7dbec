import { Tickets } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/jobs', title: 'jobs.title', icon: Tickets, group: 'operation', order: 10, component: () => import('./Jobs.vue'), words };
