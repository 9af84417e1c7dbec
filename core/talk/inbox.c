/* Conversations, messages, drafts and customers as people see them: rows for pages, opened here and nowhere else. */
#include "talk/parts.h"

#include "db/db.h"

#include <wecomd/clock.h>

#include <inttypes.h>
#include <string.h>

#define PREVIEW_CHARS 60

/* --- small things ----------------------------------------------------------------------------------------------------- */

static json_t *time_of(wc_arena *a, const wc_rows *r, size_t i, size_t column)
{
	return wc_row_cell(r, i, column).s ? json_string(wc_time_text(a, wc_row_int(r, i, column))) : json_null();
}

static json_t *word_of(const wc_rows *r, size_t i, size_t column)
{
	const char *text = wc_row_text(r, i, column);

	return *text ? json_string(text) : json_null();
}

static json_t *number_of(const wc_rows *r, size_t i, size_t column)
{
	return wc_row_int(r, i, column) ? json_integer(wc_row_int(r, i, column)) : json_null();
}

/* "张**": the first character says whom one talks of, no more. */
const char *masked_name(wc_arena *a, const char *name)
{
	size_t n = name ? wc_utf8_cut(name, strlen(name), 4) : 0;

	if (!n)
		return name;
	for (n = 1; name[n] && ((unsigned char)name[n] & 0xc0) == 0x80;)
		n++;
	return wc_printf(a, "%.*s**", (int)n, name);
}

/* The beginning of a text without digits and without the customer's name. */
const char *preview_of(wc_arena *a, const char *text, const char *name)
{
	wc_buf *b     = wc_buf_new(a, 4 * PREVIEW_CHARS + 8);
	size_t  named = name ? strlen(name) : 0;

	for (size_t chars = 0; text && *text && chars < PREVIEW_CHARS; chars++) {
		size_t n = 1;

		if (named && !strncmp(text, name, named)) {
			wc_buf_adds(b, "**");
			text += named;
			continue;
		}
		while (((unsigned char)text[n] & 0xc0) == 0x80)
			n++;
		if (*text >= '0' && *text <= '9')
			wc_buf_addc(b, '*');
		else if ((unsigned char)*text < 0x20)
			wc_buf_addc(b, ' ');
		else
			wc_buf_add(b, text, n);
		text += n;
	}
	if (text && *text)
		wc_buf_adds(b, "…");
	return b->s;
}

static const char *opened_name(wc_arena *a, int64_t customer, wc_cell cell)
{
	return opened(a, customer, "channel_identities.name", cell);
}

/* --- conversations ---------------------------------------------------------------------------------------------------- */

#define CONVERSATIONS                                                                                                                     \
	"SELECT c.last_id, c.id, c.channel, c.account, c.source, c.customer, c.is_open, c.handler, c.assignee, " MS("c.opened_at") ", "       \
	MS("c.closed_at") ", i.name, " MS("m.at") ", m.said_by, m.kind, IF(m.recalled_at IS NULL, m.text, NULL),"                              \
	" (SELECT COUNT(*) FROM message x WHERE x.conversation = c.id AND x.state = 1),"                                                      \
	" (SELECT COUNT(*) FROM message x WHERE x.conversation = c.id AND x.state IN (11, 12, 14))"                                           \
	" FROM conversation c LEFT JOIN channel_identities i ON i.id = c.identity LEFT JOIN message m ON m.id = c.last_id"

/* The numbers of the first column as a JSON list, which OF_LIST makes rows of. */
static const char *list_of(wc_arena *a, const wc_rows *rows)
{
	wc_buf *b = wc_buf_new(a, 24 * rows->n + 8);

	for (size_t i = 0; i < rows->n; i++)
		wc_buf_addf(b, "%c%" PRId64, i ? ',' : '[', wc_row_int(rows, i, 0));
	wc_buf_adds(b, rows->n ? "]" : "[]");
	return b->s;
}

#define OF_LIST "JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$'))"

