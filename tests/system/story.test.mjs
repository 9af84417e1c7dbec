// The story of the product's first page: somebody asks the bot, and the answer streams in.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { startSystem, waitFor } from './harness.mjs';

let system;

before(async () => {
	system = await startSystem();
	await system.speed({ chars_per_s: 150, refresh_ms: 200, first_token_ms: 100 });
});
after(() => system?.stop());

const countTo = (n) => Array.from({ length: n }, (_, i) => i + 1).join(' ');

// Asks, and watches the bubble until its end. Every text it ever showed must be the beginning of the next.
async function askAndWatch(chat, question) {
	const said = await system.say(question, chat);
	assert.equal(said.status, 201, said.text);
	const { id, msgid } = said.json;
	const seen = [];

	const bubble = await waitFor(`the answer to ${question}`, async () => {
		const now = await system.bubble(chat, id);
		if (now && now.text !== seen.at(-1)) seen.push(now.text);
		return ['finished', 'failed'].includes(now?.state) && now;
	});
	for (let i = 1; i < seen.length; i++) assert.ok(seen[i].startsWith(seen[i - 1]), `"${seen[i - 1]}" became "${seen[i]}"`);
	return { id, msgid, bubble, seen: seen.filter((text) => text !== '') };
}

async function leavesOneOfEach(work) {
	const earlier = await system.settled();
	const result = await work();
	await system.jobsAreDone();
	const later = await system.stored();
	assert.deepEqual({ events: later.events - earlier.events, jobs: later.jobs - earlier.jobs, streams: later.streams - earlier.streams },
		{ events: 1, jobs: 1, streams: 1 });
	return result;
}

test('the demo has people, groups and the bot', async () => {
	const world = (await system.get('/sim/api/world')).json;
	assert.ok(world.people.length > 1 && world.groups.length > 0);
	assert.deepEqual(world.bots.map(({ id }) => id), ['helpdesk']);
});

test('a question in a single chat streams in, finishes, and leaves one event and one done job', async () => {
	const { id, bubble, seen } = await leavesOneOfEach(() => askAndWatch({ person: 'zhangsan' }, '数到 100'));
	assert.equal(bubble.state, 'finished', bubble.error);
	assert.equal(bubble.text, countTo(100));
	assert.ok(seen.length >= 3, `it was seen in ${seen.length} lengths`);
	const question = (await system.chat({ person: 'zhangsan' })).messages.find((message) => message.id === id);
	assert.equal(question.state, 'finished');
});

test('a question in a group streams in as well, without the mention in it', async () => {
	const chat = { person: 'lisi', group: 'it' };
	const { bubble } = await leavesOneOfEach(() => askAndWatch(chat, '今天吃什么'));
	assert.equal(bubble.state, 'finished', bubble.error);
	assert.match(bubble.text, /「今天吃什么」/);
	const everybody = (await system.chat({ person: 'wangwu', group: 'it' })).messages;
	assert.ok(everybody.some(({ text }) => text === bubble.text), 'the others of the group see the answer');
	const alone = (await system.chat({ person: 'lisi' })).messages;
	assert.equal(alone.length, 0, 'the single chat does not show what was said in the group');
});

test('every callback was answered well and in time', async () => {
	const { msgid, bubble } = await askAndWatch({ person: 'wangwu' }, '怎么连 VPN?');
	assert.equal(bubble.state, 'finished');
	const { deliveries } = (await system.get(`/sim/api/deliveries?msgid=${msgid}`)).json;
	assert.deepEqual(deliveries.filter(({ kind }) => kind === 'message').map(({ try: n }) => n), [1]);
	assert.ok(deliveries.some(({ kind }) => kind === 'refresh'));
	for (const { status, error, ms } of deliveries) assert.deepEqual({ status, error, slow: ms > 1000 }, { status: 200, error: '', slow: false });
});

test('two questions of one person are answered in their order', async () => {
	const chat = { person: 'zhangsan' };
	const first = (await system.say('数到 60', chat)).json;
	const second = (await system.say('数到 5', chat)).json;
	await waitFor('both answers', async () => (await system.bubble(chat, first.id))?.state === 'finished' &&
		(await system.bubble(chat, second.id))?.state === 'finished');
	const ended = await system.sql('SELECT finished_at FROM job ORDER BY id DESC LIMIT 2');
	const [[later], [earlier]] = ended;
	assert.ok(earlier <= later, `${earlier} before ${later}`);
	assert.equal((await system.bubble(chat, first.id)).text, countTo(60));
	assert.equal((await system.bubble(chat, second.id)).text, countTo(5));
});

test('what was said is not readable in the database', async () => {
	const word = '独角兽保险箱';
	const { bubble } = await askAndWatch({ person: 'lisi' }, word);
	assert.match(bubble.text, new RegExp(word));
	for (const column of ['inbox_event.payload', 'job.args', 'smartbot_stream.content', 'smartbot_bot.token', 'smartbot_bot.aes_key']) {
		const [table, name] = column.split('.');
		const needles = [word, system.bot.token, system.bot.aesKey].map((text) => Buffer.from(text).toString('hex'));
		for (const needle of needles)
			assert.equal(await system.number(`SELECT COUNT(*) FROM ${table} WHERE INSTR(HEX(${name}), UPPER('${needle}'))`), 0, column);
		assert.ok(await system.number(`SELECT COUNT(*) FROM ${table}`) > 0, `${table} is empty`);
	}
});
