// wecomd as `make install` lays it out, in a private folder, configured for the database and the simulator of a running demo. Where the
// tests run as root, what a web server runs belongs to www-data, as it would on a real machine.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build, root, run, sanitizerReport, waitFor } from './harness.mjs';

const asRoot = process.getuid() === 0;
const web = ['--reuid', 'www-data', '--regid', 'www-data', '--clear-groups'];

async function must(program, args) {
	const { status, stdout, stderr } = await run(program, args);
	if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
	return stdout;
}

// The samples' places are replaced by ours; a text that is not there would mean that a sample is not tested as it is shipped.
export function changed(file, pairs) {
	let text = fs.readFileSync(file, 'utf8');
	for (const [from, to] of pairs) {
		if (!text.includes(from)) throw new Error(`${file}: there is no "${from}"`);
		text = text.replaceAll(from, to);
	}
	return text;
}

export class Installed {
	constructor(folder) {
		this.folder = folder;
		this.prefix = path.join(folder, 'usr');
		this.conf = path.join(folder, 'etc/wecomd/wecomd.conf');
		this.samples = path.join(this.prefix, 'share/doc/wecomd/examples');
		this.units = path.join(this.prefix, 'lib/systemd/system');
		this.program = path.join(this.prefix, 'bin/wecomd');
		this.socket = path.join(folder, 'run/wecomd.sock');
		this.started = [];
	}

	// The demo's configuration with the installed places; its variables come from wecomd.env.
	configure(system) {
		const own = path.dirname(this.conf);
		fs.mkdirSync(own, { recursive: true });
		fs.mkdirSync(path.join(this.folder, 'run'));
		fs.writeFileSync(this.conf, changed('etc/demo/wecomd.conf', [
			['${B}/plugins', path.join(this.prefix, 'lib/wecomd/plugins')],
			['${ROOT}/sql', path.join(this.prefix, 'share/wecomd/sql')],
			['${STATE}/wecomd.keys', path.join(own, 'keys')],
			['unix:${STATE}/run/wecomd.sock', `unix:${this.socket}`],
			['processes = 2', 'processes = 1'], ['threads = 16', 'threads = 4'],
		]));
		fs.copyFileSync(path.join(system.state, 'wecomd.keys'), path.join(own, 'keys'));
		fs.writeFileSync(path.join(own, 'wecomd.env'), Object.entries(system.env).map(([name, value]) => `${name}=${value}\n`).join(''), { mode: 0o640 });
	}

	async install(system) {
		if (system) this.configure(system);
		await must('etc/install', [build, '', this.prefix, path.join(this.folder, 'etc'), '0.0.1', 'test']);
		// A page where the console's is, should there be none yet.
		const htdocs = path.join(this.prefix, 'share/wecomd/htdocs');
		if (!fs.existsSync(path.join(htdocs, 'admin/index.html')))
			fs.cpSync(path.join(htdocs, 'phone'), path.join(htdocs, 'admin'), { recursive: true });
		if (system && asRoot) {
			await must('chown', ['-R', 'www-data:', path.join(this.folder, 'etc'), path.join(this.folder, 'run')]);
			fs.chmodSync(path.join(system.state, 'run'), 0o711);     // the way to the database's socket
		}
	}

	// As the web server's user; dies with this process.
	begin(program, args, { env = {} } = {}) {
		const how = ['--pdeathsig', 'TERM', ...asRoot ? web : []];
		const child = spawn('setpriv', [...how, program, ...args],
			{ cwd: this.folder, env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
		const one = { child, output: '', status: undefined };
		for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece) => { one.output += piece; });
		one.ended = new Promise((resolve) => { child.on('close', (status, signal) => resolve(one.status = status ?? signal)); });
		this.started.push(one);
		return one;
	}

	async endAll() {
		for (const one of this.started.splice(0).reverse()) {
			if (one.status === undefined) one.child.kill('SIGTERM');
			await waitFor('its end', () => one.status !== undefined).catch((error) => { throw new Error(one.output, { cause: error }); });
			const report = sanitizerReport(one.output);
			if (report) throw new Error(report);
		}
	}

	// A writable folder for the web server's user.
	mkdir(name) {
		const folder = path.join(this.folder, name);
		fs.mkdirSync(folder, { recursive: true });
		if (asRoot) fs.chownSync(folder, ...fs.readFileSync('/etc/passwd', 'utf8').match(/^www-data:[^:]*:(\d+):(\d+)/m).slice(1).map(Number));
		return folder;
	}

	async certificate() {
		const at = this.mkdir('tls');
		const [cert, key] = [path.join(at, 'cert.pem'), path.join(at, 'key.pem')];
		await must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
			'-subj', '/CN=bot.example.com', '-keyout', key, '-out', cert]);
		fs.chmodSync(key, 0o644);
		return { cert, key };
	}
}

export { must, root };
