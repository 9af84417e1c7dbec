// The story of 微信客服: a customer on the simulator's phone asks three quick questions and gets three answers in order; on the console the
// window's meter counts down; a person takes the conversation over, answers with words and a picture, and hands it back. Then the page's
// own rules: hostile words are text, a draft is kept, a lost connection is said, and what cannot be sent is told before.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, startSystem, waitFor } from '../system/harness.mjs';
import { addPeople, done, fitsTheWidth, launch, openPage, settled, signIn, noSeriousFindings } from './console.mjs';
import { hostile } from './furnish.mjs';

const pictures = path.join(build, 'screenshots');
const kf = 'wkxiaodian', customer = 'wmsunli';
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

let system, browser, passwords;

before(async () => {
  fs.mkdirSync(pictures, { recursive: true });
  system = await startSystem({ plugins: ['kf'] });
  passwords = await addPeople(system);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await system?.stop();
});

const sim = async (what, body) => {
  const { status, json, text } = body ? await system.postJson(`/sim/api/${what}`, body) : await system.get(`/sim/api/${what}`);
  assert.ok(status < 300, `${what}: ${status} ${text}`);
  return json;
};
const chat = async (external_userid = customer) => (await sim(`kf/chat?open_kfid=${kf}&external_userid=${external_userid}`)).messages;
const textsFrom = (messages, from) => messages.filter((message) => message.from === from).map(({ content, msgtype }) => content.content ?? msgtype);
const entered = async (role, options, at) => {
  const opened = await openPage(browser, system, options);
  await signIn(opened, system, `the-${role}`, passwords[role], at);
  await settled(opened.page);
  return opened;
};
const left = (page) => page.getByTestId('window').getAttribute('data-left').then(Number);
const bubble = (page, from, text) => page.locator(`[data-testid=message][data-from=${from}]`).filter({ hasText: text });

test('the arithmetic of the window and of the hours', async () => {
  const { fate, left, leftMs, spare } = await import('../../htdocs/src/admin/pages/conversations/window.js');
  const open = { open: true, closes_at: new Date(100_000).toISOString(), limit: 5, left: 2, reserve: 1, reason: '' };
  assert.deepEqual([left(open), spare(open), leftMs(open, 40_000), leftMs({ closes_at: null }, 0), left({ limit: null, left: null })], [2, 1, 60_000, Infinity, Infinity]);
  assert.deepEqual([fate(open, 0, 2), fate(open, 0, 3), fate(open, 100_001), fate({ ...open, open: false, reason: 'with_servicer' }, 0), fate(null, 0)], ['sends', 'waits', 'waits', 'refused', 'sends']);
  const { readHours } = await import('../../htdocs/src/plugins/kf/hours.js');
  assert.deepEqual(readHours('').week[6], ['00:00-24:00']);
  const { week, dates } = readHours('mon-wed,sat 09:00-12:00,13:00-18:00; sun closed; 2026-10-01 closed');
  assert.deepEqual([week[0], week[3], week[5], week[6], dates], [['09:00-12:00', '13:00-18:00'], [], ['09:00-12:00', '13:00-18:00'], [], [{ date: '2026-10-01', spans: [] }]]);
  assert.deepEqual(['mon', 'mon 9-18', 'someday 09:00-10:00', 'mon 25:00-26:00'].map(readHours), [null, null, null, null]);
});

