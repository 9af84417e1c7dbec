/* The HTTP client against a scripted server: what is sent, what comes back, and what each way of failing looks like. */
#include <wecomd/http.h>

#include "http/http.h"
#include "http_peer.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#define OK_KEPT "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

static const struct peer_answer kept[] = {
	{OK_KEPT, .then = PEER_KEEP}, {OK_KEPT, .then = PEER_KEEP}, {OK_KEPT, .then = PEER_KEEP},
};

static wc_arena     *a;
static wc_http_reply reply;
static wc_err        e;

static int fresh(void **state)
{
	(void)state;
	a     = wc_arena_new();
	reply = (wc_http_reply){0};
	e     = (wc_err){0};
	http_open();
	return 0;
}

static int done(void **state)
{
	(void)state;
	http_close();
	wc_arena_free(a);
	return 0;
}

static const char *url_of(const struct peer *p, const char *path)
{
	return wc_printf(a, "http://127.0.0.1:%d%s", p->port, path);
}

/* Plays one answer to one call. */
static int call_once(const struct peer_answer *answer, wc_http call)
{
	struct peer *p = peer_start(answer, 1);
	int          rc;

	call.url = url_of(p, "/path?secret=1");
	rc       = wc_http_do(a, &call, &reply, &e);
	peer_stop(p);
	return rc;
}

static void an_answer_comes_with_status_headers_and_body(void **state)
{
	const char              *head   = "content-TYPE: text/html; charset=utf-8\r\nRetry-After: 20\r\n";
	const struct peer_answer answer = {peer_reply(a, 503, head, "busy")};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){0}), 0);
	assert_int_equal(reply.status, 503);
	assert_string_equal(reply.content_type, "text/html; charset=utf-8");
	assert_string_equal(reply.retry_after, "20");
	assert_string_equal(reply.body->s, "busy");
	assert_true(reply.sent);
	assert_int_equal(e.code, WC_E_NONE);
}

static void an_interim_answer_is_passed_over(void **state)
{
	const struct peer_answer answer = {"HTTP/1.1 103 Early Hints\r\nRetry-After: 1\r\n\r\n" OK_KEPT};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){0}), 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.retry_after, "");
	assert_string_equal(reply.body->s, "ok");
}

static void absent_headers_and_an_empty_body_are_empty_texts(void **state)
{
	const struct peer_answer answer = {"HTTP/1.1 204 No Content\r\n\r\n"};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){0}), 0);
	assert_int_equal(reply.status, 204);
	assert_string_equal(reply.content_type, "");
	assert_string_equal(reply.retry_after, "");
	assert_string_equal(reply.body->s, "");
}

static void a_chunked_body_is_put_together(void **state)
{
	const struct peer_answer answer = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
	                                   "3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n", true};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){0}), 0);
	assert_string_equal(reply.body->s, "abcde");
}

