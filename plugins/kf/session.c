/* A customer at an account: turns, the state of WeCom's session as far as it is known, and the window that follows from both. */
#include "kf.h"

#include <string.h>

#define COLUMNS                                                                                                                             \
	"SELECT id, account_id, customer, state, state_ms, turn_ms, turn_no, wants_ms, last_ms, reminded_no, rated_no, shut, rejects,"           \
	" named_at > NOW(3) - INTERVAL 1 DAY, servicer FROM kf_session"

static void peer_hash(unsigned char hash[WC_HASH_SIZE], const char *peer)
{
	wc_keyed_hash(hash, "kf.peer", peer, NULL);
}

static void read_row(const wc_rows *r, struct session *s)
{
	wc_cell servicer = wc_row_cell(r, 0, 14);

	*s = (struct session){.id = wc_row_int(r, 0, 0), .account_id = wc_row_int(r, 0, 1), .customer = wc_row_int(r, 0, 2), .state = wc_row_int(r, 0, 3),
	                      .state_ms = wc_row_int(r, 0, 4), .turn_ms = wc_row_int(r, 0, 5), .turn_no = wc_row_int(r, 0, 6), .wants_ms = wc_row_int(r, 0, 7),
	                      .last_ms = wc_row_int(r, 0, 8), .reminded_no = wc_row_int(r, 0, 9), .rated_no = wc_row_int(r, 0, 10), .shut = wc_row_text(r, 0, 11),
	                      .rejects = wc_row_int(r, 0, 12), .is_named = wc_row_int(r, 0, 13), .has_servicer = servicer.n == WC_HASH_SIZE};
	if (s->has_servicer)
		memcpy(s->servicer, servicer.s, WC_HASH_SIZE);
}

int session_find(wc_db *db, wc_arena *a, int64_t account, const char *peer, struct session *s, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;

	*s = (struct session){.shut = ""};
	peer_hash(hash, peer);
	if (wc_db_query(db, a, &rows, e, db ? COLUMNS " WHERE account_id = ? AND peer_hash = ? FOR UPDATE" : COLUMNS " WHERE account_id = ? AND peer_hash = ?",
	                wc_int(account), wc_bytes(hash, sizeof hash)) < 0)
		return -1;
	if (rows.n)
		read_row(&rows, s);
	return 0;
}

int session_load(wc_arena *a, int64_t id, struct session *s, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, COLUMNS " WHERE id = ?", wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "session %lld is no longer there", (long long)id);
	read_row(&rows, s);
	return 0;
}

int session_make(wc_db *db, wc_arena *a, const struct account *acc, const char *peer, int64_t customer, struct session *s, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	wc_slice      sealed;

	if (session_find(db, a, acc->id, peer, s, e) < 0 || s->id)
		return s->id ? 0 : -1;
	peer_hash(hash, peer);
	if (wc_customer_seal(db, a, customer, "kf_session.peer", (wc_slice){peer, strlen(peer)}, &sealed, e) < 0 ||
	    wc_db_exec(db, e, "INSERT IGNORE INTO kf_session (account_id, peer_hash, customer, peer) VALUES (?, ?, ?, ?)", wc_int(acc->id),
	               wc_bytes(hash, sizeof hash), wc_int(customer), wc_bytes(sealed.p, sealed.n)) < 0)
		return -1;
	return session_find(db, a, acc->id, peer, s, e);
}

int session_peer(wc_arena *a, int64_t session, int64_t customer, const char **peer, wc_err *e)
{
	wc_rows  rows;
	wc_slice plain;

	if (wc_db_query(NULL, a, &rows, e, "SELECT peer FROM kf_session WHERE id = ?", wc_int(session)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "session %lld is no longer there", (long long)session);
	if (wc_customer_unseal(NULL, a, customer, "kf_session.peer", (wc_slice){wc_row_cell(&rows, 0, 0).s, wc_row_cell(&rows, 0, 0).n}, &plain, e) < 0)
		return -1;
	*peer = wc_strndup(a, plain.p, plain.n);
	return 0;
}

/* --- the state --------------------------------------------------------------------------------------------------------- */

int session_state(wc_db *db, wc_arena *a, int64_t id, int64_t state, const char *servicer, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	bool          has = servicer && *servicer && state == KF_SERVED;

	if (has && member_keep(db, a, servicer, hash, e) < 0)
		return -1;
	return wc_db_exec(db, e,
	                  "UPDATE kf_session SET state = ?, state_ms = ?, servicer = ?, claim_ms = 0, wants_ms = IF(? IN (0, 1), wants_ms, 0) WHERE id = ?", wc_int(state),
	                  wc_int(wc_now_ms()), has ? wc_bytes(hash, sizeof hash) : wc_null(), wc_int(state), wc_int(id)) < 0 ? -1 : 0;
}

int session_shut(int64_t id, int64_t turn_no, const char *why, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE kf_session SET shut = ? WHERE id = ? AND turn_no = ?", wc_text(why), wc_int(id), wc_int(turn_no)) < 0 ? -1 : 0;
}

int session_ask(wc_arena *a, const struct account *acc, const char *peer, int64_t session, int64_t *state, const char **servicer, wc_err *e)
{
	wc_answer   answer;
	const char *who;

	if (call_must(a, acc->secret, "kf.service_state.get", wc_json(a, "{s:s, s:s}", "open_kfid", acc->open_kfid, "external_userid", peer), &answer, e) < 0)
		return -1;
	*state    = json_integer_value(json_object_get(answer.body, "service_state"));
	who       = wc_json_str(answer.body, "servicer_userid");
	*servicer = who ? who : "";
	return session_state(NULL, a, session, *state, *servicer, e);
}

/* Its Date header has whole seconds, so a small difference says nothing; with a great one a second more is on the safe side. */
int64_t wecom_now_ms(void)
{
	int64_t ahead = wc_wecom_ahead_ms();

	return wc_now_ms() + (ahead > 2000 || ahead < -2000 ? ahead + 1000 : 0);
}

/* --- the window -------------------------------------------------------------------------------------------------------- */

/* Sends whose answer was lost count as if they had been taken. A message of the customer bears whole seconds, so what was sent in the
 * same second counts as sent behind it: rather one too many than one refused. */
static int count_sent(wc_arena *a, const struct session *s, int64_t *sent, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT COUNT(*) FROM kf_send WHERE session_id = ? AND sent_ms >= ? AND state <> 2", wc_int(s->id),
	                wc_int(s->turn_ms)) < 0)
		return -1;
	*sent = wc_row_int(&rows, 0, 0);
	return 0;
}

int session_window(wc_arena *a, const struct session *s, wc_window *w, wc_err *e)
{
	struct meter m = {.turn_ms = s->turn_ms, .state = s->state, .shut = s->shut, .rejects = s->rejects};

	if (s->id && count_sent(a, s, &m.sent, e) < 0)
		return -1;
	*w = meter_window(&m, wecom_now_ms());
	return 0;
}

int channel_window(wc_arena *a, const wc_address *to, wc_window *w, const void *self, wc_err *e)
{
	struct account acc;
	struct session s;

	(void)self;
	if (account_find(a, to->account, &acc, e) < 0 || session_find(NULL, a, acc.id, to->peer, &s, e) < 0)
		return -1;
	return session_window(a, &s, w, e);
}
