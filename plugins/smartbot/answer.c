/* The job "smartbot.answer": reads what was asked, asks the model, and shows its answer as it grows.
 *
 * Every way through it ends the stream. When the model is slower than a stream may live, the stream ends with a word and the answer
 * follows by response_url; so it is from the start for a question that had to wait behind too many others. */
#include "smartbot.h"

#include <string.h>

#define NOTE_ROOM  256                            /* bytes kept for the note behind a cut text */
#define PIECE_MAX  (STREAM_MAX - NOTE_ROOM)
#define ANSWER_MAX ((size_t)3 * STREAM_MAX)

static const char no_answer[]   = "抱歉，我没有想出答案，请换个说法再问一次。";
static const char model_fail[]  = "抱歉，我暂时答不上来，请稍后再问一次。";
static const char too_long[]    = "（内容太长，后面的部分没有显示。）";
static const char goes_on[]     = "（内容较长，后面的部分见下一条消息。）";
static const char may_go_on[]   = "（后面的部分已作为下一条消息发出；如果没有收到，请再问一次。）";
static const char too_slow[]    = "（时间到了，后面的部分没有显示，请缩小问题再问。）";
static const char late_word[]   = "这个问题要多想一会儿，想好后我会把完整的答案作为新消息发给您。";
static const char blocked_in[]  = "抱歉，这个话题我不能讨论，请换个问题。";

struct answering {
	wc_job                *job;
	wc_arena              *a;
	const struct smartbot *self;
	struct bot             bot;
	struct person          person;
	const char            *chat;
	struct stream          stream;
	struct conversation    conversation;
	json_t                *messages;
	const char            *remembered;         /* the question as it is kept */
	int64_t                prompt_estimate;
	bool                   left_out;
	wc_buf                *text;
	int64_t                shown_at_ms, life_ends_ms, late_ends_ms;
	bool                   overflowing;        /* the bubble holds all that it can */
	bool                   late;               /* the stream has ended, the answer goes by response_url */
	bool                   out_of_time;
};

static bool has_text(const char *s, size_t n)
{
	wc_text_trim(&s, &n);
	return n > 0;
}

/* --- ending ---------------------------------------------------------------------------------------------------------- */

static struct turn turn_of(const struct answering *x, const char *answer)
{
	return (struct turn){.conversation_id = x->conversation.id, .epoch = x->conversation.epoch, .person = &x->person, .stream_id = x->stream.id,
	                     .question = x->remembered, .answer = answer};
}

static int end_stream(struct answering *x, const char *text, const char *outcome, const json_t *card, const char *remember, wc_err *e)
{
	struct turn turn = turn_of(x, remember);

	if (stream_end(&x->stream, &(struct ending){{text, strlen(text)}, outcome, card, remember && x->conversation.remembers ? &turn : NULL}, e) < 0)
		return -1;
	wc_count("messages_total", 1, "smartbot", "out", NULL);
	wc_count("wecomd_smartbot_answers_total", 1, outcome, NULL);
	wc_observe_ms("answer_latency_seconds", wc_now_ms() - wc_job_created_ms(x->job), NULL);
	return 0;
}

/* The answer to a stream that has ended: one message, once. What did not leave is tried again. */
static int send_late(struct answering *x, const char *text, const char *remember, wc_err *e)
{
	struct turn      turn  = turn_of(x, remember);
	wc_splitter      split = wc_split(text, strlen(text), PIECE_MAX);
	size_t           n;
	const char      *first = wc_split_next(&split, x->a, &n);
	enum reply_state state;

	if (split.rest_n)
		first = wc_printf(x->a, "%s\n\n%s", first, too_long);
	for (int tries = 1;; tries++) {
		if (reply_send(x->a, x->stream.id, x->person.user, reply_markdown(x->a, first ? first : no_answer), &state, e) < 0)
			return -1;
		if (state != REPLY_UNUSED)
			break;
		/* Another run of the job would ask the model again for a message that cannot be delivered. */
		if (tries == 3 || wc_job_stopping(x->job))
			return wc_fail(e, tries == 3 ? WC_E_REFUSED : WC_E_STOPPED, "the response_url could not be reached");
		wc_sleep_ms(500 * tries);
	}
	if (remember && x->conversation.remembers && memory_add(NULL, x->a, &turn, e) < 0)
		return -1;
	return 0;
}

