// A whole private system for a test file: etc/demo/run on a free port with a state folder of its own, and what a test
// needs to act on it: WeCom's side of a callback (with the npm package @wecom/crypto as the independent peer), the
// database, the simulator's controls, the processes.
import { execFile, spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import wecom from '@wecom/crypto';
import { ask } from './fastcgi.mjs';

export const root = path.resolve(fileURLToPath(import.meta.url), '../../..');
export const build = path.resolve(root, process.env.B || 'build');

// In a build with sanitizers: what lives as long as a process is left to its end, and is no leak.
// Nothing is swept but what a test asks for.
process.env.WECOM_CUSTOMER_SYNC_CRON ??= '7 4 29 2 *';

process.env.ASAN_OPTIONS ??= 'detect_leaks=0:detect_stack_use_after_return=1';

function hasSanitizer() {
	const program = path.join(build, 'wecomd');
	return fs.existsSync(program) && /__[at]san_init/.test(fs.readFileSync(program, 'latin1'));
}

// How many times longer than usual is waited before it counts as in vain.
export const patience = hasSanitizer() ? 3 : 1;

// --- waiting ---

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Asks until the answer is true (and returns it). An exception counts as "not yet".
export async function waitFor(what, ask, { ms = 20_000, every = 30 } = {}) {
	const end = Date.now() + ms * patience;
	for (let last = 'it was false'; ;) {
		try {
			const answer = await ask();
			if (answer) return answer;
		} catch (error) {
			last = error;
		}
		if (Date.now() > end) throw new Error(`waited ${ms * patience} ms in vain for: ${what}`, { cause: last });
		await sleep(every);
	}
}

// --- processes ---

function procFile(pid, name) {
	try {
		return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
	} catch {
		return '';
	}
}

const isDead = (pid) => !/^State:\s+[^ZX]/m.test(procFile(pid, 'status'));

export const waitForDeath = (pid, ms) => waitFor(`the end of process ${pid}`, () => isDead(pid), { ms });

export function processes() {
	return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && !isDead(name)).map((pid) => ({
		pid: Number(pid),
		parent: Number(/^PPid:\s+(\d+)/m.exec(procFile(pid, 'status'))?.[1]),
		argv: procFile(pid, 'cmdline').split('\0').slice(0, -1),
	}));
}

// What the descriptors of a process lead to.
export function openFiles(pid) {
	try {
		return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => {
			try {
				return fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
			} catch {
				return '';     // closed meanwhile
			}
		});
	} catch {
		return [];
	}
}

// Everything that a demo started holds its lock, or at least a file, below STATE.
export const processesOf = (state) => processes().filter(({ pid }) => openFiles(pid).some((file) => file.startsWith(`${state}/`)));

export function run(program, args, { env = {}, input = '', ms = 60_000 } = {}) {
	return new Promise((resolve) => {
		const options = { cwd: root, env: { ...process.env, ...env }, timeout: ms * patience, killSignal: 'SIGKILL', maxBuffer: 1 << 26 };
		const child = execFile(program, args, options, (error, stdout, stderr) => {
			resolve({ status: error ? error.code ?? error.signal : 0, stdout, stderr });
		});
		child.stdin.on('error', () => {}).end(input);
	});
}

// --- ports and folders ---

const taken = new Set();

function portIsFree(port) {
	return new Promise((resolve) => {
		const server = net.createServer().once('error', () => resolve(false));
		server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
	});
}

// Below the range from which the kernel gives ports to clients.
export async function freePort() {
	for (;;) {
		const port = crypto.randomInt(12_000, 32_000);
		if (taken.has(port) || !await portIsFree(port)) continue;
		taken.add(port);
		return port;
	}
}

const folders = new Set();

// Most of a system's start, and of every commit, is waiting for a disk to have what the end of a test throws away. So its folder is in
// memory where there is plenty; what a killed process has written outlives it there too.
function quickPlace() {
	try {
		const memory = fs.statfsSync('/dev/shm');
		const free = Number(/^MemAvailable:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))[1]) * 1024;
		fs.accessSync('/dev/shm', fs.constants.W_OK | fs.constants.X_OK);
		if (memory.type === 0x01021994 && Math.min(memory.bavail * memory.bsize, free) > 3e9) return '/dev/shm';
	} catch { /* there is none */ }
	return '/tmp';
}

