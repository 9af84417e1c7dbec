// The unit programs once more, built with the address and the undefined behaviour sanitizer: no fault, and nothing leaks.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build, root, run } from './harness.mjs';

const units = fs.readdirSync(path.join(root, 'tests/unit')).filter((name) => name.endsWith('.c')).map((name) => name.slice(0, -2));
const env = { ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1', UBSAN_OPTIONS: 'print_stacktrace=1' };

test('the programs are built', async () => {
	const { status, stderr } = await run('make', ['-s', 'sanitized', `B=${build}`], { ms: 280_000 });
	assert.equal(status, 0, stderr);
});

for (const unit of units) {
	test(`${unit} is clean`, async () => {
		const { status, stdout, stderr } = await run(path.join(build, 'fuzz/tests/unit', unit), [], { env });
		assert.equal(status, 0, stderr + stdout);
	});
}