/* A list is named first and then joined, or every row of the table would be asked whether it is in it. */
#define IN_LIST " IN (SELECT w.id FROM " OF_LIST " w)"
#define BY_NAME "SELECT c.id FROM channel_identities i JOIN conversation c ON c.identity = i.id WHERE i."

static int find_conversations(wc_arena *a, const char *q, bool words, const char **list, wc_err *e)
{
	unsigned char name[WC_HASH_SIZE], peer[WC_HASH_SIZE];
	wc_rows       rows, found = {0};

	name_hash(name, q);
	peer_hash(peer, q);
	if (words && words_find(a, q, INT64_MAX, 500, &found, e) < 0)
		return -1;
	if (wc_db_query(NULL, a, &rows, e,
	                "(" BY_NAME "name_hash = ? LIMIT 1000) UNION (" BY_NAME "peer_hash = ? LIMIT 1000)"
	                " UNION SELECT f.conversation FROM " OF_LIST " w JOIN message f ON f.id = w.id",
	                wc_bytes(name, sizeof name), wc_bytes(peer, sizeof peer), wc_text(list_of(a, &found))) < 0)
		return -1;
	*list = list_of(a, &rows);
	return 0;
}

int conversations_list(wc_arena *a, const struct chat_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e)
{
	const char      *named = NULL;
	struct db_select s;

	if (f->q && *f->q && find_conversations(a, f->q, f->words, &named, e) < 0)
		return -1;
	db_select_begin(&s, a, CONVERSATIONS);
	db_select_add(&s, " WHERE c.last_id > 0 AND c.last_id < ?", wc_int(before));
	if (f->state)
		wc_buf_adds(s.sql, !strcmp(f->state, "open") ? " AND c.is_open = 1" : " AND c.is_open IS NULL");
	db_select_word(&s, " AND c.source = ?", f->source);
	db_select_word(&s, " AND c.channel = ?", f->channel);
	if (f->handler)
		db_select_add(&s, " AND c.handler = ?", wc_int(!strcmp(f->handler, "person")));
	db_select_text(&s, " AND c.assignee = ?", f->assignee);
	if (f->waiting)
		wc_buf_adds(s.sql, " AND c.id IN (SELECT conversation FROM message WHERE state IN (11, 12, 14))");
	if (f->unanswered)
		wc_buf_adds(s.sql, " AND c.id IN (SELECT conversation FROM message WHERE state = 1)");
	db_select_text(&s, " AND c.id" IN_LIST, named);
	db_select_add(&s, " ORDER BY c.last_id DESC LIMIT ?", wc_int(limit));
	return db_select_run(&s, rows, e);
}

static json_t *last_of(wc_arena *a, const wc_rows *r, size_t i, const char *name)
{
	const char *text = opened(a, wc_row_int(r, i, 5), "message.text", wc_row_cell(r, i, 15));

	if (!wc_row_cell(r, i, 13).s)
		return json_null();
	return json_pack("{s:o, s:s, s:s, s:s}", "at", time_of(a, r, i, 12), "from", message_from(wc_row_int(r, i, 13)), "kind", wc_row_text(r, i, 14),
	                 "preview", preview_of(a, text, name));
}

json_t *conversation_item(wc_arena *a, const wc_rows *r, size_t i, const void *whole)
{
	const char *name = opened_name(a, wc_row_int(r, i, 5), wc_row_cell(r, i, 11));

	return json_pack("{s:I, s:s, s:s, s:s, s:{s:I, s:s?}, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:o}", "id", (json_int_t)wc_row_int(r, i, 1), "channel",
	                 wc_row_text(r, i, 2), "account", wc_row_text(r, i, 3), "source", wc_row_text(r, i, 4), "customer", "id",
	                 (json_int_t)wc_row_int(r, i, 5), "name", *(const bool *)whole ? name : masked_name(a, name), "state",
	                 wc_row_int(r, i, 6) == 1 ? "open" : "closed", "handler", wc_row_int(r, i, 7) ? "person" : "machine", "assignee", word_of(r, i, 8),
	                 "last", last_of(a, r, i, name), "unanswered", (json_int_t)wc_row_int(r, i, 16), "waiting", (json_int_t)wc_row_int(r, i, 17),
	                 "opened_at", time_of(a, r, i, 9), "closed_at", time_of(a, r, i, 10));
}

