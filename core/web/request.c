/* Reading a request: the raw path and query, headers, and the body to its end, each within its limits. */
#include "web/request.h"

#include <wecomd/buf.h>
#include <wecomd/clock.h>
#include <wecomd/text.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_PARAMS_MAX 64
#define URI_MAX          8192
#define HEADERS_MAX      100
#define HEADER_BYTES_MAX (32 * 1024)

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *percent_decode(wc_arena *a, const char *s, size_t n)
{
	char  *out = wc_alloc(a, n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '%') {
			int high = i + 2 < n ? hex_digit(s[i + 1]) : -1, low = high < 0 ? -1 : hex_digit(s[i + 2]);

			if (low < 0)
				return NULL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (!c)
			return NULL;
		out[len++] = c;
	}
	return wc_utf8_valid(out, len) ? out : NULL;
}

/* Decoded once it must be text, without control characters where it names a thing. NULL: it is not. */
static char *decode_text(wc_arena *a, const char *s, size_t n, bool is_name)
{
	char  *text = percent_decode(a, s, n);
	size_t len  = text ? strlen(text) : 0;

	if (!text || !wc_utf8_valid(text, len))
		return NULL;
	for (size_t i = 0; is_name && i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return NULL;
	return text;
}

static int refuse(wc_request *rq, int status, const char *code, const char *why)
{
	wc_problem(rq, status, code, "%s", why);
	return -1;
}

static int parse_query(wc_request *rq)
{
	const char *at = rq->query;

	rq->query_pairs = wc_alloc(rq->arena, QUERY_PARAMS_MAX * sizeof *rq->query_pairs);
	while (*at) {
		size_t      n    = strcspn(at, "&");
		const char *eq   = memchr(at, '=', n);
		size_t      name = eq ? (size_t)(eq - at) : n;
		wc_pair    *p    = &rq->query_pairs[rq->query_count];

		if (n && rq->query_count == QUERY_PARAMS_MAX)
			return refuse(rq, 400, "bad_request", "the query has too many parameters");
		if (n) {
			p->name  = decode_text(rq->arena, at, name, true);
			p->value = eq ? decode_text(rq->arena, eq + 1, n - name - 1, false) : "";
			if (!p->name || !*p->name || !p->value)
				return refuse(rq, 400, "bad_request", "the query is not made of names and percent-encoded UTF-8 texts");
			rq->query_count++;
		}
		at += n + (at[n] == '&');
	}
	return 0;
}

/* The web server has bounds of its own; these hold whatever stands in front. */
static int check_headers(wc_request *rq)
{
	size_t count = 0, bytes = 0;

	for (char **p = rq->fcgi->envp; p && *p; p++) {
		if (strncmp(*p, "HTTP_", 5))
			continue;
		count++;
		bytes += strlen(*p);
	}
	if (count > HEADERS_MAX || bytes > HEADER_BYTES_MAX)
		return refuse(rq, 431, "headers_too_large", "the request has too many header fields, or too large ones");
	return 0;
}

/* REQUEST_URI is the raw target under nginx and Apache alike; the decoded forms differ between them. */
int request_begin(wc_request *rq, FCGX_Request *fcgi, wc_arena *a)
{
	const char *uri = FCGX_GetParam("REQUEST_URI", fcgi->envp);
	const char *method = FCGX_GetParam("REQUEST_METHOD", fcgi->envp);
	size_t      n;

	*rq = (wc_request){.fcgi = fcgi, .arena = a, .method_text = method ? method : "", .path = "", .query = ""};
	rq->is_head = !strcmp(rq->method_text, "HEAD");
	if (!uri || *uri != '/')
		return refuse(rq, 400, "bad_request", "the request's target is missing or not a path");
	if (strlen(uri) > URI_MAX)
		return refuse(rq, 414, "uri_too_long", "the request's target is longer than 8192 bytes");
	n = strcspn(uri, "?");
	if (!decode_text(a, uri, n, true))
		return refuse(rq, 400, "bad_request", "the path is not percent-encoded UTF-8 text");
	rq->path  = wc_strndup(a, uri, n);
	rq->query = uri[n] ? uri + n + 1 : "";
	return parse_query(rq) < 0 || check_headers(rq) < 0 ? -1 : 0;
}

wc_arena *wc_request_arena(wc_request *rq)
{
	return rq->arena;
}

const char *wc_path_param(wc_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->param_count; i++)
		if (!strcmp(rq->params[i].name, name))
			return rq->params[i].value;
	abort();
}

const char *wc_query_param(wc_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->query_count; i++)
		if (!strcmp(rq->query_pairs[i].name, name))
			return rq->query_pairs[i].value;
	return NULL;
}

const void *wc_query(wc_request *rq)
{
	return rq->query_values;
}

