/* Jobs and outward actions as lists: filters in, pages out. What they are and what may be done with them core/work knows. */
#include "web/web.h"

#include "work/work.h"

#include <wecomd/plugin.h>

static const wc_field jobs_query[] = {
	{WC_CHOICE, "state", NULL, offsetof(struct jobs_filter, state), "only these", .optional = true, .choices = JOB_STATES},
	{WC_STRING, "kind", NULL, offsetof(struct jobs_filter, kind), "only of this kind", .optional = true, .max = 64},
	{WC_STRING, "lane", NULL, offsetof(struct jobs_filter, lane), "only of the lane with this name", .optional = true, .max = 1024},
	LIST_TRACE_ID(struct jobs_filter),
	LIST_SINCE_UNTIL(struct jobs_filter, "added"), {0}};

static const wc_field job_fields[] = {
	{WC_INT, "id", NULL, 0, "its number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "kind", NULL, 0, "what is done", .optional = true},
	{WC_STRING, "key", NULL, 0, "what made it one of a kind", .optional = true},
	{WC_CHOICE, "state", NULL, 0, "waiting for its turn in its lane, ready, running, done, or dead: given up", .choices = JOB_STATES},
	{WC_INT, "lane_no", NULL, 0, "its place in its lane", .optional = true},
	{WC_INT, "attempts", NULL, 0, "how often it was begun"},
	{WC_INT, "crashes", NULL, 0, "how often the process died under it"},
	{WC_INT, "due_ms", NULL, 0, "ready: when it may start; running: when its lease ends", .optional = true},
	{WC_INT, "created_ms", NULL, 0, "when it was added", .optional = true},
	{WC_INT, "finished_ms", NULL, 0, "when it was done or given up", .optional = true},
	{WC_STRING, "error", NULL, 0, "why it failed last", .optional = true},
	{WC_STRING, "owner", NULL, 0, "the process that runs it", .optional = true},
	{WC_STRING, "cancel_by", NULL, 0, "who asked it to stop", .optional = true},
	{WC_STRING, "trace_id", NULL, 0, "the message or request it belongs to", .optional = true},
	{WC_INT, "args_bytes", NULL, 0, "of its arguments"},
	{0}};

static int get_jobs(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (jobs_list(wc_request_arena(rq), wc_query(rq), wc_list_after(list, INT64_MAX), wc_list_fetch(list), &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, job_json, NULL);
}

static const wc_field outbound_query[] = {
	{WC_CHOICE, "state", NULL, offsetof(struct outbound_filter, state), "only these", .optional = true, .choices = OUTBOUND_STATES},
	{WC_STRING, "kind", NULL, offsetof(struct outbound_filter, kind), "only of this kind", .optional = true, .max = 64},
	{WC_STRING, "target", NULL, offsetof(struct outbound_filter, target), "only for this addressee", .optional = true, .max = 1024},
	LIST_TRACE_ID(struct outbound_filter),
	LIST_SINCE_UNTIL(struct outbound_filter, "meant"), {0}};

static const wc_field outbound_fields[] = {
	{WC_INT, "id", NULL, 0, "its number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "key", NULL, 0, "what makes it one of a kind", .optional = true},
	{WC_STRING, "kind", NULL, 0, "what is done", .optional = true},
	{WC_STRING, "target_hash", NULL, 0, "the same for the same addressee"},
	{WC_CHOICE, "state", NULL, 0, "intent: it was not called yet, or nobody knows", .choices = OUTBOUND_STATES},
	{WC_STRING, "answer", NULL, 0, "a short code of the other side", .optional = true},
	{WC_STRING, "trace_id", NULL, 0, "the message or request it belongs to", .optional = true},
	{WC_INT, "created_ms", NULL, 0, "when it was meant", .optional = true},
	{WC_INT, "settled_ms", NULL, 0, "when it was done or had failed", .optional = true},
	{WC_INT, "reconciles", NULL, 0, "how often the other side was asked how it ended"},
	{0}};

static int get_outbound(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (outbound_list(wc_request_arena(rq), wc_query(rq), wc_list_after(list, INT64_MAX), wc_list_fetch(list), &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, outbound_json, NULL);
}

WC_PART(desk_part, "desk",
	.summary = "jobs and outward actions as lists",
	.routes  = WC_ROUTES(
		{WC_GET, "/api/jobs", WC_VIEWER, get_jobs, "Jobs, newest first", .query = jobs_query, .query_size = sizeof(struct jobs_filter),
		 .list = true, .answer = job_fields},
		{WC_GET, "/api/outbound", WC_VIEWER, get_outbound, "Outward actions, newest first", .query = outbound_query,
		 .query_size = sizeof(struct outbound_filter), .list = true, .answer = outbound_fields}));
