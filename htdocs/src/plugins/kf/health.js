// How an account's pulling stands, from the figures that the list gives: [tone, key of a word].
const LATE_MS = 600_000;

export function healthOf(account, now, toMs) {
  if (account.listed === false) return ['bad', 'gone'];
  if (account.error) return ['bad', 'failing'];
  if (account.managed === false) return ['warn', 'unmanaged'];
  if (account.backlog) return ['warn', 'behind'];
  const rung = toMs(account.rung_at), pulled = toMs(account.pulled_at ?? account.last_pull_at);
  if (Number.isNaN(pulled)) return ['quiet', 'never'];
  return rung > pulled && now - rung > LATE_MS ? ['warn', 'late'] : ['good', 'ok'];
}
