/* One message to a customer. Its msgid is ours and never changes, so that WeCom takes it once: after a lost answer it is sent again with the same
 * one, and a refusal then means that it was taken before. An answer that says that nothing happened is waited out. */
#include "send.h"

#include <string.h>

#define AT_ONCE    3      /* calls of one run */
#define PAUSE_MS   150
#define WAIT_MAX_MS 2500

/* --- calling -------------------------------------------------------------------------------------------------------------- */

static json_t *body_with(const struct sending *x, const struct send *one)
{
	json_t *body = wc_json(x->a, "{s:s, s:s, s:s}", "touser", x->peer, "open_kfid", x->acc->open_kfid, "msgid", one->msgid);

	json_object_update(body, (json_t *)one->body);
	return body;
}

/* Refused for the session's state or the window, or for the message. */
static enum sent refused(struct sending *x)
{
	static const int64_t of_time[] = {95001, 95002, 95013, 95018};

	x->of_account = is_of_account(x->errcode);
	for (size_t i = 0; i < sizeof of_time / sizeof *of_time; i++)
		if (x->errcode == of_time[i])
			return SENT_SHUT;
	return SENT_NO;
}

/* A refusal of what may be there already. One that speaks of the session may come before WeCom looks at the msgid. */
static enum sent refused_again(struct sending *x)
{
	enum sent how = refused(x);

	if (x->of_account)
		return SENT_LATER;
	wc_count("wecomd_kf_sends_total", 1, how == SENT_SHUT ? "unknown" : "repeat_refused", NULL);
	return how == SENT_SHUT ? SENT_UNKNOWN : SENT_YES;
}

static int note_tries(const struct send *one, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE kf_send SET tries = ?, sent_ms = ? WHERE id = ?", wc_int(one->tries), wc_int(wecom_now_ms()), wc_int(one->id)) < 0
	       ? -1 : 0;
}

/* Nothing happened: it is as if it had not been called. */
static void take_back(struct send *one)
{
	wc_err e;

	if (one->tries == 1) {
		one->tries = 0;
		if (note_tries(one, &e) < 0)
			wc_log(WC_WARN, "a send that was not taken stands as if it might have been", wc_kv_s("error", e.text));
	}
}

/* one->tries counts this call already; an earlier one may have been taken when there are more. */
static enum sent call(struct sending *x, struct send *one, int64_t *pause_ms)
{
	wc_answer answer;
	wc_err    e;

	*pause_ms = PAUSE_MS;
	if (wc_wecom_call(x->a, x->acc->secret, "kf.send_msg", body_with(x, one), &answer, &e) < 0) {
		/* Nothing left this machine. */
		x->errcode = -2;
		*pause_ms  = WAIT_MAX_MS + 1;
		take_back(one);
		return SENT_LATER;
	}
	x->errcode = answer.errcode;
	switch (answer.class) {
	case WC_ANSWER_OK:
		return SENT_YES;
	case WC_ANSWER_PERMANENT:
		return one->tries > 1 ? refused_again(x) : refused(x);
	case WC_ANSWER_UNCERTAIN:
		return SENT_LATER;
	default:
		*pause_ms = answer.retry_ms;
		take_back(one);
		return SENT_LATER;
	}
}

enum sent send_try(struct sending *x, struct send *one)
{
	for (int calls = 1;; calls++) {
		int64_t   pause_ms;
		wc_err    e;
		enum sent how;

		if (!one->fresh) {
			one->tries++;
			if (note_tries(one, &e) < 0)
				return SENT_LATER;
		}
		one->fresh = false;
		how = call(x, one, &pause_ms);
		if (how != SENT_LATER || calls == AT_ONCE || pause_ms > WAIT_MAX_MS)
			return how;
		wc_sleep_ms(pause_ms * calls);
	}
}

/* --- what came of it -------------------------------------------------------------------------------------------------------- */

struct settling {
	struct sending    *x;
	const struct send *one;
	enum sent          how;
	enum send_state    state;
};

