// Behind each web server and each manager of sockets that etc/ has a sample for: a real encrypted callback, its answer, the API with a key
// and a page pass through the sample as it is shipped; only names of places, the port and the certificate are changed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { freePort, processes, removeFolder, request, run, startSystem, tempFolder, textMessage, waitFor } from './harness.mjs';
import { ask } from './fastcgi.mjs';
import { Installed, changed } from './installed.mjs';

let system, place, key, tls;

before(async () => {
	const folder = tempFolder();
	system = await startSystem();
	place = new Installed(folder);
	await place.install(system);
	key = /\bwk_\S+|\S{20,}/.exec((await system.wecomd('key', 'add', '--name', 'deploy', '--role', 'viewer')).stdout)[0];
	tls = await place.certificate();
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
});
afterEach(() => place.endAll());
after(async () => {
	if (place) removeFolder(place.folder);
	await system?.stop();
});

// --- what must hold behind every server ---

async function callbackIsAnswered(through) {
	const first = await through.callback(textMessage('你好，部署', { bot: system.bot }));
	assert.equal(first.status, 200, first.text);
	assert.equal(first.reply.msgtype, 'stream');
	const words = await through.finished(first.reply.stream.id);
	assert.ok(words.length > 0);
	const [row] = await system.sql(`SELECT COUNT(*) FROM smartbot_stream WHERE stream_id = '${first.reply.stream.id}'`);
	assert.equal(row[0], '1');
}

async function forgeryIsRefused(through) {
	const forged = await through.callback(textMessage('x', { bot: system.bot }), { signature: '0'.repeat(40) });
	assert.equal(forged.status, 403);
	const chunked = await through.callback(textMessage('in pieces', { bot: system.bot }), { chunks: (body) => [body.slice(0, 7), body.slice(7)] });
	assert.equal(chunked.status, 200);
}

async function apiNeedsItsKey(through) {
	assert.equal((await through.get('/api/openapi.json', { headers: { Authorization: `Bearer ${key}` } })).json.openapi.slice(0, 2), '3.');
	assert.equal((await through.get('/api/settings', { headers: { Authorization: `Bearer ${key}` } })).status, 200);
	assert.equal((await through.get('/api/settings')).status, 401);
	const hello = await through.get('/api/hello/%E5%90%8D%20%2B%2Fb', { headers: { Authorization: `Bearer ${key}` } });
	assert.ok(hello.text.includes('名 +/b'), hello.text);     // the path arrives as it was sent
	assert.equal((await through.get('/health')).json.status, 'ok');
	assert.equal((await through.get('/mcp')).status, 405);
}

async function pagesAreFiles(through) {
	const page = await through.get('/admin/');
	assert.equal(page.status, 200);
	assert.match(page.headers['content-type'], /^text\/html; ?charset=utf-8$/i);
	assert.match(page.headers['content-security-policy'], /^default-src 'none'/);
	assert.equal(page.headers['x-content-type-options'], 'nosniff');
	const script = /src="([^"]+\.js)"/.exec(page.text)[1];
	const got = await through.get(new URL(script, 'http://x/admin/').pathname);
	assert.equal(got.status, 200);
	assert.match(got.headers['content-type'], /javascript/);
	for (const hidden of ['/phone/', '/.sources', '/assets/../../sql/core/0001_inbox_and_jobs.sql', '/nothing', '/sim/api/world'])
		assert.ok([400, 403, 404].includes((await through.get(hidden)).status), hidden);
	for (const folder of ['/assets/']) assert.ok([403, 404].includes((await through.get(folder)).status), `${folder} is listed`);
}

async function allOfIt(port) {
	const through = Object.create(system, { url: { value: `https://127.0.0.1:${port}` } });
	await waitFor('the web server', async () => (await through.get('/health')).status === 200)
		.catch((error) => { throw new Error(place.started.map(({ output }) => output).join('\n'), { cause: error }); });
	await callbackIsAnswered(through);
	await forgeryIsRefused(through);
	await apiNeedsItsKey(through);
	await pagesAreFiles(through);
	return through;
}

// --- servers ---

async function nginx() {
	const port = await freePort(), tmp = place.mkdir('nginx');
	const site = path.join(tmp, 'site.conf'), main = path.join(tmp, 'nginx.conf');
	fs.writeFileSync(site, changed(path.join(place.samples, 'nginx/wecomd.conf'), [
		['listen 443 ssl http2;', `listen 127.0.0.1:${port} ssl http2;`], ['\tlisten [::]:443 ssl http2;\n', ''],
		['/etc/letsencrypt/live/bot.example.com/fullchain.pem', tls.cert], ['/etc/letsencrypt/live/bot.example.com/privkey.pem', tls.key],
		['/run/wecomd/wecomd.sock', place.socket],
	]));
	fs.writeFileSync(main, `daemon off; pid ${tmp}/pid; error_log stderr; events {}
http {
	access_log off; ${['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((name) => `${name}_temp_path ${tmp}/${name};`).join(' ')}
	include ${site};
}\n`);
	place.begin('nginx', ['-p', tmp, '-e', 'stderr', '-c', main]);
	return port;
}

