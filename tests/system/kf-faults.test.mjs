// What goes wrong around 微信客服: doorbells at once, crashes between any two steps, tokens, cursors, pages, and every way in which WeCom refuses a
// message. By WeCom's own books nothing is lost and nothing comes twice.
import assert from 'node:assert/strict';
import test, { after, before, beforeEach } from 'node:test';
import { waitFor } from './harness.mjs';
import { KF, nextSecond, startKf } from './kf-world.mjs';

let kf;

before(async () => { kf = await startKf({ settings: 'welcome = 欢迎光临\nhand_over = 正在转接', more: '[kf]\nrecover = 2s\npage = 50\n' }); });
after(async () => { await kf?.stop(); });
beforeEach(async () => {
	kf.fake.script = ({ text }) => ({ text: `答:${text.trim()}` });
	kf.fake.asked.length = 0;
	await kf.sim('faults', undefined, 'DELETE');
});

const accepted = async (who) => (await who.sends()).filter(({ errcode }) => errcode === 0);
const refused = async (who) => (await who.sends()).filter(({ errcode }) => errcode !== 0).map(({ errcode }) => errcode);
const atRest = () => waitFor('rest', async () => await kf.system.number("SELECT COUNT(*) FROM job WHERE state < 3 AND kind IN ('kf.pull', 'kf.answer', 'talk.deliver')") === 0);
const doors = (body) => waitFor('the simulator', async () => (await kf.control(body)) && true);

// Kills the worker in the moment in which a condition becomes true; its master starts another.
async function crash(what, when) {
	await waitFor(what, when, { every: 5 });
	for (const pid of kf.system.children('worker')) process.kill(pid, 'SIGKILL');
}

test('two callbacks at once, and a hundred: one pull at a time, each message once', async () => {
	const who = await kf.customer();
	await doors({ rings: 5 });
	await Promise.all(['一', '二', '三'].map((text) => who.say(text)));
	await waitFor('three answers', async () => (await who.told()).length === 3);
	await doors({ rings: 1 });
	await waitFor('the last pull', async () => await kf.system.number("SELECT COUNT(*) FROM job WHERE state <> 3 AND kind IN ('kf.pull', 'kf.answer', 'talk.deliver')") === 0);
	assert.deepEqual((await who.told()).sort(), ['答:一', '答:三', '答:二'].sort());
	const pulls = await kf.system.number("SELECT COUNT(*) FROM job WHERE kind = 'kf.pull'"), rings = (await kf.sim('kf/rings')).rings.length;
	assert.ok(pulls < rings, `${pulls} pulls for ${rings} doorbells`);
	assert.equal(await kf.system.number("SELECT COUNT(*) - COUNT(DISTINCT msgid) FROM message WHERE channel = 'kf' AND said_by = 1"), 0);
});

test('a crash after pulling and before answering: the answer comes, once', async () => {
	const who = await kf.customer();
	let asked = 0;
	kf.fake.script = ({ text }) => (++asked === 1 ? { text: '没说完', hold: new Promise(() => {}) } : { text: `答:${text}` });
	await who.say('崩溃一');
	await crash('the question at the model', () => asked === 1);
	await who.got('答:崩溃一');
	await who.settled('answered');
});

test('a crash between the send and its record: WeCom refuses the repeat, and that means delivered', async () => {
	const who = await kf.customer();
	await kf.fault('kf/send_msg', 'timeout', { ms: 2500 });
	await who.say('崩溃二');
	await crash('the send at WeCom', async () => (await who.sends()).length === 1);
	await who.got('答:崩溃二');
	await waitFor('the message known as sent', async () => await kf.system.number(
		"SELECT COUNT(*) FROM kf_send s JOIN kf_send_part p ON p.send_id = s.id JOIN message m ON m.id = p.message WHERE s.state = 1 AND s.answer = '40058' AND m.state = 13") === 1, { ms: 30_000 });
	assert.equal((await accepted(who)).length, 1);
	assert.equal(new Set((await who.sends()).map(({ msgid }) => msgid)).size, 1, 'never another msgid');
});

for (const kind of ['lost', 'reset', 'truncated', 'html', 'http500']) {
	test(`send_msg whose answer is ${kind}: sent once, by one msgid`, async () => {
		const who = await kf.customer();
		await kf.fault('kf/send_msg', kind);
		await who.say(`问${kind}`);
		await who.got(`答:问${kind}`);
		await waitFor('the record', async () => await kf.system.number('SELECT COUNT(*) FROM kf_send WHERE state = 0') === 0);
		assert.equal((await accepted(who)).length, 1);
		assert.equal(new Set((await who.sends()).map(({ msgid }) => msgid)).size, 1);
		await who.settled('answered');
	});
}