export function tempFolder() {
	const folder = fs.mkdtempSync(path.join(quickPlace(), 'wecomd-test-'));
	fs.chmodSync(folder, 0o755);     // MariaDB's own user passes here
	folders.add(folder);
	return folder;
}

// From the first word of a sanitizer on; empty where there is none.
export const sanitizerReport = (text) => (/Sanitizer:|: runtime error:/.test(text) ? /^.*(?:Sanitizer:|: runtime error:)[^]{0,6000}/m.exec(text)[0] : '');

const logsBelow = (folder) => ['', 'log'].map((name) => path.join(folder, name)).filter((one) => fs.existsSync(one))
	.flatMap((one) => fs.readdirSync(one).filter((name) => name.endsWith('.log')).map((name) => path.join(one, name)));

// What a sanitizer said in a log of it fails the test.
// All plugins of the product, and those of tests/plugins that are named: for plugin_dir.
export function copyPlugins(folder, ...tested) {
	const names = fs.readdirSync(path.join(build, 'plugins')).filter((name) => name.endsWith('.so')).map((name) => `plugins/${name}`);
	for (const name of [...names, ...tested.map((one) => `test-plugins/${one}.so`)])
		fs.copyFileSync(path.join(build, name), path.join(folder, path.basename(name)));
}

export function removeFolder(folder) {
	const report = logsBelow(folder).map((file) => sanitizerReport(fs.readFileSync(file, 'utf8'))).join('');
	if (process.env.KEEP) console.log(`kept: ${folder}`);
	else fs.rmSync(folder, { recursive: true, force: true });
	folders.delete(folder);
	if (report) throw new Error(report);
}

// --- the launcher ---

// Starts etc/demo/run, which dies with this process. settled becomes true when it prints its ready line, false when it
// ends without; ended becomes its status.
export function begin({ port, state, conf, plugins = [], build: folder = build }) {
	const env = { ...process.env, PORT: String(port), STATE: state, B: folder, DEMO_PLUGINS: plugins.join(' '), DEMO_CONF: conf || '' };
	const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'etc/demo/run'], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
	const launched = { child, pid: child.pid, output: '', status: undefined };
	launched.ended = new Promise((resolve) => {
		child.on('close', (status, signal) => resolve(launched.status = status ?? signal));
	});
	const ready = new Promise((resolve) => {
		const add = (piece) => {
			launched.output += piece;
			if (/^ready /m.test(launched.output)) resolve(true);
		};
		child.stdout.setEncoding('utf8').on('data', add);
		child.stderr.setEncoding('utf8').on('data', add);
	});
	launched.settled = Promise.race([ready, launched.ended.then(() => false)]);
	return launched;
}

// --- HTTP ---

export function request(url, { method = 'GET', headers = {}, body, chunks, ms = 15_000 } = {}) {
	return new Promise((resolve, reject) => {
		/* Over TLS a server of the test has a certificate of its own making. */
		const { request: begin } = url.startsWith('https:') ? https : http;
		const rq = begin(url, { method, headers, agent: false, timeout: ms * patience, rejectUnauthorized: false }, (answer) => {
			const pieces = [];
			answer.on('data', (piece) => pieces.push(piece));
			answer.on('error', reject);
			answer.on('end', () => {
				const bytes = Buffer.concat(pieces);
				resolve({
					status: answer.statusCode,
					headers: answer.headers,
					bytes,
					text: bytes.toString(),
					get json() { return JSON.parse(this.text); },
				});
			});
		});
		rq.on('timeout', () => rq.destroy(new Error(`${method} ${url}: no answer in ${ms * patience} ms`)));
		rq.on('error', reject);
		if (chunks) {
			for (const chunk of chunks) rq.write(chunk);     // Transfer-Encoding: chunked
			rq.end();
		} else {
			rq.end(body);
		}
	});
}

// --- WeCom's side of the envelope ---

