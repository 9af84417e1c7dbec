/* From bytes to text and figures. Only what every endpoint sends is relied on: unknown members, missing choices, choices that
 * are null, reasoning beside the content and usage in two places are all in use. */
#include "ai/answer.h"

#include "ai/torn.h"

#include <wecomd/text.h>

#include <string.h>

#define EVENT_MAX ((size_t)1024 * 1024)

bool answer_complete(const struct answer *r)
{
	return r->done || r->finish_reason;
}

static void take_usage(struct answer *r, const json_t *usage)
{
	const json_t *prompt     = json_object_get(usage, "prompt_tokens");
	const json_t *completion = json_object_get(usage, "completion_tokens");

	if (json_is_integer(prompt))
		r->prompt_tokens = json_integer_value(prompt);
	if (json_is_integer(completion))
		r->completion_tokens = json_integer_value(completion);
}

static int take_content(struct answer *r, wc_arena *a, const json_t *content, bool torn, wc_err *e)
{
	const char *p = json_string_value(content);
	size_t      n = json_string_length(content);

	if (torn)
		p = torn_bytes(a, content, &n);
	return visible_add(&r->visible, p, n, e);
}

/* The content is in "delta", or whole in "message" where the endpoint does not stream. */
static const json_t *message_of(const struct answer *r, const json_t *choice)
{
	const json_t *delta = json_object_get(choice, "delta");

	if (json_is_object(delta))
		return delta;
	return r->visible.text->len ? NULL : json_object_get(choice, "message");
}

static int take_reason(struct answer *r, const char *reason, wc_err *e)
{
	if (!reason || !*reason)
		return 0;
	if (!strcmp(reason, "error") || !strcmp(reason, "insufficient_system_resource"))
		return wc_fail(e, WC_E_REMOTE, "broke off: %s", reason);
	r->finish_reason = answer_word(reason) ? wc_strdup(r->arena, reason) : "other";
	return 0;
}

static int take_choice(struct answer *r, wc_arena *a, const json_t *choice, bool torn, wc_err *e)
{
	const json_t *message = message_of(r, choice);
	const json_t *content = json_object_get(message, "content");

	take_usage(r, json_object_get(choice, "usage"));
	if (r->form == OBJECT && json_is_object(message))
		r->done = true;
	if (json_is_string(content) && take_content(r, a, content, torn, e) < 0)
		return -1;
	return take_reason(r, wc_json_str(choice, "finish_reason"), e);
}

static bool is_error(const json_t *body)
{
	const json_t *error = json_object_get(body, "error");

	return json_is_object(error) || json_string_length(error) > 0;
}

static int take_json(struct answer *r, wc_arena *a, const char *p, size_t n, wc_err *e)
{
	struct answer_error error;
	wc_err              why;
	bool                torn;
	const json_t       *body = torn_parse(a, p, n, &torn, &why), *choice;

	if (!body && !answer_complete(r))
		return wc_fail(e, WC_E_REMOTE, "sent what is not a JSON object");
	if (is_error(body) && !answer_complete(r)) {
		error = answer_error(a, body);
		return answer_broken(&error, e);
	}
	take_usage(r, json_object_get(body, "usage"));
	choice   = json_array_get(json_object_get(body, "choices"), 0);
	r->begun = r->begun || choice;
	return take_choice(r, a, choice, torn, e);
}

/* A stream is thousands of events, so each has memory of its own. */
static int take_own_memory(struct answer *r, const char *p, size_t n, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int       rc = take_json(r, a, p, n, e);

	wc_arena_free(a);
	if (rc == 0 && r->visible.full)
		return wc_fail(e, WC_E_TOO_LARGE, "the answer is over its bound");
	return rc;
}

static int on_event(void *ctx, const char *p, size_t n, wc_err *e)
{
	struct answer *r = ctx;

	wc_text_trim(&p, &n);
	if (n == 6 && !memcmp(p, "[DONE]", 6))
		r->done = true;
	return n && !r->done ? take_own_memory(r, p, n, e) : 0;
}

void answer_open(struct answer *r, wc_arena *a)
{
	r->arena  = a;
	r->events = wc_sse_new(a, EVENT_MAX, on_event, r);
	r->object = wc_buf_new(a, EVENT_MAX);
}

/* The first character that is not white space tells; the content type of a gateway may not. Gives the bytes before it. */
static size_t find_form(struct answer *r, const char *p, size_t n)
{
	static const char before[] = " \t\r\n\xef\xbb\xbf";
	size_t            i        = 0;

	while (i < n && memchr(before, p[i], sizeof before - 1))
		i++;
	if (i < n)
		r->form = p[i] == '{' ? OBJECT : EVENTS;
	return i;
}

int answer_feed(struct answer *r, const char *p, size_t n, wc_err *e)
{
	size_t before = r->form == UNKNOWN ? find_form(r, p, n) : 0;

	if (r->form != OBJECT)
		return wc_sse_feed(r->events, p, n, e);
	wc_buf_add(r->object, p + before, n - before);
	return wc_buf_failed(r->object) ? wc_fail(e, WC_E_TOO_LARGE, "the answer is over %zu bytes", EVENT_MAX) : 0;
}

int answer_end(struct answer *r, wc_err *e)
{
	if ((r->form == OBJECT ? take_own_memory(r, r->object->s, r->object->len, e) : wc_sse_end(r->events, e)) < 0)
		return -1;
	if (!answer_complete(r))
		return wc_fail(e, WC_E_REMOTE, r->begun ? "broke off in the middle of an answer" : "sent no chat completion");
	return visible_end(&r->visible, e);
}