static void the_request_is_what_the_caller_asked_for(void **state)
{
	struct peer             *p         = peer_start(kept, 3);
	const char *const        headers[] = {"Content-Type: application/json", "X-Test: yes", NULL};
	const wc_http            post      = {.url = url_of(p, "/a?b=c"), .headers = headers,
	                                      .body = "{\"n\":1}..", .body_len = 7};
	const wc_http            get       = {.url = url_of(p, "/a")};
	const wc_http            put       = {.url = url_of(p, "/a"), .method = "PUT", .body = "", .body_len = 0};

	(void)state;
	assert_int_equal(wc_http_do(a, &post, &reply, &e), 0);
	assert_int_equal(wc_http_do(a, &get, &reply, &e), 0);
	assert_int_equal(wc_http_do(a, &put, &reply, &e), 0);
	assert_ptr_equal(strstr(p->request[0], "POST /a?b=c HTTP/1.1\r\n"), p->request[0]);
	assert_non_null(strstr(p->request[0], "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(p->request[0], "\r\nX-Test: yes\r\n"));
	assert_string_equal(strstr(p->request[0], "\r\n\r\n"), "\r\n\r\n{\"n\":1}");
	assert_null(strstr(p->request[0], "Expect"));
	assert_ptr_equal(strstr(p->request[1], "GET /a HTTP/1.1\r\n"), p->request[1]);
	assert_null(strstr(p->request[1], "Content-Type"));
	assert_ptr_equal(strstr(p->request[2], "PUT /a HTTP/1.1\r\n"), p->request[2]);
	assert_null(strstr(p->request[2], "Content-Type"));
	peer_stop(p);
}

static void bad_input_is_refused_and_nothing_is_sent(void **state)
{
	static const struct {
		const char *url, *header, *method, *part;
	} cases[] = {
		{"ftp://127.0.0.1/x",         NULL,               NULL,    "neither http:// nor https://"},
		{"file:///etc/passwd",        NULL,               NULL,    "URL"},
		{"127.0.0.1/x",               NULL,               NULL,    "malformed"},
		{"",                          NULL,               NULL,    "malformed"},
		{"http://127.0.0.1/\r\nA: b", NULL,               NULL,    "malformed"},
		{"http://127.0.0.1/a b",      NULL,               NULL,    "malformed"},
		{NULL,                        "A: b\r\nC: secret", NULL,   "header 1 holds a line break"},
		{NULL,                        "A: secret\n",      NULL,    "header 1 holds a line break"},
		{NULL,                        "secret",           NULL,    "header 1 is not of the form"},
		{NULL,                        ": secret",         NULL,    "header 1 is not of the form"},
		{NULL,                        NULL,               "G T",   "method"},
		{NULL,                        NULL,               "",      "method"},
	};
	const struct peer_answer answer = {OK_KEPT};
	struct peer             *p      = peer_start(&answer, 1);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const headers[] = {cases[i].header, NULL};
		const wc_http     call      = {.url = cases[i].url ? cases[i].url : url_of(p, "/"), .method = cases[i].method,
		                               .headers = headers};

		e = (wc_err){0};
		assert_int_equal(wc_http_do(a, &call, &reply, &e), -1);
		assert_int_equal(e.code, WC_E_ARG);
		if (!strstr(e.text, cases[i].part))
			fail_msg("case %zu: \"%s\" has no \"%s\"", i, e.text, cases[i].part);
		assert_null(strstr(e.text, "secret"));
		assert_false(reply.sent);
	}
	assert_int_equal(peer_connections(p), 0);
	peer_stop(p);
}

static void a_body_over_the_bound_is_refused(void **state)
{
	static const char *const bodies[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345",
		"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456",
		"HTTP/1.1 200 OK\r\n\r\n123456",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct peer_answer answer = {bodies[i], true};

		assert_int_equal(call_once(&answer, (wc_http){.max_body = 5}), i ? -1 : 0);
		assert_int_equal(e.code, i ? WC_E_TOO_LARGE : WC_E_NONE);
	}
}

static void headers_without_end_are_refused(void **state)
{
	char                    *line   = wc_alloc(a, 70000);
	const struct peer_answer answer = {wc_printf(a, "HTTP/1.1 200 OK\r\nX: %s\r\n\r\n", (char *)memset(line, 'x', 69999))};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){0}), -1);
	assert_int_equal(e.code, WC_E_TOO_LARGE);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
	const struct peer_answer answer = {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){0}), 0);
	assert_int_equal(reply.status, 302);
}

/* --- connections ----------------------------------------------------------------------------------------------------- */

static void calls_one_after_the_other_share_a_connection(void **state)
{
	struct peer  *p = peer_start(kept, 3), *other = peer_start(kept, 3);
	const wc_http get = {.url = url_of(p, "/")}, post = {.url = url_of(other, "/"), .body = "x", .body_len = 1};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(wc_http_do(a, &get, &reply, &e), 0);
		assert_int_equal(wc_http_do(a, &post, &reply, &e), 0);
	}
	assert_int_equal(peer_connections(p), 1);
	assert_int_equal(peer_connections(other), 1);
	peer_stop(p);
	peer_stop(other);
}

/* The server takes the second request on a kept connection and closes without a word: perhaps it did the work. */
static int second_call(const char *method, size_t *requests)
{
	const struct peer_answer answers[] = {{OK_KEPT, .then = PEER_KEEP}, {NULL}, {OK_KEPT, .then = PEER_KEEP}};
	struct peer             *p         = peer_start(answers, 3);
	const wc_http            call      = {.url = url_of(p, "/"), .method = method};
	int                      rc;

	assert_int_equal(wc_http_do(a, &call, &reply, &e), 0);
	rc        = wc_http_do(a, &call, &reply, &e);
	*requests = peer_requests(p);
	peer_stop(p);
	return rc;
}

static void a_post_is_never_sent_twice(void **state)
{
	size_t requests;

	(void)state;
	assert_int_equal(second_call("POST", &requests), -1);
	assert_int_equal(e.code, WC_E_REMOTE);
	assert_true(reply.sent);
	assert_int_equal(requests, 2);
}

static void a_get_on_a_connection_that_was_closed_is_repeated(void **state)
{
	size_t requests;

	(void)state;
	assert_int_equal(second_call("GET", &requests), 0);
	assert_int_equal(reply.status, 200);
	assert_int_equal(requests, 3);
}

