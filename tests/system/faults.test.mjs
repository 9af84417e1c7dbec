// What breaks in real life: the database goes away, processes are killed, the program is stopped and reloaded at work.
// Promised is: nothing acknowledged is lost, and nothing is done twice that can be seen.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { afterEach, beforeEach } from 'node:test';
import { processesOf, sleep, startSystem, textMessage, waitFor, waitForDeath } from './harness.mjs';

let system;

beforeEach(async () => {
	system = await startSystem({ conf: '[log]\nlevel = info\n' });
	await system.speed({ chars_per_s: 100_000, refresh_ms: 200, first_token_ms: 0 });
});
afterEach(() => system?.stop());

const countTo = (n) => Array.from({ length: n }, (_, i) => i + 1).join(' ');

// Sends callbacks, a few at a time, until it is stopped. What fails is sent again, as WeCom does, with the same msgid.
function trickle() {
	const acknowledged = new Map();     // msgid → stream id
	const failures = [];
	let going = true;

	async function deliver(message) {
		for (let i = 0; i < 3; i++) {
			try {
				const { status, reply } = await system.callback(message);
				if (status === 200) return acknowledged.set(message.msgid, reply.stream.id);
				failures.push(status);
			} catch (error) {
				failures.push(error.message);
			}
			await sleep(50);
		}
		throw new Error(`not acknowledged in 3 tries: ${failures.slice(-3)}`);
	}
	async function sender(number) {
		for (let i = 0; going; i++) await deliver(textMessage(`问题 ${number}-${i}`, { bot: system.bot, user: `user${number}-${i}` }));
	}
	const senders = Array.from({ length: 4 }, (_, number) => sender(number));
	return {
		acknowledged,
		failures,
		stop: async () => { going = false; await Promise.all(senders); },
	};
}

async function nothingWasLost({ acknowledged }) {
	await system.jobsAreDone({ ms: 60_000 });
	assert.ok(acknowledged.size > 20, `only ${acknowledged.size} callbacks went through`);
	assert.equal(await system.number('SELECT COUNT(*) FROM inbox_event'), acknowledged.size);
	assert.equal(await system.number('SELECT COUNT(*) FROM job'), acknowledged.size);
	assert.equal(await system.number('SELECT COUNT(*) FROM smartbot_stream WHERE finished'), acknowledged.size);
	for (const id of [...acknowledged.values()].slice(-3)) assert.ok(await system.finished(id));
}

test('without the database a callback gets 503, and its repetition afterwards is answered', async () => {
	const message = textMessage('在吗', { bot: system.bot });
	assert.equal((await system.get('/ready')).status, 200);

	const database = await system.hideDatabase();
	const refused = await system.callback(message);
	assert.equal(refused.status, 503, refused.text);
	assert.match(refused.headers['content-type'], /^application\/problem\+json/);
	assert.equal((await system.get('/ready')).status, 503);
	assert.equal((await system.get('/health')).status, 200);
	assert.equal((await system.callback(message, { signature: '0'.repeat(40) })).status, 403, 'the signature is checked all the same');

	database.back();
	await waitFor('readiness', async () => (await system.get('/ready')).status === 200);
	const { status, reply } = await system.callback(message);
	assert.equal(status, 200);
	assert.ok(await system.finished(reply.stream.id));
	assert.deepEqual(await system.stored(), { events: 1, jobs: 1, streams: 1 });
});

test('an answer outlives a database that is away in its middle', async () => {
	await system.speed({ chars_per_s: 400 });
	const { reply } = await system.callback(textMessage('数到 400', { bot: system.bot }));
	await waitFor('the first words', async () => await system.number('SELECT COUNT(*) FROM smartbot_stream') === 1);
	const database = await system.hideDatabase();
	await sleep(1500);
	database.back();
	assert.equal(await system.finished(reply.stream.id, { ms: 60_000 }), countTo(400));
	await system.jobsAreDone({ ms: 60_000 });
	assert.deepEqual(await system.stored(), { events: 1, jobs: 1, streams: 1 });
});

