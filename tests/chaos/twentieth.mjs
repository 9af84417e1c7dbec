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
		const result = await chaos({ ...plan, seed, messages: plan.messages / 20, strikes: plan.strikes / 20, state: disk.state, say: (line) => said.push(line) });
		t.diagnostic(JSON.stringify(result));
		assert.ok(result.acknowledged > 0);
	} catch (error) {
		throw new Error(`${said.join('\n')}\n${error.message}`, { cause: error.cause ?? error });
	} finally {
		disk.free?.();
	}
}
