// Users, sessions, one-time codes and the login throttle, on the real path.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, request, run, startSystem, waitFor } from './harness.mjs';
import { ask as fastcgi } from './fastcgi.mjs';

let system, admin, firstPassword;

before(async () => {
	system = await startSystem({ conf: '[admin]\nlogin_wait = 1s\nlogin_wait_max = 4s\n' });
	firstPassword = await waitFor('the first password', () => /密码 password {2}(\S+) .*\n/.exec(system.launcher.output)?.[1]);
	admin = await client().login('admin', firstPassword);
});
after(() => system?.stop());

// A browser of a few lines: keeps the cookie and the CSRF token.
function client({ address } = {}) {
	return {
		cookie: '', csrf: '',
		async ask(method, at, value, { headers = {} } = {}) {
			const answer = await system.get(at, {
				method,
				body: value === undefined ? undefined : JSON.stringify(value),
				headers: {
					...value === undefined ? {} : { 'Content-Type': 'application/json' },
					...this.cookie ? { Cookie: this.cookie } : {},
					...this.csrf && method !== 'GET' ? { 'X-CSRF-Token': this.csrf } : {},
					...address ? { 'X-Forwarded-For': address } : {},
					...headers,
				},
			});
			const [set] = answer.headers['set-cookie'] || [];
			if (set) this.cookie = set.split(';')[0];
			if (answer.status < 300 && /"csrf"/.test(answer.text)) this.csrf = answer.json.csrf;
			return answer;
		},
		try(name, password, totp) { return this.ask('POST', '/api/session', { name, password, ...totp ? { totp } : {} }); },
		async login(...who) {
			const { status, text } = await this.try(...who);
			assert.equal(status, 201, text);
			return this;
		},
		get(at) { return this.ask('GET', at); },
		post(at, value) { return this.ask('POST', at, value); },
		put(at, value) { return this.ask('PUT', at, value); },
		delete(at) { return this.ask('DELETE', at); },
	};
}

function is(answer, status, code) {
	assert.equal(answer.status, status, answer.text);
	if (code) assert.equal(answer.json.code, code);
	return answer;
}

let made = 0;

// A user whose password is nobody else's: {id, name, password}.
async function newUser(role = 'viewer', password = `a password ${crypto.randomUUID()}`) {
	const name = `${role}-${++made}`;
	const { status, stderr } = await wecomd(['user', 'add', '--name', name, '--role', role, '--password', '-'], `${password}\n`);
	assert.equal(status, 0, stderr);
	return { name, password, id: await system.number(`SELECT id FROM admin_user WHERE name = '${name}'`) };
}

const wecomd = (args, input = '') =>
	run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, ...args], { env: system.env, input });

let host = 0;
const newAddress = () => `198.51.${100 + (++host >> 8)}.${host & 255}`;

const base32 = (text) => {
	const bits = [...text].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
	return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
};

// RFC 6238 by Node's own HMAC.
function code(secret, shift = 0) {
	const counter = Buffer.alloc(8);
	counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + shift));
	const hash = crypto.createHmac('sha1', base32(secret)).update(counter).digest();
	return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// Codes of this step stay good for the test's few requests.
const steadyClock = () => waitFor('the beginning of a step', () => Date.now() % 30_000 < 24_000);

const audited = async (action) => (await system.sql(
	`SELECT actor, object, details FROM audit_log WHERE action = '${action}' ORDER BY id DESC LIMIT 1`))[0];

// --- sessions ---

test('the first administrator\'s password is printed once and opens a session', async () => {
	const { json } = is(await admin.get('/api/session'), 200);
	assert.equal(json.name, 'admin');
	assert.equal(json.role, 'admin');
	assert.equal(json.csrf, admin.csrf);
	assert.equal(json.must_change, false);
	const [[stored]] = await system.sql("SELECT password FROM admin_user WHERE name = 'admin'");
	assert.match(stored, /^scrypt\$15\$8\$1\$[0-9a-f]{32}\$[0-9a-f]{64}$/);
});

