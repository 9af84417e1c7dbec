// One chaos run: the simulated people write and orders for notices come in while faults strike; then everything is left in peace, and the books
// must balance. What strikes, whom and in which order comes from the seed alone; when it strikes is counted in messages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { request, sleep, waitFor } from '../system/harness.mjs';
import { World } from './world.mjs';

export function random(seed) {
	let state = seed >>> 0;
	return (n) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor(state / 4294967296 * n);
	};
}

const post = (url, value) => request(url, { method: 'POST', body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } });
const countTo = (n) => Array.from({ length: n }, (_, i) => i + 1).join(' ');

// --- load ---

class Load {
	constructor(world, seed) {
		Object.assign(this, { world, below: random(seed), sent: 0, orders: [], going: true, acknowledged: [] });
		this.senders = [...Array.from({ length: 6 }, () => this.people()), this.notices()];
	}

	// A refusal (three open questions, simulator away) is no message.
	async people() {
		while (this.going) {
			const person = `p${this.below(60)}`;
			const group = this.below(3) ? '' : 'it';
			const answer = await post(`${this.world.url}/sim/api/messages`, { person, bot: 'helpdesk', group, text: `数到 ${10 + this.below(40)}` }).catch(() => undefined);
			if (answer?.status === 201) this.sent++;
			else await sleep(100);
		}
	}

	// One whose answer was lost is ordered again under its key.
	async notices() {
		for (let i = 0; this.going; i++) {
			const key = `order-${i}`;
			while (this.going) {
				const answer = await post(`${this.world.url}/api/notice/orders`, { key, to: `p${i % 60}` }).catch(() => undefined);
				if (answer?.status === 202) {
					this.orders.push(key);
					break;
				}
				await sleep(100);
			}
			await sleep(20);
		}
	}

	async stop() {
		this.going = false;
		await Promise.all(this.senders);
	}
}

// --- faults ---

const anyOf = (below, list) => list[below(list.length)];

function killChild(role) {
	return async (world, below) => {
		const node = anyOf(below, world.nodes);
		const child = anyOf(below, world.childrenOf(node).filter((one) => one.role === role));
		if (child) process.kill(child.pid, 'SIGKILL');
	};
}

const control = (world, body) => waitFor('the simulator to take a setting', async () => (await post(`${world.url}/sim/api/control`, body)).status < 300, { ms: 30_000 });
const wecomFault = (world, body) => waitFor('the simulator to take a fault', async () => (await post(`${world.url}/sim/api/faults`, body)).status < 300, { ms: 30_000 });

export const faults = {
	'kill a web child': killChild('web'),
	'kill a worker child': killChild('worker'),
	'kill a master': async (world, below) => anyOf(below, world.nodes).kill(),
	'reload': async (world, below) => anyOf(below, world.nodes).kill('SIGHUP'),
	'restart a node in order': async (world, below) => anyOf(below, world.nodes).kill('SIGTERM'),
	'stop the database and start it again': async (world, below) => world.restartDatabase(anyOf(below, world.databases), 'SIGTERM'),
	'kill the database': async (world, below) => world.restartDatabase(anyOf(below, world.databases), 'SIGKILL'),
	'cut every connection to the database': async (world, below) => {
		const database = anyOf(below, world.databases);
		for (const [id] of await database.sql("SELECT id FROM information_schema.processlist WHERE user = 'wecomd'").catch(() => []))
			await database.sql(`KILL ${id}`).catch(() => {});
	},
	'the model fails': async (world, below) => control(world, { model_fault: anyOf(below, ['429', '500', 'cut', 'not_json']), model_fault_count: 3 }),
	'the simulator hangs for two seconds': async (world) => {
		const all = [world.sim.pid, ...world.childrenOf(world.sim).map(({ pid }) => pid)];
		for (const pid of all) process.kill(pid, 'SIGSTOP');
		await sleep(2000);
		for (const pid of all) process.kill(pid, 'SIGCONT');
	},
	'kill the simulator': async (world) => world.sim.kill(),
	'WeCom loses its answers': async (world, below) => wecomFault(world, { api: 'message/send', kind: anyOf(below, ['lost', 'reset', 'timeout', 'truncated']), count: 2, ms: 12_000 }),
	'the last node\'s clock jumps': async (world, below) => world.setClock(`${below(2) ? '+' : '-'}${20 + below(200)}s`),
	'the web server is restarted': async (world) => world.nginx.kill('SIGQUIT'),
};

