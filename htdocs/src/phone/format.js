// Times and names as people read them.

export function clock(ms, locale, seconds = false) {
  return new Date(ms).toLocaleTimeString(locale, {
    hour: '2-digit',
    minute: '2-digit',
    ...(seconds && { second: '2-digit', fractionalSecondDigits: 3 }),
    hourCycle: 'h23',
  });
}

const dayOf = (ms) => new Date(ms).setHours(0, 0, 0, 0);

// 09:41 today, else the day before it: “昨天 09:41”, “11月20日 09:41”.
export function moment(ms, locale, now = Date.now()) {
  const days = Math.round((dayOf(now) - dayOf(ms)) / 86_400_000);
  if (days === 0) return clock(ms, locale);
  const day =
    days === 1
      ? new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-1, 'day')
      : new Date(ms).toLocaleDateString(locale, { month: 'short', day: 'numeric', ...(days > 300 && { year: 'numeric' }) });
  return `${day} ${clock(ms, locale)}`;
}

// 12 ms, 3.2 s, 1 min 5 s
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

// What stands in an avatar: the last two characters of a Chinese name, else initials.
export function initials(name) {
  const characters = [...name.trim()];
  if (/\p{Script=Han}/u.test(name)) return characters.slice(-2).join('');
  const words = name.trim().split(/[\s_.-]+/);
  return (words.length > 1 ? words.slice(0, 2).map((word) => [...word][0]) : characters.slice(0, 2)).join('').toUpperCase();
}
