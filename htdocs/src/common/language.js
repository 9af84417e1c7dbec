// Chinese unless the person chose English. Each page brings its own words: { 'zh-CN': {…}, en: {…} }.
import { watchEffect } from 'vue';
import { createI18n } from 'vue-i18n';
import { kept } from './store.js';

export const languages = [
  { value: 'zh-CN', label: '中文' },
  { value: 'en', label: 'English' },
];

export function createLanguage(messages) {
  const i18n = createI18n({
    legacy: false,
    locale: languages.some(({ value }) => value === kept.get('language')) ? kept.get('language') : 'zh-CN',
    fallbackLocale: 'zh-CN',
    messages,
  });
  const { locale, t } = i18n.global;
  watchEffect(() => {
    document.documentElement.lang = locale.value;
    document.title = t('title');
    kept.set('language', locale.value);
  });
  return i18n;
}
