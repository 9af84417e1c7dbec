// The simulator's customer contact: as strict as WeCom in what it takes, with the events and the faults that tests order.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { startSystem, waitFor } from './harness.mjs';

let system, token;

before(async () => {
	system = await startSystem();
	token = (await system.get(`/sim/cgi-bin/gettoken?corpid=wwsimulator&corpsecret=${system.secrets.APP_SECRET}`)).json.access_token;
});
after(() => system?.stop());

const url = (api, query = '') => `/sim/cgi-bin/externalcontact/${api}?access_token=${encodeURIComponent(token)}${query}`;
const call = async (api, body) => (body === undefined ? await system.get(url(api)) : await system.postJson(url(api), body)).json;
const act = async (what, body) => {
	const { status, json, text } = await system.postJson(`/sim/api/contact/${what}`, body);
	assert.ok(status < 300, text);
	return json;
};
const fault = (api, errcode, more = {}) => system.postJson('/sim/api/faults', { api: `externalcontact/${api}`, kind: 'errcode', errcode, ...more });
const rules = (value) => act('rules', value);
const detail = async (chat_id) => (await call('groupchat/get', { chat_id, need_name: 1 })).group_chat;
const group = (more = {}) => act('groups', { owner: 'zhangsan', name: '群', members: 2, quiet: true, ...more });
const lastEvent = async () => (await system.get('/sim/api/contact/events')).json.events[0].xml;
const refused = async (errcode, api, body) => assert.equal((await call(api, body)).errcode, errcode, `${api} ${JSON.stringify(body)}`);

test('members with 客户联系 are listed, and groups need a limit and at most a hundred owners', async () => {
	assert.deepEqual((await call('get_follow_user_list')).follow_user, ['lisi', 'wangwu', 'zhangsan']);
	await refused(40063, 'groupchat/list', {});
	await refused(40058, 'groupchat/list', { limit: 1001 });
	await refused(40058, 'groupchat/list', { limit: 1, owner_filter: { userid_list: Array(101).fill('lisi') } });
	await refused(40003, 'groupchat/list', { limit: 1, owner_filter: { userid_list: ['nobody'] } });
	await refused(41001, 'groupchat/list', { limit: 1, access_token: token });
});

test('pages follow by a cursor that is opaque, bound to its arguments, and ends', async () => {
	await act('seed', { seed: 7, owners: 2, groups: 5, members: 3 });
	const owner_filter = { userid_list: ['OWNER7-1', 'owner7-2'] };
	const first = await call('groupchat/list', { limit: 3, owner_filter });
	assert.equal(first.group_chat_list.length, 3);
	const second = await call('groupchat/list', { limit: 3, owner_filter, cursor: first.next_cursor });
	assert.equal(second.group_chat_list.length, 2);
	assert.equal(second.next_cursor, undefined);
	await refused(50100, 'groupchat/list', { limit: 3, cursor: first.next_cursor });
	await refused(50100, 'groupchat/list', { limit: 3, owner_filter, cursor: 'made.up.00' });
	await rules({ cursor_life_ms: 0 });
	await refused(50100, 'groupchat/list', { limit: 3, owner_filter, cursor: first.next_cursor });
	await rules({ cursor_life_ms: 600000 });
	assert.equal((await detail(first.group_chat_list[0].chat_id)).member_list.length, 3);
});

test('without owners a great visible range is refused with 81017', async () => {
	await act('seed', { seed: 8, owners: 1100, groups: 1, members: 1 });
	await refused(81017, 'groupchat/list', { limit: 10 });
});

