/* Another way to somebody whom a channel did not reach: the customer's other identities, in the order of [talk] fallback.
 *
 * Channels that speak both ways come first, where a reply can be sent now; then those that take drafts alone. Where none is left, a person is
 * told: the conversation is handed over. The job may run twice: each end is an UPDATE of a message that is still failing. */
#include "talk/parts.h"

#include <wecomd/log.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct failing {
	wc_arena           *a;
	int64_t             message, answers, state;
	const char         *kind, *tried;
	bool                notice;
	struct conversation c;
	const wc_channel   *channel;          /* chosen */
	int64_t             route, identity;  /* route 0: a conversation is to be opened with the identity */
	bool                done;
};

/* 1: the message looks for a way; 0: no more. */
static int read_failing(struct failing *f, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, f->a, &rows, e, "SELECT conversation, answers, kind, tried, is_notice, state FROM message WHERE id = ?", wc_int(f->message)) < 0)
		return -1;
	if (!rows.n || wc_row_int(&rows, 0, 5) != M_FAILING)
		return 0;
	f->answers = wc_row_int(&rows, 0, 1);
	f->kind    = wc_row_text(&rows, 0, 2);
	f->tried   = wc_row_text(&rows, 0, 3);
	f->notice  = wc_row_int(&rows, 0, 4);
	return conversation_look(NULL, f->a, wc_row_int(&rows, 0, 0), &f->c, e) < 0 ? -1 : 1;
}

/* --- choosing --------------------------------------------------------------------------------------------------------- */

static bool was_tried(const struct failing *f, int64_t identity)
{
	const char *at = f->tried;

	while (*at) {
		if (strtoll(at, NULL, 10) == identity)
			return true;
		at += strcspn(at, ",");
		at += *at == ',';
	}
	return false;
}

bool fallback_fits(const wc_channel *c, const char *kind, bool drafts)
{
	return !c->members_only && c->drafts_only == drafts && channel_carries(c, kind);
}

/* 1: something may be sent to it now. */
static int is_reachable(struct failing *f, int64_t route, wc_err *e)
{
	wc_window w;

	if (wc_talk_window(f->a, route, &w, e) < 0)
		return -1;
	return w.is_open && (w.left < 0 || w.left > (f->notice ? 0 : w.reserve));
}

/* Whether this identity can take the message. 1: chosen. */
static int try_identity(struct failing *f, const wc_channel *ch, int64_t identity, wc_err *e)
{
	wc_rows rows;
	int     rc = 1;

	if (was_tried(f, identity))
		return 0;
	if (wc_db_query(NULL, f->a, &rows, e, "SELECT id FROM conversation WHERE identity = ? ORDER BY is_open DESC, id DESC LIMIT 1", wc_int(identity)) < 0)
		return -1;
	if (!rows.n && !ch->drafts_only)
		return 0;
	f->route = rows.n ? wc_row_int(&rows, 0, 0) : 0;
	if (!ch->drafts_only)
		rc = is_reachable(f, f->route, e);
	if (rc > 0) {
		f->channel  = ch;
		f->identity = identity;
	}
	return rc;
}

