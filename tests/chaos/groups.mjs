// Customer groups under kill -9: a company with many groups is synced while the processes that do it are killed again and again. In the end
// every group is there with every member once, and a reconciliation finds nothing to mend.
import assert from 'node:assert/strict';
import { sleep, startSystem, waitFor } from '../system/harness.mjs';

export async function groupsChaos({ groups, members, owners = 25, kills, quick = false, say = () => {} }) {
	const system = await startSystem({ plugins: ['customer-group'] });
	try {
		const key = (await system.wecomd('key', 'add', '--name', 'chaos', '--role', 'operator')).stdout.trim();
		const ask = async (method, at, body) => {
			const answer = await system.get(`/api/wecom/customer${at}`, { method, body: body && JSON.stringify(body),
				headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' } });
			assert.ok(answer.status < 300, `${at}: ${answer.status} ${answer.text}`);
			return answer.json;
		};
		const begin = Date.now();
		const seeded = await system.get('/sim/api/contact/seed', { method: 'POST', body: JSON.stringify({ seed: 3, owners, groups, members }), headers: { 'Content-Type': 'application/json' }, ms: 300_000 });
		assert.equal(seeded.status, 200, seeded.text);
		say(`${groups} groups of ${members} members made in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
		const stored = () => system.number('SELECT COUNT(*) FROM wecom_customer_group WHERE detail_at IS NOT NULL');
		const sweep = async (kind) => {
			const { id } = await ask('POST', '/groups/sync', { kind });
			return async () => (await ask('GET', '/syncs')).items.find((one) => one.id === id);
		};

		const began = Date.now();
		const first = await sweep('sync');
		for (let i = 1; i <= kills; i++) {
			await waitFor(`the groups before kill ${i}`, async () => await stored() >= Math.floor(groups * i / (kills + 1)), { ms: 600_000, every: 50 });
			const role = i % 3 ? 'worker' : 'web';
			for (const pid of system.children(role)) process.kill(pid, 'SIGKILL');
			say(`${String(await stored()).padStart(6)} groups  every ${role} child is killed`);
			await sleep(20);
		}
		await waitFor('the end of the sweep', async () => (await first()).state === 'done', { ms: 1_800_000, every: 200 });
		const seconds = (Date.now() - began) / 1000;
		say(`${groups} groups synced in ${seconds.toFixed(1)} s`);
		assert.equal(await stored(), groups);
		assert.equal(await system.number('SELECT COUNT(*) FROM wecom_customer_group_member WHERE left_at IS NULL'), groups * members, 'every member');
		assert.equal(await system.number('SELECT COUNT(*) FROM wecom_customer_group_member'), groups * members, 'once');
		assert.equal(await system.number(`SELECT COUNT(*) FROM wecom_customer_group WHERE member_count <> ${members} OR status <> 0`), 0);

		const before = (await system.get('/sim/api/wecom')).json.calls;
		const second = await sweep('sync');
		await waitFor('the end of the second sweep', async () => (await second()).state === 'done', { ms: 600_000, every: 100 });
		const after = (await system.get('/sim/api/wecom')).json.calls;
		const more = Object.entries(after).reduce((sum, [api, n]) => sum + n - (before[api] ?? 0), 0);
		assert.equal((await second()).details, 0, 'an unchanged company is not asked about again');
		if (quick) return { acknowledged: groups, groups, members: groups * members, kills, per_second: Math.round(groups / seconds), calls_unchanged: more };
		const third = await sweep('reconcile');
		await waitFor('the end of the reconciliation', async () => (await third()).state === 'done', { ms: 1_800_000, every: 200 });
		assert.equal((await third()).drifts, 0, 'nothing to mend');
		return { acknowledged: groups, groups, members: groups * members, kills, per_second: Math.round(groups / seconds), calls_unchanged: more };
	} finally {
		await system.stop();
	}
}
