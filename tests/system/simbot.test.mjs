// The simulated WeCom and the bot, over all kinds of messages: pictures, files and quotes in, later answers by response_url.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test, { after, before } from 'node:test';
import { sleep, startSystem, waitFor } from './harness.mjs';

const PNG = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(200, 7)]);

let system;

before(async () => {
	system = await startSystem({ conf: '[worker]\npoll = 50ms\n[model:demo]\nfirst = 1s\nidle = 1s\nretries = 0\nbreaker_failures = 0\n[smartbot:helpdesk]\nper_minute = 0\n' });
	await system.speed({ chars_per_s: 5000, refresh_ms: 100, first_token_ms: 0 });
});
after(() => system?.stop());

const sim = { schema: 'wecomd_sim' };
const chat = { person: 'zhangsan', bot: 'helpdesk', group: '' };
const say = async (message) => (await system.postJson('/sim/api/messages', { ...chat, ...message }));
const messages = async (where = chat) => (await system.get(`/sim/api/messages?${new URLSearchParams({ ...where, after: '0' })}`)).json.messages;

// Says something and gives the finished bubble.
async function ask(message) {
	const sent = await say(message);
	assert.equal(sent.status, 201, sent.text);
	const where = { ...chat, ...message.group ? { group: message.group } : {} };
	return waitFor('a finished bubble', async () =>
		(await messages(where)).find((one) => one.from === 'bot' && one.reply_to === sent.json.id && one.state === 'finished'));
}

test('a text file is fetched, opened with the bot\'s key and read', async () => {
	const bubble = await ask({ msgtype: 'file', base64: Buffer.from('打印机在三楼').toString('base64'), file_name: 'a.txt' });
	assert.notEqual(bubble.text, '');
	const [[id]] = await system.sql('SELECT id FROM simulator_link ORDER BY until_ms DESC LIMIT 1', sim);
	const file = await system.get(`/sim/media/${id}`);
	const key = Buffer.from(`${system.bot.aesKey}=`, 'base64');
	const decipher = crypto.createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
	const plain = Buffer.concat([decipher.update(file.bytes), decipher.final()]);
	assert.equal(plain.length % 32, 0);
	assert.equal(plain.subarray(0, -plain.at(-1)).toString(), '打印机在三楼');
	assert.equal(file.headers['content-disposition'], 'attachment; filename="a.txt"; filename*=UTF-8\'\'a.txt');
	await system.sql(`UPDATE simulator_link SET until_ms = 1 WHERE id = '${id}'`, sim);
	assert.equal((await system.get(`/sim/media/${id}`)).status, 410);
	assert.equal((await system.get('/sim/media/nothing')).status, 404);
});

test('the bot knows a file by its name, whatever is in it, and says so', async () => {
	const send = (file_name) => ask({ msgtype: 'file', base64: Buffer.from('%PDF-1.4').toString('base64'), file_name });
	assert.match((await send('月报 "终版".pdf')).text, /看不懂「月报 "终版"\.pdf」/);
	assert.match((await send('a\r\nX-Evil: 1>>>**b**.pdf')).text, /看不懂「a {2}X-Evil: 1___＿*_*b__\.pdf」/);
	const [[id]] = await system.sql('SELECT id FROM simulator_link ORDER BY until_ms DESC LIMIT 1', sim);
	assert.equal((await system.get(`/sim/media/${id}`)).headers['x-evil'], undefined);
});

test('a picture in a group comes with the mention alone, and what is quoted is data to the model, not its marks', async () => {
	const picture = PNG.toString('base64');
	assert.match((await ask({ msgtype: 'mixed', text: '', base64: picture, group: 'it' })).text, /看不懂图片/);
	assert.equal((await say({ msgtype: 'mixed', text: '', base64: picture })).status, 422, 'a picture by itself is an image in a single chat');
	await ask({ text: '把窗户关上' });
	const [said] = (await messages()).filter(({ text, from }) => text === '把窗户关上' && from === 'person');
	assert.match((await ask({ text: '为什么?', quote: said.id })).text, /^关于「为什么\?」/);
	const question = (await ask({ text: '报销怎么走?' })).reply_to;
	assert.match((await ask({ text: '能解释一下吗', quote: question })).text, /费用报销/, 'what is quoted is still read');
});

