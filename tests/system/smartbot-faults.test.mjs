// What goes wrong around a streamed answer: repetitions, killed workers, two nodes, expired and lost messages, everybody at once.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before, beforeEach } from 'node:test';
import wecom from '@wecom/crypto';
import { modelSection, newBot, startFake } from './fake.mjs';
import { ask as askFastcgi } from './fastcgi.mjs';
import { build, refreshMessage, root, signedQuery, startSystem, textMessage, waitFor } from './harness.mjs';

let fake, system, bot;

before(async () => {
	fake = await startFake();
	bot = newBot('bot', { memory: 'none', per_minute: '0', daily_tokens_person: '0' });
	const conf = `[worker]\nthreads = 30\nlease = 2s\n[smartbot]\nsnapshot_every = 50ms\nstream_life = 40s\n${modelSection(fake, 'fake', 'idle = 10s\nbreaker_failures = 0')}${bot.section}`;
	system = await startSystem({ conf });
});
after(async () => {
	fake?.stop();
	await system?.stop();
});
beforeEach(() => {
	fake.asked.length = 0;
	fake.replies.length = 0;
	fake.script = ({ text }) => ({ text: `答:${text.trim()}` });
	fake.replyAnswer = () => ({ status: 200, body: '{"errcode":0,"errmsg":"ok"}' });
});

let replies = 0;
const question = (content, options = {}) => ({ ...textMessage(content, { bot, ...options }), response_url: `${fake.url}/reply/${++replies}` });
const post = (event) => system.callback(event, { bot });
const end = (id, options) => system.finished(id, { bot, ...options });
const refresh = async (id) => (await post(refreshMessage(id, { bot }))).reply.stream;

test('a callback that is repeated while its answer runs gets the same stream and asks nothing twice', async () => {
	let go;
	fake.script = () => ({ text: '慢慢来', hold: new Promise((resolve) => { go = resolve; }) });
	const event = question('重复');
	const first = (await post(event)).reply;
	await waitFor('the first words', async () => (await refresh(first.stream.id)).content === '慢慢来');
	const again = await Promise.all([post(event), post(event), post(event)]);
	for (const { reply } of again) assert.deepEqual(reply, first);
	go();
	assert.equal(await end(first.stream.id), '慢慢来');
	assert.equal((await post(event)).reply.stream.id, first.stream.id);
	assert.equal(fake.asked.length, 1);
});

test('a refresh for a stream that nobody knows is told its end', async () => {
	for (const id of ['0123456789abcdef0123456789abcdef', 'x', '中文', "' OR 1=1"]) {
		const { stream } = (await post(refreshMessage(id, { bot }))).reply;
		assert.deepEqual([stream.id, stream.finish], [id, true]);
		assert.match(stream.content, /过期/);
	}
});

// A small generator with a seed, so that a failure can be played again.
function random(seed) {
	let state = seed;
	return (n) => {
		state = (Math.imul(state, 1103515245) + 12345) >>> 0;
		return (state >>> 8) % n;
	};
}

test('a worker killed at ten random points of a stream: the answer comes whole and once', async () => {
	const below = random(Number(process.env.SEED || 4));
	const words = Array.from({ length: 60 }, (_, i) => `第${i}段。`);
	const whole = words.join('');
	fake.script = () => ({ pieces: words, pause: 10 });
	for (let round = 0; round < 10; round++) {
		const point = below(words.length);
		const { reply } = await post(question(`杀 ${round}`, { user: `k${round}` }));
		const { id } = reply.stream;
		await waitFor('the point', async () => (await refresh(id)).content.length >= whole.length * point / words.length * 0.9, { every: 5 });
		const [row] = await system.sql(`SELECT owner FROM job WHERE job_key = '${id}' AND state = 2`);
		if (row) process.kill(Number(row[0].split('/')[2]), 'SIGKILL');
		let shown = 0;
		const text = await waitFor('the end', async () => {
			const { content, finish } = await refresh(id);
			assert.ok(content.length >= shown, 'it never gets shorter');
			shown = content.length;
			return finish && content;
		}, { ms: 20_000 });
		assert.equal(text, whole, `round ${round}, point ${point}`);
	}
	assert.equal(await system.number('SELECT COUNT(*) FROM smartbot_stream WHERE NOT finished'), 0);
});

