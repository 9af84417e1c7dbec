/* The outbound ledger: an intent before the call, an outcome after it, and jobs that find out what became of the uncertain.
 *
 * An intent that is INTENT_MIN minutes old, or whose process is known to be dead, is uncertain: no call takes so long. Each question to
 * the other side is a job of its own, keyed by row and number, so one node asks once. What it cannot say in QUESTIONS_MAX of them, some three
 * days, is given up: to who calls it stays uncertain, and an outcome that comes late is still taken. */
#include "work/desk.h"
#include "work/owner.h"
#include "work/tick.h"

#include "base/base.h"
#include "db/db.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <inttypes.h>
#include <string.h>

#define KEY_MAX     64
#define KIND_MAX    64
#define TARGET_MAX  1024
#define DETAILS_MAX (64u << 10)
#define ANSWER_MAX  120
#define AT_ONCE     50
#define INTENT_MIN  "10"
#define END_WAIT_MS 20000
#define QUESTIONS_MAX 20

/* Behind the outcomes that plugins know. */
enum { GIVEN_UP = WC_OUT_UNCERTAIN + 1 };

static const char *const states[] = {"intent", "done", "failed", "uncertain", "given_up"};
static const struct worker_reconciler *reconcilers;

void ledger_use(const struct worker_reconciler *r)
{
	reconcilers = r;
}

const char *outbound_state(int64_t state)
{
	return states[state];
}

static wc_outcome outcome_of(int64_t state)
{
	return state == GIVEN_UP ? WC_OUT_UNCERTAIN : (wc_outcome)state;
}

/* --- begin ---------------------------------------------------------------------------------------------------------- */

struct begin {
	const wc_outbound *out;
	const char        *details;
	unsigned char      token[16];
	wc_outcome         before;
	bool               is_new;
};

static void target_hash(unsigned char hash[WC_HASH_SIZE], const char *target)
{
	wc_keyed_hash(hash, "outbound.target", target, NULL);
}

static int insert_intent(wc_db *db, wc_arena *a, const struct begin *b, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	const char   *to      = b->out->target;
	wc_slice      target  = wc_seal(a, "outbound_call.target", (wc_slice){to, strlen(to)});
	wc_slice      details = wc_seal(a, "outbound_call.details", (wc_slice){b->details, strlen(b->details)});

	target_hash(hash, to);
	return wc_db_exec(db, e,
	                  "INSERT IGNORE INTO outbound_call (call_key, kind, target_hash, target, details, state, owner, token, trace_id, look_at)"
	                  " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, NOW(3) + INTERVAL " INTENT_MIN " MINUTE)",
	                  wc_bytes(b->out->key, strlen(b->out->key)), wc_text(b->out->kind), wc_bytes(hash, sizeof hash),
	                  wc_bytes(target.p, target.n), wc_bytes(details.p, details.n), wc_text(owner_self()),
	                  wc_bytes(b->token, sizeof b->token), wc_text(wc_trace())) < 0 ? -1 : 0;
}

/* The process that meant to call is gone: whether it called nobody here knows. */
static int make_uncertain(wc_db *db, const wc_val key, wc_err *e)
{
	return wc_db_exec(db, e, "UPDATE outbound_call SET state = 3, look_at = NOW(3) WHERE call_key = ? AND state = 0", key) < 0 ? -1 : 0;
}

static int begin(wc_db *db, void *arg, wc_err *e)
{
	struct begin *b   = arg;
	wc_arena     *a   = wc_arena_new();
	wc_val        key = wc_bytes(b->out->key, strlen(b->out->key));
	wc_rows       rows;
	wc_cell       token;
	int           rc = -1;

	if (insert_intent(db, a, b, e) < 0 ||
	    wc_db_query(db, a, &rows, e, "SELECT state, owner, token, look_at <= NOW(3) FROM outbound_call WHERE call_key = ? FOR UPDATE", key) < 0)
		goto out;
	token     = wc_row_cell(&rows, 0, 2);
	b->before = outcome_of(wc_row_int(&rows, 0, 0));
	b->is_new = b->before == WC_OUT_INTENT && token.n == sizeof b->token && !memcmp(token.s, b->token, token.n);
	rc        = 0;
	if (!b->is_new && b->before == WC_OUT_INTENT && (wc_row_int(&rows, 0, 3) || owner_is_dead(wc_row_text(&rows, 0, 1)))) {
		b->before = WC_OUT_UNCERTAIN;
		rc        = make_uncertain(db, key, e);
	}
out:
	wc_arena_free(a);
	return rc;
}

