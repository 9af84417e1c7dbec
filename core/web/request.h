/* Private to core/web: a request as the server sees it. */
#pragma once

#include "web/web.h"

#include <fcgiapp.h>

#define PARAMS_MAX 8

struct param {
	const char *name, *value;
};

struct wc_request {
	FCGX_Request     *fcgi;
	wc_arena         *arena;
	const char       *method_text;
	const char       *path;          /* raw, without the query */
	const char       *query;         /* raw */
	const struct web_route *route;
	struct param      params[PARAMS_MAX];
	size_t            param_count;
	struct param     *query_params;
	size_t            query_count;
	wc_slice          raw_body;
	const void       *body;
	struct web_identity who;
	const char       *client;        /* wc_client_address() of this request, once asked for */
	bool              is_head;
	bool              answered, streaming;
	int               status;
};

/* Fills method, path and query from the FastCGI parameters. -1: WC_E_ARG. */
int request_begin(wc_request *rq, FCGX_Request *fcgi, wc_arena *a, wc_err *e);

/* Reads the body to its end, at most max bytes, and checks it against the route's table. 0, or the answer was sent. */
int request_read_body(wc_request *rq, size_t max);

/* Percent-decodes n bytes once; NULL for a broken escape, a zero byte, or what is not UTF-8. '+' stays. */
char *percent_decode(wc_arena *a, const char *s, size_t n);

/* The route for the request, its path parameters filled. NULL: *other says whether another method has the path, and
 * allow (at least 32 bytes) which. */
const struct web_route *route_find(wc_request *rq, const struct web_route *routes, char allow[32]);

/* How far a callback's timestamp may be from our clock (callback.c); 0: as far as it likes. */
void callback_window(int64_t ms);
