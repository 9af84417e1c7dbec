// Loading what a page shows, called off when the page is left.
import { onScopeDispose, ref, shallowRef, watch } from 'vue';

// A signal that is aborted when the component is left.
export function useSignal() {
  const leaving = new AbortController();
  onScopeDispose(() => leaving.abort());
  return leaving.signal;
}

// useLoad((signal) => get('/api/…', {}, { signal }), { on: () => route.query.id }): loads now and whenever `on` changes, and again by
// reload(). `state` is loading, ready or error; data stays while it is loaded anew.
export function useLoad(load, { on, immediate = true } = {}) {
  const data = shallowRef(null);
  const error = shallowRef(null);
  const state = ref('loading');
  let current = null;

  async function reload() {
    current?.abort();
    const mine = current = new AbortController();
    state.value = data.value === null ? 'loading' : state.value === 'error' ? 'loading' : state.value;
    try {
      const loaded = await load(mine.signal);
      if (mine !== current) return;
      data.value = loaded;
      error.value = null;
      state.value = 'ready';
    } catch (problem) {
      if (mine !== current || mine.signal.aborted) return;
      error.value = problem;
      state.value = 'error';
    }
  }

  function clear() {
    data.value = null;
    state.value = 'loading';
  }

  if (on) watch(on, () => { clear(); reload(); });
  if (immediate) reload();
  onScopeDispose(() => { current?.abort(); current = null; });
  return { data, error, state, reload };
}