const modules = ['mpm_event', 'authz_core', 'authz_host', 'mime', 'dir', 'alias', 'rewrite', 'setenvif', 'env', 'headers', 'ssl', 'socache_shmcb',
	'proxy', 'proxy_fcgi', 'fcgid', 'deflate', 'filter'];

async function apache(sample, pairs) {
	const port = await freePort(), tmp = place.mkdir('apache');
	const site = path.join(tmp, 'site.conf'), main = path.join(tmp, 'apache.conf');
	fs.writeFileSync(site, changed(path.join(place.samples, 'apache', sample), [
		['*:443', `127.0.0.1:${port}`], ['${APACHE_LOG_DIR}', tmp],
		['/etc/letsencrypt/live/bot.example.com/fullchain.pem', tls.cert], ['/etc/letsencrypt/live/bot.example.com/privkey.pem', tls.key], ...pairs,
	]));
	// What Debian's apache2.conf has around a site; its modules are those that the sample asks for and Debian's own.
	fs.writeFileSync(main, `ServerRoot ${tmp}
ServerName bot.example.com
Listen 127.0.0.1:${port}
PidFile ${tmp}/pid
ErrorLog ${tmp}/main.log
DefaultRuntimeDir ${tmp}
Mutex file:${tmp}
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types
FcgidIPCDir ${place.mkdir('apache/fcgid')}
FcgidProcessTableFile ${tmp}/fcgid_shm
LogFormat "%h %l %u %t \\"%r\\" %>s %O" combined
AddOutputFilterByType DEFLATE application/json text/html
<Directory />
	Require all denied
</Directory>
Include ${site}
`);
	const checked = await run('apache2', ['-f', main, '-t']);
	assert.match(checked.stderr, /Syntax OK/);
	const one = place.begin('apache2', ['-f', main, '-D', 'FOREGROUND']);
	one.log = () => ['main.log', 'wecomd-error.log'].map((name) => fs.readFileSync(path.join(tmp, name), 'utf8')).join('');
	return port;
}

const unit = (name, setting) => new RegExp(`^${setting}=(.*)$`, 'm').exec(fs.readFileSync(path.join(place.units, name), 'utf8'))[1];

// --- the tests ---

