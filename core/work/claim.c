/* The job table: claim, settle, renew, recover.
 *
 * One claimer per process takes batches under FOR UPDATE SKIP LOCKED; outcomes are gathered and written together. A fence,
 * raised at every claim, keeps an owner that lost its lease from settling what somebody else runs by now. */
#include "work/claim.h"

#include "work/owner.h"

#include <wecomd/buf.h>
#include <wecomd/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "?,?,…": n of them. */
static void add_marks(wc_buf *sql, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wc_buf_adds(sql, i ? ",?" : "?");
}

/* --- taking --------------------------------------------------------------------------------------------------------- */

struct take {
	wc_arena       *a;
	size_t          max;
	bool            suspect_allowed;
	int64_t         lease_ms;
	struct claimed *jobs;
	size_t          n;
};

static void read_claimed(const wc_rows *rows, size_t i, struct claimed *c)
{
	wc_cell lane = wc_row_cell(rows, i, 7), args = wc_row_cell(rows, i, 5);

	*c = (struct claimed){
		.id = wc_row_int(rows, i, 0), .kind = wc_row_text(rows, i, 1), .key = wc_row_text(rows, i, 2),
		.fence = wc_row_int(rows, i, 3) + 1, .attempt = wc_row_int(rows, i, 4) + 1, .args = {args.s, args.n},
		.trace_id = wc_row_text(rows, i, 6), .lane_no = wc_row_int(rows, i, 8), .created_ms = wc_row_int(rows, i, 9),
		.crashes = wc_row_int(rows, i, 10), .cancel_by = wc_row_text(rows, i, 11)};
	if (lane.n == LANE_SIZE) {
		c->laned = true;
		memcpy(c->lane, lane.s, LANE_SIZE);
	}
}

static int mark_claimed(wc_db *db, struct take *t, wc_err *e)
{
	wc_buf *sql = wc_buf_new(t->a, 64u << 10);
	wc_val *v   = wc_alloc(t->a, (t->n + 2) * sizeof *v);

	wc_buf_adds(sql, "UPDATE job SET state = 2, fence = fence + 1, attempts = attempts + 1, owner = ?,"
	                 " due_at = NOW(3) + INTERVAL ? MICROSECOND WHERE id IN (");
	v[0] = wc_text(owner_self());
	v[1] = wc_int(t->lease_ms * 1000);
	for (size_t i = 0; i < t->n; i++)
		v[i + 2] = wc_int(t->jobs[i].id);
	add_marks(sql, t->n);
	wc_buf_adds(sql, ")");
	return wc_db_exec_v(db, e, sql->s, v, t->n + 2) < 0 ? -1 : 0;
}

#define SELECT_READY(which) \
	"SELECT id, kind, job_key, fence, attempts, args, trace_id, lane, lane_no," \
	" CAST(UNIX_TIMESTAMP(created_at) * 1000 AS INTEGER), crashes, cancel_by FROM job" \
	" WHERE state = 1 AND due_at <= NOW(3) AND crashes " which " ? ORDER BY due_at, id LIMIT ? FOR UPDATE SKIP LOCKED"

static int take_some(wc_db *db, struct take *t, const char *sql, size_t max, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, t->a, &rows, e, sql, wc_int(SUSPECT_CRASHES), wc_int((int64_t)max)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		read_claimed(&rows, i, &t->jobs[t->n++]);
	return 0;
}

/* That one of the jobs is ours under its new fence shows that all are. */
static void note_witness(wc_db *db, const struct claimed *job)
{
	wc_val v[] = {wc_int(job->id), wc_int(job->fence), wc_text(owner_self())};

	wc_db_witness(db, "SELECT 1 FROM job WHERE id = ? AND fence = ? AND owner = ? FOR UPDATE", v, 3);
}

static int take(wc_db *db, void *arg, wc_err *e)
{
	struct take *t = arg;

	t->n    = 0;
	t->jobs = wc_alloc(t->a, t->max * sizeof *t->jobs);
	if (t->suspect_allowed && take_some(db, t, SELECT_READY(">="), 1, e) < 0)
		return -1;
	if (t->n < t->max && take_some(db, t, SELECT_READY("<"), t->max - t->n, e) < 0)
		return -1;
	if (!t->n)
		return 0;
	note_witness(db, &t->jobs[0]);
	return mark_claimed(db, t, e);
}

int claim_take(wc_arena *a, size_t max, bool suspect_allowed, int64_t lease_ms, struct claimed **jobs, wc_err *e)
{
	struct take t = {a, max, suspect_allowed, lease_ms, NULL, 0};

	if (wc_db_tx(take, &t, e) < 0)
		return -1;
	*jobs = t.jobs;
	return (int)t.n;
}

/* --- settling ------------------------------------------------------------------------------------------------------- */

struct settle {
	struct outcome *outcomes;
	size_t          n;
};

