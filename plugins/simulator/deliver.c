/* Delivery as WeCom does it: the message callback in up to some tries, then refreshes until the stream is finished or its
 * life is over. Where the job was interrupted it goes on from the rows: the message keeps its msgid, the bubble its
 * stream. */
#include "deliver.h"

#include "bot.h"
#include "callback.h"
#include "chat.h"
#include "control.h"
#include "judge.h"
#include "media.h"
#include "response.h"

#include <inttypes.h>
#include <string.h>

#define ANSWER_MAX (16u << 20)     /* ten pictures would be more; none of ours is */
#define SLICE_MS   100             /* how soon a pause notices that the process drains */

struct talk {
	wc_job                 *job;
	const struct simulator *sim;
	struct bot              bot;
	wc_envelope             envelope;
	struct chat_turn        turn;
	char                    stream_id[CHAT_STREAM_MAX + 1];     /* "": there is no bubble to refresh */
	char                    shown[CHAT_TEXT_MAX + 1];           /* what the bubble shows */
	bool                    card;
	struct control          control;                            /* as read before the last refresh */
};

/* One callback and its answer; lives in an arena of its own, for a talk may take hundreds. */
struct exchange {
	wc_arena            *a;
	struct judge_case    c;
	const char          *msgid;
	const char          *fault;        /* what becomes of the answer on its way; NULL or "none": it arrives */
	bool                 received;     /* answered with HTTP 200 */
	bool                 good;
	struct judge_verdict verdict;
	struct chat_step     step;
};

static bool stopping(void *job)
{
	return wc_job_stopping(job);
}

static int stopped(wc_err *e)
{
	return wc_fail(e, WC_E_STOPPED, "the simulator is stopping");
}

/* -1 when the process drains meanwhile. */
static int pause_ms(const struct talk *t, int64_t ms, wc_err *e)
{
	int64_t end = wc_mono_ms() + ms, left;

	while ((left = end - wc_mono_ms()) > 0) {
		if (wc_job_stopping(t->job))
			return stopped(e);
		wc_sleep_ms(left < SLICE_MS ? left : SLICE_MS);
	}
	return wc_job_stopping(t->job) ? stopped(e) : 0;
}

/* ---- the callback ---- */

static json_t *callback_head(wc_arena *a, const struct talk *t, const char *msgid)
{
	bool    group = *t->turn.group;
	json_t *head  = wc_json(a, "{s:s, s:s, s:s, s:{s:s}}", "msgid", msgid, "aibotid", t->bot.aibotid,
	                        "chattype", group ? "group" : "single", "from", "userid", t->turn.person);

	if (group)
		json_object_set_new(head, "chatid", json_string(t->turn.group));
	return head;
}

/* Adds "msgtype" and the member of that name. purpose tells the links of a message and of what it quotes apart. */
static int add_content(wc_arena *a, const struct talk *t, json_t *to, int64_t id, const char *type, const char *text, const char *purpose, wc_err *e)
{
	const char *url = NULL;
	json_t     *content;

	if ((!strcmp(type, "image") || !strcmp(type, "file") || !strcmp(type, "mixed")) &&
	    media_link(t->sim, a, t->bot.name, t->turn.msgid, purpose, id, &url, e) < 0)
		return -1;
	if (!strcmp(type, "mixed"))
		content = json_pack("{s:[{s:s, s:{s:s}}, {s:s, s:{s:s}}]}", "msg_item", "msgtype", "text", "text", "content", text,
		                    "msgtype", "image", "image", "url", url);
	else
		content = url ? json_pack("{s:s}", "url", url) : json_pack("{s:s}", "content", text);
	json_object_set_new(to, "msgtype", json_string(type));
	json_object_set_new(to, type, content);
	return 0;
}

static int add_quote(wc_arena *a, const struct talk *t, json_t *callback, wc_err *e)
{
	json_t     *quote = wc_json(a, "{}");
	const char *type, *text;

	if (chat_said(a, t->turn.quote, &type, &text, e) < 0 || add_content(a, t, quote, t->turn.quote, type, text, "quote", e) < 0)
		return -1;
	json_object_set(callback, "quote", quote);
	return 0;
}

