/* Conversations: opening, handing over and back, closing. Each change is a conditional UPDATE under the conversation's lock, leaves an event, and
 * tells those who subscribed. */
#include "talk/parts.h"

#include <inttypes.h>
#include <string.h>

#define COLUMNS "SELECT id, identity, customer, channel, account, source, assignee, handler, is_open FROM conversation WHERE id = ?"

static int read_row(const wc_rows *rows, int64_t id, struct conversation *c, wc_err *e)
{
	if (!rows->n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no conversation %" PRId64, id);
	*c = (struct conversation){.id       = wc_row_int(rows, 0, 0),
	                           .identity = wc_row_int(rows, 0, 1),
	                           .customer = wc_row_int(rows, 0, 2),
	                           .channel  = wc_row_text(rows, 0, 3),
	                           .account  = wc_row_text(rows, 0, 4),
	                           .source   = wc_row_text(rows, 0, 5),
	                           .assignee = wc_row_text(rows, 0, 6),
	                           .handler  = (int)wc_row_int(rows, 0, 7),
	                           .is_open  = wc_row_int(rows, 0, 8) == 1};
	return 0;
}

int conversation_lock(wc_db *db, wc_arena *a, int64_t id, struct conversation *c, wc_err *e)
{
	wc_rows rows;

	return wc_db_query(db, a, &rows, e, COLUMNS " FOR UPDATE", wc_int(id)) < 0 ? -1 : read_row(&rows, id, c, e);
}

int conversation_look(wc_db *db, wc_arena *a, int64_t id, struct conversation *c, wc_err *e)
{
	wc_rows rows;

	return wc_db_query(db, a, &rows, e, COLUMNS, wc_int(id)) < 0 ? -1 : read_row(&rows, id, c, e);
}

/* 1: locked, 0: none is open. */
static int lock_open(wc_db *db, wc_arena *a, int64_t identity, const char *account, struct conversation *c, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e,
	                "SELECT id, identity, customer, channel, account, source, assignee, handler, is_open FROM conversation"
	                " WHERE identity = ? AND account = ? AND is_open = 1 FOR UPDATE",
	                wc_int(identity), wc_text(account)) < 0)
		return -1;
	return rows.n ? (read_row(&rows, 0, c, e) < 0 ? -1 : 1) : 0;
}

int conversation_open(wc_db *db, wc_arena *a, const struct identity *who, const char *channel, const char *account, struct conversation *c,
                      wc_err *e)
{
	const struct talk_channel *ch = channel_find(channel);
	int64_t                    n;
	int                        rc = lock_open(db, a, who->id, account, c, e);

	if (rc)
		return rc < 0 ? -1 : 0;
	n = wc_db_exec(db, e, "INSERT IGNORE INTO conversation (channel, account, source, identity, customer, is_open) VALUES (?, ?, ?, ?, ?, 1)",
	               wc_text(channel), wc_text(account), wc_text(ch ? ch->channel->source : ""), wc_int(who->id), wc_int(who->customer));
	if (n < 0 || (rc = lock_open(db, a, who->id, account, c, e)) < 0)
		return -1;
	if (!rc)
		return wc_fail(e, WC_E_DB, "the conversation was closed in this moment");
	c->is_new = n > 0;
	return 0;
}

int conversation_address(wc_db *db, wc_arena *a, const struct conversation *c, wc_address *to, wc_err *e)
{
	wc_rows  rows;
	wc_slice peer;
	wc_cell  sealed;

	if (wc_db_query(db, a, &rows, e, "SELECT peer FROM channel_identities WHERE id = ?", wc_int(c->identity)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "the person of conversation %" PRId64 " is erased", c->id);
	sealed = wc_row_cell(&rows, 0, 0);
	if (wc_customer_unseal(db, a, c->customer, "channel_identities.peer", (wc_slice){sealed.s, sealed.n}, &peer, e) < 0)
		return -1;
	*to = (wc_address){c->id, c->customer, c->channel, c->account, wc_strndup(a, peer.p, peer.n)};
	return 0;
}

int64_t event_add(wc_db *db, wc_arena *a, int64_t conversation, int64_t message, const char *what, const char *detail, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e,
	                "INSERT INTO conversation_event (conversation, message, what, detail, trace_id) VALUES (?, ?, ?, LEFT(?, 120), ?) RETURNING id",
	                wc_int(conversation), message ? wc_int(message) : wc_null(), wc_text(what), wc_text(detail ? detail : ""), wc_text(wc_trace())) < 0)
		return -1;
	return wc_row_int(&rows, 0, 0);
}

/* --- what a change does to messages ----------------------------------------------------------------------------------- */

