// Tools for agents at /mcp, on the real path through nginx: the handshake, lists by role, calls and their failures, what is refused before
// that, and the official client (npm @modelcontextprotocol/client) as the independent peer.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test, { after, before } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { copyPlugins, removeFolder, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const keys = {};
const endpoint = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'gadgets', 'crash');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\npublic_url = https://bot.example.com/wecom
[mcp]\norigins = https://app.example.com, http://localhost:6274
[plugins]\ngadgets = on\ncrash = on\n[crash]\ntoken = ${endpoint.token}\naes_key = ${endpoint.aesKey}\n` });
	for (const role of ['viewer', 'operator', 'admin', 'busy', 'other'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', { busy: 'viewer', other: 'viewer' }[role] ?? role)).stdout.trim();
});
after(async () => {
	await system?.stop();
	if (folder) removeFolder(folder);
});

const NEW = '2025-06-18', OLD = '2025-03-26';
const PARSE = -32700, REQUEST = -32600, METHOD = -32601, PARAMS = -32602;

// Headers that are undefined are left out.
function post(body, { as = 'viewer', version = NEW, headers = {} } = {}) {
	const all = {
		Authorization: as && `Bearer ${keys[as]}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
		'MCP-Protocol-Version': version || undefined, ...headers,
	};
	return system.get('/mcp', {
		method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body),
		headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value)),
	});
}

let ids = 0;

// The response to one request, checked for form.
async function rpc(method, params, options) {
	const id = ++ids;
	const answer = await post({ jsonrpc: '2.0', id, method, ...params === undefined ? {} : { params } }, options);
	assert.equal(answer.status, 200, answer.text);
	assert.match(answer.headers['content-type'], /^application\/json/);
	assert.equal(answer.headers['mcp-session-id'], undefined);
	assert.equal(answer.json.jsonrpc, '2.0');
	assert.equal(answer.json.id, id);
	assert.equal('result' in answer.json, !('error' in answer.json));
	return answer.json;
}

const call = async (name, args, options) => {
	const { result, error } = await rpc('tools/call', { name, ...args === undefined ? {} : { arguments: args } }, options);
	assert.ok(result, JSON.stringify(error));
	assert.equal(result.content.length, 1);
	assert.equal(result.content[0].type, 'text');
	return { ...result, json: JSON.parse(result.content[0].text) };
};

// What a call that went well says.
async function done(name, args, options) {
	const { isError, json, structuredContent } = await call(name, args, options);
	assert.equal(isError, false, JSON.stringify(json));
	assert.deepEqual(structuredContent, json, 'the text and the structure say the same');
	return json;
}

// What one that did not says.
async function failed(code, name, args, options) {
	const { isError, json, structuredContent } = await call(name, args, options);
	assert.equal(isError, true, JSON.stringify(json));
	assert.equal(structuredContent, undefined);
	assert.equal(json.code, code, JSON.stringify(json));
	assert.ok(json.detail.length > 5 && json.trace_id.length === 32);
	return json;
}

const isFault = (answer, status, code) => {
	assert.equal(answer.status, status, answer.text);
	assert.equal(answer.json.jsonrpc, '2.0');
	assert.equal(answer.json.error.code, code, answer.text);
	assert.ok(answer.json.error.message.length > 5);
	return answer.json;
};

const isProblem = (answer, status, code) => {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.headers['content-type'], /^application\/problem\+json/);
	assert.equal(answer.json.code, code);
};

async function listTools(options) {
	const tools = [], sizes = [];
	for (let cursor; ;) {
		const { result } = await rpc('tools/list', cursor === undefined ? undefined : { cursor }, options);
		tools.push(...result.tools);
		sizes.push(result.tools.length);
		cursor = result.nextCursor;
		if (cursor === undefined) return { tools, sizes, names: tools.map(({ name }) => name) };
	}
}

const toolCalls = (tool) => system.number(`SELECT COUNT(*) FROM audit_log WHERE action = 'tool.call' AND object = 'tool:${tool}'`);

