/* What people do with conversations and drafts, each one transaction with its audit entry. */
#include "talk/parts.h"

#include <inttypes.h>
#include <string.h>

struct act {
	wc_arena          *a;
	int64_t            id;             /* of the conversation or message */
	const char        *actor;
	bool               force;
	struct chat_words *words;
};

static int audit(wc_db *db, const struct act *x, const char *action, const char *kind, int64_t id, const json_t *details, wc_err *e)
{
	return wc_audit(db, &(wc_audit_entry){x->actor, action, wc_printf(x->a, "%s:%" PRId64, kind, id), details}, e);
}

static int run(int (*fn)(wc_db *, void *, wc_err *), struct act *x, wc_err *e)
{
	int rc;

	x->a = wc_arena_new();
	rc   = wc_db_tx(fn, x, e);
	wc_arena_free(x->a);
	return rc;
}

/* --- conversations ---------------------------------------------------------------------------------------------------- */

static bool is_others(const struct conversation *c, const struct act *x)
{
	return c->handler == BY_PERSON && *c->assignee && strcmp(c->assignee, x->actor);
}

static int take(wc_db *db, void *arg, wc_err *e)
{
	struct act         *x = arg;
	struct conversation c;

	if (conversation_lock(db, x->a, x->id, &c, e) < 0)
		return -1;
	if (!c.is_open)
		return wc_fail(e, WC_E_CONFLICT, "the conversation is closed");
	if (is_others(&c, x) && !x->force)
		return wc_fail(e, WC_E_CONFLICT, "%s has the conversation", c.assignee);
	if (wc_talk_hand_over(db, x->a, x->id, 0, x->actor, "taken", e) < 0)
		return -1;
	return audit(db, x, "chat.take", "conversation", x->id, *c.assignee ? wc_json(x->a, "{s:s}", "from", c.assignee) : NULL, e);
}

static int hand_back(wc_db *db, void *arg, wc_err *e)
{
	struct act *x  = arg;
	int         rc = wc_talk_hand_back(db, x->a, x->id, x->actor, e);

	if (rc == 0)
		return wc_fail(e, WC_E_CONFLICT, "no person has the conversation");
	return rc < 0 ? -1 : audit(db, x, "chat.hand_back", "conversation", x->id, NULL, e);
}

static int close_it(wc_db *db, void *arg, wc_err *e)
{
	struct act *x  = arg;
	int         rc = wc_talk_close(db, x->a, x->id, x->actor, e);

	if (rc == 0)
		return wc_fail(e, WC_E_CONFLICT, "the conversation is closed already");
	return rc < 0 ? -1 : audit(db, x, "chat.close", "conversation", x->id, NULL, e);
}

int chat_take(int64_t conversation, const char *actor, bool force, wc_err *e)
{
	return run(take, &(struct act){.id = conversation, .actor = actor, .force = force}, e);
}

int chat_hand_back(int64_t conversation, const char *actor, wc_err *e)
{
	return run(hand_back, &(struct act){.id = conversation, .actor = actor}, e);
}

int chat_close(int64_t conversation, const char *actor, wc_err *e)
{
	return run(close_it, &(struct act){.id = conversation, .actor = actor}, e);
}

/* --- speaking --------------------------------------------------------------------------------------------------------- */

static const char *kind_of_type(const char *type)
{
	return !strncmp(type, "image/", 6) ? "image" : !strcmp(type, "video/mp4") ? "video" : !strcmp(type, "audio/amr") ? "voice" : "file";
}

/* What is to be sent, and whether the channel can; without locks. */
static int check(wc_arena *a, struct chat_words *w, wc_err *e)
{
	const struct talk_channel *ch;
	struct conversation        c;
	wc_media                   m;

	if (conversation_look(NULL, a, w->conversation, &c, e) < 0)
		return -1;
	if (!w->media == !w->text)
		return wc_fail(e, WC_E_ARG, "a message has a text or a file");
	if (w->media && wc_media_read(a, w->media, &m, e) < 0)
		return -1;
	if (!w->kind)
		w->kind = w->media ? kind_of_type(m.type) : "text";
	ch = channel_find(c.channel);
	if (!ch)
		return wc_fail(e, WC_E_CONFLICT, "channel %s is not loaded", c.channel);
	return channel_carries(ch->channel, w->kind) ? 0 : wc_fail(e, WC_E_ARG, "channel %s does not carry %s", c.channel, w->kind);
}

