// Master keys change while everything runs: rotated, everything sealed anew, the old one retired, and nothing is lost on the way.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { startSystem, textMessage, waitFor } from './harness.mjs';

let system, file, admin;

before(async () => {
	system = await startSystem();
	file = path.join(system.state, 'wecomd.keys');
	admin = (await system.wecomd('key', 'add', '--name', 'boss', '--role', 'admin')).stdout.trim();
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
});
after(() => system?.stop());

const key = (...args) => system.wecomd('key', ...args);
const text = () => fs.readFileSync(file, 'utf8');
const usedBy = async (column) => {
	const [table, field] = column.split('.');
	return Object.fromEntries((await system.sql(`SELECT CONV(HEX(SUBSTRING(${field}, 2, 2)), 16, 10), COUNT(*) FROM ${table} WHERE ${field} IS NOT NULL GROUP BY 1`))
		.map(([id, n]) => [id, Number(n)]));
};
const columns = ['inbox_event.payload', 'job.args', 'smartbot_bot.token', 'smartbot_bot.aes_key', 'smartbot_stream.content', 'idempotency.answer',
	'customer.data_key'];

// The same write each time.
const write = () => system.get('/api/smartbot/roles/kept', {
	method: 'PUT', body: '{"prompt": "kept"}', headers: { Authorization: `Bearer ${admin}`, 'Idempotency-Key': 'kept' },
});

async function ask(question) {
	const { status, reply } = await system.callback(textMessage(question, { bot: system.bot }));
	assert.equal(status, 200);
	assert.ok((await system.finished(reply.stream.id)).length > 0);
	return reply.stream.id;
}

// Lets a key seal from a minute ago, as if the time had passed.
function letTimePass() {
	const past = Math.floor(Date.now() / 1000) - 120;
	fs.writeFileSync(`${file}.tmp`, text().replace(/^(\d+ [0-9a-f]{64}) \d+$/gm, `$1 ${past}`), { mode: 0o600 });
	fs.renameSync(`${file}.tmp`, file);
}

const nextSealedWith = (id) => waitFor(`a callback sealed with key ${id}`, async () => {
	await ask('which key?');
	return await system.number('SELECT CONV(HEX(SUBSTRING(payload, 2, 2)), 16, 10) FROM inbox_event ORDER BY id DESC LIMIT 1') === id;
}, { ms: 15_000 });

let oldStream;

test('a new key seals in every process from its time on, while questions go on being answered', async () => {
	oldStream = await ask('before');
	assert.equal((await write()).status, 200);
	assert.deepEqual(await usedBy('idempotency.answer'), { 1: 1 });
	await system.sql('INSERT INTO customer (data_key) SELECT token FROM smartbot_bot');     // any bytes under key 1
	const before = text();
	const { status, stdout, stderr } = await key('rotate', '--in', '3s');
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^key 2 is in .*; it opens at once and seals from \d{4}-/);
	assert.ok(text().startsWith(before));
	assert.match(text(), /^hash [0-9a-f]{64}\n2 [0-9a-f]{64} \d{10}\n$/m);
	assert.equal(fs.statSync(file).mode & 0o777, 0o600);
	assert.deepEqual(fs.readdirSync(system.state).filter((name) => name.startsWith('wecomd.keys')), ['wecomd.keys']);
	assert.match((await key('status')).stdout, /^2 +seals from \d{4}-[^ ]+ +0 rows/m);
	assert.match((await key('reseal')).stderr, /key 2 seals from/);
	await nextSealedWith(2);
	// From then on all processes do: web (inbox, job.args) and workers (streams).
	const from = await system.number('SELECT MAX(id) FROM inbox_event');
	await Promise.all(Array.from({ length: 24 }, (_, i) => ask(`after ${i}`)));
	assert.equal(await system.number(`SELECT COUNT(*) FROM inbox_event WHERE id > ${from} AND HEX(SUBSTRING(payload, 2, 2)) <> '0002'`), 0);
	assert.equal(await system.number("SELECT COUNT(*) FROM smartbot_stream WHERE finished AND HEX(SUBSTRING(content, 2, 2)) NOT IN ('0001', '0002')"), 0);
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'key.rotate' AND object = 'key:2'"), 1);
	assert.equal((system.log('wecomd').match(/"message":"child started"/g) ?? []).length, system.children('web').length + system.children('worker').length);
});

