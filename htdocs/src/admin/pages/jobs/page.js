import { Tickets } from '@element-plus/icons-vue';

export default { path: '/jobs', title: 'jobs.title', says: ['任务', 'Jobs'], icon: Tickets, group: 'operation', order: 10, component: () => import('./Jobs.vue'), words: () => import('./words.js') };
