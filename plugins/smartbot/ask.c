/* A test question from the console: as a person would be answered, without memory, commands or limits; what it uses is counted under
 * "(console)". Whole, or while it grows as server-sent events. */
#include "smartbot.h"

#include <string.h>

#define TEXT_MAX   STREAM_MAX
#define EVERY_MS   150       /* between two events of a growing answer */

const wc_field question_fields[] = {{WC_STRING, "text", NULL, offsetof(struct question, text), "the question", .min = 1, .max = 4096}, {0}};

struct asking {
	wc_arena              *a;
	const struct smartbot *self;
	const char            *text;
	struct bot             bot;
	wc_request            *rq;           /* of an answer in events, as the rest: */
	wc_buf                *answer;       /* so far */
	int64_t                shown_ms;     /* monotonic; 0: nothing was sent yet */
};

static int prepare(struct asking *x, const char *name, wc_chat *chat, wc_err *e)
{
	const char *role;

	if (bot_find(x->a, name, &x->bot, e) < 0 || role_prompt(x->a, x->bot.persona, &role, e) < 0)
		return -1;
	*chat = (wc_chat){.max_answer = TEXT_MAX, .model = x->bot.model, .fallback = x->bot.fallback_model, .ctx = x,
	                  .messages = wc_json(x->a, "[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content",
	                                      prompt_system(x->a, &x->bot, role, prompt_fence(x->a)), "role", "user", "content", x->text)};
	return 0;
}

static json_t *result_object(const struct asking *x, const wc_chat_result *r)
{
	wc_slice covered = blocked_cover(x->a, x->self->block_words, r->text, r->len, false);

	return wc_json(x->a, "{s:s%, s:s, s:I, s:I, s:I, s:s, s:I, s:I}", "answer", covered.p, covered.n, "model", r->model, "prompt_tokens",
	               (json_int_t)r->prompt_tokens, "completion_tokens", (json_int_t)r->completion_tokens, "cost_micros", (json_int_t)r->cost_micros, "currency", wc_currency(),
	               "first_text_ms", (json_int_t)r->first_text_ms, "total_ms", (json_int_t)r->total_ms);
}

/* NULL with *e. */
static json_t *answer(const struct asking *x, const wc_chat *chat, wc_err *e)
{
	struct person  console  = person_of(x->a, "(console)");
	int64_t        estimate = wc_token_estimate(x->text, strlen(x->text));
	wc_chat_result r;

	if (wc_chat_stream(x->a, chat, &r, e) < 0) {
		usage_add_failed(x->self, x->bot.id, &console, &r, estimate);
		return NULL;
	}
	return usage_add(x->self, x->bot.id, &console, &r, estimate, e) < 0 ? NULL : result_object(x, &r);
}

json_t *test_question(wc_arena *a, const struct smartbot *self, const char *name, const char *text, wc_err *e)
{
	struct asking x = {.a = a, .self = self, .text = text};
	wc_chat       chat;

	return prepare(&x, name, &chat, e) < 0 ? NULL : answer(&x, &chat, e);
}

/* The question of the request; NULL: it holds a blocked word, and that was said. */
static const char *question_of(wc_request *rq, const struct smartbot *self)
{
	const char *text = ((const struct question *)wc_body(rq))->text;

	if (!blocked_word(wc_request_arena(rq), self->block_words, text, strlen(text)))
		return text;
	wc_problem(rq, 422, "blocked", "the question holds a blocked word");
	return NULL;
}

int ask_bot(wc_request *rq, const void *self)
{
	const char *text = question_of(rq, self);
	json_t     *result;
	wc_err      e;

	if (!text)
		return 0;
	result = test_question(wc_request_arena(rq), self, wc_path_param(rq, "name"), text, &e);
	return result ? wc_reply_json(rq, 200, result) : wc_reply_err(rq, &e);
}

/* --- while it grows -------------------------------------------------------------------------------------------------- */

static int send_event(struct asking *x, wc_arena *a, const json_t *value)
{
	const char *line = wc_printf(a, "data: %s\n\n", wc_json_text(a, value));

	if (!x->shown_ms)
		wc_stream_open(x->rq, 200, "text/event-stream");
	x->shown_ms = wc_mono_ms();
	return wc_stream_write(x->rq, line, strlen(line));
}

/* The whole text so far each time: what covers a word may reach back. */
static int on_text(void *ctx, const char *p, size_t n, wc_err *e)
{
	struct asking *x = ctx;
	wc_arena      *a;
	wc_slice       covered;
	int            rc = 0;

	wc_buf_add(x->answer, p, n);
	if (x->shown_ms && wc_mono_ms() - x->shown_ms < EVERY_MS)
		return 0;
	a       = wc_arena_new();
	covered = blocked_cover(a, x->self->block_words, x->answer->s, x->answer->len, true);
	if (wc_utf8_valid(covered.p, covered.n))
		rc = send_event(x, a, wc_json(a, "{s:s%}", "text", covered.p, covered.n));
	wc_arena_free(a);
	return rc < 0 ? wc_fail(e, WC_E_STOPPED, "the one who asked is gone") : 0;
}

/* An error before the first text is an ordinary answer; a later one is the last event. */
int ask_bot_streamed(wc_request *rq, const void *self)
{
	wc_arena     *a    = wc_request_arena(rq);
	struct asking x    = {.a = a, .self = self, .text = question_of(rq, self), .rq = rq, .answer = wc_buf_new(a, 2 * TEXT_MAX)};
	json_t       *done = NULL;
	wc_chat       chat;
	wc_err        e;

	if (!x.text)
		return 0;
	if (prepare(&x, wc_path_param(rq, "name"), &chat, &e) == 0) {
		chat.on_text = on_text;
		done         = answer(&x, &chat, &e);
	}
	if (done)
		send_event(&x, a, wc_json(a, "{s:O}", "done", done));
	else if (!x.shown_ms)
		return wc_reply_err(rq, &e);
	else
		send_event(&x, a, wc_json(a, "{s:{s:s, s:s}}", "error", "code", wc_err_name(e.code), "trace_id", wc_trace()));
	return 0;
}
