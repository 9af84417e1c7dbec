// 微信客服 by the clock: who is silent is reminded once and ended, who waits out of hours gets a servicer when they are there, what was not heard is read
// all the same, and what a customer is to us is shown, exported and erased.
import assert from 'node:assert/strict';
import test, { after, before, beforeEach } from 'node:test';
import { waitFor } from './harness.mjs';
import { KF, nextSecond, startKf } from './kf-world.mjs';

let kf, ticks = 0;

before(async () => { kf = await startKf({ settings: 'hand_over = 正在转接\nidle_text = 还在吗\nend_after = 0s', more: '[kf]\nrecover = 1s\n' }); });
after(async () => { await kf?.stop(); });
beforeEach(async () => { await kf.set({ mode: 'console', idle: '0s', end_after: '0s', rating: false, hours: '' }); });

// The minute's tick, now.
async function tick() {
	const key = `test.tick/${++ticks}`;
	await kf.system.sql(`INSERT INTO job (kind, job_key, state, due_at, trace_id, args) SELECT 'kf.tick', '${key}', 1, NOW(3), trace_id, args FROM job ORDER BY id DESC LIMIT 1`);
	await waitFor('the tick', async () => await kf.system.number(`SELECT COUNT(*) FROM job WHERE job_key = '${key}' AND state = 3`) === 1);
}
const silentFor = (hours) => kf.system.sql(`UPDATE kf_session SET last_ms = last_ms - ${hours * 3_600_000}, turn_ms = turn_ms - ${hours * 3_600_000}`);

test('who is silent is reminded once in a turn, and then the conversation ends', async () => {
	const who = await kf.customer();
	await who.say('你好');
	await who.got('答:你好');
	await kf.set({ idle: '1h' });
	await tick();
	assert.equal((await who.told()).length, 1, 'not yet');
	await silentFor(2);
	await tick();
	await tick();
	await who.got('答:你好', '还在吗');
	await kf.set({ end_after: '3h' });
	await silentFor(4);
	await tick();
	assert.deepEqual(await kf.system.sql("SELECT COUNT(*) FROM conversation WHERE channel = 'kf' AND is_open = 1"), [['0']]);
	await nextSecond();
	await who.say('回来了');
	await who.got('答:你好', '还在吗', '答:回来了');
});

test('the rating is asked for before the end, and what a person has does not end by itself', async () => {
	const who = await kf.customer(), other = await kf.customer();
	await who.say('你好');
	await other.say('人工');
	await who.got('答:你好');
	await other.got('正在转接');
	await kf.set({ end_after: '3h', rating: true });
	await silentFor(4);
	await tick();
	await who.got('答:你好', '请问您对本次服务满意吗？');
	await kf.system.sql('UPDATE kf_session SET last_ms = last_ms - 14400000');
	await tick();
	assert.equal((await other.conversation()).handler, 'person');
	assert.deepEqual((await kf.system.sql("SELECT COUNT(*) FROM conversation WHERE channel = 'kf' AND is_open = 1")), [['1']]);
});

test('who asked out of hours gets a servicer when they are there', async () => {
	await kf.set({ mode: 'servicer', hours: '2020-01-01 09:00-10:00', out_of_hours: '明天回复您' });
	const who = await kf.customer();
	await who.say('人工');
	await who.got('明天回复您');
	assert.equal((await who.session()).state, 1);
	await tick();
	assert.equal((await who.session()).state, 1);
	await kf.set({ hours: '' });
	await tick();
	assert.equal((await who.session()).state, 3);
});

test('a message whose doorbell was lost is read all the same', async () => {
	const who = await kf.customer();
	await kf.control({ rings: 0 });
	await who.say('没有铃');
	await nextSecond();
	await nextSecond();
	await tick();
	await who.got('答:没有铃');
	await kf.control({ rings: 1 });
});

test('a customer\'s section, export and erasure reach what kf keeps', async () => {
	const who = await kf.customer('王小明');
	await who.say('记住我');
	await who.got('答:记住我');
	const { customer } = await who.conversation();
	const one = await kf.api('GET', `customers/${customer.id}`);
	assert.equal(JSON.stringify(one).includes(who.id), false, 'the id is not shown to everybody');
	const { text } = await kf.ask('POST', `customers/${customer.id}/export`, {});
	assert.ok(text.includes(who.id) && text.includes('记住我'), text.slice(0, 500));
	const sends = await kf.system.number('SELECT COUNT(*) FROM kf_send');
	await kf.api('POST', `customers/${customer.id}/erase`, { reason: 'asked for', confirm: String(customer.id) });
	assert.equal(await kf.system.number(`SELECT COUNT(*) FROM kf_session WHERE customer = ${customer.id}`), 0);
	assert.equal(await kf.system.number('SELECT COUNT(*) FROM kf_send'), sends - 1);
	await nextSecond();
	await who.say('又是我');
	await who.got('答:记住我', '答:又是我');
});

test('doctor looks at the API, the accounts and the servicers', async () => {
	await kf.set({ mode: 'servicer' });
	const { stdout } = await kf.system.wecomd('doctor');
	for (const line of [/kf\.api.*\n?.*may use kf's API/, /kf\.accounts.*\n?.*callbacks come/, /kf\.servicers.*\n?.*servicers receive/]) assert.match(stdout, line);
	await kf.sim('kf/manage', { open_kfid: KF, manage_privilege: 0 });
	await kf.api('POST', 'kf/sync', {});
	assert.match((await kf.system.wecomd('doctor')).stdout, /manage_privilege/);
	await kf.sim('kf/manage', { open_kfid: KF, manage_privilege: 1 });
});
