/* What "wecomd doctor" and GET /api/doctor look at. A check says what it found, in one sentence each, and what mends it. */
#pragma once

#include <wecomd/arena.h>

typedef enum wc_found_state { WC_FOUND_OK = 1, WC_FOUND_WARN, WC_FOUND_FAIL, WC_FOUND_SKIPPED } wc_found_state;

typedef struct wc_finding {
	const char        *check;      /* name of the check */
	const char        *object;     /* what was looked at, such as the NAME of a section; "": the whole */
	wc_found_state     state;
	const char        *code;       /* "too_old": what was found, for programs and translators; stable, one meaning within a check */
	const char        *text;       /* one sentence */
	const char       **values;     /* what stands in it, as text, in the order of the format; NULL at the end */
	const char        *mend;       /* the setting, or the page of WeCom's admin console, that mends it; "": nothing to mend */
	struct wc_finding *next;
} wc_finding;

typedef struct wc_findings {
	wc_arena    *arena;
	const char  *check;            /* the one that runs now */
	wc_finding  *first, **last;
} wc_findings;

typedef struct wc_check {
	const char *name;              /* "wecom.secrets": begins with the plugin's name, or is the core's */
	const char *summary;

	/* May call other services and the database; changes nothing. Reports with wc_found(), once or for each object. */
	void      (*run)(wc_findings *findings, const void *self);
} wc_check;

/* Everything is copied. No secrets, no customers' texts. The sentence is English; the console shows its own words for check and code where
 * it has them, with the values in their places ({0} is the first). The format knows %s, whole numbers, and no "*". */
void wc_found(wc_findings *findings, wc_found_state state, const char *object, const char *code, const char *mend, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

const char *wc_found_name(wc_found_state state);     /* "ok", "warn", "fail", "skipped" */
