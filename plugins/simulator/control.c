/* Control: reading and changing the speeds. */
#include "control.h"

#include <string.h>

const wc_field control_fields[] = {
	{WC_INT, "chars_per_s", "-1", offsetof(struct control, chars_per_s), "characters a second of the model; -1: as it is",
	 .min = -1, .max = 1000000},
	{WC_INT, "refresh_ms", "-1", offsetof(struct control, refresh_ms), "pause between two refreshes; -1: as it is",
	 .min = -1, .max = 60000},
	{WC_INT, "first_token_ms", "-1", offsetof(struct control, first_token_ms),
	 "the model's wait before its first token; -1: as it is", .min = -1, .max = 600000},
	{WC_CHOICE, "model_fault", NULL, offsetof(struct control, model_fault), "how the model's next calls fail; left out: as it is",
	 .choices = "none|429|500|stall|cut|not_json", .optional = true},
	{WC_INT, "model_fault_count", "1", offsetof(struct control, model_fault_count), "how many of them", .min = 1, .max = 1000000},
	{WC_INT, "model_stall_ms", "-1", offsetof(struct control, model_stall_ms), "how long a stalled stream stays open; -1: as it is",
	 .min = -1, .max = 600000},
	{WC_CHOICE, "refresh_fault", NULL, offsetof(struct control, refresh_fault), "what becomes of the answers to the next refreshes; left out: as it is",
	 .choices = "none|timeout|reset|http500|not_json", .optional = true},
	{WC_INT, "refresh_fault_count", "1", offsetof(struct control, refresh_fault_count), "how many of them", .min = 1, .max = 1000000},
	{WC_CHOICE, "embedding_fault", NULL, offsetof(struct control, embedding_fault), "how the next embeddings fail; left out: as it is",
	 .choices = "none|429|500|not_json", .optional = true},
	{WC_INT, "embedding_fault_count", "1", offsetof(struct control, embedding_fault_count), "how many of them", .min = 1, .max = 1000000},
	{0}};

#define STALL_MS 90000     /* longer than clients wait for the next piece */

static int64_t value_or(const wc_rows *rows, size_t column, int64_t standard)
{
	return rows->n && wc_row_cell(rows, 0, column).s ? wc_row_int(rows, 0, column) : standard;
}

int control_read(const struct simulator *sim, wc_arena *a, struct control *control, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT chars_per_s, refresh_ms, first_token_ms, model_fault, model_fault_count, model_stall_ms,"
	                                    " refresh_fault, refresh_fault_count, embedding_fault, embedding_fault_count FROM simulator_control WHERE id = 1") < 0)
		return -1;
	*control = (struct control){
		.chars_per_s    = value_or(&rows, 0, sim->chars_per_s),
		.refresh_ms     = value_or(&rows, 1, sim->refresh_ms),
		.first_token_ms = value_or(&rows, 2, sim->first_token_ms),
		.model_fault    = rows.n ? wc_row_text(&rows, 0, 3) : "none",
		.model_fault_count = value_or(&rows, 4, 0),
		.model_stall_ms = value_or(&rows, 5, STALL_MS),
		.refresh_fault  = rows.n ? wc_row_text(&rows, 0, 6) : "none",
		.refresh_fault_count = value_or(&rows, 7, 0),
		.embedding_fault = rows.n ? wc_row_text(&rows, 0, 8) : "none",
		.embedding_fault_count = value_or(&rows, 9, 0)};
	return 0;
}

struct taking {
	wc_arena           *a;
	enum control_fault  of;
	const char         *fault;
};

