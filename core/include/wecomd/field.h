/* Field tables: one description of settings, request bodies and query parameters.
 *
 * A table says name, type, default, bounds and help of each field, and where its value goes in a struct.
 * The checker fills the struct and reports every bad field, not just the first. A field without a default
 * (NULL) is required. Names in the struct's C types:
 *
 *     WC_STRING   const char *     well-formed UTF-8, at most .max bytes (default 4,096)
 *     WC_SECRET   const char *     as WC_STRING; no log, dump or page ever shows it
 *     WC_INT      int64_t          between .min and .max when .max > .min
 *     WC_BOOL     bool             on, off, true, false, yes, no, 1, 0
 *     WC_DURATION int64_t          milliseconds; written "500ms", "20s", "5m", "2h", "1d"
 *     WC_SIZE     int64_t          bytes; written "20k", "1m" (powers of 1,024) or a plain number
 *     WC_CHOICE   const char *     one of .choices, a list "a|b|c"
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/json.h>

typedef enum wc_type { WC_STRING = 1, WC_SECRET, WC_INT, WC_BOOL, WC_DURATION, WC_SIZE, WC_CHOICE } wc_type;

typedef struct wc_field {
	wc_type     type;
	const char *name;
	const char *standard;     /* the default, as it would be written; NULL: required */
	size_t      offset;       /* offsetof(struct, member) */
	const char *help;         /* one line for the operator */
	int64_t     min, max;
	const char *choices;
	bool        runtime;      /* a setting that may change in a running system */
} wc_field;

#define WC_FIELDS(...) ((const wc_field[]){__VA_ARGS__, {0}})

/* One bad field: its name, and what was expected of it, as a sentence for a person. */
typedef struct wc_bad_field {
	const char        *field;
	const char        *expected;
	struct wc_bad_field *next;
} wc_bad_field;

/* Fills into (zeroed, owned by the caller) from the object. Unknown members are bad. Strings live in
 * the arena. Returns NULL when all is well, otherwise the bad fields in the table's order; into is then void. */
wc_bad_field *wc_fields_from_json(wc_arena *a, const wc_field *fields, const json_t *object, void *into);

/* Sets one field from its written form; NULL when well, otherwise what was expected. */
const char *wc_field_from_text(wc_arena *a, const wc_field *field, const char *text, void *into);

const wc_field *wc_field_find(const wc_field *fields, const char *name);
