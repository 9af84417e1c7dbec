// 微信客服 of the simulator, alone: what its server API allows and refuses, what its customers and servicers cause, how its doorbell rings,
// and that its books say what happened.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import wecom from '@wecom/crypto';
import { startSystem, waitFor } from './harness.mjs';

const kf = 'wkxiaodian', HOUR = 3_600_000;

let system, token, bell, made = 0;
const rung = [];
let answer = () => ({ status: 200, text: 'success' });

before(async () => {
	system = await startSystem();
	bell = http.createServer((rq, rs) => {
		const pieces = [];
		rq.on('data', (piece) => pieces.push(piece)).on('end', () => {
			rung.push({ query: new URL(rq.url, 'http://x').searchParams, body: Buffer.concat(pieces).toString() });
			const { status, text } = answer(rung.length);
			if (status) rs.writeHead(status).end(text);
			else rq.destroy();
		});
	});
	await new Promise((resolve) => { bell.listen(0, '127.0.0.1', resolve); });
	await control({ callback: `http://127.0.0.1:${bell.address().port}/hear?app=3` });
	token = encodeURIComponent((await system.get(`/sim/cgi-bin/gettoken?corpid=wwsimulator&corpsecret=${system.secrets.APP_SECRET}`)).json.access_token);
});
after(async () => {
	await system?.stop();
	bell?.close();
});

// --- both sides ---

const at = (api, query = '') => `/sim/cgi-bin/${api}?access_token=${token}${query}`;
const call = async (api, body) => (await system.postJson(at(api), body)).json;
const look = async (api, query) => (await system.get(at(api, query))).json;
const sim = async (what, body) => {
	const { status, json, text } = body ? await system.postJson(`/sim/api/${what}`, body) : await system.get(`/sim/api/${what}`);
	assert.ok(status < 300, `${what}: ${status} ${text}`);
	return json;
};
const control = (body) => sim('kf/control', body);
const move = (by_ms) => sim('clock', { by_ms });

async function customer() {
	const external_userid = `wmtest${++made}`;
	await sim('kf/customers', { external_userid, nickname: `顾客${made}`, unionid: `u${made}` });
	return external_userid;
}
const who = (external_userid) => ({ open_kfid: kf, external_userid });
const say = (external_userid, more = { text: '你好' }) => sim('kf/say', { ...who(external_userid), ...more });
const asked = async () => {
	const external_userid = await customer();
	await say(external_userid);
	return external_userid;
};
const send = (touser, more = {}) => call('kf/send_msg', { touser, open_kfid: kf, msgtype: 'text', text: { content: '在的' }, ...more });
const code = async (promise) => (await promise).errcode;
const state = async (external_userid) => (await call('kf/service_state/get', who(external_userid))).service_state;
const trans = (external_userid, service_state, more = {}) => call('kf/service_state/trans', { ...who(external_userid), service_state, ...more });
const books = (external_userid) => sim(`kf/record?open_kfid=${kf}&external_userid=${external_userid}`);

function open({ query, body }) {
	const encrypt = /<Encrypt><!\[CDATA\[(.*?)\]\]><\/Encrypt>/.exec(body)[1];
	assert.equal(query.get('msg_signature'), wecom.getSignature(system.secrets.KF_TOKEN, query.get('timestamp'), query.get('nonce'), encrypt));
	const { message, id } = wecom.decrypt(system.secrets.KF_AES_KEY, encrypt);
	assert.equal(id, 'wwsimulator');
	return Object.fromEntries([...message.matchAll(/<(\w+)>(?:<!\[CDATA\[)?([^<\]]*)(?:\]\]>)?<\/\1>/g)].map(([, name, value]) => [name, value]));
}
const lastBell = async () => open(await waitFor('a doorbell', () => rung.at(-1)));

// The token of the newest doorbell, and everything behind a cursor.
let cursor;
const newest = async () => (await sim('kf/rings')).rings.at(-1).token;
async function drain(more = {}) {
	const list = [];
	for (let has_more = 1; has_more;) {
		const page = await call('kf/sync_msg', { open_kfid: kf, token: await newest(), ...cursor ? { cursor } : {}, ...more });
		assert.equal(page.errcode, 0, JSON.stringify(page));
		list.push(...page.msg_list);
		({ next_cursor: cursor, has_more } = page);
	}
	return list;
}
const eventsOf = (list, type) => list.filter(({ msgtype, event }) => msgtype === 'event' && event.event_type === type).map(({ event }) => event);

// --- the doorbell ---

test('a message rings a doorbell: signed, encrypted, and without the message', async () => {
	const external_userid = await customer(), before = rung.length;
	await say(external_userid, { text: '有货吗' });
	await waitFor('the doorbell', () => rung.length > before);
	const said = await lastBell();
	assert.deepEqual(Object.keys(said).sort(), ['CreateTime', 'Event', 'MsgType', 'OpenKfId', 'ToUserName', 'Token']);
	assert.deepEqual([said.MsgType, said.Event, said.OpenKfId, said.ToUserName], ['event', 'kf_msg_or_event', kf, 'wwsimulator']);
	assert.equal(rung.at(-1).query.get('app'), '3');
	assert.ok(!rung.at(-1).body.includes('AgentID'));
	const [message] = (await drain({ token: said.Token })).filter((one) => one.external_userid === external_userid);
	assert.deepEqual([message.origin, message.msgtype, message.text, message.open_kfid], [3, 'text', { content: '有货吗' }, kf]);
});