const char *wc_header(wc_request *rq, const char *name)
{
	char   key[64] = "HTTP_";
	size_t n       = strlen(name);

	if (n + 6 > sizeof key)
		return NULL;
	if (!strcasecmp(name, "Content-Type"))
		return FCGX_GetParam("CONTENT_TYPE", rq->fcgi->envp);
	for (size_t i = 0; i <= n; i++)
		key[5 + i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
	return FCGX_GetParam(key, rq->fcgi->envp);
}

wc_slice wc_raw_body(wc_request *rq)
{
	return rq->raw_body;
}

const void *wc_body(wc_request *rq)
{
	return rq->body;
}

/* --- the query ------------------------------------------------------------------------------------------------------ */

/* Takes the parameters of a list out of the pairs; how many remain. */
static size_t split_pairs(const wc_request *rq, wc_pair *own, wc_pair *of_list, size_t *list_n)
{
	size_t n = 0;

	*list_n = 0;
	for (size_t i = 0; i < rq->query_count; i++) {
		if (rq->route->route->list && wc_field_find(list_fields, rq->query_pairs[i].name))
			of_list[(*list_n)++] = rq->query_pairs[i];
		else
			own[n++] = rq->query_pairs[i];
	}
	return n;
}

static wc_bad_field *check_page(wc_request *rq, const wc_pair *pairs, size_t n)
{
	wc_bad_field *bad = wc_fields_from_pairs(rq->arena, list_fields, pairs, n, &rq->page);

	if (bad || !rq->page.cursor || (rq->page.after = cursor_open(rq, rq->page.cursor)))
		return bad;
	bad  = wc_alloc(rq->arena, sizeof *bad);
	*bad = (wc_bad_field){"cursor", "\"next\" of an earlier page of this list", NULL};
	return bad;
}

static int check_query(wc_request *rq)
{
	static const wc_field none[] = {{0}};
	const wc_route *route   = rq->route->route;
	wc_pair         own[QUERY_PARAMS_MAX], of_list[QUERY_PARAMS_MAX];
	void           *into    = wc_alloc(rq->arena, route->query_size);
	wc_bad_field   *bad     = NULL, **tail = &bad;
	size_t          n, list_n;

	if (!route->query && !route->list)
		return 0;
	n = split_pairs(rq, own, of_list, &list_n);
	if (route->list)
		bad = check_page(rq, of_list, list_n);
	while (*tail)
		tail = &(*tail)->next;
	*tail            = wc_fields_from_pairs(rq->arena, route->query ? route->query : none, own, n, into);
	rq->query_values = into;
	if (bad)
		wc_reply_bad_fields(rq, bad);
	return bad ? -1 : 0;
}

/* --- the body ------------------------------------------------------------------------------------------------------- */

/* What libfcgi has read already, and at least one byte: a web server that trickles must not hold the thread in here. */
static int read_some(FCGX_Stream *in, char *p, int size)
{
	int n = FCGX_GetStr(p, 1, in), more;

	if (n < 1)
		return 0;
	more = (int)(in->stop - in->rdNext);
	return more > 0 ? 1 + FCGX_GetStr(p + 1, more < size - 1 ? more : size - 1, in) : 1;
}

/* The stream's end is what counts: Apache sends chunked uploads without CONTENT_LENGTH. NULL: it took too long. */
static wc_buf *read_to_end(wc_request *rq, size_t max, int64_t within_ms)
{
	wc_buf *b     = wc_buf_new(rq->arena, max);
	int64_t until = wc_mono_ms() + within_ms;
	char    piece[16384];
	int     n;

	while (!wc_buf_failed(b) && (n = read_some(rq->fcgi->in, piece, sizeof piece)) > 0) {
		wc_buf_add(b, piece, (size_t)n);
		if (wc_mono_ms() > until)
			return NULL;
	}
	return FCGX_GetError(rq->fcgi->in) == EAGAIN ? NULL : b;
}

/* A stream that ended early must not pass for a whole body. */
static bool is_cut(wc_request *rq, size_t got)
{
	const char *announced = FCGX_GetParam("CONTENT_LENGTH", rq->fcgi->envp);

	return FCGX_GetError(rq->fcgi->in) || (announced && *announced && strtoull(announced, NULL, 10) > got);
}

bool is_json(const char *type)
{
	size_t n = strcspn(type, "; \t");

	return n == 16 && !strncasecmp(type, "application/json", n);
}

static int check_type(wc_request *rq)
{
	const char *encoding = wc_header(rq, "Content-Encoding"), *type = wc_header(rq, "Content-Type");

	if (encoding && *encoding && strcasecmp(encoding, "identity"))
		return refuse(rq, 415, "unsupported_encoding", "a body is taken as it is, without a Content-Encoding");
	if (rq->route->route->body && type && *type && !is_json(type))
		return refuse(rq, 415, "unsupported_media_type", "the body's Content-Type is to be application/json");
	return 0;
}

static int check_body(wc_request *rq, const wc_route *route)
{
	void         *into = wc_alloc(rq->arena, route->body_size);
	wc_bad_field *bad;
	json_t       *object;
	wc_err        e;

	object = wc_json_parse(rq->arena, rq->raw_body.p, rq->raw_body.n, &e);
	if (!object) {
		wc_reply_err(rq, &e);
		return -1;
	}
	if ((bad = wc_fields_from_json(rq->arena, route->body, object, into))) {
		wc_reply_bad_fields(rq, bad);
		return -1;
	}
	rq->body = into;
	return 0;
}

static int read_body(wc_request *rq, const struct web_settings *settings)
{
	size_t  max = rq->route->route->body_max ? rq->route->route->body_max : (size_t)settings->body_max;
	wc_buf *b   = read_to_end(rq, max, settings->io_timeout_ms);

	if (!b)
		return refuse(rq, 408, "request_timeout", "the body did not arrive in time");
	if (wc_buf_failed(b)) {
		wc_problem(rq, 413, "too_large", "the body is larger than %zu bytes", max);
		return -1;
	}
	if (is_cut(rq, b->len))
		return refuse(rq, 400, "bad_request", "the body ended early");
	rq->raw_body = (wc_slice){b->s, b->len};
	return 0;
}

int request_read(wc_request *rq, const struct web_settings *settings)
{
	const wc_route *route = rq->route->route;

	if (check_query(rq) < 0 || check_type(rq) < 0 || read_body(rq, settings) < 0)
		return -1;
	return route->body ? check_body(rq, route) : 0;
}
