/* The shared token: what to do about a row, and the transactions that do it. All times are the database's. */
#include "wecom/token_row.h"

#include "wecom/exchange.h"
#include "wecom/sort.h"

#include <wecomd/db.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <stdio.h>
#include <string.h>

#define ABOUT        "api_token.token"
#define S            INT64_C(1000)
#define IMPATIENT_MS (2 * S)      /* even a person does not make it ask more often */
#define AT_EASE_MS   (120 * S)    /* a token that lived so long ends a series of refused ones */

/* --- deciding ------------------------------------------------------------------------------------------------------- */

int64_t row_too_soon_ms(const struct row *row)
{
	int64_t pause = row->forced == 0 ? 0 : row->forced > 5 ? 60 * S : S << row->forced;

	return row->age_ms >= AT_EASE_MS ? 0 : pause - row->age_ms;
}

enum row_verdict row_decide(const struct row *row, int64_t refused, bool impatient)
{
	bool usable = row->has_token && row->version > refused && row->left_ms > 0;
	bool pause  = row->retry_ms > 0 && !(impatient && row->errcode != 45009 && row->failed_ago_ms >= IMPATIENT_MS);

	if (usable && (row->fresh_ms > 0 || row->leased_ms > 0 || pause))
		return ROW_USE;
	if (row->leased_ms > 0)
		return ROW_WAIT;
	if (pause)
		return ROW_FAILED;
	if (refused && row->has_token && !usable && row->left_ms > 0 && row_too_soon_ms(row) > 0)
		return ROW_TOO_SOON;
	return ROW_FETCH;
}

static int64_t doubled(int64_t first_ms, int64_t failures, int64_t max_ms)
{
	int64_t ms = failures > 16 ? max_ms : first_ms << (failures > 1 ? failures - 1 : 0);

	return ms < max_ms ? ms : max_ms;
}

/* 2,000 wrong calls in an hour and WeCom blocks the address for an hour. */
int64_t row_back_off_ms(int64_t errcode, int64_t failures)
{
	switch (errcode) {
	case NO_ANSWER:
	case -1:
	case 6000:
	case 45033:
		return doubled(S, failures, 60 * S);
	case 45009:
		return failures > 1 ? 3600 * S : 60 * S;
	case 60020:
		return doubled(30 * S, failures, 300 * S);
	default:
		return doubled(60 * S, failures, 1800 * S);
	}
}

/* --- the row -------------------------------------------------------------------------------------------------------- */

static void row_id(const struct wecom_secret *secret, unsigned char id[WC_HASH_SIZE])
{
	wc_keyed_hash(id, "api_token", wecom_settings()->base, secret->corp_id, secret->secret, NULL);
}

#define MS(column) "COALESCE(CAST(UNIX_TIMESTAMP(" column ") * 1000 AS INTEGER), 0)"

int wecom_token_state(wc_arena *a, const struct wecom_secret *secret, struct wecom_token_state *state, wc_err *e)
{
	unsigned char id[WC_HASH_SIZE];
	struct remedy remedy;
	wc_rows       rows;

	row_id(secret, id);
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT " MS("fetched_at") ", " MS("expires_at") ", " MS("failed_at") ", " MS("retry_at") ", failures, errcode, from_ip"
	                " FROM api_token WHERE id = ?", wc_bytes(id, sizeof id)) < 0)
		return -1;
	*state = (struct wecom_token_state){.from_ip = "", .why = "", .mend = ""};
	if (!rows.n)
		return 0;
	*state = (struct wecom_token_state){true, wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), wc_row_int(&rows, 0, 2), wc_row_int(&rows, 0, 3),
	                                    wc_row_int(&rows, 0, 4), wc_row_int(&rows, 0, 5), wc_row_text(&rows, 0, 6), "", ""};
	if (state->failures) {
		remedy      = remedy_of(state->errcode);
		state->why  = remedy.why;
		state->mend = remedy.mend;
	}
	return 0;
}