test('45009 and -1 are waited out with the same msgid', async () => {
	const who = await kf.customer();
	await kf.fault('kf/send_msg', 'errcode', { errcode: -1, count: 2 });
	await who.say('忙吗');
	await who.got('答:忙吗');
	await nextSecond();
	await kf.fault('kf/send_msg', 'errcode', { errcode: 45009 });
	await who.say('限流吗');
	await waitFor('the job to wait', async () => await kf.system.number("SELECT COUNT(*) FROM job WHERE kind = 'talk.deliver' AND state = 1 AND attempts > 0") === 1);
	await kf.system.sql("UPDATE job SET due_at = NOW(3) WHERE kind = 'talk.deliver' AND state = 1");
	await who.got('答:忙吗', '答:限流吗');
	assert.deepEqual(await refused(who), []);
});

test('95001, 95002 and 95013: what is refused for its time waits for the next turn and goes then, by another msgid', async () => {
	for (const errcode of [95001, 95002, 95013]) {
		const who = await kf.customer();
		await kf.fault('kf/send_msg', 'errcode', { errcode });
		await who.say('先问');
		await waitFor(`${errcode} on record`, async () => await kf.system.number(`SELECT COUNT(*) FROM kf_send WHERE state = 2 AND answer = '${errcode}'`) >= 1);
		if (errcode !== 95013) {
			await atRest();
			assert.equal((await who.told()).length, 0);
			assert.equal((await who.window()).open, false);
			await nextSecond();
			await who.say('再问');
			await who.got('答:先问', '答:再问');
		} else {
			await who.got('答:先问');     // WeCom says that the session is open after all
		}
	}
});

test('95018: the state is read; a servicer who has the session keeps it, and the question is theirs', async () => {
	const who = await kf.customer();
	await kf.control({ route: 'servicer' });     // a new session goes to a servicer by itself, and nobody says so
	await who.say('在吗');
	await who.settled('person');
	await kf.control({ route: 'new' });
	assert.deepEqual([await refused(who), (await who.told()).length], [[95018], 0]);
	const talk = await who.conversation(), { servicer_userid: servicer } = await who.session();
	assert.deepEqual([talk.handler, talk.assignee, talk.window.reason], ['person', `member:${servicer}`, 'with_servicer']);
	await kf.sim('kf/servicer/end', { ...who.who, userid: servicer });
	await who.say('又来了');
	await waitFor('the machine', async () => (await who.told()).at(-1) === '答:又来了');
});

test('95018 while the state allows sending is tried once more, and then waits for the next turn', async () => {
	const who = await kf.customer();
	await kf.fault('kf/send_msg', 'errcode', { errcode: 95018, count: 2 });
	await who.say('先问');
	await waitFor('two refusals', async () => await kf.system.number("SELECT COUNT(*) FROM kf_send WHERE state = 2 AND answer = '95018'") >= 2);
	await atRest();
	await nextSecond();
	await who.say('再问');
	await who.got('答:先问', '答:再问');
});

test('msg_send_fail marks the message failed with its reason, and a person is told', async () => {
	const who = await kf.customer();
	await kf.control({ fail_next: 1, fail_type: 13 });
	await who.say('失败吗');
	await who.say('失败吗');
	await waitFor('the failure', async () => await kf.system.number("SELECT COUNT(*) FROM message WHERE channel = 'kf' AND is_out = 1 AND state = 15 AND reason LIKE '%13%'") === 1);
	await waitFor('a person', async () => (await who.conversation()).handler === 'person');
});

test('the model down: an apology, never silence; or a person, where that is wanted', async () => {
	const who = await kf.customer();
	kf.fake.script = () => ({ status: 500, body: 'no' });
	await kf.set({ apology: '对不起', on_failure: 'apology' });
	await who.say('模型坏了');
	await who.got('对不起');
	await who.settled('answered');
	await kf.set({ on_failure: 'person' });
	await nextSecond();
	await who.say('还坏吗');
	await who.got('对不起', '正在转接');
	await who.settled('answered', 'person');
	await kf.set({ on_failure: 'apology' });
});

test('a token that ends in a drain is fetched anew, and nothing comes twice', async () => {
	await kf.control({ rings: 0, page_max: 3 });
	const who = await kf.customer();
	for (let i = 0; i < 4; i++) await who.say(`第${i}句`);
	await kf.fault('kf/sync_msg', 'errcode', { errcode: 42001 });
	await kf.api('POST', 'kf/sync', {});
	await waitFor('four outcomes', async () => (await who.outcomes()).filter((one) => one.includes('answered')).length === 4);
	await kf.control({ rings: 1, page_max: 1000 });
});

test('a doorbell\'s token that WeCom refuses is left out, slowly', async () => {
	await kf.fault('kf/sync_msg', 'errcode', { errcode: 95007 });
	const who = await kf.customer();
	await who.say('令牌坏了');
	await who.got('答:令牌坏了');
});

