// Backup while people write, restore into another schema, and what a key file has to do with it.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, removeFolder, run, startSystem, tempFolder, textMessage, waitFor } from './harness.mjs';

let system, folder, other;
const word = `密封的话-${crypto.randomBytes(6).toString('hex')}`;
const at = (name) => path.join(folder, name);
const conf = (name, text) => {
	fs.writeFileSync(at(name), text);
	return ['-c', 'etc/demo/wecomd.conf', '-c', at(name)];
};
const wecomd = (files, ...args) => run(path.join(build, 'wecomd'), [...files, ...args], { env: system.env });

before(async () => {
	folder = tempFolder();
	system = await startSystem();
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
	for (let i = 0; i < 5; i++) {
		const { reply } = await system.callback(textMessage(`${word} ${i}`, { bot: system.bot }));
		await system.finished(reply.stream.id);
	}
	await system.jobsAreDone();
	await waitFor('the chain of the audit trail', async () => await system.number('SELECT COUNT(*) FROM audit_log WHERE seq IS NULL') === 0);
	await system.sql('CREATE DATABASE wecomd_two CHARACTER SET utf8mb4; GRANT ALL ON wecomd_two.* TO wecomd@localhost', { schema: '' });
	other = conf('other.conf', '[db]\nname = wecomd_two\n');
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

async function tables(schema) {
	return (await system.sql(`SELECT table_name FROM information_schema.tables WHERE table_schema = '${schema}' ORDER BY 1`)).map(([name]) => name);
}

// What changes by itself while wecomd runs.
const restless = ['process', 'lease', 'api_token', 'timer', 'audit_chain', 'wecom_callback_address'];

const ends = async (result, status, pattern) => {
	assert.equal(result.status, status, result.stdout + result.stderr);
	assert.match(result.stdout + result.stderr, pattern);
};

test('a command on a schema that was never made says what makes it', async () => {
	await ends(await wecomd(other, 'user', 'add', '--name', 'early', '--role', 'admin'), 1, /is missing; run: wecomd migrate$/m);
});

test('where a socket and a host are set every command goes by the socket', async () => {
	const both = conf('both.conf', '[db]\nname = wecomd_two\nhost = nowhere.invalid\n');
	await ends(await wecomd(both, 'user', 'add', '--name', 'early', '--role', 'admin'), 1, /is missing; run: wecomd migrate$/m);
});

test('a backup is a folder for its owner alone, without a key and without what is sealed in the clear', async () => {
	await ends(await system.wecomd('backup', '--to', at('one')), 0, /the key file .* is not in it/);
	assert.deepEqual(fs.readdirSync(at('one')).sort(), ['backup.json', 'database.sql']);
	assert.equal(fs.statSync(at('one')).mode & 0o777, 0o700);
	for (const name of ['backup.json', 'database.sql']) {
		const text = fs.readFileSync(path.join(at('one'), name), 'latin1');
		assert.equal(fs.statSync(path.join(at('one'), name)).mode & 0o777, 0o600);
		const key = fs.readFileSync(path.join(system.state, 'wecomd.keys'), 'latin1').split(' ')[1].slice(0, 64);
		for (const secret of [key, key.toUpperCase(), Buffer.from(word).toString('latin1'), Buffer.from(word).toString('hex').toUpperCase()])
			assert.ok(!text.includes(secret), `${name} holds a secret`);
	}
	const manifest = JSON.parse(fs.readFileSync(path.join(at('one'), 'backup.json'), 'utf8'));
	assert.equal(manifest.sha256, crypto.createHash('sha256').update(fs.readFileSync(path.join(at('one'), 'database.sql'))).digest('hex'));
	assert.deepEqual(manifest.keys, [1]);
	await ends(await system.wecomd('backup', '--to', at('one')), 1, /not empty; a backup gets a folder of its own/);
});

test('restored into another schema every table is the same, and the sealed data opens with the key', async () => {
	const told = await wecomd(other, 'restore', '--from', at('one'));
	assert.equal(told.status, 0, told.stderr);
	assert.match(told.stdout, /^made at +20.*\nof schema +wecomd on MariaDB 1/);
	assert.match(told.stdout, /core up to 00\d\d smartbot up to 00\d\d/);
	assert.match(told.stdout, /^inbox_event +5 rows$/m);
	const names = await tables('wecomd');
	assert.deepEqual(await tables('wecomd_two'), names);
	const quiet = names.filter((one) => !restless.includes(one));
	const sums = async (schema) => (await system.sql(`CHECKSUM TABLE ${quiet.map((name) => `${schema}.${name}`).join(', ')} EXTENDED`))
		.map(([name, sum]) => [name.replace(/.*\./, ''), sum]);
	assert.deepEqual(await sums('wecomd_two'), await sums('wecomd'));
	const shapes = async (schema) => (await system.sql(names.map((name) => `SHOW CREATE TABLE ${schema}.${name};`).join('\n')))
		.map(([, text]) => text.replace(/AUTO_INCREMENT=\d+ /, ''));
	assert.deepEqual(await shapes('wecomd_two'), await shapes('wecomd'));
	await ends(await wecomd(other, 'migrate'), 0, /^the schema is up to date/);
	// What reads sealed columns: sealing them anew opens each row.
	await ends(await wecomd(other, 'key', 'reseal', '--now'), 0, /inbox_event\.payload +\d+ rows sealed anew/);
	await ends(await wecomd(other, 'audit', 'verify'), 0, /./);
});

test('with another key nothing opens: restore refuses, and --list says it', async () => {
	fs.writeFileSync(at('foreign.keys'), `1 ${crypto.randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
	const foreign = conf('foreign.conf', `[db]\nname = wecomd_two\n[crypt]\nkey_file = ${at('foreign.keys')}\n`);
	await ends(await wecomd(foreign, 'restore', '--from', at('one'), '--force'), 1, /key file .*foreign\.keys does not open this backup/);
	await ends(await wecomd(foreign, 'restore', '--from', at('one'), '--list'), 0, /DOES NOT OPEN/);
	await ends(await wecomd(other, 'restore', '--from', at('one'), '--list'), 0, /this key file opens it/);
	await ends(await wecomd(foreign, 'restore', '--from', at('one'), '--force', '--without-key'), 0, /restored/);
	const [[payload]] = await system.sql('SELECT HEX(payload) FROM wecomd_two.inbox_event LIMIT 1');
	assert.ok(payload.startsWith('010001'), payload.slice(0, 10));     // still sealed under key 1
	await system.sql("UPDATE inbox_event SET payload = CONCAT(UNHEX('010007'), SUBSTRING(payload, 4))", { schema: 'wecomd_two' });     // so that resealing looks at it
	await ends(await wecomd(foreign, 'key', 'reseal', '--now'), 1, /rows do not open/);
});

test('a schema with something in it is not touched, unless --force says so', async () => {
	await system.sql('CREATE TABLE IF NOT EXISTS mine (a INT); INSERT INTO mine VALUES (1)', { schema: 'wecomd_two' });
	await ends(await wecomd(other, 'restore', '--from', at('one')), 1, /the schema is not empty: it has \d+ tables/);
	assert.equal(await system.number('SELECT COUNT(*) FROM mine', { schema: 'wecomd_two' }), 1);
	await ends(await wecomd(other, 'restore', '--from', at('one'), '--force'), 0, /restored/);
	assert.ok(!(await tables('wecomd_two')).includes('mine'));
});

test('a schema on which wecomd runs is not touched at all', async () => {
	const before = await system.number('SELECT COUNT(*) FROM inbox_event');
	await ends(await system.wecomd('restore', '--from', at('one'), '--force'), 1, /wecomd runs on this schema \(node .*\): stop it on every node first/);
	assert.equal(await system.number('SELECT COUNT(*) FROM inbox_event'), before);
});

test('what was changed, is cut, newer than the program or no backup at all is refused before anything is lost', async () => {
	const copy = (name) => {
		fs.cpSync(at('one'), at(name), { recursive: true });
		return at(name);
	};
	const edit = (name, change) => {
		const file = path.join(copy(name), 'backup.json'), manifest = JSON.parse(fs.readFileSync(file, 'utf8'));
		change(manifest);
		fs.writeFileSync(file, JSON.stringify(manifest));
		return at(name);
	};
	const before = await tables('wecomd_two');
	fs.appendFileSync(path.join(copy('longer'), 'database.sql'), 'DROP TABLE mine;\n');
	fs.truncateSync(path.join(copy('cut'), 'database.sql'), 1000);
	fs.rmSync(path.join(copy('half'), 'database.sql'));
	fs.writeFileSync(path.join(copy('noise'), 'backup.json'), '{"format":');
	const newer = edit('newer', (m) => m.migrations.push({ owner: 'core', number: 9999, checksum: 'x' }));
	const texts = edit('texts', (m) => { m.migrations[0].checksum = '0'.repeat(64); });
	const shape = edit('shape', (m) => { m.migrations[0] = {}; });
	const format = edit('format', (m) => { m.format = 2; });
	for (const [from, pattern] of [[at('longer'), /it was changed or cut/], [at('cut'), /it was changed or cut/], [at('half'), /database\.sql: No such file/],
		[at('noise'), /backup\.json/], [newer, /the backup: the schema is newer than the program: core 9999/], [texts, /the backup: migration .* was changed/],
		[shape, /migration 0 is not whole/], [format, /one of a newer release/], [at('nowhere'), /nowhere\/backup\.json: No such file/]])
		await ends(await wecomd(other, 'restore', '--from', from, '--force'), 1, pattern);
	assert.deepEqual(await tables('wecomd_two'), before);
	await ends(await wecomd(other, 'restore'), 2, /usage/);
	await ends(await wecomd(other, 'backup'), 2, /usage/);
});

test('the key file is copied to another place, and to the same only when asked', async () => {
	await ends(await system.wecomd('backup', '--to', at('two'), '--keys-to', at('two/keys')), 1, /the keys would lie with the data/);
	await ends(await system.wecomd('backup', '--to', at('two'), '--keys-to', at('two')), 1, /the keys would lie with the data/);
	fs.mkdirSync(at('safe'));
	fs.symlinkSync(at('two'), at('link'));
	await ends(await system.wecomd('backup', '--to', at('two'), '--keys-to', at('link')), 1, /the keys would lie with the data/);
	assert.ok(!fs.existsSync(at('two')), 'what failed is left behind');
	await ends(await system.wecomd('backup', '--to', at('two'), '--keys-to', at('safe')), 0, /a copy of the key file/);
	assert.equal(fs.readFileSync(at('safe/keys'), 'utf8'), fs.readFileSync(path.join(system.state, 'wecomd.keys'), 'utf8'));
	assert.equal(fs.statSync(at('safe/keys')).mode & 0o777, 0o600);
	await ends(await system.wecomd('backup', '--to', at('three'), '--keys-to', at('three/keys'), '--together'), 0, /./);
});

test('a backup while callbacks come in is of one moment: each event has its job', async () => {
	let done = false, sent = 0;
	const writing = (async () => {
		while (!done) {
			await Promise.all(Array.from({ length: 6 }, () => system.callback(textMessage('währenddessen', { bot: system.bot }))));
			sent += 6;
		}
	})();
	await waitFor('some callbacks', () => sent > 30);
	await ends(await system.wecomd('backup', '--to', at('busy')), 0, /database\.sql/);
	done = true;
	await writing;
	await ends(await wecomd(other, 'restore', '--from', at('busy'), '--force'), 0, /restored/);
	const options = { schema: 'wecomd_two' };
	const events = await system.number('SELECT COUNT(*) FROM inbox_event', options);
	assert.ok(events > 5 && events <= 5 + sent);
	assert.equal(await system.number("SELECT COUNT(*) FROM job WHERE kind = 'smartbot.answer'", options), events);
});

test('a dump that fails leaves nothing that looks like a backup', async () => {
	fs.mkdirSync(at('bin'));
	fs.writeFileSync(at('bin/mariadb-dump'), '#!/bin/sh\necho half a dump\nexit 3\n', { mode: 0o755 });
	const broken = await run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', 'backup', '--to', at('broken')],
		{ env: { ...system.env, PATH: `${at('bin')}:${process.env.PATH}` } });
	await ends(broken, 1, /mariadb-dump ended with status 3/);
	assert.ok(!fs.existsSync(at('broken')));
	const missing = await run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', 'backup', '--to', at('broken')], { env: { ...system.env, PATH: '/nowhere' } });
	await ends(missing, 1, /mariadb-dump: No such file or directory; it comes with the package mariadb-client/);
});
