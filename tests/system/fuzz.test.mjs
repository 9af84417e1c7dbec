// The fuzz targets for two seconds each, with the same inputs every time: the seeds, and what comes of them. `make fuzz` goes on where this ends.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { build, root, run } from './harness.mjs';

const targets = fs.readdirSync(path.join(root, 'tests/fuzz')).filter((name) => name.endsWith('.c')).map((name) => name.slice(0, -2));

test('the targets are built, and each has seeds', async () => {
	const { status, stderr } = await run('make', ['-s', 'sanitized', `B=${build}`], { ms: 280_000 });
	assert.equal(status, 0, stderr);
	const seeds = fs.readdirSync(path.join(root, 'tests/fuzz/corpus'));
	assert.deepEqual(seeds.sort(), targets.sort());
});

describe('each target', { concurrency: 2 }, () => {
	for (const target of targets) {
		test(`${target}: what must hold does`, async () => {
			const { status, stdout, stderr } = await run('tests/fuzz/run', ['2', target], { env: { B: build, FUZZ_SEED: '1' } });
			assert.equal(status, 0, stdout + stderr);
			assert.match(stdout, /^ok {6}\w+: [1-9]\d* inputs/);
		});
	}
});
