// Memory of the processes that answer: what large pictures take while they are under way, and that it is given back. The units'
// MemoryMax rests on these figures.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { after, before } from 'node:test';
import { encrypted, modelSection, newBot, startFake } from './fake.mjs';
import { startSystem, textMessage, waitFor } from './harness.mjs';

const QUESTIONS = 2, PICTURES = 4;
const picture = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(4 * 2 ** 20 - 1024, 7)]);     // as large as is taken

let fake, system, bot;
before(async () => {
	fake = await startFake();
	bot = newBot('eye', { vision: 'on', memory: 'none' });
	const model = modelSection(fake, 'fake', 'idle = 60s').replace('first = 2s', 'first = 60s');     // the fake reads 20 MB of JSON at its leisure
	system = await startSystem({ conf: `[worker]\nprocesses = 1\n[smartbot]\nmedia_hosts = private:127.0.0.1:${fake.port}\n${model}${bot.section}` });
});
after(async () => {
	fake?.stop();
	await system?.stop();
});

const held = () => system.children('worker').reduce((sum, pid) =>
	sum + Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) / 1024, 0);

function ask(url) {
	const { text, ...head } = textMessage('', { bot });
	const items = [{ msgtype: 'text', text: { content: '比较这些图片' } }, ...Array.from({ length: PICTURES }, () => ({ msgtype: 'image', image: { url } }))];
	return system.callback({ ...head, msgtype: 'mixed', mixed: { msg_item: items } }, { bot });
}

test('questions with the largest pictures take four times their size at most, and give it back', { skip: process.env.SAN && 'an allocator of its own' }, async () => {
	const before = held(), url = fake.file('large.png', encrypted(bot.aesKey, picture));
	let release;
	const hold = new Promise((resolve) => { release = resolve; });
	fake.script = () => ({ text: '都一样', hold });
	const asked = await Promise.all(Array.from({ length: QUESTIONS }, () => ask(url)));
	await waitFor('the model to be asked', () => fake.asked.length === QUESTIONS, { ms: 30_000 });
	const most = held() - before, size = QUESTIONS * PICTURES * picture.length / 2 ** 20;
	assert.ok(most < 4 * size, `${most.toFixed(0)} MiB for ${size.toFixed(0)} MiB of pictures`);
	release();
	for (const { reply } of asked) assert.equal(await system.finished(reply.stream.id, { bot }), '都一样');
	await waitFor('the memory to be given back', () => held() - before < 16, { ms: 10_000 })
		.catch(() => assert.fail(`${(held() - before).toFixed(0)} MiB stay`));
});
