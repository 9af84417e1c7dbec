// etc/demo/run: one command that starts everything, keeps to itself, and leaves nothing behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { begin, build, freePort, openFiles, processesOf, removeFolder, root, run, startSystem, tempFolder, textMessage, waitFor } from './harness.mjs';

// Runs the launcher to its end, which must come by itself.
async function refused(options) {
	const demo = begin({ state: '/nowhere', ...options });
	assert.equal(await demo.settled, false, `it started:\n${demo.output}`);
	assert.equal(demo.status, 1);
	return demo.output;
}

async function withFolder(work) {
	const folder = tempFolder();
	try {
		await work(folder);
	} finally {
		removeFolder(folder);
	}
}

async function ask(system) {
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
	const { reply } = await system.callback(textMessage('你好', { bot: system.bot }));
	return system.finished(reply.stream.id);
}

test('two run side by side and know nothing of each other; both end without a trace', async () => {
	const one = await startSystem();
	const closed = tempFolder();
	fs.chmodSync(closed, 0o700);     // MariaDB's own user cannot pass here
	const two = await startSystem({ state: closed });
	try {
		await ask(one);
		assert.deepEqual(await one.stored(), { events: 1, jobs: 1, streams: 1 });
		assert.deepEqual(await two.stored(), { events: 0, jobs: 0, streams: 0 });
		assert.notDeepEqual(one.secrets, two.secrets);
		const { status } = await two.callback(textMessage('你好', { bot: one.bot }), { bot: one.bot });
		assert.equal(status, 403, 'the secrets of one are nothing to the other');
	} finally {
		assert.equal(await one.stop({ signal: 'SIGTERM' }), 0);
		assert.equal(await two.stop({ signal: 'SIGINT' }), 0);
	}
});

test('a second run on the same folder keeps the data and the secrets', async () => {
	const first = await startSystem();
	const content = await ask(first);
	const message = textMessage('记住我', { bot: first.bot });
	const { reply } = await first.callback(message);
	await first.finished(reply.stream.id);
	await first.stop({ keep: true });

	const second = await startSystem({ state: first.state });
	try {
		assert.deepEqual(second.secrets, first.secrets);
		assert.deepEqual(await second.stored(), { events: 2, jobs: 2, streams: 2 });
		const again = await second.callback(message);
		assert.equal(again.reply.stream.id, reply.stream.id);
		assert.ok(content && await second.finished(reply.stream.id));
		assert.deepEqual(await second.stored(), { events: 2, jobs: 2, streams: 2 });
	} finally {
		await second.stop();
	}
});

