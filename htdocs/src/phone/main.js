import { createApp } from 'vue';
import '../common/base.css';
import '../common/theme.js';
import { createLanguage } from '../common/language.js';
import App from './App.vue';
import KfApp from './kf/KfApp.vue';
import { words } from './words.js';

createApp(new URLSearchParams(location.search).has('kf') ? KfApp : App).use(createLanguage(words)).mount('#app');
