/* HTTP calls by libcurl's easy interface: one blocking transfer on a handle that keeps its connection. The callbacks watch
 * over what libcurl has no exact option for: the body's bound, silence, a stop, and that nothing is sent twice unasked. */
#include "http/http.h"

#include "http/guard.h"
#include "http/handles.h"

#include <wecomd/clock.h>
#include <wecomd/http.h>

#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECT_MS  5000
#define BODY_MAX    ((size_t)1024 * 1024)
#define HEADERS_MAX ((size_t)64 * 1024)
#define ORIGIN_MAX  320
#define HOPS_MAX    3

struct transfer {
	const wc_http *call;
	wc_http_reply *reply;
	CURL          *curl;
	const char    *method;
	CURLU         *url;               /* of this hop */
	int64_t        until_ms;          /* the end of the whole call; 0: none */
	char           origin[ORIGIN_MAX];
	const char    *place;             /* the part of origin that error texts name: host:port */
	char           detail[CURL_ERROR_SIZE];
	size_t         body, headers;     /* bytes received */
	int64_t        idle_ms, last_ms;
	curl_off_t     moved;             /* bytes both ways at last_ms */
	bool           head_whole;        /* the blank line behind the answer's headers came */
	bool           ended;             /* a callback ended the call and filled *e */
	bool           guarded;           /* only public addresses */
	wc_err        *e;
};

void http_open(void)
{
	signal(SIGPIPE, SIG_IGN);     /* a TLS connection writes without MSG_NOSIGNAL */
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		abort();
}

void http_close(void)
{
	http_handles_close();
	curl_global_cleanup();
}

/* --- what is watched while the transfer runs ------------------------------------------------------------------------- */

#define end_call(t, code, ...) ((t)->ended = true, (void)wc_fail((t)->e, code, __VA_ARGS__))

static bool stop_asked(struct transfer *t)
{
	if (!t->call->stop || !t->call->stop(t->call->ctx))
		return false;
	end_call(t, WC_E_STOPPED, "%s: the call was stopped", t->place);
	return true;
}

/* libcurl has resolved the name; this is the very address that would be connected to, so a name that changes its address in between
 * gains nothing. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *t = ctx;
	char             ip[INET6_ADDRSTRLEN + 16] = "";

	(void)purpose;
	if (guard_is_public(&to->addr))
		return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	getnameinfo(&to->addr, to->addrlen, ip, sizeof ip, NULL, 0, NI_NUMERICHOST);
	end_call(t, WC_E_DENIED, "%s: %s is not a public address", t->place, ip);
	return CURL_SOCKET_BAD;
}

/* libcurl calls this before each request on a connection that stands; a second time when a kept connection was closed under
 * the first. Only what is safe to repeat may go out again. */
static int before_request(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
	struct transfer *t = ctx;

	(void)local_ip, (void)port, (void)local_port;
	if (t->guarded && !guard_is_public_text(ip)) {
		end_call(t, WC_E_DENIED, "%s: %s is not a public address", t->place, ip);
		return CURL_PREREQFUNC_ABORT;
	}
	if (t->reply->sent && strcmp(t->method, "GET") && strcmp(t->method, "HEAD")) {
		end_call(t, WC_E_REMOTE, "%s: closed the kept connection without an answer", t->place);
		return CURL_PREREQFUNC_ABORT;
	}
	t->reply->sent = true;
	t->last_ms     = wc_mono_ms();
	return CURL_PREREQFUNC_OK;
}

static int on_tick(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct transfer *t   = ctx;
	int64_t          now = wc_mono_ms();

	(void)down_total, (void)up_total;
	if (t->ended)     /* libcurl's last tick comes after the end */
		return 1;
	if (down + up != t->moved) {
		t->moved   = down + up;
		t->last_ms = now;
	}
	if (stop_asked(t))
		return 1;
	if (t->idle_ms && now - t->last_ms >= t->idle_ms) {
		end_call(t, WC_E_TIMEOUT, "%s: sent nothing for %ld s", t->place, (long)(t->idle_ms / 1000));
		return 1;
	}
	return 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	(void)size;
	t->last_ms = wc_mono_ms();
	t->headers += n;
	/* An interim answer comes before the real one, and trailers behind its body. */
	if (n >= 5 && !memcmp(p, "HTTP/", 5))
		t->head_whole = false;
	else if (*p == '\r' || *p == '\n')
		t->head_whole = true;
	if (t->headers <= HEADERS_MAX)
		return n;
	end_call(t, WC_E_TOO_LARGE, "%s: the answer's headers are over %zu bytes", t->place, HEADERS_MAX);
	return 0;
}

