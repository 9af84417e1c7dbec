/* JSON: what is read in the short way is what Jansson reads, and what is written is what Jansson writes. */
#include "check.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

static json_t *plain(const char *text)
{
	return json_read_plain(text, strlen(text), 128);
}

static void whole_documents_are_read_in_the_short_way_as_jansson_reads_them(void **state)
{
	static const char *const texts[] = {
		"{}", "[]", " { } ", "[ ]", "{\"a\":1}", "{\"a\":-0,\"b\":-17,\"c\":999999999999999999,\"d\":0}", "[1,[2,[3,{}]],{\"x\":[]}]",
		"\t{ \"a\" : true ,\r\n\"b\":false,\"c\" : null }\n", "{\"\":\"\"}", "{\"text\":{\"content\":\"报销差旅费要走什么流程？\"},\"n\":\"𝄞\"}",
		"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "{\"a\\tb\":\"c\"}", "[\"\x7f\"]"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_t *ours = plain(texts[i]), *theirs = json_loads(texts[i], JSON_REJECT_DUPLICATES, NULL);

		if (!ours || !theirs || !json_equal(ours, theirs))
			fail_msg("%s", texts[i]);
		json_decref(ours);
		json_decref(theirs);
	}
}

static void what_is_rare_or_wrong_is_left_to_jansson(void **state)
{
	static const char *const texts[] = {
		"", " ", "1", "\"a\"", "null", "{", "[", "{]", "[}", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "[1]x",
		"[1] [2]", "[01]", "[-]", "[-a]", "[+1]", "[1.5]", "[1e3]", "[1.]", "[9223372036854775807]", "[99999999999999999999]", "[tru]", "[nul", "[True]",
		"[\"a", "[\"\\", "[\"\\x\"]", "[\"\\u0041\"]", "[\"a\nb\"]", "[\"\xff\"]", "[\"\xc0\x80\"]", "[\"\xed\xa0\x80\"]", "[\"\xe6\x8a\"]",
		"{\"a\":1,\"a\":2}", "{\"\\u0061\":1}", "\xef\xbb\xbf{}", "[1/**/]",
		"{\"a name that has more bytes than any name that WeCom's messages have, or ours\":1}"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (plain(texts[i]))
			fail_msg("%s", texts[i]);
	assert_null(json_read_plain("{\0}", 3, 128));
	assert_null(json_read_plain("[\"\0\"]", 5, 128));
}

static void both_ways_are_behind_the_one_that_everybody_calls(void **state)
{
	wc_arena *a = wc_arena_new();
	wc_err    e;

	(void)state;
	assert_string_equal(wc_json_str(wc_json_parse(a, "{\"a\":\"b\"}", 9, &e), "a"), "b");
	assert_string_equal(wc_json_str(wc_json_parse(a, "{\"a\":\"\\u0062\"}", 14, &e), "a"), "b");
	assert_null(wc_json_parse(a, "{\"a\":1,\n\"a\":2}", 14, &e));
	assert_string_equal(e.text, "not JSON: wrong at line 2, column 3");
	wc_arena_free(a);
}

static char *nested(size_t depth, const char *inside)
{
	char *text = malloc(2 * depth + strlen(inside) + 1);

	memset(text, '[', depth);
	strcpy(text + depth, inside);
	memset(text + depth + strlen(inside), ']', depth);
	text[2 * depth + strlen(inside)] = 0;
	return text;
}

static void nesting_has_the_same_bound_both_ways(void **state)
{
	static const char *const inside[] = {"", "7", "7.5"};

	(void)state;
	for (size_t depth = 126; depth < 131; depth++) {
		for (size_t i = 0; i < 3; i++) {
			wc_arena *a    = wc_arena_new();
			char     *text = nested(depth, inside[i]);
			wc_err    e;

			assert_int_equal(wc_json_parse(a, text, strlen(text), &e) != NULL, depth <= 128);
			free(text);
			wc_arena_free(a);
		}
	}
}

static void what_is_written_is_what_jansson_writes(void **state)
{
	static const char *const texts[] = {
		"{}", "[]", "[[],{},[{}]]", "{\"b\":1,\"a\":[true,false,null,-5,1.5,1e300,0.1]}", "[\"\\u0001\\u001f\\u007f\\b\\f\\n\\r\\t\\\"\\\\/\"]",
		"{\"问题\":\"报销\\n𝄞\"}", "[-9223372036854775808,9223372036854775807]", "{\"\":\"\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		wc_arena *a        = wc_arena_new();
		json_t   *value    = wc_json_keep(a, json_loads(texts[i], 0, NULL));
		char     *expected = json_dumps(value, JSON_COMPACT);

		assert_string_equal(wc_json_text(a, value), expected);
		free(expected);
		wc_arena_free(a);
	}
}

static void words_numbers_and_texts_with_a_nul_can_be_written_alone(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	assert_string_equal(wc_json_text(a, json_null()), "null");
	assert_string_equal(wc_json_text(a, wc_json(a, "i", 7)), "7");
	assert_string_equal(wc_json_text(a, wc_json(a, "s%", "a\0b", (size_t)3)), "\"a\\u0000b\"");
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_documents_are_read_in_the_short_way_as_jansson_reads_them),
		cmocka_unit_test(what_is_rare_or_wrong_is_left_to_jansson),
		cmocka_unit_test(both_ways_are_behind_the_one_that_everybody_calls),
		cmocka_unit_test(nesting_has_the_same_bound_both_ways),
		cmocka_unit_test(what_is_written_is_what_jansson_writes),
		cmocka_unit_test(words_numbers_and_texts_with_a_nul_can_be_written_alone)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