static int check_outbound(const wc_outbound *out, const char *details, wc_err *e)
{
	if (!*out->key || strlen(out->key) > KEY_MAX)
		return wc_fail(e, WC_E_ARG, "outbound %s: a key has 1 to %d bytes", out->kind, KEY_MAX);
	if (strlen(out->kind) > KIND_MAX || strlen(out->target) > TARGET_MAX)
		return wc_fail(e, WC_E_ARG, "outbound %.64s: a kind has at most %d bytes, a target %d", out->kind, KIND_MAX, TARGET_MAX);
	if (strlen(details) > DETAILS_MAX)
		return wc_fail(e, WC_E_TOO_LARGE, "outbound %s: details of more than %u bytes", out->kind, DETAILS_MAX);
	return 0;
}

int wc_outbound_begin(const wc_outbound *out, wc_outcome *before, wc_err *e)
{
	wc_arena    *a = wc_arena_new();
	struct begin b = {.out = out, .details = out->details ? wc_json_text(a, out->details) : "{}"};
	int          rc;

	wc_random(b.token, sizeof b.token);
	rc = check_outbound(out, b.details, e) < 0 ? -1 : wc_db_tx(begin, &b, e);
	if (rc == 0) {
		*before = b.is_new ? WC_OUT_INTENT : b.before;
		rc      = b.is_new;
	}
	wc_arena_free(a);
	return rc;
}

int wc_outbound_look(const char *key, wc_outcome *outcome, wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, a, &rows, e, "SELECT state FROM outbound_call WHERE call_key = ?", wc_bytes(key, strlen(key)));

	if (rc == 0 && rows.n)
		*outcome = outcome_of(wc_row_int(&rows, 0, 0));
	rc = rc < 0 ? -1 : (int)rows.n;
	wc_arena_free(a);
	return rc;
}

/* --- end ------------------------------------------------------------------------------------------------------------ */

struct end {
	const char *key;
	int         state;
	const char *answer;
};

static int audit_outcome(wc_db *db, wc_arena *a, const struct end *end, const wc_rows *row, wc_err *e)
{
	wc_cell        hash  = wc_row_cell(row, 0, 2);
	wc_audit_entry entry = {.actor = "system", .action = wc_printf(a, "outbound.%s", states[end->state]),
	                        .object = wc_printf(a, "outbound:%s", end->key),
	                        .details = wc_json(a, "{s:s, s:s, s:s}", "kind", wc_row_text(row, 0, 1), "target",
	                                           wc_hex(a, (const unsigned char *)hash.s, 16), "answer", end->answer)};

	return wc_audit(db, &entry, e);
}

/* What is given up keeps the answer that left it uncertain; the last question counts too. */
static int write_outcome(wc_db *db, const struct end *x, wc_err *e)
{
	if (x->state == GIVEN_UP)
		return wc_db_exec(db, e, "UPDATE outbound_call SET state = 4, settled_at = NOW(3), reconciles = reconciles + 1 WHERE call_key = ?",
		                  wc_bytes(x->key, strlen(x->key))) < 0 ? -1 : 0;
	return wc_db_exec(db, e,
	                  "UPDATE outbound_call SET state = ?, answer = ?, settled_at = IF(? = 3, NULL, NOW(3)),"
	                  " look_at = NOW(3) + INTERVAL 1 MINUTE WHERE call_key = ?",
	                  wc_int(x->state), wc_text(x->answer), wc_int(x->state), wc_bytes(x->key, strlen(x->key))) < 0 ? -1 : 0;
}

static int end(wc_db *db, void *arg, wc_err *e)
{
	const struct end *x   = arg;
	wc_arena         *a   = wc_arena_new();
	wc_val            key = wc_bytes(x->key, strlen(x->key));
	wc_rows           row;
	int64_t           was;
	int               rc = wc_db_query(db, a, &row, e, "SELECT state, kind, target_hash FROM outbound_call WHERE call_key = ? FOR UPDATE", key);

	was = rc == 0 && row.n ? wc_row_int(&row, 0, 0) : -1;
	if (rc == 0 && was < 0)
		rc = wc_fail(e, WC_E_NOT_FOUND, "outbound %s: there is no intent", x->key);
	else if (rc == 0 && was != x->state && (was == WC_OUT_DONE || was == WC_OUT_FAILED))
		rc = wc_fail(e, WC_E_CONFLICT, "outbound %s is %s; it cannot become %s", x->key, states[was], states[x->state]);
	else if (rc == 0 && was != x->state && !(was == GIVEN_UP && x->state == WC_OUT_UNCERTAIN))
		rc = write_outcome(db, x, e) < 0 ? -1 : audit_outcome(db, a, x, &row, e);
	wc_arena_free(a);
	return rc;
}

