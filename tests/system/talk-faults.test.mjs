// Conversations when things go wrong or are taken away: two nodes at once and one killed, brains and deliveries that are gone, uncertain sends,
// identities that meet, the export and the erasure of a customer with everything that was said. tests/plugins/parley is channel and brain.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, root, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder, key;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'parley');
	fs.cpSync(path.join(root, 'sql'), path.join(folder, 'sql'), { recursive: true });
	fs.cpSync(path.join(root, 'tests/plugins/parley/sql'), path.join(folder, 'sql/parley'), { recursive: true });
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\nsql_dir = ${folder}/sql\n[plugins]\nparley = on\n[worker]\nlease = 2s\npoll = 50ms\n[talk]\nmedia_folder = ${folder}/media\n` });
	key = (await system.wecomd('key', 'add', '--name', 'root', '--role', 'admin')).stdout.trim();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

async function ask(method, at, value, status) {
	const answer = await system.get(at, { method, body: value === undefined ? undefined : JSON.stringify(value),
		headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` } });
	if (status) assert.equal(answer.status, status, `${method} ${at}: ${answer.text}`);
	else assert.ok(answer.status < 300, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer.json;
}

let count = 0;
const fresh = (word) => `${word}${++count}`;
const come = (text, more = {}) => ask('POST', '/api/parley/words', { peer: fresh('peer'), msgid: fresh('msg'), text, ...more });
const say = (conversation, text, more = {}) => ask('POST', `/api/parley/say/${conversation}`, { key: fresh('key'), text, ...more });
const window = (peer, left, { reserve = 0, behave = '' } = {}) =>
	system.sql(`REPLACE INTO parley_window (peer, left_n, reserve, behave) VALUES ('${peer}', ${left}, ${reserve}, '${behave}')`);
const one = async (sql) => (await system.sql(sql))[0]?.[0];
const outcome = (id) => one(`SELECT outcome FROM message WHERE id = ${id}`);
const state = async (id) => Number(await one(`SELECT state FROM message WHERE id = ${id}`));
const sent = async (peer) => (await system.sql(`SELECT text FROM parley_sent WHERE peer = '${peer}' ORDER BY id`)).map(([text]) => text);
const QUEUED = 11, HELD = 12, SENT = 13, UNCERTAIN = 16, DROPPED = 17;

test('two nodes at once, one of them killed: every question has its answer, once and in order', async () => {
	const two = await system.secondNode();
	const peers = Array.from({ length: 8 }, () => fresh('node'));
	const questions = Array.from({ length: 5 }, (_, i) => `q${i}`);
	const talk = peers.map(async (peer) => {
		for (const text of questions) {
			const msgid = fresh('msg');
			await Promise.all([come(text, { peer, msgid }), come(text, { peer, msgid })]);
		}
	});
	await waitFor('some are answered', async () => await system.number("SELECT COUNT(*) FROM parley_sent WHERE peer LIKE 'node%'") > 5);
	await two.stop('SIGKILL');
	await Promise.all(talk);
	for (const peer of peers) await waitFor(`${peer} has its answers`, async () => (await sent(peer)).length === questions.length);
	for (const peer of peers) assert.deepEqual(await sent(peer), questions.map((text) => `re: ${text}`));
	await waitFor('all are recorded', async () => await system.number('SELECT COUNT(*) FROM message WHERE state NOT IN (2, 13)') === 0);
	assert.equal(await system.number('SELECT COUNT(*) FROM message WHERE is_out = 0'), peers.length * questions.length);
	assert.equal(await system.number('SELECT COUNT(*) FROM conversation'), peers.length);
});

test('a message whose brain fails, or whose job is cancelled, is a person\'s', async () => {
	const { message, conversation } = await come('broken!');
	await waitFor('a person has it', async () => await outcome(message) === 'person');
	const shown = await ask('GET', `/api/chat/conversations/${conversation}`);
	assert.deepEqual([shown.handler, shown.unanswered], ['person', 0]);
	const slow = await come('slow!3000', { peer: 'cancelled' }), waiting = await come('behind it', { peer: 'cancelled' });
	const id = await one(`SELECT id FROM job WHERE job_key LIKE 't/message.received/${waiting.message}/%'`);
	await ask('POST', `/api/jobs/${id}/cancel`);
	await waitFor('a person has it', async () => await outcome(waiting.message) === 'person');
	assert.equal(await outcome(slow.message), 'person', 'the machine is silent from then on');
	await waitFor('the slow one has ended', async () => await system.number(`SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2) AND job_key LIKE 't/message.received/${slow.message}/%'`) === 0);
	assert.deepEqual(await sent('cancelled'), []);
});

