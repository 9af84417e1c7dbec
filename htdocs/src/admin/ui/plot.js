// Arithmetic of charts: round steps for the axes, and where things stand.
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const timeSteps = [MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 7 * DAY, 14 * DAY, 30 * DAY];

// 1, 2 or 5 times a power of ten, at least `least`.
function roundStep(rough, least) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return Math.max([1, 2, 5, 10].find((n) => n * power >= rough * 0.999) * power, least);
}

// The values at an axis from 0 (or what lies below) to at least `most`, about n of them.
export function valueTicks(least, most, n, smallest) {
  const low = Math.min(least, 0);
  const step = roundStep(Math.max(most - low, smallest || 1e-9) / n, smallest);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(most / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

// Times at whole minutes, hours or days of the viewer's zone, at most n of them.
export function timeTicks(from, to, n) {
  const step = timeSteps.find((one) => (to - from) / one <= n) ?? Math.ceil((to - from) / n / DAY) * DAY;
  const away = new Date(from).getTimezoneOffset() * MINUTE;
  const ticks = [];
  for (let at = Math.ceil((from - away) / step) * step + away; at <= to; at += step) ticks.push(at);
  return { ticks, step };
}

export const isDay = (step) => step >= DAY;

// How wide a text is drawn, roughly: figures and letters are narrow, Chinese is not.
export const widthOf = (text) => [...text].reduce((sum, sign) => sum + (sign.codePointAt(0) > 0x2e80 ? 12 : 6.8), 0);
