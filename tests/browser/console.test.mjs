// The console in a browser: sign-in, the frame, tables, and what the pages of administration do.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root } from '../system/harness.mjs';
import { done, heading, openPage, rest, restSession, settled, signIn, startConsole, visit } from './console.mjs';

const ui = (name) => import(pathToFileURL(path.join(root, 'htdocs/src/admin/ui', name)));

let world, system, browser, passwords, entered;

before(async () => {
  world = await startConsole();
  ({ system, browser, passwords, entered } = world);
});
after(() => world?.stop());

// --- small functions ---

test('cells that a spreadsheet would run as formulas are made harmless, figures stay figures', async () => {
  const { csvText } = await ui('csv.js');
  assert.equal(csvText([['=1+1', '+1', '-1', '@x', '\tx', '＝1'], [-5, 'a,b', 'say "hi"', 'two\nlines', null, true]]),
    '\ufeff\'=1+1,\'+1,\'-1,\'@x,\'\tx,\'＝1\r\n-5,"a,b","say ""hi""","two\nlines",,true\r\n');
});

test('durations, sizes and times are said as people read them', async () => {
  const { bytesText, durationText, durationWritten, exactTime, nearTime } = await ui('format.js');
  const t = (key) => key.split('.').at(-1);
  assert.deepEqual([0, 1500, 60_000, 5_400_000, 90_061_000, 7_776_000_000].map((ms) => durationText(ms, t)), ['0 s', '1 s 500 ms', '1 m', '1 h 30 m', '1 d 1 h', '90 d']);
  assert.deepEqual([0, 1500, 60_000, 5_400_000, 86_400_000].map(durationWritten), ['0s', '1500ms', '1m', '90m', '1d']);
  assert.deepEqual([0, 1023, 2048, 1 << 20].map(bytesText), ['0 B', '1023 B', '2.0 KiB', '1.0 MiB']);
  assert.equal(nearTime('2026-01-31T08:00:00Z', Date.parse('2026-01-31T08:05:10Z'), 'en'), '5 minutes ago');
  assert.equal(nearTime(0, Date.parse('2026-01-31T08:05:10Z'), 'en'), exactTime(0).slice(0, 16));
  assert.equal(exactTime('not a time'), '');
});

test('what the server expects of a field is said in the person’s language, and unknown sentences as they are', async () => {
  const { expectedText } = await ui('problem.js');
  const t = (key, named = {}) => `${key}(${Object.values(named).join(',')})`;
  assert.equal(expectedText('a number from 1 to 200', t), 'ui.expected(expected.range(1,200))');
  assert.equal(expectedText('2 to 64 bytes', t), 'ui.expected(expected.bytes(2,64))');
  assert.equal(expectedText('another password than the old one', t), 'ui.expected(another password than the old one)');
});

// --- sign-in ---