test('a doorbell that is not heard rings three times, with the same token and another ciphertext; doubled ones have a token each', async () => {
	const external_userid = await customer(), before = rung.length;
	answer = () => ({ status: 503, text: '' });
	await say(external_userid);
	await waitFor('three tries', () => rung.length === before + 3);
	answer = () => ({ status: 200, text: '' });
	const three = rung.slice(before);
	assert.equal(new Set(three.map((one) => open(one).Token)).size, 1);
	assert.equal(new Set(three.map(({ body }) => body)).size, 3);
	await waitFor('the note', async () => (await sim('kf/rings')).rings.at(-1).tries === 3);
	assert.deepEqual((({ heard, status }) => ({ heard, status }))((await sim('kf/rings')).rings.at(-1)), { heard: false, status: 503 });
	answer = (n) => (n === before + 4 ? {} : { status: 200, text: 'ok' });
	await say(external_userid);
	await waitFor('a second try after a connection that ended', async () => (await sim('kf/rings')).rings.at(-1).heard);
	const heard = (await sim('kf/rings')).rings.at(-1);
	assert.deepEqual([heard.tries, heard.error], [2, 'answered with 200, but neither with success nor with nothing']);
	answer = () => ({ status: 200, text: 'success' });
	await control({ rings: 2 });
	await say(external_userid);
	await waitFor('two doorbells', () => rung.length === before + 7);
	assert.equal(new Set(rung.slice(before + 5).map((one) => open(one).Token)).size, 2);
	await control({ rings: 1 });
});

// --- sync_msg ---

test('pages are cut by limit, the cursor goes on where they end, and what the app sent is in none of them', async () => {
	await drain();
	const external_userid = await customer();
	for (const text of ['一', '二', '三']) await say(external_userid, { text });
	await send(external_userid);
	const first = await call('kf/sync_msg', { open_kfid: kf, token: await newest(), cursor, limit: 2 });
	assert.deepEqual([first.has_more, first.msg_list.map(({ text }) => text.content)], [1, ['一', '二']]);
	const second = await call('kf/sync_msg', { open_kfid: kf, token: await newest(), cursor: first.next_cursor, limit: 2 });
	assert.deepEqual([second.has_more, second.msg_list.map(({ text }) => text.content)], [0, ['三']]);
	const again = await call('kf/sync_msg', { open_kfid: kf, token: await newest(), cursor, limit: 1000 });
	assert.deepEqual(again.msg_list.map(({ text }) => text.content), ['一', '二', '三'], 'the same cursor gives the same');
	assert.ok((await books(external_userid)).messages.every(({ pulled }) => pulled === 2));
});

test('sync_msg refuses what is wrong: account, token, cursor, and too many calls without a token', async () => {
	const external_userid = await asked(), ask = (more) => code(call('kf/sync_msg', { open_kfid: kf, ...more }));
	assert.equal(await ask({ open_kfid: '' }), 95000);
	assert.equal(await ask({ open_kfid: 'wknobody' }), 95004);
	assert.equal(await ask({ token: 'ENCwrong' }), 95007);
	assert.equal(await ask({ token: await newest(), cursor: 'nonsense' }), 40058);
	assert.equal(await ask({ token: await newest(), limit: -1 }), 40058);
	assert.equal(await ask({ token: await newest(), voice_format: 7 }), 40058);
	assert.equal(await code(look('kf/sync_msg')), 40058, 'a GET');
	const old = await newest();
	await move(10 * 60_000 + 1000);
	assert.equal(await ask({ token: old }), 95007, 'ten minutes later');
	for (let i = 0; i < 10; i++) assert.equal(await ask({}), 0);
	assert.equal(await ask({}), 45009);
	await move(61_000);
	assert.equal(await ask({}), 0);
	await say(external_userid);
});

test('what is older than three days is gone; an old cursor goes on with the oldest, or is refused', async () => {
	const external_userid = await asked();
	await drain();
	const old = cursor;
	await say(external_userid, { text: '旧' });
	await move(72 * HOUR + 1000);
	await say(external_userid, { text: '新' });
	const ask = (more) => newest().then((one) => call('kf/sync_msg', { open_kfid: kf, token: one, ...more }));
	for (const more of [{}, { cursor: old }])
		assert.deepEqual((await ask(more)).msg_list.map(({ text }) => text.content), ['新']);
	await control({ old_cursor: 'refused' });
	assert.equal((await ask({ cursor: old })).errcode, 40058);
	await control({ old_cursor: 'oldest' });
	await drain();
});

