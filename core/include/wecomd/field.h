/* Field tables: one description of settings, request bodies, query parameters, tool arguments and answers.
 *
 * A table says name, type, default, bounds and help of each field, and where its value goes in a struct.
 * The checker fills the struct and reports every bad field, not just the first. A field without a default
 * (NULL) is required, unless it is .optional. Names in the struct's C types:
 *
 *     WC_STRING   const char *     well-formed UTF-8, at most .max bytes (default 4,096)
 *     WC_SECRET   const char *     as WC_STRING; no log, dump or page ever shows it
 *     WC_INT      int64_t          between .min and .max when .max > .min
 *     WC_BOOL     bool             on, off, true, false, yes, no, 1, 0
 *     WC_DURATION int64_t          milliseconds; written "500ms", "20s", "5m", "2h", "1d"
 *     WC_SIZE     int64_t          bytes; written "20k", "1m" (powers of 1,024) or a plain number
 *     WC_CHOICE   const char *     one of .choices, a list "a|b|c"
 *     WC_LIST     const char *const *  texts, NULL at the end; .min to .max of them (default at most 100), each one of .choices
 *                                  when there are some; written "a, b" (commas or line breaks), in JSON an array
 *     WC_TIME     int64_t          UTC milliseconds; written as RFC 3339 says: "2026-01-31T08:00:00+08:00"
 *     WC_OBJECT   const json_t *   a JSON object that the handler checks itself; lives in the arena
 *     WC_ANY      -                any JSON value; in tables of answers alone
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/json.h>

typedef enum wc_type { WC_STRING = 1, WC_SECRET, WC_INT, WC_BOOL, WC_DURATION, WC_SIZE, WC_CHOICE, WC_LIST, WC_TIME, WC_OBJECT, WC_ANY } wc_type;

typedef struct wc_field {
	wc_type     type;
	const char *name;
	const char *standard;     /* the default, as it would be written; NULL: required */
	size_t      offset;       /* offsetof(struct, member) */
	const char *help;         /* one line for the operator */
	int64_t     min, max;
	const char *choices;
	bool        runtime;      /* a setting that may change in a running system */
	bool        optional;     /* in bodies, queries and answers: may be left out or null; see WC_ABSENT. Not for WC_BOOL */
	const struct wc_field *of;     /* in answers: the members of a WC_OBJECT, or of each item of a WC_LIST; NULL: not said, or texts */
} wc_field;

/* What a number or a time is that was left out; texts, lists and objects are NULL then. */
#define WC_ABSENT INT64_MIN

#define WC_FIELDS(...) ((const wc_field[]){__VA_ARGS__, {0}})

/* One bad field: its name, and what was expected of it, as a sentence for a person. */
typedef struct wc_bad_field {
	const char        *field;
	const char        *expected;
	struct wc_bad_field *next;
} wc_bad_field;

/* A name with its written value, such as a query parameter. */
typedef struct wc_pair {
	const char *name, *value;
} wc_pair;

/* Fills into (zeroed, owned by the caller) from the object. Unknown members are bad. Strings live in
 * the arena. Returns NULL when all is well, otherwise the bad fields in the table's order, then the unknown ones (64 in all at
 * most); into is then void. */
wc_bad_field *wc_fields_from_json(wc_arena *a, const wc_field *fields, const json_t *object, void *into);

/* The same from written values. A name that comes twice is bad. */
wc_bad_field *wc_fields_from_pairs(wc_arena *a, const wc_field *fields, const wc_pair *pairs, size_t n, void *into);

/* Sets one field from its written form; NULL when well, otherwise what was expected. */
const char *wc_field_from_text(wc_arena *a, const wc_field *field, const char *text, void *into);

const wc_field *wc_field_find(const wc_field *fields, const char *name);

/* JSON Schema 2020-12 of what wc_fields_from_json() takes: an object without further members. Kept by the arena. Lengths are
 * characters there and bytes here, so a schema may let pass what the checker refuses, never the other way. */
json_t *wc_fields_schema(wc_arena *a, const wc_field *fields);
json_t *wc_field_schema(wc_arena *a, const wc_field *field);
