// The resident part of a plugin: on one node at a time, taken over when its node fails.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, startSystem, tempFolder, waitFor, waitForDeath } from './harness.mjs';

let system, folder, second;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'stayer');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n` });
});
after(async () => {
	await second?.stop();
	await system?.stop();
	if (folder) removeFolder(folder);
});

// Every begin and end, of both nodes, in their order: {time, pid, what, word}.
function story() {
	return `${system.log('wecomd')}${second?.output ?? ''}`.split('\n').filter((line) => line.includes('"message":"stayer '))
		.map((line) => JSON.parse(line)).sort((a, b) => a.time < b.time ? -1 : 1)
		.map(({ time, pid, message, word }) => ({ time: Date.parse(time), pid, what: message.split(' ')[1], word }));
}
const begins = () => story().filter(({ what }) => what === 'begins');

// Who runs it by now: the begins without an end, of processes that live.
function running() {
	const pids = new Map();
	for (const { pid, what } of story()) pids.set(pid, (pids.get(pid) || 0) + (what === 'begins' ? 1 : -1));
	return [...pids].filter(([pid, n]) => n > 0 && residents().includes(pid)).map(([pid]) => pid);
}
const residents = () => [system.master, ...second ? [second.pid] : []].flatMap((master) =>
	system.childrenOf(master).filter(({ role }) => role === 'resident').map(({ pid }) => pid));
const oneRuns = () => waitFor('one to run', () => running().length === 1 && running()[0]);
const nodeOf = (pid) => system.children('resident').includes(pid) ? 'one' : 'two';

test('without a plugin that stays there is no resident child', async () => {
	assert.deepEqual(system.children('resident'), []);
	fs.writeFileSync(system.conf, `${fs.readFileSync(system.conf, 'utf8')}[plugins]\nstayer = on\n`);
	process.kill(system.master, 'SIGHUP');
	await waitFor('the resident child', () => system.children('resident').length === 1);
	await oneRuns();
});

test('of two nodes one runs it', async () => {
	second = await system.secondNode();
	await waitFor('both resident children', () => residents().length === 2);
	const count = begins().length;
	await waitFor('some leases', async () => await system.number("SELECT until_at > NOW(3) + INTERVAL 4 SECOND FROM lease WHERE name = 'resident/stayer'") === 1);
	assert.equal(running().length, 1);
	assert.equal(begins().length, count);
});

test('it is called again with its new settings', async () => {
	const count = begins().length;
	assert.equal((await system.wecomd('settings', 'set', 'stayer', 'word', 'second')).status, 0);
	await waitFor('its next begin', () => begins().length > count);
	assert.equal(begins().at(-1).word, 'second');
	await oneRuns();
});

test('whoever loses the lease stops, and somebody takes over when it is free', async () => {
	await oneRuns();
	const count = begins().length;
	await system.sql("UPDATE lease SET owner = 'elsewhere', fence = fence + 1, until_at = NOW(3) + INTERVAL 10 MINUTE WHERE name = 'resident/stayer'");
	await waitFor('its end', () => running().length === 0);
	assert.equal(begins().length, count);
	await system.sql("UPDATE lease SET until_at = NOW(3) WHERE name = 'resident/stayer'");
	await waitFor('the next', () => begins().length > count);
	await oneRuns();
});

test('without the database it stops before another could have the lease, and begins again afterwards', async () => {
	await oneRuns();
	const database = await system.hideDatabase();
	const hidden = Date.now();
	await waitFor('its end', () => running().length === 0);
	assert.ok(story().at(-1).time - hidden < 6000, 'the lease lasts 6 s');
	database.back();
	await oneRuns();
});

test('when its node is killed the other takes over within seconds', async () => {
	const pid = await oneRuns();
	const node = nodeOf(pid);
	const began = Date.now();
	const count = begins().length;
	process.kill(pid, 'SIGKILL');
	await waitForDeath(pid);
	await waitFor('the next', () => begins().length > count);
	console.log(`taken over ${Date.now() - began} ms after a kill on node ${node}`);
	await oneRuns();
});

test('a reload hands it from the old child to the new one', async () => {
	await oneRuns();
	const before = residents();
	const count = begins().length;
	process.kill(system.master, 'SIGHUP');
	process.kill(second.pid, 'SIGHUP');
	await waitFor('two new ones', () => residents().length === 2 && residents().every((pid) => !before.includes(pid)));
	await waitFor('the next', () => begins().length > count);
	await oneRuns();
	// At no time did two run: between two begins there is an end.
	assert.deepEqual(story().slice(-2).map(({ what }) => what), ['ends', 'begins']);
});

test('one that does not stop when it is told to takes its process with it', async () => {
	await oneRuns();
	let count = begins().length;
	assert.equal((await system.wecomd('settings', 'set', 'stayer', 'stubborn', 'on')).status, 0);
	await waitFor('its stubborn run', () => begins().length > count);
	const stubborn = await oneRuns();
	count = begins().length;
	assert.equal((await system.wecomd('settings', 'set', 'stayer', 'word', 'third')).status, 0);
	await waitFor('the next', () => begins().length > count && begins().at(-1).word === 'third');
	await waitFor('the end of the old process', () => !residents().includes(stubborn));
	assert.equal((await system.wecomd('settings', 'set', 'stayer', 'stubborn', 'off')).status, 0);
	assert.match(system.log('wecomd') + second.output, /a resident did not stop in time; its process ends/);
});
