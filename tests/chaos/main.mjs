// make chaos: every plan at full volume; ends in "N passed, N failed". SEED=n plays a run again, PLAN=word takes the plans with that word.
import { chaos } from './run.mjs';
import { plans, smallDisk } from './plans.mjs';

const seed = Number(process.env.SEED || Date.now() % 1_000_000);
let passed = 0, failed = 0;

console.log(`SEED=${seed}`);
for (const { smallDisk: small, ...plan } of plans.filter(({ name }) => name.includes(process.env.PLAN || ''))) {
	console.log(`\n== ${plan.name}`);
	const disk = small ? smallDisk() : {};
	const began = Date.now();
	if (!disk) {
		console.log('skipped: this user may not mount a file system');
		continue;
	}
	try {
		const result = await (plan.run ?? chaos)({ ...plan, seed, state: disk.state, say: console.log });
		console.log(Object.entries(result).map(([name, n]) => `${name} ${n}`).join(', '));
		console.log(`ok  (${((Date.now() - began) / 1000).toFixed(0)} s)`);
		passed++;
	} catch (error) {
		console.log(error.message);
		failed++;
	} finally {
		disk.free?.();
	}
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
