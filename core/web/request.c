/* Reading a request: the raw path and query, headers, and the body to its end. */
#include "web/request.h"

#include <wecomd/buf.h>
#include <wecomd/text.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_PARAMS_MAX 64
#define URI_MAX          8192

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

static void parse_query(wc_request *rq)
{
	const char *at = rq->query;

	rq->query_params = wc_alloc(rq->arena, QUERY_PARAMS_MAX * sizeof *rq->query_params);
	while (*at && rq->query_count < QUERY_PARAMS_MAX) {
		size_t        n    = strcspn(at, "&");
		const char   *eq   = memchr(at, '=', n);
		size_t        name = eq ? (size_t)(eq - at) : n;
		struct param *p    = &rq->query_params[rq->query_count];

		p->name  = percent_decode(rq->arena, at, name);
		p->value = eq ? percent_decode(rq->arena, eq + 1, n - name - 1) : "";
		rq->query_count += name && p->name && p->value;
		at += n + (at[n] == '&');
	}
}

/* REQUEST_URI is the raw target under nginx and Apache alike; the decoded forms differ between them. */
int request_begin(wc_request *rq, FCGX_Request *fcgi, wc_arena *a, wc_err *e)
{
	const char *uri = FCGX_GetParam("REQUEST_URI", fcgi->envp);
	const char *method = FCGX_GetParam("REQUEST_METHOD", fcgi->envp);
	size_t      n;

	*rq = (wc_request){.fcgi = fcgi, .arena = a, .method_text = method ? method : "", .path = "", .query = ""};
	rq->is_head = !strcmp(rq->method_text, "HEAD");
	if (!uri || *uri != '/' || strlen(uri) > URI_MAX)
		return wc_fail(e, WC_E_ARG, "the request's target is missing, not a path, or longer than %d bytes", URI_MAX);
	n         = strcspn(uri, "?");
	rq->path  = wc_strndup(a, uri, n);
	rq->query = uri[n] ? uri + n + 1 : "";
	parse_query(rq);
	return 0;
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
		if (!strcmp(rq->query_params[i].name, name))
			return rq->query_params[i].value;
	return NULL;
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

/* The stream's end is what counts: Apache sends chunked uploads without CONTENT_LENGTH. */
static wc_buf *read_to_end(wc_request *rq, size_t max)
{
	wc_buf *b = wc_buf_new(rq->arena, max);
	char    piece[16384];
	int     n;

	while (!wc_buf_failed(b) && (n = FCGX_GetStr(piece, sizeof piece, rq->fcgi->in)) > 0)
		wc_buf_add(b, piece, (size_t)n);
	return b;
}

/* A stream that ended early must not pass for a whole body. */
static bool is_cut(wc_request *rq, size_t got)
{
	const char *announced = FCGX_GetParam("CONTENT_LENGTH", rq->fcgi->envp);

	return announced && *announced && strtoull(announced, NULL, 10) > got;
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

int request_read_body(wc_request *rq, size_t max)
{
	const wc_route *route = rq->route->route;
	wc_buf         *b     = read_to_end(rq, route->body_max ? route->body_max : max);

	if (wc_buf_failed(b)) {
		wc_problem(rq, 413, "too_large", "the body is larger than %zu bytes", b->max);
		return -1;
	}
	if (is_cut(rq, b->len)) {
		wc_problem(rq, 400, "bad_request", "the body ended early");
		return -1;
	}
	rq->raw_body = (wc_slice){b->s, b->len};
	return route->body ? check_body(rq, route) : 0;
}