test('a picture, a mixed message, voice and a quote get their answers', async () => {
	const picture = PNG.toString('base64');
	assert.match((await ask({ msgtype: 'image', base64: picture })).text, /图片/);
	assert.notEqual((await ask({ msgtype: 'mixed', text: '数到 3', base64: picture })).text, '');
	const spoken = await ask({ msgtype: 'voice', text: '数到 3' });
	assert.match((await ask({ text: '这是什么?', quote: spoken.id })).state, /finished/);
	assert.equal((await messages()).find(({ quote }) => quote === spoken.id).text, '这是什么?');
	const shown = (await messages()).find(({ msgtype }) => msgtype === 'image');
	assert.equal((await system.get(`/sim/api/media/${shown.id}`)).json.base64, picture);
});

test('what a person cannot send is refused, member by member', async () => {
	for (const [field, message] of Object.entries({
		text: { text: '' }, msgtype: { msgtype: 'image', group: 'it', base64: 'AAAA' }, base64: { msgtype: 'image', base64: '*' },
		quote: { text: 'x', quote: 99999 },
	})) {
		const { status, text } = await say(message);
		assert.equal(status, 422);
		assert.match(text, new RegExp(`"${field}"`));
	}
	assert.equal((await say({ msgtype: 'file', base64: 'A'.repeat(4 * 699_052) })).status, 422, 'more than 2 MB');
});

const post = async (what, body) => system.postJson(`/sim/api/${what}`, { person: 'zhangsan', ...body });
const byId = async (id) => (await messages()).find((one) => one.id === id);

test('the card of a command is shown, and its buttons change it', async () => {
	const bubble = await ask({ text: '切换角色' });
	assert.equal(bubble.card.card_type, 'button_interaction');
	const { key } = bubble.card.button_list.find(({ key: one }) => one === 'role:翻译');
	const pressed = await post('cards', { message: bubble.id, key });
	assert.deepEqual(pressed.json, { delivered: true, status: 200, error: '' });
	const changed = await byId(bubble.id);
	assert.ok(changed.rev > bubble.rev);
	assert.match(JSON.stringify(changed.card), /已切换为「翻译」/);
	assert.equal((await post('cards', { message: bubble.id, key: 'nothing' })).json.code, 'no_such_button');
	assert.equal((await post('cards', { message: bubble.id, key, person: 'lisi' })).status, 404, 'not in a chat of another person');
});

test('help and use come with cards, whose buttons work', async () => {
	const help = await ask({ text: '帮助' });
	assert.match(help.text, /还可以对我说/);
	assert.deepEqual(help.card.button_list.map(({ key }) => key), ['roles', 'usage', 'clear']);
	assert.equal((await post('cards', { message: help.id, key: 'usage' })).json.error, '');
	assert.match((await byId(help.id)).card.main_title.desc, /今天 \d+ 次/);
	const used = await ask({ text: '用量' });
	assert.deepEqual([used.card.card_type, used.card.emphasis_content.desc], ['text_notice', '今天的 token']);
});

test('with more roles the card is a list, then a vote, and what is chosen is switched to', async () => {
	const role = (i) => system.sql(`INSERT INTO smartbot_role (name, prompt) VALUES ('角色${i}', '你是${i}。')`);
	for (const [more, type, part] of [[4, 'multiple_interaction', 'select_list'], [12, 'vote_interaction', 'checkbox']]) {
		for (let i = more; i < more + 4; i++) await role(i);
		const bubble = await ask({ text: '切换角色' });
		assert.equal(bubble.card.card_type, type);
		assert.match(bubble.text, /^选一个角色/);
		const { option_list: options } = [bubble.card[part]].flat()[0];
		assert.equal(options.length, type === 'vote_interaction' ? 12 : 8);
		const { id } = options.at(-1);
		const pressed = await post('cards', { message: bubble.id, key: 'role', selections: { role: [id] } });
		assert.deepEqual(pressed.json, { delivered: true, status: 200, error: '' });
		assert.match((await byId(bubble.id)).card.main_title.title, new RegExp(`已切换为「${id}」`));
	}
	await system.sql("DELETE FROM smartbot_role WHERE name LIKE '角色%'");
	await post('cards', { message: (await ask({ text: '切换角色' })).id, key: 'role:通用助手' });
});