test('behind nginx, on a socket that systemd hands over, by the command of the unit', async () => {
	const port = await nginx();
	assert.equal(unit('wecomd.socket', 'ListenStream'), '/run/wecomd/wecomd.sock');
	const command = unit('wecomd.service', 'ExecStart').split(' ');
	assert.equal(command[0], place.program);
	const served = place.begin('systemd-socket-activate', ['-l', place.socket, '--fdname=fcgi', ...command]);
	await waitFor('the socket', () => fs.existsSync(place.socket));
	await allOfIt(port);
	assert.match(served.output, /"message":"serving","listen":"descriptor 3/);
});

test('behind Apache with mod_proxy_fcgi, under spawn-fcgi', async () => {
	const script = path.join(place.folder, 'spawn');
	fs.writeFileSync(script, changed(path.join(place.samples, 'spawn-fcgi/wecomd'), [[' -u wecomd -g wecomd -U wecomd -G "${WEB_GROUP:-www-data}"', '']]), { mode: 0o755 });
	const socket = path.join(place.folder, 'run/spawned.sock');
	const served = place.begin(script, [], { env: { SOCKET: socket } });
	const port = await apache('wecomd-proxy-fcgi.conf', [['/run/wecomd/wecomd.sock', socket]]);
	const through = await allOfIt(port);
	assert.match(served.output, /"message":"serving","listen":"descriptor 0.*"roles":"web,worker,resident"/);

	// A callback's signature is not in the access log.
	await waitFor('the access log', () => fs.readFileSync(path.join(place.folder, 'apache/wecomd.log'), 'utf8').includes('/admin/'));
	assert.doesNotMatch(fs.readFileSync(path.join(place.folder, 'apache/wecomd.log'), 'utf8'), /msg_signature/);

	// The reload of a new configuration, with requests all the while.
	const statuses = [];
	let done = false;
	const asking = (async () => { while (!done) statuses.push((await through.callback(textMessage('weiter', { bot: system.bot }))).status); })();
	process.kill(served.child.pid, 'SIGHUP');
	await waitFor('the reload', () => /"message":"reloaded"/.test(served.output));
	await waitFor('some requests more', () => statuses.length > 20);
	done = true;
	await asking;
	assert.deepEqual(statuses.filter((status) => status !== 200), []);
});

test('behind Apache with mod_fcgid, which runs the web role alone; a worker is beside it', async () => {
	const [worker, , ...rest] = unit('wecomd-worker.service', 'ExecStart').split(' ');
	const beside = place.begin(worker, ['-c', ...rest]);
	const bin = path.join(place.prefix, 'lib/wecomd');
	fs.writeFileSync(path.join(bin, 'wecomd.fcgi'), fs.readFileSync(path.join(place.samples, 'apache/wecomd.fcgi')), { mode: 0o755 });
	const own = path.dirname(place.conf);
	fs.copyFileSync(path.join(place.samples, 'apache/wecomd-fcgid-web.conf'), path.join(own, 'fcgid.conf'));
	fs.copyFileSync(path.join(own, 'keys'), path.join(own, 'keys-www-data'));
	const { uid, gid } = fs.statSync(path.join(own, 'keys'));
	fs.chownSync(path.join(own, 'keys-www-data'), uid, gid);
	const port = await apache('wecomd-fcgid.conf', []);
	await allOfIt(port);
	assert.match(beside.output, /"message":"serving","listen":"nothing","roles":"worker,resident"/);
	const masters = processes().filter(({ argv }) => argv[0] === place.program && argv.at(-1) === 'serve');
	assert.ok(masters.length >= 1, 'mod_fcgid started no master');
	for (const { pid } of masters) assert.deepEqual([...new Set(system.childrenOf(pid).map(({ role }) => role))].filter((role) => role !== 'web'), []);
	const pids = masters.map(({ pid }) => pid);
	await place.endAll();
	await waitFor('the end of what mod_fcgid started', () => processes().every(({ pid }) => !pids.includes(pid)));
});

test('the service manager is told when wecomd serves and when it ends', async () => {
	const socket = path.join(place.folder, 'run/notify.sock');
	const listener = place.begin('perl', ['-MIO::Socket::UNIX', '-MSocket', '-e',
		`$| = 1; my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => '${socket}') or die; while (defined $s->recv(my $b, 500)) { print "<$b>\\n" }`]);
	await waitFor('the listener', () => fs.existsSync(socket));
	const served = place.begin(place.program, ['-c', place.conf, 'serve'], { env: { NOTIFY_SOCKET: socket } });
	await waitFor('READY=1', () => listener.output.includes('<READY=1>'));
	assert.equal((await ask(place.socket, { REQUEST_METHOD: 'GET', REQUEST_URI: '/health', QUERY_STRING: '' })).status, 200);
	served.child.kill('SIGTERM');
	await waitFor('its end', () => served.status === 0);
	assert.equal(listener.output, '<READY=1>\n<STOPPING=1>\n');
});

test('the units are what systemd understands, and leave little open', async () => {
	const files = fs.readdirSync(place.units).map((name) => path.join(place.units, name));
	assert.deepEqual(files.map((file) => path.basename(file)).sort(), ['wecomd-worker.service', 'wecomd.service', 'wecomd.socket']);
	const { status, stdout, stderr } = await run('systemd-analyze', ['verify', ...files]);
	assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });     // an unknown setting is a warning only
	for (const file of files.filter((name) => name.endsWith('.service'))) {
		const judged = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', '--threshold=20', file]);
		assert.equal(judged.status, 0, judged.stdout.split('\n').slice(-3).join('\n'));
	}
});

test('every metric is explained, and alarms and the dashboard ask for none that is not there', async () => {
	const names = [...(await system.get('/metrics', { headers: { Authorization: `Bearer ${key}` } })).text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
	const known = new Set(names.flatMap(([, name, type]) => type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]));
	const told = fs.readFileSync('docs/operations.md', 'utf8');
	for (const [, name] of names) assert.ok(told.includes(`| \`${name}\` |`), `docs/operations.md does not explain ${name}`);
	const board = JSON.parse(fs.readFileSync('etc/grafana/wecomd.json', 'utf8'));
	const asked = [...fs.readFileSync('etc/prometheus/wecomd.rules.yml', 'utf8').matchAll(/^ +expr: (.*)$/gm)].map(([, text]) => text)
		.concat(board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)));
	assert.ok(asked.length > 30);
	for (const text of asked)
		for (const [name] of text.matchAll(/\b(?:wecomd_\w+|messages_total|answer_latency_seconds\w*)/g)) if (!/job="/.test(text)) assert.ok(known.has(name), `${name}: ${text}`);
	assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length);
});

test('a process that runs stays ready while a newer release has migrated, and is not when a migration of its own is gone', async () => {
	const ready = async () => (await system.get('/ready')).status;
	await system.sql("INSERT INTO schema_migration (owner, number, file, checksum) VALUES ('core', 9999, '9999_newer.sql', 'x')");
	assert.equal(await ready(), 200);
	const [[file, sum]] = await system.sql("SELECT file, checksum FROM schema_migration WHERE owner = 'core' AND number = 1");
	await system.sql("DELETE FROM schema_migration WHERE owner = 'core' AND number = 1");
	assert.equal(await ready(), 503);
	await system.sql(`INSERT INTO schema_migration (owner, number, file, checksum) VALUES ('core', 1, '${file}', '${sum}'); DELETE FROM schema_migration WHERE number = 9999`);
	assert.equal(await ready(), 200);
});