test('on demand: empty pages with more behind them, a page twice, a cursor refused, and messages that come after their doorbell', async () => {
	const external_userid = await asked();
	await control({ empty_pages: 1 });
	const empty = await call('kf/sync_msg', { open_kfid: kf, token: await newest(), cursor });
	assert.deepEqual([empty.msg_list, empty.has_more], [[], 1]);
	assert.deepEqual((await drain()).map((one) => one.external_userid), [external_userid]);
	await control({ duplicate_pages: 1 });
	await say(external_userid, { text: '再' });
	const twice = await drain();
	assert.deepEqual(twice.slice(-2).map(({ text }) => text.content), ['你好', '再'], 'what came before once more, then what is new');
	await control({ refused_cursors: 1, cursor_errcode: 50100 });
	assert.equal((await call('kf/sync_msg', { open_kfid: kf, token: await newest(), cursor })).errcode, 50100);
	await control({ cursor_errcode: 40058, lag_ms: 60_000 });
	await say(external_userid, { text: '迟' });
	assert.deepEqual(await drain(), []);
	await control({ lag_ms: 0 });
	await move(60_001);
	assert.equal((await drain()).at(-1).text.content, '迟');
});

// --- what comes in ---

test('every kind comes in with its object, an unknown one too, and media that are too large come as a text', async () => {
	const external_userid = await customer();
	const kinds = {
		location: { latitude: 23.1, longitude: 113.3, name: '广州塔', address: '海珠区' },
		link: { title: 't', desc: 'd', url: 'https://x.example/', pic_url: '' },
		business_card: { userid: 'zhangsan' },
		miniprogram: { title: 't', appid: 'wx1', pagepath: 'p', thumb_media_id: 'x' },
		channels_shop_product: { product_id: '1', head_img: 'h' },
		channels_shop_order: { order_id: '1' },
		merged_msg: { title: 't', item: [{ send_time: 1, msgtype: 'text', sender_name: 's', msg_content: '{}' }] },
		channels: { sub_type: 1, nickname: 'n', title: 't' },
		note: {}, meeting: {}, schedule: {}, hologram: { depth: 3 },
	};
	for (const [msgtype, content] of Object.entries(kinds)) await say(external_userid, { msgtype, content });
	for (const msgtype of ['image', 'voice', 'video', 'file']) await say(external_userid, { msgtype, bytes: 100 });
	const list = (await drain()).filter((one) => one.external_userid === external_userid);
	for (const one of list.slice(0, -4)) assert.deepEqual(one[one.msgtype], kinds[one.msgtype]);
	assert.equal(list.length, Object.keys(kinds).length + 4);
	for (const one of list.slice(-4)) {
		const file = await system.get(at('media/get', `&media_id=${one[one.msgtype].media_id}`));
		assert.deepEqual([file.status, file.bytes.length], [200, 100]);
	}
	for (const [msgtype, bytes] of [['image', 2 << 20], ['voice', 2 << 20], ['video', 10 << 20], ['file', 20 << 20]]) {
		assert.equal((await say(external_userid, { msgtype, bytes: bytes + 1 })).msgtype, 'text');
		assert.equal((await say(external_userid, { msgtype, bytes })).msgtype, msgtype);
	}
	const big = (await drain()).at(-1);
	assert.equal((await system.get(at('media/get', `&media_id=${big.file.media_id}`))).bytes.length, 20 << 20);
});

test('an entry by a link gives an event with scene and parameter, and a welcome code to who is new', async () => {
	const external_userid = await customer();
	const { url } = await call('kf/add_contact_way', { open_kfid: kf, scene: 'shop_1' });
	assert.match(url, /^https:\/\/work\.weixin\.qq\.com\/kf\/kfc\w+\?enc_scene=ENC\w+$/);
	assert.equal((await call('kf/add_contact_way', { open_kfid: kf, scene: 'shop_1' })).url, url);
	assert.equal((await call('kf/add_contact_way', { open_kfid: kf, scene: '商店' })).errcode, 40058);
	await drain();
	assert.equal((await sim('kf/enter', { external_userid, url: `${url}&x=1` })).event, false, 'a link that was edited');
	const { welcome_code } = await sim('kf/enter', { external_userid, url: `${url}&scene_param=a%3D1` });
	const [event] = eventsOf(await drain(), 'enter_session');
	assert.deepEqual(event, { event_type: 'enter_session', open_kfid: kf, external_userid, scene: 'shop_1', scene_param: 'a%3D1', welcome_code });
	assert.equal(await code(send(external_userid)), 95013, 'nothing was asked');
	const welcome = (more) => code(call('kf/send_msg_on_event', { code: welcome_code, msgtype: 'text', text: { content: '欢迎' }, ...more }));
	assert.equal(await welcome({ msgtype: 'image', image: { media_id: 'x' } }), 40008);
	assert.equal(await welcome(), 0);
	assert.equal(await welcome(), 41050, 'used');
	assert.equal((await sim('kf/enter', { open_kfid: kf, external_userid })).welcome_code, undefined, 'welcomed within 48 hours');
	const other = await asked();
	assert.equal((await sim('kf/enter', { open_kfid: kf, external_userid: other })).welcome_code, undefined, 'has written');
	const third = await sim('kf/enter', { open_kfid: kf, external_userid: await customer() });
	await move(20_001);
	assert.equal(await welcome({ code: third.welcome_code }), 41050, 'late');
	const { customer_list: [shown], invalid_external_userid: bad } = await call('kf/customer/batchget',
		{ external_userid_list: [external_userid, 'wmnobody'], need_enter_session_context: 1 });
	assert.deepEqual([shown.unionid, shown.enter_session_context, bad], [external_userid.replace('wmtest', 'u'), { scene: '', scene_param: '' }, ['wmnobody']]);
	assert.equal(await code(call('kf/customer/batchget', { external_userid_list: [] })), 40058);
});

