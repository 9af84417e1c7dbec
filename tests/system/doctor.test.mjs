// wecomd doctor and GET /api/doctor: a good system, and each thing that can be wrong with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { words } from '../../htdocs/src/admin/serverWords.js';
import { build, copyPlugins, freePort, removeFolder, run, startSystem, tempFolder } from './harness.mjs';

const { zh: { server: zh } } = words;

let system, folder, admin;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'wecom_probe');
	const port = await freePort();
	const conf = `[core]\nplugin_dir = ${folder}\npublic_url = http://127.0.0.1:${port}\n[wecom]\ncallback_ips = app\n`;
	system = await startSystem({ port, conf });
	admin = (await system.wecomd('key', 'add', '--name', 'doctor', '--role', 'admin')).stdout.trim();
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

// The doctor with something changed in the configuration.
async function doctor(change = '') {
	const file = path.join(folder, 'change.conf');
	fs.writeFileSync(file, change);
	const { status, stdout, stderr } = await run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, '-c', file, 'doctor'],
		{ env: system.env });
	return { status, stdout, stderr, lines: stdout.trimEnd().split('\n') };
}

// The line about something, and what mends it.
function line({ lines, stderr }, about) {
	const at = lines.findIndex((text) => text.slice(8).startsWith(`${about}:`) || text.slice(8).startsWith(`${about} `));
	assert.ok(at >= 0, `nothing about ${about}:\n${lines.join('\n')}\n${stderr}`);
	return { state: lines[at].slice(0, 8).trim(), text: lines[at], mend: lines[at + 1]?.trim().startsWith('→') ? lines[at + 1] : '' };
}

test('in a good system all is well', async () => {
	const end = Date.now() + 20_000;
	while (await system.number('SELECT COUNT(*) FROM wecom_callback_address') === 0) assert.ok(Date.now() < end, 'no callback addresses');
	const said = await doctor();
	assert.equal(said.status, 0, said.stdout + said.stderr);
	for (const about of said.lines) assert.match(about, /^ok {6}/);
	for (const about of ['configuration', 'database version', 'database durability', 'schema', 'clock database', 'key_file', 'disk data', 'web', 'worker',
		'callbacks helpdesk', 'models demo', 'wecom.secrets app', 'wecom.clock', 'wecom.callback_addresses']) line(said, about);
});

test('an administrator gets the same by REST, nobody else', async () => {
	assert.equal((await system.get('/api/doctor')).status, 401);
	const viewer = (await system.wecomd('key', 'add', '--name', 'looker', '--role', 'approver')).stdout.trim();
	assert.equal((await system.get('/api/doctor', { headers: { Authorization: `Bearer ${viewer}` } })).status, 403);
	const { status, json } = await system.get('/api/doctor', { headers: { Authorization: `Bearer ${admin}` } });
	assert.equal(status, 200);
	assert.equal(json.state, 'ok', JSON.stringify(json));
	assert.deepEqual(Object.keys(json.items[0]), ['check', 'object', 'state', 'code', 'values', 'found', 'mend']);
	const fits = ({ check, code, values, found }) => {
		const text = zh.doctor.found[check.replaceAll('.', '_')]?.[code];
		assert.ok(text, `${check}: ${code} has no Chinese`);
		for (const [, n] of text.matchAll(/\{(\d)\}/g)) assert.ok(Number(n) < values.length, `${check}: ${code}: ${text} of "${found}"`);
		for (const value of values) assert.ok(found.includes(value), `${value} in "${found}"`);
	};
	json.items.forEach(fits);
	assert.deepEqual(json.items.find(({ check }) => check === 'configuration').values, ['2', '1', '1']);
	assert.ok(json.items.some((item) => item.check === 'wecom.secrets' && item.object === 'app' && item.state === 'ok'));
});

// Of a call in C, from behind its first bracket; the rest of the file may follow.
function argumentsOf(text) {
	const list = [''];
	let depth = 0, quoted = false;
	for (let i = 0; i < text.length && depth >= 0; i++) {
		const c = text[i];
		if (c === '"' && text[i - 1] !== '\\') quoted = !quoted;
		if (!quoted) depth += '(['.includes(c) ? 1 : ')]'.includes(c) ? -1 : 0;
		if (c === ',' && !quoted && depth === 0) list.push('');
		else list[list.length - 1] += c;
	}
	return list;
}

