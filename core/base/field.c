/* Field tables: from text or JSON into a struct, every bad field reported; and the same tables as JSON Schema. */
#include <wecomd/field.h>

#include <wecomd/clock.h>
#include <wecomd/text.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STRING_MAX 4096
#define LIST_MAX   100
#define BAD_MAX    64      /* bad fields that are named: the answer must not grow with the request */
#define NAME_SHOWN 64      /* bytes of an unknown field's name */

struct unit {
	const char *name;
	int64_t     factor;
};

static const struct unit durations[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {0}};
static const struct unit sizes[]     = {{"", 1}, {"k", 1024}, {"m", 1048576}, {"g", 1073741824}, {0}};
static const struct unit plain[]     = {{"", 1}, {0}};

const wc_field *wc_field_find(const wc_field *fields, const char *name)
{
	for (; fields && fields->type; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}

/* --- numbers, words ------------------------------------------------------------------------------------------------- */

static const struct unit *units_of(const wc_field *f)
{
	return f->type == WC_DURATION ? durations : f->type == WC_SIZE ? sizes : plain;
}

/* A decimal number and one of the units; false when it is anything else or too large. */
static bool parse_number(const char *text, const struct unit *units, int64_t *value)
{
	char *end;

	errno  = 0;
	*value = strtoll(text, &end, 10);
	if (end == text || errno || (*text != '-' && (*text < '0' || *text > '9')))
		return false;
	for (; units->name; units++)
		if (!strcasecmp(end, units->name))
			return !__builtin_mul_overflow(*value, units->factor, value);
	return false;
}

static bool parse_bool(const char *text, bool *value)
{
	static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!strcasecmp(text, words[i])) {
			*value = i & 1;
			return true;
		}
	}
	return false;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t n = strlen(text);

	for (const char *c = choices; n; c++) {
		size_t len = strcspn(c, "|");

		if (len == n && !memcmp(c, text, n))
			return true;
		c += len;
		if (!*c)
			break;
	}
	return false;
}

static bool is_text(const char *text, size_t n)
{
	return wc_utf8_valid(text, n) && !memchr(text, 0, n);
}

static int64_t max_of(const wc_field *f, int64_t standard)
{
	return f->max > 0 ? f->max : standard;
}

static const char *range(wc_arena *a, const wc_field *f, int64_t max, const char *things)
{
	if (f->min == max)
		return wc_printf(a, "%" PRId64 " %s", max, things);
	return f->min > 0 ? wc_printf(a, "%" PRId64 " to %" PRId64 " %s", f->min, max, things)
	                  : wc_printf(a, "at most %" PRId64 " %s", max, things);
}

static const char *expected_of(wc_arena *a, const wc_field *f)
{
	switch (f->type) {
	case WC_STRING:
	case WC_SECRET:
		return "text";
	case WC_BOOL:
		return "true or false";
	case WC_DURATION:
		return "a duration such as 500ms, 20s, 5m or 2h";
	case WC_SIZE:
		return "a size such as 4096, 20k or 1m";
	case WC_CHOICE:
		return wc_printf(a, "one of %s", f->choices);
	case WC_LIST:
		return f->choices ? wc_printf(a, "a list of some of %s", f->choices) : "a list of texts";
	case WC_TIME:
		return "a time such as 2026-01-31T08:00:00+08:00";
	case WC_OBJECT:
		return "a JSON object";
	case WC_ANY:
		return "nothing: it stands in answers alone";
	default:
		return "a whole number";
	}
}

/* --- setting one value ---------------------------------------------------------------------------------------------- */

static const char *set_string(wc_arena *a, const wc_field *f, const char *text, size_t n, void *into)
{
	int64_t max = max_of(f, STRING_MAX);

	if (f->type == WC_CHOICE && !is_choice(f->choices, text))
		return expected_of(a, f);
	if (n > (size_t)max || n < (size_t)f->min)
		return range(a, f, max, "bytes");
	if (!is_text(text, n))
		return "UTF-8 text";
	*(const char **)into = wc_strndup(a, text, n);
	return NULL;
}

static const char *set_number(wc_arena *a, const wc_field *f, int64_t value, void *into)
{
	bool bounded = f->max > f->min;

	if (value == WC_ABSENT)
		return expected_of(a, f);
	if (bounded && (value < f->min || value > f->max))
		return wc_printf(a, "a number from %" PRId64 " to %" PRId64, f->min, f->max);
	if (!bounded && f->type != WC_INT && value < 0)
		return "not a negative number";
	*(int64_t *)into = value;
	return NULL;
}