test('a recall, a late failure and a servicer\'s switch come as events', async () => {
	const external_userid = await customer();
	const { msgid } = await say(external_userid);
	await drain();
	await sim('kf/recall', { msgid });
	const sent = (await send(external_userid)).msgid;
	await sim('kf/fail', { open_kfid: kf, msgid: sent, fail_type: 10 });
	await control({ fail_next: 1, fail_type: 4 });
	const second = (await send(external_userid)).msgid;
	await sim('kf/servicer', { open_kfid: kf, userid: 'lisi', status: 'stopped', stop_type: 'suspended' });
	const list = await drain();
	assert.ok(list.every((one) => one.origin === 4 && one.open_kfid === undefined && one.external_userid === undefined));
	assert.equal(eventsOf(list, 'user_recall_msg')[0].recall_msgid, msgid);
	assert.deepEqual(eventsOf(list, 'msg_send_fail').map(({ fail_msgid, fail_type }) => [fail_msgid, fail_type]), [[sent, 10], [second, 4]]);
	assert.deepEqual(eventsOf(list, 'servicer_status_change'), [{ event_type: 'servicer_status_change', open_kfid: kf, servicer_userid: 'lisi', status: 2, stop_type: 1 }]);
	const { servicer_list } = await look('kf/servicer/list', `&open_kfid=${kf}`);
	assert.deepEqual(servicer_list.find(({ userid }) => userid === 'lisi'), { userid: 'lisi', status: 1, stop_type: 1 });
	assert.deepEqual((await books(external_userid)).sends.map(({ fail_type }) => fail_type), [10, 4]);
	await sim('kf/servicer', { open_kfid: kf, userid: 'lisi', status: 'receiving' });
});

// --- what goes out ---

test('five messages after a customer\'s message, the sixth is 95001; the next message renews them, and 48 hours later it is 95002', async () => {
	const external_userid = await asked();
	for (let i = 0; i < 5; i++) assert.equal(await code(send(external_userid)), 0);
	assert.equal(await state(external_userid), 1, 'the first answer moves the session to the assistant');
	assert.equal(await code(send(external_userid)), 95001);
	await say(external_userid);
	assert.equal(await code(send(external_userid)), 0);
	await move(48 * HOUR + 1000);
	assert.equal(await code(send(external_userid)), 95002);
	assert.equal(await state(external_userid), 4);
	await say(external_userid);
	assert.equal(await state(external_userid), 0, 'a new session');
	assert.equal(await code(send(external_userid)), 0);
	const { sends, messages, changes } = await books(external_userid);
	assert.deepEqual(sends.map(({ errcode, state: was, sent }) => [errcode, was, sent]),
		[[0, 0, 0], [0, 1, 1], [0, 1, 2], [0, 1, 3], [0, 1, 4], [95001, 1, 5], [0, 1, 0], [95002, 4, 1], [0, 0, 0]]);
	assert.equal(messages.length, 3);
	assert.deepEqual(changes.map(({ was, state: is, who: by }) => [was, is, by]), [[4, 0, 'customer'], [0, 1, 'api'], [1, 0, 'customer'], [0, 1, 'api']]);
});

test('an own msgid holds once in an account: a repeat is refused and not delivered, a refused one is free again', async () => {
	const external_userid = await asked(), msgid = `o${Date.now()}`;
	assert.deepEqual(await send(external_userid, { msgid }), { errcode: 0, errmsg: 'ok', msgid });
	assert.equal(await code(send(external_userid, { msgid })), 40058);
	assert.equal(await code(send(await asked(), { msgid })), 40058, 'another customer of the account');
	await control({ repeat_errcode: 95099 });
	assert.equal(await code(send(external_userid, { msgid })), 95099);
	await control({ repeat_errcode: 40058 });
	const { messages } = await sim(`kf/chat?open_kfid=${kf}&external_userid=${external_userid}`);
	assert.equal(messages.filter(({ from }) => from === 'app').length, 1);
	for (const bad of ['', 'a'.repeat(33), '编号', 'a b']) assert.equal(await code(send(external_userid, { msgid: bad })), 40058, bad);
	await trans(external_userid, 2);
	assert.equal(await code(send(external_userid, { msgid: `${msgid}x` })), 95018);
	await trans(external_userid, 3, { servicer_userid: 'zhangsan' });
	await trans(external_userid, 4);
	await say(external_userid);
	assert.equal(await code(send(external_userid, { msgid: `${msgid}x` })), 0);
});

test('calls at the same moment share one budget, one msgid and one code', async () => {
	const external_userid = await asked(), together = (n, one) => Promise.all(Array.from({ length: n }, one));
	const count = (list, errcode) => list.filter((one) => one.errcode === errcode).length;
	const same = await together(6, () => send(external_userid, { msgid: `same-${external_userid}` }));
	assert.deepEqual([count(same, 0), count(same, 40058)], [1, 5]);
	const many = await together(8, () => send(external_userid));
	assert.deepEqual([count(many, 0), count(many, 95001)], [4, 4]);
	const { welcome_code } = await sim('kf/enter', { open_kfid: kf, external_userid: await customer() });
	const words = await together(4, () => call('kf/send_msg_on_event', { code: welcome_code, msgtype: 'text', text: { content: '欢迎' } }));
	assert.deepEqual([count(words, 0), count(words, 41050)], [1, 3]);
});

