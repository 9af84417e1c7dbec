/* Embeddings: each text becomes the sum of its characters and of their pairs and triples, hashed to places with a sign. Texts that share words
 * come near each other; what shares none does not, as with any model that knows no synonyms. It knows nothing of the questions it is
 * judged by.
 *
 * Strict as DashScope's text-embedding-v4 and OpenAI's are (reference: ai-backends, 2): ten texts at once, none empty, 8,192 tokens each. */
#include "embedding.h"

#include "control.h"
#include "model.h"
#include "simulator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX  10
#define TOKENS_MAX 8192
#define DIM        1024
#define GRAMS      3

/* What holds sentences together and says little of their matter weighs little. */
static const char light[] = "的了吗呢吧啊呀是我你您他们和与在有没不能可以要会把被给这那个么怎什请想一下就都也还很";

/* --- the function --------------------------------------------------------------------------------------------------- */

/* The next character as a number, 0 at the end; ASCII letters small, full width as half, marks and blanks as one blank. */
static uint32_t next_character(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	uint32_t             c = *p;
	size_t               n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

	if (!c)
		return 0;
	c &= n == 1 ? 0x7F : 0xFFu >> (n + 1);
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3F);
	*s += n;
	if (c >= 0xFF01 && c <= 0xFF5E)
		c -= 0xFEE0;
	if (c >= 'A' && c <= 'Z')
		c += 32;
	return c < '0' || (c > '9' && c < 'a') || (c > 'z' && c < 0x80) || (c >= 0x2000 && c <= 0x303F) ? ' ' : c;
}

static size_t characters_of(wc_arena *a, const char *text, uint32_t **out)
{
	size_t   n = 0;
	uint32_t c;

	*out = wc_alloc(a, (strlen(text) + 1) * sizeof **out);
	while ((c = next_character(&text)))
		if (c != ' ' || (n && (*out)[n - 1] != ' '))
			(*out)[n++] = c;
	return n;
}

static bool is_light(uint32_t c)
{
	for (const char *s = light; *s;)
		if (next_character(&s) == c)
			return true;
	return false;
}

static uint64_t hash(const uint32_t *p, size_t n)
{
	uint64_t h = 0xCBF29CE484222325u;

	for (size_t i = 0; i < n; i++)
		for (int shift = 0; shift < 32; shift += 8)
			h = (h ^ (p[i] >> shift & 0xFF)) * 0x100000001B3u;
	h ^= h >> 32;
	return (h * 0x9E3779B97F4A7C15u) ^ h >> 29;
}

/* A run of n characters: longer ones say more, those made of light characters little, those over a gap nothing. */
static double weight_of(const uint32_t *p, size_t n)
{
	static const double by_length[] = {0, 0.6, 1, 0.8};
	size_t              lights      = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == ' ')
			return 0;
		lights += is_light(p[i]);
	}
	return by_length[n] * (lights == n ? 0.1 : lights ? 0.5 : 1);
}

static json_t *vector_of(wc_arena *a, const char *text, size_t dim)
{
	double   *v = wc_alloc(a, dim * sizeof *v), sum = 0;
	uint32_t *p;
	size_t    n    = characters_of(a, text, &p);
	json_t   *list = json_array();

	for (size_t i = 0; i < n; i++)
		for (size_t len = 1; len <= GRAMS && i + len <= n; len++) {
			uint64_t h = hash(p + i, len);

			v[h % dim] += (h >> 63 ? 1 : -1) * weight_of(p + i, len);
		}
	for (size_t i = 0; i < dim; i++)
		sum += v[i] * v[i];
	if (sum <= 0)
		v[0] = sum = 1;
	for (size_t i = 0; i < dim; i++)
		json_array_append_new(list, json_real(round(v[i] / sqrt(sum) * 1e6) / 1e6));
	return list;
}

/* --- the call ------------------------------------------------------------------------------------------------------- */

struct embedding_request {
	const char   *model;
	const json_t *input;
	json_int_t    dim;
};