static json_t *window_json(wc_arena *a, int64_t id)
{
	wc_window w;
	wc_err    e;

	if (wc_talk_window(a, id, &w, &e) < 0)
		return json_pack("{s:b, s:n, s:n, s:n, s:n, s:s}", "open", 0, "closes_at", "limit", "left", "reserve", "reason", "unknown");
	return json_pack("{s:b, s:s?, s:o, s:o, s:I, s:s}", "open", w.is_open, "closes_at", w.closes_ms ? wc_time_text(a, w.closes_ms) : NULL, "limit",
	                 w.limit < 0 ? json_null() : json_integer(w.limit), "left", w.left < 0 ? json_null() : json_integer(w.left), "reserve",
	                 (json_int_t)w.reserve, "reason", w.reason ? w.reason : "");
}

json_t *identities_json(wc_arena *a, int64_t customer, bool whole, wc_err *e)
{
	json_t *list = wc_json(a, "[]");
	wc_rows r;

	if (wc_db_query(NULL, a, &r, e,
	                "SELECT id, channel, name, peer, ties, other_customer, " MS("created_at") " FROM channel_identities WHERE customer = ? ORDER BY id"
	                " LIMIT 100", wc_int(customer)) < 0)
		return NULL;
	for (size_t i = 0; i < r.n; i++) {
		const char *name = opened_name(a, customer, wc_row_cell(&r, i, 2));
		const char *ties = whole ? opened(a, customer, "channel_identities.ties", wc_row_cell(&r, i, 4)) : NULL;
		wc_err      ignored;

		json_array_append_new(list, json_pack("{s:I, s:s, s:s?, s:s*, s:O*, s:o, s:o}", "id", (json_int_t)wc_row_int(&r, i, 0), "channel",
		                                      wc_row_text(&r, i, 1), "name", whole ? name : masked_name(a, name), "peer",
		                                      whole ? opened(a, customer, "channel_identities.peer", wc_row_cell(&r, i, 3)) : NULL, "ties",
		                                      ties ? wc_json_parse(a, ties, strlen(ties), &ignored) : NULL, "other_customer", number_of(&r, i, 5),
		                                      "created_at", time_of(a, &r, i, 6)));
	}
	return list;
}

json_t *conversation_whole(wc_arena *a, int64_t id, wc_err *e)
{
	static const bool whole = true;
	json_t           *item, *identities;
	wc_rows           r;

	if (wc_db_query(NULL, a, &r, e, CONVERSATIONS " WHERE c.id = ?", wc_int(id)) < 0)
		return NULL;
	if (!r.n) {
		wc_fail(e, WC_E_NOT_FOUND, "there is no conversation %" PRId64, id);
		return NULL;
	}
	item       = wc_json_keep(a, conversation_item(a, &r, 0, &whole));
	identities = identities_json(a, wc_row_int(&r, 0, 5), true, e);
	if (!identities)
		return NULL;
	json_object_set_new(item, "window", window_json(a, id));
	json_object_set(item, "identities", identities);
	return item;
}

/* --- messages --------------------------------------------------------------------------------------------------------- */

#define MESSAGES                                                                                                                          \
	"SELECT m.id, " MS("m.at") ", m.is_out, m.said_by, m.author, m.kind, m.text, m.content, m.state, m.reason, m.outcome, m.answers, m.why,"   \
	" m.recalled_at IS NOT NULL, m.trace_id, m.customer, d.id, d.name, d.type, d.bytes, m.conversation, m.channel, m.is_notice,"             \
	" " MS("m.sent_at") " FROM message m LEFT JOIN media d ON d.id = m.media"

