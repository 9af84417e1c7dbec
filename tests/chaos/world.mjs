// The processes of a chaos run, each under a supervisor of its own that starts it again when it dies, as systemd would: databases (one
// MariaDB, or three as a Galera cluster), wecomd nodes, the simulator with a database of its own, and nginx in front.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { copyPlugins, build, freePort, processesOf, removeFolder, request, root, run, sleep, tempFolder, waitFor } from '../system/harness.mjs';

const isRoot = process.getuid() === 0;
const secret = (n) => crypto.randomBytes(n).toString('base64').replace(/[^A-Za-z0-9]/g, 'x').slice(0, n);

class Service {
	constructor(name, argv, { log, env = {}, user, restart = true } = {}) {
		Object.assign(this, { name, argv, log, env, user, restart, wanted: false });
	}

	// Dies with this process; KILL, since a MariaDB that starts may overhear TERM. A program that changes its user by itself would forget that.
	start() {
		const user = this.user ? ['--reuid', this.user, '--regid', this.user, '--clear-groups'] : [];
		this.wanted = true;
		const out = fs.openSync(this.log, 'a');
		const child = spawn('setpriv', [...user, '--pdeathsig', 'KILL', ...this.argv], {
			cwd: root, env: { ...process.env, ...this.env }, stdio: ['ignore', out, out],
		});
		fs.closeSync(out);
		this.child = child;
		this.ended = new Promise((resolve) => {
			child.on('close', () => {
				resolve();
				if (this.wanted && this.restart) setTimeout(() => this.wanted && this.child === child && this.start(), 200);
			});
		});
	}

	get pid() { return this.child?.exitCode === null && this.child.signalCode === null ? this.child.pid : 0; }

	// Kills it; its supervisor brings it back.
	kill(signal = 'SIGKILL') { if (this.pid) process.kill(this.pid, signal); }

	async stop(signal = 'SIGTERM') {
		this.wanted = false;
		if (!this.pid) return;
		this.kill(signal);
		const late = setTimeout(() => this.kill('SIGKILL'), 60_000);
		await this.ended;
		clearTimeout(late);
	}
}

class Database extends Service {
	static async make(state, name, options = [], env = {}) {
		const folder = path.join(state, name);
		const dir = path.join(folder, 'data'), tmp = path.join(folder, 'tmp');
		for (const one of [folder, dir, tmp]) fs.mkdirSync(one, { recursive: true });
		const user = isRoot ? ['--user=mysql'] : [];
		if (isRoot) await must('chown', ['-R', 'mysql:', folder]);
		await must('mariadb-install-db', ['--no-defaults', '--force', '--auth-root-authentication-method=normal', '--skip-test-db', ...user,
			`--datadir=${dir}`], { TMPDIR: tmp });
		const socket = path.join(folder, 'sock');
		const argv = ['mariadbd', '--no-defaults', `--datadir=${dir}`, `--tmpdir=${tmp}`, `--socket=${socket}`,
			`--pid-file=${folder}/pid`, '--character-set-server=utf8mb4', '--max-connections=400', '--innodb-buffer-pool-size=64M', ...options];
		return Object.assign(new Database(name, argv, { log: path.join(state, `${name}.log`), env, user: isRoot ? 'mysql' : undefined }), { socket });
	}

	async sql(statement, schema = '') {
		const args = ['--no-defaults', '--user=root', `--socket=${this.socket}`, '--batch', '--skip-column-names', ...schema ? [schema] : []];
		const { status, stdout, stderr } = await run('mariadb', args, { input: statement });
		if (status !== 0) throw new Error(`${this.name}: ${statement.slice(0, 200)}: ${stderr}`);
		return stdout.split('\n').slice(0, -1).map((line) => line.split('\t'));
	}

	answers() { return waitFor(`${this.name} to answer`, () => this.sql('SELECT 1'), { ms: 90_000 }); }

	schema(name, password, host = 'localhost') {
		return this.sql(`CREATE DATABASE ${name} CHARACTER SET utf8mb4; CREATE USER ${name}@'${host}' IDENTIFIED BY '${password}';
			GRANT ALL ON ${name}.* TO ${name}@'${host}';`);
	}
}

