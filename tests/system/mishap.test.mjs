// Crashes and slow clients: what one does must not be another's loss.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, startSystem, tempFolder, waitFor } from './harness.mjs';
import { ask } from './fastcgi.mjs';

let system, folder, socket, key;
const timeout = 1000;
const threads = 4;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'mishap');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[plugins]\nmishap = on\n[mishap]\npause = 700ms\n` +
		`[web]\nprocesses = 2\nthreads = ${threads}\nio_timeout = ${timeout}ms\nmetrics_role = anyone\n` });
	socket = path.join(system.state, 'run/wecomd.sock');
	key = (await system.wecomd('key', 'add', '--name', 'k', '--role', 'viewer')).stdout.trim();
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const messages = (text) => system.log('wecomd').split('\n').filter((line) => line.includes(`"message":"${text}"`)).map((line) => JSON.parse(line));
const counted = async (sample) => Number((await system.get('/metrics')).text.split('\n').find((line) => line.startsWith(`${sample} `))?.split(' ')[1] ?? 0);

// --- crashes ---

test('a handler that crashes costs its own request a 502; those of the other process go on, and the child is replaced', async () => {
	const before = system.children('web');
	const lingering = Array.from({ length: 6 }, () => system.get('/api/mishap/linger'));
	await waitFor('requests under way', async () => (await system.get('/health')).status === 200);
	const crash = await system.get('/api/mishap/crash');
	assert.equal(crash.status, 502);
	const statuses = (await Promise.all(lingering)).map(({ status }) => status);
	assert.ok(statuses.every((status) => status === 200 || status === 502), String(statuses));
	assert.ok(statuses.includes(200), `none of the other process went on: ${statuses}`);
	const [killed] = await waitFor('the note in the log', () => messages('child killed').length && messages('child killed'));
	assert.equal(killed.signal, 11);
	assert.ok(before.includes(killed.child_pid));
	await waitFor('two web children', () => system.children('web').length === 2 && !system.children('web').includes(killed.child_pid));
	assert.equal((await system.get('/health')).status, 200);
});

test('children that keep crashing are replaced with growing pauses; the rest serves, and afterwards all is well', async () => {
	for (let i = 0; i < 8; i++) {
		assert.equal((await system.get('/api/mishap/crash')).status, 502);
		assert.equal((await system.get('/health')).status, 200, 'the next request');
	}
	const pauses = messages('child is to be replaced').map(({ in_ms }) => in_ms);
	assert.ok(Math.max(...pauses) >= 200, String(pauses));
	assert.ok(pauses.every((ms) => ms <= 10_000));
	await waitFor('two web children', () => system.children('web').length === 2);
	assert.equal(await counted('wecomd_child_restarts_total{role="web"}'), pauses.length);
	const answers = await Promise.all(Array.from({ length: 20 }, () => system.get('/api/hello/x', { headers: { Authorization: `Bearer ${key}` } })));
	assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
});

// --- slow clients and half requests ---

// A FastCGI record.
function record(type, content, length = content.length) {
	return Buffer.concat([Buffer.from([1, type, 0, 1, length >> 8, length & 255, 0, 0]), content]);
}
const beginning = record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]));
function params(variables) {
	const pairs = Object.entries(variables).map(([name, value]) => Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]));
	return record(4, Buffer.concat(pairs));
}
const head = Buffer.concat([
	beginning,
	params({ REQUEST_METHOD: 'POST', REQUEST_URI: '/wecom/callback/helpdesk?msg_signature=a&timestamp=1&nonce=n', QUERY_STRING: '', CONTENT_LENGTH: '1000' }),
	record(4, Buffer.alloc(0)),
]);

// Says something and then nothing more, or a byte now and then; tells when the other side ends it.
function connect(bytes, { drip } = {}) {
	const began = Date.now();
	const c = net.connect(socket, () => c.write(bytes));
	const timer = drip && setInterval(() => c.write(drip), timeout / 5);
	c.on('error', () => {});
	c.on('data', () => {});
	const ended = new Promise((resolve) => {
		c.on('end', () => c.end());
		c.on('close', () => {
			clearInterval(timer);
			resolve(Date.now() - began);
		});
	});
	return { ended };
}

const halves = {
	'nothing at all': [Buffer.alloc(0)],
	'half a record': [beginning.subarray(0, 5)],
	'a beginning alone': [beginning],
	'half the variables': [Buffer.concat([beginning, record(4, Buffer.from([5, 200]), 210)])],
	'no end of the variables': [head.subarray(0, head.length - 8)],
	'no body': [head],
	'half a body': [Buffer.concat([head, record(5, Buffer.alloc(100, 'x'))])],
	'half a record of a body': [Buffer.concat([head, record(5, Buffer.alloc(100, 'x'), 500)])],
	'variables byte by byte': [Buffer.concat([beginning, record(4, Buffer.alloc(0), 60000)]), { drip: Buffer.from([1]) }],
	'a body byte by byte': [Buffer.concat([head, record(5, Buffer.alloc(0), 60000)]), { drip: Buffer.from('x') }],
};

for (const [what, [bytes, options]] of Object.entries(halves)) {
	test(`clients that send ${what} in all threads hold none longer than io_timeout`, async () => {
		const clients = Array.from({ length: 2 * threads }, () => connect(bytes, options));
		const times = await Promise.all(clients.map(({ ended }) => ended));
		// A body has its own time after that of the variables; libfcgi waits for nobody after an end.
		assert.ok(Math.max(...times) < 2 * timeout + 1500, String(times));
		const answer = await ask(socket, { REQUEST_METHOD: 'GET', REQUEST_URI: '/health', QUERY_STRING: '' });
		assert.equal(answer.status, 200);
	});
}

test('a good request behind slow ones is answered when their time is over', async () => {
	const clients = Array.from({ length: 2 * threads }, () => connect(head));
	await waitFor('them to be accepted', async () => true);
	const began = Date.now();
	assert.equal((await ask(socket, { REQUEST_METHOD: 'GET', REQUEST_URI: '/health', QUERY_STRING: '' })).status, 200);
	assert.ok(Date.now() - began < 2 * timeout + 1000);
	await Promise.all(clients.map(({ ended }) => ended));
	assert.ok(await counted('wecomd_slow_requests_total') >= 2 * threads);
});

test('half requests at the web server hold no thread of ours', async () => {
	const open = Array.from({ length: 40 }, () => {
		const c = net.connect(system.port, '127.0.0.1', () => c.write('POST /wecom/callback/helpdesk HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf'));
		c.on('error', () => {});
		return c;
	});
	const headers = Array.from({ length: 40 }, () => {
		const c = net.connect(system.port, '127.0.0.1', () => c.write('GET /health HTTP/1.1\r\nHo'));
		c.on('error', () => {});
		return c;
	});
	const answers = await Promise.all(Array.from({ length: 20 }, () => system.get('/health')));
	assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
	for (const c of [...open, ...headers]) c.destroy();
});

test('what is no FastCGI at all harms nobody', async () => {
	for (const bytes of ['GET / HTTP/1.0\r\n\r\n', '\0'.repeat(100), '\xff'.repeat(5000), '\x01\x01\x00\x00\xff\xff\x00\x00', '\x01\x09\x00\x00\x00\x00\x00\x00'])
		await connect(Buffer.from(bytes, 'latin1')).ended;
	const answer = await ask(socket, { REQUEST_METHOD: 'GET', REQUEST_URI: '/health', QUERY_STRING: '' });
	assert.equal(answer.status, 200);
});

test('headers and targets have limits', async () => {
	const get = (extra, uri = '/health') => ask(socket, { REQUEST_METHOD: 'GET', REQUEST_URI: uri, QUERY_STRING: '', ...extra });
	assert.equal((await get({ HTTP_X_A: 'x'.repeat(15_000), HTTP_X_B: 'x'.repeat(15_000) })).status, 200);
	assert.equal((await get({ HTTP_X_A: 'x'.repeat(15_000), HTTP_X_B: 'x'.repeat(20_000) })).status, 431);
	assert.equal((await get({}, `/health?${'x'.repeat(9000)}`)).status, 414);
	const long = await system.get('/health', { headers: { 'X-Long': 'x'.repeat(15_000) } });
	assert.ok([400, 414, 431].includes(long.status), `nginx: ${long.status}`);
});