test('three quick questions are answered in order while the meter counts down; a person takes over, answers, and hands back', async () => {
  const phone = await openPage(browser, system, { viewport: { width: 390, height: 844 } });
  const say = async (text) => {
    await phone.page.getByTestId('kf-input').fill(text);
    await phone.page.getByTestId('kf-send').click();
    await phone.page.locator('[data-testid=kf-message][data-from=customer]').filter({ hasText: text }).last().waitFor();
  };
  await phone.page.goto(`${system.url}/phone/?kf`);
  await phone.page.getByTestId('kf-customer').selectOption(customer);
  await phone.page.getByTestId('kf-enter').click();
  // All three are asked before the first answer is there.
  await system.speed({ chars_per_s: 1_000_000, refresh_ms: 100, first_token_ms: 5000 });
  const questions = ['请问几点开门', '鞋子可以换码吗', '换码的运费谁出'];
  for (const question of questions) await say(question);
  await system.speed({ first_token_ms: 0 });
  await waitFor('three answers', async () => textsFrom(await chat(), 'app').length >= 4, { ms: 30_000 });
  const answers = textsFrom(await chat(), 'app').slice(1);
  assert.equal(answers.length, 3);
  for (const [i, question] of questions.entries()) assert.ok(answers[i].includes(question), `answer ${i + 1} is to question ${i + 1}: ${answers[i]}`);

  // The console: in the list by itself, and what is left is what WeCom counts.
  const desk = await entered('operator', {}, '/conversations');
  const { page } = desk;
  const row = page.getByTestId('conversation').filter({ hasText: '孙丽' });
  await row.waitFor();
  assert.match(await row.innerText(), /企微-客服/);
  await row.click();
  await page.getByTestId('thread').waitFor();
  await settled(page);
  assert.deepEqual(await page.locator('[data-testid=message][data-from=customer] .text').allInnerTexts(), questions);
  assert.equal(await page.locator('[data-testid=message][data-from=machine]').count() >= 3, true);
  const before = await left(page);
  assert.equal(before, 2, 'three of five are used');
  assert.match(await page.getByTestId('time-left').innerText(), /47 小时 5\d 分/);
  assert.match(await page.getByTestId('outlook').innerText(), /由你接管.*发送 1 条后，这一轮还可发 1 条/s);
  await page.getByTestId('why').last().click();
  assert.match(await page.getByTestId('why-drawer').innerText(), /demo/);
  await page.keyboard.press('Escape');
  await page.getByTestId('why-drawer').waitFor({ state: 'hidden' });

  // The customer writes again: five anew. It comes to the page by itself.
  await say('我想找真人客服问一下');
  await bubble(page, 'customer', '真人客服').waitFor();
  await waitFor('the meter to be full again but for the answer', async () => await left(page) === 4, { ms: 20_000 });

  await page.getByTestId('take').click();
  await page.getByTestId('who-has').filter({ hasText: '由你处理' }).waitFor();
  await say('有人吗？');
  await bubble(page, 'customer', '有人吗').waitFor();
  const full = await waitFor('the meter', async () => await left(page) >= 4 && left(page), { ms: 20_000 });
  const input = page.getByTestId('answer');
  await input.fill('您好，我是小王。');
  await input.press('Shift+Enter');
  await input.pressSequentially('换码的运费由我们承担。');
  await input.press('Enter');
  await bubble(page, 'person', '运费由我们承担').waitFor();
  await waitFor('the customer to have it', async () => textsFrom(await chat(), 'app').at(-1) === '您好，我是小王。\n换码的运费由我们承担。', { ms: 20_000 });
  assert.equal(await input.inputValue(), '', 'what was sent is no draft any more');
  await waitFor('the meter to count it', async () => await left(page) === full - 1, { ms: 20_000 });

  await page.getByTestId('file').setInputFiles({ name: '鞋 码.png', mimeType: 'image/png', buffer: png });
  await page.getByTestId('attached').getByText('已上传').waitFor();
  await page.getByTestId('send').click();
  await waitFor('the picture at the customer', async () => (await chat()).at(-1).msgtype === 'image', { ms: 20_000 });
  const shown = page.getByTestId('attachment').last();
  await waitFor('the picture on the page', () => shown.locator('img').evaluate((img) => img.naturalWidth === 1).catch(() => false));
  const download = page.waitForEvent('download');
  await shown.locator('a').click();
  assert.equal((await download).suggestedFilename(), '鞋 码.png');
  await page.screenshot({ path: path.join(pictures, 'conversation.png') });

  await page.getByTestId('hand-back').click();
  await page.getByTestId('who-has').filter({ hasText: '机器人处理中' }).waitFor();
  await say('那周末开门吗');
  await waitFor('the machine to answer again', async () => textsFrom(await chat(), 'app').at(-1).includes('周末'), { ms: 30_000 });
  await bubble(page, 'machine', '周末').waitFor();
  assert.equal(textsFrom(await chat(), 'app').filter((text) => text.includes('有人吗')).length, 0, 'the machine was silent while a person had it');
  const actions = (await system.sql("SELECT DISTINCT action FROM audit_log WHERE actor = 'user:the-operator' AND action LIKE 'chat.%' ORDER BY action")).flat();
  assert.deepEqual(actions, ['chat.hand_back', 'chat.say', 'chat.take']);
  assert.ok(await fitsTheWidth(page));
  await done(desk);
  await done(phone);
});

