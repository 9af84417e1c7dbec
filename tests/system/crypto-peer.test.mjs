// The callback cipher against an independent implementation, the npm package @wecom/crypto, in both directions.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import wecom from '@wecom/crypto';

const { decrypt, encrypt, getSignature } = wecom;

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = path.resolve(root, process.env.B ?? 'build', 'tests/peer/envelope');

// The same messages in each run: xorshift32 from a fixed seed.
let seed = 0x9e3779b9;
function random(below) {
	seed ^= seed << 13;
	seed ^= seed >>> 17;
	seed ^= seed << 5;
	return (seed >>> 0) % below;
}
const pick = (list) => list[random(list.length)];
const many = (n, make) => Array.from({ length: n }, make);

const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'];
const pieces = ['a', 'Z', '0', ' ', '\n', '"', '\\', '<', '&', ']]>', '你好', '退款', '。', '𠮷', '😀', '👨‍👩‍👧', 'é', '\u00a0', '\u2028'];
const word = (n) => many(n, () => pick(letters)).join('');

const receiveids = ['', 'wx5823bf96d3bd56c7', 'ww6a112864f8022910', 'AIBOT'];

function message(msg, receiveid = pick(receiveids)) {
	return {
		token: word(1 + random(32)),
		aes_key: word(43),
		receiveid,
		timestamp: String(1_700_000_000 + random(100_000_000)),
		nonce: word(1 + random(16)),
		msg,
	};
}

const cases = ['', '{}', '你好', '😀', '企业微信'.repeat(500), '😀'.repeat(1000), 'x'.repeat(100_000)]
	.map((msg) => message(msg));
// 20 bytes, the message and the receiveid are padded to a multiple of 32: one byte less, none, one more.
for (const receiveid of receiveids)
	for (const blocks of [2, 3, 32])
		for (const more of [-1, 0, 1])
			cases.push(message('m'.repeat(32 * blocks - 20 - receiveid.length + more), receiveid));
while (cases.length < 200)
	cases.push(message(many(random(120), () => pick(pieces)).join('')));

let child, lines;

before(() => {
	child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
	lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
});

after(async () => {
	const ended = new Promise((resolve) => child.once('exit', resolve));
	child.stdin.end();
	assert.equal(await ended, 0);
});

async function ask(op, request) {
	child.stdin.write(JSON.stringify({ op, ...request }) + '\n');
	const { value, done } = await lines.next();
	assert.ok(!done, 'the program has ended');
	return JSON.parse(value);
}

const sign = (c, encrypted) => getSignature(c.token, c.timestamp, c.nonce, encrypted);
const xmlBody = (encrypted) =>
	`<xml><ToUserName><![CDATA[x]]></ToUserName><Encrypt><![CDATA[${encrypted}]]></Encrypt><AgentID>1</AgentID></xml>`;
const jsonBody = (encrypted) => JSON.stringify({ encrypt: encrypted });

function assertOpens(c, encrypted) {
	const { message, id } = decrypt(c.aes_key, encrypted);
	assert.equal(message, c.msg);
	assert.equal(id, c.receiveid);
}

test('what the peer encrypts and signs opens here, as XML and as JSON', async () => {
	for (const [i, c] of cases.entries()) {
		const encrypted = encrypt(c.aes_key, c.msg, c.receiveid);
		const body = i % 2 ? xmlBody(encrypted) : jsonBody(encrypted);
		assert.deepEqual(await ask('open', { ...c, signature: sign(c, encrypted), body }), { msg: c.msg });
	}
});

test('what is encrypted here opens at the peer, and both sign alike', async () => {
	for (const c of cases) {
		const { encrypt: encrypted, signature } = await ask('close', c);
		assert.equal(signature, sign(c, encrypted));
		assertOpens(c, encrypted);
	}
});

test('a JSON reply opens at the peer', async () => {
	for (const c of cases) {
		const reply = JSON.parse((await ask('reply', { ...c, xml: false })).body);
		assert.deepEqual(Object.keys(reply), ['encrypt', 'msgsignature', 'timestamp', 'nonce']);
		assert.equal(reply.timestamp, Number(c.timestamp));
		assert.equal(reply.nonce, c.nonce);
		assert.equal(reply.msgsignature, getSignature(c.token, reply.timestamp, reply.nonce, reply.encrypt));
		assertOpens(c, reply.encrypt);
	}
});

test('an XML reply opens at the peer', async () => {
	const cdata = (inside) => `<!\\[CDATA\\[(${inside})\\]\\]>`;
	const form = new RegExp(`^<xml><Encrypt>${cdata('[A-Za-z0-9+/=]+')}</Encrypt><MsgSignature>${cdata('[0-9a-f]{40}')}` +
		`</MsgSignature><TimeStamp>([0-9]+)</TimeStamp><Nonce>${cdata('[A-Za-z0-9]+')}</Nonce></xml>$`);
	for (const c of cases) {
		const [, encrypted, signature, timestamp, nonce] = form.exec((await ask('reply', { ...c, xml: true })).body);
		assert.deepEqual([timestamp, nonce, signature], [c.timestamp, c.nonce, sign(c, encrypted)]);
		assertOpens(c, encrypted);
	}
});

test('a message of the peer with another token, key or receiveid is refused', async () => {
	const [c, other] = [message('hello', 'corp'), message('')];
	const encrypted = encrypt(c.aes_key, c.msg, c.receiveid);
	const request = { ...c, signature: sign(c, encrypted), body: jsonBody(encrypted) };
	const errorOf = async (change) => (await ask('open', { ...request, ...change })).error;
	assert.equal(await errorOf({ token: other.token }), 'denied');
	assert.equal(await errorOf({ receiveid: '' }), 'denied');
	assert.equal(await errorOf({ aes_key: other.aes_key }), 'bad_request');
	assert.equal(await errorOf({}), undefined);
});