static const char *key_of(wc_arena *a, const struct chat_words *w)
{
	unsigned char hash[WC_HASH_SIZE];

	if (w->repeat)
		wc_keyed_hash(hash, "talk.person", w->actor, wc_printf(a, "%" PRId64, w->conversation), w->repeat, NULL);
	else
		wc_random(hash, sizeof hash);
	return wc_printf(a, "person/%s", wc_hex(a, hash, 24));
}

/* Who speaks has the conversation, unless somebody has it already. */
static int take_over(wc_db *db, struct act *x, wc_err *e)
{
	struct conversation c;

	if (conversation_lock(db, x->a, x->words->conversation, &c, e) < 0)
		return -1;
	if (!c.is_open || (c.handler == BY_PERSON && *c.assignee))
		return 0;
	return wc_talk_hand_over(db, x->a, c.id, 0, x->actor, "taken", e) < 0 ? -1 : 0;
}

static int speak(wc_db *db, void *arg, wc_err *e)
{
	struct act        *x = arg;
	struct chat_words *w = x->words;
	int                said;

	said = wc_talk_say(db, x->a, &(wc_say){.conversation = w->conversation, .key = key_of(x->a, w), .author = x->actor, .kind = w->kind, .text = w->text,
	                                       .media = w->media}, &w->message, e);
	if (said <= 0)
		return said;
	if (take_over(db, x, e) < 0)
		return -1;
	return audit(db, x, "chat.say", "conversation", w->conversation, wc_json(x->a, "{s:I, s:s}", "message", (json_int_t)w->message, "kind", w->kind), e);
}

int chat_say(struct chat_words *w, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int       rc = check(a, w, e);

	if (rc == 0)
		rc = run(speak, &(struct act){.actor = w->actor, .words = w}, e);
	wc_arena_free(a);
	return rc;
}

/* --- drafts ----------------------------------------------------------------------------------------------------------- */

/* The draft, behind its conversation's lock. */
static int lock_draft(wc_db *db, struct act *x, struct conversation *c, int64_t *route, int64_t *answers, wc_err *e)
{
	wc_rows r;

	if (wc_db_query(db, x->a, &r, e, "SELECT conversation FROM message WHERE id = ?", wc_int(x->id)) < 0)
		return -1;
	if (!r.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no message %" PRId64, x->id);
	if (conversation_lock(db, x->a, wc_row_int(&r, 0, 0), c, e) < 0 ||
	    wc_db_query(db, x->a, &r, e, "SELECT state, route, answers FROM message WHERE id = ? FOR UPDATE", wc_int(x->id)) < 0)
		return -1;
	if (!r.n || wc_row_int(&r, 0, 0) != M_DRAFT)
		return wc_fail(e, WC_E_CONFLICT, "message %" PRId64 " is no draft any more", x->id);
	*route   = wc_row_int(&r, 0, 1);
	*answers = wc_row_int(&r, 0, 2);
	return 0;
}

static int approve(wc_db *db, void *arg, wc_err *e)
{
	struct act         *x = arg;
	struct outbox       o = {.a = x->a};
	struct conversation c;
	int64_t             route, answers;

	if (lock_draft(db, x, &c, &route, &answers, e) < 0 ||
	    wc_db_exec(db, e, "UPDATE message SET state = 11 WHERE id = ?", wc_int(x->id)) < 0 ||
	    event_add(db, x->a, c.id, x->id, "approved", x->actor, e) < 0)
		return -1;
	outbox_deliver(&o, route);
	return outbox_send(&o, db, NULL, e) < 0 ? -1 : audit(db, x, "chat.approve", "message", x->id, NULL, e);
}

static int discard(wc_db *db, void *arg, wc_err *e)
{
	struct act         *x = arg;
	struct conversation c;
	int64_t             route, answers;

	if (lock_draft(db, x, &c, &route, &answers, e) < 0 ||
	    wc_db_exec(db, e, "UPDATE message SET state = 19 WHERE id = ?", wc_int(x->id)) < 0 || unanswer(db, x->a, answers, e) < 0 ||
	    event_add(db, x->a, c.id, x->id, "discarded", x->actor, e) < 0)
		return -1;
	return audit(db, x, "chat.discard", "message", x->id, NULL, e);
}

int draft_approve(int64_t message, const char *actor, wc_err *e)
{
	return run(approve, &(struct act){.id = message, .actor = actor}, e);
}

int draft_discard(int64_t message, const char *actor, wc_err *e)
{
	return run(discard, &(struct act){.id = message, .actor = actor}, e);
}
