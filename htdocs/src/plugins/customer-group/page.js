import { Collection, Connection, Files, UserFilled } from '@element-plus/icons-vue';
import { words } from './words.js';

export default [
  { path: '/customer/groups', title: 'customer-group.groups', icon: UserFilled, group: 'service', order: 30, component: () => import('./Groups.vue'), words },
  { path: '/customer/groups/:chat', title: 'customer-group.group', nav: false, component: () => import('./Group.vue') },
  { path: '/customer/join-ways', title: 'customer-group.joinWays', icon: Connection, group: 'service', order: 31, component: () => import('./JoinWays.vue') },
  { path: '/customer/segments', title: 'customer-group.segments', icon: Collection, group: 'service', order: 32, component: () => import('./Segments.vue') },
  { path: '/customer/drift', title: 'customer-group.drift', icon: Files, group: 'service', order: 33, component: () => import('./Drift.vue') },
];
