import { Promotion } from '@element-plus/icons-vue';

export default { path: '/outbound', title: 'outbound.title', says: ['对外动作', 'Outward actions'], icon: Promotion, group: 'operation', order: 30, component: () => import('./Outbound.vue'), words: () => import('./words.js') };
