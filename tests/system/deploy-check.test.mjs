// The sample configurations, and what `wecomd check` says about the mistakes that people make: file, line, and what mends it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, removeFolder, root, run, tempFolder } from './harness.mjs';

let folder;
before(() => {
	folder = tempFolder();
	fs.writeFileSync(path.join(folder, 'keys'), `1 ${'ab'.repeat(32)}\n`, { mode: 0o600 });
});
after(() => removeFolder(folder));

const check = (file, mine, env = {}) => run(path.join(build, 'wecomd'), ['-c', file, ...mine ? ['-c', mine] : [], 'check'], { env });

const values = {
	LLM_API_BASE: 'https://llm.example/v1', SPARE_API_BASE: 'https://spare.example/v1', BOT_TOKEN: 'QDG6eK',
	BOT_AES_KEY: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C', CORP_ID: 'ww0123456789abcdef', APP_AGENT_ID: '1000002',
};

for (const [sample, found] of [['small', 'ok: 2 plugins, 1 model\n'], ['three-nodes', 'ok: 1 plugin, 2 models\n']]) {
	test(`the sample ${sample} is right behind wecomd.conf once wecomd.env is filled in, and wecomd.env names all that it needs`, async () => {
		const own = path.join(folder, sample), from = path.join(root, 'etc/samples', sample);
		const text = (file) => fs.readFileSync(file, 'utf8').replaceAll('/etc/wecomd/', `${own}/`);
		fs.mkdirSync(path.join(own, 'conf.d'), { recursive: true });
		const conf = path.join(own, 'wecomd.conf'), company = path.join(own, 'conf.d/company.conf'), env = path.join(own, 'wecomd.env');
		fs.writeFileSync(conf, text(path.join(root, 'etc/wecomd.conf')));
		fs.writeFileSync(company, text(path.join(from, 'wecomd.conf')));
		fs.writeFileSync(path.join(own, 'db-password'), 'secret\n', { mode: 0o640 });
		const mine = path.join(folder, 'mine.conf');
		fs.writeFileSync(mine, `[core]\nplugin_dir = ${build}/plugins\n[crypt]\nkey_file = ${folder}/keys\n`);
		const unfilled = fs.readFileSync(path.join(from, 'wecomd.env'), 'utf8'), names = unfilled.match(/^[A-Z_]+(?==$)/gm);
		fs.writeFileSync(env, `# filled in\n${names.map((name) => `${name}=${values[name] ?? '"something"'}\n`).join('')}`);
		fs.chmodSync(env, 0o640);
		assert.deepEqual([...new Set(fs.readFileSync(company, 'utf8').match(/(?<=\$\{)\w+/g))].sort(), [...names].sort());
		const { status, stdout, stderr } = await check(conf, mine);
		assert.equal(status, 0, stderr);
		assert.equal(stdout, found);
		// The environment itself comes first.
		const other = await check(conf, mine, { BOT_AES_KEY: 'short' });
		assert.match(other.stderr, /company\.conf:\d+: \[smartbot:helpdesk\] aes_key: expected /);
		fs.chmodSync(env, 0o644);
		assert.match((await check(conf, mine)).stderr, /wecomd\.env: open to everybody \(mode 0644\), and it holds secrets: chmod 640/);
		fs.chmodSync(env, 0o640);
		fs.appendFileSync(env, 'no equals sign\n');
		assert.match((await check(conf, mine)).stderr, /wecomd\.env:\d+: expected NAME=value/);
	});
}

test('behind wecomd.conf the sample of three nodes goes to its databases over the network', () => {
	const set = (file) => Object.fromEntries([...fs.readFileSync(path.join(root, file), 'utf8').split('[db]')[1].split('\n[')[0].matchAll(/^(\w+) = ?(.*)$/gm)]
		.map(([, name, value]) => [name, value]));
	const merged = { ...set('etc/wecomd.conf'), ...set('etc/samples/three-nodes/wecomd.conf') };
	assert.equal(merged.socket, '');
	assert.match(merged.host, /^db1\.intra,/);
});

// A new plugin brings its own; the simulator is no part of a company's set-up.
for (const name of fs.readdirSync(path.join(root, 'plugins')).filter((one) => one !== 'simulator')) {
	test(`the plugin ${name} has a sample of its settings, which is right behind wecomd.conf once its variables are set`, async () => {
		const sample = fs.readFileSync(path.join(root, 'etc/conf.d', `${name}.conf`), 'utf8');
		assert.match(sample, new RegExp(`^\\[plugins\\]\n${name} = on$`, 'm'));
		const own = path.join(folder, `sample-${name}`);
		fs.mkdirSync(path.join(own, 'conf.d'), { recursive: true });
		fs.writeFileSync(path.join(own, 'db-password'), 'secret\n', { mode: 0o640 });
		fs.writeFileSync(path.join(own, 'wecomd.conf'), fs.readFileSync(path.join(root, 'etc/wecomd.conf'), 'utf8').replaceAll('/etc/wecomd/', `${own}/`));
		fs.writeFileSync(path.join(own, `conf.d/${name}.conf`), sample);
		fs.writeFileSync(path.join(own, 'conf.d/model.conf'), `[core]\nplugin_dir = ${build}/plugins\n[crypt]\nkey_file = ${folder}/keys\n[model:main]\nbase = https://llm.example/v1\nmodel = m\n`);
		const names = sample.match(/(?<=\$\{)\w+/g) ?? [];
		const env = Object.fromEntries(names.map((one) => [one, /AES/.test(one) ? values.BOT_AES_KEY : /AGENT/.test(one) ? values.APP_AGENT_ID : /CRON/.test(one) ? '*/10 * * * *' : 'something']));
		const { status, stdout, stderr } = await check(path.join(own, 'wecomd.conf'), '', env);
		assert.equal(status, 0, stderr);
		assert.equal(stdout, 'ok: 1 plugin, 1 model\n');
	});
}

let number = 0;
async function mistakes(text) {
	const file = path.join(folder, `mistake-${++number}.conf`);
	fs.writeFileSync(file, text);
	const { status, stderr } = await check(file);
	assert.equal(status, 1, stderr);
	return stderr.replaceAll(file, 'it').trim().split('\n').slice(0, -1);
}

const good = (more = '') => `[core]
plugin_dir = ${build}/plugins
[db]
socket = /s
user = u
name = n
[crypt]
key_file = ${folder}/keys
[web]
threads = 8
[model:main]
base = https://llm.example/v1
model = m
${more}`;
const bot = (more) => `[plugins]\nsmartbot = on\n[smartbot:helpdesk]\ntoken = t\naes_key = ${values.BOT_AES_KEY}\n${more}`;

// Each is one line, and the only one.
const built = fs.readdirSync(path.join(build, 'plugins')).filter((name) => name.endsWith('.so')).map((name) => name.slice(0, -3)).sort().join(', ');

const cases = [
	['a misspelt setting', good().replace('threads', 'threds'), /^it:10: \[web\] threds: no such setting; did you mean threads\?$/],
	['a setting that is nothing of the kind', good('[crypt]\ncolour = red\n'), /^it:15: \[crypt\] colour: no such setting; there are: key_file$/],
	['a misspelt section', good('[wroker]\nthreads = 3\nprocesses = 1\n'), /^it:15: \[wroker\]: no such section; did you mean \[worker\]\?$/],
	['a section of nobody', good('[lighthouse]\nlamp = 3\n'), /^it:15: \[lighthouse\]: no such section$/],
	['a plugin that was not switched on', good('[smartbot:helpdesk]\ntoken = t\nmodel = main\n'),
		/^it:15: \[smartbot:helpdesk\]: plugin smartbot is not on; set smartbot = on in \[plugins\], or off/],
	['a misspelt plugin', good('[plugins]\nsmart-bot = on\n'), new RegExp(`^it:15: \\[plugins\\] smart-bot: there is no \\S+/smart-bot\\.so\\. There are: ${built}$`)],
	['a required setting that is missing', good(`[plugins]\nsmartbot = on\n[smartbot:helpdesk]\ntoken = t\nmodel = main\n`), /^it:17: \[smartbot:helpdesk\] aes_key is missing: EncodingAESKey/],
	['an EncodingAESKey that was cut', good(bot('model = main\n').replace(/aes_key = ...../, 'aes_key = ')), /^it:18: \[smartbot:helpdesk\] aes_key: expected 43 bytes$/],
	['a model that does not exist', good(bot('model = mian\n')), /^it:19: \[smartbot:helpdesk\] model: there is no section \[model:mian\]$/],
	['a variable that is not set', good().replace('= m\n', '= ${NO_SUCH_THING}\n'), /^it:13: the environment has no NO_SUCH_THING; set it, or write NO_SUCH_THING=… into the file wecomd\.env/],
	['a secret file that is not there', good('[wecom:app]\ncorp_id = c\nsecret = @/no/such/file\n'), /^it:16: \/no\/such\/file: No such file or directory; write the value there: install -o root -g wecomd -m 640 \/dev\/stdin \/no\/such\/file$/],
	['a socket without unix:', good().replace('threads = 8', 'listen = /run/wecomd.sock'), /^it:10: \[web\] listen: expected unix:\/path or tcp:ADDRESS:PORT, found "\/run\/wecomd\.sock"$/],
	['a number with a word', good().replace('threads = 8', 'threads = eight'), /^it:10: \[web\] threads: expected a whole number$/],
	['a time without a unit', good('[worker]\nlease = 30\n'), /^it:15: \[worker\] lease: expected /],
	['a line without an equals sign', good('[worker]\nlease 30s\n'), /^it:15: neither \[section\] nor name = value; an indented line/],
	['a choice that is none', good('[log]\nlevel = verbose\n'), /^it:15: \[log\] level: expected one of debug\|info\|warn\|error$/],
	['a time zone by name', good('').replace('[core]', '[core]\ntime_zone = Asia/Shanghai'), /^it:2: \[core\] time_zone: /],
	['a proxy list that is none', good().replace('threads = 8', 'trusted_proxies = everybody'), /^it:10: \[web\] trusted_proxies: /],
	['a key file that is not there', good().replace(/key_file = .*/, 'key_file = /no/such/keys'), /^it:8: \[crypt\] key_file: key file: \/no\/such\/keys: No such file or directory; a new one: \(umask 077 && echo/],
];

for (const [what, text, pattern] of cases)
	test(`check explains ${what}`, async () => {
		const lines = await mistakes(text);
		assert.equal(lines.filter((line) => pattern.test(line)).length, 1, lines.join('\n'));
		if (!/secret file|variable/.test(what)) assert.equal(lines.length, 1, lines.join('\n'));
	});

test('check names the lines of wecomd.env that nobody has filled in', async () => {
	const own = path.join(folder, 'unfilled');
	fs.mkdirSync(own);
	fs.writeFileSync(path.join(own, 'wecomd.env'), 'MODEL_NAME=\n', { mode: 0o640 });
	fs.writeFileSync(path.join(own, 'it.conf'), good().replace('model = m', 'model = ${MODEL_NAME}'));
	const { status, stderr } = await check(path.join(own, 'it.conf'));
	assert.equal(status, 1);
	assert.match(stderr, /it\.conf:13: \[model:main\] model: expected 1 to 200 bytes; \$\{MODEL_NAME\} is empty: fill it in, in wecomd\.env\n1 problem\n$/);
});

test('check run by somebody who may not read says so, and nothing that follows from it', async () => {
	const closed = path.join(folder, 'closed.conf');
	fs.writeFileSync(closed, good(), { mode: 0 });
	fs.chmodSync(folder, 0o711);
	const nobody = process.getuid() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['env'];
	const { status, stderr } = await run(nobody[0], [...nobody.slice(1), path.join(build, 'wecomd'), '-c', closed, 'check']);
	assert.equal(status, 1);
	assert.match(stderr, /^\S+closed\.conf: Permission denied; run this as wecomd's user: runuser -u wecomd -- wecomd …\n1 problem\n$/);
});

test('check explains a key file that others can read, by the command that mends it', async () => {
	fs.writeFileSync(path.join(folder, 'open.keys'), `1 ${'cd'.repeat(32)}\n`, { mode: 0o644 });
	const [line] = await mistakes(good().replace(`${folder}/keys`, `${folder}/open.keys`));
	assert.match(line, /^it:8: \[crypt\] key_file: .*open\.keys: open to group or others \(mode 0644\).*chmod 600$/);
});