test('the first page is under 300 KB compressed, sign-in and all', async () => {
  const opened = await openPage(browser, system);
  const sizes = [];
  opened.page.on('requestfinished', (rq) => { if (/\/(admin|assets)\//.test(rq.url())) sizes.push(rq.sizes().then((size) => ({ url: rq.url(), n: size.responseBodySize }))); });
  await signIn(opened, system, 'the-admin', passwords.admin);
  await settled(opened.page);
  const all = await Promise.all(sizes);
  const total = all.reduce((sum, { n }) => sum + n, 0);
  console.log(`the first page: ${Math.round(total / 1024)} KiB in ${all.length} files`);
  assert.ok(all.some(({ url }) => url.endsWith('.js')) && total > 50_000, 'something was loaded');
  assert.ok(total < 300_000, `${total} bytes`);
  await done(opened);
});

test('signing in and going round by the keyboard alone', async () => {
  const opened = await openPage(browser, system);
  const { page } = opened;
  const keys = page.keyboard;
  await page.goto(`${system.url}/admin/#/users`);
  await page.locator('#sign-in-name:focus').waitFor();
  await keys.type('the-admin');
  await keys.press('Tab');
  await keys.type(passwords.admin);
  await keys.press('Enter');
  await heading(page).waitFor();
  assert.match(page.url(), /#\/users$/, 'back where one wanted to go');
  await settled(page);

  // The skip link is the first thing; it leads to the heading.
  await page.evaluate(() => document.activeElement.blur());
  await keys.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await keys.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1');

  const tabTo = async (what, locator, most = 60) => {
    for (let i = 0; i < most; i++) {
      if (await locator.evaluate((element) => element === document.activeElement)) return;
      await keys.press('Tab');
    }
    assert.fail(`${what} is not reached by Tab`);
  };
  const row = page.locator('tbody a', { hasText: 'li.na' });
  await tabTo('the row', row);
  await keys.press('Enter');
  const drawer = page.getByRole('dialog', { name: '李娜' });
  await drawer.waitFor();
  await settled(page);
  assert.match(page.url(), /id=\d+/);
  assert.ok(await drawer.evaluate((element) => element.contains(document.activeElement)), 'the focus is in the drawer');
  await keys.press('Escape');
  await drawer.waitFor({ state: 'hidden' });
  assert.doesNotMatch(page.url(), /id=/);

  await page.evaluate(() => document.activeElement.blur());
  await tabTo('the page of roles', page.locator('nav a[href="#/roles"]'));
  await keys.press('Enter');
  await page.waitForURL(/#\/roles$/);
  await page.locator('h1:focus').waitFor();
  await settled(page);
  await page.evaluate(() => document.activeElement.blur());
  await tabTo('the account menu', page.getByTestId('account'));
  await keys.press('Enter');
  const out = page.getByRole('menuitem', { name: '退出登录' });
  await out.waitFor();
  await settled(page);
  for (let i = 0; i < 6 && !await out.evaluate((element) => element === document.activeElement); i++) await keys.press('ArrowDown');
  await keys.press('Enter');
  await page.locator('#sign-in-name').waitFor();
  await done(opened);
});

test('wrong passwords are refused with one sentence, and many of them make one wait', async () => {
  const opened = await openPage(browser, system);
  const { page } = opened;
  opened.expected.add('401 /api/session').add('429 /api/session');
  await page.goto(`${system.url}/admin/`);
  await page.locator('#sign-in-name').fill('the-throttled');
  await page.locator('#sign-in-password').fill('not this one');
  await page.getByTestId('sign-in').click();
  await page.getByRole('alert').getByText('用户名和密码不匹配').waitFor();
  for (let i = 0; i < 5; i++) await system.postJson('/api/session', { name: 'the-throttled', password: 'nor this' });
  await page.getByTestId('sign-in').click();
  await page.getByRole('alert').getByText(/请等 \d+ 秒/).waitFor();
  assert.ok(await page.getByTestId('sign-in').isDisabled());
  await done(opened);
});

test('a user is added with a password that is shown once and must be changed at the first sign-in', async () => {
  const opened = await entered('admin', {}, '/users');
  const { page } = opened;
  opened.expected.add('409 /api/users');
  await page.getByTestId('add').click();
  const form = page.getByRole('dialog', { name: '添加用户' });
  await form.getByLabel('用户名').fill('zhao.min');
  await form.getByRole('button', { name: '添加用户' }).click();
  const password = await page.getByTestId('shown-once').locator('code').innerText();
  await page.getByTestId('noted').click();
  await page.locator('tbody a', { hasText: 'zhao.min' }).waitFor();
  assert.ok(!(await page.content()).includes(password), 'the password is gone from the page');
  await done(opened);

  const other = await openPage(browser, system, { viewport: { width: 390, height: 844 } });
  await other.page.goto(`${system.url}/admin/#/roles`);
  await other.page.locator('#sign-in-name').fill('zhao.min');
  await other.page.locator('#sign-in-password').fill(password);
  await other.page.getByTestId('sign-in').click();
  await other.page.locator('#password-old').fill(password);
  await other.page.locator('#password-new').fill('a longer one 2026');
  await other.page.locator('#password-repeat').fill('another 2026');
  await other.page.getByRole('button', { name: '保存新密码' }).click();
  await other.page.getByText('两次写的不一样').waitFor();
  await other.page.locator('#password-repeat').fill('a longer one 2026');
  await other.page.getByRole('button', { name: '保存新密码' }).click();
  await heading(other.page).waitFor();
  assert.match(other.page.url(), /#\/roles$/);
  await settled(other.page);
  await done(other);
});

// RFC 6238, as an authenticator app does it.
function totp(secret, atMs) {
  const bits = [...secret.replace(/[= ]/g, '').toUpperCase()].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(atMs / 30_000)));
  const hash = crypto.createHmac('sha1', key).update(counter).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('one-time codes are set up by QR code, asked for at sign-in, and switched off by the password', async () => {
  const opened = await entered('operator', {}, '/profile');
  const { page } = opened;
  opened.expected.add('401 /api/session').add('403 /api/session/totp/off');
  await page.getByRole('button', { name: '开始设置' }).click();
  await page.getByRole('img', { name: /二维码/ }).waitFor();
  const secret = await page.locator('form .copy code').first().innerText();
  await page.getByLabel('6 位数字').fill(totp(secret, Date.now()));
  await page.getByRole('button', { name: '开启', exact: true }).click();
  assert.match(await page.getByTestId('recovery').locator('code').innerText(), /\S+\n\S+/);
  await page.getByRole('button', { name: '我已保存' }).click();
  await page.getByTestId('account').click();
  await page.getByRole('menuitem', { name: '退出登录' }).click();

  await page.locator('#sign-in-name').fill('the-operator');
  await page.locator('#sign-in-password').fill(passwords.operator);
  await page.getByTestId('sign-in').click();
  await page.locator('#sign-in-totp:focus').waitFor();
  await page.locator('#sign-in-totp').fill('000000');
  await page.getByTestId('sign-in').click();
  await page.getByText('验证码不对').waitFor();
  await page.locator('#sign-in-totp').fill(totp(secret, Date.now() + 30_000));      // each code is good once: the next one
  await page.getByTestId('sign-in').click();
  await heading(page).waitFor();

  await visit(opened, system, '/profile');
  await page.getByRole('button', { name: '关闭动态验证码' }).click();
  await page.getByLabel('你的密码').fill('not mine at all');
  await page.getByTestId('confirm').click();
  await page.getByRole('dialog').getByText('密码不对').waitFor();
  await page.getByLabel('你的密码').fill(passwords.operator);
  await page.getByTestId('confirm').click();
  await page.getByRole('button', { name: '开始设置' }).waitFor();
  await settled(page);
  await done(opened);
});

test('a session that ended elsewhere leads to the sign-in page and back', async () => {
  const opened = await entered('approver', {}, '/roles');
  const { page } = opened;
  opened.expected.add('401 /api/plugins').add('401 /api/settings');
  await system.sql("DELETE s FROM admin_session s JOIN admin_user u ON u.id = s.user_id WHERE u.name = 'the-approver'");
  await page.locator('nav a[href="#/plugins"]').click();
  await page.getByText('登录已结束').waitFor();
  await page.locator('#sign-in-name').fill('the-approver');
  await page.locator('#sign-in-password').fill(passwords.approver);
  await page.getByTestId('sign-in').click();
  await heading(page).getByText('插件与设置').waitFor();
  await settled(page);
  await done(opened);
});

// --- tables ---

test('a list that cannot be loaded says so and is tried again; an empty one says that', async () => {
  const opened = await entered('admin');
  const { page } = opened;
  opened.expected.add('503 /api/keys');
  await page.route('**/api/keys*', (route) => route.fulfill({
    status: 503, contentType: 'application/problem+json', body: JSON.stringify({ status: 503, code: 'database_unavailable', detail: 'no connection', trace_id: 'abc' }),
  }), { times: 1 });
  await visit(opened, system, '/keys');
  await page.getByRole('alert').getByText('数据库暂时不可用').waitFor();
  await page.getByTestId('retry').click();
  await page.locator('tbody tr').first().waitFor();
  await visit(opened, system, '/audit?actor=nobody');
  await page.getByText('没有符合条件的内容').waitFor();
  await done(opened);
});

test('a page tells when the server cannot be reached, and goes on when it can', async () => {
  const opened = await entered('admin');
  const { page } = opened;
  await page.route('**/api/keys*', (route) => route.abort('connectionrefused'), { times: 1 });
  await visit(opened, system, '/keys');
  await page.getByText('连不上服务器').waitFor();
  assert.ok(opened.complaints.every((one) => /ERR_CONNECTION_REFUSED/.test(one)), String(opened.complaints));
  opened.complaints.length = 0;
  await page.getByTestId('retry').click();
  await page.locator('tbody tr').first().waitFor();
  await done(opened);
});

// --- what the pages do ---

test('disabling a user says how many sessions and keys end, and the user cannot sign in', async () => {
  const { status, stdout } = await system.wecomd('user', 'add', '--name', 'qian', '--role', 'admin');
  assert.equal(status, 0);
  const theirs = await restSession(system, 'qian', stdout.trim());
  await rest(system, theirs, 'POST', '/api/keys', { name: 'of-qian', role: 'viewer' });
  const opened = await entered('admin', {}, '/users');
  const { page } = opened;
  await page.locator('tbody a', { hasText: 'qian' }).click();
  await page.getByRole('button', { name: '停用' }).click();
  await page.getByText(/现有的 1 个登录立即结束；这位用户创建的 1 个 API 密钥/).waitFor();
  await page.getByTestId('confirm').click();
  await page.locator('.el-drawer').getByText('已停用').waitFor();
  assert.equal((await system.postJson('/api/session', { name: 'qian', password: stdout.trim() })).status, 401);
  await page.getByRole('button', { name: '启用' }).waitFor();
  await settled(page);
  await done(opened);
});

test('an API key is shown once, works, and is revoked', async () => {
  const opened = await entered('admin', {}, '/keys');
  const { page } = opened;
  opened.expected.add('422 /api/keys');
  await page.getByTestId('add').click();
  const form = page.getByRole('dialog', { name: '创建密钥' });
  await form.getByLabel('名称').fill('from the console');
  await form.getByLabel('允许的地址').fill('nowhere');
  await form.getByRole('button', { name: '创建密钥' }).click();
  await form.getByText(/应为/).waitFor();
  await form.getByLabel('允许的地址').fill('127.0.0.0/8');
  await form.getByRole('button', { name: '创建密钥' }).click();
  const key = await page.getByTestId('shown-once').locator('code').innerText();
  assert.equal((await system.get('/api/plugins', { headers: { Authorization: `Bearer ${key}` } })).status, 200);
  await page.getByTestId('noted').click();
  const row = page.locator('tbody tr', { hasText: 'from the console' });
  await row.getByRole('button', { name: '撤销' }).click();
  await page.getByText(/撤销 1 个密钥“from the console”/).waitFor();
  await page.getByTestId('confirm').click();
  await row.waitFor({ state: 'detached' });
  await settled(page);
  await done(opened);
});

test('a setting is changed, tells where its value comes from, and is given back to the file', async () => {
  const opened = await entered('admin', {}, '/plugins?id=hello');
  const { page } = opened;
  await page.getByText('管理台', { exact: true }).waitFor();
  await page.getByLabel('greeting').fill('早上好, ');
  await page.getByRole('button', { name: '保存' }).click();
  await page.getByText('已保存').waitFor();
  const session = await restSession(system, 'the-admin', passwords.admin);
  const value = async () => (await rest(system, session, 'GET', '/api/settings')).json.items.find(({ plugin }) => plugin === 'hello').settings[0];
  assert.deepEqual([(await value()).value, (await value()).source], ['早上好, ', 'database']);
  await page.getByRole('button', { name: '交还给配置文件' }).click();
  await page.getByText(/删除这 1 个在管理台里改过的值（greeting）.*你好/).waitFor();
  await page.getByTestId('confirm').click();
  await page.getByText('默认值', { exact: true }).waitFor();
  assert.notEqual((await value()).source, 'database');
  await settled(page);
  await done(opened);
});

test('a viewer reads settings and cannot change them', async () => {
  const opened = await entered('viewer', {}, '/plugins?id=hello');
  await opened.page.getByText('只有管理员能改设置').waitFor();
  assert.ok(await opened.page.getByLabel('greeting').isDisabled());
  await done(opened);
});

test('the audit chain is verified, and a changed row shows', async () => {
  const opened = await entered('admin', {}, '/audit');
  const { page } = opened;
  await page.getByTestId('verify').click();
  await page.getByTestId('verify-begin').click();
  await page.getByText(/完整：\d+ 条记录/).waitFor();
  const [[id, object]] = await system.sql('SELECT id, object FROM audit_log WHERE seq = 1');
  await system.sql(`UPDATE audit_log SET object = 'user:999' WHERE id = ${id}`);
  await page.getByTestId('verify-begin').click();
  await page.getByText(/不完整：发现 \d+ 处问题/).waitFor();
  await system.sql(`UPDATE audit_log SET object = '${object}' WHERE id = ${id}`);
  await done(opened);
});

test('language and theme are switched and remembered', async () => {
  const opened = await entered('viewer', {}, '/roles');
  const { page } = opened;
  await page.getByTestId('language').click();
  await heading(page).getByText('Roles').waitFor();
  await page.getByTestId('theme').click();
  await page.getByRole('menuitem', { name: 'Dark' }).waitFor();
  await settled(page);
  await page.getByRole('menuitem', { name: 'Dark' }).click();
  await page.locator('html.dark[data-theme=dark][lang=en]').waitFor();
  await page.reload();
  await heading(page).getByText('Roles').waitFor();
  await page.locator('html.dark[data-theme=dark][lang=en]').waitFor();
  await settled(page);
  await done(opened);
});

// The last one: its rows are not wecomd's own, so the audit chain does not verify any more.
test('a list is paged by its cursor, saved whole as CSV, and its filters are in the address', async () => {
  await system.sql("INSERT INTO audit_log (trace_id, actor, action, object, details) SELECT '', 'user:=1+1', 'test.many', CONCAT('thing:', seq), '{}' FROM seq_1_to_260");
  const opened = await entered('admin', {}, '/audit?actor=user:%3D1%2B1');
  const { page } = opened;
  const rows = page.locator('tbody tr');
  await page.getByText('已显示 50 条').waitFor();
  await page.getByTestId('more').click();
  await page.getByText('已显示 100 条').waitFor();
  assert.equal(await rows.count(), 100);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByTestId('csv').click()]);
  const text = fs.readFileSync(await file.path(), 'utf8');
  assert.ok(text.startsWith('\ufeff'));
  const lines = text.trimEnd().split('\r\n');
  assert.equal(lines.length, 261, 'all rows and the heading');
  assert.match(lines[1], /,'=1\+1,/);

  await page.getByLabel('对什么，如 user:1').fill('thing:7');
  await page.getByText('共 1 条').waitFor();
  assert.match(decodeURIComponent(page.url()), /object=thing:7/);
  await page.reload();
  await page.getByText('共 1 条').waitFor();
  await page.getByRole('button', { name: '清除条件' }).click();
  await page.waitForURL((url) => !url.hash.includes('object='));
  await settled(page);
  await done(opened);
});
