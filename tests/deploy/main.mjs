#!/usr/bin/env node
// The Debian package on a clean machine: installed, configured as an administrator would, upgraded under load without a failed request,
// refused when it cannot work, purged. `make test-deploy` builds the package first. Root is needed; without it a word is said.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { System, build, freePort, refreshMessage, request, textMessage, waitFor } from '../system/harness.mjs';
import { changed } from '../system/installed.mjs';
import { Machine } from './machine.mjs';

if (process.getuid() !== 0) {
	console.log('skipped: a machine of its own needs root\n0 passed, 0 failed');
	process.exit(0);
}

const folder = path.join(build, 'deploy');
const machine = new Machine(folder);
const random = (n) => crypto.randomBytes(n).toString('hex');
let passed = 0;
let port, modelPort, system, key;

async function step(name, fn) {
	const started = Date.now();
	try {
		await fn();
	} catch (error) {
		console.log(`FAILED  ${name}\n${error.stack}${error.cause ? `\n${error.cause.stack ?? error.cause}` : ''}`);
		for (const log of ['var/log/wecomd/wecomd.log', 'var/log/nginx/error.log'])
			if (fs.existsSync(path.join(machine.root, log))) console.log(`--- ${log}\n${machine.read(log).split('\n').slice(-25).join('\n')}`);
		await machine.stop();
		console.log(`${passed} passed, 1 failed`);
		process.exit(1);
	}
	passed++;
	console.log(`ok      ${name}  (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

// --- packages ---

const packageOf = (at) => path.join(at, fs.readdirSync(at).find((name) => /^wecomd_.*\.deb$/.test(name)));
const field = (deb, name) => execFileSync('dpkg-deb', ['-f', deb, name], { encoding: 'utf8' }).trim();

// The next release, from the objects of this one: another number, a migration that takes a while, two conffiles with a line more.
function buildNext() {
	const from = path.join(build, 'deb/source'), at = path.join(folder, 'next'), source = path.join(at, 'source');
	fs.rmSync(at, { recursive: true, force: true });
	fs.mkdirSync(at, { recursive: true });
	execFileSync('cp', ['-a', from, source]);
	for (const left of fs.readdirSync(path.join(source, 'debian')).filter((name) => /debhelper|substvars|^files$|^\.debhelper$/.test(name)))
		fs.rmSync(path.join(source, 'debian', left), { recursive: true, force: true });
	fs.writeFileSync(path.join(source, 'sql/smartbot/9000_next_release.sql'),
		'ALTER TABLE smartbot_stream ADD COLUMN IF NOT EXISTS next_release INT NULL;\nDO SLEEP(2);\n');
	for (const conffile of ['etc/wecomd.conf', 'debian/wecomd.logrotate']) fs.appendFileSync(path.join(source, conffile), '# of the next release\n');
	const log = path.join(source, 'debian/changelog');
	fs.writeFileSync(log, fs.readFileSync(log, 'utf8').replace(/^wecomd \((.*)\)/, 'wecomd ($1+next1)'));
	const { status, stdout, stderr } = spawnSync('dpkg-buildpackage', ['--build=binary', '--no-sign', '--no-pre-clean'],
		{ cwd: source, encoding: 'utf8', env: { ...process.env, DEB_BUILD_OPTIONS: 'parallel=2 noautodbgsym' } });
	if (status !== 0) throw new Error(`${stdout}\n${stderr}`);
	return packageOf(at);
}

const install = (name, more = '') => `apt-get install -y -o Dpkg::Use-Pty=0 --no-install-recommends ${more} /${name}`;
const state = (name) => machine.run(`dpkg-query -W -f '\${db:Status-Status} \${Version}' ${name}`).out.trim();
const mode = (name) => machine.must(`stat -c '%a %U:%G' ${name}`).trim();

// --- the machine's services ---

const sql = (statement, schema = '') => machine.must(`mariadb --batch --skip-column-names ${schema}`, { input: statement }).trim();

async function startDatabase() {
	machine.must('install -d -o mysql /run/mysqld');
	machine.begin('mariadbd --user=mysql --skip-networking --innodb-flush-log-at-trx-commit=1');
	await waitFor('the database', () => machine.run('mariadb-admin ping').status === 0);
}

// The simulator is another wecomd from the same package; its model is what the bot asks.
async function startSimulator() {
	sql(`CREATE DATABASE sim CHARACTER SET utf8mb4; CREATE USER sim@localhost IDENTIFIED BY 'sim'; GRANT ALL ON sim.* TO sim@localhost`);
	machine.write('etc/sim/keys', `1 ${random(32)}\n`, 0o600);
	machine.write('etc/sim/wecomd.conf', `[db]\nsocket = /run/mysqld/mysqld.sock\nuser = sim\npassword = sim\nname = sim\n[crypt]\nkey_file = /etc/sim/keys
[web]\nlisten = unix:/run/sim.sock\nsocket_mode = 0666\nprocesses = 1\nthreads = 32\n[worker]\nthreads = 4\n[plugins]\nsimulator = on
[simulator]\ncallback_base = http://127.0.0.1:${modelPort}\nmodel_key = model-key\n`);
	machine.must('wecomd -c /etc/sim/wecomd.conf migrate');
	machine.begin('wecomd -c /etc/sim/wecomd.conf serve');
	await waitFor('the simulator', () => fs.existsSync(`/proc/${machine.pid}/root/run/sim.sock`));
}

async function startNginx() {
	machine.must('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bot.example.com -keyout /etc/nginx/key.pem -out /etc/nginx/cert.pem');
	const sample = path.join(machine.root, 'usr/share/doc/wecomd/examples/nginx/wecomd.conf');
	machine.write('etc/nginx/conf.d/wecomd.conf', changed(sample, [
		['listen 443 ssl http2;', `listen 127.0.0.1:${port} ssl http2;`], ['\tlisten [::]:443 ssl http2;\n', ''],
		['/etc/letsencrypt/live/bot.example.com/fullchain.pem', '/etc/nginx/cert.pem'], ['/etc/letsencrypt/live/bot.example.com/privkey.pem', '/etc/nginx/key.pem'],
	]));
	machine.write('etc/nginx/conf.d/sim.conf', `server { listen 127.0.0.1:${modelPort}; location /sim/ { include fastcgi_params; fastcgi_pass unix:/run/sim.sock; fastcgi_buffering off; } }\n`);
	fs.rmSync(path.join(machine.root, 'etc/nginx/sites-enabled/default'), { force: true });
	machine.must('adduser --quiet www-data wecomd');
	machine.begin('nginx -g "daemon off;"');
	await waitFor('nginx', async () => (await request(`http://127.0.0.1:${modelPort}/sim/api/world`)).status === 200);
}

function configure() {
	const password = random(16), bot = { token: random(16), aesKey: random(22).slice(0, 43) };
	sql(`CREATE DATABASE wecomd CHARACTER SET utf8mb4; CREATE USER wecomd@localhost IDENTIFIED BY '${password}'; GRANT ALL ON wecomd.* TO wecomd@localhost`);
	machine.must('cat | install -o root -g wecomd -m 640 /dev/stdin /etc/wecomd/db-password', { input: `${password}\n` });
	machine.must('cat | install -o root -g wecomd -m 640 /dev/stdin /etc/wecomd/wecomd.env', { input: `BOT_TOKEN=${bot.token}\nBOT_AES_KEY="${bot.aesKey}"\n` });
	machine.write('etc/wecomd/conf.d/site.conf', `[plugins]\nhello = on\nsmartbot = on
[model:main]\nbase = http://127.0.0.1:${modelPort}/sim/model/v1\nkey = model-key\nmodel = sim-chat
[smartbot:helpdesk]\ntoken = \${BOT_TOKEN}\naes_key = \${BOT_AES_KEY}\naibotid = helpdesk\nmodel = main\n`);
	system = Object.assign(Object.create(System.prototype), { url: `https://127.0.0.1:${port}`, bot: { name: 'helpdesk', aibotid: 'helpdesk', receiveid: '', ...bot } });
}

const asWecomd = (command) => `runuser -u wecomd -- ${command}`;

// Process numbers inside the machine.
const master = () => machine.must('cat /run/wecomd/wecomd.pid').trim();
const children = () => machine.must(`cat /proc/${master()}/task/${master()}/children`).trim().split(' ');

// --- load ---

// Several callers of each kind until stop(): {asked, failed, streams}.
function load() {
	const result = { asked: 0, failed: [], streams: [], longest: 0 };
	let stopped = false;
	const one = async (what, ask) => {
		const started = Date.now();
		result.asked++;
		try {
			const answer = await ask();
			if (answer.status !== 200) result.failed.push(`${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
			return answer;
		} catch (error) {
			result.failed.push(`${what}: ${error.message}`);
			return undefined;
		} finally {
			result.longest = Math.max(result.longest, Date.now() - started);
		}
	};
	const repeat = async (fn) => { while (!stopped) await fn(); };
	const callers = [
		...Array.from({ length: 4 }, () => repeat(async () => {
			const first = await one('callback', () => system.callback(textMessage('升级时也要回答', { bot: system.bot })));
			if (first?.status !== 200) return;
			const { id } = first.reply.stream;
			result.streams.push(id);
			await one('refresh', () => system.callback(refreshMessage(id, { bot: system.bot })));
		})),
		repeat(() => one('health', () => system.get('/health'))),
		repeat(() => one('ready', () => system.get('/ready'))),
		repeat(() => one('api', () => system.get('/api/hello/Ada', { headers: { Authorization: `Bearer ${key}` } }))),
		repeat(() => one('page', () => system.get('/admin/'))),
	];
	result.stop = async () => {
		stopped = true;
		await Promise.all(callers);
	};
	return result;
}

// --- the story ---

const first = packageOf(path.join(build, 'deb'));
const next = buildNext();
const dependencies = field(first, 'Depends').split(/,\s*/).map((one) => one.replace(/[ :|(].*/s, ''));

await step('the alarms are what Prometheus understands, and go off when they must', () => {
	const rules = path.resolve('etc/prometheus/wecomd.rules.yml'), cases = path.join(folder, 'rules.test.yml');
	fs.writeFileSync(cases, changed('tests/deploy/rules.test.yml', [['RULES', rules]]));
	for (const args of [['check', 'rules', rules], ['test', 'rules', cases]]) {
		const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
		assert.equal(status, 0, stdout + stderr);
		assert.match(stdout, /SUCCESS/);
	}
});

await step('a clean Debian', async () => {
	machine.make([...new Set([...dependencies, 'mariadb-server', 'mariadb-client', 'nginx-light', 'lsb-base'])]);
	await machine.start();
	[port, modelPort] = [await freePort(), await freePort()];
	for (const [name, deb] of [['first.deb', first], ['next.deb', next]]) fs.copyFileSync(deb, path.join(machine.root, name));
});

await step('the package installs, makes its user and a private key file, starts nothing and says what is next', () => {
	const out = machine.must(install('first.deb'));
	assert.match(out, /not configured yet, and not started/);
	assert.equal(state('wecomd'), `installed ${field(first, 'Version')}`);
	assert.equal(mode('/etc/wecomd/keys'), '600 wecomd:wecomd');
	assert.equal(mode('/etc/wecomd'), '750 root:wecomd');
	assert.equal(mode('/var/lib/wecomd'), '750 wecomd:wecomd');
	assert.equal(mode('/usr/share/doc/wecomd/plugins/smartbot.md'), '644 root:root');
	assert.match(machine.read('etc/wecomd/keys'), /^1 [0-9a-f]{64}\n$/);
	assert.match(machine.must('getent passwd wecomd'), /:\/usr\/sbin\/nologin$/m);
	assert.equal(machine.run('pidof wecomd').out, '');
	assert.equal(machine.must('wecomd -V').trim(), `wecomd ${field(first, 'Version')}`);
	assert.equal(machine.must('service wecomd status || :').trim(), 'wecomd is not running');
	assert.deepEqual(machine.must('dpkg-query -W -f \'${Conffiles}\' wecomd').match(/\/\S+/g).sort(), ['/etc/init.d/wecomd', '/etc/logrotate.d/wecomd', '/etc/wecomd/wecomd.conf']);
	const unfinished = machine.run(asWecomd('wecomd check'));
	assert.equal(unfinished.status, 1);
	assert.match(unfinished.out, /^\/etc\/wecomd\/wecomd\.conf:\d+: \/etc\/wecomd\/db-password: No such file/m);
	assert.doesNotMatch(machine.must('find / -xdev -nouser -o -xdev -nogroup'), /./);
});

await step('a package that was never configured is purged to the last file, the key file apart', () => {
	machine.must('apt-get purge -y -o Dpkg::Use-Pty=0 wecomd');
	assert.equal(machine.must('find / -xdev -path /proc -prune -o \\( -name "*wecomd*" ! -path "/usr/share/*" \\) -print | grep -v /var/lib/dpkg | sort'), '/etc/wecomd\n');
	assert.equal(machine.must('ls -A /etc/wecomd'), 'keys\n');
	assert.equal(mode('/etc/wecomd/keys'), '600 root:root');
	assert.equal(machine.run('getent passwd wecomd').status, 2);
});

await step('installed again it finds its key file; two plugins are enabled, the database made, everything started', async () => {
	const keys = machine.read('etc/wecomd/keys');
	machine.must(install('first.deb'));
	assert.equal(machine.read('etc/wecomd/keys'), keys);
	assert.equal(mode('/etc/wecomd/keys'), '600 wecomd:wecomd');
	await startDatabase();
	await startSimulator();
	configure();
	assert.match(machine.must(asWecomd('wecomd check')), /^ok: 2 plugins, 1 model/);
	assert.match(machine.run(asWecomd('wecomd user add --name early --role admin')).out, /run: wecomd migrate/);
	machine.must(asWecomd('wecomd migrate'));
	key = machine.must(asWecomd('wecomd key add --name deploy --role viewer')).match(/\S{20,}/)[0];
	machine.must('service wecomd start');
	await startNginx();
	await waitFor('wecomd', async () => (await system.get('/ready')).status === 200);
	if ((await system.get('/admin/')).status !== 200) {     // should there be no console yet
		fs.cpSync(path.join(machine.root, 'usr/share/wecomd/htdocs/phone'), path.join(machine.root, 'usr/share/wecomd/htdocs/admin'), { recursive: true });
	}
	const { reply } = await system.callback(textMessage('第一个问题', { bot: system.bot }));
	assert.ok((await system.finished(reply.stream.id)).length > 0);
	machine.must(asWecomd('wecomd doctor || :'));
});

await step('an upgrade under load: no request fails, the schema is migrated, every process but the master is the new release', async () => {
	const logrotate = machine.read('etc/logrotate.d/wecomd').replace('rotate 8', 'rotate 52');
	machine.write('etc/logrotate.d/wecomd', logrotate);
	const before = children(), under = load();
	await waitFor('some load', () => under.asked > 100);
	const { status, out } = await machine.runBeside(install('next.deb', '-o Dpkg::Options::=--force-confold'));
	assert.equal(status, 0, out);
	assert.match(out, /applied smartbot\/9000_next_release\.sql/);
	const asked = under.asked;
	await waitFor('some more load', () => under.asked > asked + 100);
	await under.stop();
	assert.deepEqual(under.failed, []);
	assert.equal(state('wecomd'), `installed ${field(next, 'Version')}`);
	for (const child of children()) {
		assert.ok(!before.includes(child), `process ${child} is of the release before`);
		assert.equal(machine.must(`readlink /proc/${child}/exe`).trim(), '/usr/bin/wecomd');
	}
	assert.equal((await system.get('/ready')).status, 200);
	await waitFor('the end of the answers', () => Number(sql('SELECT COUNT(*) FROM job WHERE state <> 3', 'wecomd')) === 0, { ms: 120_000, every: 300 });
	const streams = new Set(under.streams);
	assert.equal(Number(sql(`SELECT COUNT(*) FROM smartbot_stream WHERE stream_id IN (${[...streams].map((id) => `'${id}'`).join(',')})`, 'wecomd')), streams.size);
	console.log(`        ${under.asked} requests, ${streams.size} of them questions; the longest took ${under.longest} ms`);
});

await step('of the conffiles the one that was left alone is the next release\'s, the one that was changed has stayed', () => {
	assert.match(machine.read('etc/wecomd/wecomd.conf'), /^# of the next release$/m);
	assert.match(machine.read('etc/logrotate.d/wecomd'), /rotate 52/);
	assert.doesNotMatch(machine.read('etc/logrotate.d/wecomd'), /of the next release/);
	assert.match(machine.read('etc/logrotate.d/wecomd.dpkg-dist'), /^# of the next release$/m);
});

await step('a restart of the master meets no surprise', async () => {
	machine.must('service wecomd restart');
	await waitFor('wecomd', async () => (await system.get('/ready')).status === 200);
	assert.equal(machine.must(`readlink /proc/${master()}/exe`).trim(), '/usr/bin/wecomd');
});

await step('an upgrade that refuses the configuration leaves the release before serving, and goes on when it is mended', async () => {
	machine.write('etc/wecomd/conf.d/wrong.conf', '[web]\nthreds = 9\n');
	const before = children();
	const refused = machine.run('dpkg -i /next.deb');
	assert.notEqual(refused.status, 0);
	assert.match(refused.out, /wrong\.conf:2: \[web\] threds: no such setting/);
	assert.match(refused.out, /goes on serving/);
	assert.deepEqual(children(), before);
	assert.equal((await system.get('/ready')).status, 200);
	fs.rmSync(path.join(machine.root, 'etc/wecomd/conf.d/wrong.conf'));
	machine.must('dpkg --configure wecomd');
	assert.ok(children().every((child) => !before.includes(child)));
	assert.equal((await system.get('/ready')).status, 200);
});

await step('an administrator who wants to upgrade by hand is left in peace', () => {
	machine.write('etc/wecomd/upgrade-by-hand', '');
	const before = children();
	assert.match(machine.must('dpkg -i /next.deb'), /upgrade-by-hand is there/);
	assert.deepEqual(children(), before);
	fs.rmSync(path.join(machine.root, 'etc/wecomd/upgrade-by-hand'));
});

await step('removed it stops; purged it leaves what an administrator made, and the key file, to root', () => {
	const pid = master();
	machine.must('apt-get remove -y -o Dpkg::Use-Pty=0 wecomd');
	assert.equal(machine.run(`test -d /proc/${pid}`).status, 1);
	assert.ok(fs.existsSync(path.join(machine.root, 'etc/wecomd/wecomd.conf')));
	machine.must('apt-get purge -y -o Dpkg::Use-Pty=0 wecomd');
	assert.deepEqual(machine.must('find /etc/wecomd -type f | sort').trim().split('\n'),
		['/etc/wecomd/conf.d/site.conf', '/etc/wecomd/db-password', '/etc/wecomd/keys', '/etc/wecomd/wecomd.env']);
	assert.equal(mode('/etc/wecomd/keys'), '600 root:root');
	assert.equal(machine.must('ls -d /var/lib/wecomd /var/log/wecomd /usr/lib/wecomd /usr/bin/wecomd 2>/dev/null || :'), '');
	assert.doesNotMatch(machine.must('find /etc /var /usr -nouser -o -nogroup'), /./);
});

await machine.stop();
console.log(`${passed} passed, 0 failed`);
process.exit(0);
