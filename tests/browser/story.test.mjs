// The story in a browser: open the phone, ask the bot, watch the answer being written. The pages keep to a strict content
// security policy, ask no other host, and say nothing on the console. Pictures go to $B/screenshots.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { deflateSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { build, startSystem, waitFor } from '../system/harness.mjs';

const pictures = path.join(build, 'screenshots');

let system, browser;

before(async () => {
	fs.mkdirSync(pictures, { recursive: true });
	system = await startSystem();
	browser = await chromium.launch({
		executablePath: '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-gpu', '--disable-software-rasterizer', '--disable-gpu-rasterization', '--disable-quic', '--no-first-run', '--disable-background-networking',
			'--disable-component-update', '--disable-sync'],
	});
});
after(async () => {
	await browser?.close();
	await system?.stop();
});

// A page that notes everything it should not do.
async function open(options, at = '/phone/') {
	const context = await browser.newContext({ locale: 'zh-CN', ...options });
	const page = await context.newPage();
	const complaints = [];
	page.on('console', (message) => {
		if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()} (${message.location().url})`);
	});
	page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
	page.on('request', (rq) => {
		const url = new URL(rq.url());
		if (url.protocol !== 'data:' && url.origin !== system.url) complaints.push(`foreign request: ${rq.url()}`);
	});
	// The page itself gives up a look at another chat when there is something to send.
	page.on('requestfailed', (rq) => {
		if (rq.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`failed: ${rq.url()} ${rq.failure()?.errorText}`);
	});
	page.on('response', (answer) => {
		if (answer.status() >= 400) complaints.push(`${answer.status()}: ${answer.url()}`);
	});
	await page.addInitScript(() => {
		globalThis.violations = [];
		addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
	});
	await page.goto(system.url + at);
	// The chat is there: its messages, or suggestions where it has none.
	await page.locator('[data-testid=bubble], [data-testid=suggestion]').first().waitFor();
	return { page, complaints };
}

async function nothingWrong({ page, complaints }) {
	assert.deepEqual(await page.evaluate(() => globalThis.violations), [], 'violations of the content security policy');
	assert.deepEqual(complaints, []);
}

const lastAnswer = (page) => page.getByTestId('bubble').and(page.locator('[data-from=bot]')).last();

async function ask(page, question) {
	const answers = page.locator('[data-testid=bubble][data-from=bot]');
	const count = await answers.count();
	await page.getByTestId('phone-input').fill(question);
	await page.getByTestId('phone-send').click();
	await answers.nth(count).waitFor();
}

// The lengths in which the answer was seen, until it was finished.
async function watch(page) {
	const lengths = new Set();
	const end = Date.now() + 30_000;
	for (;;) {
		const bubble = lastAnswer(page);
		const state = await bubble.getAttribute('data-state');
		lengths.add((await bubble.innerText()).length);
		if (state === 'finished') return [...lengths];
		assert.notEqual(state, 'failed');
		assert.ok(Date.now() < end, `still ${state} after 30 s`);
		await page.waitForTimeout(40);
	}
}

const fitsTheWidth = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

test('a question typed on the phone is answered before the eyes of the person', async () => {
	await system.speed({ chars_per_s: 120, refresh_ms: 300, first_token_ms: 200 });
	const opened = await open({ viewport: { width: 1440, height: 900 } });
	const { page } = opened;
	await page.getByTestId('phone').waitFor();
	await ask(page, '差旅怎么报销?');
	const lengths = await watch(page);
	assert.ok(lengths.length >= 3, `the answer was seen in the lengths ${lengths}`);
	const text = await lastAnswer(page).innerText();
	assert.match(text, /费用报销/);
	assert.equal(await lastAnswer(page).locator('table').count(), 1, 'Markdown is shown as such');
	await page.screenshot({ path: path.join(pictures, 'phone.png') });
	assert.ok(await fitsTheWidth(page));
	await nothingWrong(opened);
	await page.context().close();
});

test('the conversation is still there after a reload', async () => {
	const opened = await open({ viewport: { width: 1440, height: 900 } });
	await lastAnswer(opened.page).getByText('费用报销').first().waitFor();
	await nothingWrong(opened);
	await opened.page.context().close();
});

test('on a narrow screen and in the dark it works as well', async () => {
	await system.speed({ chars_per_s: 2000, refresh_ms: 200, first_token_ms: 0 });
	const opened = await open({ viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true, isMobile: true });
	const { page } = opened;
	await ask(page, '怎么连 WiFi?');
	await watch(page);
	await page.screenshot({ path: path.join(pictures, 'phone-390.png') });
	assert.ok(await fitsTheWidth(page));
	await nothingWrong(opened);
	await page.context().close();
});

test('the page speaks English on demand', async () => {
	const opened = await open({ viewport: { width: 1440, height: 900 } });
	const { page } = opened;
	assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
	await page.getByText('English', { exact: true }).click();
	await page.locator('html[lang=en]').waitFor();
	assert.match(await page.getByTestId('phone-send').innerText(), /send/i);
	await nothingWrong(opened);
	await page.context().close();
});

test('what looks like HTML in a message is shown as text', async () => {
	const opened = await open({ viewport: { width: 1440, height: 900 } });
	const { page } = opened;
	const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>**fett**';
	const title = await page.title();
	await ask(page, evil);
	await watch(page);
	assert.match(await lastAnswer(page).innerText(), /<img src=x onerror=/);
	assert.equal(await page.locator('[data-testid=bubble] :is(img, script)').count(), 0);
	assert.equal(await page.title(), title);
	await nothingWrong(opened);
	await page.context().close();
});

test('a quote, a picture, a card that is pressed, and a rating with its reason', async () => {
	await system.speed({ chars_per_s: 5000, refresh_ms: 100, first_token_ms: 0 });
	const opened = await open({ viewport: { width: 390, height: 844 } });
	const { page } = opened;
	await ask(page, '数到 3');
	await watch(page);
	await page.getByTestId('quote').last().click();
	await ask(page, '这是什么?');
	await watch(page);
	assert.match(await page.getByTestId('quoted').last().innerText(), /1/);

	await lastAnswer(page).locator('xpath=ancestor::article').getByTestId('rate-no').click();
	await page.locator('.reasons input').nth(1).check();
	await page.getByTestId('rate-send').click();
	await page.locator('[data-testid=rate-no][aria-pressed=true]').waitFor();

	const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
	const answers = page.locator('[data-testid=bubble][data-from=bot]');
	const count = await answers.count();
	await page.getByTestId('phone-file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: png });
	await answers.nth(count).waitFor();
	await watch(page);
	assert.ok(await page.getByTestId('picture').last().evaluate((img) => img.naturalWidth === 1));

	await ask(page, '切换角色');
	await watch(page);
	const card = lastAnswer(page).getByTestId('card');
	await card.getByRole('button', { name: '翻译' }).click();
	await card.getByText('已切换为「翻译」').waitFor();
	assert.match(await lastAnswer(page).locator('.markdown').innerText(), /^选一个角色/, 'the answer\'s own words stand above its card');
	await page.screenshot({ path: path.join(pictures, 'phone-card.png') });
	assert.ok(await fitsTheWidth(page));
	await nothingWrong(opened);
	await page.context().close();
});

// What an operator's tool does to a running answer: pictures and a card for its end.
async function attach(stream, things) {
	const { stdout } = await system.wecomd('key', 'add', '--name', `tool-${stream.slice(0, 6)}`, '--role', 'operator');
	const headers = { Authorization: `Bearer ${stdout.trim()}`, 'Content-Type': 'application/json' };
	for (const [what, body] of things)
		await waitFor(what, async () => (await system.get(`/api/smartbot/streams/${stream}/${what}`, { method: 'POST', headers, body: JSON.stringify(body) })).status === 201);
}

// Held back until things are attached.
async function askAndAttach(page, question, things) {
	await system.speed({ chars_per_s: 5 });
	await ask(page, question);
	const id = await waitFor('the stream', async () => (await system.sql(
		'SELECT stream_id FROM simulator_message WHERE stream_id IS NOT NULL ORDER BY id DESC LIMIT 1', { schema: 'wecomd_sim' }))[0][0]);
	await attach(id, things);
	await system.speed({ chars_per_s: 5000 });
	await watch(page);
}

const png = (color) => {
	const line = Buffer.concat([Buffer.from([0]), ...Array.from({ length: 160 }, () => Buffer.from(color))]);
	const chunk = (type, data) => {
		const body = Buffer.concat([Buffer.from(type), data]);
		const size = Buffer.alloc(4);
		const sum = Buffer.alloc(4);
		size.writeUInt32BE(data.length);
		sum.writeUInt32BE(crc32(body));
		return Buffer.concat([size, body, sum]);
	};
	const head = Buffer.from('000000a0000000640802000000', 'hex');
	return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(Array(100).fill(line)))), chunk('IEND', Buffer.alloc(0))]);
};

function crc32(bytes) {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return (crc ^ 0xffffffff) >>> 0;
}

test('a group works with the bot: mention, picture, quote, pictures in the answer, a vote, a switched role, a rating, a long answer', async () => {
	await system.speed({ chars_per_s: 5000, refresh_ms: 100, first_token_ms: 0 });
	const opened = await open({ viewport: { width: 1440, height: 900 } });
	const { page } = opened;
	assert.match(await page.locator('[data-testid=bubble][data-from=bot]').first().innerText(), /^您好，我是小助手/, 'the welcome');
	await page.getByText('IT 支持群').first().click();
	await page.locator('[data-testid=suggestion]').first().waitFor();

	await ask(page, '会议室怎么订?');
	await watch(page);
	assert.match(await lastAnswer(page).innerText(), /预订会议室/);
	const answers = page.locator('[data-testid=bubble][data-from=bot]');
	let count = await answers.count();
	await page.getByTestId('phone-file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: png([200, 60, 60]) });
	await answers.nth(count).waitFor();
	await watch(page);
	const mine = page.locator('[data-testid=bubble][data-from=person]').last();
	assert.equal((await mine.locator('.words').innerText()).trim(), '@小助手', 'the mention alone');
	assert.match(await lastAnswer(page).innerText(), /看不懂图片/);
	await page.getByTestId('quote').first().click();
	await ask(page, '能再说一遍吗?');
	await watch(page);
	assert.match(await lastAnswer(page).innerText(), /预订会议室/, 'by what was quoted');

	await askAndAttach(page, '数到 20', [
		['images', { base64: png([40, 120, 200]).toString('base64') }], ['images', { base64: png([240, 180, 40]).toString('base64') }],
		['card', { card: { card_type: 'vote_interaction', main_title: { title: '周会改到几点', desc: '可以多选' }, submit_button: { text: '提交', key: 'vote' },
			checkbox: { question_key: 'when', mode: 1, option_list: [{ id: '9', text: '九点', is_checked: true }, { id: '10', text: '十点' }] } } }],
	]);
	const shown = lastAnswer(page);
	await waitFor('both pictures', async () => await shown.getByTestId('answer-picture').evaluateAll((all) => all.length === 2 && all.every((img) => img.naturalWidth === 160)));
	await shown.getByRole('checkbox', { name: '十点' }).check();
	assert.ok(await shown.getByRole('checkbox', { name: '九点' }).isChecked(), 'what the card has checked');
	await page.screenshot({ path: path.join(pictures, 'phone-vote.png') });
	await shown.getByRole('button', { name: '提交' }).click();
	await shown.getByText('已收到').waitFor();
	const [[task]] = await system.sql('SELECT task_id FROM smartbot_press');
	assert.match(task, /^card-/);

	await ask(page, '切换角色');
	await watch(page);
	await lastAnswer(page).getByRole('button', { name: '写作' }).click();
	await lastAnswer(page).getByText('已切换为「写作」').waitFor();
	await ask(page, '用量');
	await watch(page);
	assert.match(await lastAnswer(page).getByTestId('card').innerText(), /今天的 token/);
	await page.screenshot({ path: path.join(pictures, 'phone-group.png') });

	// 23,893 bytes: more than a bubble takes.
	count = await answers.count();
	await ask(page, '数到 5000');
	await answers.nth(count + 1).waitFor();
	const both = async () => (await Promise.all([count, count + 1].map((i) => answers.nth(i).locator('.markdown').innerText()))).map((text) => text.trim());
	await waitFor('the rest as a message of its own', async () => {
		const [first, rest] = (await both()).sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
		return first.startsWith('1 2 3 ') && first.endsWith('见下一条消息。）') && rest.endsWith(' 4999 5000');
	});
	await answers.first().locator('xpath=ancestor::article').getByTestId('rate-yes').click();
	await page.locator('[data-testid=rate-yes][aria-pressed=true]').first().waitFor();
	assert.ok(await fitsTheWidth(page));
	await nothingWrong(opened);
	await page.context().close();
});
