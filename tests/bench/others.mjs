// The other budgets: a route of the API, the way of the first characters, a thousand streams, start, memory, size.
import fs from 'node:fs';
import http from 'node:http';
import wecom from '@wecom/crypto';
import { build, request, run, sleep, waitFor } from '../system/harness.mjs';
import { questions, requestFor } from './callbacks.mjs';
import { nowMs, startModel } from './model.mjs';
import { median, memoryOf, percentile } from './stage.mjs';

// --- a route of the API ---

export async function measureHello(stage, { pairs, gets, say }) {
	const wecomd = await stage.startWecomd({ roles: 'web', ready: '/health' });
	const echo = stage.start('echo', [`${build}/tests/bench/echo`, `${stage.state}/run/echo.sock`, '2', '16']);
	const get = (at) => [`GET ${at} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${stage.key}\r\n\r\n`];
	const hello = stage.requestsFile('hello', get('/api/hello/world')), echoes = stage.requestsFile('echo', get('/echo/api/hello/world'));
	const ours = [], theirs = [];

	await stage.until(echo, 'it answers', async () => (await stage.get('/echo/')).status === 200);
	await stage.load(hello, 5000);
	await stage.load(echoes, 5000);
	for (let i = 0; i < pairs; i++) {
		ours.push(await stage.load(hello, gets));
		theirs.push(await stage.load(echoes, gets));
		say(`hello ${i + 1} of ${pairs}: ${Math.round(ours[i].per_second)}, ${Math.round(theirs[i].per_second)} a second (wecomd, echo)`);
	}
	await wecomd.stop();
	await echo.stop();
	const rate = (all) => median(all.map((one) => one.per_second));
	return [{
		name: 'GET /api/hello/{name} with a key, against a libfcgi echo', figure: rate(ours), unit: '1/s', reference: rate(theirs),
		ratio: median(ours.map((one, i) => one.per_second / theirs[i].per_second)), at_least: 0.5,
	}];
}

// --- the first characters ---

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

// Posts one callback on a kept connection; the decrypted reply.
function callback(stage, message) {
	const [head, body] = requestFor(stage.bot, message).split('\r\n\r\n');
	return new Promise((resolve, reject) => {
		const rq = http.request({ port: stage.port, host: '127.0.0.1', method: 'POST', path: head.split(' ')[1], agent,
			headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } }, (answer) => {
			let text = '';
			answer.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('error', reject).on('end', () => {
				if (answer.statusCode !== 200) reject(new Error(`a callback was answered with ${answer.statusCode}`));
				else resolve(JSON.parse(wecom.decrypt(stage.bot.aesKey, JSON.parse(text).encrypt).message));
			});
		});
		rq.on('error', reject).end(body);
	});
}

const refresh = (id, message) => ({ ...message, msgid: `r-${message.msgid}`, msgtype: 'stream', text: undefined, stream: { id } });

// From the model's first token until a refresh has brought it: the refresh's own time is in it.
async function oneFirstText(stage, model) {
	const [message] = questions(1);
	const number = /#(\d+)#/.exec(message.text.content)[1];
	const { stream } = await callback(stage, message);

	await waitFor('the first token', () => model.first.has(number), { every: 1 });
	for (;;) {
		const reply = await callback(stage, refresh(stream.id, message));
		if (reply.stream.content) return nowMs() - model.first.get(number);
	}
}

export async function measureFirstText(stage, { samples, say }) {
	const model = await startModel(stage.modelPort, { delay: 25, pace: 20, pieces: 3 });
	const wecomd = await stage.startWecomd();
	const times = [];

	for (let i = 0; i < 5; i++) await oneFirstText(stage, model);
	for (let i = 0; i < samples; i++) times.push(await oneFirstText(stage, model));
	await wecomd.stop();
	model.close();
	say(`first characters: ${percentile(times, 0).toFixed(1)} to ${percentile(times, 1).toFixed(1)} ms, median ${median(times).toFixed(1)}`);
	return [
		{ name: 'first token until a refresh brings it, median', figure: median(times), unit: 'ms', below: 10 },
		{ name: 'first token until a refresh brings it, p99', figure: percentile(times, 0.99), unit: 'ms', below: 10 },
	];
}

// --- many streams ---

export async function measureStreams(stage, { streams, say }) {
	const model = await startModel(stage.modelPort, { hold: true, pace: 2000 });
	const wecomd = await stage.startWecomd({ conf: `[worker]\nprocesses = 1\nthreads = ${streams}\n` });
	const finished = "SELECT COUNT(*) FROM smartbot_stream WHERE finished AND outcome = 'answered'";
	const before = await stage.number(finished);
	let most = 0;

	await stage.load(stage.requestsFile('streams', questions(streams).map((message) => requestFor(stage.bot, message))), streams);
	await waitFor(`${streams} streams at once`, () => model.begun() === streams, { ms: 60_000, every: 100 })
		.catch((error) => { throw new Error(`${error.message}: there are ${model.begun()}`); });
	for (let i = 0; i < 5; i++) {
		await sleep(1000);
		most = Math.max(most, memoryOf(wecomd));
	}
	const open = model.begun();
	const began = nowMs();
	model.release();
	await waitFor(`the end of ${streams} streams`, async () => await stage.number(finished) - before === streams, { ms: 60_000, every: 100 }).catch(() => {});
	const ended = await stage.number(finished) - before;
	say(`streams: ${open} at once, ${ended} finished within ${((nowMs() - began) / 1000).toFixed(1)} s, ${most.toFixed(0)} MB`);
	await wecomd.stop();
	model.close();
	return [
		{ name: `${streams} model streams at once, memory`, figure: most, unit: 'MB', below: 150 },
		{ name: `${streams} model streams at once, finished`, figure: Math.min(open, ended), unit: 'streams', at_least: streams },
	];
}

// --- start, memory, size ---

async function oneStart(stage) {
	const began = nowMs();
	const wecomd = stage.launchWecomd();
	for (;;) {
		const answer = await request(`http://127.0.0.1:${stage.port}/ready`).catch(() => ({ status: 0 }));
		if (answer.status === 200) return { ms: nowMs() - began, wecomd };
		if (nowMs() - began > 20_000 || !wecomd.lives) throw new Error('wecomd does not start');
		await sleep(1);
	}
}

export async function measureStart(stage, { starts, say }) {
	const times = [];
	let memory;

	for (let i = 0; i < starts; i++) {
		const { ms, wecomd } = await oneStart(stage);
		times.push(ms);
		if (i === starts - 1) {
			await sleep(3000);
			memory = memoryOf(wecomd);
		}
		await wecomd.stop();
		// No sign of life of the one before may make /ready true.
		await stage.sql('DELETE FROM process');
	}
	say(`start: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
	return [
		{ name: 'start until /ready is 200', figure: median(times), unit: 'ms', below: 200 },
		{ name: 'idle memory, all processes', figure: memory, unit: 'MB', below: 40 },
	];
}

export async function measureSize(stage) {
	const files = [`${build}/wecomd`, ...fs.readdirSync(`${build}/plugins`).filter((name) => name.endsWith('.so')).map((name) => `${build}/plugins/${name}`)];
	let bytes = 0;
	for (const file of files) {
		const { status, stderr } = await run('strip', ['-o', `${stage.state}/stripped`, file]);
		if (status !== 0) throw new Error(stderr);
		bytes += fs.statSync(`${stage.state}/stripped`).size;
	}
	return [{ name: `the program and its ${files.length - 1} plugins, stripped`, figure: bytes / 1e6, unit: 'MB', below: 5 }];
}
