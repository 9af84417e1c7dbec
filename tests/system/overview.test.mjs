// The overview's figures after known traffic, how the parts stand, what is revealed and to whom, and dead jobs by the number.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, startSystem, tempFolder, textMessage, waitFor } from './harness.mjs';

let system, folder;
const keys = {};
const crash = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };
const hostile = '<img src=x onerror=alert(1)>\u202etxt \u{1f600}';

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'crash', 'ledger');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[plugins]\ncrash = on\nledger = on
[crash]\ntoken = ${crash.token}\naes_key = ${crash.aesKey}
[model:demo]\nprompt_price = 2\ncompletion_price = 8\n[model:spare]\nbase = http://127.0.0.1:9/v1\nmodel = none\nretries = 0\nbreaker_failures = 2\n` });
	await system.speed({ chars_per_s: 100_000, refresh_ms: 200, first_token_ms: 0 });
	for (const role of ['viewer', 'operator', 'admin'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const call = (role, method, at, value) => system.get(at, {
	method, headers: { Authorization: `Bearer ${keys[role]}`, 'Content-Type': 'application/json' }, body: value === undefined ? undefined : JSON.stringify(value),
});

async function good(role, method, at, value) {
	const { status, text } = await call(role, method, at, value);
	assert.equal(status, 200, `${method} ${at}: ${status} ${text}`);
	return JSON.parse(text);
}

const overview = (hours = 24) => good('viewer', 'GET', `/api/overview?hours=${hours}`);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

let events = 0;

// Adds jobs as a callback does.
async function add(...jobs) {
	const id = `e${++events}`;
	const { status, text } = await system.callback({ id, jobs }, { bot: crash });
	assert.equal(status, 200, text);
}

const job = (kind, { lane, key, ...args } = {}) => ({ kind: `crash.${kind}`, ...lane ? { lane } : {}, ...key ? { key } : {}, args });
const deadJobs = (where = '1') => system.number(`SELECT COUNT(*) FROM job WHERE state = 4 AND ${where}`);

// Jobs that fail for good at once.
async function bury(n, how = {}) {
	const before = await deadJobs();
	await add(...Array.from({ length: n }, (_, i) => job('fail', { ...how, key: how.key && `${how.key}-${i}` })));
	await waitFor('the burials', async () => await deadJobs() === before + n);
}

// --- figures ---

test('the overview tells of an empty system', async () => {
	const all = await overview(1);
	assert.equal(all.bucket_ms, 60_000);
	assert.equal(all.until_ms - all.from_ms, 3_600_000);
	assert.ok(all.made_ms >= all.until_ms - 60_000 && all.made_ms < all.until_ms, 'the last stretch holds this moment');
	assert.deepEqual([all.callbacks.total, all.callbacks.series.length, all.ai.calls, all.ai.currency], [0, 60, 0, 'CNY']);
	assert.deepEqual(all.ai.first_text_ms, { median: null, p95: null });
	assert.deepEqual([all.jobs.waiting, all.jobs.ready, all.jobs.running, all.jobs.dead, all.jobs.oldest_ready_ms], [0, 0, 0, 0, null]);
	assert.deepEqual(all.outbound, { intent: 0, done: 0, failed: 0, uncertain: 0, given_up: 0, now: { intent: 0, uncertain: 0 } });
});

test('known traffic is counted, each thing in its stretch of time', async () => {
	const { reply } = await system.callback(textMessage('你好', { bot: system.bot }));
	await system.finished(reply.stream.id);
	await bury(1);
	/* One of them came two hours ago. */
	await system.sql("UPDATE inbox_event SET received_at = received_at - INTERVAL 2 HOUR WHERE endpoint = 'helpdesk'");
	for (const [key, end] of [['o1', 'done'], ['o2', 'failed'], ['o3', '']]) {
		await good('admin', 'POST', '/api/ledger/begin', { key });
		if (end) await good('admin', 'POST', '/api/ledger/end', { key, outcome: end });
	}
	const all = await waitFor('the figures', async () => {
		const now = await overview();
		return now.callbacks.total === 2 && now.jobs.dead === 1 && now.jobs.done.total >= 1 && now.outbound.intent === 1 && now;
	});
	const n = all.callbacks.series.length;
	assert.equal(n, 96);
	assert.equal(all.bucket_ms, 900_000);
	for (const { series, total } of [all.callbacks, all.messages.in, all.messages.out, all.jobs.done, all.jobs.died, all.audit]) {
		assert.equal(series.length, n);
		assert.equal(sum(series), total);
	}
	const filled = all.callbacks.series.flatMap((count, i) => (count ? [i] : []));
	assert.equal(filled.length, 2);
	assert.equal(filled[1] - filled[0], 8, 'two hours are eight quarters');
	assert.deepEqual([all.messages.in.total, all.messages.out.total], [1, 1]);
	assert.equal(all.jobs.died.total, 1);
	const [[calls, prompt, completion, first]] = await system.sql(
		'SELECT COUNT(*), SUM(prompt_tokens), SUM(completion_tokens), ROUND(MAX(first_text_ms), 2 - LENGTH(MAX(first_text_ms))) FROM ai_call');
	assert.deepEqual([all.ai.calls, all.ai.failed, all.ai.prompt_tokens, all.ai.completion_tokens], [Number(calls), 0, Number(prompt), Number(completion)]);
	assert.equal(all.ai.cost_micros, 2 * Number(prompt) + 8 * Number(completion));
	assert.deepEqual(all.ai.first_text_ms, { median: Number(first), p95: Number(first) });
	assert.equal(sum(all.ai.series.calls), 1);
	assert.equal(sum(all.ai.series.tokens), Number(prompt) + Number(completion));
	assert.equal(sum(all.ai.series.cost_micros), all.ai.cost_micros);
	assert.deepEqual(all.ai.models.map(({ model, calls: c, cost_micros: cost }) => [model, c, cost]), [['demo', 1, all.ai.cost_micros]]);
	assert.deepEqual(all.outbound, { intent: 1, done: 1, failed: 1, uncertain: 0, given_up: 0, now: { intent: 1, uncertain: 0 } });
	assert.equal((await system.sql('SELECT SUM(cost_micros) FROM smartbot_usage'))[0][0], String(all.ai.cost_micros), 'the bot and the core say the same');
	/* An hour does not hold what came two hours ago. */
	await waitFor('the last hour', async () => (await overview(1)).callbacks.total === 1);
});

test('median and 95th percentile are what the rows say, to two digits', async () => {
	const rows = Array.from({ length: 100 }, (_, i) => `(REPEAT('a', 32), 'demo', 200, 'stop', ${10 * (i + 1)}, 2000, 1, 1)`);
	await system.sql(`DELETE FROM ai_call; INSERT INTO ai_call (trace_id, model, status, result, first_text_ms, total_ms, prompt_tokens, completion_tokens)
		VALUES ${rows}; INSERT INTO ai_call (trace_id, model, status, result, first_text_ms, total_ms, prompt_tokens, completion_tokens, failed)
		VALUES (REPEAT('a', 32), 'demo', 503, 'remote_failed', NULL, 5, 0, 0, 1)`);
	const { ai } = await waitFor('the figures', async () => {
		const now = await overview(3);
		return now.ai.calls === 101 && now;
	});
	assert.deepEqual(ai.first_text_ms, { median: 500, p95: 950 });
	assert.deepEqual(ai.series.first_text_median_ms.filter((ms) => ms !== null).length >= 1, true);
	assert.equal(ai.failed, 1);
	await system.sql('DELETE FROM ai_call');
});

test('bounds of the overview are kept, and it is for those who may look', async () => {
	for (const hours of ['0', '721', '-1', 'x', '', '1.5', '99999999999999999999']) {
		const { status, json } = await call('viewer', 'GET', `/api/overview?hours=${hours}`);
		assert.deepEqual([status, json.code], [422, 'bad_fields'], hours);
	}
	assert.equal((await call('viewer', 'GET', '/api/overview?hours=24&days=1')).status, 422);
	for (const hours of [1, 2, 7, 24, 25, 168, 720]) {
		const all = await overview(hours);
		const n = all.callbacks.series.length;
		assert.ok(n >= 20 && n <= 96, `${hours} hours are ${n} points`);
		assert.equal(all.until_ms - all.from_ms, n * all.bucket_ms);
		assert.ok(all.from_ms <= all.made_ms - hours * 3_600_000 + all.bucket_ms);
	}
	assert.equal((await system.get('/api/overview')).status, 401);
	assert.equal((await system.get('/api/health/parts')).status, 401);
});

test('the overview counts from indexes alone', async () => {
	for (const [table, column, index] of [['inbox_event', 'received_at', 'received_at'], ['ai_call', 'at', 'figures'], ['audit_log', 'at', 'at'],
		['smartbot_stream', 'asked_at', 'figures'], ['outbound_call', 'created_at', 'created']]) {
		/* The rows are few here: the plan is asked for the index it would take. */
		const [plan] = await system.sql(`EXPLAIN SELECT TIMESTAMPDIFF(SECOND, FROM_UNIXTIME(1), ${column}) DIV 60 AS b, COUNT(*) FROM ${table}
			FORCE INDEX (${index}) WHERE ${column} >= FROM_UNIXTIME(1) AND ${column} < FROM_UNIXTIME(2) GROUP BY b`);
		assert.ok(plan.join(' ').includes('Using index'), `${table}: ${plan.join(' ')}`);
	}
});

// --- how the parts stand ---

const parts = async () => Object.fromEntries((await good('viewer', 'GET', '/api/health/parts')).items.map((part) => [`${part.kind} ${part.name}`, part]));

test('each plugin and each backend says how it stands, without secrets', async () => {
	const now = await parts();
	assert.deepEqual(Object.keys(now).filter((name) => name.startsWith('plugin ')).sort(),
		['plugin crash', 'plugin hello', 'plugin ledger', 'plugin smartbot']);
	assert.equal(now['plugin hello'].state, 'ok');
	assert.equal(now['plugin crash'].state, 'warn');
	assert.match(now['plugin crash'].text, /^1 of its jobs were given up in the last 24 h$/);
	assert.ok(now['plugin crash'].since_ms > Date.now() - 600_000);
	assert.equal(now['database database'].state, 'ok');
	assert.equal(now['database schema'].state, 'ok');
	assert.match(now['work workers'].text, /^\d+ processes/);
	assert.ok(Object.values(now).some(({ kind, state, text }) => kind === 'node' && state === 'ok' && /2 web, 2 worker/.test(text)));
	assert.equal(now['model spare'].state, 'unknown');
	assert.equal(now['wecom app'].state, 'unknown');
	const { text } = await call('viewer', 'GET', '/api/health/parts');
	for (const secret of Object.values(system.secrets)) assert.ok(!text.includes(secret));
});

test('failing models, tokens, nodes and queues are told in sentences, with since when', async () => {
	const failed = (n, seconds) => system.sql(`INSERT INTO ai_call (at, trace_id, model, status, result, total_ms, prompt_tokens, completion_tokens, failed)
		VALUES (NOW(3) - INTERVAL ${seconds} SECOND, REPEAT('a', 32), 'spare', ${n}, 'remote_failed', 5, 0, 0, ${n >= 300 ? 1 : 0})`);
	await failed(200, 50);
	assert.equal((await parts())['model spare'].state, 'ok');
	await failed(503, 40);
	const warned = (await parts())['model spare'];
	assert.equal(warned.state, 'warn');
	assert.match(warned.text, /^1 calls in a row failed, the latest 4\d s ago: remote_failed \(HTTP 503\)$/);
	await failed(503, 5);
	const left = (await parts())['model spare'];
	assert.equal(left.state, 'fail');
	assert.match(left.text, /left alone/);
	assert.equal(left.since_ms, warned.since_ms, 'since the first of them');

	await system.wecomd('doctor');     /* fetches a token */
	const token = await waitFor('the token', async () => {
		const now = (await parts())['wecom app'];
		return now.state === 'ok' && now;
	});
	assert.match(token.text, /^WeCom gave a token \d+ s ago$/);
	await system.sql("UPDATE api_token SET failures = 3, failed_at = NOW(3), errcode = 60020, from_ip = '192.0.2.1', expires_at = NOW(3)");
	const refused = (await parts())['wecom app'];
	assert.equal(refused.state, 'fail');
	assert.match(refused.text, /errcode 60020, the node's address is not among the app's trusted ones: 192\.0\.2\.1$/);

	await system.sql("INSERT INTO process (node, pid, role, started_at, beat_at) VALUES ('gone', 5, 'worker', NOW(3) - INTERVAL 1 HOUR, NOW(3) - INTERVAL 10 MINUTE)");
	const gone = (await parts())['node gone'];
	assert.deepEqual([gone.state, gone.text], ['warn', 'no sign of life for 10 min']);
	await system.sql("DELETE FROM process WHERE node = 'gone'");

	/* Workers would take it sooner or later. */
	const workers = system.children('worker');
	for (const pid of workers) process.kill(pid, 'SIGSTOP');
	try {
		await system.sql(`INSERT INTO job (kind, state, due_at, trace_id, args) VALUES ('nobody.runs', 1, NOW(3) - INTERVAL 5 MINUTE, REPEAT('b', 32), '')`);
		const late = (await parts())['work queue'];
		assert.deepEqual([late.state, late.text], ['warn', 'the oldest job that could run waits for 5 min']);
	} finally {
		await system.sql("DELETE FROM job WHERE kind = 'nobody.runs'");
		for (const pid of workers) process.kill(pid, 'SIGCONT');
	}
});

// --- what is revealed ---

const audited = async (action) => (await system.sql(`SELECT actor, object, details FROM audit_log WHERE action = '${action}' ORDER BY id DESC LIMIT 1`))[0];

async function reveal(at, action, object) {
	assert.equal((await call('viewer', 'POST', `${at}/reveal`)).status, 403);
	assert.equal((await system.get(`${at}/reveal`, { method: 'POST' })).status, 401);
	const before = await system.number(`SELECT COUNT(*) FROM audit_log WHERE action = '${action}'`);
	const { status, json, headers, text } = await call('operator', 'POST', `${at}/reveal`);
	assert.equal(status, 200, text);
	assert.equal(json.object, object);
	assert.equal(headers.etag, undefined);
	assert.equal(await system.number(`SELECT COUNT(*) FROM audit_log WHERE action = '${action}'`), before + 1);
	const [actor, what, details] = await audited(action);
	assert.deepEqual([actor, what], ['key:operator', object]);
	const said = Object.fromEntries(json.parts.map((part) => [part.name, part]));
	assert.deepEqual(JSON.parse(details), Object.fromEntries(json.parts.map((part) => [part.name, part.bytes])), 'sizes alone');
	return said;
}

test('what people wrote is shown to an operator who asks, and that is audited', async () => {
	const question = `${hostile} ${'长'.repeat(1000)}`;
	const { reply } = await system.callback(textMessage(question, { bot: system.bot, user: 'lisi' }));
	await system.finished(reply.stream.id);
	await waitFor('the turn', async () => await system.number(`SELECT COUNT(*) FROM smartbot_turn WHERE stream_id = '${reply.stream.id}'`) === 1);
	const [[event, trace]] = await system.sql("SELECT id, trace_id FROM inbox_event WHERE endpoint = 'helpdesk' ORDER BY id DESC LIMIT 1");

	const shown = await good('viewer', 'GET', `/api/inbox/${event}`);
	assert.deepEqual([shown.id, shown.endpoint, shown.trace_id, shown.replays], [Number(event), 'helpdesk', trace, []]);
	assert.ok(!JSON.stringify(shown).includes('onerror'));
	const payload = (await reveal(`/api/inbox/${event}`, 'inbox.reveal', `inbox:${event}`)).payload;
	assert.equal(JSON.parse(payload.text).text.content, question);
	assert.deepEqual([payload.cut, payload.base64, payload.bytes], [false, false, Buffer.byteLength(payload.text)]);

	const [[job]] = await system.sql(`SELECT id FROM job WHERE job_key = '${reply.stream.id}'`);
	const { args } = await reveal(`/api/jobs/${job}`, 'job.reveal', `job:${job}`);
	assert.ok(args.text.includes('lisi'));

	const [[turn, conversation]] = await system.sql(`SELECT id, conversation_id FROM smartbot_turn WHERE stream_id = '${reply.stream.id}'`);
	const said = await reveal(`/api/smartbot/turns/${turn}`, 'smartbot.turn.reveal', `turn:${turn}`);
	assert.equal(said.person.text, 'lisi');
	assert.ok(said.question.text.startsWith(hostile) && question.startsWith(said.question.text.slice(0, 500)));
	assert.ok(said.answer.text.length > 0);
	const who = await reveal(`/api/smartbot/conversations/${conversation}`, 'smartbot.conversation.reveal', `conversation:${conversation}`);
	assert.deepEqual(Object.keys(who), ['who']);
	assert.equal(who.who.text, 'lisi');

	const [[action]] = await system.sql("SELECT id FROM outbound_call WHERE call_key = 'o1'");
	const one = await good('viewer', 'GET', `/api/outbound/${action}`);
	assert.deepEqual([one.key, one.state, one.target_bytes, one.look_ms], ['o1', 'done', 'someone'.length, null]);
	const out = await reveal(`/api/outbound/${action}`, 'outbound.reveal', `outbound:${action}`);
	assert.equal(out.target.text, 'someone');
	assert.deepEqual(JSON.parse(out.details.text), { truth: 'uncertain' });

	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE details LIKE '%onerror%' OR details LIKE '%lisi%' OR details LIKE '%someone%'"), 0);
});

test('a rating\'s words are revealed', async () => {
	const { reply } = await system.callback(textMessage('你好', { bot: system.bot, user: 'wangwu' }));
	await system.finished(reply.stream.id);
	await system.callback({
		msgid: 'f1', aibotid: system.bot.aibotid, chattype: 'single', from: { userid: 'wangwu' }, msgtype: 'event', create_time: 1,
		event: { eventtype: 'feedback_event', feedback_event: { id: reply.stream.id, type: 2, content: hostile, inaccurate_reason_list: [1] } },
	});
	const id = await waitFor('the rating', async () => (await system.sql('SELECT id FROM smartbot_feedback'))[0]?.[0]);
	const said = await reveal(`/api/smartbot/feedback/${id}`, 'smartbot.feedback.reveal', `feedback:${id}`);
	assert.equal(said.content.text, hostile);
});

test('what is long is cut at a character, what is no text comes as base64, what is not there is 404', async () => {
	await add(job('ok', { key: 'long', text: '长'.repeat(20_000) }));
	const [[long]] = await waitFor('the job', async () => {
		const rows = await system.sql("SELECT id FROM job WHERE job_key = 'long' AND state = 3");
		return rows.length && rows;
	});
	const { args } = await reveal(`/api/jobs/${long}`, 'job.reveal', `job:${long}`);
	assert.ok(args.bytes <= 65_536 && !args.cut);
	const [[big]] = await system.sql('SELECT id FROM inbox_event ORDER BY id DESC LIMIT 1');
	await system.callback({ id: 'huge', jobs: [], text: '长'.repeat(60_000) }, { bot: crash });
	const huge = (await reveal(`/api/inbox/${Number(big) + 1}`, 'inbox.reveal', `inbox:${Number(big) + 1}`)).payload;
	assert.deepEqual([huge.cut, huge.base64], [true, false]);
	assert.ok(huge.bytes > 180_000 && Buffer.byteLength(huge.text) <= 65_536 && !huge.text.includes('\ufffd'));
	for (const at of ['/api/inbox/999999', '/api/jobs/0', '/api/outbound/x', '/api/smartbot/turns/99999999999999999999', '/api/smartbot/feedback/-1',
		'/api/smartbot/conversations/999']) {
		const { status, json } = await call('operator', 'POST', `${at}/reveal`);
		assert.deepEqual([status, json.code], [404, 'not_found'], at);
	}
	assert.equal((await call('viewer', 'GET', '/api/inbox/999999')).status, 404);
	assert.equal((await call('viewer', 'GET', '/api/outbound/x')).status, 404);
});

test('what cannot be opened is not shown, and not told as seen', async () => {
	const [[id]] = await system.sql("SELECT id FROM inbox_event WHERE endpoint = 'crash' ORDER BY id LIMIT 1");
	await system.sql(`UPDATE inbox_event SET payload = CONCAT(payload, 'x') WHERE id = ${id}`);
	const before = await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'inbox.reveal'");
	assert.equal((await call('operator', 'POST', `/api/inbox/${id}/reveal`)).status, 500);
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'inbox.reveal'"), before);
});

// --- dead jobs by the number ---

test('as many dead jobs as were confirmed are tried again, or none', async () => {
	await system.sql('DELETE FROM job WHERE state = 4');
	await bury(3, { lane: 'bulk', key: 'bulk', times: 0 });
	await bury(2, {});
	await system.sql("UPDATE job SET kind = 'crash.ok' WHERE state = 4 AND lane IS NULL");
	const dead = await good('viewer', 'GET', '/api/jobs/dead');
	assert.deepEqual([dead.total, dead.more, dead.at_once, dead.kinds.map(({ kind, count }) => [kind, count])],
		[5, false, 500, [['crash.fail', 3], ['crash.ok', 2]]]);
	assert.equal((await good('viewer', 'GET', '/api/jobs/dead?kind=crash.ok')).total, 2);
	assert.equal((await good('viewer', 'GET', `/api/jobs/dead?since_ms=${Date.now() + 60_000}`)).total, 0);

	assert.equal((await call('viewer', 'POST', '/api/jobs/retry', { kind: 'crash.ok', count: 2 })).status, 403);
	for (const count of [1, 3, 500]) {
		const { status, json } = await call('operator', 'POST', '/api/jobs/retry', { kind: 'crash.ok', count });
		assert.deepEqual([status, json.code], [409, 'count_changed']);
		assert.match(json.detail, /^2 dead jobs fit now, not \d+; nothing was done$/);
	}
	for (const body of [{}, { count: 0 }, { count: 501 }, { count: 'x' }, { count: 1, state: 'done' }, { count: 1, kind: '' }])
		assert.equal((await call('operator', 'POST', '/api/jobs/retry', body)).status, 422, JSON.stringify(body));
	assert.equal(await deadJobs(), 5);
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action = 'job.retry_all'"), 0);

	const { retried, object } = await good('operator', 'POST', '/api/jobs/retry', { kind: 'crash.ok', count: 2 });
	assert.equal(retried, 2);
	await waitFor('their end', async () => await deadJobs("kind = 'crash.ok'") === 0 && await system.number("SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2)") === 0);
	const [actor, what, details] = await audited('job.retry_all');
	assert.deepEqual([actor, what], ['key:operator', object]);
	assert.deepEqual([JSON.parse(details).kind, JSON.parse(details).count, JSON.parse(details).ids.length], ['crash.ok', 2, 2]);

	/* Those of a lane keep their order and run one after the other. */
	await system.sql("UPDATE job SET kind = 'crash.sleep' WHERE job_key LIKE 'bulk-%'");
	assert.equal((await good('operator', 'POST', '/api/jobs/retry', { count: 3 })).retried, 3);
	await waitFor('their end', async () => await system.number("SELECT COUNT(*) FROM job WHERE job_key LIKE 'bulk-%' AND state = 3") === 3);
	assert.deepEqual((await system.sql("SELECT job_key FROM job WHERE job_key LIKE 'bulk-%' ORDER BY lane_no")).map(([key]) => key), ['bulk-0', 'bulk-1', 'bulk-2']);
	assert.equal((await call('operator', 'POST', '/api/jobs/retry', { count: 1 })).status, 409);
});

test('of more than 500 the oldest 500 are tried again', async () => {
	const [[args]] = await system.sql("SELECT HEX(args) FROM job WHERE kind = 'crash.ok' AND state = 3 ORDER BY id DESC LIMIT 1");
	await system.sql(`INSERT INTO job (kind, state, due_at, finished_at, trace_id, args) SELECT 'crash.ok', 4, NOW(3), NOW(3), REPEAT('c', 32), UNHEX('${args}') FROM seq_1_to_502`);
	assert.equal((await good('viewer', 'GET', '/api/jobs/dead')).total, 502);
	const { status, json } = await call('operator', 'POST', '/api/jobs/retry', { count: 499 });
	assert.deepEqual([status, json.detail], [409, 'at least 500 dead jobs fit now, not 499; nothing was done']);
	assert.equal((await good('operator', 'POST', '/api/jobs/retry', { count: 500 })).retried, 500);
	assert.equal(await deadJobs(), 2);
	await waitFor('their end', async () => await system.number('SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2)') === 0);
	await good('operator', 'POST', '/api/jobs/retry', { count: 2 });
});

test('two who confirm the same number at once do it once', async () => {
	await waitFor('rest', async () => await system.number('SELECT COUNT(*) FROM job WHERE state <> 3') === 0);
	await bury(6, { lane: 'race' });
	await system.sql("UPDATE job SET kind = 'crash.ok' WHERE state = 4");
	const answers = await Promise.all([1, 2, 3].map(() => call('operator', 'POST', '/api/jobs/retry', { count: 6 })));
	assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409]);
	await waitFor('their end', async () => await system.number('SELECT COUNT(*) FROM job WHERE state <> 3') === 0);
});

