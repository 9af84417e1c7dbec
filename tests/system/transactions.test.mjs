// Deadlock, lock time-out and lost connection at each statement of each transaction of the work, web and host tiers: what comes in, what is
// done about it, what goes out.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, tempFolder, waitFor } from './harness.mjs';
import { Bench, kinds, transactionsInSources } from './transactions.mjs';

let bench, system, folder, key;
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'crash', 'ledger', 'things');
	bench = await Bench.start('transactions', { conf: `[core]\nplugin_dir = ${folder}\n[web]\nprocesses = 1\n[worker]\nprocesses = 1\npoll = 20ms\n
[plugins]\ncrash = on\nledger = on\nthings = on\n[crash]\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n` });
	({ system } = bench);
	await bench.sql('CREATE TABLE things_thing (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(64) NOT NULL)');
	key = (await command('key', 'add', '--name', 'root', '--role', 'admin')).trim();
});
after(async () => {
	await bench?.stop();
	if (folder) removeFolder(folder);
});

async function command(...args) {
	const { status, stdout, stderr } = await system.wecomd(...args);
	assert.equal(status, 0, stderr);
	return stdout;
}

async function ask(method, at, value, headers = {}) {
	const answer = await system.get(at, { method, body: value === undefined ? undefined : JSON.stringify(value),
		headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}`, ...headers } });
	assert.ok(answer.status < 300, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer;
}

let count = 0;
const fresh = (word = 'x') => `${word}-${++count}`;
const done = () => waitFor('the end of all jobs', async () => await bench.one('SELECT COUNT(*) FROM job WHERE state <> 3 AND due_at < NOW(3) + INTERVAL 30 MINUTE') === '0', { every: 5 });

async function receive(...jobs) {
	const id = fresh('event');
	const { status, text } = await system.callback({ id, jobs }, { bot: endpoint });
	assert.equal(status, 200, text);
	return id;
}

const job = (name, lane) => ({ kind: 'crash.ok', key: name, ...lane ? { lane } : {}, args: {} });
const jobsLike = (name) => bench.sql(`SELECT state, attempts, crashes FROM job WHERE job_key LIKE '${name}%' ORDER BY id`);

test('every transaction in the sources is of a kind that the tests know', () => {
	const known = new Set(Object.values(kinds).flatMap(({ at }) => at));
	const found = transactionsInSources();
	assert.deepEqual([...found].filter((one) => !known.has(one)), [], 'in the sources and not in the list');
	assert.deepEqual([...known].filter((one) => !found.has(one) && !/migrate\.c apply|audit\.c insert|make_uncertain|reply_keep|memory_add|person_keep|^parley$/.test(one)), [], 'in the list and not in the sources');
});

// --- what comes in, and jobs ---

test('a callback is acknowledged once, with its jobs, and each job runs once', async () => {
	await bench.everyFault(['inbox commit', 'job claim', 'job settlement'], async () => {
		const name = fresh('single');
		await receive(job(name));
		return name;
	}, { settle: done, check: (_, name) => jobsLike(name) });
	await bench.everyFault(['inbox commit'], async () => {
		const name = fresh('pair');
		await receive(job(`${name}-1`, 'lane'), job(`${name}-2`, 'lane'));
		return name;
	}, { settle: done, check: (_, name) => jobsLike(name) });
	await bench.everyFault(['job settlement'], async () => {
		const name = fresh('laned');
		await receive(job(name, 'lane'));
		return name;
	}, { settle: done, check: (_, name) => jobsLike(name) });
	assert.equal(await bench.one('SELECT COUNT(*) FROM job_lane WHERE head_no <> 0'), '0');
});

// All but the first share a transaction, since its COMMIT waits for them.
async function crowd() {
	const name = fresh('crowd');
	let go;
	const pause = bench.proxy.arm('pause', (sql, before) => sql === 'COMMIT' && /inbox_event/.test(before[1]), { until: new Promise((resolve) => { go = resolve; }) });
	const first = receive(job(`${name}-0`));
	await waitFor('the first', () => pause.fired, { every: 2 });
	const others = Array.from({ length: 6 }, (_, i) => receive(job(`${name}-${i + 1}`)));
	await new Promise((resolve) => { setTimeout(resolve, 60); });     // not as a proof: so that they share one
	go();
	await Promise.all([first, ...others]);
	return name;
}

test('callbacks that share a transaction are each acknowledged once, even when the shared one cannot be had', async () => {
	for (const fault of ['deadlock', 'lock_timeout', 'cut_before', 'cut_after', 'cut_after_all']) {
		for (const at of [/^INSERT IGNORE INTO inbox_event.*\(\?…\)…/, /^INSERT IGNORE INTO job/, /^COMMIT$/]) {
			const shared = (before) => before.some((sql) => /^INSERT IGNORE INTO inbox_event.*\(\?…\)…/.test(sql));
			const rule = bench.proxy.arm(fault.replace('_all', ''), (sql, before) => at.test(sql) && shared([...before, sql]), { times: fault === 'cut_after_all' ? 5 : 1 });
			const { delta, result } = await bench.measure(crowd, { settle: done });
			bench.proxy.disarm();
			assert.ok(rule.fired, `${fault} at ${at}: they did not share a transaction`);
			assert.deepEqual([delta.inbox_event, delta.job], [7, 7], `${fault} at ${at}`);
			assert.deepEqual(await jobsLike(result), Array(7).fill(['3', '1', '0']), `${fault} at ${at}`);
		}
	}
});

// A job as no worker would leave it, for people to deal with.
async function lay(name, state, { lane, due = 'NOW(3)', kind = 'crash.ok' } = {}) {
	const template = await bench.one("SELECT id FROM job WHERE kind = 'crash.ok' LIMIT 1");
	await bench.sql(`INSERT INTO job (kind, job_key, state, due_at, attempts, trace_id, args, lane, lane_no)
		SELECT '${kind}', '${name}', ${state}, ${due}, 0, trace_id, args, ${lane ? "X'00112233445566778899AABBCCDDEEFF', " + lane : 'NULL, NULL'} FROM job WHERE id = ${template}`);
	return bench.one(`SELECT id FROM job WHERE job_key = '${name}'`);
}

const audits = (object) => bench.one(`SELECT GROUP_CONCAT(action ORDER BY id) FROM audit_log WHERE object = '${object}'`);
const jobAndAudits = async (id) => [await audits(`job:${id}`), await bench.sql(`SELECT state, attempts, crashes FROM job WHERE id = ${id}`)];

test('a dead job is tried again once, a waiting one cancelled once, with and without a lane', async () => {
	await receive(job(fresh('template')));
	await done();
	const retry = (id) => ask('POST', `/api/jobs/${id}/retry`, {}), cancel = (id) => ask('POST', `/api/jobs/${id}/cancel`, {});
	const alone = (state, due) => () => lay(fresh('alone'), state, { due });
	const laned = (state, head, due) => async () => {
		await bench.sql(`DELETE FROM job WHERE lane = X'00112233445566778899AABBCCDDEEFF'; REPLACE INTO job_lane VALUES (X'00112233445566778899AABBCCDDEEFF', 1, ${head})`);
		return lay(fresh('laned'), state, { lane: 1, due });
	};
	const later = 'NOW(3) + INTERVAL 1 HOUR';
	await bench.everyFault(['job retry'], retry, { prepare: alone(4), settle: done, check: jobAndAudits });
	await bench.everyFault(['job retry'], retry, { prepare: laned(4, 0), settle: done, check: jobAndAudits });
	await bench.everyFault(['job cancel'], cancel, { prepare: alone(1, later), check: jobAndAudits });
	await bench.everyFault(['job cancel'], cancel, { prepare: laned(1, 1, later), check: jobAndAudits });
	assert.equal(await bench.one('SELECT COUNT(*) FROM job_lane WHERE head_no <> 0'), '0');
	await bench.sql('DELETE FROM job WHERE state = 4');
});

test('dead jobs are tried again together once, and told of in one entry', async () => {
	const lane = "X'00112233445566778899AABBCCDDEEFF'";
	let laid;
	await bench.everyFault(['jobs retried together'], async () => (await ask('POST', '/api/jobs/retry', { kind: 'crash.ok', count: 4 })).json, {
		prepare: async () => {
			laid = fresh('together');
			await bench.sql(`DELETE FROM job WHERE lane = ${lane}; REPLACE INTO job_lane VALUES (${lane}, 2, 0)`);
			for (const no of [0, 0, 1, 2]) await lay(`${laid}-${fresh()}`, 4, { lane: no });
		},
		settle: done,
		check: async (_, { retried, object }) => [retried, await audits(object), await bench.sql(`SELECT JSON_VALUE(details, '$.count'), JSON_LENGTH(details, '$.ids') FROM audit_log
			WHERE object = '${object}'`), await jobsLike(laid), await bench.sql(`SELECT last_no, head_no FROM job_lane WHERE lane = ${lane}`)],
	});
	await bench.sql(`DELETE FROM job WHERE lane = ${lane}`);
});

test('a failing job is put off and buried with the right number of tries', async () => {
	await bench.everyFault(['job settlement'], async () => {
		const name = fresh('failing');
		await receive({ kind: 'crash.fail', key: name, args: {} });
		return name;
	}, { settle: () => waitFor('its burial', async () => await bench.one('SELECT COUNT(*) FROM job WHERE state NOT IN (3, 4)') === '0', { every: 5 }),
		check: (_, name) => jobsLike(name) });
	await bench.sql('DELETE FROM job WHERE state = 4');
});

test('a job is added once, an event replayed once, answers of before are forgotten', async () => {
	await bench.everyFault(['job add', 'idempotency forgotten'], () => ask('POST', '/api/things/forget', {}), {
		prepare: () => bench.sql("DELETE FROM job WHERE job_key = 'things.forget'"), settle: done });
	await receive(job(fresh('again')));
	const id = await bench.one('SELECT MAX(id) FROM inbox_event');
	await done();
	await bench.everyFault(['replay'], () => ask('POST', `/api/inbox/${id}/replay`, {}), { settle: done });
});

// --- leases, rates, the ledger ---

test('a lease is held and given up once, a rate pays once', async () => {
	await bench.everyFault(['lease', 'lease release'], async () => {
		const name = fresh('lease');
		assert.match(await command('crash', 'lease', name, '60000', '0', 'release'), /^held \d+$/m);
		return bench.sql(`SELECT owner, until_at <= NOW(3) FROM lease WHERE name = '${name}'`);
	}, { check: (_, result) => result });
	await bench.everyFault(['rate slice'], async () => {
		const name = fresh('rate');
		assert.match(await command('crash', 'rate', name, '60', '20'), /^[01]$/m);
		return bench.one(`SELECT next_at BETWEEN NOW(6) AND NOW(6) + INTERVAL 1100 MILLISECOND FROM rate_bucket WHERE name = '${name}'`.replace('1100 MILLISECOND', '1100000 MICROSECOND'));
	}, { check: (_, result) => result });
});

test('an outward action begins once and ends once', async () => {
	await bench.everyFault(['ledger intent', 'ledger end'], async () => {
		const name = fresh('out');
		assert.deepEqual((await ask('POST', '/api/ledger/begin', { key: name })).json, { new: true, before: 'intent' });
		await ask('POST', '/api/ledger/end', { key: name, outcome: 'done', answer: 'errcode 0' });
		return name;
	}, { check: async (_, name) => [(await audits(`outbound:${name}`)), await bench.sql(`SELECT state, answer FROM outbound_call WHERE call_key = '${name}'`)] });
});

// --- settings, repeats, retention ---

test('a setting changes once and says so once', async () => {
	const tell = async () => [await bench.one('SELECT MAX(id) FROM audit_log'), (await ask('GET', '/api/settings')).json.version].length;
	await bench.everyFault(['settings change'], () => ask('PUT', '/api/settings/hello', { greeting: fresh('hello') }), { check: tell });
	await bench.everyFault(['settings change'], () => ask('DELETE', '/api/settings/hello/greeting'), { check: tell,
		prepare: () => ask('PUT', '/api/settings/hello', { greeting: fresh('hello') }) });
});

test('an Idempotency-Key is taken once, keeps one answer, and is given back after a failure', async () => {
	await bench.everyFault(['idempotency begin', 'idempotency end'], async () => {
		const headers = { 'Idempotency-Key': fresh('key') };
		const first = await ask('POST', '/api/things', { name: 'tea' }, headers), second = await ask('POST', '/api/things', { name: 'tea' }, headers);
		assert.equal(second.text, first.text);
		assert.equal(second.headers['idempotent-replayed'], 'true');
	});
	await bench.everyFault(['idempotency given back'], async () => {
		const headers = { 'Idempotency-Key': fresh('key') };
		await assert.rejects(ask('POST', '/api/things', { name: 'tea', status: 503 }, headers), /503/);
	});
});

test('what is old goes, however often the way is broken', async () => {
	const old = 'NOW(3) - INTERVAL 400 DAY';
	await bench.everyFault(['retention', 'retention of lanes'], () => lay(fresh('retention'), 1, { kind: 'retention.delete' }), {
		prepare: () => bench.sql(`INSERT INTO inbox_event (dedupe_key, endpoint, trace_id, received_at, payload) VALUES (RANDOM_BYTES(32), 'old', '', ${old}, '');
			INSERT INTO inbox_replay (token, inbox_id, actor, jobs, at) VALUES (RANDOM_BYTES(16), 1, 'x', 0, ${old});
			INSERT INTO job (kind, state, due_at, trace_id, args, finished_at) VALUES ('old', 3, ${old}, '', '', ${old}), ('old', 4, ${old}, '', '', ${old});
			INSERT INTO ai_call (at, trace_id, model, status, result, total_ms, prompt_tokens, completion_tokens) VALUES (${old}, '', 'old', 200, '', 0, 0, 0);
			INSERT INTO lease VALUES ('${fresh('old')}', NULL, 1, ${old}); INSERT INTO rate_bucket VALUES ('${fresh('old')}', ${old});
			INSERT INTO tx_mark VALUES (RANDOM_BYTES(16), ${old}); REPLACE INTO job_lane VALUES (X'00000000000000000000000000000001', 1, 0)`),
		settle: done,
		check: async () => [await bench.one("SELECT COUNT(*) FROM tx_mark WHERE at < NOW(3) - INTERVAL 2 DAY"), await bench.one("SELECT COUNT(*) FROM lease WHERE name LIKE 'old%'"),
			await bench.one("SELECT COUNT(*) FROM rate_bucket WHERE name LIKE 'old%'"),
			await bench.one("SELECT JSON_REMOVE(details, '$.tx_marks') FROM audit_log WHERE action = 'retention.delete' ORDER BY id DESC LIMIT 1")],
	});
});

test('no other transaction was seen, and none of these was left out', () => bench.complete());
