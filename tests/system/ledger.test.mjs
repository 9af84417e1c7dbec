// The outbound ledger: an intent, an outcome, and what becomes of the uncertain.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder, key;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'ledger');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[worker]\nprocesses = 2\nlease = 1500ms\n[plugins]\nledger = on\n` });
	key = (await system.wecomd('key', 'add', '--name', 'viewer', '--role', 'viewer')).stdout.trim();
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const begin = async (name, truth) => (await system.postJson('/api/ledger/begin', { key: name, ...truth ? { truth } : {} })).json;
const end = (name, outcome, answer = '') => system.postJson('/api/ledger/end', { key: name, outcome, answer });
const list = async (query) => (await system.get(`/api/outbound?${query}`, { headers: { Authorization: `Bearer ${key}` } })).json;
const row = async (name) => (await system.sql(`SELECT state, IFNULL(answer, ''), reconciles FROM outbound_call WHERE call_key = '${name}'`))[0];

test('an action begins once, ends once, and a second, different outcome is refused', async () => {
	assert.deepEqual(await begin('a1'), { new: true, before: 'intent' });
	assert.deepEqual(await begin('a1'), { new: false, before: 'intent' });
	assert.equal((await end('a1', 'done', 'errcode 0')).status, 200);
	assert.equal((await end('a1', 'done', 'errcode 0')).status, 200, 'the same outcome again is no harm');
	const second = await end('a1', 'failed', 'errcode 1');
	assert.deepEqual([second.status, second.json.code], [409, 'conflict']);
	assert.equal((await end('a1', 'uncertain')).status, 409);
	assert.deepEqual(await begin('a1'), { new: false, before: 'done' });
	assert.deepEqual(await row('a1'), ['1', 'errcode 0', '0']);
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'outbound.done' AND object = 'outbound:a1'"), 1);
	assert.equal((await end('nobody', 'done')).status, 404);
	assert.equal((await end('a1', 'intent')).status, 400);
	assert.equal((await system.postJson('/api/ledger/begin', { key: 'k'.repeat(65) })).status, 400);
	assert.equal((await system.postJson('/api/ledger/end', { key: 'a1', answer: 'x'.repeat(121) })).status, 400);
});

test('of many that begin one action at the same time one does', async () => {
	const all = await Promise.all(Array.from({ length: 12 }, () => begin('crowd')));
	assert.equal(all.filter((one) => one.new).length, 1);
});

test('the target is sealed and can be looked for', async () => {
	await begin('a2');
	const { items } = await list('target=someone&kind=ledger.send');
	assert.ok(items.some((item) => item.key === 'a2'));
	assert.deepEqual((await list('target=somebody-else')).items, []);
	assert.equal(await system.number("SELECT COUNT(*) FROM outbound_call WHERE target LIKE '%someone%'"), 0);
	assert.equal((await system.get('/api/outbound?state=perhaps', { headers: { Authorization: `Bearer ${key}` } })).status, 422);
});

test('an intent whose process died is uncertain at once for who asks', async () => {
	await system.postJson('/api/ledger/die', { key: 'd1' });
	await waitFor('the death', async () => await system.number("SELECT state FROM job WHERE job_key = 'd1'") === 4);
	assert.deepEqual(await begin('d1'), { new: false, before: 'uncertain' });
	assert.equal((await end('d1', 'failed', 'looked up')).status, 200, 'an uncertain one takes any outcome');
});

test('an uncertain action is done when the other side says so', async () => {
	await begin('u1', 'done');
	await end('u1', 'uncertain', 'timeout');
	assert.deepEqual(await begin('u1'), { new: false, before: 'uncertain' });
	await system.sql("UPDATE outbound_call SET look_at = NOW(3) WHERE call_key = 'u1'");
	await waitFor('the reconciliation', async () => (await row('u1'))[0] === '1');
	assert.deepEqual(await row('u1'), ['1', 'reconciled', '0']);
	assert.equal(await system.number("SELECT COUNT(*) FROM job WHERE kind = 'outbound.reconcile' AND state = 3"), 1, 'one node asked once');
});

test('an intent without an outcome for ten minutes is uncertain and asked after', async () => {
	await begin('o1', 'failed');
	await system.sql("UPDATE outbound_call SET look_at = NOW(3) WHERE call_key = 'o1'");
	await waitFor('the reconciliation', async () => (await row('o1'))[0] === '2');
});

test('what stays uncertain is asked again after growing pauses', async () => {
	for (const [name, truth] of [['p1', 'uncertain'], ['p2', 'error']]) {
		await begin(name, truth);
		await end(name, 'uncertain');
		const pauses = [];
		for (let n = 1; n <= 3; n++) {
			await system.sql(`UPDATE outbound_call SET look_at = NOW(3) WHERE call_key = '${name}'`);
			await waitFor(`question ${n}`, async () => (await row(name))[2] === String(n));
			pauses.push(await system.number(`SELECT ROUND(TIMESTAMPDIFF(SECOND, NOW(3), look_at) / 60) FROM outbound_call WHERE call_key = '${name}'`));
		}
		assert.deepEqual(pauses, [1, 2, 4]);
	}
	assert.deepEqual((await list('state=uncertain')).items.map((item) => item.key).sort(), ['p1', 'p2']);
});

test('what the other side never tells is given up after twenty questions, and takes an outcome that comes late', async () => {
	await begin('g1', 'uncertain');
	await end('g1', 'uncertain', 'timeout');
	const asked = async (times) => {
		await system.sql(`UPDATE outbound_call SET reconciles = ${times}, look_at = NOW(3) WHERE call_key = 'g1'`);
		await waitFor('the next question', async () => (await row('g1'))[2] === String(times + 1));
		return row('g1');
	};
	assert.deepEqual(await asked(18), ['3', 'timeout', '19']);
	assert.deepEqual(await asked(19), ['4', 'timeout', '20']);
	const { items } = await list('state=given_up');
	assert.deepEqual(items.map((item) => [item.key, item.state, item.reconciles, item.settled_ms > 0]), [['g1', 'given_up', 20, true]]);
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'outbound.given_up' AND object = 'outbound:g1'"), 1);

	/* Nobody asks any more, and a caller sees what it is to him: uncertain. */
	const questions = () => system.number(`SELECT COUNT(*) FROM job j JOIN outbound_call c ON j.job_key LIKE CONCAT('outbound/', c.id, '/%')
		WHERE c.call_key = 'g1'`);
	const before = await questions();
	await system.sql("UPDATE outbound_call SET look_at = NOW(3) WHERE call_key = 'g1'");
	await begin('g2', 'done');
	await end('g2', 'uncertain');
	await system.sql("UPDATE outbound_call SET look_at = NOW(3) WHERE call_key = 'g2'");
	await waitFor('the question about another', async () => (await row('g2'))[0] === '1');
	assert.equal(await questions(), before);
	assert.deepEqual(await begin('g1'), { new: false, before: 'uncertain' });
	assert.equal((await end('g1', 'uncertain', 'again')).status, 200);
	assert.deepEqual(await row('g1'), ['4', 'timeout', '20']);
	assert.equal((await end('g1', 'done', 'came late')).status, 200);
	assert.deepEqual(await row('g1'), ['1', 'came late', '20']);
});
