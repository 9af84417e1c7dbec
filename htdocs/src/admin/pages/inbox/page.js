import { Message } from '@element-plus/icons-vue';
import { words } from './words.js';

export default { path: '/inbox', title: 'inbox.title', icon: Message, group: 'operation', order: 20, component: () => import('./Inbox.vue'), words };
