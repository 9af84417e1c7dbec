import { createApp } from 'vue';
import '../common/base.css';
import '../common/theme.js';
import { createLanguage } from '../common/language.js';
import App from './App.vue';
import { words } from './words.js';

createApp(App).use(createLanguage(words)).mount('#app');