test('what may have been sent is never sent again, and what became of it replaces that', async () => {
	const peer = fresh('unsure');
	await window(peer, 5, { behave: 'unsure' });
	const { message } = await come('hello?', { peer });
	await waitFor('it is uncertain', async () => await system.number(`SELECT COUNT(*) FROM message WHERE answers = ${message} AND state = ${UNCERTAIN}`) === 1);
	await window(peer, 5);
	await come('nothing!', { peer });
	await waitFor('the next one is settled', async () => await system.number(`SELECT COUNT(*) FROM message m JOIN conversation c ON c.id = m.conversation WHERE m.state = 4 AND m.customer = (SELECT customer FROM message WHERE id = ${message})`) === 1);
	assert.deepEqual(await sent(peer), []);
	const id = await one(`SELECT id FROM message WHERE answers = ${message}`);
	assert.equal((await ask('POST', `/api/parley/failed/${id}`)).changed, 1);
	await waitFor('a person has it', async () => await outcome(message) === 'person');
});

test('a delivery that was given up is uncertain, and a person is told', async () => {
	const peer = fresh('lost');
	await window(peer, 5, { behave: 'away' });
	const { conversation } = await come('nothing!', { peer }), { message } = await say(conversation, 'on its way');
	const id = await waitFor('it is tried', () => one(`SELECT id FROM job WHERE kind = 'talk.deliver' AND state IN (1, 2) AND attempts > 0`));
	await ask('POST', `/api/jobs/${id}/cancel`);
	await system.sql(`UPDATE message SET at = NOW(3) - INTERVAL 1 MINUTE WHERE id = ${message}`);
	await waitFor('it is uncertain', async () => await state(message) === UNCERTAIN);
	assert.equal((await ask('GET', `/api/chat/conversations/${conversation}`)).handler, 'person');
});

test('a channel that is away is asked again until it takes the message', async () => {
	const peer = fresh('away');
	await window(peer, 5, { behave: 'away' });
	const { message } = await come('hello', { peer });
	await waitFor('it is tried', async () => await system.number("SELECT COUNT(*) FROM job WHERE kind = 'talk.deliver' AND state = 1 AND attempts > 0") > 0);
	assert.equal(await outcome(message), 'answered');
	await window(peer, 5);
	await waitFor('it is sent', async () => (await sent(peer)).length === 1);
});

test('what a channel took before it refused the rest is not sent again, neither here nor another way', async () => {
	const peer = fresh('half'), unionid = fresh('union'), other = fresh('other');
	await come('x', { peer: other, unionid, channel: 'parley-second', quiet: true });
	await window(peer, 0);
	const { conversation } = await come('x', { peer, unionid, quiet: true });
	const ids = [];
	for (const text of ['first', 'second', 'third']) ids.push((await say(conversation, text)).message);
	await waitFor('all wait', async () => await system.number(`SELECT COUNT(*) FROM message WHERE conversation = ${conversation} AND state = ${HELD}`) === 3);
	await window(peer, 5, { behave: 'half' });
	await come('x', { peer, quiet: true });
	await waitFor('all are sent', async () => await system.number(`SELECT COUNT(*) FROM message WHERE conversation = ${conversation} AND state = ${SENT}`) === 3);
	assert.deepEqual([await sent(peer), await sent(other)], [['first'], ['second', 'third']]);
});

test('the reserve is for notices, and at closing what waits is dropped but a farewell goes out', async () => {
	const peer = fresh('reserve');
	await window(peer, 1, { reserve: 1 });
	const { message: asked, conversation } = await come('question', { peer });
	const answer = await waitFor('the answer waits', () => one(`SELECT id FROM message WHERE answers = ${asked} AND state = ${HELD}`));
	const { message: notice } = await say(conversation, '稍后回复您', { notice: true });
	await waitFor('the notice is sent', async () => await state(notice) === SENT);
	assert.equal(await state(answer), HELD);
	await ask('POST', `/api/chat/conversations/${conversation}/close`);
	assert.deepEqual([await state(answer), await outcome(asked), await one(`SELECT reason FROM message WHERE id = ${answer}`)], [DROPPED, 'person', 'closed']);
	await ask('POST', `/api/parley/say/${conversation}`, { key: fresh('key'), text: 'too late' }, 409);
	await ask('POST', `/api/chat/conversations/${conversation}/close`, undefined, 409);
	await window(peer, 5);
	await ask('POST', `/api/chat/conversations/${conversation}/messages`, { text: '再联系' }, 201);     // a person begins it again
	assert.equal((await ask('GET', `/api/chat/conversations/${conversation}`)).state, 'open');
});

test('what is said under one key is said once, and not to a message that has its outcome', async () => {
	const { message, conversation } = await come('nothing!');
	await waitFor('it is settled', async () => await outcome(message) === 'empty');
	assert.deepEqual(await say(conversation, 'late', { answers: message }), { said: 0, message: 0 });
	const again = { key: fresh('key') }, first = await say(conversation, 'once', again);
	assert.equal(first.said, 1);
	const all = await Promise.all([1, 2, 3].map(() => say(conversation, 'other words', again)));
	for (const later of all) assert.deepEqual(later, { said: 0, message: first.message });
});