static const char *set_time(wc_arena *a, const wc_field *f, const char *text, void *into)
{
	return wc_time_parse(text, into) ? NULL : expected_of(a, f);
}

static const char *set_list(wc_arena *a, const wc_field *f, const char *const *items, size_t n, void *into)
{
	int64_t max = max_of(f, LIST_MAX);

	if (n > (size_t)max || n < (size_t)f->min)
		return range(a, f, max, "texts");
	for (size_t i = 0; i < n; i++)
		if (strlen(items[i]) > STRING_MAX || (f->choices && !is_choice(f->choices, items[i])))
			return expected_of(a, f);
	*(const char *const **)into = items;
	return NULL;
}

/* The items between commas and line ends, without those that are empty. */
static const char **split(wc_arena *a, const char *text, size_t *n)
{
	const char **items = wc_alloc(a, (strlen(text) + 2) / 2 * sizeof *items + sizeof *items);

	for (*n = 0; *text;) {
		size_t      len  = strcspn(text, ",\r\n"), kept = len;
		const char *item = text;

		wc_text_trim(&item, &kept);
		if (kept)
			items[(*n)++] = wc_strndup(a, item, kept);
		text += len + (text[len] != 0);
	}
	return items;
}

static const char *list_from_text(wc_arena *a, const wc_field *f, const char *text, void *into)
{
	size_t       n;
	const char **items;

	if (!is_text(text, strlen(text)))
		return "UTF-8 text";
	items = split(a, text, &n);
	return set_list(a, f, items, n, into);
}

static const char *object_from_text(wc_arena *a, const wc_field *f, const char *text, void *into)
{
	wc_err  e;
	json_t *value = wc_json_parse(a, text, strlen(text), &e);

	if (!json_is_object(value))
		return expected_of(a, f);
	*(const json_t **)into = value;
	return NULL;
}

const char *wc_field_from_text(wc_arena *a, const wc_field *f, const char *text, void *into)
{
	char   *at = (char *)into + f->offset;
	int64_t number;

	switch (f->type) {
	case WC_STRING:
	case WC_SECRET:
	case WC_CHOICE:
		return set_string(a, f, text, strlen(text), at);
	case WC_BOOL:
		return parse_bool(text, (bool *)at) ? NULL : "on or off";
	case WC_LIST:
		return list_from_text(a, f, text, at);
	case WC_TIME:
		return set_time(a, f, text, at);
	case WC_OBJECT:
		return object_from_text(a, f, text, at);
	case WC_ANY:
		return expected_of(a, f);
	default:
		return parse_number(text, units_of(f), &number) ? set_number(a, f, number, at) : expected_of(a, f);
	}
}

static const char *list_from_json(wc_arena *a, const wc_field *f, const json_t *array, void *into)
{
	size_t       n     = json_array_size(array);
	const char **items = wc_alloc(a, (n + 1) * sizeof *items);

	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(array, i);

		if (!json_is_string(item) || !is_text(json_string_value(item), json_string_length(item)))
			return expected_of(a, f);
		items[i] = wc_strdup(a, json_string_value(item));
	}
	return set_list(a, f, items, n, into);
}

static const char *object_from_json(wc_arena *a, json_t *value, void *into)
{
	*(const json_t **)into = wc_json_keep(a, json_incref(value));
	return NULL;
}

/* Durations and sizes travel in JSON as plain milliseconds and bytes, or in their written form. */
static const char *from_json(wc_arena *a, const wc_field *f, json_t *value, void *into)
{
	char *at = (char *)into + f->offset;

	switch (f->type) {
	case WC_STRING:
	case WC_SECRET:
	case WC_CHOICE:
		if (json_is_string(value))
			return set_string(a, f, json_string_value(value), json_string_length(value), at);
		break;
	case WC_BOOL:
		if (!json_is_boolean(value))
			break;
		*(bool *)at = json_is_true(value);
		return NULL;
	case WC_DURATION:
	case WC_SIZE:
		if (json_is_string(value))
			return wc_field_from_text(a, f, json_string_value(value), into);
		/* fallthrough */
	case WC_INT:
		if (json_is_integer(value))
			return set_number(a, f, json_integer_value(value), at);
		break;
	case WC_TIME:
		if (json_is_string(value))
			return set_time(a, f, json_string_value(value), at);
		break;
	case WC_LIST:
		if (json_is_array(value))
			return list_from_json(a, f, value, at);
		break;
	case WC_OBJECT:
		if (json_is_object(value))
			return object_from_json(a, value, at);
		break;
	case WC_ANY:
		break;
	}
	return expected_of(a, f);
}

