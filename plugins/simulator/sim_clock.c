/* Clock: one row that says how far it is ahead. */
#include "sim_clock.h"

const wc_field sim_clock_fields[] = {
	{WC_INT, "ahead_ms", NULL, offsetof(struct sim_clock, ahead_ms), "how far it is ahead of the real one", .min = -31536000000, .max = 31536000000,
	 .optional = true},
	{WC_INT, "by_ms", NULL, offsetof(struct sim_clock, by_ms), "moves it by so much", .min = -31536000000, .max = 31536000000, .optional = true},
	{0}};

static int ahead(wc_db *db, wc_arena *a, int64_t *ms, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT ahead_ms FROM simulator_clock WHERE id = 1") < 0)
		return -1;
	*ms = rows.n ? wc_row_int(&rows, 0, 0) : 0;
	return 0;
}

int sim_now(wc_db *db, wc_arena *a, int64_t *now, wc_err *e)
{
	int64_t ms;

	if (ahead(db, a, &ms, e) < 0)
		return -1;
	*now = wc_now_ms() + ms;
	return 0;
}

int sim_clock_get(wc_request *rq, const void *self)
{
	int64_t ms;
	wc_err  e;

	(void)self;
	if (ahead(NULL, wc_request_arena(rq), &ms, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:I}", "now_ms", (json_int_t)(wc_now_ms() + ms), "ahead_ms", (json_int_t)ms);
}

int sim_clock_set(wc_request *rq, const void *self)
{
	const struct sim_clock *to = wc_body(rq);
	wc_err                  e;

	if (wc_db_exec_once(&e, "UPDATE simulator_clock SET ahead_ms = COALESCE(?, ahead_ms) + ? WHERE id = 1",
	                    to->ahead_ms == WC_ABSENT ? wc_null() : wc_int(to->ahead_ms), wc_int(to->by_ms == WC_ABSENT ? 0 : to->by_ms)) < 0)
		return wc_reply_err(rq, &e);
	return sim_clock_get(rq, self);
}