static int take_fault_tx(wc_db *db, void *arg, wc_err *e)
{
	static const char *const look[] = {"SELECT model_fault FROM simulator_control WHERE id = 1 AND model_fault_count > 0 FOR UPDATE",
	                                   "SELECT refresh_fault FROM simulator_control WHERE id = 1 AND refresh_fault_count > 0 FOR UPDATE",
	                                   "SELECT embedding_fault FROM simulator_control WHERE id = 1 AND embedding_fault_count > 0 FOR UPDATE"};
	static const char *const take[] = {"UPDATE simulator_control SET model_fault_count = model_fault_count - 1 WHERE id = 1",
	                                   "UPDATE simulator_control SET refresh_fault_count = refresh_fault_count - 1 WHERE id = 1",
	                                   "UPDATE simulator_control SET embedding_fault_count = embedding_fault_count - 1 WHERE id = 1"};
	struct taking           *t      = arg;
	wc_rows                  rows;

	t->fault = "none";
	if (wc_db_query(db, t->a, &rows, e, look[t->of]) < 0)
		return -1;
	if (!rows.n)
		return 0;
	t->fault = wc_row_text(&rows, 0, 0);
	return wc_db_exec(db, e, take[t->of]) < 0 ? -1 : 0;
}

const char *control_take_fault(wc_arena *a, const struct control *now, enum control_fault of, wc_err *e)
{
	struct taking t      = {a, of, "none"};
	const int64_t left[] = {now->model_fault_count, now->refresh_fault_count, now->embedding_fault_count};

	if (!left[of])
		return t.fault;
	return wc_db_tx(take_fault_tx, &t, e) < 0 ? NULL : t.fault;
}

int control_get(wc_request *rq, const void *self)
{
	struct control now;
	wc_err         e;

	if (control_read(self, wc_request_arena(rq), &now, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:I, s:I, s:s, s:I, s:I, s:s, s:I, s:s, s:I}", "chars_per_s", (json_int_t)now.chars_per_s,
	                "refresh_ms", (json_int_t)now.refresh_ms, "first_token_ms", (json_int_t)now.first_token_ms,
	                "model_fault", now.model_fault, "model_fault_count", (json_int_t)now.model_fault_count,
	                "model_stall_ms", (json_int_t)now.model_stall_ms, "refresh_fault", now.refresh_fault,
	                "refresh_fault_count", (json_int_t)now.refresh_fault_count, "embedding_fault", now.embedding_fault,
	                "embedding_fault_count", (json_int_t)now.embedding_fault_count);
}

static wc_val given(int64_t value)
{
	return value < 0 ? wc_null() : wc_int(value);
}

/* NULL: as it is. "none" takes back what is still to come. */
static int set_fault(const char *sql, const char *fault, int64_t count, wc_err *e)
{
	if (!fault)
		return 0;
	return wc_db_exec(NULL, e, sql, wc_text(fault), wc_int(strcmp(fault, "none") ? count : 0)) < 0 ? -1 : 0;
}

int control_set(wc_request *rq, const void *self)
{
	const struct control *to = wc_body(rq);
	wc_err                e;

	if (to->chars_per_s == 0)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"chars_per_s", "at least 1", NULL});
	if (wc_db_exec(NULL, &e,
	               "INSERT INTO simulator_control (id, chars_per_s, refresh_ms, first_token_ms, model_stall_ms) VALUES (1, ?, ?, ?, ?)"
	               " ON DUPLICATE KEY UPDATE chars_per_s = COALESCE(VALUES(chars_per_s), chars_per_s),"
	               " refresh_ms = COALESCE(VALUES(refresh_ms), refresh_ms),"
	               " first_token_ms = COALESCE(VALUES(first_token_ms), first_token_ms),"
	               " model_stall_ms = COALESCE(VALUES(model_stall_ms), model_stall_ms)",
	               given(to->chars_per_s), given(to->refresh_ms), given(to->first_token_ms), given(to->model_stall_ms)) < 0 ||
	    set_fault("UPDATE simulator_control SET model_fault = ?, model_fault_count = ? WHERE id = 1", to->model_fault, to->model_fault_count, &e) < 0 ||
	    set_fault("UPDATE simulator_control SET refresh_fault = ?, refresh_fault_count = ? WHERE id = 1", to->refresh_fault,
	              to->refresh_fault_count, &e) < 0 ||
	    set_fault("UPDATE simulator_control SET embedding_fault = ?, embedding_fault_count = ? WHERE id = 1", to->embedding_fault,
	              to->embedding_fault_count, &e) < 0)
		return wc_reply_err(rq, &e);
	return control_get(rq, self);
}
