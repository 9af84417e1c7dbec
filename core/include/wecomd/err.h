/* One error: a code that decides (HTTP status, retry or not) and one sentence for a person.
 *
 * Functions that can fail return -1 (or NULL) and fill *e; on success *e is left alone. Callers add
 * context on the way up with wc_wrap(); only the outermost caller logs. The sentence names the thing,
 * the value and what was expected, and never holds a secret or a customer's text. */
#pragma once

#include <stdbool.h>

typedef enum wc_code {
	WC_E_NONE = 0,
	WC_E_ARG,          /* the caller's input is wrong: 400 */
	WC_E_DENIED,       /* signature, key or role: 403 */
	WC_E_NOT_FOUND,    /* 404 */
	WC_E_CONFLICT,     /* 409 */
	WC_E_TOO_LARGE,    /* over a bound: 413 */
	WC_E_CONFIG,       /* the operator's configuration: 500 */
	WC_E_DB,           /* the database is unreachable or refuses: 503, try again */
	WC_E_REMOTE,       /* another service failed or answered nonsense: 502, try again */
	WC_E_TIMEOUT,      /* another service was too slow: 504, try again */
	WC_E_REFUSED,      /* another service refused for good (401, 400, no balance): 502, do not try again */
	WC_E_STOPPED,      /* this process drains: 503, try again elsewhere */
	WC_E_INTERNAL,     /* a bug: 500 */
} wc_code;

typedef struct wc_err {
	wc_code code;
	char    text[320];
} wc_err;

/* Fills *e and returns -1, so that an error path is one line: return wc_fail(e, WC_E_ARG, "..."); */
int wc_fail(wc_err *e, wc_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence; returns -1. */
int wc_wrap(wc_err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

int         wc_err_status(wc_code code);     /* the HTTP status of a code */
const char *wc_err_name(wc_code code);       /* stable, such as "not_found": the code in problem+json */
bool        wc_err_retry(wc_code code);      /* whether the same thing may succeed later */