// --- the handshake ---

const hello = (protocolVersion) => ({ protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } });

test('initialize settles on the version asked for, or the newest there is', async () => {
	for (const [asked, settled] of [[NEW, NEW], [OLD, OLD], ['2024-11-05', NEW], ['2999-01-01', NEW], ['', NEW]]) {
		const { result } = await rpc('initialize', hello(asked), { version: '' });
		assert.equal(result.protocolVersion, settled, asked);
		assert.deepEqual(result.capabilities, { tools: {} });
		assert.equal(result.serverInfo.name, 'wecomd');
	}
	for (const params of [undefined, {}, { protocolVersion: 1 }])
		assert.equal((await rpc('initialize', params, { version: '' })).error.code, PARAMS);
});

test('notifications and responses are taken with 202 and nothing more', async () => {
	for (const message of [{ method: 'notifications/initialized' }, { method: 'notifications/cancelled', params: { requestId: 1 } },
		{ method: 'notifications/unheard-of' }, { id: 1, result: {} }, { id: 'x', error: { code: 1, message: 'no' } }]) {
		const answer = await post({ jsonrpc: '2.0', ...message });
		assert.deepEqual([answer.status, answer.text], [202, ''], JSON.stringify(message));
	}
});

test('ping is answered, ids come back as they were, unknown methods are named', async () => {
	assert.deepEqual((await rpc('ping')).result, {});
	for (const id of ['', '七', 0, -1, Number.MAX_SAFE_INTEGER])
		assert.deepEqual((await post({ jsonrpc: '2.0', id, method: 'ping' })).json, { jsonrpc: '2.0', id, result: {} });
	for (const method of ['resources/list', 'prompts/list', 'logging/setLevel', 'notifications/initialized', 'tools', 'x'.repeat(5000)]) {
		const { error } = await rpc(method);
		assert.equal(error.code, METHOD);
		assert.ok(error.message.length < 100);
	}
});

// --- the list ---

test('the list holds what the role may call, page by page, each tool once', async () => {
	const viewer = await listTools(), operator = await listTools({ as: 'operator' }), admin = await listTools({ as: 'admin' });
	assert.equal(new Set(viewer.names).size, viewer.names.length);
	assert.ok(viewer.sizes.length === 2 && viewer.sizes[0] === 50, viewer.sizes.join());
	const more = (one, other) => one.names.filter((name) => !other.names.includes(name)).sort();
	assert.deepEqual(more(operator, viewer), ['gadgets_change', 'jobs_retry', 'smartbot_ask']);
	assert.deepEqual(more(admin, operator), ['gadgets_admin']);
	assert.deepEqual(more(viewer, operator), []);
	for (const name of ['hello_greet', 'explain_message', 'jobs_list', 'smartbot_usage', 'gadgets_n00', 'gadgets_n59'])
		assert.ok(viewer.names.includes(name), name);
});

test('a cursor that was changed, made up or is none is refused', async () => {
	const { nextCursor } = (await rpc('tools/list')).result;
	for (const cursor of ['', 'x', `${nextCursor}00`, nextCursor.slice(2), nextCursor.replace(/.$/, (c) => (c === '0' ? '1' : '0')), 5, {}, null, 'f'.repeat(5000)])
		assert.equal((await rpc('tools/list', { cursor })).error.code, PARAMS, JSON.stringify(cursor));
});

