// A Debian of its own in a folder: made once by debootstrap and kept as a tar file, unpacked for each run. Its processes have their own
// process numbers and mounts, so that all of them end with the test.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export class Machine {
	constructor(folder) {
		this.root = path.join(folder, 'root');
		this.folder = folder;
		this.programs = [];
	}

	// packages: what is there from the beginning, so that a run needs no network.
	make(packages) {
		const suite = /VERSION_CODENAME=(\w+)/.exec(fs.readFileSync('/etc/os-release', 'utf8'))[1];
		const key = crypto.createHash('sha256').update(`${suite} ${packages.join(' ')}`).digest('hex').slice(0, 12);
		const kept = path.join(this.folder, `base-${key}.tar`);
		fs.mkdirSync(this.folder, { recursive: true });
		fs.rmSync(this.root, { recursive: true, force: true });
		if (!fs.existsSync(kept)) this.bootstrap(suite, packages, kept);
		fs.mkdirSync(this.root);
		execFileSync('tar', ['-xf', kept, '-C', this.root]);
	}

	bootstrap(suite, packages, kept) {
		const cache = path.join(this.folder, 'cache');
		fs.mkdirSync(cache, { recursive: true });
		execFileSync('debootstrap', ['--variant=minbase', `--cache-dir=${cache}`, `--include=${packages.join(',')}`, suite, this.root, mirror()],
			{ stdio: ['ignore', fs.openSync(path.join(this.folder, 'debootstrap.log'), 'w'), 'inherit'] });
		execFileSync('tar', ['-cf', `${kept}.new`, '-C', this.root, '.']);
		fs.renameSync(`${kept}.new`, kept);
		fs.rmSync(this.root, { recursive: true });
	}

	start() {
		// The first process takes leave of those that nobody waits for.
		const inside = 'mount -t tmpfs -o mode=755 tmpfs /run && echo ready && exec perl -e \'$SIG{CHLD} = "IGNORE"; sleep while 1\'';
		this.first = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', `--mount-proc=${this.root}/proc`, 'chroot', this.root, 'sh', '-c', inside],
			{ stdio: ['ignore', 'pipe', 'inherit'] });
		return new Promise((resolve, reject) => {
			this.first.stdout.once('data', () => {
				this.pid = fs.readFileSync(`/proc/${this.first.pid}/task/${this.first.pid}/children`, 'utf8').trim();
				resolve();
			});
			this.first.once('exit', () => reject(new Error('the machine did not start')));
		});
	}

	args(program, args) { return ['--target', this.pid, '--mount', '--pid', '--root', '--wd', '--', program, ...args]; }

	// A command to its end: {status, out}, both outputs in one text.
	run(command, { input = '' } = {}) {
		const { status, stdout, stderr } = spawnSync('nsenter', this.args('sh', ['-c', command]),
			{ input, encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }, maxBuffer: 1 << 26 });
		return { status, out: stdout + stderr };
	}

	must(command, options) {
		const { status, out } = this.run(command, options);
		if (status !== 0) throw new Error(`${command}: ${status}\n${out}`);
		return out;
	}

	// The same while this process goes on with other work.
	runBeside(command) {
		return new Promise((resolve) => {
			const child = spawn('nsenter', this.args('sh', ['-c', command]),
				{ env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }, stdio: ['ignore', 'pipe', 'pipe'] });
			let out = '';
			for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece) => { out += piece; });
			child.on('close', (status) => resolve({ status, out }));
		});
	}

	// Something that stays.
	begin(command) { this.programs.push(this.runBeside(`exec ${command}`)); }

	write(name, text, mode = 0o644) {
		const file = path.join(this.root, name);
		fs.mkdirSync(path.dirname(file), { recursive: true });
		fs.writeFileSync(file, text);
		fs.chmodSync(file, mode);
	}

	read(name) { return fs.readFileSync(path.join(this.root, name), 'utf8'); }

	async stop() {
		if (!this.first || this.first.exitCode !== null) return;
		const ended = new Promise((resolve) => { this.first.on('exit', resolve); });
		this.first.kill('SIGKILL');     // and with the first process all others
		await ended;
		await Promise.all(this.programs);
		fs.rmSync(this.root, { recursive: true, force: true });
	}
}

// The first Debian mirror of this machine.
function mirror() {
	const folder = '/etc/apt/sources.list.d';
	const texts = [...fs.existsSync('/etc/apt/sources.list') ? [fs.readFileSync('/etc/apt/sources.list', 'utf8')] : [],
		...fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))];
	const found = texts.map((text) => /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(\S*debian\S*)/m.exec(text)?.[1]).find((url) => url && !/security/.test(url));
	return found ?? 'http://deb.debian.org/debian';
}
