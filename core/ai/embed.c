/* Embeddings: texts in batches that the endpoint takes, each answer checked before a number of it is believed. */
#include <wecomd/ai.h>

#include "ai/answer.h"
#include "ai/breaker.h"
#include "ai/model.h"
#include "work/work.h"

#include <wecomd/clock.h>
#include <wecomd/http.h>
#include <wecomd/log.h>
#include <wecomd/metric.h>
#include <wecomd/text.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)      /* 2,048 vectors of 3,072 written numbers */
#define PAUSE_MS   ((int64_t)500)
#define STEP_MS    ((int64_t)200)

struct batch {
	const wc_embed     *call;
	const struct model *model;
	size_t              from, n;           /* of the call's texts */
	wc_embedded        *out;
};

/* The longest beginning of the text that the model takes. */
static json_t *text_within(const struct model *m, const char *text)
{
	size_t n = strlen(text);

	while (wc_token_estimate(text, n) > m->text_tokens)
		n = wc_utf8_cut(text, n, n - n / 8 - 1);
	return json_stringn(text, n);
}

/* How many texts from there on go into one request. */
static size_t batch_size(const wc_embed *call, const struct model *m, size_t from)
{
	int64_t tokens = 0;
	size_t  n      = 0;

	while (from + n < call->n && n < (size_t)m->batch) {
		int64_t more = wc_token_estimate(call->texts[from + n], strlen(call->texts[from + n]));

		tokens += more < m->text_tokens ? more : m->text_tokens;
		if (n && tokens > m->batch_tokens)
			break;
		n++;
	}
	return n;
}

static const char *request_of(wc_arena *a, const struct batch *b)
{
	json_t *texts = json_array(), *request = wc_json(a, "{s:s, s:s, s:o}", "model", b->model->model, "encoding_format", "float", "input", texts);

	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(texts, text_within(b->model, b->call->texts[b->from + i]));
	if (b->model->dimensions)
		json_object_set_new(request, "dimensions", json_integer(b->model->dimensions));
	return wc_json_text(a, request);
}

static bool on_stop(void *ctx)
{
	const wc_embed *call = ctx;

	return call->stop && call->stop(call->ctx);
}

static int post(wc_arena *a, const struct batch *b, wc_http_reply *reply, wc_err *e)
{
	const struct model *m    = b->model;
	size_t              n    = strlen(m->base);
	const char         *key  = *m->key ? wc_printf(a, "Authorization: Bearer %s", m->key) : NULL;
	wc_http             http = {.connect_ms = (long)m->connect_ms, .total_ms = (long)m->first_ms, .max_body = ANSWER_MAX, .stop = on_stop,
	                            .ctx = (void *)b->call, .body = request_of(a, b)};

	while (n && m->base[n - 1] == '/')
		n--;
	http.url      = wc_printf(a, "%.*s/embeddings", (int)n, m->base);
	http.headers  = (const char *const[]){"Content-Type: application/json", key, NULL};
	http.body_len = strlen(http.body);
	return wc_http_do(a, &http, reply, e);
}

static int bad_answer(wc_err *e, const char *what)
{
	return wc_fail(e, WC_E_REMOTE, "the answer %s", what);
}

/* One vector, brought to length 1. */
static int read_vector(const json_t *list, float *v, uint32_t dim, wc_err *e)
{
	double sum = 0;

	for (uint32_t i = 0; i < dim; i++) {
		const json_t *number = json_array_get(list, i);

		if (!json_is_number(number))
			return bad_answer(e, "has a vector with something that is no number");
		v[i] = (float)json_number_value(number);
		sum += (double)v[i] * v[i];
	}
	if (!(sum > 0) || !isfinite(sum))
		return bad_answer(e, "has a vector without a length");
	for (uint32_t i = 0; i < dim; i++)
		v[i] = (float)(v[i] / sqrt(sum));
	return 0;
}

/* The first vector of all says how long the others are. */
static int set_dim(wc_arena *a, const struct batch *b, size_t dim, wc_err *e)
{
	if (!dim || dim > WC_EMBED_DIM_MAX)
		return bad_answer(e, "has a vector of a length that is not taken");
	if (!b->out->v) {
		b->out->dim = (uint32_t)dim;
		b->out->v   = wc_alloc(a, b->call->n * dim * sizeof *b->out->v);
	}
	return b->out->dim == dim ? 0 : bad_answer(e, "has vectors of different lengths");
}

