/* Chaining and checking the audit trail.
 *
 * A locked row (audit_chain 'head') makes one sequencer of all processes: on one database by its lock, on a Galera cluster because
 * both would change it and the second is told so at COMMIT (1213) and runs again. No lease is needed. An entry has two keyed hashes:
 * mac, made when it was written, says that this program wrote it; hash, made when it was chained, holds it in its place. */
#include "admin/chain.h"

#include "crypt/crypt.h"
#include "work/work.h"

#include <wecomd/audit.h>
#include <wecomd/db.h>
#include <wecomd/json.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <inttypes.h>
#include <string.h>

#define BATCH 500
#define HEX   64

/* Columns of a row as the hashes want them. */
#define ROW "id, seq, CAST(at AS CHAR), trace_id, actor, action, object, details, LOWER(HEX(nonce)), LOWER(HEX(mac)), LOWER(HEX(hash))"

struct row {
	int64_t     id, seq;
	const char *id_text, *at, *trace_id, *actor, *action, *object, *details, *nonce, *mac, *hash;
};

static struct row read_row(const wc_rows *rows, size_t i)
{
	return (struct row){
		.id = wc_row_int(rows, i, 0), .seq = wc_row_int(rows, i, 1), .id_text = wc_row_text(rows, i, 0), .at = wc_row_text(rows, i, 2),
		.trace_id = wc_row_text(rows, i, 3), .actor = wc_row_text(rows, i, 4), .action = wc_row_text(rows, i, 5),
		.object = wc_row_text(rows, i, 6), .details = wc_row_text(rows, i, 7), .nonce = wc_row_text(rows, i, 8),
		.mac = wc_row_text(rows, i, 9), .hash = wc_row_text(rows, i, 10)};
}

/* --- hashes --------------------------------------------------------------------------------------------------------- */

static const char no_hash[HEX + 1] = "0000000000000000000000000000000000000000000000000000000000000000";

static void from_hex(unsigned char out[32], const char *hex)
{
	for (size_t i = 0; i < 32; i++) {
		char high = hex[2 * i], low = hex[2 * i + 1];

		out[i] = (unsigned char)((high > '9' ? high - 'a' + 10 : high - '0') << 4 | (low > '9' ? low - 'a' + 10 : low - '0'));
	}
}

static const char *hash_of(wc_arena *a, const char *before, const struct row *r)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "audit.chain", before, wc_printf(a, "%" PRId64, r->seq), r->id_text, r->at, r->trace_id, r->actor, r->action,
	              r->object, r->details, r->nonce, r->mac, NULL);
	return wc_hex(a, hash, sizeof hash);
}

static bool is_ours(wc_arena *a, const struct row *r)
{
	unsigned char mac[32];

	audit_mac(mac, r->nonce, r->trace_id, r->actor, r->action, r->object, r->details);
	return *r->mac && !strcmp(r->mac, wc_hex(a, mac, sizeof mac));
}

/* --- the ends of the chain ------------------------------------------------------------------------------------------ */

struct end {
	int64_t     seq;
	const char *hash;
	bool        found, forged;
};

static const char *end_mac(wc_arena *a, const char *name, int64_t seq, const char *hash)
{
	unsigned char mac[WC_HASH_SIZE];

	wc_keyed_hash(mac, "audit.chain.end", name, wc_printf(a, "%" PRId64, seq), hash, NULL);
	return wc_hex(a, mac, sizeof mac);
}

/* From a row with name, seq, hash and mac. */
static struct end read_end(wc_arena *a, const wc_rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct end end = {wc_row_int(rows, i, 1), wc_row_text(rows, i, 2), true, false};

		if (strcmp(wc_row_text(rows, i, 0), name))
			continue;
		end.forged = end.seq && strcmp(wc_row_text(rows, i, 3), end_mac(a, name, end.seq, end.hash));
		return end;
	}
	return (struct end){0, no_hash, false, false};
}

#define END "SELECT name, seq, LOWER(HEX(hash)), LOWER(HEX(mac)) FROM audit_chain"

static int write_end(wc_db *db, wc_arena *a, const char *name, int64_t seq, const char *hash, wc_err *e)
{
	unsigned char raw_hash[32], raw_mac[32];

	from_hex(raw_hash, hash);
	from_hex(raw_mac, end_mac(a, name, seq, hash));
	return wc_db_exec(db, e, "INSERT INTO audit_chain (name, seq, hash, mac) VALUES (?, ?, ?, ?)"
	                         " ON DUPLICATE KEY UPDATE seq = VALUES(seq), hash = VALUES(hash), mac = VALUES(mac)",
	                  wc_text(name), wc_int(seq), wc_bytes(raw_hash, 32), wc_bytes(raw_mac, 32)) < 0 ? -1 : 0;
}