test('pictures at the end of an answer are checked by the simulator and there for the phone', async () => {
	const headers = { Authorization: `Bearer ${(await system.wecomd('key', 'add', '--name', 'tool', '--role', 'operator')).stdout.trim()}`, 'Content-Type': 'application/json' };
	const JPG = Buffer.from('ffd8ffe000104a464946', 'hex');
	await system.postJson('/sim/api/control', { chars_per_s: 5 });
	const { id } = (await say({ text: '数到 30' })).json;
	const stream = await waitFor('the stream', async () => (await system.sql(`SELECT stream_id FROM simulator_message WHERE reply_to = ${id}`, sim))[0]?.[0]);
	for (const picture of [PNG, JPG])
		await waitFor('the picture to be taken', async () => (await system.get(`/api/smartbot/streams/${stream}/images`,
			{ method: 'POST', headers, body: JSON.stringify({ base64: picture.toString('base64') }) })).status === 201);
	await system.postJson('/sim/api/control', { chars_per_s: 5000 });
	const bubble = await waitFor('the end', async () => (await messages()).find((one) => one.reply_to === id && one.state === 'finished'));
	assert.equal(bubble.pictures, 2);
	for (const [no, type, picture] of [[0, 'image/png', PNG], [1, 'image/jpeg', JPG]]) {
		const answer = await system.get(`/sim/api/pictures/${bubble.id}/${no}`);
		assert.deepEqual([answer.headers['content-type'], answer.bytes], [type, picture]);
	}
	assert.equal((await system.get(`/sim/api/pictures/${bubble.id}/2`)).status, 404);
});

test('an answer may be rated, with reasons, and what is no answer may not', async () => {
	const bubble = await ask({ text: '数到 3' });
	assert.equal(bubble.rateable, true);
	const rated = await post('feedback', { message: bubble.id, type: 2, reasons: ['2', '3'], content: '少了一半' });
	assert.deepEqual(rated.json, { delivered: true, status: 200, error: '' });
	assert.equal((await byId(bubble.id)).rating, 2);
	await waitFor('the rating in the bot\'s table', async () =>
		(await system.sql('SELECT kind, reasons FROM smartbot_feedback')).join() === '2,2,3');
	assert.equal((await post('feedback', { message: bubble.reply_to, type: 1 })).status, 404);
	assert.equal((await post('feedback', { message: bubble.id, type: 4 })).status, 422);
});

test('opening a chat is told to the bot once a day', async () => {
	assert.deepEqual((await post('enter', { bot: 'helpdesk' })).json, { delivered: true, status: 200, error: '' });
	assert.equal((await post('enter', { bot: 'helpdesk' })).json.delivered, false);
	const welcome = (await messages()).filter((one) => one.from === 'bot' && one.reply_to === null);
	assert.deepEqual(welcome.map(({ text, state }) => [text.slice(0, 3), state]), [['您好，', 'finished']]);
	assert.equal((await post('enter', { bot: 'nobody' })).status, 404);
});

// The pauses between the attempts of a job grow; here each is over at once.
async function withoutPauses(run) {
	let over = false;
	const nudging = (async () => {
		while (!over) {
			// It may meet the worker in a deadlock (1213); the next one comes soon.
			await system.sql("UPDATE job SET due_at = NOW(3) WHERE state = 1 AND kind = 'smartbot.answer' AND due_at > NOW(3)")
				.catch((error) => assert.match(error.message, /ERROR 1213/));
			await sleep(50);
		}
	})();
	try {
		return await run();
	} finally {
		over = true;
		await nudging;
	}
}

test('a model that fails on demand, or says nothing more, still leaves an answer that ends', () => withoutPauses(async () => {
	await system.postJson('/sim/api/control', { model_fault: '500', model_fault_count: 1 });
	assert.match((await ask({ text: '数到 3' })).text, /3/, 'one failure is passed over by another try');
	await system.postJson('/sim/api/control', { model_stall_ms: 2000 });
	for (const model_fault of ['429', '500', 'stall', 'cut', 'not_json']) {
		const set = await system.postJson('/sim/api/control', { model_fault, model_fault_count: 20 });
		assert.equal(set.json.model_fault_count, 20);
		const bubble = await ask({ text: '数到 3' });
		assert.match(bubble.text, /^抱歉，我暂时答不上来/, model_fault);
		const left = await system.postJson('/sim/api/control', { model_fault: 'none' });
		assert.equal(left.json.model_fault_count, 0);
	}
	assert.equal((await system.postJson('/sim/api/control', { model_fault: 'rain' })).status, 422);
}));

const deliveries = async (msgid) => (await system.get(`/sim/api/deliveries?msgid=${msgid}`)).json.deliveries;

