import { createApp, markRaw } from 'vue';
import './el.css.js';
import '../common/base.css';
import './console.css';
import '../common/theme.js';
import { createLanguage } from '../common/language.js';
import App from './App.vue';
import { useElementPlus } from './el.js';
import { messages } from './pages.js';
import { router, speak, titleOf } from './router.js';

const i18n = createLanguage(messages, {
  title: (t) => `${t(titleOf(router.currentRoute.value))} · wecomd`,
  // Heard by the tests: every page is to be complete in both languages.
  missing: (locale, key) => console.error(`no word for ${key} in ${locale}`),
});

speak(i18n.global);
createApp(markRaw(App)).use(i18n).use(router).use(useElementPlus).mount('#app');
