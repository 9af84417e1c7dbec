// Deadlock, lock time-out and lost connection at each statement of each transaction of conversations: what comes, what is said, how it was
// delivered, who has the conversation, drafts, files, what is old.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build, copyPlugins, removeFolder, root, run, tempFolder, waitFor } from './harness.mjs';
import { Bench } from './transactions.mjs';

let bench, system, folder, key;

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'parley');
	fs.cpSync(path.join(root, 'sql'), path.join(folder, 'sql'), { recursive: true });
	fs.cpSync(path.join(root, 'tests/plugins/parley/sql'), path.join(folder, 'sql/parley'), { recursive: true });
	bench = await Bench.start('transactions-talk', { conf: `[core]\nplugin_dir = ${folder}\nsql_dir = ${folder}/sql\n[plugins]\nparley = on\n
[web]\nprocesses = 1\n[worker]\nprocesses = 1\npoll = 20ms\n[talk]\nmedia_folder = ${folder}/media\n` });
	({ system } = bench);
	const { stdout } = await run(path.join(build, 'wecomd'), ['-c', 'etc/demo/wecomd.conf', '-c', system.conf, 'key', 'add', '--name', 'root', '--role', 'admin'], { env: system.env });
	key = stdout.trim();
});
after(async () => {
	await bench?.stop();
	if (folder) removeFolder(folder);
});

async function ask(method, at, value, headers = {}) {
	const answer = await system.get(at, { method, body: value instanceof Buffer ? value : value === undefined ? undefined : JSON.stringify(value),
		headers: { ...value instanceof Buffer ? {} : { 'Content-Type': 'application/json' }, Authorization: `Bearer ${key}`, ...headers } });
	assert.ok(answer.status < 300, `${method} ${at}: ${answer.status} ${answer.text}`);
	return answer.json;
}

let count = 0;
const fresh = (word) => `${word}${++count}`;
const come = (text, more = {}) => ask('POST', '/api/parley/words', { peer: fresh('peer'), msgid: fresh('msg'), text, ...more });
const say = (conversation, text, more = {}) => ask('POST', `/api/parley/say/${conversation}`, { key: fresh('key'), text, ...more });
const window = (peer, left, behave = '') => bench.sql(`REPLACE INTO parley_window (peer, left_n, reserve, behave) VALUES ('${peer}', ${left}, 0, '${behave}')`);

// Nothing is left to do.
const idle = () => waitFor('all jobs are done', async () => await bench.one("SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2) AND job_key NOT LIKE 'timer/%' OR state IN (0, 1, 2) AND job_key IS NULL") === '0');
const states = async (conversation) => (await bench.sql(`SELECT GROUP_CONCAT(state, IFNULL(outcome, '') ORDER BY id), (SELECT CONCAT(IFNULL(is_open, 0), handler) FROM conversation WHERE id = ${conversation}),
	(SELECT COUNT(*) FROM parley_sent s JOIN message m ON m.id = s.message AND s.channel <> 'topic' WHERE m.conversation = ${conversation}) FROM message WHERE conversation = ${conversation}`))[0].join(' ');
const books = { settle: idle, check: (_, r) => states(r.conversation), atOnce: true };

test('a message that comes is written once with its jobs, its answer too, and that is delivered once', () =>
	bench.everyFault(['message received', 'message said', 'message delivered', 'parley'], () => come('question', { name: '王', unionid: fresh('union') }), books));

test('what is handed over, settled and recalled is so once', async () => {
	await bench.everyFault(['conversation handed over'], () => come('person!'), books);
	await bench.everyFault(['message settled'], () => come('nothing!'), books);
	await bench.everyFault(['message recalled'], async () => {
		const msgid = fresh('msg'), r = await come('nothing!', { msgid, quiet: true });
		await ask('POST', '/api/parley/recalls', { msgid });
		return r;
	}, books);
});