test('what lies outside the visible range, has no permission, is dismissed or unknown has its own errcode', async () => {
	const { chat_id } = await group({ owner: 'lisi' });
	await act('members', { userid: 'lisi', visible: 'off' });
	await refused(60011, 'groupchat/get', { chat_id });
	await refused(60011, 'groupchat/list', { limit: 1, owner_filter: { userid_list: ['lisi', 'zhangsan'] } });
	await rules({ outside_code: 660003 });
	await refused(660003, 'groupchat/get', { chat_id });
	await act('members', { userid: 'lisi', visible: 'on', permission: 'off' });
	await refused(84074, 'groupchat/list', { limit: 1, owner_filter: { userid_list: ['lisi'] } });
	await refused(90501, 'groupchat/get', { chat_id });
	await act('members', { userid: 'lisi', permission: 'on' });
	await act('changes', { chat_id, action: 'dismiss' });
	await refused(49008, 'groupchat/get', { chat_id });
	await refused(40050, 'groupchat/get', { chat_id: 'wrNOWHERE' });
	await refused(40063, 'groupchat/get', {});
});

test('groups of a departed owner come only when the owner is named', async () => {
	await act('members', { userid: 'Leaver' });
	const { chat_id } = await group({ owner: 'Leaver' });
	await act('members', { userid: 'leaver', departed: true });
	const named = await call('groupchat/list', { limit: 10, owner_filter: { userid_list: ['leaver'] } });
	assert.deepEqual(named.group_chat_list, [{ chat_id, status: 1 }]);
	assert.ok(!(await call('get_follow_user_list')).follow_user.includes('Leaver'));
});

test('every change of a group has its event, with the versions before and after', async () => {
	const { chat_id } = await act('groups', { owner: 'zhangsan', name: '群' });
	assert.match(await lastEvent(), new RegExp(`<Event><!\\[CDATA\\[change_external_chat\\]\\]></Event><ChatId><!\\[CDATA\\[${chat_id}\\]\\]></ChatId><ChangeType><!\\[CDATA\\[create`));
	const { member_version } = await detail(chat_id);
	await act('changes', { chat_id, action: 'join', id: 'wmONE' });
	const joined = await lastEvent(), now = await detail(chat_id);
	for (const part of ['add_member', '<JoinScene>0<', '<MemChangeCnt>1<', '<Item><![CDATA[wmONE]]></Item>', `<LastMemVer><![CDATA[${member_version}]]>`, `<CurMemVer><![CDATA[${now.member_version}]]>`])
		assert.ok(joined.includes(part), `${part} in ${joined}`);
	for (const [action, more, word] of [['rename', { text: '新名' }, 'change_name'], ['notice', { text: '公告' }, 'change_notice'], ['owner', { id: 'wangwu' }, 'change_owner'], ['remove', { id: 'wmONE' }, '<QuitScene>1<'], ['dismiss', {}, '>dismiss<'.replace('>', '[').replace('<', ']')]]) {
		await act('changes', { chat_id, action, ...more });
		assert.ok((await lastEvent()).includes(word), word);
	}
	const before = (await system.get('/sim/api/contact/events')).json.events[0].id;
	const quiet = await group();
	await act('changes', { chat_id: quiet.chat_id, action: 'join', id: 'wmTWO', quiet: true });
	assert.equal((await system.get('/sim/api/contact/events')).json.events[0].id, before, 'nothing was told');
	assert.equal((await system.postJson('/sim/api/contact/changes', { chat_id, action: 'join', id: 'wmX' })).status, 409, 'it is dismissed');
});

test('details lag behind their events for as long as they are told to', async () => {
	const { chat_id } = await group();
	await rules({ detail_lag_ms: 600_000 });
	await act('changes', { chat_id, action: 'join', id: 'wmLATE' });
	assert.equal((await detail(chat_id)).member_list.length, 3, 'what was');
	await rules({ detail_lag_ms: 0 });
	await system.sql('UPDATE simulator_room SET before_until_ms = 0', { schema: 'wecomd_sim' });
	assert.equal((await detail(chat_id)).member_list.length, 4);
});

