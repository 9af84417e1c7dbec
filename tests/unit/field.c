/* Field tables: what fits, what does not, and that every bad field is named. */
#include "check.h"

#include <wecomd/field.h>

#include <string.h>

struct all {
	const char *name, *colour, *secret;
	int64_t     count, pause_ms, room;
	bool        on;
};

static const wc_field fields[] = {
	{WC_STRING, "name", NULL, offsetof(struct all, name), "", .min = 1, .max = 6},
	{WC_CHOICE, "colour", "red", offsetof(struct all, colour), "", .choices = "red|green|blue"},
	{WC_SECRET, "secret", "", offsetof(struct all, secret), ""},
	{WC_INT, "count", "3", offsetof(struct all, count), "", .min = 1, .max = 10},
	{WC_DURATION, "pause", "20s", offsetof(struct all, pause_ms), ""},
	{WC_SIZE, "room", "1m", offsetof(struct all, room), ""},
	{WC_BOOL, "on", "off", offsetof(struct all, on), ""},
	{0}};

static void the_written_forms_of_each_type(void **state)
{
	static const struct {
		const char *field, *text;
		bool        fits;
	} cases[] = {
		{"name", "abc", true}, {"name", "", false}, {"name", "abcdefg", false}, {"name", "你好", true}, {"name", "\xff", false},
		{"colour", "green", true}, {"colour", "gree", false}, {"colour", "red|green", false}, {"colour", "", false},
		{"count", "1", true}, {"count", "10", true}, {"count", "11", false}, {"count", "0", false}, {"count", "1x", false},
		{"count", "", false}, {"count", " 1", false}, {"count", "99999999999999999999", false},
		{"pause", "500ms", true}, {"pause", "2h", true}, {"pause", "1d", true}, {"pause", "5", false}, {"pause", "-1s", false},
		{"pause", "9223372036854775807d", false},
		{"room", "4096", true}, {"room", "20k", true}, {"room", "1G", true}, {"room", "1t", false},
		{"on", "on", true}, {"on", "FALSE", true}, {"on", "maybe", false},
	};
	wc_arena  *a = wc_arena_new();
	struct all x;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *expected = wc_field_from_text(a, wc_field_find(fields, cases[i].field), cases[i].text, &x);

		if (!expected != cases[i].fits)
			fail_msg("%s = %s: %s", cases[i].field, cases[i].text, expected ? expected : "taken");
	}
	wc_arena_free(a);
}

static void defaults_fill_what_is_left_out(void **state)
{
	wc_arena  *a = wc_arena_new();
	struct all x = {0};

	(void)state;
	assert_null(wc_fields_from_json(a, fields, wc_json(a, "{s:s, s:b, s:i}", "name", "n", "on", 1, "pause", 1500), &x));
	assert_string_equal(x.name, "n");
	assert_string_equal(x.colour, "red");
	assert_int_equal(x.count, 3);
	assert_int_equal(x.pause_ms, 1500);
	assert_int_equal(x.room, 1 << 20);
	assert_true(x.on);
	wc_arena_free(a);
}

static void every_bad_field_is_named_not_just_the_first(void **state)
{
	wc_arena     *a = wc_arena_new();
	struct all    x = {0};
	wc_bad_field *bad = wc_fields_from_json(a, fields, wc_json(a, "{s:i, s:s, s:i, s:s, s:i}", "name", 5, "colour", "pink", "count", 0,
	                                                           "on", "on", "extra", 1), &x);
	const char   *names[] = {"name", "colour", "count", "on", "extra"};

	(void)state;
	for (size_t i = 0; i < 5; i++, bad = bad->next) {
		assert_non_null(bad);
		assert_string_equal(bad->field, names[i]);
		assert_true(strlen(bad->expected) > 0);
	}
	assert_null(bad);
	wc_arena_free(a);
}

static void what_is_no_object_is_one_problem(void **state)
{
	wc_arena  *a = wc_arena_new();
	struct all x = {0};

	(void)state;
	assert_non_null(wc_fields_from_json(a, fields, wc_json(a, "[]"), &x));
	wc_arena_free(a);
}

static void a_text_with_a_zero_byte_is_refused(void **state)
{
	wc_arena     *a = wc_arena_new();
	struct all    x = {0};
	json_t       *name = json_stringn("a\0b", 3);
	wc_bad_field *bad = wc_fields_from_json(a, fields, wc_json(a, "{s:o}", "name", name), &x);

	(void)state;
	assert_non_null(bad);
	assert_string_equal(bad->field, "name");
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_written_forms_of_each_type),
		cmocka_unit_test(defaults_fill_what_is_left_out),
		cmocka_unit_test(every_bad_field_is_named_not_just_the_first),
		cmocka_unit_test(what_is_no_object_is_one_problem),
		cmocka_unit_test(a_text_with_a_zero_byte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