test('a person takes, speaks, hands back and closes once each', async () => {
	const prepare = async () => { const r = await come('nothing!', { quiet: true }); await idle(); return r; }, audits = (r) => bench.one(`SELECT GROUP_CONCAT(action ORDER BY id) FROM audit_log WHERE object = 'conversation:${r.conversation}'`);
	const post = (at, value) => async (r) => { await ask('POST', `/api/chat/conversations/${r.conversation}/${at}`, value); return r; };
	const options = { ...books, prepare, check: async (r) => `${await states(r.conversation)} ${await audits(r)}` };
	await bench.everyFault(['conversation taken'], post('take'), options);
	await bench.everyFault(['message said by a person'], post('messages', { text: '您好' }), options);
	await bench.everyFault(['conversation handed back'], post('hand-back'), { ...options, prepare: async () => { const r = await post('take')(await prepare()); await idle(); return r; } });
	await bench.everyFault(['conversation closed'], post('close'), options);
});

test('what cannot be delivered goes another way once, or is given up once', async () => {
	await bench.everyFault(['message sent another way'], async () => {
		const unionid = fresh('union'), peer = fresh('peer');
		await come('x', { unionid, channel: 'parley-second', quiet: true });
		const r = await come('x', { unionid, peer, quiet: true });
		await window(peer, 5, 'refuses');
		await say(r.conversation, 'over there');
		return r;
	}, books);
	await bench.everyFault(['message given up'], async () => {
		const peer = fresh('peer'), r = await come('x', { peer, quiet: true });
		await window(peer, 5, 'refuses');
		await say(r.conversation, 'nowhere');
		return r;
	}, books);
});

test('a draft is approved once', () =>
	bench.everyFault(['draft decided'], async () => {
		const r = await come('x', { channel: 'parley-draft', quiet: true }), { message } = await say(r.conversation, 'a draft');
		await ask('POST', `/api/chat/drafts/${message}/approve`);
		return r;
	}, books));

test('a message whose job was buried is given to a person once', () =>
	bench.everyFault(['message of a buried job'], async () => {
		const r = await come('broken!');
		await waitFor('a person has it', async () => await bench.one(`SELECT outcome FROM message WHERE id = ${r.message}`) === 'person');
		return r;
	}, books));

test('a file is kept once and removed once', async () => {
	const put = async () => ask('POST', '/api/chat/media', Buffer.from(fresh('content')));
	await bench.everyFault(['file kept'], put, { atOnce: true });
	const sweep = async () => {
		await bench.sql('DELETE FROM media');
		await bench.sql('UPDATE media_file SET at = NOW(3) - INTERVAL 1 DAY');
		await bench.sql(`INSERT INTO job (kind, job_key, state, due_at, trace_id, args) SELECT 'talk.sweep', '${fresh('sweep')}', 1, NOW(3), REPEAT('0', 32), args FROM job WHERE kind = 'talk.deliver' LIMIT 1`);
	};
	await bench.everyFault(['file removed'], sweep, { prepare: put, settle: () => waitFor('no file is left', async () => await idle()
		&& await bench.one('SELECT COUNT(*) FROM media_file') === '0'), atOnce: true, ignore: ['media'] });
	assert.deepEqual(fs.readdirSync(`${folder}/media`).filter((name) => name !== 'new').flatMap((name) => fs.readdirSync(`${folder}/media/${name}`)), []);
});

test('what is old goes once, and is counted', () =>
	bench.everyFault(['retention of conversations'], async () => {
		const r = await come('old words', { quiet: true });
		await ask('POST', `/api/chat/conversations/${r.conversation}/close`);
		await bench.sql(`UPDATE message SET at = NOW(3) - INTERVAL 3 YEAR WHERE conversation = ${r.conversation}`);
		await bench.sql(`UPDATE conversation_event SET at = NOW(3) - INTERVAL 3 YEAR WHERE conversation = ${r.conversation}`);
		await bench.sql(`UPDATE conversation SET closed_at = NOW(3) - INTERVAL 3 YEAR WHERE id = ${r.conversation}`);
		await bench.sql(`INSERT INTO job (kind, job_key, state, due_at, trace_id, args) SELECT 'talk.retention', '${fresh('retention')}', 1, NOW(3), REPEAT('0', 32), args FROM job WHERE kind = 'talk.deliver' LIMIT 1`);
		return r;
	}, { ...books, atOnce: false, faults: ['cut_after'], check: async () => bench.one("SELECT details FROM audit_log WHERE action = 'retention.delete' ORDER BY id DESC LIMIT 1") }));

test('every transaction that ran is of a kind, and every kind was broken', () => bench.complete());
