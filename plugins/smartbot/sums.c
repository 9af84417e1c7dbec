/* GET /api/smartbot/usage/sums: what was used in some days, summed up four ways, for charts. */
#include "smartbot.h"

#include <string.h>

#define PEOPLE_MAX "50"
#define BOTS_MAX   "200"

const wc_field sums_query[] = {
	{WC_INT, "days", "30", offsetof(struct sums_query, days), "how many days, with today", .min = 1, .max = 366},
	{WC_STRING, "bot", NULL, offsetof(struct sums_query, bot), "only of this bot", .optional = true, .max = 64},
	{0}};

#define FIGURES "COALESCE(SUM(u.calls), 0), COALESCE(SUM(u.prompt_tokens), 0), COALESCE(SUM(u.completion_tokens), 0), COALESCE(SUM(u.cost_micros), 0)"
#define TODAY   "DATE(NOW(3) + INTERVAL ? MICROSECOND)"
#define FROM    " FROM smartbot_usage u JOIN smartbot_bot b ON b.id = u.bot_id WHERE u.day > " TODAY " - INTERVAL ? DAY AND (? IS NULL OR b.name = ?)"

static json_t *figures(const wc_rows *rows, size_t i)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "calls", (json_int_t)wc_row_int(rows, i, 1), "prompt_tokens", (json_int_t)wc_row_int(rows, i, 2),
	                 "completion_tokens", (json_int_t)wc_row_int(rows, i, 3), "cost_micros", (json_int_t)wc_row_int(rows, i, 4));
}

/* sql gives a name and the figures in each row. NULL with *e. */
static json_t *sums(wc_arena *a, const struct smartbot *self, const struct sums_query *q, const char *name, const char *sql, wc_err *e)
{
	json_t *list = wc_json(a, "[]");
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, sql, wc_int(self->day_offset_ms * 1000), wc_int(q->days), wc_text(q->bot), wc_text(q->bot)) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++) {
		wc_cell cell = wc_row_cell(&rows, i, 0);
		json_t *one  = figures(&rows, i);

		json_object_set_new(one, name, json_string(!strcmp(name, "person") ? person_masked(a, cell) : wc_row_text(&rows, i, 0)));
		json_array_append_new(list, one);
	}
	return list;
}

int get_sums(wc_request *rq, const void *self)
{
	const struct sums_query *q = wc_query(rq);
	wc_arena                *a = wc_request_arena(rq);
	json_t                  *days, *bots, *models, *people;
	wc_rows                  today;
	wc_err                   e;

	if (wc_db_query(NULL, a, &today, &e, "SELECT " TODAY, wc_int(((const struct smartbot *)self)->day_offset_ms * 1000)) < 0 ||
	    !(days = sums(a, self, q, "day", "SELECT u.day, " FIGURES FROM " GROUP BY u.day ORDER BY u.day", &e)) ||
	    !(bots = sums(a, self, q, "bot", "SELECT b.name, " FIGURES FROM " GROUP BY b.name ORDER BY 5 DESC, 2 DESC, 1 LIMIT " BOTS_MAX, &e)) ||
	    !(models = sums(a, self, q, "model", "SELECT u.model, " FIGURES FROM " GROUP BY u.model ORDER BY 5 DESC, 2 DESC, 1 LIMIT " BOTS_MAX, &e)) ||
	    !(people = sums(a, self, q, "person",
	                    "SELECT p.user_id, s.calls, s.prompt, s.completion, s.cost FROM (SELECT u.person, SUM(u.calls) calls, SUM(u.prompt_tokens) prompt,"
	                    " SUM(u.completion_tokens) completion, SUM(u.cost_micros) cost" FROM " GROUP BY u.person ORDER BY cost DESC, calls DESC LIMIT " PEOPLE_MAX
	                    ") s LEFT JOIN smartbot_person p ON p.person = s.person ORDER BY s.cost DESC, s.calls DESC", &e)))
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:s, s:I, s:s, s:O, s:O, s:O, s:O}", "today", wc_row_text(&today, 0, 0), "days_asked", (json_int_t)q->days, "currency",
	                wc_currency(), "days", days, "bots", bots, "models", models, "people", people);
}