test('the response_url is used once: an expired one, a lost answer and a refusal are never repeated', async () => {
	const long = '字。'.repeat(6000);
	fake.script = () => ({ text: long });
	const ask = async (user, prepare) => {
		const { reply } = await post(question('长', { user }));
		await prepare?.(reply.stream.id);
		return end(reply.stream.id);
	};
	assert.match(await ask('r1'), /见下一条消息/);
	fake.replyAnswer = () => ({ destroy: true });
	assert.match(await ask('r2'), /如果没有收到/);
	fake.replyAnswer = () => ({ status: 200, body: '{"errcode":40058,"errmsg":"expired"}' });
	assert.match(await ask('r3'), /没有显示/);
	assert.deepEqual(await system.sql("SELECT state, answer FROM outbound_call WHERE kind = 'smartbot.reply' ORDER BY id"),
		[['1', 'errcode 0'], ['3', 'no answer'], ['2', 'errcode 40058']]);
	const sent = fake.replies.length;
	assert.equal(sent, 3);
	let go;
	fake.script = () => ({ pieces: [long], hold: new Promise((resolve) => { go = resolve; }) });
	assert.match(await ask('r4', async (id) => {
		await waitFor('the answer to run', () => go);
		await waitFor('the row', async () => await system.number(`SELECT COUNT(*) FROM smartbot_reply WHERE stream_id = '${id}'`) === 1);
		await system.sql(`UPDATE smartbot_reply SET expires_at = NOW() - INTERVAL 1 SECOND WHERE stream_id = '${id}'`);
		go();
	}), /没有显示/);
	assert.equal(fake.replies.length, sent, 'an expired URL is not called');
});

test('a later message stands in the ledger, in the story of its question and in the audit trail', async () => {
	const viewer = (await system.wecomd('key', 'add', '--name', 'viewer', '--role', 'viewer')).stdout.trim();
	const get = async (at) => (await system.get(at, { headers: { Authorization: `Bearer ${viewer}` } })).json;
	fake.script = () => ({ text: '字。'.repeat(6000) });
	const { reply } = await post(question('长', { user: 'told' }));
	await end(reply.stream.id);
	const key = `smartbot.reply/${reply.stream.id}/0`;
	const { items } = await get('/api/outbound?kind=smartbot.reply&target=told');
	assert.deepEqual(items.map((item) => [item.key, item.state, item.answer]), [[key, 'done', 'errcode 0']]);
	const { events } = await get(`/api/explain/${reply.stream.id}`);
	const told = events.map(({ what, kind, action, state }) => [what, kind ?? action, state].filter(Boolean).join(' '));
	for (const one of ['job smartbot.answer done', 'outbound smartbot.reply done', 'audit outbound.done']) assert.ok(told.includes(one), one);
});

test('a response_url that cannot be reached is called again under the next number, and a lost intent of a call that never left has failed', async () => {
	const { text, ...head } = textMessage('', { bot, user: 'unsent' });
	const press = { eventtype: 'template_card_event', template_card_event: { event_key: 'ask:今天几号', task_id: 't' } };
	await post({ ...head, response_url: 'http://127.0.0.1:1/reply', msgtype: 'event', event: press });
	const calls = () => system.sql("SELECT SUBSTRING_INDEX(call_key, '/', -1), state, answer FROM outbound_call WHERE answer = 'not sent' ORDER BY id");
	await waitFor('three calls', async () => (await calls()).length === 3);
	assert.deepEqual(await calls(), ['0', '1', '2'].map((n) => [n, '2', 'not sent']));
	fake.script = () => ({ text: '字。'.repeat(6000) });
	const other = (await post({ ...question('长', { user: 'unsent2' }), response_url: 'http://127.0.0.1:1/reply' })).reply.stream.id;
	assert.match(await end(other), /没有显示/);
	const row = async () => (await system.sql(`SELECT state, answer FROM outbound_call WHERE call_key = 'smartbot.reply/${other}/0'`))[0];
	assert.deepEqual(await row(), ['2', 'not sent']);
	assert.equal(await system.number(`SELECT calls FROM smartbot_reply WHERE stream_id = '${other}'`), 1);
	await system.sql(`UPDATE outbound_call SET state = 0, look_at = NOW(3) WHERE call_key = 'smartbot.reply/${other}/0'`);
	await waitFor('the reconciliation', async () => (await row()).join() === '2,reconciled');
});

