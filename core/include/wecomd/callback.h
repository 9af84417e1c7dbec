/* Callbacks of WeCom at /wecom/callback/{name}.
 *
 * The host checks the signature, decrypts, and hands the plain bytes to the plugin that owns the endpoint. The
 * handler says what the event is and what shall happen; the host then writes the event and its jobs in one
 * transaction and only then acknowledges. A repeated event (same identity) writes nothing and gets the same
 * reply. What could not be written is answered 503, so that WeCom tries again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/db.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

typedef struct wc_callback      wc_callback;
typedef struct wc_endpoint_list wc_endpoint_list;

/* One callback URL. Endpoints are rows of the plugin; the host asks for them at start and every second. */
typedef struct wc_endpoint {
	const char *name;          /* the {name} of the path; unique over all plugins */
	int64_t     id;            /* the plugin's own row id */
	const char *token;
	const char *aes_key;       /* 43 characters */
	const char *receiveid;     /* "" for a bot of one's own company, otherwise the corp id */
	const char *note;          /* the plugin's own word about it, or NULL; wc_callback_note() gives it back */
} wc_endpoint;

typedef struct wc_callback_kind {
	/* Appends the plugin's endpoints with wc_endpoint_add(). -1 keeps the ones known before. */
	int (*endpoints)(wc_endpoint_list *list, const void *self, wc_err *e);

	/* Turns one decrypted event into identity, jobs and reply. It may read the database; it writes nothing and
	 * calls nobody. -1 refuses: WC_E_ARG gets 400 (WeCom will not repeat what can never be right: 200 is for the
	 * unknown but well-formed). */
	int (*receive)(wc_callback *cb, const void *self, wc_err *e);
} wc_callback_kind;

void wc_endpoint_add(wc_endpoint_list *list, const wc_endpoint *endpoint /* copied */);

wc_arena   *wc_callback_arena(wc_callback *cb);
int64_t     wc_callback_endpoint(const wc_callback *cb);      /* the row id of its endpoint */
const char *wc_callback_name(const wc_callback *cb);
const char *wc_callback_note(const wc_callback *cb);          /* NULL: none was given */
wc_slice    wc_callback_msg(const wc_callback *cb);           /* the decrypted bytes, terminated */

/* Every field that tells this event from others; hashed under the host's key. Without a call nothing is stored: right
 * for what only reads, such as a stream refresh. The parts end with NULL. */
void wc_callback_identity(wc_callback *cb, const char *part, ... /* NULL */);

/* A job that is created with the event. lane: what must run one after another, NULL: nothing. key: unique for ever, at
 * most 64 bytes; NULL: none. args: sealed, at most 64 KiB encoded. */
void wc_callback_job(wc_callback *cb, const char *kind, const char *lane, const char *key, const json_t *args);

/* For the job added last, which has a lane and a key, and the reply, where both depend on how many jobs stand before it. The arguments and the reply
 * given at first are for a job that is the first of its lane, which is nearly every one. Where others stand before it (ahead is 1 or more), behind
 * is called once its place is known: it returns the arguments and may set another reply. That is while the lane is locked and other callbacks
 * wait, so it reads nothing; it may be called again. ctx lives as long as the callback's arena. */
typedef const json_t *wc_callback_behind(wc_callback *cb, int64_t ahead, const void *ctx);

void wc_callback_if_behind(wc_callback *cb, wc_callback_behind *behind, const void *ctx);

/* The passive reply: encrypted and signed by the host after the commit. Without one the answer is 200 and empty. */
void wc_callback_reply(wc_callback *cb, const json_t *reply);

/* For an event whose reply is what its job found out (a card event must be answered with the new card, within 5 seconds): after the commit
 * the host waits until the job with that key has ended, at most ms (4,000), and then asks answer for the reply; NULL without *e filled
 * is the empty one. When the time is over the answer is 200 and empty. Nothing is held meanwhile but the request's thread, and only half of
 * a process's threads wait at once: who comes over that is not waited for. */
typedef const json_t *wc_callback_answer(wc_callback *cb, const char *key, const void *self, wc_err *e);

void wc_callback_wait(wc_callback *cb, const char *key, int64_t ms, wc_callback_answer *answer);
