// Conversations: what comes once and in order, one outcome for each message, a person in between, delivery within a window and another way
// where it does not go. tests/plugins/parley is the channel, with a window that the test sets, and the brain.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, root, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const keys = {};

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'parley');
	fs.cpSync(path.join(root, 'sql'), path.join(folder, 'sql'), { recursive: true });
	fs.cpSync(path.join(root, 'tests/plugins/parley/sql'), path.join(folder, 'sql/parley'), { recursive: true });
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\nsql_dir = ${folder}/sql\n[plugins]\nparley = on\n[worker]\nlease = 2s\n[talk]\nmedia_folder = ${folder}/media\nmedia_max = 300000\n` });
	for (const role of ['viewer', 'operator', 'approver', 'admin'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

const as = (role) => ({ 'Content-Type': 'application/json', ...role ? { Authorization: `Bearer ${keys[role]}` } : {} });
const post = (at, body, role, headers) => system.get(at, { method: 'POST', body: JSON.stringify(body ?? {}), headers: { ...as(role), ...headers } });

let count = 0;
const fresh = (word) => `${word}${++count}`;

// A customer of the parley channel, unknown until now.
function person(peer = fresh('peer'), channel = 'parley') {
	const come = async (text, more = {}) => {
		const { status, json } = await post('/api/parley/words', { channel, peer, msgid: fresh('msg'), text, ...more });
		assert.equal(status, 200, JSON.stringify(json));
		return json;
	};
	const sent = async () => (await system.sql(`SELECT text FROM parley_sent WHERE peer = '${peer}' AND channel = '${channel}' ORDER BY id`)).map(([text]) => text);
	return { peer, come, sent, got: (...texts) => waitFor(`${peer} gets ${texts}`, async () => (await sent()).join('|') === texts.join('|')) };
}

const window = (peer, left, { reserve = 0, behave = '' } = {}) =>
	system.sql(`REPLACE INTO parley_window (peer, left_n, reserve, behave) VALUES ('${peer}', ${left}, ${reserve}, '${behave}')`);
const message = async (id) => {
	const [[state, outcome, reason, route]] = await system.sql(`SELECT state, IFNULL(outcome, ''), IFNULL(reason, ''), route FROM message WHERE id = ${id}`);
	return { state: Number(state), outcome, reason, route: Number(route) };
};
const STATE = { owed: 1, answered: 2, person: 3, settled: 4, queued: 11, held: 12, sent: 13, failed: 15, uncertain: 16, dropped: 17, draft: 18 };

test('three questions in a row get three answers in order, each once', async () => {
	const who = person();
	const { conversation, opened } = await who.come('one');
	assert.equal(opened, true);
	for (const text of ['two', 'three']) assert.deepEqual(await who.come(text).then((r) => [r.conversation, r.opened]), [conversation, false]);
	await who.got('re: one', 're: two', 're: three');
	assert.equal(await system.number(`SELECT COUNT(*) FROM message WHERE conversation = ${conversation} AND state = 2 AND outcome = 'answered'`), 3);
});

test('a message that comes twice is written once, also both at once', async () => {
	const who = person(), msgid = fresh('twice');
	const all = await Promise.all([1, 2, 3, 4, 5].map(() => who.come('again', { msgid })));
	assert.equal(all.filter((r) => r.is_new).length, 1);
	assert.equal(new Set(all.map((r) => r.message)).size, 1);
	assert.equal(new Set(all.map((r) => r.customer)).size, 1);
	await who.got('re: again');
});

test('what is held for the next turn goes out in order when the customer writes again', async () => {
	const who = person();
	await window(who.peer, 2);
	const { conversation } = await who.come('a');
	for (const text of ['b', 'c', 'd']) await who.come(text);
	await who.got('re: a', 're: b');
	await waitFor('two are held', async () => await system.number(`SELECT COUNT(*) FROM message WHERE conversation = ${conversation} AND state = 12`) === 2);
	await window(who.peer, 5);
	await who.come('e');
	await who.got('re: a', 're: b', 're: c', 're: d', 're: e');
});

test('a person who takes the conversation mutes the machine, and what it had not sent yet is a person\'s', async () => {
	const who = person();
	await window(who.peer, 0);
	const { conversation, message: asked } = await who.come('too late');
	await waitFor('the answer is held', async () => (await message(asked)).state === STATE.answered
		&& await system.number(`SELECT COUNT(*) FROM message WHERE answers = ${asked} AND state = 12`));
	const taken = await post(`/api/chat/conversations/${conversation}/take`, {}, 'operator');
	assert.deepEqual([taken.status, taken.json.handler, taken.json.assignee], [200, 'person', 'key:operator'], taken.text);
	assert.deepEqual(await message(asked).then(({ state, outcome }) => [state, outcome]), [STATE.person, 'person']);
	await window(who.peer, 5);
	const { message: next } = await who.come('anybody there?');
	assert.equal((await message(next)).outcome, 'person');
	const said = await post(`/api/chat/conversations/${conversation}/messages`, { text: '我在' }, 'operator');
	assert.equal(said.status, 201, said.text);
	await who.got('我在');
	const other = await post(`/api/chat/conversations/${conversation}/take`, {}, 'admin');
	assert.deepEqual([other.status, other.json.code], [409, 'conflict']);
	assert.equal((await post(`/api/chat/conversations/${conversation}/hand-back`, {}, 'operator')).json.handler, 'machine');
	await who.come('and now?');
	await who.got('我在', 're: and now?');
	assert.equal((await post(`/api/chat/conversations/${conversation}/close`, {}, 'operator')).json.state, 'closed');
	assert.notEqual((await who.come('again')).conversation, conversation);
	assert.deepEqual((await system.sql(`SELECT action FROM audit_log WHERE object = 'conversation:${conversation}' ORDER BY id`)).map(([x]) => x),
		['chat.take', 'chat.say', 'chat.hand_back', 'chat.close']);
});

test('a request that is repeated with its key says its words once', async () => {
	const who = person(), { conversation } = await who.come('nothing!');
	const say = () => post(`/api/chat/conversations/${conversation}/messages`, { text: 'once' }, 'operator', { 'Idempotency-Key': 'say-once' });
	const first = await say();
	await system.sql('DELETE FROM idempotency');     // a process that died before it kept its answer
	assert.deepEqual((await say()).json, first.json);
	await who.got('once');
});

test('what its channel refuses goes another way, then becomes a draft, then a person\'s', async () => {
	const tie = fresh('union'), first = person(), second = person(undefined, 'parley-second'), third = person(undefined, 'parley-draft');
	await second.come('nothing!', { unionid: tie });
	await third.come('nothing!', { unionid: tie, quiet: true });
	await window(first.peer, 5, { behave: 'refuses' });
	const one = await first.come('one', { unionid: tie });
	await second.got('re: one');
	const history = async (conversation, id) => (await system.get(`/api/chat/conversations/${conversation}/messages`, { headers: as('operator') })).json.items
		.find((m) => m.id === id)?.history.map(({ what, detail }) => `${what} ${detail}`);
	const [[answer]] = await system.sql(`SELECT id FROM message WHERE answers = ${one.message}`);
	assert.deepEqual(await history(one.conversation, Number(answer)), ['failed parley 95002', 'fallback parley-second']);

	await window(second.peer, 0);
	const two = await first.come('two', { unionid: tie });
	const draft = await waitFor('a draft', async () => (await system.get('/api/chat/drafts', { headers: as('operator') })).json.items.find((d) => d.answers === two.message));
	assert.deepEqual([draft.channel, draft.text, draft.state], ['parley-draft', 're: two', 'draft']);
	assert.equal((await post(`/api/chat/drafts/${draft.id}/approve`, {}, 'operator')).status, 403);
	assert.equal((await post(`/api/chat/drafts/${draft.id}/approve`, {}, 'approver')).status, 200);
	await third.got('re: two');
	assert.equal((await post(`/api/chat/drafts/${draft.id}/discard`, {}, 'approver')).status, 409);

	await system.sql(`DELETE FROM channel_identities WHERE customer = ${one.customer} AND channel = 'parley-draft'`);
	const three = await first.come('three', { unionid: tie });
	await waitFor('a person has it', async () => (await message(three.message)).outcome === 'person');
	const { json } = await system.get(`/api/chat/conversations/${one.conversation}`, { headers: as('operator') });
	assert.equal(json.handler, 'person');
});

test('a receipt of failure replaces what was sent, and nothing replaces a failure', async () => {
	const who = person(), { message: asked, conversation } = await who.come('hello');
	await who.got('re: hello');
	const [[id]] = await waitFor('it is sent', async () => (await system.sql(`SELECT id FROM message WHERE answers = ${asked} AND state = 13`)).length
		&& system.sql(`SELECT id FROM message WHERE answers = ${asked}`));
	assert.equal((await post(`/api/parley/failed/${id}`)).json.changed, 1);
	await waitFor('nobody else carries it', async () => (await message(id)).state === STATE.failed);
	assert.deepEqual([(await message(asked)).outcome, (await post(`/api/parley/failed/${id}`)).json.changed], ['person', 0]);
	assert.equal((await system.get(`/api/chat/conversations/${conversation}`, { headers: as('operator') })).json.handler, 'person');
});

test('a recalled message is shown no more and not answered', async () => {
	const who = person();
	await who.come('slow!700');
	const msgid = fresh('recalled'), { message: id, conversation } = await who.come('do not read this', { msgid });
	assert.equal((await post('/api/parley/recalls', { msgid })).json.recalled, 1);
	await who.come('but this');
	await who.got('re: slow!700', 're: but this');
	assert.equal((await message(id)).outcome, 'recalled');
	const { json } = await system.get(`/api/chat/conversations/${conversation}/messages`, { headers: as('operator') });
	assert.deepEqual([json.items.find((m) => m.id === id).text, json.items.find((m) => m.id === id).recalled], [null, true]);
	assert.deepEqual((await system.get('/api/chat/messages?q=do%20not%20read', { headers: as('operator') })).json.items, []);
});

test('killed between the send and its record: the channel is asked again, and it was sent once', async () => {
	const who = person();
	await window(who.peer, 5, { behave: 'dies' });
	const { message: asked } = await who.come('fatal');
	await who.got('re: fatal');
	await waitFor('it is recorded', async () => await system.number(`SELECT COUNT(*) FROM message WHERE answers = ${asked} AND state = 13`) === 1);
	assert.deepEqual(await who.sent(), ['re: fatal']);
});

test('messages are found by what they say, whatever it is, and by nothing else', async () => {
	const who = person(undefined);
	const texts = ['我的发票什么时候寄出？', 'The Invoice No. ＡＢＣ１２３ is late', "'; DROP TABLE message; -- ", '+"~*()<>@ 退款', '😀😀 表情'];
	for (const text of texts) await who.come(text);
	const find = async (q) => (await system.get(`/api/chat/messages?q=${encodeURIComponent(q)}`, { headers: as('operator') })).json.items
		.filter((m) => m.from === 'customer').map((m) => m.preview);
	assert.deepEqual(await find('发票'), [texts[0]]);
	assert.deepEqual(await find('什么时候 发票'), [texts[0]]);
	assert.deepEqual(await find('abc123'), [texts[1].replace(/[0-9]/g, '*')]);
	assert.deepEqual(await find('INVOICE'), [texts[1]]);
	assert.deepEqual(await find('drop table'), [texts[2]]);
	assert.deepEqual(await find('退款'), [texts[3]]);
	assert.deepEqual(await find('😀😀'), [texts[4]]);
	for (const q of ['票发', '+-><()~*"@', '"', "' OR 1=1", '发', '%', '不存在的词']) assert.deepEqual(await find(q), [], q);
	assert.equal(await system.number("SELECT COUNT(*) FROM message_words WHERE words LIKE '%invoice%' OR words NOT REGEXP '^[a-z2-7 ]+$'"), 0);
});

test('files are kept once for each content, told by their first bytes and given out as downloads', async () => {
	const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(1000, 7)]);
	const put = (body, name) => system.get(`/api/chat/media?name=${encodeURIComponent(name)}`, { method: 'POST', body, headers: { Authorization: `Bearer ${keys.operator}` } });
	const one = await put(png, '../../etc/发票\u202e.html'), two = await put(png, 'b.exe'), html = await put('<script>alert(1)</script>', 'x.html');
	assert.deepEqual([one.status, two.status, html.status], [201, 201, 201], one.text);
	assert.equal(await system.number(`SELECT COUNT(DISTINCT file) FROM media WHERE id IN (${one.json.id}, ${two.json.id})`), 1);
	const got = await system.get(`/api/chat/media/${one.json.id}`, { headers: as('operator') });
	assert.deepEqual([got.status, got.headers['content-type'], got.headers['x-content-type-options']], [200, 'image/png', 'nosniff']);
	assert.equal(got.headers['content-disposition'], `attachment; filename*=UTF-8''${encodeURIComponent('发票.html')}`);
	assert.match(got.headers['content-security-policy'], /^sandbox/);
	assert.equal((await system.get(`/api/chat/media/${html.json.id}`, { headers: as('operator') })).headers['content-type'].split(';')[0], 'text/plain');
	assert.equal((await put(Buffer.alloc(0), 'empty')).status, 400);
	assert.equal((await put(Buffer.alloc(300_001), 'large')).status, 413);
	const who = person(), { conversation } = await who.come('nothing!');
	const said = await post(`/api/chat/conversations/${conversation}/messages`, { media: one.json.id }, 'operator');
	assert.equal(said.status, 201, said.text);
	const { json } = await system.get(`/api/chat/conversations/${conversation}/messages`, { headers: as('operator') });
	assert.deepEqual([json.items[0].kind, json.items[0].media], ['image', { id: one.json.id, name: '发票.html', type: 'image/png', bytes: 1008 }]);
});

test('viewers see conversations, with names and figures masked, and no messages', async () => {
	const who = person(), { conversation } = await who.come('nothing! 我是王小明，电话13800138000', { name: '王小明' });
	const list = (role) => system.get('/api/chat/conversations?limit=1', { headers: as(role) });
	const { json: { items: [item] } } = await list('viewer');
	assert.deepEqual([item.id, item.customer.name, item.source, item.state], [conversation, '王**', 'kf', 'open']);
	assert.equal(item.last.preview, 're: nothing! 我是**，电话***********'.slice(item.last.from === 'customer' ? 4 : 0));
	assert.equal((await list('operator')).json.items[0].customer.name, '王小明');
	for (const at of [`/api/chat/conversations/${conversation}`, `/api/chat/conversations/${conversation}/messages`, '/api/chat/messages?q=电话', '/api/chat/drafts', '/api/chat/media/1'])
		assert.equal((await system.get(encodeURI(at), { headers: as('viewer') })).status, 403, at);
	for (const [query, found] of [['q=王小明', 1], [`q=${who.peer}`, 1], ['q=没有这个', 0], ['source=web&q=王小明', 0], ['handler=person&q=王小明', 0]])
		assert.equal((await system.get(encodeURI(`/api/chat/conversations?${query}`), { headers: as('viewer') })).json.items.length, found, query);
	const whole = (await system.get(`/api/chat/conversations/${conversation}`, { headers: as('operator') })).json;
	assert.deepEqual([whole.window.open, whole.identities[0].peer], [true, who.peer]);
	assert.equal((await system.get(encodeURI(`/api/customers?q=王小明`), { headers: as('viewer') })).json.items[0].name, '王**');
});
