import { User } from '@element-plus/icons-vue';

export default { path: '/users', title: 'users.title', says: ['用户', 'Users'], icon: User, role: 'admin', group: 'access', order: 10, component: () => import('./Users.vue'), words: () => import('./words.js') };
