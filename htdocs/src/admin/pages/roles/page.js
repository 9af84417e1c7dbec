import { Key } from '@element-plus/icons-vue';

export default { path: '/roles', title: 'roles.title', says: ['角色', 'Roles'], icon: Key, role: 'viewer', group: 'access', order: 20, component: () => import('./Roles.vue'), words: () => import('./words.js'), everyWord: true };