// --- what more may happen ---

// The disk under database, logs and sockets is full for a while. Nothing can be promised then but that nothing acknowledged is lost.
export async function fillDisk(world, load, say) {
	const before = load.sent;
	const hog = fs.openSync(world.file('hog'), 'w');
	const piece = Buffer.alloc(1 << 20, 1);
	let size = 0;

	try {
		for (;; size++) fs.writeSync(hog, piece);
	} catch (error) {
		assert.equal(error.code, 'ENOSPC');
	}
	say(`${String(load.sent).padStart(6)} messages  the disk is full (${size} MB)`);
	await sleep(4000);
	fs.closeSync(hog);
	fs.rmSync(world.file('hog'));
	say(`${String(load.sent).padStart(6)} messages  the disk has room again`);
	await waitFor('messages after the full disk', () => load.sent > before + 50, { ms: 120_000 });
	return {};
}

// A database node dies, then a node of wecomd: for how long was no callback acknowledged?
export async function killPreferred(world, load, say) {
	const pause = async (what, strike) => {
		const began = Date.now();
		const before = load.sent;
		say(`${String(load.sent).padStart(6)} messages  ${what}`);
		await strike();
		await waitFor('messages after it', () => load.sent > before + 100, { ms: 120_000 });
		await sleep(500);
		const ends = (await world.simdb.sql(`SELECT at_ms + ms FROM simulator_delivery WHERE kind = 'message' AND status = 200 AND error = ''
			AND at_ms > ${began - 2000} ORDER BY at_ms + ms`, 'wecomd_sim')).map(([at]) => Number(at));
		return Math.max(...ends.slice(1).map((at, i) => at - ends[i]));
	};
	const [first] = world.databases;
	const databaseGapMs = await pause('kill the database node that everybody writes to', () => {
		first.wanted = false;      // it stays away
		first.kill();
	});
	assert.match(await world.doctor(), /the cluster has 2 nodes, \[db\] host names 3/);
	const nodeGapMs = await pause('kill a node of wecomd', () => world.nodes[0].kill());
	first.start();
	await waitFor('the killed database back in the cluster', () => world.isSynced(first), { ms: 90_000 });
	await waitFor('everybody back at the preferred database', async () => {
		const [[n]] = await world.databases[0].sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'wecomd'");
		const others = await Promise.all(world.databases.slice(1).map(async (one) =>
			Number((await one.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'wecomd'"))[0][0])));
		return Number(n) > 0 && others.every((count) => count === 0);
	}, { ms: 60_000 });
	assert.match(await world.doctor(), /3 nodes are there/);
	return { databaseGapMs, nodeGapMs };
}

// --- books ---

// How a question ended. An answer that was promised as a new message comes at most once; not at all only where the call's answer was lost.
function outcome({ msgid, text, answer, later, late }) {
	const whole = countTo(Number(/\d+/.exec(text)[0]));
	const promised = /新消息发给您/.test(answer);
	const shown = promised && later ? late : answer;

	assert.ok(later <= (promised ? 1 : 0), `${msgid}: ${later} later messages behind "${answer}"`);
	if (shown === whole) return promised ? 'later' : 'whole';
	if (promised && !later) return 'lost';
	assert.match(shown, /抱歉|稍后|不可用|忙/, `${msgid}: "${text}" was answered "${shown}"`);
	return 'apologies';
}

// What was acknowledged has one outcome; nothing has two.
class Books {
	constructor(world) { this.world = world; }

	db(statement) { return this.world.db.sql(statement, 'wecomd'); }
	sim(statement) { return this.world.simdb.sql(statement, 'wecomd_sim'); }

	// Everybody at rest: nothing is being sent, no bubble is open, no job is left (what waits for its next attempt may take it now).
	async settle(ms) {
		await waitFor('rest', async () => {
			await this.db("UPDATE job SET due_at = NOW(3) WHERE state = 1 AND due_at > NOW(3) + INTERVAL 1 SECOND AND kind LIKE 'smartbot.%' OR state = 1 AND kind = 'notice.send'");
			await this.db('UPDATE outbound_call SET look_at = NOW(3) WHERE state = 0 AND created_at < NOW(3) - INTERVAL 15 SECOND');
			await this.sim('UPDATE job SET due_at = NOW(3) WHERE state = 1 AND due_at > NOW(3) + INTERVAL 1 SECOND');
			const [[open]] = await this.sim("SELECT COUNT(*) FROM simulator_message WHERE state NOT IN ('finished', 'failed')");
			const [[jobs]] = await this.db("SELECT COUNT(*) FROM job WHERE state < 3 AND (kind LIKE 'smartbot.%' OR kind LIKE 'notice.%') AND kind <> 'smartbot.retention'");
			this.last = `${open} messages open, ${jobs} jobs left`;
			return open === '0' && jobs === '0';
		}, { ms, every: 500 }).catch((error) => { throw new Error(`${error.message}: ${this.last}\n${this.world.logs()}`); });
	}

	async messages() {
		const rows = await this.sim(`SELECT m.msgid, m.state, m.text, IFNULL(b.stream_id, ''), IFNULL(b.state, ''), IFNULL(b.text, ''), IFNULL(b.error, ''),
			(SELECT COUNT(*) FROM simulator_message l WHERE l.later_of = m.id), IFNULL((SELECT MAX(text) FROM simulator_message l WHERE l.later_of = m.id), ''),
			(SELECT COUNT(*) FROM simulator_delivery d WHERE d.message = m.id AND d.kind = 'message' AND d.status = 200 AND d.error = '')
			FROM simulator_message m LEFT JOIN simulator_message b ON b.reply_to = m.id WHERE m.reply_to IS NULL`);
		return rows.map(([msgid, state, text, stream, bubble, answer, error, later, late, good]) => ({ msgid, state, text, stream, bubble, answer, error, later: Number(later), late, good: Number(good) }));
	}

	async check(load) {
		const messages = await this.messages();
		const acknowledged = messages.filter((one) => one.good > 0);
		const streams = new Map((await this.db('SELECT stream_id, finished, outcome FROM smartbot_stream')).map(([id, finished, outcome]) => [id, { finished, outcome }]));
		const jobs = new Map((await this.db("SELECT job_key, state FROM job WHERE kind = 'smartbot.answer'")));
		const tally = { messages: messages.length, acknowledged: acknowledged.length, whole: 0, later: 0, apologies: 0, lost: 0, unacknowledged: messages.length - acknowledged.length };

		for (const one of acknowledged) {
			assert.equal(one.state, 'finished', `${one.msgid} was acknowledged and is ${one.state}`);
			assert.ok(one.stream, `${one.msgid} was acknowledged and has no bubble`);
			assert.equal(streams.get(one.stream)?.finished, '1', `${one.msgid}: its stream is not finished`);
			assert.equal(jobs.get(one.stream), '3', `${one.msgid}: its job is in state ${jobs.get(one.stream)}`);
			assert.equal(one.bubble, 'finished', `${one.msgid}: its bubble is ${one.bubble}: ${one.error}`);
			tally[outcome(one)]++;
		}
		assert.equal(new Set(acknowledged.map(({ stream }) => stream)).size, acknowledged.length, 'two messages share a stream');

		const [[uncertain]] = await this.db('SELECT COUNT(*) FROM smartbot_reply WHERE state = 4');
		assert.ok(tally.lost <= Number(uncertain), `${tally.lost} later messages did not come, and only ${uncertain} are known to be uncertain`);

		// A message that is not acknowledged may have been committed; nothing may be there that nobody sent.
		const [[events]] = await this.db('SELECT COUNT(*) FROM smartbot_stream');
		assert.ok(Number(events) >= acknowledged.length && Number(events) <= messages.length, `${events} streams of ${messages.length} messages`);
		const [[turns]] = await this.db('SELECT COUNT(*) - COUNT(DISTINCT stream_id) FROM smartbot_turn');
		assert.equal(turns, '0', 'a turn is remembered twice');
		Object.assign(tally, await this.checkNotices(load));
		const [[broken]] = await this.db('SELECT COUNT(*) FROM job_lane l WHERE head_no <> 0 AND NOT EXISTS (SELECT 1 FROM job j WHERE j.lane = l.lane AND j.lane_no = l.head_no AND j.state IN (1, 2))');
		assert.equal(broken, '0', 'a lane waits for nobody');
		return tally;
	}

	async checkNotices(load) {
		const got = new Map((await this.sim("SELECT JSON_VALUE(body, '$.text.content'), COUNT(*) FROM simulator_app_message GROUP BY 1")).map(([key, n]) => [key, Number(n)]));
		const rows = await this.db("SELECT call_key, state FROM outbound_call WHERE kind = 'notice.send'");
		const notices = { orders: load.orders.length, sent: 0, uncertain: 0 };
		const states = new Map();

		for (const [key, state] of rows) {
			const order = key.replace(/\.\d+$/, '');
			states.set(order, [...states.get(order) ?? [], state]);
		}
		for (const order of load.orders) {
			const final = (states.get(order) ?? []).filter((state) => state !== '2');
			assert.equal(final.length, 1, `${order} has the outcomes ${states.get(order)}`);
			assert.ok((got.get(order) ?? 0) <= 1, `${order} was sent ${got.get(order)} times`);
			if (final[0] === '1') assert.equal(got.get(order), 1, `${order} is done in the ledger, and nobody got it`);
			notices[final[0] === '1' ? 'sent' : 'uncertain']++;
		}
		for (const [order, n] of got) assert.ok(n <= 1, `${order} was sent ${n} times`);
		return notices;
	}
}

// --- a run ---

// Options: name, nodes, galera, faketime; seed; messages and strikes: how many; kinds: names of faults; state: its folder; during(world, load): more that
// happens in the middle; later: the same, behind it; say(line).
export async function chaos({ seed, messages, strikes, kinds, during, later, say = () => {}, ...options }) {
	const below = random(seed);
	const world = await World.make(options);
	try {
		await control(world, { chars_per_s: 2000, refresh_ms: 300, first_token_ms: 20 });
		const load = new Load(world, seed);
		const until = (count) => waitFor(`${count} messages`, () => load.sent >= count, { ms: 240_000 });

		for (let i = 1; i <= strikes; i++) {
			await until(Math.floor(messages * i / (strikes + 1)));
			const kind = kinds[below(kinds.length)];
			say(`${String(load.sent).padStart(6)} messages  ${kind}`);
			await faults[kind](world, below, load);
		}
		if (during) await until(Math.floor(messages / 2));
		const more = { ...await during?.(world, load, say), ...await later?.(world, load, say) };
		await until(messages);
		await load.stop();
		await control(world, { model_fault: 'none' });
		const books = new Books(world);
		await books.settle(180_000);
		return { ...await books.check(load), ...more };
	} catch (error) {
		throw new Error(`${error.message}\n${world.logs()}`, { cause: error });
	} finally {
		await world.stop();
	}
}