/* The same for every try of a message, since a retry repeats the plaintext. NULL with *e. */
static const char *message_callback(wc_arena *a, const struct talk *t, wc_err *e)
{
	const struct response_for later    = {t->bot.name, t->turn.person, t->turn.group, t->turn.msgid, t->turn.id};
	json_t                   *callback = callback_head(a, t, t->turn.msgid);
	const char               *text     = t->turn.text, *url;

	if (*t->turn.group)
		text = wc_printf(a, "@%s %s", t->bot.bot_name, text);
	if (response_url(t->sim, a, &later, &url, e) < 0)
		return NULL;
	json_object_set_new(callback, "response_url", json_string(url));
	if (add_content(a, t, callback, t->turn.id, t->turn.msgtype, text, "message", e) < 0 ||
	    (t->turn.quote && add_quote(a, t, callback, e) < 0))
		return NULL;
	return wc_json_text(a, callback);
}

static const char *refresh_callback(wc_arena *a, const struct talk *t, const char *msgid)
{
	json_t *callback = callback_head(a, t, msgid);

	json_object_set_new(callback, "msgtype", json_string("stream"));
	json_object_set_new(callback, "stream", json_pack("{s:s}", "id", t->stream_id));
	return wc_json_text(a, callback);
}

/* ---- the answer ---- */

static void judge(struct exchange *x, const struct talk *t, const wc_http_reply *reply)
{
	wc_err why;

	x->step.status = reply->status;
	x->received    = reply->status == 200;
	if (!x->received)
		x->step.error = wc_printf(x->a, "HTTP %ld; only 200 counts", reply->status);
	else if (judge_answer(x->a, &t->envelope, &x->c, (wc_slice){reply->body->s, reply->body->len}, &x->verdict, &why) < 0)
		x->step.error = wc_strdup(x->a, why.text);
	else
		x->good = true;
}

/* A stream id names one bubble; the bot may not use it for another. */
static int judge_new_stream(struct exchange *x, const struct talk *t, wc_err *e)
{
	int taken;

	if (!x->good || !x->verdict.stream_id || x->c.callback != JUDGE_MESSAGE)
		return 0;
	taken = chat_stream_taken(x->a, t->bot.name, x->verdict.stream_id, t->turn.id, e);
	if (taken > 0) {
		x->good       = false;
		x->step.error = "stream.id was used for another message";
	}
	return taken < 0 ? -1 : 0;
}

static bool fails_by(const struct exchange *x, const char *fault)
{
	return x->fault && !strcmp(x->fault, fault);
}

/* The first byte of the answer ends the connection. */
static int reset(void *ctx, const char *p, size_t n, wc_err *e)
{
	(void)ctx;
	(void)p;
	(void)n;
	return wc_fail(e, WC_E_REMOTE, "the connection was reset");
}

/* What the bot said does not arrive as it was said. */
static void take_answer(struct exchange *x, const struct talk *t, wc_http_reply *reply)
{
	static const char page[] = "<html><title>502 Bad Gateway</title></html>";

	if (fails_by(x, "timeout")) {
		x->step.error = wc_printf(x->a, "no answer within %" PRId64 " ms", t->sim->answer_timeout_ms);
		return;
	}
	if (fails_by(x, "not_json")) {
		reply->body = wc_buf_new(x->a, sizeof page);
		wc_buf_adds(reply->body, page);
	}
	judge(x, t, reply);
}