/* SYSDATE, not NOW: the statement may have waited for the row. */
#define FROM_NOW(column) "COALESCE(TIMESTAMPDIFF(MICROSECOND, SYSDATE(3), " column ") DIV 1000, 0)"

static const char row_sql[] =
	"SELECT token, version, -" FROM_NOW("fetched_at") ", " FROM_NOW("refresh_at") ", " FROM_NOW("expires_at") ", forced, "
	FROM_NOW("refreshing_until") ", failures, -" FROM_NOW("failed_at") ", " FROM_NOW("retry_at") ", errcode, from_ip, error"
	" FROM api_token WHERE id = ? FOR UPDATE";

/* A token that cannot be opened any more is none. */
static void open_token(wc_arena *a, wc_cell sealed, struct row *row)
{
	wc_slice plain;
	wc_err   e;

	if (!sealed.s)
		return;
	if (wc_unseal(a, ABOUT, (wc_slice){sealed.s, sealed.n}, &plain, &e) < 0) {
		wc_log(WC_WARN, "a token in the database cannot be opened; another is fetched", wc_kv_s("error", e.text));
		return;
	}
	row->has_token = plain.n <= TOKEN_MAX;
	snprintf(row->token, sizeof row->token, "%s", plain.p);
}

static int read_row(wc_db *db, wc_arena *a, const unsigned char *id, struct row *row, bool *found, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, row_sql, wc_bytes(id, WC_HASH_SIZE)) < 0)
		return -1;
	*row   = (struct row){0};
	*found = rows.n;
	if (!rows.n)
		return 0;
	open_token(a, wc_row_cell(&rows, 0, 0), row);
	row->version       = wc_row_int(&rows, 0, 1);
	row->age_ms        = wc_row_int(&rows, 0, 2);
	row->fresh_ms      = wc_row_int(&rows, 0, 3);
	row->left_ms       = wc_row_int(&rows, 0, 4);
	row->forced        = wc_row_int(&rows, 0, 5);
	row->leased_ms     = wc_row_int(&rows, 0, 6);
	row->failures      = wc_row_int(&rows, 0, 7);
	row->failed_ago_ms = wc_row_int(&rows, 0, 8);
	row->retry_ms      = wc_row_int(&rows, 0, 9);
	row->errcode       = wc_row_int(&rows, 0, 10);
	snprintf(row->from_ip, sizeof row->from_ip, "%s", wc_row_text(&rows, 0, 11));
	snprintf(row->error, sizeof row->error, "%s", wc_row_text(&rows, 0, 12));
	return 0;
}

struct look {
	const struct wecom_secret *secret;
	int64_t                    refused, lease_ms;
	bool                       impatient;
	const char                *lease;
	struct row                *row;
	enum row_verdict           verdict;
};

static int take_lease(wc_db *db, const struct look *l, const unsigned char *id, wc_err *e)
{
	wc_val v[] = {wc_bytes(id, WC_HASH_SIZE), wc_text(l->lease)};

	wc_db_witness(db, "SELECT 1 FROM api_token WHERE id = ? AND refresher = ? FOR UPDATE", v, 2);
	return wc_db_exec(db, e, "UPDATE api_token SET name = ?, refresher = ?, refreshing_until = NOW(3) + INTERVAL ? MICROSECOND WHERE id = ?",
	                  wc_text(l->secret->name), wc_text(l->lease), wc_int(l->lease_ms * 1000), wc_bytes(id, WC_HASH_SIZE)) < 0 ? -1 : 0;
}

