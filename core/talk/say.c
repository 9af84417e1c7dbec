/* What we say: a row to be sent and its delivery, once for each key. */
#include "talk/parts.h"

#include <inttypes.h>
#include <string.h>

static bool by_machine(const wc_say *say)
{
	return !strncmp(say->author, "machine:", 8);
}

/* 1: it was said already. */
static int find_said(wc_db *db, wc_arena *a, const char *key, int64_t *message, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT id FROM message WHERE say_key = ?", wc_bytes(key, strlen(key))) < 0)
		return -1;
	if (rows.n)
		*message = wc_row_int(&rows, 0, 0);
	return rows.n > 0;
}

/* The message's one outcome is this answer. 0: it has another. */
static int64_t take_outcome(wc_db *db, const wc_say *say, wc_err *e)
{
	return wc_db_exec(db, e,
	                  "UPDATE message SET state = 2, outcome = 'answered' WHERE id = ? AND conversation = ? AND state = 1 AND recalled_at IS NULL",
	                  wc_int(say->answers), wc_int(say->conversation));
}

/* A closed conversation is begun again by a person alone, and only while no other is open. */
static int reopen(wc_db *db, wc_arena *a, struct conversation *c, const wc_say *say, wc_err *e)
{
	int64_t n = by_machine(say) ? 0
	                            : wc_db_exec(db, e, "UPDATE IGNORE conversation SET is_open = 1, closed_at = NULL, handler = 1, assignee = ? WHERE id = ?",
	                                         wc_text(say->author), wc_int(c->id));

	if (n < 0)
		return -1;
	if (!n)
		return wc_fail(e, WC_E_CONFLICT, "conversation %" PRId64 " is closed", c->id);
	c->is_open = true;
	c->handler = BY_PERSON;
	return event_add(db, a, c->id, 0, "reopened", say->author, e) < 0 ? -1 : 0;
}

/* 1: go on, 0: it is not to be said, -1. */
static int may_say(wc_db *db, wc_arena *a, struct conversation *c, const wc_say *say, wc_err *e)
{
	int64_t n;

	if (by_machine(say) && c->handler == BY_PERSON && !say->notice)
		return 0;
	if (say->answers) {
		n = take_outcome(db, say, e);
		if (n < 0 || (n == 0 && by_machine(say)))
			return (int)n;
	}
	return c->is_open || reopen(db, a, c, say, e) == 0 ? 1 : -1;
}

static int write_said(wc_db *db, wc_arena *a, const struct conversation *c, const wc_say *say, const unsigned char *key, int64_t *message, wc_err *e)
{
	const struct talk_channel *ch = channel_find(c->channel);
	struct outbox              o  = {.a = a};
	struct new_message         m  = {.c = c, .key = key, .say_key = say->key, .author = say->author, .kind = say->kind ? say->kind : "text",
	                                 .text = say->text, .content = say->content, .why = say->why, .is_out = true, .is_notice = say->notice,
	                                 .said_by = by_machine(say) ? SAID_MACHINE : SAID_PERSON, .answers = say->answers, .media = say->media,
	                                 .state = ch && ch->channel->drafts_only ? M_DRAFT : M_QUEUED};
	int64_t                    id = message_insert(db, a, &m, e);

	if (id < 0)
		return -1;
	if (!id)     /* the key was used in another conversation in this moment */
		return wc_fail(e, WC_E_CONFLICT, "a message with this key is being said elsewhere");
	*message = id;
	if (m.state == M_DRAFT)
		return event_add(db, a, c->id, id, "draft", c->channel, e) < 0 ? -1 : 1;
	outbox_deliver(&o, c->id);
	return outbox_send(&o, db, NULL, e) < 0 ? -1 : 1;
}

static int check(const wc_say *say, wc_err *e)
{
	if (!say->key || !*say->key || strlen(say->key) > 64)
		return wc_fail(e, WC_E_ARG, "what is said has a key of 1 to 64 bytes");
	if (!say->author || strlen(say->author) > 100 || !wc_utf8_valid(say->author, strlen(say->author)))
		return wc_fail(e, WC_E_ARG, "what is said has an author of at most 100 bytes");
	if (say->kind && (strlen(say->kind) > 16 || code_or(say->kind, NULL) != say->kind))
		return wc_fail(e, WC_E_ARG, "what is said has a kind of at most 16 ASCII characters");
	return 0;
}

/* The customer before the conversation, as everywhere. */
static int hold(wc_db *db, wc_arena *a, int64_t id, struct conversation *c, unsigned char key[KEY_SIZE], wc_err *e)
{
	int rc;

	if (conversation_look(db, a, id, c, e) < 0)
		return -1;
	rc = customer_hold(db, a, c->customer, key, e);
	if (rc == 0)
		return wc_fail(e, WC_E_NOT_FOUND, "customer %" PRId64 " is erased", c->customer);
	return rc < 0 ? -1 : conversation_lock(db, a, id, c, e);
}

int wc_talk_say(wc_db *db, wc_arena *a, const wc_say *say, int64_t *message, wc_err *e)
{
	struct conversation c;
	unsigned char       key[KEY_SIZE];
	int                 rc;

	*message = 0;
	if (check(say, e) < 0 || hold(db, a, say->conversation, &c, key, e) < 0)
		return -1;
	rc = find_said(db, a, say->key, message, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	rc = may_say(db, a, &c, say, e);
	if (rc > 0)
		rc = write_said(db, a, &c, say, key, message, e);
	crypt_wipe(key, sizeof key);
	return rc;
}
