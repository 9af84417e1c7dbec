/* The story of one message: everything that bears its trace id, in order of time. */
#include "work/desk.h"

#include <wecomd/log.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- model calls ---------------------------------------------------------------------------------------------------- */

void ai_call_note(const struct ai_call *c)
{
	int64_t job = worker_job_id();
	wc_err  e;

	if (wc_db_exec_once(&e,
	               "INSERT INTO ai_call (trace_id, job_id, model, status, result, first_text_ms, total_ms, prompt_tokens, completion_tokens, cost_micros, failed)"
	               " VALUES (?, ?, ?, ?, LEFT(?, 32), ?, ?, ?, ?, ?, ?)",
	               wc_text(wc_trace()), job ? wc_int(job) : wc_null(), wc_text(c->model), wc_int(c->status), wc_text(c->result),
	               c->first_text_ms < 0 ? wc_null() : wc_int(c->first_text_ms), wc_int(c->total_ms), wc_int(c->prompt_tokens),
	               wc_int(c->completion_tokens), wc_int(c->cost_micros), wc_int(c->failed)) < 0)
		wc_log(WC_WARN, "a model call could not be noted", wc_kv_s("error", e.text));
}

/* --- from an id to a trace id ---------------------------------------------------------------------------------------- */

static bool is_hex32(const char *id)
{
	return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

static int first_trace(wc_arena *a, const char *sql, wc_val v, const char **trace, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, sql, v) < 0)
		return -1;
	*trace = rows.n ? wc_row_text(&rows, 0, 0) : NULL;
	return 0;
}

static int find_trace(wc_arena *a, const char *id, const char **trace, wc_err *e)
{
	wc_val key = wc_bytes(id, strlen(id));

	*trace = NULL;
	if (!strncmp(id, "inbox:", 6))
		return first_trace(a, "SELECT trace_id FROM inbox_event WHERE id = ?", wc_int(number_of(id + 6)), trace, e);
	if (!strncmp(id, "job:", 4))
		return first_trace(a, "SELECT trace_id FROM job WHERE id = ?", wc_int(number_of(id + 4)), trace, e);
	if (!strncmp(id, "message:", 8))
		return first_trace(a, "SELECT trace_id FROM message WHERE id = ?", wc_int(number_of(id + 8)), trace, e);
	if (first_trace(a, "SELECT trace_id FROM job WHERE job_key = ?", key, trace, e) < 0)
		return -1;
	if (!*trace && first_trace(a, "SELECT trace_id FROM outbound_call WHERE call_key = ?", key, trace, e) < 0)
		return -1;
	if (!*trace && is_hex32(id))
		*trace = id;
	return 0;
}

/* --- the story ------------------------------------------------------------------------------------------------------ */

struct story {
	wc_arena   *a;
	const char *trace;
	json_t     *events;
};

typedef json_t *tell_fn(wc_arena *a, const wc_rows *rows, size_t i);

static json_t *tell_event(wc_arena *a, const wc_rows *rows, size_t i)
{
	return wc_json(a, "{s:o, s:s, s:s, s:o, s:I}", "at_ms", json_ms(rows, i, 0), "what", "callback", "id",
	               wc_printf(a, "inbox:%s", wc_row_text(rows, i, 1)), "endpoint", json_word(rows, i, 2), "bytes",
	               (json_int_t)wc_row_int(rows, i, 3) - WC_SEAL_OVERHEAD);
}

static json_t *tell_job(wc_arena *a, const wc_rows *rows, size_t i)
{
	static const char *const states[] = {"waiting", "ready", "running", "done", "dead"};

	return wc_json(a, "{s:o, s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:o, s:o}", "at_ms", json_ms(rows, i, 0), "what", "job", "id",
	               wc_printf(a, "job:%s", wc_row_text(rows, i, 1)), "kind", json_word(rows, i, 2), "key", json_word(rows, i, 3), "state",
	               states[wc_row_int(rows, i, 4)], "attempts", (json_int_t)wc_row_int(rows, i, 5), "crashes",
	               (json_int_t)wc_row_int(rows, i, 6), "finished_ms", json_ms(rows, i, 7), "error", json_word(rows, i, 8));
}

static json_t *tell_call(wc_arena *a, const wc_rows *rows, size_t i)
{
	return wc_json(a, "{s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:I, s:I, s:I, s:I}", "at_ms", json_ms(rows, i, 0), "what", "model", "model",
	               json_word(rows, i, 1), "job", json_ms(rows, i, 2), "status", (json_int_t)wc_row_int(rows, i, 3), "result",
	               json_word(rows, i, 4), "first_text_ms", json_ms(rows, i, 5), "total_ms", (json_int_t)wc_row_int(rows, i, 6),
	               "prompt_tokens", (json_int_t)wc_row_int(rows, i, 7), "completion_tokens", (json_int_t)wc_row_int(rows, i, 8),
	               "cost_micros", (json_int_t)wc_row_int(rows, i, 9));
}

