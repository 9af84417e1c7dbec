/* UTF-8, trimming, JSON parsing of hostile input. */
#include "check.h"

#include <wecomd/json.h>
#include <wecomd/text.h>

#include <string.h>

static void well_formed_utf8_is_told_from_the_rest(void **state)
{
	static const struct {
		const char *s;
		size_t      n;
		bool        valid;
	} cases[] = {
		{"", 0, true},
		{"abc", 3, true},
		{"你好", 6, true},
		{"\xf0\x9f\x98\x80", 4, true},
		{"\xf4\x8f\xbf\xbf", 4, true},          /* U+10FFFF */
		{"\xf4\x90\x80\x80", 4, false},         /* beyond */
		{"\xc0\x80", 2, false},                 /* overlong zero */
		{"\xe0\x80\xaf", 3, false},             /* overlong slash */
		{"\xf0\x80\x80\xaf", 4, false},
		{"\xed\xa0\x80", 3, false},             /* surrogate */
		{"\xe4\xbd", 2, false},                 /* cut */
		{"\x80", 1, false},
		{"a\xff", 2, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(wc_utf8_valid(cases[i].s, cases[i].n), cases[i].valid);
}

static void cutting_never_parts_a_character(void **state)
{
	const char *s = "a你\xf0\x9f\x98\x80z";     /* 1 + 3 + 4 + 1 bytes */
	const size_t expected[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9};

	(void)state;
	for (size_t max = 0; max < sizeof expected / sizeof *expected; max++)
		assert_int_equal(wc_utf8_cut(s, 9, max), expected[max]);
	assert_int_equal(wc_utf8_count(s, 9), 4);
}

/* Otherwise whoever cuts again behind the cut would never end. */
static void bytes_that_are_no_text_are_cut_at_the_limit(void **state)
{
	(void)state;
	assert_int_equal(wc_utf8_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6), 6);
	assert_int_equal(wc_utf8_cut("a\x80\x80\x80\x80", 5, 4), 4);
	assert_int_equal(wc_utf8_cut("a\x80\x80\x80\x80", 5, 3), 0);
}

static void trimming_knows_the_wide_space(void **state)
{
	static const char *const cases[][2] = {
		{" \t你好\n", "你好"}, {"\xe3\x80\x80 a b \xe3\x80\x80\n", "a b"}, {" \xe3\x80\x80 ", ""}, {"", ""}, {"x", "x"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *s = cases[i][0];
		size_t      n = strlen(s);

		wc_text_trim(&s, &n);
		assert_int_equal(n, strlen(cases[i][1]));
		assert_memory_equal(s, cases[i][1], n);
	}
}

static void json_that_is_too_deep_or_ambiguous_is_refused(void **state)
{
	wc_arena *a = wc_arena_new();
	char      deep[20001];
	wc_err    e;

	(void)state;
	memset(deep, '[', 10000);
	memset(deep + 10000, ']', 10000);
	assert_null(wc_json_parse(a, deep, 20000, &e));
	assert_int_equal(e.code, WC_E_ARG);
	assert_null(wc_json_parse(a, "{\"a\":1,\"a\":2}", 13, &e));
	assert_null(wc_json_parse(a, "{\"a\":\"\xff\"}", 9, &e));
	assert_null(wc_json_parse(a, "", 0, &e));
	/* Brackets in a text are no depth. */
	memset(deep, '[', 10000);
	deep[0] = '[', deep[1] = '"', deep[9998] = '"', deep[9999] = ']';
	assert_non_null(wc_json_parse(a, deep, 10000, &e));
	wc_arena_free(a);
}

static void a_member_is_found_by_its_path(void **state)
{
	wc_arena   *a = wc_arena_new();
	const char *text = "{\"a\":{\"b\":\"x\",\"n\":1}}";
	wc_err      e;
	json_t     *o = wc_json_parse(a, text, strlen(text), &e);

	(void)state;
	assert_string_equal(wc_json_str(o, "a.b"), "x");
	assert_null(wc_json_str(o, "a.n"));
	assert_null(wc_json_str(o, "a.b.c"));
	assert_null(wc_json_str(o, "z.b"));
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_utf8_is_told_from_the_rest),
		cmocka_unit_test(cutting_never_parts_a_character),
		cmocka_unit_test(bytes_that_are_no_text_are_cut_at_the_limit),
		cmocka_unit_test(trimming_knows_the_wide_space),
		cmocka_unit_test(json_that_is_too_deep_or_ambiguous_is_refused),
		cmocka_unit_test(a_member_is_found_by_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
