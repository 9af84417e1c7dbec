/* Dead jobs by the number: how many there are, and all of them tried again at once. Who confirms a number gets that number: another one
 * by the time of the change is a conflict, and nothing is done. */
#include "work/desk.h"
#include "work/lanes.h"

#include <wecomd/buf.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE   500       /* lanes of so many jobs are locked together: some tenths of a second */
#define COUNT_MAX 100000

struct filter {
	const char *kind;
	int64_t     since_ms, until_ms, count;
};

/* --- counting ------------------------------------------------------------------------------------------------------- */

#define FILTER                                                                                                                             \
	" FROM job WHERE state = 4 AND (? IS NULL OR kind = ?) AND (? IS NULL OR created_at >= FROM_UNIXTIME(? / 1000))"                      \
	" AND (? IS NULL OR created_at < FROM_UNIXTIME(? / 1000))"

static wc_val time_val(int64_t ms)
{
	return ms == WC_ABSENT ? wc_null() : wc_int(ms);
}

static int query(wc_db *db, wc_arena *a, const struct filter *f, const char *sql, int64_t limit, wc_rows *rows, wc_err *e)
{
	return wc_db_query(db, a, rows, e, sql, wc_text(f->kind), wc_text(f->kind), time_val(f->since_ms), time_val(f->since_ms), time_val(f->until_ms),
	                   time_val(f->until_ms), wc_int(limit));
}

