// How the pulling of an account stands, from GET /api/kf/status: [tone, key of a word].
const LATE_MS = 600_000;

export function healthOf(account, status, now, toMs) {
  if (account.listed === false) return ['bad', 'gone'];
  if (!status) return ['quiet', 'unknown'];
  if (status.pull_error || status.list_error) return ['bad', 'failing'];
  if (account.managed === false) return ['warn', 'unmanaged'];
  if (status.backlog) return ['warn', 'behind'];
  const rung = toMs(status.rung_at), pulled = toMs(status.pulled_at);
  if (Number.isNaN(pulled)) return ['quiet', 'never'];
  return rung > pulled && now - rung > LATE_MS ? ['warn', 'late'] : ['good', 'ok'];
}
