/* Faults: ordering them, listing them, and taking the next one. */
#include "fault.h"

#include <string.h>

static const char *const names[] = {"", "errcode", "http500", "reset", "lost", "timeout", "truncated", "html"};

#define OF(member) offsetof(struct fault_order, member)

const wc_field fault_fields[] = {
	{WC_STRING, "api", NULL, OF(api), "such as message/send; *: every one", .min = 1, .max = 64},
	{WC_CHOICE, "kind", NULL, OF(kind), "what happens to the call", .choices = "errcode|http500|reset|lost|timeout|truncated|html"},
	{WC_INT, "errcode", "-1", OF(errcode), "of kind errcode"},
	{WC_INT, "count", "1", OF(count), "how many calls it strikes; -1: all until it is cleared", .min = -1, .max = 1000000},
	{WC_INT, "ms", "15000", OF(ms), "of kind timeout: how late the answer comes", .min = 0, .max = 60000},
	{WC_INT, "skip", "0", OF(skip), "calls that pass before it strikes", .min = 0, .max = 1000000},
	{0}};

const wc_field fault_answer[] = {
	{WC_STRING, "api", NULL, 0, "which calls it strikes"},
	{WC_STRING, "kind", NULL, 0, "what happens to them"},
	{WC_INT, "errcode", NULL, 0, "of kind errcode"},
	{WC_INT, "ms", NULL, 0, "of kind timeout"},
	{WC_INT, "remaining", NULL, 0, "how many calls it strikes yet; below 0: all"},
	{0}};

const char *fault_name(enum fault_kind kind)
{
	return names[kind];
}

enum fault_kind fault_kind_of(const char *name)
{
	enum fault_kind kind = FAULT_HTML;

	while (kind && strcmp(names[kind], name))
		kind--;
	return kind;
}

struct taking {
	wc_arena     *a;
	const char   *api;
	struct fault *fault;
};

static int take(wc_db *db, void *arg, wc_err *e)
{
	struct taking *t = arg;
	wc_rows        rows;

	*t->fault = (struct fault){0};
	if (wc_db_query(db, t->a, &rows, e, "SELECT id, kind, errcode, ms, skip FROM simulator_fault WHERE api IN (?, '*') AND remaining <> 0"
	                " ORDER BY id LIMIT 1 FOR UPDATE", wc_text(t->api)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	if (wc_row_int(&rows, 0, 4))
		return wc_db_exec(db, e, "UPDATE simulator_fault SET skip = skip - 1 WHERE id = ?", wc_int(wc_row_int(&rows, 0, 0))) < 0 ? -1 : 0;
	*t->fault = (struct fault){fault_kind_of(wc_row_text(&rows, 0, 1)), wc_row_int(&rows, 0, 2), wc_row_int(&rows, 0, 3)};
	return wc_db_exec(db, e, "UPDATE simulator_fault SET remaining = remaining - 1 WHERE id = ? AND remaining > 0",
	                  wc_int(wc_row_int(&rows, 0, 0))) < 0 ? -1 : 0;
}

int fault_take(wc_arena *a, const char *api, struct fault *fault, wc_err *e)
{
	return wc_db_tx(take, &(struct taking){a, api, fault}, e);
}

static json_t *fault_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:s, s:s, s:I, s:I, s:I}", "api", wc_row_text(rows, i, 1), "kind", wc_row_text(rows, i, 2), "errcode",
	                 (json_int_t)wc_row_int(rows, i, 3), "ms", (json_int_t)wc_row_int(rows, i, 4), "remaining",
	                 (json_int_t)wc_row_int(rows, i, 5));
}

int fault_list(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT id, api, kind, errcode, ms, remaining FROM simulator_fault WHERE remaining <> 0 AND id > ? ORDER BY id LIMIT ?",
	                wc_int(wc_list_after(list, 0)), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, fault_json, NULL);
}

int fault_add(wc_request *rq, const void *self)
{
	const struct fault_order *o = wc_body(rq);
	wc_err                    e;

	(void)self;
	if (wc_db_exec(NULL, &e, "INSERT INTO simulator_fault (api, kind, errcode, ms, remaining, skip) VALUES (?, ?, ?, ?, ?, ?)", wc_text(o->api),
	               wc_text(o->kind), wc_int(o->errcode), wc_int(o->ms), wc_int(o->count), wc_int(o->skip)) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:s, s:s, s:I}", "api", o->api, "kind", o->kind, "remaining", (json_int_t)o->count);
}

int fault_clear(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	if (wc_db_exec(NULL, &e, "DELETE FROM simulator_fault") < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{}");
}
