/* Server-sent events: the same events come out wherever the bytes are cut and however lines end. */
#include <wecomd/http.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define MAX 40

/* Lines end with \n here; each case runs with \n, \r\n and \r. Events are shown in brackets. */
static const struct {
	const char *about, *input, *events;
} cases[] = {
	{"several events",                  "data: one\n\ndata: two\n\n",              "[one][two]"},
	{"the space is optional",           "data:one\n\ndata:  two\n\n",              "[one][ two]"},
	{"data lines join with a line feed", "data: a\ndata: b\ndata\ndata: c\n\n",    "[a\nb\n\nc]"},
	{"an empty data line is an event",  "data:\n\ndata\n\n",                       "[][]"},
	{"comments are skipped",            ": keep-alive\n\n:\ndata: a\n: b\n\n",     "[a]"},
	{"other fields are ignored",        "event: x\nid: 7\nretry: 9\ndata: a\nname\n\n", "[a]"},
	{"an event without data is none",   "event: ping\n\ndata: a\n\n",              "[a]"},
	{"names are compared whole",        "dat: a\ndatab: b\nData: c\n data: d\n: data: e\ndata: f\n\n", "[f]"},
	{"a colon in the data stays",       "data: {\"a\":1}\n\n",                     "[{\"a\":1}]"},
	{"more blank lines change nothing", "\n\n\ndata: a\n\n\n\ndata: b\n\n\n",      "[a][b]"},
	{"the last blank line may lack",    "data: a\n\ndata: b\n",                    "[a][b]"},
	{"the last line end may lack",      "data: a\n\ndata: b",                      "[a][b]"},
	{"a name may be cut by the end",    "data: a\n\ndat",                          "[a]"},
	{"a bare name at the end counts",   "data: a\ndata",                           "[a\n]"},
	{"a byte order mark is skipped",    "\xef\xbb\xbf" "data: a\n\n",              "[a]"},
	{"only at the very start",          "data: a\n\n\xef\xbb\xbf" "data: b\n\n",   "[a]"},
	{"only a whole one",                "\xef\xbb" "data: a\ndata: b\n\n",         "[b]"},
	{"text of any language",            "data: 您好，世界\n\n",                    "[您好，世界]"},
	{"nothing at all",                  "",                                        ""},
};

struct seen {
	char   text[256];
	size_t len;
};

static int note(void *ctx, const char *data, size_t n, wc_err *e)
{
	struct seen *s = ctx;

	(void)e;
	assert_int_equal(data[n], 0);
	assert_true(s->len + n + 3 < sizeof s->text);
	s->text[s->len++] = '[';
	memcpy(s->text + s->len, data, n);
	s->len += n;
	s->text[s->len++] = ']';
	s->text[s->len] = 0;
	return 0;
}

/* With other line ends; gives the length. */
static size_t with_ends(const char *s, const char *end, char *to)
{
	char *at = to;

	for (; *s; s++) {
		if (*s == '\n')
			at = stpcpy(at, end);
		else
			*at++ = *s;
	}
	*at = 0;
	return (size_t)(at - to);
}

/* Cut once at cut, or behind every byte when cut is beyond the end. */
static void feed(wc_sse *sse, const char *p, size_t n, size_t cut, wc_err *e)
{
	if (cut <= n) {
		assert_int_equal(wc_sse_feed(sse, p, cut, e), 0);
		assert_int_equal(wc_sse_feed(sse, p + cut, n - cut, e), 0);
	} else {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(wc_sse_feed(sse, p + i, 1, e), 0);
	}
	assert_int_equal(wc_sse_end(sse, e), 0);
}

static void check(const char *about, const char *input, size_t n, const char *expected)
{
	for (size_t cut = 0; cut <= n + 1; cut++) {
		wc_arena   *a = wc_arena_new();
		struct seen s = {0};
		wc_err      e = {0};

		feed(wc_sse_new(a, 100, note, &s), input, n, cut, &e);
		if (strcmp(s.text, expected))
			fail_msg("%s, cut at %zu of %zu: got %s, expected %s", about, cut, n, s.text, expected);
		wc_arena_free(a);
	}
}

static void the_same_events_come_out_however_the_bytes_are_cut(void **state)
{
	static const char *const ends[] = {"\n", "\r\n", "\r"};
	char                     input[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t k = 0; k < 3; k++)
			check(cases[i].about, input, with_ends(cases[i].input, ends[k], input), cases[i].events);
}

static void line_ends_may_be_mixed(void **state)
{
	static const char input[] = "data: a\rdata: b\r\n\ndata: c\n\r\ndata: d\r\rdata: e\r\n\r\n\n\r";

	(void)state;
	check("mixed", input, sizeof input - 1, "[a\nb][c][d][e]");
}

/* An event of exactly MAX bytes passes; one byte more is refused, whether in one line or in several, and stays refused. */
static void an_event_over_the_bound_is_refused(void **state)
{
	static const struct {
		const char *input;
		int         rc;
	} bounds[] = {
		{"data: 0123456789012345678901234567890123456789\n\n",                      0},
		{"data: 01234567890123456789012345678901234567890\n\n",                    -1},
		{"data: 0123456789\ndata: 0123456789\ndata: 0123456789\ndata: 0123456\n\n",  0},
		{"data: 0123456789\ndata: 0123456789\ndata: 0123456789\ndata: 01234567\n\n", -1},
		{": 01234567890123456789012345678901234567890 is a comment\ndata: a\n\n",    0},
		{"data: 01234567890123456789\n\ndata: 01234567890123456789\n\ndata: a\n\n",  0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		wc_arena   *a = wc_arena_new();
		struct seen s = {0};
		wc_err      e = {0};
		wc_sse     *sse = wc_sse_new(a, MAX, note, &s);

		assert_int_equal(wc_sse_feed(sse, bounds[i].input, strlen(bounds[i].input), &e), bounds[i].rc);
		assert_int_equal(e.code, bounds[i].rc ? WC_E_TOO_LARGE : WC_E_NONE);
		assert_int_equal(wc_sse_feed(sse, "data: b\n\n", 9, &e), bounds[i].rc);
		assert_int_equal(wc_sse_end(sse, &e), bounds[i].rc);
		wc_arena_free(a);
	}
}

static int refuse(void *ctx, const char *data, size_t n, wc_err *e)
{
	(void)ctx, (void)data, (void)n;
	return wc_fail(e, WC_E_CONFLICT, "not this one");
}

static void an_error_of_the_receiver_ends_the_reading(void **state)
{
	wc_arena *a = wc_arena_new();
	wc_err    e = {0};

	(void)state;
	assert_int_equal(wc_sse_feed(wc_sse_new(a, MAX, refuse, NULL), "data: a\n\n", 9, &e), -1);
	assert_int_equal(e.code, WC_E_CONFLICT);
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_events_come_out_however_the_bytes_are_cut),
		cmocka_unit_test(line_ends_may_be_mixed),
		cmocka_unit_test(an_event_over_the_bound_is_refused),
		cmocka_unit_test(an_error_of_the_receiver_ends_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
