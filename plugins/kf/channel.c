/* Delivery: what waits in a conversation, made into pieces, planned by the meter, and sent one after the other. What was sent before, perhaps
 * by a process that died, is found out first. */
#include "send.h"

#include <inttypes.h>
#include <string.h>

#define PIECES_MAX 400

struct delivering {
	struct sending     x;
	const wc_outgoing *list;
	size_t             n;
	struct piece      *p;           /* what is not sent yet, in order */
	size_t             pieces;
	size_t            *owner;       /* of each piece: its place in list */
};

/* --- pieces ------------------------------------------------------------------------------------------------------------------ */

static const wc_outgoing *of_piece(const struct delivering *d, size_t piece)
{
	return &d->list[d->owner[piece]];
}

static bool is_text(const wc_outgoing *out)
{
	return !strcmp(out->kind, "text") && !out->media;
}

static bool is_covered(const wc_rows *covered, int64_t message, int part)
{
	for (size_t i = 0; i < covered->n; i++)
		if (wc_row_int(covered, i, 0) == message && wc_row_int(covered, i, 1) == part)
			return true;
	return false;
}

static size_t split(wc_arena *a, const char *text, const char **parts, size_t max)
{
	wc_splitter sp = wc_split(text, strlen(text), KF_PIECE_MAX);
	size_t      n = 0, bytes;

	while (n < max && (parts[n] = wc_split_next(&sp, a, &bytes)))
		n++;
	return n;
}

static void add_piece(struct delivering *d, size_t owner, struct piece piece)
{
	if (d->pieces == PIECES_MAX)
		return;
	d->owner[d->pieces] = owner;
	d->p[d->pieces++]   = piece;
}

/* The same text makes the same pieces each time, so that those that went can be left out. */
static size_t add_message(struct delivering *d, size_t i, const wc_rows *covered)
{
	const wc_outgoing *out = &d->list[i];
	const char        *text = is_text(out) && out->text ? plain_text(d->x.a, out->text) : NULL, *parts[64];
	size_t             n    = text ? split(d->x.a, text, parts, 64) : 1, missing = 0;

	if (!is_text(out))
		parts[0] = NULL;
	for (size_t k = 0; k < n; k++)
		if (!is_covered(covered, out->message, (int)k)) {
			add_piece(d, i, (struct piece){out->message, (int)k, (int)n, parts[k], out->notice, out->is_person});
			missing++;
		}
	return missing;
}

static int read_covered(struct delivering *d, wc_rows *covered, wc_err *e)
{
	/* Messages that wait are few, and follow each other. */
	return wc_db_query(NULL, d->x.a, covered, e,
	                   "SELECT p.message, p.part FROM kf_send_part p JOIN kf_send s ON s.id = p.send_id WHERE p.message BETWEEN ? AND ? AND s.session_id = ?",
	                   wc_int(d->list[0].message), wc_int(d->list[d->n - 1].message), wc_int(d->x.s->id));
}

/* A message of which nothing is missing was sent by a run that could not say so; one without a word to say can never be. */
static int make_pieces(struct delivering *d, wc_err *e)
{
	wc_rows covered;

	d->p      = wc_alloc(d->x.a, PIECES_MAX * sizeof *d->p);
	d->owner  = wc_alloc(d->x.a, PIECES_MAX * sizeof *d->owner);
	d->pieces = 0;
	if (read_covered(d, &covered, e) < 0)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		bool begun = is_covered(&covered, d->list[i].message, 0);

		if (add_message(d, i, &covered))
			continue;
		if (wc_message_delivered(NULL, d->list[i].message, begun ? WC_DELIVERY_SENT : WC_DELIVERY_FAILED, NULL, begun ? NULL : "empty", e) < 0)
			return -1;
	}
	return 0;
}

/* --- one unit ------------------------------------------------------------------------------------------------------------------ */

struct planning {
	struct delivering *d;
	const struct unit *u;
	const char        *body;
	const char        *msgid;
	int64_t            id;
};

/* How often this piece was refused for the time at which it was sent; each try has a msgid of its own then. */
static int name_send(wc_db *db, struct planning *p, wc_err *e)
{
	const struct piece   *first = &p->d->p[p->u->first];
	const struct sending *x     = &p->d->x;
	const char           *stem  = wc_printf(x->a, "%s-%" PRIx64 "-%x", x->acc->salt, (uint64_t)first->message, (unsigned)first->part);
	wc_rows               rows;

	if (wc_db_query(db, x->a, &rows, e, "SELECT COUNT(*) FROM kf_send WHERE msgid = ? OR (msgid > ? AND msgid < ?)", wc_text(stem),
	                wc_text(wc_printf(x->a, "%s_", stem)), wc_text(wc_printf(x->a, "%s`", stem))) < 0)
		return -1;
	p->msgid = wc_row_int(&rows, 0, 0) ? wc_printf(x->a, "%s_%" PRIx64, stem, (uint64_t)wc_row_int(&rows, 0, 0)) : stem;
	return 0;
}