/* --- whole tables --------------------------------------------------------------------------------------------------- */

struct complaints {
	wc_arena     *arena;
	wc_bad_field *first, **tail;
	size_t        n;
};

static void complain(struct complaints *c, const char *field, const char *expected)
{
	size_t        n = strlen(field);
	wc_bad_field *bad;

	if (c->n++ >= BAD_MAX)
		return;
	bad           = wc_alloc(c->arena, sizeof *bad);
	bad->field    = wc_utf8_valid(field, n) ? wc_strndup(c->arena, field, wc_utf8_cut(field, n, NAME_SHOWN)) : "?";
	bad->expected = expected;
	*c->tail      = bad;
	c->tail       = &bad->next;
}

static const char *fill_absent(wc_arena *a, const wc_field *f, void *into)
{
	char *at = (char *)into + f->offset;

	if (f->standard)
		return wc_field_from_text(a, f, f->standard, into);
	if (!f->optional || f->type == WC_BOOL)
		return "a value: it is required";
	if (f->type == WC_INT || f->type == WC_DURATION || f->type == WC_SIZE || f->type == WC_TIME)
		*(int64_t *)at = WC_ABSENT;
	else
		*(const void **)at = NULL;
	return NULL;
}

wc_bad_field *wc_fields_from_json(wc_arena *a, const wc_field *fields, const json_t *object, void *into)
{
	struct complaints c = {.arena = a, .tail = &c.first};
	const char       *key, *expected;
	json_t           *value;

	if (!json_is_object(object)) {
		complain(&c, "", "a JSON object");
		return c.first;
	}
	for (const wc_field *f = fields; f->type; f++) {
		value    = json_object_get(object, f->name);
		expected = value && !json_is_null(value) ? from_json(a, f, value, into) : fill_absent(a, f, into);
		if (expected)
			complain(&c, f->name, expected);
	}
	json_object_foreach((json_t *)object, key, value)
		if (!wc_field_find(fields, key))
			complain(&c, key, "no such field");
	return c.first;
}

static const wc_pair *find_pair(const wc_pair *pairs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(pairs[i].name, name))
			return &pairs[i];
	return NULL;
}

wc_bad_field *wc_fields_from_pairs(wc_arena *a, const wc_field *fields, const wc_pair *pairs, size_t n, void *into)
{
	struct complaints c = {.arena = a, .tail = &c.first};

	for (const wc_field *f = fields; f->type; f++) {
		const wc_pair *pair     = find_pair(pairs, n, f->name);
		const char    *expected = pair ? wc_field_from_text(a, f, pair->value, into) : fill_absent(a, f, into);

		if (expected)
			complain(&c, f->name, expected);
	}
	for (size_t i = 0; i < n; i++) {
		if (!wc_field_find(fields, pairs[i].name))
			complain(&c, pairs[i].name, "no such parameter");
		else if (find_pair(pairs, i, pairs[i].name))
			complain(&c, pairs[i].name, "one value: it came twice");
	}
	return c.first;
}

/* --- JSON Schema ---------------------------------------------------------------------------------------------------- */

static void set_int(json_t *schema, const char *key, int64_t value)
{
	json_object_set_new(schema, key, json_integer(value));
}

static json_t *choices_json(const char *choices)
{
	json_t *list = json_array();

	for (const char *c = choices; *c; c += *c == '|') {
		size_t n = strcspn(c, "|");

		json_array_append_new(list, json_stringn(c, n));
		c += n;
	}
	return list;
}

/* A character has one to four bytes, so n bytes are at least n / 4 characters. */
static json_t *string_schema(const wc_field *f)
{
	json_t *schema = json_pack("{s:s}", "type", "string");

	if (f->min > 0)
		set_int(schema, "minLength", (f->min + 3) / 4);
	set_int(schema, "maxLength", max_of(f, STRING_MAX));
	if (f->type == WC_SECRET) {
		json_object_set_new(schema, "format", json_string("password"));
		json_object_set_new(schema, "writeOnly", json_true());
	}
	return schema;
}

