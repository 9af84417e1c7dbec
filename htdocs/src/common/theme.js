// Light or dark: the system's wish unless the person chose one. Style sheets read data-theme on the root element;
// Element Plus reads the class "dark" there.
import { computed, ref, watchEffect } from 'vue';
import { kept } from './store.js';

const systemDark = window.matchMedia('(prefers-color-scheme: dark)');
const dark = ref(systemDark.matches);
systemDark.addEventListener('change', (event) => (dark.value = event.matches));

export const theme = ref(kept.get('theme', 'auto'));

// What is shown: 'light' or 'dark'.
export const shownTheme = computed(() => (theme.value === 'auto' ? (dark.value ? 'dark' : 'light') : theme.value));

watchEffect(() => {
  document.documentElement.dataset.theme = shownTheme.value;
  document.documentElement.classList.toggle('dark', shownTheme.value === 'dark');
  kept.set('theme', theme.value);
});