// What @wecom/crypto would not do: any padding, any length field.
export function seal(aesKey, msg, { receiveid = '', length = Buffer.byteLength(msg), pad = (n) => Buffer.alloc(n, n) } = {}) {
	const key = Buffer.from(`${aesKey}=`, 'base64');
	const size = Buffer.alloc(4);
	size.writeUInt32BE(length);
	const plain = Buffer.concat([crypto.randomBytes(16), size, Buffer.from(msg), Buffer.from(receiveid)]);
	const cipher = crypto.createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
	return Buffer.concat([cipher.update(plain), cipher.update(pad(32 - (plain.length % 32))), cipher.final()]).toString('base64');
}

export const newNonce = () => crypto.randomBytes(8).toString('hex');

export function signedQuery(bot, encrypt, { nonce = newNonce(), timestamp = String(Math.floor(Date.now() / 1000)), signature } = {}) {
	signature ??= wecom.getSignature(bot.token, timestamp, nonce, encrypt);
	return { nonce, query: `msg_signature=${signature}&timestamp=${timestamp}&nonce=${encodeURIComponent(nonce)}` };
}

// Checks and opens a passive reply; undefined for the empty one.
function openReply(bot, nonce, text) {
	if (text === '') return undefined;
	const { encrypt, msgsignature, timestamp, nonce: own } = JSON.parse(text);
	if (own !== nonce) throw new Error(`the reply's nonce is ${own}, not the callback's ${nonce}`);
	if (msgsignature !== wecom.getSignature(bot.token, String(timestamp), own, encrypt)) throw new Error('the reply is signed wrongly');
	const { message, id } = wecom.decrypt(bot.aesKey, encrypt);
	if (id !== bot.receiveid) throw new Error(`the reply's receiveid is "${id}"`);
	return JSON.parse(message);
}

let messages = 0;
const fresh = `${process.pid}-${Date.now().toString(36)}`;

// From somebody new each time: one person's fourth open question is answered later, by response_url.
export const textMessage = (text, { bot, user = `u-${fresh}-${messages}`, chatid } = {}) => ({
	msgid: `m-${fresh}-${++messages}`,
	aibotid: bot.aibotid,
	...chatid ? { chatid } : {},
	chattype: chatid ? 'group' : 'single',
	from: { userid: user },
	response_url: 'https://qyapi.example.com/response',
	msgtype: 'text',
	text: { content: text },
});

export const refreshMessage = (streamId, { bot, user = 'zhangsan' } = {}) => ({
	msgid: `r-${fresh}-${++messages}`,
	aibotid: bot.aibotid,
	chattype: 'single',
	from: { userid: user },
	msgtype: 'stream',
	stream: { id: streamId },
});

// --- a running system ---