/* They come in any order, each with its index. */
static int read_vectors(wc_arena *a, const struct batch *b, const json_t *data, wc_err *e)
{
	bool *seen = wc_alloc(a, b->n * sizeof *seen);

	if (json_array_size(data) != b->n)
		return bad_answer(e, "has not one vector for each text");
	for (size_t i = 0; i < b->n; i++) {
		const json_t *item   = json_array_get(data, i), *index = json_object_get(item, "index");
		const json_t *vector = json_object_get(item, "embedding");
		json_int_t    place  = index ? json_integer_value(index) : (json_int_t)i;

		if (place < 0 || (size_t)place >= b->n || seen[place])
			return bad_answer(e, "has two vectors for one text");
		seen[place] = true;
		if (set_dim(a, b, json_array_size(vector), e) < 0 ||
		    read_vector(vector, b->out->v + (b->from + (size_t)place) * b->out->dim, b->out->dim, e) < 0)
			return -1;
	}
	return 0;
}

static int settle(wc_arena *a, const struct batch *b, int rc, const wc_http_reply *reply, int64_t *tokens, wc_err *e)
{
	wc_err        why;
	const json_t *body = rc == 0 ? wc_json_parse(a, reply->body->s, reply->body->len, &why) : NULL;

	if (rc < 0)
		return -1;
	if (reply->status >= 300) {
		struct answer_error error = answer_error(a, body);

		return answer_refused(reply->status, &error, reply->retry_after, e);
	}
	if (!body)
		return bad_answer(e, "is no JSON");
	*tokens = json_integer_value(wc_json_at(body, "usage.total_tokens"));
	return read_vectors(a, b, wc_json_at(body, "data"), e);
}

static int embed_once(wc_arena *a, const struct batch *b, int64_t *pause_ms, wc_err *e)
{
	int64_t       start = wc_mono_ms(), tokens = 0, cost, ms;
	wc_http_reply reply = {0};
	int           rc    = post(a, b, &reply, e);
	const char   *result;

	rc        = settle(a, b, rc, &reply, &tokens, e);
	ms        = wc_mono_ms() - start;
	cost      = model_cost_micros(a, b->model, tokens, 0);
	result    = rc < 0 ? wc_err_name(e->code) : "ok";
	*pause_ms = rc < 0 && reply.status >= 300 ? answer_pause_ms(reply.retry_after) : -1;
	b->out->tokens += tokens;
	b->out->cost_micros += cost;
	wc_log(WC_INFO, "embedding call", wc_kv_s("model", b->model->name), wc_kv_i("status", reply.status), wc_kv_i("ms", ms),
	       wc_kv_i("texts", (int64_t)b->n), wc_kv_i("prompt_tokens", tokens), wc_kv_s("result", result));
	ai_call_note(&(struct ai_call){b->model->name, result, reply.status, -1, ms, tokens, 0, cost, rc < 0 && e->code != WC_E_STOPPED});
	wc_count("wecomd_ai_calls_total", 1, b->model->name, result, NULL);
	wc_observe_ms("wecomd_ai_call_seconds", ms, b->model->name, NULL);
	wc_count("wecomd_ai_tokens_total", tokens, b->model->name, "prompt", NULL);
	breaker_report(b->model, rc < 0 && (e->code == WC_E_REMOTE || e->code == WC_E_TIMEOUT));
	return rc < 0 ? wc_wrap(e, "model %s", b->model->name) : 0;
}

static bool wait_ms(const wc_embed *call, int64_t ms)
{
	for (int64_t end = wc_mono_ms() + ms, left; (left = end - wc_mono_ms()) > 0;) {
		if (on_stop((void *)call))
			return false;
		wc_sleep_ms(left < STEP_MS ? left : STEP_MS);
	}
	return true;
}

static int embed_batch(wc_arena *a, const struct batch *b, wc_err *e)
{
	int64_t pause;

	for (int64_t tries = 0;; tries++) {
		if (!breaker_enter(b->model))
			return wc_fail(e, WC_E_REMOTE, "model %s: is left alone after failures in a row", b->model->name);
		if (embed_once(a, b, &pause, e) == 0)
			return 0;
		if ((e->code != WC_E_REMOTE && e->code != WC_E_TIMEOUT) || tries >= b->model->retries)
			return -1;
		if (pause < 0)
			pause = PAUSE_MS << tries;
		if (pause > b->model->retry_wait_ms)
			return -1;
		if (!wait_ms(b->call, pause))
			return wc_fail(e, WC_E_STOPPED, "model %s: the call was stopped", b->model->name);
	}
}

int wc_embed_texts(wc_arena *a, const wc_embed *call, wc_embedded *out, wc_err *e)
{
	struct batch b = {.call = call, .model = model_find(call->model), .out = out};

	*out = (wc_embedded){0};
	if (!b.model)
		return wc_fail(e, WC_E_NOT_FOUND, "the configuration has no section [model:%s]", call->model ? call->model : "");
	for (; b.from < call->n; b.from += b.n) {
		b.n = batch_size(call, b.model, b.from);
		if (embed_batch(a, &b, e) < 0)
			return -1;
	}
	return 0;
}

const char *wc_embed_identity(wc_arena *a, const char *model)
{
	const struct model *m = model_find(model);

	return m ? wc_printf(a, "%s/%" PRId64, m->model, m->dimensions) : NULL;
}
