// 微信客服: messages that wait at WeCom are drained, answered by a model that answers at once, and sent. Everything runs on this machine, the
// simulator and its database too, so the figures are what a whole system on two cores does, not what wecomd alone could.
import { KF, startKf } from '../system/kf-world.mjs';
import { waitFor } from '../system/harness.mjs';
import { nowMs } from './model.mjs';

export async function measureKf(_, { messages, say }) {
	const kf = await startKf({ lease: '10s', workers: 2 });
	const count = (sql) => kf.system.number(sql);

	try {
		kf.fake.script = () => ({ text: '好的。' });
		await kf.sim('kf/load', { open_kfid: KF, prefix: 'wmwarm', customers: 20, each: 1, ring: 'once' });
		await waitFor('a warm system', async () => await count('SELECT COUNT(*) FROM kf_send WHERE state = 1') === 20, { ms: 60_000 });
		await kf.sim('kf/load', { open_kfid: KF, prefix: 'wmbench', customers: messages, each: 1, ring: 'none' });
		const began = nowMs();
		await kf.api('POST', 'kf/sync', {});
		await waitFor('all drained', async () => await count("SELECT COUNT(*) FROM message WHERE channel = 'kf' AND said_by = 1") === messages + 20, { ms: 300_000, every: 20 });
		const drained = nowMs() - began;
		await waitFor('all answered', async () => await count('SELECT COUNT(*) FROM kf_send WHERE state = 1') === messages + 20, { ms: 300_000, every: 50 });
		const answered = nowMs() - began;
		say(`kf: ${messages} messages drained in ${(drained / 1000).toFixed(1)} s, answered in ${(answered / 1000).toFixed(1)} s`);
		return [
			{ name: 'kf messages drained', figure: messages / drained * 1000, unit: '1/s', at_least: 40 },
			{ name: 'kf messages drained, answered by a model at once, and sent', figure: messages / answered * 1000, unit: '1/s', at_least: 10 },
		];
	} finally {
		await kf.stop();
	}
}
