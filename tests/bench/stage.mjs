// What the bench stands on: a folder of its own, a MariaDB with its defaults, an nginx, and wecomd as often and with such settings as a
// measurement wants. Everything that is started ends with this process, however it ends.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build, freePort, processes, request, root, run, waitFor } from '../system/harness.mjs';

const here = path.join(root, 'tests/bench');
const isRoot = process.getuid() === 0;

function median(numbers) {
	const sorted = [...numbers].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function percentile(numbers, part) {
	return [...numbers].sort((a, b) => a - b)[Math.floor(part * (numbers.length - 1))];
}

class Child {
	constructor(name, process, log) {
		Object.assign(this, { name, process, log, pid: process.pid });
		this.ended = new Promise((resolve) => { process.on('close', resolve); });
		process.on('error', () => {});
	}

	get lives() { return this.process.exitCode === null && this.process.signalCode === null; }

	async stop(signal = 'SIGTERM', ms = 30_000) {
		if (this.lives) this.process.kill(signal);
		const late = setTimeout(() => this.process.kill('SIGKILL'), ms);
		await this.ended;
		clearTimeout(late);
	}
}

class Stage {
	constructor(state) {
		this.state = state;
		this.children = [];
		this.databaseSocket = `${state}/run/db.sock`;
	}

	// Each child's output goes into a log of its own.
	start(name, command, { user, env = {}, last = 'KILL' } = {}) {
		const log = `${this.state}/log/${name}.log`;
		const fd = fs.openSync(log, 'a');
		const rights = user ? ['--reuid', user, '--regid', user, '--clear-groups'] : [];
		const process_ = spawn('setpriv', [...rights, '--pdeathsig', last, ...command],
			{ cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', fd, fd] });
		fs.closeSync(fd);
		const child = new Child(name, process_, log);
		this.children.push(child);
		return child;
	}

	async until(child, what, ask, every = 20) {
		await waitFor(`${child.name}: ${what}`, async () => {
			if (!child.lives) throw new Error('it has ended');
			return ask();
		}, { every }).catch((error) => {
			const end = fs.existsSync(child.log) ? fs.readFileSync(child.log, 'utf8').slice(-2000) : '';
			throw new Error(`${error.message}\n${end}`);
		});
	}

	async startDatabase() {
		const user = isRoot ? 'mysql' : undefined;
		const data = `${this.state}/db`;
		fs.mkdirSync(data);
		fs.mkdirSync(`${this.state}/dbtmp`);
		if (user) {
			const { stdout } = await run('id', ['-u', user]);
			for (const folder of [data, `${this.state}/dbtmp`, `${this.state}/run`]) fs.chownSync(folder, Number(stdout), 0);
		}
		const install = this.start('install-db', ['mariadb-install-db', '--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db',
			`--datadir=${data}`], { user, env: { TMPDIR: `${this.state}/dbtmp` } });
		if (await install.ended !== 0) throw new Error(fs.readFileSync(install.log, 'utf8'));
		this.database = this.start('db', ['mariadbd', '--no-defaults', `--datadir=${data}`, `--tmpdir=${this.state}/dbtmp`,
			`--socket=${this.databaseSocket}`, `--pid-file=${this.state}/run/mariadbd.pid`, '--skip-networking', '--max-connections=400',
			'--character-set-server=utf8mb4', '--innodb-flush-log-at-trx-commit=1'], { user });
		await this.until(this.database, 'it answers', async () => (await this.sql('SELECT 1', '')).length === 1);
	}

	// Rows as arrays of text.
	async sql(statement, schema = 'wecomd') {
		const args = ['--no-defaults', '--user=root', `--socket=${this.databaseSocket}`, '--batch', '--raw', '--skip-column-names'];
		const { status, stdout, stderr } = await run('mariadb', [...args, ...schema ? [schema] : []], { input: statement });
		if (status !== 0) throw new Error(`${statement}: ${stderr}`);
		return stdout.split('\n').slice(0, -1).map((line) => line.split('\t'));
	}

	async number(statement) { return Number((await this.sql(statement))[0][0]); }

	// The table of another schema as it stands there, without its rows.
	async createLike(schema, table) {
		await this.sql(`CREATE TABLE ${schema}.${table} LIKE wecomd.${table}`, '');
	}

	async startNginx() {
		this.port = await freePort();
		const conf = fs.readFileSync(`${here}/nginx.conf`, 'utf8').replaceAll('@STATE@', this.state).replaceAll('@PORT@', this.port);
		fs.writeFileSync(`${this.state}/nginx.conf`, conf);
		const nginx = this.start('nginx', ['nginx', '-p', `${this.state}/`, '-e', 'stderr', '-c', `${this.state}/nginx.conf`,
			...isRoot ? ['-g', 'user root;'] : []], { last: 'TERM' });
		await this.until(nginx, 'it answers', async () => (await this.get('/health')).status > 0);
	}

	get(at, options) { return request(`http://127.0.0.1:${this.port}${at}`, options); }

	// --- wecomd ---

	async prepareWecomd() {
		this.bot = { name: 'bench', aibotid: 'bench', token: crypto.randomBytes(12).toString('hex'), aesKey: `${crypto.randomBytes(24).toString('hex').slice(0, 42)}A` };
		this.modelPort = await freePort();
		fs.writeFileSync(`${this.state}/keys`, `1 ${crypto.randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
		// What is not said here is as it comes with wecomd.
		fs.writeFileSync(`${this.state}/wecomd.conf`, `
[core]
plugin_dir = ${build}/plugins
sql_dir = ${root}/sql
[db]
socket = ${this.databaseSocket}
user = root
name = wecomd
[crypt]
key_file = ${this.state}/keys
[web]
listen = unix:${this.state}/run/wecomd.sock
[model:bench]
base = http://127.0.0.1:${this.modelPort}/v1
key = bench
model = bench
[plugins]
hello = on
smartbot = on
[smartbot:bench]
token = ${this.bot.token}
aes_key = ${this.bot.aesKey}
aibotid = bench
model = bench
prompt = 你是公司内部的助手。
`);
		await this.sql('CREATE DATABASE wecomd CHARACTER SET utf8mb4', '');
		await this.command('migrate');
		this.key = /wck_\S+/.exec(await this.command('key', 'add', '--name', 'bench', '--role', 'viewer'))[0];
	}

	conf(more = '') {
		if (!more) return ['-c', `${this.state}/wecomd.conf`];
		fs.writeFileSync(`${this.state}/more.conf`, more);
		return ['-c', `${this.state}/wecomd.conf`, '-c', `${this.state}/more.conf`];
	}

	async command(...args) {
		const { status, stdout, stderr } = await run(`${build}/wecomd`, [...this.conf(), ...args]);
		if (status !== 0) throw new Error(`wecomd ${args.join(' ')}: ${stderr}`);
		return stdout;
	}

	// All limits on files that the machine allows, since a web server's unit would set them too.
	launchWecomd({ roles, conf } = {}) {
		const command = [`${build}/wecomd`, ...this.conf(conf), 'serve', ...roles ? ['--roles', roles] : []];
		return this.start('wecomd', ['sh', '-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', ...command], { last: 'TERM' });
	}

	async startWecomd({ roles, conf, ready = '/ready' } = {}) {
		const wecomd = this.launchWecomd({ roles, conf });
		await this.until(wecomd, `${ready} is 200`, async () => (await this.get(ready)).status === 200);
		return wecomd;
	}

	// --- load ---

	requestsFile(name, requests) {
		const file = `${this.state}/${name}.requests`;
		const pieces = requests.flatMap((text) => {
			const bytes = Buffer.from(text);
			const head = Buffer.alloc(4);
			if (os.endianness() === 'LE') head.writeUInt32LE(bytes.length);
			else head.writeUInt32BE(bytes.length);
			return [head, bytes];
		});
		fs.writeFileSync(file, Buffer.concat(pieces));
		return file;
	}

	async load(file, count, connections = 16) {
		const { status, stdout, stderr } = await run(`${build}/tests/bench/load`, [this.port, connections, count, file].map(String), { ms: 300_000 });
		if (status !== 0) throw new Error(`load: ${stderr}`);
		const result = JSON.parse(stdout);
		if (result.failed) throw new Error(`${result.failed} of ${count} requests failed, the first with "${result.first_failure}"`);
		return result;
	}

	async stop() {
		for (const child of this.children.filter((one) => one !== this.database).reverse()) await child.stop();
		await this.database?.stop('SIGTERM', 60_000);
	}

	remove() {
		if (process.env.KEEP) console.error(`kept: ${this.state}`);
		else fs.rmSync(this.state, { recursive: true, force: true });
	}
}

// Proportional memory of a wecomd, its master included, in MB.
function memoryOf(wecomd) {
	const all = processes().filter(({ pid, parent }) => pid === wecomd.pid || parent === wecomd.pid);
	const kib = all.map(({ pid }) => Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]));
	return kib.reduce((sum, one) => sum + one, 0) * 1024 / 1e6;
}

// Processor time of everything that this process started, in ms: of what lives, and of what it has waited for.
function processorMs() {
	const all = processes();
	const ours = new Set([process.pid]);
	for (let before = 0; before < ours.size;) {
		before = ours.size;
		for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
	}
	const ticks = [...ours].map((pid) => {
		const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').map(Number);
		return pid === process.pid ? fields[13] + fields[14] : fields[11] + fields[12];
	});
	return ticks.reduce((sum, one) => sum + one, 0) * 10;
}

// below: the folder in which the bench makes its own; the disk it is on is the disk that is measured.
export async function openStage(below = '/tmp') {
	const state = fs.mkdtempSync(`${below}/wecomd-bench-`);
	fs.chmodSync(state, 0o755);
	for (const folder of ['run', 'log', 'tmp']) fs.mkdirSync(`${state}/${folder}`);
	const stage = new Stage(state);
	await stage.startDatabase();
	await stage.startNginx();
	await stage.prepareWecomd();
	return stage;
}

export { here, median, memoryOf, percentile, processorMs };