static int get_dead(wc_request *rq, const void *self)
{
	wc_arena *a     = wc_request_arena(rq);
	json_t   *kinds = wc_json(a, "[]");
	int64_t   total = 0;
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (query(NULL, a, wc_query(rq),
	          "SELECT kind, COUNT(*), " MS("MIN(created_at)") ", " MS("MAX(created_at)") " FROM (SELECT kind, created_at" FILTER
	          " LIMIT ?) dead GROUP BY kind ORDER BY 2 DESC, kind", COUNT_MAX, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++) {
		total += wc_row_int(&rows, i, 1);
		json_array_append_new(kinds, json_pack("{s:o, s:I, s:o, s:o}", "kind", json_word(&rows, i, 0), "count", (json_int_t)wc_row_int(&rows, i, 1),
		                                       "oldest_ms", json_ms(&rows, i, 2), "newest_ms", json_ms(&rows, i, 3)));
	}
	return wc_reply(rq, 200, "{s:O, s:I, s:b, s:i}", "kinds", kinds, "total", (json_int_t)total, "more", total == COUNT_MAX, "at_once",
	                AT_ONCE);
}

/* --- trying again --------------------------------------------------------------------------------------------------- */

struct bulk {
	wc_arena            *a;
	const struct filter *filter;
	const char          *actor, *object;     /* object: of the audit entry, new for each request */
	int64_t              retried;
};

struct dead {
	int64_t              id, lane_no, state;
	const unsigned char *lane;               /* NULL: none */
};

/* Lanes are locked in one order everywhere, each lane's jobs in theirs. */
static int by_lane(const void *x, const void *y)
{
	const struct dead *p = x, *q = y;
	int                c = p->lane && q->lane ? memcmp(p->lane, q->lane, LANE_SIZE) : (p->lane != NULL) - (q->lane != NULL);

	return c ? c : (p->id > q->id) - (p->id < q->id);
}

static int find(wc_db *db, const struct bulk *b, struct dead **dead, size_t *n, wc_err *e)
{
	wc_rows rows;

	if (query(db, b->a, b->filter, "SELECT id, lane" FILTER " ORDER BY id LIMIT ?", AT_ONCE, &rows, e) < 0)
		return -1;
	if ((int64_t)rows.n != b->filter->count)
		return wc_fail(e, WC_E_CONFLICT, "%s%zu dead jobs fit now, not %" PRId64 "; nothing was done", rows.n == AT_ONCE ? "at least " : "", rows.n,
		               b->filter->count);
	*n    = rows.n;
	*dead = wc_alloc(b->a, rows.n * sizeof **dead);
	for (size_t i = 0; i < rows.n; i++) {
		wc_cell lane = wc_row_cell(&rows, i, 1);

		(*dead)[i] = (struct dead){.id = wc_row_int(&rows, i, 0), .state = JOB_READY,
		                           .lane = lane.n == LANE_SIZE ? (const unsigned char *)lane.s : NULL};
	}
	qsort(*dead, *n, sizeof **dead, by_lane);
	return 0;
}

/* The lane before the job, as everywhere. */
static int try_again(wc_db *db, const struct bulk *b, struct dead *d, wc_err *e)
{
	wc_rows rows;

	if (d->lane && lane_append(db, b->a, d->lane, &d->lane_no, &d->state, e) < 0)
		return -1;
	if (wc_db_query(db, b->a, &rows, e, "SELECT state FROM job WHERE id = ? FOR UPDATE", wc_int(d->id)) < 0)
		return -1;
	if (!rows.n || wc_row_int(&rows, 0, 0) != JOB_DEAD)
		return wc_fail(e, WC_E_CONFLICT, "job %" PRId64 " was changed by somebody else; nothing was done", d->id);
	return job_try_again(db, d->id, d->state, d->lane_no, e);
}

static int note(wc_db *db, const struct bulk *b, const struct dead *dead, size_t n, wc_err *e)
{
	json_t *ids = wc_json(b->a, "[]");

	for (size_t i = 0; i < n; i++)
		json_array_append_new(ids, json_integer(dead[i].id));
	return wc_audit(db, &(wc_audit_entry){b->actor, "job.retry_all", b->object,
	                                      wc_json(b->a, "{s:s?, s:I, s:O}", "kind", b->filter->kind, "count", (json_int_t)n, "ids", ids)}, e);
}

/* The audit entry is the witness: after a lost COMMIT that took effect this does not run again. */
static int retry_all(wc_db *db, void *arg, wc_err *e)
{
	struct bulk *b = arg;
	struct dead *dead = NULL;
	size_t       n    = 0;

	if (find(db, b, &dead, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (try_again(db, b, &dead[i], e) < 0)
			return -1;
	if (note(db, b, dead, n, e) < 0)
		return -1;
	b->retried = (int64_t)n;
	doorbell_note();
	return 0;
}

static int post_retry(wc_request *rq, const void *self)
{
	wc_arena     *a = wc_request_arena(rq);
	unsigned char token[8];
	struct bulk   b = {.a = a, .filter = wc_body(rq), .actor = actor_of(rq)};
	wc_err        e;

	(void)self;
	wc_random(token, sizeof token);
	b.object = wc_printf(a, "jobs:%s", wc_hex(a, token, sizeof token));
	if (wc_db_tx(retry_all, &b, &e) < 0)
		return e.code == WC_E_CONFLICT ? wc_problem(rq, 409, "count_changed", "%s", e.text) : wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:s}", "retried", (json_int_t)b.retried, "object", b.object);
}

#define NARROWING                                                                                                                          \
	{WC_STRING, "kind", NULL, offsetof(struct filter, kind), "of this kind alone", .min = 1, .max = 64, .optional = true},                \
	{WC_INT, "since_ms", NULL, offsetof(struct filter, since_ms), "added at or after, UTC milliseconds", .min = 0, .max = INT64_C(1) << 53, .optional = true}, \
	{WC_INT, "until_ms", NULL, offsetof(struct filter, until_ms), "added before, UTC milliseconds", .min = 0, .max = INT64_C(1) << 53, .optional = true}

static const wc_field query_fields[] = {NARROWING, {0}};
static const wc_field body_fields[]  = {
	NARROWING,
	{WC_INT, "count", NULL, offsetof(struct filter, count), "how many there are, 500 where there are more: another number then is 409", .min = 1,
	 .max = AT_ONCE},
	{0}};

static const wc_field answer_fields[] = {
	{WC_INT, "retried", NULL, 0, "how many are tried again", .max = AT_ONCE},
	{WC_STRING, "object", NULL, 0, "where the audit trail has their ids"},
	{0}};

WC_PART(bulk_part, "bulk",
	.summary = "dead jobs by the number",
	.routes  = WC_ROUTES(
		{WC_GET, "/api/jobs/dead", WC_VIEWER, get_dead, "How many dead jobs there are, by kind; at most at_once of them are tried again together",
		 .query = query_fields, .query_size = sizeof(struct filter)},
		{WC_POST, "/api/jobs/retry", WC_OPERATOR, post_retry, "Tries all dead jobs again that fit, the oldest 500 at most, if they are count",
		 .body = body_fields, .body_size = sizeof(struct filter), .answer = answer_fields}));
