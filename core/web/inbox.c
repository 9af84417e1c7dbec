/* The inbox for people: what came in, and an event received once more by the plugin as it is today. */
#include "web/web.h"

#include "work/work.h"

#include <wecomd/plugin.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t number_of(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n && n <= 18 && !text[n] ? strtoll(text, NULL, 10) : 0;
}

static const wc_field inbox_query[] = {
	{WC_STRING, "endpoint", NULL, offsetof(struct inbox_filter, endpoint), "only of /wecom/callback/ENDPOINT", .optional = true, .max = 64},
	LIST_TRACE_ID(struct inbox_filter),
	LIST_SINCE_UNTIL(struct inbox_filter, "received"), {0}};

static const wc_field event_fields[] = {
	{WC_INT, "id", NULL, 0, "its number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "endpoint", NULL, 0, "where it came in"},
	{WC_INT, "received_ms", NULL, 0, "when"},
	{WC_INT, "bytes", NULL, 0, "how large it is"},
	{WC_STRING, "trace_id", NULL, 0, "what all that came of it bears"},
	{WC_INT, "replays", NULL, 0, "how often it was received once more"},
	{0}};

static json_t *event_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:I, s:s, s:I, s:I, s:s, s:I}", "id", (json_int_t)wc_row_int(rows, i, 0), "endpoint", wc_row_text(rows, i, 1),
	                 "received_ms", (json_int_t)wc_row_int(rows, i, 2), "bytes", (json_int_t)wc_row_int(rows, i, 3), "trace_id",
	                 wc_row_text(rows, i, 4), "replays", (json_int_t)wc_row_int(rows, i, 5));
}

static int get_inbox(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (inbox_list(wc_request_arena(rq), wc_query(rq), wc_list_after(list, INT64_MAX), wc_list_fetch(list), &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, event_json, NULL);
}

/* The replay's number, or -1. */
static int64_t replay(wc_arena *a, int64_t id, const char *actor, size_t *n, wc_err *e)
{
	struct inbox_job *jobs = NULL;
	struct inbox_row  row;

	*n = 0;
	if (inbox_load(a, id, &row, e) < 0 || callback_replay(a, row.endpoint, row.payload, &jobs, e) < 0)
		return -1;
	for (const struct inbox_job *j = jobs; j; j = j->next)
		++*n;
	return inbox_replay(a, &row, jobs, actor, e);
}

static int post_replay(wc_request *rq, const void *self)
{
	size_t  n;
	wc_err  e;
	int64_t id = replay(wc_request_arena(rq), number_of(wc_path_param(rq, "id")), wc_actor(rq), &n, &e);

	(void)self;
	if (id < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:I, s:I}", "replay", (json_int_t)id, "jobs", (json_int_t)n);
}

/* "2h" or "3d" ago in milliseconds since 1970; -1: neither. */
static int64_t ago(wc_arena *a, const char *text)
{
	static const wc_field duration = {WC_DURATION, "since", NULL, 0, ""};
	int64_t               ms;

	return wc_field_from_text(a, &duration, text, &ms) ? -1 : wc_now_ms() - ms;
}

static int list_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char         *since = wc_option(argc, argv, "--since", NULL);
	struct inbox_filter f     = {.endpoint = wc_option(argc, argv, "--endpoint", NULL), .since_ms = since ? ago(a, since) : WC_ABSENT,
	                             .until_ms = WC_ABSENT};
	int64_t             limit = number_of(wc_option(argc, argv, "--limit", "50"));
	wc_rows             rows;
	wc_err              e;

	(void)self;
	if (f.since_ms == -1 || limit < 1) {
		fprintf(stderr, "--since takes a duration such as 30m, 2h or 3d, --limit a number\n");
		return 2;
	}
	if (inbox_list(a, &f, INT64_MAX, limit, &rows, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	for (size_t i = 0; i < rows.n; i++)
		printf("%10s  %-16s %s  %6s bytes  trace %s%s%s\n", wc_row_text(&rows, i, 0), wc_row_text(&rows, i, 1),
		       work_time_text(a, wc_row_int(&rows, i, 2)), wc_row_text(&rows, i, 3), wc_row_text(&rows, i, 4),
		       wc_row_int(&rows, i, 5) ? "  replays " : "", wc_row_int(&rows, i, 5) ? wc_row_text(&rows, i, 5) : "");
	return 0;
}

static int replay_command(wc_arena *a, int argc, char **argv, const void *self)
{
	int64_t id = argc ? number_of(argv[0]) : 0, number;
	size_t  n;
	wc_err  e;

	(void)self;
	if (!id) {
		fprintf(stderr, "usage: wecomd inbox replay ID\n");
		return 2;
	}
	wc_trace_new();
	if ((number = replay(a, id, "command", &n, &e)) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	printf("replay %" PRId64 " of event %" PRId64 ": %zu job%s\n", number, id, n, n == 1 ? "" : "s");
	return 0;
}

WC_PART(inbox_part, "inbox",
	.summary  = "what came in",
	.routes   = WC_ROUTES(
		{WC_GET, "/api/inbox", WC_VIEWER, get_inbox, "Acknowledged events, newest first", .query = inbox_query,
		 .query_size = sizeof(struct inbox_filter), .list = true, .answer = event_fields},
		{WC_POST, "/api/inbox/{id}/replay", WC_OPERATOR, post_replay, "Receives a stored event once more, with jobs of its own"}),
	.commands = WC_COMMANDS(
		{"inbox list", "[--endpoint NAME] [--since DURATION] [--limit N]", "the newest events", list_command},
		{"inbox replay", "ID", "receive a stored event once more", replay_command}));