test('the schemas are JSON Schema 2020-12, and say of each tool what it does', async () => {
	const { tools } = await listTools({ as: 'admin' });
	const ajv = addFormats(new Ajv2020({ strict: false, formats: { password: true } }));
	for (const { name, description, inputSchema, outputSchema, annotations } of tools) {
		assert.match(name, /^[a-z][a-z0-9_]{2,63}$/);
		assert.ok(description.length > 5);
		assert.equal(inputSchema.type, 'object');
		ajv.compile(inputSchema);
		if (outputSchema) ajv.compile(outputSchema);
		assert.equal(annotations.readOnlyHint, !annotations.destructiveHint);
	}
	const find = (wanted) => tools.find(({ name }) => name === wanted);
	assert.deepEqual(find('hello_greet').annotations, { readOnlyHint: true, destructiveHint: false, openWorldHint: false });
	assert.deepEqual(find('smartbot_ask').annotations, { readOnlyHint: false, destructiveHint: true, openWorldHint: true });
	assert.deepEqual(find('hello_greet').inputSchema.required, ['name']);
	const every = find('gadgets_every'), takes = ajv.compile(every.inputSchema);
	assert.ok(takes({ text: 'ab', number: 1, choice: null, list: ['a'] }));
	for (const bad of [{ number: 1 }, { text: 'ab', number: 6 }, { text: 'ab', number: 1, colour: 'red' }]) assert.ok(!takes(bad));
	const result = await done('gadgets_every', { text: 'ab', number: 1 });
	assert.ok(ajv.validate(every.outputSchema, result), ajv.errorsText());
});

// --- calls ---

test('a call fills the table, with defaults, and answers as text and as structure', async () => {
	assert.deepEqual(await done('hello_greet', { name: '李雷' }), { text: '你好, 李雷' });
	assert.deepEqual(await done('gadgets_every', { text: '你', number: -5, pause: '2m', on: false, choice: 'b', object: { a: [1] } }),
		{ text: '你', number: -5, pause: 120_000, on: false, object: { a: [1] }, actor: 'key:viewer', choice: 'b' });
	assert.deepEqual(await done('gadgets_every', { text: 'ab', number: 0, at: null }),
		{ text: 'ab', number: 0, pause: 1000, on: true, object: null, actor: 'key:viewer' });
	assert.deepEqual(await done('gadgets_n07'), { done: true });
	assert.deepEqual(await done('gadgets_n07', {}), { done: true });
});

