// The web tier, through a plugin made for the purpose (tests/plugins/probe): roles, bodies, limits, answers in pieces.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, startSystem, tempFolder } from './harness.mjs';

let system, folder;
const keys = {};

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'probe');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[plugins]\nprobe = on\n` });
	for (const role of ['viewer', 'operator', 'approver', 'admin'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

const as = (role) => ({ headers: { Authorization: `Bearer ${keys[role]}` } });

test('each role may do what the ones below it may, and no more', async () => {
	const roles = ['anyone', 'viewer', 'operator', 'approver', 'admin'];
	for (const needed of roles) {
		const without = await system.get(`/api/probe/${needed}`);
		assert.equal(without.status, needed === 'anyone' ? 200 : 401, `${needed} without a key`);
		for (const role of roles.slice(1)) {
			const { status, json } = await system.get(`/api/probe/${needed}`, as(role));
			const expected = roles.indexOf(role) >= roles.indexOf(needed) ? 200 : 403;
			assert.equal(status, expected, `${role} at ${needed}`);
			if (status === 403) assert.equal(json.code, 'forbidden');
		}
	}
});

test('a key that is taken away no longer opens anything', async () => {
	const key = (await system.wecomd('key', 'add', '--name', 'leaver', '--role', 'admin')).stdout.trim();
	const ask = () => system.get('/api/probe/admin', { headers: { Authorization: `Bearer ${key}` } });
	assert.equal((await ask()).status, 200);
	await system.sql("DELETE FROM api_key WHERE name = 'leaver'");
	const end = Date.now() + 10_000;     // a checked key may be remembered for some seconds
	while ((await ask()).status !== 401) assert.ok(Date.now() < end, 'the key is still taken');
});

const order = (value) => system.postJson('/api/probe/orders', value);

test('a body is checked against its table and its defaults are filled in', async () => {
	const { status, json } = await order({ name: '茶', count: 2, wait: '5m', urgent: true });
	assert.equal(status, 201);
	assert.deepEqual(json, { name: '茶', kind: 'tea', count: 2, wait_ms: 300_000, size: 2048, urgent: true });
});

test('every bad field is named at once', async () => {
	const { status, headers, text } = await order({ kind: 'beer', count: 11, wait: 'soon', size: -1, urgent: 'perhaps', colour: 'red' });
	assert.equal(status, 422);
	assert.match(headers['content-type'], /^application\/problem\+json/);
	for (const field of ['name', 'kind', 'count', 'wait', 'size', 'urgent', 'colour']) assert.match(text, new RegExp(`"${field}"`));
});

test('values of the wrong type are bad fields', async () => {
	for (const bad of [{ name: 1 }, { name: '' }, { name: 'x'.repeat(13) }, { name: null }, { name: 'x', count: 1.5 }, { name: 'x', count: 1e30 }, { name: 'x', urgent: [] }])
		assert.equal((await order(bad)).status, 422, JSON.stringify(bad));
});

test('a body that is not one JSON object is refused', async () => {
	for (const body of ['', '{', '[]', 'null', '"x"', '{} {}', '{"name":"a","name":"b"}', '{"name":"\xff"}', `${'['.repeat(5000)}`]) {
		const { status, headers } = await system.get('/api/probe/orders', { method: 'POST', body: Buffer.from(body, 'latin1') });
		assert.ok(status === 400 || status === 422, `${body.slice(0, 20)} gave ${status}`);
		assert.match(headers['content-type'], /^application\/problem\+json/);
	}
});

test('a route may have a limit of its own', async () => {
	const send = (n) => system.get('/api/probe/bytes', { method: 'POST', body: 'x'.repeat(n) });
	assert.deepEqual((await send(0)).json, { bytes: 0 });
	assert.deepEqual((await send(5000)).json, { bytes: 5000 });
	const over = await send(5001);
	assert.equal(over.status, 413);
	assert.equal(over.json.status, 413);
});

test('an answer in pieces arrives piece by piece', async () => {
	const pieces = [];
	await new Promise((resolve, reject) => {
		http.get(`${system.url}/api/probe/drip`, (answer) => {
			answer.on('data', (piece) => pieces.push(String(piece))).on('end', resolve).on('error', reject);
		}).on('error', reject);
	});
	assert.deepEqual(pieces, ['a', 'b', 'c']);
});

test('query parameters are decoded once, and a plus stays a plus', async () => {
	const q = async (text) => (await system.get(`/api/probe/query?${text}`)).json.q;
	assert.equal(await q('a=1&q=x&b=2'), 'x');
	assert.equal(await q('q=a+b'), 'a+b');
	assert.equal(await q('q=%2B%25%32%35'), '+%25');
	assert.equal(await q('q=%E4%BD%A0'), '你');
	assert.equal(await q('q='), '');
	assert.equal(await q(''), null);
	assert.ok((await system.get('/api/probe/query?q=%ff')).status < 500, 'bytes that are no text');
});

test('HEAD answers as GET does, without the body', async () => {
	const answer = await system.get('/health', { method: 'HEAD' });
	assert.equal(answer.status, 200);
	assert.equal(answer.text, '');
	assert.match(answer.headers['content-type'], /^application\/json/);
});

test('forty requests at once on slow routes are all served', async () => {
	const answers = await Promise.all(Array.from({ length: 40 }, () => system.get('/api/probe/drip')));
	assert.deepEqual([...new Set(answers.map(({ text }) => text))], ['abc']);
});