static void a_refused_connection_was_not_sent(void **state)
{
	int           port = peer_closed_port();
	const wc_http call = {.url = wc_printf(a, "http://u:pw@127.0.0.1:%d/p?secret=1", port)};

	(void)state;
	assert_int_equal(wc_http_do(a, &call, &reply, &e), -1);
	assert_int_equal(e.code, WC_E_REMOTE);
	assert_false(reply.sent);
	assert_non_null(strstr(e.text, wc_printf(a, "127.0.0.1:%d: ", port)));
	assert_non_null(strstr(e.text, "Connection refused"));
	assert_null(strstr(e.text, "secret"));
	assert_null(strstr(e.text, "pw"));
}

static void an_unknown_host_was_not_sent(void **state)
{
	(void)state;
	assert_int_equal(wc_http_do(a, &(wc_http){.url = "http://no-such-host.invalid/"}, &reply, &e), -1);
	assert_true(e.code == WC_E_REMOTE || e.code == WC_E_TIMEOUT);
	assert_false(reply.sent);
	assert_non_null(strstr(e.text, "no-such-host.invalid:80: "));
}

static void a_failed_handshake_was_not_sent(void **state)
{
	const struct peer_answer answer = {OK_KEPT};
	struct peer             *p      = peer_start(&answer, 1);
	wc_http                  call   = {.url = wc_printf(a, "https://127.0.0.1:%d/", p->port), .connect_ms = 300};

	(void)state;
	/* The peer waits for a request in plain text, so the handshake gets no answer. */
	assert_int_equal(wc_http_do(a, &call, &reply, &e), -1);
	assert_int_equal(e.code, WC_E_TIMEOUT);
	assert_false(reply.sent);
	peer_stop(p);
}

static void a_server_that_closes_before_an_answer_may_have_the_request(void **state)
{
	static const struct peer_answer answers[] = {{NULL}, {NULL, .then = PEER_RESET}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(call_once(&answers[i], (wc_http){.body = "x", .body_len = 1}), -1);
		assert_int_equal(e.code, WC_E_REMOTE);
		assert_true(reply.sent);
		assert_null(strstr(e.text, "secret"));
	}
}

static void an_answer_cut_short_is_an_error(void **state)
{
	static const struct peer_answer answers[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"},
		{"HTTP/1.1 200 OK\r\nContent-Le"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"},
		{"HTTP/1.1 100 Continue\r\n\r\n"},
		{"SSH-2.0-OpenSSH\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		assert_int_equal(call_once(&answers[i], (wc_http){0}), -1);
		assert_int_equal(e.code, WC_E_REMOTE);
		assert_true(reply.sent);
	}
}

/* --- time and stopping ----------------------------------------------------------------------------------------------- */

static void silence_ends_the_call(void **state)
{
	static const struct peer_answer answers[] = {
		{NULL, .then = PEER_STALL},
		{"HTTP/1.1 200 OK\r\n", .then = PEER_STALL},
		{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .then = PEER_STALL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		assert_int_equal(call_once(&answers[i], (wc_http){.idle_ms = 1}), -1);
		assert_int_equal(e.code, WC_E_TIMEOUT);
		assert_non_null(strstr(e.text, "sent nothing for 1 s"));
		assert_true(reply.sent);
	}
}

static void the_whole_call_has_a_limit(void **state)
{
	const struct peer_answer answer = {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .then = PEER_STALL};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){.total_ms = 100}), -1);
	assert_int_equal(e.code, WC_E_TIMEOUT);
}

static bool asked_often(void *ctx)
{
	return --*(int *)ctx < 0;
}

static void a_stop_ends_the_call(void **state)
{
	const struct peer_answer answer = {NULL, .then = PEER_STALL};
	int                      before = 0, later = 3;

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){.stop = asked_often, .ctx = &before}), -1);
	assert_int_equal(e.code, WC_E_STOPPED);
	assert_false(reply.sent);
	assert_int_equal(call_once(&answer, (wc_http){.stop = asked_often, .ctx = &later}), -1);
	assert_int_equal(e.code, WC_E_STOPPED);
}

/* --- bodies given away piece by piece -------------------------------------------------------------------------------- */

static int collect(void *ctx, const char *p, size_t n, wc_err *why)
{
	wc_buf *b = ctx;

	wc_buf_add(b, p, n);
	return b->len > 8 ? wc_fail(why, WC_E_CONFLICT, "enough") : 0;
}

