/* What comes from a channel: one message with its customer, identity, conversation, and the jobs of those who subscribed, in the transaction of
 * the channel that drained it.
 *
 * A message that is there already writes nothing: its number is unique in the channel, and the look before the work is made again behind
 * the conversation's lock by INSERT IGNORE. */
#include "talk/parts.h"

#include <inttypes.h>
#include <string.h>

const char *clean_text(wc_arena *a, const char *text)
{
	char *clean;

	if (!text || wc_utf8_valid(text, strlen(text)))
		return text;
	clean = wc_strdup(a, text);
	for (char *c = clean; *c; c++)
		*c = (unsigned char)*c < 0x80 ? *c : '?';
	return clean;
}

const char *code_or(const char *code, const char *other)
{
	for (const char *c = code; c && *c; c++)
		if ((unsigned char)*c >= 0x80)
			return other;
	return code;
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static int make_latest(wc_db *db, const struct conversation *c, int64_t id, wc_err *e)
{
	return wc_db_exec(db, e, "UPDATE conversation SET last_id = GREATEST(last_id, ?), last_at = NOW(3) WHERE id = ?", wc_int(id), wc_int(c->id)) < 0 ? -1 : 0;
}

static wc_val number_or_null(int64_t n)
{
	return n ? wc_int(n) : wc_null();
}

static wc_val key_or_null(const char *key)
{
	return key && *key ? wc_bytes(key, strlen(key)) : wc_null();
}

int64_t message_insert(wc_db *db, wc_arena *a, const struct new_message *m, wc_err *e)
{
	wc_rows rows;
	int64_t id;

	if (wc_db_query(db, a, &rows, e,
	                "INSERT IGNORE INTO message (conversation, customer, channel, msgid, say_key, is_out, said_by, author, kind, state, outcome, route,"
	                " answers, is_notice, media, text, content, why, sent_at, trace_id, brain)"
	                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, FROM_UNIXTIME(? / 1000), ?, ?) RETURNING id",
	                wc_int(m->c->id), wc_int(m->c->customer), wc_text(m->c->channel), key_or_null(m->msgid), key_or_null(m->say_key), wc_int(m->is_out),
	                wc_int(m->said_by), wc_text(m->author ? m->author : ""), wc_text(m->kind), wc_int(m->state), wc_text(m->outcome), wc_int(m->c->id),
	                number_or_null(m->answers), wc_int(m->is_notice), number_or_null(m->media), sealed_text(a, m->key, "message.text", clean_text(a, m->text)),
	                sealed_json(a, m->key, "message.content", m->content), sealed_json(a, m->key, "message.why", m->why),
	                number_or_null(m->sent_ms), wc_text(m->trace_id ? m->trace_id : wc_trace()), wc_text(m->brain)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	id = wc_row_int(&rows, 0, 0);
	return make_latest(db, m->c, id, e) < 0 || words_add(db, a, id, clean_text(a, m->text), e) < 0 ? -1 : id;
}

int ready_held(wc_db *db, struct outbox *o, int64_t route, wc_err *e)
{
	int64_t n = wc_db_exec(db, e, "UPDATE message SET state = 11 WHERE route = ? AND state = 12", wc_int(route));

	if (n > 0)
		outbox_deliver(o, route);
	return n < 0 ? -1 : 0;
}

/* --- receiving -------------------------------------------------------------------------------------------------------- */

/* 1: it is there. */
static int find_known(wc_db *db, wc_arena *a, const wc_incoming *in, wc_received *out, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT id, conversation, customer FROM message WHERE channel = ? AND msgid = ?", wc_text(in->channel),
	                wc_bytes(in->msgid, strlen(in->msgid))) < 0)
		return -1;
	if (!rows.n)
		return 0;
	*out = (wc_received){.message = wc_row_int(&rows, 0, 0), .conversation = wc_row_int(&rows, 0, 1), .customer = wc_row_int(&rows, 0, 2)};
	return 1;
}

static bool is_owed(const wc_incoming *in, const struct conversation *c)
{
	return in->from == WC_FROM_CUSTOMER && !in->quiet && c->handler == BY_MACHINE && brain();
}

static void judge(const wc_incoming *in, const struct conversation *c, struct new_message *m)
{
	if (in->from == WC_FROM_PERSON)
		m->state = M_SENT;
	else if (in->quiet || in->from == WC_FROM_SYSTEM)
		m->state = M_SETTLED, m->outcome = "quiet";
	else if (is_owed(in, c))
		m->state = M_OWED;
	else
		m->state = M_PERSON, m->outcome = "person";
}

static struct new_message row_of(wc_arena *a, const wc_incoming *in, const struct conversation *c, const unsigned char *key)
{
	struct new_message m = {.c = c, .key = key, .msgid = in->msgid, .kind = in->kind, .text = in->text, .content = in->content,
	                        .said_by = (int)in->from, .is_out = in->from == WC_FROM_PERSON, .sent_ms = in->sent_ms, .trace_id = in->trace_id};

	if (in->from == WC_FROM_PERSON && in->author)
		m.author = wc_printf(a, "member:%s", in->author);
	judge(in, c, &m);
	if (m.state == M_OWED)
		m.brain = topic_hash(a, brain());
	return m;
}

