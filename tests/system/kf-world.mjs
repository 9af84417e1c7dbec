// What the tests of kf share: a system whose accounts answer with a model that the test plays, customers of the simulator, and its books.
import assert from 'node:assert/strict';
import { modelSection, startFake } from './fake.mjs';
import { startSystem, waitFor } from './harness.mjs';

export const KF = 'wkxiaodian';

// settings: lines of [kf:kf]; more: whatever else the configuration has.
export async function startKf({ settings = '', more = '', lease = '2s', workers = 1 } = {}) {
	const fake = await startFake();
	const conf = `[web]\nprocesses = 1\n[worker]\nprocesses = ${workers}\nlease = ${lease}\n${modelSection(fake, 'fake', 'breaker_failures = 0\nretries = 0')}[kf:kf]\nmodel = fake\n${settings}\n${more}`;
	const system = await startSystem({ conf, plugins: ['kf'] });
	const kf = new Kf(system, fake);
	for (const role of ['viewer', 'operator', 'admin'])
		kf.keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
	fake.script = ({ text }) => ({ text: `答:${text.trim()}` });
	await kf.api('POST', 'kf/sync', {});
	await kf.account();
	return kf;
}

let made = 0;

// WeCom's times have whole seconds, so what we sent in the same second counts as sent behind the customer's message.
export function nextSecond() {
	const second = Math.floor(Date.now() / 1000);
	return waitFor('the next second', () => Math.floor(Date.now() / 1000) > second, { every: 20 });
}

class Kf {
	constructor(system, fake) {
		Object.assign(this, { system, fake, keys: {} });
	}

	async stop() {
		this.fake.stop();
		await this.system.stop();
	}

	// --- wecomd's side ---

	async ask(method, at, body, role = 'admin') {
		return this.system.get(`/api/${at}`, {
			method, ...body ? { body: JSON.stringify(body) } : {}, headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.keys[role]}` },
		});
	}

	async api(method, at, body, role) {
		const { status, json, text } = await this.ask(method, at, body, role);
		assert.ok(status < 300, `${method} ${at}: ${status} ${text}`);
		return json;
	}

	account() {
		return waitFor('the account', () => this.api('GET', `kf/accounts/${KF}`), { ms: 20_000 });
	}

	set(settings) {
		return this.api('PUT', `kf/accounts/${KF}`, { settings });
	}

	// A file of the console; its number.
	async file(name, bytes) {
		const { status, json, text } = await this.system.get(`/api/chat/media?name=${encodeURIComponent(name)}`, {
			method: 'POST', body: bytes, headers: { Authorization: `Bearer ${this.keys.operator}` },
		});
		assert.equal(status, 201, text);
		return json.id;
	}

	// --- WeCom's side ---

	async sim(what, body, method) {
		const { status, json, text } = body ? await this.system.postJson(`/sim/api/${what}`, body) : await this.system.get(`/sim/api/${what}`, { method });
		assert.ok(status < 300, `${what}: ${status} ${text}`);
		return json;
	}

	control(body) { return this.sim('kf/control', body); }
	fault(api, kind, more = {}) { return this.sim('faults', { api, kind, count: 1, ...more }); }
	calls(api) { return this.system.number(`SELECT COUNT(*) FROM simulator_call WHERE api = '${api}'`, { schema: 'wecomd_sim' }); }
	db(statement) { return this.system.sql(statement); }

	async customer(name = `顾客${made + 1}`) {
		const id = `wmtest${++made}`;
		await this.sim('kf/customers', { external_userid: id, nickname: name, unionid: `union${made}` });
		return new Customer(this, id);
	}

}

class Customer {
	constructor(kf, id) {
		Object.assign(this, { kf, id, who: { open_kfid: KF, external_userid: id } });
	}

	say(text, more = {}) { return this.kf.sim('kf/say', { ...this.who, text, ...more }); }
	enter(more = {}) { return this.kf.sim('kf/enter', { ...this.who, ...more }); }

	async chat() {
		return (await this.kf.sim(`kf/chat?open_kfid=${KF}&external_userid=${this.id}`)).messages;
	}

	// What the customer was told by the app, as texts.
	async told() {
		return (await this.chat()).filter(({ from }) => from === 'app').map(({ content, msgtype }) => content.content ?? content.head_content ?? `[${msgtype}]`);
	}

	async got(...texts) {
		let told;
		await waitFor(`${this.id} to be told ${texts.join(' | ')}`, async () => {
			told = await this.told();
			return told.length >= texts.length && texts.every((text, i) => (text instanceof RegExp ? text.test(told[i]) : told[i] === text));
		}, { ms: 30_000 }).catch((error) => { throw new Error(`${error.message}; it was told ${told?.join(' | ')}`); });
		assert.equal(told.length, texts.length, `told: ${told.join(' | ')}`);
		return told;
	}

	books() { return this.kf.sim(`kf/record?open_kfid=${KF}&external_userid=${this.id}`); }
	async sends() { return (await this.books()).sends; }

	async session() {
		const [row] = (await this.kf.sim(`kf/sessions?open_kfid=${KF}`)).sessions.filter(({ external_userid }) => external_userid === this.id);
		return row;
	}

	// The conversation as the console has it; the newest where there are several.
	async conversation() {
		const { items } = await this.kf.api('GET', 'chat/conversations?limit=200', undefined, 'operator');
		for (const one of items) {
			const whole = await this.kf.api('GET', `chat/conversations/${one.id}`, undefined, 'operator');
			if (JSON.stringify(whole).includes(this.id)) return whole;
		}
		return undefined;
	}

	async window() { return (await this.conversation())?.window; }

	// [state, outcome] of what the customer wrote, in order.
	async outcomes() {
		const rows = await this.kf.db(`SELECT m.state, IFNULL(m.outcome, '') FROM message m WHERE m.channel = 'kf' AND m.said_by = 1 AND m.msgid IN
			(${(await this.books()).messages.filter(({ origin }) => origin === 3).map(({ msgid }) => `'${msgid}'`).concat("''").join(', ')}) ORDER BY m.id`);
		return rows.map(([state, outcome]) => `${state} ${outcome}`.trim());
	}

	settled(...outcomes) {
		return waitFor(`${this.id}: ${outcomes.join(', ')}`, async () => (await this.outcomes()).map((one) => one.split(' ')[1] ?? '').join(',') === outcomes.join(','));
	}
}
