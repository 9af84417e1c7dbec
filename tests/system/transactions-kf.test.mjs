// Deadlock, lock time-out and lost connection at each statement of each transaction of 微信客服: a message comes in once, is answered once and
// sent once.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { modelSection, startFake } from './fake.mjs';
import { waitFor } from './harness.mjs';
import { Bench } from './transactions.mjs';

const KF = 'wkxiaodian';

let bench, system, fake, key;

before(async () => {
	fake = await startFake();
	fake.script = ({ text }) => ({ text: `答:${text.trim()}` });
	bench = await Bench.start('transactions-kf', { plugins: ['kf'], conf: `[web]\nprocesses = 1\n[worker]\nprocesses = 1\npoll = 20ms\n
${modelSection(fake, 'fake', 'breaker_failures = 0')}[kf:kf]\nmodel = fake\nmode = servicer\nload = 0\n` });
	({ system } = bench);
	key = (await system.wecomd('key', 'add', '--name', 'root', '--role', 'admin')).stdout.trim();
	await ask('POST', 'sync', {});
	await waitFor('the account', async () => await bench.one('SELECT COUNT(*) FROM kf_account') === '1');
});
after(async () => {
	fake?.stop();
	await bench?.stop();
});

async function ask(method, at, value) {
	const answer = await system.get(`/api/kf/${at}`, { method, body: value === undefined ? undefined : JSON.stringify(value),
		headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` } });
	assert.ok(answer.status < 300, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer.json;
}

const sim = async (what, body) => {
	const { status, json, text } = body ? await system.postJson(`/sim/api/${what}`, body) : await system.get(`/sim/api/${what}`);
	assert.ok(status < 300, `${what}: ${status} ${text}`);
	return json;
};

let made = 0;
const done = () => waitFor('rest', async () => await bench.one("SELECT COUNT(*) FROM job WHERE state < 3 AND kind NOT LIKE 'kf.%tick'") === '0', { every: 5 });
const customer = async () => {
	const external_userid = `wmtx${++made}`;
	await sim('kf/customers', { external_userid, nickname: '顾客' });
	return external_userid;
};
const told = async (external_userid) => (await sim(`kf/chat?open_kfid=${KF}&external_userid=${external_userid}`)).messages.filter(({ from }) => from === 'app')
	.map(({ content }) => content.content);
// Deliveries that are tried again are more jobs, and a session is looked after by the clock.
const ignore = ['job', 'inbox_event', 'kf_event', 'audit_log', 'job_lane', 'ai_call'];

test('a question comes in, is answered and sent once', async () => {
	await bench.everyFault(['kf noted', 'kf page', 'kf answer', 'kf send begun', 'kf send ended'], async (external_userid) => {
		await sim('kf/say', { open_kfid: KF, external_userid, text: '在吗' });
		await waitFor('the answer', async () => (await told(external_userid)).length > 0);
		return external_userid;
	}, { prepare: customer, settle: done, ignore, atOnce: true, check: async (_, external_userid) => told(external_userid) });
});

test('a session is given to a servicer once', async () => {
	await bench.everyFault(['kf servicer claimed'], async (external_userid) => {
		await sim('kf/say', { open_kfid: KF, external_userid, text: '人工' });
		await waitFor('a servicer', async () => (await sim(`kf/sessions?open_kfid=${KF}`)).sessions.some((one) => one.external_userid === external_userid && one.state === 3));
		return external_userid;
	}, { prepare: customer, settle: done, ignore, atOnce: true, check: async (_, external_userid) => told(external_userid) });
});

test('accounts and servicers are listed, settings and links changed', async () => {
	await bench.everyFault(['kf accounts listed', 'kf servicers listed'], () => ask('POST', 'sync', {}), { settle: done, ignore, atOnce: true,
		check: () => bench.sql('SELECT name, managed, listed FROM kf_account UNION ALL SELECT COUNT(*), 0, 0 FROM kf_servicer') });
	await bench.everyFault(['kf settings changed'], () => ask('PUT', `accounts/${KF}`, { settings: { welcome: `您好${++made}` } }), { ignore: ['job'], atOnce: true });
	await bench.everyFault(['kf link kept'], () => ask('POST', `accounts/${KF}/links`, { scene: `s${++made}` }), { ignore: ['job'], atOnce: true });
});

test('a reload seeds the door once', async () => {
	await bench.everyFault(['kf door seeded'], async () => {
		process.kill(system.master, 'SIGHUP');
		await waitFor('the door', async () => await bench.one("SELECT COUNT(*) FROM kf_door WHERE seed_hash <> ''") === '1');
	}, { prepare: () => bench.sql("UPDATE kf_door SET seed_hash = ''"), ignore: [...ignore, 'process'], atOnce: true, check: () => bench.sql('SELECT name, secret FROM kf_door') });
});

test('what is old goes once', async () => {
	const lay = () => bench.sql(`INSERT INTO kf_event (account_id, msgid, kind, at) VALUES (1, 'old${++made}', 'x', '2020-01-01');
		INSERT INTO kf_rating (account_id, customer, turn_no, score, at) VALUES (1, 1, ${made}, 3, '2020-01-01')`);
	await bench.everyFault(['retention of kf'], () => bench.sql(`INSERT INTO job (kind, job_key, state, due_at, trace_id, args)
		SELECT 'kf.retention', 'tx.retention/${made}', 1, NOW(3), trace_id, args FROM job ORDER BY id DESC LIMIT 1`), { prepare: lay, settle: done, ignore, atOnce: true, faults: ['deadlock'],
		check: () => bench.one("SELECT details FROM audit_log WHERE action = 'kf.retention' ORDER BY id DESC LIMIT 1") });
});

test('no other transaction was seen, and none of these was left out', () => bench.complete());