static bool over_bound(struct transfer *t, size_t n, size_t max)
{
	if (n <= max - t->body)
		return false;
	end_call(t, WC_E_TOO_LARGE, "%s: the answer is over %zu bytes", t->place, max);
	return true;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t   = ctx;
	size_t           max = t->call->max_body ? t->call->max_body : BODY_MAX;
	bool             away;

	(void)size;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->reply->status);
	away = t->call->on_data && t->reply->status < 300;
	/* Who streams wants no memory for it, so the page of an error is bounded as one. */
	if (t->call->on_data && !away && max > BODY_MAX)
		max = BODY_MAX;
	if (stop_asked(t) || over_bound(t, n, max))
		return 0;
	t->body += n;
	if (!away)
		wc_buf_add(t->reply->body, p, n);
	else if (t->call->on_data(t->call->ctx, p, n, t->e) < 0)
		t->ended = true;
	t->last_ms = wc_mono_ms();
	return t->ended ? 0 : n;
}

/* --- making the call ------------------------------------------------------------------------------------------------- */

static int check_method(const char *method, wc_err *e)
{
	size_t n = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n && n <= 16 && !method[n] ? 0 : wc_fail(e, WC_E_ARG, "an HTTP method is 1 to 16 capital letters");
}

/* The texts of headers may be secret, so a bad one is named by its number. */
static int check_headers(const char *const *headers, wc_err *e)
{
	for (size_t i = 0; headers && headers[i]; i++) {
		const char *colon = strchr(headers[i], ':');

		if (!colon || colon == headers[i])
			return wc_fail(e, WC_E_ARG, "request header %zu is not of the form \"Name: value\"", i + 1);
		if (strpbrk(headers[i], "\r\n"))
			return wc_fail(e, WC_E_ARG, "request header %zu holds a line break", i + 1);
	}
	return 0;
}

static int read_origin(struct transfer *t, CURLU *url, wc_err *e)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	int   n = 0, rc = 0;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(url, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		rc = wc_fail(e, WC_E_ARG, "the URL has no host");
	else if (strcmp(scheme, "http") && strcmp(scheme, "https"))
		rc = wc_fail(e, WC_E_ARG, "the URL begins with neither http:// nor https://");
	else
		n = snprintf(t->origin, sizeof t->origin, "%s://%s:%s", scheme, host, port);
	if (n >= (int)sizeof t->origin)
		rc = wc_fail(e, WC_E_ARG, "the URL's host name is too long");
	if (!rc)
		t->place = t->origin + strlen(scheme) + 3;
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return rc;
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool  has  = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

/* Whether a URL from outside may be called; sets whether its address is to be watched. */
static int check_outside(struct transfer *t, CURLU *url, wc_err *e)
{
	char *host = NULL, *port = NULL;
	int   rc   = 0;

	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) || has_part(url, CURLUPART_ZONEID))
		return wc_fail(e, WC_E_DENIED, "a URL from outside may hold neither a user name nor a zone");
	if (curl_url_get(url, CURLUPART_HOST, &host, 0) || curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		abort();     /* read_origin() found them */
	if (!guard_allows(host, port))
		rc = wc_fail(e, WC_E_DENIED, "%s: not in [http] allow_hosts", t->place);
	t->guarded = !guard_allows_private(host, port);
	curl_free(host);
	curl_free(port);
	return rc;
}

static int check_url(struct transfer *t, wc_err *e)
{
	if (read_origin(t, t->url, e) < 0)
		return -1;
	t->guarded = t->call->public_only;
	return t->call->from_outside ? check_outside(t, t->url, e) : 0;
}

