/* How long a lane is, for whoever must tell a person how many stand before him. */
#include "work/lanes.h"

#include <wecomd/seal.h>

#include <string.h>

int64_t wc_lane_ahead(wc_arena *a, const char *lane, const char *key, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;

	wc_keyed_hash(hash, "job.lane", lane, NULL);
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT COUNT(*) FROM job WHERE lane = ? AND state IN (0, 1, 2)"
	                " AND lane_no < COALESCE((SELECT k.lane_no FROM job k WHERE k.job_key = ?), 18446744073709551615)",
	                wc_bytes(hash, LANE_SIZE), wc_bytes(key, strlen(key))) < 0)
		return -1;
	return wc_row_int(&rows, 0, 0);
}

int64_t lane_unfinished(wc_db *db, wc_arena *a, const char *lane, wc_err *e)
{
	unsigned char hash[LANE_SIZE];
	wc_rows       rows;

	lane_hash(hash, lane);
	if (wc_db_query(db, a, &rows, e, "SELECT COUNT(*) FROM job WHERE lane = ? AND state IN (0, 1, 2)", wc_bytes(hash, LANE_SIZE)) < 0)
		return -1;
	return wc_row_int(&rows, 0, 0);
}
