// The host: what it says about a configuration, what it refuses to load, who may call what.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, removeFolder, run, startSystem, tempFolder } from './harness.mjs';

let system, folder;

before(async () => {
	folder = tempFolder();
	system = await startSystem();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

// --- configuration ---

// The whole of it is right but for what a test spoils; the key file is the system's.
const good = `
[core]
plugin_dir = ${build}/plugins
[db]
user = u
name = n
[crypt]
key_file = \${KEYS}
[web]
listen = unix:sock
`;

const write = (name, text) => {
	const file = path.join(folder, name);
	fs.mkdirSync(path.dirname(file), { recursive: true });
	fs.writeFileSync(file, text);
	return file;
};

const keys = () => ({ KEYS: path.join(system.state, 'wecomd.keys') });
const wecomd = (env, ...args) => run(path.join(build, 'wecomd'), args, { env: { ...keys(), ...env } });

// The complaints about a configuration, line by line.
async function complaints(text, { env = {}, more = [] } = {}) {
	const file = write('bad.conf', text);
	const { status, stderr } = await wecomd(env, '-c', file, ...more.flatMap((name) => ['-c', name]), 'check');
	assert.equal(status, 1, 'check fails');
	return stderr.replaceAll(`${folder}/`, '').trimEnd().split('\n');
}

function holds(lines, pattern) {
	assert.ok(lines.some((line) => pattern.test(line)), `no line matches ${pattern}:\n${lines.join('\n')}`);
}

test('check finds nothing wrong with the demo and with the configuration of the simulator', async () => {
	const { status, stdout, stderr } = await system.wecomd('check');
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^ok: 2 plugins, 1 model\n$/);
	const simulator = await run(path.join(build, 'wecomd'), ['-c', 'etc/demo/simulator.conf', 'check'], { env: system.env });
	assert.equal(simulator.status, 0, simulator.stderr);
});

test('the shipped sample is right once its variables are set', async () => {
	const files = ['etc/wecomd.conf', ...fs.readdirSync('etc/conf.d').map((name) => `etc/conf.d/${name}`)];
	const names = files.flatMap((name) => [...fs.readFileSync(name, 'utf8').matchAll(/^[^#\n]*\$\{(\w+)\}/gm)].map(([, one]) => one));
	const value = (name) => (/AES/.test(name) ? 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' : /AGENT/.test(name) ? '1000002' : /BASE/.test(name) ? 'https://llm.example/v1' : 'QDG6eK');
	const env = Object.fromEntries([...names, 'LLM_API_BASE', 'LLM_API_KEY', 'LLM_MODEL'].map((name) => [name, value(name)]));
	const mine = write('mine.conf', `[core]\nplugin_dir = ${build}/plugins\n[db]\npassword = x\n[crypt]\nkey_file = \${KEYS}\n[model:main]\nbase = \${LLM_API_BASE}\nkey = \${LLM_API_KEY}\nmodel = \${LLM_MODEL}\n`);
	const shipped = await wecomd(env, '-c', 'etc/wecomd.conf', '-c', mine, 'check');
	assert.match(shipped.stderr, /^etc\/wecomd\.conf:\d+: \/etc\/wecomd\/db-password: No such file or directory; write the value there: .*\n1 problem\n$/);
	const copy = fs.readFileSync('etc/wecomd.conf', 'utf8').replace('@/etc/wecomd/db-password', 'x');
	write('sample/wecomd.conf', copy);
	fs.cpSync('etc/conf.d', path.join(folder, 'sample/conf.d'), { recursive: true });
	const checked = await wecomd(env, '-c', path.join(folder, 'sample/wecomd.conf'), '-c', mine, 'check');
	assert.equal(checked.status, 0, checked.stderr);
	assert.match(checked.stdout, new RegExp(`^ok: ${files.length - 1} plugins, 1 model`));
});

test('check reports every problem at once, with file and line', async () => {
	const lines = await complaints(`[core]
plugin_dir = ${build}/plugins
colour = red
[nosuch]
key = 1
[web]
listen = unix:sock
threads = many
processes = 65
[log]
level = loud
[plugins]
hello = on
ghost = on
smartbot = perhaps
[hello]
greting = x
[model:m]
base = \${NO_SUCH_VARIABLE}
model = m
key = @/no/such/file
this is no setting
`);
	for (const pattern of [
		/^bad\.conf:3: \[core\] colour: no such setting; there are: /,
		/^bad\.conf:5: \[nosuch\]: no such section$/,
		/^bad\.conf:8: \[web\] threads: expected /,
		/^bad\.conf:9: \[web\] processes: expected /,
		/^bad\.conf:11: \[log\] level: expected one of debug\|info\|warn\|error$/,
		/^bad\.conf:14: \[plugins\] ghost: there is no .*ghost\.so\. There are: customer-group, hello, /,
		/^bad\.conf:15: \[plugins\] smartbot: expected on or off$/,
		/^bad\.conf:17: \[hello\] greting: no such setting; did you mean greeting\?$/,
		/^bad\.conf:19: the environment has no NO_SUCH_VARIABLE; set it, or write NO_SUCH_VARIABLE=… into the file wecomd\.env beside the configuration$/,
		/^bad\.conf:21: \/no\/such\/file: No such file/,
		/^bad\.conf:22: neither /,
		/^\[db\] user is missing: /,
		/^\[db\] name is missing: /,
		/^\[crypt\] key_file is missing: /,
	]) holds(lines, pattern);
	holds(lines, /^1[5-9] problems$/);
});

test('hosts of the database are a list of names, each perhaps with its port', async () => {
	const check = (host) => complaints(`${good}[db]\nhost = ${host}\n`.replace(/\[db\]\n([^]*)\[db\]\n(.*)/, '[db]\n$2\n$1'));
	for (const host of ['db1,', ',db1', 'db1:0', 'db1:65536', 'db1:x', 'db1:', 'a,b,c,d,e,f,g,h,i'])
		holds(await check(host), /^bad\.conf:5: \[db\] host: /);
});

test('a line that is too long is reported and not cut', async () => {
	holds(await complaints(`${good}[hello]\ngreeting = ${'x'.repeat(300)}\n[plugins]\nhello = on\n`), /^bad\.conf:12: the line is longer/);
});

test('a setting may be given once in a file; a later file overrides it', async () => {
	holds(await complaints(`${good}[log]\nlevel = info\nlevel = warn\n`), /^bad\.conf:13: level is set a second time/);
	const first = write('first.conf', `${good}[log]\nlevel = loud\n`);
	const second = write('second.conf', '[log]\nlevel = warn\n');
	assert.equal((await wecomd({}, '-c', first, 'check')).status, 1);
	assert.equal((await wecomd({}, '-c', first, '-c', second, 'check')).status, 0);
});

test('files of conf.d beside the first file are read after it', async () => {
	const first = write('beside/wecomd.conf', good);
	write('beside/conf.d/10-hello.conf', '[plugins]\nhello = on\n[hello]\ngreeting = Hallo\n');
	write('beside/conf.d/20.conf.off', '[plugins]\nghost = on\n');
	const { stdout, stderr } = await wecomd({}, '-c', first, 'plugins');
	assert.match(stdout, /^hello\s+Greets by name\n +tool hello_greet: Greets one person\n$/, stderr);
});

test('${NAME}, ${NAME:-default}, $$ and @file are understood', async () => {
	write('values/secret', 'Guten Tag \n');
	const conf = (greeting) => write('values/wecomd.conf', `${good}[plugins]\nhello = on\n[hello]\ngreeting = ${greeting}\n[log]\nlevel = \${LEVEL:-warn}\n`);
	for (const [greeting, env, status] of [
		['${WHO} hi', { WHO: 'x' }, 0],
		['${WHO:-you} hi', {}, 0],
		['$$5', {}, 0],
		['@secret', {}, 0],
		['${WHO', {}, 1],
		['@nothing', {}, 1],
	]) assert.equal((await wecomd(env, '-c', conf(greeting), 'check')).status, status, greeting);
	holds(await complaints(`${good}[log]\nlevel = \${LEVEL:-loud}\n`), /level: expected/);
	assert.equal((await wecomd({ LEVEL: 'loud' }, '-c', conf('x'), 'check')).status, 1);
});

test('an unknown command is told how the program is used before anything that is wrong with the configuration', async () => {
	const file = write('unknown.conf', 'colour = red\n');
	for (const [args, problems] of [[['-c', file, 'chek'], true], [['-c', file, 'key', 'ad'], true], [['-c', path.join(folder, 'none.conf'), 'chek'], true]]) {
		const { status, stdout, stderr } = await wecomd({}, ...args);
		assert.deepEqual([status, stdout], [2, '']);
		assert.match(stderr, /^usage: wecomd /);
		assert.equal(/problems?\n$/.test(stderr), problems, stderr);
	}
	const known = await wecomd({}, '-c', file, 'key', 'list');
	assert.equal(known.status, 1);
	assert.doesNotMatch(known.stderr, /usage/);
	assert.match(known.stderr, /problems?\n$/);
	const well = await system.wecomd('chek');
	assert.equal(well.status, 2);
	assert.doesNotMatch(well.stderr, /problem/);
});

test('a hard limit of open files that is too low for the threads is warned of', async () => {
	const file = write('many.conf', `${good}[worker]\nthreads = 1000\n`);
	const check = (limit) => run('prlimit', [`--nofile=${limit}:${limit}`, path.join(build, 'wecomd'), '-c', file, 'check'], { env: keys() });
	const low = await check(1024);
	assert.equal(low.status, 0, low.stderr);
	assert.match(low.stderr, /^warning: a process may open 1024 files, its threads may need 3\d{3}: LimitNOFILE=/m);
	assert.doesNotMatch((await check(4096)).stderr, /may open/);
});

// --- what nginx keeps ---

test('check warns of connections that nginx keeps, where that goes wrong', async () => {
	const conf = write('kept.conf', `${good}processes = 2\nthreads = 4\nio_timeout = 10s\n`.replace('[web]\nlisten = unix:sock\n', '[web]\nlisten = unix:/run/w.sock\n'));
	const warnings = async ({ upstream = '', location = 'fastcgi_keep_conn on;', server = 'unix:/run/w.sock', workers = 'worker_processes 2;', outer = '', name = 'nginx.conf' }) => {
		write('nginx/sites/one.conf', `# ${'x'.repeat(200)}
upstream wecomd {
	server ${server};
	${upstream}
}
server {
	set $x "a;{}\\"b";
	${outer}
	location ~ ^/x\\.y$ { return 200 "\${uri}"; }
	location /api/ { ${location} fastcgi_pass wecomd; }
}
`);
		const nginx = write(`nginx/${name}`, `${workers}\nevents {}\nhttp {\n\tinclude sites/*.conf;\n\tinclude nothing/*;\n}\n`);
		const { status, stdout, stderr } = await wecomd({}, '-c', conf, 'check', '--nginx', nginx);
		assert.equal(status, 0, stderr);
		assert.match(stdout, /^ok: /);
		return stderr.replaceAll(`${folder}/`, '').split('\n').filter((line) => line.includes('fastcgi_keep_conn'));
	};
	const full = await warnings({ upstream: 'keepalive 4; keepalive_timeout 2s;' });
	assert.deepEqual(full, ['warning: nginx/sites/one.conf:4: with fastcgi_keep_conn, keepalive 4 of 2 worker processes keeps up to 8 connections, and [web] has 8 '
		+ 'threads: requests wait for idle connections; keep fewer, or have more threads']);
	const late = await warnings({ upstream: 'keepalive 3;' });
	assert.equal(late.length, 1);
	assert.match(late[0], /one\.conf:4: .* nginx keeps an idle connection for 60000 ms, and \[web\] io_timeout ends it after 10000 ms/);
	assert.equal((await warnings({ upstream: 'keepalive 8; keepalive_timeout 10s;' })).length, 2);
	assert.equal((await warnings({ upstream: 'keepalive 4; keepalive_timeout 500ms;', location: '', outer: 'fastcgi_keep_conn on;' })).length, 1, 'said further out');
	for (const well of [
		{ upstream: 'keepalive 3; keepalive_timeout 9s;' }, { upstream: 'keepalive 7; keepalive_timeout 2s;', workers: '' }, { upstream: '' },
		{ upstream: 'keepalive 100;', location: '' }, { upstream: 'keepalive 100;', location: 'fastcgi_keep_conn off;', outer: 'fastcgi_keep_conn on;' },
		{ upstream: 'keepalive 100;', server: 'unix:/run/other.sock' }, { upstream: '# keepalive 100;' },
	]) assert.deepEqual(await warnings(well), [], JSON.stringify(well));
});

test('what is no configuration of nginx is no harm, and a file that is not there is said', async () => {
	const conf = write('kept.conf', good);
	for (const text of ['', '}', '{{{{', '"', "'\\", ';;;', '{'.repeat(5000), 'a '.repeat(5000), '${', 'include loop.conf;', '"'.repeat(100_000), '\0\0', 'http{upstream{}}', 'keepalive;']) {
		const nginx = write('nginx/loop.conf', text);
		const { status, stderr } = await wecomd({}, '-c', conf, 'check', '--nginx', nginx);
		assert.equal(status, 0, `${JSON.stringify(text.slice(0, 20))}: ${stderr}`);
	}
	const gone = await wecomd({}, '-c', conf, 'check', '--nginx', `${folder}/gone.conf`);
	assert.equal(gone.status, 1);
	assert.match(gone.stderr, /gone\.conf cannot be read/);
});

test('sections of a plugin that is off are left alone', async () => {
	const file = write('off.conf', `${good}[plugins]\nghost = off\n[ghost]\nhaunts = yes\n[ghost:attic]\nloud = on\n`);
	const { status, stderr } = await wecomd({}, '-c', file, 'check');
	assert.equal(status, 0, stderr);
});

// --- plugins ---

const withPlugins = (...names) => `[core]
plugin_dir = ${build}/test-plugins
[plugins]
${names.map((name) => `${name} = on`).join('\n')}
`;

test('a plugin built for another host is refused before the rest of it is read', async () => {
	holds(await complaints(withPlugins('wrong-abi')), /wrong-abi\.so: built for plugin interface 2, this host has 1/);
});

test('a plugin that calls a function which the host lacks is refused with the name of the function', async () => {
	holds(await complaints(withPlugins('no-symbol')), /no-symbol.*undefined symbol: wc_no_such_function/);
});

test('plugins that do not fit together are all reported', async () => {
	fs.mkdirSync(path.join(folder, 'mixed'), { recursive: true });
	for (const name of ['plugins/hello', 'test-plugins/clash', 'test-plugins/wrong-abi', 'test-plugins/no-symbol'])
		fs.copyFileSync(`${build}/${name}.so`, path.join(folder, 'mixed', `${path.basename(name)}.so`));
	fs.writeFileSync(path.join(folder, 'mixed/garbage.so'), 'not an ELF file');
	fs.writeFileSync(path.join(folder, 'mixed/other.so'), fs.readFileSync(`${build}/plugins/hello.so`));
	const names = ['hello', 'clash', 'wrong-abi', 'no-symbol', 'garbage', 'other'];
	const lines = await complaints(withPlugins(...names).replace(/plugin_dir.*/, `plugin_dir = ${folder}/mixed`));
	for (const pattern of [
		/\[clash\] number is missing: a number that must be given/,
		/clash needs nobody: set nobody = on/,
		/clash: route GET \/api\/hello\/\{who\} clashes with \/api\/hello\/\{name\} of hello/,
		/clash: route GET \/api\/clash names no role/,
		/clash: job kind other\.work/,
		/clash: tool hello_greet: a name is the plugin's/,
		/clash: tool hello_greet is one of hello already/,
		/clash: tool clash_Loud: a name is the plugin's/,
		/clash: tool clash_roleless names no role/,
		/clash: tool clash_anyone is for anyone, but nobody calls it without credentials/,
		/clash: tool clash_idle does not say whether it reads, changes or reaches out/,
		/clash: tool clash_empty lacks a function or a summary/,
		/clash: tool clash_small has an argument number beyond its args_size/,
		/wrong-abi\.so: built for/,
		/undefined symbol: wc_no_such_function/,
		/garbage\.so/,
		/other\.so: /,
	]) holds(lines, pattern);
});

test('a circle of needs is told with its way, and bad metrics, tools and offers are found, each once', async () => {
	const lines = await complaints(withPlugins('ring-a', 'ring-b', 'offerer'));
	const found = lines.filter((line) => line.startsWith('plugin')).sort();
	assert.deepEqual(found, [
		"plugin ring-a: metric ring a: its name is not one of Prometheus'",
		"plugin ring-a: tool ring-a_turn: a name is the plugin's, '_', and lower-case letters, digits and '_', 64 bytes at most",
		'plugin ring-b: metric messages_total is declared by core already',
		'plugin ring-b: offer nothing lacks a version or a table',
		'plugins need each other in a circle: ring-a needs ring-b needs ring-a',
	]);
});

test('a plugin that another needs is asked for once, and not when it was refused for a reason of its own', async () => {
	holds(await complaints(withPlugins('asker')), /^plugin asker needs offerer: set offerer = on in \[plugins\]$/);
	fs.mkdirSync(path.join(folder, 'needs'), { recursive: true });
	fs.copyFileSync(`${build}/test-plugins/asker.so`, path.join(folder, 'needs/asker.so'));
	fs.writeFileSync(path.join(folder, 'needs/offerer.so'), 'not an ELF file');
	const lines = await complaints(withPlugins('asker', 'offerer').replace(/plugin_dir.*/, `plugin_dir = ${folder}/needs`));
	assert.ok(!lines.some((line) => line.includes('asker needs')), lines.join('\n'));
	holds(lines, /offerer/);
});

test('needs decide the order of starting; an offer in another version is refused with its number', async () => {
	const own = tempFolder();
	for (const name of ['asker', 'offerer']) fs.copyFileSync(`${build}/test-plugins/${name}.so`, path.join(own, `${name}.so`));
	const child = (version) => {
		const file = write(`asker-${version}.conf`, `[core]\nplugin_dir = ${own}\n[plugins]\nhello = off\nsmartbot = off\nasker = on\nofferer = on\n[asker]\nversion = ${version}\n[web]\nthreads = 1\n`);
		return run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', file, 'child', 'web'], { env: system.env });
	};
	const wrong = await child(1);
	assert.match(wrong.stderr, /plugin asker: offerer has no sums in version 1/);
	const right = await child(2);
	assert.doesNotMatch(right.stderr, /plugin asker/);
	assert.match(right.stderr, /without a listening socket/);
	removeFolder(own);
});

test('a bot that names no model, or a key of the wrong length, is refused', async () => {
	const bot = (key, model) => `${good}[plugins]\nsmartbot = on\n[smartbot:b]\ntoken = t\naes_key = ${key}\naibotid = a\nmodel = ${model}\nprompt = p\n`;
	const model = '[model:m]\nbase = http://127.0.0.1/v1\nmodel = m\n';
	const key = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C';
	holds(await complaints(bot(key, 'nobody') + model), /smartbot:b.*nobody/);
	for (const wrong of [key.slice(1), `${key}A`, `${key.slice(1)}$$`, `${key.slice(1)}=`])
		holds(await complaints(bot(wrong, 'm') + model), /smartbot:b/);
	assert.equal((await wecomd({}, '-c', write('bot.conf', bot(key, 'm') + model), 'check')).status, 0);
});

test('plugins and routes list what is loaded', async () => {
	const plugins = (await system.wecomd('plugins')).stdout;
	assert.match(plugins, /^hello\s+Greets by name$/m);
	assert.match(plugins, /^smartbot\s+\S/m);
	assert.match(plugins, /^ +tool hello_greet: Greets one person$/m);
	const tools = (await system.wecomd('tools')).stdout;
	assert.match(tools, /^hello_greet +viewer +reads +hello +Greets one person$/m);
	assert.match(tools, /^smartbot_ask +operator +reaches out +smartbot +\S/m);
	assert.match(tools, /^jobs_retry +operator +changes +core +\S/m);
	const routes = (await system.wecomd('routes')).stdout.trim().split('\n').map((line) => line.split(/\s+/).slice(0, 4).join(' '));
	for (const route of [
		'GET /health anyone core',
		'GET /ready anyone core',
		'GET /wecom/callback/{name} anyone core',
		'POST /wecom/callback/{name} anyone core',
		'GET /api/hello/{name} viewer hello',
	]) assert.ok(routes.includes(route), `${route} is missing:\n${routes.join('\n')}`);
});

test('migrate can be run again and changes nothing', async () => {
	const before = await system.sql('SELECT * FROM schema_migration');
	const { status, stdout } = await system.wecomd('migrate');
	assert.equal(status, 0);
	assert.match(stdout, /up to date/);
	assert.deepEqual(await system.sql('SELECT * FROM schema_migration'), before);
	assert.ok(before.length >= 3);
});

// --- who may call what ---

async function newKey(name, role) {
	const { status, stdout, stderr } = await system.wecomd('key', 'add', '--name', name, '--role', role);
	assert.equal(status, 0, stderr);
	return stdout.trim();
}

const hello = (name, key) => system.get(`/api/hello/${encodeURIComponent(name)}`, key ? { headers: { Authorization: `Bearer ${key}` } } : {});

function isProblem(answer, status, code) {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.headers['content-type'], /^application\/problem\+json/);
	const problem = answer.json;
	assert.equal(problem.status, status);
	if (code) assert.equal(problem.code, code);
	assert.match(problem.trace_id, /^[0-9a-f]{32}$/);
}

test('hello greets who has a key, in any role, and nobody else', async () => {
	for (const role of ['viewer', 'operator', 'approver', 'admin']) {
		const key = await newKey(`a ${role}`, role);
		const answer = await hello('小明 & co', key);
		assert.equal(answer.status, 200);
		assert.match(answer.headers['content-type'], /^application\/json/);
		assert.match(answer.json.text, /小明 & co$/);
	}
	isProblem(await hello('x'), 401);
	const key = await newKey('right', 'viewer');
	for (const wrong of [`${key}0`, key.slice(0, -1), key.toUpperCase(), 'wck_', `wck_${'0'.repeat(64)}`])
		isProblem(await hello('x', wrong), 401);
	assert.equal((await hello('x')).headers['www-authenticate'], 'Bearer');
});

test('a key is shown once and kept as a hash; its name can be taken once, its role must be one', async () => {
	const key = await newKey('only one', 'viewer');
	assert.match(key, /^wck_[0-9a-f]{64}$/);
	assert.equal(await system.number(`SELECT COUNT(*) FROM api_key WHERE key_hash = '${key}' OR HEX(key_hash) = UPPER('${key.slice(4)}')`), 0);
	const again = await system.wecomd('key', 'add', '--name', 'only one', '--role', 'viewer');
	assert.notEqual(again.status, 0);
	assert.match(again.stderr, /only one/);
	for (const role of ['', 'anyone', 'root']) assert.notEqual((await system.wecomd('key', 'add', '--name', `r${role}`, '--role', role)).status, 0);
});

test('what is not there is 404, a wrong method 405, both as problem+json', async () => {
	const key = await newKey('curious', 'admin');
	const headers = { Authorization: `Bearer ${key}` };
	for (const at of ['/api/', '/api/nothing', '/api/hello', '/api/hello/', '/api/hello/a/b', '/wecom/', '/wecom/callback/', '/wecom/nothing'])
		isProblem(await system.get(at, { headers }), 404, 'not_found');
	const wrong = await system.get('/api/hello/x', { method: 'DELETE', headers });
	isProblem(wrong, 405, 'method_not_allowed');
	assert.match(wrong.headers.allow, /GET/);
	isProblem(await system.get('/wecom/callback/helpdesk', { method: 'PUT' }), 405);
	isProblem(await system.get('/health', { method: 'POST', body: 'x' }), 405);
});

test('a path that is not well encoded is refused and harms nothing', async () => {
	const key = await newKey('clumsy', 'viewer');
	for (const name of ['%', '%4', '%zz', '%00', '%ff%fe', 'a%2Fb', '%2e%2e', 'x'.repeat(9000)]) {
		const { status } = await system.get(`/api/hello/${name}`, { headers: { Authorization: `Bearer ${key}` } });
		assert.ok(status < 500, `${name.slice(0, 20)} gave ${status}`);
	}
	assert.equal((await hello('still here', key)).status, 200);
});

test('health and readiness are open to everybody', async () => {
	const health = await system.get('/health');
	assert.equal(health.status, 200);
	assert.deepEqual(health.json, { status: 'ok' });
	assert.equal((await system.get('/ready')).status, 200);
});

// --- the pages ---

test('the root leads to the phone; pages carry a strict policy, files with a hash are kept', async () => {
	const rootPage = await system.get('/');
	assert.equal(rootPage.status, 302);
	assert.equal(rootPage.headers.location, '/phone/');
	const page = await system.get('/phone/');
	assert.equal(page.status, 200);
	assert.equal(page.headers['cache-control'], 'no-cache');
	assert.match(page.headers['content-security-policy'], /^default-src 'none'; script-src 'self'; style-src 'self';/);
	assert.equal(page.headers['x-content-type-options'], 'nosniff');
	const [script] = page.text.match(/assets\/[^"]+\.js/);
	const file = await system.get(`/${script}`);
	assert.equal(file.status, 200);
	assert.match(file.headers['content-type'], /javascript/);
	assert.match(file.headers['cache-control'], /immutable/);
	assert.equal((await system.get('/assets/')).status, 403);
	assert.equal((await system.get('/.sources')).status, 404);
});
