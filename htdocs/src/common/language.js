// Chinese unless the person chose English. Each page brings its own words: { 'zh-CN': {…}, en: {…} }.
import { watchEffect } from 'vue';
import { createI18n } from 'vue-i18n';
import { kept } from './store.js';

export const languages = [
  { value: 'zh-CN', label: '中文' },
  { value: 'en', label: 'English' },
];

// `title` gives the document's title; it is asked again whenever what it reads changes. `missing` hears of words that are not there.
export function createLanguage(messages, { title = (t) => t('title'), missing } = {}) {
  const i18n = createI18n({
    legacy: false,
    locale: languages.some(({ value }) => value === kept.get('language')) ? kept.get('language') : 'zh-CN',
    fallbackLocale: 'zh-CN',
    messages,
    missing,
  });
  const { locale, t } = i18n.global;
  watchEffect(() => {
    document.documentElement.lang = locale.value;
    document.title = title(t);
    kept.set('language', locale.value);
  });
  return i18n;
}