test('every bad argument is named at once, and the tool does not run', async () => {
	const before = await toolCalls('gadgets_change');
	const bad = { text: 'x', choice: 'c', number: 6, pause: 'soon', at: 'today', on: 'on', list: ['a', 'b', 'c', 'd'], object: [], colour: 'red' };
	const { errors } = await failed('bad_fields', 'gadgets_change', bad, { as: 'operator' });
	assert.deepEqual(errors.map(({ field }) => field), Object.keys(bad));
	for (const { expected } of errors) assert.ok(expected.length > 3);
	assert.deepEqual((await failed('bad_fields', 'hello_greet')).errors, [{ field: 'name', expected: 'a value: it is required' }]);
	assert.deepEqual((await failed('bad_fields', 'gadgets_n00', { x: 1 })).errors, [{ field: 'x', expected: 'no such field' }]);
	const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}${'名'.repeat(40)}`, i]));
	const answer = await post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'gadgets_n00', arguments: many } });
	assert.ok(answer.bytes.length < 20_000, `${answer.bytes.length} bytes`);
	assert.equal(await toolCalls('gadgets_change'), before);
});

test('an unknown tool and malformed parameters are errors of the protocol', async () => {
	for (const params of [undefined, {}, { name: 5 }, { name: 'no_such_tool' }, { name: '' }, { name: 'hello_greet ' }, { name: 'Hello_greet' },
		{ name: 'hello_greet', arguments: [] }, { name: 'hello_greet', arguments: 'x' }, { name: 'hello_greet', arguments: null }, [], 'x', null]) {
		const { error } = await rpc('tools/call', params);
		assert.equal(error.code, PARAMS, JSON.stringify(params));
	}
	assert.match((await rpc('tools/call', { name: 'no_such_tool' })).error.message, /Unknown tool: no_such_tool/);
});

test('a tool above the role is refused, and leaves no trace', async () => {
	for (const [tool, role, as] of [['gadgets_admin', 'admin', 'operator'], ['gadgets_change', 'operator', 'viewer'], ['smartbot_ask', 'operator', 'viewer']]) {
		const { detail } = await failed('forbidden', tool, {}, { as });
		assert.match(detail, new RegExp(`role ${role}`));
		assert.equal(await toolCalls(tool), 0);
	}
});

test("a tool's failure says whose fault it is and nothing of what is inside", async () => {
	assert.equal((await failed('bad_request', 'gadgets_fail', { how: 'wrong' })).detail, 'the tool wants it otherwise');
	assert.equal((await failed('not_found', 'gadgets_fail', { how: 'gone' })).detail, 'there is no such gadget');
	const away = await failed('remote_failed', 'gadgets_fail', { how: 'away' });
	assert.ok(!away.detail.includes('inner-host'));
	for (const how of ['bug', 'silent', 'list']) assert.ok(!(await failed('internal', 'gadgets_fail', { how })).detail.includes('0x1'));
	await waitFor('the reason in the log', () => system.log('wecomd').split('\n').some((line) => line.includes('inner-host.example') && line.includes(away.trace_id)));
});

test('a call that changes something or reaches out is audited before it runs, by whom, and without its arguments', async () => {
	await done('gadgets_change', { text: '机密', number: 1 }, { as: 'operator' });
	const [[actor, trace, details]] = await system.sql("SELECT actor, trace_id, details FROM audit_log WHERE action = 'tool.call' AND object = 'tool:gadgets_change'");
	assert.equal(actor, 'key:operator');
	assert.match(trace, /^[0-9a-f]{32}$/);
	assert.deepEqual(Object.keys(JSON.parse(details)).sort(), ['arguments', 'effect']);
	assert.equal(JSON.parse(details).effect, 'changes');
	assert.match(JSON.parse(details).arguments, /^[0-9a-f]+$/);
	assert.equal(await toolCalls('gadgets_every'), 0, 'what only reads leaves no entry');
	const verified = await system.wecomd('audit', 'verify');
	assert.equal(verified.status, 0, verified.stderr);
});

test('a change that cannot be audited is not made', async () => {
	await system.sql('RENAME TABLE audit_log TO audit_log_away');
	try {
		await failed('database_unavailable', 'gadgets_change', { text: 'ab', number: 1 }, { as: 'operator' });
		await done('gadgets_every', { text: 'ab', number: 1 });
	} finally {
		await system.sql('RENAME TABLE audit_log_away TO audit_log');
	}
});

test('who calls faster than [mcp] calls_per_minute waits a little and is then told when to come back; others are not concerned', async () => {
	const answers = await Promise.all(Array.from({ length: 64 }, () => call('gadgets_n00', {}, { as: 'busy' })));
	const refused = answers.filter(({ isError }) => isError), passed = answers.filter(({ isError }) => !isError);
	assert.ok(refused.length > 10 && passed.length > 2, `${passed.length} passed, ${refused.length} were refused`);
	for (const { json } of refused) assert.equal(json.code, 'rate_limited');
	await done('gadgets_n00', {}, { as: 'other' });
});

// --- the tools of the product ---

const DONE = 3, DEAD = 4;
const stateOf = (key) => system.number(`SELECT state FROM job WHERE job_key = '${key}'`);
const inState = (key, ...states) => waitFor(`job ${key} in state ${states}`, async () => states.includes(await stateOf(key)));

test('jobs are listed and a dead one is tried again, as REST does it, with both audit entries under one trace id', async () => {
	const { status } = await system.callback({ id: 'e1', jobs: [{ kind: 'crash.fail', key: 'dead', args: { times: 1 } }, { kind: 'crash.ok', key: 'fine', args: {} }] }, { bot: endpoint });
	assert.equal(status, 200);
	await inState('dead', DEAD);
	await inState('fine', DONE);
	const { items } = await done('jobs_list', { state: 'dead' });
	assert.deepEqual([items.length, items[0].key, items[0].state], [1, 'dead', 'dead']);
	const first = await done('jobs_list', { limit: 1 });
	const second = await done('jobs_list', { limit: 1, before: first.items[0].id });
	assert.ok(second.items[0].id < first.items[0].id);
	await failed('bad_fields', 'jobs_list', { before: -1 });
	const { id } = items[0];
	assert.deepEqual(await done('jobs_retry', { id }, { as: 'operator' }), { id, state: 'ready' });
	const entries = await system.sql(`SELECT action, actor, object FROM audit_log WHERE trace_id = (SELECT trace_id FROM audit_log WHERE action = 'job.retry' AND object = 'job:${id}') ORDER BY id`);
	assert.deepEqual(entries, [['tool.call', 'key:operator', 'tool:jobs_retry'], ['job.retry', 'key:operator', `job:${id}`]]);
	await inState('dead', DEAD, DONE);
	await failed('conflict', 'jobs_retry', { id: first.items[0].key === 'fine' ? first.items[0].id : second.items[0].id }, { as: 'operator' });
	await failed('not_found', 'jobs_retry', { id: 99_999_999 }, { as: 'operator' });
});

test('the story of one message is the one that REST tells', async () => {
	const message = { msgid: `m-${crypto.randomUUID()}`, aibotid: 'helpdesk', chattype: 'single', from: { userid: 'agent-test' },
		response_url: 'https://qyapi.example.com/response', msgtype: 'text', text: { content: '在吗' } };
	const { reply } = await system.callback(message);
	await system.finished(reply.stream.id);
	await waitFor('the end of its job', async () => await system.number("SELECT COUNT(*) FROM job WHERE kind = 'smartbot.answer' AND state <> 3") === 0);
	const event = await system.number('SELECT MAX(id) FROM inbox_event');
	const story = await done('explain_message', { id: `inbox:${event}` });
	const rest = await system.get(`/api/explain/inbox:${event}`, { headers: { Authorization: `Bearer ${keys.viewer}` } });
	assert.deepEqual(story, rest.json);
	assert.deepEqual(story.events.map(({ what }) => what).slice(0, 2), ['callback', 'job']);
	assert.ok(!JSON.stringify(story).includes('在吗'));
	await failed('not_found', 'explain_message', { id: 'inbox:99999999' });
});

test('a bot answers a test question, its use is counted and can be read, and blocked words are not asked', async () => {
	const answer = await done('smartbot_ask', { bot: 'helpdesk', text: '年假有几天?' }, { as: 'operator' });
	assert.ok(answer.answer.length > 0 && answer.model);
	assert.equal(await toolCalls('smartbot_ask'), 1);
	const sorted = (items) => items.map((item) => JSON.stringify(item)).sort();
	const { items } = await done('smartbot_usage', { bot: 'helpdesk' });
	assert.ok(items.some(({ bot, calls }) => bot === 'helpdesk' && calls >= 1));
	const rest = await system.get('/api/smartbot/usage?bot=helpdesk', { headers: { Authorization: `Bearer ${keys.viewer}` } });
	assert.deepEqual(sorted(rest.json.items), sorted(items));
	assert.match((await failed('bad_request', 'smartbot_ask', { bot: 'helpdesk', text: '保本吗' }, { as: 'operator' })).detail, /blocked/);
	await failed('not_found', 'smartbot_ask', { bot: 'nobody', text: 'hi' }, { as: 'operator' });
	await failed('bad_request', 'smartbot_usage', { from: '2026-1-31x' });
	assert.deepEqual((await failed('bad_fields', 'smartbot_usage', { from: 'x', until: 'y' })).errors.map(({ field }) => field), ['from', 'until']);
});

// --- what is refused before ---

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };

test('without a key, or with a wrong one, there is nothing', async () => {
	isProblem(await post(ping, { as: '' }), 401, 'unauthenticated');
	isProblem(await post(ping, { as: '', headers: { Authorization: 'Bearer nonsense' } }), 401, 'unauthenticated');
	isProblem(await post('garbage', { as: '' }), 401, 'unauthenticated');
	assert.equal((await post(ping, { as: '' })).headers['www-authenticate'], 'Bearer');
});

test('a version header that is none of ours is refused; without one the older version is meant', async () => {
	for (const version of ['2024-11-05', '2025-06-19', '2025-06-18 ', 'x'].filter((one) => one.trim() === one))
		isProblem(await post(ping, { version }), 400, 'unsupported_protocol_version');
	const old = await call('hello_greet', { name: 'Li' }, { version: '' });
	assert.deepEqual([old.json.text, old.structuredContent], ['你好, Li', undefined]);
	assert.ok((await listTools({ version: OLD })).tools.every((tool) => !tool.outputSchema));
	assert.ok((await listTools()).tools.some((tool) => tool.outputSchema));
});

test('a page of a foreign origin is refused, even where its name leads here; ours and those of the settings pass', async () => {
	const from = (Origin, headers = {}) => post(ping, { headers: { Origin, ...headers } });
	for (const origin of ['https://evil.example', 'null', 'http://bot.example.com', 'https://bot.example.com.evil.example', 'https://bot.example.com:444',
		'https://bot.example.co', 'https://', 'https://bot.example.com/wecom', `http://127.0.0.1:${system.port}`, 'https://app.example.com.cn'])
		isProblem(await from(origin), 403, 'origin_not_allowed');
	isProblem(await from('http://evil.example', { Host: 'evil.example' }), 403, 'origin_not_allowed');
	for (const origin of ['https://bot.example.com', 'https://BOT.example.com', 'https://app.example.com', 'http://localhost:6274'])
		assert.equal((await from(origin)).status, 200, origin);
});

