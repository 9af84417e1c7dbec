// Deadlock, lock time-out and lost connection at each statement of each transaction of logins, sessions and one-time codes.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test, { after, before } from 'node:test';
import { Bench } from './transactions.mjs';

let bench, system, key;

before(async () => {
	bench = await Bench.start('transactions-sessions', { conf: '[admin]\nlogin_free = 1000\nsession_idle = 1h\n' });
	({ system } = bench);
	key = (await system.wecomd('key', 'add', '--name', 'root', '--role', 'admin')).stdout.trim();
});
after(() => bench?.stop());

async function ask(method, at, value, { headers = {}, status } = {}) {
	const answer = await system.get(at, { method, body: value === undefined ? undefined : JSON.stringify(value),
		headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}`, ...headers } });
	assert.ok(status ? answer.status === status : answer.status < 300, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer;
}

let count = 0;
const fresh = (word = 'x') => `${word}-${++count}`;
const password = 'a long password';

// Two of them, as logging in takes long; each test has its own.
async function newUser(role = 'viewer') {
	const name = fresh('user');
	const { json: { id } } = await ask('POST', '/api/users', { name, role, password });
	await bench.sql(`UPDATE admin_user SET must_change = 0 WHERE id = ${id}`);
	return { id, name };
}

async function login(user, more = {}) {
	const answer = await ask('POST', '/api/session', { name: user.name, password, ...more }, { headers: { Authorization: '' }, status: 201 });
	const cookie = answer.headers['set-cookie'][0].split(';')[0];
	return { cookie, headers: { Authorization: '', Cookie: cookie, 'X-CSRF-Token': answer.json.csrf } };
}

const audits = (object) => bench.one(`SELECT GROUP_CONCAT(action ORDER BY id) FROM audit_log WHERE object = '${object}'`);

// --- sessions ---

test('a login makes one session, one entry in the trail, and counts against nobody', async () => {
	const user = await newUser();
	const options = {
		prepare: () => bench.sql('DELETE FROM admin_throttle'),
		check: async () => [await bench.sql('SELECT failures, known_at IS NULL FROM admin_throttle ORDER BY bucket'),
			await bench.one(`SELECT last_login_at > NOW(3) - INTERVAL 10 SECOND FROM admin_user WHERE id = ${user.id}`)],
	};
	await bench.everyFault(['throttle forgives', 'throttle cleaned', 'sessions cleaned'], () => login(user), { ...options, atOnce: true });
	await bench.everyFault(['session begun'], () => login(user), { ...options, faults: ['deadlock', 'cut_after'] });
});

test('a wrong password counts once', async () => {
	const user = await newUser();
	await bench.everyFault(['throttle'], () => ask('POST', '/api/session', { name: user.name, password: 'not the password' }, { headers: { Authorization: '' }, status: 401 }), {
		prepare: () => bench.sql('DELETE FROM admin_throttle'),
		check: () => bench.sql('SELECT failures FROM admin_throttle ORDER BY bucket'),
		faults: ['deadlock', 'cut_after'],
	});
});

test('a session ends once, by its owner and by an administrator, and is prolonged', async () => {
	const user = await newUser();
	const prepare = async () => {
		const session = await login(user);
		session.id = await bench.one('SELECT MAX(id) FROM admin_session');
		return session;
	};
	const check = (session) => audits(`session:${session.id}`);
	await bench.everyFault(['session ended'], ({ headers }) => ask('DELETE', '/api/session', undefined, { headers, status: 204 }), { prepare, check, atOnce: true });
	await bench.everyFault(['session ended'], ({ id }) => ask('DELETE', `/api/sessions/${id}`, undefined, { status: 204 }), { check, prepare: async () => {
		await bench.sql(`INSERT INTO admin_session (user_id, token_hash, address, agent) VALUES (${user.id}, RANDOM_BYTES(32), '', '')`);
		return { id: await bench.one('SELECT MAX(id) FROM admin_session') };
	} });
	const session = await prepare();
	await bench.everyFault(['session prolonged'], () => ask('GET', '/api/session', undefined, { headers: session.headers }), {
		prepare: () => bench.sql(`UPDATE admin_session SET seen_at = NOW(3) - INTERVAL 10 MINUTE WHERE id = ${session.id}`),
		check: () => bench.one(`SELECT seen_at > NOW(3) - INTERVAL 1 MINUTE FROM admin_session WHERE id = ${session.id}`),
	});
});

test('one\'s own password changes together with the session\'s token', async () => {
	const user = await newUser();
	const [[original]] = await bench.sql(`SELECT password FROM admin_user WHERE id = ${user.id}`);
	await bench.everyFault(['user changed'], async (session) => {
		const answer = await ask('PUT', '/api/session/password', { old: password, new: 'another password' }, session);
		const cookie = answer.headers['set-cookie'][0].split(';')[0];
		await ask('GET', '/api/session', undefined, { headers: { Authorization: '', Cookie: cookie } });
	}, {
		prepare: async () => {
			await bench.sql(`UPDATE admin_user SET password = '${original}' WHERE id = ${user.id}; DELETE FROM admin_session WHERE user_id = ${user.id};
				DELETE FROM audit_log WHERE object = 'user:${user.id}'`);
			return login(user);
		},
		check: () => audits(`user:${user.id}`),
		atOnce: true,
	});
});

// --- one-time codes ---

const base32 = (text) => {
	const bits = [...text].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
	return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
};

function code(secret) {
	const counter = Buffer.alloc(8);
	counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
	const hash = crypto.createHmac('sha1', base32(secret)).update(counter).digest();
	return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('one-time codes are set up once, and each code opens one session', async () => {
	const user = await newUser();
	const session = await login(user);
	const off = () => bench.sql(`UPDATE admin_user SET totp_on = 0, totp_secret = NULL, totp_step = 0 WHERE id = ${user.id};
		DELETE FROM admin_recovery_code WHERE user_id = ${user.id}; DELETE FROM audit_log WHERE object = 'user:${user.id}'`);
	const begin = async () => (await ask('POST', '/api/session/totp', {}, session)).json.secret;
	await bench.everyFault(['one-time codes begun'], begin, { prepare: off });

	let secret, codes;
	await bench.everyFault(['one-time codes on'], async () => {
		codes = (await ask('POST', '/api/session/totp/confirm', { code: code(secret) }, session)).json.recovery_codes;
	}, {
		prepare: async () => {
			await off();
			secret = await begin();
		},
		check: () => audits(`user:${user.id}`),
	});
	assert.equal(await bench.one(`SELECT COUNT(*) FROM admin_recovery_code WHERE user_id = ${user.id}`), '10');

	const before = (await bench.sql(`SELECT HEX(code_hash) FROM admin_recovery_code WHERE user_id = ${user.id}`)).flat();
	await bench.everyFault(['one-time code used'], () => login(user, { totp: code(secret) }),
		{ prepare: () => bench.sql(`UPDATE admin_user SET totp_step = 0 WHERE id = ${user.id}; DELETE FROM admin_throttle`), faults: ['cut_before', 'cut_after'] });
	await bench.everyFault(['recovery code used'], () => login(user, { totp: codes[0] }), { prepare: () => bench.sql(
		`INSERT IGNORE INTO admin_recovery_code (user_id, code_hash) VALUES ${before.map((hash) => `(${user.id}, X'${hash}')`)}; DELETE FROM admin_throttle`), atOnce: true });
	await bench.everyFault(['throttle gives back'], () => ask('POST', '/api/session', { name: user.name, password }, { headers: { Authorization: '' }, status: 401 }), {
		atOnce: true,
		prepare: () => bench.sql('UPDATE admin_throttle SET failures = 5'),
		check: () => bench.sql('SELECT failures FROM admin_throttle ORDER BY bucket'),
	});
	await bench.everyFault(['user changed'], () => ask('POST', '/api/session/totp/off', { password }, session), { faults: ['cut_after'],
		prepare: () => bench.sql(`UPDATE admin_user SET totp_on = 1 WHERE id = ${user.id}; DELETE FROM audit_log WHERE object = 'user:${user.id}'`),
		check: () => audits(`user:${user.id}`),
	});
});

test('no other transaction was seen, and none of these was left out', () => bench.complete());
