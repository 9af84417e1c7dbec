// Addresses: after the "#", so that any web server can serve the console as plain files. Filters and open drawers are in the
// address too, so that it can be kept and sent.
import { createRouter, createWebHashHistory } from 'vue-router';
import { listen } from './api.js';
import { learn, pages } from './pages.js';
import { confine, findSession, isLoaded, lose, may, session } from './session.js';
import Missing from './Missing.vue';
import NewPassword from './NewPassword.vue';
import SignIn from './SignIn.vue';

export const mayOpen = (page) => may(page.role) && isLoaded(page.plugin);
export const firstPage = () => pages.find((page) => page.nav && mayOpen(page))?.path ?? '/profile';

// A return address is a path of the console, nothing else.
const inside = (to) => (typeof to === 'string' && /^\/(?![/\\])/.test(to) ? to : '/');

let language = null;
export const speak = (i18n) => (language = i18n);

const withWords = (page) => async () => (await Promise.all([page.component(), learn(page, language)]))[0];

export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
  routes: [
    { path: '/', name: 'home', component: Missing, meta: { title: 'frame.product' } },
    { path: '/sign-in', name: 'sign-in', component: SignIn, meta: { bare: true, title: 'frame.signIn' } },
    { path: '/password', name: 'password', component: NewPassword, meta: { bare: true, title: 'frame.newPassword' } },
    ...pages.map((page) => ({ path: page.path, name: `page:${page.path}`, component: withWords(page), meta: { page, title: page.title } })),
    { path: '/:rest(.*)*', name: 'missing', component: Missing, meta: { title: 'frame.missing' } },
  ],
});

export const titleOf = (route) => route.meta.title ?? 'frame.product';
export const returnAddress = () => inside(router.currentRoute.value.query.to);

router.beforeEach(async (to) => {
  await findSession();
  if (session.error) return undefined;     // App.vue says so and tries again
  const here = to.name === 'sign-in' || to.name === 'password' ? inside(to.query.to) : to.fullPath;
  const back = here === '/' ? {} : { query: { to: here } };
  if (!session.user) return to.name === 'sign-in' ? undefined : { name: 'sign-in', ...back };
  if (session.user.must_change) return to.name === 'password' ? undefined : { name: 'password', ...back };
  if (to.meta.bare) return here;
  return to.name === 'home' ? firstPage() : undefined;
});

const turnBack = (name) => {
  const { fullPath, meta } = router.currentRoute.value;
  if (!meta.bare) router.replace({ name, query: { to: fullPath } });
};

listen({
  unauthenticated() {
    lose();
    turnBack('sign-in');
  },
  password_must_change() {
    confine();
    turnBack('password');
  },
});