test('what it keeps is closed to others, and it listens on the loopback alone', async () => {
	const system = await startSystem();
	try {
		for (const name of ['secrets.env', 'wecomd.keys', 'sim.keys'])
			assert.equal(fs.statSync(path.join(system.state, name)).mode & 0o777, 0o600, name);
		assert.equal(fs.statSync(path.join(system.state, 'run')).mode & 0o777, 0o700);
		const inodes = new Set();
		for (const { pid } of processesOf(system.state))
			for (const file of openFiles(pid)) if (file.startsWith('socket:[')) inodes.add(file.slice(8, -1));
		const listening = ['tcp', 'tcp6'].flatMap((name) => fs.readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n').slice(1))
			.map((line) => line.trim().split(/\s+/)).filter((words) => words[3] === '0A' && inodes.has(words[9])).map((words) => words[1]);
		const port = system.port.toString(16).toUpperCase().padStart(4, '0');
		assert.deepEqual([...new Set(listening)], [`0100007F:${port}`]);
	} finally {
		await system.stop();
	}
});

test('a second start on a folder in use is refused and disturbs nothing', async () => {
	const system = await startSystem();
	try {
		const output = await refused({ port: await freePort(), state: system.state });
		assert.match(output, new RegExp(`${system.state} is in use by process ${system.launcher.pid}`));
		assert.ok(await ask(system));
	} finally {
		await system.stop();
	}
});

test('a port in use is refused before anything is started', () => withFolder(async (folder) => {
	const server = net.createServer();
	await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
	const { port } = server.address();
	const output = await refused({ port, state: path.join(folder, 'state') });
	server.close();
	assert.match(output, new RegExp(`Port ${port} is in use`));
	assert.ok(!fs.existsSync(path.join(folder, 'state/db')));
}));

test('settings that cannot work are refused with the reason', () => withFolder(async (folder) => {
	const port = await freePort();
	for (const bad of ['0', '65536', 'http', '-1', '08080']) assert.match(await refused({ port: bad }), /is not a port/);
	assert.match(await refused({ port, state: path.join(folder, 'x'.repeat(90)) }), /too long/);
	assert.match(await refused({ port, state: path.join(folder, 'a"b') }), /must do without/);
	assert.match(await refused({ port, state: folder, conf: '/no/such.conf' }), /not a file/);
	assert.match(await refused({ port, state: folder, build: folder }), /build it first/);
}));

test('a folder name with a space and Chinese characters is fine', () => withFolder(async (folder) => {
	const system = await startSystem({ state: path.join(folder, '数据 1') });
	try {
		assert.ok(await ask(system));
	} finally {
		await system.stop();
	}
}));

test('killed in the middle of its first start, the next start works and nothing is left', () => withFolder(async (folder) => {
	for (const until of ['db.new', 'db', 'run/sim.sock']) {
		const state = path.join(folder, path.basename(until));
		const demo = begin({ port: await freePort(), state });
		await waitFor(until, () => fs.existsSync(path.join(state, until)), { every: 2 });
		process.kill(demo.pid, 'SIGKILL');
		await demo.ended;
		const system = await startSystem({ state });
		assert.ok(await ask(system));
		await system.stop();
	}
}));

test('stopped in the middle of its start, it leaves no process', () => withFolder(async (folder) => {
	for (const until of ['db.new/ibdata1', 'run/mariadbd.pid', 'run/sim.sock']) {
		const state = path.join(folder, path.basename(until));
		const demo = begin({ port: await freePort(), state });
		await waitFor(until, () => fs.existsSync(path.join(state, until)), { every: 2 });
		process.kill(demo.pid, 'SIGTERM');
		assert.equal(await demo.ended, 0, demo.output);
		assert.deepEqual(processesOf(state), [], until);
	}
}));

test('when the database dies everything stops, and the end of its log is shown', async () => {
	const system = await startSystem();
	const [{ pid }] = processesOf(system.state).filter(({ argv }) => argv[0].endsWith('mariadbd'));
	process.kill(pid, 'SIGKILL');
	assert.equal(await system.launcher.ended, 1);
	assert.match(system.launcher.output, /db ended unexpectedly; everything stops\.\nThe end of .*\/log\/db\.log:/);
	await system.stop();
});

test('in a terminal Ctrl-C stops it in order', () => withFolder(async (folder) => {
	const state = path.join(folder, 'state');
	const port = await freePort();
	// script gives a terminal; ^C goes to the whole foreground process group, as when a person types it. By exec, for a shell that stays between
	// the two (SHELL=/bin/sh, or none) would die of it and tell its own end.
	const env = { ...process.env, PORT: String(port), STATE: state, B: build };
	const session = spawn('script', ['-qec', 'exec etc/demo/run', '/dev/null'], { cwd: root, env, stdio: ['pipe', 'pipe', 'inherit'] });
	const ended = new Promise((resolve) => { session.on('close', resolve); });
	let output = '', typed = false;
	session.stdout.setEncoding('utf8').on('data', (piece) => {
		output += piece;
		if (typed || !/^ready /m.test(output)) return;
		typed = true;
		session.stdin.write('\x03');
	});
	const status = await ended;
	const log = (name) => fs.readFileSync(path.join(state, `log/${name}.log`), 'utf8');
	const left = processesOf(state).map(({ pid, argv }) => `${pid} ${argv.join(' ')}`);
	const all = `status ${status}\n${output}\n${['db', 'wecomd', 'sim', 'nginx'].map((name) =>
		`--- ${name}.log ends with\n${fs.existsSync(path.join(state, `log/${name}.log`)) ? log(name).slice(-1500) : '(none)'}`).join('\n')}`;
	assert.ok(typed, `it never was ready: ${all}`);
	assert.equal(status, 0, all);
	assert.deepEqual(left, [], `left behind: ${all}`);
	assert.doesNotMatch(output, /did not stop|ended unexpectedly/, all);
	assert.ok(/Shutdown complete/.test(log('db')), `the database was not told to stop: ${all}`);
	assert.ok(/"message":"stopped"/.test(log('wecomd')), `wecomd did not come to its end: ${all}`);
}));

test('installing what is missing is silent and asks no registry when nothing is', () => withFolder(async (folder) => {
	// Where npm was called by hand, installing anew would take the packages from the tests beside this one.
	const stamp = path.join(root, 'tests/node_modules/.lock-installed');
	if (!fs.existsSync(stamp)) fs.copyFileSync(path.join(root, 'tests/package-lock.json'), stamp);
	await run('etc/demo/install-packages', ['test']);
	for (const name of ['apt-get', 'sudo', 'npm']) fs.writeFileSync(path.join(folder, name), `#!/bin/sh\necho "$0 $*" >&2\nexit 1\n`, { mode: 0o755 });
	const { status, stdout, stderr } = await run('etc/demo/install-packages', ['test'], { env: { PATH: `${folder}:${process.env.PATH}` } });
	assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
}));
