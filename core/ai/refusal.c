/* What an endpoint's refusal means: whether to try again, and which of its words may be repeated. */
#include "ai/answer.h"

#include <wecomd/clock.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORD_MAX 64

static const char *const quota_codes[] = {
	"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
	"organization_usage_limit_exceeded", "exceeded_current_quota_error",
};

/* Codes that come without a status, inside a stream, and that no repetition mends. */
static const char *const final_codes[] = {
	"invalid_request_error", "context_length_exceeded", "content_filter", "data_inspection_failed",
	"DataInspectionFailed", "invalid_authentication_error", "incorrect_api_key_error", "invalid_api_key",
	"authentication_error", "permission_error", "model_not_found",
};

static bool among(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (word && !strcmp(list[i], word))
			return true;
	return false;
}

#define AMONG(list, word) among(list, sizeof list / sizeof *list, word)

/* A sentence in the place of a code may say anything. */
bool answer_word(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t            n         = s ? strspn(s, allowed) : 0;

	return n && n <= WORD_MAX && !s[n];
}

static long status_in(const json_t *value)
{
	long status = json_is_integer(value) ? (long)json_integer_value(value) :
	              json_is_string(value)  ? strtol(json_string_value(value), NULL, 10) : 0;

	return status >= 300 && status <= 599 ? status : 0;
}

struct answer_error answer_error(wc_arena *a, const json_t *body)
{
	const json_t *error = json_object_get(body, "error");
	const char   *code  = wc_json_str(error, "code"), *type = wc_json_str(error, "type");
	const char   *word  = answer_word(code) ? code : answer_word(type) ? type : "";

	return (struct answer_error){
		.code   = wc_strdup(a, word),
		.status = status_in(json_object_get(error, "code")),
		.quota  = AMONG(quota_codes, code) || AMONG(quota_codes, type),
		.final  = AMONG(final_codes, code) || AMONG(final_codes, type),
	};
}

int64_t answer_pause_ms(const char *retry_after)
{
	struct tm when = {0};
	char     *end;
	int64_t   ms;

	if (*retry_after >= '0' && *retry_after <= '9') {
		double seconds = strtod(retry_after, &end);

		return *end || seconds > 1e9 ? -1 : (int64_t)(seconds * 1000);
	}
	if (!strptime(retry_after, "%a, %d %b %Y %H:%M:%S GMT", &when))
		return -1;
	ms = (int64_t)timegm(&when) * 1000 - wc_now_ms();
	return ms > 0 ? ms : 0;
}

static bool worth_repeating(long status, const struct answer_error *why)
{
	return !why->quota && (status == 408 || status == 409 || status == 429 || status >= 500);
}

int answer_refused(long status, const struct answer_error *why, const char *retry_after, wc_err *e)
{
	wc_code code   = worth_repeating(status, why) ? WC_E_REMOTE : WC_E_REFUSED;
	bool    told   = *why->code;
	bool    paused = answer_word(retry_after);     /* seconds; the form with a date is left out */

	return wc_fail(e, code, "answered %ld%s%s%s%s%s", status, told ? " (" : "", why->code, told ? ")" : "",
	               paused ? ", Retry-After " : "", paused ? retry_after : "");
}

int answer_broken(const struct answer_error *why, wc_err *e)
{
	bool again = why->status ? worth_repeating(why->status, why) : !why->quota && !why->final;
	bool told  = *why->code;

	if (why->status)
		return wc_fail(e, again ? WC_E_REMOTE : WC_E_REFUSED, "broke off with error %ld", why->status);
	return wc_fail(e, again ? WC_E_REMOTE : WC_E_REFUSED, "broke off with an error%s%s", told ? ": " : "", why->code);
}
