/* Model endpoints: their settings, what is checked about them at the start, and what they add to each request. */
#include "ai/ai.h"

#include "ai/breaker.h"
#include "ai/model.h"

#include <wecomd/ai.h>

#include <string.h>

static const struct model *known;
static size_t              known_n;
static const char         *currency = "CNY";

void models_currency(const char *written)
{
	currency = written;
}

const char *wc_currency(void)
{
	return currency;
}

#define TEXT(field, standard, ...)     {WC_STRING, #field, standard, offsetof(struct model, field), __VA_ARGS__}
#define DURATION(field, standard, ...) {WC_DURATION, #field, standard, offsetof(struct model, field##_ms), __VA_ARGS__}

const wc_field model_fields[] = {
	TEXT(base, NULL, "URL before /chat/completions, such as https://api.example.com/v1", .min = 1, .max = 1000),
	{WC_SECRET, "key", "", offsetof(struct model, key), "API key; empty: no Authorization header"},
	TEXT(model, NULL, "the model's name at the endpoint", .min = 1, .max = 200),
	{WC_CHOICE, "token_field", "max_tokens", offsetof(struct model, token_field),
	 "how the endpoint calls the limit of an answer", .choices = "max_tokens|max_completion_tokens"},
	{WC_INT, "max_tokens", "0", offsetof(struct model, max_tokens),
	 "tokens an answer may have; 0: the endpoint's own limit", .min = 0, .max = 10000000},
	TEXT(temperature, "", "a number from 0 to 2; empty: not sent", .max = 20),
	TEXT(extra_body, "", "JSON object whose members are put into each request"),
	{WC_BOOL, "stream_usage", "on", offsetof(struct model, stream_usage),
	 "ask for token counts (stream_options.include_usage)"},
	{WC_BOOL, "strip_think", "off", offsetof(struct model, strip_think),
	 "leave out <think>...</think> in the answer's text"},
	DURATION(connect, "5s", "longest wait for a connection", .min = 1, .max = 600000),
	DURATION(first, "60s", "longest wait for the first byte of an answer", .min = 1000, .max = 3600000),
	DURATION(idle, "30s", "longest silence within an answer", .min = 1000, .max = 3600000),
	DURATION(total, "10m", "longest time for a whole answer", .min = 1000, .max = 86400000),
	{WC_INT, "retries", "1", offsetof(struct model, retries), "further tries after a passing failure, before text was shown", .min = 0, .max = 5},
	DURATION(retry_wait, "10s", "longest pause before such a try; an endpoint that asks for more is given up", .min = 0, .max = 120000),
	{WC_INT, "breaker_failures", "5", offsetof(struct model, breaker_failures),
	 "failures in a row after which the endpoint is left alone; 0: never", .min = 0, .max = 1000},
	DURATION(breaker_pause, "15s", "how long it is left alone", .min = 0, .max = 3600000),
	{WC_INT, "dimensions", "0", offsetof(struct model, dimensions),
	 "of an embedding model: numbers a vector is to have; 0: its own choice", .min = 0, .max = WC_EMBED_DIM_MAX},
	{WC_INT, "batch", "10", offsetof(struct model, batch), "of an embedding model: texts in one request", .min = 1, .max = 2048},
	{WC_INT, "batch_tokens", "80000", offsetof(struct model, batch_tokens), "of an embedding model: tokens in one request, all texts together", .min = 100,
	 .max = 10000000},
	{WC_INT, "text_tokens", "8000", offsetof(struct model, text_tokens), "of an embedding model: tokens of one text; what is over is cut", .min = 100,
	 .max = 1000000},
	TEXT(prompt_price, "", "price of a million prompt tokens, such as 2.5", .max = 20),
	TEXT(completion_price, "", "price of a million completion tokens", .max = 20),
	{0},
};

const struct model *model_find(const char *name)
{
	for (size_t i = 0; name && i < known_n; i++)
		if (!strcmp(known[i].name, name))
			return &known[i];
	return NULL;
}

size_t model_index(const struct model *m)
{
	return (size_t)(m - known);
}

bool wc_model_exists(const char *name)
{
	return model_find(name);
}

