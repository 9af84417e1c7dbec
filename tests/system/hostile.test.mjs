// What a callback URL may be sent by whoever found it, or by a WeCom that has gone mad: nothing stored, a clear answer, nobody harmed.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import wecom from '@wecom/crypto';
import { newNonce, request, seal, signedQuery, startSystem, textMessage } from './harness.mjs';

let system, bot, children;

before(async () => {
	system = await startSystem();
	bot = system.bot;
	await system.speed({ chars_per_s: 100_000, first_token_ms: 0 });
	children = [...system.children('web'), ...system.children('worker')].sort();
});
after(() => system?.stop());

const encrypted = (plain) => wecom.encrypt(bot.aesKey, plain, bot.receiveid);
const question = (text = 'x') => JSON.stringify(textMessage(text, { bot }));
const seconds = (offset = 0) => String(Math.floor(Date.now() / 1000) + offset);

// Refused with a problem of this status, nothing stored, the same processes alive.
async function isRefused(status, send, what = '') {
	const earlier = await system.settled();
	const answer = await send();
	assert.equal(answer.status, status, `${what}: ${answer.text}`);
	assert.match(answer.headers['content-type'], /^application\/problem\+json/, what);
	assert.equal(answer.json.status, status);
	assert.match(answer.json.trace_id, /^[0-9a-f]{32}$/);
	assert.deepEqual(await system.stored(), earlier, what);
	assert.deepEqual([...system.children('web'), ...system.children('worker')].sort(), children, `${what}: a process has died`);
}

const isTaken = async (send) => {
	const earlier = await system.settled();
	const { status, text } = await send();
	assert.equal(status, 200, text);
	assert.equal((await system.stored()).events, earlier.events + 1);
};

// --- time ---

test('a callback from outside the window of time is refused, in either direction, one from inside is taken', async () => {
	for (const offset of [-640, 640, -86_400, 86_400 * 365])
		await isRefused(403, () => system.callback(question(), { timestamp: seconds(offset) }), `${offset} s`);
	for (const offset of [-560, 0, 560]) await isTaken(() => system.callback(question(), { timestamp: seconds(offset) }));
	assert.match(system.log('wecomd'), /"callback refused".*6[34]\d s from our clock, more than \[web\] callback_window/);
});

test('a signed timestamp that is no number of seconds is refused', async () => {
	for (const timestamp of ['0', '', 'now', '-1', '1e9', `${seconds()}x`, `+${seconds()}`, `${seconds()}000`, '9'.repeat(400), '0x10'])
		await isRefused(403, () => system.callback(question(), { timestamp }), timestamp);
});

test('verification of the URL is bound to the time too', async () => {
	const echo = encrypted('12345');
	const at = (timestamp) => system.get(`/wecom/callback/${bot.name}?${signedQuery(bot, echo, { timestamp }).query}&echostr=${encodeURIComponent(echo)}`);
	assert.equal((await at(seconds())).text, '12345');
	assert.equal((await at(seconds(-700))).status, 403);
	assert.equal((await at(seconds(700))).status, 403);
});

test('a wrong signature is told before a wrong time: the clock is nobody else\'s business', async () => {
	const answer = await system.callback(question(), { timestamp: seconds(-9999), signature: '0'.repeat(40) });
	assert.equal(answer.status, 403);
	assert.doesNotMatch(answer.text, /clock/);
});

// --- repetition ---

test('a replayed callback, byte for byte, does nothing twice and gets the same stream', async () => {
	const encrypt = encrypted(question('replayed'));
	const { nonce, query: signed } = signedQuery(bot, encrypt);
	const send = () => request(`${system.url}/wecom/callback/${bot.name}?${signed}`, {
		method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ encrypt }),
	});
	const earlier = await system.settled();
	const answers = await Promise.all(Array.from({ length: 10 }, send));
	answers.push(await send());
	const streams = answers.map(({ status, json }) => {
		assert.equal(status, 200);
		assert.equal(json.nonce, nonce);
		return JSON.parse(wecom.decrypt(bot.aesKey, json.encrypt).message).stream.id;
	});
	assert.equal(new Set(streams).size, 1);
	await system.finished(streams[0]);
	await system.jobsAreDone();
	assert.equal((await send()).status, 200);
	assert.deepEqual(await system.stored(), { events: earlier.events + 1, jobs: earlier.jobs + 1, streams: earlier.streams + 1 });
});

// --- bytes ---

test('a decrypted text that is not UTF-8 is refused', async () => {
	const [head, tail] = question('@@').split('@@');
	for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe4, 0xbd], [0x80]]) {
		const plain = Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]);
		await isRefused(400, () => system.callback('', { encrypt: seal(bot.aesKey, plain) }), Buffer.from(bytes).toString('hex'));
	}
});

test('control characters and zero bytes in a decrypted text are refused unless they are escaped', async () => {
	const [head, tail] = question('@@').split('@@');
	for (const byte of [0, 1, 8, 10, 27, 31])
		await isRefused(400, () => system.callback('', { encrypt: seal(bot.aesKey, Buffer.concat([Buffer.from(head), Buffer.from([byte]), Buffer.from(tail)])) }), `byte ${byte}`);
	await isRefused(400, () => system.callback('', { encrypt: seal(bot.aesKey, `${head}\\u0000${tail}`) }), 'an escaped zero');
	await isTaken(() => system.callback('', { encrypt: seal(bot.aesKey, `${head}\\u0001\\u001b${tail}`) }));
	await isRefused(400, () => system.callback('', { encrypt: seal(bot.aesKey, `${head}\\ud800${tail}`) }), 'half a surrogate');
});

