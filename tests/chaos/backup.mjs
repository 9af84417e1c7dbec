// A backup of a Galera cluster, taken while people write from the node that is written to last, and restored on a server that
// belongs to no cluster.
import assert from 'node:assert/strict';
import path from 'node:path';
import { build, run, waitFor } from '../system/harness.mjs';

export async function backupFromLast(world, load, say) {
	const last = world.databases.at(-1), before = load.sent;
	const conf = (name, text) => world.write(name, `[db]\n${text}`);
	const wecomd = async (file, ...args) => {
		const { status, stdout, stderr } = await run(path.join(build, 'wecomd'), ['-c', world.nodes[0].conf, '-c', file, ...args], { env: world.secrets });
		assert.equal(status, 0, stdout + stderr);
	};

	say(`${String(load.sent).padStart(6)} messages  a backup from the last database node, out of step meanwhile`);
	await last.sql('SET GLOBAL wsrep_desync = ON');
	await wecomd(conf('last.conf', `host = 127.0.0.1:${world.sqlPorts.at(-1)}\n`), 'backup', '--to', world.file('backup'));
	await last.sql('SET GLOBAL wsrep_desync = OFF');
	await waitFor('the last database node in step again', () => world.isSynced(last), { ms: 60_000 });
	await waitFor('messages all the while', () => load.sent > before, { ms: 60_000 });

	await world.simdb.sql('CREATE DATABASE wecomd_two CHARACTER SET utf8mb4');
	await wecomd(conf('two.conf', `socket = ${world.simdb.socket}\nuser = root\npassword =\nname = wecomd_two\n`), 'restore', '--from', world.file('backup'));
	const count = async (statement) => Number((await world.simdb.sql(statement, 'wecomd_two'))[0][0]);
	const events = await count('SELECT COUNT(*) FROM inbox_event');
	assert.ok(events > 0);
	assert.equal(await count("SELECT COUNT(*) FROM job WHERE kind = 'smartbot.answer'"), events, 'the backup is of more than one moment');
	return { backedUp: events };
}