static void pieces_go_to_the_caller(void **state)
{
	const struct peer_answer answer = {peer_reply(a, 200, "", "pieces"), true};
	wc_buf                  *b      = wc_buf_new(a, 100);

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){.on_data = collect, .ctx = b}), 0);
	assert_string_equal(b->s, "pieces");
	assert_int_equal(reply.body->len, 0);
}

static bool collected_enough(void *ctx)
{
	return ((wc_buf *)ctx)->len > 8;
}

/* The caller's error is the one that counts, also when the caller wants to stop from then on. */
static void the_callers_error_ends_the_call(void **state)
{
	const struct peer_answer answer = {"HTTP/1.1 200 OK\r\n\r\nmore than eight", .then = PEER_STALL};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){.on_data = collect, .stop = collected_enough, .ctx = wc_buf_new(a, 100)}), -1);
	assert_int_equal(e.code, WC_E_CONFLICT);
	assert_string_equal(e.text, "enough");
}

static void pieces_are_bounded_in_sum(void **state)
{
	const struct peer_answer answer = {peer_reply(a, 200, "", "pieces"), true};

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){.on_data = collect, .ctx = wc_buf_new(a, 100), .max_body = 5}), -1);
	assert_int_equal(e.code, WC_E_TOO_LARGE);
}

static void the_body_of_an_error_goes_into_the_reply(void **state)
{
	const struct peer_answer answer = {peer_reply(a, 400, "", "{\"error\":1}")};
	wc_buf                  *b      = wc_buf_new(a, 100);

	(void)state;
	assert_int_equal(call_once(&answer, (wc_http){.on_data = collect, .ctx = b}), 0);
	assert_int_equal(reply.status, 400);
	assert_string_equal(reply.body->s, "{\"error\":1}");
	assert_int_equal(b->len, 0);
}

/* --- threads --------------------------------------------------------------------------------------------------------- */

#define THREADS 24
#define ROUNDS  5

static void *call_some(void *arg)
{
	const char *url  = arg;
	intptr_t    good = 0;

	for (int i = 0; i < ROUNDS; i++) {
		wc_arena     *own = wc_arena_new();
		wc_http_reply r;
		wc_err        why;

		if (wc_http_do(own, &(wc_http){.url = url}, &r, &why) == 0 && r.status == 200 && !strcmp(r.body->s, "ok"))
			good++;
		wc_arena_free(own);
	}
	return (void *)good;
}

static void many_threads_with_small_stacks_call_at_once(void **state)
{
	struct peer_answer answers[THREADS * ROUNDS];
	pthread_attr_t     small;
	pthread_t          threads[THREADS];
	struct peer       *p;
	char              *url;
	intptr_t           good = 0;
	void              *result;

	(void)state;
	for (size_t i = 0; i < THREADS * ROUNDS; i++)
		answers[i] = (struct peer_answer){OK_KEPT, .then = PEER_KEEP};
	p   = peer_start(answers, THREADS * ROUNDS);
	url = wc_printf(a, "http://127.0.0.1:%d/", p->port);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], &small, call_some, url), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		good += (intptr_t)result;
	}
	pthread_attr_destroy(&small);
	assert_int_equal(good, THREADS * ROUNDS);
	assert_true(peer_connections(p) <= THREADS);
	peer_stop(p);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_answer_comes_with_status_headers_and_body),
		CASE(an_interim_answer_is_passed_over),
		CASE(absent_headers_and_an_empty_body_are_empty_texts),
		CASE(a_chunked_body_is_put_together),
		CASE(the_request_is_what_the_caller_asked_for),
		CASE(bad_input_is_refused_and_nothing_is_sent),
		CASE(a_body_over_the_bound_is_refused),
		CASE(headers_without_end_are_refused),
		CASE(a_redirect_is_an_answer_and_not_followed),
		CASE(calls_one_after_the_other_share_a_connection),
		CASE(a_post_is_never_sent_twice),
		CASE(a_get_on_a_connection_that_was_closed_is_repeated),
		CASE(a_refused_connection_was_not_sent),
		CASE(an_unknown_host_was_not_sent),
		CASE(a_failed_handshake_was_not_sent),
		CASE(a_server_that_closes_before_an_answer_may_have_the_request),
		CASE(an_answer_cut_short_is_an_error),
		CASE(silence_ends_the_call),
		CASE(the_whole_call_has_a_limit),
		CASE(a_stop_ends_the_call),
		CASE(pieces_go_to_the_caller),
		CASE(the_callers_error_ends_the_call),
		CASE(pieces_are_bounded_in_sum),
		CASE(the_body_of_an_error_goes_into_the_reply),
		CASE(many_threads_with_small_stacks_call_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
