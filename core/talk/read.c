/* Messages and conversations, read: for plugins, the pages and the export. */
#include "talk/parts.h"

#include <wecomd/clock.h>

#include <inttypes.h>
#include <string.h>

#define COLUMNS                                                                                                                           \
	"id, conversation, customer, is_out, said_by, author, kind, state, reason, recalled_at IS NOT NULL, media, text, content, " MS("at")

const char *message_from(int64_t said_by)
{
	static const char *const names[] = {"", "customer", "person", "system", "machine"};

	return names[said_by >= 0 && said_by <= 4 ? said_by : 0];
}

const char *message_state(int64_t state)
{
	switch (state) {
	case M_OWED: return "owed";
	case M_ANSWERED: return "answered";
	case M_PERSON: return "person";
	case M_SETTLED: return "settled";
	case M_QUEUED: return "queued";
	case M_HELD: return "waiting";
	case M_SENT: return "sent";
	case M_FAILING:
	case M_FAILED: return "failed";
	case M_UNCERTAIN: return "uncertain";
	case M_DROPPED: return "dropped";
	case M_DRAFT: return "draft";
	default: return "discarded";
	}
}

static const json_t *content_of(wc_arena *a, int64_t customer, wc_cell cell)
{
	const char *text = opened(a, customer, "message.content", cell);
	wc_err      ignored;

	return text ? wc_json_parse(a, text, strlen(text), &ignored) : NULL;
}

static void fill(wc_arena *a, const wc_rows *r, size_t i, wc_message *m)
{
	*m = (wc_message){.id           = wc_row_int(r, i, 0),
	                  .conversation = wc_row_int(r, i, 1),
	                  .customer     = wc_row_int(r, i, 2),
	                  .is_out       = wc_row_int(r, i, 3),
	                  .from         = message_from(wc_row_int(r, i, 4)),
	                  .author       = wc_row_text(r, i, 5),
	                  .kind         = wc_row_text(r, i, 6),
	                  .state        = message_state(wc_row_int(r, i, 7)),
	                  .reason       = wc_row_text(r, i, 8),
	                  .is_recalled  = wc_row_int(r, i, 9),
	                  .media        = wc_row_int(r, i, 10),
	                  .at_ms        = wc_row_int(r, i, 13)};
	if (m->is_recalled)
		return;
	m->text    = opened(a, m->customer, "message.text", wc_row_cell(r, i, 11));
	m->content = content_of(a, m->customer, wc_row_cell(r, i, 12));
}

int wc_message_read(wc_arena *a, int64_t id, wc_message *m, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT " COLUMNS " FROM message WHERE id = ?", wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no message %" PRId64, id);
	fill(a, &rows, 0, m);
	return 0;
}

int wc_message_latest(wc_arena *a, int64_t conversation, int64_t until, size_t n, wc_message **list, size_t *count, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT " COLUMNS " FROM message WHERE conversation = ? AND id <= ? ORDER BY id DESC LIMIT ?",
	                wc_int(conversation), wc_int(until ? until : INT64_MAX), wc_int((int64_t)n)) < 0)
		return -1;
	*list  = wc_alloc(a, rows.n * sizeof **list);
	*count = rows.n;
	for (size_t i = 0; i < rows.n; i++)
		fill(a, &rows, i, &(*list)[rows.n - 1 - i]);
	return 0;
}

int wc_conversation_read(wc_db *db, wc_arena *a, int64_t id, wc_conversation *out, wc_err *e)
{
	struct conversation c;

	if (conversation_look(db, a, id, &c, e) < 0)
		return -1;
	*out = (wc_conversation){.source = c.source, .handler = c.handler == BY_PERSON ? "person" : "machine", .assignee = c.assignee, .is_open = c.is_open};
	return conversation_address(db, a, &c, &out->address, e);
}

int64_t wc_conversation_of(wc_db *db, wc_arena *a, const char *channel, const char *account, const char *peer, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;

	peer_hash(hash, peer);
	if (wc_db_query(db, a, &rows, e,
	                "SELECT c.id FROM channel_identities i JOIN conversation c ON c.identity = i.id AND c.account = ? AND c.is_open = 1"
	                " WHERE i.channel = ? AND i.peer_hash = ?",
	                wc_text(account ? account : ""), wc_text(channel), wc_bytes(hash, sizeof hash)) < 0)
		return -1;
	return rows.n ? wc_row_int(&rows, 0, 0) : 0;
}

int64_t wc_message_by_channel_id(wc_db *db, wc_arena *a, const char *channel, const char *channel_msgid, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT id FROM message WHERE channel = ? AND msgid = ?", wc_text(channel),
	                wc_bytes(channel_msgid, strlen(channel_msgid))) < 0)
		return -1;
	return rows.n ? wc_row_int(&rows, 0, 0) : 0;
}

int wc_talk_window(wc_arena *a, int64_t conversation, wc_window *w, wc_err *e)
{
	const struct talk_channel *ch;
	struct conversation        c;
	wc_address                 to;

	if (conversation_look(NULL, a, conversation, &c, e) < 0 || conversation_address(NULL, a, &c, &to, e) < 0)
		return -1;
	*w = (wc_window){.limit = -1, .left = -1, .reason = "not_loaded"};
	ch = channel_find(c.channel);
	if (!ch)
		return 0;
	*w = (wc_window){.limit = -1, .left = -1, .reason = ""};
	return ch->channel->window(a, &to, w, self_now(ch->self), e);
}
