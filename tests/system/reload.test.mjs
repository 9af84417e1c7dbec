// Reloading at work: new children serve before old ones end, what is refused changes nothing, and the log is reopened.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, run, sleep, startSystem, tempFolder, textMessage, waitFor, waitForDeath } from './harness.mjs';

let system, folder, conf, key;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'mishap');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[log]\nfile = ${folder}/wecomd.log\nlevel = debug\n` });
	conf = fs.readFileSync(system.conf, 'utf8');
	key = (await system.wecomd('key', 'add', '--name', 'load', '--role', 'viewer')).stdout.trim();
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const log = () => fs.readFileSync(`${folder}/wecomd.log`, 'utf8');
const told = (text) => log().split(text).length - 1;
const everybody = () => ['web', 'worker'].flatMap((role) => system.children(role)).sort();
const hello = async () => (await system.get('/api/hello/x', { headers: { Authorization: `Bearer ${key}` } })).json.text;

async function reload() {
	const before = told('"message":"reloaded"');
	process.kill(system.master, 'SIGHUP');
	await waitFor('the reload', () => told('"message":"reloaded"') > before);
}

async function refused(pattern) {
	const before = everybody();
	const count = told('not reloaded');
	process.kill(system.master, 'SIGHUP');
	await waitFor('the refusal', () => told('not reloaded') > count);
	await waitFor('only the old children', () => everybody().length === before.length);
	assert.match(log(), pattern);
	assert.deepEqual(everybody(), before);
	assert.match(await hello(), /x$/);
}

test('a reload every half second under load fails no request and no callback', async () => {
	let going = true;
	const statuses = new Map();
	const add = (status) => statuses.set(status, (statuses.get(status) || 0) + 1);
	const callbacks = Array.from({ length: 4 }, async (_, n) => {
		for (let i = 0; going; i++)
			await system.callback(textMessage(`${n}-${i}`, { bot: system.bot, user: `u${n}-${i}` })).then(({ status }) => add(status), (error) => add(error.message));
	});
	// One that wrk gives up is a failure to it: a slow machine is none.
	const wrk = (async () => {
		let said = '';
		while (going) said += (await run('wrk', ['-t1', '-c8', '-d2s', '--timeout', '15s', '-H', `Authorization: Bearer ${key}`, `${system.url}/api/hello/wrk`])).stdout;
		return said;
	})();
	// Some fall into the one before and are one with the next.
	const begun = Date.now(), reloads = () => told('"message":"reloaded"');
	for (let i = 0; i < 16 || reloads() < 8; i++) {
		assert.ok(Date.now() - begun < 90_000, `${reloads()} reloads of ${i}`);
		process.kill(system.master, 'SIGHUP');
		await sleep(500);
	}
	going = false;
	const stdout = await wrk;
	await Promise.all(callbacks);
	const requests = [...stdout.matchAll(/(\d+) requests in/g)].reduce((sum, [, n]) => sum + Number(n), 0);
	assert.ok(requests > 500, stdout);
	assert.doesNotMatch(stdout, /Non-2xx|Socket errors/);
	assert.deepEqual([...statuses.keys()], [200]);
	console.log(`${requests} requests, ${statuses.get(200)} callbacks, ${reloads()} reloads, no failure`);
	await system.jobsAreDone({ ms: 60_000 });
	assert.equal(await system.number('SELECT COUNT(*) FROM inbox_event'), statuses.get(200));
});

test('a good configuration shows its new settings, and a new plugin file is taken', async () => {
	await waitFor('rest', () => everybody().length === 4);
	assert.match(await hello(), /^你好, x$/);
	fs.writeFileSync(system.conf, `${conf}[hello]\ngreeting = Servus \n`);
	await reload();
	assert.equal(await hello(), 'Servusx');
	// The same plugin in another file: one letter of its summary differs.
	const so = fs.readFileSync(`${folder}/hello.so`);
	so.write('g', so.indexOf('Greets by name'));
	fs.writeFileSync(`${folder}/hello.new`, so);
	fs.renameSync(`${folder}/hello.new`, `${folder}/hello.so`);
	const { ino } = fs.statSync(`${folder}/hello.so`);
	const old = system.children('web');
	await reload();
	for (const pid of old) await waitForDeath(pid);
	for (const pid of system.children('web'))
		assert.match(fs.readFileSync(`/proc/${pid}/maps`, 'utf8'), new RegExp(` ${ino} +${folder}/hello\\.so$`, 'm'));
	assert.equal(await hello(), 'Servusx');
});

test('what is wrong changes nothing: a bad value, a plugin that is broken, one that cannot start', async () => {
	await waitFor('rest', () => everybody().length === 4);
	fs.writeFileSync(system.conf, `${conf}[hello]\ngreeting = Servus \n[web]\nthreads = many\n`);
	await refused(/test\.conf:\d+: \[web\] threads: expected/);
	fs.writeFileSync(`${folder}/broken.so`, 'no plugin');
	fs.writeFileSync(system.conf, `${conf}[plugins]\nbroken = on\n`);
	await refused(/broken/);
	fs.writeFileSync(system.conf, `${conf}[plugins]\nmishap = on\n[mishap]\nat_start = on\n`);
	await refused(/plugin mishap: was told to fail/);
	assert.equal(await hello(), 'Servusx');
});

test('while a bad configuration lies there, a child that dies is replaced with the good one', async () => {
	fs.writeFileSync(system.conf, `${conf}[web]\nthreads = many\n`);
	for (const pid of system.children('web')) process.kill(pid, 'SIGKILL');
	await waitFor('two new web children', () => system.children('web').length === 2);
	assert.equal(await hello(), 'Servusx');
	fs.writeFileSync(system.conf, conf);
	await reload();
	assert.match(await hello(), /^你好/);
});

test('the log is reopened by all processes after it was renamed, and no line is lost', async () => {
	await waitFor('rest', () => everybody().length === 4);
	const requests = () => fs.readdirSync(folder).filter((name) => name.startsWith('wecomd.log'))
		.flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').trim().split('\n'))
		.filter((line) => /"message":"request".*"route":"\/health"/.test(line) && JSON.parse(line)).length;
	const before = requests();
	let sent = 0, going = true;
	const senders = Array.from({ length: 4 }, async () => {
		while (going) {
			assert.equal((await system.get('/health')).status, 200);
			sent++;
		}
	});
	for (let i = 1; i <= 5; i++) {
		fs.renameSync(`${folder}/wecomd.log`, `${folder}/wecomd.log.${i}`);
		process.kill(system.master, 'SIGUSR1');
		await waitFor('a new log', () => fs.existsSync(`${folder}/wecomd.log`) && log().includes('"message":"request"'));
		const pids = new Set([system.master, ...everybody()]);
		await waitFor('nobody at the old file', () => [...pids].every((pid) => fs.readlinkSync(`/proc/${pid}/fd/2`) === `${folder}/wecomd.log`));
	}
	await waitFor('more than 50 requests', () => sent > 50);
	going = false;
	await Promise.all(senders);
	await waitFor('every line', () => requests() - before === sent);
	assert.equal(fs.statSync(`${folder}/wecomd.log`).mode & 0o777, 0o640);
});
