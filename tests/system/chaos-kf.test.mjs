// A twentieth of the chaos of 微信客服.
import assert from 'node:assert/strict';
import test from 'node:test';
import { kfChaos, kfPlan } from '../chaos/kf.mjs';

const seed = Number(process.env.SEED || Date.now() % 1_000_000);

test(kfPlan.name, async (t) => {
	const said = [`SEED=${seed}`];
	const result = await kfChaos({ ...kfPlan, conversations: kfPlan.conversations / 20, kills: 2, seed, say: (line) => said.push(line) })
		.catch((error) => { throw new Error(`${said.join('\n')}\n${error.message}`, { cause: error.cause ?? error }); });
	t.diagnostic(JSON.stringify(result));
	assert.ok(result.answered > 0);
});
