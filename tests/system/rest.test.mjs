// What every part of the REST API has in common: queries, lists, repeats, conditional and compressed answers, limits, the OpenAPI
// document; on the real path through nginx, with a plugin made for the purpose (tests/plugins/things).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import zlib from 'node:zlib';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { ask } from './fastcgi.mjs';
import { copyPlugins, removeFolder, root, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const keys = {};

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'things');
	fs.cpSync(path.join(root, 'sql'), path.join(folder, 'sql'), { recursive: true });
	fs.mkdirSync(path.join(folder, 'sql/things'));
	fs.copyFileSync(path.join(root, 'tests/plugins/things/0001_things.sql'), path.join(folder, 'sql/things/0001_things.sql'));
	system = await startSystem({
		conf: `[core]\nplugin_dir = ${folder}\nsql_dir = ${folder}/sql\n[web]\nio_timeout = 1s\n[plugins]\nthings = on\n`,
	});
	for (const [name, role] of [['viewer', 'viewer'], ['operator', 'operator'], ['other', 'operator']])
		keys[name] = (await system.wecomd('key', 'add', '--name', name, '--role', role)).stdout.trim();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

const auth = (who) => ({ Authorization: `Bearer ${keys[who]}` });
const get = (at, headers = {}, who = 'viewer') => system.get(at, { headers: { ...auth(who), ...headers } });
const send = (method, at, value, headers = {}, who = 'operator') => system.get(at, {
	method, body: typeof value === 'string' ? value : value && JSON.stringify(value),
	headers: { ...auth(who), ...value ? { 'Content-Type': 'application/json' } : {}, ...headers },
});

function isProblem(answer, status, code) {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.headers['content-type'], /^application\/problem\+json/);
	assert.equal(answer.json.status, status);
	assert.equal(answer.json.code, code);
	assert.ok(answer.json.title && answer.json.detail && answer.json.trace_id, answer.text);
}

const badFields = (answer) => {
	isProblem(answer, 422, 'bad_fields');
	for (const { expected } of answer.json.errors) assert.ok(expected.length > 3);
	return answer.json.errors.map(({ field }) => field);
};

// --- queries ---

test('a query fills its table, with defaults, and what is left out is absent', async () => {
	const every = (query) => get(`/api/things/every?${query}`).then(({ json }) => json);
	assert.deepEqual(await every(''), {
		text: null, choice: null, number: null, pause: null, size: 4096, at: null, on: true, list: ['x', 'y'], object: null,
	});
	assert.deepEqual(await every('text=%E4%BD%A0+&choice=b&number=-5&pause=2m&size=1k&at=2026-01-31T08:00:00%2B08:00&on=off&list=a,%20b&object={"a":[1]}&secret=s'
		.replace('{"a":[1]}', encodeURIComponent('{"a":[1]}'))), {
		text: '你+', choice: 'b', number: -5, pause: 120_000, size: 1024, at: '2026-01-31T00:00:00.000Z', on: false, list: ['a', 'b'],
		object: { a: [1] },
	});
});

test('every bad parameter is named at once: unknown, repeated, wrong', async () => {
	const answer = await get('/api/things/every?text=x&choice=c&number=6&pause=soon&size=-1&at=today&on=perhaps&list=a,b,c,d&object=[]&colour=red&secret=a&secret=b');
	assert.deepEqual(badFields(answer), ['text', 'choice', 'number', 'pause', 'size', 'at', 'on', 'list', 'object', 'colour', 'secret']);
	assert.deepEqual(badFields(await get('/api/things?limit=0&cursor=x&parity=both&sort=up')), ['limit', 'parity', 'sort']);
});

test('a handler adds headers to its answer: no more than eight, none with a line break, none that the host writes', async () => {
	const header = (name, value, times = 1) => get(`/api/things/header?${new URLSearchParams({ name, value, times })}`);
	const good = await header('Content-Disposition', "attachment;%20filename*=UTF-8''%E6%8A%A5.csv");
	assert.deepEqual([good.json, good.headers['content-disposition']], [{ set: 1 }, "attachment;%20filename*=UTF-8''%E6%8A%A5.csv"]);
	for (const [name, value] of [['X-A', 'a\r\nX-Evil: 1'], ['X-A', 'a\nb'], ['X-A\r\nX-Evil', '1'], ['X-A: X-Evil', '1'], ['', '1'], ['X-A', '报'], ['X-A', 'x'.repeat(1025)],
		['set-cookie', 'a=b'], ['Content-Length', '0'], ['Status', '500'], ['content-type', 'text/html']]) {
		const { status, json, headers } = await header(name, value);
		assert.deepEqual([status, json, headers['x-evil'], headers['x-a'], headers['set-cookie']], [200, { set: 0 }, undefined, undefined, undefined], `${name}: ${value}`);
		assert.equal(headers['content-type'], 'application/json');
	}
	assert.deepEqual((await header('X-Many', '1', 9)).json, { set: 8 });
});