test('the cookie is for HTTP alone, for this site alone, and for https alone where that was used', async () => {
	const user = await newUser();
	const answer = await client().try(user.name, user.password);
	const [cookie] = answer.headers['set-cookie'];
	assert.match(cookie, /^wecomd_session=[0-9a-f]{64}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
	const body = JSON.stringify({ name: user.name, password: user.password });
	for (const secure of [{ HTTPS: 'on' }, { REQUEST_SCHEME: 'https' }]) {
		const { status, headers } = await fastcgi(path.join(system.state, 'run/wecomd.sock'), {
			REQUEST_METHOD: 'POST', REQUEST_URI: '/api/session', CONTENT_TYPE: 'application/json', CONTENT_LENGTH: String(body.length),
			REMOTE_ADDR: '203.0.113.9', ...secure,
		}, body);
		assert.equal(status, 201);
		assert.match(headers, /Set-Cookie: wecomd_session=.*; SameSite=Strict; Secure/);
	}
	const [[address]] = await system.sql(`SELECT address FROM admin_session WHERE user_id = ${user.id} ORDER BY id DESC LIMIT 1`);
	assert.equal(address, '203.0.113.9');
});

test('a session is stored as a hash, and logging in again replaces it', async () => {
	const user = await newUser();
	const someone = await client().login(user.name, user.password);
	const before = someone.cookie;
	assert.equal(await system.number(`SELECT COUNT(*) FROM admin_session WHERE HEX(token_hash) = UPPER('${before.split('=')[1]}')`), 0);
	await someone.login(user.name, user.password);
	assert.notEqual(someone.cookie, before);
	assert.equal(await system.number(`SELECT COUNT(*) FROM admin_session WHERE user_id = ${user.id}`), 1);
	is(await system.get('/api/session', { headers: { Cookie: before } }), 401);
	is(await someone.get('/api/session'), 200);
});

test('a change by a session needs its CSRF token, and another session\'s is none', async () => {
	const user = await newUser('admin');
	const someone = await client().login(user.name, user.password);
	const right = someone.csrf;
	for (const wrong of ['', 'x', right.slice(1), `${right}0`, admin.csrf]) {
		someone.csrf = wrong;
		is(await someone.post('/api/users', { name: 'nobody', role: 'viewer' }), 403, 'csrf');
		is(await someone.delete('/api/session'), 403, 'csrf');
	}
	is(await someone.get('/api/users'), 200);
	assert.equal(await system.number("SELECT COUNT(*) FROM admin_user WHERE name = 'nobody'"), 0);
	someone.csrf = right;
	is(await someone.delete('/api/session'), 204);
	is(await someone.get('/api/session'), 401);
});

test('a login that a form of another site could send is refused', async () => {
	const body = JSON.stringify({ name: 'admin', password: firstPassword });
	for (const [type, status] of [[undefined, 400], ['text/plain', 415], ['application/x-www-form-urlencoded', 415]])
		is(await request(`${system.url}/api/session`, { method: 'POST', body, headers: type ? { 'Content-Type': type } : {} }), status);
});

test('cookies that are no session are nobody', async () => {
	for (const cookie of ['wecomd_session=', `wecomd_session=${'0'.repeat(64)}`, 'wecomd_session=x; wecomd_session', `x=${admin.cookie}`, ';;;', `${admin.cookie}0`])
		is(await system.get('/api/session', { headers: { Cookie: cookie } }), 401, 'unauthenticated');
	is(await system.get('/api/session', { headers: { Cookie: `a=b; ${admin.cookie}; c=d` } }), 200);
});

test('one sees and ends one\'s own sessions, an administrator everybody\'s', async () => {
	const user = await newUser();
	const [here, there] = [await client().login(user.name, user.password), await client().login(user.name, user.password)];
	const mine = (await here.get('/api/sessions')).json.items;
	assert.deepEqual(mine.map(({ user: name, current }) => [name, current]), [[user.name, true], [user.name, false]]);
	const { items } = (await admin.get('/api/sessions?limit=200')).json;
	assert.ok(items.some(({ user: name }) => name === 'admin') && items.some(({ user: name }) => name === user.name));
	const foreign = items.find(({ user: name, current }) => name === 'admin' && current);
	is(await here.delete(`/api/sessions/${foreign.id}`), 404);
	is(await here.delete('/api/sessions/none'), 404);
	is(await here.delete(`/api/sessions/${mine[1].id}`), 204);
	is(await there.get('/api/session'), 401);
	is(await admin.delete(`/api/sessions/${mine[0].id}`), 204);
	is(await here.get('/api/session'), 401);
	assert.deepEqual((await audited('session.end')).slice(0, 2), ['user:admin', `session:${mine[0].id}`]);
});

test('lists are paged by a cursor', async () => {
	await newUser();
	const seen = [];
	for (let at = '/api/users?limit=2'; at;) {
		const { items, next } = is(await admin.get(at), 200).json;
		assert.ok(items.length <= 2);
		seen.push(...items.map(({ id }) => id));
		at = next && `/api/users?limit=2&cursor=${next}`;
	}
	assert.deepEqual(seen, (await system.sql('SELECT id FROM admin_user ORDER BY id')).map(([id]) => Number(id)));
	for (const bad of ['limit=0', 'limit=201', 'limit=x', 'cursor=x', 'cursor=-1', 'limit=']) is(await admin.get(`/api/users?${bad}`), 422, 'bad_fields');
});

// --- users ---

test('an administrator adds a user, who must change the password before anything else', async () => {
	const created = is(await admin.post('/api/users', { name: 'li.wei', role: 'operator', display_name: '李伟' }), 201).json;
	const li = await client().login('LI.Wei', created.password);
	is(await li.get('/api/hello/x'), 403, 'password_must_change');
	assert.equal((await li.get('/api/session')).json.must_change, true);
	const old = li.cookie;
	is(await li.put('/api/session/password', { old: 'wrong', new: 'a much better one' }), 403, 'password_wrong');
	is(await li.put('/api/session/password', { old: created.password, new: 'short' }), 422, 'bad_fields');
	is(await li.put('/api/session/password', { old: created.password, new: created.password }), 422, 'bad_fields');
	is(await li.put('/api/session/password', { old: created.password, new: 'a much better one' }), 200);
	assert.notEqual(li.cookie, old, 'the token was changed');
	is(await system.get('/api/session', { headers: { Cookie: old } }), 401);
	is(await li.get('/api/hello/x'), 200);
	is(await client().try('li.wei', created.password), 401, 'login_failed');
	const [actor, object, details] = await audited('user.create');
	assert.deepEqual([actor, object, JSON.parse(details)], ['user:admin', `user:${created.id}`, { name: 'li.wei', role: 'operator' }]);
	assert.equal((await audited('user.password.own'))[0], 'user:li.wei');
});

test('what is wrong with a user is said', async () => {
	is(await admin.post('/api/users', { name: 'ADMIN', role: 'viewer' }), 409, 'conflict');
	is(await admin.post('/api/users', { name: 'x y', role: 'viewer' }), 400);
	is(await admin.post('/api/users', { name: 'x', role: 'root' }), 422);
	is(await admin.post('/api/users', { name: 'x', role: 'viewer', password: 'short' }), 422);
	is(await admin.put('/api/users/999999', { role: 'viewer' }), 404);
	is(await admin.put('/api/users/x', { role: 'viewer' }), 404);
	is(await admin.get('/api/users/999999'), 404);
});

test('another role, another password and disabling end a user\'s sessions; a name does not', async () => {
	const user = await newUser();
	const someone = await client().login(user.name, user.password);
	is(await admin.put(`/api/users/${user.id}`, { display_name: '别名' }), 200);
	is(await someone.get('/api/session'), 200);
	is(await admin.put(`/api/users/${user.id}`, {}), 200);
	is(await admin.put(`/api/users/${user.id}`, { role: null, disabled: null, display_name: null }), 200);
	is(await someone.get('/api/session'), 200);
	assert.equal((await admin.put(`/api/users/${user.id}`, { role: 'operator' })).json.role, 'operator');
	assert.deepEqual(JSON.parse((await audited('user.change'))[2]), { name: user.name, role: ['viewer', 'operator'] });
	const kept = (await admin.put(`/api/users/${user.id}`, { role: null })).json;
	assert.deepEqual([kept.role, kept.display_name], ['operator', '别名']);
	is(await someone.get('/api/session'), 401);
	await someone.login(user.name, user.password);
	const { password } = is(await admin.post(`/api/users/${user.id}/password`), 200).json;
	is(await someone.get('/api/session'), 401);
	await someone.login(user.name, password);
	assert.equal((await admin.put(`/api/users/${user.id}`, { disabled: true })).json.display_name, '别名');
	is(await someone.get('/api/session'), 401);
	is(await someone.try(user.name, password), 401, 'login_failed');
	is(await admin.put(`/api/users/${user.id}`, { disabled: false }), 200);
	await someone.login(user.name, password);
});

test('the last enabled administrator can be neither disabled nor demoted', async () => {
	await system.sql("UPDATE admin_user SET role = 4 WHERE role = 5 AND name <> 'admin'");
	const me = (await system.sql("SELECT id FROM admin_user WHERE name = 'admin'"))[0][0];
	const other = await newUser('admin');
	is(await admin.put(`/api/users/${other.id}`, { disabled: true }), 200);
	for (const change of [{ disabled: true }, { role: 'approver' }]) is(await admin.put(`/api/users/${me}`, change), 409, 'last_admin');
	for (const args of [['disable', '--name', 'admin'], ['role', '--name', 'admin', '--role', 'viewer']]) {
		const { status, stderr } = await wecomd(['user', ...args]);
		assert.equal(status, 1);
		assert.match(stderr, /last enabled administrator/);
	}
	is(await admin.put(`/api/users/${me}`, { role: 'admin', disabled: false }), 200);
	is(await admin.put(`/api/users/${other.id}`, { disabled: false }), 200);

	// Two administrators who demote each other at the same moment: one of them stays.
	const both = await client().login(other.name, other.password);
	const [a, b] = await Promise.all([admin.put(`/api/users/${other.id}`, { role: 'viewer' }), both.put(`/api/users/${me}`, { role: 'viewer' })]);
	assert.ok([a, b].filter(({ status }) => status === 200).length === 1, `${a.text} ${b.text}`);
	assert.equal(await system.number('SELECT COUNT(*) FROM admin_user WHERE role = 5 AND NOT disabled'), 1);
	await wecomd(['user', 'role', '--name', 'admin', '--role', 'admin']);
	await admin.login('admin', firstPassword);
});

test('the commands add, list, change and disable users, and no password stands on a command line', async () => {
	const add = await wecomd(['user', 'add', '--name', 'wang', '--role', 'viewer']);
	assert.match(add.stdout, /^[a-z2-9]{5}(-[a-z2-9]{5}){3}\n$/);
	const wang = await client().login('wang', add.stdout.trim());
	assert.equal((await wecomd(['user', 'add', '--name', 'x', '--role', 'viewer', '--password', 'on the line'])).status, 2);
	assert.equal((await wecomd(['user', 'add', '--name', 'x', '--role', 'viewer', '--password', '-'])).status, 2);
	assert.equal((await wecomd(['user', 'add', '--name', 'x', '--role', 'viewer', '--password', '-'], 'short\n')).status, 1);
	assert.match((await wecomd(['user', 'list'])).stdout, /^wang +viewer +enabled +- +\d{4}-\S+Z/m);
	assert.equal((await wecomd(['user', 'password', '--name', 'wang', '--password', '-'], 'quite another one\n')).stdout, '');
	is(await wang.get('/api/session'), 401);
	await wang.login('wang', 'quite another one');
	assert.equal((await wecomd(['user', 'disable', '--name', 'wang'])).status, 0);
	is(await wang.get('/api/session'), 401);
	assert.deepEqual((await audited('user.disable'))[0], 'command');
	assert.equal((await wecomd(['user', 'enable', '--name', 'wang'])).status, 0);
	await wang.login('wang', 'quite another one');
	assert.equal((await wecomd(['user', 'role', '--name', 'nobody', '--role', 'viewer'])).status, 1);
});

test('connections that die under logins leave one session for each that succeeded', async () => {
	const user = await newUser();
	const statuses = [];
	let going = true;
	const killing = (async () => {
		while (going) {
			for (const [id] of await system.sql("SELECT id FROM information_schema.processlist WHERE user = 'wecomd'"))
				await system.sql(`KILL ${id}`).catch(() => {});
		}
	})();
	for (let n = 0; n < 15; n++) statuses.push((await client({ address: newAddress() }).try(user.name, user.password)).status);
	going = false;
	await killing;
	assert.ok(statuses.every((status) => status === 201 || status === 503), statuses.join());
	assert.equal(await system.number(`SELECT COUNT(*) FROM admin_session WHERE user_id = ${user.id}`), statuses.filter((status) => status === 201).length);
	assert.equal(await system.number(`SELECT COUNT(*) FROM audit_log WHERE action = 'session.begin' AND actor = 'user:${user.name}'`),
		statuses.filter((status) => status === 201).length);
});

// --- one-time codes ---

test('one-time codes: set up, confirmed, asked for, good once, off by the password', async () => {
	const user = await newUser();
	const someone = await client().login(user.name, user.password);
	is(await someone.post('/api/session/totp/confirm', { code: '000000' }), 409, 'totp_not_begun');
	await steadyClock();
	const { secret, uri } = is(await someone.post('/api/session/totp'), 201).json;
	assert.deepEqual((await audited('user.totp.begin')).slice(0, 2), [`user:${user.name}`, `user:${user.id}`]);
	assert.equal(uri, `otpauth://totp/wecomd:${user.name}?secret=${secret}&issuer=wecomd&algorithm=SHA1&digits=6&period=30`);
	await client().login(user.name, user.password);     // not asked for before it is confirmed
	is(await someone.post('/api/session/totp/confirm', { code: '000000' }), 422, 'totp_wrong');
	const { recovery_codes: recovery } = is(await someone.post('/api/session/totp/confirm', { code: code(secret, -1) }), 200).json;
	assert.equal(new Set(recovery).size, 10);
	is(await someone.post('/api/session/totp'), 409, 'totp_on');

	const other = client();
	is(await other.try(user.name, user.password), 401, 'totp_needed');
	is(await other.try(user.name, 'wrong', code(secret)), 401, 'login_failed');
	is(await other.try(user.name, user.password, code(secret, -1)), 401, 'totp_wrong');     // used by the confirmation
	const fresh = code(secret);
	await other.login(user.name, user.password, fresh);
	is(await client().try(user.name, user.password, fresh), 401, 'totp_wrong');
	await wecomd(['user', 'unlock', '--name', user.name]);
	await client().login(user.name, user.password, recovery[0]);
	is(await client().try(user.name, user.password, recovery[0]), 401, 'totp_wrong');

	const [[sealed]] = await system.sql(`SELECT HEX(totp_secret) FROM admin_user WHERE id = ${user.id}`);
	assert.ok(!sealed.includes(base32(secret).toString('hex').toUpperCase()), 'the secret is sealed');
	is(await someone.post('/api/session/totp/off', { password: 'wrong' }), 403, 'password_wrong');
	is(await someone.post('/api/session/totp/off', { password: user.password }), 204);
	await client().login(user.name, user.password);
	assert.equal(await system.number(`SELECT COUNT(*) FROM admin_recovery_code WHERE user_id = ${user.id}`), 0);
});

test('of many logins with one code at once, one succeeds', async () => {
	const user = await newUser();
	const someone = await client().login(user.name, user.password);
	await steadyClock();
	const { secret } = (await someone.post('/api/session/totp')).json;
	is(await someone.post('/api/session/totp/confirm', { code: code(secret, -1) }), 200);
	const fresh = code(secret);
	const answers = await Promise.all(Array.from({ length: 4 }, () => client().try(user.name, user.password, fresh)));
	assert.equal(answers.filter(({ status }) => status === 201).length, 1, answers.map(({ text }) => text).join());
	is(await admin.delete(`/api/users/${user.id}/totp`), 204);
	await wecomd(['user', 'unlock', '--name', user.name]);
	await client().login(user.name, user.password);
});

// --- the throttle ---

async function failUntilThrottled(who, name) {
	for (let n = 1; n < 100; n++) {
		const answer = await who.try(name, 'wrong');
		if (answer.status !== 401) return { ...answer, n, json: answer.json };
	}
	throw new Error('never throttled');
}

test('failures make an account wait at that address, longer each time; elsewhere its owner logs in', async () => {
	const user = await newUser();
	const thief = client({ address: newAddress() });
	const first = await failUntilThrottled(thief, user.name);
	assert.equal(first.n, 7, 'five are free, the sixth begins the wait');
	assert.equal(first.status, 429);
	assert.equal(first.json.code, 'too_many_attempts');
	assert.equal(first.headers['retry-after'], '1');
	is(await thief.try(user.name, user.password), 429);
	await client({ address: newAddress() }).login(user.name, user.password);
	await waitFor('another attempt', async () => (await thief.try(user.name, 'wrong')).status === 401);
	assert.equal((await thief.try(user.name, 'wrong')).headers['retry-after'], '2');
	await waitFor('the right password', async () => (await thief.try(user.name, user.password)).status === 201);
	for (let n = 0; n < 5; n++) is(await thief.try(user.name, 'wrong'), 401);
});

test('unknown, wrong and disabled have one answer, and unknown names are throttled like known ones', async () => {
	const [user, gone] = [await newUser(), await newUser()];
	await wecomd(['user', 'disable', '--name', gone.name]);
	const answers = [];
	for (const [name, password] of [[user.name, 'wrong'], ['no-such-user', 'wrong'], [gone.name, gone.password], ["' OR 1=1 --", 'x'], ['无名', 'x']]) {
		const { status, json } = await client({ address: newAddress() }).try(name, password);
		answers.push(JSON.stringify([status, json.code, json.detail]));
	}
	assert.equal(new Set(answers).size, 1, answers.join('\n'));
	assert.equal((await failUntilThrottled(client({ address: newAddress() }), 'no-such-user-either')).n, 7);
});

test('an unknown user takes as long as a wrong password', async () => {
	const user = await newUser();
	const times = { known: [], unknown: [] };
	for (let n = 0; n < 10; n++) {
		for (const [kind, name] of [['known', user.name], ['unknown', `ghost-${n}`]]) {
			const began = performance.now();
			is(await client({ address: newAddress() }).try(name, 'wrong'), 401);
			times[kind].push(performance.now() - began);
		}
	}
	const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
	const [known, unknown] = [median(times.known), median(times.unknown)];
	console.log(`wrong password ${known.toFixed(0)} ms, unknown user ${unknown.toFixed(0)} ms`);
	assert.ok(known > 20, 'scrypt takes its time');
	assert.ok(known / unknown < 1.5 && unknown / known < 1.5, `${known} and ${unknown} ms`);
});

test('an attack from everywhere does not lock out who logged in before', async () => {
	const user = await newUser();
	const home = newAddress();
	await client({ address: home }).login(user.name, user.password);
	let last;
	let n = 0;
	do last = await client({ address: newAddress() }).try(user.name, 'wrong');
	while (last.status === 401 && ++n < 50);
	is(last, 429);
	assert.ok(n >= 31, `thirty are free, not ${n - 1}`);
	await system.sql('UPDATE admin_throttle SET until_at = NOW(3) + INTERVAL 1 MINUTE WHERE until_at > NOW(3) - INTERVAL 2 SECOND');     // however slow we are
	is(await client({ address: newAddress() }).try(user.name, user.password), 429);
	await client({ address: home }).login(user.name, user.password);
	assert.equal((await wecomd(['user', 'unlock', '--name', user.name])).status, 0);
	await client({ address: newAddress() }).login(user.name, user.password);
});

test('one address that tries many accounts waits too', async () => {
	const who = client({ address: '2001:db8:7:1::1' });
	const neighbour = client({ address: '2001:db8:7:1:ffff::2' });     // of the same /64
	let n = 0;
	for (; n < 60; n++) if ((await (n % 2 ? neighbour : who).try(`guess-${n}`, 'wrong')).status === 429) break;
	assert.ok(n >= 21 && n <= 26, `${n} before the wait`);     // who is slower than the first waits comes a little further
	is(await client({ address: '2001:db8:7:2::1' }).try('guess', 'wrong'), 401);
});

test('a hundred guesses at once are counted one by one', async () => {
	const user = await newUser();
	const address = newAddress();
	const answers = await Promise.all(Array.from({ length: 60 }, () => client({ address }).try(user.name, 'wrong')));
	const tried = answers.filter(({ status }) => status === 401).length;
	assert.ok(tried <= 8, `${tried} were checked`);
	assert.equal(tried + answers.filter(({ status }) => status === 429).length, 60);
});

test('while logins are hammered, other requests are answered', async () => {
	const flood = Promise.all(Array.from({ length: 60 }, (_, n) => client({ address: newAddress() }).try(`flood-${n}`, 'wrong')));
	const began = performance.now();
	is(await system.get('/health'), 200);
	assert.ok(performance.now() - began < 2000);
	const statuses = (await flood).map(({ status }) => status);
	assert.ok(statuses.every((status) => status === 401 || status === 429), statuses.join());
});
