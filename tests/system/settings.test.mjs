// Settings that change in a running system, and what is counted; on two nodes over one database.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, run, startSystem, tempFolder, textMessage, waitFor } from './harness.mjs';

let system, folder, second;
const keys = {};

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'stayer', 'offerer', 'asker');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\nnode = one\n[plugins]\nstayer = on\nasker = on\nofferer = on\n[stayer]\ntoken = from-file\n` });
	for (const role of ['viewer', 'admin']) keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
});
after(async () => {
	await second?.stop();
	await system?.stop();
	if (folder) removeFolder(folder);
});

const call = (method, at, { role = 'admin', body } = {}) => system.get(at, {
	method, headers: { Authorization: `Bearer ${keys[role]}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
});
const put = (plugin, body, options) => call('PUT', `/api/settings/${plugin}`, { body, ...options });
const drop = (plugin, name, options) => call('DELETE', `/api/settings/${plugin}/${name}`, options);
const greeting = async () => (await call('GET', '/api/hello/x', { role: 'viewer' })).json.text;
async function setting(plugin, name) {
	const { json } = await call('GET', '/api/settings', { role: 'viewer' });
	return json.items.find((item) => item.plugin === plugin).settings.find((field) => field.name === name);
}
const audited = () => system.sql("SELECT actor, action, object, details FROM audit_log WHERE action = 'setting.change' ORDER BY id");

// Many in a row, so that every process has been asked.
async function everywhere(text) {
	await waitFor(`"${text}" from all`, async () => {
		const all = await Promise.all(Array.from({ length: 24 }, greeting));
		return all.every((each) => each === text);
	});
}

// How long until every process says it. A machine that is busy with other things makes one late, but not one after another.
let words = 0;
async function soon(change, seen) {
	for (let i = 0; ; i++) {
		const word = `早${++words}, `;
		const answer = await change(word), begun = Date.now();
		await seen(`${word}x`);
		if (Date.now() - begun < 2000) return { answer, word };
		assert.ok(i < 5, 'it never took less than two seconds');
	}
}

// --- settings ---

test('the list tells type, help, bounds, default, value and source, and no secret', async () => {
	const answer = await call('GET', '/api/settings', { role: 'viewer' });
	assert.equal(answer.status, 200);
	assert.ok(!answer.text.includes('from-file'));
	assert.deepEqual(await setting('hello', 'greeting'), {
		name: 'greeting', type: 'string', help: 'what a greeting starts with', runtime: true, source: 'default', value: '你好, ', default: '你好, ',
	});
	const life = await setting('smartbot', 'stream_life');
	assert.deepEqual([life.type, life.value, life.min, life.max, life.runtime], ['duration', 330_000, 1000, 350_000, false]);
	const token = await setting('stayer', 'token');
	assert.deepEqual([token.type, token.value, token.is_set, token.source], ['secret', null, true, 'file']);
	assert.equal((await system.get('/api/settings')).status, 401);
});

