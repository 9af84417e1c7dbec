/* What the core counts, in one list, and GET /metrics. Names begin with wecomd_; two are named by the mission and stand without. */
#include "host/program.h"

#include "base/base.h"

#include <wecomd/buf.h>

#define OUT_MAX ((size_t)8 << 20)

/* Finished jobs are not counted: they are many, and wecomd_jobs_total tells of them. */
static int sample_jobs(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	static const char *const names[] = {"waiting", "ready", "running", NULL, "dead"};
	int64_t                  counts[5] = {0};
	wc_rows                  rows;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT state, COUNT(*) FROM job WHERE state IN (0, 1, 2, 4) GROUP BY state") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (wc_row_int(&rows, i, 0) >= 0 && wc_row_int(&rows, i, 0) < 5)
			counts[wc_row_int(&rows, i, 0)] = wc_row_int(&rows, i, 1);
	for (size_t i = 0; i < 5; i++)
		if (names[i])
			wc_gauge_sample(out, "wecomd_jobs", wc_printf(a, "state=\"%s\"", names[i]), (double)counts[i]);
	return 0;
}

static int sample_queue_age(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	wc_rows rows;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT IFNULL(GREATEST(TIMESTAMPDIFF(MICROSECOND, MIN(due_at), NOW(3)), 0) DIV 1000, 0)"
	                                   " FROM job WHERE state = 1 AND due_at <= NOW(3)") < 0)
		return -1;
	wc_gauge_sample(out, "wecomd_job_queue_age_seconds", "", (double)wc_row_int(&rows, 0, 0) / 1000);
	return 0;
}

const wc_metric host_metrics[] = {
	{"messages_total", WC_COUNTER, "source,direction", "messages in and out, by the plugin they came through"},
	{"answer_latency_seconds", WC_HISTOGRAM, "", "from a question's arrival to its whole answer"},
	{"wecomd_requests_total", WC_COUNTER, "route,method,status", "requests by the route's pattern and the class of the answer"},
	{"wecomd_request_seconds", WC_HISTOGRAM, "route", "time of requests by the route's pattern"},
	{"wecomd_slow_requests_total", WC_COUNTER, "", "requests that were dropped because they were not read in [web] io_timeout"},
	{"wecomd_callbacks_total", WC_COUNTER, "endpoint,outcome", "callbacks: new, repeated, read (nothing to store), refused, failed"},
	{"wecomd_jobs_total", WC_COUNTER, "kind,outcome", "runs of jobs: done, retry, dead, handed_back, postponed"},
	{"wecomd_job_seconds", WC_HISTOGRAM, "kind", "time of one run of a job"},
	{"wecomd_jobs", WC_GAUGE, "state", "jobs that are not done, by state", sample_jobs},
	{"wecomd_job_queue_age_seconds", WC_GAUGE, "", "how long the oldest job that could run has been waiting", sample_queue_age},
	{"wecomd_ai_calls_total", WC_COUNTER, "model,outcome", "calls of language models: ok or the error's code"},
	{"wecomd_ai_call_seconds", WC_HISTOGRAM, "model", "time of whole model calls"},
	{"wecomd_ai_tokens_total", WC_COUNTER, "model,kind", "tokens as the model counted them: prompt, completion"},
	{"wecomd_db_wait_seconds", WC_HISTOGRAM, "", "waits for a free database connection; no wait is not counted"},
	{"wecomd_db_repeats_total", WC_COUNTER, "reason", "transactions that were run again: deadlock, lock_timeout, connection"},
	{"wecomd_child_restarts_total", WC_COUNTER, "role", "children that ended by themselves and were replaced"},
	{"wecomd_log_lines_total", WC_COUNTER, "level", "lines of the log"},
	{0}};

int metrics_route(wc_request *rq, const void *self)
{
	wc_arena *a   = wc_request_arena(rq);
	wc_buf   *out = wc_buf_new(a, OUT_MAX);

	(void)self;
	metrics_write(a, out);
	if (wc_buf_failed(out))
		return wc_problem(rq, 500, "internal", "the metrics need more than %zu bytes", OUT_MAX);
	return wc_reply_bytes(rq, 200, "text/plain; version=0.0.4; charset=utf-8", (wc_slice){out->s, out->len});
}
