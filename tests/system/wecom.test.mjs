// Calls to WeCom's server API, from two nodes over one database to the simulator: tokens, what answers mean, what is logged.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { ask } from './fastcgi.mjs';
import { build, copyPlugins, removeFolder, root, startSystem, tempFolder, textMessage, waitFor, waitForDeath } from './harness.mjs';

let system, folder, second;

const conf = (plugins) => `[core]
plugin_dir = ${plugins}
[web]
processes = 1
[plugins]
wecom_probe = on
[wecom]
timeout = 1500ms
callback_ips = app
[wecom:other]
corp_id = wwsimulator
secret = \${APP_SECRET}-other
agent_id = 1000003
[wecom:wrong]
corp_id = wwsimulator
secret = nobody-has-this-one
[wecom:stranger]
corp_id = wwelsewhere
secret = nobody-has-this-one
`;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'wecom_probe');
	system = await startSystem({ conf: conf(folder) });
	await startSecondNode();
	// The first try came before nginx.
	await waitFor('the addresses', async () => await system.number('SELECT COUNT(*) FROM wecom_callback_address') > 0, { ms: 30_000 });
});
after(async () => {
	if (second && second.exitCode === null) {
		second.kill('SIGTERM');
		await waitForDeath(second.pid, 20_000).catch(() => second.kill('SIGKILL'));
	}
	await system?.stop();
	if (folder) removeFolder(folder);
});

async function startSecondNode() {
	const file = path.join(folder, 'second.conf'), socket = path.join(system.state, 'run/second.sock');
	fs.writeFileSync(file, `[core]\nnode = second\n[web]\nlisten = unix:${socket}\n`);
	const args = ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, '-c', file, 'serve'];
	const log = fs.openSync(path.join(system.state, 'log/second.log'), 'a');
	second = spawn('setpriv', ['--pdeathsig', 'TERM', path.join(build, 'wecomd'), ...args],
		{ cwd: root, env: { ...process.env, ...system.env }, stdio: ['ignore', log, log] });
	fs.closeSync(log);
	second.socket = socket;
	await waitFor('the second node', () => fs.existsSync(socket));
}

// --- asking ---

const order = (api, body, more = {}) => ({ secret: 'app', api, ...body ? { body } : {}, ...more });

async function firstNode(what) {
	const { status, json, text } = await system.postJson('/api/wecom_probe/calls', what);
	assert.equal(status, 200, text);
	return json.answers;
}

async function secondNode(what) {
	const body = JSON.stringify(what);
	const { status, text } = await ask(second.socket, {
		REQUEST_METHOD: 'POST', REQUEST_URI: '/api/wecom_probe/calls', CONTENT_TYPE: 'application/json', CONTENT_LENGTH: String(body.length),
	}, body);
	assert.equal(status, 200, text);
	return JSON.parse(text).answers;
}

const agent = (more) => order('agent.get', { agentid: 1000002 }, more);
const other = (more) => order('agent.get', { agentid: 1000003 }, { secret: 'other', ...more });
const text = (content, more = {}) => order('message.send', { touser: 'zhangsan', agentid: 1000002, msgtype: 'text', text: { content }, ...more });

async function both(what) {
	return (await Promise.all([firstNode(what), firstNode(what), secondNode(what), secondNode(what)])).flat();
}

async function one(what) {
	const [answer] = await firstNode(what);
	return answer;
}

const allOk = (answers) => answers.forEach((answer) => assert.equal(answer.class, 'ok', JSON.stringify(answer)));

// --- the simulator ---

const sim = async (at, value) => {
	const { status, json, text: said } = value === undefined ? await system.get(at) : await system.postJson(at, value);
	assert.ok(status < 300, `${at}: ${status} ${said}`);
	return json;
};
const rules = (value) => sim('/sim/api/wecom', value);
const fault = (api, kind, more = {}) => sim('/sim/api/faults', { api, kind, ...more });
const noFaults = () => system.get('/sim/api/faults', { method: 'DELETE' });
const calls = async (api) => (await rules()).calls[api] ?? 0;
const messages = () => system.number('SELECT COUNT(*) FROM simulator_app_message', { schema: 'wecomd_sim' });

