/* Streams: the worker writes snapshots, refreshes on any node read them.
 *
 * A row belongs to the run with the greatest fence, so a worker that lost its lease cannot overwrite its successor. Every
 * answer to a refresh leads to an end: a stream that nobody will finish is finished here. */
#include "smartbot.h"

#include <string.h>

#define STALE_S 10     /* without a new snapshot so long, look whether anybody still works on it */

static const char expired_text[] = "这条回复已经过期,请重新提问。";
static const char failed_text[]  = "抱歉,这次没能完成回答,请稍后再问一次。";

struct opening {
	wc_arena      *a;
	struct stream *s;
	int64_t        bot_id, asked_ms;
};

static int read_content(wc_arena *a, wc_cell cell, wc_slice *content, wc_err *e)
{
	return wc_unseal(a, "smartbot_stream.content", (wc_slice){cell.s, cell.n}, content, e);
}

static int open_row(wc_db *db, void *arg, wc_err *e)
{
	struct opening *o     = arg;
	wc_slice        empty = wc_seal(o->a, "smartbot_stream.content", (wc_slice){"", 0}), shown;
	wc_rows         rows;

	if (wc_db_exec(db, e,
	               "INSERT INTO smartbot_stream (stream_id, bot_id, content, fence, asked_at) VALUES (?, ?, ?, ?, FROM_UNIXTIME(? / 1000))"
	               " ON DUPLICATE KEY UPDATE fence = GREATEST(fence, VALUES(fence))",
	               wc_text(o->s->id), wc_int(o->bot_id), wc_bytes(empty.p, empty.n), wc_int(o->s->fence), wc_int(o->asked_ms)) < 0 ||
	    wc_db_query(db, o->a, &rows, e, "SELECT content, finished, fence FROM smartbot_stream WHERE stream_id = ?", wc_text(o->s->id)) < 0)
		return -1;
	if (wc_row_int(&rows, 0, 2) != o->s->fence)
		return wc_fail(e, WC_E_STOPPED, "a later run has stream %s", o->s->id);
	o->s->finished = wc_row_int(&rows, 0, 1);
	if (read_content(o->a, wc_row_cell(&rows, 0, 0), &shown, e) < 0)
		return -1;
	o->s->shown_len = shown.n;
	return 0;
}

int stream_open(wc_arena *a, struct stream *s, int64_t bot_id, int64_t asked_ms, wc_err *e)
{
	struct opening o = {a, s, bot_id, asked_ms};

	return wc_db_tx(open_row, &o, e);
}

int stream_show(struct stream *s, wc_slice content, bool finish, wc_err *e)
{
	wc_arena *a      = wc_arena_new();     /* a long answer has many snapshots */
	wc_slice  cut    = {content.p, wc_utf8_cut(content.p, content.n, STREAM_MAX)};
	wc_slice  sealed = wc_seal(a, "smartbot_stream.content", cut);
	int64_t   n      = wc_db_exec(NULL, e, "UPDATE smartbot_stream SET content = ?, finished = ? WHERE stream_id = ? AND fence = ?",
	                              wc_bytes(sealed.p, sealed.n), wc_int(finish), wc_text(s->id), wc_int(s->fence));

	wc_arena_free(a);
	if (n < 0)
		return -1;
	if (n == 0)
		return wc_fail(e, WC_E_STOPPED, "a later run has stream %s", s->id);
	s->shown_len = cut.n;
	s->finished  = finish;
	return 0;
}

static json_t *stream_object(wc_arena *a, const char *id, bool finish, wc_slice content)
{
	return wc_json(a, "{s:s, s:b, s:s%}", "id", id, "finish", (int)finish, "content", content.p, content.n);
}

static json_t *end_with(wc_arena *a, const char *id, wc_slice shown, const char *text)
{
	const char *all = shown.n ? wc_printf(a, "%.*s\n\n%s", (int)wc_utf8_cut(shown.p, shown.n, STREAM_MAX - 256), shown.p, text) : text;

	return stream_object(a, id, true, (wc_slice){all, strlen(all)});
}

/* Nothing was written lately: is the job still to come, or at work, or has it been given up? */
static json_t *answer_stale(wc_arena *a, const struct smartbot *self, const char *id, wc_slice shown, wc_err *e)
{
	wc_job_state state;
	int64_t      created_ms;

	if (wc_job_state_of(NULL, a, id, &state, &created_ms, e) < 0)
		return NULL;
	if (state == WC_JOB_NONE)
		return end_with(a, id, shown, expired_text);
	if (state == WC_JOB_DEAD || state == WC_JOB_DONE || wc_now_ms() - created_ms > self->stream_life_ms)
		return end_with(a, id, shown, failed_text);
	return stream_object(a, id, false, shown);
}

json_t *stream_answer(wc_arena *a, const struct smartbot *self, const char *id, wc_err *e)
{
	wc_slice shown = {"", 0};
	wc_rows  rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT content, finished, TIMESTAMPDIFF(SECOND, updated_at, NOW(3)) FROM smartbot_stream WHERE stream_id = ?", wc_text(id)) < 0)
		return NULL;
	if (rows.n && read_content(a, wc_row_cell(&rows, 0, 0), &shown, e) < 0)
		return NULL;
	if (rows.n && wc_row_int(&rows, 0, 1))
		return stream_object(a, id, true, shown);
	if (rows.n && wc_row_int(&rows, 0, 2) < STALE_S)
		return stream_object(a, id, false, shown);
	return answer_stale(a, self, id, shown, e);
}
