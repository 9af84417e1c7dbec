/* Requests and replies.
 *
 * A handler gets a request whose role was checked and whose body fits its table, answers once, and returns what
 * the replying function returned. Everything about a request lives in its arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/db.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>
#include <wecomd/field.h>
#include <wecomd/json.h>

typedef struct wc_request wc_request;

typedef enum wc_method { WC_GET = 1, WC_POST, WC_PUT, WC_DELETE } wc_method;

/* Who may call a route; each role may do what the ones before it may. A route without one does not load. */
typedef enum wc_role { WC_ANYONE = 1, WC_VIEWER, WC_OPERATOR, WC_APPROVER, WC_ADMIN } wc_role;

typedef int wc_route_fn(wc_request *rq, const void *self);

typedef struct wc_route {
	wc_method       method;
	const char     *path;          /* "/api/hello/{name}": {x} matches one segment, percent-decoded, not empty */
	wc_role         role;
	wc_route_fn    *run;
	const char     *summary;       /* one line, for the listing and OpenAPI */
	const wc_field *body;          /* NULL: the handler reads wc_raw_body() itself, or none is wanted */
	size_t          body_size;     /* of the struct that body fills; wc_body() returns it */
	size_t          body_max;      /* bytes; 0: [web] body_max */
	const wc_field *query;         /* every query parameter there is; NULL: the handler asks wc_query_param(), others are ignored */
	size_t          query_size;    /* of the struct that query fills; wc_query() returns it */
	bool            list;          /* answers a list in pages, see wc_list_begin(); takes ?limit= and ?cursor= besides query */
	const wc_field *answer;        /* the members of a good answer, of each item where .list is set; for OpenAPI. NULL: not said */
} wc_route;

wc_arena   *wc_request_arena(wc_request *rq);
const char *wc_path_param(wc_request *rq, const char *name);      /* a bug when the path has none of that name */
const char *wc_query_param(wc_request *rq, const char *name);     /* percent-decoded once, UTF-8, '+' stays; NULL: absent */
const void *wc_query(wc_request *rq);                             /* the struct filled from the route's query table */
const char *wc_header(wc_request *rq, const char *name);          /* such as "Authorization"; NULL: absent */
wc_slice    wc_raw_body(wc_request *rq);                          /* terminated; empty when there is none */
const void *wc_body(wc_request *rq);                              /* the struct filled from the route's body table */

/* Who asks: "user:NAME", "key:NAME", or "anonymous" (always on WC_ANYONE routes). For the audit trail. */
const char *wc_actor(wc_request *rq);

/* The client's address in its shortest form ("192.0.2.7", "2001:db8::1"): the web server's REMOTE_ADDR, or what trusted proxies say in
 * X-Forwarded-For, read from the right; "unix:" for a UNIX socket's peer, "unknown" where the server says nothing. */
const char *wc_client_address(wc_request *rq);

/* Each sends the whole answer and returns 0. The format is json_pack's. */
int wc_reply(wc_request *rq, int status, const char *format, ...);
int wc_reply_json(wc_request *rq, int status, const json_t *value);
int wc_reply_bytes(wc_request *rq, int status, const char *content_type, wc_slice body);

/* A further header of the reply to come, such as Content-Disposition; of a handler, before it replies. 0; -1, and logged as ours to mend, for
 * a name that is not letters, digits and '-' or that the host writes itself (Status, Content-Type, Content-Length, …), a value of other than
 * printable ASCII or over 1,024 bytes, a ninth header, or a reply that was sent. A repeat by Idempotency-Key comes without it. */
int wc_reply_header(wc_request *rq, const char *name, const char *value);

/* Says before the reply that it holds a secret (a new key, a token of the session): it is then neither compressed, nor tagged for
 * conditional requests, nor kept for repeats of the same Idempotency-Key. */
void wc_answer_is_secret(wc_request *rq);

/* application/problem+json with a stable code. */
int wc_problem(wc_request *rq, int status, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));
int wc_reply_err(wc_request *rq, const wc_err *e);
int wc_reply_bad_fields(wc_request *rq, const wc_bad_field *bad);      /* 422, naming every bad field */

/* An answer in pieces, passed on at once. wc_stream_write: 0, or -1 when the client is gone. */
void wc_stream_open(wc_request *rq, int status, const char *content_type);
int  wc_stream_write(wc_request *rq, const char *p, size_t n);

/* What is kept sealed or shown masked, to be read by a person who asked for it. */
typedef struct wc_revealed {
	const char *name;      /* "payload", "question": which part of the object; NULL ends */
	wc_slice    text;      /* plain; what is not UTF-8 is sent as base64, what is over 64 KiB is cut */
} wc_revealed;

/* Answers {"object", "parts": [{"name", "text", "bytes", "cut", "base64"}]} after the look was audited: action "inbox.reveal", object "inbox:5".
 * Nothing is sent when the entry could not be written. The entry holds names and sizes, never a text. */
int wc_reply_revealed(wc_request *rq, const char *action, const char *object, const wc_revealed *parts);

/* A list in pages: {"items": […], "next": CURSOR or null}. The handler reads one row more than a page holds, and adds them all, each
 * with its position: what the rows behind it are asked for with. A cursor is the last position, signed, good for this path alone.
 *
 *     wc_list *list = wc_list_begin(rq);
 *
 *     if (wc_db_query(NULL, a, &rows, &e, "SELECT id, name FROM thing WHERE id > ? ORDER BY id LIMIT ?",
 *                     wc_int(wc_list_after(list, 0)), wc_int(wc_list_fetch(list))) < 0)
 *         return wc_reply_err(rq, &e);
 *     return wc_list_reply_rows(list, &rows, thing_json, NULL);
 */
typedef struct wc_list wc_list;

/* A row as an item, a new reference. NULL: the row cannot be told. */
typedef json_t *wc_list_item(wc_arena *a, const wc_rows *rows, size_t row, const void *ctx);

wc_list    *wc_list_begin(wc_request *rq);                           /* a bug when the route does not say .list */
int64_t     wc_list_fetch(const wc_list *list);                      /* rows to read: the page's, and one */
int64_t     wc_list_after(const wc_list *list, int64_t start);       /* the position where it is a number; start on the first page */
const char *wc_list_after_text(const wc_list *list);                 /* NULL on the first page */
void        wc_list_add(wc_list *list, json_t *item /* taken */, const char *position, ...) __attribute__((format(printf, 3, 4)));
int         wc_list_reply(wc_list *list);
int         wc_list_reply_rows(wc_list *list, const wc_rows *rows, wc_list_item *item, const void *ctx);     /* adds all, each by its column 0 */
