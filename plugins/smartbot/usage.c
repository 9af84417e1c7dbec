/* What is used, by day, bot, person and model, and the limits that stand on it. */
#include "smartbot.h"

#include <string.h>

/* The day as people see it: of the clock moved by day_offset. */
#define TODAY "DATE(NOW(3) + INTERVAL ? MICROSECOND)"

static wc_val offset(const struct smartbot *self)
{
	return wc_int(self->day_offset_ms * 1000);
}

int usage_add(const struct smartbot *self, int64_t bot_id, const struct person *p, const wc_chat_result *r, int64_t prompt_estimate, wc_err *e)
{
	bool    counted    = r->prompt_tokens || r->completion_tokens;
	int64_t prompt     = counted ? r->prompt_tokens : prompt_estimate;
	int64_t completion = counted ? r->completion_tokens : wc_token_estimate(r->text, r->len);

	const char *source = counted ? "counted" : "estimated";

	wc_count("wecomd_smartbot_tokens_total", prompt, "prompt", source, NULL);
	wc_count("wecomd_smartbot_tokens_total", completion, "completion", source, NULL);
	/* A run that is repeated has asked the model again, and counts again. */
	return wc_db_exec_once(e,
	                  "INSERT INTO smartbot_usage (day, bot_id, person, model, calls, prompt_tokens, completion_tokens, cost_micros, estimated_calls)"
	                  " VALUES (" TODAY ", ?, ?, ?, 1, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE calls = calls + 1, estimated_calls = estimated_calls + VALUES(estimated_calls),"
	                  " prompt_tokens = prompt_tokens + VALUES(prompt_tokens), completion_tokens = completion_tokens + VALUES(completion_tokens),"
	                  " cost_micros = cost_micros + VALUES(cost_micros)",
	                  offset(self), wc_int(bot_id), person_val(p), wc_text(r->model), wc_int(prompt), wc_int(completion), wc_int(r->cost_micros), wc_int(!counted)) < 0
	       ? -1 : 0;
}

/* A call that failed before it showed anything is not counted: nobody says what it used. */
void usage_add_failed(const struct smartbot *self, int64_t bot_id, const struct person *p, const wc_chat_result *r, int64_t prompt_estimate)
{
	wc_err e;

	if (r->model && r->len && usage_add(self, bot_id, p, r, prompt_estimate, &e) < 0)
		wc_log(WC_ERROR, "use could not be counted", wc_kv_s("error", e.text));
}

static int too_many(wc_arena *a, const struct bot *bot, const struct person *p, const char *stream_id, bool *reached, wc_err *e)
{
	wc_rows rows;

	if (!bot->per_minute)
		return 0;
	/* Those that were refused do not count, or who asks on and on would never be heard again. */
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT COUNT(*) FROM smartbot_stream s JOIN smartbot_stream own ON own.stream_id = ? WHERE s.bot_id = ? AND s.person = ?"
	                " AND s.stream_id <> own.stream_id AND s.asked_at > own.asked_at - INTERVAL 60 SECOND AND s.asked_at <= own.asked_at"
	                " AND s.outcome <> 'limited'",
	                wc_text(stream_id), wc_int(bot->id), person_val(p)) < 0)
		return -1;
	*reached = wc_row_int(&rows, 0, 0) >= bot->per_minute;
	return 0;
}

static int tokens_today(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct person *p, int64_t *person, int64_t *all, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT COALESCE(SUM(IF(person = ?, prompt_tokens + completion_tokens, 0)), 0), COALESCE(SUM(prompt_tokens + completion_tokens), 0)"
	                " FROM smartbot_usage WHERE day = " TODAY " AND bot_id = ?",
	                person_val(p), offset(self), wc_int(bot->id)) < 0)
		return -1;
	*person = wc_row_int(&rows, 0, 0);
	*all    = wc_row_int(&rows, 0, 1);
	return 0;
}

const char *limit_reached(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct person *p, const char *stream_id,
                          int *rc, wc_err *e)
{
	bool    reached = false;
	int64_t person, all;

	*rc = 0;
	if (too_many(a, bot, p, stream_id, &reached, e) < 0 || tokens_today(a, self, bot, p, &person, &all, e) < 0) {
		*rc = -1;
		return NULL;
	}
	if (reached)
		return wc_printf(a, "您问得太快了：每分钟最多 %lld 个问题，请稍等一会儿再问。", (long long)bot->per_minute);
	if (bot->daily_tokens_person && person >= bot->daily_tokens_person)
		return "您今天的用量已经用完了，明天再来问我吧。";
	if (bot->daily_tokens_bot && all >= bot->daily_tokens_bot)
		return "我今天的用量已经用完了，明天再来问我吧。";
	return NULL;
}

int usage_read(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct person *p, struct used *used, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT COALESCE(SUM(IF(day = " TODAY ", calls, 0)), 0), COALESCE(SUM(IF(day = " TODAY ", prompt_tokens + completion_tokens, 0)), 0),"
	                " COALESCE(SUM(calls), 0), COALESCE(SUM(prompt_tokens + completion_tokens), 0) FROM smartbot_usage"
	                " WHERE bot_id = ? AND person = ? AND day > " TODAY " - INTERVAL 30 DAY",
	                offset(self), offset(self), wc_int(bot->id), person_val(p), offset(self)) < 0)
		return -1;
	*used = (struct used){wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), wc_row_int(&rows, 0, 2), wc_row_int(&rows, 0, 3), bot->daily_tokens_person};
	return 0;
}

const char *usage_text(wc_arena *a, const struct used *u)
{
	const char *rest = u->limit ? wc_printf(a, "（每天上限 %lld）", (long long)u->limit) : "";

	return wc_printf(a, "您的用量：\n- 今天 %lld 次，%lld 个 token%s\n- 近 30 天 %lld 次，%lld 个 token", (long long)u->calls, (long long)u->tokens, rest,
	                 (long long)u->month_calls, (long long)u->month_tokens);
}

json_t *usage_card(wc_arena *a, const struct used *u, const char *link)
{
	json_t *card = card_text_notice(a, "您的用量", NULL, NULL, link);

	card_set_emphasis(card, wc_printf(a, "%lld", (long long)u->tokens), "今天的 token");
	card_add_fact(card, "今天", wc_printf(a, "%lld 次", (long long)u->calls));
	card_add_fact(card, "30 天", wc_printf(a, "%lld 次，%lld token", (long long)u->month_calls, (long long)u->month_tokens));
	if (u->limit)
		card_add_fact(card, "上限", wc_printf(a, "每天 %lld token", (long long)u->limit));
	return card;
}

/* Questions and the answers that were finished, both by when the question came: the index tells. */
int usage_messages(wc_arena *a, const wc_span *span, int64_t *in, int64_t *out, const void *self, wc_err *e)
{
	wc_rows rows;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT " WC_BUCKET("asked_at") " AS bucket, COUNT(*), SUM(finished) FROM smartbot_stream WHERE " WC_WITHIN("asked_at") " GROUP BY bucket",
	                WC_SPAN_VALUES(span)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		int64_t at = wc_row_int(&rows, i, 0);

		if (at >= 0 && at < (int64_t)span->n) {
			in[at] += wc_row_int(&rows, i, 1);
			out[at] += wc_row_int(&rows, i, 2);
		}
	}
	return 0;
}