// As if the last token had been fetched long ago.
const quietTime = () => system.sql('UPDATE api_token SET forced = 0, fetched_at = fetched_at - INTERVAL 10 MINUTE');

// How many calls of api the action caused.
async function counting(api, action) {
	const start = await calls(api);
	await action();
	return await calls(api) - start;
}

// --- tokens ---

test('a hundred threads on two nodes without a token cause one gettoken', async () => {
	const n = await counting('gettoken', async () => allOk(await both(other({ threads: 25 }))));
	assert.equal(n, 1);
});

test('a token that needs encoding arrives whole, and is kept sealed', async () => {
	const { body } = await one(agent());
	assert.equal(body.agentid, 1000002);
	const [[token]] = await system.sql('SELECT token FROM simulator_token LIMIT 1', { schema: 'wecomd_sim' });
	assert.match(token, /\+\/%2B=&/);
	const rows = await system.sql('SELECT HEX(token) FROM api_token WHERE token IS NOT NULL');
	assert.ok(rows.length >= 2);
	for (const [hex] of rows) assert.ok(!Buffer.from(hex, 'hex').includes('+/%2B=&'), 'in clear in the database');
});

for (const mode of ['new', 'new_invalidates_old', 'same']) {
	test(`a withdrawn token is replaced once over all nodes, where another gettoken is: ${mode}`, async () => {
		await rules({ token_mode: mode, tokens: 'forget' });
		await quietTime();
		const n = await counting('gettoken', async () => allOk(await both(agent({ threads: 25 }))));
		assert.equal(n, 1);
		assert.equal(await counting('gettoken', async () => allOk(await both(agent()))), 0);
	});
}

for (const mode of ['new', 'new_invalidates_old', 'same']) {
	test(`a token that is refused although it is good is replaced once, where another gettoken is: ${mode}`, async () => {
		await rules({ token_mode: mode });
		await quietTime();
		await fault('agent/get', 'errcode', { errcode: 40014 });
		const n = await counting('gettoken', async () => allOk([await one(agent())]));
		assert.equal(n, 1);
		// The other node still holds the one before; it takes the new one from the database.
		assert.equal(await counting('gettoken', async () => allOk(await both(agent({ threads: 10 })))), 0);
	});
}

for (const errcode of [42001, 40001]) {
	test(`errcode ${errcode} of a call forces one refresh and one repetition`, async () => {
		await rules({ token_mode: 'new' });
		await quietTime();
		await fault('agent/get', 'errcode', { errcode });
		const before = await calls('agent/get');
		assert.equal(await counting('gettoken', async () => allOk([await one(agent())])), 1);
		assert.equal(await calls('agent/get') - before, 2);
	});
}

test('who missed a refresh and is refused, and is refused with what another node left too, still ends with a good token', async () => {
	await rules({ token_mode: 'new', tokens: 'forget' });
	await quietTime();
	allOk([await one(agent()), ...await secondNode(agent())]);
	await quietTime();
	await fault('agent/get', 'errcode', { errcode: 40014 });
	allOk([await one(agent())]);            // the second node does not know of this one
	await rules({ tokens: 'forget' });
	await quietTime();
	const before = await calls('agent/get');
	assert.equal(await counting('gettoken', async () => allOk(await secondNode(agent()))), 1);
	assert.equal(await calls('agent/get') - before, 3);
	allOk([await one(agent())]);
});

test('an expired token is replaced', async () => {
	await rules({ token_mode: 'new', tokens: 'expire' });
	await quietTime();
	assert.equal(await counting('gettoken', async () => allOk(await both(agent({ threads: 5 })))), 1);
});