test('people who are not there and things that cannot be said are refused, and nothing is written', async () => {
	const external_userid = await customer(), refused = async (what, body) => (await system.postJson(`/sim/api/kf/${what}`, body)).status;
	const before = await sim(`kf/record?open_kfid=${kf}&messages_after=0`);
	assert.equal(await refused('say', { open_kfid: 'wknobody', external_userid, text: 'x' }), 404);
	assert.equal(await refused('say', { open_kfid: kf, external_userid: 'wmnobody', text: 'x' }), 404);
	assert.equal(await refused('say', { ...who(external_userid), text: '' }), 400);
	assert.equal(await refused('say', { ...who(external_userid), msgtype: 'image', base64: '*' }), 400);
	assert.equal(await refused('recall', { msgid: 'nothing' }), 404);
	assert.equal(await refused('fail', { open_kfid: kf, msgid: 'nothing' }), 404);
	assert.equal(await refused('servicer', { open_kfid: kf, userid: 'wangwu', status: 'stopped' }), 404);
	assert.equal(await refused('servicer/end', { ...who(external_userid), userid: 'zhangsan' }), 409);
	assert.equal(await refused('load', { open_kfid: 'wknobody' }), 404);
	assert.equal(await refused('customers', { external_userid: '顾客', nickname: 'x' }), 422);
	assert.equal(await refused('control', { rings: 11 }), 422);
	const { msgid } = await say(external_userid);
	await move(121_000);
	assert.equal(await refused('recall', { msgid }), 409, 'two minutes are over');
	const now = await sim(`kf/record?open_kfid=${kf}&messages_after=0`);
	assert.equal(now.messages.length, before.messages.length + 1);
});

test('each kind goes out with its limits, and is cut where WeCom cuts', async () => {
	const thumb = await upload('image', Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(50)]), 'a.png');
	const file = await upload('file', Buffer.alloc(100, 1), 'a.pdf');
	const good = {
		text: { content: 'x'.repeat(2048) }, image: { media_id: thumb }, file: { media_id: file },
		link: { title: '长'.repeat(60), desc: 'd'.repeat(600), url: 'https://x.example/', thumb_media_id: thumb },
		miniprogram: { appid: 'wx1', title: 't', pagepath: 'p', thumb_media_id: thumb },
		msgmenu: { head_content: 'h', list: [{ type: 'click', click: { id: 'ok', content: '好' } }, { type: 'view', view: { url: 'u', content: 'c' } },
			{ type: 'text', text: { content: 't', no_newline: 1 } }, { type: 'miniprogram', miniprogram: { appid: 'a', pagepath: 'p', content: 'c' } }], tail_content: 't' },
		location: { name: 'n', address: 'a', latitude: -90, longitude: 180 },
		ca_link: { link_url: 'https://work.weixin.qq.com/ca/x' },
	};
	const click = (id, content) => ({ type: 'click', click: { id, content } });
	const bad = [
		['text', { content: 'x'.repeat(2049) }, 45002], ['text', { content: '' }, 44004], ['text', undefined, 40058], ['hologram', {}, 40008],
		['image', {}, 41006], ['image', { media_id: 'x' }, 40007], ['image', { media_id: file }, 40004],
		['link', { ...good.link, url: 'x.example' }, 40058], ['link', { ...good.link, url: `https://${'x'.repeat(2048)}` }, 40058], ['link', { ...good.link, thumb_media_id: '' }, 41006],
		['miniprogram', { ...good.miniprogram, pagepath: '' }, 40058],
		['msgmenu', { list: Array(11).fill(click('1', '2')) }, 95008], ['msgmenu', { list: [{ type: 'dial' }] }, 95009],
		['msgmenu', { list: [click('', '2')] }, 40058], ['msgmenu', { list: [click('1', 'x'.repeat(129))] }, 40058], ['msgmenu', { head_content: 'x'.repeat(1025), list: [] }, 40058],
		['location', { ...good.location, latitude: 90.1 }, 40058], ['location', { ...good.location, longitude: '1' }, 40058], ['ca_link', {}, 40058],
	];
	const external_userid = await asked();
	for (const [msgtype, content, errcode] of bad)
		assert.equal(await code(send(external_userid, { msgtype, text: undefined, [msgtype]: content })), errcode, `${msgtype} ${JSON.stringify(content)?.slice(0, 80)}`);
	for (const [msgtype, content] of Object.entries(good)) {
		await say(external_userid);
		assert.equal(await code(send(external_userid, { msgtype, [msgtype]: content })), 0, msgtype);
	}
	const shown = (await books(external_userid)).sends.filter(({ errcode }) => !errcode);
	const link = shown.find(({ msgtype }) => msgtype === 'link').content;
	assert.deepEqual([Buffer.byteLength(link.title), link.desc.length], [126, 512]);
	const menu = shown.find(({ msgtype }) => msgtype === 'msgmenu');
	await drain();
	await sim('kf/menu', { ...who(external_userid), msgid: menu.msgid, id: 'ok' });
	assert.deepEqual((await drain()).at(-1).text, { content: '好', menu_id: 'ok' });
	assert.equal((await system.postJson('/sim/api/kf/menu', { ...who(external_userid), msgid: menu.msgid, id: 'no' })).status, 404);
	for (const [more, errcode] of [[{ touser: 'wmnobody' }, 40096], [{ open_kfid: 'wknone' }, 95004], [{ open_kfid: undefined }, 95000]])
		assert.equal(await code(send(external_userid, more)), errcode);
	await sim('kf/manage', { open_kfid: kf, manage_privilege: 0 });
	assert.equal(await code(send(external_userid)), 95017);
	await sim('kf/manage', { open_kfid: kf, manage_privilege: 1 });
});

