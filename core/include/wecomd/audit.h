/* The audit trail: who did what, when, to what. Chained, so that a changed, missing or inserted row is found. */
#pragma once

#include <stdint.h>

#include <wecomd/db.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

typedef struct wc_audit_entry {
	const char   *actor;       /* "user:li", "key:ci", "command", "system" */
	const char   *action;      /* "user.create", "setting.change": stable words */
	const char   *object;      /* "user:7", "plugin:hello" */
	const json_t *details;     /* ids, counts, old and new values that are no secrets; never customers' texts. NULL: {} */
} wc_audit_entry;

/* Part of the caller's transaction: the entry exists if and only if that commits. db NULL: a transaction of its own. The current trace
 * id is noted. A keyed hash is written with the entry; the chain itself (number, hash with the row before) is added within two seconds by
 * whichever process of any node gets the chain's locked row. `wecomd audit verify` checks both. */
int wc_audit(wc_db *db, const wc_audit_entry *entry, wc_err *e);

/* Keyed hash of a text, for details that must be comparable without being readable; hex, in the arena. */
const char *wc_audit_hash(wc_arena *a, const char *text);
