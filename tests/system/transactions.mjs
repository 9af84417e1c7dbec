// Every kind of transaction, and what tries them out: an operation runs with each fault at each of its transactions'
// statements, and afterwards the books must say the same as after a run without faults.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { FAULTS, startProxy } from './db-proxy.mjs';
import { root, startSystem, tempFolder, waitFor } from './harness.mjs';

// --- the kinds ---

// Name → {file of the tests that break it, the function that does it (as "file function"), a pattern of one of its statements}. A transaction that
// fits none of them fails the tests, and so does one in the sources that is not named here.
export const kinds = {};

function kind(file, name, at, has, more = {}) {
	kinds[name] = { file, at: at.split(', '), has, ...more };
}

const work = 'transactions', admin = 'transactions-admin', bot = 'transactions-smartbot', wecom = 'transactions-clock', clock = 'transactions-clock', session = 'transactions-sessions', talk = 'transactions-talk';

kind(work, 'inbox commit', 'core/work/inbox.c write_batch', /^INSERT IGNORE INTO inbox_event/);
kind(work, 'job claim', 'core/work/claim.c take', /^UPDATE job SET state = 2, fence = fence \+ 1/);
kind(work, 'job settlement', 'core/work/claim.c settle', /^UPDATE job SET state = [134], (finished_at|due_at) = NOW\(3\).* WHERE id = \? AND fence = \? AND state = 2/);
kind(clock, 'job lease', 'core/work/claim.c renew_some', /^UPDATE job SET due_at = NOW\(3\) \+ INTERVAL \? MICROSECOND WHERE state = 2 AND owner = \?/);
kind(clock, 'job recovery, expired', 'core/work/claim.c claim_recover_expired', /^UPDATE job SET state = 1, owner = NULL, crashes = crashes \+ 1,.*due_at < NOW\(3\)$/);
kind(clock, 'job recovery, dead', 'core/work/claim.c claim_recover_dead', /^UPDATE job SET state = 1, owner = NULL, crashes = crashes \+ 1,.*owner = \?$/);
kind(work, 'job retry', 'core/work/jobs.c how, core/work/jobs.c retry', /^UPDATE job SET state = \?, lane_no = \?/, { unless: /^SELECT id, lane FROM job/ });
kind(work, 'jobs retried together', 'core/work/bulk.c retry_all', /^SELECT id, lane FROM job WHERE state = 4/);
kind(work, 'job cancel', 'core/work/jobs.c how', /^UPDATE job SET (state = 4, finished_at = NOW\(3\), due_at = NOW\(3\), error = CONCAT|cancel_by = \?)/);
kind(work, 'job add', 'core/work/lanes.c add_alone', /^INSERT IGNORE INTO job \(kind/, { unless: /inbox_|UPDATE timer/ });
kind(work, 'lease', 'core/work/lease.c hold', /^UPDATE lease SET owner = \?, fence/);
kind(work, 'lease release', 'core/work/lease.c wc_lease_release', /^UPDATE lease SET owner = NULL/);
kind(work, 'rate slice', 'core/work/rate.c take_slice', /^UPDATE rate_bucket/);
kind(work, 'ledger intent', 'core/work/ledger.c begin', /^INSERT .*INTO outbound_call/);
kind(work, 'ledger end', 'core/work/ledger.c end', /^UPDATE outbound_call SET state = \?/);
kind(clock, 'ledger, given up', 'core/work/ledger.c end', /^UPDATE outbound_call SET state = 4/);
kind(clock, 'ledger, uncertain', 'core/work/ledger.c make_uncertain', /^UPDATE outbound_call SET state = 3/);
kind(clock, 'ledger, asked again later', 'core/work/ledger.c ask_again_later', /^UPDATE outbound_call SET reconciles/);
kind(clock, 'timer tick', 'core/work/timer.c tick', /^UPDATE timer SET last_tick/);
kind(clock, 'timer seen first', 'core/work/timer.c begin', /^INSERT IGNORE INTO timer/);
kind(work, 'retention', 'core/work/retention.c apply', /^DELETE FROM (inbox_event|inbox_replay|job|ai_call|lease|rate_bucket|tx_mark) WHERE/);
kind(work, 'retention of lanes', 'core/work/retention.c sweep_lanes', /^SELECT lane FROM job_lane WHERE lane > \?/);
kind(work, 'replay', 'core/work/replay.c replay', /^INSERT IGNORE INTO inbox_replay/);
kind(bot, 'model call noted', 'core/work/explain.c ai_call_note', /^INSERT INTO ai_call/);
kind(work, 'settings change', 'core/host/settings.c write_all', /^UPDATE setting_version/);
kind(clock, 'sign of life', 'core/host/beat.c write_beat', /^INSERT INTO process/);
kind(clock, 'last sign of life', 'core/host/beat.c remove_row, core/host/beat.c beat_end, core/host/backup.c forget_processes', /^DELETE FROM process/);
kind(work, 'idempotency begin', 'core/web/idempotency.c claim', /^INSERT (IGNORE )?INTO idempotency/);
kind(work, 'idempotency end', 'core/web/idempotency.c keep', /^UPDATE idempotency SET state/);
kind(work, 'idempotency given back', 'core/web/idempotency.c give_back', /^DELETE FROM idempotency WHERE key_hash/);
kind(work, 'idempotency forgotten', 'core/web/api.c forget_answers', /^DELETE FROM idempotency WHERE expires_at/);
kind(admin, 'audit chain', 'core/admin/chain.c extend', /^UPDATE audit_log SET seq/);
kind(admin, 'audit retention', 'core/admin/chain.c prune_batch', /^DELETE FROM audit_log/);
kind(admin, 'audit entry alone', 'core/work/audit.c insert', /^INSERT INTO audit_log/, { only: true });
kind(admin, 'user added', 'core/admin/users.c add', /^INSERT INTO admin_user/);
kind(admin, 'user changed', 'core/admin/users.c change', /^UPDATE admin_user SET role = \?/);
kind(admin, 'key added', 'core/admin/keys.c add', /^INSERT INTO api_key/);
kind(admin, 'key revoked', 'core/admin/keys.c revoke', /^DELETE FROM api_key/);
kind(admin, 'key used', 'core/admin/keys.c note_use', /^UPDATE api_key SET last_used_at/);
kind(session, 'session begun', 'core/admin/sessions.c log_in', /^INSERT INTO admin_session/);
kind(session, 'session ended', 'core/admin/sessions.c end', /^DELETE FROM admin_session WHERE id = \?/);
kind(session, 'session prolonged', 'core/admin/sessions.c touch', /^UPDATE admin_session SET seen_at/);
kind(session, 'sessions cleaned', 'core/admin/sessions.c clean_ended', /^DELETE FROM admin_session WHERE seen_at/);
kind(session, 'one-time codes begun', 'core/admin/totp_routes.c begin', /^UPDATE admin_user SET totp_secret = \?/);
kind(session, 'one-time codes on', 'core/admin/totp_routes.c confirm', /^UPDATE admin_user SET totp_on = TRUE/);
kind(session, 'one-time code used', 'core/admin/totp.c use_clock_code', /^UPDATE admin_user SET totp_step/);
kind(session, 'recovery code used', 'core/admin/totp.c use_recovery_code', /^DELETE FROM admin_recovery_code WHERE user_id = \? AND code_hash/);
kind(session, 'throttle', 'core/admin/throttle.c take', /^INSERT INTO admin_throttle/);
kind(session, 'throttle cleaned', 'core/admin/throttle.c clean', /^DELETE FROM admin_throttle/);
kind(session, 'throttle forgives', 'core/admin/throttle.c throttle_forgive', /^UPDATE admin_throttle SET failures = (0, until_at = NULL, known_at|GREATEST)/);
kind(session, 'throttle gives back', 'core/admin/throttle.c give_back', /^UPDATE admin_throttle SET failures = failures - 1/);
kind(admin, 'throttle cleared', 'core/admin/throttle.c throttle_clear', /^UPDATE admin_throttle SET failures = 0, until_at = NULL WHERE account/);
kind(admin, 'reseal step', 'core/admin/keyring.c write_batch', /^UPDATE `\w+` SET `\w+` = \? WHERE/);
kind(admin, 'customer made', 'core/talk/customer.c insert_customer', /^INSERT INTO customer/);
kind(admin, 'customer erased', 'core/talk/customer.c erase', /^UPDATE customer SET data_key = NULL/);
kind(admin, 'customer told', 'core/talk/customer.c wc_customer_notice', /^UPDATE customer SET notice_at/);
kind(talk, 'message received', 'parley', /^INSERT IGNORE INTO message \(/, { with: /^SELECT id, conversation, customer FROM message WHERE channel/ });
kind(talk, 'message said', 'parley', /^INSERT IGNORE INTO message \(/, { with: /^SELECT id FROM message WHERE say_key/, unless: /audit_log/ });
kind(talk, 'message said by a person', 'core/talk/desk.c fn', /^INSERT IGNORE INTO message \(/, { with: /audit_log/ });
kind(talk, 'message settled', 'parley', /^UPDATE message SET state = 4, outcome = LEFT/, { only: true });
kind(talk, 'message recalled', 'parley', /^UPDATE message SET recalled_at/, { only: true });
kind(talk, 'message delivered', 'core/talk/deliver.c write_delivered_alone', /^UPDATE message SET state = \?, reason = LEFT/);
kind(talk, 'message sent another way', 'core/talk/fallback.c reroute', /^UPDATE message SET state = \?, route = \?/);
kind(talk, 'message given up', 'core/talk/fallback.c give_up', /^UPDATE message SET state = 15/);
kind(talk, 'message of a buried job', 'core/talk/sweep.c how', /^UPDATE message SET (state = 3, outcome = 'person' WHERE id = \?|state = \?, reason = 'abandoned')/, { unless: /SET state = 15/ });
kind(talk, 'conversation handed over', 'parley', /^UPDATE conversation SET handler = 1/, { unless: /audit_log|INTO message \(|UPDATE message SET state = (15|\?, reason)|state = 3, outcome = 'person' WHERE id/ });
kind(talk, 'conversation taken', 'core/talk/desk.c fn', /^UPDATE conversation SET handler = 1/, { with: /audit_log/, unless: /INTO message \(/ });
kind(talk, 'conversation handed back', 'core/talk/desk.c fn', /^UPDATE conversation SET handler = 0/);
kind(talk, 'conversation closed', 'core/talk/desk.c fn', /^UPDATE conversation SET is_open = NULL/);
kind(talk, 'draft decided', 'core/talk/desk.c fn', /^UPDATE message SET state = 1[19] WHERE id/);
kind(talk, 'file kept', 'core/talk/media.c keep', /^INSERT INTO media \(/);
kind(talk, 'file removed', 'core/talk/media.c remove_file', /^DELETE FROM media_file/);
kind(talk, 'retention of conversations', 'core/talk/retention.c apply, core/talk/retention.c forget_words', /^DELETE FROM (message|conversation_event|conversation|media|message_words) WHERE/);
kind(talk, 'parley', 'parley', /parley_/);
kind(admin, 'migration', 'core/db/migrate.c apply', /^INSERT INTO schema_migration/);
kind(bot, 'stream opened', 'plugins/smartbot/stream.c open_row', /^INSERT INTO smartbot_stream/);
kind(bot, 'stream shown', 'plugins/smartbot/stream.c stream_show', /^UPDATE smartbot_stream SET content = \? WHERE/);
kind(bot, 'stream ended', 'plugins/smartbot/stream.c end_row', /^UPDATE smartbot_stream SET content = \?, finished = 1/);
kind(bot, 'picture attached', 'plugins/smartbot/stream.c attach_row', /^INSERT INTO smartbot_image/);
kind(bot, 'card attached', 'plugins/smartbot/stream.c card_row', /^UPDATE smartbot_stream SET card = \?/);
kind(bot, 'person kept', 'plugins/smartbot/stream.c person_keep', /^INSERT IGNORE INTO smartbot_person/, { only: true });
kind(bot, 'turn remembered later', 'plugins/smartbot/memory.c memory_add', /^INSERT IGNORE INTO smartbot_turn/, { only: true });
kind(bot, 'conversation begun', 'plugins/smartbot/memory.c memory_open', /^INSERT IGNORE INTO smartbot_conversation/);
kind(bot, 'conversation cleared', 'plugins/smartbot/api.c forget', /^UPDATE smartbot_conversation SET summary = NULL/, { with: /audit_log/ });
kind(bot, 'conversation cleared by its person', 'plugins/smartbot/memory.c clear', /^UPDATE smartbot_conversation SET summary = NULL/, { unless: /audit_log/ });
kind(bot, 'role chosen', 'plugins/smartbot/memory.c memory_set_role', /^UPDATE smartbot_conversation SET role/);
kind(bot, 'summary', 'plugins/smartbot/memory.c write_summary', /^UPDATE smartbot_conversation SET summary = \?/);
kind(bot, 'use counted', 'plugins/smartbot/usage.c usage_add', /^INSERT INTO smartbot_usage/);
kind(bot, 'reply not sent', 'plugins/smartbot/reply.c settle', /^UPDATE smartbot_reply SET calls = calls \+ 1/);
kind(bot, 'reply kept', 'plugins/smartbot/reply.c reply_keep', /^INSERT IGNORE INTO smartbot_reply/, { only: true });
kind(bot, 'card kept', 'plugins/smartbot/touch.c keep_card', /^INSERT IGNORE INTO smartbot_card/);
kind(bot, 'press kept', 'plugins/smartbot/touch.c take_note', /^INSERT IGNORE INTO smartbot_press/);
kind(bot, 'retention of the bots', 'plugins/smartbot/retention.c delete_rows', /^DELETE FROM smartbot_\w+ WHERE (at|asked_at|expires_at|day|updated_at|TRUE)\b/);
kind(bot, 'feedback', 'plugins/smartbot/touch.c feedback_run', /^INSERT IGNORE INTO smartbot_feedback/);
kind(bot, 'bot changed', 'plugins/smartbot/api.c write_change', /^UPDATE smartbot_bot SET persona/, { with: /audit_log/ });
kind(clock, 'bot seeded', 'plugins/smartbot/bot.c seed', /^SELECT seed_hash FROM smartbot_bot/);
kind(bot, 'role changed', 'plugins/smartbot/api.c write_role', /^(INSERT INTO|DELETE FROM) smartbot_role/);
kind(wecom, 'token looked at', 'core/wecom/token_row.c look_tx', /^SELECT token, version/);
kind(wecom, 'token stored', 'core/wecom/token_row.c row_store', /^UPDATE api_token SET token = \?/);
kind(wecom, 'token refused', 'core/wecom/token_row.c row_fail', /^UPDATE api_token SET failures/);
kind(wecom, 'tokens swept', 'core/wecom/token_row.c row_sweep', /^DELETE FROM api_token/);
kind(wecom, 'callback addresses', 'core/wecom/addresses.c replace_list', /^DELETE FROM wecom_callback_address/);

const kf = 'transactions-kf';
kind(kf, 'kf noted', 'plugins/kf/account.c accounts_sync, plugins/kf/body.c upload, plugins/kf/people.c closed_run, plugins/kf/people.c unclaim, plugins/kf/people.c wants_person, plugins/kf/pull.c ask_with_or_without, plugins/kf/pull.c begin, plugins/kf/pull.c note_error, plugins/kf/ring.c pass_buried, plugins/kf/send.c note_tries, plugins/kf/session.c session_shut',
	/^(UPDATE kf_(account|door|session|send|servicer) SET|INSERT INTO kf_upload|INSERT IGNORE INTO kf_member)/, { only: true });
kind(kf, 'kf page', 'plugins/kf/pull.c write_page', /^UPDATE kf_account SET sync_cursor/);
kind(kf, 'kf answer', 'plugins/kf/answer.c write_ending, plugins/kf/people.c say_notice, plugins/kf/channel.c give_away, plugins/kf/tick.c say, plugins/kf/tick.c close_it',
	/^UPDATE message SET state = 2, outcome = 'answered'/, { unless: /audit_log/ });
kind(kf, 'kf send begun', 'plugins/kf/channel.c insert_send', /^INSERT INTO kf_send \(/);
kind(kf, 'kf send ended', 'plugins/kf/send.c settle', /^UPDATE kf_send SET state = \?, answer/, { with: /^UPDATE kf_session SET last_ms/ });
kind(kf, 'kf accounts listed', 'plugins/kf/account.c keep_list', /^UPDATE kf_account SET listed = FALSE/);
kind(kf, 'kf servicers listed', 'plugins/kf/people.c keep_servicers', /^UPDATE kf_servicer SET seen_at = '2000/);
kind(kf, 'kf servicer claimed', 'plugins/kf/people.c claim', /^SELECT member FROM kf_servicer WHERE account_id = \? FOR UPDATE/);
kind(kf, 'kf settings changed', 'plugins/kf/api.c write_settings', /^UPDATE kf_account SET settings = \?/, { with: /audit_log/ });
kind(kf, 'kf link kept', 'plugins/kf/api.c write_link', /^INSERT INTO kf_link/);
kind(kf, 'kf door seeded', 'plugins/kf/account.c seed', /^SELECT seed_hash FROM kf_door/);
kind(kf, 'retention of kf', 'plugins/kf/retention.c delete_rows', /^DELETE FROM kf_\w+ WHERE/);

const body = (tx) => tx.statements.filter((sql) => !/^(BEGIN|COMMIT|ROLLBACK)$/.test(sql));

function fits(tx, { has, only, unless, with: along }) {
	const statements = body(tx);
	return statements.some((sql) => has.test(sql)) && !(only && statements.length > 1) &&
		!(unless && statements.some((sql) => unless.test(sql))) && !(along && !statements.some((sql) => along.test(sql)));
}

// Those of transactions that only look. A lost connection is all that can happen to them.
const reads = (tx) => body(tx).every((sql) => /^(SELECT|SHOW)\b/.test(sql));

// Statements of migrations.
const MIGRATES = /^(--|CREATE|ALTER|DROP|INSERT IGNORE INTO (audit_chain|setting_version|smartbot_role) |INSERT INTO (things_thing|section_note)|UPDATE ai_call SET failed = TRUE WHERE result|UPDATE job SET due_at = finished_at )/;

export const kindOf = (tx) => Object.keys(kinds).find((name) => fits(tx, kinds[name]));

// --- what the sources hold ---

// "file function" of each transaction in core and the smartbot: what is passed to wc_db_tx(), and who calls wc_db_exec(NULL, …).
export function transactionsInSources() {
	const found = new Set();
	const folders = [...fs.readdirSync(path.join(root, 'core')).filter((name) => name !== 'include').map((name) => `core/${name}`), 'plugins/smartbot', 'plugins/kf'];
	for (const folder of folders) {
		for (const name of fs.readdirSync(path.join(root, folder)).filter((one) => one.endsWith('.c'))) {
			let inside = '';
			for (const line of fs.readFileSync(path.join(root, folder, name), 'utf8').split('\n')) {
				inside = /^[a-z][\w *]*?(\w+)\([^;]*$/.exec(line)?.[1] ?? inside;
				for (const [, fn] of line.matchAll(/wc_db_tx\((\w+),/g)) found.add(`${folder}/${name} ${fn}`);
				if (/wc_db_exec(_v)?\(NULL,|wc_db_exec_once\(/.test(line)) found.add(`${folder}/${name} ${inside}`);
			}
		}
	}
	for (const name of ['run_single', 'wc_db_exec_v', 'wc_db_exec_once_v']) found.delete(`core/db/pool.c ${name}`);
	return found;
}

// --- a system behind the proxy ---

// Where a transaction can be broken: at each statement but its BEGIN.
function placesOf(name, { statements }) {
	const places = statements.map((sql, i) => ({
		name,
		where: `${name}, ${i + 1} of ${statements.length}: ${sql}`,
		here: (one, before) => one === sql && before.length === i && before.every((text, at) => text === statements[at]),
	}));
	// Ten rows in a loop: the first.
	return places.filter((_, i) => (i > 0 || statements.length === 1) && statements.indexOf(statements[i]) === i);
}

// The command-line client as the database's root, kept open: it answers in a millisecond.
class Books {
	constructor(socket) {
		const args = ['--no-defaults', '--user=root', `--socket=${socket}`, '--batch', '--unbuffered', '--skip-column-names', 'wecomd'];
		this.child = spawn('mariadb', args, { stdio: ['pipe', 'pipe', 'inherit'] });
		this.said = '';
		this.turn = Promise.resolve();
		this.child.stdout.setEncoding('utf8').on('data', (piece) => {
			this.said += piece;
			if (this.said.endsWith('--that was all--\n')) this.done?.();
		});
	}

	sql(statement) {
		const answer = this.turn.then(() => new Promise((resolve, reject) => {
			this.child.once('close', reject);
			this.done = () => {
				this.child.off('close', reject);
				const lines = this.said.split('\n').slice(0, -2);
				this.said = '';
				resolve(lines.map((line) => line.split('\t')));
			};
			this.child.stdin.write(`${statement};\nSELECT '--that was all--';\n`);
		}));
		this.turn = answer.catch(() => {});
		return answer;
	}

	close() { this.child.stdin.end(); }
}

// What comes and goes by itself.
const UNSTEADY = ['process', 'lease', 'rate_bucket', 'tx_mark', 'timer', 'api_token', 'admin_throttle', 'schema_migration', 'setting_version'];

export class Bench {
	// file: of the tests, as the kinds name it. plugins: as in startSystem().
	static async start(file, { conf = '', folder, plugins } = {}) {
		const bench = new Bench();
		const state = tempFolder();
		bench.file = file;
		bench.covered = new Map();      // kind → how many faults
		bench.proxy = await startProxy({ at: path.join(state, 'proxy.sock'), to: path.join(state, 'run/db.sock') });
		bench.folder = folder;
		try {
			bench.system = await startSystem({ state, plugins, conf: `[db]\nsocket = ${state}/proxy.sock\n${conf}` });
		} catch (error) {
			await bench.proxy.close();
			throw error;
		}
		bench.books = new Books(bench.system.socket);
		const tables = await bench.books.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'wecomd'");
		bench.tables = tables.flat().filter((table) => !UNSTEADY.includes(table));
		// A tick of the clock adds a job under its own key, whenever it comes.
		const rows = (table) => `\`${table}\`${table === 'job' ? " WHERE job_key IS NULL OR job_key NOT LIKE 'timer/%'" : ''}`;
		bench.count = bench.tables.map((table) => `SELECT '${table}', COUNT(*) FROM ${rows(table)}`).join(' UNION ALL ');
		return bench;
	}

	async stop() {
		this.books?.close();
		await this.system?.stop();
		await this.proxy.close();
	}

	sql(statement) { return this.books.sql(statement); }

	async one(statement) { return (await this.books.sql(statement))[0]?.[0]; }

	async counts() { return new Map((await this.sql(this.count)).map(([table, n]) => [table, Number(n)])); }

	// Runs the operation; what it changed in the number of rows, and the transactions meanwhile.
	async measure(run, { settle } = {}) {
		const before = await this.counts();
		const first = this.proxy.transactions.length;
		const result = await run();
		if (settle) await settle();
		const after = await this.counts();
		const delta = Object.fromEntries([...after].map(([table, n]) => [table, n - before.get(table)]).filter(([, n]) => n));
		return { delta, result, transactions: this.proxy.transactions.slice(first) };
	}

	// Each fault at each statement of each transaction that the operation makes of these kinds. The operation says by an exception that it
	// did not succeed. Options: settle waits until all consequences are there; check compares more books (what it returns must be the
	// same after each run); atOnce: all faults one after another in one run, in transactions of several kinds at once; ignore: tables whose number of rows is not the operation's alone; prepare: before each run, unmeasured.
	async everyFault(names, operation, { settle, check, prepare, ignore = [], faults = FAULTS, atOnce = false } = {}) {
		const run = async () => {
			const prepared = await prepare?.();
			const measured = await this.measure(() => operation(prepared), { settle });
			for (const table of ignore) delete measured.delta[table];
			return { ...measured, told: await check?.(prepared, measured.result) };
		};
		await run();      // what happens once, such as the first of a kind, is behind
		const clean = await run();
		const broken = names.flatMap((name) => {
			const shapes = new Map(clean.transactions.filter((tx) => fits(tx, kinds[name])).map((tx) => [tx.statements.join('; '), tx]));
			assert.ok(shapes.size, `the operation makes no transaction of the kind "${name}":\n${clean.transactions.map((tx) => tx.statements.join('; ')).join('\n')}`);
			return [...shapes.values()].map((tx) => placesOf(name, tx));
		});
		if (atOnce) {
			// One place of each transaction in a run.
			for (let i = 0; i < Math.max(...broken.map((places) => places.length)); i++)
				await this.breakAt(broken.filter((places) => places[i]).map((places) => places[i]), faults, clean, run);
		} else {
			for (const place of broken.flat())
				for (const fault of faults) await this.breakAt([place], [fault], clean, run);
		}
	}

	async breakAt(places, faults, clean, run) {
		const rules = places.flatMap(({ here }) => faults.map((fault) => this.proxy.arm(fault, here)));
		try {
			const { delta, told } = await run();
			const idle = places.filter((_, i) => rules.slice(i * faults.length, (i + 1) * faults.length).some((rule) => !rule.fired));
			if (idle.length) throw new Error(`the statement did not come: ${idle.map(({ where }) => where).join(', ')}`);
			const [is, shall] = [{ delta, told }, { delta: clean.delta, told: clean.told }].map((books) => JSON.stringify(books));
			if (is !== shall) throw new Error(`the books say ${is}\nand not         ${shall}`);
		} catch (error) {
			throw new Error(`${faults} at ${places.map(({ where }) => where).join('\nand at ')}\n${error.message}`, { cause: error });
		} finally {
			this.proxy.disarm();
		}
		for (const { name } of places) this.covered.set(name, (this.covered.get(name) ?? 0) + faults.length);
	}

	// Fails when this run saw a transaction of no kind, or when a kind of this file was not broken.
	complete() {
		const unknown = this.proxy.transactions.filter((tx) => ['commit', 'alone'].includes(tx.end) && !reads(tx) && !kindOf(tx) && !MIGRATES.test(tx.statements[0]));
		assert.deepEqual([...new Set(unknown.map((tx) => tx.statements.join('; ').slice(0, 300)))], [], 'transactions of no kind');
		const left = Object.keys(kinds).filter((name) => kinds[name].file === this.file && !this.covered.has(name));
		assert.deepEqual(left, [], 'kinds that nothing was done to');
		console.log([...this.covered].map(([name, n]) => `${name}: ${n} faults`).join('\n'));
	}
}