/* Posts the callback and judges the answer. -1 only when nothing can be said about the bot. */
static int exchange(struct exchange *x, const struct talk *t, const char *plain, wc_err *e)
{
	const char *url, *body;

	if (callback_seal(x->a, &t->envelope, t->bot.url, plain, &x->c.nonce, &url, &body, e) < 0)
		return -1;

	const wc_http call = {
		.url        = url,
		.headers    = (const char *const[]){"Content-Type: application/json", NULL},
		.body       = body,
		.body_len   = strlen(body),
		.connect_ms = t->sim->answer_timeout_ms,
		.total_ms   = t->sim->answer_timeout_ms,
		.max_body   = ANSWER_MAX,
		.on_data    = fails_by(x, "reset") ? reset : NULL,
		.stop       = stopping,
		.ctx        = t->job};
	int64_t       start = wc_mono_ms();
	wc_http_reply reply;
	wc_err        why;
	int           rc;

	x->step.at_ms = wc_now_ms();
	if (fails_by(x, "http500")) {     /* a gateway before the bot, which hears nothing */
		x->step.status = 500;
		x->step.error  = "HTTP 500; only 200 counts";
		return 0;
	}
	rc         = wc_http_do(x->a, &call, &reply, &why);
	x->step.ms = wc_mono_ms() - start;
	if (rc == 0)
		take_answer(x, t, &reply);
	else if (why.code == WC_E_STOPPED)
		return stopped(e);
	else if (why.code == WC_E_TIMEOUT)
		x->step.error = wc_printf(x->a, "no answer within %" PRId64 " ms", t->sim->answer_timeout_ms);
	else
		x->step.error = wc_strdup(x->a, why.text);
	return judge_new_stream(x, t, e);
}

/* ---- what follows from it ---- */

/* Sets what the bubble becomes by a good answer; true when that is its end. */
static bool show(struct exchange *x)
{
	const struct judge_verdict *v = &x->verdict;
	struct chat_step           *s = &x->step;

	s->card = v->card ? wc_json_text(x->a, v->card) : NULL;
	if (!v->stream_id) {
		s->text   = judge_card_text(v->card);
		s->bubble = "finished";
		return true;
	}
	if (v->finish && v->blank) {
		/* The placeholder stays for ever: WeCom does not replace it by nothing. */
		s->error  = s->bubble_error = "blank final content";
		s->text   = s->begins ? "" : NULL;
		s->bubble = "failed";
		return true;
	}
	s->text          = v->content;
	s->pictures      = v->pictures;
	s->picture_count = v->picture_count;
	s->bubble = v->finish ? "finished" : v->blank ? "waiting" : "streaming";
	return v->finish;
}

/* Takes over what the next refresh must know. */
static void remember(struct talk *t, const struct exchange *x)
{
	strcpy(t->stream_id, x->verdict.stream_id);
	strcpy(t->shown, x->verdict.content);
	t->card |= x->verdict.card != NULL;
}

static void settle_failed(struct exchange *x, const char *why)
{
	x->step.state       = "failed";
	x->step.state_error = why;
	x->step.over        = true;
}

static void settle_acknowledged(struct exchange *x)
{
	x->step.state = "finished";
	if (x->verdict.empty) {
		x->step.over = true;
		return;
	}
	x->step.begins    = true;
	x->step.stream_id = x->verdict.stream_id;
	x->step.feedback_id = x->verdict.feedback_id;
	x->step.over      = show(x);
}

/* One try of the message. 1: that was the last, 0: try again, -1 with *e. */
static int try_message(struct talk *t, struct exchange *x, wc_err *e)
{
	x->c    = (struct judge_case){.callback = JUDGE_MESSAGE};
	x->step = (struct chat_step){.a = x->a, .message = t->turn.id, .kind = "message", .msgid = t->turn.msgid,
	                             .try = t->turn.tries + 1, .error = "", .state_error = "", .bubble_error = ""};
	const char *plain = message_callback(x->a, t, e);

	if (!plain || exchange(x, t, plain, e) < 0)
		return -1;
	if (x->good)
		settle_acknowledged(x);
	else if (x->received)
		settle_failed(x, x->step.error);
	else if (x->step.try >= t->sim->tries)
		settle_failed(x, wc_printf(x->a, "not acknowledged in %d tries; the last: %s", x->step.try, x->step.error));
	if (chat_record(&x->step, e) < 0)
		return -1;
	t->turn.tries++;
	if (x->good && !x->step.over)
		remember(t, x);
	return x->step.state != NULL;
}

/* The same snapshot again is not a change. */
static bool changes(const struct talk *t, const struct exchange *x)
{
	return x->verdict.finish || x->verdict.card || strcmp(t->shown, x->verdict.content) != 0;
}

/* One refresh. 1: the stream is finished, 0: it goes on, -1 with *e. What a bot answers wrongly is recorded and asked
 * again: WeCom's documents do not say what happens then. */