test('identities that share a tie are one customer, also when they come at once; members are never one with customers', async () => {
	const unionid = fresh('union'), mobile = '13800138000';
	const both = await Promise.all([come('nothing!', { unionid }), come('nothing!', { unionid, channel: 'parley-second' }), come('nothing!', { unionid, channel: 'parley-draft' })]);
	assert.equal(new Set(both.map((r) => r.customer)).size, 1);
	const member = await come('nothing!', { unionid, channel: 'parley-member' });
	assert.notEqual(member.customer, both[0].customer);
	const peer = fresh('peer'), other = await come('nothing!', { peer, mobile });
	const meets = await come('nothing!', { peer, unionid });
	assert.equal(meets.customer, other.customer, 'not moved by itself');
	const { identities } = await ask('GET', `/api/customers/${other.customer}`);
	assert.equal(identities[0].other_customer, both[0].customer, 'but noted');
	for (const q of [mobile, unionid]) assert.ok((await ask('GET', `/api/customers?q=${q}`)).items.length >= 1, q);
	assert.equal(await system.number(`SELECT COUNT(*) FROM customer c WHERE NOT EXISTS (SELECT 1 FROM channel_identities i WHERE i.customer = c.id)`), 0, 'none without an identity');
});

test('an export holds all that was said; an erasure takes all of it, the files too', async () => {
	const peer = fresh('erased'), { customer, conversation } = await come('我的地址是长安街一号', { peer, name: '李雷', unionid: fresh('union'), content: { msgtype: 'text' } });
	await waitFor('it is answered', async () => (await sent(peer)).length === 1);
	const upload = await system.get('/api/chat/media?name=a.txt', { method: 'POST', body: 'only for this customer', headers: { Authorization: `Bearer ${key}` } });
	await ask('POST', `/api/chat/conversations/${conversation}/messages`, { media: upload.json.id }, 201);
	const whole = await ask('POST', `/api/customers/${customer}/export`, {});
	assert.deepEqual([whole.identities[0].name, whole.identities[0].peer], ['李雷', peer]);
	assert.deepEqual(whole.conversations[0].messages.map((m) => m.text).reverse(), ['我的地址是长安街一号', 're: 我的地址是长安街一号', null]);
	assert.deepEqual(whole.conversations[0].messages.at(-1).content, { msgtype: 'text' });
	assert.equal(await system.number("SELECT COUNT(*) FROM message WHERE text LIKE '%长安街%'"), 0, 'sealed');
	const files = () => fs.readdirSync(`${folder}/media`).filter((name) => name !== 'new').flatMap((name) => fs.readdirSync(`${folder}/media/${name}`));
	assert.equal(files().length, 1);

	const racing = Array.from({ length: 10 }, () => come('still talking', { peer }));
	await ask('POST', `/api/customers/${customer}/erase`, { reason: 'asked', confirm: String(customer) });
	const later = await Promise.all(racing);
	for (const table of ['channel_identities', 'conversation', 'message', 'customer_tie', 'media'])
		assert.equal(await system.number(`SELECT COUNT(*) FROM ${table} WHERE customer = ${customer}`), 0, table);
	assert.equal(await system.number('SELECT COUNT(*) FROM message_words w WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = w.message)'), 0);
	assert.equal(await system.number(`SELECT COUNT(*) FROM conversation_event WHERE conversation = ${conversation}`), 0);
	assert.equal((await ask('GET', `/api/chat/messages?q=${encodeURIComponent('长安街')}`)).items.length, 0);
	const next = await come('nothing!', { peer });
	assert.notEqual(next.customer, customer, 'whoever writes again is somebody new');
	assert.ok(later.every((r) => [customer, next.customer].includes(r.customer)));
	await system.sql("UPDATE media_file SET at = NOW(3) - INTERVAL 1 DAY");
	await system.sql(`INSERT INTO job (kind, job_key, state, due_at, trace_id, args) SELECT 'talk.sweep', 'test', 1, NOW(3), REPEAT('0', 32), args FROM job WHERE kind = 'talk.deliver' LIMIT 1`);
	await waitFor('the file is gone', () => files().length === 0);
});

test('the story of a message is told by its number, without its words', async () => {
	const { message } = await come('a secret question');
	await waitFor('it is answered', async () => await outcome(message) === 'answered');
	const story = await ask('GET', `/api/explain/message:${message}`);
	const kinds = story.events.map(({ what }) => what);
	for (const what of ['message', 'job', 'conversation']) assert.ok(kinds.includes(what), what);
	assert.ok(!JSON.stringify(story).includes('secret'));
});

test('figures tell what waits and what was said', async () => {
	const text = (await system.get('/metrics', { headers: { Authorization: `Bearer ${key}` } })).text;
	assert.match(text, /^wecomd_talk_messages_total\{channel="parley",direction="in"\} [1-9]/m);
	assert.match(text, /^wecomd_talk_deliveries_total\{channel="parley",how="sent"\} [1-9]/m);
	assert.match(text, /^wecomd_talk_waiting\{state="owed"\} \d/m);
	assert.match(text, /^wecomd_talk_conversations\{handler="person"\} [1-9]/m);
	const { messages } = await ask('GET', '/api/overview');
	assert.ok(messages.in.total > 40 && messages.out.total > 40, JSON.stringify(messages));
});