test('a change reaches every web process within two seconds, under load, without a restart or a failed request', async () => {
	const children = system.children('web');
	const wrk = run('wrk', ['-t1', '-c4', '-d3s', '--timeout', '15s', '-H', `Authorization: Bearer ${keys.viewer}`, `${system.url}/api/hello/wrk`]);
	const { answer, word } = await soon((greeting) => put('hello', { greeting }), everywhere);
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.json.settings[0].value, word);
	const { stdout } = await wrk;
	assert.doesNotMatch(stdout, /Non-2xx|Socket errors/);
	assert.deepEqual(system.children('web'), children);
	const now = await setting('hello', 'greeting');
	assert.deepEqual([now.source, now.value, now.default], ['database', word, '你好, ']);
	assert.match(now.changed_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('a second node follows, and starts with what the database says', async () => {
	second = await system.secondNode();
	const headers = { HTTP_AUTHORIZATION: `Bearer ${keys.viewer}` };
	const text = async () => JSON.parse((await second.get('/api/hello/x', headers)).text).text;
	assert.equal(await text(), `${(await setting('hello', 'greeting')).value}x`);
	await soon((greeting) => put('hello', { greeting }), (greeted) => waitFor('the second node', async () => await text() === greeted));
	await second.stop();     // what follows counts the jobs of one node
	second = undefined;
});

test('a setting goes back to the file, and all of it is audited', async () => {
	const count = (await audited()).length, old = (await setting('hello', 'greeting')).value;
	const answer = await drop('hello', 'greeting');
	assert.equal(answer.status, 200);
	assert.equal(answer.json.settings[0].source, 'default');
	await everywhere('你好, x');
	assert.equal((await drop('hello', 'greeting')).status, 200, 'once more changes nothing');
	const entries = (await audited()).slice(count);
	assert.equal(entries.length, 1);
	assert.equal(entries[0][2], 'plugin:hello');
	assert.deepEqual(JSON.parse(entries[0][3]).changes, { greeting: { old, new: null } });
});

test('every bad field is named, and nothing is changed', async () => {
	const version = () => system.number('SELECT version FROM setting_version');
	const before = await version();
	assert.ok(before > 0);
	const bad = await put('stayer', { word: 'x'.repeat(21), stubborn: 'perhaps', nothing: 1, token: null });
	assert.equal(bad.status, 422);
	assert.deepEqual(bad.json.errors.map(({ field }) => field).sort(), ['nothing', 'stubborn', 'token', 'word']);
	const fixed = await put('smartbot', { stream_life: '10s' });
	assert.equal(fixed.status, 422);
	assert.match(fixed.json.errors[0].expected, /configuration file/);
	assert.equal((await put('nobody', {})).status, 404);
	assert.equal((await drop('hello', 'nothing')).status, 404);
	for (const body of ['', '[]', '"x"', '{"greeting":']) {
		const { status } = await system.get('/api/settings/hello', { method: 'PUT', body, headers: { Authorization: `Bearer ${keys.admin}` } });
		assert.ok(status === 400 || status === 422, `${body}: ${status}`);
	}
	assert.equal((await put('hello', { greeting: 'no' }, { role: 'viewer' })).status, 403);
	assert.equal((await drop('hello', 'greeting', { role: 'viewer' })).status, 403);
	assert.equal(await version(), before);
});

test('a secret is kept sealed and told to nobody, not even the audit', async () => {
	const secret = 'Geheim-0815';
	assert.equal((await put('stayer', { token: secret })).status, 200);
	assert.ok(!(await call('GET', '/api/settings')).text.includes(secret));
	assert.equal(await system.number(`SELECT COUNT(*) FROM setting WHERE INSTR(value, '${secret}')`), 0);
	const entries = await audited();
	assert.deepEqual(JSON.parse(entries.at(-1)[3]).changes, { token: { secret: true } });
	assert.ok(!(await system.wecomd('settings', 'list')).stdout.includes(secret));
	assert.equal((await setting('stayer', 'token')).source, 'database');
});

test('the commands do the same', async () => {
	assert.equal((await system.wecomd('settings', 'set', 'hello', 'greeting', 'Moin ')).status, 0);
	await everywhere('Moin x');
	assert.match((await system.wecomd('settings', 'list', 'hello')).stdout, /^hello\s+greeting\s+database\s+runtime\s+Moin $/m);
	assert.match((await system.wecomd('settings', 'set', 'stayer', 'stubborn', 'maybe')).stderr, /expected on or off/);
	assert.match((await system.wecomd('settings', 'set', 'smartbot', 'stream_life', '10s')).stderr, /configuration file/);
	assert.equal((await system.wecomd('settings', 'set', 'hello')).status, 2);
	assert.equal((await system.wecomd('settings', 'unset', 'hello', 'greeting')).status, 0);
	await everywhere('你好, x');
});

test('a value that no longer fits is left out, and the file counts', async () => {
	await system.sql("INSERT INTO setting (owner, name, value, version, changed_by) VALUES ('offerer', 'base', 'lots', 0, 'x'), ('gone', 'a', 'b', 0, 'x');" +
		'UPDATE setting_version SET version = version + 1');
	await waitFor('the complaint', () => /a setting in the database is not used: it does not fit/.test(system.log('wecomd')));
	assert.deepEqual((await system.get('/api/asker/sum')).json, { sum: 42 });
	assert.equal((await setting('offerer', 'base')).source, 'default');
});

// --- offers ---

test('a plugin uses what another offers, with its settings of the moment', async () => {
	assert.deepEqual((await system.get('/api/asker/sum')).json, { sum: 42 });
	await put('offerer', { base: 98 });
	await waitFor('the new base', async () => (await system.get('/api/asker/sum')).json.sum === 100);
});

// --- metrics and readiness ---

async function metrics(role = 'viewer') {
	const answer = await system.get('/metrics', { headers: { Authorization: `Bearer ${keys[role]}` } });
	assert.equal(answer.status, 200);
	assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
	return answer.text;
}
function value(text, sample) {
	const line = text.split('\n').find((each) => each.startsWith(`${sample} `));
	return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

test('metrics need a role and are well-formed', async () => {
	assert.equal((await system.get('/metrics')).status, 401);
	const text = await metrics();
	const seen = new Set();
	let name, type;
	for (const line of text.trimEnd().split('\n')) {
		const head = /^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) (.+)$/.exec(line);
		if (head) {
			if (head[1] === 'HELP') assert.ok(!seen.has(head[2]), `${head[2]} comes twice`);
			seen.add(name = head[2]);
			if (head[1] === 'TYPE') type = head[3];
			continue;
		}
		const sample = /^([a-z_:][a-z0-9_:]*)(\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})? (-?[\d.e+]+)$/.exec(line);
		assert.ok(sample, line);
		const base = type === 'histogram' ? sample[1].replace(/_(bucket|sum|count)$/, '') : sample[1];
		assert.equal(base, name, line);
	}
	for (const wanted of ['messages_total', 'answer_latency_seconds', 'wecomd_requests_total', 'wecomd_jobs', 'wecomd_job_queue_age_seconds'])
		assert.ok(seen.has(wanted), wanted);
	assert.equal(value(text, 'wecomd_metrics_dropped_total'), 0);
});

test('a question and its answer are counted once, and stay counted when every child is replaced', async () => {
	const before = await metrics();
	const message = textMessage('数', { bot: system.bot });
	const { reply } = await system.callback(message);
	await system.callback(message);
	await system.callback(message, { signature: '0'.repeat(40) });
	await system.finished(reply.stream.id);
	await system.jobsAreDone();
	const grown = (text, sample) => (value(text, sample) ?? 0) - (value(before, sample) ?? 0);
	const check = (text) => {
		assert.equal(grown(text, 'messages_total{source="smartbot",direction="in"}'), 1);
		assert.equal(grown(text, 'messages_total{source="smartbot",direction="out"}'), 1);
		assert.equal(grown(text, 'answer_latency_seconds_count'), 1);
		assert.equal(grown(text, 'answer_latency_seconds_bucket{le="+Inf"}'), 1);
		for (const outcome of ['new', 'repeated', 'refused'])
			assert.equal(grown(text, `wecomd_callbacks_total{endpoint="helpdesk",outcome="${outcome}"}`), 1, outcome);
		assert.ok(grown(text, 'wecomd_callbacks_total{endpoint="helpdesk",outcome="read"}') >= 1);
		assert.equal(grown(text, 'wecomd_jobs_total{kind="smartbot.answer",outcome="done"}'), 1);
		assert.equal(grown(text, 'wecomd_ai_calls_total{model="demo",outcome="ok"}'), 1);
		assert.ok(grown(text, 'wecomd_ai_tokens_total{model="demo",kind="completion"}') > 0);
		assert.ok(grown(text, 'wecomd_requests_total{route="/wecom/callback/{name}",method="POST",status="2xx"}') >= 3);
	};
	await waitFor('the job to be counted', async () => value(await metrics(), 'wecomd_jobs_total{kind="smartbot.answer",outcome="done"}') > 0);
	check(await metrics());
	const children = ['web', 'worker'].flatMap((role) => system.children(role));
	for (const pid of children) process.kill(pid, 'SIGKILL');
	await waitFor('new children', () => system.children('web').length === 2 && system.children('worker').length === 2);
	const later = await waitFor('an answer', () => metrics());
	check(later);
	assert.equal(grown(later, 'wecomd_child_restarts_total{role="web"}'), 2);
	assert.equal(grown(later, 'wecomd_child_restarts_total{role="worker"}'), 2);
});

test('readiness names the part that is missing', async () => {
	const ready = await waitFor('readiness', async () => (await system.get('/ready')).json.status === 'ready' && system.get('/ready'));
	assert.deepEqual(ready.json, { status: 'ready', database: 'ok', schema: 'ok', workers: 'ok' });
	await system.sql("UPDATE schema_migration SET number = number + 5000 WHERE owner = 'core' ORDER BY number DESC LIMIT 1");
	const schema = await system.get('/ready');
	assert.equal(schema.status, 503);
	assert.deepEqual(schema.json, { status: 'not ready', database: 'ok', schema: 'failed', workers: 'ok' });
	await system.sql("UPDATE schema_migration SET number = number - 5000 WHERE owner = 'core' AND number > 5000");
	const database = await system.hideDatabase();
	assert.deepEqual((await system.get('/ready')).json, { status: 'not ready', database: 'failed', schema: 'unknown', workers: 'unknown' });
	assert.equal((await system.get('/health')).status, 200);
	database.back();
	await waitFor('readiness', async () => (await system.get('/ready')).status === 200);
	for (const pid of system.children('worker')) process.kill(pid, 'SIGSTOP');
	try {
		await system.sql("UPDATE process SET beat_at = beat_at - INTERVAL 1 HOUR WHERE role = 'worker'");
		assert.deepEqual((await system.get('/ready')).json, { status: 'not ready', database: 'ok', schema: 'ok', workers: 'failed' });
	} finally {
		for (const pid of system.children('worker')) process.kill(pid, 'SIGCONT');
	}
	await waitFor('readiness', async () => (await system.get('/ready')).status === 200);
});
