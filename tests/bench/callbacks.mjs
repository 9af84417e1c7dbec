// Callbacks: verified, decrypted, committed with their job, acknowledged. wecomd, the Node server and mariadb-slap take turns.
//
// Each callback is a question of a person of its own: what one person may ask at once is bounded, and a lane of its own is the most expensive
// case. Only the web role runs: jobs are work of another kind, which neither reference does.
import wecom from '@wecom/crypto';
import { run, waitFor } from '../system/harness.mjs';
import { here, median, memoryOf, processorMs } from './stage.mjs';

let asked = 0;

const question = (text, number, more = {}) => ({
	msgid: `CAIQ16HMjQYY\\/NGagIOAgAMgq4KM0AI${number}`,
	aibotid: 'bench',
	chattype: 'single',
	from: { userid: `user-${number}` },
	response_url: `https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=${number}`,
	msgtype: 'text',
	text: { content: text },
	...more,
});

export function requestFor(bot, message, path = `/wecom/callback/${bot.name}`) {
	const encrypt = wecom.encrypt(bot.aesKey, JSON.stringify(message), '');
	const timestamp = String(Math.floor(Date.now() / 1000));
	const nonce = `${Math.random()}`.slice(2);
	const signature = wecom.getSignature(bot.token, timestamp, nonce, encrypt);
	const body = JSON.stringify({ encrypt });
	return `POST ${path}?msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce} HTTP/1.1\r\nHost: bench\r\n`
		+ `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

// Never the same twice; the text names its number, by which the model knows it again.
export function questions(n) {
	return Array.from({ length: n }, () => {
		const number = ++asked;
		return question(`报销差旅费要走什么流程？需要哪些票据，多久能到账？ #${number}#`, number);
	});
}

const tables = ['inbox_event', 'job'];

// A round begins with empty tables on every side. What the purge has still to do is over before.
async function empty(stage) {
	for (const table of [...tables, 'job_lane']) await stage.sql(`TRUNCATE TABLE ${table}`);
	for (const table of tables) await stage.sql(`TRUNCATE TABLE ${table}`, 'node');
	await waitFor('an idle purge', async () => {
		const [[length]] = await stage.sql("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_HISTORY_LIST_LENGTH'");
		return Number(length) < 100;
	}).catch(() => {});
}

async function sendTo(stage, path, n, schema) {
	const file = stage.requestsFile('callbacks', questions(n).map((message) => requestFor(stage.bot, message, path)));
	await empty(stage);
	const before = processorMs();
	const result = await stage.load(file, n);
	result.cpu_us = (processorMs() - before) * 1000 / n;
	// What was acknowledged must be there, or the figure is worth nothing.
	const [[events, jobs]] = await stage.sql('SELECT (SELECT COUNT(*) FROM inbox_event), (SELECT COUNT(*) FROM job)', schema);
	if (Number(events) !== n || Number(jobs) !== n) throw new Error(`${n} were acknowledged, ${events} events and ${jobs} jobs are stored in ${schema}`);
	return result;
}

// The same row as that of a callback's event, with the same keys on the table, each durable by itself.
async function slap(stage, n) {
	const schema = `slap${++asked}`;
	await stage.sql(`CREATE DATABASE ${schema}`, '');
	await stage.createLike(schema, 'inbox_event');
	await empty(stage);
	const query = "INSERT INTO inbox_event (dedupe_key, endpoint, trace_id, payload) VALUES (RANDOM_BYTES(32), 'bench', HEX(RANDOM_BYTES(16)), REPEAT('x', 470))";
	const before = processorMs();
	const { status, stdout, stderr } = await run('mariadb-slap', ['--no-defaults', '--user=root', `--socket=${stage.databaseSocket}`,
		`--create-schema=${schema}`, '--no-drop', '--concurrency=16', `--number-of-queries=${n}`, `--query=${query}`], { ms: 300_000 });
	if (status !== 0) throw new Error(`mariadb-slap: ${stderr}`);
	const cpu_us = (processorMs() - before) * 1000 / n;
	const seconds = Number(/Average number of seconds to run all queries: ([\d.]+)/.exec(stdout)[1]);
	if (await stage.number(`SELECT COUNT(*) FROM ${schema}.inbox_event`) !== n) throw new Error('mariadb-slap did not insert what it should');
	await stage.sql(`DROP DATABASE ${schema}`, '');
	return { per_second: n / seconds, cpu_us };
}

async function startNode(stage) {
	await stage.sql('CREATE DATABASE node', '');
	for (const table of tables) await stage.createLike('node', table);
	const node = stage.start('node', [process.execPath, `${here}/node-server.mjs`, `${stage.state}/run/node.sock`, stage.databaseSocket, 'node',
		stage.bot.token, stage.bot.aesKey]);
	await stage.until(node, 'it answers', async () => (await stage.get('/node/')).status !== 502);
	return node;
}

export async function measureCallbacks(stage, { pairs, callbacks, say }) {
	const wecomd = await stage.startWecomd({ roles: 'web', ready: '/health' });
	const node = await startNode(stage);
	const ours = [], nodes = [], slaps = [];

	await sendTo(stage, undefined, 3000, 'wecomd');
	await sendTo(stage, '/node/callback', 3000, 'node');     // V8 has compiled by then
	for (let i = 0; i < pairs; i++) {
		ours.push(await sendTo(stage, undefined, callbacks, 'wecomd'));
		nodes.push(await sendTo(stage, '/node/callback', Math.ceil(callbacks / 2), 'node'));
		slaps.push(await slap(stage, callbacks));
		say(`callbacks ${i + 1} of ${pairs}: ${[ours, nodes, slaps].map((all) => Math.round(all[i].per_second)).join(', ')} a second`
			+ ` (wecomd, node, slap; p99 ${ours[i].p99_ms} and ${nodes[i].p99_ms} ms); processor time for each, client and all:`
			+ ` ${[ours, nodes, slaps].map((all) => Math.round(all[i].cpu_us)).join(', ')} µs`);
	}
	const memory = memoryOf(wecomd);
	await wecomd.stop();
	await node.stop();
	const rate = (all) => median(all.map((one) => one.per_second));
	const ratio = (others) => median(ours.map((one, i) => one.per_second / others[i].per_second));
	return [
		{ name: 'callbacks, against two Node processes', figure: rate(ours), unit: '1/s', reference: rate(nodes), ratio: ratio(nodes), at_least: 3, aim: 4 },
		{ name: 'callbacks, against mariadb-slap', figure: rate(ours), unit: '1/s', reference: rate(slaps), ratio: ratio(slaps), at_least: 0.6, aim: 1 },
		{ name: 'callbacks, p99', figure: median(ours.map((one) => one.p99_ms)), unit: 'ms', reference: median(nodes.map((one) => one.p99_ms)), below: 20 },
		{ name: 'memory of web children after that load', figure: memory, unit: 'MB', below: 40 },
	];
}
