/* What the AI tier offers to the host: the model endpoints of the configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/err.h>
#include <wecomd/field.h>

/* One section [model:NAME]. name comes from the section, everything else from model_fields. */
struct model {
	const char *name;
	const char *base, *key, *model;
	const char *token_field;       /* "max_tokens" or "max_completion_tokens" */
	int64_t     max_tokens;        /* 0: not sent */
	const char *temperature;       /* a number as text; "": not sent */
	const char *extra_body;        /* a JSON object whose members go into each request; "": none */
	bool        stream_usage, strip_think;
	int64_t     connect_ms, first_ms, idle_ms, total_ms;
	int64_t     retries, retry_wait_ms, breaker_failures, breaker_pause_ms;
	const char *prompt_price, *completion_price;     /* of a million tokens, numbers as text; "": free */
};

extern const wc_field model_fields[];     /* [model:NAME], into a struct model */

/* Once in each process, before threads; models (borrowed) live as long as the process. WC_E_CONFIG names the section. */
int models_set(const struct model *models, size_t n, wc_err *e);
