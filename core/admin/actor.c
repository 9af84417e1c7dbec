/* Who asks, for the audit trail. */
#include "admin/actor.h"

#include <wecomd/db.h>
#include <wecomd/seal.h>

#include <strings.h>

const char *wc_actor(wc_request *rq)
{
	wc_arena     *a      = wc_request_arena(rq);
	const char   *header = wc_header(rq, "Authorization");
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;
	wc_err        e;

	if (!header || strncasecmp(header, "Bearer ", 7))
		return "anonymous";
	wc_keyed_hash(hash, "api_key", header + 7, NULL);
	if (wc_db_query(NULL, a, &rows, &e, "SELECT name FROM api_key WHERE key_hash = ?", wc_bytes(hash, sizeof hash)) < 0 || !rows.n)
		return "key:unknown";
	return wc_printf(a, "key:%s", wc_row_text(&rows, 0, 0));
}
