// Customers: data keys, the sections of plugins, export and erasure, and who may do it. tests/plugins/section keeps notes about them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { copyPlugins, removeFolder, root, startSystem, tempFolder, waitFor } from './harness.mjs';

let system, folder;
const keys = {};

before(async () => {
	folder = tempFolder();
	copyPlugins(folder, 'section');
	fs.cpSync(path.join(root, 'sql'), path.join(folder, 'sql'), { recursive: true });
	fs.cpSync(path.join(root, 'tests/plugins/section/sql'), path.join(folder, 'sql/section'), { recursive: true });
	system = await startSystem({ conf: `[core]\nplugin_dir = ${folder}\nsql_dir = ${folder}/sql\n[plugins]\nsection = on\n` });
	for (const role of ['viewer', 'operator', 'approver', 'admin'])
		keys[role] = (await system.wecomd('key', 'add', '--name', role, '--role', role)).stdout.trim();
});
after(async () => {
	if (folder) removeFolder(folder);
	await system?.stop();
});

const as = (role) => ({ headers: { Authorization: `Bearer ${keys[role]}`, 'Content-Type': 'application/json' } });
const post = (at, body, role) => system.get(at, { method: 'POST', body: JSON.stringify(body), ...role ? as(role) : { headers: { 'Content-Type': 'application/json' } } });
const show = (id, role = 'viewer') => system.get(`/api/customers/${id}`, as(role));

async function customer(...notes) {
	const { json: { id } } = await post('/api/section', { text: notes[0] });
	for (const text of notes.slice(1)) assert.equal((await post(`/api/section/${id}`, { text })).status, 201);
	return id;
}

const audited = async (action, id) => (await system.sql(
	`SELECT actor, details FROM audit_log WHERE action = '${action}' AND object = 'customer:${id}'`))
	.map(([actor, details]) => ({ actor, ...JSON.parse(details) }));

test('a customer is shown with the sections of the plugins, masked', async () => {
	const id = await customer('likes tea', 'second');
	const { status, json } = await show(id);
	assert.equal(status, 200);
	assert.match(json.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
	assert.deepEqual(json, { id, created_at: json.created_at, erased_at: null, identities: [], conversations: [], section: { notes: ['***', '***'] } });
});

test('what is kept about a customer cannot be read in the database, and each customer has another key', async () => {
	const one = await customer('the same text'), two = await customer('the same text');
	assert.equal(await system.number("SELECT COUNT(*) FROM section_note WHERE text LIKE '%same text%'"), 0);
	await system.sql(`UPDATE section_note a JOIN section_note b ON b.customer = ${two} SET a.text = b.text WHERE a.customer = ${one}`);
	assert.equal((await system.get(`/api/section/${one}`)).status, 500);
	assert.deepEqual((await system.get(`/api/section/${two}`)).json, ['the same text']);
});

test('an export holds everything and leaves an audit entry', async () => {
	const id = await customer('电话 13800138000');
	const { status, json } = await post(`/api/customers/${id}/export`, {}, 'admin');
	assert.equal(status, 200);
	assert.deepEqual(json.section, { notes: ['电话 13800138000'] });
	assert.deepEqual(await audited('customer.export', id), [{ actor: 'key:admin' }]);
	const { stdout, status: ended } = await system.wecomd('customer', 'export', String(id));
	assert.equal(ended, 0);
	assert.deepEqual(JSON.parse(stdout), json);
	assert.deepEqual((await audited('customer.export', id)).map(({ actor }) => actor), ['key:admin', 'command']);
});

test('an erasure takes the sections\' rows and the key; a copy of what was sealed does not open any more', async () => {
	const id = await customer('to be forgotten');
	await system.sql(`CREATE TABLE IF NOT EXISTS section_backup AS SELECT * FROM section_note WHERE customer = ${id}`);
	const { status, json } = await post(`/api/customers/${id}/erase`, { reason: 'asked for it', confirm: String(id) }, 'admin');
	assert.equal(status, 200);
	assert.ok(json.erased_at);
	assert.equal(json.section, undefined);
	assert.equal(await system.number(`SELECT COUNT(*) FROM section_note WHERE customer = ${id}`), 0);
	assert.equal(await system.number(`SELECT COUNT(*) FROM customer WHERE id = ${id} AND data_key IS NULL`), 1);
	await system.sql('INSERT INTO section_note SELECT * FROM section_backup');
	// Each web process may remember the key for a second.
	await waitFor('that no process opens it', async () => {
		const answers = await Promise.all(Array.from({ length: 12 }, () => system.get(`/api/section/${id}`)));
		return answers.every((answer) => answer.status === 404);
	}, { ms: 3000 });
	assert.equal((await post(`/api/section/${id}`, { text: 'late' })).status, 404);
	assert.deepEqual(await audited('customer.erase', id),
		[{ actor: 'key:admin', reason: 'asked for it', sections: ['identities', 'conversations', 'section', 'nothing'] }]);
});

test('a customer is erased once', async () => {
	const id = await customer('x');
	const body = { reason: 'r', confirm: String(id) };
	const answers = await Promise.all([1, 2, 3].map(() => post(`/api/customers/${id}/erase`, body, 'admin')));
	assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409]);
	assert.equal((await audited('customer.erase', id)).length, 1);
	assert.ok((await show(id)).json.erased_at);
	assert.equal((await system.wecomd('customer', 'erase', String(id), '--reason', 'r', '--confirm', String(id))).status, 1);
});