static int refresh_once(struct talk *t, struct exchange *x, wc_err *e)
{
	const char *msgid = callback_random(x->a, 16);

	x->c    = (struct judge_case){.callback = JUDGE_REFRESH, .stream_id = t->stream_id, .card = t->card};
	x->step = (struct chat_step){.a = x->a, .message = t->turn.id, .kind = "refresh", .msgid = msgid, .try = 1,
	                             .error = "", .state_error = "", .bubble_error = ""};
	if (!(x->fault = control_take_fault(x->a, &t->control, CONTROL_REFRESH, e)))
		return -1;
	if (exchange(x, t, refresh_callback(x->a, t, msgid), e) < 0)
		return -1;
	if (x->good && changes(t, x))
		x->step.over = show(x);
	if (chat_record(&x->step, e) < 0)
		return -1;
	if (x->good)
		remember(t, x);
	return x->step.over;
}

static int in_own_arena(struct talk *t, int (*step)(struct talk *t, struct exchange *x, wc_err *e), wc_err *e)
{
	struct exchange x  = {.a = wc_arena_new()};
	int             rc = step(t, &x, e);

	wc_arena_free(x.a);
	return rc;
}

/* ---- the whole talk ---- */

static bool life_is_over(const struct talk *t)
{
	return wc_now_ms() >= t->turn.open_until_ms;
}

/* Ends the interaction without another callback. */
static int expire(const struct talk *t, wc_err *e)
{
	struct chat_step step = {.a = wc_job_arena(t->job), .message = t->turn.id, .over = true};

	if (t->turn.sending && !*t->stream_id) {
		step.state       = "failed";
		step.state_error = "not acknowledged before the life of the interaction was over";
	}
	if (*t->stream_id) {
		step.bubble       = "failed";
		step.bubble_error = "the life of the stream was over before finish=true";
	}
	return chat_record(&step, e);
}

static int deliver_message(struct talk *t, wc_err *e)
{
	int done;

	for (;;) {
		if (life_is_over(t))
			return expire(t, e);
		done = in_own_arena(t, try_message, e);
		if (done)
			return done < 0 ? -1 : 0;
		if (pause_ms(t, t->sim->retry_pause_ms, e) < 0)
			return -1;
	}
}

static int wait_for_refresh(struct talk *t, wc_err *e)
{
	int64_t   left = t->turn.open_until_ms - wc_now_ms();
	wc_arena *a    = wc_arena_new();
	int       rc   = control_read(t->sim, a, &t->control, e);

	wc_arena_free(a);
	t->control.model_fault = t->control.refresh_fault = NULL;     /* they were in the arena */
	return rc < 0 ? -1 : pause_ms(t, t->control.refresh_ms < left ? t->control.refresh_ms : left, e);
}

static int follow_stream(struct talk *t, wc_err *e)
{
	int done;

	do {
		if (wait_for_refresh(t, e) < 0)
			return -1;
		if (life_is_over(t))
			return expire(t, e);
		done = in_own_arena(t, refresh_once, e);
	} while (!done);
	return done < 0 ? -1 : 0;
}

static int talk_open(struct talk *t, wc_err *e)
{
	wc_arena *a  = wc_job_arena(t->job);
	int64_t   id = json_integer_value(json_object_get(wc_job_args(t->job), "message"));

	if (chat_load(a, id, &t->turn, e) < 0 || bot_load(t->sim, a, t->turn.bot, &t->bot, e) < 0)
		return -1;
	strncat(t->stream_id, t->turn.stream_id ? t->turn.stream_id : "", CHAT_STREAM_MAX);
	strncat(t->shown, t->turn.shown, CHAT_TEXT_MAX);
	t->card = t->turn.card;
	return wc_envelope_init(&t->envelope, t->bot.token, t->bot.aes_key, "", e);
}

int deliver_run(wc_job *job, const void *self, wc_err *e)
{
	struct talk *t = wc_alloc(wc_job_arena(job), sizeof *t);

	t->job = job;
	t->sim = self;
	if (talk_open(t, e) < 0)
		return -1;
	if (!t->turn.open_until_ms)     /* an earlier run came to the end */
		return 0;
	if (t->turn.sending && deliver_message(t, e) < 0)
		return -1;
	return *t->stream_id ? follow_stream(t, e) : 0;
}
