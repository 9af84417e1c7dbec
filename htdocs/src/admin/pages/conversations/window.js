// Arithmetic of the window: what a channel still allows before the customer writes again.
import { toMs } from '../../ui/format.js';

// Infinity where it never closes by itself.
export function leftMs(window, now) {
  const closes = toMs(window.closes_at);
  return Number.isNaN(closes) || closes === 0 ? Infinity : Math.max(closes - now, 0);
}

// Messages that may still be sent: by a person all that are left, by the machine not those kept for people and notices. Infinity where there is
// no limit.
export const isLimited = ({ limit }) => typeof limit === 'number' && limit >= 0;
export const left = (window) => (isLimited(window) ? window.left : Infinity);
export const spare = (window) => (isLimited(window) ? window.left - (window.reserve ?? 0) : Infinity);

// What happens to n messages that a person sends now, as a word: 'sends', 'waits' for the customer's next turn, 'refused'.
export function fate(window, now, n = 1) {
  if (!window) return 'sends';
  if (['with_servicer', 'ended', 'refused'].includes(window.reason)) return 'refused';
  return window.open && leftMs(window, now) > 0 && left(window) >= n ? 'sends' : 'waits';
}