test('an erasure must be confirmed with the id and given a reason', async () => {
	const id = await customer('stays');
	for (const body of [{}, { reason: 'r' }, { confirm: String(id) }, { reason: '', confirm: String(id) }, { reason: 'r', confirm: `${id}0` },
		{ reason: 'r', confirm: id }, { reason: 'x'.repeat(401), confirm: String(id) }, { reason: 'r', confirm: String(id), more: 1 }])
		assert.equal((await post(`/api/customers/${id}/erase`, body, 'admin')).status, 422, JSON.stringify(body));
	for (const args of [[], [String(id)], [String(id), '--reason', 'r'], [String(id), '--reason', 'r', '--confirm', '0'], [String(id), '--confirm', String(id)]])
		assert.equal((await system.wecomd('customer', 'erase', ...args)).status, 2, args.join(' '));
	assert.deepEqual((await system.get(`/api/section/${id}`)).json, ['stays']);
});

test('the command erases too', async () => {
	const id = await customer('by command');
	const { status, stdout } = await system.wecomd('customer', 'erase', String(id), '--reason', 'letter of 1 May', '--confirm', String(id));
	assert.equal(status, 0);
	assert.match(stdout, /is erased/);
	assert.equal((await audited('customer.erase', id))[0].actor, 'command');
});

test('when a section cannot be erased nothing is', async () => {
	const id = await customer('half');
	fs.appendFileSync(system.conf, '[section]\nbroken = on\n');
	const refused = await system.wecomd('customer', 'erase', String(id), '--reason', 'r', '--confirm', String(id));
	fs.writeFileSync(system.conf, fs.readFileSync(system.conf, 'utf8').replace(/\[section\]\nbroken = on\n/, ''));
	assert.equal(refused.status, 1);
	assert.match(refused.stderr, /section section: this section refuses/);
	assert.deepEqual((await system.get(`/api/section/${id}`)).json, ['half']);
	assert.equal((await show(id)).json.erased_at, null);
	assert.equal((await audited('customer.erase', id)).length, 0);
});

test('who may do what', async () => {
	const id = await customer('x');
	const expected = { show: 'viewer', export: 'admin', erase: 'admin' };
	const calls = {
		show: (role) => system.get(`/api/customers/${id}`, role ? as(role) : {}),
		export: (role) => post(`/api/customers/${id}/export`, {}, role),
		erase: (role) => post(`/api/customers/${id}/erase`, { reason: 'r', confirm: 'no' }, role),
	};
	const roles = [undefined, 'viewer', 'operator', 'approver', 'admin'];
	for (const [name, call] of Object.entries(calls))
		for (const role of roles) {
			const { status } = await call(role);
			if (!role) assert.equal(status, 401, name);
			else if (roles.indexOf(role) < roles.indexOf(expected[name])) assert.equal(status, 403, `${name} ${role}`);
			else assert.equal(status, name === 'erase' ? 422 : 200, `${name} ${role}`);
		}
});

test('a customer that is not there, or no id at all, is not found', async () => {
	for (const id of ['999999', '0', '-1', 'x', '1x', '01', '99999999999999999999', '1%20']) {
		assert.equal((await show(id)).status, 404, id);
		assert.equal((await post(`/api/customers/${id}/export`, {}, 'admin')).status, 404, id);
		assert.equal((await post(`/api/customers/${id}/erase`, { reason: 'r', confirm: decodeURIComponent(id) }, 'admin')).status, 404, id);
	}
	assert.equal((await system.wecomd('customer', 'export', '999999')).status, 1);
});

test('a wrapped key that was changed opens nothing', async () => {
	const id = await customer('x');
	await system.sql(`UPDATE customer SET data_key = CONCAT(LEFT(data_key, 20), 'x', SUBSTRING(data_key, 22)) WHERE id = ${id}`);
	await waitFor('that no process knows the key', async () => (await system.get(`/api/section/${id}`)).status === 500, { ms: 4000 });
	assert.equal((await show(id)).status, 500);
});

test('the privacy notice is told once to each customer, and not at all while none is set', async () => {
	const contact = async (id) => (await post(`/api/section/${id}/contact`, {})).json.notice;
	const [early, late] = [await customer('a'), await customer('b')];
	assert.equal(await contact(early), null);
	await system.wecomd('settings', 'set', 'customer', 'privacy_notice', '我们怎样使用您的信息');
	await waitFor('the notice', async () => await contact(early) === '我们怎样使用您的信息');
	await waitFor('every process to know it', async () => {
		const told = await Promise.all(Array.from({ length: 8 }, () => contact(late)));
		return told.includes('我们怎样使用您的信息');
	});
	for (const id of [early, late, early, late]) assert.equal(await contact(id), null);
});