/* A whole answer that goes by itself, such as that of a command. */
static int answer_with(struct answering *x, const char *text, const char *outcome, const json_t *card, wc_err *e)
{
	return x->late ? send_late(x, text, NULL, e) : end_stream(x, text, outcome, card, NULL, e);
}

static bool may_reply_later(struct answering *x)
{
	enum reply_state state;
	wc_err           ignored;

	return reply_state_of(x->a, x->stream.id, &state, &ignored) == 0 && state == REPLY_UNUSED;
}

/* The rest of a long answer is sent first, so that the bubble can end with what became of it. */
static const char *send_rest(struct answering *x, wc_splitter *split)
{
	size_t           n;
	const char      *rest = wc_split_next(split, x->a, &n);
	enum reply_state state = REPLY_NONE;
	wc_err           e;

	if (split->rest_n)
		rest = wc_printf(x->a, "%s\n\n%s", rest, too_long);
	if (rest && reply_send(x->a, x->stream.id, x->person.user, reply_markdown(x->a, rest), &state, &e) < 0)
		wc_log(WC_WARN, "the rest of an answer could not be sent", wc_kv_s("error", e.text));
	return state == REPLY_SENT ? goes_on : state == REPLY_UNCERTAIN || state == REPLY_BEGUN ? may_go_on : too_long;
}

static int finish(struct answering *x, const char *text, size_t n, const char *note, wc_err *e)
{
	wc_slice    covered = blocked_cover(x->a, x->self->block_words, text, n, false);
	const char *whole = wc_strndup(x->a, covered.p, covered.n), *first;
	wc_splitter split;
	size_t      first_n;

	if (covered.n != n || memcmp(covered.p, text, n))
		wc_count("wecomd_smartbot_blocked_total", 1, "answer", NULL);
	if (x->late)
		return send_late(x, whole, whole, e);
	split = wc_split(whole, covered.n, covered.n + (note ? strlen(note) + 2 : 0) <= STREAM_MAX ? STREAM_MAX : PIECE_MAX);
	first = wc_split_next(&split, x->a, &first_n);
	if (first && split.rest_n)
		note = send_rest(x, &split);
	if (note)
		first = wc_printf(x->a, "%s%s%s", first ? first : "", first ? "\n\n" : "", note);
	return end_stream(x, first ? first : no_answer, "answered", NULL, first ? whole : NULL, e);
}

/* The stream's life is over, or was never to begin, and the model still works. */
static int go_late(struct answering *x, const char *word, wc_err *e)
{
	wc_slice    covered = blocked_cover(x->a, x->self->block_words, x->text->s, x->text->len, true);
	wc_splitter split   = wc_split(covered.p, covered.n, PIECE_MAX);
	size_t      n;
	const char *first = wc_split_next(&split, x->a, &n);

	if (!first || n < x->stream.shown_len)     /* what an earlier run has shown stays */
		first = x->stream.shown_len ? wc_strndup(x->a, x->stream.shown, wc_utf8_cut(x->stream.shown, strlen(x->stream.shown), PIECE_MAX)) : NULL;
	if (end_stream(x, first ? wc_printf(x->a, "%s\n\n%s", first, word) : word, "late", NULL, NULL, e) < 0)
		return -1;
	x->late = true;
	return 0;
}

/* --- showing --------------------------------------------------------------------------------------------------------- */

