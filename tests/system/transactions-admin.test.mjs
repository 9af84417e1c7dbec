// Deadlock, lock time-out and lost connection at each statement of each transaction of the admin, crypt and talk tiers: users, sessions,
// one-time codes, the throttle, keys, the audit trail, resealing, customers, migrations.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, copyPlugins, removeFolder, root, run, tempFolder, waitFor } from './harness.mjs';
import { Bench } from './transactions.mjs';

let bench, system, folder, key;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'section');
	fs.cpSync(path.join(root, 'sql'), path.join(folder, 'sql'), { recursive: true });
	fs.cpSync(path.join(root, 'tests/plugins/section/sql'), path.join(folder, 'sql/section'), { recursive: true });
	bench = await Bench.start('transactions-admin', { conf: `[core]\nplugin_dir = ${folder}\nsql_dir = ${folder}/sql\n[plugins]\nsection = on\n
[admin]\nlogin_free = 1000\nsession_idle = 1h\n[customer]\nprivacy_notice = 我们保护您的隐私\n` });
	({ system } = bench);
	key = (await wecomd('key', 'add', '--name', 'root', '--role', 'admin')).trim();
});
after(async () => {
	await bench?.stop();
	if (folder) removeFolder(folder);
});

async function wecomd(...args) {
	const { status, stdout, stderr } = await run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, ...args], { env: system.env, input: 'a long password\n' });
	assert.equal(status, 0, stderr);
	return stdout;
}

