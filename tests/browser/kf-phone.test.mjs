// 微信客服 on the phone, on a narrow screen: a customer enters, writes and taps, a servicer takes the session, answers and ends it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { build, startSystem, waitFor } from '../system/harness.mjs';

const who = { open_kfid: 'wkxiaodian', external_userid: 'wmsunli' };

let system, browser, token;

before(async () => {
	fs.mkdirSync(path.join(build, 'screenshots'), { recursive: true });
	system = await startSystem();
	await system.postJson('/sim/api/kf/control', { callback: 'http://127.0.0.1:1/nobody' });
	browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'] });
	token = (await system.get(`/sim/cgi-bin/gettoken?corpid=wwsimulator&corpsecret=${system.secrets.APP_SECRET}`)).json.access_token;
});
after(async () => {
	await browser?.close();
	await system?.stop();
});

async function call(api, body) {
	const { json } = await system.postJson(`/sim/cgi-bin/kf/${api}?access_token=${encodeURIComponent(token)}`, body);
	assert.equal(json.errcode, 0, JSON.stringify(json));
	return json;
}

test('customer and servicer play a whole session on the phone', async () => {
	const context = await browser.newContext({ locale: 'zh-CN', viewport: { width: 390, height: 844 } });
	const page = await context.newPage(), complaints = [];
	page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
	page.on('pageerror', (error) => complaints.push(error.message));
	const see = (from, text) => page.locator(`[data-testid=kf-message][data-from=${from}]`).filter({ hasText: text }).first().waitFor();
	const by = (id) => page.getByTestId(id);

	await page.goto(`${system.url}/phone/?kf`);
	await by('kf-customer').selectOption(who.external_userid);
	await by('kf-enter').click();
	await by('kf-input').fill('有红色的吗');
	await by('kf-send').click();
	await see('customer', '有红色的吗');
	await call('send_msg', { touser: who.external_userid, open_kfid: who.open_kfid, msgtype: 'msgmenu',
		msgmenu: { head_content: '要转人工吗', list: [{ type: 'click', click: { id: 'human', content: '转人工' } }] } });
	await by('kf-item').click();
	await see('customer', '转人工');
	const { json: { messages } } = await system.get('/sim/api/kf/record?external_userid=wmsunli');
	assert.deepEqual(messages.map(({ msgtype, content }) => content.menu_id ?? content.content ?? msgtype), ['event', '有红色的吗', 'human']);
	assert.ok(messages[0].content.welcome_code);
	await by('kf-recall').last().click();
	await see('customer', '已撤回');
	await by('kf-file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from(
		'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') });
	await waitFor('the picture', () => page.locator('[data-msgtype=image] img').evaluate((img) => img.naturalWidth === 1));

	await call('service_state/trans', { ...who, service_state: 2 });
	await by('kf-role').getByText('接待人员').click();
	await page.locator('[data-testid=kf-session][data-state="2"]').click();
	assert.ok(await by('kf-input').isDisabled());
	await by('kf-take').click();
	await page.locator('[data-testid=kf-session][data-state="3"]').waitFor();
	await by('kf-input').fill('有的，马上拍给您');
	await by('kf-send').click();
	await see('servicer', '有的，马上拍给您');
	await page.screenshot({ path: path.join(build, 'screenshots/kf-phone.png') });
	await by('kf-end').click();
	await page.locator('[data-testid=kf-session][data-state="4"]').waitFor();
	assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen');
	assert.deepEqual(complaints, []);
	await context.close();
});
