/* What conversations keep about a customer, for its page, its export and its erasure. */
#include "talk/parts.h"

#include <inttypes.h>
#include <string.h>

json_t *identities_read(wc_arena *a, int64_t id, const void *self, wc_err *e)
{
	(void)self;
	return identities_json(a, id, false, e);
}

json_t *identities_whole(wc_arena *a, int64_t id, const void *self, wc_err *e)
{
	(void)self;
	return identities_json(a, id, true, e);
}

#define CONVERSATIONS                                                                                                                     \
	"SELECT id, channel, account, source, is_open, " MS("opened_at") ", " MS("closed_at") ", assignee FROM conversation"                   \
	" WHERE customer = ? AND id < ? ORDER BY id DESC LIMIT ?"

static json_t *conversation_json(const wc_rows *r, size_t i)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:o, s:s}", "id", (json_int_t)wc_row_int(r, i, 0), "channel", wc_row_text(r, i, 1), "account",
	                 wc_row_text(r, i, 2), "source", wc_row_text(r, i, 3), "state", wc_row_int(r, i, 4) == 1 ? "open" : "closed", "opened_ms",
	                 (json_int_t)wc_row_int(r, i, 5), "closed_ms", wc_row_cell(r, i, 6).s ? json_integer(wc_row_int(r, i, 6)) : json_null(), "assignee",
	                 wc_row_text(r, i, 7));
}

json_t *conversations_read(wc_arena *a, int64_t id, const void *self, wc_err *e)
{
	json_t *list = wc_json(a, "[]");
	wc_rows r;

	(void)self;
	if (wc_db_query(NULL, a, &r, e, CONVERSATIONS, wc_int(id), wc_int(INT64_MAX), wc_int(20)) < 0)
		return NULL;
	for (size_t i = 0; i < r.n; i++)
		json_array_append_new(list, conversation_json(&r, i));
	return list;
}

#define PAGE 500

/* All of it, page by page, though newest first. */
static json_t *all_messages(wc_arena *a, int64_t conversation, wc_err *e)
{
	json_t *list = wc_json(a, "[]"), *page;
	int64_t before = INT64_MAX;

	do {
		if (!(page = thread_items(a, conversation, before, PAGE, e)))
			return NULL;
		json_array_extend(list, page);
		if (json_array_size(page))
			before = json_integer_value(json_object_get(json_array_get(page, json_array_size(page) - 1), "id"));
	} while (json_array_size(page) == PAGE);
	return list;
}

json_t *conversations_whole(wc_arena *a, int64_t id, const void *self, wc_err *e)
{
	json_t *list = wc_json(a, "[]");
	wc_rows r;

	(void)self;
	if (wc_db_query(NULL, a, &r, e, CONVERSATIONS, wc_int(id), wc_int(INT64_MAX), wc_int(INT64_MAX)) < 0)
		return NULL;
	for (size_t i = 0; i < r.n; i++) {
		json_t *one = conversation_json(&r, i), *messages = all_messages(a, wc_row_int(&r, i, 0), e);

		json_array_append_new(list, one);
		if (!messages)
			return NULL;
		json_object_set(one, "messages", messages);
	}
	return list;
}

/* The files go with the next sweep, since their rows, which name them, are gone. */
int conversations_erase(wc_db *db, int64_t id, const void *self, wc_err *e)
{
	static const char *const statements[] = {
		"DELETE w FROM message_words w JOIN message m ON m.id = w.message WHERE m.customer = ?",
		"DELETE v FROM conversation_event v JOIN conversation c ON c.id = v.conversation WHERE c.customer = ?",
		"DELETE FROM message WHERE customer = ?",
		"DELETE FROM conversation WHERE customer = ?",
		"DELETE FROM channel_identities WHERE customer = ?",
		"DELETE FROM customer_tie WHERE customer = ?",
		"DELETE FROM media WHERE customer = ?",
	};
	wc_arena *a = wc_arena_new();
	wc_rows   locked;
	int       rc = wc_db_query(db, a, &locked, e, "SELECT id FROM conversation WHERE customer = ? ORDER BY id FOR UPDATE", wc_int(id));

	(void)self;
	wc_arena_free(a);
	/* What we sent to nobody else goes too, though it was ours. */
	if (rc < 0 || wc_db_exec(db, e, "DELETE d FROM media d JOIN message m ON m.media = d.id WHERE m.customer = ? AND NOT EXISTS"
	                         " (SELECT 1 FROM message x WHERE x.media = d.id AND x.customer <> ?)", wc_int(id), wc_int(id)) < 0)
		return -1;
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		if (wc_db_exec(db, e, statements[i], wc_int(id)) < 0)
			return -1;
	return 0;
}