test('hostile words are text, also in the name and the search; a draft is kept, and a lost connection is said until it is back', async () => {
  const who = { open_kfid: kf, external_userid: 'wmhostile' };
  await sim('kf/customers', { external_userid: who.external_userid, nickname: '<b>x</b>{{7*7}}' });
  await sim('kf/say', { ...who, text: `${hostile} \u202e退款` });
  const desk = await entered('operator', {}, '/conversations');
  const { page } = desk;
  const row = page.getByTestId('conversation').filter({ hasText: '{{7*7}}' });
  await row.click();
  await bubble(page, 'customer', '<img src=x').waitFor();
  assert.match(await bubble(page, 'customer', '<img src=x').innerText(), /\\u202e退款/, 'signs that turn the text are shown');
  assert.equal(await page.locator('#app img[src=x], #app script, #app h2 b').count(), 0);

  await page.getByTestId('answer').fill('写了一半');
  await page.getByTestId('conversation').filter({ hasText: '孙丽' }).click();
  await page.getByTestId('thread').filter({ hasText: '请问几点开门' }).waitFor();
  assert.equal(await page.getByTestId('answer').inputValue(), '', 'each conversation has its own draft');
  await row.click();
  await bubble(page, 'customer', '<img src=x').waitFor();
  assert.equal(await page.getByTestId('answer').inputValue(), '写了一半');
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await settled(page);
    await noSeriousFindings(page, 'the story');
  }

  await page.getByTestId('search').fill('退款');
  const hit = page.getByTestId('hit').first();
  await hit.waitFor();
  await hit.click();
  await page.locator('.found').waitFor();
  assert.match(page.url(), /q=%E9%80%80%E6%AC%BE/, 'the search is in the address');
  await page.getByTestId('search').fill('');
  await row.waitFor();

  await page.route('**/api/chat/**', (route) => route.abort('connectionrefused'));
  await page.getByTestId('lost').filter({ hasText: '连接断开' }).first().waitFor();
  assert.equal(await page.getByTestId('answer').inputValue(), '写了一半');
  assert.ok(await bubble(page, 'customer', '<img src=x').isVisible(), 'what was there stays');
  await page.unroute('**/api/chat/**');
  await page.getByTestId('lost').getByRole('button').first().click();
  await page.getByTestId('lost').getByRole('button').last().click({ timeout: 3000 }).catch(() => {});
  await waitFor('both to be back', async () => await page.getByTestId('lost').filter({ hasText: '连接断开' }).count() === 0, { ms: 20_000 });
  desk.complaints.splice(0, desk.complaints.length, ...desk.complaints.filter((one) => !/ERR_CONNECTION_REFUSED/.test(one)));
  await done(desk);
});

test('what cannot go out now is told before it is sent, and waits for the customer; closing says how much is dropped', async () => {
  const desk = await entered('operator', {}, '/conversations');
  const { page } = desk;
  await page.getByTestId('conversation').filter({ hasText: '孙丽' }).click();
  await page.getByTestId('thread').waitFor();
  const outlook = () => page.getByTestId('outlook').innerText();
  const sent = page.locator('[data-testid=message][data-from=person][data-state=sent]');
  for (let n = await sent.count(); !/等客户下次发言后发送/.test(await outlook()); n++) {
    assert.ok(n < 12, await outlook());
    const before = await left(page);
    await page.getByTestId('answer').fill(`补充 ${n}`);
    await page.getByTestId('send').click();
    await bubble(page, 'person', `补充 ${n}`).waitFor();
    await waitFor('the meter to count it', async () => await left(page) < before, { ms: 20_000 });
  }
  assert.equal(await left(page), 0);
  assert.match(await page.getByTestId('window').innerText(), /已用完/);
  await page.getByTestId('answer').fill('还在吗');
  await page.getByTestId('send').click();
  await page.locator('[data-testid=message][data-state=waiting]').filter({ hasText: '还在吗' }).waitFor();
  await page.getByTestId('thread').getByRole('button', { name: '结束会话' }).click();
  const dialog = page.getByRole('dialog', { name: '结束会话' });
  await dialog.getByText(/另有 1 条消息等待发送/).waitFor();
  await dialog.getByTestId('confirm').click();
  await page.locator('[data-testid=thread][data-state=closed]').waitFor();
  await page.locator('[data-testid=message][data-state=dropped]').filter({ hasText: '还在吗' }).waitFor();
  await done(desk);
});

