/* Field tables. Input: a JSON object; or lines "name=value", such as a query or a file of settings brings; or "! name=value" for one
 * field alone, as runtime settings come. What is accepted lies within the table's bounds, and is accepted again when it is written as JSON. */
#include "fuzz.h"

#include <wecomd/clock.h>
#include <wecomd/field.h>

#define PAIRS 40

struct values {
	const char        *name, *word, *secret, *choice, *note;
	int64_t            count, any, wait, size, bounded_wait, at;
	const char *const *list, *const *kinds;
	const json_t      *object;
	bool               on;
};

#define AT(member) offsetof(struct values, member)

static const wc_field table[] = {
	{WC_STRING, "name", NULL, AT(name), "a short text", .min = 1, .max = 16},
	{WC_STRING, "word", "", AT(word), "a text"},
	{WC_SECRET, "secret", NULL, AT(secret), "a secret", .optional = true, .max = 64},
	{WC_CHOICE, "choice", "red", AT(choice), "a colour", .choices = "red|green|blue"},
	{WC_STRING, "note", NULL, AT(note), "a note", .optional = true},
	{WC_INT, "count", "3", AT(count), "a number", .min = -5, .max = 5},
	{WC_INT, "any", NULL, AT(any), "any number", .optional = true},
	{WC_DURATION, "wait", "20s", AT(wait), "a time"},
	{WC_DURATION, "bounded_wait", "1s", AT(bounded_wait), "a time", .min = 100, .max = 3600000},
	{WC_SIZE, "size", NULL, AT(size), "bytes", .optional = true},
	{WC_TIME, "at", NULL, AT(at), "a time", .optional = true},
	{WC_LIST, "list", "", AT(list), "texts", .max = 3},
	{WC_LIST, "kinds", NULL, AT(kinds), "kinds", .choices = "a|b|c", .optional = true, .min = 1},
	{WC_OBJECT, "object", NULL, AT(object), "an object", .optional = true},
	{WC_BOOL, "on", "off", AT(on), "a switch"},
	{0}};

/* --- what was accepted ---------------------------------------------------------------------------------------------- */

static bool is_text(const char *s, size_t max)
{
	return strlen(s) <= max && wc_utf8_valid(s, strlen(s));
}

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(s, *words))
			return true;
	return false;
}

static size_t count_of(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		must(is_text(list[n++], 4096));
	return n;
}

static void check_texts(const struct values *v)
{
	must(*v->name && is_text(v->name, 16));
	must(is_text(v->word, 4096));
	must(!v->secret || is_text(v->secret, 64));
	must(!v->note || is_text(v->note, 4096));
	must(is_one_of(v->choice, (const char *const[]){"red", "green", "blue", NULL}));
}

static void check_numbers(const struct values *v)
{
	must(v->count >= -5 && v->count <= 5);
	must(v->wait >= 0);
	must(v->bounded_wait >= 100 && v->bounded_wait <= 3600000);
	must(v->size == WC_ABSENT || v->size >= 0);
}

static void check_lists(const struct values *v)
{
	must(count_of(v->list) <= 3);
	must(!v->kinds || (count_of(v->kinds) >= 1 && count_of(v->kinds) <= 100));
	for (size_t i = 0; v->kinds && v->kinds[i]; i++)
		must(is_one_of(v->kinds[i], (const char *const[]){"a", "b", "c", NULL}));
	must(!v->object || json_is_object(v->object));
}

static json_t *list_json(const char *const *list)
{
	json_t *array = list ? json_array() : json_null();

	for (; list && *list; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

static json_t *number_json(int64_t n)
{
	return n == WC_ABSENT ? json_null() : json_integer(n);
}

static json_t *written(wc_arena *a, const struct values *v)
{
	return wc_json(a, "{s:s, s:s, s:s?, s:s, s:s?, s:I, s:o, s:I, s:I, s:o, s:s?, s:o, s:o, s:O?, s:b}", "name", v->name, "word", v->word, "secret",
	               v->secret, "choice", v->choice, "note", v->note, "count", (json_int_t)v->count, "any", number_json(v->any), "wait",
	               (json_int_t)v->wait, "bounded_wait", (json_int_t)v->bounded_wait, "size", number_json(v->size), "at",
	               v->at == WC_ABSENT ? NULL : wc_time_text(a, v->at), "list", list_json(v->list), "kinds", list_json(v->kinds), "object", v->object,
	               "on", (int)v->on);
}

static void check_again(wc_arena *a, const struct values *v)
{
	json_t       *json  = written(a, v);
	struct values again = {0};

	must(!wc_fields_from_json(a, table, json, &again));
	must(json_equal(json, written(a, &again)));
}

static void check_accepted(wc_arena *a, const struct values *v)
{
	check_texts(v);
	check_numbers(v);
	check_lists(v);
	check_again(a, v);
}

/* --- what was refused ------------------------------------------------------------------------------------------------ */

static void check_refused(const wc_bad_field *bad)
{
	size_t n = 0;

	for (; bad; bad = bad->next, n++) {
		must(is_text(bad->field, 64));
		must(*bad->expected && is_text(bad->expected, 200));
	}
	must(n <= 64);
}

/* --- the two ways in ------------------------------------------------------------------------------------------------- */

/* Nothing that the object gives may be taken for left out. */
static void check_given(const json_t *object, const struct values *v)
{
	must(!json_is_integer(json_object_get(object, "any")) || v->any != WC_ABSENT);
	must(!json_is_string(json_object_get(object, "at")) || v->at != WC_ABSENT);
}

static void from_json(wc_arena *a, struct input in)
{
	struct values v = {0};
	wc_err        e;
	json_t       *object = wc_json_parse(a, in.p, in.n, &e);
	wc_bad_field *bad;

	if (!object)
		return;
	bad = wc_fields_from_json(a, table, object, &v);
	if (bad) {
		check_refused(bad);
		return;
	}
	check_given(object, &v);
	check_accepted(a, &v);
}

static wc_pair pair_of(wc_arena *a, struct input line)
{
	char *text = text_of(a, line), *eq = strchr(text, '=');

	if (eq)
		*eq = 0;
	return (wc_pair){text, eq ? eq + 1 : ""};
}

static void from_lines(wc_arena *a, struct input in)
{
	wc_pair       pairs[PAIRS];
	size_t        n = 0;
	struct values v = {0};
	wc_bad_field *bad;

	while (in.n && n < PAIRS)
		pairs[n++] = pair_of(a, take_line(&in));
	bad = wc_fields_from_pairs(a, table, pairs, n, &v);
	if (bad)
		check_refused(bad);
	else
		check_accepted(a, &v);
}

/* A field whose value fits makes the whole table fit when all others have good values. */
static void from_text(wc_arena *a, struct input in)
{
	wc_pair         pair  = pair_of(a, in);
	const wc_field *field = wc_field_find(table, pair.name);
	struct values   v     = {0};
	const char     *expected;

	must(!wc_fields_from_pairs(a, table, &(wc_pair){"name", "x"}, 1, &v));
	if (!field)
		return;
	expected = wc_field_from_text(a, field, pair.value, &v);
	if (expected)
		check_refused(&(wc_bad_field){field->name, expected, NULL});
	else
		check_accepted(a, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {(const char *)data, size};
	wc_arena    *a  = wc_arena_new();

	if (in.n && *in.p == '{')
		from_json(a, in);
	else if (in.n > 2 && in.p[0] == '!' && in.p[1] == ' ')
		from_text(a, (struct input){in.p + 2, in.n - 2});
	else
		from_lines(a, in);
	wc_arena_free(a);
	return 0;
}
