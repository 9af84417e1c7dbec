// Light or dark: the system's wish unless the person chose one. Style sheets read data-theme on the root element.
import { ref, watchEffect } from 'vue';
import { kept } from './store.js';

const systemDark = window.matchMedia('(prefers-color-scheme: dark)');
const dark = ref(systemDark.matches);
systemDark.addEventListener('change', (event) => (dark.value = event.matches));

export const theme = ref(kept.get('theme', 'auto'));

watchEffect(() => {
  const chosen = theme.value === 'auto' ? (dark.value ? 'dark' : 'light') : theme.value;
  document.documentElement.dataset.theme = chosen;
  kept.set('theme', theme.value);
});
