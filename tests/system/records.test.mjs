// Leases and rates over processes; what is deleted and what stays; an event received once more; and the story of one message.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, startSystem, tempFolder, textMessage, waitFor } from './harness.mjs';

let system, folder;
const keys = {};
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'crash');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[worker]\nprocesses = 2\n[plugins]\ncrash = on\n
[crash]\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n[retention]\nmodel_calls_days = 0\n` });
	await system.speed({ chars_per_s: 100_000, refresh_ms: 200, first_token_ms: 0 });
	for (const role of ['viewer', 'operator'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const as = (role, method = 'GET') => ({ method, headers: { Authorization: `Bearer ${keys[role]}` } });

async function command(...args) {
	const { status, stdout, stderr } = await system.wecomd(...args);
	assert.equal(status, 0, stderr);
	return stdout.trim();
}

// --- leases ---

test('one process holds a lease; the fence grows with each change of holder', async () => {
	const fenceOf = (text) => Number(/^held (\d+)$/.exec(text)?.[1]);
	const holder = command('crash', 'lease', 'l1', '60000', '1500', 'release');
	await waitFor('the lease', async () => await system.number("SELECT COUNT(*) FROM lease WHERE name = 'l1' AND owner IS NOT NULL") === 1);
	assert.equal(await command('crash', 'lease', 'l1', '60000', '0'), 'not held');
	const first = fenceOf(await holder);
	const second = fenceOf(await command('crash', 'lease', 'l1', '60000', '0'));
	assert.ok(second > first, `${second} after ${first}`);
	/* Its holder died: nobody on this machine waits for the end. */
	const third = fenceOf(await command('crash', 'lease', 'l1', '60000', '0'));
	assert.ok(third > second);
	/* Another machine's holder is waited for, by the database's clock. */
	await system.sql("UPDATE lease SET owner = 'far/away/1/1', until_at = NOW(3) + INTERVAL 1 HOUR WHERE name = 'l1'");
	assert.equal(await command('crash', 'lease', 'l1', '60000', '0'), 'not held');
	await system.sql("UPDATE lease SET until_at = NOW(3) WHERE name = 'l1'");
	assert.ok(fenceOf(await command('crash', 'lease', 'l1', '60000', '0')) > third);
	/* Also behind a deletion. */
	const before = await system.number("SELECT fence FROM lease WHERE name = 'l1'");
	await system.sql("DELETE FROM lease WHERE name = 'l1'");
	assert.ok(fenceOf(await command('crash', 'lease', 'l1', '60000', '0')) > before);
});

test('of many that ask for a lease at the same time one gets it', async () => {
	const said = await Promise.all(Array.from({ length: 6 }, () => command('crash', 'lease', 'crowd', '60000', '2000')));
	assert.equal(said.filter((text) => text.startsWith('held')).length, 1, said.join(', '));
});

// --- rates ---

test('two processes together stay within a rate, and use it', async () => {
	for (const [name, perMinute] of [['slow', 300], ['fast', 6000]]) {
		const began = Date.now();
		const counts = await Promise.all([1, 2].map(() => command('crash', 'rate', name, String(perMinute), '3000')));
		const sum = Number(counts[0]) + Number(counts[1]), ms = Date.now() - began;
		/* A window of any length sees one slice more than its share at the most. */
		const slice = Math.max(1, perMinute / 600);
		assert.ok(sum <= perMinute * ms / 60_000 + slice, `${counts} units at ${perMinute} a minute in ${ms} ms`);
		assert.ok(sum >= perMinute * 3 / 60 * 0.5, `${counts} units at ${perMinute} a minute`);
		if (name === 'slow') assert.ok(counts.every((count) => Number(count) > 0), `both got some: ${counts}`);
	}
});

test('a rate of one a minute gives one', async () => {
	const counts = await Promise.all([1, 2].map(() => command('crash', 'rate', 'single', '1', '500')));
	assert.equal(Number(counts[0]) + Number(counts[1]), 1);
	assert.equal((await system.wecomd('crash', 'rate', 'none', '0', '10')).status, 1);
});

// --- explain and replay ---

const question = () => textMessage('你好', { bot: system.bot });

test('explain tells the story of one message by each of its ids', async () => {
	const { reply } = await system.callback(question());
	await system.finished(reply.stream.id);
	await system.jobsAreDone();
	const [[trace, job]] = await system.sql(`SELECT trace_id, id FROM job WHERE job_key = '${reply.stream.id}'`);
	const [[event]] = await system.sql(`SELECT id FROM inbox_event WHERE trace_id = '${trace}'`);
	for (const id of [trace, `job:${job}`, `inbox:${event}`, reply.stream.id]) {
		const { status, json, text } = await system.get(`/api/explain/${id}`, as('viewer'));
		assert.equal(status, 200, text);
		assert.equal(json.trace_id, trace);
		assert.deepEqual(json.events.map(({ what }) => what), ['callback', 'job', 'model']);
		const [callback, work, model] = json.events;
		assert.equal(callback.endpoint, 'helpdesk');
		assert.ok(callback.bytes > 100 && callback.bytes < 500);
		assert.deepEqual([work.kind, work.state, work.attempts, work.error], ['smartbot.answer', 'done', 1, null]);
		assert.deepEqual([model.model, model.status, model.result, model.job], ['demo', 200, 'stop', Number(job)]);
		assert.ok(model.prompt_tokens > 0 && model.completion_tokens > 0 && model.first_text_ms >= 0 && model.total_ms >= model.first_text_ms);
		assert.doesNotMatch(text, /你好/);
	}
	const told = await command('explain', `job:${job}`);
	assert.match(told, new RegExp(`^trace ${trace}`));
	assert.match(told, /callback .*\n.* job .*\n.* model /);
	assert.equal((await system.get('/api/explain/nothing', as('viewer'))).status, 404);
	assert.equal((await system.get(`/api/explain/${trace}`)).status, 401);
	assert.equal((await system.wecomd('explain', 'job:999999')).status, 1);
});

test('a stored event is received once more, with jobs of its own, and that is audited', async () => {
	const { reply } = await system.callback(question());
	await system.finished(reply.stream.id);
	await system.jobsAreDone();
	const [[event, trace]] = await system.sql('SELECT id, trace_id FROM inbox_event ORDER BY id DESC LIMIT 1');
	const listed = (await system.get('/api/inbox?endpoint=helpdesk&limit=1', as('viewer'))).json;
	assert.deepEqual([listed.items[0].id, listed.items[0].replays], [Number(event), 0]);
	assert.match(listed.next, /^[0-9a-f]{33,}$/);

	assert.equal((await system.get(`/api/inbox/${event}/replay`, as('viewer', 'POST'))).status, 403);
	const { status, json } = await system.get(`/api/inbox/${event}/replay`, as('operator', 'POST'));
	assert.deepEqual([status, json.jobs], [201, 1]);
	assert.match(await command('inbox', 'replay', event), /^replay \d+ of event \d+: 1 job$/);
	await system.jobsAreDone();
	const replayed = await system.sql(`SELECT job_key, state FROM job WHERE trace_id = '${trace}' ORDER BY id`);
	assert.equal(new Set(replayed.map(([key]) => key)).size, 3);
	assert.ok(replayed.every(([key, state]) => /^[0-9a-f]{32}$/.test(key) && state === '3'));
	assert.equal(await system.number(`SELECT COUNT(*) FROM inbox_event WHERE trace_id = '${trace}'`), 1);
	assert.equal(await system.number(`SELECT COUNT(*) FROM audit_log WHERE action = 'inbox.replay' AND object = 'inbox:${event}' AND trace_id = '${trace}'`), 2);
	assert.match(await command('inbox', 'list', '--endpoint', 'helpdesk', '--since', '1h'), new RegExp(`^ *${event} .*replays 2`));
	assert.equal(await command('inbox', 'list', '--endpoint', 'nobody'), '');
	const story = (await system.get(`/api/explain/inbox:${event}`, as('viewer'))).json.events.map(({ what }) => what);
	assert.deepEqual(story.filter((what) => what === 'audit').length, 2);
	assert.deepEqual(story.filter((what) => what === 'job').length, 3);
});

test('a key that is no hash gets the number of the replay', async () => {
	const jobs = [{ kind: 'crash.ok', key: 'plain', args: {} }, { kind: 'crash.ok', key: 'k'.repeat(64), args: {} }, { kind: 'crash.ok', args: {} }];
	assert.equal((await system.callback({ id: 'plain', jobs }, { bot: endpoint })).status, 200);
	const id = await system.number('SELECT MAX(id) FROM inbox_event');
	const { json } = await system.get(`/api/inbox/${id}/replay`, as('operator', 'POST'));
	assert.equal(json.jobs, 3);
	await system.jobsAreDone();
	assert.equal(await system.number(`SELECT COUNT(*) FROM job WHERE job_key = 'plain~r${json.replay}'`), 1);
	assert.equal(await system.number(`SELECT COUNT(*) FROM job j JOIN inbox_event i USING (trace_id) WHERE i.id = ${id}`), 6);
});

test('what cannot be replayed says why', async () => {
	assert.equal((await system.get('/api/inbox/99999999/replay', as('operator', 'POST'))).status, 404);
	const { status, stderr } = await system.wecomd('inbox', 'replay', '99999999');
	assert.deepEqual([status, /there is no event/.test(stderr)], [1, true]);
	assert.equal((await system.get('/api/inbox?limit=201', as('viewer'))).status, 422);
	assert.equal((await system.callback({ id: 'gone', jobs: [] }, { bot: endpoint })).status, 200);
	await system.sql("UPDATE inbox_event SET endpoint = 'gone' WHERE endpoint = 'crash'");
	const id = await system.number("SELECT MAX(id) FROM inbox_event WHERE endpoint = 'gone'");
	const refused = await system.get(`/api/inbox/${id}/replay`, as('operator', 'POST'));
	assert.equal(refused.status, 404);
	assert.match(refused.json.detail, /no callback endpoint gone/);
});

// --- retention ---

test('what is old goes, what is not stays, and one audit entry tells how much', async () => {
	const jobs = [['old', 'ok'], ['new', 'ok'], ['dead', 'bytes'], ['fresh-dead', 'bytes'], ['waits', 'sleep']].map(([key, kind]) =>
		({ kind: `crash.${kind}`, key: `keep-${key}`, lane: `keep-${key}`, args: kind === 'sleep' ? { ms: 60_000 } : {} }));
	assert.equal((await system.callback({ id: 'keep', jobs }, { bot: endpoint })).status, 200);
	await waitFor('the jobs', async () => await system.number("SELECT COUNT(*) FROM job WHERE job_key LIKE 'keep-%' AND state IN (3, 4)") === 4);
	const old = (days) => `due_at = due_at - INTERVAL ${days} DAY, finished_at = finished_at - INTERVAL ${days} DAY, created_at = created_at - INTERVAL ${days} DAY`;
	await system.sql(`UPDATE job SET ${old(15)} WHERE job_key = 'keep-old'; UPDATE job SET ${old(13)} WHERE job_key = 'keep-new';
		UPDATE job SET ${old(91)} WHERE job_key = 'keep-dead'; UPDATE job SET ${old(89)} WHERE job_key = 'keep-fresh-dead';
		UPDATE job SET created_at = created_at - INTERVAL 400 DAY WHERE job_key = 'keep-waits';
		INSERT INTO inbox_event (dedupe_key, endpoint, trace_id, received_at, payload) SELECT UNHEX(SHA2(seq, 256)), 'crash', '', NOW() - INTERVAL IF(seq < 1200, 31, 29) DAY, ''
			FROM seq_0_to_1209;
		INSERT INTO lease (name, owner, fence, until_at) VALUES ('stale', NULL, 5, NOW() - INTERVAL 8 DAY);
		UPDATE ai_call SET at = at - INTERVAL 1000 DAY`);
	const calls = await system.number('SELECT COUNT(*) FROM ai_call');
	const lanes = await system.number('SELECT COUNT(*) FROM job_lane');
	await waitFor('the timer', async () => await system.number("SELECT COUNT(*) FROM timer WHERE name = 'retention.daily'") === 1);
	await system.sql("UPDATE timer SET last_tick = last_tick - 86400 WHERE name = 'retention.daily'");
	await waitFor('the job', async () => await system.number("SELECT COUNT(*) FROM job WHERE kind = 'retention.delete' AND state = 3") === 1);

	const left = (await system.sql("SELECT job_key FROM job WHERE job_key LIKE 'keep-%' ORDER BY job_key")).map(([key]) => key);
	assert.deepEqual(left, ['keep-fresh-dead', 'keep-new', 'keep-waits']);
	assert.equal(await system.number("SELECT COUNT(*) FROM inbox_event WHERE trace_id = ''"), 10);
	assert.equal(await system.number("SELECT COUNT(*) FROM lease WHERE name = 'stale'"), 0);
	assert.equal(await system.number('SELECT COUNT(*) FROM ai_call'), calls, '0 days is for ever');
	assert.equal(await system.number('SELECT COUNT(*) FROM job_lane'), lanes - 2, 'lanes without a job');
	const entries = await system.sql("SELECT details FROM audit_log WHERE action = 'retention.delete'");
	assert.equal(entries.length, 1);
	assert.deepEqual(JSON.parse(entries[0][0]), { inbox_events: 1200, jobs: 1, dead_jobs: 1, leases: 1, lanes: 2 });

	/* The lane that went is made anew by its next job. */
	assert.equal((await system.callback({ id: 'keep2', jobs: [{ kind: 'crash.ok', key: 'again', lane: 'keep-old', args: {} }] }, { bot: endpoint })).status, 200);
	await waitFor('the job of the new lane', async () => await system.number("SELECT COUNT(*) FROM job WHERE job_key = 'again' AND state = 3") === 1);
});