// --- sessions ---

test('a session goes to the pool, to servicers and to its end by legal steps, with codes that cost none of the five', async () => {
	const external_userid = await asked();
	const on = (it, more = {}) => code(call('kf/send_msg_on_event', { code: it, msgtype: 'text', text: { content: '请稍候' }, ...more }));
	assert.equal(await code(trans(external_userid, 1)), 95016);
	assert.equal(await code(trans(external_userid, 4)), 95016);
	assert.equal(await code(trans(external_userid, 7)), 40058);
	const pool = (await trans(external_userid, 2)).msg_code;
	assert.equal(await code(send(external_userid)), 95018);
	assert.equal(await code(trans(external_userid, 2)), 95016);
	assert.equal(await on(pool, { msgtype: 'msgmenu', msgmenu: { head_content: 'x' } }), 40008);
	assert.equal(await code(trans(external_userid, 3)), 40058);
	assert.equal(await code(trans(external_userid, 3, { servicer_userid: 'wangwu' })), 95014);
	await sim('kf/servicer', { open_kfid: kf, userid: 'lisi', status: 'stopped' });
	assert.equal(await code(trans(external_userid, 3, { servicer_userid: 'lisi' })), 95019);
	await sim('kf/servicer', { open_kfid: kf, userid: 'lisi', status: 'receiving', activated: false });
	assert.equal(await code(trans(external_userid, 3, { servicer_userid: 'lisi' })), 95014);
	await sim('kf/servicer', { open_kfid: kf, userid: 'lisi', status: 'receiving' });
	const picked = (await trans(external_userid, 3, { servicer_userid: 'zhangsan' })).msg_code;
	assert.equal(await on(pool), 41050, 'the session has left the pool');
	assert.equal(await on(picked), 0);
	assert.equal(await on(picked), 41050);
	assert.equal(await code(send(external_userid)), 95018);
	assert.deepEqual(await trans(external_userid, 3, { servicer_userid: 'lisi' }), { errcode: 0, errmsg: 'ok' }, 'the code comes with the first change');
	assert.deepEqual(await call('kf/service_state/get', who(external_userid)), { errcode: 0, errmsg: 'ok', service_state: 3, servicer_userid: 'lisi' });
	const ended = (await trans(external_userid, 4)).msg_code;
	assert.equal(await code(send(external_userid)), 95013);
	assert.equal(await code(trans(external_userid, 2)), 95016);
	assert.equal(await on(ended, { msgtype: 'msgmenu', msgmenu: { head_content: '满意吗', list: [] } }), 0);
	await say(external_userid);
	assert.equal(await state(external_userid), 0);
	const other = await asked();
	await trans(other, 3, { servicer_userid: 'zhangsan' });
	const late = (await trans(other, 4)).msg_code;
	await move(20_001);
	assert.equal(await on(late), 41050, 'the last word has 20 seconds');
	assert.equal(await on('CODEnothing'), 41050);
	await control({ loose: 1 });
	assert.equal(await code(trans(external_userid, 1)), 0);
	assert.equal(await code(trans(external_userid, 4)), 0);
	await control({ loose: 0 });
});

test('a servicer takes from the pool, answers, hands over, ends and comes back; the app hears of each', async () => {
	const external_userid = await asked(), it = who(external_userid);
	const refused = async (what, body) => (await system.postJson(`/sim/api/kf/servicer/${what}`, body)).status;
	assert.equal(await refused('take', { ...it, userid: 'zhangsan' }), 409, 'the assistant has it');
	await trans(external_userid, 2);
	await drain();
	const { msg_code } = await sim('kf/servicer/take', { ...it, userid: 'zhangsan' });
	await sim('kf/servicer/say', { ...it, userid: 'zhangsan', text: '我来' });
	assert.equal(await refused('say', { ...it, userid: 'lisi', text: 'x' }), 409);
	await sim('kf/servicer/take', { ...it, userid: 'lisi' });
	const { msg_code: last } = await sim('kf/servicer/end', { ...it, userid: 'lisi' });
	await sim('kf/servicer/take', { ...it, userid: 'lisi' });
	await sim('kf/servicer/reject', { ...it, userid: 'lisi' });
	assert.equal((await system.postJson('/sim/api/kf/say', { ...it, text: 'x' })).status, 409);
	const list = await drain();
	const said = list.find(({ origin }) => origin === 5);
	assert.deepEqual([said.servicer_userid, said.text.content, said.external_userid], ['zhangsan', '我来', external_userid]);
	assert.deepEqual(eventsOf(list, 'session_status_change').map(({ change_type, old_servicer_userid, new_servicer_userid, msg_code: given }) =>
		[change_type, old_servicer_userid, new_servicer_userid, given]),
	[[1, undefined, 'zhangsan', msg_code], [2, 'zhangsan', 'lisi', undefined], [3, 'lisi', undefined, last], [4, 'lisi', 'lisi', undefined]]);
	assert.equal(eventsOf(list, 'reject_customer_msg_switch_change')[0].reject_switch, 1);
	await control({ route: 'servicer' });
	const routed = await asked();
	assert.equal(await state(routed), 3);
	assert.equal(await code(send(routed)), 95018, 'servicers of the account get new sessions by themselves');
	await control({ route: 'new' });
});

