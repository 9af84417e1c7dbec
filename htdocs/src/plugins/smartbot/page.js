import { ChatLineRound, ChatSquare, Coin, Postcard, Star } from '@element-plus/icons-vue';

export default [
  { path: '/smartbot/bots', title: 'smartbot.bots', says: ['机器人', 'Bots'], icon: ChatLineRound, group: 'service', order: 10, component: () => import('./Bots.vue'), words: () => import('./words.js') },
  { path: '/smartbot/bots/:name', title: 'smartbot.bot', says: ['机器人', 'Bot'], nav: false, component: () => import('./Bot.vue') },
  { path: '/smartbot/roles', title: 'smartbot.roles', says: ['人设', 'Personas'], icon: Postcard, group: 'service', order: 11, component: () => import('./Roles.vue') },
  { path: '/smartbot/conversations', title: 'smartbot.conversations', says: ['机器人会话', 'Bot conversations'], icon: ChatSquare, group: 'service', order: 12, component: () => import('./Conversations.vue') },
  { path: '/smartbot/conversations/:id', title: 'smartbot.conversation', says: ['机器人会话', 'Bot conversation'], nav: false, role: 'operator', component: () => import('./Conversation.vue') },
  { path: '/smartbot/feedback', title: 'smartbot.feedback', says: ['评价', 'Feedback'], icon: Star, group: 'service', order: 13, component: () => import('./Feedback.vue') },
  { path: '/smartbot/usage', title: 'smartbot.usage', says: ['用量', 'Usage'], icon: Coin, group: 'service', order: 14, component: () => import('./Usage.vue') },
];
