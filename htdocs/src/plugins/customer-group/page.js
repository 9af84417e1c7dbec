import { Collection, Connection, Files, UserFilled } from '@element-plus/icons-vue';

export default [
  { path: '/customer/groups', title: 'customer-group.groups', says: ['客户群', 'Customer groups'], icon: UserFilled, group: 'service', order: 30, component: () => import('./Groups.vue'), words: () => import('./words.js') },
  { path: '/customer/groups/:chat', title: 'customer-group.group', says: ['客户群', 'Customer group'], nav: false, component: () => import('./Group.vue') },
  { path: '/customer/join-ways', title: 'customer-group.joinWays', says: ['加入群聊', 'Join ways'], icon: Connection, group: 'service', order: 31, component: () => import('./JoinWays.vue') },
  { path: '/customer/segments', title: 'customer-group.segments', says: ['客户群分组', 'Segments'], icon: Collection, group: 'service', order: 32, component: () => import('./Segments.vue') },
  { path: '/customer/drift', title: 'customer-group.drift', says: ['同步与告警', 'Sync and warnings'], icon: Files, group: 'service', order: 33, component: () => import('./Drift.vue') },
];