static int try_channel(struct failing *f, const wc_channel *ch, bool drafts, wc_err *e)
{
	wc_rows rows;
	int     rc = 0;

	if (!fallback_fits(ch, f->kind, drafts))
		return 0;
	if (wc_db_query(NULL, f->a, &rows, e, "SELECT id FROM channel_identities WHERE customer = ? AND channel = ? ORDER BY id DESC LIMIT 20",
	                wc_int(f->c.customer), wc_text(ch->name)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n && !rc; i++)
		rc = try_identity(f, ch, wc_row_int(&rows, i, 0), e);
	return rc;
}

static int choose_from(struct failing *f, const char *const *names, bool drafts, wc_err *e)
{
	int rc = 0;

	for (const struct talk_channel *c = channels_all(); !*names && c->channel && !rc; c++)
		rc = try_channel(f, c->channel, drafts, e);
	for (; *names && !rc; names++) {
		const struct talk_channel *c = channel_find(*names);

		rc = c ? try_channel(f, c->channel, drafts, e) : 0;
	}
	return rc;
}

static int choose(struct failing *f, const struct talk_settings *s, wc_err *e)
{
	int rc = choose_from(f, s->fallback, false, e);

	return rc ? rc : choose_from(f, s->fallback, true, e);
}

/* --- going on --------------------------------------------------------------------------------------------------------- */

/* Locks the conversation and looks again. 1: the message still looks for a way. */
static int lock_failing(wc_db *db, struct failing *f, wc_err *e)
{
	struct identity who = {.id = f->identity, .customer = f->c.customer};
	wc_rows         rows;
	int             held = customer_hold(db, f->a, f->c.customer, who.key, e);

	crypt_wipe(who.key, sizeof who.key);
	if (held <= 0)
		return held;
	if (conversation_lock(db, f->a, f->c.id, &f->c, e) < 0 ||
	    wc_db_query(db, f->a, &rows, e, "SELECT state FROM message WHERE id = ? FOR UPDATE", wc_int(f->message)) < 0)
		return -1;
	return rows.n && wc_row_int(&rows, 0, 0) == M_FAILING;
}

/* A one-way channel may have no conversation with the person yet. */
static int find_route(wc_db *db, struct failing *f, wc_err *e)
{
	struct identity     who = {.id = f->identity, .customer = f->c.customer};
	struct conversation c;

	if (f->route)
		return 0;
	if (conversation_open(db, f->a, &who, f->channel->name, "", &c, e) < 0)
		return -1;
	f->route = c.id;
	return 0;
}

static int reroute(wc_db *db, void *arg, wc_err *e)
{
	struct failing *f  = arg;
	struct outbox   o  = {.a = f->a};
	int             rc = lock_failing(db, f, e);

	if (rc <= 0)
		return rc;
	if (find_route(db, f, e) < 0 ||
	    wc_db_exec(db, e, "UPDATE message SET state = ?, route = ?, channel = ?, msgid = NULL, reason = NULL WHERE id = ?",
	               wc_int(f->channel->drafts_only ? M_DRAFT : M_QUEUED), wc_int(f->route), wc_text(f->channel->name), wc_int(f->message)) < 0 ||
	    event_add(db, f->a, f->c.id, f->message, f->channel->drafts_only ? "draft" : "fallback", f->channel->name, e) < 0)
		return -1;
	if (!f->channel->drafts_only)
		outbox_deliver(&o, f->route);
	return outbox_send(&o, db, NULL, e);
}

static int give_up(wc_db *db, void *arg, wc_err *e)
{
	struct failing *f  = arg;
	int             rc = lock_failing(db, f, e);

	if (rc <= 0)
		return rc;
	if (wc_db_exec(db, e, "UPDATE message SET state = 15 WHERE id = ?", wc_int(f->message)) < 0 || unanswer(db, f->a, f->answers, e) < 0 ||
	    event_add(db, f->a, f->c.id, f->message, "undeliverable", "", e) < 0)
		return -1;
	return wc_talk_hand_over(db, f->a, f->c.id, f->message, NULL, "failed", e) < 0 ? -1 : 0;
}

int run_fallback(wc_job *job, const void *self, wc_err *e)
{
	struct failing f  = {.a = wc_job_arena(job), .message = json_integer_value(json_object_get(wc_job_args(job), "message"))};
	int            rc = read_failing(&f, e);

	if (rc <= 0)
		return rc < 0 && e->code != WC_E_NOT_FOUND ? -1 : 0;
	rc = choose(&f, self, e);
	if (rc < 0)
		return -1;
	return rc ? wc_db_tx(reroute, &f, e) : wc_db_tx(give_up, &f, e);
}
