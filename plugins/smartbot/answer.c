/* The job "smartbot.answer": asks the model and shows its answer as it grows. */
#include "smartbot.h"

#include <string.h>

static const char no_answer[]  = "抱歉,我没有想出答案,请换个说法再问一次。";
static const char model_fail[] = "抱歉,我暂时答不上来,请稍后再问一次。";
static const char too_long[]   = "(内容太长,后面的部分没有显示。)";
static const char too_slow[]   = "(时间到了,后面的部分没有显示,请缩小问题再问。)";

struct answering {
	wc_job                *job;
	const struct smartbot *self;
	struct stream          stream;
	wc_buf                *text;
	int64_t                shown_at_ms, life_ends_ms;
	bool                   out_of_time;
};

static bool has_text(const char *s, size_t n)
{
	wc_text_trim(&s, &n);
	return n > 0;
}

/* The first characters at once, then at most a snapshot each snapshot_every. A run that follows a dead one begins anew, but
 * the text on the phone never gets shorter on the way. */
static int show_progress(struct answering *x, wc_err *e)
{
	int64_t now = wc_mono_ms();

	if (x->text->len <= x->stream.shown_len || !has_text(x->text->s, x->text->len) ||
	    (x->shown_at_ms && now - x->shown_at_ms < x->self->snapshot_every_ms))
		return 0;
	x->shown_at_ms = now;
	return stream_show(&x->stream, (wc_slice){x->text->s, x->text->len}, false, e);
}

/* A snapshot that the database did not take is made up for by the next; losing the stream to a later run ends this one. */
static int show_or_go_on(struct answering *x, wc_err *e)
{
	wc_err mine;

	if (show_progress(x, &mine) == 0)
		return 0;
	if (mine.code != WC_E_STOPPED) {
		wc_log(WC_WARN, "a snapshot could not be written", wc_kv_s("error", mine.text));
		return 0;
	}
	*e = mine;
	return -1;
}

static int on_text(void *ctx, const char *p, size_t n, wc_err *e)
{
	struct answering *x = ctx;

	wc_buf_add(x->text, p, n);
	return show_or_go_on(x, e);
}

/* Asked about once a second too, so that what came last before a pause of the model does not wait for its next word. */
static bool stop(void *ctx)
{
	struct answering *x = ctx;
	wc_err            ignored;

	x->out_of_time = wc_now_ms() > x->life_ends_ms;
	return wc_job_stopping(x->job) || x->out_of_time || show_or_go_on(x, &ignored) < 0;
}

static int finish(struct answering *x, const char *text, size_t n, const char *note, wc_err *e)
{
	wc_arena *a    = wc_job_arena(x->job);
	size_t    room = STREAM_MAX - (note ? strlen(note) + 2 : 0);
	int       rc;

	if (n > room && !note) {
		note = too_long;
		room = STREAM_MAX - strlen(note) - 2;
	}
	if (note)
		text = wc_printf(a, "%.*s%s%s", (int)wc_utf8_cut(text, n, room), text, n ? "\n\n" : "", note);
	else
		text = wc_strndup(a, text, n);
	rc = stream_show(&x->stream, (wc_slice){text, strlen(text)}, true, e);
	if (rc == 0) {
		wc_count("messages_total", 1, "smartbot", "out", NULL);
		wc_observe_ms("answer_latency_seconds", wc_now_ms() - wc_job_created_ms(x->job), NULL);
	}
	return rc;
}

/* The person gets an end in any case: now, when nothing better will come. */
static int give_up(struct answering *x, wc_err *e)
{
	wc_err showing;

	if (x->out_of_time)
		return finish(x, x->text->s, x->text->len, x->text->len ? too_slow : model_fail, e);
	if (e->code == WC_E_STOPPED || (wc_err_retry(e->code) && !wc_job_last_attempt(x->job)))
		return -1;
	if (finish(x, "", 0, model_fail, &showing) < 0)
		*e = showing;
	return -1;
}

static json_t *messages(wc_arena *a, const struct bot *bot, const char *question)
{
	return wc_json(a, "[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", bot->prompt, "role", "user", "content", question);
}

static int ask(struct answering *x, const struct bot *bot, const char *question, wc_err *e)
{
	wc_arena      *a    = wc_job_arena(x->job);
	wc_chat        chat = {.model = bot->model, .messages = messages(a, bot, question), .max_answer = 4 * STREAM_MAX,
	                       .on_text = on_text, .stop = stop, .ctx = x};
	wc_chat_result r;

	if (wc_chat_stream(a, &chat, &r, e) < 0)
		return give_up(x, e);
	if (!has_text(r.text, r.len))
		return finish(x, no_answer, strlen(no_answer), NULL, e);
	return finish(x, r.text, r.len, NULL, e);
}

int answer_run(wc_job *job, const void *self, wc_err *e)
{
	const struct smartbot *smartbot = self;
	const json_t          *args     = wc_job_args(job);
	wc_arena              *a        = wc_job_arena(job);
	struct answering       x        = {.job = job, .self = smartbot, .stream = {.id = wc_job_key(job), .fence = wc_job_fence(job)},
	                                   .text = wc_buf_new(a, 8 * STREAM_MAX), .life_ends_ms = wc_job_created_ms(job) + smartbot->stream_life_ms};
	struct bot             bot;

	if (wc_job_attempt(job) == 1)
		wc_count("messages_total", 1, "smartbot", "in", NULL);
	if (bot_load(a, json_integer_value(json_object_get(args, "bot")), &bot, e) < 0 ||
	    stream_open(a, &x.stream, bot.id, wc_job_created_ms(job), e) < 0)
		return -1;
	/* The run before this one finished the stream and died before it could say so. */
	if (x.stream.finished)
		return 0;
	return ask(&x, &bot, wc_json_str(args, "question"), e);
}