/* The text of a URL is never part of an error: its query may hold a secret. */
static int parse_url(struct transfer *t, wc_err *e)
{
	CURLUcode bad;

	t->url = curl_url();
	if (!t->url)
		abort();
	bad = curl_url_set(t->url, CURLUPART_URL, t->call->url, 0);
	return bad ? wc_fail(e, WC_E_ARG, "the URL is malformed: %s", curl_url_strerror(bad)) : check_url(t, e);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *header)
{
	list = curl_slist_append(list, header);
	if (!list)
		abort();
	return list;
}

/* A name without a value takes away what libcurl would add by itself. */
static struct curl_slist *header_list(const char *const *headers)
{
	struct curl_slist *list  = add_header(NULL, "Expect:");
	bool               typed = false;

	for (size_t i = 0; headers && headers[i]; i++) {
		list  = add_header(list, headers[i]);
		typed = typed || !strncasecmp(headers[i], "Content-Type:", 13);
	}
	return typed ? list : add_header(list, "Content-Type:");
}

static bool on_loopback(const char *place)
{
	return !strncmp(place, "127.", 4) || !strncmp(place, "[::1]", 5) || !strncmp(place, "localhost:", 10);
}

static void set_request(struct transfer *t, struct curl_slist *headers)
{
	const wc_http *call = t->call;
	CURL          *c    = t->curl;

	curl_easy_setopt(c, CURLOPT_CURLU, t->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	/* One transfer at a time on a connection: HTTP/2 would cost memory and gain nothing. */
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "wecomd");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* A proxy would resolve the name of a guarded call out of our sight. */
	if (call->proxy && *call->proxy && !call->from_outside && !call->public_only) {
		curl_easy_setopt(c, CURLOPT_PROXY, call->proxy);
		curl_easy_setopt(c, CURLOPT_NOPROXY, "");
	} else if (on_loopback(t->place) || call->from_outside || call->public_only) {
		curl_easy_setopt(c, CURLOPT_PROXY, "");
	}
	if (t->guarded) {
		curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
		curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);
	}
	if (call->body || !strcmp(t->method, "POST")) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, call->body ? call->body : "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(call->body ? call->body_len : 0));
	}
	if (!strcmp(t->method, "HEAD"))
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, t->method);
}

/* All hops share the call's time; 0 is libcurl's word for no limit. */
static long left_ms(const struct transfer *t)
{
	int64_t left = t->until_ms - wc_mono_ms();

	return !t->until_ms ? 0 : left > 0 ? (long)left : 1;
}

static void set_limits(struct transfer *t)
{
	CURL *c = t->curl;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, t->call->connect_ms > 0 ? t->call->connect_ms : (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left_ms(t));
	curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 1L);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 16L * 1024);
	/* A name server that is silent must not hold the call beyond its limit; the resolver's thread ends by itself. */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
}

static void set_callbacks(struct transfer *t)
{
	CURL *c = t->curl;

	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->detail);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, before_request);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
}

/* --- what came of it ------------------------------------------------------------------------------------------------- */

static const char *header_value(struct transfer *t, wc_arena *a, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(t->curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? wc_strdup(a, h->value) : "";
}

/* libcurl's own sentence is used for TLS alone: elsewhere it may quote what the server sent. */
static int transfer_failed(struct transfer *t, CURLcode code)
{
	char        buffer[64];
	const char *what = curl_easy_strerror(code);
	long        number = 0;

	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return wc_fail(t->e, WC_E_TIMEOUT, "%s: no %s in time", t->place,
		               t->reply->sent ? "whole answer" : "connection");
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return wc_fail(t->e, WC_E_REMOTE, "%s: TLS: %s", t->place, *t->detail ? t->detail : what);
	case CURLE_COULDNT_CONNECT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &number);
		if (number)
			return wc_fail(t->e, WC_E_REMOTE, "%s: %s: %s", t->place, what,
			               strerror_r((int)number, buffer, sizeof buffer));
		break;
	default:
		break;
	}
	return wc_fail(t->e, WC_E_REMOTE, "%s: %s", t->place, what);
}

static int64_t date_ms(const char *text)
{
	time_t s = *text ? curl_getdate(text, NULL) : -1;

	return s > 0 ? (int64_t)s * 1000 : 0;
}

