// What the bot talks to, played by the test: a model endpoint that does as it is told, a file store with encrypted files, and WeCom's
// response_url.
import crypto from 'node:crypto';
import http from 'node:http';
import { sleep } from './harness.mjs';

const event = (value) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const delta = (content) => event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });

// A file as WeCom stores it: the bare bytes under the bot's key, padded to 32.
export function encrypted(aesKey, bytes) {
	const key = Buffer.from(`${aesKey}=`, 'base64');
	const pad = 32 - (bytes.length % 32);
	const cipher = crypto.createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
	return Buffer.concat([cipher.update(Buffer.concat([bytes, Buffer.alloc(pad, pad)])), cipher.final()]);
}

export const textOf = (message) => (typeof message.content === 'string' ? message.content
	: message.content.map((part) => part.text ?? '').join(''));

async function play(script, rq, answer) {
	if (script.wait) await script.wait;
	if (script.status) {
		answer.writeHead(script.status, script.headers ?? {}).end(script.body ?? '');
		return;
	}
	answer.writeHead(200, { 'Content-Type': 'text/event-stream' });
	for (const piece of script.pieces ?? [script.text ?? '']) {
		if (answer.destroyed) return;
		answer.write(script.raw ? piece : delta(piece));
		if (script.pause) await sleep(script.pause);
	}
	if (script.raw) {
		answer.end();
		return;
	}
	if (script.hold) await script.hold;
	if (script.then === 'stall') return;
	if (script.then === 'cut') {
		answer.socket.destroy();
		return;
	}
	answer.write(event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
	if (script.usage !== false) answer.write(event({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 20, ...script.usage } }));
	answer.end(event('[DONE]'));
}

export async function startFake() {
	const fake = {
		asked: [],          // the bodies of model requests, with the model's name in the path
		replies: [],        // {id, body} of response_url
		files: new Map(),   // name → {bytes, headers, status}
		script: ({ text }) => ({ text: `答:${text.trim()}` }),     // ({text, messages, model, count}) → script
		replyAnswer: () => ({ status: 200, body: '{"errcode":0,"errmsg":"ok"}' }),
		last: () => fake.asked.at(-1),
		file(name, bytes, options = {}) {
			fake.files.set(name, { bytes, ...options });
			return `${fake.url}/media/${name}?sign=x `;     // the documented sample ends with a blank
		},
	};
	const server = http.createServer((rq, answer) => {
		const pieces = [];
		const { pathname } = new URL(rq.url, 'http://x');
		rq.on('data', (piece) => pieces.push(piece));
		rq.on('end', async () => {
			const body = Buffer.concat(pieces).toString();
			const [, kind, name] = pathname.split('/');
			if (kind === 'media') {
				const file = fake.files.get(name);
				if (!file) return answer.writeHead(404).end();
				file.fetched = (file.fetched ?? 0) + 1;
				return answer.writeHead(file.status ?? 200, file.headers ?? {}).end(file.bytes);
			}
			if (kind === 'reply') {
				fake.replies.push({ id: name, body: JSON.parse(body) });
				const { status, body: text, destroy, wait } = fake.replyAnswer(name);
				if (wait) await wait;
				if (destroy) return answer.socket.destroy();
				return answer.writeHead(status).end(text);
			}
			if (!body) return answer.writeHead(404).end();     // the doctor's question, which has none
			const request = JSON.parse(body);
			const text = textOf(request.messages.findLast((message) => message.role === 'user'));
			fake.asked.push({ ...request, text });
			return play(fake.script({ text, messages: request.messages, model: request.model, count: fake.asked.length }), rq, answer);
		});
		answer.on('error', () => {});
	});
	server.keepAliveTimeout = 500;
	await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
	fake.port = server.address().port;
	fake.url = `http://127.0.0.1:${fake.port}`;
	fake.stop = () => { server.closeAllConnections(); server.close(); };
	return fake;
}

const secret = (n) => crypto.randomBytes(64).toString('base64').replace(/[^A-Za-z0-9]/g, '').slice(0, n);

// A bot of the test, and its section of the configuration.
export function newBot(name, settings = {}) {
	const bot = { name, aibotid: name, receiveid: '', token: secret(32), aesKey: secret(43) };
	const lines = { token: bot.token, aes_key: bot.aesKey, aibotid: name, model: 'fake', ...settings };
	bot.section = `[smartbot:${name}]\n${Object.entries(lines).map(([key, value]) => `${key} = ${value}`).join('\n')}\n`;
	return bot;
}

export const modelSection = (fake, name, more = '') =>
	`[model:${name}]\nbase = ${fake.url}/${name}\nkey = k\nmodel = ${name}\nfirst = 2s\n${more}\n`;
