/* Control: reading and changing the speeds. */
#include "control.h"

const wc_field control_fields[] = {
	{WC_INT, "chars_per_s", "-1", offsetof(struct control, chars_per_s), "characters a second of the model; -1: as it is",
	 .min = -1, .max = 1000000},
	{WC_INT, "refresh_ms", "-1", offsetof(struct control, refresh_ms), "pause between two refreshes; -1: as it is",
	 .min = -1, .max = 60000},
	{WC_INT, "first_token_ms", "-1", offsetof(struct control, first_token_ms),
	 "the model's wait before its first token; -1: as it is", .min = -1, .max = 600000},
	{0}};

static int64_t value_or(const wc_rows *rows, size_t column, int64_t standard)
{
	return rows->n && wc_row_cell(rows, 0, column).s ? wc_row_int(rows, 0, column) : standard;
}

int control_read(const struct simulator *sim, wc_arena *a, struct control *control, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT chars_per_s, refresh_ms, first_token_ms FROM simulator_control WHERE id = 1") < 0)
		return -1;
	*control = (struct control){
		.chars_per_s    = value_or(&rows, 0, sim->chars_per_s),
		.refresh_ms     = value_or(&rows, 1, sim->refresh_ms),
		.first_token_ms = value_or(&rows, 2, sim->first_token_ms)};
	return 0;
}

int control_get(wc_request *rq, const void *self)
{
	struct control now;
	wc_err         e;

	if (control_read(self, wc_request_arena(rq), &now, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:I, s:I}", "chars_per_s", (json_int_t)now.chars_per_s,
	                "refresh_ms", (json_int_t)now.refresh_ms, "first_token_ms", (json_int_t)now.first_token_ms);
}

static wc_val given(int64_t value)
{
	return value < 0 ? wc_null() : wc_int(value);
}

int control_set(wc_request *rq, const void *self)
{
	const struct control *to = wc_body(rq);
	wc_err                e;

	if (to->chars_per_s == 0)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"chars_per_s", "at least 1", NULL});
	if (wc_db_exec(NULL, &e,
	               "INSERT INTO simulator_control (id, chars_per_s, refresh_ms, first_token_ms) VALUES (1, ?, ?, ?)"
	               " ON DUPLICATE KEY UPDATE chars_per_s = COALESCE(VALUES(chars_per_s), chars_per_s),"
	               " refresh_ms = COALESCE(VALUES(refresh_ms), refresh_ms),"
	               " first_token_ms = COALESCE(VALUES(first_token_ms), first_token_ms)",
	               given(to->chars_per_s), given(to->refresh_ms), given(to->first_token_ms)) < 0)
		return wc_reply_err(rq, &e);
	return control_get(rq, self);
}
