// Deadlock, lock time-out and lost connection at each statement of what happens by the clock, at a process's beginning and end, and with
// WeCom's tokens. These take a second each, so all four faults come one after another in one run.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, tempFolder, waitFor } from './harness.mjs';
import { Bench } from './transactions.mjs';

let bench, system, folder;
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };
const atOnce = true;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'crash', 'ledger');
	bench = await Bench.start('transactions-clock', { conf: `[core]\nplugin_dir = ${folder}\n[web]\nprocesses = 1\n[worker]\nprocesses = 1\nlease = 3s\npoll = 20ms\n
[plugins]\ncrash = on\nledger = on\n[crash]\nhourly = 0 0 1 1 *\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n[wecom]\ncallback_ips = app\n
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
	const name = fresh('awaiting'), file = path.join(folder, name);
	await receive({ kind: 'crash.await', key: name, args: { file } });
	const until = () => bench.one(`SELECT due_at FROM job WHERE job_key = '${name}' AND state = 2`);
	const first = await waitFor('its lease', until, { every: 5 });
	await waitFor('a longer lease', async () => await until() > first, { every: 10 });
	fs.writeFileSync(file, '');
	return name;
}, { settle: done, atOnce, check: (_, name) => told(name) }));

test('a job whose lease ran out runs again, once', () => bench.everyFault(['job recovery, expired'], async () => {
	const name = fresh('expired');
	await lay('crash.ok', name, 2, "'far/away/1/1'", 'NOW(3) - INTERVAL 1 SECOND');
	return name;
}, { settle: done, atOnce, check: (_, name) => told(name) }));

test('an action whose process fell silent is uncertain, and asked about until somebody knows or nobody will', async () => {
	const begin = async (truth, asked = 0) => {
		const name = fresh('out');
		await system.postJson('/api/ledger/begin', { key: name, truth });
		await bench.sql(`UPDATE outbound_call SET look_at = NOW(3), reconciles = ${asked} WHERE call_key = '${name}'`);
		return name;
	};
	const is = (name, what) => waitFor(what, async () => await bench.one(`SELECT COUNT(*) FROM outbound_call WHERE call_key = '${name}' AND ${what}`) === '1', { every: 10 });
	await bench.everyFault(['ledger, uncertain', 'ledger, asked again later', 'ledger, given up'], async () => {
		const [known, unknown, never] = [await begin('done'), await begin('uncertain'), await begin('uncertain', 19)];
		await is(known, 'state = 1');
		await is(unknown, 'reconciles = 1');
		await is(never, 'state = 4');
		return never;
	}, { atOnce, settle: done, check: (_, never) => bench.sql(`SELECT state, reconciles, (SELECT COUNT(*) FROM audit_log WHERE object = 'outbound:${never}') FROM outbound_call WHERE call_key = '${never}'`) });
	// Nobody asks about them in a minute, when other things are counted.
	await bench.sql('UPDATE outbound_call SET state = 2 WHERE state = 3');
});

test('a timer is seen first once, and ticks once', () => bench.everyFault(['timer tick', 'timer seen first'], async () => {
	await waitFor('the tick', async () => await bench.one("SELECT COUNT(*) FROM job WHERE job_key LIKE 'timer/crash.hourly/%'") === '1', { every: 10 });
	await waitFor('the new timer', async () => await bench.one("SELECT COUNT(*) FROM timer WHERE name = 'audit.prune'") === '1', { every: 10 });
}, {
	prepare: () => bench.sql(`DELETE FROM job WHERE job_key LIKE 'timer/crash.hourly/%'; DELETE FROM timer WHERE name = 'audit.prune';
		UPDATE timer SET last_tick = last_tick - 370 * 86400 WHERE name = 'crash.hourly'`),
	check: () => bench.one("SELECT COUNT(*) FROM job WHERE job_key LIKE 'timer/crash.hourly/%'"),
	settle: done, atOnce,
}));

// Of a job that this machine's worker holds.
async function ownerOfJobs() {
	const name = fresh('holder'), file = path.join(folder, name);
	await receive({ kind: 'crash.await', key: name, args: { file } });
	const owner = await waitFor('its owner', () => bench.one(`SELECT owner FROM job WHERE job_key = '${name}' AND owner IS NOT NULL`));
	fs.writeFileSync(file, '');
	await done();
	return owner;
}

const living = () => system.childrenOf(system.master).map(({ pid }) => pid);

async function reload() {
	const before = living();
	process.kill(system.master, 'SIGHUP');
	await waitFor('other children', () => {
		const now = living();
		return now.length === before.length && now.every((pid) => !before.includes(pid));
	}, { ms: 60_000 });
}

const signsOfTheLivingAlone = () => waitFor('signs of life of the living alone', async () =>
	JSON.stringify((await bench.sql('SELECT pid FROM process')).flat().sort()) === JSON.stringify(living().map(String).sort()));

test('a reload seeds the bots, signs processes on and off, and makes up for the jobs of the dead', async () => {
	const [node, machine] = (await ownerOfJobs()).split('/');
	await bench.everyFault(['bot seeded', 'sign of life', 'last sign of life', 'job recovery, dead'], async () => {
		await reload();
		await done();
	}, {
		prepare: async () => {
			await lay('crash.ok', fresh('orphan'), 2, `'${node}/${machine}/4194303/1'`, 'NOW(3) + INTERVAL 1 HOUR');
			await bench.sql("UPDATE smartbot_bot SET seed_hash = ''");
		},
		check: async () => {
			await signsOfTheLivingAlone();
			return bench.sql("SELECT state, attempts, crashes FROM job WHERE job_key LIKE 'orphan%' ORDER BY id DESC LIMIT 1");
		},
		atOnce,
	});
});

test('a process whose last sign of life fails time and again goes on trying', async () => {
	const tries = 5 * living().length + 1;
	const rule = bench.proxy.arm('deadlock', (sql) => /^DELETE FROM process WHERE node/.test(sql), { times: tries });
	await reload();
	bench.proxy.disarm();
	assert.equal(rule.fired, tries);
	await signsOfTheLivingAlone();
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