test('a fault strikes after the calls it lets pass, and its lists are there and empty', async () => {
	const body = { limit: 3, owner_filter: { userid_list: ['owner7-1'] } };
	await fault('groupchat/list', 50100, { skip: 1 });
	assert.equal((await call('groupchat/list', body)).errcode, 0);
	const struck = await call('groupchat/list', body);
	assert.equal(struck.errcode, 50100);
	assert.deepEqual(struck.group_chat_list, []);
	assert.equal((await call('groupchat/list', body)).errcode, 0);
});

test('a customer scans a join way, is attributed to its state, and a full one makes a new group', async () => {
	const { chat_id } = await group({ capacity: 4, members: 2 });
	const way = { scene: 2, chat_id_list: [chat_id], state: 'expo26', room_base_name: '展会', room_base_id: 10, auto_create_room: 1, remark: '很'.repeat(40) };
	await refused(41038, 'groupchat/add_join_way', { chat_id_list: [chat_id] });
	await refused(41040, 'groupchat/add_join_way', { ...way, scene: 3 });
	await refused(40063, 'groupchat/add_join_way', { scene: 2 });
	await refused(41091, 'groupchat/add_join_way', { ...way, chat_id_list: Array(6).fill(chat_id) });
	await refused(40050, 'groupchat/add_join_way', { ...way, chat_id_list: ['wrNOWHERE'] });
	await refused(40058, 'groupchat/add_join_way', { ...way, state: 'x'.repeat(31) });
	const added = await call('groupchat/add_join_way', way);
	assert.equal(added.qr_code, undefined, 'only get_join_way has it');
	const { config_id } = added;
	const read = (await call('groupchat/get_join_way', { config_id })).join_way;
	assert.equal(read.remark, '很'.repeat(30), 'what is too long is cut');
	const picture = await system.get(new URL(read.qr_code).pathname);
	assert.equal(picture.headers['content-type'], 'image/png');
	assert.equal(picture.bytes.subarray(1, 4).toString(), 'PNG');
	assert.equal((await act('scans', { config_id, customer: 'wmSCAN1' })).chat_id, chat_id);
	const member = (await detail(chat_id)).member_list.find(({ userid }) => userid === 'wmSCAN1');
	assert.deepEqual([member.state, member.join_scene, member.unionid], ['expo26', 3, 'owmSCAN1']);
	assert.match(await lastEvent(), /<JoinScene>3</);
	const next = await act('scans', { config_id });
	assert.notEqual(next.chat_id, chat_id);
	assert.equal((await detail(next.chat_id)).name, '展会10');
	assert.deepEqual((await call('groupchat/get_join_way', { config_id })).join_way.chat_id_list, [chat_id, next.chat_id]);
	assert.equal((await call('groupchat/update_join_way', { ...way, config_id, chat_id_list: [chat_id], auto_create_room: 0 })).errcode, 0);
	assert.equal((await system.postJson('/sim/api/contact/scans', { config_id })).status, 409, 'full');
	assert.equal((await call('groupchat/del_join_way', { config_id })).errcode, 0);
	await refused(41044, 'groupchat/get_join_way', { config_id });
	await refused(41043, 'groupchat/get_join_way', {});
});