test('other methods and other types of body are refused', async () => {
	for (const method of ['GET', 'DELETE', 'PUT', 'HEAD']) {
		const answer = await system.get('/mcp', { method, headers: { Authorization: `Bearer ${keys.viewer}`, Accept: 'text/event-stream' } });
		assert.deepEqual([answer.status, answer.headers.allow], [405, 'POST'], method);
	}
	for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', undefined])
		isProblem(await post(ping, { headers: { 'Content-Type': type } }), 415, 'unsupported_media_type');
	assert.equal((await post(ping, { headers: { 'Content-Type': 'application/json; charset=utf-8' } })).status, 200);
	isProblem(await post(ping, { headers: { 'Content-Encoding': 'gzip' } }), 415, 'unsupported_encoding');
});

test('what is not JSON, not a message, too deep or too large is refused by its own code', async () => {
	for (const body of ['', '{', 'garbage', '{"jsonrpc":"2.0","id":1,"method":"ping"', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
		'\ufeff{}', '{"jsonrpc":"2.0","id":1,"method":"pi\u0000ng"}', '{"a":"\\ud800"}', '[1,2', `{"jsonrpc":"2.0","id":${'9'.repeat(40)},"method":"ping"}`])
		assert.equal(isFault(await post(body), 400, PARSE).id, null, body);
	for (const body of ['5', '"ping"', 'null', 'true', '{}', '{"jsonrpc":"2.0"}', '{"jsonrpc":"1.0","id":null,"method":"ping"}',
		'{"jsonrpc":2.0,"method":"ping"}', '{"method":"ping"}', '{"jsonrpc":"2.0","id":null,"method":"ping"}', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
		'{"jsonrpc":"2.0","id":[],"method":"ping"}', '{"jsonrpc":"2.0","method":"ping"}', '{"jsonrpc":"2.0","method":"tools/call"}', '{"jsonrpc":"2.0","method":5}'])
		assert.equal(isFault(await post(body), 400, REQUEST).id, null, body);
	assert.equal(isFault(await post({ id: 7, method: 'ping' }), 400, REQUEST).id, 7, 'an id that can be told is told');
	for (const deep of ['['.repeat(10_000) + ']'.repeat(10_000), `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, '['.repeat(10_000)])
		assert.match(isFault(await post(deep), 400, PARSE).error.message, /deep/);
	const nested = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"gadgets_every","arguments":{"object":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}}}`;
	isFault(await post(nested), 400, PARSE);
	isProblem(await post(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${'x'.repeat(1_100_000)}"}}`), 413, 'too_large');
	assert.deepEqual((await rpc('ping')).result, {}, 'and it goes on');
});

test('batches are for the older version alone, and have their bounds', async () => {
	const one = (id, method, params) => ({ jsonrpc: '2.0', ...id === undefined ? {} : { id }, method, ...params ? { params } : {} });
	isFault(await post([one(1, 'ping')]), 400, REQUEST);
	const answer = await post([one(1, 'ping'), one(undefined, 'notifications/initialized'), one('b', 'tools/call', { name: 'hello_greet', arguments: { name: 'Li' } }),
		5, one(3, 'initialize', hello(OLD)), one(4, 'no/such')], { version: OLD });
	assert.equal(answer.status, 200);
	assert.deepEqual(answer.json.map(({ id, result, error }) => [id, error ? error.code : Object.keys(result).join()]),
		[[1, ''], ['b', 'content,isError'], [null, REQUEST], [3, REQUEST], [4, METHOD]]);
	const silent = await post([one(undefined, 'notifications/initialized')], { version: '' });
	assert.deepEqual([silent.status, silent.text], [202, '']);
	for (const size of [0, 17]) isFault(await post(Array(size).fill(one(1, 'ping')), { version: OLD }), 400, REQUEST);
	assert.equal((await post(Array(16).fill(one(1, 'ping')), { version: OLD })).json.length, 16);
});

test('calls are counted by tool and outcome, and names that are no tools are not', async () => {
	await done('hello_greet', { name: 'Li' });
	await rpc('tools/call', { name: 'evil_name' });
	const { text } = await system.get('/metrics', { headers: { Authorization: `Bearer ${keys.viewer}` } });
	assert.match(text, /^wecomd_tool_calls_total\{tool="hello_greet",outcome="answered"\} [1-9]/m);
	assert.match(text, /^wecomd_tool_calls_total\{tool="gadgets_fail",outcome="failed"\} [1-9]/m);
	assert.match(text, /^wecomd_tool_calls_total\{tool="gadgets_admin",outcome="refused"\} [1-9]/m);
	assert.ok(!text.includes('evil_name'));
});

// --- the independent peer ---

test('the official client shakes hands, lists all pages and calls, and reads our errors', async () => {
	const client = new Client({ name: 'peer', version: '1' });
	const headers = { Authorization: `Bearer ${keys.operator}` };
	await client.connect(new StreamableHTTPClientTransport(new URL(`${system.url}/mcp`), { requestInit: { headers } }));
	try {
		assert.equal(client.getServerVersion().name, 'wecomd');
		assert.deepEqual(client.getServerCapabilities(), { tools: {} });
		await client.ping();
		const names = [];
		for (let cursor; ;) {
			const page = await client.listTools(cursor ? { cursor } : {});
			names.push(...page.tools.map(({ name }) => name));
			if (!(cursor = page.nextCursor)) break;
		}
		assert.ok(names.includes('hello_greet') && names.includes('gadgets_n59') && !names.includes('gadgets_admin'));
		/* It checks structured results against the schema that the list gave. */
		const good = await client.callTool({ name: 'gadgets_every', arguments: { text: 'ab', number: 2, choice: 'a' } });
		assert.equal(good.structuredContent.number, 2);
		const bad = await client.callTool({ name: 'gadgets_every', arguments: { text: 'a', number: 6 } });
		assert.equal(bad.isError, true);
		assert.deepEqual(JSON.parse(bad.content[0].text).errors.map(({ field }) => field), ['text', 'number']);
		await assert.rejects(client.callTool({ name: 'no_such_tool', arguments: {} }), /Unknown tool/);
	} finally {
		await client.close();
	}
	const nobody = new Client({ name: 'nobody', version: '1' });
	await assert.rejects(nobody.connect(new StreamableHTTPClientTransport(new URL(`${system.url}/mcp`))));
});
