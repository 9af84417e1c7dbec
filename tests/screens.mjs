// `make screens [T=word]`: starts the demo with something in it, signs in, and takes pictures of every page into
// $B/screens: 1440 and 390 wide, light and dark, in Chinese; and light in English at 1440. URL=, NAME= and PASSWORD= take
// them of a running system instead.
import fs from 'node:fs';
import path from 'node:path';
import { addPeople, launch, openPage, registeredPages, settled, signIn, visit } from './browser/console.mjs';
import { furnish } from './browser/furnish.mjs';
import { build, startSystem } from './system/harness.mjs';

const word = process.argv[2] ?? '';
const folder = path.join(build, 'screens');
const looks = [
  { name: '1440-light', viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  { name: '1440-dark', viewport: { width: 1440, height: 900 }, colorScheme: 'dark' },
  { name: '390-light', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { name: '390-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
  { name: '1440-light-en', viewport: { width: 1440, height: 900 }, colorScheme: 'light', language: 'en' },
];

async function prepare() {
  const system = await startSystem({ plugins: ['customer-group', 'kf'] });
  const passwords = await addPeople(system);
  await furnish(system, passwords.admin);
  return { system, name: 'the-admin', password: passwords.admin, stop: () => system.stop() };
}

const given = process.env.URL && { system: { url: process.env.URL }, name: process.env.NAME, password: process.env.PASSWORD, stop() {} };

async function takeAll(browser, { system, name, password }, look, places) {
  const opened = await openPage(browser, system, look);
  const take = async (what) => {
    await settled(opened.page);
    await opened.page.screenshot({ path: path.join(folder, `${what}-${look.name}.png`), fullPage: true });
  };
  await opened.page.goto(`${system.url}/admin/`);
  await opened.page.locator('#sign-in-name').waitFor();
  if ('sign-in'.includes(word)) await take('sign-in');
  await signIn(opened, system, name, password);
  for (const place of places) {
    await visit(opened, system, place.path);
    await take(place.name);
    if (!place.drawer) continue;
    const first = opened.page.locator('[data-state=rows] a').first();
    if (!await first.count()) continue;
    await first.click();
    // A drawer, or a page of its own.
    await opened.page.waitForFunction((path) => [...document.querySelectorAll('.el-drawer')].some((one) => one.checkVisibility()) || location.hash.split('?')[0] !== `#${path}` || location.hash.includes('id='), place.path);
    await settled(opened.page);
    await opened.page.screenshot({ path: path.join(folder, `${place.name}-open-${look.name}.png`) });
  }
  for (const complaint of opened.complaints) console.log(`${look.name}: ${complaint}`);
  await opened.context.close();
}

const nameOf = (place) => (place === '/' ? 'home' : place.slice(1).replaceAll('/', '-'));

fs.mkdirSync(folder, { recursive: true });
const at = given || await prepare();
const browser = await launch();
try {
  const places = (await registeredPages()).filter((page) => !page.path.includes(':'))
    .map((page) => ({ path: page.path, name: nameOf(page.path), drawer: true })).filter(({ name }) => name.includes(word));
  for (const look of looks) await takeAll(browser, at, look, places);
  console.log(`${fs.readdirSync(folder).length} pictures in ${folder}`);
} finally {
  await browser.close();
  await at.stop();
}
