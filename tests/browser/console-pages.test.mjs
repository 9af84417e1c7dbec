// Every page of the console that is registered: both languages, light and dark, wide and narrow, by people of each role. Pages that
// are added later are covered without a change here.
import assert from 'node:assert/strict';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root } from '../system/harness.mjs';
import { done, fitsTheWidth, heading, registeredPages, rest, restSession, settled, startConsole, visit, noSeriousFindings } from './console.mjs';
import { hostile } from './furnish.mjs';

const ranks = ['viewer', 'operator', 'approver', 'admin'];

let world, system, pages;

before(async () => {
  world = await startConsole();
  system = world.system;
  const session = await restSession(system, 'the-admin', world.passwords.admin);
  const loaded = (await rest(system, session, 'GET', '/api/plugins')).json.items.map(({ name }) => name);
  // One whose address has a parameter is reached from another page.
  pages = (await registeredPages()).filter((page) => (!page.plugin || loaded.includes(page.plugin)) && !page.path.includes(':'));
});
after(() => world?.stop());

// --- words ---

// @ and | mean something to vue-i18n; as such they are written {'@'}.
const textsOf = (words) => Object.values(words).flatMap((value) => (typeof value === 'string' ? [value] : textsOf(value)));
const isPlain = (text) => !/[@|]/.test(text.replaceAll(/\{'[^']*'\}/g, ''));

const keysOf = (words, prefix = '') => Object.entries(words).flatMap(([key, value]) => (
  prefix === '' && key === 'server' ? [] : typeof value === 'object' && !Array.isArray(value) ? keysOf(value, `${prefix}${key}.`) : [`${prefix}${key}`]));

test('every page has the same words in Chinese and English, and its own address', async () => {
  const { words } = await import(pathToFileURL(path.join(root, 'htdocs/src/admin/words.js')));
  const { words: ofServer } = await import(pathToFileURL(path.join(root, 'htdocs/src/admin/serverWords.js')));
  const all = await registeredPages();
  for (const { words: own } of [{ words }, { words: ofServer }, ...all.filter((page) => page.words)])
    assert.deepEqual(textsOf(own).filter((text) => !isPlain(text)), []);
  for (const { name, words: own } of [{ name: 'frame', words }, ...all.filter((page) => page.words)])
    assert.deepEqual(keysOf(own.en).sort(), keysOf(own.zh).sort(), name);
  assert.equal(new Set(all.map((page) => page.path)).size, all.length, 'an address is registered twice');
});

// --- every page ---

async function inColours(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.locator(`html[data-theme=${colorScheme}]`).waitFor();
  await settled(page);
}

async function looksRight({ page, complaints }, one, language) {
  const title = one.says[language === 'en' ? 1 : 0];
  assert.equal(await heading(page).innerText(), title, `${one.path}: its title`);
  assert.equal(await page.title(), `${title} · wecomd`);
  assert.ok(await fitsTheWidth(page), `${one.path} is wider than the window`);
  assert.equal(await page.locator('#main [data-state=forbidden]').count(), 0, one.path);
  assert.deepEqual(complaints, [], one.path);
}

// The details of the first row, where there are any.
async function openFirst(page) {
  const first = page.locator('#main [data-state=rows] tbody a').first();
  if (!await first.count()) return false;
  await first.click();
  await settled(page);
  return await page.locator('.el-drawer:visible').count() > 0;
}

test('every page, light and dark: nothing on the console, no serious finding of axe, also with the first row open', async () => {
  const opened = await world.entered('admin', { colorScheme: 'light' });
  const { page } = opened;
  let drawers = 0;
  for (const one of pages) {
    await inColours(page, 'light');
    await visit(opened, system, one.path);
    await looksRight(opened, one, 'zh-CN');
    await noSeriousFindings(page, one.path);
    await inColours(page, 'dark');
    await noSeriousFindings(page, `${one.path}, dark`, { only: 'color-contrast' });
    if (await openFirst(page)) {
      drawers++;
      await noSeriousFindings(page, `${one.path}, dark, the first row open`, { only: 'color-contrast', inside: '.el-drawer' });
      await inColours(page, 'light');
      await noSeriousFindings(page, `${one.path}, the first row open`, { inside: '.el-drawer' });
    }
    assert.deepEqual(opened.complaints, [], one.path);
  }
  assert.ok(drawers > 0, 'no row was opened');
  await done(opened);
});

test('every page in English, and hostile words shown as text', async () => {
  const opened = await world.entered('admin', { language: 'en' });
  const { page } = opened;
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  let seen = 0;
  for (const one of pages) {
    await visit(opened, system, one.path);
    await looksRight(opened, one, 'en');
    if ((await page.locator('#main').innerText()).includes(hostile.slice(0, 20))) seen++;
    await openFirst(page);
    assert.equal(await page.locator('img[src=x], #app script').count(), 0, one.path);
    assert.deepEqual(opened.complaints, [], one.path);
  }
  assert.ok(seen > 0, 'the hostile words were there to be seen');
  await done(opened);
});

test('what the doctor finds is said in the language of the person, with its figures', async () => {
  const shown = async (language) => {
    const opened = await world.entered('admin', { language });
    await visit(opened, system, '/doctor');
    await opened.page.locator('#main .verdict').waitFor({ timeout: 30_000 });
    const text = await opened.page.locator('#main').innerText();
    await done(opened);
    return text;
  };
  const [zh, en] = [await shown('zh-CN'), await shown('en')];
  assert.match(zh, /可以读取：\d+ 个插件、\d+ 个模型、\d+ 个企业微信密钥/);
  assert.match(zh, /工作进程在 \d+ 毫秒内做完了一个任务/);
  assert.doesNotMatch(zh, /[a-z]+ [a-z]+ [a-z]+ [a-z]+/, 'English sentences in Chinese');
  assert.match(en, /it can be read: \d+ plugins/);
});

test('every page at 390 pixels: nothing is wider than the screen, and the drawer leads everywhere', async () => {
  const opened = await world.entered('admin', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const { page } = opened;
  for (const one of pages) {
    await visit(opened, system, one.path);
    await looksRight(opened, one, 'zh-CN');
  }
  for (const one of pages.filter(({ nav }) => nav !== false).slice(0, 3)) {
    await page.getByTestId('menu').click();
    await page.locator(`.nav-drawer a[href="#${one.path}"]`).click();
    await page.locator(`#main[data-path="${one.path}"]`).waitFor();
    await settled(page);
  }
  await done(opened);
});

// --- who sees what ---

// That an administrator sees every page is in looksRight.
for (const role of ranks) {
  test(`a person with the role ${role} sees the pages for it, and no others`, async () => {
    const opened = await world.entered(role);
    const { page } = opened;
    const shown = await page.locator('nav a[href^="#/"]').evaluateAll((links) => links.map((link) => link.getAttribute('href').slice(1)));
    const may = (one) => ranks.indexOf(role) >= ranks.indexOf(one.role);
    assert.deepEqual(shown.sort(), pages.filter((one) => one.nav !== false && may(one)).map((one) => one.path).sort());
    for (const one of role === 'admin' ? [] : pages) {
      await visit(opened, system, one.path);
      assert.equal(await page.locator('#main [data-state=forbidden]').count(), may(one) ? 0 : 1, one.path);
    }
    await done(opened);
  });
}
