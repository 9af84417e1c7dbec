/* One event, one outward action for people, without what it says; and, for who asked for it, what events, jobs and actions say. */
#include "work/desk.h"

#include <inttypes.h>
#include <string.h>

/* --- one event ------------------------------------------------------------------------------------------------------ */

#define REPLAYS_MAX "100"

static json_t *replays_of(wc_arena *a, const wc_rows *rows)
{
	json_t *list = wc_json(a, "[]");

	for (size_t i = 0; i < rows->n; i++)
		json_array_append_new(list, json_pack("{s:I, s:o, s:I, s:o}", "id", (json_int_t)wc_row_int(rows, i, 0), "actor", json_word(rows, i, 1),
		                                      "jobs", (json_int_t)wc_row_int(rows, i, 2), "at_ms", json_ms(rows, i, 3)));
	return list;
}

static int get_event(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_rows   event, replays;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &event, &e, "SELECT id, endpoint, " MS("received_at") ", LENGTH(payload), trace_id FROM inbox_event WHERE id = ?",
	                wc_int(desk_id(rq))) < 0 ||
	    wc_db_query(NULL, a, &replays, &e, "SELECT id, actor, jobs, " MS("at") " FROM inbox_replay WHERE inbox_id = ? ORDER BY id DESC LIMIT " REPLAYS_MAX,
	                wc_int(desk_id(rq))) < 0)
		return wc_reply_err(rq, &e);
	if (!event.n)
		return wc_problem(rq, 404, "not_found", "there is no such event in the inbox");
	return wc_reply(rq, 200, "{s:I, s:o, s:o, s:I, s:o, s:O}", "id", (json_int_t)wc_row_int(&event, 0, 0), "endpoint", json_word(&event, 0, 1),
	                "received_ms", json_ms(&event, 0, 2), "bytes", (json_int_t)(wc_row_int(&event, 0, 3) - WC_SEAL_OVERHEAD), "trace_id",
	                json_word(&event, 0, 4), "replays", replays_of(a, &replays));
}

/* --- one outward action --------------------------------------------------------------------------------------------- */

static int get_action(wc_request *rq, const void *self)
{
	wc_rows rows;
	int64_t state;
	wc_err  e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT id, call_key, kind, LOWER(HEX(SUBSTR(target_hash, 1, 16))), state, answer, trace_id, " MS("created_at") ", "
	                MS("settled_at") ", reconciles, " MS("look_at") ", LENGTH(target), LENGTH(details) FROM outbound_call WHERE id = ?",
	                wc_int(desk_id(rq))) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such outward action");
	state = wc_row_int(&rows, 0, 4);
	return wc_reply(rq, 200, "{s:I, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:I}", "id", (json_int_t)wc_row_int(&rows, 0, 0), "key",
	                json_word(&rows, 0, 1), "kind", json_word(&rows, 0, 2), "target_hash", json_word(&rows, 0, 3), "state", outbound_state(state),
	                "answer", json_word(&rows, 0, 5), "trace_id", json_word(&rows, 0, 6), "created_ms", json_ms(&rows, 0, 7), "settled_ms",
	                json_ms(&rows, 0, 8), "reconciles", (json_int_t)wc_row_int(&rows, 0, 9), "look_ms",
	                state == WC_OUT_INTENT || state == WC_OUT_UNCERTAIN ? json_ms(&rows, 0, 10) : json_null(), "target_bytes",
	                (json_int_t)(wc_row_int(&rows, 0, 11) - WC_SEAL_OVERHEAD), "details_bytes",
	                (json_int_t)(wc_row_int(&rows, 0, 12) - WC_SEAL_OVERHEAD));
}

/* --- what they say -------------------------------------------------------------------------------------------------- */

/* Sealed columns of one row: name and "table.column" of each, in the order of the statement's columns. */
struct sealed {
	const char *action, *object, *sql, *nothing;
	struct { const char *name, *about; } part[2];
};

static int reveal(wc_request *rq, const struct sealed *s)
{
	wc_arena   *a        = wc_request_arena(rq);
	int64_t     id       = desk_id(rq);
	wc_revealed parts[3] = {0};
	wc_rows     rows;
	wc_err      e;

	if (wc_db_query(NULL, a, &rows, &e, s->sql, wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "%s", s->nothing);
	for (size_t i = 0; i < rows.columns && i < 2; i++) {
		wc_cell cell = wc_row_cell(&rows, 0, i);

		parts[i].name = s->part[i].name;
		if (wc_unseal(a, s->part[i].about, (wc_slice){cell.s, cell.n}, &parts[i].text, &e) < 0)
			return wc_reply_err(rq, &e);
	}
	return wc_reply_revealed(rq, s->action, wc_printf(a, "%s:%" PRId64, s->object, id), parts);
}

static int reveal_event(wc_request *rq, const void *self)
{
	(void)self;
	return reveal(rq, &(struct sealed){"inbox.reveal", "inbox", "SELECT payload FROM inbox_event WHERE id = ?", "there is no such event in the inbox",
	                                   {{"payload", "inbox_event.payload"}}});
}

static int reveal_job(wc_request *rq, const void *self)
{
	(void)self;
	return reveal(rq, &(struct sealed){"job.reveal", "job", "SELECT args FROM job WHERE id = ?", "there is no such job", {{"args", "job.args"}}});
}

static int reveal_action(wc_request *rq, const void *self)
{
	(void)self;
	return reveal(rq, &(struct sealed){"outbound.reveal", "outbound", "SELECT target, details FROM outbound_call WHERE id = ?",
	                                   "there is no such outward action",
	                                   {{"target", "outbound_call.target"}, {"details", "outbound_call.details"}}});
}

WC_PART(look_part, "look",
	.summary = "one event, one outward action, and what they say",
	.routes  = WC_ROUTES(
		{WC_GET, "/api/inbox/{id}", WC_VIEWER, get_event, "One acknowledged event and its replays, without what it says"},
		{WC_POST, "/api/inbox/{id}/reveal", WC_OPERATOR, reveal_event, "What an event says; the look is audited"},
		{WC_POST, "/api/jobs/{id}/reveal", WC_OPERATOR, reveal_job, "The arguments of a job; the look is audited"},
		{WC_GET, "/api/outbound/{id}", WC_VIEWER, get_action, "One outward action, without whom it is for"},
		{WC_POST, "/api/outbound/{id}/reveal", WC_OPERATOR, reveal_action, "Whom an outward action is for and its details; the look is audited"}));
