/* Chat completions of an OpenAI-compatible endpoint, streamed, and embeddings (reference: ai-backends, 1 and 2).
 *
 * Models are sections of the configuration: [model:NAME]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

typedef struct wc_chat {
	const char   *model;          /* the NAME of a [model:NAME] section */
	const char   *fallback;       /* another, asked when the first refuses or fails before any text was shown; NULL or "": none */
	const json_t *messages;       /* [{"role","content"}, …]; borrowed */
	size_t        max_answer;     /* bytes of text; more ends the call well, with the text cut. 0: 64 KiB */

	/* Gets each piece of visible text as it arrives; reasoning is left out. -1 with *e ends the call. May be NULL. */
	int         (*on_text)(void *ctx, const char *p, size_t n, wc_err *e);
	bool        (*stop)(void *ctx);      /* as in wc_http */
	void         *ctx;
} wc_chat;

typedef struct wc_chat_result {
	const char *text;              /* the whole visible answer, UTF-8, terminated */
	size_t      len;
	const char *finish_reason;     /* "stop", "length", "content_filter", … */
	int64_t     prompt_tokens;     /* 0 when the server did not say */
	int64_t     completion_tokens;
	const char *model;             /* which section answered */
	int64_t     cost_micros;       /* millionths of the currency of the model's prices */
	int64_t     first_text_ms;     /* from the call to the first visible text; -1: none came */
	int64_t     total_ms;
} wc_chat_result;

/* Whether the configuration has that model. */
bool wc_model_exists(const char *model);

/* What the prices of models are in, such as "CNY": [core] currency. */
const char *wc_currency(void);

/* About how many tokens n bytes of text are, without asking anybody: one for each character from U+2E80 on (Chinese, and more than
 * it takes: 1.5 to 2 characters are usual), one for each three bytes of the rest. Errs on the high side, as budgets want it. */
int64_t wc_token_estimate(const char *s, size_t n);

/* Asks the model, once more (its setting "retries") after 408, 409, 429, 5xx, a cut or a stalled stream as long as no text was shown and the
 * endpoint does not ask for a longer pause than "retry_wait"; then the fallback, in the same way. An endpoint that failed
 * "breaker_failures" times in a row is left alone for "breaker_pause" by this process: calls to it fail at once.
 *
 * 0 with *r in the arena. On -1 *r holds what the last call came to all the same: its text as far as it was shown, the tokens if the server
 * told them, its model (NULL: none was asked). -1: WC_E_REMOTE and WC_E_TIMEOUT may be tried again (429, 5xx, a cut or stalled stream), WC_E_REFUSED
 * not (400, 401, 402, 403, 404, quota); WC_E_STOPPED; WC_E_NOT_FOUND: no such model. A stream that ends without
 * finish_reason and without [DONE] is cut: WC_E_REMOTE. */
int wc_chat_stream(wc_arena *a, const wc_chat *chat, wc_chat_result *r, wc_err *e);

#define WC_EMBED_DIM_MAX 4096

typedef struct wc_embed {
	const char        *model;      /* the NAME of a [model:NAME] section; its batch, batch_tokens and text_tokens are the vendor's limits */
	const char *const *texts;      /* n of them, none empty */
	size_t             n;
	bool             (*stop)(void *ctx);      /* as in wc_http */
	void              *ctx;
} wc_embed;

typedef struct wc_embedded {
	float   *v;                    /* n vectors of dim numbers, of length 1, in the arena */
	uint32_t dim;
	int64_t  tokens, cost_micros;
} wc_embedded;

/* A vector for each text, asked for in batches. Vectors of different models, or of one model with other dimensions, are never compared. 0, or -1
 * as wc_chat_stream(); *out says then what it cost so far. */
int wc_embed_texts(wc_arena *a, const wc_embed *call, wc_embedded *out, wc_err *e);

/* What tells that model's vectors from others': its name at the endpoint and the dimensions it is asked for. NULL: no such model. */
const char *wc_embed_identity(wc_arena *a, const char *model);
