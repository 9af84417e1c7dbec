/* Calls to WeCom's server API: token, rate limit, call, and what the answer means.
 *
 * Secrets are sections [wecom:NAME] (corp_id, secret, agent_id): self-built app, customer contact, kf and archive have secrets of their
 * own. Every API has a row in one table (core/wecom/apis.c): method, path, rate family, effect, body kind. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

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

/* A file for WeCom, which keeps it for three days ("media.upload"); the answer's body has its media_id. Otherwise as wc_wecom_call(), and -1 with
 * WC_E_NOT_FOUND, WC_E_TOO_LARGE or WC_E_ARG (empty) for the file. */
typedef struct wc_upload {
	const char *type;          /* "image", "voice", "video", "file" */
	const char *name;          /* as the receiver sees it */
	const char *path;
	int64_t     max;           /* bytes that this type may have */
} wc_upload;

int wc_wecom_upload(wc_arena *a, const char *secret, const wc_upload *file, wc_answer *answer, wc_err *e);

/* The file behind a media_id ("media.get"). Otherwise as wc_wecom_call(); one that is larger than max is WC_ANSWER_PERMANENT with errcode -2. */
typedef struct wc_download {
	int64_t     max;
	FILE       *file;          /* from here on set where the answer is WC_ANSWER_OK: at its begin, for reading; it goes with the arena */
	int64_t     bytes;
	const char *name;          /* as WeCom calls it, hostile; "" where it says nothing */
	const char *content_type;
} wc_download;

int wc_wecom_download(wc_arena *a, const char *secret, const char *media_id, wc_download *file, wc_answer *answer, wc_err *e);

/* How far WeCom's clock is ahead of ours, by its last answer to this process, to a second or so; 0 while nothing is known. */
int64_t wc_wecom_ahead_ms(void);

/* The company's id in [wecom:NAME], NULL: no such section. */
const char *wc_wecom_corp(const char *secret);

/* Whether the configuration has [wecom:NAME]; its agent_id, 0 where it has none. */
bool    wc_wecom_secret_exists(const char *secret);
int64_t wc_wecom_agent(const char *secret);