/* --- chaining ------------------------------------------------------------------------------------------------------- */

struct extending {
	wc_arena  *a;
	struct end head;
	size_t     n;
};

static int chain_row(wc_db *db, struct extending *x, struct row *r, wc_err *e)
{
	unsigned char raw[32];

	r->seq = x->head.seq + 1;
	x->head.hash = hash_of(x->a, x->head.hash, r);
	x->head.seq  = r->seq;
	from_hex(raw, x->head.hash);
	if (!is_ours(x->a, r))
		wc_log(WC_ERROR, "an audit row was not written by this program", wc_kv_i("row", r->id), wc_kv_i("seq", r->seq));
	return wc_db_exec(db, e, "UPDATE audit_log SET seq = ?, hash = ? WHERE id = ? AND seq IS NULL", wc_int(r->seq), wc_bytes(raw, 32),
	                  wc_int(r->id)) < 0 ? -1 : 0;
}

static int extend_locked(wc_db *db, struct extending *x, wc_err *e)
{
	wc_rows rows;

	if (x->head.forged)
		return wc_fail(e, WC_E_INTERNAL, "the head of the audit chain was not written by this program: nothing is chained until a person has "
		                                 "looked at it (wecomd audit verify)");
	if (wc_db_query(db, x->a, &rows, e, "SELECT " ROW " FROM audit_log WHERE seq IS NULL ORDER BY id LIMIT ?", wc_int(BATCH)) < 0)
		return -1;
	for (x->n = 0; x->n < rows.n; x->n++) {
		struct row r = read_row(&rows, x->n);

		if (chain_row(db, x, &r, e) < 0)
			return -1;
	}
	return rows.n ? write_end(db, x->a, "head", x->head.seq, x->head.hash, e) : 0;
}

/* Who finds the head locked leaves it to the other. */
static int extend(wc_db *db, void *arg, wc_err *e)
{
	struct extending *x = arg;
	wc_rows           rows;

	x->n = 0;
	if (wc_db_query(db, x->a, &rows, e, END " WHERE name = 'head' FOR UPDATE SKIP LOCKED") < 0)
		return -1;
	x->head = read_end(x->a, &rows, "head");
	return x->head.found ? extend_locked(db, x, e) : 0;
}

int chain_extend(wc_err *e)
{
	struct extending x = {.a = wc_arena_new()};
	wc_rows          rows;
	int              rc = wc_db_query(NULL, x.a, &rows, e, "SELECT 1 FROM audit_log WHERE seq IS NULL LIMIT 1");

	if (rc == 0 && rows.n)
		rc = wc_db_tx(extend, &x, e);
	/* Logs are often kept elsewhere: there the head is out of reach of who can write to the database. */
	if (rc == 0 && x.n)
		wc_log(WC_INFO, "audit chained", wc_kv_i("rows", (int64_t)x.n), wc_kv_i("seq", x.head.seq), wc_kv_s("hash", x.head.hash));
	wc_arena_free(x.a);
	return rc < 0 ? -1 : x.n == BATCH;
}

/* --- checking ------------------------------------------------------------------------------------------------------- */

struct walk {
	wc_arena            *a;
	struct chain_report *r;
	struct chain_problem **tail;
	struct end           base, head;
	int64_t              max_seq;          /* of any row */
	int64_t              expected;         /* the number that comes next */
	const char          *before;           /* the hash that the row before holds; NULL: it is not there */
	const char          *before_right;     /* and the one it should hold */
};

__attribute__((format(printf, 4, 5)))
static void complain(struct walk *w, int64_t seq, int64_t id, const char *format, ...)
{
	struct chain_problem *p;
	va_list               args;

	if (w->r->problem_count++ >= CHAIN_PROBLEMS_MAX)
		return;
	p = wc_alloc(w->a, sizeof *p);
	va_start(args, format);
	*p = (struct chain_problem){seq, id, wc_vprintf(w->a, format, args), NULL};
	va_end(args);
	*w->tail = p;
	w->tail  = &p->next;
}

/* Head, base and the greatest number at one moment. */
static int read_ends(struct walk *w, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, w->a, &rows, e, "SELECT name, seq, LOWER(HEX(hash)), LOWER(HEX(mac)), (SELECT MAX(seq) FROM audit_log) FROM audit_chain") < 0)
		return -1;
	w->head    = read_end(w->a, &rows, "head");
	w->base    = read_end(w->a, &rows, "base");
	w->max_seq = rows.n ? wc_row_int(&rows, 0, 4) : 0;
	return 0;
}