function readSecrets(state) {
	const lines = fs.readFileSync(path.join(state, 'secrets.env'), 'utf8').trim().split('\n');
	return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

export class System {
	constructor(options) {
		Object.assign(this, options);
		this.url = `http://127.0.0.1:${this.port}`;
		this.socket = path.join(this.state, 'run/db.sock');
	}

	async start() {
		this.launcher = begin(this);
		if (!await this.launcher.settled) throw new Error(`etc/demo/run ended with ${this.launcher.status}:\n${this.launcher.output}`);
		this.secrets = readSecrets(this.state);
		this.bot = {
			name: 'helpdesk', aibotid: 'helpdesk', receiveid: '', token: this.secrets.BOT_TOKEN, aesKey: this.secrets.BOT_AES_KEY,
		};
	}

	// The environment that etc/demo/run gives to wecomd.
	get env() {
		return { ...this.secrets, ROOT: root, B: build, STATE: this.state, PORT: String(this.port) };
	}

	wecomd(...args) { return run(path.join(build, 'wecomd'), [...this.files.flatMap((one) => ['-c', one]), ...args], { env: this.env }); }

	get files() { return ['etc/demo/wecomd.conf', ...this.plugins.map((name) => `etc/demo/${name}.conf`), ...this.conf ? [this.conf] : []]; }

	get(at, options) { return request(this.url + at, options); }

	postJson(at, value) {
		return request(this.url + at, { method: 'POST', body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } });
	}

	// Delivers an event as WeCom does. Options: bot, encrypt, body (instead of the right ones), headers, chunks,
	// nonce, timestamp, signature. The reply is checked and decrypted: {status, text, reply}.
	async callback(event, options = {}) {
		const bot = options.bot || this.bot;
		const plain = typeof event === 'string' ? event : JSON.stringify(event);
		const encrypt = options.encrypt ?? wecom.encrypt(bot.aesKey, plain, bot.receiveid);
		const { nonce, query } = signedQuery(bot, encrypt, options);
		const body = options.body ?? JSON.stringify({ encrypt });
		const answer = await request(`${this.url}/wecom/callback/${bot.name}?${query}`, {
			method: 'POST', headers: { 'Content-Type': 'application/json', ...options.headers }, body, chunks: options.chunks?.(body),
		});
		if (answer.status === 200) answer.reply = openReply(bot, nonce, answer.text);
		return answer;
	}

	// Asks for refreshes until the stream is finished; its last snapshot.
	finished(streamId, { bot = this.bot, ...options } = {}) {
		return waitFor(`the end of stream ${streamId}`, async () => {
			const { status, reply } = await this.callback(refreshMessage(streamId, { bot }), { bot });
			return status === 200 && reply.stream.finish && reply.stream.content;
		}, options);
	}

	// Rows as arrays of text. As the database's root, by the command-line client over the socket.
	async sql(statement, { schema = 'wecomd', socket = this.socket } = {}) {
		const args = ['--no-defaults', '--user=root', `--socket=${socket}`, '--batch', '--skip-column-names', schema];
		const { status, stdout, stderr } = await run('mariadb', args, { input: statement });
		if (status !== 0) throw new Error(`${statement}: ${stderr}`);
		return stdout.split('\n').slice(0, -1).map((line) => line.split('\t'));
	}

	async number(statement, options) { return Number((await this.sql(statement, options))[0][0]); }

	// How much was stored; two of these tell what happened in between.
	async stored() {
		const [row] = await this.sql(`SELECT (SELECT COUNT(*) FROM inbox_event), (SELECT COUNT(*) FROM job WHERE kind LIKE 'smartbot.%'),
			(SELECT COUNT(*) FROM smartbot_stream)`);
		return { events: Number(row[0]), jobs: Number(row[1]), streams: Number(row[2]) };
	}

	// The same, once what came before has left all its traces.
	async settled() {
		await this.jobsAreDone();
		return this.stored();
	}

	jobsAreDone(options) {
		return waitFor('the end of all jobs', async () => await this.number('SELECT COUNT(*) FROM job WHERE state <> 3') === 0, options);
	}

	// A session that holds a lock until it is released.
	async lockTable(table) {
		const args = ['--no-defaults', '--user=root', `--socket=${this.socket}`, '--batch', '--unbuffered', '--skip-column-names', 'wecomd'];
		const child = spawn('mariadb', args, { stdio: ['pipe', 'pipe', 'inherit'] });
		let said = '';
		child.stdout.on('data', (piece) => { said += piece; });
		child.stdin.write(`LOCK TABLES ${table} WRITE; SELECT 'locked';\n`);
		await waitFor(`the lock on ${table}`, () => said.includes('locked'));
		return { sql: (statement) => child.stdin.write(`${statement};\n`), release: () => new Promise((resolve) => { child.on('close', resolve).stdin.end(); }) };
	}

	// What a stopped server looks like from outside: connections end, new ones are refused.
	async hideDatabase() {
		const hidden = `${this.socket}.hidden`;
		fs.renameSync(this.socket, hidden);
		const options = { schema: '', socket: hidden };
		await waitFor('no connection of wecomd', async () => {
			const rows = await this.sql("SELECT id FROM information_schema.processlist WHERE user = 'wecomd'", options);
			for (const [id] of rows) await this.sql(`KILL ${id}`, options).catch(() => {});
			return rows.length === 0;
		});
		return { back: () => fs.renameSync(hidden, this.socket) };
	}

	// --- the simulator ---

	say(text, { person, bot = 'helpdesk', group = '' }) { return this.postJson('/sim/api/messages', { person, bot, group, text }); }

	async chat({ person, bot = 'helpdesk', group = '' }, after = 0) {
		const query = new URLSearchParams({ person, bot, group, after });
		return (await this.get(`/sim/api/messages?${query}`)).json;
	}

	// The bot's bubble under a message, once there is one.
	async bubble(chat, id) {
		return (await this.chat(chat)).messages.find((message) => message.from === 'bot' && String(message.reply_to) === String(id));
	}

	async speed(control) {
		const { status, text } = await this.postJson('/sim/api/control', control);
		if (status >= 300) throw new Error(`control: ${status} ${text}`);
	}

	// --- processes ---

	get master() { return Number(fs.readFileSync(path.join(this.state, 'run/wecomd.pid'), 'utf8')); }

	children(role) { return this.childrenOf(this.master).filter((child) => child.role === role).map(({ pid }) => pid); }

	// Those of any master: [{pid, role}].
	childrenOf(master) {
		return processes().filter(({ parent, argv }) => parent === master && argv.at(-2) === 'child')
			.map(({ pid, argv }) => ({ pid, role: argv.at(-1) }));
	}

	// A second node: another master with a socket of its own over the same database and with the same configuration.
	// prefix: a command that executes it.
	async secondNode({ conf = '', name = 'two', prefix = [] } = {}) {
		const socket = path.join(this.state, 'run', `${name}.sock`);
		const file = path.join(this.state, `${name}.conf`);
		fs.writeFileSync(file, `[core]\nnode = ${name}\n[web]\nlisten = unix:${socket}\nprocesses = 1\n[worker]\nprocesses = 1\n${conf}`);
		const files = [...this.files, file].flatMap((one) => ['-c', one]);
		const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...prefix, path.join(build, 'wecomd'), ...files, 'serve'],
			{ cwd: root, env: { ...process.env, ...this.env }, stdio: ['ignore', 'ignore', 'pipe'] });
		const node = { socket, pid: child.pid, output: '' };
		child.stderr.setEncoding('utf8').on('data', (piece) => { node.output += piece; });
		const ended = new Promise((resolve) => { child.on('close', resolve); });
		node.stop = async (signal = 'SIGTERM') => {
			child.kill(signal);
			const status = await ended;
			const report = sanitizerReport(node.output);
			if (report) throw new Error(report);
			return status;
		};
		node.get = (uri, headers = {}) => ask(socket, { REQUEST_METHOD: 'GET', REQUEST_URI: uri, QUERY_STRING: '', ...headers });
		await waitFor('the second node', async () => (await node.get('/ready')).status === 200);
		return node;
	}

	log(name) { return fs.readFileSync(path.join(this.state, 'log', `${name}.log`), 'utf8'); }

	// Stops everything and checks that nothing is left, nothing had to be killed, and no sanitizer found fault.
	async stop({ signal = 'SIGTERM', keep = false } = {}) {
		if (this.launcher?.status === undefined) this.launcher?.child.kill(signal);
		await this.launcher?.ended;
		const left = processesOf(this.state).map(({ pid, argv }) => `${pid} ${argv.join(' ')}`);
		const [late] = /^.* did not stop within .*$/m.exec(this.launcher?.output ?? '') ?? [];
		const end = late && this.log(late.split(' ')[0]).slice(-3000);
		if (!keep) removeFolder(this.state);
		if (left.length) throw new Error(`left behind: ${left.join('; ')}`);
		if (late) throw new Error(`${late} Its log ends with:\n${end}`);
		return this.launcher?.status;
	}
}

const running = new Set();

// conf: text of a configuration file for wecomd that is read last. plugins: those of etc/demo/NAME.conf, such as kf, whose timers most tests do without.
export async function startSystem({ conf, state = tempFolder(), port, plugins = [] } = {}) {
	const system = new System({ port: port ?? await freePort(), state, plugins });
	if (conf) {
		system.conf = path.join(state, 'test.conf');
		fs.writeFileSync(system.conf, conf);
	}
	running.add(system);
	try {
		await system.start();
	} catch (error) {
		removeFolder(state);
		throw error;
	}
	return system;
}

// A test file that is told to end (a time-out) takes its systems along.
process.once('SIGTERM', async () => {
	await Promise.allSettled([...running].map((system) => system.stop()));
	for (const folder of folders) removeFolder(folder);
	process.exit(1);
});