/* What the bubble shows of a text that grows: no blocked word, nor the beginning of one, nor more than it holds. */
static wc_slice snapshot(struct answering *x, wc_arena *a)
{
	wc_slice    covered = blocked_cover(a, x->self->block_words, x->text->s, x->text->len, true);
	wc_splitter split;
	size_t      n;
	const char *first;

	if (covered.n <= PIECE_MAX)
		return covered;
	x->overflowing = true;
	split          = wc_split(covered.p, covered.n, PIECE_MAX);
	first          = wc_split_next(&split, a, &n);
	return (wc_slice){first, n};
}

/* The first characters at once, then at most a snapshot each snapshot_every. A run that follows a dead one begins anew, but
 * the text on the phone never gets shorter on the way. */
static int show_progress(struct answering *x, wc_err *e)
{
	int64_t   now = wc_mono_ms();
	wc_arena *a;
	wc_slice  shown;
	int       rc = 0;

	if (x->late || x->overflowing || x->text->len <= x->stream.shown_len || (x->shown_at_ms && now - x->shown_at_ms < x->self->snapshot_every_ms))
		return 0;
	a     = wc_arena_new();
	shown = snapshot(x, a);
	if (shown.n > x->stream.shown_len && has_text(shown.p, shown.n)) {
		x->shown_at_ms = now;
		rc             = stream_show(&x->stream, shown, e);
	}
	wc_arena_free(a);
	return rc;
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

/* Over its life a stream gives way to the later message where one may be sent. */
static bool life_is_over(struct answering *x)
{
	int64_t now = wc_now_ms();
	wc_err  e;

	if (x->late)
		return now > x->late_ends_ms;
	if (now <= x->life_ends_ms)
		return false;
	if (!may_reply_later(x))
		return true;
	if (go_late(x, late_word, &e) < 0) {
		wc_log(WC_WARN, "a stream could not be ended", wc_kv_s("error", e.text));
		return e.code == WC_E_STOPPED;
	}
	return false;
}

/* Asked about once a second too, so that what came last before a pause of the model does not wait for its next word. */
static bool stop(void *ctx)
{
	struct answering *x = ctx;
	wc_err            ignored;

	x->out_of_time = x->out_of_time || life_is_over(x);
	return wc_job_stopping(x->job) || x->out_of_time || show_or_go_on(x, &ignored) < 0;
}

/* The person gets an end in any case: now, when nothing better will come. */
static int give_up(struct answering *x, wc_err *e)
{
	wc_err showing;

	if (x->out_of_time && !x->late)
		return finish(x, x->text->s, x->text->len, x->text->len ? too_slow : model_fail, e);
	if (!x->out_of_time && (e->code == WC_E_STOPPED || (wc_err_retry(e->code) && !wc_job_last_attempt(x->job))))
		return -1;
	if (answer_with(x, model_fail, "failed", NULL, &showing) < 0)
		*e = showing;
	return -1;
}

/* --- what was asked -------------------------------------------------------------------------------------------------- */

struct reading {
	wc_buf     *text;           /* what the model is told */
	wc_buf     *kept;           /* what is remembered */
	json_t     *pictures;       /* image_url parts */
	const char *fence;
	const char *excuse;         /* the polite word when something could not be read */
};

static const char *excuse_for(const wc_err *e, const char *what, wc_arena *a)
{
	switch (e->code) {
	case WC_E_TOO_LARGE:
		return wc_printf(a, "抱歉，这个%s太大了，我看不了。", what);
	case WC_E_NOT_FOUND:
		return wc_printf(a, "抱歉，这个%s已经过期，请重新发送一次。", what);
	case WC_E_ARG:
		return wc_printf(a, "抱歉，这个%s打不开，请重新发送一次。", what);
	default:
		return wc_printf(a, "抱歉，我没能取到这个%s，请稍后重新发送一次。", what);
	}
}

/* 0 with an excuse when it cannot be had for good; -1 when trying again may help. */
static int fetch(struct answering *x, wc_arena *a, struct reading *r, const char *url, int64_t max, const char *what, struct media *m, wc_err *e)
{
	if (media_fetch(x->job, a, x->self, &x->bot, url, max, m, e) == 0)
		return 0;
	m->bytes.p = NULL;
	/* A URL lives five minutes, so only the first tries are worth it. */
	if (e->code == WC_E_STOPPED || (wc_err_retry(e->code) && wc_job_attempt(x->job) < 3))
		return -1;
	wc_log(WC_WARN, "a file could not be taken in", wc_kv_s("why", e->text));
	r->excuse = excuse_for(e, what, x->a);
	return 0;
}

/* a is for what is large and needed in between: bytes as they came, as they are, and as text. */
static int take_picture(struct answering *x, wc_arena *a, struct reading *r, const char *url, wc_err *e)
{
	struct media m;
	const char  *type;

	if (fetch(x, a, r, url, x->self->image_max, "图片", &m, e) < 0)
		return -1;
	if (!m.bytes.p)
		return 0;
	if (!(type = media_picture_type(m.bytes))) {
		r->excuse = "抱歉，这张图片打不开，请换成 JPG 或 PNG 再发一次。";
		return 0;
	}
	json_array_append_new(r->pictures, json_pack("{s:s, s:{s:o}}", "type", "image_url", "image_url", "url",
	                                             json_string(wc_printf(a, "data:%s;base64,%s", type, wc_base64(a, m.bytes).p))));
	x->prompt_estimate += 1000;     /* vendors count a picture as some hundred to some thousand tokens */
	return 0;
}

static int read_picture(struct answering *x, struct reading *r, const char *url, wc_err *e)
{
	wc_arena *a;
	int       rc;

	wc_buf_adds(r->kept, "[图片]");
	if (!x->bot.vision) {
		r->excuse = "抱歉，我还看不懂图片，请用文字告诉我。";
		return 0;
	}
	if ((int64_t)json_array_size(r->pictures) >= x->self->images)
		return 0;
	a  = wc_arena_new();
	rc = take_picture(x, a, r, url, e);
	wc_arena_free(a);
	return rc;
}

static int read_file(struct answering *x, struct reading *r, const char *url, wc_err *e)
{
	struct media m;
	const char  *text;
	size_t       n, room = (size_t)x->self->file_text_max;

	if (fetch(x, x->a, r, url, x->self->file_max, "文件", &m, e) < 0)
		return -1;
	if (!m.bytes.p) {
		wc_buf_adds(r->kept, "[文件]");
		return 0;
	}
	wc_buf_addf(r->kept, "[文件 %s]", m.name);
	if (!(text = media_text(x->a, &m))) {
		r->excuse = wc_printf(x->a, "抱歉，我看不懂%s%s%s：我只能看懂文本文件（txt、md、csv 等），请把内容转成文本再发。", *m.name ? "「" : "", *m.name ? m.name : "这个文件",
		                      *m.name ? "」" : "");
		return 0;
	}
	n = strlen(text);
	if (n > room)
		text = wc_printf(x->a, "%.*s\n（文件太长，后面的部分没有给出）", (int)wc_utf8_cut(text, n, room), text);
	wc_buf_adds(r->text, prompt_data(x->a, r->fence, "文件", m.name, text));
	return 0;
}

static int read_parts(struct answering *x, struct reading *r, const json_t *parts, bool quoted, wc_err *e)
{
	const json_t *part;
	size_t        i;

	json_array_foreach(parts, i, part) {
		const char *text = wc_json_str(part, "text"), *image = wc_json_str(part, "image"), *file = wc_json_str(part, "file");
		int         rc   = 0;

		if (text) {
			wc_buf_addf(r->text, "%s\n", quoted ? prompt_data(x->a, r->fence, "引用的消息", "", text) : text);
			/* What is remembered comes back as the person's own words, so nobody else's are kept. */
			wc_buf_addf(r->kept, "%s\n", quoted ? "[引用了一条消息]" : text);
		} else if (image) {
			rc = read_picture(x, r, image, e);
		} else if (file) {
			rc = read_file(x, r, file, e);
		} else {
			wc_buf_addf(r->text, "(%s看不到)\n", quoted ? "引用的内容" : "有一部分消息");
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* All text that a person wrote himself, for commands and blocked words. */
static const char *own_text(wc_arena *a, const json_t *parts)
{
	const char   *all = "", *text;
	const json_t *part;
	size_t        i;

	json_array_foreach(parts, i, part)
		if ((text = wc_json_str(part, "text")))
			all = *all ? wc_printf(a, "%s\n%s", all, text) : text;
	return all;
}

static void add_question(struct answering *x, const struct reading *r)
{
	const char *text = r->text->s;
	json_t     *content;

	if (!json_array_size(r->pictures)) {
		json_array_append_new(x->messages, json_pack("{s:s, s:s}", "role", "user", "content", text));
		return;
	}
	content = json_pack("[{s:s, s:s}]", "type", "text", "text", has_text(text, strlen(text)) ? text : "请看图片。");
	json_array_extend(content, r->pictures);
	json_array_append_new(x->messages, json_pack("{s:s, s:o}", "role", "user", "content", content));
}

static void estimate(struct answering *x, const struct reading *r)
{
	const json_t *m;
	size_t        i;

	json_array_foreach(x->messages, i, m) {
		const char *text = wc_json_str(m, "content");

		x->prompt_estimate += text ? wc_token_estimate(text, strlen(text)) : wc_token_estimate(r->text->s, r->text->len);
	}
}

/* System, memory, question. 1: an excuse was given instead, and the stream has ended. */
static int build_messages(struct answering *x, const json_t *args, wc_err *e)
{
	wc_arena      *a = x->a;
	struct reading r = {.text = wc_buf_new(a, 1u << 20), .kept = wc_buf_new(a, 1u << 18), .pictures = wc_json(a, "[]"), .fence = prompt_fence(a)};
	const char    *role, *name = *x->conversation.role ? x->conversation.role : x->bot.persona;

	if (role_prompt(a, name, &role, e) < 0)
		return -1;
	x->messages = wc_json(a, "[{s:s, s:s}]", "role", "system", "content", prompt_system(a, &x->bot, role, r.fence));
	if (memory_recall(a, &x->bot, &x->conversation, r.fence, x->messages, &x->left_out, e) < 0 ||
	    read_parts(x, &r, json_object_get(args, "quote"), true, e) < 0 || read_parts(x, &r, json_object_get(args, "parts"), false, e) < 0)
		return -1;
	if (r.excuse)
		return answer_with(x, r.excuse, "excused", NULL, e) < 0 ? -1 : 1;
	add_question(x, &r);
	estimate(x, &r);
	x->remembered = r.kept->s;
	return 0;
}

/* --- the way through ------------------------------------------------------------------------------------------------- */

static int ask(struct answering *x, wc_err *e)
{
	wc_chat        chat = {.model = x->bot.model, .fallback = x->bot.fallback_model, .messages = x->messages, .max_answer = ANSWER_MAX,
	                       .on_text = on_text, .stop = stop, .ctx = x};
	wc_chat_result r;
	wc_err         counting;

	if (wc_chat_stream(x->a, &chat, &r, e) < 0) {
		usage_add_failed(x->self, x->bot.id, &x->person, &r, x->prompt_estimate);
		return give_up(x, e);
	}
	if (usage_add(x->self, x->bot.id, &x->person, &r, x->prompt_estimate, &counting) < 0)
		wc_log(WC_ERROR, "use could not be counted", wc_kv_s("error", counting.text));
	if (!has_text(r.text, r.len))
		return answer_with(x, no_answer, "failed", NULL, e);
	if (finish(x, r.text, r.len, NULL, e) < 0)
		return -1;
	if (x->left_out && summary_ask(&x->bot, &x->conversation, x->stream.id, &counting) < 0)
		wc_log(WC_WARN, "a summary could not be asked for", wc_kv_s("error", counting.text));
	return 0;
}

/* What needs no model: limits, blocked words, commands. 1: answered. */
static int answer_at_once(struct answering *x, const char *text, wc_err *e)
{
	struct speaker        who = {&x->person, x->chat};
	struct command_result r;
	const char           *limit;
	int                   rc;

	if (blocked_word(x->a, x->self->block_words, text, strlen(text))) {
		wc_count("wecomd_smartbot_blocked_total", 1, "question", NULL);
		return answer_with(x, blocked_in, "blocked", NULL, e) < 0 ? -1 : 1;
	}
	if (command_try(x->a, x->self, &x->bot, &who, &x->conversation, text, x->stream.id, &r, e) < 0)
		return -1;
	if (r.text)
		return answer_with(x, r.card && r.beside && !x->late ? r.beside : r.text, "command", r.card, e) < 0 ? -1 : 1;
	limit = limit_reached(x->a, x->self, &x->bot, &x->person, x->stream.id, &rc, e);
	if (limit)
		return answer_with(x, limit, "limited", NULL, e) < 0 ? -1 : 1;
	return rc;
}

/* Whether an earlier run came to the end, or to where the answer is to follow later. 1: nothing is left to do. */
static int go_on_from(struct answering *x, bool later, wc_err *e)
{
	enum reply_state state;

	if (x->stream.finished && strcmp(x->stream.outcome, "late"))
		return 1;
	if (x->stream.finished) {
		x->late = true;
		if (reply_state_of(x->a, x->stream.id, &state, e) < 0)
			return -1;
		return state != REPLY_UNUSED;
	}
	if ((later || wc_now_ms() > x->life_ends_ms) && may_reply_later(x))
		return go_late(x, late_word, e);
	return 0;
}

static int open_all(struct answering *x, const json_t *args, wc_err *e)
{
	struct asked asked = {.bot_id = json_integer_value(json_object_get(args, "bot")), .asked_ms = wc_job_created_ms(x->job), .person = &x->person,
	                      .response_url = wc_json_str(args, "url")};

	if (bot_load(x->a, asked.bot_id, &x->bot, e) < 0 || stream_open(x->a, &x->stream, &asked, e) < 0)
		return -1;
	return memory_open(x->a, &x->bot, x->person.user, x->chat, &x->conversation, e);
}

/* Before the model is asked: what can go wrong for good must end the stream as well. */
static int prepare(struct answering *x, const json_t *args, wc_err *e)
{
	int rc = go_on_from(x, json_is_true(json_object_get(args, "later")), e);

	if (rc == 0)
		rc = answer_at_once(x, own_text(x->a, json_object_get(args, "parts")), e);
	return rc ? rc : build_messages(x, args, e);
}

int answer_run(wc_job *job, const void *self, wc_err *e)
{
	const struct smartbot *smartbot = self;
	const json_t          *args     = wc_job_args(job);
	wc_arena              *a        = wc_job_arena(job);
	struct answering       x        = {.job = job, .a = a, .self = smartbot, .stream = {.id = wc_job_key(job), .fence = wc_job_fence(job)},
	                                   .text = wc_buf_new(a, 8 * STREAM_MAX), .life_ends_ms = wc_job_created_ms(job) + smartbot->stream_life_ms,
	                                   .person = person_of(a, wc_json_str(args, "user")), .chat = wc_json_str(args, "chat")};
	int                    rc;

	if (wc_job_attempt(job) == 1) {
		const char *kind = wc_json_str(args, "kind");

		wc_count("messages_total", 1, "smartbot", "in", NULL);
		wc_count("wecomd_smartbot_questions_total", 1, kind ? kind : "text", NULL);
	}
	x.late_ends_ms = wc_now_ms() + smartbot->late_life_ms;
	if (open_all(&x, args, e) < 0)
		return -1;
	rc = prepare(&x, args, e);
	if (rc > 0)
		return 0;
	return rc < 0 ? give_up(&x, e) : ask(&x, e);
}