static json_t *tell_outbound(wc_arena *a, const wc_rows *rows, size_t i)
{
	return wc_json(a, "{s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:I}", "at_ms", json_ms(rows, i, 0), "what", "outbound", "key",
	               json_word(rows, i, 1), "kind", json_word(rows, i, 2), "state", outbound_state(wc_row_int(rows, i, 3)), "answer",
	               json_word(rows, i, 4), "settled_ms", json_ms(rows, i, 5), "reconciles", (json_int_t)wc_row_int(rows, i, 6));
}

/* As core/talk writes them. */
static const char *state_of_message(int64_t state)
{
	static const char *const names[] = {[1] = "owed", [2] = "answered", [3] = "person", [4] = "settled", [11] = "queued", [12] = "waiting", [13] = "sent",
	                                    [14] = "failed", [15] = "failed", [16] = "uncertain", [17] = "dropped", [18] = "draft", [19] = "discarded"};

	return state > 0 && state < 20 && names[state] ? names[state] : "unknown";
}

static json_t *tell_message(wc_arena *a, const wc_rows *rows, size_t i)
{
	return wc_json(a, "{s:o, s:s, s:s, s:I, s:o, s:b, s:o, s:s, s:o, s:o, s:o, s:o}", "at_ms", json_ms(rows, i, 0), "what", "message", "id",
	               wc_printf(a, "message:%s", wc_row_text(rows, i, 1)), "conversation", (json_int_t)wc_row_int(rows, i, 2), "channel",
	               json_word(rows, i, 3), "out", (int)wc_row_int(rows, i, 4), "kind", json_word(rows, i, 5), "state", state_of_message(wc_row_int(rows, i, 6)),
	               "outcome", json_word(rows, i, 7), "reason", json_word(rows, i, 8), "answers", json_ms(rows, i, 9), "sent_ms", json_ms(rows, i, 10));
}

static json_t *tell_conversation(wc_arena *a, const wc_rows *rows, size_t i)
{
	return wc_json(a, "{s:o, s:s, s:I, s:o, s:o, s:o}", "at_ms", json_ms(rows, i, 0), "what", "conversation", "conversation",
	               (json_int_t)wc_row_int(rows, i, 1), "message", json_ms(rows, i, 2), "change", json_word(rows, i, 3), "detail", json_word(rows, i, 4));
}

static json_t *tell_audit(wc_arena *a, const wc_rows *rows, size_t i)
{
	wc_cell details = wc_row_cell(rows, i, 4);
	wc_err  ignored;

	return wc_json(a, "{s:o, s:s, s:o, s:o, s:o, s:O*}", "at_ms", json_ms(rows, i, 0), "what", "audit", "actor", json_word(rows, i, 1),
	               "action", json_word(rows, i, 2), "object", json_word(rows, i, 3), "details",
	               wc_json_parse(a, details.s, details.n, &ignored));
}

#define AT_MOST " ORDER BY id LIMIT 500"

static const struct {
	const char *sql;
	tell_fn    *tell;
} chapters[] = {
	{"SELECT " MS("received_at") ", id, endpoint, LENGTH(payload) FROM inbox_event WHERE trace_id = ?" AT_MOST, tell_event},
	{"SELECT " MS("created_at") ", id, kind, job_key, state, attempts, crashes, " MS("finished_at") ", error FROM job WHERE trace_id = ?" AT_MOST, tell_job},
	{"SELECT " MS("at") ", model, job_id, status, result, first_text_ms, total_ms, prompt_tokens, completion_tokens, cost_micros FROM ai_call"
	 " WHERE trace_id = ?" AT_MOST, tell_call},
	{"SELECT " MS("created_at") ", call_key, kind, state, answer, " MS("settled_at") ", reconciles FROM outbound_call WHERE trace_id = ?" AT_MOST,
	 tell_outbound},
	{"SELECT " MS("at") ", id, conversation, channel, is_out, kind, state, outcome, reason, answers, " MS("sent_at") " FROM message WHERE trace_id = ?" AT_MOST,
	 tell_message},
	{"SELECT " MS("at") ", conversation, message, what, detail FROM conversation_event WHERE trace_id = ?" AT_MOST, tell_conversation},
	{"SELECT " MS("at") ", actor, action, object, details FROM audit_log WHERE trace_id = ?" AT_MOST, tell_audit},
};

static int64_t at_ms(const json_t *event)
{
	return json_integer_value(json_object_get(event, "at_ms"));
}

struct placed {
	json_t *event;
	size_t  place;
};

