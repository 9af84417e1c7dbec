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

/* --- what REST adds ------------------------------------------------------------------------------------------------- */

struct more {
	const char        *text;
	int64_t            number, at_ms;
	const char *const *list, *const *kinds;
	const json_t      *object;
};

#define OF(member) offsetof(struct more, member)

static const wc_field more_fields[] = {
	{WC_STRING, "text", NULL, OF(text), "a text", .optional = true, .min = 2, .max = 9},
	{WC_INT, "number", NULL, OF(number), "", .optional = true},
	{WC_TIME, "at", NULL, OF(at_ms), "", .optional = true},
	{WC_LIST, "list", "a, b,,\n c ", OF(list), "", .max = 4},
	{WC_LIST, "kinds", NULL, OF(kinds), "", .optional = true, .choices = "x|y", .min = 1},
	{WC_OBJECT, "object", NULL, OF(object), "", .optional = true},
	{0}};

static void what_may_be_left_out_is_absent(void **state)
{
	wc_arena   *a = wc_arena_new();
	struct more x = {"old", 1, 1, NULL, (const char *const[]){NULL}, (const json_t *)1};

	(void)state;
	assert_null(wc_fields_from_json(a, more_fields, wc_json(a, "{s:n}", "number"), &x));
	assert_null(x.text);
	assert_int_equal(x.number, WC_ABSENT);
	assert_int_equal(x.at_ms, WC_ABSENT);
	assert_null(x.kinds);
	assert_null(x.object);
	assert_string_equal(x.list[0], "a");
	assert_string_equal(x.list[2], "c");
	assert_null(x.list[3]);
	wc_arena_free(a);
}

static void no_number_that_is_given_counts_as_left_out(void **state)
{
	wc_arena     *a = wc_arena_new();
	struct more   x = {0};
	wc_bad_field *bad = wc_fields_from_json(a, more_fields, wc_json(a, "{s:I}", "number", (json_int_t)INT64_MIN), &x);

	(void)state;
	assert_non_null(bad);
	assert_string_equal(bad->field, "number");
	assert_null(wc_fields_from_json(a, more_fields, wc_json(a, "{s:I}", "number", (json_int_t)INT64_MIN + 1), &x));
	assert_int_equal(x.number, INT64_MIN + 1);
	assert_non_null(wc_field_from_text(a, wc_field_find(more_fields, "number"), "-9223372036854775808", &x));
	wc_arena_free(a);
}

static void lists_times_and_objects_in_json(void **state)
{
	wc_arena   *a = wc_arena_new();
	struct more x = {0};

	(void)state;
	assert_null(wc_fields_from_json(a, more_fields, wc_json(a, "{s:s, s:[s,s], s:[s], s:{s:i}}", "at", "1970-01-01T00:00:01Z", "list",
	                                                        "p,q", "", "kinds", "y", "object", "n", 5), &x));
	assert_int_equal(x.at_ms, 1000);
	assert_string_equal(x.list[0], "p,q");
	assert_string_equal(x.list[1], "");
	assert_null(x.list[2]);
	assert_string_equal(x.kinds[0], "y");
	assert_int_equal(json_integer_value(json_object_get(x.object, "n")), 5);
	wc_arena_free(a);
}

static void lists_times_and_objects_that_do_not_fit(void **state)
{
	static const struct {
		const char *field, *json;
	} cases[] = {
		{"list", "\"a\""}, {"list", "[\"a\",1]"}, {"list", "[[]]"}, {"list", "[\"1\",\"2\",\"3\",\"4\",\"5\"]"}, {"list", "{}"},
		{"kinds", "[]"}, {"kinds", "[\"z\"]"}, {"kinds", "[\"x|y\"]"}, {"at", "0"}, {"at", "\"soon\""}, {"object", "[]"}, {"object", "\"{}\""},
		{"text", "\"a\""}, {"text", "[]"}, {"number", "\"5\""}, {"number", "1.0"},
	};
	wc_arena *a = wc_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct more   x   = {0};
		json_t       *one = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
		wc_bad_field *bad = wc_fields_from_json(a, more_fields, wc_json(a, "{s:o}", cases[i].field, one), &x);

		if (!bad || strcmp(bad->field, cases[i].field) || bad->next)
			fail_msg("%s: %s", cases[i].field, cases[i].json);
	}
	wc_arena_free(a);
}

static void written_pairs_are_checked_like_json(void **state)
{
	static const wc_pair good[] = {{"text", "你好"}, {"number", "-7"}, {"list", "p,q"}, {"object", "{\"n\":[1]}"}};
	static const wc_pair wrong[] = {{"number", "x"}, {"what", "1"}, {"text", "ab"}, {"text", "cd"}, {"\xff", "1"}, {"object", "[]"}};
	const char          *names[] = {"number", "object", "what", "text", "?"};
	wc_arena            *a = wc_arena_new();
	struct more          x = {0};
	wc_bad_field        *bad;

	(void)state;
	assert_null(wc_fields_from_pairs(a, more_fields, good, 4, &x));
	assert_string_equal(x.text, "你好");
	assert_int_equal(x.number, -7);
	assert_string_equal(x.list[1], "q");
	assert_true(json_is_array(json_object_get(x.object, "n")));

	bad = wc_fields_from_pairs(a, more_fields, wrong, 6, &x);
	for (size_t i = 0; i < 5; i++, bad = bad->next) {
		assert_non_null(bad);
		assert_string_equal(bad->field, names[i]);
	}
	assert_null(bad);
	wc_arena_free(a);
}