/* The hash before the first row that is looked at. */
static int find_before(struct walk *w, wc_err *e)
{
	wc_rows rows;

	w->before = w->before_right = NULL;
	if (w->expected == w->base.seq + 1) {
		w->before = w->before_right = w->base.hash;
		return 0;
	}
	if (wc_db_query(NULL, w->a, &rows, e, "SELECT LOWER(HEX(hash)) FROM audit_log WHERE seq = ?", wc_int(w->expected - 1)) < 0)
		return -1;
	if (rows.n)
		w->before = w->before_right = wc_row_text(&rows, 0, 0);
	return 0;
}

/* Retention may have removed rows since we began: then the chain begins later. */
static int skip_removed(struct walk *w, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, w->a, &rows, e, END " WHERE name = 'base'") < 0)
		return -1;
	w->base = read_end(w->a, &rows, "base");
	if (w->base.forged || w->base.seq < w->expected)
		return 0;
	w->expected = w->base.seq + 1;
	w->before = w->before_right = w->base.hash;
	return 0;
}

static void complain_missing(struct walk *w, int64_t through)
{
	if (through == w->expected)
		complain(w, w->expected, 0, "the row is missing");
	else
		complain(w, w->expected, 0, "the rows to %" PRId64 " are missing", through);
	w->before = w->before_right = NULL;
}

static void check_row(struct walk *w, wc_arena *scratch, const struct row *r)
{
	bool        ours  = is_ours(scratch, r);
	const char *right = w->before ? hash_of(scratch, w->before, r) : NULL;
	bool        holds = !right || !strcmp(right, r->hash) || !strcmp(hash_of(scratch, w->before_right, r), r->hash);

	if (!holds && ours)
		complain(w, r->seq, r->id, "its place, its time or its hash was changed, or the row before it is another");
	else if (!holds)
		complain(w, r->seq, r->id, *r->mac ? "it was changed" : "it was changed, or not written by this program");
	else if (!ours)
		complain(w, r->seq, r->id, "it was not written by this program");
	w->before       = wc_strdup(w->a, r->hash);
	w->before_right = right ? wc_strdup(w->a, right) : w->before;
}

/* One batch; *n rows were there. */
static int check_batch(struct walk *w, int64_t to, int64_t limit, size_t *n, wc_err *e)
{
	wc_arena *scratch = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, scratch, &rows, e, "SELECT " ROW " FROM audit_log WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
	                           wc_int(w->expected), wc_int(to), wc_int(limit));

	*n = rc == 0 ? rows.n : 0;
	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		struct row r = read_row(&rows, i);

		if (r.seq > w->expected && (rc = skip_removed(w, e)) < 0)
			break;
		if (r.seq < w->expected)
			continue;
		if (r.seq > w->expected)
			complain_missing(w, r.seq - 1);
		check_row(w, scratch, &r);
		w->expected = r.seq + 1;
		w->r->rows++;
	}
	wc_arena_free(scratch);
	return rc;
}

/* Entries that wait for the sequencer are nobody's yet, but who wrote them can be told. */
static int check_unchained(struct walk *w, wc_err *e)
{
	wc_arena *scratch = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, scratch, &rows, e, "SELECT " ROW " FROM audit_log WHERE seq IS NULL ORDER BY id LIMIT 1000");

	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		struct row r = read_row(&rows, i);

		w->r->unchained++;
		if (!is_ours(scratch, &r))
			complain(w, 0, r.id, "it was not written by this program");
	}
	wc_arena_free(scratch);
	return rc;
}

static int check_head(struct walk *w, wc_err *e)
{
	if (w->max_seq > w->head.seq)
		complain(w, w->head.seq + 1, 0, "there are rows beyond the head of the chain");
	if (w->before && w->head.found && strcmp(w->before, w->head.hash) && strcmp(w->before_right, w->head.hash))
		complain(w, w->head.seq, 0, "the head of the chain holds another hash than its newest row");
	return check_unchained(w, e);
}

static void check_ends(struct walk *w)
{
	if (!w->head.found)
		complain(w, 0, 0, "the head of the chain is missing");
	if (w->head.forged)
		complain(w, w->head.seq, 0, "the head of the chain was not written by this program");
	if (w->base.forged)
		complain(w, w->base.seq, 0, "the note of how far old rows were removed was not written by this program");
	if (w->base.seq > w->head.seq)
		complain(w, w->head.seq, 0, "the head of the chain lies before its beginning");
}

static int check_rows(struct walk *w, int64_t to, int64_t max, wc_err *e)
{
	size_t n;

	do {
		int64_t limit = max - w->r->rows < BATCH ? max - w->r->rows : BATCH;

		if (check_batch(w, to, limit, &n, e) < 0)
			return -1;
	} while (n && w->expected <= to && w->r->rows < max);
	if (!n && w->expected <= to && skip_removed(w, e) < 0)
		return -1;
	if (!n && w->expected <= to) {
		complain_missing(w, to);
		w->expected = to + 1;
	}
	return 0;
}

