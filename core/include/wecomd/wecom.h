/* Calls to WeCom's server API: token, rate limit, call, and what the answer means.
 *
 * Secrets are sections [wecom:NAME] (corp_id, secret, agent_id): self-built app, customer contact, kf and archive have secrets of their
 * own. Every API has a row in one table (core/wecom/apis.c): method, path, rate family, effect, body kind. */
#pragma once

#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

typedef enum wc_api_effect { WC_API_READ = 1, WC_API_IDEMPOTENT, WC_API_ONCE } wc_api_effect;

/* What the caller is to do about an answer. */
typedef enum wc_answer_class {
	WC_ANSWER_OK = 0,
	WC_ANSWER_RETRY,           /* later, after retry_ms: nothing happened on the other side */
	WC_ANSWER_RATE_LIMITED,    /* later, after retry_ms: the family's limit, ours or WeCom's */
	WC_ANSWER_PERMANENT,       /* never: errcode says why */
	WC_ANSWER_UNCERTAIN,       /* a WC_API_ONCE call whose answer was lost: reconcile, do not repeat */
} wc_answer_class;

typedef struct wc_answer {
	wc_answer_class class;
	int64_t         errcode;   /* -2 when no answer came */
	int64_t         retry_ms;
	const json_t   *body;      /* NULL when there was none; borrowed from the arena */
} wc_answer;

/* api: a name of the table ("message.send"). body: the JSON to post, or for GET the query parameters; NULL: none. Fetches the token
 * (one node refreshes, all read; 40014, 42001 and 40001 force one refresh and one retry, never a loop), waits for at most a second for
 * the rate limit, calls, sorts the answer. 0 with *answer, also for errcodes; -1 with *e only when nothing could be asked at all
 * (unknown secret or api: WC_E_CONFIG; no token: WC_E_REMOTE, WC_E_REFUSED; database: WC_E_DB). Never inside a transaction. */
int wc_wecom_call(wc_arena *a, const char *secret, const char *api, const json_t *body, wc_answer *answer, wc_err *e);
