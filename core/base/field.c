/* Field tables: from text or JSON into a struct, every bad field reported. */
#include <wecomd/field.h>

#include <wecomd/text.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STRING_MAX 4096

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

static const char *set_string(wc_arena *a, const wc_field *f, const char *text, size_t n, void *into)
{
	size_t max = f->max > 0 ? (size_t)f->max : STRING_MAX;

	if (f->type == WC_CHOICE && !is_choice(f->choices, text))
		return wc_printf(a, "one of %s", f->choices);
	if (n > max || n < (size_t)f->min)
		return f->min > 0 ? wc_printf(a, "%" PRId64 " to %zu bytes", f->min, max) : wc_printf(a, "at most %zu bytes", max);
	if (!wc_utf8_valid(text, n) || memchr(text, 0, n))
		return "UTF-8 text";
	*(const char **)into = wc_strndup(a, text, n);
	return NULL;
}

static const char *set_number(wc_arena *a, const wc_field *f, int64_t value, void *into)
{
	bool bounded = f->max > f->min;

	if (bounded && (value < f->min || value > f->max))
		return wc_printf(a, "a number from %" PRId64 " to %" PRId64, f->min, f->max);
	if (!bounded && f->type != WC_INT && value < 0)
		return "not a negative number";
	*(int64_t *)into = value;
	return NULL;
}

static const char *expected_number(const wc_field *f)
{
	return f->type == WC_DURATION ? "a duration such as 500ms, 20s, 5m or 2h"
	     : f->type == WC_SIZE     ? "a size such as 4096, 20k or 1m"
	                              : "a whole number";
}

const char *wc_field_from_text(wc_arena *a, const wc_field *f, const char *text, void *into)
{
	const struct unit *units = f->type == WC_DURATION ? durations : f->type == WC_SIZE ? sizes : plain;
	char              *at    = (char *)into + f->offset;
	int64_t            number;

	switch (f->type) {
	case WC_STRING:
	case WC_SECRET:
	case WC_CHOICE:
		return set_string(a, f, text, strlen(text), at);
	case WC_BOOL:
		return parse_bool(text, (bool *)at) ? NULL : "on or off";
	default:
		return parse_number(text, units, &number) ? set_number(a, f, number, at) : expected_number(f);
	}
}

/* Durations and sizes travel in JSON as plain milliseconds and bytes, or in their written form. */
static const char *from_json(wc_arena *a, const wc_field *f, const json_t *value, void *into)
{
	char *at = (char *)into + f->offset;

	if (json_is_string(value) && f->type != WC_INT && f->type != WC_BOOL) {
		if (f->type == WC_DURATION || f->type == WC_SIZE)
			return wc_field_from_text(a, f, json_string_value(value), into);
		return set_string(a, f, json_string_value(value), json_string_length(value), at);
	}
	if (json_is_boolean(value) && f->type == WC_BOOL) {
		*(bool *)at = json_is_true(value);
		return NULL;
	}
	if (json_is_integer(value) && (f->type == WC_INT || f->type == WC_DURATION || f->type == WC_SIZE))
		return set_number(a, f, json_integer_value(value), at);
	return f->type == WC_BOOL                           ? "true or false"
	     : f->type == WC_STRING || f->type == WC_SECRET ? "text"
	     : f->type == WC_CHOICE                         ? wc_printf(a, "one of %s", f->choices)
	                                                    : expected_number(f);
}

static void complain(wc_arena *a, wc_bad_field ***tail, const char *field, const char *expected)
{
	wc_bad_field *bad = wc_alloc(a, sizeof *bad);

	bad->field    = wc_strdup(a, field);
	bad->expected = expected;
	**tail        = bad;
	*tail         = &bad->next;
}

wc_bad_field *wc_fields_from_json(wc_arena *a, const wc_field *fields, const json_t *object, void *into)
{
	wc_bad_field *first = NULL, **tail = &first;
	const char   *key, *expected;
	json_t       *value;

	if (!json_is_object(object)) {
		complain(a, &tail, "", "a JSON object");
		return first;
	}
	for (const wc_field *f = fields; f->type; f++) {
		value = json_object_get(object, f->name);
		if (value && !json_is_null(value))
			expected = from_json(a, f, value, into);
		else
			expected = f->standard ? wc_field_from_text(a, f, f->standard, into) : "a value: it is required";
		if (expected)
			complain(a, &tail, f->name, expected);
	}
	json_object_foreach((json_t *)object, key, value)
		if (!wc_field_find(fields, key))
			complain(a, &tail, key, "no such field");
	return first;
}
