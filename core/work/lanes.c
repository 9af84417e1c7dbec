/* Adding jobs, and the order within a lane.
 *
 * A lane's row is locked before its jobs are numbered, so numbers grow in commit order on every node. Only the head of a
 * lane is ready or running; the others wait until the head is finished or buried. */
#include "work/lanes.h"

#include <wecomd/buf.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <stdlib.h>
#include <string.h>

#define ARGS_MAX (64u << 10)
#define KEY_MAX  64
#define KIND_MAX 64

static int check_spec(const wc_job_spec *spec, wc_err *e)
{
	if (strlen(spec->kind) > KIND_MAX)
		return wc_fail(e, WC_E_INTERNAL, "job kind %s: longer than %d bytes", spec->kind, KIND_MAX);
	if (spec->key && (!*spec->key || strlen(spec->key) > KEY_MAX))
		return wc_fail(e, WC_E_ARG, "job %s: a key has 1 to %d bytes", spec->kind, KEY_MAX);
	return 0;
}

void lane_hash(unsigned char hash[LANE_SIZE], const char *lane)
{
	unsigned char whole[WC_HASH_SIZE];

	wc_keyed_hash(whole, "job.lane", lane, NULL);
	memcpy(hash, whole, LANE_SIZE);
}

static int seal_args(wc_arena *a, struct new_job *j, const json_t *given, wc_err *e)
{
	const char *args = given ? wc_json_text(a, given) : "{}";
	size_t      n    = strlen(args);

	if (n > ARGS_MAX)
		return wc_fail(e, WC_E_TOO_LARGE, "job %s: arguments of %zu bytes, at most %u are allowed", j->spec->kind, n, ARGS_MAX);
	j->args = wc_seal(a, "job.args", (wc_slice){args, n});
	return 0;
}

int new_job_make(wc_arena *a, const wc_job_spec *spec, const char *trace_id, struct new_job *j, wc_err *e)
{

	*j = (struct new_job){.spec = spec, .trace_id = trace_id, .state = JOB_READY};
	if (check_spec(spec, e) < 0 || seal_args(a, j, spec->args, e) < 0)
		return -1;
	if (spec->lane)
		lane_hash(j->lane, spec->lane);
	return 0;
}

int new_job_from(wc_arena *a, const struct inbox_job *from, const wc_job_spec *spec, const char *trace_id, struct new_job *j, wc_err *e)
{
	if (new_job_make(a, spec, trace_id, j, e) < 0)
		return -1;
	j->behind = from->behind;
	j->ctx    = from->ctx;
	return 0;
}

static int by_lane(const void *a, const void *b)
{
	const struct new_job *x = *(struct new_job *const *)a, *y = *(struct new_job *const *)b;
	int                   c = memcmp(x->lane, y->lane, LANE_SIZE);

	/* Jobs of one lane keep the order in which they came: they stand in one array. */
	return c ? c : x < y ? -1 : x > y;
}

/* "sql(?,?),(?,?)…tail" */
static const char *with_rows(wc_arena *a, const char *sql, const char *row, size_t n, const char *tail)
{
	wc_buf *b = wc_buf_new(a, 64u << 10);

	wc_buf_adds(b, sql);
	for (size_t i = 0; i < n; i++) {
		wc_buf_adds(b, i ? "," : "");
		wc_buf_adds(b, row);
	}
	wc_buf_adds(b, tail);
	return b->s;
}

/* A new number locks the lane's row. A lane without a head gets its new job as head. */
#define NEXT_NUMBER_SQL "INSERT INTO job_lane (lane, last_no, head_no) VALUES "
#define NEXT_NUMBER_END \
	" ON DUPLICATE KEY UPDATE last_no = last_no + 1, head_no = IF(head_no = 0, last_no, head_no) RETURNING last_no, head_no"

int lane_append(wc_db *db, wc_arena *a, const unsigned char lane[LANE_SIZE], int64_t *no, int64_t *state, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, NEXT_NUMBER_SQL "(?,1,1)" NEXT_NUMBER_END, wc_bytes(lane, LANE_SIZE)) < 0)
		return -1;
	*no    = wc_row_int(&rows, 0, 0);
	*state = wc_row_int(&rows, 0, 1) == *no ? JOB_READY : JOB_WAITING;
	return 0;
}