// --- accounts, servicers, media ---

async function upload(type, bytes, name, { field = 'media', kind = type, whole = false } = {}) {
	const head = `--xyz\r\nContent-Disposition: form-data; name="${field}"; filename="${name}"; filelength=${bytes.length}\r\nContent-Type: application/octet-stream\r\n\r\n`;
	const { json } = await system.get(at('media/upload', `&type=${kind}`), { method: 'POST', ms: 30_000,
		headers: { 'Content-Type': 'multipart/form-data; boundary=xyz' }, body: Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n--xyz--\r\n')]) });
	return whole ? json : json.media_id ?? json.errcode;
}

test('media are kept by type and size for three days, and given in parts', async () => {
	const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(50)]);
	const amr = (seconds) => Buffer.concat([Buffer.from('#!AMR\n'), ...Array(seconds * 50).fill(Buffer.concat([Buffer.from([0x3c]), Buffer.alloc(31)]))]);
	const mp4 = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypmp42'), Buffer.alloc(50)]);
	for (const [type, bytes, expected] of [['image', Buffer.from('GIF89a..'), 40004], ['image', Buffer.from('12345'), 40006],
		['image', Buffer.concat([png, Buffer.alloc(10 << 20)]), 40009], ['voice', png, 40004], ['voice', amr(61), 40010], ['voice', Buffer.concat([amr(1), Buffer.alloc(2 << 20)]), 40010],
		['video', png, 40004], ['file', Buffer.alloc((20 << 20) + 1), 40006]])
		assert.equal(await upload(type, bytes, 'x'), expected, type);
	assert.equal(await upload('thing', png, 'x'), 40005);
	assert.equal(await upload('image', png, 'x', { field: 'file' }), 41005);
	assert.equal((await system.postJson(at('media/upload', '&type=image'), {})).json.errcode, 41005);
	const { media_id, type, created_at } = await upload('voice', amr(60), '语音 1.amr', { whole: true });
	assert.deepEqual([type, typeof created_at], ['voice', 'string']);
	const got = await system.get(at('media/get', `&media_id=${media_id}`));
	assert.deepEqual([got.bytes, got.headers['content-type']], [amr(60), 'audio/amr']);
	assert.match(got.headers['content-disposition'], /filename\*=UTF-8''%E8%AF%AD%E9%9F%B3%201\.amr/);
	const part = await system.get(at('media/get', `&media_id=${media_id}`), { headers: { Range: 'bytes=2-5' } });
	assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, 'AMR\n', `bytes 2-5/${amr(60).length}`]);
	await upload('video', mp4, 'a.mp4');
	assert.match(await upload('file', Buffer.alloc(20 << 20, 7), 'a.bin'), /^3a/);
	await move(72 * HOUR + 1000);
	assert.deepEqual((({ errcode }) => errcode)((await system.get(at('media/get', `&media_id=${media_id}`))).json), 40007);
	assert.equal(await code(look('media/get')), 41006);
});

