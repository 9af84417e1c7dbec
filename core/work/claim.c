/* The job table: claim, settle, renew, recover.
 *
 * One claimer per process takes batches under FOR UPDATE SKIP LOCKED; outcomes are gathered and written together. A fence,
 * raised at every claim, keeps an owner that lost its lease from settling what somebody else runs by now. */
#include "work/claim.h"

#include <wecomd/buf.h>
#include <wecomd/log.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char owner[128];
static char machine[64];

/* Field 22 of /proc/PID/stat: when the process started, in ticks since boot; 0 when there is no such process. */
static unsigned long long start_time(int pid)
{
	char               path[32], text[512];
	unsigned long long start = 0;
	char              *p;
	FILE              *f;
	size_t             n;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (!(f = fopen(path, "re")))
		return 0;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	/* The name in field 2 may hold blanks and brackets; fields are counted from behind it. */
	if ((p = strrchr(text, ')')))
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start);
	return start;
}

/* Hosts and containers may share a name, but not a boot id together with a process namespace. */
static void find_machine(void)
{
	char    boot[9] = "", ns[32] = "";
	FILE   *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	ssize_t n = readlink("/proc/self/ns/pid", ns, sizeof ns - 1);

	if (f) {
		(void)!fread(boot, 1, 8, f);
		fclose(f);
	}
	snprintf(machine, sizeof machine, "%s-%s", boot, n > 5 ? ns + 5 : "");     /* "pid:[4026531836]" */
	machine[strcspn(machine, "]")] = 0;
}

const char *claim_owner(const char *node)
{
	find_machine();
	snprintf(owner, sizeof owner, "%.40s/%s/%d/%llu", node, machine, getpid(), start_time(getpid()));
	return owner;
}

/* --- taking --------------------------------------------------------------------------------------------------------- */

struct take {
	wc_arena       *a;
	size_t          max;
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
		.trace_id = wc_row_text(rows, i, 6), .lane_no = wc_row_int(rows, i, 8), .created_ms = wc_row_int(rows, i, 9)};
	if (lane.n == LANE_SIZE) {
		c->laned = true;
		memcpy(c->lane, lane.s, LANE_SIZE);
	}
}

static int mark_claimed(wc_db *db, struct take *t, wc_err *e)
{
	wc_buf *sql = wc_buf_new(t->a, 4096);
	wc_val *v   = wc_alloc(t->a, (t->n + 2) * sizeof *v);

	wc_buf_adds(sql, "UPDATE job SET state = 2, fence = fence + 1, attempts = attempts + 1, owner = ?,"
	                 " due_at = NOW(3) + INTERVAL ? MICROSECOND WHERE id IN (");
	v[0] = wc_text(owner);
	v[1] = wc_int(t->lease_ms * 1000);
	for (size_t i = 0; i < t->n; i++) {
		wc_buf_adds(sql, i ? ",?" : "?");
		v[i + 2] = wc_int(t->jobs[i].id);
	}
	wc_buf_adds(sql, ")");
	return wc_db_exec_v(db, e, sql->s, v, t->n + 2) < 0 ? -1 : 0;
}

static int take(wc_db *db, void *arg, wc_err *e)
{
	struct take *t = arg;
	wc_rows      rows;

	if (wc_db_query(db, t->a, &rows, e,
	                "SELECT id, kind, job_key, fence, attempts, args, trace_id, lane, lane_no,"
	                " CAST(UNIX_TIMESTAMP(created_at) * 1000 AS INTEGER) FROM job"
	                " WHERE state = 1 AND due_at <= NOW(3) ORDER BY due_at, id LIMIT ? FOR UPDATE SKIP LOCKED",
	                wc_int((int64_t)t->max)) < 0)
		return -1;
	t->n    = rows.n;
	t->jobs = wc_alloc(t->a, rows.n * sizeof *t->jobs);
	for (size_t i = 0; i < rows.n; i++)
		read_claimed(&rows, i, &t->jobs[i]);
	return t->n ? mark_claimed(db, t, e) : 0;
}

int claim_take(wc_arena *a, size_t max, int64_t lease_ms, struct claimed **jobs, wc_err *e)
{
	struct take t = {a, max, lease_ms, NULL, 0};

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
		return wc_db_exec(db, e, "UPDATE job SET state = 3, finished_at = NOW(3), error = NULL, owner = NULL"
		                         " WHERE id = ? AND fence = ? AND state = 2", id, fence);
	case OUTCOME_BURY:
		return wc_db_exec(db, e, "UPDATE job SET state = 4, finished_at = NOW(3), error = ?, owner = NULL"
		                         " WHERE id = ? AND fence = ? AND state = 2", wc_text(o->error), id, fence);
	case OUTCOME_RETRY:
		return wc_db_exec(db, e, "UPDATE job SET state = 1, due_at = NOW(3) + INTERVAL ? MICROSECOND, error = ?, owner = NULL"
		                         " WHERE id = ? AND fence = ? AND state = 2",
		                  wc_int(o->delay_ms * 1000), wc_text(o->error), id, fence);
	default:
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

int claim_renew(int64_t lease_ms, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE job SET due_at = NOW(3) + INTERVAL ? MICROSECOND WHERE state = 2 AND owner = ?",
	                  wc_int(lease_ms * 1000), wc_text(owner)) < 0 ? -1 : 0;
}

int claim_recover_expired(wc_err *e)
{
	int64_t n = wc_db_exec(NULL, e, "UPDATE job SET state = 1, due_at = NOW(3), owner = NULL WHERE state = 2 AND due_at < NOW(3)");

	if (n > 0)
		wc_log(WC_WARN, "leases ran out", wc_kv_i("jobs", n));
	return n < 0 ? -1 : 0;
}

/* "label/machine/pid/start": of this machine, and no longer alive? */
static bool is_dead_neighbour(const char *text)
{
	const char        *at = strchr(text, '/');
	size_t             n  = strlen(machine);
	int                pid;
	unsigned long long start;

	if (!at || strncmp(at + 1, machine, n) || sscanf(at + 1 + n, "/%d/%llu", &pid, &start) != 2)
		return false;
	return start_time(pid) != start;
}

int claim_recover_dead(wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, a, &rows, e, "SELECT DISTINCT owner FROM job WHERE state = 2 AND owner IS NOT NULL");

	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		const char *dead = wc_row_text(&rows, i, 0);
		int64_t     n    = 0;

		if (is_dead_neighbour(dead))
			n = wc_db_exec(NULL, e, "UPDATE job SET state = 1, due_at = NOW(3), owner = NULL WHERE state = 2 AND owner = ?", wc_text(dead));
		if (n > 0)
			wc_log(WC_WARN, "jobs of a dead process are ready again", wc_kv_s("owner", dead), wc_kv_i("jobs", n));
		rc = n < 0 ? -1 : 0;
	}
	wc_arena_free(a);
	return rc;
}
