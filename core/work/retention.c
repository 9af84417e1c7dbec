/* Retention: what is old enough goes, a few hundred rows at a time, once a day.
 *
 * A lane's row goes only while it is locked and no job of the lane is left: whoever adds one then waits for the lock and makes the row
 * anew. A job's key may come again when its row is gone; events are kept longer than jobs, so that a repeated event is known. */
#include "work/desk.h"
#include "work/lanes.h"

#include <wecomd/log.h>

#include <string.h>

#define AT_ONCE "500"

struct retention {
	const char *cron;
	int64_t     inbox_days, jobs_days, dead_jobs_days, model_calls_days, leases_days;
};

/* What a statement deletes, and the setting that says after how many days; 0 days: never. */
struct rule {
	const char *name, *sql;
	size_t      days;
};

#define OF(member) offsetof(struct retention, member)

static const struct rule rules[] = {
	{"inbox_events", "DELETE FROM inbox_event WHERE received_at < NOW(3) - INTERVAL ? DAY ORDER BY received_at LIMIT " AT_ONCE, OF(inbox_days)},
	{"inbox_replays", "DELETE FROM inbox_replay WHERE at < NOW(3) - INTERVAL ? DAY ORDER BY at LIMIT " AT_ONCE, OF(inbox_days)},
	/* due_at, which the index holds, is when a finished job ended. */
	{"jobs", "DELETE FROM job WHERE state = 3 AND due_at < NOW(3) - INTERVAL ? DAY ORDER BY due_at LIMIT " AT_ONCE, OF(jobs_days)},
	{"dead_jobs",
	 "DELETE FROM job WHERE state = 4 AND due_at < NOW(3) - INTERVAL ? DAY AND finished_at < NOW(3) - INTERVAL 1 DAY ORDER BY due_at LIMIT " AT_ONCE,
	 OF(dead_jobs_days)},
	{"model_calls", "DELETE FROM ai_call WHERE at < NOW(3) - INTERVAL ? DAY ORDER BY at LIMIT " AT_ONCE, OF(model_calls_days)},
	{"leases", "DELETE FROM lease WHERE until_at < NOW(3) - INTERVAL ? DAY ORDER BY until_at LIMIT " AT_ONCE, OF(leases_days)},
	{"rates", "DELETE FROM rate_bucket WHERE next_at < NOW(3) - INTERVAL ? DAY ORDER BY next_at LIMIT " AT_ONCE, OF(leases_days)},
};

/* Asked for within seconds; nobody wants to see them. */
static const struct rule marks = {"tx_marks", "DELETE FROM tx_mark WHERE at < NOW(3) - INTERVAL ? DAY ORDER BY at LIMIT " AT_ONCE, 0};

static int apply(wc_job *job, const struct rule *rule, int64_t days, int64_t *deleted, wc_err *e)
{
	int64_t n;

	*deleted = 0;
	do {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "retention goes on elsewhere");
		n = wc_db_exec_once(e, rule->sql, wc_int(days));     /* or what was deleted would not be counted */
		if (n < 0)
			return wc_wrap(e, "retention of %s", rule->name);
		*deleted += n;
	} while (n > 0);
	return 0;
}

/* --- lanes ---------------------------------------------------------------------------------------------------------- */

struct sweep {
	wc_arena     *a;
	unsigned char after[LANE_SIZE], last[LANE_SIZE];     /* last: of this batch; the next begins after it, once this one took effect */
	bool          begun, more;
	int64_t       deleted;
};