/* NULL when it is not a number. */
static json_t *number(wc_arena *a, const char *written)
{
	wc_err      ignored;
	const char *text  = wc_printf(a, "[%s]", written);
	json_t     *array = wc_json_parse(a, text, strlen(text), &ignored);
	json_t     *value = json_array_size(array) == 1 ? json_array_get(array, 0) : NULL;

	return json_is_number(value) ? value : NULL;
}

int64_t model_cost_micros(wc_arena *a, const struct model *m, int64_t prompt_tokens, int64_t completion_tokens)
{
	double prompt     = m->prompt_price && *m->prompt_price ? json_number_value(number(a, m->prompt_price)) : 0;
	double completion = m->completion_price && *m->completion_price ? json_number_value(number(a, m->completion_price)) : 0;

	/* The price of a million tokens in units is the price of one in millionths. */
	return (int64_t)(prompt * (double)prompt_tokens + completion * (double)completion_tokens + 0.5);
}

json_t *model_request(wc_arena *a, const struct model *m)
{
	wc_err  ignored;
	json_t *request = wc_json(a, "{s:s, s:b}", "model", m->model, "stream", 1);

	if (m->stream_usage)
		json_object_set_new(request, "stream_options", json_pack("{s:b}", "include_usage", 1));
	if (m->max_tokens)
		json_object_set_new(request, m->token_field, json_integer(m->max_tokens));
	if (*m->temperature)
		json_object_set(request, "temperature", number(a, m->temperature));
	if (*m->extra_body)
		json_object_update(request, wc_json_parse(a, m->extra_body, strlen(m->extra_body), &ignored));
	return request;
}

static int check_base(const struct model *m, wc_err *e)
{
	if (strncmp(m->base, "http://", 7) && strncmp(m->base, "https://", 8))
		return wc_fail(e, WC_E_CONFIG, "base begins with neither http:// nor https://");
	if (strpbrk(m->base, "?# \t\r\n"))
		return wc_fail(e, WC_E_CONFIG, "base holds a query, a fragment or white space");
	return 0;
}

static int check_key(const struct model *m, wc_err *e)
{
	for (const char *p = m->key; *p; p++)
		if (*p <= ' ' || *p > '~')
			return wc_fail(e, WC_E_CONFIG, "key holds a character that cannot be in an Authorization header");
	return 0;
}

static int check_temperature(wc_arena *a, const struct model *m, wc_err *e)
{
	if (*m->temperature && !number(a, m->temperature))
		return wc_fail(e, WC_E_CONFIG, "temperature is \"%.20s\", expected a number such as 0.3", m->temperature);
	return 0;
}

static int check_price(wc_arena *a, const char *name, const char *price, wc_err *e)
{
	const json_t *value = price && *price ? number(a, price) : NULL;

	if (price && *price && (!value || json_number_value(value) < 0))
		return wc_fail(e, WC_E_CONFIG, "%s is \"%.20s\", expected a number such as 2.5", name, price);
	return 0;
}

static int check_extra_body(wc_arena *a, const struct model *m, wc_err *e)
{
	static const char *const ours[] = {"model", "messages", "stream"};
	wc_err                   why;
	const json_t            *extra;

	if (!*m->extra_body)
		return 0;
	extra = wc_json_parse(a, m->extra_body, strlen(m->extra_body), &why);
	if (!extra)
		return wc_fail(e, WC_E_CONFIG, "extra_body: %s", why.text);
	if (!json_is_object(extra))
		return wc_fail(e, WC_E_CONFIG, "extra_body is JSON but not an object");
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (json_object_get(extra, ours[i]))
			return wc_fail(e, WC_E_CONFIG, "extra_body may not hold \"%s\"", ours[i]);
	return 0;
}

static int check_model(const struct model *m, wc_err *e)
{
	wc_arena *a   = wc_arena_new();
	bool      bad = check_base(m, e) < 0 || check_key(m, e) < 0 || check_temperature(a, m, e) < 0 ||
	                check_extra_body(a, m, e) < 0 || check_price(a, "prompt_price", m->prompt_price, e) < 0 ||
	                check_price(a, "completion_price", m->completion_price, e) < 0;

	wc_arena_free(a);
	return bad ? wc_wrap(e, "[model:%s]", m->name) : 0;
}

int models_set(const struct model *models, size_t n, wc_err *e)
{
	for (size_t i = 0; i < n; i++)
		if (check_model(&models[i], e) < 0)
			return -1;
	breakers_open(n);
	known   = models;
	known_n = n;
	return 0;
}
