import { Setting } from '@element-plus/icons-vue';

export default { path: '/plugins', title: 'plugins.title', says: ['插件与设置', 'Plugins and settings'], icon: Setting, role: 'viewer', group: 'system', order: 10, component: () => import('./Plugins.vue'), words: () => import('./words.js'), everyWord: true };