static json_t *number_schema(const wc_field *f)
{
	json_t *schema  = json_pack("{s:s, s:s}", "type", "integer", "format", "int64");
	bool    bounded = f->max > f->min;

	if (bounded || f->type != WC_INT)
		set_int(schema, "minimum", bounded ? f->min : 0);
	if (bounded)
		set_int(schema, "maximum", f->max);
	return schema;
}

static json_t *measure_schema(const wc_field *f)
{
	const char *pattern = f->type == WC_DURATION ? "^[0-9]+(ms|s|m|h|d)$" : "^[0-9]+[kmg]?$";

	return json_pack("{s:[o, {s:s, s:s}]}", "anyOf", number_schema(f), "type", "string", "pattern", pattern);
}

static json_t *list_schema(const wc_field *f)
{
	json_t *schema = json_pack("{s:s, s:o}", "type", "array", "items",
	                           f->choices ? json_pack("{s:s, s:o}", "type", "string", "enum", choices_json(f->choices))
	                                      : json_pack("{s:s, s:i}", "type", "string", "maxLength", STRING_MAX));

	if (f->min > 0)
		set_int(schema, "minItems", f->min);
	set_int(schema, "maxItems", max_of(f, LIST_MAX));
	return schema;
}

/* Members of answers, which may grow ones that an older description does not know. */
static json_t *part_schema(wc_arena *a, const wc_field *f)
{
	json_t *members = json_copy(wc_fields_schema(a, f->of));

	json_object_del(members, "additionalProperties");
	return f->type == WC_LIST ? json_pack("{s:s, s:o}", "type", "array", "items", members) : members;
}

static json_t *type_schema(wc_arena *a, const wc_field *f)
{
	if (f->of)
		return part_schema(a, f);
	switch (f->type) {
	case WC_STRING:
	case WC_SECRET:
		return string_schema(f);
	case WC_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case WC_DURATION:
	case WC_SIZE:
		return measure_schema(f);
	case WC_CHOICE:
		return json_pack("{s:s, s:o}", "type", "string", "enum", choices_json(f->choices));
	case WC_LIST:
		return list_schema(f);
	case WC_TIME:
		return json_pack("{s:s, s:s}", "type", "string", "format", "date-time");
	case WC_OBJECT:
		return json_pack("{s:s}", "type", "object");
	case WC_ANY:
		return json_object();
	default:
		return number_schema(f);
	}
}

/* The default in JSON's form; NULL where there is none to show. */
static json_t *default_json(wc_arena *a, const wc_field *f)
{
	json_t *list;
	int64_t number;
	size_t  n;
	bool    on;

	if (!f->standard || f->type == WC_SECRET)
		return NULL;
	switch (f->type) {
	case WC_BOOL:
		return parse_bool(f->standard, &on) ? json_boolean(on) : NULL;
	case WC_INT:
	case WC_DURATION:
	case WC_SIZE:
		return parse_number(f->standard, units_of(f), &number) ? json_integer(number) : NULL;
	case WC_LIST:
		list = json_array();
		for (const char **item = split(a, f->standard, &n); *item; item++)
			json_array_append_new(list, json_string(*item));
		return list;
	case WC_OBJECT:
		return json_loads(f->standard, 0, NULL);
	default:
		return json_string(f->standard);
	}
}

json_t *wc_field_schema(wc_arena *a, const wc_field *f)
{
	json_t *schema = type_schema(a, f), *standard = default_json(a, f);

	/* null beside the type; an enum would refuse it all the same. */
	if (f->optional)
		schema = json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
	if (f->help && *f->help)
		json_object_set_new(schema, "description", json_string(f->help));
	if (standard)
		json_object_set_new(schema, "default", standard);
	return wc_json_keep(a, schema);
}

json_t *wc_fields_schema(wc_arena *a, const wc_field *fields)
{
	json_t *properties = json_object(), *required = json_array();
	json_t *schema = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties", 0);

	for (; fields->type; fields++) {
		json_object_set(properties, fields->name, wc_field_schema(a, fields));
		if (!fields->standard && !fields->optional)
			json_array_append_new(required, json_string(fields->name));
	}
	if (json_array_size(required))
		json_object_set(schema, "required", required);
	json_decref(required);
	return wc_json_keep(a, schema);
}
