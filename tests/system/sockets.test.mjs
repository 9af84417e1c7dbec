// Where the listening socket comes from: made by the master, or handed over; and what happens when several want it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { build, freePort, removeFolder, root, run, startSystem, tempFolder, waitFor, waitForDeath } from './harness.mjs';
import { ask } from './fastcgi.mjs';

let system, folder;
const started = [];

before(async () => {
	folder = tempFolder();
	system = await startSystem();
});
afterEach(async () => {
	for (const one of started.splice(0)) {
		if (one.status === undefined) one.child.kill('SIGTERM');
		await end(one);
	}
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

// A program in the environment of the system's wecomd; it dies with this process.
function begin(program, args, options = {}) {
	const child = spawn('setpriv', ['--pdeathsig', 'TERM', program, ...args],
		{ cwd: root, env: { ...process.env, ...system.env }, stdio: ['ignore', 'pipe', 'pipe'], ...options });
	const one = { child, output: '', status: undefined };
	for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (piece) => { one.output += piece; });
	one.ended = new Promise((resolve) => { child.on('close', (status, signal) => resolve(one.status = status ?? signal)); });
	started.push(one);
	return one;
}

let files = 0;
function conf(text) {
	const file = path.join(folder, `extra-${++files}.conf`);
	fs.writeFileSync(file, text);
	return file;
}
const serve = (text, ...more) => [path.join(build, 'wecomd'), '-c', 'etc/demo/wecomd.conf', '-c', conf(text), 'serve', ...more];
const quiet = '[web]\nprocesses = 1\nthreads = 2\n[worker]\nprocesses = 1\n';

// Its status, once it ended by itself.
const end = (one) => waitFor('its end', () => one.status !== undefined).then(() => one.status, (error) => { throw new Error(one.output, { cause: error }); });

const health = (socket) => ask(socket, { REQUEST_METHOD: 'GET', REQUEST_URI: '/health', QUERY_STRING: '' });
const answers = (socket) => waitFor(`an answer at ${socket.path ?? socket.port ?? socket}`, async () => (await health(socket)).status === 200);

test('a TCP socket is served', async () => {
	const port = await freePort();
	const [program, ...args] = serve(`[worker]\nprocesses = 0\n[web]\nprocesses = 1\nthreads = 2\nlisten = tcp:127.0.0.1:${port}\n`);
	const one = begin(program, args);
	await answers({ port, host: '127.0.0.1' });
	const second = begin(program, args);
	assert.equal(await end(second), 1);
	assert.match(second.output, /Address already in use/);
	assert.equal((await health({ port, host: '127.0.0.1' })).status, 200);
	assert.equal(one.status, undefined);
});

test('the UNIX socket has the mode of the settings, whatever the umask', async () => {
	for (const mode of ['0600', '0660', '0666']) {
		const socket = path.join(folder, `mode-${mode}.sock`);
		const [program, ...args] = serve(`[worker]\nprocesses = 0\n[web]\nprocesses = 1\nthreads = 1\nlisten = unix:${socket}\nsocket_mode = ${mode}\n`);
		const one = begin(program, args);
		await answers(socket);
		assert.equal((fs.statSync(socket).mode & 0o777).toString(8), String(Number(mode)));
		one.child.kill('SIGTERM');
		assert.equal(await end(one), 0);
	}
	const bad = await run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', conf('[web]\nsocket_mode = 0777\n'), 'check'], { env: system.env });
	assert.match(bad.stderr, /socket_mode: expected one of 0600\|0660\|0666/);
});

test('of masters that start at once on one UNIX socket exactly one serves, and the others do it no harm', async () => {
	const socket = path.join(folder, 'contested.sock');
	const [program, ...args] = serve(`[worker]\nprocesses = 0\n[web]\nprocesses = 1\nthreads = 2\nlisten = unix:${socket}\n`);
	for (let round = 0; round < 6; round++) {
		const masters = Array.from({ length: 3 }, () => begin(program, args));
		await waitFor('two refusals', () => masters.filter(({ status }) => status === 1).length === 2);
		await answers(socket);
		const losers = masters.filter(({ status }) => status === 1);
		for (const { output } of losers) assert.match(output, /another process serves this socket/);
		const [winner] = masters.filter(({ status }) => status === undefined);
		assert.ok(winner, 'nobody serves');
		for (let i = 0; i < 10; i++) assert.equal((await health(socket)).status, 200);
		// Killed hard every other time: what it leaves must not keep the next from starting.
		winner.child.kill(round % 2 ? 'SIGKILL' : 'SIGTERM');
		await end(winner);
		started.length = 0;
	}
});

test('a socket that another program serves is left alone', async () => {
	const socket = path.join(folder, 'foreign.sock');
	const foreign = begin('node', ['-e', `require('node:net').createServer((c) => c.on('error', () => {}).end('mine')).listen(${JSON.stringify(socket)})`]);
	await waitFor('the other program', () => fs.existsSync(socket));
	const [program, ...args] = serve(`[worker]\nprocesses = 0\n[web]\nlisten = unix:${socket}\n`);
	const refused = begin(program, args);
	assert.equal(await end(refused), 1);
	assert.match(refused.output, /another process serves this socket/);
	assert.equal(foreign.status, undefined);
	assert.ok(fs.existsSync(socket));
});

test('without any socket the message says the three ways', async () => {
	const [program, ...args] = serve('[web]\nlisten =\n');
	const one = begin(program, args);
	assert.equal(await end(one), 1);
	assert.match(one.output, /listen is not set.*socket activation.*spawn-fcgi/);
});

test('under spawn-fcgi descriptor 0 is served, by web children alone', async () => {
	const socket = path.join(folder, 'spawned.sock');
	const one = begin('spawn-fcgi', ['-n', '-s', socket, '-M', '0666', '--', ...serve('[web]\nlisten =\nprocesses = 1\nthreads = 2\n')]);
	await answers(socket);
	await waitFor('the master', () => /"message":"serving","listen":"descriptor 0/.test(one.output));
	assert.deepEqual(system.childrenOf(one.child.pid).map(({ role }) => role), ['web']);
	const [{ pid }] = system.childrenOf(one.child.pid);
	process.kill(one.child.pid, 'SIGHUP');
	await waitFor('the reload', () => /"message":"reloaded"/.test(one.output));
	await waitForDeath(pid);
	await answers(socket);
});

test('under spawn-fcgi other roles can be asked for', async () => {
	const socket = path.join(folder, 'spawned2.sock');
	const one = begin('spawn-fcgi', ['-n', '-s', socket, '--', ...serve(quiet, '--roles', 'web,worker')]);
	await answers(socket);
	assert.deepEqual(system.childrenOf(one.child.pid).map(({ role }) => role).sort(), ['web', 'worker']);
});

test('a socket of systemd is served; it comes before the settings', async () => {
	const port = await freePort();
	const one = begin('systemd-socket-activate', ['-l', `127.0.0.1:${port}`, '--fdname=fcgi',
		...Object.keys({ ...system.env, PATH: 1 }).flatMap((name) => ['-E', name]),
		...serve(`[worker]\nprocesses = 1\n[web]\nlisten = unix:${folder}/unused.sock\nprocesses = 1\nthreads = 2\n`)]);
	await waitFor('an answer', async () => (await health({ port, host: '127.0.0.1' })).status === 200);
	await waitFor('the master', () => /"message":"serving","listen":"descriptor 3/.test(one.output));
	assert.deepEqual(system.childrenOf(one.child.pid).map(({ role }) => role).sort(), ['web', 'worker']);
	assert.ok(!fs.existsSync(`${folder}/unused.sock`));
});

test('roles that do not exist are refused', async () => {
	for (const roles of ['webs', 'web,', 'web,web', '', 'web worker']) {
		const [program, ...args] = serve(quiet, '--roles', roles);
		const { status } = await run(program, args, { env: system.env });
		assert.equal(status, 2, roles);
	}
});
