import { User } from '@element-plus/icons-vue';

export default { path: '/profile', title: 'profile.title', says: ['我的账号', 'My account'], icon: User, group: 'access', nav: false, component: () => import('./Profile.vue'), words: () => import('./words.js') };