int unanswer(wc_db *db, wc_arena *a, int64_t answered, wc_err *e)
{
	wc_rows rows;

	if (!answered)
		return 0;
	if (wc_db_query(db, a, &rows, e, "SELECT 1 FROM message WHERE answers = ? AND state IN (11, 12, 13, 14, 16, 18) LIMIT 1", wc_int(answered)) < 0)
		return -1;
	if (rows.n)
		return 0;
	return wc_db_exec(db, e, "UPDATE message SET state = 3, outcome = 'person' WHERE id = ? AND state = 2", wc_int(answered)) < 0 ? -1 : 0;
}

/* What is held for the next turn is not said any more: of the machine alone, or all. */
static int drop_held(wc_db *db, wc_arena *a, int64_t id, bool machine_only, const char *reason, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT id, answers FROM message WHERE conversation = ? AND state = 12 AND (? = 0 OR (said_by = 4 AND is_notice = 0)) FOR UPDATE",
	                wc_int(id), wc_int(machine_only)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (wc_db_exec(db, e, "UPDATE message SET state = 17, reason = ? WHERE id = ? AND state = 12", wc_text(reason), wc_int(wc_row_int(&rows, i, 0))) < 0 ||
		    unanswer(db, a, wc_row_int(&rows, i, 1), e) < 0)
			return -1;
	return 0;
}

/* The owed messages of the conversation get an outcome. */
static int settle_owed(wc_db *db, int64_t id, int state, const char *outcome, wc_err *e)
{
	return wc_db_exec(db, e, "UPDATE message SET state = ?, outcome = ? WHERE conversation = ? AND state = 1", wc_int(state), wc_text(outcome),
	                  wc_int(id)) < 0 ? -1 : 0;
}

static int tell(wc_db *db, wc_arena *a, const struct conversation *c, const char *topic, const char *what, const char *detail, int64_t message,
                wc_err *e)
{
	struct outbox o  = {.a = a};
	int64_t       no = event_add(db, a, c->id, message, what, detail, e);

	if (no < 0)
		return -1;
	wc_count("wecomd_talk_changes_total", 1, what, NULL);
	o.why = detail;
	outbox_topic(&o, topic, no, c, message, false);
	return outbox_send(&o, db, NULL, e);
}

/* --- changes ---------------------------------------------------------------------------------------------------------- */

int wc_talk_hand_over(wc_db *db, wc_arena *a, int64_t conversation, int64_t message, const char *assignee, const char *why, wc_err *e)
{
	struct conversation c;
	bool                was_machine;

	if (conversation_lock(db, a, conversation, &c, e) < 0)
		return -1;
	if (!c.is_open)
		return 0;
	was_machine = c.handler == BY_MACHINE;
	if (settle_owed(db, c.id, M_PERSON, "person", e) < 0 || drop_held(db, a, c.id, true, "person", e) < 0)
		return -1;
	if (wc_db_exec(db, e, "UPDATE conversation SET handler = 1, assignee = COALESCE(?, assignee) WHERE id = ?", wc_text(assignee), wc_int(c.id)) < 0)
		return -1;
	if (!was_machine && assignee && strcmp(assignee, c.assignee))
		return event_add(db, a, c.id, 0, "assigned", assignee, e) < 0 ? -1 : 0;
	if (!was_machine)
		return 0;
	return tell(db, a, &c, "conversation.handed_over", "handed_over", why, message, e) < 0 ? -1 : 1;
}

int wc_talk_hand_back(wc_db *db, wc_arena *a, int64_t conversation, const char *by, wc_err *e)
{
	struct conversation c;

	if (conversation_lock(db, a, conversation, &c, e) < 0)
		return -1;
	if (!c.is_open || c.handler == BY_MACHINE)
		return 0;
	if (wc_db_exec(db, e, "UPDATE conversation SET handler = 0, assignee = NULL WHERE id = ?", wc_int(c.id)) < 0)
		return -1;
	return tell(db, a, &c, "conversation.handed_back", "handed_back", by, 0, e) < 0 ? -1 : 1;
}

int wc_talk_close(wc_db *db, wc_arena *a, int64_t conversation, const char *why, wc_err *e)
{
	struct conversation c;

	if (conversation_lock(db, a, conversation, &c, e) < 0)
		return -1;
	if (!c.is_open)
		return 0;
	if (settle_owed(db, c.id, M_SETTLED, "closed", e) < 0 || drop_held(db, a, c.id, false, "closed", e) < 0)
		return -1;
	if (wc_db_exec(db, e, "UPDATE conversation SET is_open = NULL, handler = 0, assignee = NULL, closed_at = NOW(3) WHERE id = ?", wc_int(c.id)) < 0)
		return -1;
	return tell(db, a, &c, "conversation.closed", "closed", why, 0, e) < 0 ? -1 : 1;
}