/* What happened in the same millisecond keeps the order of the chapters. */
static int by_time(const void *x, const void *y)
{
	const struct placed *p = x, *q = y;
	int64_t              a = at_ms(p->event), b = at_ms(q->event);

	return a != b ? (a > b) - (a < b) : (p->place > q->place) - (p->place < q->place);
}

static json_t *sorted(wc_arena *a, const json_t *events)
{
	size_t         n   = json_array_size(events);
	struct placed *all = wc_alloc(a, n * sizeof *all);
	json_t        *to  = wc_json_keep(a, json_array());

	for (size_t i = 0; i < n; i++)
		all[i] = (struct placed){json_array_get(events, i), i};
	qsort(all, n, sizeof *all, by_time);
	for (size_t i = 0; i < n; i++)
		json_array_append(to, all[i].event);
	return to;
}

/* The events in order of time; NULL with *e: WC_E_NOT_FOUND when nothing is known under the id. */
static json_t *explain(wc_arena *a, const char *id, const char **trace, wc_err *e)
{
	json_t *events = wc_json_keep(a, json_array());
	wc_rows rows;

	if (find_trace(a, id, trace, e) < 0)
		return NULL;
	for (size_t c = 0; *trace && c < sizeof chapters / sizeof *chapters; c++) {
		if (wc_db_query(NULL, a, &rows, e, chapters[c].sql, wc_text(*trace)) < 0)
			return NULL;
		for (size_t i = 0; i < rows.n; i++)
			json_array_append(events, chapters[c].tell(a, &rows, i));
	}
	if (!json_array_size(events)) {
		wc_fail(e, WC_E_NOT_FOUND, "nothing is known under this id; ids are trace ids, inbox:N, job:N, message:N, keys of jobs and of outward actions");
		return NULL;
	}
	return sorted(a, events);
}

/* --- for people ------------------------------------------------------------------------------------------------------- */

static json_t *explain_json(wc_arena *a, const char *id, wc_err *e)
{
	const char *trace;
	json_t     *events = explain(a, id, &trace, e);

	return events ? wc_json(a, "{s:s, s:O}", "trace_id", trace, "events", events) : NULL;
}

static int get_explain(wc_request *rq, const void *self)
{
	wc_err  e;
	json_t *story = explain_json(wc_request_arena(rq), wc_path_param(rq, "id"), &e);

	(void)self;
	return story ? wc_reply_json(rq, 200, story) : wc_reply_err(rq, &e);
}

struct message {
	const char *id;
};

static const wc_field message_fields[] = {
	{WC_STRING, "id", NULL, offsetof(struct message, id), "a trace id, inbox:N, job:N, message:N, or the key of a job or an outward action", .min = 1, .max = 512},
	{0}};

static json_t *explain_tool(const wc_tool_call *call, const void *self, wc_err *e)
{
	const struct message *m = call->args;

	(void)self;
	return explain_json(call->arena, m->id, e);
}

/* "name value" for each member that is not said otherwise. */
static void print_rest(wc_arena *a, const json_t *event)
{
	const char *name;
	json_t     *value;

	json_object_foreach((json_t *)event, name, value) {
		if (!strcmp(name, "at_ms") || !strcmp(name, "what") || json_is_null(value))
			continue;
		if (strlen(name) > 3 && !strcmp(name + strlen(name) - 3, "_ms") && json_integer_value(value) > INT64_C(1000000000000))
			printf("  %.*s %s", (int)strlen(name) - 3, name, work_time_text(a, json_integer_value(value)));
		else
			printf("  %s %s", name, json_is_string(value) ? json_string_value(value) : wc_json_text(a, value));
	}
	printf("\n");
}

static int explain_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char *trace;
	json_t     *events, *event;
	size_t      i;
	wc_err      e;

	(void)self;
	if (argc < 1) {
		fprintf(stderr, "usage: wecomd explain ID\n");
		return 2;
	}
	if (!(events = explain(a, argv[0], &trace, &e))) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	printf("trace %s, times in UTC\n", trace);
	json_array_foreach(events, i, event) {
		printf("%s  %-8s", work_time_text(a, at_ms(event)), wc_json_str(event, "what"));
		print_rest(a, event);
	}
	return 0;
}

WC_PART(explain_part, "explain",
	.summary  = "the story of one message",
	.routes   = WC_ROUTES(
		{WC_GET, "/api/explain/{id}", WC_VIEWER, get_explain, "Everything known of one message, in order of time"}),
	.tools    = WC_TOOLS(
		{"explain_message", WC_VIEWER, WC_READS, explain_tool,
		 "The story of one message in order of time: its callback, jobs, model calls, outward actions, and what people did. No texts of people",
		 message_fields, sizeof(struct message)}),
	.commands = WC_COMMANDS(
		{"explain", "ID", "everything known of one message, in order of time", explain_command}));