async function must(program, args, env) {
	const { status, stdout, stderr } = await run(program, args, { env });
	if (status !== 0) throw new Error(`${program}: ${stdout}${stderr}`);
	return stdout;
}

const keyFile = (file) => fs.writeFileSync(file, `1 ${crypto.randomBytes(32).toString('hex')}\n`, { mode: 0o600 });

const people = Array.from({ length: 60 }, (_, i) => `p${i}:人${i}`);

export class World {
	// nodes: of wecomd; galera: three databases instead of one; faketime: "+90s" for the last node's clock; state: its folder.
	static async make({ nodes = 1, galera = false, faketime = '', state = tempFolder() } = {}) {
		const world = Object.assign(new World(), { state, galera, services: [] });
		try {
			await world.build(nodes, faketime);
		} catch (error) {
			await world.stop();
			throw error;
		}
		return world;
	}

	file(...parts) { return path.join(this.state, ...parts); }

	async build(nodes, faketime) {
		fs.chmodSync(this.state, 0o755);
		this.port = await freePort();
		this.secrets = { DB_PASSWORD: secret(32), SIM_DB_PASSWORD: secret(32), BOT_TOKEN: secret(32), BOT_AES_KEY: secret(43), MODEL_KEY: secret(32), APP_SECRET: secret(43) };
		for (const name of ['wecomd.keys', 'sim.keys']) keyFile(this.file(name));
		[this.simdb, this.databases] = await Promise.all([Database.make(this.state, 'simdb', ['--skip-networking']), this.makeDatabases()]);
		this.services.push(this.simdb);
		this.simdb.start();
		await this.simdb.answers();
		await this.simdb.schema('wecomd_sim', this.secrets.SIM_DB_PASSWORD);
		await this.startDatabases();
		this.makePlugins();
		await this.startSimulator();
		await this.startNodes(nodes, faketime);
		await this.startNginx(nodes);
		await waitFor('the first answer', async () => (await request(`${this.url}/ready`)).status === 200, { ms: 60_000 });
	}

	// --- databases ---

	get db() { return this.databases.find((one) => one.pid); }

	async makeDatabases() {
		if (!this.galera) return [await Database.make(this.state, 'db', ['--skip-networking'])];
		const ports = [];
		for (let i = 0; i < 3; i++) ports.push({ sql: await freePort(), group: await freePort(), ist: await freePort(), sst: await freePort() });
		this.sqlPorts = ports.map((one) => one.sql);
		const address = `gcomm://${ports.map((one) => `127.0.0.1:${one.group}`).join(',')}`;
		return Promise.all(ports.map((port, i) => Database.make(this.state, `n${i + 1}`, [
			'--bind-address=127.0.0.1', `--port=${port.sql}`, '--binlog-format=ROW', '--innodb-autoinc-lock-mode=2', '--wsrep-on=ON',
			'--wsrep-provider=/usr/lib/galera/libgalera_smm.so', '--wsrep-cluster-name=chaos', `--wsrep-node-name=n${i + 1}`,
			'--wsrep-node-address=127.0.0.1', `--wsrep-cluster-address=${address}`, '--wsrep-sst-method=rsync',
			`--wsrep-sst-receive-address=127.0.0.1:${port.sst}`,
			`--wsrep-provider-options=base_host=127.0.0.1;base_port=${port.group};gmcast.listen_addr=tcp://127.0.0.1:${port.group};ist.recv_addr=127.0.0.1:${port.ist};gcache.size=32M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S`,
		])));
	}

	async startDatabases() {
		this.services.push(...this.databases);
		for (const [i, one] of this.databases.entries()) {
			const argv = [...one.argv];
			if (this.galera && i === 0) one.argv.push('--wsrep-new-cluster');
			one.start();
			await one.answers();
			if (this.galera) await waitFor(`${one.name} in the cluster`, () => this.isSynced(one), { ms: 60_000 });
			one.argv = argv;      // from now on it joins when it comes back
		}
		await this.databases[0].schema('wecomd', this.secrets.DB_PASSWORD, this.galera ? '127.0.0.1' : 'localhost');
	}

