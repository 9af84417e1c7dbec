// Who may do what: every route of the running system with no credentials, with a key and with a session of each role; API keys and
// their bounds; where a request comes from; the ends of sessions, with short settings.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { ask as fastcgi } from './fastcgi.mjs';
import { build, run, startSystem, textMessage, waitFor } from './harness.mjs';

const roles = ['viewer', 'operator', 'approver', 'admin'];
const keys = {};
let system, short;

before(async () => {
	system = await startSystem({ conf: `[web]
trusted_proxies = 127.0.0.0/8, 10.1.0.0/16 ::1 unix
callback_from = 127.0.0.1, 203.0.113.0/24 2001:db8:77::/48, 101.226.103.*
` });
	for (const role of roles) keys[role] = (await wecomd('key', 'add', '--name', `the ${role}`, '--role', role)).trim();
});
after(async () => {
	await system?.stop();
	await short?.stop();
});

async function wecomd(...args) {
	const { status, stdout, stderr } = await system.wecomd(...args);
	assert.equal(status, 0, stderr);
	return stdout;
}

const ask = (method, at, { key, session, address, body, headers = {}, on = system } = {}) => on.get(at, {
	method,
	body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
	headers: {
		...body === undefined ? {} : { 'Content-Type': 'application/json' },
		...key ? { Authorization: `Bearer ${key}` } : {},
		...session ? { Cookie: session.cookie, 'X-CSRF-Token': session.csrf } : {},
		...address ? { 'X-Forwarded-For': address } : {},
		...headers,
	},
});

const passwords = {};

async function newUser(name, role, on = system) {
	passwords[name] = `a password ${crypto.randomUUID()}`;
	const conf = ['-c', 'etc/demo/wecomd.conf', '-c', on.conf];
	const { status, stderr } = await run(path.join(build, 'wecomd'), [...conf, 'user', 'add', '--name', name, '--role', role, '--password', '-'],
		{ env: on.env, input: `${passwords[name]}\n` });
	assert.equal(status, 0, stderr);
}

async function login(name, on = system) {
	const answer = await ask('POST', '/api/session', { body: { name, password: passwords[name] }, on });
	assert.equal(answer.status, 201, answer.text);
	return { cookie: answer.headers['set-cookie'][0].split(';')[0], csrf: answer.json.csrf };
}

function is(answer, status, code) {
	assert.equal(answer.status, status, answer.text);
	if (code) assert.equal(answer.json.code, code);
	return answer;
}

// --- the role matrix ---

// What the server says about the caller alone: 401, 403, or that it let the request pass.
function verdict({ status, text }) {
	if (status === 401 && /"code":"unauthenticated"/.test(text)) return 401;
	return status === 403 && /"code":"forbidden"/.test(text) ? 403 : 'pass';
}

// Parameters that are nobody, and a body that is no JSON: what may pass does no harm.
const harmless = ({ method, pattern }, who) =>
	ask(method, pattern.replace(/\{[^}]+\}/g, '0'), { ...who, ...method === 'GET' ? {} : { body: '[' } });

test('every route lets pass whom its role says, and nobody else', async () => {
	for (const role of roles) await newUser(`matrix-${role}`, role);
	const routes = (await wecomd('routes')).trim().split('\n').map((line) => {
		const [, method, pattern, needed] = /^(\S+) +(\S+) +(\S+)/.exec(line);
		return { method, pattern, needed };
	});
	assert.ok(routes.length > 20);
	console.log(`${'route'.padEnd(48)} nobody ${roles.map((role) => role.padEnd(9)).join(' ')} (a key, a session)`);
	for (const route of routes) {
		const expected = (role) => (route.needed === 'anyone' || roles.indexOf(role) >= roles.indexOf(route.needed) ? 'pass' : role ? 403 : 401);
		const nobody = verdict(await harmless(route, {}));
		const line = [];
		for (const role of roles) {
			const byKey = verdict(await harmless(route, { key: keys[role] }));
			const session = await sessionOf(`matrix-${role}`);
			const bySession = verdict(await harmless(route, { session }));
			if (route.method === 'DELETE' && route.pattern === '/api/session') sessions.delete(`matrix-${role}`);
			line.push(byKey === bySession ? byKey : `${byKey}/${bySession}`);
			assert.equal(byKey, expected(role), `${route.method} ${route.pattern} by a key of ${role}`);
			assert.equal(bySession, expected(role), `${route.method} ${route.pattern} by a session of ${role}`);
		}
		console.log(`${`${route.method} ${route.pattern}`.padEnd(48)} ${String(nobody).padEnd(6)} ${line.map((one) => String(one).padEnd(9)).join(' ')}`);
		assert.equal(nobody, expected(''), `${route.method} ${route.pattern} by nobody`);
	}
});

