// Customers of 微信客服 write while calls to WeCom fail by chance and workers are killed; then everything is left in peace, and the books must
// balance by WeCom's own record: each message of a customer has one outcome, none is answered twice, nothing was refused for window or state.
import assert from 'node:assert/strict';
import { sleep, waitFor } from '../system/harness.mjs';
import { KF, startKf } from '../system/kf-world.mjs';
import { random } from './run.mjs';

export const kfPlan = { name: '微信客服: calls fail by chance and workers are killed', conversations: 1000, perMille: 50, kills: 10, run: kfChaos };

const KINDS = 'errcode|http500|reset|lost|timeout|truncated|html';

// All of WeCom's record, which comes in pages.
async function record(kf) {
	const all = { sends: [], messages: [] };
	for (let sends = 0, messages = 0; ;) {
		const page = await kf.sim(`kf/record?open_kfid=${KF}&sends_after=${sends}&messages_after=${messages}&changes_after=999999999`);
		all.sends.push(...page.sends);
		all.messages.push(...page.messages);
		if (page.sends.length < 5000 && page.messages.length < 5000) return all;
		sends = all.sends.at(-1)?.id ?? 0;
		messages = all.messages.at(-1)?.seq ?? 0;
	}
}

// What waits for its next attempt may take it now.
async function settle(kf, ms) {
	await waitFor('rest', async () => {
		await kf.system.sql("UPDATE job SET due_at = NOW(3) WHERE state = 1 AND due_at > NOW(3) + INTERVAL 1 SECOND AND (kind LIKE 'kf.%' OR kind LIKE 'talk.%')");
		const jobs = await kf.system.number("SELECT COUNT(*) FROM job WHERE state < 3 AND (kind LIKE 'kf.%' OR kind LIKE 'talk.%') AND kind NOT IN ('kf.tick', 'kf.sync', 'kf.retention')");
		return jobs === 0 && await kf.system.number("SELECT COUNT(*) FROM message WHERE channel = 'kf' AND state IN (1, 11)") === 0;
	}, { ms, every: 500 });
}

async function check(kf, conversations, each) {
	const { sends, messages } = await record(kf);
	const asked = messages.filter(({ origin }) => origin === 3);
	const outcomes = new Map(await kf.system.sql("SELECT msgid, IFNULL(outcome, '') FROM message WHERE channel = 'kf' AND said_by = 1"));
	const answers = sends.filter(({ errcode, api }) => errcode === 0 && api === 'send_msg').map(({ content }) => content.content);
	const said = answers.join('\n\n').split('\n\n');
	const times = new Map();
	const tally = { asked: asked.length, answered: 0, apologies: 0, sends: sends.length, repeats_refused: sends.filter(({ errcode }) => errcode === 40058).length };

	for (const text of said) times.set(text, (times.get(text) ?? 0) + 1);
	assert.equal(asked.length, conversations * each, 'all of them were written');
	for (const { msgid, content, external_userid } of asked) {
		const answer = `答:${content.content}`, n = times.get(answer) ?? 0;
		assert.equal(outcomes.get(msgid), 'answered', `${external_userid}, ${content.content}: its outcome is ${outcomes.get(msgid)}`);
		assert.ok(n <= 1, `${content.content} was answered ${n} times`);
		if (n) tally.answered++;
	}
	tally.apologies = times.get('对不起') ?? 0;
	assert.equal(tally.answered + tally.apologies, asked.length, 'each has an answer or an apology');
	assert.deepEqual(sends.filter(({ errcode }) => [95001, 95002, 95013, 95018].includes(errcode)), [], 'nothing was refused for window or state');
	assert.equal(new Set(sends.filter(({ errcode }) => errcode === 0).map(({ msgid }) => msgid)).size, sends.filter(({ errcode }) => errcode === 0).length);
	for (const who of new Set(asked.map(({ external_userid }) => external_userid))) {
		const order = sends.filter(({ external_userid, errcode }) => external_userid === who && errcode === 0).flatMap(({ content }) => content.content.split('\n\n'))
			.filter((text) => text.startsWith('答:'));
		assert.deepEqual(order, [...order].sort((a, b) => Number(/-(\d+)$/.exec(a)[1]) - Number(/-(\d+)$/.exec(b)[1])), `${who}: answers in order`);
	}
	return tally;
}

export async function kfChaos({ conversations, perMille, kills, seed, say }) {
	const below = random(seed), each = 3, began = Date.now();
	const kf = await startKf({ settings: 'apology = 对不起', more: '[wecom]\ntimeout = 1500ms\n[worker]\nthreads = 24\n' });
	let going = true, struck = 0;
	const killer = (async () => {
		while (going && struck < kills) {
			await sleep(500 + below(2500));
			const pids = kf.system.children('worker');
			if (!going || !pids.length) continue;
			process.kill(pids[below(pids.length)], 'SIGKILL');
			struck++;
		}
	})();

	try {
		let asked = 0;
		kf.fake.script = ({ text }) => (++asked % 40 === 0 ? { status: 500, body: 'no' } : { text: `答:${text.trim()}` });
		await kf.sim('chance', { per_mille: perMille, seed, api: 'kf/', kinds: KINDS, ms: 2000 });
		for (let from = 0; from < conversations; from += 50) {
			await kf.sim('kf/load', { open_kfid: KF, prefix: `wmchaos${from}x`, customers: Math.min(50, conversations - from), each, ring: 'once' });
			say(`${from + 50} conversations`);
			await waitFor('most of them read', async () => await kf.system.number("SELECT COUNT(*) FROM message WHERE channel = 'kf' AND state IN (1, 11)") < 100, { ms: 120_000, every: 200 });
		}
		await settle(kf, 180_000 + conversations * 200);
		going = false;
		await killer;
		await kf.sim('chance', { per_mille: 0 });
		await kf.api('POST', 'kf/sync', {});
		await settle(kf, 60_000);
		return { ...await check(kf, conversations, each), kills: struck, seconds: Math.round((Date.now() - began) / 1000) };
	} finally {
		going = false;
		await kf.stop();
	}
}
