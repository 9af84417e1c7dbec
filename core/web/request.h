/* Private to core/web: a request as the server sees it. */
#pragma once

#include "web/web.h"

#include <fcgiapp.h>

#define PARAMS_MAX        8
#define REPLY_HEADERS_MAX 8      /* that a handler adds to its reply */

struct param {
	const char *name, *value;
};

/* ?limit= and ?cursor= of a list; the cursor checked. */
struct list_query {
	int64_t     limit;
	const char *cursor;
	const char *after;      /* the position in the cursor; NULL: the first page */
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
	wc_pair          *query_pairs;
	size_t            query_count;
	const void       *query_values;  /* what the route's table filled */
	struct list_query page;
	wc_slice          raw_body;
	const void       *body;
	struct web_identity who;
	const char       *client;        /* wc_client_address() of this request, once asked for */
	struct idempotency *idempotency; /* NULL: no key came with it */
	bool              is_head, is_secret;
	struct param      headers[REPLY_HEADERS_MAX];
	size_t            header_count;
	bool              answered, streaming;
	int               status;
};

/* Fills method, path and query from the FastCGI parameters; refuses what is over a limit or no text. 0, or -1: the answer was sent. */
int request_begin(wc_request *rq, FCGX_Request *fcgi, wc_arena *a);

/* Checks the query, reads the body to its end and checks it, as the route says. 0, or -1: the answer was sent. */
int request_read(wc_request *rq, const struct web_settings *settings);

/* Whether a Content-Type is "application/json", with or without parameters. */
bool is_json(const char *type);

/* Percent-decodes n bytes once; NULL for a broken escape, a zero byte, or what is not UTF-8. '+' stays. */
char *percent_decode(wc_arena *a, const char *s, size_t n);

/* The route for the request, its path parameters filled. NULL: *other says whether another method has the path, and
 * allow (at least 32 bytes) which. */
const struct web_route *route_find(wc_request *rq, const struct web_route *routes, char allow[32]);

/* How far a callback's timestamp may be from our clock (callback.c); 0: as far as it likes. */
void callback_window(int64_t ms);

/* --- errors (reply.c) ----------------------------------------------------------------------------------------------- */

/* What a caller may read of an error: his own mistakes as they are, what went wrong inside in general words. */
const char *error_for_caller(const wc_err *e);

/* [{"field", "expected"}]; a new reference. */
json_t *bad_fields_json(const wc_bad_field *bad);

/* --- lists (list.c) ------------------------------------------------------------------------------------------------- */

extern const wc_field list_fields[];      /* fill a struct list_query */

char *cursor_make(wc_request *rq, const char *position);
char *cursor_open(wc_request *rq, const char *cursor);     /* the position; NULL for what was not made for this path */

/* --- repeats (idempotency.c) ---------------------------------------------------------------------------------------- */

/* Before the handler. 0: it shall run; -1: the answer was sent, that of the first request or why there is none. */
int idempotency_begin(wc_request *rq);

/* Keeps the answer before it is sent; body NULL: it cannot be repeated (a stream, a secret). */
void idempotency_end(wc_request *rq, int status, const char *content_type, const wc_slice *body);

/* --- how an answer travels (encode.c) --------------------------------------------------------------------------------- */

/* Whether an If-None-Match header holds the tag; weakly, as RFC 9110 says. */
bool etag_matches(const char *header, const char *etag);
char *etag_of(wc_arena *a, wc_slice body);

bool accepts_gzip(const char *accept_encoding);

/* Compressed into the arena; false when it would not be smaller. */
bool gzip(wc_arena *a, wc_slice plain, wc_slice *packed);