/* What came of a call is known here alone, so a database that is away for a moment is waited for. */
static int end_stubbornly(struct end *x, wc_err *e)
{
	int64_t until = wc_mono_ms() + END_WAIT_MS;

	while (wc_db_tx(end, x, e) < 0) {
		if (e->code != WC_E_DB || wc_mono_ms() >= until)
			return -1;
		wc_sleep_ms(250);
	}
	return 0;
}

int wc_outbound_end(const char *key, wc_outcome outcome, const char *answer, wc_err *e)
{
	struct end x = {key, (int)outcome, answer ? answer : ""};

	if (outcome != WC_OUT_DONE && outcome != WC_OUT_FAILED && outcome != WC_OUT_UNCERTAIN)
		return wc_fail(e, WC_E_ARG, "outbound %s: an outcome is done, failed or uncertain", key);
	if (strlen(x.answer) > ANSWER_MAX)
		return wc_fail(e, WC_E_ARG, "outbound %s: an answer is a code of at most %d bytes", key, ANSWER_MAX);
	return end_stubbornly(&x, e);
}

/* --- reconciling ------------------------------------------------------------------------------------------------------ */

static const struct worker_reconciler *find_reconciler(const char *kind)
{
	for (const struct worker_reconciler *r = reconcilers; r && r->reconciler; r++)
		if (!strcmp(r->reconciler->kind, kind))
			return r;
	return NULL;
}

/* A minute, two, four … up to six hours; in the end never. */
static int ask_again_later(int64_t id, const char *key, int64_t asked, wc_err *e)
{
	if (asked + 1 >= QUESTIONS_MAX)
		return wc_db_tx(end, &(struct end){key, GIVEN_UP, ""}, e);
	return wc_db_exec(NULL, e,
	                  "UPDATE outbound_call SET reconciles = ?, look_at = NOW(3) + INTERVAL LEAST(360, POW(2, LEAST(?, 16))) MINUTE"
	                  " WHERE id = ? AND state = 3 AND reconciles = ?",
	                  wc_int(asked + 1), wc_int(asked), wc_int(id), wc_int(asked)) < 0 ? -1 : 0;
}

static int ask(wc_arena *a, const struct worker_reconciler *r, const char *key, wc_cell sealed, wc_outcome *outcome, wc_err *e)
{
	wc_slice plain;
	json_t  *details;

	if (wc_unseal(a, "outbound_call.details", (wc_slice){sealed.s, sealed.n}, &plain, e) < 0 ||
	    !(details = wc_json_parse(a, plain.p, plain.n, e)))
		return -1;
	return r->reconciler->run(a, key, details, outcome, self_now(r->self), e);
}

static int reconcile(wc_job *job, const void *self, wc_err *e)
{
	wc_arena                       *a       = wc_job_arena(job);
	int64_t                         id      = json_integer_value(json_object_get(wc_job_args(job), "id"));
	wc_outcome                      outcome = WC_OUT_UNCERTAIN;
	const struct worker_reconciler *r;
	const char                     *key;
	wc_rows                         rows;
	wc_err                          why;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT call_key, kind, details, reconciles FROM outbound_call WHERE id = ? AND state = 3", wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	key = wc_row_text(&rows, 0, 0);
	if (!(r = find_reconciler(wc_row_text(&rows, 0, 1))))
		wc_log(WC_WARN, "nobody can say how an outward action ended", wc_kv_s("kind", wc_row_text(&rows, 0, 1)), wc_kv_s("key", key));
	else if (ask(a, r, key, wc_row_cell(&rows, 0, 2), &outcome, &why) < 0)
		wc_log(WC_WARN, "an outward action could not be reconciled; asked again later", wc_kv_s("key", key), wc_kv_s("error", why.text));
	else if (outcome == WC_OUT_DONE || outcome == WC_OUT_FAILED)
		return wc_outbound_end(key, outcome, "reconciled", e);
	return ask_again_later(id, key, wc_row_int(&rows, 0, 3), e);
}