int chain_verify(wc_arena *a, int64_t from, int64_t to, int64_t max, struct chain_report *r, wc_err *e)
{
	struct walk w = {.a = a, .r = r, .tail = &r->problems};

	*r = (struct chain_report){0};
	if (read_ends(&w, e) < 0)
		return -1;
	check_ends(&w);
	r->head_seq  = w.head.seq;
	r->head_hash = w.head.hash;
	r->first = w.expected = from > w.base.seq ? from : w.base.seq + 1;
	to = to && to < w.head.seq ? to : w.head.seq;
	if (find_before(&w, e) < 0 || check_rows(&w, to, max, e) < 0)
		return -1;
	r->last = w.expected - 1;
	if (w.expected <= to)
		r->next = w.expected;
	else if (to == w.head.seq)
		return check_head(&w, e);
	return 0;
}

const char *chain_check_anchor(wc_arena *a, int64_t seq, const char *hash_hex, wc_err *e)
{
	struct walk w = {.a = a};
	wc_rows     rows;

	if (read_ends(&w, e) < 0 || wc_db_query(NULL, a, &rows, e, "SELECT LOWER(HEX(hash)) FROM audit_log WHERE seq = ?", wc_int(seq)) < 0)
		return "the database cannot be read";
	if (seq < w.base.seq)
		return wc_printf(a, "row %" PRId64 " was removed by retention: keep a newer head", seq);
	if (seq > w.head.seq)
		return wc_printf(a, "the chain once had row %" PRId64 " and now ends at %" PRId64 ": it was cut", seq, w.head.seq);
	if (!strcmp(hash_hex, seq == w.base.seq ? w.base.hash : rows.n ? wc_row_text(&rows, 0, 0) : ""))
		return NULL;
	return wc_printf(a, "row %" PRId64 " is not the one that it was: the chain was made anew", seq);
}

/* --- retention ------------------------------------------------------------------------------------------------------ */

struct pruning {
	int64_t     keep_ms, n;
	const char *actor;
};

/* How far the rows at the beginning are all older: through and its hash. */
static int find_old(wc_db *db, wc_arena *a, const struct pruning *x, int64_t base, struct end *through, wc_err *e)
{
	wc_rows rows;

	*through = (struct end){.seq = base};
	if (wc_db_query(db, a, &rows, e, "SELECT seq, LOWER(HEX(hash)), at < NOW(3) - INTERVAL ? MICROSECOND FROM audit_log WHERE seq > ?"
	                                 " ORDER BY seq LIMIT ?", wc_int(x->keep_ms * 1000), wc_int(base), wc_int(BATCH)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n && wc_row_int(&rows, i, 2); i++)
		*through = (struct end){wc_row_int(&rows, i, 0), wc_row_text(&rows, i, 1), true, false};
	return 0;
}

static int prune_batch(wc_db *db, void *arg, wc_err *e)
{
	struct pruning *x = arg;
	wc_arena       *a = wc_arena_new();
	struct end      base, through;
	wc_rows         rows;
	int             rc = -1;

	x->n = 0;
	if (wc_db_query(db, a, &rows, e, END " FOR UPDATE") < 0)
		goto out;
	base = read_end(a, &rows, "base");
	if (find_old(db, a, x, base.seq, &through, e) < 0)
		goto out;
	rc = 0;
	if (!through.found)
		goto out;
	if (wc_db_exec(db, e, "DELETE FROM audit_log WHERE seq BETWEEN ? AND ?", wc_int(base.seq + 1), wc_int(through.seq)) < 0 ||
	    write_end(db, a, "base", through.seq, through.hash, e) < 0 ||
	    wc_audit(db, &(wc_audit_entry){x->actor, "audit.prune", "audit", wc_json(a, "{s:I, s:I}", "from", (json_int_t)(base.seq + 1), "to",
	                                                                             (json_int_t)through.seq)}, e) < 0)
		rc = -1;
	else
		x->n = through.seq - base.seq;
out:
	wc_arena_free(a);
	return rc;
}

/* Rows that were tampered with are evidence: they stay. */
static int check_beginning(wc_err *e)
{
	wc_arena           *a = wc_arena_new();
	struct chain_report r;
	int                 rc = chain_verify(a, 0, 0, BATCH, &r, e);

	if (rc == 0 && r.problem_count)
		rc = wc_fail(e, WC_E_CONFLICT, "the audit chain is not whole (wecomd audit verify): nothing is removed from it");
	wc_arena_free(a);
	return rc;
}

int64_t chain_prune(int64_t keep_ms, const char *actor, wc_err *e)
{
	struct pruning x   = {keep_ms, 0, actor};
	int64_t        all = 0;

	do {
		if (check_beginning(e) < 0 || wc_db_tx(prune_batch, &x, e) < 0)
			return -1;
		all += x.n;
	} while (x.n);
	return all;
}
