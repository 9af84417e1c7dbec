// One clock for all relative times; it stands still while nobody looks.
import { onScopeDispose, ref } from 'vue';

const now = ref(Date.now());
let users = 0;
let timer = null;

export function useNow() {
  if (users++ === 0) {
    now.value = Date.now();
    timer = setInterval(() => (now.value = Date.now()), 15_000);
  }
  onScopeDispose(() => {
    if (--users === 0) clearInterval(timer);
  });
  return now;
}