test('what the table had settled before there was a ledger stays settled, and what was open is called', async () => {
	const long = '字。'.repeat(6000);
	for (const [state, told, calls] of [[0, /见下一条消息/, 1], [1, /如果没有收到/, 0], [4, /如果没有收到/, 0], [3, /没有显示/, 0]]) {
		let go;
		fake.replies.length = 0;
		fake.script = () => ({ pieces: [long], hold: new Promise((resolve) => { go = resolve; }) });
		const { id } = (await post(question('长', { user: `old${state}` }))).reply.stream;
		await waitFor('the answer to run', () => go);
		await system.sql(`UPDATE smartbot_reply SET state = ${state} WHERE stream_id = '${id}'`);
		go();
		assert.match(await end(id), told, `state ${state}`);
		assert.equal(fake.replies.length, calls);
	}
});

test('a worker killed between the call of a response_url and its answer: nobody calls again', async () => {
	let arrived, release;
	const called = new Promise((resolve) => { arrived = resolve; });
	fake.script = () => ({ text: '字。'.repeat(6000) });
	fake.replyAnswer = () => {
		arrived();
		return { wait: new Promise((resolve) => { release = resolve; }), status: 200, body: '{"errcode":0}' };
	};
	const { reply } = await post(question('长', { user: 'cut' }));
	await called;
	const [[owner]] = await system.sql(`SELECT owner FROM job WHERE job_key = '${reply.stream.id}'`);
	process.kill(Number(owner.split('/')[2]), 'SIGKILL');
	release();
	assert.match(await end(reply.stream.id, { ms: 20_000 }), /如果没有收到/);
	assert.equal(fake.replies.length, 1);
});

test('a card event that comes twice acts once', async () => {
	const { text, ...head } = textMessage('', { bot });
	const press = { ...head, msgtype: 'event', event: { eventtype: 'template_card_event', template_card_event: { event_key: 'role:代码', task_id: 't' } } };
	const jobs = () => system.number("SELECT COUNT(*) FROM job WHERE kind = 'smartbot.card'");
	const before = await jobs();
	const answers = await Promise.all([post(press), post(press)]);
	assert.deepEqual(answers[0].reply, answers[1].reply);
	assert.equal(answers[0].reply.template_card.task_id, 't');
	assert.equal(await jobs(), before + 1);
});

test('a card event whose job comes too late is acknowledged in time, and its word follows as a new message', async () => {
	const { text, ...head } = textMessage('', { bot });
	const press = { ...head, response_url: `${fake.url}/reply/late`, msgtype: 'event', event: { eventtype: 'template_card_event', template_card_event: { event_key: 'role:代码', task_id: 't' } } };
	const workers = await waitFor('both workers', () => system.children('worker').length === 2 && system.children('worker'));
	for (const pid of workers) process.kill(pid, 'SIGSTOP');
	const began = Date.now();
	try {
		const others = Array.from({ length: 20 }, () => post({ ...press, msgid: textMessage('', { bot }).msgid, response_url: undefined }));
		const first = post(press);
		for (let i = 0; i < 5; i++) assert.equal((await system.get('/health')).status, 200);
		assert.ok(Date.now() - began < 1000, 'those who wait leave threads for others');
		for (const { status, text: reply } of await Promise.all([...others, first])) assert.deepEqual([status, reply], [200, '']);
		assert.ok(Date.now() - began > 3500 && Date.now() - began < 5000, `${Date.now() - began} ms`);
	} finally {
		for (const pid of workers) process.kill(pid, 'SIGCONT');
	}
	await waitFor('the word', () => fake.replies.length === 1);
	assert.equal(fake.replies[0].body.markdown.content, '好的，现在我是「代码」。');
});

