/* The ledger of outward actions: an intent before the call, an outcome after it.
 *
 * Exactly-once over HTTP does not exist. An action whose answer was lost is uncertain, neither done nor failed, and is
 * reconciled against the other side before anything is repeated. */
#pragma once

#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/db.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

typedef enum wc_outcome { WC_OUT_INTENT = 0, WC_OUT_DONE, WC_OUT_FAILED, WC_OUT_UNCERTAIN } wc_outcome;

typedef struct wc_outbound {
	const char   *key;         /* idempotency key, at most 64 bytes: one row for ever */
	const char   *kind;        /* "kf.send": begins with the plugin's name; finds the reconciler */
	const char   *target;      /* to whom, an id; kept as a keyed hash and, sealed, as text */
	const json_t *details;     /* what a reconciler needs; sealed. NULL: {} */
} wc_outbound;

/* Writes the intent. 1: it is new, go on and call; 0: there was a row, *before says how it stands (an intent of a process that
 * died is WC_OUT_UNCERTAIN); -1 with *e. */
int wc_outbound_begin(const wc_outbound *out, wc_outcome *before, wc_err *e);

/* Writes the outcome. answer: a short code of the other side ("errcode 0"), no text of customers. An outcome is written once: a second,
 * different one is WC_E_CONFLICT, except that an uncertain row takes any, also when the host has given up asking. While the database is away it waits for up to 20 s. */
int wc_outbound_end(const char *key, wc_outcome outcome, const char *answer, wc_err *e);

/* How the action with that key stands, without touching it. 1 with *outcome (an intent whose process died is still WC_OUT_INTENT); 0: there
 * is none; -1 with *e. */
int wc_outbound_look(const char *key, wc_outcome *outcome, wc_err *e);

/* Finds out how an uncertain action ended. Called by the host for rows that stay uncertain, with growing pauses. 0 with *outcome (still
 * WC_OUT_UNCERTAIN: ask again later), or -1 with *e. After twenty questions, some three days, the row is given up: it is asked about no more,
 * and to plugins it stays WC_OUT_UNCERTAIN. */
typedef int wc_reconcile_fn(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e);

typedef struct wc_reconciler {
	const char      *kind;
	wc_reconcile_fn *run;
} wc_reconciler;
