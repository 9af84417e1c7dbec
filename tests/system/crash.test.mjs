// A job that crashes its worker, and connections that die under callbacks and jobs: who did nothing is unharmed, and the books balance.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { copyPlugins, removeFolder, sleep, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };

beforeEach(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'crash');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[worker]\nprocesses = 2\nthreads = 8\nlease = 2s\n
[plugins]\ncrash = on\n[crash]\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n` });
});
afterEach(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const add = async (event) => system.callback(event, { bot: endpoint });

test('a job that crashes its worker is buried after its attempts; those beside it are unharmed', async () => {
	const innocent = Array.from({ length: 12 }, (_, i) => ({ kind: 'crash.sleep', key: `innocent-${i}`, args: { ms: 1500 } }));
	assert.equal((await add({ id: 'e', jobs: [...innocent, { kind: 'crash.abort', key: 'guilty', lane: 'l', args: {} },
		{ kind: 'crash.ok', key: 'behind', lane: 'l', args: {} }] })).status, 200);
	await waitFor('the burial', async () => await system.number("SELECT state FROM job WHERE job_key = 'guilty'") === 4, { ms: 60_000 });
	const [[attempts, crashes, error]] = await system.sql("SELECT attempts, crashes, error FROM job WHERE job_key = 'guilty'");
	assert.deepEqual([attempts, crashes, error], ['6', '5', 'the process died during the last of 5 attempts']);
	await waitFor('the innocent', async () => await system.number("SELECT COUNT(*) FROM job WHERE job_key LIKE 'innocent-%' AND state = 3") === 12,
		{ ms: 30_000 });
	assert.ok(await system.number("SELECT MAX(crashes) FROM job WHERE job_key LIKE 'innocent-%'") <= 2, 'nobody died with it more than twice');
	await waitFor('the job behind it in its lane', async () => await system.number("SELECT state FROM job WHERE job_key = 'behind'") === 3);
	await waitFor('two workers', () => system.children('worker').length === 2);
});

test('connections that are killed all the time lose nothing and do nothing twice', async () => {
	const sent = [];
	let going = true, killed = 0;

	async function killer() {
		while (going) {
			const rows = await system.sql("SELECT id FROM information_schema.processlist WHERE user = 'wecomd'", { schema: '' });
			for (const [id] of rows.sort(() => Math.random() - 0.5).slice(0, 4))
				await system.sql(`KILL ${id}`, { schema: '' }).then(() => { killed++; }, () => {});
			await sleep(20);
		}
	}
	async function sender(number) {
		for (let i = 0; going; i++) {
			const id = `${number}-${i}`;
			const event = { id, jobs: [{ kind: 'crash.ok', key: `k-${id}`, lane: `lane-${number}`, args: { number: i } },
				{ kind: 'crash.ok', key: `u-${id}`, args: {} }] };
			/* One that fails once: the lane waits behind it. */
			if (i === 20) event.jobs.push({ kind: 'crash.fail', key: `f-${id}`, lane: `lane-${number}`, args: { retry: 1, times: 1 } });
			for (;;) {
				const answer = await add(event).catch(() => ({ status: 0 }));
				if (answer.status === 200) break;
				assert.ok([0, 503].includes(answer.status), `status ${answer.status}`);
			}
			sent.push(event);
		}
	}
	const all = [killer(), ...[1, 2, 3, 4].map(sender)];
	await waitFor('50 connections killed and 50 events that went through', () => killed > 50 && sent.length > 50, { ms: 60_000 })
		.finally(() => { going = false; });
	await Promise.all(all);

	const jobs = sent.flatMap((event) => event.jobs);
	await waitFor('the end of all jobs', async () => await system.number('SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2)') === 0, { ms: 60_000 });
	assert.equal(await system.number('SELECT COUNT(*) FROM inbox_event'), sent.length);
	assert.equal(await system.number('SELECT COUNT(*) FROM job'), jobs.length);
	assert.equal(await system.number('SELECT COUNT(*) FROM job WHERE state = 3'), jobs.length);
	assert.equal(await system.number('SELECT COUNT(*) FROM job_lane WHERE head_no <> 0'), 0, 'no lane is left with a head');
	/* Within a lane numbers have no holes that hold a job, and every job ran behind the one before it. */
	assert.equal(await system.number(`SELECT COUNT(*) FROM job a JOIN job b ON b.lane = a.lane AND b.lane_no > a.lane_no
		AND b.finished_at < a.finished_at`), 0);
});

test('deadlocks between callbacks and jobs of the same lanes are repeated until they pass', async () => {
	const before = await system.number("SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'INNODB_DEADLOCKS'").catch(() => 0);
	/* A session that takes lanes in the wrong order, over and over, is what the callbacks deadlock with. */
	let going = true;
	const wrongOrder = (async () => {
		while (going)
			await system.sql(`START TRANSACTION; UPDATE job_lane SET last_no = last_no ORDER BY lane DESC; DO SLEEP(0.02);
				UPDATE job SET error = error WHERE state IN (0, 1, 2); COMMIT`).catch(() => {});
	})();
	const lanes = ['x', 'y', 'z', 'w', 'v', 'u'];
	const sender = async (number) => {
		for (let i = 0; i < 15; i++) {
			const jobs = lanes.map((lane) => ({ kind: 'crash.ok', key: `d-${number}-${i}-${lane}`, lane, args: {} }));
			for (;;) {
				const { status } = await add({ id: `d-${number}-${i}`, jobs });
				if (status === 200) break;
				assert.equal(status, 503);
			}
		}
	};
	await Promise.all([1, 2, 3].map(sender));
	going = false;
	await wrongOrder;
	await waitFor('the end of all jobs', async () => await system.number('SELECT COUNT(*) FROM job WHERE state <> 3') === 0, { ms: 40_000 });
	assert.equal(await system.number('SELECT COUNT(*) FROM job'), 3 * 15 * lanes.length);
	assert.equal(await system.number('SELECT COUNT(*) FROM job_lane WHERE head_no <> 0'), 0);
	const now = await system.number("SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'INNODB_DEADLOCKS'").catch(() => 1);
	assert.ok(now > before, 'there were deadlocks');
});
