// What this browser remembers. A browser that forbids storage remembers nothing, and everything still works.
function guarded(storage) {
  return {
    get(key, fallback) {
      try {
        return JSON.parse(storage().getItem(`wecomd.${key}`)) ?? fallback;
      } catch {
        return fallback;
      }
    },
    set(key, value) {
      try {
        storage().setItem(`wecomd.${key}`, JSON.stringify(value));
      } catch {
        // Private windows and full storages refuse; the page goes on without.
      }
    },
  };
}

export const kept = guarded(() => window.localStorage);
export const keptForTab = guarded(() => window.sessionStorage);
