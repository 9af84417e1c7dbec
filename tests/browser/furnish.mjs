// A system with something in it, so that pages have rows to show: people, keys, questions that were answered, hostile words.
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
  await system.jobsAreDone();
}
