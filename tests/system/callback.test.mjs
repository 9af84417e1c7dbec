// The callback URL as WeCom uses it: verification, delivery, repetition, and everything that must be refused.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import wecom from '@wecom/crypto';
import { refreshMessage, request, seal, signedQuery, startSystem, textMessage } from './harness.mjs';
import { ask } from './fastcgi.mjs';

// The last character of this key carries bits that belong to no byte.
const slack = {
	name: 'slack', token: 'QDG6eK', aesKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C', aibotid: 'slackbot', receiveid: '',
};

const conf = `
[web]
body_max = 64k
callback_window = 0s

[smartbot:slack]
token = ${slack.token}
aes_key = ${slack.aesKey}
aibotid = ${slack.aibotid}
model = demo
prompt = x
`;

let system, bot;

before(async () => {
	system = await startSystem({ conf });
	bot = system.bot;
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
});
after(() => system?.stop());

// Runs the work and says by how much it changed what is stored.
async function stores(work) {
	await system.jobsAreDone();     // those of the test before
	const earlier = await system.settled();
	await work();
	const later = await system.stored();
	return Object.fromEntries(Object.keys(later).map((key) => [key, later[key] - earlier[key]]));
}

const nothing = { events: 0, jobs: 0, streams: 0 };

async function isRefused(status, send, what = '') {
	assert.deepEqual(await stores(async () => {
		const answer = await send();
		assert.equal(answer.status, status, `${what} ${answer.text}`);
	}), nothing);
}

// --- URL verification ---