/* Nobody of ours answers by itself: the conversation is a person's from its first message on. */
static int give_to_people(wc_db *db, wc_arena *a, const wc_incoming *in, const struct conversation *c, int64_t message, wc_err *e)
{
	if (in->from != WC_FROM_CUSTOMER || in->quiet || c->handler == BY_PERSON || brain())
		return 0;
	return wc_talk_hand_over(db, a, c->id, message, NULL, "no_brain", e) < 0 ? -1 : 0;
}

static int tell(wc_db *db, wc_arena *a, const wc_incoming *in, const struct conversation *c, int64_t message, wc_err *e)
{
	struct outbox o  = {.a = a};
	int64_t       no = c->is_new ? event_add(db, a, c->id, message, "opened", "", e) : 0;

	if (no < 0 || (in->from == WC_FROM_CUSTOMER && ready_held(db, &o, c->id, e) < 0))
		return -1;
	if (no)
		outbox_topic(&o, "conversation.opened", no, c, message, false);
	if (in->from == WC_FROM_CUSTOMER && !in->quiet)
		outbox_topic(&o, "message.received", message, c, message, is_owed(in, c));
	if (in->from == WC_FROM_PERSON && !in->quiet)
		outbox_topic(&o, "message.sent", message, c, message, false);
	return outbox_send(&o, db, in->trace_id, e);
}

static int write_all(wc_db *db, wc_arena *a, const wc_incoming *in, const struct identity *who, wc_received *out, wc_err *e)
{
	struct conversation c;
	struct new_message  m;
	int64_t             id;

	if (conversation_open(db, a, who, in->channel, in->account ? in->account : "", &c, e) < 0)
		return -1;
	m  = row_of(a, in, &c, who->key);
	id = message_insert(db, a, &m, e);
	if (id <= 0)
		return id < 0 || find_known(db, a, in, out, e) < 0 ? -1 : 0;
	*out = (wc_received){id, c.id, c.customer, true, c.is_new};
	return tell(db, a, in, &c, id, e) < 0 ? -1 : give_to_people(db, a, in, &c, id, e);
}

/* What the columns take: INSERT IGNORE would cut the rest off without a word. */
static int check(const wc_incoming *in, wc_err *e)
{
	if (!channel_find(in->channel))
		return wc_fail(e, WC_E_ARG, "there is no channel %.40s", in->channel);
	if (!in->msgid || !*in->msgid || strlen(in->msgid) > 128)
		return wc_fail(e, WC_E_ARG, "a message of channel %s: its id has 1 to 128 bytes", in->channel);
	if (!in->kind || strlen(in->kind) > 16 || code_or(in->kind, NULL) != in->kind)
		return wc_fail(e, WC_E_ARG, "a message of channel %s: a kind has at most 16 ASCII characters", in->channel);
	if (in->account && (strlen(in->account) > 64 || code_or(in->account, NULL) != in->account))
		return wc_fail(e, WC_E_ARG, "a message of channel %s: an account has at most 64 ASCII characters", in->channel);
	if (in->author && (strlen(in->author) > 64 || !wc_utf8_valid(in->author, strlen(in->author))))
		return wc_fail(e, WC_E_ARG, "a message of channel %s: an author has at most 64 bytes", in->channel);
	return 0;
}

int wc_talk_receive(wc_db *db, wc_arena *a, const wc_incoming *in, wc_received *out, wc_err *e)
{
	struct identity who;
	int             rc = check(in, e) < 0 ? -1 : find_known(db, a, in, out, e);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (identity_hold(db, a, in->channel, in->peer, in->name, NULL, &who, e) < 0)
		return -1;
	rc = write_all(db, a, in, &who, out, e);
	crypt_wipe(who.key, sizeof who.key);
	if (rc == 0 && out->is_new)
		wc_count("wecomd_talk_messages_total", 1, in->channel, "in", NULL);
	return rc;
}

/* --- afterwards ------------------------------------------------------------------------------------------------------- */

int wc_message_media(wc_db *db, int64_t message, int64_t media, wc_err *e)
{
	return wc_db_exec(db, e, "UPDATE message SET media = ? WHERE id = ?", wc_int(media), wc_int(message)) < 0 ? -1 : 0;
}

int wc_message_recalled(wc_db *db, const char *channel, const char *msgid, wc_err *e)
{
	int64_t n = wc_db_exec(db, e,
	                       "UPDATE message SET recalled_at = NOW(3), outcome = IF(state = 1, 'recalled', outcome), state = IF(state = 1, 4, state)"
	                       " WHERE channel = ? AND msgid = ? AND recalled_at IS NULL",
	                       wc_text(channel), wc_bytes(msgid, strlen(msgid)));

	return n < 0 ? -1 : (int)n;
}

int wc_message_settle(wc_db *db, int64_t message, const char *outcome, wc_err *e)
{
	int64_t n = wc_db_exec(db, e, "UPDATE message SET state = 4, outcome = LEFT(?, 32) WHERE id = ? AND state = 1", wc_text(code_or(outcome, "other")), wc_int(message));

	return n < 0 ? -1 : (int)n;
}