const sessions = new Map();

async function sessionOf(name) {
	if (!sessions.has(name)) sessions.set(name, await login(name));
	return sessions.get(name);
}

// --- API keys ---

const makeKey = (body, who = { key: keys.admin }) => ask('POST', '/api/keys', { ...who, body });
const tryKey = async (key, options = {}) => (await ask('GET', '/api/session', { key, ...options })).status;

test('a key is made, listed without being shown, used and revoked', async () => {
	await newUser('keeper', 'admin');
	const session = await sessionOf('keeper');
	const { id, key } = is(await makeKey({ name: 'ci 机器', role: 'operator', expires: '30d', addresses: '' }, { session }), 201).json;
	assert.match(key, /^wck_[0-9a-f]{64}$/);
	assert.equal((await ask('GET', '/api/session', { key })).json.name, 'ci 机器');
	const answer = await ask('GET', '/api/keys', { session });
	assert.ok(!answer.text.includes(key.slice(4)));
	const item = answer.json.items.find((one) => one.id === id);
	assert.equal(item.created_by, 'user:keeper');
	assert.equal(item.effective_role, 'operator');
	assert.ok(Math.abs(item.expires_ms - Date.now() - 30 * 86_400_000) < 60_000);
	assert.ok(Math.abs(item.last_used_ms - Date.now()) < 60_000);
	is(await makeKey({ name: 'ci 机器', role: 'operator' }), 409, 'conflict');
	is(await ask('DELETE', `/api/keys/${id}`, { session }), 204);
	await waitFor('the end of the key', async () => await tryKey(key) === 401, { ms: 6000 });
	is(await ask('DELETE', `/api/keys/${id}`, { session }), 404);
	const trail = await system.sql(`SELECT actor, action FROM audit_log WHERE object = 'key:${id}' ORDER BY id`);
	assert.deepEqual(trail, [['user:keeper', 'key.create'], ['user:keeper', 'key.revoke']]);
});

test('what is wrong with a key is said', async () => {
	for (const [body, status] of [[{ name: 'x', role: 'root' }, 422], [{ role: 'viewer' }, 422], [{ name: 'x', role: 'viewer', expires: 'soon' }, 422],
		[{ name: 'x', role: 'viewer', addresses: '10.0.0.0/33' }, 422], [{ name: 'x', role: 'viewer', addresses: 'here' }, 422],
		[{ name: 'x\u0007', role: 'viewer' }, 400], [{ name: 'x', role: 'viewer', more: 1 }, 422]])
		is(await makeKey(body), status);
	const { status, stderr } = await system.wecomd('key', 'add', '--name', 'x', '--role', 'viewer', '--addresses', '10.0.0.0/-1');
	assert.equal(status, 1);
	assert.match(stderr, /10\.0\.0\.0\/-1/);
	assert.equal((await system.wecomd('key', 'add', '--name', 'x', '--expires', 'soon')).status, 2);
});

test('a key ends at its time', async () => {
	const { key } = is(await makeKey({ name: 'brief', role: 'viewer', expires: '2s' }), 201).json;
	assert.equal(await tryKey(key), 200);
	const began = Date.now();
	await waitFor('the end of the key', async () => await tryKey(key) === 401, { ms: 6000 });
	assert.ok(Date.now() - began < 4000, 'remembering does not prolong it');
	const { items } = (await ask('GET', '/api/keys', { key: keys.admin })).json;
	assert.equal(items.find(({ name }) => name === 'brief').effective_role, null);
});