static json_t *opened_json(wc_arena *a, int64_t customer, const char *about, wc_cell cell)
{
	const char *text = opened(a, customer, about, cell);
	wc_err      ignored;
	json_t     *value = text ? wc_json_parse(a, text, strlen(text), &ignored) : NULL;

	return value ? json_incref(value) : json_null();
}

static json_t *media_json(wc_arena *a, const wc_rows *r, size_t i)
{
	wc_cell  cell = wc_row_cell(r, i, 17);
	wc_slice name = {"", 0};
	wc_err   ignored;

	if (!wc_row_int(r, i, 16))
		return json_null();
	if (wc_unseal(a, "media.name", (wc_slice){cell.s, cell.n}, &name, &ignored) < 0)
		name = (wc_slice){"file", 4};
	return json_pack("{s:I, s:s%, s:s, s:I}", "id", (json_int_t)wc_row_int(r, i, 16), "name", name.p, name.n, "type", wc_row_text(r, i, 18), "bytes",
	                 (json_int_t)wc_row_int(r, i, 19));
}

static json_t *message_json(wc_arena *a, const wc_rows *r, size_t i)
{
	int64_t customer = wc_row_int(r, i, 15);
	bool    recalled = wc_row_int(r, i, 13);

	return wc_json(a, "{s:I, s:o, s:b, s:s, s:s, s:s, s:s?, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:[]}", "id",
	               (json_int_t)wc_row_int(r, i, 0), "at", time_of(a, r, i, 1), "out", (int)wc_row_int(r, i, 2), "from",
	               message_from(wc_row_int(r, i, 3)), "author", wc_row_text(r, i, 4), "kind", wc_row_text(r, i, 5), "text",
	               recalled ? NULL : opened(a, customer, "message.text", wc_row_cell(r, i, 6)), "content",
	               recalled ? json_null() : opened_json(a, customer, "message.content", wc_row_cell(r, i, 7)), "media",
	               recalled ? json_null() : media_json(a, r, i), "state", message_state(wc_row_int(r, i, 8)), "reason", word_of(r, i, 9), "outcome",
	               word_of(r, i, 10), "answers", number_of(r, i, 11), "why", opened_json(a, customer, "message.why", wc_row_cell(r, i, 12)),
	               "recalled", recalled, "notice", (int)wc_row_int(r, i, 22), "sent_at", time_of(a, r, i, 23), "trace_id", word_of(r, i, 14), "history");
}

/* What happened to each, put into the messages it happened to. */
static int add_history(wc_arena *a, json_t *items, int64_t conversation, int64_t from, int64_t to, wc_err *e)
{
	wc_rows r;
	json_t *item;
	size_t  at;

	if (wc_db_query(NULL, a, &r, e,
	                "SELECT message, " MS("at") ", what, detail FROM conversation_event WHERE conversation = ? AND message BETWEEN ? AND ? ORDER BY id LIMIT 2000",
	                wc_int(conversation), wc_int(from), wc_int(to)) < 0)
		return -1;
	json_array_foreach(items, at, item) {
		for (size_t i = 0; i < r.n; i++)
			if (wc_row_int(&r, i, 0) == json_integer_value(json_object_get(item, "id")))
				json_array_append_new(json_object_get(item, "history"), json_pack("{s:o, s:s, s:s}", "at", time_of(a, &r, i, 1), "what",
				                                                                  wc_row_text(&r, i, 2), "detail", wc_row_text(&r, i, 3)));
	}
	return 0;
}

json_t *thread_items(wc_arena *a, int64_t conversation, int64_t before, int64_t limit, wc_err *e)
{
	json_t *items = wc_json(a, "[]");
	wc_rows r;

	if (wc_db_query(NULL, a, &r, e, MESSAGES " WHERE m.conversation = ? AND m.id < ? ORDER BY m.id DESC LIMIT ?", wc_int(conversation), wc_int(before),
	                wc_int(limit)) < 0)
		return NULL;
	for (size_t i = 0; i < r.n; i++)
		json_array_append(items, message_json(a, &r, i));
	if (r.n && add_history(a, items, conversation, wc_row_int(&r, r.n - 1, 0), wc_row_int(&r, 0, 0), e) < 0)
		return NULL;
	return items;
}

