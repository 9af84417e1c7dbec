/* The audit trail: entries are part of the transaction that does what they tell of. */
#include "work/work.h"

#include <wecomd/audit.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <string.h>

#define DETAILS_MAX 16000

int wc_audit(wc_db *db, const wc_audit_entry *entry, wc_err *e)
{
	wc_arena   *a       = wc_arena_new();
	const char *details = entry->details ? wc_json_text(a, entry->details) : "{}";
	int         rc;

	if (strlen(details) > DETAILS_MAX)
		rc = wc_fail(e, WC_E_INTERNAL, "audit %s: details of more than %d bytes", entry->action, DETAILS_MAX);
	else
		rc = wc_db_exec(db, e, "INSERT INTO audit_log (trace_id, actor, action, object, details) VALUES (?, ?, ?, ?, ?)",
		                wc_text(wc_trace()), wc_text(entry->actor), wc_text(entry->action), wc_text(entry->object),
		                wc_text(details)) < 0 ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

const char *wc_audit_hash(wc_arena *a, const char *text)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "audit", text, NULL);
	return wc_hex(a, hash, 16);
}