test('a token that is refused again and again is no loop: one refresh, one repetition, then pauses', async () => {
	await rules({ token_mode: 'same' });
	await quietTime();
	await fault('agent/get', 'errcode', { errcode: 40014, count: -1 });
	const gets = await calls('agent/get'), tokens = await calls('gettoken');
	const first = await one(agent());
	assert.deepEqual([first.class, first.errcode], ['permanent', 40014]);
	assert.deepEqual([await calls('agent/get') - gets, await calls('gettoken') - tokens], [2, 1]);
	// What it costs when a hundred callers go on trying.
	const more = await Promise.all([firstNode(agent({ threads: 50 })), secondNode(agent({ threads: 50 }))]);
	for (const answer of more.flat()) assert.ok(['permanent', 'retry', 'rate_limited'].includes(answer.class), JSON.stringify(answer));
	assert.ok(await calls('gettoken') - tokens <= 3, `${await calls('gettoken') - tokens} gettoken`);
	const later = await one(agent());
	if (later.class === 'retry') assert.ok(later.retry_ms > 0);
	await noFaults();
	await quietTime();
	await rules({ token_mode: 'new', tokens: 'forget' });
	await waitFor('both nodes to go on', async () => [await one(agent()), ...await secondNode(agent())].every((answer) => answer.class === 'ok'));
	await quietTime();
});

test('a token is replaced before its end, and no call notices', async () => {
	await rules({ token_mode: 'new', token_life_ms: 3000, tokens: 'forget' });
	await quietTime();
	let answers = 0;
	const n = await counting('gettoken', async () => {
		for (const end = Date.now() + 4500; Date.now() < end; answers += 2) allOk([await one(agent()), ...await secondNode(agent())]);
	});
	assert.ok(n >= 2 && n <= 4, `${n} gettoken for ${answers} calls`);
	await rules({ token_life_ms: 7_200_000, tokens: 'forget' });
	await quietTime();
	allOk([await one(agent())]);
});

test('a node that died while it fetched a token holds the others up only for its lease', async () => {
	await rules({ tokens: 'forget' });
	await quietTime();
	await system.sql(`UPDATE api_token SET refresher = 'the dead', refreshing_until = NOW(3) + INTERVAL 1500000 MICROSECOND`);
	const began = Date.now();
	assert.equal(await counting('gettoken', async () => allOk(await both(agent({ threads: 10 })))), 1);
	assert.ok(Date.now() - began < 5000);
});

test('a changed secret is asked for at once, and an unreadable token is fetched anew', async () => {
	await system.sql("UPDATE api_token SET token = 'rubbish'");
	await rules({ tokens: 'forget' });
	assert.equal(await counting('gettoken', async () => allOk([await one(agent())])), 1);
});

// --- bad secrets ---

for (const [secret, errcode] of [['wrong', 40001], ['stranger', 40013]]) {
	test(`a secret that WeCom refuses with ${errcode} is not hammered`, async () => {
		const n = await counting('gettoken', async () => {
			for (let i = 0; i < 3; i++) {
				for (const answer of await both(order('getcallbackip', undefined, { secret, threads: 20 }))) {
					assert.equal(answer.error, 'remote_refused', JSON.stringify(answer));
					assert.match(answer.text, new RegExp(`gettoken: errcode ${errcode}, `));
				}
			}
		});
		assert.equal(n, 1);
		const [[failures, wait]] = await system.sql(`SELECT failures, TIMESTAMPDIFF(SECOND, NOW(), retry_at) FROM api_token WHERE name = '${secret}'`);
		assert.equal(failures, '1');
		assert.ok(Number(wait) > 45, `${wait} s`);
	});
}

test('an untrusted address is named', async () => {
	await rules({ tokens: 'forget' });
	await quietTime();
	await fault('gettoken', 'errcode', { errcode: 60020 });
	const answer = await one(other());
	assert.equal(answer.error, 'remote_refused');
	assert.match(answer.text, /60020.*203\.0\.113\.7/);
	await system.sql("UPDATE api_token SET retry_at = NULL WHERE name = 'other'");
	await waitFor('the other secret to work again', async () => (await one(other())).class === 'ok');
});