test('a repeated callback is still known, and API keys still fit: keyed hashes do not change', async () => {
	const message = textMessage('twice', { bot: system.bot });
	const first = await system.callback(message);
	await system.finished(first.reply.stream.id);
	const again = await system.callback(message);
	assert.equal(again.reply.stream.id, first.reply.stream.id);
	const headers = { Authorization: `Bearer ${admin}` };
	assert.equal((await system.get('/api/hello/x', { headers })).status, 200);
});

test('the old key cannot be retired while it opens rows, nor can the one that seals', async () => {
	const early = await key('retire', '1');
	assert.equal(early.status, 1);
	assert.match(early.stderr, /has sealed for less than 60 s/);
	letTimePass();
	const used = await key('retire', '1');
	assert.equal(used.status, 1);
	assert.match(used.stderr, /key 1 still opens \d+ rows; run: wecomd key reseal \(.*smartbot_bot\.token 1/);
	for (const [id, status] of [['2', 1], ['3', 1], ['0', 2], ['x', 2], ['65536', 2]]) assert.equal((await key('retire', id)).status, status, id);
	assert.equal((await key('retire')).status, 2);
});

test('a job seals everything anew, and the list shows how far it is', async () => {
	assert.match((await key('status')).stdout, /^1 +opens +\d+ rows  .*customer\.data_key 1/m);
	const { status, stdout } = await key('reseal');
	assert.equal(status, 0);
	assert.match(stdout, /a worker seals everything anew under key 2/);
	await waitFor('no row under key 1', async () => {
		const used = await Promise.all(columns.filter((name) => name !== 'customer.data_key').map(usedBy));
		return used.every((ids) => !ids[1]);
	});
	await system.sql("DELETE FROM customer WHERE HEX(SUBSTRING(data_key, 2, 2)) = '0001'");
	assert.match((await key('status')).stdout, /^1 +opens +0 rows +\n2 +seals +\d+ rows /m);
	assert.equal((await system.finished(oldStream)).length > 0, true);
	assert.deepEqual(await system.sql("SELECT HEX(SUBSTRING(content, 2, 2)) FROM smartbot_stream WHERE stream_id = '" + oldStream + "'"), [['0002']]);
	await ask('still there');
});

test('a row that does not open is left alone, named in the log, and buries the job', async () => {
	assert.match(system.log('wecomd'), /a row cannot be sealed anew.*customer\.data_key/);
	assert.ok(await system.number("SELECT COUNT(*) FROM job WHERE kind = 'keyring.reseal' AND state = 4") === 1);
	await system.sql("DELETE FROM job WHERE kind = 'keyring.reseal'");
});

test('resealing writes over nothing that changed meanwhile, and many rows go in bounded batches', async () => {
	const rows = 6000;
	await system.sql(`INSERT INTO inbox_event (dedupe_key, endpoint, trace_id, payload)
		SELECT UNHEX(SHA2(seq, 256)), 'old', '', (SELECT payload FROM inbox_event ORDER BY id LIMIT 1) FROM seq_1_to_${rows}`);
	await key('rotate', '--in', '3s');
	letTimePass();
	await nextSealedWith(3);
	const asking = Promise.all(Array.from({ length: 12 }, (_, i) => ask(`meanwhile ${i}`)));
	const { status, stdout, stderr } = await key('reseal', '--now');
	await asking;
	assert.equal(status, 0, stderr);
	assert.ok(Number(/^inbox_event\.payload +(\d+) rows sealed anew$/m.exec(stdout)[1]) >= rows, stdout);
	for (const column of columns) assert.deepEqual(Object.keys(await usedBy(column)).filter((id) => id !== '3'), [], column);
	await ask('all well');
	const again = await key('reseal', '--now');
	assert.match(again.stdout, /^inbox_event\.payload +0 rows sealed anew$/m);
});

test('the lowest key can be retired once nothing needs it: keyed hashes have a key of their own', async () => {
	for (const id of ['1', '2']) {
		const { status, stdout, stderr } = await key('retire', id);
		assert.equal(status, 0, stderr);
		assert.match(stdout, new RegExp(`^key ${id} is out of `));
	}
	assert.deepEqual(text().match(/^\S+ /gm).filter((word) => word !== '# '), ['hash ', '3 ']);
	const again = await write();
	assert.deepEqual([again.status, again.headers['idempotent-replayed'], again.json], [200, 'true', { name: 'kept', prompt: 'kept' }]);
	const headers = { Authorization: `Bearer ${admin}` };
	await waitFor('that the processes have read the file again', () => /key file read again.*"keys":1,"newest":3/.test(system.log('wecomd')), { ms: 5000 });
	assert.equal((await system.get('/api/hello/x', { headers })).status, 200);
	await ask('without the old keys');
	assert.equal((await key('status')).stdout.trim().split('\n').length, 1);
	assert.equal((await system.wecomd('audit', 'verify')).status, 0);
});

test('a retired plugin\'s tables hold a key back unless that is forced', async () => {
	await key('rotate', '--in', '3s');
	letTimePass();
	await system.sql("INSERT INTO schema_migration SELECT 'gone', number, name, checksum, applied_at FROM schema_migration LIMIT 1").catch(async () => {
		const fields = (await system.sql("SELECT column_name FROM information_schema.columns WHERE table_schema = 'wecomd' AND table_name = 'schema_migration'")).flat();
		await system.sql(`INSERT INTO schema_migration SELECT ${fields.map((field) => field === 'owner' ? "'gone'" : field)} FROM schema_migration LIMIT 1`);
	});
	await nextSealedWith(4);
	assert.equal((await key('reseal', '--now')).status, 0);
	const held = await key('retire', '3');
	assert.equal(held.status, 1);
	assert.match(held.stderr, /plugin gone has tables here but is not loaded/);
	assert.equal((await key('retire', '3', '--force')).status, 0);
});

test('a broken key file changes nothing in a running system', async () => {
	const good = text();
	fs.writeFileSync(file, good.replace(/^4 [0-9a-f]{8}/m, '4 zzzzzzzz'));
	await waitFor('that it is refused', async () => {
		await ask('does it matter?');
		return /the changed key file is refused, the keys stay as they were/.test(system.log('wecomd'));
	});
	await ask('it does not');
	const { status, stderr } = await key('status');
	assert.equal(status, 1);
	assert.match(stderr, /wecomd\.keys:\d+: the id is not followed by 64 hexadecimal digits/);
	fs.writeFileSync(file, good);
	fs.chmodSync(file, 0o644);
	await ask('nor does this');
	assert.match((await key('rotate')).stderr, /chmod 600/);
	fs.chmodSync(file, 0o600);
	for (const args of [['--in', '1s'], ['--in', 'x'], ['--in', '400d']]) assert.equal((await key('rotate', ...args)).status, 2);
	for (const line of system.log('wecomd').split('\n')) assert.ok(!/[0-9a-f]{64}/.test(line) || /audit chained/.test(line), line);
});

test('two rotations at once add two keys', async () => {
	const ids = (await Promise.all([1, 2, 3].map(() => key('rotate', '--in', '1d')))).map(({ stdout }) => Number(/^key (\d+)/.exec(stdout)[1]));
	assert.deepEqual(ids.sort(), [5, 6, 7]);
});
