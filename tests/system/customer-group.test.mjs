// Customer groups: a company's groups come from the simulator, stay in step by events and sweeps, and a customer who joins by a join way is
// attributed to it. What WeCom refuses, forgets or tells late changes nothing that is right.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { startSystem, waitFor } from './harness.mjs';

let system, key, viewer;

before(async () => {
	system = await startSystem({ plugins: ['customer-group'] });
	key = (await system.wecomd('key', 'add', '--name', 'groups', '--role', 'operator')).stdout.trim();
	viewer = (await system.wecomd('key', 'add', '--name', 'viewer', '--role', 'viewer')).stdout.trim();
});
after(() => system?.stop());

const base = '/api/wecom/customer';
async function ask(method, at, body, { by = key, status = 200 } = {}) {
	const answer = await system.get(base + at, { method, body: body === undefined ? undefined : JSON.stringify(body),
		headers: { Authorization: `Bearer ${by}`, 'Content-Type': 'application/json' } });
	assert.equal(answer.status, status, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer.json;
}
const get = (at) => ask('GET', at);
const items = async (at) => (await get(at)).items;
const group = (chat_id) => get(`/groups/${chat_id}`);

const sim = async (what, body) => {
	const { status, json, text } = await system.postJson(`/sim/api/${what}`, body);
	assert.ok(status < 300, `${what}: ${text}`);
	return json;
};
const act = (what, body) => sim(`contact/${what}`, body);
const fault = (api, more) => sim('faults', { api: `externalcontact/${api}`, kind: 'errcode', ...more });
const noFaults = () => system.get('/sim/api/faults', { method: 'DELETE' });
const calls = async (api) => (await system.get('/sim/api/wecom')).json.calls[`externalcontact/${api}`] ?? 0;

async function sync(kind = 'sync') {
	const { id } = await ask('POST', '/groups/sync', { kind }, { status: 202 });
	return waitFor('the end of the sweep', async () => {
		const sweep = (await items('/syncs')).find((one) => one.id === id);
		return sweep.state !== 'running' && sweep;
	}, { ms: 30_000 });
}
async function synced(kind) {
	const sweep = await sync(kind);
	assert.deepEqual([sweep.state, sweep.error], ['done', '']);
	return sweep;
}
const eventsAreTaken = () => waitFor('all events taken in', async () =>
	await system.number("SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2)", { schema: 'wecomd_sim' }) === 0 &&
	await system.number("SELECT COUNT(*) FROM job WHERE kind LIKE 'customer-group.%' AND state <> 3") === 0, { ms: 30_000 });
const warnings = async (kind) => (await items('/warnings?limit=200')).filter((one) => one.kind === kind);

test('the first sweep brings all groups with their members, the next one asks for what changed alone', async () => {
	await act('seed', { seed: 1, owners: 3, groups: 12, members: 6 });
	const first = await synced();
	assert.deepEqual([first.groups_new, first.details, first.owners], [12, 12, 6]);
	assert.deepEqual(await system.sql("SELECT action, object FROM audit_log WHERE object LIKE 'sweep:%'"), [['customer_group.sync', `sweep:${first.id}`]]);
	const all = await items('/groups?limit=200');
	assert.equal(all.length, 12);
	const one = all.find(({ chat_id }) => chat_id === 'wrseed1-000003');
	assert.deepEqual([one.name, one.owner, one.member_count, one.customer_count, one.status, one.deliverable], ['客户群3', 'owner1-1', 6, 5, 'normal', true]);
	const members = await items('/groups/wrseed1-000003/members');
	assert.deepEqual(members.map(({ kind, scene, left_at }) => [kind, scene, left_at])[0], ['member', 'link', null]);
	assert.ok(members.some(({ inviter }) => inviter === 'owner1-1'));
	assert.ok(members.every(({ name }) => /^.\*\*$/u.test(name)), 'names are masked');
	assert.ok(!(await system.sql('SELECT names FROM wecom_customer_group_member')).flat().join().includes('客户'), 'and sealed');
	const before = [await calls('groupchat/get'), await calls('groupchat/list'), await calls('get_follow_user_list')];
	const second = await synced();
	assert.deepEqual([await calls('groupchat/get') - before[0], await calls('groupchat/list') - before[1], await calls('get_follow_user_list') - before[2]], [0, 1, 1]);
	assert.deepEqual([second.details, second.groups_new, second.calls], [0, 0, 2]);
	await system.sql('UPDATE wecom_customer_group SET detail_at = NOW(3) - INTERVAL 25 HOUR WHERE id = 1');
	assert.equal((await synced()).details, 1, 'a detail that is a day old');
	const report = await synced('reconcile');
	assert.deepEqual([report.details, report.drifts], [12, 0]);
	assert.deepEqual(await items('/drift'), []);
});

test('events bring every kind of change at once, and the same event twice changes nothing', async () => {
	const { chat_id } = await act('groups', { owner: 'zhangsan', name: '活动群', members: 3 });
	await eventsAreTaken();
	assert.deepEqual([(await group(chat_id)).name, (await group(chat_id)).member_count], ['活动群', 4], 'an event for a group that was not known');
	await act('changes', { chat_id, action: 'rename', text: '新活动群' });
	await act('changes', { chat_id, action: 'notice', text: '今晚八点' });
	await act('changes', { chat_id, action: 'join', id: 'wmNEW' });
	await act('changes', { chat_id, action: 'owner', id: 'lisi' });
	await eventsAreTaken();
	let now = await group(chat_id);
	assert.deepEqual([now.name, now.notice, now.owner, now.member_count], ['新活动群', '今晚八点', 'lisi', 5]);
	assert.ok(now.activity_at >= now.created_at);
	await act('changes', { chat_id, action: 'leave', id: 'wmNEW' });
	await eventsAreTaken();
	const gone = (await items(`/groups/${chat_id}/members`)).find(({ member_id }) => member_id === 'wmNEW');
	assert.notEqual(gone.left_at, null);
	const { days } = await get(`/groups/${chat_id}/trend?days=2`);
	assert.deepEqual([days.at(-1).joined, days.at(-1).left, days.at(-1).members], [5, 1, 4]);
	await act('changes', { chat_id, action: 'dismiss' });
	await eventsAreTaken();
	now = await group(chat_id);
	assert.deepEqual([now.status, now.deliverable, now.undeliverable], ['dismissed', false, 'dismissed']);
	assert.ok((await items(`/groups/${chat_id}/members`)).length >= 5, 'its history stays');
	const { events } = (await system.get('/sim/api/contact/events')).json;
	assert.ok(events.every(({ tries, status }) => tries === 1 && status === 200));
	const before = await system.number('SELECT COUNT(*) FROM inbox_event');
	const contact = { name: 'contact', token: system.secrets.CONTACT_TOKEN, aesKey: system.secrets.CONTACT_AES_KEY, receiveid: 'wwsimulator' };
	for (let i = 0; i < 2; i++)
		assert.equal((await system.callback(events.at(-1).xml, { bot: contact })).status, 200);
	assert.equal(await system.number('SELECT COUNT(*) FROM inbox_event'), before, 'it was known');
	assert.equal((await system.callback('<xml><Event>something_else</Event></xml>', { bot: contact })).status, 200);
	assert.equal((await system.callback('<!DOCTYPE x><xml><Event>change_external_chat</Event></xml>', { bot: contact })).status, 400);
	assert.equal((await system.callback('<xml><Event>change_external_chat</Event></xml>', { bot: contact })).status, 400);
	assert.equal((await system.callback(events.at(-1).xml, { bot: { ...contact, receiveid: 'wwother' } })).status, 403);
});

test('a detail that lags behind its event is asked for until it has caught up', async () => {
	const { chat_id } = await act('groups', { owner: 'zhangsan', name: '慢', members: 1 });
	await eventsAreTaken();
	await act('rules', { detail_lag_ms: 1500 });
	await act('changes', { chat_id, action: 'join', id: 'wmLAG' });
	await act('rules', { detail_lag_ms: 0 });
	await waitFor('the member', async () => (await group(chat_id)).member_count === 3);
	await eventsAreTaken();
});

test('an event that says nothing new asks nothing', async () => {
	const { chat_id } = await act('groups', { owner: 'zhangsan', name: '静', members: 1 });
	await act('changes', { chat_id, action: 'join', id: 'wmQUIET' });
	await eventsAreTaken();
	const before = await calls('groupchat/get');
	const [{ xml }] = (await system.get('/sim/api/contact/events')).json.events;
	const again = xml.replace(/<CreateTime>\d+/, '<CreateTime>1');
	assert.equal((await system.callback(again, { bot: { name: 'contact', token: system.secrets.CONTACT_TOKEN, aesKey: system.secrets.CONTACT_AES_KEY, receiveid: 'wwsimulator' } })).status, 200);
	await eventsAreTaken();
	assert.equal(await calls('groupchat/get'), before, 'its CurMemVer is ours');
});

test('what no event told is in the drift report of the next reconciliation, and mended', async () => {
	const { chat_id } = await act('groups', { owner: 'zhangsan', name: '一', members: 2, quiet: true });
	await synced();
	await act('changes', { chat_id, action: 'join', id: 'wmSILENT', quiet: true });
	await act('changes', { chat_id, action: 'rename', text: '二', quiet: true });
	await synced();
	assert.equal((await group(chat_id)).name, '一', 'the list does not tell');
	const report = await synced('reconcile');
	assert.equal(report.drifts, 2);
	assert.deepEqual((await items('/drift')).map(({ object, field, ours, theirs }) => [object, field, ours, theirs]),
		[[`group:${chat_id}`, 'name', '一', '二'], [`group:${chat_id}`, 'members', '3', '4 (1 joined, 0 left)']]);
	assert.deepEqual([(await group(chat_id)).name, (await group(chat_id)).member_count], ['二', 4]);
	assert.equal((await synced('reconcile')).drifts, 0);
});

test('an owner outside the visible range or without permission costs the others nothing, and is warned of', async () => {
	await act('members', { userid: 'owner1-2', visible: 'off' });
	await act('members', { userid: 'owner1-3', permission: 'off' });
	const known = (await items('/groups?limit=200')).filter(({ status }) => status === 'normal').length;
	const sweep = await synced();
	assert.equal(sweep.owners_failed, 2);
	assert.deepEqual((await warnings('owner_outside_range')).map(({ object, errcode }) => [object, errcode]), [['owner:owner1-2', 60011]]);
	assert.deepEqual((await warnings('owner_without_permission')).map(({ object, errcode }) => [object, errcode]), [['owner:owner1-3', 84074]]);
	assert.equal((await items('/groups?limit=200')).filter(({ status }) => status === 'normal').length, known, 'nothing is deleted because of it');
	assert.equal((await synced('reconcile')).drifts, 0);
	const theirs = await items('/groups?limit=200&owner=OWNER1-2');
	assert.ok(theirs.length > 0 && theirs.every(({ undeliverable }) => undeliverable === 'owner_cannot_send'), 'a reconciliation concludes nothing about them either');
	await act('members', { userid: 'owner1-2', visible: 'on' });
	await act('members', { userid: 'owner1-3', permission: 'on' });
	await synced();
	assert.deepEqual([await warnings('owner_outside_range'), await warnings('owner_without_permission')], [[], []]);
	await fault('groupchat/list', { errcode: 81017 });
	assert.equal((await synced()).owners_failed, 0, 'too many at once: halves');
});

test('45033, a page that fails with 50100 in the middle, and an error with an empty list end nothing', async () => {
	const before = await system.sql('SELECT chat_id, status, member_count FROM wecom_customer_group ORDER BY id');
	await act('rules', { page_max: 4 });
	for (const [api, order] of [['groupchat/list', { errcode: 50100, skip: 2 }], ['groupchat/list', { errcode: 45033, skip: 1 }], ['groupchat/list', { errcode: -1 }]]) {
		await fault(api, order);
		await synced();
		assert.deepEqual(await system.sql('SELECT chat_id, status, member_count FROM wecom_customer_group ORDER BY id'), before, `${api} ${JSON.stringify(order)}`);
	}
	await act('rules', { page_max: 1000 });
	await fault('get_follow_user_list', { errcode: 48002 });
	const failed = await sync();
	assert.equal(failed.state, 'failed');
	assert.match(failed.error, /48002/);
	await fault('groupchat/list', { errcode: 40058 });
	assert.equal((await sync()).state, 'failed');
	assert.deepEqual(await system.sql('SELECT chat_id, status, member_count FROM wecom_customer_group ORDER BY id'), before);
	await noFaults();
});

test('45009 lets a sweep rest, and another job goes on with it', async () => {
	await fault('groupchat/list', { errcode: 45009 });
	const { id } = await ask('POST', '/groups/sync', {}, { status: 202 });
	await waitFor('the rest', async () => await system.number(`SELECT run FROM wecom_customer_sweep WHERE id = ${id}`) === 2);
	assert.equal((await ask('POST', '/groups/sync', {})).id, id, 'another is not begun beside it');
	await system.sql("UPDATE job SET due_at = NOW(3) WHERE kind = 'customer-group.sweep' AND state = 1");
	await waitFor('its end', async () => (await items('/syncs'))[0].state === 'done');
});

test('a group dismissed during the sweep is dismissed; one that was not listed keeps its history', async () => {
	const { chat_id } = await act('groups', { owner: 'wangwu', name: '将散', members: 2, quiet: true });
	await synced();
	await system.sql(`UPDATE wecom_customer_group SET detail_due = TRUE WHERE chat_id = '${chat_id}'`);
	await fault('groupchat/get', { errcode: 49008 });
	await synced();
	assert.equal((await group(chat_id)).status, 'dismissed');
	await synced();
	assert.equal((await group(chat_id)).status, 'normal', 'it is listed: it was not dismissed after all');
	await act('changes', { chat_id, action: 'dismiss', quiet: true });
	await synced();
	assert.equal((await group(chat_id)).status, 'dismissed', 'nobody lists it, and its detail says so');
	assert.equal((await items(`/groups/${chat_id}/members`)).length, 3);
	const other = await act('groups', { owner: 'wangwu', name: '详情没有', members: 1, quiet: true });
	await fault('groupchat/get', { errcode: 40050 });
	await synced();
	assert.equal((await warnings('group_unavailable')).length, 1);
	await system.sql(`UPDATE wecom_customer_group SET detail_due = TRUE WHERE chat_id = '${other.chat_id}'`);
	await synced();
	assert.deepEqual([(await group(other.chat_id)).status, await warnings('group_unavailable')], ['normal', []]);
});

test('the groups of a departed owner are found, and wait for another', async () => {
	await act('members', { userid: 'Leaver' });
	const { chat_id } = await act('groups', { owner: 'Leaver', name: '留下的群', members: 1, quiet: true });
	await synced();
	await act('members', { userid: 'leaver', departed: true });
	await act('rules', { lower_case: 1 });
	await synced();
	const left = await group(chat_id);
	assert.deepEqual([left.status, left.undeliverable], ['owner_departed', 'owner_departed']);
	assert.equal((await warnings('owner_departed'))[0].object.toLowerCase(), 'owner:leaver');
	await act('changes', { chat_id, action: 'owner', id: 'lisi', quiet: true });
	await synced();
	assert.deepEqual([(await group(chat_id)).status, (await group(chat_id)).owner, await warnings('owner_departed')], ['inherited', 'lisi', []]);
	await act('rules', { lower_case: 0 });
});

test('a customer joins by a join way and is attributed to its state', async () => {
	const { chat_id } = await act('groups', { owner: 'zhangsan', name: '展会群', members: 2, capacity: 5 });
	await eventsAreTaken();
	const body = { state: 'expo26', remark: '展台', room_base_name: '展会', room_base_id: 10, chat_id_list: [chat_id] };
	await ask('POST', '/join-way', body, { by: viewer, status: 403 });
	const made = await ask('POST', '/join-way', body, { status: 201 });
	assert.deepEqual([made.status, made.state, made.rooms, made.differs, made.full], ['active', 'expo26', [chat_id], null, false]);
	const picture = await system.get(`${base}/join-way/${made.config_id}/qr-code`, { headers: { Authorization: `Bearer ${viewer}` } });
	assert.deepEqual([picture.status, picture.headers['content-type'], picture.bytes.subarray(1, 4).toString()], [200, 'image/png', 'PNG']);
	assert.match(picture.headers['content-disposition'], /join-way-\d+\.png/);
	await ask('POST', '/join-way', body, { status: 409 });
	for (const customer of ['wmA', 'wmB', 'wmC']) await act('scans', { config_id: made.config_id, customer });
	await eventsAreTaken();
	const read = await get(`/join-way/${made.config_id}`);
	assert.deepEqual([read.joined, read.members, read.days.length, read.days[0].joined, read.groups.length], [3, 3, 1, 3, 2], 'the third is in a group that was made for it');
	const member = (await items(`/groups/${chat_id}/members`)).find(({ member_id }) => member_id === 'wmA');
	assert.deepEqual([member.state, member.scene], ['expo26', 'qr_code']);
	const changed = await ask('PUT', `/join-way/${made.config_id}`, { ...body, remark: '门口', auto_create_room: false });
	assert.deepEqual([changed.remark, changed.auto_create_room], ['门口', false]);
	assert.equal((await system.sql("SELECT GROUP_CONCAT(action ORDER BY id) FROM audit_log WHERE object LIKE 'join_way:%'"))[0][0], 'join_way.create,join_way.change');
	await act('rules', { page_max: 1000 });
	await synced('reconcile');
	assert.deepEqual(await items('/drift'), [], 'the drift report is empty');
});

test('a join way that is full, differs, or was deleted in WeCom\'s own console is warned of', async () => {
	const { chat_id } = await act('groups', { owner: 'zhangsan', name: '满', members: 2, capacity: 5, quiet: true });
	await synced();
	const made = await ask('POST', '/join-way', { state: 'full1', auto_create_room: false, chat_id_list: [chat_id] }, { status: 201 });
	const look = async () => {
		await system.sql('UPDATE wecom_join_way SET checked_at = NULL');
		await synced();
		return get(`/join-way/${made.config_id}`);
	};
	await system.sql(`UPDATE wecom_customer_group SET member_count = 200 WHERE chat_id = '${chat_id}'`);
	assert.equal((await look()).full, true);
	assert.deepEqual((await warnings('join_way_full')).map(({ object }) => object), [`join_way:${made.config_id}`]);
	await system.sql(`UPDATE wecom_customer_group SET member_count = 3 WHERE chat_id = '${chat_id}'`);
	await system.sql("UPDATE simulator_join_way SET remark = '别人改的' WHERE state = 'full1'", { schema: 'wecomd_sim' });
	const other = await look();
	assert.deepEqual([other.full, other.differs], [false, { remark: ['', '别人改的'] }]);
	assert.equal((await warnings('join_way_differs')).length, 1);
	await system.sql("DELETE FROM simulator_join_way WHERE state = 'full1'", { schema: 'wecomd_sim' });
	assert.equal((await look()).status, 'gone');
	assert.equal((await warnings('join_way_gone')).length, 1);
	await ask('PUT', `/join-way/${made.config_id}`, { chat_id_list: [chat_id] }, { status: 409 });
	await ask('DELETE', `/join-way/${made.config_id}`);
	assert.deepEqual([await warnings('join_way_gone'), await warnings('join_way_differs')], [[], []]);
	await ask('DELETE', `/join-way/${made.config_id}`);
});

test('a join way whose answer was lost is uncertain and made once', async () => {
	const [{ chat_id }] = await items('/groups?status=normal&limit=1');
	await sim('faults', { api: 'externalcontact/groupchat/add_join_way', kind: 'lost' });
	await ask('POST', '/join-way', { state: 'lost1', chat_id_list: [chat_id] }, { status: 502 });
	assert.equal(await system.number("SELECT COUNT(*) FROM simulator_join_way WHERE state = 'lost1'", { schema: 'wecomd_sim' }), 1);
	const uncertain = (await items('/join-way')).find(({ state }) => state === 'lost1');
	assert.equal(uncertain.status, 'uncertain');
	assert.equal((await warnings('join_way_uncertain')).length, 1);
	await ask('DELETE', `/join-way/${uncertain.config_id}`);
	await ask('POST', '/join-way', { state: 'many', chat_id_list: ['1', '2', '3', '4', '5', '6'] }, { status: 422 });
	await ask('POST', '/join-way', { state: '长'.repeat(31), chat_id_list: [chat_id] }, { status: 422 });
	await ask('POST', '/join-way', { state: 'refused', chat_id_list: ['wrNOWHERE'] }, { status: 422 });
	assert.equal((await items('/join-way')).filter(({ state }) => state === 'refused').length, 0);
});

test('filters, tags of our own, the quota, and segments that keep themselves up to date', async () => {
	const { chat_id } = await act('groups', { owner: 'lisi', name: '百分_%群', members: 30 });
	await eventsAreTaken();
	assert.deepEqual((await items('/groups?q=%25%E7%BE%A4')).map((one) => one.chat_id), [chat_id], '% means itself');
	assert.deepEqual((await ask('PUT', `/groups/${chat_id}/tags`, { tags: ['VIP', '华东'] })).tags, ['VIP', '华东']);
	assert.deepEqual((await items('/groups?tag=VIP&min_members=31&max_members=31&owner=LISI&max_age_days=1&active_days=1&deliverable=yes')).map((one) => one.chat_id), [chat_id]);
	assert.deepEqual(await items('/groups?tag=VIP&min_age_days=2'), []);
	assert.equal((await ask('PUT', '/segments/%E5%A4%A7%E7%BE%A4', { rules: { min_members: 31, tag: 'VIP' } })).groups, 1);
	await ask('PUT', '/segments/x', { rules: { min_members: 'many' } }, { status: 422 });
	await ask('PUT', '/segments/x', { rules: { segment: 'y' } }, { status: 422 });
	await act('changes', { chat_id, action: 'leave', id: 'wm' + chat_id.slice(2) + '-7' });
	await eventsAreTaken();
	assert.equal((await items('/segments'))[0].groups, 0, 'an event takes it out');
	await act('changes', { chat_id, action: 'join', id: 'wmBACK', quiet: true });
	await synced('reconcile');
	assert.deepEqual((await items('/groups?segment=%E5%A4%A7%E7%BE%A4')).map((one) => one.chat_id), [chat_id], 'a sweep puts it back');
	assert.deepEqual((await group(chat_id)).segments, ['大群']);
	const id = await system.number(`SELECT id FROM wecom_customer_group WHERE chat_id = '${chat_id}'`);
	await system.sql(`INSERT INTO wecom_customer_group_send (send_key, group_id, sent_at) SELECT CONCAT('k', seq), ${id}, NOW(3) FROM seq_1_to_31`);
	assert.equal((await group(chat_id)).undeliverable, 'over_quota');
	assert.deepEqual(await items('/groups?tag=VIP&deliverable=yes'), []);
	await system.sql(`UPDATE wecom_customer_group_send SET sent_at = NOW(3) - INTERVAL 40 DAY WHERE group_id = ${id}`);
	await system.sql(`UPDATE wecom_customer_group SET activity_at = NULL WHERE id = ${id}`);
	assert.equal((await items('/groups?tag=VIP&deliverable=yes&active_days=1')).length, 1, 'what is not known does not exclude');
	await ask('DELETE', '/segments/%E5%A4%A7%E7%BE%A4');
	await ask('DELETE', '/segments/%E5%A4%A7%E7%BE%A4', undefined, { status: 404 });
	assert.equal((await get('/statistics?days=3')).days.length, 3);
});

test('customers of members come by events and sweeps; half, deleted and lost ones are told apart', async () => {
	const customer = (action, external_userid, more = {}) => act('customers', { action, userid: 'wangwu', external_userid, ...more });
	await customer('add', 'wmK1', { name: '王小姐', unionid: 'oK1', mobile: '13800000001', state: 'ad7' });
	await customer('half', 'wmK2', { name: '李先生' });
	await customer('add', 'wmK3', { name: '赵', quiet: true });
	await eventsAreTaken();
	const of = async () => Object.fromEntries((await items('/contacts?userid=WangWu')).map((one) => [one.external_userid, one]));
	let now = await of();
	assert.deepEqual([now.wmK1.status, now.wmK1.name, now.wmK1.state, now.wmK2.status, now.wmK3], ['friend', '王**', 'ad7', 'half', undefined]);
	assert.ok(!(await system.sql('SELECT person FROM wecom_contact UNION ALL SELECT person FROM wecom_contact_follow')).flat().join().match(/oK1|1380000/), 'sealed');
	await synced('reconcile');
	now = await of();
	assert.equal(now.wmK3.status, 'friend');
	assert.deepEqual((await items('/drift')).map(({ object, field, ours, theirs }) => [object, field, ours, theirs]), [['contact:wmK3', 'follow', '', 'wangwu']]);
	await customer('unfollow', 'wmK1');
	await customer('add', 'wmK2', { name: '李先生' });
	await customer('delete', 'wmK3', { quiet: true });
	await eventsAreTaken();
	now = await of();
	assert.deepEqual([now.wmK1.status, now.wmK2.status, now.wmK3.status], ['left', 'friend', 'friend']);
	await system.sql('UPDATE wecom_contact_follow SET updated_at = updated_at - INTERVAL 1 HOUR');
	await fault('batch/get_by_user', { errcode: 50100 });
	await synced('reconcile');
	assert.deepEqual([(await of()).wmK3.status, (await of()).wmK1.status], ['lost', 'left'], 'WeCom goes on listing who deleted the member');
	assert.deepEqual((await items('/drift')).map(({ object, ours, theirs }) => [object, ours, theirs]), [['contact:wmK3', 'wangwu', '']]);
	await fault('batch/get_by_user', { errcode: 84061, count: 3 });
	await synced('reconcile');
});

test('a customer of two ids that share a unionid is one customer of ours', async () => {
	const customer = (external_userid, more) => act('customers', { action: 'add', userid: 'wangwu', external_userid, ...more });
	for (const [id, more] of [['wmU1', { name: '周', unionid: 'oU' }], ['wmU2', { name: '周', unionid: 'oU' }], ['wmU3', { name: '吴', unionid: 'oV' }]]) await customer(id, more);
	await eventsAreTaken();
	const [[one], [two], [three]] = await system.sql("SELECT customer_id FROM wecom_contact WHERE external_userid LIKE 'wmU%' ORDER BY external_userid");
	assert.equal(one, two);
	assert.ok(Number(one) > 0 && Number(three) > 0 && one !== three);
	assert.equal(await system.number(`SELECT COUNT(*) FROM channel_identities WHERE channel = 'contact' AND customer = ${one}`), 2);
	const { contact } = (await system.get(`/api/customers/${one}`, { headers: { Authorization: `Bearer ${viewer}` } })).json;
	assert.deepEqual(contact.members.map(({ member, status }) => [member, status]), [['wangwu', 'friend'], ['wangwu', 'friend']]);
	assert.doesNotMatch(JSON.stringify(contact), /wmU|周|oU/, 'who it is, is not shown');
	assert.match((await system.wecomd('customer', 'export', one)).stdout, /"external_userid":"wmU1".*周/);
	assert.equal((await system.wecomd('customer', 'erase', one, '--reason', 'asked', '--confirm', one)).status, 0);
	assert.equal(await system.number("SELECT COUNT(*) FROM wecom_contact WHERE external_userid IN ('wmU1', 'wmU2')"), 0);
	assert.equal(await system.number("SELECT COUNT(*) FROM wecom_contact WHERE external_userid = 'wmU3'"), 1);
});