/* Those before a job whose lane is locked; in the same batch and not yet written stand `more` of them. */
static int tell_behind(wc_db *db, wc_arena *a, struct new_job *j, int64_t more, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT COUNT(*) FROM job WHERE lane = ? AND state IN (0, 1, 2)", wc_bytes(j->lane, LANE_SIZE)) < 0)
		return -1;
	return seal_args(a, j, j->behind(j->ctx, wc_row_int(&rows, 0, 0) + more), e);
}

/* The first of a lane stays as it was made; a job that has to wait is asked again, now that it is known behind how many. */
static int tell_those_behind(wc_db *db, wc_arena *a, struct new_job **laned, size_t n, wc_err *e)
{
	int64_t more = 0;

	for (size_t i = 0; i < n; i++) {
		more = i && !memcmp(laned[i]->lane, laned[i - 1]->lane, LANE_SIZE) ? more + 1 : 0;
		if (laned[i]->state == JOB_WAITING && laned[i]->behind && tell_behind(db, a, laned[i], more, e) < 0)
			return -1;
	}
	return 0;
}

/* Locks the lanes, always in the same order, and numbers the jobs. */
static int number_jobs(wc_db *db, wc_arena *a, struct new_job *jobs, size_t n, wc_err *e)
{
	struct new_job **laned = wc_alloc(a, n * sizeof *laned);
	wc_val          *v     = wc_alloc(a, n * sizeof *v);
	size_t           m     = 0;
	wc_rows          rows;

	for (size_t i = 0; i < n; i++)
		if (jobs[i].spec->lane)
			laned[m++] = &jobs[i];
	if (!m)
		return 0;
	qsort(laned, m, sizeof *laned, by_lane);
	for (size_t i = 0; i < m; i++)
		v[i] = wc_bytes(laned[i]->lane, LANE_SIZE);
	if (wc_db_query_v(db, a, &rows, e,
	                  with_rows(a, NEXT_NUMBER_SQL, "(?,1,1)", m, NEXT_NUMBER_END), v, m) < 0)
		return -1;
	if (rows.n != m)
		return wc_fail(e, WC_E_INTERNAL, "%zu lanes were locked, %zu expected", rows.n, m);
	for (size_t i = 0; i < m; i++) {
		laned[i]->lane_no = wc_row_int(&rows, i, 0);
		laned[i]->state   = wc_row_int(&rows, i, 1) == laned[i]->lane_no ? JOB_READY : JOB_WAITING;
	}
	return tell_those_behind(db, a, laned, m, e);
}

#define COLUMNS 8

static int insert_rows(wc_db *db, wc_arena *a, struct new_job *jobs, size_t n, wc_rows *added, wc_err *e)
{
	wc_val *v = wc_alloc(a, n * COLUMNS * sizeof *v), *at = v;

	for (size_t i = 0; i < n; i++) {
		const struct new_job *j = &jobs[i];

		*at++ = wc_text(j->spec->kind);
		*at++ = j->spec->key ? wc_bytes(j->spec->key, strlen(j->spec->key)) : wc_null();
		*at++ = j->spec->lane ? wc_bytes(j->lane, LANE_SIZE) : wc_null();
		*at++ = j->spec->lane ? wc_int(j->lane_no) : wc_null();
		*at++ = wc_int(j->state);
		*at++ = wc_int(j->spec->delay_ms * 1000);
		*at++ = wc_text(j->trace_id);
		*at++ = wc_bytes(j->args.p, j->args.n);
	}
	/* IGNORE passes over keys that are there; RETURNING names the rows that were not passed over. */
	return wc_db_query_v(db, a, added, e,
	                     with_rows(a, "INSERT IGNORE INTO job (kind, job_key, lane, lane_no, state, due_at, trace_id, args)"
	                               " VALUES ", "(?,?,?,?,?,NOW(3) + INTERVAL ? MICROSECOND,?,?)", n, " RETURNING job_key"),
	                     v, n * COLUMNS);
}

/* A key that comes twice in one statement was added once, for the first of the two. */
static bool is_added(wc_rows *added, const char *key)
{
	for (size_t i = 0; i < added->n; i++) {
		if (!strcmp(wc_row_text(added, i, 0), key)) {
			added->cell[i * added->columns].s = NULL;
			return true;
		}
	}
	return false;
}