/* Each message of which nothing is missing any more. */
static int tell_messages(wc_db *db, const struct settling *s, wc_err *e)
{
	wc_arena   *a = s->x->a;
	const char *reason = s->x->errcode ? wc_printf(a, "%s%lld", s->how == SENT_YES ? "repeat " : "", (long long)s->x->errcode) : NULL;
	wc_delivery how = s->how == SENT_YES ? WC_DELIVERY_SENT : s->how == SENT_UNKNOWN ? WC_DELIVERY_UNCERTAIN : WC_DELIVERY_FAILED;
	wc_rows     rows;

	if (wc_db_query(db, a, &rows, e,
	                "SELECT p.message, MAX(p.parts), (SELECT COUNT(*) FROM kf_send_part q JOIN kf_send o ON o.id = q.send_id WHERE q.message = p.message AND o.state = 1)"
	                " FROM kf_send_part p WHERE p.send_id = ? GROUP BY p.message", wc_int(s->one->id)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if ((how != WC_DELIVERY_SENT || wc_row_int(&rows, i, 1) <= wc_row_int(&rows, i, 2)) &&
		    wc_message_delivered(db, wc_row_int(&rows, i, 0), how, s->one->msgid, reason, e) < 0 && e->code != WC_E_NOT_FOUND)
			return -1;
	return 0;
}

/* What was refused for when it was sent will be sent again, under another msgid: nobody has this one. */
static int settle(wc_db *db, void *arg, wc_err *e)
{
	struct settling *s   = arg;
	wc_val           id  = wc_int(s->one->id);
	const char      *ans = wc_printf(s->x->a, "%lld", (long long)s->x->errcode);

	if (s->how == SENT_YES &&
	    wc_db_exec(db, e, "UPDATE kf_session SET last_ms = GREATEST(last_ms, ?), state = IF(state = 0, 1, state) WHERE id = ?", wc_int(wc_now_ms()),
	               wc_int(s->x->s->id)) < 0)
		return -1;
	/* One that was accepted keeps its time, for the turn that it belongs to; it may have gone in the next one. */
	if (wc_db_exec(db, e, "UPDATE kf_send SET state = ?, answer = ?, body = IF(? = 4, body, NULL), sent_ms = ? WHERE id = ? AND state = 0", wc_int(s->state),
	               wc_text(ans), wc_int(s->state), wc_int(wecom_now_ms()), id) < 0)
		return -1;
	if (s->how == SENT_SHUT)
		return wc_db_exec(db, e, "DELETE FROM kf_send_part WHERE send_id = ?", id) < 0 ? -1 : 0;
	return tell_messages(db, s, e);
}

int send_settle(struct sending *x, const struct send *one, enum sent how, wc_err *e)
{
	struct settling s = {x, one, how, how == SENT_YES ? SEND_ACCEPTED : how == SENT_UNKNOWN ? SEND_UNKNOWN : SEND_REFUSED};

	return how == SENT_LATER ? 0 : wc_db_tx(settle, &s, e);
}

/* --- through the ledger ------------------------------------------------------------------------------------------------------- */

static const char *ledger_key(wc_arena *a, const char *msgid)
{
	return wc_printf(a, "kf.send/%s", msgid);
}

static int ledger_end(struct sending *x, const struct send *one, enum sent how, wc_err *e)
{
	static const wc_outcome outcomes[] = {
		[SENT_YES] = WC_OUT_DONE, [SENT_LATER] = WC_OUT_UNCERTAIN, [SENT_UNKNOWN] = WC_OUT_UNCERTAIN, [SENT_NO] = WC_OUT_FAILED, [SENT_SHUT] = WC_OUT_FAILED};

	if (how == SENT_LATER && !one->tries)
		return 0;     /* nothing happened: the intent stands */
	return wc_outbound_end(ledger_key(x->a, one->msgid), outcomes[how], wc_printf(x->a, "errcode %lld", (long long)x->errcode), e);
}

int send_through(struct sending *x, struct send *one, enum sent *how, wc_err *e)
{
	wc_outbound out = {ledger_key(x->a, one->msgid), "kf.send", x->peer, wc_json(x->a, "{s:I}", "send", (json_int_t)one->id)};
	wc_outcome  before;
	int         is_new = wc_outbound_begin(&out, &before, e);

	if (is_new < 0)
		return -1;
	x->errcode = 0;
	if (!is_new && (before == WC_OUT_DONE || before == WC_OUT_FAILED)) {
		*how = before == WC_OUT_DONE ? SENT_YES : SENT_SHUT;     /* a process died before it wrote this down */
		return send_settle(x, one, *how, e);
	}
	*how = send_try(x, one);
	wc_count("wecomd_kf_sends_total", 1, *how == SENT_YES ? "accepted" : *how == SENT_LATER ? "later" : *how == SENT_UNKNOWN ? "uncertain" : "refused", NULL);
	if (ledger_end(x, one, *how, e) < 0)
		return -1;
	return send_settle(x, one, *how, e);
}

/* --- what is not known yet ------------------------------------------------------------------------------------------------------ */

static int read_send(wc_arena *a, int64_t customer, const wc_rows *r, size_t i, struct send *one, wc_err *e)
{
	wc_cell  body = wc_row_cell(r, i, 3);
	wc_slice plain;

	*one = (struct send){.id = wc_row_int(r, i, 0), .msgid = wc_row_text(r, i, 1), .tries = wc_row_int(r, i, 2)};
	if (!body.s)
		return wc_fail(e, WC_E_NOT_FOUND, "what send %lld says is gone", (long long)one->id);
	if (wc_customer_unseal(NULL, a, customer, "kf_send.body", (wc_slice){body.s, body.n}, &plain, e) < 0)
		return -1;
	one->body = wc_json_parse(a, plain.p, plain.n, e);
	return one->body ? 0 : -1;
}

int send_unsettled(struct sending *x, struct send **list, size_t *n, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, x->a, &rows, e, "SELECT id, msgid, tries, body FROM kf_send WHERE session_id = ? AND state = 0 ORDER BY id", wc_int(x->s->id)) < 0)
		return -1;
	*list = wc_alloc(x->a, rows.n * sizeof **list);
	*n    = rows.n;
	for (size_t i = 0; i < rows.n; i++)
		if (read_send(x->a, x->s->customer, &rows, i, &(*list)[i], e) < 0)
			return -1;
	return 0;
}