test('answers to refreshes that do not arrive, the last one too, are given again', async () => {
	const told = { timeout: [0, /^no answer within 5000 ms$/], reset: [0, /reset/], http500: [500, /^HTTP 500/], not_json: [200, /JSON/] };
	for (const [refresh_fault, [status, error]] of Object.entries(told)) {
		await system.postJson('/sim/api/control', { refresh_fault, refresh_fault_count: 1000 });
		const { id, msgid } = (await say({ text: '数到 300' })).json;
		const failed = async () => (await deliveries(msgid)).filter((one) => one.kind === 'refresh' && one.status === status && error.test(one.error)).length;
		await waitFor('the end at the bot', async () => await system.number('SELECT COUNT(*) FROM smartbot_stream WHERE NOT finished') === 0 && await failed());
		const before = await failed();
		await waitFor('an end that was lost', async () => await failed() >= before + 2);
		const bubble = (await messages()).find((one) => one.reply_to === id);
		assert.deepEqual([bubble.state, bubble.text], ['waiting', ''], refresh_fault);
		const { json: left } = await system.postJson('/sim/api/control', { refresh_fault: 'none' });
		assert.deepEqual([left.refresh_fault, left.refresh_fault_count], ['none', 0]);
		const whole = await waitFor('the end on the phone', async () => (await messages()).find((one) => one.reply_to === id && one.state === 'finished'));
		assert.equal(whole.text, Array.from({ length: 300 }, (_, i) => i + 1).join(' '), refresh_fault);
		const after = await deliveries(msgid);
		assert.equal(after.filter((one) => one.kind === 'refresh' && !one.error).length, 1, 'nothing is asked behind the end');
	}
	assert.equal((await system.postJson('/sim/api/control', { refresh_fault: 'rain' })).status, 422);
});

test('a refresh that fails in the middle leaves what was shown, and the answer goes on', async () => {
	await system.postJson('/sim/api/control', { chars_per_s: 600 });
	const { id, msgid } = (await say({ text: '数到 400' })).json;
	await waitFor('the first words', async () => (await messages()).find((one) => one.reply_to === id)?.state === 'streaming');
	await system.postJson('/sim/api/control', { refresh_fault: 'reset', refresh_fault_count: 3 });
	const whole = await waitFor('the end on the phone', async () => (await messages()).find((one) => one.reply_to === id && one.state === 'finished'));
	assert.ok(whole.text.endsWith(' 399 400'));
	assert.equal((await deliveries(msgid)).filter((one) => one.error).length, 3);
	await system.postJson('/sim/api/control', { chars_per_s: 5000 });
});

const respond = (code, body) => system.postJson(`/sim/aibot/response?response_code=${code}`, body);
const markdown = (content) => ({ msgtype: 'markdown', markdown: { content } });

async function newCode(group = '') {
	await ask({ text: '数到 2', group });
	return (await system.sql('SELECT code FROM simulator_response ORDER BY message DESC LIMIT 1', sim))[0][0];
}

test('a response_url takes one call, and quotes in groups', async () => {
	const code = await newCode('it');
	assert.equal((await respond(code, markdown('后来的话'))).json.errcode, 0);
	assert.equal((await respond(code, markdown('又来'))).json.errcode, 93000);
	const last = (await messages({ ...chat, group: 'it' })).at(-1);
	assert.equal(last.text, '后来的话');
	assert.equal(last.quote, last.reply_to);
	assert.notEqual(last.quote, null);
});

test('a response_url that is expired, or is given too much, makes no bubble', async () => {
	const before = (await messages()).length;
	const code = await newCode();
	await system.sql(`UPDATE simulator_response SET until_ms = 1 WHERE code = '${code}'`, sim);
	assert.equal((await respond(code, markdown('x'))).json.errcode, 93000);
	assert.equal((await respond(await newCode(), markdown('x'.repeat(20481)))).json.errcode, 45002);
	assert.equal((await respond(await newCode(), { response_type: 'update_template_card', template_card: {} })).json.errcode, 40008);
	const card = { card_type: 'text_notice', main_title: { title: '通知' } };
	assert.equal((await respond(await newCode(), { msgtype: 'template_card', template_card: card })).json.errcode, 42045);
	const whole = { ...card, card_action: { type: 1, url: 'https://example.com' } };
	assert.equal((await respond(await newCode('it'), { msgtype: 'template_card', template_card: whole })).json.errcode, 40008);
	assert.equal((await messages()).length, before + 8, 'four questions and their answers');
});