for (const [kind, more] of [['reset', {}], ['http500', {}], ['truncated', {}], ['html', {}], ['errcode', { errcode: -1 }], ['errcode', { errcode: 45009 }]]) {
	test(`gettoken that fails for now (${kind}${more.errcode ? ` ${more.errcode}` : ''}) may be tried again`, async () => {
		await rules({ tokens: 'forget' });
		await quietTime();
		await fault('gettoken', kind, { ...more, count: 2 });     // on a kept connection a GET is repeated
		assert.equal((await one(other())).error, 'remote_failed');
		await noFaults();
		await system.sql("UPDATE api_token SET retry_at = NULL WHERE name = 'other'");
		await waitFor('the other secret to work again', async () => (await one(other())).class === 'ok');
	});
}

// --- answers ---

test('a message arrives, and who did not get it is in the answer', async () => {
	const { class: kind, body } = await one(text('你好', { touser: 'ZhangSan|Nobody' }));
	assert.equal(kind, 'ok');
	assert.equal(body.invaliduser, 'nobody');
	const [[touser, sent]] = await system.sql('SELECT touser, body FROM simulator_app_message ORDER BY id DESC LIMIT 1', { schema: 'wecomd_sim' });
	assert.equal(touser, 'zhangsan');
	assert.equal(JSON.parse(sent).text.content, '你好');
});

for (const [kind, more, done] of [['reset', {}, 0], ['http500', {}, 0], ['errcode', { errcode: -1 }, 0], ['lost', {}, 1], ['truncated', {}, 1],
	['html', {}, 1], ['timeout', { ms: 3000 }, 1]]) {
	test(`a message whose answer is lost (${kind}) is uncertain and not sent again`, async () => {
		const [calledBefore, sentBefore] = [await calls('message/send'), await messages()];
		await fault('message/send', kind, more);
		const answer = await one(text(`lost by ${kind}`));
		assert.equal(answer.class, 'uncertain');
		assert.equal(answer.errcode, more.errcode ?? -2);
		await waitFor('the call to be seen', async () => await calls('message/send') - calledBefore === 1);
		assert.equal(await messages() - sentBefore, done);
	});
}

for (const [kind, more] of [['reset', {}], ['http500', {}], ['truncated', {}], ['html', {}], ['timeout', { ms: 3000 }], ['errcode', { errcode: -1 }]]) {
	test(`a question whose answer is lost (${kind}) may be asked again`, async () => {
		await fault('agent/get', kind, { ...more, count: 2 });
		const answer = await one(agent());
		assert.equal(answer.class, 'retry');
		assert.ok(answer.retry_ms >= 1000);
		await noFaults();
		allOk([await one(agent())]);
	});
}

test("WeCom's limit says when to come back", async () => {
	await fault('message/send', 'errcode', { errcode: 45009 });
	const answer = await one(text('too many'));
	assert.deepEqual([answer.class, answer.errcode], ['rate_limited', 45009]);
	assert.ok(answer.retry_ms >= 60_000 && answer.retry_ms <= 90_000);
	await rules({ per_minute: 1 });
	assert.equal((await one(agent())).class, 'rate_limited');
	await rules({ per_minute: 0 });
});

test('more calls than the limit allows are put off, over both nodes together', async () => {
	const began = Date.now();
	const n = await counting('agent/get', async () => {
		const answers = await both(agent({ threads: 150 }));
		const put = answers.filter((answer) => answer.class === 'rate_limited');
		assert.ok(put.length > 0, 'none was put off');
		for (const answer of put) assert.ok(answer.errcode === -2 && answer.retry_ms > 0, JSON.stringify(answer));
		allOk(answers.filter((answer) => answer.class !== 'rate_limited'));
	});
	const allowed = (Date.now() - began + 1000) / 60_000 * 10_000;
	assert.ok(n > 0 && n <= allowed, `${n} calls, ${allowed} allowed`);
});

