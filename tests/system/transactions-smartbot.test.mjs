// Deadlock, lock time-out and lost connection at each statement of each transaction of the smartbot: an answer is given whole and once, and
// counted, remembered and sent once.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test, { after, before } from 'node:test';
import { FAULTS } from './db-proxy.mjs';
import { modelSection, newBot, startFake, textOf } from './fake.mjs';
import { textMessage, waitFor } from './harness.mjs';
import { Bench } from './transactions.mjs';

let bench, system, fake, mind, small, key;

before(async () => {
	fake = await startFake();
	mind = newBot('mind', { memory: 'person', per_minute: '0' });
	small = newBot('small', { memory: 'person', memory_tokens: '120', per_minute: '0' });
	bench = await Bench.start('transactions-smartbot', { conf: `[web]\nprocesses = 1\n[worker]\nprocesses = 1\npoll = 20ms\n
${modelSection(fake, 'fake', 'breaker_failures = 0')}${mind.section}${small.section}` });
	({ system } = bench);
	key = (await system.wecomd('key', 'add', '--name', 'root', '--role', 'admin')).stdout.trim();
});
after(async () => {
	fake?.stop();
	await bench?.stop();
});

async function ask(method, at, value) {
	const answer = await system.get(`/api/smartbot${at}`, { method, body: value === undefined ? undefined : JSON.stringify(value),
		headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` } });
	assert.ok(answer.status < 300, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer;
}

let count = 0;
const fresh = (word = 'x') => `${word}-${++count}`;
const done = () => waitFor('the end of all jobs', async () => await bench.one('SELECT COUNT(*) FROM job WHERE state <> 3') === '0', { every: 5 });

async function say(bot, text, user = fresh('user')) {
	const { status, reply } = await system.callback({ ...textMessage(text, { bot, user }), response_url: `${fake.url}/reply/${fresh('url')}?response_code=x` }, { bot });
	assert.equal(status, 200);
	return system.finished(reply.stream.id, { bot, every: 10 });
}

const event = (eventtype, content) => {
	const { text, ...head } = textMessage('', { bot: mind, user: fresh('user') });
	return { ...head, create_time: 1700000000, response_url: `${fake.url}/reply/${fresh('url')}?response_code=x`, msgtype: 'event', event: { eventtype, [eventtype]: content } };
};

async function press(event_key) {
	const { status, reply } = await system.callback(event('template_card_event', { event_key, task_id: 't' }), { bot: mind });
	assert.equal(status, 200);
	return reply.template_card.main_title.title;
}

const audits = (object) => bench.one(`SELECT GROUP_CONCAT(action ORDER BY id) FROM audit_log WHERE object = '${object}'`);
const triesOfLast = () => bench.sql('SELECT state, attempts, crashes FROM job ORDER BY id DESC LIMIT 1');

test('an answer is shown, ended, remembered, counted once', () => bench.everyFault(
	['stream opened', 'conversation begun', 'stream shown', 'model call noted', 'use counted', 'stream ended'], async () => {
		const asked = fake.asked.length;
		assert.equal(await say(mind, '你好'), '答:你好');
		return fake.asked.length - asked;
	}, { settle: done, check: async (_, asked) => [asked, await triesOfLast(), await bench.one('SELECT MAX(calls) FROM smartbot_usage'),
		await bench.one('SELECT MAX(completion_tokens) FROM smartbot_usage')] }));

test('a conversation is cleared, by its person and by an administrator', async () => {
	const prepare = async () => {
		await bench.sql(`INSERT INTO smartbot_conversation (bot_id, scope, scope_key, label) VALUES (1, 'person', RANDOM_BYTES(32), '')`);
		const id = await bench.one('SELECT MAX(id) FROM smartbot_conversation');
		for (let i = 0; i < 2; i++) await bench.sql(`INSERT INTO smartbot_turn (conversation_id, stream_id, person, question, answer, tokens)
			VALUES (${id}, '${crypto.randomBytes(16).toString('hex')}', RANDOM_BYTES(32), '', '', 0)`);
		return id;
	};
	await bench.everyFault(['conversation cleared'], (id) => ask('DELETE', `/conversations/${id}`), { prepare,
		check: async (id) => [await audits(`conversation:${id}`), await bench.one(`SELECT epoch FROM smartbot_conversation WHERE id = ${id}`)] });
	await bench.everyFault(['conversation cleared by its person', 'card kept'], () => press('clear'), { settle: done, check: async (_, title) => [title, await triesOfLast()] });
});

test('a role is chosen, changed and deleted once', async () => {
	await bench.everyFault(['role chosen'], () => press('role:翻译'), { settle: done, check: async (_, title) => [title, await bench.one('SELECT role FROM smartbot_conversation ORDER BY id DESC LIMIT 1')] });
	const at = () => `/roles/${encodeURIComponent(fresh('r'))}`;
	await bench.everyFault(['role changed'], () => ask('PUT', at(), { prompt: '答' }));
	await bench.everyFault(['role changed'], (where) => ask('DELETE', where), { prepare: async () => {
		const where = at();
		await ask('PUT', where, { prompt: '答' });
		return where;
	} });
});

test('a bot is changed once', async () => {
	const { json: { settings } } = await ask('GET', '/bots/mind');
	await bench.everyFault(['bot changed'], () => ask('PUT', '/bots/mind', { ...settings, prompt: fresh('prompt') }), {
		check: () => bench.one('SELECT prompt FROM smartbot_bot WHERE name = \'mind\'').then((text) => text.replace(/\d+/, '')) });
});

test('a later message is sent once, whatever breaks around the call', async () => {
	const sent = () => fake.replies.length;
	const last = async () => [await bench.sql("SELECT state, answer FROM outbound_call WHERE kind = 'smartbot.reply' ORDER BY id DESC LIMIT 1"), await triesOfLast()];
	await bench.everyFault(['ledger intent', 'ledger end', 'turn remembered later'], async () => {
		const before = sent();
		await press('ask:今天几号');
		await waitFor('the message', () => sent() > before, { every: 10 });
	}, { settle: done, check: last });
	assert.equal(String(sent()), await bench.one("SELECT COUNT(*) FROM outbound_call WHERE kind = 'smartbot.reply' AND state = 1"));

	// A card that nobody waits for any more is said in a message.
	await press('help');
	await done();
	await bench.everyFault(['reply kept'], async () => {
		const before = sent();
		await bench.sql(`INSERT INTO job (kind, job_key, state, due_at, created_at, trace_id, args) SELECT kind, '${crypto.randomBytes(16).toString('hex')}', 1, NOW(3),
			NOW(3) - INTERVAL 1 MINUTE, trace_id, args FROM job WHERE kind = 'smartbot.card' ORDER BY id DESC LIMIT 1`);
		await done();
		return sent() - before;
	}, { check: (_, n) => n });
});

test('a message that cannot leave is called under each number once', async () => {
	fake.script = () => ({ text: '字。'.repeat(6000) });
	await bench.everyFault(['reply not sent'], async () => {
		const { status, reply } = await system.callback({ ...textMessage('长', { bot: mind, user: fresh('user') }), response_url: 'http://127.0.0.1:1/reply' }, { bot: mind });
		assert.equal(status, 200);
		assert.match(await system.finished(reply.stream.id, { bot: mind, every: 10 }), /没有显示/);
		return reply.stream.id;
	}, { settle: done, check: async (_, id) => [await bench.one(`SELECT calls FROM smartbot_reply WHERE stream_id = '${id}'`),
		await bench.sql(`SELECT SUBSTRING_INDEX(call_key, '/', -1), state, answer FROM outbound_call WHERE call_key LIKE 'smartbot.reply/${id}/%'`)] });
	fake.script = undefined;
});

test('a button that others made is noted once, with who pressed it', () => bench.everyFault(['press kept', 'person kept'], () => press('vote:1'),
	{ settle: done, check: async (_, title) => [title, await triesOfLast()] }));

test('a rating is kept once', () => bench.everyFault(['feedback'], async () => {
	const { status } = await system.callback(event('feedback_event', { id: 'x', type: 2, content: '不对', inaccurate_reason_list: [2, 3] }), { bot: mind });
	assert.equal(status, 200);
}, { settle: done }));

async function running() {
	const id = crypto.randomBytes(16).toString('hex');
	await bench.sql(`INSERT INTO smartbot_stream (stream_id, bot_id, content, fence, asked_at) VALUES ('${id}', 1, '', 1, NOW(3))`);
	return id;
}

test('a card is attached once', () => bench.everyFault(['card attached'], (id) => ask('POST', `/streams/${id}/card`,
	{ card: { card_type: 'text_notice', main_title: { title: '好' }, card_action: { type: 1, url: 'https://example.com/' } } }), {
	prepare: running, check: async (id) => [await audits(`stream:${id}`), await bench.one(`SELECT card IS NOT NULL FROM smartbot_stream WHERE stream_id = '${id}'`)] }));

test('a picture is attached once', () => bench.everyFault(['picture attached'], (id) => ask('POST', `/streams/${id}/images`,
	{ base64: Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(20, 7)]).toString('base64') }), {
	prepare: running, check: (id) => audits(`stream:${id}`) }));

test('older turns are summed up once', async () => {
	fake.script = ({ messages, text }) => (/压缩成一份/.test(textOf(messages[0])) ? { text: '摘要' } : { text: `好${text.length}` });
	await bench.everyFault(['summary'], async () => {
		const user = fresh('long');
		for (let i = 0; i < 4; i++) await say(small, `第${i}句${'很长的话'.repeat(10)}`, user);
		await waitFor('the summary', async () => await bench.one('SELECT summary IS NOT NULL FROM smartbot_conversation ORDER BY id DESC LIMIT 1') === '1', { every: 10 });
	}, { settle: done, atOnce: true });
});

test('what is old goes, and the trail tells how much, however often the way is broken', async () => {
	const old = 'NOW(3) - INTERVAL 800 DAY', hash = 'RANDOM_BYTES(32)', id = () => `'${crypto.randomBytes(16).toString('hex')}'`;
	const lay = () => bench.sql(`INSERT INTO smartbot_image (stream_id, no, image, at) VALUES (${id()}, 0, '', ${old});
		INSERT INTO smartbot_stream (stream_id, bot_id, content, fence, asked_at) VALUES (${id()}, 1, '', 1, ${old});
		INSERT INTO smartbot_card VALUES (${id()}, '', ${old}); INSERT INTO smartbot_reply (stream_id, url, expires_at) VALUES (${id()}, '', ${old});
		INSERT INTO smartbot_feedback (event_key, bot_id, stream_id, person, kind, reasons, content, at) VALUES (${id()}, 1, '', ${hash}, 1, '', '', ${old});
		INSERT INTO smartbot_press (event_key, bot_id, person, task_id, pressed, choices, at) VALUES (${id()}, 1, ${hash}, '', '', '', ${old});
		INSERT INTO smartbot_usage (day, bot_id, person, model, calls, prompt_tokens, completion_tokens, cost_micros) VALUES (${old}, 1, ${hash}, '', 1, 1, 1, 1);
		INSERT INTO smartbot_turn (conversation_id, stream_id, person, question, answer, tokens, at) VALUES (0, ${id()}, ${hash}, '', '', 0, ${old});
		INSERT INTO smartbot_conversation (bot_id, scope, scope_key, label, updated_at) VALUES (1, 'person', ${hash}, '', ${old});
		INSERT INTO smartbot_person VALUES (${hash}, '')`);
	// Each DELETE comes twice, with rows and without: one fault at a time is two of them there, which five tries survive.
	for (const fault of FAULTS) {
		await bench.everyFault(['retention of the bots'], () => bench.sql(`INSERT INTO job (kind, job_key, state, due_at, trace_id, args)
			SELECT 'smartbot.retention', ${id()}, 1, NOW(3), trace_id, args FROM job ORDER BY id DESC LIMIT 1`), { prepare: lay, settle: done, atOnce: true, faults: [fault],
			check: async () => [await bench.one("SELECT details FROM audit_log WHERE action = 'smartbot.retention' ORDER BY id DESC LIMIT 1"), await triesOfLast()] });
	}
});

test('no other transaction was seen, and none of these was left out', () => bench.complete());