test('a narrow screen has the list and the conversation one after the other, by the keyboard too; a viewer reads no words', async () => {
  const phone = await entered('operator', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }, '/conversations?state=all');
  await phone.page.getByTestId('conversation').first().waitFor();
  assert.equal(await phone.page.getByTestId('thread').count(), 0);
  await phone.page.getByTestId('conversation').first().focus();
  await phone.page.keyboard.press('ArrowDown');
  await phone.page.keyboard.press('Enter');
  await phone.page.getByTestId('thread').waitFor();
  await settled(phone.page);
  assert.equal(await phone.page.getByTestId('conversation-list').count(), 0);
  assert.ok(await fitsTheWidth(phone.page));
  await phone.page.goBack();
  await phone.page.getByTestId('conversation').first().waitFor();
  await done(phone);

  const viewer = await entered('viewer', {}, '/conversations?state=all');
  await viewer.page.getByTestId('conversation').first().waitFor();
  assert.match(await viewer.page.getByTestId('conversation-list').innerText(), /孙\*\*/);
  assert.doesNotMatch(await viewer.page.getByTestId('conversation-list').innerText(), /孙丽/);
  await viewer.page.getByTestId('conversation').first().click();
  await viewer.page.locator('.reading-pane [data-state=forbidden]').waitFor();
  await done(viewer);
});

test('a customer’s profile: an audited look, an export, and an erasure that says its numbers', async () => {
  const desk = await entered('admin', {}, '/customers');
  const { page } = desk;
  await page.locator('tbody a', { hasText: '孙丽' }).click();
  await page.getByTestId('customer').waitFor();
  await page.getByTestId('reveal').click();
  await page.getByTestId('revealed').getByText('wmsunli').first().waitFor();
  assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'customer.reveal'"), 1);
  await page.getByRole('button', { name: '导出全部数据' }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('dialog', { name: '导出全部数据' }).getByTestId('confirm').click();
  assert.match(fs.readFileSync(await (await download).path(), 'utf8'), /请问几点开门/);
  const id = page.url().match(/customers\/(\d+)/)[1];
  await page.getByRole('button', { name: '清除数据' }).click();
  const dialog = page.getByRole('dialog', { name: '清除数据' });
  await dialog.getByText(/1 个渠道身份、\d 个会话/).waitFor();
  await dialog.getByTestId('reason').fill('客户要求');
  assert.ok(await dialog.getByTestId('confirm').isDisabled());
  await dialog.getByTestId('confirm-word').fill(id);
  await dialog.getByTestId('confirm').click();
  await page.getByText('这位客户的数据已经清除').waitFor();
  assert.equal(await system.number(`SELECT COUNT(*) FROM message WHERE customer = ${id}`), 0);
  await done(desk);
});

test('the page of 微信客服: hours are read while they are written and kept; a servicer, a link and its QR code', async () => {
  const desk = await entered('admin', {}, '/kf');
  const { page } = desk;
  await page.getByTestId('pull').click();
  await page.getByText('已安排拉取').waitFor();
  await page.locator('tbody tr', { hasText: '小店客服' }).getByText('正常').waitFor();
  await page.locator('tbody a', { hasText: '小店客服' }).click();
  await page.getByRole('tab', { name: '时间' }).click();
  const hours = page.getByTestId('hours');
  await hours.fill('mon-fri 09:00-12:00,13:30-18');
  await page.getByText('还看不懂这段服务时间').waitFor();
  await hours.fill('mon-fri 09:00-12:00,13:30-18:00; sat 10:00-16:00');
  assert.match(await page.getByTestId('hours-preview').innerText(), /周一\s+09:00–12:00, 13:30–18:00[^]*周日\s+休息/);
  await page.locator('.el-tab-pane:visible').getByRole('button', { name: '保存' }).click();
  await waitFor('it to be kept', async () => (await system.sql('SELECT JSON_VALUE(settings, "$.hours") FROM kf_account'))[0][0] === 'mon-fri 09:00-12:00,13:30-18:00; sat 10:00-16:00');

  await page.getByRole('tab', { name: '接待人员' }).click();
  await page.locator('tbody tr', { hasText: 'zhangsan' }).getByText('接待中').waitFor();
  await page.getByRole('tab', { name: '链接与二维码' }).click();
  await page.getByTestId('add-link').click();
  const dialog = page.getByRole('dialog', { name: '新建链接' });
  await dialog.locator('input').fill('poster_1');
  await dialog.locator('button[type=submit]').click();
  const row = page.locator('tbody tr', { hasText: 'poster_1' });
  await row.getByTestId('qr').click();
  await page.getByTestId('qr-picture').waitFor();
  const download = page.waitForEvent('download');
  await page.getByTestId('qr-save').click();
  assert.match(fs.readFileSync(await (await download).path(), 'utf8'), /^<svg /);
  await done(desk);
});
