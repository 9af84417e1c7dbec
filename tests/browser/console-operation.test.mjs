// The pages of operation and of the smart bot, used in the browser on the real system: figures that lead to their lists, jobs tried again,
// events replayed, stories told, bots changed and asked; and what people write stays text.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, startSystem, tempFolder, textMessage, waitFor } from '../system/harness.mjs';
import { addPeople, launch, openPage, rest, restSession, settled, signIn, visit } from './console.mjs';

const crash = { name: 'crash', receiveid: '', token: 'crashtoken', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };
const hostile = '<img src=x onerror="document.title=\'x\'"><script>document.title=2</script>{{7*7}} \u202eabc\u202c \u{1f600}\u{1f469}\u200d\u{1f4bb}';
const long = `${hostile} ${'长文'.repeat(2000)}`.slice(0, 1300);      // WeCom's limit of 4,000 bytes

let system, folder, browser, passwords, session, operator, stream;
const opened = [];

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'crash', 'ledger');
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\n[plugins]\ncrash = on\nledger = on
[worker]\nlease = 3s
[crash]\ntoken = ${crash.token}\naes_key = ${crash.aesKey}\n[model:demo]\nprompt_price = 2\ncompletion_price = 8\n` });
	await system.speed({ chars_per_s: 100_000, refresh_ms: 200, first_token_ms: 0 });
	passwords = await addPeople(system, ['viewer', 'operator', 'admin']);
	session = await restSession(system, 'the-admin', passwords.admin);
	browser = await launch();

	const { reply } = await system.callback(textMessage(long, { bot: system.bot, user: 'lisi' }));
	stream = reply.stream.id;
	await system.finished(stream);
	await system.callback({
		msgid: 'f1', aibotid: system.bot.aibotid, chattype: 'single', from: { userid: 'lisi' }, msgtype: 'event', create_time: 1,
		event: { eventtype: 'feedback_event', feedback_event: { id: stream, type: 2, content: hostile, inaccurate_reason_list: [1, 3] } },
	});
	await system.jobsAreDone();
	for (const [key, outcome] of [['o1', 'done'], ['o2', 'uncertain']]) {
		await rest(system, session, 'POST', '/api/ledger/begin', { key });
		await rest(system, session, 'POST', '/api/ledger/end', { key, outcome });
	}
	operator = await as('operator');
});
after(async () => {
	await browser?.close();
	await system?.stop();
	if (folder) removeFolder(folder);
});

async function as(role, options) {
	const one = await openPage(browser, system, options);
	opened.push(one);
	await signIn(one, system, `the-${role}`, passwords[role]);
	await settled(one.page);
	return one;
}

async function nothingWrong(one) {
	assert.deepEqual(await one.violations(), []);
	assert.deepEqual(one.complaints.splice(0), []);
	assert.match(await one.page.title(), / · wecomd$/, 'nothing of what people wrote was run');
	assert.equal(await one.page.locator('#main img, .el-drawer img').count(), 0);
}

let events = 0;

async function bury(n, args = {}) {
	const dead = () => system.number('SELECT COUNT(*) FROM job WHERE state = 4');
	const before = await dead();
	await system.callback({ id: `e${++events}`, jobs: Array.from({ length: n }, () => ({ kind: 'crash.fail', args })) }, { bot: crash });
	await waitFor('the burials', async () => await dead() === before + n);
}

const tile = (page, label) => page.locator('.tile', { has: page.locator('.label', { hasText: new RegExp(`^${label}$`) }) });
const says = (page) => page.locator('.el-dialog:visible .says');
const confirm = (page) => page.locator('.el-dialog:visible').getByTestId('confirm');
const drawer = (page) => page.locator('.el-drawer:visible');

// --- overview ---

test('the overview shows what happened, and each number leads to its list', async () => {
	await bury(2);
	const { page } = operator;
	await visit(operator, system, '/overview');
	await waitFor('the figures', async () => {
		await page.getByTestId('refresh').click();
		return (await tile(page, '已搁置的任务').locator('.value').textContent()) === '2';
	}, { every: 500 });
	assert.equal(await tile(page, '收到的消息').locator('.value').textContent(), '1');
	assert.equal(await tile(page, '未定的对外动作').locator('.value').textContent(), '1');
	assert.match(await tile(page, '模型费用').locator('.value').textContent(), /^¥0\.\d+$/);
	assert.equal(await page.locator('figure svg.plot').count(), 5, 'five charts are drawn');
	const health = page.getByTestId('health');
	assert.match(await health.locator('li', { hasText: 'crash' }).textContent(), /注意.*24 小时内有 2 个任务被搁置/s);
	assert.match(await health.locator('li', { hasText: 'demo' }).textContent(), /正常/);
	assert.doesNotMatch(await health.textContent(), /\b(the|its|of)\b/, 'all sentences are in the person’s language');

	await tile(page, '已搁置的任务').click();
	await page.waitForURL(/#\/jobs\?state=dead$/);
	await settled(page);
	assert.equal(await page.locator('tbody tr').count(), 2);
	await page.goBack();
	await tile(page, '未定的对外动作').click();
	await page.waitForURL(/#\/outbound\?state=uncertain$/);
	await settled(page);
	assert.equal(await page.locator('tbody tr').count(), 1);
	await page.goBack();
	await tile(page, '收到的回调').click();
	await page.waitForURL(/#\/inbox\?since_ms=\d+$/);
	await settled(page);
	assert.equal(await page.locator('tbody tr').count(), await system.number('SELECT COUNT(*) FROM inbox_event'));
	await nothingWrong(operator);
});

test('the overview says the same in English and keeps its time in the address', async () => {
	const one = await as('viewer', { language: 'en' });
	await visit(one, system, '/overview?hours=1');
	assert.equal(await tile(one.page, 'Dead jobs').locator('.value').textContent(), '2');
	await one.page.locator('.range').click();
	await one.page.getByRole('option', { name: 'Last 7 days' }).click();
	await one.page.waitForURL(/hours=168/);
	await settled(one.page);
	assert.match(await one.page.getByTestId('health').textContent(), /loaded; none of its jobs was given up/);
	await nothingWrong(one);
	await one.context.close();
});

test('figures stay when they cannot be refreshed, and that is said', async () => {
	const one = await as('viewer');
	await visit(one, system, '/overview');
	one.expected.add('503 /api/overview');
	await one.page.route('**/api/overview*', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"code":"database_unavailable","status":503}' }));
	await one.page.getByTestId('refresh').click();
	await one.page.getByText('没有刷新成功').waitFor();
	assert.equal(await tile(one.page, '已搁置的任务').locator('.value').textContent(), '2');
	await one.context.close();
});

// --- jobs ---

test('a dead job is found by filters, looked into and tried again', async () => {
	const { page } = operator;
	const [[id]] = await system.sql('SELECT MAX(id) FROM job WHERE state = 4');
	await visit(operator, system, '/jobs?state=dead&kind=crash.fail');
	await page.locator('tbody').getByRole('link', { name: id, exact: true }).click();
	await drawer(page).getByText('failed as told').first().waitFor();
	await drawer(page).getByRole('button', { name: '重试' }).click();
	assert.match(await says(page).textContent(), new RegExp(`1 个任务（crash\\.fail，编号 ${id}）`));
	await confirm(page).click();
	await waitFor('another run', async () => await system.number(`SELECT COUNT(*) FROM audit_log WHERE action = 'job.retry' AND object = 'job:${id}' AND actor = 'user:the-operator'`) === 1);
	await settled(page);
	await waitFor('its burial', async () => await system.number(`SELECT state FROM job WHERE id = ${id}`) === 4);
	await drawer(page).getByTestId('explain-link').click();
	await page.getByTestId('timeline').waitFor();
	assert.deepEqual(await page.locator('[data-what]').evaluateAll((all) => [...new Set(all.map((one) => one.dataset.what))].sort()), ['callback', 'job']);
	await nothingWrong(operator);
});

test('all dead jobs are tried again by the number that was confirmed, or none', async () => {
	const { page } = operator;
	await visit(operator, system, '/jobs?kind=crash.fail');
	await page.getByTestId('retry-all').click();
	await waitFor('the number', async () => (await says(page).textContent()).startsWith('2 个已搁置的任务'));
	assert.match(await says(page).textContent(), /只包括种类 crash\.fail/);
	await bury(1);
	operator.expected.add('409 /api/jobs/retry');
	await confirm(page).click();
	await page.locator('.el-dialog:visible').getByText('数目在确认期间变了').waitFor();
	assert.equal(await system.number('SELECT COUNT(*) FROM job WHERE state = 4'), 3);
	await page.locator('.el-dialog:visible').getByRole('button', { name: '取消' }).click();

	await page.getByTestId('retry-all').click();
	await waitFor('the number', async () => (await says(page).textContent()).startsWith('3 个已搁置的任务'));
	await system.sql("UPDATE job SET kind = 'crash.ok' WHERE state = 4");
	await page.locator('.el-dialog:visible').getByRole('button', { name: '取消' }).click();
	await visit(operator, system, '/jobs?kind=crash.ok');
	await page.getByTestId('retry-all').click();
	await waitFor('the number', async () => (await says(page).textContent()).startsWith('3 个已搁置的任务'));
	await confirm(page).click();
	await page.getByText('已重新加入 3 个任务').waitFor();
	await waitFor('their end', async () => await system.number('SELECT COUNT(*) FROM job WHERE state = 4') === 0);
	await nothingWrong(operator);
});

test('with no dead job the confirmation says so and does nothing', async () => {
	const { page } = operator;
	await visit(operator, system, '/jobs');
	await page.getByTestId('retry-all').click();
	await waitFor('the number', async () => (await says(page).textContent()).startsWith('没有符合条件的已搁置任务'));
	await confirm(page).click();
	await page.locator('.el-dialog:visible').getByText('没有可重试的任务').waitFor();
	await page.locator('.el-dialog:visible').getByRole('button', { name: '取消' }).click();
	await nothingWrong(operator);
});

test('a job that waits is cancelled', async () => {
	const { page } = operator;
	await system.callback({ id: 'lane', jobs: [{ kind: 'crash.sleep', lane: 'l', args: { ms: 20_000 } }, { kind: 'crash.ok', lane: 'l', key: 'behind', args: {} }] }, { bot: crash });
	await visit(operator, system, '/jobs?state=waiting');
	await page.locator('tbody a').first().click();
	await drawer(page).getByRole('button', { name: '取消' }).click();
	assert.match(await says(page).textContent(), /1 个任务（crash\.ok，编号 \d+）不再执行/);
	await confirm(page).click();
	await waitFor('the burial', async () => await system.number("SELECT state FROM job WHERE job_key = 'behind'") === 4);
	await drawer(page).getByText('已搁置').first().waitFor();
	/* The one that runs is asked to stop. */
	await visit(operator, system, '/jobs?state=running&kind=crash.sleep');
	await page.locator('tbody a').first().click();
	await drawer(page).getByRole('button', { name: '取消' }).click();
	assert.match(await says(page).textContent(), /1 个正在执行的任务/);
	await confirm(page).click();
	await waitFor('its end', async () => await system.number("SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2)") === 0);
	await system.sql('DELETE FROM job WHERE state = 4');
	await nothingWrong(operator);
});

// --- inbox, outward actions, explain ---

test('an event’s original is shown as text to who asks, and that is audited; it is replayed after a confirmation', async () => {
	const { page } = operator;
	const [[id]] = await system.sql("SELECT MIN(id) FROM inbox_event WHERE endpoint = 'helpdesk'");
	await visit(operator, system, `/inbox?endpoint=helpdesk&id=${id}`);
	assert.doesNotMatch(await drawer(page).textContent(), /onerror/);
	await drawer(page).getByTestId('reveal').click();
	const shown = await drawer(page).locator('pre').textContent();
	assert.ok(shown.includes('<img src=x onerror=') && shown.includes('\\u202e') && shown.includes('\u{1f600}') && !shown.includes('\u202e'), shown.slice(0, 600));
	assert.ok(shown.includes('长文'.repeat(500)));
	assert.equal(await system.number(`SELECT COUNT(*) FROM audit_log WHERE action = 'inbox.reveal' AND object = 'inbox:${id}' AND actor = 'user:the-operator'`), 1);
	await drawer(page).getByRole('button', { name: '隐藏' }).click();
	assert.equal(await drawer(page).locator('pre').count(), 0);

	await drawer(page).getByRole('button', { name: '重放' }).click();
	assert.match(await says(page).textContent(), new RegExp(`1 个事件（编号 ${id}）`));
	await confirm(page).click();
	await page.getByText('已重放，产生 1 个任务').waitFor();
	await drawer(page).getByText('user:the-operator · 1 个任务').waitFor();
	await system.jobsAreDone();
	await nothingWrong(operator);
});

test('an outward action says how it stands, and for whom to who asks', async () => {
	const { page } = operator;
	await visit(operator, system, '/outbound?state=uncertain');
	await page.locator('tbody a').first().click();
	await drawer(page).getByText('应答丢了').waitFor();
	assert.doesNotMatch(await drawer(page).textContent(), /someone/);
	await drawer(page).getByTestId('reveal').click();
	assert.equal(await drawer(page).locator('pre').first().textContent(), 'someone');
	await nothingWrong(operator);
});

test('a message is explained by any of its ids, and leads on to its parts', async () => {
	const { page } = operator;
	await visit(operator, system, '/explain');
	await page.getByText('输入一个编号').waitFor();
	await page.getByTestId('explain-id').fill(stream);
	await page.getByTestId('explain').click();
	await page.waitForURL(new RegExp(`id=${stream}`));
	await page.getByTestId('timeline').waitFor();
	const seen = await page.locator('[data-what]').evaluateAll((all) => all.map((one) => one.dataset.what));
	assert.deepEqual(seen.slice(0, 3), ['callback', 'job', 'model']);
	assert.ok(seen.includes('audit'), 'the look and the replay are part of the story');
	const [[trace]] = await system.sql(`SELECT trace_id FROM job WHERE job_key = '${stream}'`);
	assert.ok((await page.locator('#main').textContent()).includes(trace));
	await page.locator('[data-what=job]').first().getByRole('link').click();
	await page.waitForURL(/#\/jobs\?id=\d+$/);
	await drawer(page).getByText('smartbot.answer').waitFor();

	operator.expected.add(`404 /api/explain/${encodeURIComponent('<b>no</b>')}`);
	await visit(operator, system, `/explain?id=${encodeURIComponent('<b>no</b>')}`);
	await page.getByText('没有找到和这个编号有关的记录').waitFor();
	await nothingWrong(operator);
});

// --- the smart bot ---

test('an administrator changes a bot, and the next answer is of the new settings', async () => {
	const admin = await as('admin');
	await visit(admin, system, '/smartbot/bots');
	await admin.page.locator('tbody').getByRole('link', { name: 'helpdesk' }).click();
	const form = admin.page.locator('form.field-form');
	await form.waitFor();
	const prompt = form.getByLabel('提示词');
	await prompt.fill(`新的提示词 ${hostile}`);
	await form.getByLabel('每人每分钟的问题数').fill('7');
	await form.getByRole('button', { name: '保存' }).click();
	await admin.page.getByText('已保存，下一个问题起生效').waitFor();
	const [[saved, perMinute, fallback]] = await system.sql("SELECT HEX(prompt), per_minute, fallback_model FROM smartbot_bot WHERE name = 'helpdesk'");
	assert.deepEqual([Buffer.from(saved, 'hex').toString(), perMinute, fallback], [`新的提示词 ${hostile}`, '7', '']);
	admin.expected.add('422 /api/smartbot/bots/helpdesk');
	await form.getByLabel('每人每分钟的问题数').fill('99999');
	await form.getByRole('button', { name: '保存' }).click();
	await form.getByText('应为：0 到 10000').or(form.locator('.el-form-item__error')).first().waitFor();
	await visit(admin, system, '/smartbot/bots');
	assert.ok((await admin.page.locator('tbody').textContent()).includes('<img src=x'));
	await nothingWrong(admin);
	await admin.context.close();
});

test('a test question is answered while its answer grows', async () => {
	const { page } = operator;
	await system.speed({ chars_per_s: 60 });
	await visit(operator, system, '/smartbot/bots/helpdesk?tab=test');
	await page.getByTestId('test-question').fill('WiFi 密码是什么?');
	await page.keyboard.press('Enter');
	const answer = page.getByTestId('test-answer').last();
	const first = await waitFor('the first text', async () => {
		const text = await answer.textContent();
		return !/正在想/.test(text) && text.trim().length > 0 && text;
	});
	await page.getByTestId('test-figures').waitFor();
	const whole = await answer.textContent();
	assert.ok(whole.length > first.length, `${whole.length} after ${first.length}`);
	assert.match(await page.getByTestId('test-figures').textContent(), /demo · .*¥0\.0\d+/);
	await system.speed({ chars_per_s: 100_000 });
	await page.getByTestId('test-question').fill(hostile);
	await page.getByTestId('test-ask').click();
	await waitFor('the second answer', async () => await page.getByTestId('test-figures').count() === 2);
	assert.ok((await page.locator('.mine').last().textContent()).includes('<img src=x onerror='));
	operator.expected.add('422 /api/smartbot/bots/helpdesk/ask/stream');
	await page.getByTestId('test-question').fill('返现');
	await page.getByTestId('test-ask').click();
	await page.getByTestId('test-answer').last().locator('.failure').waitFor();
	await nothingWrong(operator);
});

test('ratings and turns are masked; their originals are text, seen after an audited look', async () => {
	const { page } = operator;
	await visit(operator, system, '/smartbot/feedback');
	const row = page.locator('tbody tr').first();
	assert.match(await row.textContent(), /不准确.*答非所问、有错误/s);
	await row.locator('a').click();
	await drawer(page).getByTestId('reveal').click();
	await drawer(page).locator('pre').first().waitFor();
	assert.ok((await drawer(page).locator('pre').last().textContent()).startsWith('<img src=x onerror='));
	await visit(operator, system, '/smartbot/conversations');
	assert.doesNotMatch(await page.locator('tbody').textContent(), /lisi/);
	await page.locator('tbody a').first().click();
	await page.waitForURL(/#\/smartbot\/conversations\/\d+$/);
	await settled(page);
	await page.locator('tbody a').first().click();
	await drawer(page).getByTestId('reveal').click();
	const parts = drawer(page).locator('pre');
	await parts.first().waitFor();
	assert.equal(await parts.first().textContent(), 'lisi');
	assert.ok((await parts.nth(1).textContent()).startsWith('<img src=x onerror='));
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action LIKE 'smartbot.%.reveal' AND actor = 'user:the-operator'"), 2);
	await nothingWrong(operator);
});

test('a conversation is forgotten after its number of turns was confirmed by a word', async () => {
	const { page } = operator;
	const [[id]] = await system.sql('SELECT MIN(id) FROM smartbot_conversation');
	const turns = await system.number(`SELECT COUNT(*) FROM smartbot_turn WHERE conversation_id = ${id}`);
	await visit(operator, system, `/smartbot/conversations/${id}`);
	await page.getByRole('button', { name: '忘记这个会话' }).click();
	await waitFor('the number', async () => (await says(page).textContent()).includes(`${turns} 轮问答`));
	assert.ok(await confirm(page).isDisabled());
	await page.getByTestId('confirm-word').fill('忘记');
	await confirm(page).click();
	await page.waitForURL(/#\/smartbot\/conversations$/);
	assert.equal(await system.number(`SELECT COUNT(*) FROM smartbot_turn WHERE conversation_id = ${id}`), 0);
	await nothingWrong(operator);
});

test('a persona is added, changed and deleted', async () => {
	const { page } = operator;
	await visit(operator, system, '/smartbot/roles');
	await page.getByTestId('add').click();
	const dialog = page.locator('.el-dialog:visible');
	await dialog.getByLabel('名称').fill('法务 <b>');
	await dialog.getByLabel('告诉模型的话').fill(hostile);
	await dialog.getByRole('button', { name: '添加人设' }).click();
	await page.locator('tbody').getByRole('link', { name: '法务 <b>' }).click();
	await drawer(page).getByLabel('告诉模型的话').fill('你是一位法务。');
	await drawer(page).getByRole('button', { name: '保存人设' }).click();
	await waitFor('the change', async () => (await system.sql("SELECT prompt FROM smartbot_role WHERE name = '法务 <b>'"))[0]?.[0] === '你是一位法务。');
	await drawer(page).getByRole('button', { name: '删除' }).click();
	assert.match(await says(page).textContent(), /1 个人设“法务 <b>”/);
	await confirm(page).click();
	await waitFor('the deletion', async () => await system.number("SELECT COUNT(*) FROM smartbot_role WHERE name = '法务 <b>'") === 0);
	await nothingWrong(operator);
});

test('what was used is drawn by day, bot, model and person, and listed', async () => {
	const { page } = operator;
	await visit(operator, system, '/smartbot/usage');
	assert.equal(await page.locator('figure svg.plot').count(), 4);
	const calls = await system.number('SELECT SUM(calls) FROM smartbot_usage');
	assert.equal(await tile(page, '调用').locator('.value').textContent(), String(calls));
	assert.equal(await page.locator('tbody tr').count(), await system.number('SELECT COUNT(*) FROM smartbot_usage'));
	await page.locator('.lead .choice').click();
	await page.getByRole('option', { name: '最近 7 天' }).click();
	await page.waitForURL(/days=7/);
	await settled(page);
	await nothingWrong(operator);
});

// --- who may what ---

test('a viewer sees the pages without what a viewer may not do', async () => {
	const viewer = await as('viewer');
	const { page } = viewer;
	const [[event]] = await system.sql('SELECT MIN(id) FROM inbox_event');
	for (const at of ['/jobs', `/inbox?id=${event}`, '/outbound', '/smartbot/feedback', '/smartbot/conversations', '/smartbot/roles']) {
		await visit(viewer, system, at);
		assert.equal(await page.getByTestId('reveal').count(), 0, at);
		assert.equal(await page.getByTestId('retry-all').count() + await page.getByTestId('add').count(), 0, at);
		assert.equal(await page.getByRole('button', { name: /^(重放|重试)$/ }).count(), 0, at);
	}
	await visit(viewer, system, '/smartbot/bots/helpdesk');
	await page.locator('form.field-form').waitFor();
	assert.ok(await page.locator('form.field-form').getByRole('button', { name: '保存' }).isDisabled());
	await visit(viewer, system, '/smartbot/bots/helpdesk?tab=test');
	await page.getByText('试聊需要“操作员”或更高的角色').waitFor();
	await visit(viewer, system, '/smartbot/conversations/1');
	await page.locator('[data-state=forbidden]').waitFor();
	await nothingWrong(viewer);
	await viewer.context.close();
});

test('the pages fit a narrow screen', async () => {
	const one = await as('operator', { viewport: { width: 390, height: 844 } });
	for (const at of ['/overview', '/jobs', '/inbox', '/outbound', `/explain?id=${stream}`, '/smartbot/bots', '/smartbot/bots/helpdesk', '/smartbot/bots/helpdesk?tab=test',
		'/smartbot/usage', '/smartbot/feedback', '/smartbot/conversations', '/smartbot/roles']) {
		await visit(one, system, at);
		assert.ok(await one.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), at);
	}
	await nothingWrong(one);
	await one.context.close();
});