// An echo string that holds every character with a meaning in URLs.
function echoFor(text) {
	for (;;) {
		const echo = wecom.encrypt(bot.aesKey, text, bot.receiveid);
		if (/\+/.test(echo) && /\//.test(echo) && /=$/.test(echo)) return echo;
	}
}

const verify = (echo, written, options) =>
	system.get(`/wecom/callback/${bot.name}?${signedQuery(bot, echo, options).query}&echostr=${written}`);

test('the URL is verified with the echo string percent-encoded', async () => {
	const echo = echoFor('1616140317555161061');
	const answer = await verify(echo, encodeURIComponent(echo));
	assert.equal(answer.status, 200);
	assert.equal(answer.text, '1616140317555161061');
	assert.match(answer.headers['content-type'], /^text\/plain/);
});

test('the URL is verified with the echo string unencoded, + and / and = included', async () => {
	const echo = echoFor('94966531020182955848408');
	assert.equal((await verify(echo, echo)).text, '94966531020182955848408');
});

test('the URL is verified when somebody on the way made spaces of the pluses', async () => {
	const echo = echoFor('5927782489442352469');
	assert.equal((await verify(echo, encodeURIComponent(echo.replaceAll('+', ' ')))).text, '5927782489442352469');
});

test('a wrong signature, a foreign receiveid and a missing echo string are not verified', async () => {
	const echo = echoFor('123');
	const foreign = wecom.encrypt(bot.aesKey, '123', 'ww0000000000000000');
	assert.equal((await verify(echo, encodeURIComponent(echo), { signature: '0'.repeat(40) })).status, 403);
	assert.equal((await verify(foreign, encodeURIComponent(foreign))).status, 403);
	assert.equal((await system.get(`/wecom/callback/${bot.name}?${signedQuery(bot, '').query}`)).status, 400);
});

// --- delivery ---

test('a question is acknowledged with a stream that is then refreshed to its end', async () => {
	let content;
	const change = await stores(async () => {
		const { status, reply } = await system.callback(textMessage('你好', { bot }));
		assert.equal(status, 200);
		assert.equal(reply.msgtype, 'stream');
		content = await system.finished(reply.stream.id);
	});
	assert.ok(content.trim().length > 0);
	assert.deepEqual(change, { events: 1, jobs: 1, streams: 1 });
});

test('the same callback again, encrypted anew, gets the same stream and does nothing twice', async () => {
	const message = textMessage('第二次', { bot });
	const change = await stores(async () => {
		const first = await system.callback(message);
		const second = await system.callback(message);
		assert.equal(second.status, 200);
		assert.equal(second.reply.stream.id, first.reply.stream.id);
		await system.finished(first.reply.stream.id);
		const late = await system.callback(message);
		assert.equal(late.status, 200);
		assert.equal(late.reply.stream.id, first.reply.stream.id);
	});
	assert.deepEqual(change, { events: 1, jobs: 1, streams: 1 });
});

test('the same callback twenty times at once makes one event and one job', async () => {
	const message = textMessage('二十次', { bot });
	const change = await stores(async () => {
		const answers = await Promise.all(Array.from({ length: 20 }, () => system.callback(message)));
		assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
		assert.equal(new Set(answers.map(({ reply }) => reply.stream.id)).size, 1);
		await system.finished(answers[0].reply.stream.id);
	});
	assert.deepEqual(change, { events: 1, jobs: 1, streams: 1 });
});

test('a refresh stores nothing, and one for an unknown stream is told to stop', async () => {
	assert.deepEqual(await stores(async () => {
		const { status, reply } = await system.callback(refreshMessage('no-such-stream', { bot }));
		assert.equal(status, 200);
		assert.equal(reply.stream.finish, true);
		assert.notEqual(reply.stream.content.trim(), '');
	}), nothing);
});

test('a well-formed event that nobody knows is acknowledged with an empty answer', async () => {
	const event = { msgid: 'e1', aibotid: bot.aibotid, from: { userid: 'u' }, msgtype: 'event', event: { eventtype: 'not_yet_invented' } };
	const { status, text } = await system.callback(event);
	assert.equal(status, 200);
	assert.equal(text, '');
});

test('a key whose last bits are not zero works', async () => {
	const { status, reply } = await system.callback(textMessage('钥匙', { bot: slack }), { bot: slack });
	assert.equal(status, 200);
	assert.ok((await system.finished(reply.stream.id, { bot: slack })).length > 0);
});

test('an upload in chunks, without a length, is read to its end', async () => {
	const inChunks = (body) => [body.slice(0, 7), body.slice(7, 100), body.slice(100)];
	const { status, reply } = await system.callback(textMessage('分块', { bot }), { chunks: inChunks });
	assert.equal(status, 200);
	assert.equal(reply.msgtype, 'stream');
});

test('a web server that passes no CONTENT_LENGTH on is understood', async () => {
	const encrypt = wecom.encrypt(bot.aesKey, JSON.stringify(textMessage('无长度', { bot })), bot.receiveid);
	const uri = `/wecom/callback/${bot.name}`;
	const { query } = signedQuery(bot, encrypt);
	const answer = await ask(`${system.state}/run/wecomd.sock`, {
		REQUEST_METHOD: 'POST', REQUEST_URI: `${uri}?${query}`, QUERY_STRING: query, SCRIPT_NAME: uri, CONTENT_TYPE: 'application/json',
	}, JSON.stringify({ encrypt }));
	assert.equal(answer.status, 200, answer.text);
	assert.ok(JSON.parse(answer.text).encrypt);
});

test('without a window of time the timestamp may be any', async () => {
	for (const timestamp of ['1409659589', '99999999999']) {
		const { status, reply } = await system.callback(textMessage('时间', { bot }), { timestamp });
		assert.equal(status, 200);
		assert.equal(reply.msgtype, 'stream');
	}
});

// --- what must be refused ---

test('a wrong signature is refused and nothing is stored', async () => {
	const message = textMessage('不该存', { bot });
	await isRefused(403, () => system.callback(message, { signature: '0'.repeat(40) }));
	await isRefused(403, () => system.callback(message, { signature: '' }));
	await isRefused(403, () => system.callback(message, { bot: { ...bot, token: `${bot.token}x` } }));
	await isRefused(403, () => system.callback(message, { bot: { ...slack, name: bot.name } }));
});

test('a callback without signature, time or nonce is refused', async () => {
	const body = JSON.stringify({ encrypt: wecom.encrypt(bot.aesKey, '{}', '') });
	await isRefused(400, () => request(`${system.url}/wecom/callback/${bot.name}`, { method: 'POST', body }));
});

test('a text that is not base64 is refused though it is signed', async () => {
	const good = wecom.encrypt(bot.aesKey, JSON.stringify(textMessage('x', { bot })), '');
	for (const encrypt of ['', '*', `${good.slice(0, 20)}!${good.slice(21)}`, good.slice(0, -3), `${good}=`, good.slice(0, 40)])
		await isRefused(400, () => system.callback('', { encrypt }));
});

test('wrong padding is refused though it is signed', async () => {
	const message = JSON.stringify(textMessage('x', { bot }));
	const pads = {
		'of nothing': (n) => Buffer.alloc(n, 0),
		'greater than 32': (n) => Buffer.alloc(n, 33),
		'of 255': (n) => Buffer.alloc(n, 255),
		'that is uneven': () => Buffer.concat([Buffer.alloc(31, 7), Buffer.from([32])]),
	};
	// So long that all 32 bytes of the last block are padding.
	const whole = message + ' '.repeat((32 - ((20 + Buffer.byteLength(message)) % 32)) % 32);
	for (const [name, pad] of Object.entries(pads))
		await isRefused(400, () => system.callback('', { encrypt: seal(bot.aesKey, whole, { pad }) }), name);
});

test('a length that leads beyond the text is refused though it is signed', async () => {
	const message = JSON.stringify(textMessage('x', { bot }));
	for (const length of [message.length + 1, message.length + 40, 0x7fffffff, 0x80000000, 0xffffffff])
		await isRefused(400, () => system.callback('', { encrypt: seal(bot.aesKey, message, { length }) }));
});

test('a length that stops short leaves a foreign receiveid, which is refused', async () => {
	const message = JSON.stringify(textMessage('x', { bot }));
	await isRefused(403, () => system.callback('', { encrypt: seal(bot.aesKey, message, { length: message.length - 1 }) }));
	await isRefused(403, () => system.callback('', { encrypt: seal(bot.aesKey, message, { length: 0 }) }));
});

test('a foreign receiveid is refused and nothing is stored', async () => {
	const message = JSON.stringify(textMessage('x', { bot }));
	for (const receiveid of ['wx5823bf96d3bd56c7', ' ', '\0'])
		await isRefused(403, () => system.callback('', { encrypt: seal(bot.aesKey, message, { receiveid }) }));
});

test('a body that is not an envelope is refused', async () => {
	for (const body of ['', ' ', 'encrypt', '{', '{}', '[]', '{"encrypt":1}', '{"encrypt":""}', '<xml></xml>', '<xml><Encrypt>', '\0\0'])
		await isRefused(400, () => system.callback('', { encrypt: '', body }));
});

test('a decrypted text that is no JSON object is refused', async () => {
	for (const plain of ['', 'hello', '[]', '{"msgid":"a"', '{"msgid":"a","msgid":"b"}', `${'['.repeat(1000)}`])
		await isRefused(400, () => system.callback(plain));
});

test('a message of another bot is refused', async () => {
	const answer = await system.callback(textMessage('x', { bot: { aibotid: 'somebody-else' } }));
	assert.ok(answer.status >= 400 && answer.status < 500, `status ${answer.status}`);
});

test('a body over the limit is refused with 413, one below it is read', async () => {
	await isRefused(413, () => system.callback('', { encrypt: 'A', body: JSON.stringify({ encrypt: 'A'.repeat(65 * 1024) }) }));
	await isRefused(413, () => system.callback('', { encrypt: 'A', body: 'A'.repeat(3 << 20) }));
	const inChunks = (body) => [body, body, body];
	await isRefused(413, () => system.callback('', { encrypt: 'A', body: 'A'.repeat(30 * 1024), chunks: inChunks }));
	const below = 'A'.repeat(60 * 1024);
	await isRefused(400, () => system.callback('', { encrypt: below, body: JSON.stringify({ encrypt: below }) }));
});

test('a callback name that nobody has is not found', async () => {
	await isRefused(404, () => system.callback(textMessage('x', { bot }), { bot: { ...bot, name: 'nobody' } }));
	await isRefused(404, () => system.callback(textMessage('x', { bot }), { bot: { ...bot, name: '..%2fhelpdesk' } }));
	await isRefused(404, () => system.callback(textMessage('x', { bot }), { bot: { ...bot, name: 'HELPDESK' } }));
});

test('no secret and no text of a message is in the log', async () => {
	const marker = 'Geheimnis-4711';
	const { reply } = await system.callback(textMessage(marker, { bot }));
	await system.finished(reply.stream.id);
	const log = system.log('wecomd');
	assert.ok(log.length > 0);
	for (const word of [marker, ...Object.values(system.secrets)]) assert.ok(!log.includes(word), `the log holds ${word}`);
});