static const char *input_fault(const json_t *input)
{
	size_t n = json_is_string(input) ? 1 : json_array_size(input);

	if (!n)
		return "'input' is required: a string or an array of strings.";
	if (n > BATCH_MAX)
		return "'input' has more than 10 texts.";
	for (size_t i = 0; i < n; i++) {
		const json_t *text = json_is_string(input) ? input : json_array_get(input, i);

		if (!json_is_string(text) || !json_string_length(text))
			return "Each of 'input' must be a string that is not empty.";
		if (wc_token_estimate(json_string_value(text), json_string_length(text)) > TOKENS_MAX)
			return "One of 'input' has more than 8192 tokens.";
	}
	return NULL;
}

static const char *read_request(const json_t *root, struct embedding_request *r)
{
	const json_t *dim    = json_object_get(root, "dimensions");
	const char   *format = wc_json_str(root, "encoding_format");

	r->model = wc_json_str(root, "model");
	r->input = json_object_get(root, "input");
	r->dim   = dim ? json_integer_value(dim) : DIM;
	if (!r->model)
		return "'model' is required.";
	if (r->dim != 64 && r->dim != 128 && r->dim != 256 && r->dim != 512 && r->dim != 768 && r->dim != 1024)
		return "'dimensions' is one of 64, 128, 256, 512, 768 and 1024.";
	if (format && strcmp(format, "float"))
		return "'encoding_format' is float here.";
	return input_fault(r->input);
}

static int fail_on_demand(wc_request *rq, const char *fault)
{
	if (!strcmp(fault, "429"))
		return model_refuse(rq, 429, "rate_limit_exceeded", "Rate limit reached.");
	if (!strcmp(fault, "500"))
		return model_refuse(rq, 500, NULL, "The server had an error.");
	return wc_reply_bytes(rq, 200, "application/json", (wc_slice){"{\"data\":[", 9});
}

static int reply(wc_request *rq, const struct embedding_request *r)
{
	wc_arena  *a      = wc_request_arena(rq);
	json_t    *data   = wc_json(a, "[]");
	json_int_t tokens = 0;

	for (size_t i = 0, n = json_is_string(r->input) ? 1 : json_array_size(r->input); i < n; i++) {
		const json_t *text = json_is_string(r->input) ? r->input : json_array_get(r->input, i);

		tokens += wc_token_estimate(json_string_value(text), json_string_length(text));
		json_array_append_new(data, json_pack("{s:s, s:I, s:o}", "object", "embedding", "index", (json_int_t)i, "embedding",
		                                      vector_of(a, json_string_value(text), (size_t)r->dim)));
	}
	return wc_reply(rq, 200, "{s:s, s:O, s:s, s:{s:I, s:I}}", "object", "list", "data", data, "model", r->model, "usage", "prompt_tokens", tokens,
	                "total_tokens", tokens);
}

int embedding_make(wc_request *rq, const void *self)
{
	const struct simulator  *sim  = self;
	wc_arena                *a    = wc_request_arena(rq);
	wc_slice                 body = wc_raw_body(rq);
	struct embedding_request r;
	struct control           now;
	const json_t            *root;
	const char              *fault;
	wc_err                   e;

	if (!model_has_key(rq, sim))
		return 0;
	root = wc_json_parse(a, body.p, body.n, &e);
	if (!json_is_object(root) || (fault = read_request(root, &r)))
		return model_refuse(rq, 400, NULL, json_is_object(root) ? fault : "We could not parse the JSON body of your request.");
	if (!model_is_one_of(sim->embedding_models, r.model))
		return model_refuse(rq, 404, "model_not_found", wc_printf(a, "The model '%s' does not exist.", r.model));
	if (control_read(sim, a, &now, &e) < 0 || !(fault = control_take_fault(a, &now, CONTROL_EMBEDDING, &e)))
		return model_refuse(rq, 503, "server_is_overloaded", "The simulator's database is not available.");
	return strcmp(fault, "none") ? fail_on_demand(rq, fault) : reply(rq, &r);
}
