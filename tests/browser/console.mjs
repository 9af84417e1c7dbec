// What the tests of the console and `make screens` share: the registered pages, a signed-in browser, and a note of everything
// that a page should not do.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { patience, root, startSystem, waitFor } from '../system/harness.mjs';
import { furnish } from './furnish.mjs';

export const languages = ['zh-CN', 'en'];

export const launch = () => chromium.launch({
  executablePath: '/usr/bin/chromium',
  // Without a processor for graphics drawing is quickest without playing one.
  args: ['--no-sandbox', '--disable-gpu', '--disable-software-rasterizer', '--disable-gpu-rasterization', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// As src/admin/pages.js collects them: [{path, role, title, says, words, name, plugin}].
export async function registeredPages() {
  const found = [];
  for (const [folder, isPlugin] of [['htdocs/src/admin/pages', false], ['htdocs/src/plugins', true]]) {
    const full = path.join(root, folder);
    for (const name of fs.existsSync(full) ? fs.readdirSync(full).sort() : []) {
      const file = path.join(full, name, 'page.js');
      if (!fs.existsSync(file)) continue;
      const exported = (await import(pathToFileURL(file))).default;
      for (const page of [exported].flat()) found.push({ role: 'viewer', ...page, words: (await page.words?.())?.words, name, plugin: isPlugin ? name : page.plugin });
    }
  }
  return found;
}

// Adds people on the machine: their passwords by role.
export async function addPeople(system, roles = ['viewer', 'operator', 'approver', 'admin']) {
  return Object.fromEntries(await Promise.all(roles.map(async (role) => {
    const { status, stdout, stderr } = await system.wecomd('user', 'add', '--name', `the-${role}`, '--role', role);
    if (status !== 0) throw new Error(stderr);
    return [role, stdout.trim()];
  })));
}

const busy = new WeakMap();

// A page that notes every complaint: console, exceptions, other hosts, broken requests, the security policy.
export async function openPage(browser, system, { language = 'zh-CN', ...options } = {}) {
  const context = await browser.newContext({ locale: language, viewport: { width: 1440, height: 900 }, timezoneId: 'Asia/Shanghai', ...options });
  context.setDefaultTimeout(20_000 * patience);
  const page = await context.newPage();
  const complaints = [];
  const open = new Set();          // requests under way
  busy.set(page, open);
  page.on('request', (rq) => open.add(rq));
  page.on('requestfinished', (rq) => open.delete(rq));
  page.on('requestfailed', (rq) => open.delete(rq));
  const expected = new Set();      // "STATUS PATH" of answers that the test provokes
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    const at = message.location().url;
    // Chromium says so for every answer of 400 and more; the listener below judges those.
    if (/^Failed to load resource: the server responded with a status/.test(message.text())) return;
    complaints.push(`console: ${message.text()} (${at})`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.stack}`));
  page.on('request', (rq) => {
    const url = new URL(rq.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== system.url) complaints.push(`foreign request: ${rq.url()}`);
  });
  page.on('requestfailed', (rq) => {
    if (rq.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`failed: ${rq.url()} ${rq.failure()?.errorText}`);
  });
  page.on('response', (answer) => {
    const { pathname } = new URL(answer.url());
    // Nobody is signed in yet: that is how the console finds out.
    if (answer.status() === 401 && pathname === '/api/session') return;
    if (answer.status() >= 400 && !expected.has(`${answer.status()} ${pathname}`)) complaints.push(`${answer.status()}: ${answer.url()}`);
  });
  await page.addInitScript((chosen) => {
    globalThis.violations = [];
    addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
    try {
      localStorage.getItem('wecomd.language') ?? localStorage.setItem('wecomd.language', JSON.stringify(chosen));
    } catch {
      // about:blank has no storage
    }
  }, language);
  const violations = () => page.evaluate(() => globalThis.violations.splice(0));
  return { context, page, complaints, expected, violations };
}

export async function signIn({ page }, system, name, password, at = '/') {
  await page.goto(`${system.url}/admin/#${at}`);
  await page.locator('#sign-in-name').fill(name);
  await page.locator('#sign-in-password').fill(password);
  await page.getByTestId('sign-in').click();
  await page.locator('#main h1').waitFor();
}

// Goes to a page and waits until it has what it asked for.
export async function visit({ page }, system, at) {
  await page.goto(`${system.url}/admin/#${at}`);
  await page.locator(`#main[data-path="${at.split('?')[0]}"]`).waitFor();
  await settled(page);
}

// No request under way, nothing that loads, nothing that moves: twice in a row, since one thing leads to another.
export async function settled(page) {
  let quiet = 0;
  await waitFor('the page to settle', async () => {
    const still = busy.get(page).size === 0 && await page.evaluate(() => !document.querySelector('[data-state=loading], [aria-busy=true]') &&
      document.getAnimations().every((one) => one.playState !== 'running' || one.effect.getComputedTiming().iterations === Infinity));
    quiet = still ? quiet + 1 : 0;
    return quiet >= 2;
  }, { ms: 20_000, every: 40 });
}

export const fitsTheWidth = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

// A furnished system with people of each role, and a browser.
export async function startConsole() {
  const system = await startSystem({ plugins: ['customer-group', 'kf'] });
  const passwords = await addPeople(system);
  await furnish(system, passwords.admin);
  const browser = await launch();
  return {
    system,
    browser,
    passwords,

    // Somebody of that role, signed in, at an address.
    async entered(role, options, at) {
      const opened = await openPage(browser, system, options);
      await signIn(opened, system, `the-${role}`, passwords[role], at);
      await settled(opened.page);
      return opened;
    },

    async stop() {
      await browser.close();
      await system.stop();
    },
  };
}

// The end of a test with a page: it did nothing that it should not do.
export async function done(opened) {
  assert.deepEqual(await opened.violations(), [], 'violations of the content security policy');
  assert.deepEqual(opened.complaints, []);
  await opened.context.close();
}

export const heading = (page) => page.locator('#main h1');

// A session of its own for plain requests: its headers.
export async function restSession(system, name, password) {
  const answer = await system.postJson('/api/session', { name, password });
  if (answer.status !== 201) throw new Error(`sign-in: ${answer.status} ${answer.text}`);
  return { Cookie: answer.headers['set-cookie'][0].split(';')[0], 'X-CSRF-Token': answer.json.csrf };
}

export const rest = (system, session, method, at, body) => system.get(at, {
  method, headers: { ...session, 'Content-Type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body),
});

// Between light and dark only the colours differ; and behind a drawer is what was looked at before it opened.
export async function noSeriousFindings(page, where, { only, inside = 'html' } = {}) {
  if (!await page.evaluate(() => 'axe' in globalThis)) await page.evaluate(axe.source);
  const options = { resultTypes: ['violations'], preload: false, iframes: false, ...only ? { runOnly: { type: 'rule', values: [only] } } : {} };
  const { violations, passes } = await page.evaluate(([place, chosen]) => globalThis.axe.run(place, chosen), [inside, options]);
  const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join('\n')}`);
  assert.deepEqual(serious, [], where);
  assert.ok(violations.length + passes.length > 0, `${where}: axe looked at nothing`);
}
