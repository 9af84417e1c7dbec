import { FirstAidKit } from '@element-plus/icons-vue';

export default { path: '/doctor', title: 'doctor.title', says: ['体检', 'Doctor'], icon: FirstAidKit, role: 'admin', group: 'system', order: 20, component: () => import('./Doctor.vue'), words: () => import('./words.js'), everyWord: true };