static int insert_parts(wc_db *db, const struct planning *p, wc_err *e)
{
	for (size_t i = 0; i < p->u->count; i++) {
		const struct piece *one = &p->d->p[p->u->first + i];

		if (wc_db_exec(db, e, "INSERT INTO kf_send_part (message, part, parts, send_id) VALUES (?, ?, ?, ?)", wc_int(one->message), wc_int(one->part),
		               wc_int(one->parts), wc_int(p->id)) < 0)
			return -1;
	}
	return 0;
}

/* The row, which counts against the window from now on. */
static int insert_send(wc_db *db, void *arg, wc_err *e)
{
	struct planning *p = arg;
	struct sending  *x = &p->d->x;
	wc_slice         sealed;
	wc_rows          rows;

	if (wc_db_once(db, e) < 0 || name_send(db, p, e) < 0 ||
	    wc_customer_seal(db, x->a, x->s->customer, "kf_send.body", (wc_slice){p->body, strlen(p->body)}, &sealed, e) < 0 ||
	    wc_db_query(db, x->a, &rows, e, "INSERT INTO kf_send (session_id, msgid, tries, body, sent_ms) VALUES (?, ?, 1, ?, ?) RETURNING id", wc_int(x->s->id),
	                wc_text(p->msgid), wc_bytes(sealed.p, sealed.n), wc_int(wecom_now_ms())) < 0)
		return -1;
	p->id = wc_row_int(&rows, 0, 0);
	return insert_parts(db, p, e);
}

/* The body; NULL with *e. */
static const json_t *unit_body(struct delivering *d, const struct unit *u, bool hint, wc_err *e)
{
	if (d->p[u->first].text)
		return text_body(d->x.a, meter_text(d->x.a, d->p, u, hint));
	return body_of(d->x.a, d->x.acc, of_piece(d, u->first), e);
}

static int fail_one(struct delivering *d, const struct unit *u, const wc_err *why, wc_err *e)
{
	wc_log(WC_WARN, "a message cannot be sent", wc_kv_i("message", d->p[u->first].message), wc_kv_s("error", why->text));
	return wc_message_delivered(NULL, d->p[u->first].message, WC_DELIVERY_FAILED, NULL, wc_err_name(why->code), e) < 0 ? -1 : 0;
}

/* 0 with *how; SENT_NO also for what cannot be made. */
static int send_unit(struct delivering *d, const struct unit *u, bool hint, enum sent *how, wc_err *e)
{
	struct planning p = {.d = d, .u = u};
	struct send     one;
	const json_t   *body;
	wc_err          why;

	if (!(body = unit_body(d, u, hint, &why))) {
		*how = SENT_NO;
		if (!wc_err_retry(why.code))
			return fail_one(d, u, &why, e);
		*e = why;
		return -1;
	}
	p.body = wc_json_text(d->x.a, body);
	if (wc_db_tx(insert_send, &p, e) < 0)
		return -1;
	one = (struct send){.id = p.id, .msgid = p.msgid, .body = body, .tries = 1, .fresh = true};
	return send_through(&d->x, &one, how, e);
}

/* --- refusals that speak of the time ------------------------------------------------------------------------------------------- */

struct giving {
	struct delivering *d;
	const char        *servicer;
};

static int give_away(wc_db *db, void *arg, wc_err *e)
{
	struct giving *g = arg;
	wc_arena      *a = g->d->x.a;

	return wc_talk_hand_over(db, a, g->d->x.conversation, 0, *g->servicer ? wc_printf(a, "member:%s", g->servicer) : NULL, "servicer", e) < 0 ? -1 : 0;
}

/* WeCom knows better than we how the session stands. *again: it says nothing against sending. */
static int look_at_state(struct delivering *d, bool *again, wc_err *e)
{
	struct giving g = {.d = d};
	int64_t       state;

	*again = false;
	if (session_ask(d->x.a, d->x.acc, d->x.peer, d->x.s->id, &state, &g.servicer, e) < 0)
		return e->code == WC_E_REFUSED ? session_shut(d->x.s->id, d->x.s->turn_no, "refused", e) : -1;
	d->x.s->state = state;
	if (state == KF_POOL || state == KF_SERVED)
		return wc_db_tx(give_away, &g, e);
	*again = state == KF_NEW || state == KF_ASSISTANT;
	return 0;
}

