/* Lets another implementation of the callback cipher talk to ours: each line of standard input is a JSON object with
 * op, token, aes_key, receiveid, timestamp and nonce, each line of standard output the result.
 *
 *     {"op":"open", …, "signature", "body"}   the body of a callback       → {"msg"}
 *     {"op":"close", …, "msg"}                                             → {"encrypt", "signature"}
 *     {"op":"reply", …, "msg", "xml":true}    the body of a passive reply  → {"body"}
 *
 * What fails gives {"error", "text"}: the code's name and the sentence. */
#include <wecomd/envelope.h>
#include <wecomd/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *member(const json_t *line, const char *name)
{
	const char *s = wc_json_str(line, name);

	return s ? s : "";
}

static wc_slice slice(const char *s)
{
	return (wc_slice){s, strlen(s)};
}

static json_t *opened(wc_arena *a, const wc_envelope *v, const json_t *line, wc_err *e)
{
	wc_slice encrypt, msg;
	bool     is_xml;

	if (wc_envelope_unwrap(a, slice(member(line, "body")), &encrypt, &is_xml, e) < 0)
		return NULL;
	if (wc_envelope_open(v, a, member(line, "signature"), member(line, "timestamp"), member(line, "nonce"),
	                     encrypt, &msg, e) < 0)
		return NULL;
	return wc_json(a, "{s:s%}", "msg", msg.p, msg.n);
}

static json_t *closed(wc_arena *a, const wc_envelope *v, const json_t *line, wc_err *e)
{
	wc_slice encrypt;
	char     signature[41];

	if (wc_envelope_close(v, a, slice(member(line, "msg")), NULL, &encrypt, e) < 0)
		return NULL;
	wc_envelope_sign(v, member(line, "timestamp"), member(line, "nonce"), encrypt, signature);
	return wc_json(a, "{s:s%, s:s}", "encrypt", encrypt.p, encrypt.n, "signature", signature);
}

static json_t *replied(wc_arena *a, const wc_envelope *v, const json_t *line, wc_err *e)
{
	bool     xml = json_is_true(json_object_get(line, "xml"));
	wc_slice body;

	if (wc_envelope_reply(v, a, xml, member(line, "timestamp"), member(line, "nonce"), slice(member(line, "msg")),
	                      &body, e) < 0)
		return NULL;
	return wc_json(a, "{s:s%}", "body", body.p, body.n);
}

static json_t *answer(wc_arena *a, const json_t *line, wc_err *e)
{
	const char *op = member(line, "op");
	wc_envelope v;

	if (wc_envelope_init(&v, member(line, "token"), member(line, "aes_key"), member(line, "receiveid"), e) < 0)
		return NULL;
	if (!strcmp(op, "open"))
		return opened(a, &v, line, e);
	if (!strcmp(op, "close"))
		return closed(a, &v, line, e);
	if (!strcmp(op, "reply"))
		return replied(a, &v, line, e);
	wc_fail(e, WC_E_ARG, "op is open, close or reply");
	return NULL;
}

static void serve(const char *text, size_t n)
{
	wc_arena     *a      = wc_arena_new();
	wc_err        e      = {0};
	const json_t *line   = wc_json_parse(a, text, n, &e);
	json_t       *result = line ? answer(a, line, &e) : NULL;

	if (!result)
		result = wc_json(a, "{s:s, s:s}", "error", wc_err_name(e.code), "text", e.text);
	puts(wc_json_text(a, result));
	fflush(stdout);
	wc_arena_free(a);
}

int main(void)
{
	char   *line = NULL;
	size_t  size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) > 0)
		serve(line, (size_t)n);
	free(line);
	return 0;
}