/* The customer's newest name, of whatever channel. */
static const char *name_of(wc_arena *a, int64_t customer)
{
	wc_rows r;
	wc_err  e;

	if (wc_db_query(NULL, a, &r, &e, "SELECT name FROM channel_identities WHERE customer = ? AND name IS NOT NULL ORDER BY id DESC LIMIT 1",
	                wc_int(customer)) < 0 || !r.n)
		return NULL;
	return opened_name(a, customer, wc_row_cell(&r, 0, 0));
}

json_t *draft_items(wc_arena *a, int64_t before, int64_t limit, wc_err *e)
{
	json_t *items = wc_json(a, "[]");
	wc_rows r;

	if (wc_db_query(NULL, a, &r, e, MESSAGES " WHERE m.state = 18 AND m.id < ? ORDER BY m.id DESC LIMIT ?", wc_int(before), wc_int(limit)) < 0)
		return NULL;
	for (size_t i = 0; i < r.n; i++) {
		json_t *item     = message_json(a, &r, i);
		int64_t customer = wc_row_int(&r, i, 15);

		json_object_set_new(item, "conversation", json_integer(wc_row_int(&r, i, 20)));
		json_object_set_new(item, "channel", json_string(wc_row_text(&r, i, 21)));
		json_object_set_new(item, "customer", json_pack("{s:I, s:s?}", "id", (json_int_t)customer, "name", name_of(a, customer)));
		json_array_append(items, item);
	}
	return items;
}

/* --- searching -------------------------------------------------------------------------------------------------------- */

static void add_found(wc_arena *a, json_t *items, const wc_rows *r, size_t i, const char *q)
{
	const char *text = opened(a, wc_row_int(r, i, 4), "message.text", wc_row_cell(r, i, 5));

	if (q && (!text || !words_hold(a, text, q)))
		return;
	json_array_append_new(items, json_pack("{s:I, s:I, s:o, s:s, s:s, s:s}", "message", (json_int_t)wc_row_int(r, i, 0), "conversation",
	                                       (json_int_t)wc_row_int(r, i, 1), "at", time_of(a, r, i, 2), "from", message_from(wc_row_int(r, i, 3)), "kind",
	                                       wc_row_text(r, i, 6), "preview", preview_of(a, text, NULL)));
}

#define FOUND "SELECT m.id, m.conversation, " MS("m.at") ", m.said_by, m.customer, IF(m.recalled_at IS NULL, m.text, NULL), m.kind FROM "

/* Candidates of one look into the index: *last is the oldest one. How many; -1 with *e. */
static int64_t search_some(wc_arena *a, json_t *items, const char *q, int64_t before, int64_t limit, int64_t *last, wc_err *e)
{
	wc_rows ids, r;

	if (words_find(a, q, before, limit, &ids, e) < 0)
		return -1;
	if (!ids.n)
		return 0;
	*last = wc_row_int(&ids, ids.n - 1, 0);
	if (wc_db_query(NULL, a, &r, e, FOUND OF_LIST " w JOIN message m ON m.id = w.id ORDER BY m.id DESC", wc_text(list_of(a, &ids))) < 0)
		return -1;
	for (size_t i = 0; i < r.n; i++)
		add_found(a, items, &r, i, q);
	return (int64_t)ids.n;
}

static json_t *newest(wc_arena *a, int64_t before, int64_t limit, wc_err *e)
{
	json_t *items = wc_json(a, "[]");
	wc_rows r;

	if (wc_db_query(NULL, a, &r, e, FOUND "message m WHERE m.id < ? ORDER BY m.id DESC LIMIT ?", wc_int(before), wc_int(limit)) < 0)
		return NULL;
	for (size_t i = 0; i < r.n; i++)
		add_found(a, items, &r, i, NULL);
	return items;
}

