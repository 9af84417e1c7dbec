/* URLs from outside: which hosts they may name, which addresses they may reach, and where a redirect may lead. */
#include "check.h"

#include "http/guard.h"
#include "http/http.h"
#include "http_peer.h"

#include <wecomd/http.h>

static wc_arena     *a;
static wc_http_reply reply;
static wc_err        e;

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Up to seven entries; the callers' lists end with their block. */
static const char *const *kept(const char *copy[8], const char *const *list)
{
	memset(copy, 0, 8 * sizeof *copy);
	for (size_t i = 0; list && list[i]; i++)
		copy[i] = list[i];
	return copy;
}

static void allow(const char *const *hosts, const char *const *private_hosts)
{
	static struct http_settings settings;
	static const char          *copies[2][8];

	settings = (struct http_settings){kept(copies[0], hosts), kept(copies[1], private_hosts)};
	http_use(&settings);
}

static int fresh(void **state)
{
	(void)state;
	a = wc_arena_new();
	e = (wc_err){0};
	http_open();
	allow(LIST("*"), NULL);
	return 0;
}

static int done(void **state)
{
	(void)state;
	http_close();
	wc_arena_free(a);
	return 0;
}

static int fetch(const char *url)
{
	return wc_http_do(a, &(wc_http){.url = url, .from_outside = true, .total_ms = 5000}, &reply, &e);
}

static void refused(const char *url)
{
	e = (wc_err){0};
	if (fetch(url) == 0 || e.code != WC_E_DENIED)
		fail_msg("%s: %s", url, e.text);
}

static void which_addresses_are_public(void **state)
{
	static const char *const no[] = {
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1",
		"64:ff9b:1::1", "100::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001::1", "2001:1ff::1",
		"2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "3fff:fff::1", "4000::1", "::ffff:0:127.0.0.1",
		"", "localhost", "127.1", "1.2.3", "fe80::1%lo", "[::1]",
	};
	static const char *const yes[] = {
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255",
		"172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2000::1", "2001:200::1", "2001:db7::1", "2003::1", "240e::1", "2606:4700::1", "3ffe::1", "::ffff:1.1.1.1", "64:ff9b::101:101",
	};

	(void)state;
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (guard_is_public_text(no[i]))
			fail_msg("%s counts as public", no[i]);
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!guard_is_public_text(yes[i]))
			fail_msg("%s does not count as public", yes[i]);
}