async function ask(method, at, value, { headers = {}, status } = {}) {
	const answer = await system.get(at, { method, body: value === undefined ? undefined : JSON.stringify(value),
		headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}`, ...headers } });
	assert.ok(status ? answer.status === status : answer.status < 300, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer;
}

let count = 0;
const fresh = (word = 'x') => `${word}-${++count}`;
const password = 'a long password';

const audits = (object) => bench.one(`SELECT GROUP_CONCAT(action ORDER BY id) FROM audit_log WHERE object = '${object}'`);

// --- users ---

test('a user is added once', () => bench.everyFault(['user added'], async () => {
	const name = fresh('new');
	const { json } = await ask('POST', '/api/users', { name, role: 'viewer', password }, { status: 201 });
	assert.equal(await bench.one(`SELECT id FROM admin_user WHERE name = '${name}'`), String(json.id));
	return json.id;
}, { check: (_, id) => audits(`user:${id}`) }));

test('when nothing helps the answer is 503, and asking again does it once', async () => {
	const name = fresh('late'), add = (status) => ask('POST', '/api/users', { name, role: 'viewer', password }, { status });
	const there = () => bench.sql(`SELECT (SELECT COUNT(*) FROM admin_user WHERE name = '${name}'), (SELECT COUNT(*) FROM audit_log WHERE details LIKE '%"${name}"%')`);
	const adds = (sql, before) => sql === 'COMMIT' && before.some((one) => /^INSERT INTO admin_user/.test(one));
	for (const fault of ['deadlock', 'lock_timeout', 'cut_before']) {
		const rule = bench.proxy.arm(fault, adds, { times: 100 });
		await add(503);
		bench.proxy.disarm();
		assert.equal(rule.fired, 5);
		assert.deepEqual(await there(), [['0', '0']], fault);
	}
	// It took effect, and nobody can be asked whether it did.
	bench.proxy.arm('cut_after', adds);
	bench.proxy.arm('cut_before', (sql) => /^SELECT 1 FROM audit_log WHERE nonce/.test(sql), { times: 100 });
	const { json } = await add(503);
	bench.proxy.disarm();
	assert.equal(json.code, 'database_unavailable');
	await add(409);
	assert.deepEqual(await there(), [['1', '1']]);
});

test('a user is changed once, in role, state and password', async () => {
	const options = { prepare: async () => {
		const name = fresh('changed');
		await bench.sql(`INSERT INTO admin_user (name, role, password, created_by) VALUES ('${name}', 2, 'x', 'test')`);
		const id = await bench.one(`SELECT id FROM admin_user WHERE name = '${name}'`);
		await bench.sql(`INSERT INTO admin_session (user_id, token_hash, address, agent) VALUES (${id}, RANDOM_BYTES(32), '', '')`);
		return id;
	}, check: async (id) => [await audits(`user:${id}`), await bench.one(`SELECT role FROM admin_user WHERE id = ${id}`),
		await bench.one(`SELECT details FROM audit_log WHERE object = 'user:${id}'`).then((text) => text.replace(/changed-\d+/, ''))] };
	await bench.everyFault(['user changed'], (id) => ask('PUT', `/api/users/${id}`, { role: 'operator', display_name: '李' }), options);
	await bench.everyFault(['user changed'], (id) => ask('DELETE', `/api/users/${id}/totp`), options);
});

test('what the throttle counted is cleared by a command', async () => {
	const name = fresh('locked');
	await ask('POST', '/api/users', { name, role: 'operator', password });
	await bench.everyFault(['throttle cleared'], () => wecomd('user', 'unlock', '--name', name), {
		prepare: async () => {
			await bench.sql('DELETE FROM admin_throttle');
			await ask('POST', '/api/session', { name, password: 'not the password' }, { headers: { Authorization: '' }, status: 401 });
			await bench.sql('UPDATE admin_throttle SET failures = 9, until_at = NOW(3) + INTERVAL 1 HOUR WHERE account IS NOT NULL');
		},
		check: () => bench.one('SELECT SUM(failures), SUM(until_at IS NOT NULL) FROM admin_throttle WHERE account IS NOT NULL'),
	});
});

// --- keys ---

test('a key is made once, revoked once, and its use noted', async () => {
	await bench.everyFault(['key added'], async () => {
		const name = fresh('key');
		const { json } = await ask('POST', '/api/keys', { name, role: 'viewer' }, { status: 201 });
		await ask('GET', '/api/session', undefined, { headers: { Authorization: `Bearer ${json.key}` } });
		return json.id;
	}, { check: (_, id) => audits(`key:${id}`) });
	await bench.everyFault(['key revoked'], (id) => ask('DELETE', `/api/keys/${id}`, undefined, { status: 204 }), {
		prepare: async () => (await ask('POST', '/api/keys', { name: fresh('key'), role: 'viewer' })).json.id,
		check: (id) => audits(`key:${id}`),
	});
	await bench.everyFault(['key used'], (made) => ask('GET', '/api/session', undefined, { headers: { Authorization: `Bearer ${made.key}` } }), {
		prepare: async () => (await ask('POST', '/api/keys', { name: fresh('key'), role: 'viewer' })).json,
		check: ({ id }) => bench.one(`SELECT last_used_at IS NOT NULL FROM api_key WHERE id = ${id}`),
	});
});

// --- the audit trail ---

const verify = async () => (await ask('POST', '/api/audit/verify', {})).json.whole;

test('an entry of its own is written once, and the chain stays whole', async () => {
	const { json: { id } } = await ask('POST', '/api/section', { text: '喜欢茶' });
	await bench.everyFault(['audit entry alone'], () => ask('POST', `/api/customers/${id}/export`, {}));
	await bench.everyFault(['audit chain'], async () => {
		await ask('POST', `/api/customers/${id}/export`, {});
		await waitFor('the chain', async () => await bench.one('SELECT COUNT(*) FROM audit_log WHERE seq IS NULL') === '0', { every: 10 });
	}, { check: verify, atOnce: true });
	assert.equal(await bench.one('SELECT COUNT(DISTINCT seq) = COUNT(*) FROM audit_log'), '1');
});

// --- customers ---

test('a customer is made once, with all that belongs to it, told once, and erased once', async () => {
	await bench.everyFault(['customer made'], async () => {
		const { json: { id } } = await ask('POST', '/api/section', { text: '喜欢茶' }, { status: 201 });
		assert.deepEqual((await ask('GET', `/api/section/${id}`)).json, ['喜欢茶']);
	});
	const prepare = async () => (await ask('POST', '/api/section', { text: '喜欢茶' })).json.id;
	await bench.everyFault(['customer told'], async (id) => (await ask('POST', `/api/section/${id}/contact`, { text: 'x' })).json, { prepare,
		check: (_, { notice }) => notice });
	await bench.everyFault(['customer erased'], (id) => ask('POST', `/api/customers/${id}/erase`, { reason: 'asked for it', confirm: String(id) }), { prepare,
		check: async (id) => [await audits(`customer:${id}`), await bench.one(`SELECT data_key IS NULL FROM customer WHERE id = ${id}`)] });
});

// --- keys of the file, retention of the trail, migrations: they change what the others stand on ---

const keyCommand = (...args) => run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, 'key', ...args], { env: system.env });

test('every row is sealed anew once, whatever breaks on the way', async () => {
	const { json: { id } } = await ask('POST', '/api/section', { text: '喜欢茶' });
	const old = await bench.one(`SELECT HEX(data_key) FROM customer WHERE id = ${id}`);
	await wecomd('key', 'rotate', '--in', '3s');
	await waitFor('the new key', async () => (await keyCommand('reseal', '--now')).status === 0);
	await bench.everyFault(['reseal step'], async () => {
		const { status, stdout, stderr } = await keyCommand('reseal', '--now');
		assert.equal(status, 0, stderr);
		return /^customer\.data_key +(\d+) rows/m.exec(stdout)[1];
	}, {
		prepare: () => bench.sql(`INSERT INTO customer (data_key) VALUES (X'${old}'), (X'${old}'), (X'${old}')`),
		check: async (_, rows) => [rows, await bench.one("SELECT COUNT(*) FROM customer WHERE HEX(SUBSTRING(data_key, 2, 2)) = '0001'")],
	});
	assert.deepEqual((await ask('GET', `/api/section/${id}`)).json, ['喜欢茶']);
});

test('a migration that breaks can be run again, and is noted once', async () => {
	let number = 8000;
	await bench.everyFault(['migration'], async () => {
		const file = `${++number}_more.sql`;
		fs.writeFileSync(path.join(folder, 'sql/section', file), `CREATE TABLE IF NOT EXISTS section_more_${number} (id INT);\n`);
		const migrate = () => run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, 'migrate'], { env: system.env });
		const { status, stderr } = await migrate();
		if (status !== 0) {
			assert.match(stderr, /database: /);
			assert.equal((await migrate()).status, 0);
		}
		return bench.sql(`SELECT COUNT(*), (SELECT COUNT(*) FROM section_more_${number}) FROM schema_migration WHERE file = '${file}'`);
	}, { check: (_, said) => said });
});

test('old entries of the trail are removed once, and the rest stays whole', () => bench.everyFault(['audit retention'], async () => {
	const said = await wecomd('audit', 'prune', '--keep', '1ms');
	return [said, await verify()];
}, {
	prepare: async () => {
		await ask('POST', '/api/users', { name: fresh('noted'), role: 'viewer', password });
		await waitFor('the chain', async () => await bench.one('SELECT COUNT(*) FROM audit_log WHERE seq IS NULL') === '0', { every: 10 });
	},
	check: (_, said) => said,
	atOnce: true,
}));

test('no other transaction was seen, and none of these was left out', () => bench.complete());
