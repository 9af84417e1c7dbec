/* Calls to WeCom's server API: token, rate limit, call, and what the answer means.
 *
 * Secrets are sections [wecom:NAME] (corp_id, secret, agent_id): self-built app, customer contact, kf and archive have secrets of their
 * own. Every API has a row in one table (core/wecom/apis.c): method, path, rate family, effect, body kind. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

typedef enum wc_api_effect { WC_API_READ = 1, WC_API_IDEMPOTENT, WC_API_ONCE } wc_api_effect;

/* What the caller is to do about an answer. */
typedef enum wc_answer_class {
	WC_ANSWER_OK = 0,
	WC_ANSWER_RETRY,           /* later, after retry_ms: nothing happened on the other side, or happening twice is harmless */
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

/* Whose doing a call is, for its log line; members may be NULL. */
typedef struct wc_call_note {
	const char *campaign_id;
	const char *chat_id;       /* NULL: the chat_id or chatid of the body, if it has one */
} wc_call_note;

/* api: a name of the table ("message.send"). body: the JSON to post, or for GET the query parameters; NULL: none. Fetches the token
 * (one node refreshes, all read; 40014, 42001 and 40001 force one refresh and a retry with what it gave, never a loop), waits for at most a second for
 * the rate limit, calls, sorts the answer. 0 with *answer, also for errcodes; -1 with *e only when nothing happened on the other side:
 * unknown secret or api: WC_E_CONFIG; no token: WC_E_REMOTE (may pass), WC_E_REFUSED (will not); database: WC_E_DB. Never inside a
 * transaction. errcode 0 may still mean partial failure: look at the body's invalid and fail lists. */
int wc_wecom_call(wc_arena *a, const char *secret, const char *api, const json_t *body, wc_answer *answer, wc_err *e);

/* The same, with a note for the log. */
int wc_wecom_call_for(wc_arena *a, const char *secret, const char *api, const json_t *body, const wc_call_note *note,
                      wc_answer *answer, wc_err *e);

/* Whether the configuration has [wecom:NAME]; its agent_id, 0 where it has none. */
bool    wc_wecom_secret_exists(const char *secret);
int64_t wc_wecom_agent(const char *secret);