	async isSynced(database) {
		return (await database.sql("SHOW STATUS LIKE 'wsrep_local_state_comment'"))[0]?.[1] === 'Synced';
	}

	// Stopped and started again, by hand or by the supervisor.
	async restartDatabase(database, signal = 'SIGTERM') {
		await database.stop(signal);
		database.start();
		await database.answers();
		if (this.galera) await waitFor(`${database.name} in the cluster`, () => this.isSynced(database), { ms: 90_000 });
	}

	// --- wecomd and the simulator ---

	makePlugins() {
		fs.mkdirSync(this.file('plugins'));
		copyPlugins(this.file('plugins'), 'notice');
	}

	write(name, text) {
		fs.writeFileSync(this.file(name), text, { mode: 0o600 });
		return this.file(name);
	}

	get url() { return `http://127.0.0.1:${this.port}`; }

	async startWecomd(name, conf, env = {}) {
		const argv = [path.join(build, 'wecomd'), '-c', conf];
		if (!this.migrated?.has(conf)) await must(argv[0], ['-c', conf, 'migrate'], this.secrets);
		const service = new Service(name, [...argv, 'serve'], { log: this.file(`${name}.log`), env: { ...this.secrets, ...env } });
		service.conf = conf;
		this.services.push(service);
		service.start();
		return service;
	}

	async startSimulator() {
		const conf = this.write('sim.conf', `[core]\nnode = sim\nplugin_dir = ${this.file('plugins')}\nsql_dir = ${root}/sql
[db]\nsocket = ${this.simdb.socket}\nuser = wecomd_sim\npassword = ${'${SIM_DB_PASSWORD}'}\nname = wecomd_sim\nconnections = 40
[crypt]\nkey_file = ${this.file('sim.keys')}
[web]\nlisten = unix:${this.file('sim.sock')}\nprocesses = 1\nthreads = 64
[worker]\nprocesses = 1\nthreads = 64\nlease = 3s
[plugins]\nsimulator = on
[simulator]\ncallback_base = ${this.url}\nmodel_key = ${'${MODEL_KEY}'}\napps = 1000002:${'${APP_SECRET}'}\nfirst_token = 20ms\nchars_per_s = 2000\nrefresh = 300ms
people = ${people.reduce((lines, one, i) => lines + (i % 12 === 11 ? `${one}|\n  ` : `${one}|`), '').replace(/\|\s*$/, '')}
[simulator:helpdesk]\naibotid = helpdesk\nname = 小助手\ntoken = ${'${BOT_TOKEN}'}\naes_key = ${'${BOT_AES_KEY}'}\n`);
		this.sim = await this.startWecomd('sim', conf);
	}

	// The same configuration for every node but its name and socket.
	nodeConf(i) {
		const db = this.galera ? `host = ${this.sqlPorts.map((port) => `127.0.0.1:${port}`).join(',')}` : `socket = ${this.databases[0].socket}`;
		return this.write(`node${i}.conf`, `[core]\nnode = node${i}\nplugin_dir = ${this.file('plugins')}\nsql_dir = ${root}/sql
[log]\nlevel = info
[db]\n${db}\nuser = wecomd\npassword = ${'${DB_PASSWORD}'}\nname = wecomd
[crypt]\nkey_file = ${this.file('wecomd.keys')}
[web]\nlisten = unix:${this.file(`node${i}.sock`)}\nprocesses = 2\nthreads = 8
[worker]\nprocesses = 2\nthreads = 16\nlease = 3s
[model:demo]\nbase = ${this.url}/sim/model/v1\nkey = ${'${MODEL_KEY}'}\nmodel = sim-chat\nbreaker_failures = 0
[wecom]\nbase = ${this.url}/sim\n[wecom:app]\ncorp_id = wwsimulator\nsecret = ${'${APP_SECRET}'}\nagent_id = 1000002
[plugins]\nhello = on\nsmartbot = on\nnotice = on
[smartbot]\nmedia_hosts = private:127.0.0.1:${this.port}
[smartbot:helpdesk]\ntoken = ${'${BOT_TOKEN}'}\naes_key = ${'${BOT_AES_KEY}'}\naibotid = helpdesk\nmodel = demo\nper_minute = 0\ndaily_tokens_person = 0\nprompt = 你是公司内部的助手。\n`);
	}