test('empty pages with has_more, and pages that come twice, lose and double nothing', async () => {
	await kf.control({ empty_pages: 2, duplicate_pages: 1 });
	const who = await kf.customer();
	await who.say('空页');
	await who.got('答:空页');
	await nextSecond();
	await kf.control({ duplicate_pages: 2 });
	await who.say('重页');
	await who.got('答:空页', '答:重页');
	await atRest();
	await who.settled('answered', 'answered');
});

test('a cursor that is refused is given up: the account is read from its oldest message, and nothing is answered twice', async () => {
	const who = await kf.customer();
	await who.say('之前');
	await who.got('答:之前');
	await nextSecond();
	for (const errcode of [40058, 50100]) {
		await kf.control({ refused_cursors: 1, cursor_errcode: errcode });
		await who.say(`之后${errcode}`);
		await waitFor('the answer', async () => (await who.told()).at(-1) === `答:之后${errcode}`);
		await nextSecond();
	}
	assert.equal((await who.told()).length, 3);
	const cursor = await kf.system.sql('SELECT sync_cursor FROM kf_account');
	assert.notEqual(cursor[0][0], '');
});

test('a refusal that speaks of the account is not taken for the cursor\'s', async () => {
	const [[before]] = await kf.system.sql(`SELECT sync_cursor FROM kf_account WHERE open_kfid = '${KF}'`);
	await kf.fault('kf/sync_msg', 'errcode', { errcode: 60020 });
	const who = await kf.customer();
	await who.say('地址不对');
	await waitFor('the error', async () => (await kf.api('GET', 'kf/status')).items[0].pull_error.includes('60020'));
	assert.equal((await kf.system.sql(`SELECT sync_cursor FROM kf_account WHERE open_kfid = '${KF}'`))[0][0], before);
	await kf.api('POST', 'kf/sync', {});
	await who.got('答:地址不对');
	assert.equal((await kf.api('GET', 'kf/status')).items[0].pull_error, '');
});

test('history is not answered when an account is first read, but kept', async () => {
	const who = await kf.customer();
	await kf.control({ rings: 0 });
	await who.say('很久以前');
	await kf.system.sql(`UPDATE kf_account SET sync_cursor = '', quiet_before_ms = (UNIX_TIMESTAMP() + 5) * 1000 WHERE open_kfid = '${KF}'`);
	await kf.api('POST', 'kf/sync', {});
	await who.settled('quiet');
	await kf.system.sql(`UPDATE kf_account SET quiet_before_ms = 0 WHERE open_kfid = '${KF}'`);
	await kf.control({ rings: 1 });
	await nextSecond();
	await who.say('现在');
	await who.got('答:现在');
});

test('a file of 20 MB comes whole and goes whole; one above what is allowed leaves the message without it', async () => {
	const who = await kf.customer();
	await who.say(undefined, { msgtype: 'file', bytes: 20 * 1024 * 1024, file_name: '大.bin' });
	await waitFor('the file', async () => await kf.system.number("SELECT COUNT(*) FROM message WHERE kind = 'file' AND said_by = 1 AND media IS NOT NULL") === 1, { ms: 40_000 });
	const { id } = await who.conversation();
	const { items } = await kf.api('GET', `chat/conversations/${id}/messages`, undefined, 'operator');
	const { media } = items.find(({ kind }) => kind === 'file');
	assert.deepEqual([media.bytes, media.name], [20 * 1024 * 1024, '大.bin']);
	await nextSecond();
	await kf.api('POST', `chat/conversations/${id}/messages`, { media: media.id, kind: 'file' }, 'operator');
	const sent = await waitFor('the file at the customer', async () => (await who.chat()).find(({ from, msgtype }) => from === 'app' && msgtype === 'file'));
	assert.ok(sent.content.media_id);
});

test('callbacks that are no doorbell of an account do nothing, and a malformed one is refused', async () => {
	const bot = { name: 'kf', receiveid: 'wwsimulator', token: kf.system.secrets.KF_TOKEN, aesKey: kf.system.secrets.KF_AES_KEY };
	const ring = (xml) => kf.system.callback(xml, { bot });
	const pulls = () => kf.system.number("SELECT COUNT(*) FROM job WHERE kind LIKE 'kf.pull%'");
	await waitFor('the last pull', async () => await kf.system.number("SELECT COUNT(*) FROM job WHERE state < 3 AND kind = 'kf.pull'") === 0);
	const before = await pulls();
	assert.equal((await ring('<xml><Event>change_contact</Event></xml>')).status, 200);
	assert.equal((await ring('<xml><Event>kf_msg_or_event')).status, 400);
	assert.equal((await ring('<xml><Event>kf_msg_or_event</Event><Token>t</Token><OpenKfId>a b</OpenKfId></xml>')).status, 400);
	assert.equal(await pulls(), before);
	assert.equal((await ring('<xml><Event>kf_msg_or_event</Event><Token>t1</Token></xml>')).status, 200);
	await waitFor('a pull of each account', async () => await pulls() > before);
});
