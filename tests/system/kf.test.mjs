// 微信客服 as it should go: three quick questions and three answers in order, the window meter, welcomes, media, kinds, the two ways to a person.
import assert from 'node:assert/strict';
import test, { after, before, beforeEach } from 'node:test';
import { waitFor } from './harness.mjs';
import { KF, nextSecond, startKf } from './kf-world.mjs';

// One grey pixel.
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==', 'base64');

let kf;

before(async () => { kf = await startKf({ settings: 'welcome = 欢迎光临\nhand_over = 正在转接\nqueue = 正在排队\nend = 再见' }); });
after(async () => { await kf?.stop(); });
beforeEach(async () => {
	kf.fake.script = ({ text }) => ({ text: `答:${text.trim()}` });
	await kf.set({ mode: 'console', rating: false, hours: '', load: 10 });
});

test('three quick questions get three answers in order, the meter counts down, and a person is handed the conversation', async () => {
	const who = await kf.customer();
	for (const text of ['一号问题', '二号问题', '三号问题']) await who.say(text);
	await who.got('答:一号问题', '答:二号问题', '答:三号问题');
	await who.settled('answered', 'answered', 'answered');
	assert.deepEqual((({ open, limit, left, reserve }) => ({ open, limit, left, reserve }))(await who.window()), { open: true, limit: 5, left: 2, reserve: 1 });
	await nextSecond();
	await who.say('转人工。');
	await who.got('答:一号问题', '答:二号问题', '答:三号问题', '正在转接');
	const talk = await who.conversation();
	assert.deepEqual([talk.handler, talk.window.left], ['person', 4]);
	await nextSecond();
	await who.say('还在吗');
	await who.settled('answered', 'answered', 'answered', 'person', 'person');
	assert.equal((await who.told()).length, 4, 'the machine is mute');
	await kf.api('POST', `chat/conversations/${talk.id}/messages`, { text: '我是小王，请讲。' }, 'operator');
	await who.got('答:一号问题', '答:二号问题', '答:三号问题', '正在转接', '我是小王，请讲。');
	assert.equal((await who.window()).left, 4, 'what a person says counts');
	assert.ok((await who.sends()).every(({ errcode, api }) => errcode === 0 && api === 'send_msg'));
	await kf.api('POST', `chat/conversations/${talk.id}/hand-back`, {}, 'operator');
	await who.say('谢谢');
	await waitFor('the machine', async () => (await who.told()).at(-1) === '答:谢谢');
});

test('each question sees the answers before it and not the questions behind it', async () => {
	const who = await kf.customer();
	kf.fake.asked.length = 0;
	for (const text of ['甲', '乙']) await who.say(text);
	await who.got('答:甲', '答:乙');
	const [, second] = kf.fake.asked.filter(({ text }) => ['甲', '乙'].includes(text));
	assert.deepEqual(second.messages.slice(1).map(({ content }) => content), ['甲', '答:甲', '乙']);
	assert.match(second.messages[0].content, /customer_service/);
});

test('a welcome goes within its time and without the model', async () => {
	const who = await kf.customer(), before = kf.fake.asked.length;
	await who.enter();
	await who.got('欢迎光临');
	const [send] = await who.sends();
	assert.deepEqual([send.api, send.errcode], ['send_msg_on_event', 0]);
	assert.equal(kf.fake.asked.length, before);
});

test('a long answer is split, four parts go, the rest waits for the next turn with a hint', async () => {
	const who = await kf.customer(), lines = Array.from({ length: 270 }, (_, i) => `第${i}行，这一行大概有三十个字节。`);
	kf.fake.script = ({ text }) => ({ text: text.includes('长') ? `# 标题\n\n**${lines.join('**\n\n**')}**` : `答:${text.trim()}` });
	await who.say('说长的');
	const first = await waitFor('four parts', async () => { const told = await who.told(); return told.length === 4 && told; });
	assert.ok(first.every((text) => Buffer.byteLength(text) <= 2048));
	assert.match(first[3], /未完，回复任意内容继续）$/);
	assert.deepEqual([(await who.window()).left, (await who.window()).reserve], [1, 1]);
	await nextSecond();
	await who.say('继续');
	const all = await waitFor('the rest', async () => { const told = await who.told(); return told.length >= 6 && told.join('').includes('第269行') && told; });
	const words = all.join('\n').replaceAll(/\n（未完.*?）/g, '').split(/\n+/);
	assert.deepEqual(words, ['标题', ...lines], 'nothing is lost, nothing comes twice, no mark is left');
	await who.settled('answered', 'continued');
	assert.ok((await who.sends()).every(({ errcode }) => errcode === 0));
});

