import { DocumentChecked } from '@element-plus/icons-vue';

export default { path: '/audit', title: 'audit.title', says: ['审计', 'Audit'], icon: DocumentChecked, role: 'admin', group: 'access', order: 40, component: () => import('./Audit.vue'), words: () => import('./words.js'), everyWord: true };
