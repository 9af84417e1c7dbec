// tests/run itself: what it says of failures, and where.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { removeFolder, run, tempFolder } from './harness.mjs';

// The suite with a program of these lines in the place of unit/arena.
async function withUnit(lines, work) {
	const folder = tempFolder();
	try {
		fs.mkdirSync(path.join(folder, 'tests/unit'), { recursive: true });
		fs.writeFileSync(path.join(folder, 'tests/unit/arena'), `#!/bin/sh\ncat <<'END'\n${lines.join('\n')}\nEND\n`, { mode: 0o755 });
		await work(await run('node', ['tests/run', 'unit/arena'], { env: { B: folder } }));
	} finally {
		removeFolder(folder);
	}
}

test('a failure is told at once, bounded, and whole at the end', () => withUnit(
	['1..2', 'not ok 1 - the first', '#     it was 7, not 8', ...Array.from({ length: 90 }, (_, i) => `#     line ${i}`), 'ok 2 - the second'],
	({ status, stdout }) => {
		const [at, end] = stdout.split('\n--- unit/arena: the first\n');
		assert.equal(status, 1);
		assert.match(at, /^FAILED {2}unit\/arena: the first\n {4}1\.\.2\n {4}not ok 1 - the first\n {4}#     it was 7, not 8\n/m);
		assert.match(at, / {4}#     line 36\n {4}… \(the rest is at the end\)\nok {6}unit\/arena: the second\n/);
		assert.match(end, / {4}#     it was 7, not 8\n[^]* {4}#     line 89\n[^]*\n1 passed, 1 failed\n$/);
	},
));

test('tests that did not end are a failure', () => withUnit(['1..2', 'ok 1 - the first'], ({ status, stdout }) => {
	assert.equal(status, 1);
	assert.match(stdout, /^FAILED {2}unit\/arena: 1 of 2 tests ended\n/m);
	assert.match(stdout, /\n1 passed, 1 failed\n$/);
}));