static int add_question(const wc_rows *rows, size_t i, wc_arena *a, wc_err *e)
{
	wc_job_spec spec = {.kind = "outbound.reconcile",
	                    .key  = wc_printf(a, "outbound/%s/%s", wc_row_text(rows, i, 0), wc_row_text(rows, i, 1)),
	                    .args = wc_json(a, "{s:I}", "id", (json_int_t)wc_row_int(rows, i, 0))};

	/* What is found out belongs to the story of the send. */
	wc_trace_set(wc_row_text(rows, i, 2));
	return wc_job_add(NULL, &spec, e);
}

void ledger_tick(void)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows = {0};
	wc_err    e;

	if (wc_db_query(NULL, a, &rows, &e, "SELECT id, call_key FROM outbound_call WHERE state = 0 AND look_at <= NOW(3) ORDER BY look_at LIMIT ?",
	                wc_int(AT_ONCE)) < 0)
		goto failed;
	for (size_t i = 0; i < rows.n; i++)
		if (make_uncertain(NULL, wc_bytes(wc_row_cell(&rows, i, 1).s, wc_row_cell(&rows, i, 1).n), &e) < 0)
			goto failed;
	/* Only those whose question was not added yet: a question may take longer than the tick. */
	if (wc_db_query(NULL, a, &rows, &e,
	                "SELECT c.id, c.reconciles, c.trace_id FROM outbound_call c WHERE c.state = 3 AND c.look_at <= NOW(3)"
	                " AND NOT EXISTS (SELECT 1 FROM job j WHERE j.job_key = CONCAT('outbound/', c.id, '/', c.reconciles)) ORDER BY c.look_at LIMIT ?",
	                wc_int(AT_ONCE)) < 0)
		goto failed;
	for (size_t i = 0; i < rows.n; i++)
		if (add_question(&rows, i, a, &e) < 0)
			goto failed;
	wc_arena_free(a);
	return;
failed:
	wc_log(WC_WARN, "the outbound ledger could not be looked through", wc_kv_s("error", e.text));
	wc_arena_free(a);
}

/* --- for people ------------------------------------------------------------------------------------------------------- */

json_t *outbound_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:I, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:I}", "id", (json_int_t)wc_row_int(rows, i, 0), "key",
	                 json_word(rows, i, 1), "kind", json_word(rows, i, 2), "target_hash", wc_row_text(rows, i, 3), "state",
	                 states[wc_row_int(rows, i, 4)], "answer", json_word(rows, i, 5), "trace_id", json_word(rows, i, 6), "created_ms",
	                 json_ms(rows, i, 7), "settled_ms", json_ms(rows, i, 8), "reconciles", (json_int_t)wc_row_int(rows, i, 9));
}

static int state_from(const char *word)
{
	for (int i = 0; i <= GIVEN_UP; i++)
		if (!strcmp(states[i], word))
			return i;
	return -1;
}

int outbound_list(wc_arena *a, const struct outbound_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e)
{
	unsigned char    hash[WC_HASH_SIZE];
	struct db_select s;

	db_select_begin(&s, a, "SELECT id, call_key, kind, LOWER(HEX(SUBSTR(target_hash, 1, 16))), state, answer, trace_id, "
	                       MS("created_at") ", " MS("settled_at") ", reconciles FROM outbound_call");
	db_select_add(&s, " WHERE id < ?", wc_int(before));
	if (f->state)
		db_select_add(&s, " AND state = ?", wc_int(state_from(f->state)));
	db_select_word(&s, " AND kind = ?", f->kind);
	if (f->target) {
		target_hash(hash, f->target);
		db_select_add(&s, " AND target_hash = ?", wc_bytes(hash, sizeof hash));
	}
	db_select_word(&s, " AND trace_id = ?", f->trace_id);
	db_select_time(&s, " AND created_at >= ?", f->since_ms);
	db_select_time(&s, " AND created_at < ?", f->until_ms);
	db_select_add(&s, " ORDER BY id DESC LIMIT ?", wc_int(limit));
	return db_select_run(&s, rows, e);
}

WC_PART(ledger_part, "outbound",
	.summary = "what was done outside, and how it ended",
	.jobs    = WC_JOBS(
		{"outbound.reconcile", reconcile, "asks how an uncertain action ended"}),
	.sealed  = WC_SEALED("outbound_call.target", "outbound_call.details"));
