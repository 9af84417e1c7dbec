/* One streamed chat completion: the request, the limits of time, what the outcome means, and its line in the log. */
#include <wecomd/ai.h>

#include "ai/answer.h"
#include "ai/breaker.h"
#include "ai/model.h"
#include "work/work.h"

#include <wecomd/clock.h>
#include <wecomd/http.h>
#include <wecomd/log.h>
#include <wecomd/metric.h>

#include <string.h>

#define ANSWER_MAX  ((size_t)64 * 1024)
#define STREAM_MAX  ((size_t)256 * 1024 * 1024)     /* reasoning and the JSON around each token pass through unstored */
#define PAUSE_MS    ((int64_t)500)                  /* before the second try, when the endpoint asks for no other; then doubled */
#define STEP_MS     ((int64_t)200)                  /* how soon a pause notices a stop */
#define CLOSE_MS    1000                            /* how long the end of the connection is awaited after [DONE] */

struct call {
	const wc_chat      *chat;
	const struct model *model;
	struct answer       answer;
	int64_t             start_ms, last_ms;
	int64_t             first_text_ms;     /* since start; -1: none yet */
	bool                begun;
	int64_t             stalled_ms;        /* the limit that was reached; 0: none */
};

static int on_text(void *ctx, const char *p, size_t n, wc_err *e)
{
	struct call *c = ctx;

	if (c->first_text_ms < 0)
		c->first_text_ms = wc_mono_ms() - c->start_ms;
	return c->chat->on_text ? c->chat->on_text(c->chat->ctx, p, n, e) : 0;
}

static int on_data(void *ctx, const char *p, size_t n, wc_err *e)
{
	struct call *c  = ctx;
	int          rc = answer_feed(&c->answer, p, n, e);

	c->begun   = true;
	c->last_ms = wc_mono_ms();     /* on_text may have taken its time */
	return rc;
}

static bool on_stop(void *ctx)
{
	struct call *c     = ctx;
	int64_t      limit = !c->begun ? c->model->first_ms : c->answer.done ? CLOSE_MS : c->model->idle_ms;

	if (c->chat->stop && c->chat->stop(c->chat->ctx))
		return true;
	if (wc_mono_ms() - c->last_ms < limit)
		return false;
	c->stalled_ms = limit;
	return true;
}

static int send_request(struct call *c, wc_arena *a, wc_http_reply *reply, wc_err *e)
{
	const struct model *m       = c->model;
	json_t             *request = model_request(a, m);
	const char         *key     = *m->key ? wc_printf(a, "Authorization: Bearer %s", m->key) : NULL;
	size_t              n       = strlen(m->base);
	wc_http             http    = {.connect_ms = (long)m->connect_ms, .total_ms = (long)m->total_ms,
	                               .max_body = STREAM_MAX, .on_data = on_data, .stop = on_stop, .ctx = c};

	json_object_set(request, "messages", (json_t *)c->chat->messages);
	while (n && m->base[n - 1] == '/')
		n--;
	http.url      = wc_printf(a, "%.*s/chat/completions", (int)n, m->base);
	http.headers  = (const char *const[]){"Content-Type: application/json", "Accept: text/event-stream", key, NULL};
	http.body     = wc_json_text(a, request);
	http.body_len = strlen(http.body);
	return wc_http_do(a, &http, reply, e);
}

static int refused(wc_arena *a, const wc_http_reply *reply, wc_err *e)
{
	wc_err              ignored;
	const json_t       *body = wc_json_parse(a, reply->body->s, reply->body->len, &ignored);
	struct answer_error why  = answer_error(a, body);

	return answer_refused(reply->status, &why, reply->retry_after, e);
}

/* What ended the transfer early, as the caller is to see it. */
static int cut_short(const struct call *c, wc_err *e)
{
	if (c->answer.visible.refused)
		return -1;
	if (c->stalled_ms)
		return wc_fail(e, WC_E_TIMEOUT, c->begun ? "was silent for %d s" : "did not begin to answer within %d s",
		               (int)(c->stalled_ms / 1000));
	if (e->code == WC_E_TOO_LARGE)
		e->code = WC_E_REMOTE;
	return -1;
}

/* rc is the transfer's. An answer whose text is whole is good, whatever became of the connection. */
static int settle(struct call *c, wc_arena *a, int rc, const wc_http_reply *reply, wc_err *e)
{
	struct answer *r = &c->answer;

	if (rc == 0 && reply->status >= 300)
		return refused(a, reply, e);
	if (rc < 0 && (r->visible.refused || !(r->visible.full || answer_complete(r))))
		return cut_short(c, e);
	if (r->visible.full || answer_end(r, e) == 0 || (r->visible.full && !r->visible.refused))
		return 0;
	return cut_short(c, e);
}

static wc_chat_result result_of(wc_arena *a, const struct call *c)
{
	const struct answer *from = &c->answer;

	return (wc_chat_result){
		.text              = from->visible.text->s,
		.len               = from->visible.text->len,
		.finish_reason     = from->visible.full ? "length" : from->finish_reason ? from->finish_reason : "stop",
		.prompt_tokens     = from->prompt_tokens,
		.completion_tokens = from->completion_tokens,
		.model             = c->model->name,
		.cost_micros       = model_cost_micros(a, c->model, from->prompt_tokens, from->completion_tokens),
		.first_text_ms     = c->first_text_ms,
		.total_ms          = wc_mono_ms() - c->start_ms,
	};
}