test('accounts and servicers are added, changed, listed and removed within their limits', async () => {
	const media_id = await upload('image', Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(50)]), 'a.jpg');
	const add = (more) => call('kf/account/add', { name: '新的客服', media_id, ...more });
	assert.deepEqual([await code(add({ name: '' })), await code(add({ name: '长'.repeat(17) })), await code(add({ media_id: 'x' })), await code(add({ media_id: '' }))],
		[95006, 95006, 40007, 41006]);
	const { open_kfid } = await add();
	assert.match(open_kfid, /^wk/);
	assert.equal(await code(call('kf/account/update', { open_kfid, name: '改名' })), 0);
	assert.equal(await code(call('kf/account/update', { open_kfid })), 40058);
	const list = (more) => call('kf/account/list', { offset: 0, limit: 100, ...more });
	assert.deepEqual((await list()).account_list.map(({ name, manage_privilege }) => [name, manage_privilege]), [['小店客服', true], ['改名', true]]);
	assert.deepEqual((await list({ offset: 1 })).account_list.map((one) => one.open_kfid), [open_kfid]);
	assert.equal(await code(list({ limit: 101 })), 40058);
	const results = async (what, more) => (await call(`kf/servicer/${what}`, { open_kfid, ...more })).result_list.map(({ errcode, errmsg }) => [errcode, errmsg]);
	assert.deepEqual(await results('add', { userid_list: ['wangwu', 'nobody'], department_id_list: [2] }), [[0, 'success'], [60111, 'invalid userid or department'], [0, 'success']]);
	assert.deepEqual(await results('add', { userid_list: ['wangwu'] }), [[0, 'ignored']]);
	assert.deepEqual((await look('kf/servicer/list', `&open_kfid=${open_kfid}`)).servicer_list, [{ userid: 'wangwu', status: 0, stop_type: 0 }, { department_id: 2 }]);
	assert.deepEqual(await results('del', { userid_list: ['wangwu'] }), [[0, 'success']]);
	for (const body of [{}, { userid_list: Array(101).fill('wangwu') }, { userid_list: 'wangwu' }])
		assert.equal(await code(call('kf/servicer/add', { open_kfid, ...body })), 40058);
	await control({ unverified: 1 });
	for (let i = 0; i < 8; i++) assert.equal(await code(add()), 0);
	assert.equal(await code(add()), 95027);
	await control({ unverified: 0 });
	const others = (await list()).account_list.map((one) => one.open_kfid).filter((one) => one !== kf);
	for (const one of others) assert.equal(await code(call('kf/account/del', { open_kfid: one })), 0);
	assert.equal(await code(call('kf/account/del', { open_kfid: kf })), 95005, 'none would be left');
	assert.equal(await code(call('kf/account/del', { open_kfid })), 95004);
});

test('a customer is handed on only to whom the company has named, and days have their numbers', async () => {
	const external_userid = await asked();
	await control({ upgrade_members: 'zhangsan', upgrade_groups: 'wr1' });
	assert.deepEqual((await look('kf/customer/get_upgrade_service_config')).member_range, { userid_list: ['zhangsan'], department_id_list: [] });
	const upgrade = (more) => code(call('kf/customer/upgrade_service', { ...who(external_userid), type: 1, member: { userid: 'zhangsan', wording: 'x' }, ...more }));
	assert.deepEqual([await upgrade(), await upgrade({ member: { userid: 'lisi' } }), await upgrade({ type: 3 }), await upgrade({ type: 2, groupchat: { chat_id: 'wr1' } })], [0, 95021, 40058, 0]);
	assert.equal(await code(call('kf/customer/cancel_upgrade_service', who(external_userid))), 0);
	await move(24 * HOUR);
	const { now_ms } = await sim('clock');
	const today = (now_ms - ((now_ms + 8 * HOUR) % (24 * HOUR))) / 1000, yesterday = today - 86400;
	const { statistic_list: [day] } = await call('kf/get_corp_statistic', { open_kfid: kf, start_time: yesterday, end_time: yesterday });
	assert.equal(day.stat_time, yesterday);
	assert.ok(day.statistic.customer_msg_cnt >= 1 && day.statistic.session_cnt >= 1);
	assert.equal((await call('kf/get_servicer_statistic', { open_kfid: kf, start_time: yesterday, end_time: yesterday, servicer_userid: 'lisi' })).errcode, 0);
	for (const [start_time, end_time] of [[yesterday, today], [yesterday + 1, yesterday], [yesterday - 31 * 86400, yesterday]])
		assert.equal(await code(call('kf/get_corp_statistic', { open_kfid: kf, start_time, end_time })), 40058);
});

// --- faults ---

test('an answer that is lost took effect, and the repeat of its msgid says so; by chance the same seed strikes the same calls', async () => {
	const external_userid = await asked();
	await sim('faults', { api: 'kf/send_msg', kind: 'lost' });
	await assert.rejects(send(external_userid, { msgid: 'lost-1' }));
	assert.equal(await code(send(external_userid, { msgid: 'lost-1' })), 40058);
	await sim('faults', { api: 'kf/send_msg', kind: 'errcode', errcode: -1 });
	assert.equal(await code(send(external_userid, { msgid: 'refused-1' })), -1);
	assert.equal(await code(send(external_userid, { msgid: 'refused-1' })), 0);
	const struck = async (seed) => {
		await sim('chance', { api: 'kf/', per_mille: 300, seed, kinds: 'errcode' });
		const list = [];
		for (let i = 0; i < 30; i++) list.push(await code(call('kf/service_state/get', who(external_userid))));
		return list.join();
	};
	const one = await struck(7);
	assert.ok(one.includes('-1') && one.includes('0'));
	assert.equal(await struck(7), one);
	assert.notEqual(await struck(8), one);
	await sim('chance', { per_mille: 0 });
	assert.equal((await system.postJson('/sim/api/chance', { per_mille: 5, kinds: 'magic' })).status, 422);
});

test('many customers write at once, and every message is in the books and in the pages once', async () => {
	await drain();
	await control({ page_max: 7 });
	assert.equal((await sim('kf/load', { open_kfid: kf, prefix: 'wmbulk', customers: 10, each: 3, ring: 'once' })).messages, 30);
	const texts = (await drain()).map(({ text }) => text.content);
	assert.equal(new Set(texts).size, 30);
	assert.equal((await books('wmbulk0001')).messages.length, 3);
	await control({ page_max: 1000 });
});