static void which_hosts_may_be_named(void **state)
{
	static const struct {
		const char *entry, *host, *port;
		bool        fits;
	} cases[] = {
		{"example.com", "example.com", "443", true}, {"example.com", "EXAMPLE.com.", "80", true}, {"example.com", "a.example.com", "443", false},
		{"example.com", "example.com.evil.net", "443", false}, {"example.com", "notexample.com", "443", false}, {"example.com", "example.co", "443", false},
		{"example.com:8443", "example.com", "8443", true}, {"example.com:8443", "example.com", "443", false}, {"example.com:8443", "example.com", "84", false},
		{"*.example.com", "a.example.com", "1", true}, {"*.example.com", "a.b.example.com", "1", true}, {"*.example.com", "example.com", "1", false},
		{"*.example.com", "aexample.com", "1", false}, {"*", "anything", "1", true}, {"[::1]", "[::1]", "80", true}, {"[::1]:81", "[::1]", "80", false},
		{"10.0.0.5", "10.0.0.5", "80", true}, {"10.0.0.5", "10.0.0.50", "80", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		allow(LIST(cases[i].entry), NULL);
		if (guard_allows(cases[i].host, cases[i].port) != cases[i].fits || guard_allows_private(cases[i].host, cases[i].port))
			fail_msg("%s and %s:%s", cases[i].entry, cases[i].host, cases[i].port);
		allow(NULL, LIST(cases[i].entry));
		if (guard_allows(cases[i].host, cases[i].port) != cases[i].fits || guard_allows_private(cases[i].host, cases[i].port) != cases[i].fits)
			fail_msg("private: %s and %s:%s", cases[i].entry, cases[i].host, cases[i].port);
	}
}

static void without_settings_no_host_may_be_named(void **state)
{
	(void)state;
	allow(NULL, NULL);
	refused("http://1.1.1.1/");
	refused("https://example.com/");
	assert_non_null(strstr(e.text, "allow_hosts"));
}

static void nothing_on_this_machine_is_reached_however_it_is_written(void **state)
{
	static const char *const hosts[] = {
		"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0", "0", "[::]",
		"[::1%25lo]", "[fe80::1%25eth0]",
	};
	struct peer *p = peer_start(NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		e = (wc_err){0};
		/* Some are no URLs for libcurl, which is as good. */
		if (fetch(wc_printf(a, "http://%s:%d/", hosts[i], p->port)) == 0 || (e.code != WC_E_DENIED && e.code != WC_E_ARG && e.code != WC_E_REMOTE))
			fail_msg("%s: %s", hosts[i], e.text);
	}
	assert_int_equal(peer_connections(p), 0);
	peer_stop(p);
}

static void an_allowed_name_is_no_leave_for_a_private_address(void **state)
{
	struct peer *p = peer_start(NULL, 0);

	(void)state;
	allow(LIST("localhost"), NULL);
	refused(wc_printf(a, "http://localhost:%d/", p->port));
	assert_non_null(strstr(e.text, "not a public address"));
	assert_int_equal(peer_connections(p), 0);
	peer_stop(p);
}

static const struct peer_answer ok = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", .then = PEER_CLOSE};

static void a_private_host_that_is_named_is_reached(void **state)
{
	struct peer *p = peer_start(&ok, 1);

	(void)state;
	allow(NULL, LIST(wc_printf(a, "127.0.0.1:%d", p->port)));
	assert_int_equal(fetch(wc_printf(a, "http://127.0.0.1:%d/", p->port)), 0);
	assert_string_equal(reply.body->s, "ok");
	refused(wc_printf(a, "http://127.0.0.1:%d/", p->port + 1));
	refused(wc_printf(a, "http://127.0.0.2:%d/", p->port));
	peer_stop(p);
}

static void only_http_and_no_user_names(void **state)
{
	(void)state;
	assert_int_equal(fetch("file:///etc/passwd"), -1);
	assert_int_equal(fetch("gopher://1.1.1.1/"), -1);
	assert_int_equal(fetch("//1.1.1.1/"), -1);
	refused("http://user:word@1.1.1.1/");
	refused("http://example.com@127.0.0.1/");
}

static struct peer_answer redirect(const char *where)
{
	return (struct peer_answer){wc_printf(a, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 4\r\n\r\ngone", where), .then = PEER_CLOSE};
}

static void redirects_are_followed_three_times(void **state)
{
	const struct peer_answer three[] = {redirect("/b?x=1"), redirect("c"), redirect("?d"), ok};
	const struct peer_answer four[]  = {redirect("/b"), redirect("/c"), redirect("/d"), redirect("/e"), ok};
	struct peer             *p       = peer_start(three, 4), *q = peer_start(four, 5);

	(void)state;
	allow(NULL, LIST("127.0.0.1"));
	assert_int_equal(fetch(wc_printf(a, "http://127.0.0.1:%d/a", p->port)), 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body->s, "ok");
	assert_memory_equal(p->request[1], "GET /b?x=1 ", 11);
	assert_memory_equal(p->request[2], "GET /c ", 7);
	assert_memory_equal(p->request[3], "GET /c?d ", 9);
	assert_int_equal(fetch(wc_printf(a, "http://127.0.0.1:%d/a", q->port)), -1);
	assert_int_equal(e.code, WC_E_REMOTE);
	assert_int_equal(peer_requests(q), 4);
	peer_stop(p);
	peer_stop(q);
}

static void a_redirect_is_checked_like_the_first_url(void **state)
{
	struct peer *hidden = peer_start(NULL, 0);
	const char  *targets[] = {
		wc_printf(a, "http://localhost:%d/", hidden->port), wc_printf(a, "//127.0.0.2:%d/", hidden->port), "http://169.254.169.254/latest/meta-data",
		"http://10.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://user@127.0.0.1/", "http://[::1]/", "http://not-allowed.example/",
		"https://[fe80::1%25lo]/", "javascript:alert(1)", "http://"};

	(void)state;
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		const struct peer_answer answer = redirect(targets[i]);
		struct peer             *p      = peer_start(&answer, 1);

		/* 169.254.169.254 and 10.0.0.1 may be named, but not reached. */
		allow(LIST("169.254.169.254", "10.0.0.1", "localhost", "127.0.0.2"), LIST(wc_printf(a, "127.0.0.1:%d", p->port)));
		refused(wc_printf(a, "http://127.0.0.1:%d/", p->port));
		peer_stop(p);
	}
	assert_int_equal(peer_connections(hidden), 0);
	peer_stop(hidden);
}

static void headers_stay_with_the_place_they_were_meant_for(void **state)
{
	const char *const        headers[] = {"Authorization: Bearer s3cret", NULL};
	struct peer             *q         = peer_start(&ok, 1);
	const struct peer_answer hops[]    = {redirect("/again"), redirect(wc_printf(a, "http://127.0.0.1:%d/x", q->port))};
	struct peer             *p         = peer_start(hops, 2);
	const wc_http            call      = {.url = wc_printf(a, "http://127.0.0.1:%d/", p->port), .headers = headers, .from_outside = true};

	(void)state;
	allow(NULL, LIST("127.0.0.1"));
	assert_int_equal(wc_http_do(a, &call, &reply, &e), 0);
	assert_non_null(strstr(p->request[0], "s3cret"));
	assert_non_null(strstr(p->request[1], "s3cret"));
	assert_null(strstr(q->request[0], "s3cret"));
	peer_stop(p);
	peer_stop(q);
}

static void a_post_is_not_redirected_and_our_own_urls_never(void **state)
{
	const struct peer_answer answers[] = {redirect("/b"), redirect("/b")};
	struct peer             *p         = peer_start(answers, 2);
	const char              *url       = wc_printf(a, "http://127.0.0.1:%d/", p->port);

	(void)state;
	allow(NULL, LIST("127.0.0.1"));
	assert_int_equal(wc_http_do(a, &(wc_http){.url = url, .body = "x", .body_len = 1, .from_outside = true}, &reply, &e), 0);
	assert_int_equal(reply.status, 302);
	assert_int_equal(wc_http_do(a, &(wc_http){.url = url}, &reply, &e), 0);
	assert_int_equal(reply.status, 302);
	assert_string_equal(reply.body->s, "gone");
	peer_stop(p);
}

static void a_connection_kept_by_our_own_call_is_not_used(void **state)
{
	const struct peer_answer kept = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", .then = PEER_KEEP};
	struct peer             *p    = peer_start((const struct peer_answer[]){kept, kept}, 2);
	const char              *url  = wc_printf(a, "http://127.0.0.1:%d/", p->port);

	(void)state;
	assert_int_equal(wc_http_do(a, &(wc_http){.url = url}, &reply, &e), 0);
	refused(url);
	assert_int_equal(peer_requests(p), 1);
	peer_stop(p);
}

static void all_hops_share_the_time(void **state)
{
	const struct peer_answer hops[] = {redirect("/b"), {.then = PEER_STALL}};
	struct peer             *p      = peer_start(hops, 2);

	(void)state;
	allow(NULL, LIST("127.0.0.1"));
	assert_int_equal(wc_http_do(a, &(wc_http){.url = wc_printf(a, "http://127.0.0.1:%d/", p->port), .from_outside = true, .total_ms = 300},
	                            &reply, &e), -1);
	assert_int_equal(e.code, WC_E_TIMEOUT);
	peer_stop(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_addresses_are_public),
		cmocka_unit_test(which_hosts_may_be_named),
		TEST(without_settings_no_host_may_be_named),
		TEST(nothing_on_this_machine_is_reached_however_it_is_written),
		TEST(an_allowed_name_is_no_leave_for_a_private_address),
		TEST(a_private_host_that_is_named_is_reached),
		TEST(only_http_and_no_user_names),
		TEST(redirects_are_followed_three_times),
		TEST(a_redirect_is_checked_like_the_first_url),
		TEST(headers_stay_with_the_place_they_were_meant_for),
		TEST(a_post_is_not_redirected_and_our_own_urls_never),
		TEST(a_connection_kept_by_our_own_call_is_not_used),
		TEST(all_hops_share_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