test('a key never has more than its maker has now, and nothing when its maker is disabled', async () => {
	await newUser('maker', 'admin');
	const { key } = is(await makeKey({ name: 'strong', role: 'admin' }, { session: await sessionOf('maker') }), 201).json;
	const grandchild = is(await makeKey({ name: 'grandchild', role: 'admin' }, { key }), 201).json.key;
	assert.equal((await ask('GET', '/api/users', { key })).status, 200);
	await wecomd('user', 'role', '--name', 'maker', '--role', 'viewer');
	for (const one of [key, grandchild])
		await waitFor('the lesser role', async () => (await ask('GET', '/api/users', { key: one })).status === 403, { ms: 6000 });
	// Each process forgets in its own time.
	let tries = 0;
	await waitFor('the lesser role everywhere', async () => (await makeKey({ name: `more ${++tries}`, role: 'admin' }, { key })).status === 403, { ms: 6000 });
	await wecomd('user', 'disable', '--name', 'maker');
	for (const one of [key, grandchild]) await waitFor('the end of the key', async () => await tryKey(one) === 401, { ms: 6000 });
	await wecomd('user', 'enable', '--name', 'maker');
	await waitFor('its return', async () => await tryKey(key) === 200);
});

test('keys are listed and revoked by command', async () => {
	const key = (await wecomd('key', 'add', '--name', 'of command', '--role', 'viewer', '--expires', '1d', '--addresses', '127.0.0.1')).trim();
	assert.equal(await tryKey(key), 200);
	assert.match(await wecomd('key', 'list'), /^of command +viewer +expires \d{4}-\S+Z +used \d{4}-\S+Z +by command +127\.0\.0\.1$/m);
	await wecomd('key', 'revoke', '--name', 'of command');
	await waitFor('the end of the key', async () => await tryKey(key) === 401, { ms: 6000 });
	assert.equal((await system.wecomd('key', 'revoke', '--name', 'of command')).status, 1);
});

test('a checked key is good without the database for some seconds, and an unknown one is not taken', async () => {
	assert.equal(await tryKey(keys.viewer), 200);
	const hidden = await system.hideDatabase();
	try {
		const statuses = [];
		for (let n = 0; n < 6; n++) statuses.push((await ask('GET', '/api/hello/x', { key: keys.viewer })).status);
		assert.ok(statuses.every((status) => status === 200 || status === 503), statuses.join());
		assert.equal((await ask('GET', '/api/hello/x', { key: `wck_${'0'.repeat(64)}` })).status, 503);
		assert.equal((await ask('GET', '/api/hello/x', { headers: { Cookie: `wecomd_session=${'0'.repeat(64)}` } })).status, 503);
		is(await ask('POST', '/api/session', { body: { name: 'keeper', password: passwords.keeper } }), 503, 'database_unavailable');
	} finally {
		hidden.back();
	}
	await waitFor('the database', async () => await tryKey(keys.viewer) === 200);
});

// --- addresses ---

// What a server says it is, straight to the socket.
const direct = async (variables) => (await fastcgi(path.join(system.state, 'run/wecomd.sock'), {
	REQUEST_METHOD: 'GET', REQUEST_URI: '/api/session', HTTP_AUTHORIZATION: `Bearer ${keys.bounded}`, ...variables,
})).status;

test('a key with an address list is used from there alone, whatever the client claims', async () => {
	keys.bounded = (await wecomd('key', 'add', '--name', 'bounded', '--role', 'viewer', '--addresses', '192.0.2.0/24, 2001:db8:5::/48')).trim();
	for (const [forwarded, status] of [
		['192.0.2.7', 200],
		['2001:db8:5::1', 200],
		['::ffff:192.0.2.7', 200],
		['192.0.2.7:4711', 200],
		['[2001:db8:5::1]:4711', 200],
		['192.0.2.7, 10.1.2.3', 200],                          // through a second trusted proxy
		['198.51.100.1, 192.0.2.7', 200],                      // the rightmost that is no proxy of ours counts
		['192.0.2.7, 198.51.100.1', 403],                      // what the client wrote itself is to the left
		['192.0.2.7, 198.51.100.1, 10.1.2.3', 403],
		['192.0.2.7, garbage', 403],
		['192.0.2.7, garbage, 10.1.2.3', 403],
		['garbage', 403],
		[undefined, 403],
		['192.0.2.7,', 403],
		['192.0.2.256', 403],
		['2001:db8:6::1', 403],
		[Array(40).fill('10.1.0.1').concat('192.0.2.7').reverse().join(), 403],     // no endless chains
	]) assert.equal(await tryKey(keys.bounded, { address: forwarded }), status, String(forwarded));
	is(await ask('GET', '/api/session', { key: keys.bounded, address: '198.51.100.1' }), 403, 'address_not_allowed');
});