test('customers of members: one, many, half, deleted, tagged', async () => {
	assert.equal((await system.get(url('list', '&userid=wangwu'))).json.errcode, 84061);
	for (let i = 0; i < 3; i++)
		await act('customers', { action: 'add', userid: 'wangwu', external_userid: `wmC${i}`, name: `客户${i}`, unionid: `oC${i}`, state: 'way1', mobile: `1380000000${i}` });
	assert.match(await lastEvent(), /add_external_contact.*<State><!\[CDATA\[way1/);
	assert.equal((await system.get(url('list', '&userid=wangwu'))).json.external_userid.length, 3);
	const one = (await system.get(url('get', '&external_userid=wmC1'))).json;
	assert.deepEqual([one.external_contact.unionid, one.follow_user[0].state, one.follow_user[0].remark_mobiles], ['oC1', 'way1', ['13800000001']]);
	await refused(40058, 'batch/get_by_user', { userid_list: 'wangwu' });
	const page = await call('batch/get_by_user', { userid_list: ['WANGWU', 'zhangsan'], limit: 2 });
	const rest = await call('batch/get_by_user', { userid_list: ['WANGWU', 'zhangsan'], limit: 2, cursor: page.next_cursor });
	assert.deepEqual([page.external_contact_list.length, rest.external_contact_list.length, rest.next_cursor], [2, 1, '']);
	await refused(50100, 'batch/get_by_user', { userid_list: ['wangwu'], cursor: page.next_cursor });
	await act('customers', { action: 'half', userid: 'lisi', external_userid: 'wmHALF' });
	assert.equal((await system.get(url('get', '&external_userid=wmHALF'))).json.errcode, 84061);
	const made = (await call('add_corp_tag', { group_name: '等级', tag: [{ name: 'A' }, { name: 'B' }] })).tag_group;
	assert.equal(made.tag.length, 2);
	assert.equal((await call('mark_tag', { userid: 'wangwu', external_userid: 'wmC1', add_tag: [made.tag[0].id] })).errcode, 0);
	await refused(40068, 'mark_tag', { userid: 'wangwu', external_userid: 'wmC1', add_tag: ['etNONE'] });
	assert.equal((await system.get(url('get', '&external_userid=wmC1'))).json.follow_user[0].tags[0].group_name, '等级');
	await call('del_corp_tag', { tag_id: [made.tag[0].id] });
	assert.equal((await call('get_corp_tag_list', {})).tag_group[0].tag.length, 1);
	assert.equal((await call('get_corp_tag_list', { tag_id: [made.tag[0].id] })).tag_group[0].tag[0].deleted, true);
	await act('customers', { action: 'delete', userid: 'wangwu', external_userid: 'wmC0' });
	assert.equal((await system.get(url('list', '&userid=wangwu'))).json.external_userid.length, 2);
});

test('one call of batch/get_by_user at once, a second gets 45033', async () => {
	await act('members', { userid: 'many' });
	await system.sql(`INSERT INTO simulator_customer (external_userid, name) SELECT CONCAT('wmM', seq), 'x' FROM seq_1_to_3000;
		INSERT INTO simulator_follow (userid, external_userid, created_s) SELECT 'many', CONCAT('wmM', seq), 1 FROM seq_1_to_3000`, { schema: 'wecomd_sim' });
	await waitFor('two calls that meet', async () => {
		const answers = await Promise.all(Array.from({ length: 6 }, () => call('batch/get_by_user', { userid_list: ['many'], limit: 100 })));
		return answers.some(({ errcode }) => errcode === 45033) && answers.some(({ errcode }) => errcode === 0);
	});
});

test('figures by owner and by day, within their bounds', async () => {
	const day = Math.floor(Date.now() / 86400_000) * 86400;
	const owner_filter = { userid_list: ['owner7-1', 'owner7-2'] };
	await refused(40063, 'groupchat/statistic', { day_begin_time: day });
	await refused(40058, 'groupchat/statistic', { day_begin_time: day - 40 * 86400, day_end_time: day, owner_filter });
	const by = await call('groupchat/statistic', { day_begin_time: day - 86400, owner_filter });
	assert.equal(by.total, 2);
	assert.equal(by.items.reduce((n, { data }) => n + data.chat_total, 0), 5);
	assert.equal((await call('groupchat/statistic_group_by_day', { day_begin_time: day - 3 * 86400, day_end_time: day - 86400, owner_filter })).items.length, 3);
	const { chat_id } = await group();
	assert.equal((await call('opengid_to_chatid', { opengid: `og${chat_id}` })).chat_id, chat_id);
	await refused(90511, 'opengid_to_chatid', { opengid: 'og1' });
});