test('when the worker is killed in mid-stream another one finishes the answer, whole and once', async () => {
	const chat = { person: 'zhangsan' };
	await system.speed({ chars_per_s: 300 });
	const { id } = (await system.say('数到 400', chat)).json;
	const growing = await waitFor('a growing answer', async () => {
		const bubble = await system.bubble(chat, id);
		return bubble?.state === 'streaming' && bubble.text.length > 100 && bubble;
	});
	const [[owner]] = await system.sql('SELECT owner FROM job WHERE state = 2');
	const pid = Number(owner.split('/')[2]);
	assert.ok(system.children('worker').includes(pid), `${owner} is not one of our workers`);
	process.kill(pid, 'SIGKILL');

	const lengths = [growing.text.length];
	const bubble = await waitFor('the end of the answer', async () => {
		const now = await system.bubble(chat, id);
		lengths.push(now.text.length);
		return ['finished', 'failed'].includes(now.state) && now;
	}, { ms: 60_000 });
	assert.equal(bubble.state, 'finished', bubble.error);
	assert.equal(bubble.text, countTo(400));
	assert.deepEqual(lengths, [...lengths].sort((a, b) => a - b), 'the text on the phone never got shorter');
	await system.jobsAreDone();
	assert.deepEqual(await system.stored(), { events: 1, jobs: 1, streams: 1 });
	assert.equal(await system.number('SELECT attempts FROM job'), 2);
	await waitFor('a new worker', () => system.children('worker').length === 2);
});

test('when web children are killed they are replaced, and no acknowledged callback is lost', async () => {
	const stream = trickle();
	for (let round = 0; round < 3; round++) {
		const before = await waitFor('two web children', () => system.children('web').length === 2 && system.children('web'));
		const count = stream.acknowledged.size;
		process.kill(before[round % 2], 'SIGKILL');
		await waitFor('a replacement', () => system.children('web').filter((pid) => !before.includes(pid)).length === 1);
		await waitFor('more callbacks', () => stream.acknowledged.size > count + 10);
	}
	await stream.stop();
	await nothingWasLost(stream);
});

test('a reload replaces all children without one failed callback; a bad configuration changes nothing', async () => {
	const conf = path.join(system.state, 'test.conf');
	const stream = trickle();
	const everybody = () => [...system.children('web'), ...system.children('worker')];
	const before = everybody();
	assert.equal(before.length, 4);

	process.kill(system.master, 'SIGHUP');
	await waitFor('four new children', () => everybody().length === 4 && everybody().every((pid) => !before.includes(pid)), { ms: 40_000 });
	await waitFor('more callbacks', () => stream.acknowledged.size > 50);

	const good = everybody();
	fs.writeFileSync(conf, '[web]\nthreads = many\n');
	process.kill(system.master, 'SIGHUP');
	await waitFor('the refusal in the log', () => /test\.conf:2/.test(system.log('wecomd')) && /not reloaded/.test(system.log('wecomd')));
	assert.deepEqual(everybody(), good);
	fs.writeFileSync(conf, '');

	await stream.stop();
	assert.deepEqual(stream.failures, []);
	await nothingWasLost(stream);
});

test('SIGTERM lets the requests that have begun come to their end', async () => {
	const lock = await system.lockTable('inbox_event');
	const waiting = Array.from({ length: 6 }, (_, i) => system.callback(textMessage(`等 ${i}`, { bot: system.bot, user: `u${i}` })));
	await waitFor('a callback that waits for the lock', async () =>
		await system.number("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'") > 0);
	await sleep(300);     // not as a proof: so that all six are inside

	const { master } = system;
	process.kill(master, 'SIGTERM');
	await waitFor('the drain', () => /"message":"stopping"/.test(system.log('wecomd')));
	await lock.release();
	const answers = await Promise.all(waiting);
	assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200, 200, 200]);
	assert.equal(new Set(answers.map(({ reply }) => reply.stream.id)).size, 6);

	await waitForDeath(master);
	assert.equal(await system.launcher.ended, 1);
	assert.match(system.launcher.output, /wecomd ended unexpectedly/);
	assert.deepEqual(processesOf(system.state), []);
});

// Kills the master and waits for the end of the children that find() names just before.
async function killTheMaster(find) {
	const { master, launcher } = system;
	process.kill(launcher.pid, 'SIGSTOP');     // it would clean up behind the master
	try {
		const children = find(master);
		process.kill(master, 'SIGKILL');
		for (const pid of children) await waitForDeath(pid, 15_000);
	} finally {
		process.kill(launcher.pid, 'SIGCONT');
	}
	assert.equal(await launcher.ended, 1);
	assert.match(launcher.output, /wecomd ended unexpectedly/);
}

const childrenOf = (pid) => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

test('when the master is killed its children follow', () => killTheMaster((master) => {
	const children = childrenOf(master);
	assert.equal(children.length, 4);
	return children;
}));

test('when the master is killed while it starts children, these follow too', () => killTheMaster((master) => {
	process.kill(master, 'SIGHUP');
	const end = Date.now() + 10_000;
	let children;
	do children = childrenOf(master);     // four old ones, for a while one that checks the configuration, then four new ones
	while (children.length < 6 && Date.now() < end);
	assert.ok(children.length >= 6, 'no new children came');
	return children;
}));