static void no_more_than_sixty_four_bad_fields_are_named_and_none_at_length(void **state)
{
	wc_arena     *a = wc_arena_new();
	json_t       *object = wc_json(a, "{}");
	struct more   x = {0};
	wc_bad_field *bad;
	size_t        n = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		json_object_set_new(object, wc_printf(a, "%d%0100d", i, 0), json_null());
	for (bad = wc_fields_from_json(a, more_fields, object, &x); bad; bad = bad->next, n++)
		assert_true(strlen(bad->field) <= 64);
	assert_int_equal(n, 64);
	wc_arena_free(a);
}

static void schema_is(const wc_field *f, const char *expected)
{
	wc_arena *a    = wc_arena_new();
	json_t   *want = json_loads(expected, 0, NULL);
	json_t   *have = wc_field_schema(a, f);

	assert_non_null(want);
	if (!json_equal(want, have))
		fail_msg("%s\nis not\n%s", wc_json_text(a, have), expected);
	json_decref(want);
	wc_arena_free(a);
}

static void each_type_as_json_schema(void **state)
{
	(void)state;
	schema_is(&(wc_field){WC_STRING, "f", "x", 0, "help", .min = 5, .max = 9},
	          "{\"type\":\"string\",\"minLength\":2,\"maxLength\":9,\"description\":\"help\",\"default\":\"x\"}");
	schema_is(&(wc_field){WC_SECRET, "f", "hush", 0, ""},
	          "{\"type\":\"string\",\"maxLength\":4096,\"format\":\"password\",\"writeOnly\":true}");
	schema_is(&(wc_field){WC_INT, "f", "3", 0, "", .min = 1, .max = 10},
	          "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"maximum\":10,\"default\":3}");
	schema_is(&(wc_field){WC_INT, "f", NULL, 0, ""}, "{\"type\":\"integer\",\"format\":\"int64\"}");
	schema_is(&(wc_field){WC_BOOL, "f", "on", 0, ""}, "{\"type\":\"boolean\",\"default\":true}");
	schema_is(&(wc_field){WC_DURATION, "f", "2s", 0, ""},
	          "{\"anyOf\":[{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0},"
	          "{\"type\":\"string\",\"pattern\":\"^[0-9]+(ms|s|m|h|d)$\"}],\"default\":2000}");
	schema_is(&(wc_field){WC_CHOICE, "f", NULL, 0, "", .choices = "a|b"}, "{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}");
	schema_is(&(wc_field){WC_LIST, "f", "a,b", 0, "", .choices = "a|b", .min = 1, .max = 2},
	          "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]},\"minItems\":1,\"maxItems\":2,"
	          "\"default\":[\"a\",\"b\"]}");
	schema_is(&(wc_field){WC_TIME, "f", NULL, 0, "", .optional = true},
	          "{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},{\"type\":\"null\"}]}");
	schema_is(&(wc_field){WC_OBJECT, "f", "{}", 0, ""}, "{\"type\":\"object\",\"default\":{}}");
}

static void a_table_as_json_schema_says_what_is_required(void **state)
{
	wc_arena *a      = wc_arena_new();
	json_t   *schema = wc_fields_schema(a, fields);

	(void)state;
	assert_string_equal(wc_json_text(a, json_object_get(schema, "required")), "[\"name\"]");
	assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
	assert_int_equal(json_object_size(json_object_get(schema, "properties")), 7);
	assert_null(json_object_get(wc_fields_schema(a, more_fields), "required"));
	wc_arena_free(a);
}

static void a_part_of_an_answer_tells_its_members_and_may_grow(void **state)
{
	static const wc_field of[] = {{WC_ANY, "value", NULL, 0, "anything"}, {WC_INT, "n", NULL, 0, "", .optional = true}, {0}};
	const char *part = "{\"type\":\"object\",\"properties\":{\"value\":{\"description\":\"anything\"},"
	                   "\"n\":{\"anyOf\":[{\"type\":\"integer\",\"format\":\"int64\"},{\"type\":\"null\"}]}},\"required\":[\"value\"]}";
	wc_arena   *a    = wc_arena_new();
	struct all  x;

	(void)state;
	schema_is(&(wc_field){WC_OBJECT, "f", NULL, 0, "", .of = of}, part);
	schema_is(&(wc_field){WC_LIST, "f", NULL, 0, "", .of = of}, wc_printf(a, "{\"type\":\"array\",\"items\":%s}", part));
	assert_non_null(wc_field_from_text(a, &of[0], "5", &x));
	assert_non_null(wc_fields_from_json(a, of, wc_json(a, "{s:i}", "value", 5), &x));
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
		cmocka_unit_test(what_may_be_left_out_is_absent),
		cmocka_unit_test(no_number_that_is_given_counts_as_left_out),
		cmocka_unit_test(lists_times_and_objects_in_json),
		cmocka_unit_test(lists_times_and_objects_that_do_not_fit),
		cmocka_unit_test(written_pairs_are_checked_like_json),
		cmocka_unit_test(no_more_than_sixty_four_bad_fields_are_named_and_none_at_length),
		cmocka_unit_test(each_type_as_json_schema),
		cmocka_unit_test(a_table_as_json_schema_says_what_is_required),
		cmocka_unit_test(a_part_of_an_answer_tells_its_members_and_may_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
