// A twentieth of make chaos, as a test.
import assert from 'node:assert/strict';
import { smallDisk } from './plans.mjs';
import { chaos } from './run.mjs';

const seed = Number(process.env.SEED || Date.now() % 1_000_000);

// later belongs to whole runs alone.
export async function twentieth(t, { smallDisk: small, later, ...plan }) {
	const said = [`SEED=${seed}`];
	const disk = small ? smallDisk() : {};
	if (!disk) return t.skip('this user may not mount a file system');
	try {
		const less = Object.fromEntries(['messages', 'strikes', 'groups'].filter((name) => plan[name]).map((name) => [name, plan[name] / 20]));
		const result = await (plan.run ?? chaos)({ ...plan, ...less, ...plan.kills && { kills: 3, quick: true }, seed, state: disk.state, say: (line) => said.push(line) });
		t.diagnostic(JSON.stringify(result));
		assert.ok(result.acknowledged > 0);
	} catch (error) {
		throw new Error(`${said.join('\n')}\n${error.message}`, { cause: error.cause ?? error });
	} finally {
		disk.free?.();
	}
}
