// Working hours as plugins/kf reads them: "mon-fri 09:00-12:00,13:30-18:00; sat 10:00-16:00; 2026-10-01 closed". For showing them;
// the server decides.
export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const span = /^([01]\d|2[0-4]):([0-5]\d)-([0-4]\d):([0-5]\d)$/;

function daysOf(text) {
  const chosen = new Set();
  for (const part of text.split(',')) {
    const [from, to = from] = part.split('-').map((name) => days.indexOf(name.slice(0, 3)));
    if (from < 0 || to < 0) return null;
    for (let day = from; ; day = (day + 1) % 7) {
      chosen.add(day);
      if (day === to) break;
    }
  }
  return chosen;
}

// {week: [[span, …] × 7], dates: [{date, spans}]}; null for what is not understood. Nothing written: always open.
export function readHours(text) {
  const rules = text.toLowerCase().split(/[;\n]/).map((rule) => rule.trim()).filter(Boolean);
  const week = Array.from({ length: 7 }, () => (rules.length ? [] : ['00:00-24:00']));
  const dates = [];
  for (const rule of rules) {
    const [when, ...rest] = rule.split(/\s+/);
    const what = rest.join('');
    const spans = what === 'closed' ? [] : what.split(',');
    if (!spans.every((one) => span.test(one)) || !rest.length) return null;
    if (/^\d{4}-\d\d-\d\d$/.test(when)) {
      dates.push({ date: when, spans });
      continue;
    }
    const chosen = daysOf(when);
    if (!chosen) return null;
    for (const day of chosen) week[day] = what === 'closed' ? [] : [...week[day], ...spans];
  }
  return { week, dates };
}
