// Where things are shown, for links from one page to another; undefined where the person may not go, or the page is not there.
import { mayOpen, router } from '../router.js';

export function placeOf(path, query = {}) {
  const place = router.resolve({ path, query });
  const page = place.meta.page;
  return page && mayOpen(page) ? { path, query } : undefined;
}

export const explainPlace = (id) => (id ? placeOf('/explain', { id }) : undefined);

const kinds = { job: '/jobs', inbox: '/inbox', outbound: '/outbound' };

// "job:5" leads to the job's drawer.
export function objectPlace(object) {
  const [kind, id] = String(object).split(':');
  return kinds[kind] && /^\d+$/.test(id ?? '') ? placeOf(kinds[kind], { id }) : undefined;
}
