// Who is signed in, and what the server has loaded. One object for the whole console.
import { reactive, readonly } from 'vue';
import { del, get, post, put, setAuthority } from './api.js';
import { roles } from './pages.js';

// ended: the session ended while somebody worked with it.
const state = reactive({ user: null, plugins: [], error: null, ended: false });
export const session = readonly(state);

let known = false;

// Whether the person has at least that role. The server decides anyway; this only hides what would be refused.
export const may = (role) => roles.indexOf(state.user?.role) >= roles.indexOf(role);
export const isLoaded = (plugin) => !plugin || state.plugins.includes(plugin);

async function loadPlugins() {
  const names = [];
  for (let cursor; cursor !== null;) {
    const page = await get('/api/plugins', { limit: 200, cursor });
    names.push(...page.items.map(({ name }) => name));
    cursor = page.next;
  }
  state.plugins = names;
}

function forget() {
  state.user = null;
  state.plugins = [];
  setAuthority(null);
}

async function enter(user) {
  setAuthority(user.csrf);
  state.user = user;
  if (!user.must_change) await loadPlugins();
}

// Asks once for the session that the cookie may stand for. Afterwards `user` is set, or null.
export async function findSession() {
  if (known) return;
  state.error = null;
  try {
    await enter(await get('/api/session', {}, { quiet: true }));
    known = true;
  } catch (error) {
    forget();
    if (error.status === 401) known = true;
    else state.error = error;
  }
}

export async function signIn(name, password, totp) {
  const { csrf } = await post('/api/session', { name, password, ...(totp && { totp }) }, { quiet: true });
  setAuthority(csrf);
  await enter(await get('/api/session', {}, { quiet: true }));
  state.ended = false;
  known = true;
}

// The session is over for the server, or about to be.
export async function signOut() {
  try {
    await del('/api/session', { quiet: true });
  } finally {
    forget();
  }
}

// The session ended elsewhere.
export function lose() {
  if (state.user) state.ended = true;
  forget();
}

// The password must be changed before anything else.
export function confine() {
  if (state.user) state.user.must_change = true;
}

export async function changePassword(old, fresh) {
  const { csrf } = await put('/api/session/password', { old, new: fresh }, { quiet: true });
  await enter({ ...state.user, csrf, must_change: false });
}

export async function refreshUser() {
  await enter(await get('/api/session'));
}
