import { ChatLineRound, ChatSquare, Coin, Postcard, Star } from '@element-plus/icons-vue';
import { words } from './words.js';

export default [
  { path: '/smartbot/bots', title: 'smartbot.bots', icon: ChatLineRound, group: 'service', order: 10, component: () => import('./Bots.vue'), words },
  { path: '/smartbot/bots/:name', title: 'smartbot.bot', nav: false, component: () => import('./Bot.vue') },
  { path: '/smartbot/roles', title: 'smartbot.roles', icon: Postcard, group: 'service', order: 11, component: () => import('./Roles.vue') },
  { path: '/smartbot/conversations', title: 'smartbot.conversations', icon: ChatSquare, group: 'service', order: 12, component: () => import('./Conversations.vue') },
  { path: '/smartbot/conversations/:id', title: 'smartbot.conversation', nav: false, role: 'operator', component: () => import('./Conversation.vue') },
  { path: '/smartbot/feedback', title: 'smartbot.feedback', icon: Star, group: 'service', order: 13, component: () => import('./Feedback.vue') },
  { path: '/smartbot/usage', title: 'smartbot.usage', icon: Coin, group: 'service', order: 14, component: () => import('./Usage.vue') },
];
