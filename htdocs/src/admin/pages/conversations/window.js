// Arithmetic of the window: what a channel still allows before the customer writes again.
import { toMs } from '../../ui/format.js';

// Infinity where it never closes by itself.
export function leftMs(window, now) {
  const closes = toMs(window.closes_at);
  return Number.isNaN(closes) || closes === 0 ? Infinity : Math.max(closes - now, 0);
}

// Messages that a person or the machine may send: without those kept for notices. Infinity where there is no limit.
export const isLimited = ({ limit }) => typeof limit === 'number' && limit >= 0;
export const spare = (window) => (isLimited(window) ? window.left - (window.reserve ?? 0) : Infinity);

// What happens to messages that are sent now, as a word: 'sends', 'waits' for the customer's next turn, 'refused'.
export function fate(window, now, n = 1) {
  if (!window) return 'sends';
  if (['with_servicer', 'ended', 'refused'].includes(window.reason)) return 'refused';
  return window.open && leftMs(window, now) > 0 && spare(window) >= n ? 'sends' : 'waits';
}