/* 1: worth another try now, 0: what is left waits. */
static int act_on_shut(struct delivering *d, bool first_time, wc_err *e)
{
	bool again = false;

	wc_count("wecomd_kf_shut_total", 1, wc_printf(d->x.a, "%" PRId64, d->x.errcode), NULL);
	switch (d->x.errcode) {
	case 95001:
		return session_shut(d->x.s->id, d->x.s->turn_no, "used_up", e);
	case 95002:
		return session_shut(d->x.s->id, d->x.s->turn_no, "expired", e);
	default:
		break;
	}
	if (look_at_state(d, &again, e) < 0)
		return -1;
	if (!again)
		return 0;
	/* Refused, and yet the state allows it: the 48 hours are over, or it changed in between. */
	return first_time ? 1 : session_shut(d->x.s->id, d->x.s->turn_no, "refused", e);
}

/* --- all of it ------------------------------------------------------------------------------------------------------------------ */

/* How sends of earlier runs ended. 1: go on, 0: what is left waits, -1. */
static int find_out(struct delivering *d, wc_err *e)
{
	struct send *list;
	size_t       n;
	enum sent    how;

	if (send_unsettled(&d->x, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (send_through(&d->x, &list[i], &how, e) < 0)
			return -1;
		if (how == SENT_LATER)
			return wc_fail(e, WC_E_REMOTE, "what became of message %s is not known yet: errcode %" PRId64, list[i].msgid, d->x.errcode);
		if (how == SENT_SHUT && act_on_shut(d, false, e) < 0)
			return -1;
	}
	return 1;
}

static int say_why(struct delivering *d, const char *reason, wc_err *e)
{
	for (size_t i = 0; i < d->n; i++)
		if (wc_message_delivered(NULL, d->list[i].message, WC_DELIVERY_WAITS, NULL, reason, e) < 0 && e->code != WC_E_NOT_FOUND)
			return -1;
	return 0;
}

/* A hint belongs behind a long text whose rest has to wait. */
static bool wants_hint(const struct delivering *d, const struct unit *u, bool last, bool waits)
{
	const struct piece *tail = &d->p[u->first + u->count - 1];

	return last && waits && tail->text && !tail->notice && tail->part + 1 < tail->parts;
}

/* 1: once more from the start, 0: done, -1. */
static int send_planned(struct delivering *d, const struct unit *u, size_t n, bool waits, bool first_time, wc_err *e)
{
	enum sent how;

	for (size_t i = 0; i < n; i++) {
		if (send_unit(d, &u[i], wants_hint(d, &u[i], i + 1 == n, waits), &how, e) < 0)
			return -1;
		if (how == SENT_SHUT)
			return act_on_shut(d, first_time, e);
		if (how == SENT_LATER)
			return wc_fail(e, WC_E_REMOTE, "kf.send_msg: errcode %" PRId64 ", again later", d->x.errcode);
		if (how == SENT_NO && d->x.of_account)
			return wc_fail(e, WC_E_REFUSED, "kf.send_msg: errcode %" PRId64 " speaks of the account", d->x.errcode);
	}
	return 0;
}

/* A run of the window, the plan and the sends. */
static int deliver_once(struct delivering *d, bool first_time, wc_err *e)
{
	struct unit *u;
	wc_window    w;
	size_t       n;
	bool         waits;

	if (session_load(d->x.a, d->x.s->id, d->x.s, e) < 0 || session_window(d->x.a, d->x.s, &w, e) < 0)
		return -1;
	if (!w.is_open)
		return say_why(d, w.reason, e);
	if (make_pieces(d, e) < 0)
		return -1;
	u = wc_alloc(d->x.a, (d->pieces + 1) * sizeof *u);
	n = meter_plan(d->p, d->pieces, w.left, u, &waits);
	return send_planned(d, u, n, waits, first_time, e);
}

int channel_deliver(wc_arena *a, const wc_address *to, const wc_outgoing *list, size_t n, const void *self, wc_err *e)
{
	struct account    acc;
	struct session    s;
	struct delivering d = {.x = {.a = a, .acc = &acc, .peer = to->peer, .s = &s, .conversation = to->conversation}, .list = list, .n = n};
	int               rc;

	(void)self;
	if (account_find(a, to->account, &acc, e) < 0 || session_find(NULL, a, acc.id, to->peer, &s, e) < 0)
		return -1;
	if (!s.id)
		return wc_fail(e, WC_E_REFUSED, "the customer never wrote to this account");
	if ((rc = find_out(&d, e)) <= 0)
		return rc;
	rc = deliver_once(&d, true, e);
	return rc == 1 ? deliver_once(&d, false, e) < 0 ? -1 : 0 : rc;
}