json_t *search_items(wc_arena *a, const char *q, int64_t before, int64_t limit, wc_err *e)
{
	json_t *items = wc_json(a, "[]");
	int64_t n     = limit;

	if (!q || !*q)
		return newest(a, before, limit, e);
	while (n == limit && (int64_t)json_array_size(items) < limit)
		n = search_some(a, items, q, before, limit, &before, e);
	return n < 0 ? NULL : items;
}

/* --- customers -------------------------------------------------------------------------------------------------------- */

static wc_val hashed(wc_arena *a, void (*hash)(unsigned char *, const char *), const char *q)
{
	unsigned char *out = wc_alloc(a, WC_HASH_SIZE);

	hash(out, q);
	return wc_bytes(out, WC_HASH_SIZE);
}

static void by_unionid(unsigned char *out, const char *q) { tie_hash(out, 1, q); }
static void by_mobile(unsigned char *out, const char *q) { tie_hash(out, 2, q); }
static void by_external(unsigned char *out, const char *q) { tie_hash(out, 3, q); }

static json_t *channels_of(wc_arena *a, int64_t customer)
{
	json_t *list = json_array();
	wc_rows r;
	wc_err  e;

	if (wc_db_query(NULL, a, &r, &e, "SELECT DISTINCT channel FROM channel_identities WHERE customer = ? ORDER BY channel LIMIT 50", wc_int(customer)) == 0)
		for (size_t i = 0; i < r.n; i++)
			json_array_append_new(list, json_string(wc_row_text(&r, i, 0)));
	return list;
}

static const char *find_customers(wc_arena *a, const char *q, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "(SELECT customer FROM channel_identities WHERE name_hash = ? LIMIT 1000) UNION (SELECT customer FROM channel_identities"
	                " WHERE peer_hash = ? LIMIT 1000) UNION SELECT customer FROM customer_tie WHERE (kind, hash) IN ((1, ?), (2, ?), (3, ?))",
	                hashed(a, name_hash, q), hashed(a, peer_hash, q), hashed(a, by_unionid, q), hashed(a, by_mobile, q), hashed(a, by_external, q)) < 0)
		return NULL;
	return list_of(a, &rows);
}

static json_t *customer_item(wc_arena *a, const wc_rows *r, size_t i, bool whole)
{
	int64_t     id   = wc_row_int(r, i, 0);
	const char *name = name_of(a, id);

	return json_pack("{s:I, s:s?, s:o, s:o, s:o}", "id", (json_int_t)id, "name", whole ? name : masked_name(a, name), "channels", channels_of(a, id),
	                 "created_at", time_of(a, r, i, 1), "erased_at", time_of(a, r, i, 2));
}

json_t *customer_items(wc_arena *a, const struct customer_filter *f, int64_t before, int64_t limit, bool whole, wc_err *e)
{
	const char      *named = f->q && *f->q ? find_customers(a, f->q, e) : NULL;
	json_t          *items = wc_json(a, "[]");
	struct db_select s;
	wc_rows          r;

	if (f->q && *f->q && !named)
		return NULL;
	db_select_begin(&s, a, "SELECT id, " MS("created_at") ", " MS("erased_at") " FROM customer WHERE");
	db_select_add(&s, " id < ?", wc_int(before));
	if (f->channel) {
		wc_buf_adds(s.sql, " AND id IN (SELECT customer FROM channel_identities WHERE TRUE");
		db_select_word(&s, " AND channel = ?", f->channel);
		wc_buf_adds(s.sql, ")");
	}
	db_select_text(&s, " AND id" IN_LIST, named);
	db_select_add(&s, " ORDER BY id DESC LIMIT ?", wc_int(limit));
	if (db_select_run(&s, &r, e) < 0)
		return NULL;
	for (size_t i = 0; i < r.n; i++)
		json_array_append_new(items, customer_item(a, &r, i, whole));
	return items;
}