static int64_t settle_row(wc_db *db, const struct outcome *o, wc_err *e)
{
	wc_val id = wc_int(o->job->id), fence = wc_int(o->job->fence);

	switch (o->kind) {
	case OUTCOME_DONE:
		return wc_db_exec(db, e, "UPDATE job SET state = 3, finished_at = NOW(3), due_at = NOW(3), error = NULL, owner = NULL"
		                         " WHERE id = ? AND fence = ? AND state = 2", id, fence);
	case OUTCOME_BURY:
		return wc_db_exec(db, e, "UPDATE job SET state = 4, finished_at = NOW(3), due_at = NOW(3), error = ?, owner = NULL"
		                         " WHERE id = ? AND fence = ? AND state = 2", wc_text(o->error), id, fence);
	case OUTCOME_RETRY:
		return wc_db_exec(db, e, "UPDATE job SET state = 1, due_at = NOW(3) + INTERVAL ? MICROSECOND, error = ?, owner = NULL"
		                         " WHERE id = ? AND fence = ? AND state = 2",
		                  wc_int(o->delay_ms * 1000), wc_text(o->error), id, fence);
	case OUTCOME_POSTPONE:
		return wc_db_exec(db, e, "UPDATE job SET state = 1, due_at = NOW(3) + INTERVAL ? MICROSECOND, attempts = attempts - 1, error = ?,"
		                         " owner = NULL WHERE id = ? AND fence = ? AND state = 2",
		                  wc_int(o->delay_ms * 1000), wc_text(o->error), id, fence);
	default:
		doorbell_note();
		return wc_db_exec(db, e, "UPDATE job SET state = 1, due_at = NOW(3), attempts = attempts - 1, owner = NULL"
		                         " WHERE id = ? AND fence = ? AND state = 2", id, fence);
	}
}

static int settle(wc_db *db, void *arg, wc_err *e)
{
	struct settle *s = arg;
	wc_arena      *a = wc_arena_new();
	int            rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++) {
		const struct outcome *o       = &s->outcomes[i];
		int64_t               changed = settle_row(db, o, e);
		bool                  ended   = o->kind == OUTCOME_DONE || o->kind == OUTCOME_BURY;

		if (changed < 0 || (changed && ended && o->job->laned && lane_advance(db, a, o->job->lane, o->job->lane_no, e) < 0))
			rc = -1;
	}
	wc_arena_free(a);
	return rc;
}

/* Lanes are locked in one order everywhere, or groups of outcomes would wait for each other. */
static int by_lane(const void *x, const void *y)
{
	const struct outcome *a = x, *b = y;

	return memcmp(a->job->lane, b->job->lane, LANE_SIZE);
}

int claim_settle(struct outcome *outcomes, size_t n, wc_err *e)
{
	struct settle s = {outcomes, n};

	qsort(outcomes, n, sizeof *outcomes, by_lane);
	return wc_db_tx(settle, &s, e);
}

/* --- leases --------------------------------------------------------------------------------------------------------- */

#define BEATS_AT_ONCE 256

static void read_beats(const wc_rows *rows, struct heartbeat *beats, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		beats[i].lost = true;
		for (size_t r = 0; r < rows->n; r++) {
			if (wc_row_int(rows, r, 0) != beats[i].id || wc_row_int(rows, r, 1) != beats[i].fence)
				continue;
			beats[i].lost      = false;
			beats[i].cancelled = *wc_row_text(rows, r, 2);
			snprintf(beats[i].cancel_by, sizeof beats[i].cancel_by, "%s", wc_row_text(rows, r, 2));
		}
	}
}

static int renew_some(struct heartbeat *beats, size_t n, int64_t lease_ms, wc_err *e)
{
	wc_arena *a      = wc_arena_new();
	wc_buf   *update = wc_buf_new(a, 4096), *select = wc_buf_new(a, 4096);
	wc_val   *v      = wc_alloc(a, (n + 2) * sizeof *v);
	wc_rows   rows;
	int       rc = -1;

	v[0] = wc_int(lease_ms * 1000);
	v[1] = wc_text(owner_self());
	for (size_t i = 0; i < n; i++)
		v[i + 2] = wc_int(beats[i].id);
	wc_buf_adds(update, "UPDATE job SET due_at = NOW(3) + INTERVAL ? MICROSECOND WHERE state = 2 AND owner = ? AND id IN (");
	wc_buf_adds(select, "SELECT id, fence, cancel_by FROM job WHERE state = 2 AND owner = ? AND id IN (");
	add_marks(update, n);
	add_marks(select, n);
	wc_buf_adds(update, ")");
	wc_buf_adds(select, ")");
	if (wc_db_exec_v(NULL, e, update->s, v, n + 2) >= 0 && wc_db_query_v(NULL, a, &rows, e, select->s, v + 1, n + 1) == 0) {
		read_beats(&rows, beats, n);
		rc = 0;
	}
	wc_arena_free(a);
	return rc;
}

int claim_renew(struct heartbeat *beats, size_t n, int64_t lease_ms, wc_err *e)
{
	for (size_t i = 0; i < n; i += BEATS_AT_ONCE)
		if (renew_some(beats + i, n - i < BEATS_AT_ONCE ? n - i : BEATS_AT_ONCE, lease_ms, e) < 0)
			return -1;
	return 0;
}

/* The first death is taken for an accident and made up for at once; from then on the job waits longer each time. */
#define RECOVER \
	"UPDATE job SET state = 1, owner = NULL, crashes = crashes + 1," \
	" due_at = NOW(3) + INTERVAL IF(crashes < 2, 0, LEAST(600, POW(2, crashes - 2))) SECOND WHERE state = 2 AND "

int claim_recover_expired(wc_err *e)
{
	int64_t n = wc_db_exec(NULL, e, RECOVER "due_at < NOW(3)");

	if (n > 0)
		wc_log(WC_WARN, "leases ran out", wc_kv_i("jobs", n));
	return n < 0 ? -1 : 0;
}

int claim_recover_dead(wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, a, &rows, e, "SELECT DISTINCT owner FROM job WHERE state = 2 AND owner IS NOT NULL");

	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		const char *dead = wc_row_text(&rows, i, 0);
		int64_t     n    = 0;

		if (owner_is_dead(dead))
			n = wc_db_exec(NULL, e, RECOVER "owner = ?", wc_text(dead));
		if (n > 0)
			wc_log(WC_WARN, "jobs of a dead process are ready again", wc_kv_s("owner", dead), wc_kv_i("jobs", n));
		rc = n < 0 ? -1 : 0;
	}
	wc_arena_free(a);
	return rc;
}
