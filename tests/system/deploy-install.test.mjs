// What `make install` lays out, what of it another build needs, and what a reload meets after an upgrade.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, removeFolder, root, run, tempFolder } from './harness.mjs';

let folder;
const at = (name) => path.join(folder, 'usr/local', name);
const make = (...more) => run('make', ['-s', 'install', `B=${path.relative(root, build)}`, `DESTDIR=${folder}`, ...more]);

before(async () => {
	folder = tempFolder();
	const { status, stderr } = await make();
	assert.equal(status, 0, stderr);
});
after(() => removeFolder(folder));

function filesBelow(top) {
	return fs.readdirSync(top, { withFileTypes: true }).flatMap((entry) => {
		const name = path.join(top, entry.name);
		return entry.isDirectory() ? filesBelow(name) : [name];
	});
}

test('everything that runs is installed, under DESTDIR alone, with sober modes', () => {
	for (const name of ['bin/wecomd', 'lib/wecomd/plugins/hello.so', 'lib/wecomd/plugins/smartbot.so', 'share/wecomd/sql/core/0001_inbox_and_jobs.sql',
		'share/wecomd/sql/smartbot/0001_bots_and_streams.sql', 'include/wecomd/plugin.h', 'lib/systemd/system/wecomd.service',
		'lib/sysusers.d/wecomd.conf', 'lib/tmpfiles.d/wecomd.conf', 'share/doc/wecomd/examples/nginx/wecomd.conf',
		'share/doc/wecomd/examples/apache/wecomd-proxy-fcgi.conf', 'share/doc/wecomd/examples/spawn-fcgi/wecomd',
		'share/wecomd/htdocs/phone/index.html']) assert.ok(fs.existsSync(at(name)), name);
	assert.deepEqual(fs.readdirSync(folder).sort(), ['etc', 'usr']);
	const sources = fs.readdirSync(path.join(root, 'plugins')).map((name) => `${name}.so`).sort();
	assert.deepEqual(fs.readdirSync(at('lib/wecomd/plugins')).sort(), sources);
	for (const [from, to] of [['sql', 'share/wecomd/sql'], ['etc/conf.d', 'share/doc/wecomd/examples/conf.d'], ['etc/samples', 'share/doc/wecomd/examples/samples']])
		assert.deepEqual(filesBelow(at(to)).map((file) => path.relative(at(to), file)).sort(), filesBelow(path.join(root, from)).map((file) => path.relative(path.join(root, from), file)).sort());
	for (const name of fs.readdirSync(path.join(root, 'plugins')).filter((one) => fs.existsSync(path.join(root, 'plugins', one, 'README.md'))))
		assert.ok(fs.existsSync(at(`share/doc/wecomd/plugins/${name}.md`)), name);
	for (const file of filesBelow(folder)) {
		const mode = fs.statSync(file).mode & 0o7777;
		assert.ok([0o644, 0o755].includes(mode), `${file}: ${mode.toString(8)}`);
		assert.doesNotMatch(path.basename(file), /^\./);
	}
});

test('samples and units name the places of the prefix', () => {
	const unit = fs.readFileSync(at('lib/systemd/system/wecomd.service'), 'utf8');
	assert.match(unit, /^ExecStart=\/usr\/local\/bin\/wecomd -c \/etc\/wecomd\/wecomd\.conf serve$/m);
	for (const file of filesBelow(at('share/doc/wecomd/examples')))
		assert.doesNotMatch(fs.readFileSync(file, 'utf8'), /\/usr\/(bin|share|lib)\/wecomd/, file);
});

test('a configuration that is there stays', async () => {
	const conf = path.join(folder, 'etc/wecomd/wecomd.conf');
	assert.equal(fs.readFileSync(conf, 'utf8').replaceAll('/usr/local/', '/usr/'), fs.readFileSync('etc/wecomd.conf', 'utf8'));
	fs.writeFileSync(conf, 'mine\n');
	assert.equal((await make()).status, 0);
	assert.equal(fs.readFileSync(conf, 'utf8'), 'mine\n');
});

test('a plugin of one\'s own is built with what is installed, and loaded', async () => {
	const env = { PKG_CONFIG_PATH: at('lib/pkgconfig'), PKG_CONFIG_SYSROOT_DIR: folder };
	const config = (...args) => run('pkg-config', [...args, 'wecomd'], { env });
	const flags = await config('--cflags');
	assert.equal(flags.status, 0, flags.stderr);
	assert.ok((await config('--variable=plugindir')).stdout.trim().endsWith('/usr/local/lib/wecomd/plugins'));
	const plugins = path.join(folder, 'own');
	fs.mkdirSync(plugins);
	const built = await run('sh', ['-c', `cc -std=gnu2x -D_GNU_SOURCE -fPIC -fvisibility=hidden -shared ${flags.stdout.trim()} -o ${plugins}/hello.so plugins/hello/*.c`]);
	assert.equal(built.status, 0, built.stderr);
	if (/address|undefined/.test(process.env.SAN ?? '')) return;
	const conf = path.join(folder, 'own.conf');
	fs.writeFileSync(conf, `[core]\nplugin_dir = ${plugins}\n[db]\nuser = x\nname = x\n[crypt]\nkey_file = /nowhere\n[plugins]\nhello = on\n`);
	const listed = await run(at('bin/wecomd'), ['-c', conf, 'plugins']);
	assert.match(listed.stdout, /^hello +Greets by name$/m, listed.stderr);
});

// After an upgrade the master is still the old program, its children are the new one.
test('a child that finds its master\'s memory laid out in another way ends with the remedy', async () => {
	const shared = path.join(folder, 'shared'), conf = path.join(folder, 'child.conf');
	fs.writeFileSync(conf, '[db]\nuser = x\nname = x\n[crypt]\nkey_file = /nowhere\n');
	for (const bytes of [Buffer.alloc(16), Buffer.alloc(1 << 21)]) {
		fs.writeFileSync(shared, bytes);
		const file = fs.openSync(shared, 'r+');
		const child = spawn(path.join(build, 'wecomd'), ['-c', conf, 'child', 'web'], { stdio: ['ignore', 'ignore', 'pipe', file], env: { ...process.env, WECOMD_SHARED_FD: '3' } });
		let said = '';
		child.stderr.on('data', (piece) => { said += piece; });
		const status = await new Promise((resolve) => { child.on('close', resolve); });
		fs.closeSync(file);
		assert.equal(status, 1);
		assert.match(said, /shares memory in another way: a reload is not enough, restart wecomd/);
	}
});