test('an answer that ends while its refresh looks for the job is given, and no apology', async () => {
	const { id: other } = (await post(question('先'))).reply.stream;
	assert.equal(await end(other), '答:先');
	const workers = await waitFor('both workers', () => system.children('worker').length === 2 && system.children('worker'));
	for (const pid of workers) process.kill(pid, 'SIGSTOP');
	try {
		const { id } = (await post(question('后'))).reply.stream;
		const lock = await system.lockTable('job');
		const answer = refresh(id);
		const waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE 'SELECT state%job%'";
		await waitFor('the look for the job', async () => await system.number(waiting) === 1);
		await system.sql(`INSERT INTO smartbot_stream (stream_id, bot_id, content, finished, fence, asked_at)
			SELECT '${id}', bot_id, content, 1, 0, asked_at FROM smartbot_stream WHERE stream_id = '${other}'`);
		lock.sql(`UPDATE job SET state = 3 WHERE job_key = '${id}'`);
		await lock.release();
		assert.deepEqual(await answer, { id, finish: true, content: '答:先' });
	} finally {
		for (const pid of workers) process.kill(pid, 'SIGCONT');
	}
});

test('fifty people at once are all answered, each with an answer of his own', async () => {
	fake.script = ({ text }) => ({ pieces: ['答', ':', text.trim()], pause: 30 });
	const ids = await Promise.all(Array.from({ length: 50 }, async (_, i) => (await post(question(`我是${i}`, { user: `p${i}` }))).reply.stream.id));
	assert.equal(new Set(ids).size, 50);
	const answers = await Promise.all(ids.map((id) => end(id, { ms: 25_000, every: 150 })));
	answers.forEach((answer, i) => assert.equal(answer, `答:我是${i}`));
});

// Another wecomd on the same database, with web children alone, behind a socket of its own.
async function secondNode() {
	const socket = path.join(system.state, 'run/second.sock');
	const conf = path.join(system.state, 'second.conf');
	fs.writeFileSync(conf, `[core]\nnode = second\n[web]\nlisten = unix:${socket}\nprocesses = 1\nthreads = 4\n[worker]\nprocesses = 0\n`);
	const args = ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, '-c', conf, 'serve'];
	const child = spawn(path.join(build, 'wecomd'), args, { cwd: root, env: { ...process.env, ...system.env }, stdio: ['ignore', 'ignore', 'inherit'] });
	const ended = new Promise((resolve) => { child.on('close', resolve); });
	const request = (variables, body) => askFastcgi(socket, { GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1', ...variables }, body);
	await waitFor('the second node', async () => (await request({ REQUEST_METHOD: 'GET', REQUEST_URI: '/ready', DOCUMENT_URI: '/ready', QUERY_STRING: '' })).status === 200);
	return {
		async callback(event) {
			const encrypt = wecom.encrypt(bot.aesKey, JSON.stringify(event), '');
			const { query } = signedQuery(bot, encrypt);
			const body = JSON.stringify({ encrypt });
			const at = `/wecom/callback/${bot.name}`;
			const { status, text } = await request({
				REQUEST_METHOD: 'POST', REQUEST_URI: `${at}?${query}`, DOCUMENT_URI: at, QUERY_STRING: query, CONTENT_TYPE: 'application/json',
				CONTENT_LENGTH: String(Buffer.byteLength(body)),
			}, body);
			assert.equal(status, 200);
			return JSON.parse(wecom.decrypt(bot.aesKey, JSON.parse(text).encrypt).message);
		},
		async stop() {
			child.kill('SIGTERM');
			await ended;
		},
	};
}

test('two nodes on one database: the callback on one, the refreshes on the other', async () => {
	const other = await secondNode();
	try {
		fake.script = ({ text }) => ({ pieces: ['两', '个', '节', '点', text.trim()], pause: 60 });
		for (let i = 0; i < 3; i++) {
			const { reply } = await post(question(`甲${i}`, { user: `n${i}` }));
			const text = await waitFor('the end, from the other node', async () => {
				const { stream } = await other.callback(refreshMessage(reply.stream.id, { bot }));
				return stream.finish && stream.content;
			});
			assert.equal(text, `两个节点甲${i}`);
		}
	} finally {
		await other.stop();
	}
});