static void log_call(const struct call *c, long status, const wc_chat_result *r, const char *result, bool failed)
{
	wc_log(WC_INFO, "model call", wc_kv_s("model", c->model->name), wc_kv_i("status", status),
	       wc_kv_i("ms", r->total_ms), wc_kv_i("first_text_ms", r->first_text_ms),
	       wc_kv_i("prompt_tokens", r->prompt_tokens), wc_kv_i("completion_tokens", r->completion_tokens),
	       wc_kv_s("result", result));
	ai_call_note(&(struct ai_call){c->model->name, result, status, r->first_text_ms, r->total_ms, r->prompt_tokens, r->completion_tokens,
	                               r->cost_micros, failed});
}

/* What passes by itself, and speaks against the endpoint. */
static bool is_passing(wc_code code)
{
	return code == WC_E_REMOTE || code == WC_E_TIMEOUT;
}

/* One request. *shown: whether text went out; *pause_ms: what the endpoint asked for, -1 when nothing. */
static int call_once(wc_arena *a, const wc_chat *chat, const struct model *m, wc_chat_result *r, bool *shown, int64_t *pause_ms, wc_err *e)
{
	struct call    c = {.chat = chat, .model = m, .start_ms = wc_mono_ms(), .first_text_ms = -1};
	wc_chat_result result;
	wc_http_reply  reply;
	wc_err         why = {0};
	int            rc;

	c.last_ms = c.start_ms;
	answer_open(&c.answer, a);
	visible_open(&c.answer.visible, a, chat->max_answer ? chat->max_answer : ANSWER_MAX, m->strip_think, on_text, &c);
	rc        = send_request(&c, a, &reply, &why);
	rc        = settle(&c, a, rc, &reply, &why);
	result    = result_of(a, &c);
	*shown    = c.first_text_ms >= 0;
	*pause_ms = rc < 0 && reply.status >= 300 ? answer_pause_ms(reply.retry_after) : -1;
	log_call(&c, reply.status, &result, rc < 0 ? wc_err_name(why.code) : result.finish_reason,
	         rc < 0 && !c.answer.visible.refused && why.code != WC_E_STOPPED);
	wc_count("wecomd_ai_calls_total", 1, m->name, rc < 0 ? wc_err_name(why.code) : "ok", NULL);
	wc_observe_ms("wecomd_ai_call_seconds", result.total_ms, m->name, NULL);
	wc_count("wecomd_ai_tokens_total", result.prompt_tokens, m->name, "prompt", NULL);
	wc_count("wecomd_ai_tokens_total", result.completion_tokens, m->name, "completion", NULL);
	breaker_report(m, rc < 0 && !c.answer.visible.refused && is_passing(why.code));
	*r = result;
	if (rc < 0) {
		*e = why;
		return wc_wrap(e, "model %s", m->name);
	}
	return 0;
}

/* False: the caller wants no more. */
static bool wait_ms(const wc_chat *chat, int64_t ms)
{
	for (int64_t end = wc_mono_ms() + ms, left; (left = end - wc_mono_ms()) > 0;) {
		if (chat->stop && chat->stop(chat->ctx))
			return false;
		wc_sleep_ms(left < STEP_MS ? left : STEP_MS);
	}
	return true;
}

static int call_with_retries(wc_arena *a, const wc_chat *chat, const struct model *m, wc_chat_result *r, bool *shown, wc_err *e)
{
	int64_t pause;

	for (int64_t tries = 0;; tries++) {
		if (!breaker_enter(m))
			return wc_fail(e, WC_E_REMOTE, "model %s: is left alone after failures in a row", m->name);
		if (call_once(a, chat, m, r, shown, &pause, e) == 0)
			return 0;
		if (*shown || !is_passing(e->code) || tries >= m->retries)
			return -1;
		if (pause < 0)
			pause = PAUSE_MS << tries;
		if (pause > m->retry_wait_ms)
			return -1;
		if (!wait_ms(chat, pause))
			return wc_fail(e, WC_E_STOPPED, "model %s: the call was stopped", m->name);
	}
}

int wc_chat_stream(wc_arena *a, const wc_chat *chat, wc_chat_result *r, wc_err *e)
{
	const struct model *m = model_find(chat->model), *other = model_find(chat->fallback);
	bool                shown = false;
	int                 rc;

	*r = (wc_chat_result){0};
	if (!m && !other)
		return wc_fail(e, WC_E_NOT_FOUND, "the configuration has no section [model:%s]", chat->model ? chat->model : "");
	rc = m ? call_with_retries(a, chat, m, r, &shown, e) : -1;
	if (rc == 0 || !other || other == m || shown || (m && e->code != WC_E_REFUSED && !is_passing(e->code)))
		return rc;
	wc_log(WC_WARN, "the fallback model is asked", wc_kv_s("model", other->name), wc_kv_s("why", m ? e->text : "the first is not configured"));
	return call_with_retries(a, chat, other, r, &shown, e);
}