static int look_once(wc_db *db, wc_arena *a, struct look *l, wc_err *e)
{
	unsigned char id[WC_HASH_SIZE];
	bool          found;

	row_id(l->secret, id);
	if (read_row(db, a, id, l->row, &found, e) < 0)
		return -1;
	if (!found) {
		if (wc_db_exec(db, e, "INSERT IGNORE INTO api_token (id, name) VALUES (?, ?)", wc_bytes(id, sizeof id),
		               wc_text(l->secret->name)) < 0 || read_row(db, a, id, l->row, &found, e) < 0)
			return -1;
	}
	l->verdict = row_decide(l->row, l->refused, l->impatient);
	return l->verdict == ROW_FETCH ? take_lease(db, l, id, e) : 0;
}

static int look_tx(wc_db *db, void *arg, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int       rc = look_once(db, a, arg, e);

	wc_arena_free(a);
	return rc;
}

int row_look(const struct wecom_secret *secret, int64_t refused, bool impatient, int64_t lease_ms, char lease[33], struct row *row,
             enum row_verdict *verdict, wc_err *e)
{
	struct look   l = {secret, refused, lease_ms, impatient, lease, row, 0};
	unsigned char raw[16];

	wc_random(raw, sizeof raw);
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(lease + 2 * i, 3, "%02x", raw[i]);
	if (wc_db_tx(look_tx, &l, e) < 0)
		return wc_wrap(e, "the token of [wecom:%s]", secret->name);
	*verdict = l.verdict;
	return 0;
}

/* Where a life is short, a fifth of it. */
int64_t row_fresh_ms(int64_t life_ms)
{
	unsigned short r;
	int64_t        early;

	wc_random(&r, sizeof r);
	early = 300 * S + 120 * S * r / 65536;
	return life_ms - (early < life_ms / 5 ? early : life_ms / 5);
}

int row_store(const struct wecom_secret *secret, const char *lease, const struct row_token *token, wc_err *e)
{
	wc_arena     *a      = wc_arena_new();
	wc_slice      sealed = wc_seal(a, ABOUT, (wc_slice){token->text, strlen(token->text)});
	unsigned char id[WC_HASH_SIZE];
	int64_t       n;

	row_id(secret, id);
	n = wc_db_exec_once(e,
	               "UPDATE api_token SET token = ?, version = ?, fetched_at = NOW(3),"
	               " refresh_at = NOW(3) + INTERVAL ? MICROSECOND, expires_at = NOW(3) + INTERVAL ? MICROSECOND, forced = ?,"
	               " refreshing_until = NULL, refresher = NULL, failures = 0, failed_at = NULL, retry_at = NULL, errcode = 0,"
	               " from_ip = '', error = '' WHERE id = ? AND refresher = ?",
	               wc_bytes(sealed.p, sealed.n), wc_int(token->version), wc_int(token->fresh_ms * 1000), wc_int(token->life_ms * 1000),
	               wc_int(token->forced), wc_bytes(id, sizeof id), wc_text(lease));
	wc_arena_free(a);
	return n < 0 ? -1 : n > 0;
}

int row_fail(const struct wecom_secret *secret, const char *lease, int64_t errcode, const char *from_ip, const char *error,
             int64_t back_off_ms, wc_err *e)
{
	unsigned char id[WC_HASH_SIZE];
	int64_t       n;

	row_id(secret, id);
	n = wc_db_exec_once(e,
	               "UPDATE api_token SET failures = failures + 1, failed_at = NOW(3), retry_at = NOW(3) + INTERVAL ? MICROSECOND,"
	               " errcode = ?, from_ip = ?, error = ?, refreshing_until = NULL, refresher = NULL WHERE id = ? AND refresher = ?",
	               wc_int(back_off_ms * 1000), wc_int(errcode), wc_text(from_ip), wc_text(error), wc_bytes(id, sizeof id), wc_text(lease));
	return n < 0 ? -1 : n > 0;
}

int row_sweep(wc_err *e)
{
	return wc_db_exec(NULL, e, "DELETE FROM api_token WHERE COALESCE(expires_at, failed_at) < NOW(3) - INTERVAL 30 DAY") < 0 ? -1 : 0;
}