test('whatever the core may find has Chinese words in the console', () => {
	const known = new Set(Object.values(zh.doctor.found).flatMap((words) => Object.keys(words)));
	for (const file of ['core/doctor/machine.c', 'core/doctor/services.c', 'core/wecom/checks.c']) {
		const calls = fs.readFileSync(file, 'utf8').split('wc_found(f, ').slice(1);
		assert.ok(calls.length > 10);
		for (const call of calls) {
			const words = [...argumentsOf(call)[2].matchAll(/"([^"]+)"/g)].map(([, word]) => word);
			assert.ok(words.length, `no code in ${call.slice(0, 120)}`);
			for (const word of words) assert.ok(known.has(word) || word === 'errcode_%lld', `${file}: ${word}`);
		}
	}
	for (const [, errcode] of fs.readFileSync('core/wecom/sort.c', 'utf8').matchAll(/^\t\{(\d+), \{"/gm)) {
		assert.ok(zh.doctor.found.wecom_secrets[`errcode_${errcode}`], errcode);
		assert.ok(zh.doctor.mend.wecom_secrets[`errcode_${errcode}`], errcode);
	}
	for (const [check, words] of Object.entries(zh.doctor.mend)) for (const code of Object.keys(words)) assert.ok(zh.doctor.found[check][code], `${check}: ${code}`);
});

test("a plugin's own checks run, and a warning is no failure", async () => {
	const said = await doctor('[plugins]\nwecom_probe = on\n');
	assert.equal(line(said, 'wecom_probe.rest patient').state, 'warn');
	assert.match(line(said, 'wecom_probe.rest patient').mend, /rest/);
	assert.equal(said.status, 0);
});

// --- WeCom ---

test('a wrong secret is told from a wrong company', async () => {
	const said = await doctor('[wecom:a]\ncorp_id = wwsimulator\nsecret = wrong-one-4711\n[wecom:b]\ncorp_id = wwelsewhere\nsecret = wrong-one-4711\n');
	assert.equal(said.status, 1);
	assert.match(line(said, 'wecom.secrets a').text, /^fail .*gettoken: errcode 40001, the secret is wrong/);
	assert.match(line(said, 'wecom.secrets a').mend, /Secret/);
	assert.match(line(said, 'wecom.secrets b').text, /errcode 40013/);
	assert.match(line(said, 'wecom.secrets b').mend, /企业ID/);
	assert.equal(line(said, 'wecom.secrets app').state, 'ok');
	assert.ok(!(said.stdout + said.stderr).includes('wrong-one-4711'));
});

test('a secret and an agent_id of two apps are found out', async () => {
	const said = await doctor('[wecom:app]\nagent_id = 1000003\n');
	assert.equal(said.status, 1);
	assert.match(line(said, 'wecom.secrets app').text, /agent\.get: errcode 301002/);
});

for (const api of ['agent/get', 'gettoken']) {
	test(`an untrusted address is named, with the page that mends it (${api})`, async () => {
		// A company of its own would do for gettoken; here another app, whose token nobody has yet.
		const change = '[wecom:fresh]\ncorp_id = wwsimulator\nsecret = ${APP_SECRET}-other\nagent_id = 1000003\n[wecom]\ncallback_ips =\n';
		await system.postJson('/sim/api/faults', { api, kind: 'errcode', errcode: 60020, count: -1 });
		await system.sql('DELETE FROM api_token');
		const said = await doctor(change);
		await system.get('/sim/api/faults', { method: 'DELETE' });
		assert.equal(said.status, 1);
		const { text, mend } = line(said, 'wecom.secrets fresh');
		assert.match(text, /60020.*203\.0\.113\.7/);
		assert.match(mend, /企业可信IP/);
		await system.sql('DELETE FROM api_token');
	});
}

test('an unreachable WeCom is told from a refusal', async () => {
	const said = await doctor(`[wecom]\nbase = http://127.0.0.1:${await freePort()}\n`);
	assert.equal(said.status, 1);
	assert.match(line(said, 'wecom.secrets app').text, /not reachable at http:\/\/127\.0\.0\.1:\d+/);
	assert.match(line(said, 'wecom.secrets app').mend, /base and proxy/);
	assert.equal(line(said, 'wecom.clock').state, 'skipped');
});

test('calls go through the proxy that is set', async () => {
	const asked = [];
	const proxy = http.createServer((rq, answer) => {
		asked.push(rq.url.split('?')[0]);
		answer.end(JSON.stringify({ errcode: 0, errmsg: 'ok', access_token: 'by-proxy', expires_in: 7200, ip_list: [] }));
	});
	const port = await freePort();
	await new Promise((resolve) => { proxy.listen(port, '127.0.0.1', resolve); });
	const said = await doctor(`[wecom]\nbase = http://qyapi.example\nproxy = http://127.0.0.1:${port}\n`);
	proxy.close();
	assert.equal(line(said, 'wecom.secrets app').state, 'warn', 'visible to nobody');
	assert.ok(asked.includes('http://qyapi.example/cgi-bin/gettoken'), asked.join());
});

for (const [offset, expected] of [[120, /^warn .*behind WeCom's/], [-120, /^warn .*ahead of WeCom's/], [3, /^ok /]]) {
	test(`a clock that differs from WeCom's by ${offset} s is ${expected.test('ok ') ? 'well' : 'found'}`, async () => {
		const server = http.createServer((rq, answer) => {
			answer.sendDate = false;
			answer.setHeader('Date', new Date(Date.now() + offset * 1000).toUTCString());
			answer.end(JSON.stringify({ errcode: 0, errmsg: 'ok', access_token: 't', expires_in: 7200, ip_list: ['1.2.3.4'],
				allow_userinfos: { user: [{ userid: 'a' }] } }));
		});
		const port = await freePort();
		await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
		const said = await doctor(`[wecom]\nbase = http://127.0.0.1:${port}\n`);
		server.close();
		assert.equal(said.status, 0, said.stdout);
		assert.match(line(said, 'wecom.clock').text, expected);
	});
}

// --- the rest ---

test('a model endpoint that refuses the key is told from one that is not there', async () => {
	const said = await doctor(`[model:refused]\nbase = ${system.url}/sim/model/v1\nkey = wrong-key-0815\nmodel = m
[model:away]\nbase = http://127.0.0.1:${await freePort()}/v1\nmodel = m\n[model:odd]\nbase = ${system.url}/phone\nmodel = m\n`);
	assert.equal(said.status, 1);
	assert.match(line(said, 'models refused').text, /^fail .*refuses the key \(401\)/);
	assert.match(line(said, 'models away').text, /^fail .*no answer/);
	assert.match(line(said, 'models odd').text, /^warn .*404/);
	assert.equal(line(said, 'models demo').state, 'ok');
	assert.ok(!said.stdout.includes('wrong-key-0815'));
});

test('a public URL where something else answers, or nothing, is found', async () => {
	const elsewhere = await doctor(`[core]\npublic_url = ${system.url}/phone\n`);
	assert.equal(elsewhere.status, 1);
	assert.match(line(elsewhere, 'callbacks helpdesk').text, /^fail .*answers 404/);
	const page = http.createServer((rq, answer) => answer.end('<html>It works!</html>'));
	const port = await freePort();
	await new Promise((resolve) => { page.listen(port, '127.0.0.1', resolve); });
	assert.match(line(await doctor(`[core]\npublic_url = http://127.0.0.1:${port}\n`), 'callbacks helpdesk').text, /^fail .*something else answers/);
	page.close();
	assert.match(line(await doctor(`[core]\npublic_url = http://127.0.0.1:${await freePort()}\n`), 'callbacks helpdesk').text, /^fail .*no answer/);
	assert.equal(line(await doctor('[core]\npublic_url =\n'), 'callbacks helpdesk').state, 'skipped');
});

test('a public URL that leads here but takes no callbacks from this node is well', async () => {
	const wecomd = http.createServer((rq, answer) => answer.writeHead(403).end('{"status":403,"code":"address_not_allowed"}'));
	const port = await freePort();
	await new Promise((resolve) => { wecomd.listen(port, '127.0.0.1', resolve); });
	const said = await doctor(`[core]\npublic_url = http://127.0.0.1:${port}\n`);
	wecomd.close();
	assert.match(line(said, 'callbacks helpdesk').text, /^ok .*leads here/);
});

test('a database that may lose what was committed is warned of', async () => {
	await system.sql('SET GLOBAL innodb_flush_log_at_trx_commit = 2');
	const said = await doctor();
	await system.sql('SET GLOBAL innodb_flush_log_at_trx_commit = 1');
	assert.match(line(said, 'database durability').text, /^warn .*innodb_flush_log_at_trx_commit is 2/);
	assert.equal(said.status, 0);
});

test('a schema that is newer than the program, and a database that is away, fail', async () => {
	await system.sql("INSERT INTO schema_migration (owner, number, file, checksum) VALUES ('core', 9999, '9999_future.sql', REPEAT('0', 64))");
	const newer = await doctor();
	await system.sql('DELETE FROM schema_migration WHERE number = 9999');
	assert.equal(line(newer, 'schema').state, 'fail');
	const away = await doctor(`[db]\nsocket = ${folder}/nothing.sock\n`);
	assert.equal(away.status, 1);
	assert.equal(line(away, 'database').state, 'fail');
	assert.equal(line(away, 'worker').state, 'skipped');
	assert.equal(line(away, 'wecom.secrets app').state, 'skipped');
});

test('a key file that others may read fails', async () => {
	const file = path.join(system.state, 'wecomd.keys');
	fs.chmodSync(file, 0o644);
	const { status, stdout, stderr } = await doctor();
	fs.chmodSync(file, 0o600);
	assert.equal(status, 1);
	assert.match(stdout + stderr, /chmod 600/);
});

test('a node without a web process, and a system whose workers stand still, are found', async () => {
	const web = await doctor(`[web]\nlisten = unix:${folder}/nobody.sock\n`);
	assert.match(line(web, 'web').text, /^fail .*nothing listens/);
	const workers = system.children('worker');
	for (const pid of workers) process.kill(pid, 'SIGSTOP');
	const worker = await doctor();
	for (const pid of workers) process.kill(pid, 'SIGCONT');
	assert.match(line(worker, 'worker').text, /^fail .*no worker/);
	assert.equal(worker.status, 1);
});
