// A system with something in it, so that pages have rows to show: people, keys, questions that were answered, hostile words.
import { waitFor } from '../system/harness.mjs';
import { rest, restSession } from './console.mjs';

export const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>{{7*7}}=HYPERLINK("http://evil.example")';

async function must(answer) {
  const { status, text } = await answer;
  if (status >= 300) throw new Error(`${status}: ${text}`);
}

export async function furnish(system, adminPassword) {
  const session = await restSession(system, 'the-admin', adminPassword);
  const send = (method, at, body) => must(rest(system, session, method, at, body));
  await send('POST', '/api/users', { name: 'li.na', display_name: '李娜', role: 'operator' });
  await send('POST', '/api/users', { name: 'wang.wei', display_name: hostile.slice(0, 100), role: 'approver' });
  await send('POST', '/api/keys', { name: 'ci', role: 'viewer', expires: '90d', addresses: '10.0.0.0/8' });
  await send('POST', '/api/keys', { name: 'monitoring <b>x</b>', role: 'viewer' });
  await send('PUT', '/api/settings/hello', { greeting: '您好, ' });
  await system.speed({ chars_per_s: 5000, refresh_ms: 100, first_token_ms: 0 });
  for (const question of ['差旅怎么报销?', 'WiFi 密码是什么?', hostile]) await system.say(question, { person: 'zhangsan' });
  await furnishChat(system);
  await system.jobsAreDone();
  await furnishGroups(system, send);
  await furnishWork(system);
}

// A company's customer groups, a join way that somebody used, a segment, an owner without permission.
async function furnishGroups(system, send) {
  const act = (what, body) => must(system.postJson(`/sim/api/contact/${what}`, body));
  const synced = async (kind) => {
    await send('POST', '/api/wecom/customer/groups/sync', { kind });
    await system.jobsAreDone();
  };
  await act('seed', { seed: 1, owners: 3, groups: 12, members: 25 });
  await act('groups', { owner: 'zhangsan', name: hostile.slice(0, 60), members: 3, quiet: true });
  await synced('sync');
  await send('POST', '/api/wecom/customer/join-way', { state: 'expo26', remark: '展台 <b>', room_base_name: '展会', chat_id_list: ['wrseed1-000001'] });
  const [[config_id]] = await system.sql('SELECT config_id FROM wecom_join_way');
  for (let i = 0; i < 4; i++) await act('scans', { config_id, name: hostile.slice(0, 20) });
  await waitFor('the scans', async () => await system.number("SELECT COUNT(*) FROM wecom_customer_group_member WHERE state = 'expo26'") === 4);
  await act('changes', { chat_id: 'wrseed1-000002', action: 'rename', text: '改了名的群', quiet: true });
  await act('members', { userid: 'owner1-2', permission: 'off' });
  await send('PUT', '/api/wecom/customer/groups/wrseed1-000001/tags', { tags: ['VIP', '华东'] });
  await send('PUT', `/api/wecom/customer/segments/${encodeURIComponent('大群')}`, { rules: { min_members: 20, deliverable: 'yes' } });
  await synced('reconcile');
}

// Customers of 微信客服: one who asks, one with hostile words and name.
async function furnishChat(system) {
  const sim = async (what, body) => must(system.postJson(`/sim/api/${what}`, body));
  const at = (external_userid) => ({ open_kfid: 'wkxiaodian', external_userid });
  await sim('kf/customers', { external_userid: 'wmhostile', nickname: hostile.slice(0, 40) });
  await sim('kf/say', { ...at('wmsunli'), text: '鞋子可以换码吗？' });
  await sim('kf/say', { ...at('wmhostile'), text: hostile });
}

// Ratings, a replay, jobs that were given up, model calls that failed, some days of use.
async function furnishWork(system) {
  const streams = await system.sql('SELECT stream_id FROM smartbot_stream ORDER BY asked_at LIMIT 2');
  for (const [i, [type, content]] of [[1, ''], [2, `答非所问 ${hostile}\u202e\u{1f600}`]].entries()) {
    await system.callback({
      msgid: `furnished-${i}`, aibotid: system.bot.aibotid, chattype: 'single', from: { userid: 'zhangsan' }, msgtype: 'event', create_time: 1,
      event: { eventtype: 'feedback_event', feedback_event: { id: streams[i][0], type, content, inaccurate_reason_list: type === 2 ? [1, 3] : [] } },
    });
  }
  await system.jobsAreDone();
  const dead = (n, kind, error) => system.sql(`INSERT INTO job (kind, state, due_at, finished_at, attempts, trace_id, args, error, created_at)
    SELECT '${kind}', 4, NOW(3) - INTERVAL seq * 7 MINUTE, NOW(3) - INTERVAL seq * 7 MINUTE, 4, MD5(CONCAT('${kind}', seq)), args, ${error}, NOW(3) - INTERVAL seq * 8 MINUTE
    FROM seq_1_to_${n}, (SELECT args FROM job WHERE kind = 'smartbot.answer' LIMIT 1) one`);
  await dead(3, 'smartbot.answer', "'model demo: answers 503: remote_failed'");
  await dead(1, 'smartbot.summary', `'${hostile.replaceAll("'", '"')}'`);
  await system.sql(`INSERT INTO ai_call (at, trace_id, model, status, result, first_text_ms, total_ms, prompt_tokens, completion_tokens, cost_micros, failed)
    SELECT NOW(3) - INTERVAL seq * 13 MINUTE, MD5(seq), 'demo', IF(seq % 17, 200, 503), IF(seq % 17, 'stop', 'remote_failed'), IF(seq % 17, 180 + seq * 37 % 900, NULL),
    2000 + seq * 91 % 3000, 300 + seq * 53 % 900, 90 + seq * 29 % 400, 900 + seq * 71 % 4000, seq % 17 = 0 FROM seq_1_to_90`);
  await system.sql(`INSERT IGNORE INTO smartbot_usage (day, bot_id, person, model, calls, prompt_tokens, completion_tokens, cost_micros)
    SELECT CURDATE() - INTERVAL seq DAY, u.bot_id, u.person, u.model, 20 + seq * 7 % 31, 9000 + seq * 701 % 8000, 3000 + seq * 401 % 4000, 30000 + seq * 7013 % 60000
    FROM seq_1_to_25, (SELECT bot_id, person, model FROM smartbot_usage LIMIT 1) u`);
}
