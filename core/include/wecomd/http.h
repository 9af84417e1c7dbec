/* Outbound HTTP by libcurl, and the reader of server-sent events.
 *
 * Blocking, safe from every thread; connections are kept and shared in the process. Only http and https,
 * no redirects, except where .from_outside says so. Never call it inside a transaction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/buf.h>
#include <wecomd/err.h>

typedef struct wc_http {
	const char *method;            /* NULL: GET, or POST where there is a body */
	const char *url;
	const char *const *headers;    /* "Name: value" strings, NULL at the end; NULL: none. CR and LF are refused */
	const char *body;              /* borrowed; NULL: none */
	size_t      body_len;
	long        connect_ms;        /* 0: 5,000 */
	long        total_ms;          /* the whole call; 0: no limit (then set idle_ms) */
	long        idle_ms;           /* without a byte for so long: WC_E_TIMEOUT; 0: no limit. Whole seconds */
	const char *proxy;             /* "http://host:port", "socks5h://…"; NULL or "": what the environment says, none for loopback */
	size_t      max_body;          /* of the answer; 0: 1 MiB. More is WC_E_TOO_LARGE */

	/* The URL was not written by us or the operator. It may name only hosts of [http] allow_hosts and private_hosts, and reach only
	 * public addresses unless the host is in private_hosts; checked for the very address that is connected to, never by way of a
	 * proxy. A GET follows up to three redirects, each checked in the same way; the headers go along only to the same
	 * scheme, host and port, and never from https to http. What is not allowed is WC_E_DENIED. */
	bool        from_outside;

	/* The caller has checked the host; only a public address of it is connected to, never by way of a proxy. WC_E_DENIED. */
	bool        public_only;

	/* With on_data the body of an answer below 300 goes there piece by piece instead of into the reply (max_body
	 * still bounds the sum). It returns 0, or -1 with *e to end the call with that error. */
	int       (*on_data)(void *ctx, const char *p, size_t n, wc_err *e);

	/* Asked about once a second and at each piece; true ends the call with WC_E_STOPPED. May be NULL. */
	bool      (*stop)(void *ctx);
	void       *ctx;
} wc_http;

typedef struct wc_http_reply {
	long        status;            /* 100 to 599; an HTTP error status is a reply, not an error */
	const char *content_type;      /* "" when absent */
	const char *retry_after;       /* the header's text; "" when absent */
	int64_t     date_ms;           /* the Date header, by the other side's clock; 0 when absent */
	const char *disposition;       /* Content-Disposition; "" when absent */
	wc_buf     *body;
	bool        sent;              /* also set on failure: whether the request may have reached the server */
} wc_http_reply;

/* 0 with *reply filled, in the arena; -1 with WC_E_REMOTE, WC_E_TIMEOUT, WC_E_TOO_LARGE, WC_E_STOPPED, WC_E_ARG or,
 * from outside, WC_E_DENIED. */
int wc_http_do(wc_arena *a, const wc_http *call, wc_http_reply *reply, wc_err *e);

/* Server-sent events from arbitrary fragments: LF, CRLF or CR; comments skipped; data lines of one event joined
 * with LF; the event and id fields ignored. One event is at most max bytes. */
typedef struct wc_sse wc_sse;

typedef int wc_sse_fn(void *ctx, const char *data, size_t n, wc_err *e);     /* n bytes, terminated */

wc_sse *wc_sse_new(wc_arena *a, size_t max, wc_sse_fn *on_event, void *ctx);
int     wc_sse_feed(wc_sse *sse, const char *p, size_t n, wc_err *e);        /* 0; -1 from on_event or WC_E_TOO_LARGE */
int     wc_sse_end(wc_sse *sse, wc_err *e);                                  /* gives an event without its blank line */
