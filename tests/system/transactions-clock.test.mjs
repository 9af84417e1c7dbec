// Deadlock, lock time-out and lost connection at each statement of what happens by the clock, at a process's beginning and end, and with
// WeCom's tokens. These take a second each, so all four faults come one after another in one run.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, removeFolder, tempFolder, waitFor } from './harness.mjs';
import { Bench } from './transactions.mjs';

let bench, system, folder;
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };
const atOnce = true;

before(async () => {
	folder = tempFolder();
	for (const name of ['plugins/hello', 'plugins/smartbot', 'test-plugins/crash', 'test-plugins/ledger'])
		fs.copyFileSync(`${build}/${name}.so`, path.join(folder, `${path.basename(name)}.so`));
	bench = await Bench.start('transactions-clock', { conf: `[core]\nplugin_dir = ${folder}\n[web]\nprocesses = 1\n[worker]\nprocesses = 1\nlease = 1s\npoll = 20ms\n
[plugins]\ncrash = on\nledger = on\n[crash]\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n[wecom]\ncallback_ips = app\n
[wecom:wrong]\ncorp_id = wwsimulator\nsecret = nobody-has-this-one\n` });
	({ system } = bench);
	await receive({ kind: 'crash.ok', key: 'template', args: {} });
	await done();
});
after(async () => {
	await bench?.stop();
	if (folder) removeFolder(folder);
});

let count = 0;
const fresh = (word = 'x') => `${word}-${++count}`;
const done = () => waitFor('the end of all jobs', async () => await bench.one('SELECT COUNT(*) FROM job WHERE state <> 3') === '0', { every: 5 });
const receive = async (...jobs) => assert.equal((await system.callback({ id: fresh('event'), jobs }, { bot: endpoint })).status, 200);
const lay = (kind, name, state, owner = 'NULL', due = 'NOW(3)') => bench.sql(`INSERT INTO job (kind, job_key, state, due_at, owner, fence, attempts, trace_id, args)
	SELECT '${kind}', '${name}', ${state}, ${due}, ${owner}, 1, ${state === 2 ? 1 : 0}, trace_id, args FROM job WHERE job_key = 'template'`);
const told = (name) => bench.sql(`SELECT state, attempts, crashes FROM job WHERE job_key = '${name}'`);

test('a lease that is renewed is not lost', () => bench.everyFault(['job lease'], async () => {
	const name = fresh('sleeper');
	await receive({ kind: 'crash.sleep', key: name, args: { ms: 1200 } });
	return name;
}, { settle: done, atOnce, check: (_, name) => told(name) }));

test('a job whose lease ran out runs again, once', () => bench.everyFault(['job recovery, expired'], async () => {
	const name = fresh('expired');
	await lay('crash.ok', name, 2, "'far/away/1/1'", 'NOW(3) - INTERVAL 1 SECOND');
	return name;
}, { settle: done, atOnce, check: (_, name) => told(name) }));

test('an action whose process fell silent is uncertain, and asked about until somebody knows', async () => {
	const begin = async (truth) => {
		const name = fresh('out');
		await system.postJson('/api/ledger/begin', { key: name, truth });
		await bench.sql(`UPDATE outbound_call SET look_at = NOW(3) WHERE call_key = '${name}'`);
		return name;
	};
	const is = (name, what) => waitFor(what, async () => await bench.one(`SELECT COUNT(*) FROM outbound_call WHERE call_key = '${name}' AND ${what}`) === '1', { every: 10 });
	await bench.everyFault(['ledger, uncertain'], async () => is(await begin('done'), 'state = 1'), { atOnce, settle: done });
	await bench.everyFault(['ledger, asked again later'], async () => is(await begin('uncertain'), 'reconciles = 1'), { atOnce, settle: done });
});

test('a timer is seen first once, and ticks once', async () => {
	await bench.everyFault(['timer tick'], () => waitFor('the tick', async () => await bench.one("SELECT COUNT(*) FROM job WHERE job_key LIKE 'timer/crash.hourly/%'") === '1', { every: 10 }), {
		prepare: () => bench.sql("DELETE FROM job WHERE job_key LIKE 'timer/crash.hourly/%'; UPDATE timer SET last_tick = last_tick - 7200 WHERE name = 'crash.hourly'"),
		settle: done, atOnce,
	});
	await bench.everyFault(['timer seen first'], () => waitFor('the timer', async () => await bench.one("SELECT COUNT(*) FROM timer WHERE name = 'crash.hourly'") === '1', { every: 10 }),
		{ prepare: () => bench.sql("DELETE FROM timer WHERE name = 'crash.hourly'"), atOnce });
});

test('a reload seeds the bots, signs processes on and off, and makes up for the jobs of the dead', async () => {
	await bench.everyFault(['bot seeded', 'sign of life', 'last sign of life', 'job recovery, dead'], async () => {
		const before = system.childrenOf(system.master).map(({ pid }) => pid);
		const [[owner]] = await bench.sql("SELECT owner FROM job WHERE owner IS NOT NULL LIMIT 1");
		process.kill(system.master, 'SIGHUP');
		await waitFor('other children', () => {
			const now = system.childrenOf(system.master).map(({ pid }) => pid);
			return now.length === before.length && now.every((pid) => !before.includes(pid));
		});
		await done();
		return owner;
	}, {
		prepare: async () => {
			const name = fresh('holder');
			await receive({ kind: 'crash.sleep', key: name, args: { ms: 100_000 } });
			const owner = await waitFor('its owner', () => bench.one(`SELECT owner FROM job WHERE job_key = '${name}' AND owner IS NOT NULL`));
			await bench.sql(`UPDATE job SET owner = NULL, state = 3 WHERE job_key = '${name}'`);
			const [node, machine] = owner.split('/');
			await lay('crash.ok', fresh('orphan'), 2, `'${node}/${machine}/4194303/1'`, 'NOW(3) + INTERVAL 1 HOUR');
			await bench.sql("UPDATE smartbot_bot SET seed_hash = ''");
		},
		check: async () => {
			const pids = system.childrenOf(system.master).map(({ pid }) => String(pid)).sort();
			await waitFor('signs of life of the living alone', async () => JSON.stringify((await bench.sql('SELECT pid FROM process')).flat().sort()) === JSON.stringify(pids));
			return bench.sql("SELECT state, attempts, crashes FROM job WHERE job_key LIKE 'orphan%' ORDER BY id DESC LIMIT 1");
		},
		atOnce,
	});
});

// --- WeCom's tokens ---

test('a token is fetched once, and a refusal noted once', async () => {
	await bench.everyFault(['token looked at', 'token stored', 'token refused'], async () => {
		const { stdout } = await system.wecomd('doctor');
		assert.match(stdout, /wecom/);
	}, {
		prepare: () => bench.sql('DELETE FROM api_token'), atOnce,
		check: () => bench.sql('SELECT name, version, failures, refresher IS NULL, token IS NOT NULL FROM api_token ORDER BY name'),
	});
});

test('the addresses of callbacks are replaced as a whole, and unused tokens go', () => bench.everyFault(['callback addresses', 'tokens swept'], async () => {
	await lay('wecom.daily', fresh('daily'), 1);
	await done();
}, { check: () => bench.one('SELECT COUNT(*) FROM wecom_callback_address') }));

test('no other transaction was seen, and none of these was left out', () => bench.complete());