static int sweep_lanes(wc_db *db, void *arg, wc_err *e)
{
	struct sweep *s     = arg;
	wc_val        after = s->begun ? wc_bytes(s->after, LANE_SIZE) : wc_bytes("", 0);
	wc_rows       lanes, jobs;

	s->deleted = 0;
	if (wc_db_query(db, s->a, &lanes, e,
	                "SELECT lane FROM job_lane WHERE lane > ? AND head_no = 0 ORDER BY lane LIMIT " AT_ONCE " FOR UPDATE SKIP LOCKED", after) < 0)
		return -1;
	for (size_t i = 0; i < lanes.n; i++) {
		wc_val lane = wc_bytes(wc_row_cell(&lanes, i, 0).s, LANE_SIZE);

		if (wc_db_query(db, s->a, &jobs, e, "SELECT 1 FROM job WHERE lane = ? LIMIT 1", lane) < 0)
			return -1;
		if (!jobs.n && wc_db_exec(db, e, "DELETE FROM job_lane WHERE lane = ?", lane) < 0)
			return -1;
		s->deleted += !jobs.n;
	}
	s->more = lanes.n > 0;
	if (s->more)
		memcpy(s->last, wc_row_cell(&lanes, lanes.n - 1, 0).s, LANE_SIZE);
	return s->deleted ? wc_db_once(db, e) : 0;
}

static int delete_lanes(wc_job *job, int64_t *deleted, wc_err *e)
{
	struct sweep s = {.more = true};

	for (*deleted = 0; s.more; *deleted += s.deleted) {
		int rc;

		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "retention goes on elsewhere");
		s.a = wc_arena_new();
		rc  = wc_db_tx(sweep_lanes, &s, e);
		wc_arena_free(s.a);
		if (rc < 0)
			return wc_wrap(e, "retention of lanes");
		memcpy(s.after, s.last, LANE_SIZE);
		s.begun = true;
	}
	return 0;
}

/* --- the job -------------------------------------------------------------------------------------------------------- */

static int delete_all(wc_job *job, const struct retention *r, json_t *counts, wc_err *e)
{
	int64_t n;

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		int64_t days = *(const int64_t *)((const char *)r + rules[i].days);
		int     rc   = days ? apply(job, &rules[i], days, &n, e) : 0;

		if (days && n)
			json_object_set_new(counts, rules[i].name, json_integer(n));
		if (rc < 0)
			return -1;
	}
	if (apply(job, &marks, 1, &n, e) < 0 || delete_lanes(job, &n, e) < 0)
		return -1;
	if (n)
		json_object_set_new(counts, "lanes", json_integer(n));
	return 0;
}

/* What was deleted is told, also of a run that was cut short. */
static int run(wc_job *job, const void *self, wc_err *e)
{
	json_t        *counts = wc_json(wc_job_arena(job), "{}");
	wc_audit_entry entry  = {.actor = "system", .action = "retention.delete", .object = "retention", .details = counts};
	int            rc     = delete_all(job, self, counts, e);
	wc_err         mine;

	if (json_object_size(counts) && wc_audit(NULL, &entry, &mine) < 0) {
		wc_log(WC_ERROR, "deletions are not in the audit trail", wc_kv_s("counts", wc_json_text(wc_job_arena(job), counts)),
		       wc_kv_s("error", mine.text));
		if (rc == 0) {
			*e = mine;
			rc = -1;
		}
	}
	return rc;
}

#define DAYS .min = 0, .max = 36500

WC_PART(retention_part, "retention",
	.summary   = "deletes what is old",
	.self_size = sizeof(struct retention),
	.settings  = WC_SETTINGS(
		{WC_STRING, "cron", "17 3 * * *", OF(cron), "when old rows are deleted: minute hour day month weekday"},
		{WC_INT, "inbox_days", "30", OF(inbox_days), "days that acknowledged events are kept; 0: for ever", DAYS},
		{WC_INT, "jobs_days", "14", OF(jobs_days), "days that finished jobs are kept; 0: for ever", DAYS},
		{WC_INT, "dead_jobs_days", "90", OF(dead_jobs_days), "days that buried jobs are kept; 0: for ever", DAYS},
		{WC_INT, "model_calls_days", "90", OF(model_calls_days), "days that figures of model calls are kept; 0: for ever", DAYS},
		{WC_INT, "leases_days", "7", OF(leases_days), "days that leases and rates nobody uses are kept; 0: for ever", DAYS}),
	.jobs      = WC_JOBS({"retention.delete", run, "deletes what is old"}),
	.timers    = WC_TIMERS(
		{"retention.daily", .setting = "cron", .job = "retention.delete", .summary = "old rows go, once a day"}));
