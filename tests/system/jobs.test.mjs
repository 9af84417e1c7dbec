// Jobs with every fate: retried, buried, cancelled, crashed, fenced off; their lanes; and the lists and commands for people.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, sleep, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const keys = {};
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'crash');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[worker]\nprocesses = 2\nthreads = 4\nlease = 1500ms\n
[plugins]\ncrash = on\n[crash]\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n` });
	for (const role of ['viewer', 'operator'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const as = (role, method = 'GET') => ({ method, headers: { Authorization: `Bearer ${keys[role]}` } });

let events = 0;

// Adds jobs as a callback does: all in one transaction.
async function add(...jobs) {
	const id = `e${++events}`;
	const { status, text } = await system.callback({ id, jobs }, { bot: endpoint });
	assert.equal(status, 200, text);
	return id;
}

const job = (kind, key, { lane, ...args } = {}) => ({ kind: `crash.${kind}`, key, ...lane ? { lane } : {}, args });

const row = async (key) => {
	const [found] = await system.sql(`SELECT id, state, attempts, crashes, IFNULL(error, ''), IFNULL(owner, '') FROM job WHERE job_key = '${key}'`);
	return found && { id: Number(found[0]), state: Number(found[1]), attempts: Number(found[2]), crashes: Number(found[3]), error: found[4], owner: found[5] };
};

const inState = (key, state, options) => waitFor(`job ${key} in state ${state}`, async () => {
	const now = await row(key);
	return now?.state === state && now;
}, options);

const READY = 1, RUNNING = 2, DONE = 3, DEAD = 4;

test('a key that comes twice in one event is added once, and leaves no lane stuck', async () => {
	await add(job('ok', 'twice', { lane: 'a' }), job('ok', 'twice', { lane: 'b' }), job('ok', 'behind', { lane: 'b' }));
	await inState('twice', DONE);
	await inState('behind', DONE);
	assert.equal(await system.number("SELECT COUNT(*) FROM job WHERE job_key = 'twice'"), 1);
});

test('a claim whose commit was lost runs out and is made up for', async () => {
	await add(job('sleep', 'holder', { ms: 1000 }));
	const { owner } = await inState('holder', RUNNING);
	await system.sql(`INSERT INTO job (kind, job_key, state, due_at, fence, attempts, owner, trace_id, args) SELECT 'crash.ok', 'limbo', 2,
		NOW(3) + INTERVAL 1 SECOND, 1, 1, '${owner}', trace_id, args FROM job WHERE job_key = 'holder'`);
	await inState('limbo', DONE, { ms: 8000 });
});

test('an error that is not UTF-8 buries its job and holds up no other', async () => {
	await add(job('bytes', 'bytes'), job('ok', 'beside'));
	const { error } = await inState('bytes', DEAD);
	assert.equal(error, 'answer ???');
	await inState('beside', DONE);
});

test('a backlog is worked off as threads come free, not by the poll', async () => {
	const began = Date.now();
	await add(...Array.from({ length: 200 }, (_, i) => job('ok', `backlog-${i}`)));
	await waitFor('the end of the backlog', async () => await system.number("SELECT COUNT(*) FROM job WHERE job_key LIKE 'backlog-%' AND state = 3") === 200);
	assert.ok(Date.now() - began < 8000, `200 jobs took ${Date.now() - began} ms`);
});

test('a job of a kind that nobody runs waits for a node that does', async () => {
	await add({ kind: 'later.send', key: 'unknown', args: {} });
	const now = await waitFor('the postponement', async () => {
		const found = await row('unknown');
		return /no loaded plugin/.test(found.error) && found;
	});
	assert.deepEqual([now.state, now.attempts], [READY, 0]);
	const { status } = await system.get(`/api/jobs/${now.id}/cancel`, as('operator', 'POST'));
	assert.equal(status, 200);
});

test('a job that fails for a passing reason is tried again, up to its attempts', async () => {
	await add(job('fail', 'passing', { retry: 1, times: 1 }), job('fail', 'lasting', {}));
	assert.equal((await inState('lasting', DEAD)).attempts, 1);
	const { attempts, error } = await inState('passing', DONE);
	assert.deepEqual([attempts, error], [2, '']);
});

test('lists show jobs page by page, without what their arguments say', async () => {
	await add(job('ok', 'secretive', { number: 7, words: '客户的原话', list: [1, 2] }));
	const { id } = await inState('secretive', DONE);
	const first = await system.get('/api/jobs?state=done&kind=crash.ok&limit=2', as('viewer'));
	assert.equal(first.status, 200, first.text);
	assert.equal(first.json.items.length, 2);
	assert.equal(first.json.items[0].id, id);
	const second = await system.get(`/api/jobs?state=done&kind=crash.ok&limit=2&cursor=${first.json.next}`, as('viewer'));
	assert.ok(second.json.items[0].id < first.json.items[1].id);

	const one = await system.get(`/api/jobs/${id}`, as('viewer'));
	assert.doesNotMatch(one.text, /客户/);
	assert.deepEqual(one.json.args, { number: { type: 'number' }, words: { type: 'text', bytes: 15 }, list: { type: 'list', items: 2 } });
	assert.equal(one.json.trace_id.length, 32);
});

test('wrong parameters and roles are refused', async () => {
	for (const query of ['state=sleepy', 'limit=0', 'limit=201', 'limit=x', 'cursor=-1', 'cursor=abc'])
		assert.equal((await system.get(`/api/jobs?${query}`, as('viewer'))).status, 422, query);
	assert.equal((await system.get('/api/jobs/0', as('viewer'))).status, 404);
	assert.equal((await system.get('/api/jobs/99999999', as('viewer'))).status, 404);
	assert.equal((await system.get('/api/jobs/x/retry', as('operator', 'POST'))).status, 404);
	assert.equal((await system.get('/api/jobs/1/retry', as('viewer', 'POST'))).status, 403);
	assert.equal((await system.get('/api/jobs')).status, 401);
});

test('a dead job is tried again at the end of its lane, alone in it', async () => {
	await add(job('fail', 'r1', { lane: 'retry', times: 1 }), job('ok', 'r2', { lane: 'retry' }), job('sleep', 'r3', { lane: 'retry', ms: 2500 }));
	const dead = await inState('r1', DEAD);
	await inState('r2', DONE);
	await inState('r3', RUNNING);
	const { status, json } = await system.get(`/api/jobs/${dead.id}/retry`, as('operator', 'POST'));
	assert.deepEqual([status, json], [200, { id: dead.id, state: 'waiting' }]);
	assert.equal((await row('r1')).state, 0, 'it waits for the one that runs');
	/* It fails once more: attempts began anew. */
	await inState('r1', DEAD);
	assert.equal((await row('r3')).state, DONE);
	const again = await system.wecomd('jobs', 'retry', String(dead.id));
	assert.equal(again.status, 0, again.stderr);
	assert.match(again.stdout, /is ready/);
	await inState('r1', DEAD);
	assert.equal((await system.get(`/api/jobs/${(await row('r2')).id}/retry`, as('operator', 'POST'))).status, 409);
	assert.equal(await system.number(`SELECT COUNT(*) FROM audit_log WHERE action = 'job.retry' AND object = 'job:${dead.id}'`), 2);
	await add(job('ok', 'r4', { lane: 'retry' }));
	await inState('r4', DONE);
});

test('a waiting job and the head of a lane can be cancelled; the lane goes on', async () => {
	await add(job('sleep', 'c1', { lane: 'cancel', ms: 60_000 }), job('ok', 'c2', { lane: 'cancel' }), job('ok', 'c3', { lane: 'cancel' }));
	const c1 = await inState('c1', RUNNING), c2 = await row('c2');
	assert.equal((await system.get(`/api/jobs/${c2.id}/cancel`, as('operator', 'POST'))).json.state, 'dead');
	assert.match((await row('c2')).error, /^cancelled by /);

	const asked = Date.now();
	assert.equal((await system.get(`/api/jobs/${c1.id}/cancel`, as('operator', 'POST'))).status, 202);
	const buried = await inState('c1', DEAD, { ms: 5000 });
	assert.match(buried.error, /^cancelled by /);
	assert.ok(Date.now() - asked < 3000, 'within a heartbeat');
	await inState('c3', DONE);
	assert.equal((await system.get(`/api/jobs/${c1.id}/cancel`, as('operator', 'POST'))).status, 409);

	await add(job('fail', 'c4', { lane: 'cancel', retry: 1 }), job('ok', 'c5', { lane: 'cancel' }));
	const c4 = await waitFor('the first failure', async () => {
		const found = await row('c4');
		return found.state === READY && found.attempts === 1 && found;
	});
	assert.equal((await system.wecomd('jobs', 'cancel', String(c4.id))).status, 0);
	await inState('c5', DONE);
	assert.match((await system.wecomd('jobs', 'list', '--state', 'dead')).stdout, /crash\.fail .*cancelled by command/);
});

test('a worker whose lease ran out while it was stopped changes nothing', async () => {
	await add(job('stubborn', 'fenced', { ms: 400 }), job('sleep', 'woken', { ms: 2500 }));
	const { owner } = await inState('fenced', RUNNING);
	const pid = Number(owner.split('/')[2]);
	process.kill(pid, 'SIGSTOP');
	let ended;
	try {
		ended = await inState('fenced', DONE, { ms: 15_000 });
	} finally {
		process.kill(pid, 'SIGCONT');
	}
	assert.equal(ended.attempts, 2);
	await waitFor('the end of the first run', () => system.log('wecomd').split('\n').some((line) =>
		line.includes('"stubborn to the end"') && JSON.parse(line).pid === pid));
	await inState('woken', DONE, { ms: 15_000 });
	/* An outcome behind that of the first run was written by the same settler, so the first run's had its turn. */
	await add(...Array.from({ length: 20 }, (_, i) => job('ok', `fence-${i}`)));
	await waitFor('the others', async () => await system.number("SELECT COUNT(*) FROM job WHERE job_key LIKE 'fence-%' AND state = 3") === 20);
	assert.deepEqual([(await row('fenced')).state, (await row('fenced')).error], [DONE, '']);
});

test('a timer adds one job for the tick that was missed, and none for a tick that was not', async () => {
	await waitFor('the timers to be seen', async () => await system.number("SELECT COUNT(*) FROM timer WHERE name = 'crash.hourly'") === 1);
	assert.equal(await system.number("SELECT COUNT(*) FROM job WHERE job_key LIKE 'timer/crash.hourly/%'"), 0);
	await system.sql("UPDATE timer SET last_tick = last_tick - 3 * 86400 WHERE name = 'crash.hourly'");
	const [[key]] = await waitFor('the tick', async () => {
		const rows = await system.sql("SELECT job_key FROM job WHERE job_key LIKE 'timer/crash.hourly/%' AND state = 3");
		return rows.length && rows;
	});
	const tick = Number(key.split('/')[2]);
	assert.equal(tick % 3600, 0);
	assert.ok(Math.abs(Date.now() / 1000 - tick) < 3700);
	await sleep(2500);     // two more looks of every worker
	assert.equal(await system.number("SELECT COUNT(*) FROM job WHERE job_key LIKE 'timer/crash.hourly/%'"), 1);
});

test('check says what is wrong with timers and the zone', async () => {
	const bad = path.join(system.state, 'bad.conf');
	fs.writeFileSync(bad, '[core]\ntime_zone = Shanghai\n[crash]\nhourly = 0 0 31 2 *\n[retention]\ncron = 5\njobs_days = -1\n');
	const { status, stderr } = await system.wecomd('-c', bad, 'check');
	assert.equal(status, 1);
	assert.match(stderr, /\[core\] time_zone: expected an offset from UTC such as \+08:00/);
	assert.match(stderr, /\[crash\] hourly: timer crash\.hourly: "0 0 31 2 \*": no month of it has such a day/);
	assert.match(stderr, /\[retention\] cron: .*1 of the five fields/);
	assert.match(stderr, /jobs_days: expected a number from 0 to 36500/);
});