test('all kinds come in with words, an unknown one is kept whole, media are fetched', async () => {
	const who = await kf.customer();
	kf.fake.script = () => ({ text: '好' });
	const location = { latitude: 22.5, longitude: 113.9, name: '科技园', address: '深圳市南山区' };
	await who.say(undefined, { msgtype: 'location', content: location });
	await who.say(undefined, { msgtype: 'hologram', content: { title: '全息', depth: 3 } });
	await who.say(undefined, { msgtype: 'image', bytes: 5000, file_name: 'a.png' });
	await who.settled('answered', 'answered', 'answered');
	const { id } = await who.conversation();
	const thread = await waitFor('the picture', async () => {
		const { items } = await kf.api('GET', `chat/conversations/${id}/messages`, undefined, 'operator');
		return items.some(({ media }) => media) && items;
	});
	const came = thread.filter(({ out }) => !out).reverse();
	assert.deepEqual(came.map(({ kind }) => kind), ['location', 'other', 'image']);
	assert.match(came[0].text, /科技园.*深圳市南山区/);
	assert.deepEqual(came[1].content.hologram, { title: '全息', depth: 3 });
	assert.equal(came[2].media.bytes, 5000);
});

test('what is recalled is not answered and its text is not shown', async () => {
	const who = await kf.customer();
	let go;
	kf.fake.script = ({ text }) => (text === '慢' ? { text: '好了', wait: new Promise((resolve) => { go = resolve; }) } : { text: `答:${text}` });
	await who.say('慢');
	const { msgid } = await who.say('说错了');
	await waitFor('the first question', () => go);
	await waitFor('the second in the table', async () => await kf.system.number(`SELECT COUNT(*) FROM message WHERE msgid = '${msgid}'`) === 1);
	await kf.sim('kf/recall', { msgid });
	await who.settled('', 'recalled');
	go();
	await who.got('好了');
	await who.settled('answered', 'recalled');
});

test('an answer is sent as a file or a menu too, and the upload is made once', async () => {
	const who = await kf.customer();
	await who.say('发文件');
	await who.got('答:发文件');
	const { id } = await who.conversation();
	const media = await kf.file('说明.txt', '这是说明书的内容');
	const before = await kf.calls('media/upload');
	for (let i = 0; i < 2; i++) await kf.api('POST', `chat/conversations/${id}/messages`, { media, kind: 'file' }, 'operator');
	await who.got('答:发文件', '[file]', '[file]');
	assert.equal(await kf.calls('media/upload') - before, 1);
});

test('servicer mode: the session goes to a servicer, the notice costs nothing, and the machine is back after the end', async () => {
	await kf.set({ mode: 'servicer' });
	const who = await kf.customer();
	await who.say('你好');
	await who.got('答:你好');
	await who.say('人工');
	await who.got('答:你好', '正在转接');
	assert.equal((await who.session()).state, 3);
	const { servicer_userid: servicer } = await who.session();
	const sends = await who.sends();
	assert.deepEqual(sends.map(({ api, errcode }) => [api, errcode]), [['send_msg', 0], ['send_msg_on_event', 0]]);
	await kf.sim('kf/servicer/say', { ...who.who, userid: servicer, text: '我来处理' });
	await who.say('好的');
	await who.settled('answered', 'person', 'person');
	await waitFor('the words of the servicer', async () => (await who.conversation()).last.preview !== undefined &&
		await kf.system.number(`SELECT COUNT(*) FROM message WHERE channel = 'kf' AND author = 'member:${servicer}'`) > 0);
	assert.deepEqual((({ open, reason }) => [open, reason])(await who.window()), [false, 'with_servicer']);
	await kf.sim('kf/servicer/end', { ...who.who, userid: servicer });
	await who.got('答:你好', '正在转接', '再见');
	await who.say('又来了');
	await who.got('答:你好', '正在转接', '再见', '答:又来了');
	await who.settled('answered', 'person', 'person', 'answered');
	assert.equal((await who.conversation()).handler, 'machine');
});

