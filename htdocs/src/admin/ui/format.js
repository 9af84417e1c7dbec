// Figures as people read them. Pure functions; those that need words get t, those that need a language get it.
const units = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000], ['ms', 1]];

// A time of the server, a number of UTC milliseconds or RFC 3339, as milliseconds; NaN for none.
export function toMs(at) {
  if (at === null || at === undefined || at === '') return NaN;
  return typeof at === 'number' ? at : Date.parse(at);
}

const two = (n) => String(n).padStart(2, '0');

// In the viewer's zone, the same in all languages: 2026-01-31 08:00:00.
export function exactTime(at) {
  const ms = toMs(at);
  if (Number.isNaN(ms)) return '';
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function zoneName() {
  const minutes = -new Date().getTimezoneOffset();
  const sign = minutes < 0 ? '-' : '+';
  return `UTC${sign}${two(Math.trunc(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

// "3 minutes ago" within a day of now, otherwise day and minute.
export function nearTime(at, now, language) {
  const ms = toMs(at);
  if (Number.isNaN(ms)) return '';
  // The clock that pages share moves every 15 s: what is newer than it is of now.
  const away = ms > now && ms - now < 20_000 ? 0 : ms - now;
  const size = Math.abs(away);
  if (size >= 86_400_000) return exactTime(ms).slice(0, 16);
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  if (size < 55_000) return relative.format(Math.round(away / 1000 / 10) * 10, 'second');
  return size < 3_570_000 ? relative.format(Math.round(away / 60_000), 'minute') : relative.format(Math.round(away / 3_600_000), 'hour');
}

// The server's way to write a duration: 90m, 1500ms. 0 is "0s".
export function durationWritten(ms) {
  if (!ms) return '0s';
  const [name, size] = units.find(([, unit]) => ms % unit === 0);
  return `${ms / size}${name}`;
}

// As people say it, in the two largest units: 1 小时 30 分钟.
export function durationText(ms, t) {
  if (ms === null || ms === undefined) return '';
  let rest = Math.abs(ms);
  const said = [];
  for (const [name, size] of units) {
    const n = Math.floor(rest / size);
    if (n && said.length < 2) said.push(`${n} ${t(`ui.unit.${name}`)}`);
    if (said.length) rest -= n * size;
  }
  return said.join(' ') || `0 ${t('ui.unit.s')}`;
}

// A wait, rounded up to whole seconds.
export const waitText = (ms, t) => durationText(Math.ceil(ms / 1000) * 1000, t);

export function bytesText(n) {
  if (n === null || n === undefined) return '';
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(n < 10_240 ? 1 : 0)} KiB`;
  if (n < 1024 ** 3) return `${(n / 1024 ** 2).toFixed(1)} MiB`;
  return `${(n / 1024 ** 3).toFixed(1)} GiB`;
}

export const numberText = (n, language, options) => (n === null || n === undefined ? '' : new Intl.NumberFormat(language, options).format(n));
export const percentText = (part, language) => numberText(part, language, { style: 'percent', maximumFractionDigits: 1 });
