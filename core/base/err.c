/* Errors: the table of codes, and the two ways to fill one. */
#include <wecomd/err.h>

#include <wecomd/text.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int         status;
	bool        retry;
} codes[] = {
	[WC_E_NONE]      = {"ok", 200, false},
	[WC_E_ARG]       = {"bad_request", 400, false},
	[WC_E_DENIED]    = {"denied", 403, false},
	[WC_E_NOT_FOUND] = {"not_found", 404, false},
	[WC_E_CONFLICT]  = {"conflict", 409, false},
	[WC_E_TOO_LARGE] = {"too_large", 413, false},
	[WC_E_CONFIG]    = {"configuration", 500, false},
	[WC_E_DB]        = {"database_unavailable", 503, true},
	[WC_E_REMOTE]    = {"remote_failed", 502, true},
	[WC_E_TIMEOUT]   = {"remote_timeout", 504, true},
	[WC_E_REFUSED]   = {"remote_refused", 502, false},
	[WC_E_STOPPED]   = {"stopping", 503, true},
	[WC_E_INTERNAL]  = {"internal", 500, false},
};

/* What did not fit was cut at a byte; half a character would spoil the JSON of a log line or an answer. */
static void mend_end(char *text, size_t size)
{
	size_t n = strlen(text);

	if (n + 1 == size)
		text[wc_utf8_cut(text, n, n - 3)] = 0;
}

int wc_fail(wc_err *e, wc_code code, const char *format, ...)
{
	va_list args;

	e->code = code;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	mend_end(e->text, sizeof e->text);
	return -1;
}

int wc_wrap(wc_err *e, const char *format, ...)
{
	char    inner[sizeof e->text];
	va_list args;
	int     n;

	memcpy(inner, e->text, sizeof inner);
	va_start(args, format);
	n = vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof e->text)
		snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", inner);
	mend_end(e->text, sizeof e->text);
	return -1;
}

int wc_err_status(wc_code code)
{
	return codes[code].status;
}

const char *wc_err_name(wc_code code)
{
	return codes[code].name;
}

bool wc_err_retry(wc_code code)
{
	return codes[code].retry;
}