	async startNodes(count, faketime) {
		this.nodes = [];
		for (let i = 1; i <= count; i++) {
			const env = faketime && i === count ? this.fakeClock(faketime) : {};
			this.nodes.push(await this.startWecomd(`node${i}`, this.nodeConf(i), env));
			this.nodes.at(-1).socket = this.file(`node${i}.sock`);
		}
	}

	// libfaketime reads the file each time, so that the clock can jump.
	fakeClock(offset) {
		this.setClock(offset);
		return {
			LD_PRELOAD: '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1', FAKETIME_TIMESTAMP_FILE: this.file('clock'),
			FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1',
		};
	}

	setClock(offset) { fs.writeFileSync(this.file('clock'), offset); }

	childrenOf(service) {
		const list = fs.existsSync(`/proc/${service.pid}/task/${service.pid}/children`)
			? fs.readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, 'utf8').trim().split(' ').filter(Boolean) : [];
		return list.map((pid) => {
			let role = '';
			try {
				role = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').at(-2);
			} catch {
				// it has ended
			}
			return { pid: Number(pid), role };
		});
	}

	async doctor() {
		return (await run(path.join(build, 'wecomd'), ['-c', this.nodes.at(-1).conf, 'doctor'], { env: this.secrets })).stdout;
	}

	// --- nginx ---

	async startNginx(nodes) {
		const servers = Array.from({ length: nodes }, (_, i) => `server unix:${this.file(`node${i + 1}.sock`)} max_fails=0;`).join(' ');
		fs.mkdirSync(this.file('nginx'), { recursive: true });
		const conf = this.write('nginx.conf', `daemon off; worker_processes 1; pid ${this.file('nginx/pid')}; error_log stderr warn; ${isRoot ? 'user root;' : ''}
events { worker_connections 2048; }
http {
	access_log off; client_max_body_size 4m; reset_timedout_connection on;
	${['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((one) => `${one}_temp_path ${this.file('nginx', one)};`).join(' ')}
	upstream wecomd { ${servers} }
	upstream sim { server unix:${this.file('sim.sock')} max_fails=0; }
	server {
		listen 127.0.0.1:${this.port} backlog=1024;
		include /etc/nginx/fastcgi_params;
		# A callback may be given to another node: the inbox knows it by its dedupe key.
		location / { fastcgi_pass wecomd; fastcgi_next_upstream error timeout http_503 non_idempotent; fastcgi_next_upstream_timeout 4s; fastcgi_read_timeout 20s; }
		location /sim/ { fastcgi_pass sim; fastcgi_buffering off; fastcgi_read_timeout 5m; fastcgi_intercept_errors on; error_page 444 = @gone; }
		location @gone { return 444; }
	}
}
`);
		this.nginx = new Service('nginx', ['nginx', '-p', `${this.state}/`, '-e', 'stderr', '-c', conf], { log: this.file('nginx.log') });
		this.services.push(this.nginx);
		this.nginx.start();
	}

	// --- the end ---

	logs() {
		return ['node1', 'node2', 'node3', 'sim', 'nginx'].filter((name) => fs.existsSync(this.file(`${name}.log`)))
			.map((name) => `${name}: ${fs.readFileSync(this.file(`${name}.log`), 'utf8').split('\n').filter((line) => /"error"|\[alert|\[emerg/.test(line)).slice(-8).join('\n')}`).join('\n');
	}

	async stop() {
		const order = [...this.services].reverse();
		for (const service of order.filter((one) => !(one instanceof Database))) await service.stop(service === this.nginx ? 'SIGQUIT' : 'SIGTERM');
		await Promise.all(order.filter((one) => one instanceof Database).map((one) => one.stop(this.galera ? 'SIGKILL' : 'SIGTERM')));
		await waitFor('the end of all processes', () => processesOf(this.state).length === 0, { ms: 30_000 });
		removeFolder(this.state);
	}
}

export { sleep };