test('what WeCom refuses for good is permanent', async () => {
	const cases = [[{ agentid: 1000003 }, 301002], [{ touser: 'nobody' }, 81013], [{ text: { content: '' } }, 44004], [{ touser: '' }, 82001],
		[{ msgtype: 'smoke' }, 40008], [{ agentid: '1000002' }, 40056], [{ safe: 7 }, 40035]];
	for (const [change, errcode] of cases) {
		const answer = await one(text('x', change));
		assert.deepEqual([answer.class, answer.errcode], ['permanent', errcode], JSON.stringify(change));
	}
});

test('an unknown secret, an unknown API and a parameter that no URL can hold are told apart from failures', async () => {
	assert.equal((await one(agent({ secret: 'none' }))).error, 'configuration');
	assert.equal((await one(order('agent.forget'))).error, 'configuration');
	assert.equal((await one(order('gettoken'))).error, 'configuration');
	assert.equal((await one(order('agent.get', { agentid: [1] }))).error, 'bad_request');
	assert.equal((await one(order('agent.get', { agentid: 'x'.repeat(9000) }))).error, 'bad_request');
});

// --- the log ---

test('each call has a log line; no line holds a secret, a token or a text', async () => {
	await one(text('这是秘密的内容', {}));
	await firstNode({ ...text('hidden-0815'), campaign_id: 'spring' });
	await firstNode(order('message.send', { chat_id: 'wrChat', agentid: 1 }));
	const logs = ['wecomd', 'second'].map((name) => system.log(name)).join('');
	const lines = logs.split('\n').filter((line) => line.includes('"wecom call"')).map((line) => JSON.parse(line));
	assert.ok(lines.length > 20);
	for (const line of lines) {
		assert.equal(typeof line.api, 'string');
		assert.equal(typeof line.errcode, 'number');
		assert.equal(typeof line.ms, 'number');
	}
	assert.ok(lines.some((line) => line.campaign_id === 'spring' && line.api === 'message.send'));
	assert.ok(lines.some((line) => line.chat_id === 'wrChat'));
	assert.ok(lines.some((line) => line.errcode === 81013 && line.hint));
	const tokens = await system.sql('SELECT token FROM simulator_token', { schema: 'wecomd_sim' });
	const secret = [system.secrets.APP_SECRET, 'nobody-has-this-one', '秘密', 'hidden-0815', ...tokens.flatMap(([token]) =>
		[token.slice(0, 50), encodeURIComponent(token).slice(0, 50)])];
	for (const word of secret) assert.ok(!logs.includes(word), `the log holds ${word.slice(0, 8)}…`);
});

test('calls are counted by API and errcode', async () => {
	const key = (await system.wecomd('key', 'add', '--name', 'metrics', '--role', 'admin')).stdout.trim();
	const { text: metrics } = await system.get('/metrics', { headers: { Authorization: `Bearer ${key}` } });
	assert.match(metrics, /^wecomd_wecom_calls_total\{api="agent\.get",errcode="0"\} \d+$/m);
	assert.match(metrics, /^wecomd_wecom_calls_total\{api="message\.send",errcode="-2"\} \d+$/m);
	assert.match(metrics, /^wecomd_wecom_call_seconds_count\{api="message\.send"\} \d+$/m);
});

// --- callback addresses ---

test('the addresses of callbacks are fetched once a day over all nodes', async () => {
	assert.deepEqual(await system.sql('SELECT pattern FROM wecom_callback_address ORDER BY pattern'), [['127.0.0.1'], ['203.0.113.*']]);
	assert.equal(await system.number("SELECT COUNT(*) FROM job WHERE kind = 'wecom.daily'"), 1);
});

