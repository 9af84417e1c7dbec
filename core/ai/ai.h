/* What the AI tier offers to the host: the model endpoints of the configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
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
	int64_t     dimensions;        /* of an embedding model's vectors; 0: not sent */
	int64_t     batch, batch_tokens, text_tokens;     /* what an embedding model takes in one request, and of one text */
	const char *prompt_price, *completion_price;     /* of a million tokens, numbers as text; "": free */
};

/* [core] currency; borrowed. Once in each process, before threads. */
void models_currency(const char *currency);

/* How the calls of one model went last, over all processes, and whether this process leaves it alone just now. Times are UTC ms. */
struct model_state {
	int64_t     last_ms;           /* of the last call; 0: there was none */
	int64_t     failures;          /* the last calls that failed, one after the other; at most MODEL_LOOK */
	int64_t     since_ms;          /* the first of them */
	int64_t     status;            /* of HTTP, of the last call; 0: no answer */
	const char *result;            /* finish_reason, or the code of the error */
	int64_t     left_alone_ms;     /* for how long still; 0: it is not */
};

#define MODEL_LOOK 50

/* From the database and this process's memory; nobody is called. m is one of models_set(). -1: WC_E_DB. */
int model_state(wc_arena *a, const struct model *m, struct model_state *state, wc_err *e);

extern const wc_field model_fields[];     /* [model:NAME], into a struct model */

/* Once in each process, before threads; models (borrowed) live as long as the process. WC_E_CONFIG names the section. */
int models_set(const struct model *models, size_t n, wc_err *e);
