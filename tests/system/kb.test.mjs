// Knowledge: documents become chunks, versions go live and back, words and vectors find them on each node.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { removeFolder, root, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const conf = '[model:vectors]\ndimensions = 512\nretries = 0\n';
const keys = {};

before(async () => {
	folder = tempFolder();
	system = await startSystem({ plugins: ['kb-escalation'], conf });
	for (const role of ['viewer', 'operator']) keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

const file = (name, text) => {
	const at = path.join(folder, name);
	fs.writeFileSync(at, text);
	return at;
};
async function kb(...args) {
	const { status, stdout, stderr } = await system.wecomd('kb', ...args);
	return { status, text: stdout, error: stderr };
}
async function good(...args) {
	const { status, text, error } = await kb(...args);
	assert.equal(status, 0, `${args}: ${text}${error}`);
	return text;
}
async function found(question, k = 3) {
	await vectorsAreMade();
	return good('search', question, '-k', String(k));
}
const vectorsAreMade = () => waitFor('the vectors', async () => await system.number("SELECT COUNT(*) FROM job WHERE kind = 'kb-escalation.embed' AND state <> 3") === 0);

const call = (method, at, body, role = 'operator') => system.get(at, { method, body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
	headers: { Authorization: `Bearer ${keys[role]}`, 'Content-Type': typeof body === 'string' ? 'application/octet-stream' : 'application/json' } });

test('the sample knowledge is imported, goes live, and answers are found by words and vectors', async () => {
	const said = await good('import', path.join(root, 'etc/demo/knowledge'), '--category', '常见问题');
	assert.match(said, /^faq.csv {2}71 chunks: 71 added, 0 stay, 0 went\nversion 1 is live: 71 chunks/);
	assert.match(await found('满多少包邮'), /^1\. \[\d+\] 运费怎么算？\n {3}cosine 0\.\d+ {2}words 0\.\d+ .*faq.csv, 配送\n {3}实付满 99 元包邮/);
});

test('of the questions that the sample can answer, most are found; how many is said', async (t) => {
	const questions = fs.readFileSync(path.join(root, 'etc/demo/questions.csv'), 'utf8').trim().split('\n').slice(1)
		.map((line) => line.split(/,(?=[^,]*$)/)).filter(([, expect]) => expect);
	let first = 0, three = 0;
	for (const [query, expect] of questions) {
		const labels = (await call('POST', '/api/test_kb', { query, top_k: 3 }, 'viewer')).json.chunks.map(({ label }) => label);
		first += labels[0] === expect;
		three += labels.includes(expect);
	}
	t.diagnostic(`recall@1 ${(first / questions.length).toFixed(3)}, recall@3 ${(three / questions.length).toFixed(3)} of ${questions.length}`);
	assert.ok(three / questions.length >= 0.6, `recall@3 ${three / questions.length}`);
});

test('the same file again changes nothing, and under another name it is known', async () => {
	const faq = path.join(root, 'etc/demo/knowledge/faq.csv');
	assert.match(await good('import', faq, '--category', '常见问题'), /unchanged\nnothing new/);
	const copy = file('faq.csv', fs.readFileSync(faq));
	fs.renameSync(copy, path.join(folder, 'copy.csv'));
	assert.match(await good('import', path.join(folder, 'copy.csv'), '--category', '常见问题'), /copy.csv {2}is the same as faq.csv/);
});

test('a changed file brings what is new and takes what is gone; the rest stays as it is', async () => {
	const at = file('hours.md', '# 门店\n\n## 北京\n\n北京店每天 9 点开门。\n\n## 广州\n\n广州店每天 10 点开门。\n');
	assert.match(await good('import', at, '--category', '门店'), /2 chunks: 2 added/);
	assert.match(await found('北京店几点开门'), /北京店每天 9 点/);
	fs.writeFileSync(at, '# 门店\n\n## 北京\n\n北京店每天 8 点开门。\n\n## 广州\n\n广州店每天 10 点开门。\n');
	assert.match(await good('import', at, '--category', '门店', '--dry-run'), /2 chunks: 1 would be added, 1 stay, 1 would go/);
	assert.match(await found('北京店几点开门'), /北京店每天 9 点/);
	assert.match(await good('import', at, '--category', '门店'), /2 chunks: 1 added, 1 stay, 1 went\nversion 3 is live: 73 chunks, 1 new, 1 gone/);
	const now = await found('北京店几点开门');
	assert.match(now, /北京店每天 8 点/);
	assert.doesNotMatch(now, /北京店每天 9 点/);
});

test('an earlier version comes back as a new one', async () => {
	assert.match(await good('restore', '2'), /version 4 is live: 73 chunks, 1 new, 1 gone/);
	assert.match(await found('北京店几点开门'), /北京店每天 9 点/);
	assert.match((await kb('restore', '99')).error, /there is no version 99/);
});

test('what cannot be read is refused with its line and leaves no trace', async () => {
	const before = await system.sql('SELECT (SELECT COUNT(*) FROM kb_document), (SELECT COUNT(*) FROM knowledge_chunks), live_version FROM kb_state');
	const cases = [
		['bad.md', Buffer.from([0x41, 0x0a, 0xe4, 0xbd, 0x0a]), /bad.md: line 2 is no UTF-8 text/],
		['pairs.csv', 'question,answer\n一,\n', /pairs.csv: line 2 has a question without an answer/],
		['empty.txt', ' \n', /empty.txt has no text/],
		['big.txt', Buffer.alloc(21 << 20, 'x\n'), /big.txt has 22020096 bytes; \[kb-escalation\] document_max is 20971520/],
		['tool.exe', 'MZ', /documents end in/],
	];
	for (const [name, text, error] of cases) {
		const answer = await kb('import', file(name, text), '--category', 'x');
		assert.equal(answer.status, 1);
		assert.match(answer.error, error);
		if (name !== 'tool.exe') assert.match(answer.error, /nothing was published, since 1 of 1 files could not be imported/);
	}
	assert.deepEqual(await system.sql('SELECT (SELECT COUNT(*) FROM kb_document), (SELECT COUNT(*) FROM knowledge_chunks), live_version FROM kb_state'), before);
});

test('without the embedding endpoint words alone are searched, and it says so', async () => {
	await system.speed({ embedding_fault: '500', embedding_fault_count: 1 });
	assert.match(await found('满多少包邮'), /运费怎么算[^]*confidence 0\.\d+, by words alone: model vectors/);
});

test('an import that was killed is not published, and goes on when it is made again', async () => {
	const rows = Array.from({ length: 450 }, (_, i) => `第 ${i} 号商品多少钱,第 ${i} 号商品 ${i * 3} 元`);
	const at = file('prices.csv', `问题,答案\n${rows.join('\n')}\n`);
	await good('import', at, '--category', '价格', '--draft');
	// As a process leaves it that died behind its first piece.
	await system.sql("DELETE FROM knowledge_chunks WHERE document = (SELECT id FROM kb_document WHERE source = 'prices.csv') AND ordinal > 200");
	await system.sql("UPDATE kb_document SET content_hash = NULL WHERE source = 'prices.csv'");
	assert.match((await kb('publish')).error, /prices.csv is half imported/);
	assert.match(await good('import', at, '--category', '价格'), /450 chunks: 250 added, 200 stay, 0 went\nversion 5 is live: 523 chunks, 450 new/);
	assert.equal(await system.number("SELECT COUNT(DISTINCT hash) FROM knowledge_chunks WHERE removed_version IS NULL"), 523);
	assert.match(await found('第 77 号商品多少钱', 1), /第 77 号商品 231 元/);
});

test('a damaged index is thrown away and made anew', async () => {
	const at = path.join(system.state, 'knowledge');
	const { words, vectors } = JSON.parse(fs.readFileSync(path.join(at, 'current'), 'utf8'));
	const short = fs.readFileSync(path.join(at, vectors)).subarray(0, 5000);
	fs.rmSync(path.join(at, vectors));
	fs.writeFileSync(path.join(at, vectors), short);
	fs.rmSync(path.join(at, words, 'docs'));
	assert.match(await found('北京店几点开门', 1), /北京店每天 9 点/);
});

test('a file is uploaded, published, found on the search bench, switched off and removed', async () => {
	const at = `/api/kb/documents?${new URLSearchParams({ name: '冬季.md', category: '活动' })}`;
	assert.equal((await call('POST', at, '# 冬季\n\n腊八粥礼盒买二送一。\n', 'viewer')).status, 403);
	const up = await call('POST', at, '# 冬季\n\n腊八粥礼盒买二送一。\n');
	assert.deepEqual([up.status, up.json.chunks, up.json.added, up.json.unchanged], [200, 1, 1, false], up.text);
	const id = up.json.document;
	const ask = async () => (await call('POST', '/api/test_kb', { query: '腊八粥礼盒有活动吗', top_k: 1 }, 'viewer')).json;
	assert.doesNotMatch((await ask()).chunks[0]?.text ?? '', /腊八粥/, 'a draft is not searched');
	assert.deepEqual((await call('POST', '/api/kb/publish', { note: '冬季活动' })).json, { version: '6', added: 1, removed: 0, chunks: 524 });
	await vectorsAreMade();
	const hit = await waitFor('the new index', async () => {
		const { version, model, words_alone, chunks } = await ask();
		return version === '6' && model && !words_alone && /腊八粥/.test(chunks[0]?.text ?? '') && chunks[0];
	});
	assert.deepEqual([hit.source, hit.category, hit.heading], ['冬季.md', '活动', '冬季']);
	assert.ok(hit.cosine > 0.2 && hit.coverage > 0.2 && hit.fused > 1 / 61, JSON.stringify(hit));
	assert.equal((await call('PUT', `/api/kb/documents/${id}`, { enabled: false })).json.enabled, false);
	assert.doesNotMatch((await ask()).chunks[0].text, /腊八粥/);
	assert.equal((await call('DELETE', `/api/kb/documents/${id}`)).status, 200);
	assert.deepEqual((await call('POST', '/api/kb/publish', {})).json, { version: '7', added: 0, removed: 1, chunks: 523 });
	assert.deepEqual((await call('GET', '/api/kb/versions/7/changes')).json.items.map(({ change, text }) => [change, text]), [['removed', '腊八粥礼盒买二送一。']]);
	assert.equal(await system.number("SELECT COUNT(*) FROM audit_log WHERE action IN ('kb.import', 'kb.publish', 'kb.document', 'kb.remove') AND actor = 'key:operator'"), 5);
});

test('an upload that is no document is refused, naming what is wrong', async () => {
	const post = (name, body) => call('POST', `/api/kb/documents?${new URLSearchParams({ name, category: 'x' })}`, body);
	const bad = await post('tool.exe', 'MZ');
	assert.deepEqual([bad.status, bad.json.errors?.[0]?.field ?? bad.json.fields?.[0]?.field], [422, 'name'], bad.text);
	assert.match((await post('pairs.csv', 'question,answer\n一,\n')).json.detail, /line 2 has a question without an answer/);
	assert.equal((await call('POST', '/api/kb/versions/99/restore')).status, 404);
});