/* --- reconciling ------------------------------------------------------------------------------------------------------------------ */

#define YOUNG_MS 45000     /* its delivery is still at it */

static int load(wc_arena *a, int64_t id, wc_rows *rows, wc_err *e)
{
	return wc_db_query(NULL, a, rows, e, "SELECT s.id, s.msgid, s.tries, s.body, s.state, s.session_id, s.sent_ms FROM kf_send s WHERE s.id = ?", wc_int(id));
}

static int ask_again(wc_arena *a, const wc_rows *rows, wc_outcome *outcome, wc_err *e)
{
	struct account acc;
	struct session s;
	struct send    one;
	struct sending x = {.a = a, .acc = &acc, .s = &s};
	enum sent      how;

	if (session_load(a, wc_row_int(rows, 0, 5), &s, e) < 0 || account_load(a, s.account_id, &acc, e) < 0 ||
	    session_peer(a, s.id, s.customer, &x.peer, e) < 0 || read_send(a, s.customer, rows, 0, &one, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;
	how = send_try(&x, &one);
	if (send_settle(&x, &one, how, e) < 0)
		return -1;
	*outcome = how == SENT_YES ? WC_OUT_DONE : how == SENT_NO || how == SENT_SHUT ? WC_OUT_FAILED : WC_OUT_UNCERTAIN;
	return 0;
}

/* The same message once more, with the same msgid: taken now, or refused because it was taken then. */
int send_reconcile(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e)
{
	wc_rows rows;

	(void)key, (void)self;
	*outcome = WC_OUT_UNCERTAIN;
	if (load(a, json_integer_value(json_object_get(details, "send")), &rows, e) < 0)
		return -1;
	if (!rows.n || wc_row_int(&rows, 0, 4) == SEND_UNKNOWN)
		return 0;
	if (wc_row_int(&rows, 0, 4) != SEND_INTENT) {
		*outcome = wc_row_int(&rows, 0, 4) == SEND_REFUSED ? WC_OUT_FAILED : WC_OUT_DONE;
		return 0;
	}
	return wecom_now_ms() - wc_row_int(&rows, 0, 6) < YOUNG_MS ? 0 : ask_again(a, &rows, outcome, e);
}

/* --- msg_send_fail ----------------------------------------------------------------------------------------------------------------- */

static const char *shut_by(int64_t fail_type)
{
	return fail_type == 4 ? "expired" : fail_type == 5 ? "ended" : fail_type == 6 ? "used_up" : fail_type == 10 ? "refused" : "";
}

int send_failed(wc_db *db, wc_arena *a, const char *msgid, int64_t fail_type, wc_err *e)
{
	const char *reason = wc_printf(a, "fail_type %lld", (long long)fail_type);
	wc_rows     send, parts;

	if (wc_db_query(db, a, &send, e, "SELECT id, session_id FROM kf_send WHERE msgid = ?", wc_text(id_is_good(msgid) && strlen(msgid) <= 32 ? msgid : "")) < 0)
		return -1;
	if (!send.n)
		return 0;     /* not of ours */
	wc_count("wecomd_kf_send_failures_total", 1, wc_printf(a, "%lld", (long long)(fail_type >= 0 && fail_type <= 13 ? fail_type : 0)), NULL);
	if ((*shut_by(fail_type) && wc_db_exec(db, e, "UPDATE kf_session SET shut = ? WHERE id = ?", wc_text(shut_by(fail_type)), wc_int(wc_row_int(&send, 0, 1))) < 0) ||
	    wc_db_exec(db, e, "UPDATE kf_send SET state = 3, answer = ? WHERE id = ?", wc_text(reason), wc_int(wc_row_int(&send, 0, 0))) < 0 ||
	    wc_db_query(db, a, &parts, e, "SELECT DISTINCT message FROM kf_send_part WHERE send_id = ? ORDER BY message", wc_int(wc_row_int(&send, 0, 0))) < 0)
		return -1;
	for (size_t i = 0; i < parts.n; i++)
		if (wc_message_delivered(db, wc_row_int(&parts, i, 0), WC_DELIVERY_FAILED, NULL, reason, e) < 0 && e->code != WC_E_NOT_FOUND)
			return -1;
	return 0;
}

int send_has_rest(wc_arena *a, int64_t session, bool *has, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT 1 FROM kf_send_part p JOIN kf_send s ON s.id = p.send_id WHERE s.session_id = ? AND s.state = 1 AND p.parts > 1"
	                " AND s.sent_ms > ? GROUP BY p.message HAVING COUNT(*) < MAX(p.parts) LIMIT 1",
	                wc_int(session), wc_int(wecom_now_ms() - KF_WINDOW_MS)) < 0)
		return -1;
	*has = rows.n > 0;
	return 0;
}
