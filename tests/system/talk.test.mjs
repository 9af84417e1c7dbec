// Conversations: what comes once and in order, one outcome for each message, a person in between, delivery within a window and another way
// where it does not go. tests/plugins/parley is the channel, with a window that the test sets, and the brain.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, removeFolder, root, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const keys = {};

before(async () => {
	folder = tempFolder();
	for (const name of ['plugins/hello', 'plugins/smartbot', 'test-plugins/parley'])
		fs.copyFileSync(`${build}/${name}.so`, path.join(folder, `${path.basename(name)}.so`));
	fs.cpSync(path.join(root, 'sql'), path.join(folder, 'sql'), { recursive: true });
	fs.cpSync(path.join(root, 'tests/plugins/parley/sql'), path.join(folder, 'sql/parley'), { recursive: true });
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\nsql_dir = ${folder}/sql\n[plugins]\nparley = on\n[worker]\nlease = 2s\n` });
	for (const role of ['viewer', 'operator', 'approver', 'admin'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

const as = (role) => ({ 'Content-Type': 'application/json', ...role ? { Authorization: `Bearer ${keys[role]}` } : {} });
const post = (at, body, role, headers) => system.get(at, { method: 'POST', body: JSON.stringify(body ?? {}), headers: { ...as(role), ...headers } });

let count = 0;
const fresh = (word) => `${word}${++count}`;

// A customer of the parley channel, unknown until now.
function person(peer = fresh('peer'), channel = 'parley') {
	const come = async (text, more = {}) => {
		const { status, json } = await post('/api/parley/words', { channel, peer, msgid: fresh('msg'), text, ...more });
		assert.equal(status, 200, JSON.stringify(json));
		return json;
	};
	const sent = async () => (await system.sql(`SELECT text FROM parley_sent WHERE peer = '${peer}' AND channel = '${channel}' ORDER BY id`)).map(([text]) => text);
	return { peer, come, sent, got: (...texts) => waitFor(`${peer} gets ${texts}`, async () => (await sent()).join('|') === texts.join('|')) };
}

const window = (peer, left, { reserve = 0, behave = '' } = {}) =>
	system.sql(`REPLACE INTO parley_window (peer, left_n, reserve, behave) VALUES ('${peer}', ${left}, ${reserve}, '${behave}')`);
const message = async (id) => {
	const [[state, outcome, reason, route]] = await system.sql(`SELECT state, IFNULL(outcome, ''), IFNULL(reason, ''), route FROM message WHERE id = ${id}`);
	return { state: Number(state), outcome, reason, route: Number(route) };
};
const STATE = { owed: 1, answered: 2, person: 3, settled: 4, queued: 11, held: 12, sent: 13, failed: 15, uncertain: 16, dropped: 17, draft: 18 };

test('three questions in a row get three answers in order, each once', async () => {
	const who = person();
	const { conversation, opened } = await who.come('one');
	assert.equal(opened, true);
	for (const text of ['two', 'three']) assert.deepEqual(await who.come(text).then((r) => [r.conversation, r.opened]), [conversation, false]);
	await who.got('re: one', 're: two', 're: three');
	assert.equal(await system.number(`SELECT COUNT(*) FROM message WHERE conversation = ${conversation} AND state = 2 AND outcome = 'answered'`), 3);
});

test('a message that comes twice is written once, also both at once', async () => {
	const who = person(), msgid = fresh('twice');
	const all = await Promise.all([1, 2, 3, 4, 5].map(() => who.come('again', { msgid })));
	assert.equal(all.filter((r) => r.is_new).length, 1);
	assert.equal(new Set(all.map((r) => r.message)).size, 1);
	assert.equal(new Set(all.map((r) => r.customer)).size, 1);
	await who.got('re: again');
});