static int perform(struct transfer *t, wc_arena *a)
{
	CURLcode code = curl_easy_perform(t->curl);

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->reply->status);
	t->reply->content_type = header_value(t, a, "Content-Type");
	t->reply->retry_after  = header_value(t, a, "Retry-After");
	t->reply->date_ms      = date_ms(header_value(t, a, "Date"));
	t->reply->disposition  = header_value(t, a, "Content-Disposition");
	if (t->ended)
		return -1;
	if (code)
		return transfer_failed(t, code);
	/* A connection that ends within the headers is an answer without body to libcurl. */
	if (!t->head_whole || t->reply->status < 200)
		return wc_fail(t->e, WC_E_REMOTE, "%s: closed the connection within the answer's headers", t->place);
	return 0;
}

/* One request and its answer; *location is where the answer sends us, "" for nowhere. */
static int do_hop(struct transfer *t, wc_arena *a, const char *const *header_texts, const char **location)
{
	struct curl_slist  *headers = header_list(header_texts);
	/* A connection that was opened unwatched is not for a guarded call. */
	struct http_handle *handle  = http_handle_take(t->guarded ? wc_printf(a, "guarded %s", t->origin) : t->origin);
	int                 rc;

	t->curl    = handle->curl;
	t->last_ms = wc_mono_ms();
	set_request(t, headers);
	set_limits(t);
	set_callbacks(t);
	rc        = stop_asked(t) ? -1 : perform(t, a);
	*location = rc < 0 ? "" : header_value(t, a, "Location");
	http_handle_put(handle);
	curl_slist_free_all(headers);
	return rc;
}

static bool is_redirect(const struct transfer *t, const char *location)
{
	long status = t->reply->status;

	return t->call->from_outside && *location && (!strcmp(t->method, "GET") || !strcmp(t->method, "HEAD")) &&
	       (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

/* Makes the transfer ready for the place that the answer names. */
static int follow(struct transfer *t, const char *location, wc_err *e)
{
	bool was_https = !strncmp(t->origin, "https:", 6);

	if (curl_url_set(t->url, CURLUPART_URL, location, 0))
		return wc_fail(e, WC_E_DENIED, "%s: redirects to what is no URL for us", t->place);
	if (check_url(t, e) < 0) {
		e->code = WC_E_DENIED;
		return wc_wrap(e, "redirected");
	}
	if (was_https && strncmp(t->origin, "https:", 6))
		return wc_fail(e, WC_E_DENIED, "%s: redirected from https to http", t->place);
	wc_buf_clear(t->reply->body);
	t->body = t->headers = 0;
	t->moved             = 0;
	t->head_whole        = false;
	return 0;
}

static int do_call(struct transfer *t, wc_arena *a, wc_err *e)
{
	const char *const *headers = t->call->headers;
	const char        *location, *first = wc_strdup(a, t->origin);

	for (int hop = 0;; hop++) {
		if (do_hop(t, a, headers, &location) < 0)
			return -1;
		if (!is_redirect(t, location))
			return 0;
		if (hop == HOPS_MAX)
			return wc_fail(e, WC_E_REMOTE, "%s: redirects more than %d times", t->place, HOPS_MAX);
		if (follow(t, location, e) < 0)
			return -1;
		/* Once elsewhere, what the caller had to say to the first place stays behind. */
		if (strcmp(first, t->origin))
			headers = NULL;
	}
}

int wc_http_do(wc_arena *a, const wc_http *call, wc_http_reply *reply, wc_err *e)
{
	struct transfer t  = {.call = call, .reply = reply, .e = e};
	int             rc = -1;

	*reply   = (wc_http_reply){.content_type = "", .retry_after = "", .disposition = "",
	                           .body = wc_buf_new(a, call->max_body ? call->max_body : BODY_MAX)};
	t.method = call->method ? call->method : call->body ? "POST" : "GET";
	if (check_method(t.method, e) < 0 || check_headers(call->headers, e) < 0)
		return -1;
	if (parse_url(&t, e) == 0) {
		t.idle_ms  = call->idle_ms > 0 ? (call->idle_ms + 999) / 1000 * 1000 : 0;
		t.until_ms = call->total_ms > 0 ? wc_mono_ms() + call->total_ms : 0;
		rc         = do_call(&t, a, e);
	}
	curl_url_cleanup(t.url);
	return rc;
}