test('a body takes the same types, and null is as good as nothing where a field may be left out', async () => {
	const every = (value) => send('POST', '/api/things/every', value);
	const full = { text: '你', choice: 'a', number: 5, pause: '2m', size: 10, at: '2026-01-31T08:00:00.5+08:00', on: false, list: ['a,b'], object: { x: null } };
	assert.deepEqual((await every(full)).json, { ...full, pause: 120_000, at: '2026-01-31T00:00:00.500Z' });
	assert.equal((await every({ text: null, number: null, at: null, object: null })).json.number, null);
	for (const [field, value] of [['text', 5], ['text', 'x'], ['choice', 'c'], ['number', 1.5], ['at', 7], ['at', '2026-02-30T00:00:00Z'],
		['list', 'a,b'], ['list', ['a', 1]], ['list', ['a', 'b', 'c', 'd']], ['object', []], ['object', 'x'], ['on', 'on']])
		assert.deepEqual(badFields(await every({ [field]: value })), [field], JSON.stringify(value));
});

test('the answer does not grow with what is wrong with a body', async () => {
	const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}${'名'.repeat(40)}`, i]));
	const answer = await send('POST', '/api/things/every', many);
	assert.equal(badFields(answer).length, 64);
	assert.ok(answer.bytes.length < 10_000, `${answer.bytes.length} bytes`);
});

// --- lists ---

async function pages(at, limit) {
	const items = [];
	let count = 0, next = null;
	do {
		const cursor = next === null ? '' : `&cursor=${encodeURIComponent(next)}`;
		const { status, json } = await get(`${at}${at.includes('?') ? '&' : '?'}limit=${limit}${cursor}`);
		assert.equal(status, 200);
		assert.deepEqual(Object.keys(json), ['items', 'next']);
		assert.ok(json.items.length <= limit);
		items.push(...json.items);
		next = json.next;
		count++;
	} while (next !== null);
	return { items, count };
}

const numbers = (from, to, step = 1) => Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);

test('a list of 500 is read page by page, each item once and in order', async () => {
	const at = '/api/things?before=501';
	for (const limit of [1, 7, 100, 125, 200]) {
		if (limit === 1) continue;
		const { items, count } = await pages(at, limit);
		assert.deepEqual(items.map(({ id }) => id), numbers(1, 500));
		assert.equal(count, Math.ceil(500 / limit), 'a page that is just full is the last');
	}
	assert.equal((await get(at)).json.items.length, 50, 'the default');
	const odd = await pages('/api/things?parity=odd&before=100', 20);
	assert.deepEqual(odd.items.map(({ id }) => id), numbers(1, 99, 2));
	assert.deepEqual((await pages('/api/things/words', 1)).items, ['甲/a', '乙 b', '丙%c', '丁"d']);
	assert.deepEqual((await get('/api/things?before=1')).json, { items: [], next: null });
});

test('a page holds 1 to 200 items', async () => {
	for (const limit of ['0', '201', '-1', '', 'ten', '1.5', '99999999999999999999'])
		assert.deepEqual(badFields(await get(`/api/things?limit=${limit}`)), ['limit'], limit);
});

test('a cursor that was changed, made up, or taken from another list is refused', async () => {
	const { next } = (await get('/api/things?limit=2')).json;
	assert.equal((await get(`/api/things?limit=2&cursor=${next}`)).json.items[0].id, 3);
	const forged = `${next.slice(0, 32)}${Buffer.from('400').toString('hex')}`;
	const changed = `${next[0] === '0' ? '1' : '0'}${next.slice(1)}`;
	for (const cursor of ['', 'x', forged, changed, next.slice(0, -1), `${next}00`, next.toUpperCase(), 'f'.repeat(32), '400', `${next}%00`.slice(0, -3) + '31', 'é', 'f'.repeat(3000)])
		assert.deepEqual(badFields(await get(`/api/things?limit=2&cursor=${encodeURIComponent(cursor)}`)), ['cursor'], cursor);
	const words = (await get('/api/things/words?limit=1')).json.next;
	assert.deepEqual(badFields(await get(`/api/things?cursor=${words}`)), ['cursor']);
});

test('the loaded plugins are a list', async () => {
	const { items } = await pages('/api/plugins', 1);
	assert.deepEqual(items.map(({ name }) => name).sort(), ['hello', 'smartbot', 'things']);
	const things = items.find(({ name }) => name === 'things');
	assert.deepEqual(things.needs, ['hello']);
	assert.ok(things.routes > 10 && things.summary);
	assert.deepEqual(things.tools, []);
	assert.deepEqual(items.find(({ name }) => name === 'hello').tools, ['hello_greet']);
	assert.equal((await system.get('/api/plugins')).status, 401);
});

// --- repeats ---

const keyed = (key, value, { at = '/api/things', method = 'POST', who = 'operator' } = {}) =>
	send(method, at, value, { 'Idempotency-Key': key }, who);
const made = (name) => system.number(`SELECT COUNT(*) FROM things_thing WHERE name = '${name}'`);

// Keeps writes waiting until it is released, at the latest with the test.
async function holdThings(t) {
	const lock = await system.lockTable('things_thing');
	let released = false;
	const release = () => { if (!released) { released = true; return lock.release(); } };
	t.after(release);
	return { release };
}

test('a write that is repeated with its key happens once and gets the same answer', async () => {
	const first = await keyed('k-1', { name: 'once', size: 2000 });
	assert.equal(first.status, 201);
	assert.equal(first.headers['idempotent-replayed'], undefined);
	for (let i = 0; i < 3; i++) {
		const again = await keyed('k-1', { name: 'once', size: 2000 });
		assert.equal(again.status, 201);
		assert.equal(again.text, first.text);
		assert.equal(again.headers['content-type'], first.headers['content-type']);
		assert.equal(again.headers['idempotent-replayed'], 'true');
	}
	assert.equal(await made('once'), 1);
	await send('POST', '/api/things', { name: 'twice' });
	await send('POST', '/api/things', { name: 'twice' });
	assert.equal(await made('twice'), 2, 'without a key nothing is remembered');
});

test('the answers of a refusal, of no content and of PUT and DELETE are kept too', async () => {
	for (const status of [204, 404, 409]) {
		const name = `kept ${status}`;
		const first = await keyed(name.replace(' ', '-'), { name, status }, { method: 'PUT' });
		const again = await keyed(name.replace(' ', '-'), { name, status }, { method: 'PUT' });
		assert.deepEqual([first.status, again.status, again.text], [status, status, first.text]);
		assert.equal(await made(name), 1);
	}
	const { id } = (await send('POST', '/api/things', { name: 'away' })).json;
	const away = () => keyed('del-1', undefined, { at: `/api/things/${id}`, method: 'DELETE' });
	assert.deepEqual([(await away()).status, (await away()).status], [204, 204]);
	assert.equal((await send('DELETE', `/api/things/${id}`)).status, 404);
});

test('an answer that promises better luck next time frees the key', async () => {
	for (const status of [429, 503]) {
		await keyed(`luck-${status}`, { name: `luck ${status}`, status });
		isProblem(await keyed(`luck-${status}`, { name: `luck ${status}`, status }), status, 'as_asked');
		assert.equal(await made(`luck ${status}`), 2);
	}
});

test('a request that never reached its handler does not use up the key', async () => {
	assert.deepEqual(badFields(await keyed('early', { nam: 'x' })), ['name', 'nam']);
	assert.equal((await keyed('early', { name: 'early' })).status, 201);
});

test('the same key for another body, path or method is a conflict', async () => {
	await keyed('k-2', { name: 'first' });
	for (const [value, options] of [[{ name: 'second' }], [{ name: 'first' }, { at: '/api/things/secret' }], [{ name: 'first' }, { method: 'PUT' }],
		[{ name: 'first' }, { at: '/api/things?x=1' }], ['{"name": "first"}']])
		isProblem(await keyed('k-2', value, options), 409, 'idempotency_conflict');
	assert.equal(await made('second'), 0);
});

test('a key belongs to its caller', async () => {
	const mine = (await keyed('shared', { name: 'mine' })).json;
	const theirs = (await keyed('shared', { name: 'theirs' }, { who: 'other' })).json;
	assert.notEqual(mine.id, theirs.id);
	assert.equal(await made('theirs'), 1);
	isProblem(await system.get('/api/things/anyone', { method: 'POST', body: '{"name":"x"}', headers: { 'Idempotency-Key': 'k' } }), 400, 'idempotency_anonymous');
	isProblem(await keyed('shared', { name: 'mine' }, { who: 'viewer' }), 403, 'forbidden');
});

test('a kept answer counts only in its own row', async () => {
	await keyed('row-1', { name: 'row one' });
	await keyed('row-2', { name: 'row two' });
	await system.sql(`UPDATE idempotency a JOIN idempotency b ON a.key_hash <> b.key_hash SET a.answer = b.answer
		WHERE a.state = 1 AND b.state = 1 AND a.expires_at = (SELECT MAX(expires_at) FROM idempotency)`);
	isProblem(await keyed('row-2', { name: 'row two' }), 409, 'idempotency_not_replayable');
	assert.equal((await keyed('row-1', { name: 'row one' })).headers['idempotent-replayed'], 'true');
	assert.equal(await made('row two'), 1);
});

test('a key is 1 to 200 visible ASCII characters', async () => {
	for (const bad of ['a b', 'x'.repeat(201), 'k\u00e9'])
		isProblem(await keyed(bad, { name: 'bad key' }), 400, 'bad_request');
	assert.equal((await keyed('x'.repeat(200), { name: 'good key' })).status, 201);
	assert.equal((await keyed('!"#~', { name: 'good key' })).status, 201);
	assert.equal(await made('bad key'), 0);
});

test('a repeat while the first still runs is told to come back; both happen once', async (t) => {
	const lock = await holdThings(t);
	const first = keyed('slow', { name: 'slow' });
	await waitFor('the claim of the key', async () => await system.number('SELECT COUNT(*) FROM idempotency WHERE state = 0') === 1);
	const during = await keyed('slow', { name: 'slow' });
	isProblem(during, 409, 'idempotency_in_progress');
	assert.equal(during.headers['retry-after'], '1');
	isProblem(await keyed('slow', { name: 'other' }), 409, 'idempotency_conflict');
	await lock.release();
	const answer = await first;
	assert.equal(answer.status, 201);
	assert.equal((await keyed('slow', { name: 'slow' })).text, answer.text);
	assert.equal(await made('slow'), 1);
});

test('of twenty that come at once one runs', async () => {
	const answers = await Promise.all(Array.from({ length: 20 }, () => keyed('crowd', { name: 'crowd' })));
	for (const answer of answers)
		if (answer.status !== 201) isProblem(answer, 409, 'idempotency_in_progress');
	assert.equal(new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text)).size, 1);
	assert.equal(await made('crowd'), 1);
});

test('when the process of the first dies the key is free again after a while, and not before', async (t) => {
	const lock = await holdThings(t);
	const first = keyed('killed', { name: 'killed' }).catch((error) => error);
	await waitFor('the claim of the key', async () => await system.number('SELECT COUNT(*) FROM idempotency WHERE state = 0') === 1);
	const before = system.children('web');
	for (const pid of before) process.kill(pid, 'SIGKILL');
	assert.ok((await first).status >= 500);
	await lock.release();
	await waitFor('new children', () => system.children('web').length === 2 && !system.children('web').some((pid) => before.includes(pid)));
	isProblem(await keyed('killed', { name: 'killed' }), 409, 'idempotency_in_progress');
	assert.equal(await system.number('SELECT COUNT(*) FROM idempotency WHERE state = 0 AND expires_at < CURRENT_TIMESTAMP(3) + INTERVAL 121 SECOND'), 1);
	await system.sql('UPDATE idempotency SET expires_at = CURRENT_TIMESTAMP(3) WHERE state = 0');
	assert.equal((await keyed('killed', { name: 'killed' })).status, 201);
});

test('large, streamed and secret answers are not kept, and no repeat does the thing again', async () => {
	for (const [key, at, value] of [['big', '/api/things', { name: 'big', size: '100k' }], ['pieces', '/api/things/pieces', { name: 'pieces' }],
		['secret', '/api/things/secret', { name: 'secret' }]]) {
		assert.ok((await keyed(key, value, { at })).status < 300);
		isProblem(await keyed(key, value, { at }), 409, 'idempotency_not_replayable');
		assert.equal(await made(key), 1);
	}
	assert.equal(await system.number('SELECT COUNT(*) FROM idempotency WHERE state = 2 AND answer IS NULL'), 3);
});

test('kept answers are sealed, keys and requests are hashes', async () => {
	await keyed('find-me-key', { name: 'find-me-name', size: 50 });
	const dump = JSON.stringify(await system.sql('SELECT HEX(key_hash), HEX(request_hash), HEX(answer), content_type FROM idempotency'));
	for (const plain of ['find-me-key', 'find-me-name', 'xxxxxxxx', keys.operator])
		assert.ok(!dump.includes(Buffer.from(plain).toString('hex').toUpperCase()) && !dump.includes(plain), plain);
});

test('after a day a key is new again, and a job deletes what is over', async () => {
	const day = await system.number('SELECT TIMESTAMPDIFF(MINUTE, CURRENT_TIMESTAMP(3), MAX(expires_at)) FROM idempotency');
	assert.ok(day >= 1438 && day <= 1440, `${day} minutes`);
	await keyed('daily', { name: 'daily' });
	await system.sql('UPDATE idempotency SET expires_at = CURRENT_TIMESTAMP(3)');
	assert.equal((await keyed('daily', { name: 'another' })).status, 201);
	assert.ok(await system.number('SELECT COUNT(*) FROM idempotency') > 5);
	assert.equal((await send('POST', '/api/things/forget')).status, 202);
	await waitFor('the end of the old rows', async () => await system.number('SELECT COUNT(*) FROM idempotency') === 1);
	assert.equal((await keyed('daily', { name: 'another' })).headers['idempotent-replayed'], 'true');
});

test('without the database a write with a key is not begun', async () => {
	const database = await system.hideDatabase();
	const answer = await keyed('no-db', { name: 'x' });
	database.back();
	isProblem(answer, 503, 'database_unavailable');
	await waitFor('readiness', async () => (await system.get('/ready')).status === 200);
});

// --- how answers travel ---

test('a large answer is compressed for who takes it, a secret one never', async () => {
	const plain = await get('/api/things/large');
	assert.equal(plain.headers['content-encoding'], undefined);
	for (const accept of ['gzip', 'br, gzip;q=0.5', '*', 'GZIP']) {
		const packed = await get('/api/things/large', { 'Accept-Encoding': accept });
		assert.equal(packed.headers['content-encoding'], 'gzip', accept);
		assert.equal(packed.headers.vary, 'Accept-Encoding');
		assert.ok(packed.bytes.length < 200);
		assert.equal(zlib.gunzipSync(packed.bytes).toString(), plain.text);
		assert.equal(packed.headers.etag, plain.headers.etag);
	}
	for (const accept of ['br', 'gzip;q=0', 'gzip;q=0, *', 'identity', ''])
		assert.equal((await get('/api/things/large', { 'Accept-Encoding': accept })).headers['content-encoding'], undefined, accept);
	for (const at of ['/api/things/secret', '/api/hello/x'])
		assert.equal((await get(at, { 'Accept-Encoding': 'gzip' })).headers['content-encoding'], undefined, at);
	assert.equal((await get('/api/things/secret')).headers.etag, undefined);
});

test('who has the answer is told so', async () => {
	const { headers: { etag }, text } = await get('/api/plugins');
	assert.match(etag, /^W\/"[0-9a-f]{32}"$/);
	for (const known of [etag, etag.slice(2), '*', `"other", ${etag}`, `W/"a,b",${etag}`]) {
		const answer = await get('/api/plugins', { 'If-None-Match': known });
		assert.deepEqual([answer.status, answer.text, answer.headers.etag], [304, '', etag], known);
		assert.equal(answer.headers['content-type'], undefined);
	}
	for (const other of ['"x"', etag.slice(0, -2), `"${etag.slice(3, -2)}"`, '']) {
		const answer = await get('/api/plugins', { 'If-None-Match': other });
		assert.deepEqual([answer.status, answer.text], [200, text], other);
	}
	const head = await system.get('/api/plugins', { method: 'HEAD', headers: { ...auth('viewer'), 'If-None-Match': etag } });
	assert.equal(head.status, 304);
	assert.equal((await get('/api/things/secret', { 'If-None-Match': '*' })).status, 200);
	assert.equal((await send('POST', '/api/things', { name: 'tag' }, { 'If-None-Match': '*' })).status, 201);
});

test('HEAD has the headers of GET and no body', async () => {
	for (const headers of [{}, { 'Accept-Encoding': 'gzip' }]) {
		const whole = await get('/api/things/large', headers);
		const head = await system.get('/api/things/large', { method: 'HEAD', headers: { ...auth('viewer'), ...headers } });
		assert.equal(head.status, 200);
		assert.equal(head.text, '');
		for (const name of ['content-type', 'content-length', 'content-encoding', 'etag', 'vary', 'cache-control'])
			assert.equal(head.headers[name], whole.headers[name], name);
	}
	assert.equal((await system.get('/api/things/large', { method: 'HEAD' })).status, 401);
});

test('other methods are refused and change nothing', async () => {
	for (const method of ['OPTIONS', 'PATCH', 'DELETE']) {
		const answer = await send(method, '/api/plugins');
		isProblem(answer, 405, 'method_not_allowed');
		assert.equal(answer.headers.allow, 'GET');
	}
	assert.equal((await send('TRACE', '/api/plugins')).status, 405);
});

// --- bad input ---

test('paths that are no text, and tricks with escapes', async () => {
	const echo = async (name) => {
		const answer = await get(`/api/things/echo/${name}`);
		return answer.status === 200 ? answer.json.name : answer.status;
	};
	assert.equal(await echo('a%2Fb'), 'a/b');
	assert.equal(await echo('a%252Fb'), 'a%2Fb', 'decoded once');
	assert.equal(await echo('a+b%2Bc'), 'a+b+c');
	assert.equal(await echo('%E4%BD%A0'), '你');
	assert.equal(await echo('x;y=1'), 'x;y=1');
	for (const bad of ['%ff', '%c0%af', '%ed%a0%80', '%00', 'a%0d%0aX-Y:1', '%7f', '%', '%4', '%zz'])
		assert.equal(await echo(bad), 400, bad);
	for (const none of ['', 'a/b', '%2e%2e/echo', '../echo'])
		assert.ok(await echo(none) >= 400, none);
	assert.equal((await get('/api/thin%67s/echo/x')).status, 404, 'a literal is not written in escapes');
	assert.equal((await get('//api/things')).status, 404);
	for (const bad of ['text=%ff', 'text=%00', 'text=%', '%ff=1', '=1', 'text=%ed%a0%80'])
		isProblem(await get(`/api/things/every?${bad}`), 400, 'bad_request');
	assert.equal((await get('/api/things/every?text=%252F')).json.text, '%2F', 'decoded once');
	assert.equal((await get('/api/things/every?&&')).status, 200);
});

test('bodies that are no JSON, too deep, of the wrong type or encoding', async () => {
	const post = (body, headers = {}) => system.get('/api/things/every', { method: 'POST', body, headers: { ...auth('viewer'), 'Content-Type': 'application/json', ...headers } });
	const deep = (n) => `{"object":{"a":${'['.repeat(n)}${']'.repeat(n)}}}`;
	assert.equal((await post(deep(100))).status, 200);
	for (const bad of [deep(10_000), '['.repeat(10_000), '{"a":'.repeat(10_000), '{"on":true,"on":true}', Buffer.from('{"text":"\xff\xfe"}', 'latin1'), '{"text":"a\0b"}',
		'{"text":"\\u0000"}', '{"text":"\\ud800"}', '\ufeff{}', '{"number":1e999}', '{"number":99999999999999999999}', '{}{}', "{'on':true}", '{"on":NaN}', ''])
		isProblem(await post(bad), 400, 'bad_request');
	for (const type of ['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;x=y', undefined])
		assert.equal((await system.get('/api/things/every', { method: 'POST', body: '{}', headers: { ...auth('viewer'), ...type ? { 'Content-Type': type } : {} } })).status, 200, type);
	for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'application/problem+json', 'multipart/form-data; boundary=x'])
		isProblem(await post('{}', { 'Content-Type': type }), 415, 'unsupported_media_type');
	isProblem(await post(zlib.gzipSync('{}'), { 'Content-Encoding': 'gzip' }), 415, 'unsupported_encoding');
	assert.equal((await post('{}', { 'Content-Encoding': 'identity' })).status, 200);
});

test('requests over the limits, through nginx', async () => {
	isProblem(await system.get('/api/things/every', { method: 'POST', body: `{"text":"${'x'.repeat(1_100_000)}"}`, headers: { ...auth('viewer'), 'Content-Type': 'application/json' } }), 413, 'too_large');
	isProblem(await get(`/api/things/every?${'a=1&'.repeat(65)}`), 400, 'bad_request');
	assert.equal((await get(`/api/things/echo/${'x'.repeat(9000)}`)).status, 414);
	assert.equal((await get('/api/plugins', { 'X-Large': 'x'.repeat(9000) })).status, 400, "nginx's own");
	const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`X-H${i}`, 'x']));
	isProblem(await get('/api/plugins', many), 431, 'headers_too_large');
});

const variables = (at, more = {}) => ({ REQUEST_METHOD: 'GET', REQUEST_URI: at, HTTP_AUTHORIZATION: `Bearer ${keys.viewer}`, ...more });
const direct = (at, more, body) => ask(path.join(system.state, 'run/wecomd.sock'), variables(at, more), body);

test('the same limits hold when another web server lets more pass', async () => {
	const status = async (...args) => (await direct(...args)).status;
	assert.equal(await status('/api/plugins'), 200);
	assert.equal(await status(`/api/things/echo/${'x'.repeat(8192 - 17)}`), 200);
	assert.equal(await status(`/api/things/echo/${'x'.repeat(8193 - 17)}`), 414);
	assert.equal(await status('/api/plugins', { HTTP_X: 'x'.repeat(33_000) }), 431);
	for (const at of ['', '*', 'http://x/api/plugins', '/api/plugins\u0001', '/api/things/echo/%FF'])
		assert.ok([400, 404].includes(await status(at)), at);
	assert.equal(await status('/api/plugins', { REQUEST_METHOD: 'get' }), 405);
	assert.equal(await status('/api/plugins', { REQUEST_METHOD: '' }), 405);
	assert.equal(await status('/api/things/every', { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '10' }, '{}'), 400, 'cut');
	assert.equal(await status('/api/things/every', { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '99999999999999999999' }, '{}'), 400);
	assert.equal(await status('/api/things/every', { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '' }, '{}'), 200, 'chunked');
});

// FastCGI by hand: the head of a request, and then a body as slow as one likes.
function trickle(send) {
	return new Promise((resolve, reject) => {
		const record = (type, content) => Buffer.concat([Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]), content]);
		const pair = (name, value) => Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]);
		let got = '';
		const began = Date.now();
		const connection = net.connect(path.join(system.state, 'run/wecomd.sock'), () => {
			connection.write(record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])));
			const head = variables('/api/things/every', { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '1000' });
			connection.write(record(4, Buffer.concat(Object.entries(head).map(([name, value]) => pair(name, value)))));
			connection.write(record(4, Buffer.alloc(0)));
			const timer = send((text) => connection.write(record(5, Buffer.from(text)), () => {}));
			connection.on('close', () => { clearInterval(timer); resolve({ got: got && got.slice(got.indexOf('Status')), ms: Date.now() - began }); });
		});
		connection.setTimeout(10_000, () => connection.destroy(new Error('still served after 10 s')));
		connection.on('data', (piece) => { got += piece.toString('latin1'); });
		connection.on('error', (error) => { if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error); });
	});
}

test('a body that does not arrive in time is given up, silent or trickling', async () => {
	const silent = await trickle((write) => { write('{'); });
	const trickling = await trickle((write) => setInterval(() => write(' '), 100));
	for (const { got, ms } of [silent, trickling]) {
		if (got) assert.match(got, /^Status: 408 .*"code":"request_timeout"/ms);     // it may be cut off without a word, too
		assert.ok(ms >= 900 && ms < 6000, `${ms} ms`);
	}
	assert.equal((await get('/api/plugins')).status, 200);
});

// --- OpenAPI ---

const document = async () => (await get('/api/openapi.json')).json;

test('the OpenAPI document is valid, and the same from the command', async () => {
	const doc = await document();
	assert.equal(doc.openapi, '3.1.0');
	const { valid, errors } = await new Validator().validate(structuredClone(doc));
	assert.ok(valid, JSON.stringify(errors, null, 1));
	const { status, stdout } = await system.wecomd('routes', '--openapi');
	assert.equal(status, 0);
	assert.deepEqual(JSON.parse(stdout), doc);
	assert.equal((await system.get('/api/openapi.json')).status, 401);
});

test('the document holds every route, its role, parameters and body', async () => {
	const doc = await document();
	const operations = Object.entries(doc.paths).flatMap(([at, item]) => Object.entries(item).map(([method, op]) => ({ at, method, op })));
	const listed = (await system.wecomd('routes')).stdout.trim().split('\n').map((line) => line.split(/\s+/));
	assert.deepEqual(operations.map(({ at, method, op }) => `${method.toUpperCase()} ${at} ${op['x-role']} ${op.tags[0]}`).sort(),
		listed.map(([method, at, role, owner]) => `${method} ${at} ${role} ${owner}`).sort());
	const ids = operations.map(({ op }) => op.operationId);
	assert.equal(new Set(ids).size, ids.length);
	for (const id of ids) assert.match(id, /^[a-z][A-Za-z0-9_]*$/);
	for (const { op } of operations) {
		assert.equal(op.security.length, op['x-role'] === 'anyone' ? 0 : 2);
		assert.ok(op.responses.default);
	}
	const list = doc.paths['/api/things'].get;
	assert.equal(list.operationId, 'get_api_things');
	assert.deepEqual(list.parameters.map(({ name }) => name), ['parity', 'before', 'limit', 'cursor']);
	assert.match(list.description, /viewer/);
	assert.deepEqual(doc.paths['/api/things/{id}'].delete.parameters.map(({ name, $ref }) => name ?? $ref), ['id', '#/components/parameters/IdempotencyKey']);
});

test('what the schemas say and what the checker does agree', async () => {
	const doc = await document();
	const ajv = addFormats(new Ajv2020({ strict: false }));
	const schema = doc.paths['/api/things/every'].post.requestBody.content['application/json'].schema;
	const fits = ajv.compile(schema);
	assert.equal(schema.properties.secret.default, undefined, 'a secret has no default to show');
	assert.equal(schema.properties.size.default, 4096);
	assert.deepEqual(schema.properties.list.default, ['x', 'y']);
	const cases = [
		{}, { text: 'ab' }, { text: '你' }, { text: 'x'.repeat(9) }, { text: null }, { choice: 'a' }, { choice: 'c' }, { number: 5 }, { number: 6 }, { number: 1.5 },
		{ pause: 5 }, { pause: '5s' }, { pause: -5 }, { pause: 'soon' }, { size: '4k' }, { size: '4x' }, { at: '2026-01-31T08:00:00Z' }, { at: 'now' }, { at: 5 },
		{ on: true }, { on: 'on' }, { list: [] }, { list: ['a', 'b', 'c', 'd'] }, { list: [1] }, { object: {} }, { object: [] }, { colour: 'red' },
	];
	for (const value of cases)
		assert.equal((await send('POST', '/api/things/every', value)).status === 200, fits(value), JSON.stringify(value));
	assert.ok(ajv.compile(doc.components.schemas.Problem)((await get('/api/things?limit=0')).json));
});

test('answers are as the document says', async () => {
	const doc = await document();
	const ajv = addFormats(new Ajv2020({ strict: false }));
	for (const at of ['/api/things', '/api/plugins']) {
		const fits = ajv.compile(doc.paths[at].get.responses['2XX'].content['application/json'].schema);
		for (const query of ['limit=3', 'limit=200']) assert.ok(fits((await get(`${at}?${query}`)).json), JSON.stringify(fits.errors));
	}
});

test('every code of a problem stands in docs/api.md', () => {
	const text = fs.readFileSync(path.join(root, 'docs/api.md'), 'utf8');
	const sources = fs.readdirSync(path.join(root, 'core'), { recursive: true }).map(String).filter((name) => name.endsWith('.c'))
		.map((name) => fs.readFileSync(path.join(root, 'core', name), 'utf8'));
	const codes = new Set(sources.flatMap((source) => [
		...[...source.matchAll(/(?:wc_problem|make_problem|refuse)\((?:rq, )?\d+, "(\w+)"/g)].map((match) => match[1]),
		...[...source.matchAll(/\[WC_E_\w+\] += \{"(\w+)", [45]\d\d/g)].map((match) => match[1]),
	]));
	assert.ok(codes.size > 20, [...codes].join(' '));
	for (const code of codes) assert.match(text, new RegExp(`\`${code}\``), code);
});