// --- the simulator is as strict as WeCom ---

test('the simulator answers wrong calls with WeCom\'s codes', async () => {
	const errcode = async (at, options) => {
		const { status, json } = await system.get(`/sim/cgi-bin/${at}`, options);
		assert.equal(status, 200);
		return json.errcode;
	};
	const secret = encodeURIComponent(system.secrets.APP_SECRET);
	assert.equal(await errcode('gettoken'), 41002);
	assert.equal(await errcode('gettoken?corpid=wwsimulator'), 41004);
	assert.equal(await errcode(`gettoken?corpid=wwother&corpsecret=${secret}`), 40013);
	assert.equal(await errcode('gettoken?corpid=wwsimulator&corpsecret=x'), 40001);
	assert.equal(await errcode('agent/get'), 41001);
	assert.equal(await errcode('agent/get?access_token=x'), 40014);
	const { access_token: token } = (await system.get(`/sim/cgi-bin/gettoken?corpid=wwsimulator&corpsecret=${secret}`)).json;
	assert.equal(await errcode(`agent/get?access_token=${token}&agentid=1000002`), 40014, 'not encoded');
	const query = `access_token=${encodeURIComponent(token)}`;
	assert.equal(await errcode(`agent/get?${query}`), 41011);
	assert.equal(await errcode(`agent/get?${query}&agentid=1000003`), 301002);
	assert.equal(await errcode(`agent/get?${query}&agentid=77`), 40056);
	assert.equal(await errcode(`agent/get?${query}&agentid=1000002`), 0);
	assert.equal(await errcode(`message/send?${query}`), 40058, 'GET');
	assert.equal(await errcode(`message/send?${query}`, { method: 'POST', body: '{"touser": ' }), 40058, 'malformed');
	assert.equal(await errcode(`message/send?${query}`, { method: 'POST', body: '{}' }), 41011);
	const twice = JSON.stringify({ touser: '@all', agentid: 1000002, msgtype: 'text', text: { content: 'once' }, enable_duplicate_check: 1 });
	const before = await messages();
	for (let i = 0; i < 2; i++) assert.equal(await errcode(`message/send?${query}`, { method: 'POST', body: twice }), 0);
	assert.equal(await messages() - before, 1, 'an equal message is dropped');
	await sim('/sim/api/wecom', { tokens: 'expire' });
	assert.equal(await errcode(`agent/get?${query}&agentid=1000002`), 42001);
});

test('faults are listed, strike as often as they should, and can be taken back', async () => {
	await fault('*', 'errcode', { errcode: 45009, count: 2 });
	assert.deepEqual((await sim('/sim/api/faults')).items, [{ api: '*', kind: 'errcode', errcode: 45009, ms: 15000, remaining: 2 }]);
	const gettoken = async () => (await system.get('/sim/cgi-bin/gettoken')).json.errcode;
	assert.deepEqual([await gettoken(), await gettoken(), await gettoken()], [45009, 45009, 41002]);
	await fault('gettoken', 'reset', { count: -1 });
	await assert.rejects(system.get('/sim/cgi-bin/gettoken'), /hang up|ECONNRESET/);
	await noFaults();
	assert.deepEqual((await sim('/sim/api/faults')).items, []);
	assert.equal(await gettoken(), 41002);
	const bad = await system.postJson('/sim/api/faults', { api: 'x', kind: 'flood' });
	assert.equal(bad.status, 422);
});

test('callbacks are taken from the addresses of WeCom\'s own list alone', async () => {
	const from = (address) => system.callback(textMessage('hello', { bot: system.bot }), { headers: { 'X-Forwarded-For': address } });
	const count = () => system.number('SELECT COUNT(*) FROM inbox_event');
	const before = await count();
	assert.equal((await from('198.51.100.1')).status, 403);
	assert.equal(await count(), before);
	assert.equal((await from('203.0.113.9')).status, 200);
	assert.equal(await count(), before + 1);
});