test('a body that is not UTF-8 is refused, in JSON and in XML', async () => {
	const encrypt = encrypted(question());
	await isRefused(400, () => system.callback('', { encrypt, body: Buffer.concat([Buffer.from(`{"encrypt":"${encrypt}","x":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]) }));
	await isRefused(400, () => system.callback('', { encrypt, body: Buffer.concat([Buffer.from(`<xml><ToUserName><![CDATA[`), Buffer.from([0xff, 0xfe]), Buffer.from(`]]></ToUserName><Encrypt><![CDATA[${encrypt}]]></Encrypt></xml>`)]) }));
	const wide = Buffer.from(`\ufeff<xml><Encrypt>${encrypt}</Encrypt></xml>`, 'utf16le');
	await isRefused(400, () => system.callback('', { encrypt, body: wide }), 'UTF-16');
});

// --- XML ---

const xml = (inside) => `<xml>${inside}</xml>`;

test('entities and document types are refused, the billion laughs among them', async () => {
	const encrypt = encrypted(question());
	const good = `<Encrypt><![CDATA[${encrypt}]]></Encrypt>`;
	const laughs = Array.from({ length: 20 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
	for (const body of [
		`<!DOCTYPE xml [<!ENTITY l0 "lol">${laughs}]>${xml(`<ToUserName>&l20;</ToUserName>${good}`)}`,
		`<!DOCTYPE xml [<!ENTITY e "${encrypt}">]>${xml('<Encrypt>&e;</Encrypt>')}`,
		`<!DOCTYPE xml SYSTEM "file:///etc/passwd">${xml(good)}`,
		`<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>${xml(`<ToUserName>&x;</ToUserName>${good}`)}`,
		`<!DOCTYPE xml [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>${xml(good)}`,
		`<!DOCTYPE xml>${xml(good)}`,
		xml(`<ToUserName>&unknown;</ToUserName>${good}`),
	]) await isRefused(400, () => system.callback('', { encrypt, body }), body.slice(0, 60));
});

test('control characters in CDATA beside the ciphertext are passed over, those that XML cannot hold inside it do not make it another', async () => {
	const body = (name, encrypt) => xml(`<ToUserName><![CDATA[${name}]]></ToUserName><Encrypt><![CDATA[${encrypt}]]></Encrypt>`);
	const send = (make) => {
		const encrypt = encrypted(question());
		return system.callback('', { encrypt, body: make(encrypt) });
	};
	for (const name of ['\x01\x02\x08\x0b\x1f', '\0', 'a\x1bb']) {
		const earlier = await system.settled();
		const answer = await request(...xmlPost((encrypt) => body(name, encrypt)));
		assert.equal(answer.status, 200, answer.text);
		assert.match(answer.text, /^<xml><Encrypt>/);
		assert.equal((await system.stored()).events, earlier.events + 1);
	}
	await isRefused(403, () => send((encrypt) => body('x', `A${encrypt}`)), 'a changed ciphertext');
	await isRefused(400, () => send(() => body('x', '\x01\x02')), 'nothing but control characters');
	await isRefused(400, () => send((encrypt) => body(']]>', encrypt).replace('</xml>', '')), 'cut');
});

function xmlPost(make) {
	const encrypt = encrypted(question());
	const { query: signed } = signedQuery(bot, encrypt, { nonce: newNonce() });
	return [`${system.url}/wecom/callback/${bot.name}?${signed}`, { method: 'POST', body: make(encrypt) }];
}

// --- depth ---

test('ten thousand levels are refused, outside and inside the envelope, in JSON and in XML', async () => {
	const encrypt = encrypted(question()), n = 10_000;
	const deep = (open, close, middle = '') => open.repeat(n) + middle + close.repeat(n);
	for (const [name, body] of Object.entries({
		'JSON arrays': `{"a":${deep('[', ']')},"encrypt":"${encrypt}"}`,
		'JSON objects': `{"a":${deep('{"a":', '}', '1')},"encrypt":"${encrypt}"}`,
		'JSON, never closed': `{"a":${'['.repeat(n)}`,
		'XML': xml(`${deep('<a>', '</a>')}<Encrypt>${encrypt}</Encrypt>`),
		'XML, never closed': '<a>'.repeat(n),
		'XML around it': `${'<a>'.repeat(n)}<Encrypt>${encrypt}</Encrypt>${'</a>'.repeat(n)}`,
	})) await isRefused(400, () => system.callback('', { encrypt, body }), name);
	const [head, tail] = question('@@').split('"@@"');
	for (const [name, plain] of Object.entries({
		'JSON arrays inside': head + deep('[', ']') + tail,
		'JSON objects inside': head + deep('{"a":', '}', '1') + tail,
		'arrays alone': deep('[', ']'),
		'XML inside': deep('<a>', '</a>'),
	})) await isRefused(400, () => system.callback(plain), name);
});

test('after all that a question is answered', async () => {
	const { status, reply } = await system.callback(textMessage('still there?', { bot }));
	assert.equal(status, 200);
	assert.ok((await system.finished(reply.stream.id)).length > 0);
	assert.doesNotMatch(system.log('wecomd'), /child killed|child ended by itself/);
});