int jobs_insert(wc_db *db, wc_arena *a, struct new_job *jobs, size_t n, wc_err *e)
{
	wc_rows added;

	if (!n)
		return 0;
	if (number_jobs(db, a, jobs, n, e) < 0 || insert_rows(db, a, jobs, n, &added, e) < 0)
		return -1;
	doorbell_note();
	for (size_t i = 0; i < n; i++) {
		jobs[i].added = !jobs[i].spec->key || is_added(&added, jobs[i].spec->key);
		if (!jobs[i].added && jobs[i].spec->lane && lane_advance(db, a, jobs[i].lane, jobs[i].lane_no, e) < 0)
			return -1;
	}
	return 0;
}

int jobs_add(wc_db *db, wc_arena *a, const wc_job_spec *specs, size_t n, const char *trace_id, wc_err *e)
{
	struct new_job *jobs = wc_alloc(a, n * sizeof *jobs);

	for (size_t i = 0; i < n; i++)
		if (new_job_make(a, &specs[i], trace_id ? trace_id : wc_trace(), &jobs[i], e) < 0)
			return -1;
	return jobs_insert(db, a, jobs, n, e);
}

int lane_advance(wc_db *db, wc_arena *a, const unsigned char lane[LANE_SIZE], int64_t no, wc_err *e)
{
	wc_val  key = wc_bytes(lane, LANE_SIZE);
	wc_rows head, next;
	int64_t next_no;

	if (wc_db_query(db, a, &head, e, "SELECT head_no FROM job_lane WHERE lane = ? FOR UPDATE", key) < 0)
		return -1;
	if (!head.n || wc_row_int(&head, 0, 0) != no)
		return 0;
	if (wc_db_query(db, a, &next, e, "SELECT MIN(lane_no) FROM job WHERE lane = ? AND state = 0", key) < 0)
		return -1;
	next_no = wc_row_int(&next, 0, 0);
	if (wc_db_exec(db, e, "UPDATE job_lane SET head_no = ? WHERE lane = ?", wc_int(next_no), key) < 0)
		return -1;
	if (!next_no)
		return 0;
	doorbell_note();
	return wc_db_exec(db, e, "UPDATE job SET state = 1 WHERE lane = ? AND state = 0 AND lane_no = ?", key, wc_int(next_no)) < 0 ? -1 : 0;
}

struct add {
	const wc_job_spec *spec;
	int                added;
};

static int add_one(wc_db *db, void *arg, wc_err *e)
{
	struct add    *add = arg;
	wc_arena      *a   = wc_arena_new();
	struct new_job j;
	int            rc = -1;

	if (new_job_make(a, add->spec, wc_trace(), &j, e) == 0 && jobs_insert(db, a, &j, 1, e) == 0) {
		add->added = j.added;
		rc         = 0;
	}
	wc_arena_free(a);
	return rc;
}

static int add_alone(wc_db *db, void *arg, wc_err *e)
{
	return add_one(db, arg, e) < 0 ? -1 : wc_db_once(db, e);
}

int wc_job_add(wc_db *db, const wc_job_spec *spec, wc_err *e)
{
	struct add add = {spec, 0};

	return (db ? add_one(db, &add, e) : wc_db_tx(add_alone, &add, e)) < 0 ? -1 : add.added;
}

int wc_job_state_of(wc_db *db, wc_arena *a, const char *key, wc_job_state *state, int64_t *created_ms, wc_err *e)
{
	static const wc_job_state states[] = {WC_JOB_WAITING, WC_JOB_READY, WC_JOB_RUNNING, WC_JOB_DONE, WC_JOB_DEAD};
	wc_rows                   rows;

	if (wc_db_query(db, a, &rows, e,
	                "SELECT state, CAST(UNIX_TIMESTAMP(created_at) * 1000 AS INTEGER) FROM job WHERE job_key = ?",
	                wc_bytes(key, strlen(key))) < 0)
		return -1;
	*state = rows.n ? states[wc_row_int(&rows, 0, 0)] : WC_JOB_NONE;
	if (created_ms)
		*created_ms = rows.n ? wc_row_int(&rows, 0, 1) : 0;
	return 0;
}