test('when no servicer has room, the session waits in the pool, and is given as soon as one has', async () => {
	await kf.set({ mode: 'servicer', load: 1 });
	const people = [];
	for (let i = 0; i < 3; i++) {
		people.push(await kf.customer());
		await people[i].say('转人工');
	}
	await waitFor('two served and one in the pool', async () => {
		const states = await Promise.all(people.map(async (who) => (await who.session()).state));
		return states.sort().join() === '2,3,3';
	});
	const states = await Promise.all(people.map((who) => who.session()));
	const waiting = people[states.findIndex(({ state }) => state === 2)], served = states.findIndex(({ state }) => state === 3);
	await waiting.got('正在排队');
	await kf.sim('kf/servicer/end', { ...people[served].who, userid: states[served].servicer_userid });
	await waitFor('the one in the pool to be served', async () => (await waiting.session()).state === 3, { ms: 90_000, every: 500 });
});

test('out of hours a person is promised for later, and the question is kept', async () => {
	await kf.set({ hours: '2020-01-01 09:00-10:00', out_of_hours: '明天回复您' });
	const who = await kf.customer();
	await who.say('人工');
	await who.got('明天回复您');
	await who.settled('person');
});

test('hours that make no sense, and a model that is not there, are refused with the field', async () => {
	assert.equal((await kf.ask('PUT', `kf/accounts/${KF}`, { settings: { hours: 'someday' } })).json.code, 'bad_settings');
	assert.equal((await kf.ask('PUT', `kf/accounts/${KF}`, { settings: { model: 'nobody' } })).status, 422);
	assert.equal((await kf.ask('PUT', `kf/accounts/${KF}`, { settings: { colour: 'red' } })).status, 422);
	assert.equal((await kf.ask('PUT', `kf/accounts/${KF}`, { settings: {} }, 'operator')).status, 403);
});

test('the customer asked how it was taps an answer, which is kept and not answered', async () => {
	await kf.set({ mode: 'servicer', rating: true });
	const who = await kf.customer();
	await who.say('人工');
	await waitFor('a servicer', async () => (await who.session()).state === 3);
	await kf.sim('kf/servicer/end', { ...who.who, userid: (await who.session()).servicer_userid });
	const menu = await waitFor('the menu', async () => (await who.chat()).find(({ msgtype }) => msgtype === 'msgmenu'));
	await kf.sim('kf/menu', { ...who.who, msgid: menu.msgid, id: menu.content.list[0].click.id });
	await waitFor('the rating', async () => await kf.system.number('SELECT COUNT(*) FROM kf_rating WHERE score = 3') === 1);
	await who.settled('person', 'quiet');
});

test('accounts, servicers and links are made at WeCom and shown here, links with a QR code', async () => {
	const made = await kf.api('POST', 'kf/accounts', { name: '二店', avatar: await kf.file('a.png', PNG) });
	assert.deepEqual([made.name, made.listed, made.settings.model], ['二店', true, 'fake']);
	assert.equal((await kf.api('PUT', `kf/accounts/${made.open_kfid}`, { name: '新二店' })).name, '新二店');
	await kf.api('POST', `kf/accounts/${made.open_kfid}/servicers`, { userids: ['zhangsan'] });
	assert.deepEqual((await kf.api('GET', `kf/accounts/${made.open_kfid}/servicers`)).items.map(({ userid, sessions }) => [userid, sessions]), [['zhangsan', 0]]);
	await kf.api('DELETE', `kf/accounts/${made.open_kfid}/servicers/zhangsan`);
	assert.deepEqual((await kf.api('GET', `kf/accounts/${made.open_kfid}/servicers`)).items, []);
	const link = await kf.api('POST', `kf/accounts/${made.open_kfid}/links`, { scene: 'shelf-3' });
	assert.match(link.url, /^https:\/\//);
	const picture = await kf.system.get(link.qr, { headers: { Authorization: `Bearer ${kf.keys.viewer}` } });
	assert.deepEqual([picture.status, picture.headers['content-type'].split(';')[0]], [200, 'image/svg+xml']);
	assert.match(picture.text, /^<svg [^]*<path/);
	await kf.api('DELETE', `kf/accounts/${made.open_kfid}`);
	assert.equal((await kf.api('GET', `kf/accounts/${made.open_kfid}`)).listed, false);
	const [status] = (await kf.api('GET', 'kf/status')).items.filter(({ open_kfid }) => open_kfid === KF);
	assert.ok(status.pulled_at && status.rung_at && status.pull_error === '' && !status.backlog);
});
