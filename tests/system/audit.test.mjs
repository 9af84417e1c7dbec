// The audit trail: chained within seconds, and every way of tampering with it by SQL is found.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { after, before } from 'node:test';
import { startSystem, waitFor } from './harness.mjs';

let system, admin, viewer, customers = 0;

before(async () => {
	system = await startSystem();
	admin = (await system.wecomd('key', 'add', '--name', 'boss', '--role', 'admin')).stdout.trim();
	viewer = (await system.wecomd('key', 'add', '--name', 'guest', '--role', 'approver')).stdout.trim();
	await entries(12);
	await chained();
});
after(() => system?.stop());

const headers = (key = admin) => ({ Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' });
const get = (query = '', key) => system.get(`/api/audit${query}`, { headers: headers(key) });
const verifyRest = (body = {}, key) => system.get('/api/audit/verify', { method: 'POST', body: JSON.stringify(body), headers: headers(key) });
const verify = (...args) => system.wecomd('audit', 'verify', ...args);

// Exports of customers are audited; any number of entries at once.
async function entries(n) {
	const ids = Array.from({ length: n }, () => ++customers);
	await system.sql(`INSERT IGNORE INTO customer (id) VALUES ${ids.map((id) => `(${id})`).join()}`);
	for (let i = 0; i < n; i += 20)
		await Promise.all(ids.slice(i, i + 20).map(async (id) => {
			const { status, text } = await system.get(`/api/customers/${id}/export`, { method: 'POST', body: '{}', headers: headers() });
			assert.equal(status, 200, text);
		}));
}

const chained = (ms = 4000) => waitFor('the chaining of all entries',
	async () => await system.number('SELECT COUNT(*) FROM audit_log WHERE seq IS NULL') === 0, { ms });

// Tampers, expects to be found, and puts everything back.
async function finds(statements, ...expected) {
	await system.sql('DROP TABLE IF EXISTS kept_log, kept_chain; CREATE TABLE kept_log AS SELECT * FROM audit_log; CREATE TABLE kept_chain AS SELECT * FROM audit_chain');
	try {
		await system.sql(statements);
		const { status, stdout, stderr } = await verify();
		assert.equal(status, 1, `${statements}: not found\n${stdout}${stderr}`);
		assert.match(stdout, /NOT WHOLE/);
		for (const pattern of expected) assert.match(stdout, pattern, statements);
		const { status: answered, json } = await verifyRest();
		assert.equal(answered, 200);
		assert.equal(json.whole, false);
		assert.ok(json.problems.length > 0 && json.problem_count >= json.problems.length);
	} finally {
		await system.sql('DELETE FROM audit_log; DELETE FROM audit_chain; INSERT INTO audit_log SELECT * FROM kept_log; INSERT INTO audit_chain SELECT * FROM kept_chain');
	}
	const { status, stdout } = await verify();
	assert.equal(status, 0, `not whole any more after ${statements}\n${stdout}`);
}

test('entries are chained within two seconds and the chain is whole', async () => {
	const before = Date.now();
	await entries(1);
	await chained();
	assert.ok(Date.now() - before < 3000, `${Date.now() - before} ms`);
	const { status, stdout } = await verify(), n = await system.number('SELECT COUNT(*) FROM audit_log');
	assert.equal(status, 0, stdout);
	assert.match(stdout, new RegExp(`^whole: ${n} rows from 1 to ${n}; 0 wait to be chained\\nhead ${n}:[0-9a-f]{64}\\n$`));
	const { json } = await verifyRest();
	assert.deepEqual({ ...json, head: json.head.seq }, { whole: true, rows: n, first: 1, next: null, problem_count: 0, problems: [], waiting: 0, head: n });
});

test('a change of any column is found, and the row is named', async () => {
	for (const [column, value] of Object.entries({
		at: 'at + INTERVAL 1000 MICROSECOND', trace_id: 'REVERSE(trace_id)', actor: "'key:other'", action: "'customer.show'",
		object: "'customer:99'", details: "'{\"a\":1}'", nonce: 'UNHEX(REPEAT("ab", 16))', mac: 'UNHEX(REPEAT("ab", 32))', hash: 'UNHEX(REPEAT("ab", 32))',
		id: 'id + 1000',
	})) await finds(`UPDATE audit_log SET ${column} = ${value} WHERE seq = 5`, /^row 5 \(id \d+\): /m);
});

test('only the row that was changed is accused when its content was', async () => {
	await finds("UPDATE audit_log SET actor = 'x' WHERE seq = 7", /^row 7 \(id \d+\): it was changed\nNOT WHOLE/);
	await finds('UPDATE audit_log SET hash = UNHEX(REPEAT("ab", 32)) WHERE seq = 7', /^row 7 \(id \d+\): [^\n]*\nNOT WHOLE/);
});

test('a missing row is found, at the beginning, inside and at the end', async () => {
	await finds('DELETE FROM audit_log WHERE seq = 1', /^row 1: the row is missing$/m);
	await finds('DELETE FROM audit_log WHERE seq = 6', /^row 6: the row is missing$/m);
	await finds('DELETE FROM audit_log WHERE seq IN (4, 5, 6)', /^row 4: the rows to 6 are missing$/m);
	await finds('DELETE FROM audit_log ORDER BY seq DESC LIMIT 2', /^row \d+: the rows to \d+ are missing$/m);
	await finds('DELETE FROM audit_log', /^row 1: the rows to \d+ are missing$/m);
});

test('a missing row whose gap was closed by renumbering is found', async () => {
	await finds('DELETE FROM audit_log WHERE seq = 6; UPDATE audit_log SET seq = seq - 1 WHERE seq > 6 ORDER BY seq;'
		+ 'UPDATE audit_chain SET seq = seq - 1', /^row 6 /m, /head of the chain was not written by this program/);
});

test('reordered rows are found', async () => {
	await finds('UPDATE audit_log SET seq = 9999 WHERE seq = 5; UPDATE audit_log SET seq = 5 WHERE seq = 6; UPDATE audit_log SET seq = 6 WHERE seq = 9999',
		/^row 5 /m, /^row 6 /m);
});

test('an inserted row is found, whether it claims a place or waits to be chained', async () => {
	const row = "INSERT INTO audit_log (trace_id, actor, action, object, details";
	await finds(`UPDATE audit_log SET seq = seq + 1 WHERE seq > 5 ORDER BY seq DESC; ${row}, seq, hash) SELECT '', 'key:boss', 'user.create', 'user:1', '{}', 6, hash FROM audit_log WHERE seq = 5`,
		/^row 6 \(id \d+\): /m);
	await finds(`${row}, seq, hash) SELECT '', 'a', 'b', 'c', '{}', MAX(seq) + 1, REPEAT('x', 32) FROM audit_log`, /beyond the head/);
	await finds(`${row}) VALUES ('', 'key:boss', 'user.create', 'user:1', '{}')`, /it was not written by this program/);
	await finds(`${row}, mac) SELECT trace_id, actor, action, object, details, mac FROM audit_log WHERE seq = 3`, /it was not written by this program/);
});

test('a row that waits to be chained cannot be changed unseen', async () => {
	await finds("UPDATE audit_log SET seq = NULL, hash = NULL, actor = 'x' WHERE seq = (SELECT seq FROM (SELECT MAX(seq) AS seq FROM audit_log) m)",
		/it was not written by this program/);
});

test('a cut end is found even when the head was moved along', async () => {
	const cut = 'DELETE FROM audit_log ORDER BY seq DESC LIMIT 3;';
	const move = "UPDATE audit_chain c JOIN (SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1) l SET c.seq = l.seq, c.hash = l.hash WHERE c.name = 'head'";
	await finds(`${cut} ${move}`, /head of the chain was not written by this program/);
	await finds("DELETE FROM audit_chain", /head of the chain is missing/);
	await finds("UPDATE audit_chain SET hash = REVERSE(hash)", /head of the chain was not written/);
	await finds("INSERT INTO audit_chain SELECT 'base', seq, hash, mac FROM audit_chain", /removed was not written by this program/);
});

test('a head kept elsewhere finds a chain that was put back to an older state as a whole', async () => {
	await system.sql('DROP TABLE IF EXISTS old_log, old_chain; CREATE TABLE old_log AS SELECT * FROM audit_log; CREATE TABLE old_chain AS SELECT * FROM audit_chain');
	await entries(1);
	await chained();
	const head = /^head (\d+:[0-9a-f]{64})$/m.exec((await verify()).stdout)[1];
	assert.equal((await verify('--head', head)).status, 0);
	await system.sql('CREATE TABLE new_log AS SELECT * FROM audit_log; CREATE TABLE new_chain AS SELECT * FROM audit_chain');
	await system.sql('DELETE FROM audit_log; DELETE FROM audit_chain; INSERT INTO audit_log SELECT * FROM old_log; INSERT INTO audit_chain SELECT * FROM old_chain');
	assert.equal((await verify()).status, 0);
	const cut = await verify('--head', head);
	assert.equal(cut.status, 1);
	assert.match(cut.stdout, /it was cut/);
	await entries(2);
	await chained();
	const anew = await verify('--head', head);
	assert.equal(anew.status, 1);
	assert.match(anew.stdout, /made anew/);
	await system.sql('DELETE FROM audit_log; DELETE FROM audit_chain; INSERT INTO audit_log SELECT * FROM new_log; INSERT INTO audit_chain SELECT * FROM new_chain');
	for (const wrong of ['x', '1', '1:zz', `${head}0`]) assert.equal((await verify('--head', wrong)).status, 1, wrong);
});

test('a part of the chain can be checked alone', async () => {
	const { stdout, status } = await verify('--from', '3', '--to', '8');
	assert.equal(status, 0);
	assert.match(stdout, /^whole: 6 rows from 3 to 8;/);
	assert.equal((await verifyRest({ from: 3, to: 8 })).json.rows, 6);
	for (const args of [['--from', 'x'], ['--to', '-1']]) assert.equal((await verify(...args)).status, 2);
	for (const body of [{ from: -1 }, { from: 'x' }, { other: 1 }]) assert.equal((await verifyRest(body)).status, 422, JSON.stringify(body));
});

test('the trail is listed newest first, in pages, by filters', async () => {
	const { status, json } = await get('?limit=5');
	assert.equal(status, 200);
	assert.equal(json.items.length, 5);
	assert.ok(json.items.every((item, i, all) => !i || item.id < all[i - 1].id));
	const [first] = json.items;
	assert.deepEqual(Object.keys(first), ['id', 'at', 'trace_id', 'actor', 'action', 'object', 'details', 'seq']);
	assert.equal(first.actor, 'key:boss');
	assert.match(first.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
	assert.match(first.trace_id, /^[0-9a-f]{32}$/);
	const all = [];
	for (let at = '?limit=4'; at;) {
		const page = (await get(at)).json;
		all.push(...page.items);
		at = page.next && `?limit=4&cursor=${page.next}`;
	}
	assert.equal(all.length, await system.number('SELECT COUNT(*) FROM audit_log'));
	assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
	assert.equal((await get('?object=customer:3')).json.items.length, 1);
	assert.equal((await get('?action=customer.export&actor=key%3Aboss&object=customer:4')).json.items.length, 1);
	assert.equal((await get('?actor=nobody')).json.items.length, 0);
	assert.equal((await get('?until=2020-01-01T00:00:00Z')).json.items.length, 0);
	assert.equal((await get('?since=2020-01-01T00:00:00.000Z&limit=200')).json.items.length, all.length);
	assert.equal((await get('?since=2200-01-01T00:00:00Z')).json.items.length, 0);
});

test('bad filters are refused by name', async () => {
	for (const [query, field] of [['limit=0', 'limit'], ['limit=201', 'limit'], ['limit=x', 'limit'], ['cursor=x', 'cursor'], ['cursor=-1', 'cursor'],
		['since=yesterday', 'since'], ['until=2026-01-01', 'until'], ['until=2026-13-01T00:00:00Z', 'until'], ['who=me', 'who'], ['since=2026-01-01T99:00:00Z', 'since']]) {
		const { status, json } = await get(`?${query}`);
		assert.equal(status, 422, query);
		assert.deepEqual(json.errors.map((bad) => bad.field), [field], query);
	}
});

test('only administrators read and check the trail', async () => {
	assert.equal((await get('', viewer)).status, 403);
	assert.equal((await verifyRest({}, viewer)).status, 403);
	assert.equal((await system.get('/api/audit')).status, 401);
});

test('a long chain is walked in bounded pieces', async () => {
	await entries(600);
	await chained(10_000);
	const { status, stdout } = await verify();
	assert.equal(status, 0, stdout);
	const count = await system.number('SELECT MAX(seq) FROM audit_log');
	assert.match(stdout, new RegExp(`^whole: ${count} rows from 1 to ${count};`));
	await finds('DELETE FROM audit_log WHERE seq = 501', /^row 501: the row is missing$/m);
	await finds('UPDATE audit_log SET details = \'{"x":1}\' WHERE seq > 20', /^row 21 \(id \d+\): it was changed$/m, /^and \d+ more$/m);
});

test('what retention removes leaves the rest verifiable, and a chain that is not whole stays as it is', async () => {
	const newest = await system.number('SELECT MAX(seq) FROM audit_log');
	const [[actor]] = await system.sql('SELECT actor FROM audit_log WHERE seq = 3');
	await system.sql('UPDATE audit_log SET actor = \'x\' WHERE seq = 3');
	const refused = await system.wecomd('audit', 'prune', '--keep', '1ms');
	assert.equal(refused.status, 1);
	assert.match(refused.stderr, /not whole/);
	assert.equal(await system.number('SELECT COUNT(*) FROM audit_log WHERE seq <= 3'), 3);
	await system.sql(`UPDATE audit_log SET actor = '${actor}' WHERE seq = 3`);
	assert.equal((await system.wecomd('audit', 'prune', '--keep', '1d')).stdout, '0 rows removed\n');
	const { status, stdout, stderr } = await system.wecomd('audit', 'prune', '--keep', '1ms');
	assert.equal(status, 0, stderr);
	assert.ok(Number(/^(\d+) rows removed$/m.exec(stdout)[1]) >= newest, stdout);
	await chained();
	const after = await verify();
	assert.equal(after.status, 0, after.stdout);
	assert.ok(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'audit.prune'") > 0);
	await entries(3);
	await chained();
	assert.equal((await verify()).status, 0);
	await finds("DELETE FROM audit_log WHERE seq = (SELECT s FROM (SELECT MIN(seq) AS s FROM audit_log) m)", /^row \d+: the row is missing$/m);
	await finds("UPDATE audit_chain SET seq = seq + 1 WHERE name = 'base'", /removed was not written by this program/);
});

test('entries of many processes at once make one chain', async () => {
	await Promise.all([entries(40), ...Array.from({ length: 4 }, () => system.wecomd('key', 'rotate', '--in', '1d'))]);
	await chained();
	const { status, stdout } = await verify();
	assert.equal(status, 0, stdout);
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'key.rotate'"), 4);
	assert.equal(fs.readFileSync(`${system.state}/wecomd.keys`, 'utf8').match(/^\d+ /gm).length, 5);
});
