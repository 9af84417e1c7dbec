// Starting and ending: what cannot start is refused and leaves nothing behind, a child that is told to end by hand is replaced at once, and
// processes may open as many files as they are allowed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, copyPlugins, removeFolder, run, startSystem, tempFolder, waitFor, waitForDeath } from './harness.mjs';

let system, folder;
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'mishap', 'crash', 'stayer');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[worker]\nprocesses = 1\nthreads = 4\ndrain = 60s\n[web]\nmetrics_role = anyone\n
[plugins]\ncrash = on\nstayer = on\n[crash]\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n[stayer]\nstubborn = off\n` });
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

// A first start over the same database with this configuration besides; it ends by itself.
async function firstStart(conf) {
	const file = path.join(folder, 'first.conf');
	fs.writeFileSync(file, `[core]\nnode = first\n[web]\nlisten = unix:${folder}/first.sock\n${conf}`);
	const files = ['etc/demo/wecomd.conf', system.conf, file].flatMap((one) => ['-c', one]);
	const { status, stderr } = await run(path.join(build, 'wecomd'), [...files, 'serve'], { env: system.env, ms: 30_000 });
	return { status, lines: stderr.trim().split('\n').map((line) => (line.startsWith('{') ? JSON.parse(line) : { message: line })) };
}

test('a plugin that cannot start ends the first start: the master says why, and no child is kept', async () => {
	const { status, lines } = await firstStart('[plugins]\nmishap = on\n[mishap]\nat_start = on\n');
	assert.equal(status, 1);
	const said = lines.filter(({ role, level, message }) => role === 'master' && level === 'error' && message !== 'child ended by itself');
	assert.deepEqual(said.map(({ message, why }) => [message, why]), [['not started: the children did not start', 'plugin mishap: was told to fail']]);
	const pids = new Set(lines.map(({ pid }) => pid).filter(Boolean));
	assert.ok(pids.size > 1, 'children had begun');
	for (const pid of pids) await waitForDeath(pid, 1000);
	assert.ok(!lines.some(({ message }) => message === 'serving' || message === 'child is to be replaced'), JSON.stringify(lines));
	await waitFor('no sign of life of it', async () => await system.number("SELECT COUNT(*) FROM process WHERE node = 'first' AND beat_at > NOW(3) - INTERVAL 1 SECOND") === 0);
});

test('a configuration that is refused ends the first start too', async () => {
	const { status, lines } = await firstStart('[plugins]\nghost = on\n');
	assert.equal(status, 1);
	assert.ok(lines.some(({ message }) => /first\.conf:\d+: \[plugins\] ghost: there is no /.test(message)), JSON.stringify(lines));
});

const restarts = async (role) => Number((await system.get('/metrics')).text.split('\n')
	.find((line) => line.startsWith(`wecomd_child_restarts_total{role="${role}"}`))?.split(' ')[1] ?? 0);

test('a worker that is told to end by hand drains beside its replacement', async () => {
	const [old] = system.children('worker');
	assert.equal((await system.callback({ id: 'long', jobs: [{ kind: 'crash.sleep', key: 'long', args: { ms: 6000 } }] }, { bot: endpoint })).status, 200);
	const state = async (key) => system.number(`SELECT state FROM job WHERE job_key = '${key}'`);
	await waitFor('the long job', async () => await state('long') === 2);
	const count = await restarts('worker');
	process.kill(old, 'SIGTERM');
	await waitFor('its replacement', () => system.children('worker').some((pid) => pid !== old), { ms: 3000 });
	assert.equal((await system.callback({ id: 'short', jobs: [{ kind: 'crash.ok', key: 'short', args: {} }] }, { bot: endpoint })).status, 200);
	await waitFor('a job of the replacement', async () => await state('short') === 3, { ms: 5000 });
	assert.equal(await state('long'), 2, 'the old one is still at work');
	assert.ok(system.children('worker').includes(old));
	await waitForDeath(old, 20_000);
	assert.deepEqual([await state('long'), await system.number("SELECT attempts FROM job WHERE job_key = 'long'")], [3, 1], 'it came to its end');
	assert.equal(system.children('worker').length, 1, 'one for one');
	assert.equal(await restarts('worker'), count + 1);
});

test('so are web and resident children, and each as often as it is told', async () => {
	for (const role of ['web', 'resident', 'web']) {
		const was = system.children(role);
		process.kill(was[0], 'SIGTERM');
		await waitForDeath(was[0], 20_000);
		await waitFor(`as many ${role} children as before`, () => system.children(role).length === was.length && !system.children(role).includes(was[0]));
	}
	assert.equal((await system.get('/ready')).status, 200);
	const pauses = [...system.log('wecomd').matchAll(/"message":"child is to be replaced".*"in_ms":(\d+)/g)].map(([, ms]) => Number(ms));
	assert.ok(pauses.every((ms) => ms === 0), `none of them had to wait: ${pauses}`);
});

test('a child that dies is still replaced', async () => {
	const [old] = system.children('worker');
	process.kill(old, 'SIGKILL');
	await waitFor('another', () => system.children('worker').length === 1 && system.children('worker')[0] !== old);
	assert.match(system.log('wecomd'), /"message":"child is to be replaced"/);
});

test('master and children may open as many files as the hard limit says', async () => {
	const node = await system.secondNode({ prefix: ['prlimit', '--nofile=300:5000'] });
	try {
		const pids = [node.pid, ...system.childrenOf(node.pid).map(({ pid }) => pid)];
		assert.ok(pids.length >= 3);
		for (const pid of pids) assert.match(fs.readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max open files +5000 +5000 /m);
	} finally {
		await node.stop();
	}
});
