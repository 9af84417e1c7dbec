// Asking again and again, calmly: nothing is asked while nobody looks, and ever more slowly while there is no answer.
import { onScopeDispose, ref, shallowRef } from 'vue';

const SLOWEST_MS = 30_000;

// ask(signal) is awaited and then called again everyMs later. `error` is what the latest try failed with, null while all is well;
// `at` is when it last went well; nudge() asks at once.
export function usePolling(ask, { everyMs = 4000 } = {}) {
  const error = shallowRef(null);
  const at = ref(0);
  let timer, current = null, failures = 0, gone = false;

  function plan() {
    clearTimeout(timer);
    if (!gone && !document.hidden) timer = setTimeout(nudge, Math.min(everyMs * 2 ** failures, Math.max(SLOWEST_MS, everyMs)));
  }

  async function nudge() {
    clearTimeout(timer);
    current?.abort();
    const mine = current = new AbortController();
    try {
      await ask(mine.signal);
      if (mine !== current) return;
      failures = 0;
      error.value = null;
      at.value = Date.now();
    } catch (problem) {
      if (mine !== current || mine.signal.aborted) return;
      failures++;
      error.value = problem;
    }
    plan();
  }

  const seen = () => (document.hidden ? clearTimeout(timer) : nudge());
  document.addEventListener('visibilitychange', seen);
  onScopeDispose(() => {
    gone = true;
    clearTimeout(timer);
    current?.abort();
    current = null;
    document.removeEventListener('visibilitychange', seen);
  });
  nudge();
  return { error, at, nudge };
}