// --- a test question, while its answer grows ---

test('a test question is answered in growing pieces, and an error before the first is an ordinary one', async () => {
	await system.speed({ chars_per_s: 60 });
	const at = '/api/smartbot/bots/helpdesk/ask';
	const { status, headers, text } = await call('operator', 'POST', `${at}/stream`, { text: '你好' });
	assert.equal(status, 200, text);
	assert.equal(headers['content-type'], 'text/event-stream');
	const seen = text.trim().split('\n\n').map((line) => JSON.parse(line.replace(/^data: /, '')));
	assert.ok(seen.length > 3, `${seen.length} events`);
	const { done } = seen.pop();
	for (const [i, event] of seen.entries()) assert.ok(done.answer.startsWith(event.text) && event.text.length >= (seen[i - 1]?.text.length ?? 0));
	assert.equal(done.model, 'demo');
	assert.ok(done.completion_tokens > 0 && done.cost_micros > 0);
	await system.speed({ chars_per_s: 100_000 });
	assert.equal((await call('viewer', 'POST', `${at}/stream`, { text: '你好' })).status, 403);
	assert.equal((await call('operator', 'POST', '/api/smartbot/bots/nobody/ask/stream', { text: '你好' })).status, 404);
	assert.equal((await call('operator', 'POST', `${at}/stream`, { text: '' })).status, 422);
	assert.equal((await call('operator', 'POST', `${at}/stream`, { text: '返现' })).json.code, 'blocked');
});

test('what was used is summed up by day, bot, model and person', async () => {
	const sums = await good('viewer', 'GET', '/api/smartbot/usage/sums?days=7');
	const [[calls, cost]] = await system.sql('SELECT SUM(calls), SUM(cost_micros) FROM smartbot_usage');
	for (const by of ['days', 'bots', 'models', 'people']) {
		assert.equal(sum(sums[by].map((one) => one.calls)), Number(calls), by);
		assert.equal(sum(sums[by].map((one) => one.cost_micros)), Number(cost), by);
	}
	assert.deepEqual([sums.currency, sums.days.map(({ day }) => day), sums.bots.map(({ bot }) => bot)], ['CNY', [sums.today], ['helpdesk']]);
	assert.ok(sums.people.some(({ person }) => person === 'l***') && !JSON.stringify(sums).includes('lisi'));
	assert.deepEqual((await good('viewer', 'GET', '/api/smartbot/usage/sums?bot=nobody')).days, []);
	for (const query of ['days=0', 'days=367', 'day=1']) assert.equal((await call('viewer', 'GET', `/api/smartbot/usage/sums?${query}`)).status, 422);
});
