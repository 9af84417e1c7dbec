/* The audit trail: entries are part of the transaction that does what they tell of. core/admin/chain.c chains them. */
#include "work/work.h"

#include <wecomd/audit.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <string.h>

#define DETAILS_MAX 16000

void audit_mac(unsigned char mac[32], const char *nonce_hex, const char *trace_id, const char *actor, const char *action,
               const char *object, const char *details)
{
	wc_keyed_hash(mac, "audit.entry", nonce_hex, trace_id, actor, action, object, details, NULL);
}

/* The nonce is a unique key, so that the repeat after a lost COMMIT writes nothing twice; and as the entry exists if and only if the
 * caller's transaction took effect, it is that one's witness. */
static int insert(wc_db *db, wc_arena *a, const wc_audit_entry *entry, const char *details, wc_err *e)
{
	const char   *trace_id = wc_trace();
	unsigned char nonce[16], mac[32];
	wc_val        id = wc_bytes(nonce, sizeof nonce);

	wc_random(nonce, sizeof nonce);
	audit_mac(mac, wc_hex(a, nonce, sizeof nonce), trace_id, entry->actor, entry->action, entry->object, details);
	if (wc_db_exec(db, e,
	               "INSERT INTO audit_log (trace_id, actor, action, object, details, nonce, mac) VALUES (?, ?, ?, ?, ?, ?, ?)"
	               " ON DUPLICATE KEY UPDATE nonce = VALUES(nonce)",
	               wc_text(trace_id), wc_text(entry->actor), wc_text(entry->action), wc_text(entry->object), wc_text(details), id,
	               wc_bytes(mac, sizeof mac)) < 0)
		return -1;
	if (db)
		wc_db_witness(db, "SELECT 1 FROM audit_log WHERE nonce = ? FOR UPDATE", &id, 1);
	return 0;
}

int wc_audit(wc_db *db, const wc_audit_entry *entry, wc_err *e)
{
	wc_arena   *a       = wc_arena_new();
	const char *details = entry->details ? wc_json_text(a, entry->details) : "{}";
	int         rc;

	if (strlen(details) > DETAILS_MAX)
		rc = wc_fail(e, WC_E_INTERNAL, "audit %s: details of more than %d bytes", entry->action, DETAILS_MAX);
	else
		rc = insert(db, a, entry, details, e);
	wc_arena_free(a);
	return rc;
}

const char *wc_audit_hash(wc_arena *a, const char *text)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "audit", text, NULL);
	return wc_hex(a, hash, 16);
}