test('X-Forwarded-For of who is no trusted proxy is not read', async () => {
	assert.equal(await direct({ REMOTE_ADDR: '198.51.100.1', HTTP_X_FORWARDED_FOR: '192.0.2.7' }), 403);
	assert.equal(await direct({ REMOTE_ADDR: '192.0.2.7', HTTP_X_FORWARDED_FOR: '198.51.100.1' }), 200);
	assert.equal(await direct({ REMOTE_ADDR: 'unix:', HTTP_X_FORWARDED_FOR: '192.0.2.7' }), 200);
	assert.equal(await direct({ REMOTE_ADDR: '::1', HTTP_X_FORWARDED_FOR: '192.0.2.7' }), 200);
	assert.equal(await direct({ REMOTE_ADDR: 'unix:' }), 403);
	assert.equal(await direct({ HTTP_X_FORWARDED_FOR: '192.0.2.7' }), 403);
	assert.equal(await direct({ REMOTE_ADDR: 'nonsense', HTTP_X_FORWARDED_FOR: '192.0.2.7' }), 403);
});

test('of two X-Forwarded-For lines the last is the nearest proxy\'s', async () => {
	const send = (lines) => new Promise((resolve, reject) => {
		const rq = http.request(`${system.url}/api/session`, { agent: false }, (answer) => resolve(answer.resume().statusCode));
		rq.setHeader('Authorization', `Bearer ${keys.bounded}`);
		rq.setHeader('X-Forwarded-For', lines);
		rq.on('error', reject).end();
	});
	assert.equal(await send(['192.0.2.7', '198.51.100.1']), 403);
	assert.equal(await send(['198.51.100.1', '192.0.2.7']), 200);
});

test('callbacks from elsewhere are refused and nothing is stored', async () => {
	const before = await system.settled();
	for (const address of ['198.51.100.1', '101.226.104.1', '2001:db8:78::1', '203.0.113.5, 198.51.100.1']) {
		const answer = await system.callback(textMessage('hello', { bot: system.bot }), { headers: { 'X-Forwarded-For': address } });
		is({ ...answer, json: JSON.parse(answer.text) }, 403, 'address_not_allowed');
		is(await system.get('/wecom/callback/helpdesk?echostr=x', { headers: { 'X-Forwarded-For': address } }), 403);
	}
	assert.deepEqual(await system.stored(), before);
	for (const address of ['203.0.113.5', '101.226.103.9', '2001:db8:77::9']) {
		const { status } = await system.callback(textMessage('hello', { bot: system.bot }), { headers: { 'X-Forwarded-For': address } });
		assert.equal(status, 200, address);
	}
	assert.equal((await system.stored()).events, before.events + 3);
});

test('a bad address list is a bad configuration', async () => {
	const conf = path.join(system.state, 'bad.conf');
	fs.writeFileSync(conf, '[web]\ntrusted_proxies = 10.0.0.0/99\n');
	const { status, stderr } = await system.wecomd('-c', conf, 'check');
	assert.equal(status, 1);
	assert.match(stderr, /trusted_proxies: 10\.0\.0\.0\/99/);
});

// --- the ends of sessions ---

test('a session ends when it is idle, and absolutely, however busy', async () => {
	short = await startSystem({ conf: '[admin]\nsession_idle = 2s\nsession_life = 5s\n' });
	await newUser('sleeper', 'viewer', short);
	await newUser('worker', 'viewer', short);
	const [idle, busy] = [await login('sleeper', short), await login('worker', short)];
	const began = Date.now();
	const alive = async (session) => (await ask('GET', '/api/session', { session, on: short })).status === 200;
	const busyFor = await waitFor('the absolute end', async () => !(await alive(busy)) && Date.now() - began, { ms: 10_000, every: 200 });
	assert.ok(busyFor > 4000 && busyFor < 7000, `the busy one lived ${busyFor} ms`);
	assert.equal(await alive(idle), false);
	const again = await login('sleeper', short);
	assert.equal(await short.number('SELECT COUNT(*) FROM admin_session'), 1, 'what has ended is deleted');
	const slept = Date.now();
	await waitFor('the idle end', async () => await short.number('SELECT COUNT(*) FROM admin_session WHERE seen_at < NOW(3) - INTERVAL 2 SECOND') === 1);
	assert.equal(await alive(again), false);
	assert.ok(Date.now() - slept < 5000, 'it was not the absolute end');
});
