/* kf/sync_msg (doc/94670): pages of an account's log behind a cursor, of the last three days. */
#include "kf.h"
#include "kf_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 1000

struct sync {
	struct cgi_call  *c;
	const json_t     *body;
	struct kf_account account;
	struct kf_control control;
	int64_t           now, after, limit;
	bool              more;
};

/* --- the cursor: opaque, of one account -------------------------------------------------------------------------------------- */

static const char *mark_of(wc_arena *a, const char *open_kfid)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "simulator.kf_cursor", open_kfid, NULL);
	return wc_hex(a, hash, 6);
}

static const char *cursor_of(const struct sync *s, int64_t seq)
{
	return wc_printf(s->c->a, "4gw7%s%016" PRIx64, mark_of(s->c->a, s->account.open_kfid), (uint64_t)seq);
}

/* -1: it is none of this account. */
static int64_t seq_of(const struct sync *s, const char *cursor)
{
	const char *mark = wc_printf(s->c->a, "4gw7%s", mark_of(s->c->a, s->account.open_kfid));
	size_t      n    = strlen(mark);

	if (strlen(cursor) != n + 16 || strncmp(cursor, mark, n) || strspn(cursor + n, "0123456789abcdef") != 16)
		return -1;
	return (int64_t)strtoull(cursor + n, NULL, 16);
}

/* --- what it refuses ------------------------------------------------------------------------------------------------------------ */

static int check_token(struct sync *s, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, s->c->a, &rows, e, "SELECT 1 FROM simulator_kf_ring WHERE token = ? AND open_kfid = ? AND until_ms > ?",
	                wc_text(kf_str(s->body, "token")), wc_text(s->account.open_kfid), wc_int(s->now)) < 0)
		return -1;
	return rows.n ? 0 : cgi_refuse(s->c, 95007, "invalid msg token");
}

static int check_tokenless(struct sync *s, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, s->c->a, &rows, e, "SELECT COUNT(*) FROM simulator_kf_tokenless WHERE open_kfid = ? AND at_ms > ?",
	                wc_text(s->account.open_kfid), wc_int(s->now - 60000)) < 0)
		return -1;
	if (wc_row_int(&rows, 0, 0) >= s->control.tokenless_per_minute)
		return cgi_refuse(s->c, 45009, "api freq out of limit");
	return wc_db_exec(NULL, e, "INSERT INTO simulator_kf_tokenless (open_kfid, at_ms) VALUES (?, ?)", wc_text(s->account.open_kfid),
	                  wc_int(s->now)) < 0 ? -1 : 0;
}

/* The first message that is kept: what is older than three days is gone. */
static int oldest(struct sync *s, int64_t *seq, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, s->c->a, &rows, e, "SELECT COALESCE(MAX(seq), 0) FROM simulator_kf_message WHERE open_kfid = ? AND at_ms <= ?",
	                wc_text(s->account.open_kfid), wc_int(s->now - KF_KEEP_MS)) < 0)
		return -1;
	*seq = wc_row_int(&rows, 0, 0);
	return 0;
}

static int check_cursor(struct sync *s, wc_err *e)
{
	const char *cursor = kf_str(s->body, "cursor");
	int64_t     first;
	int         taken;

	if (oldest(s, &first, e) < 0)
		return -1;
	s->after = first;
	if (!*cursor)
		return 0;
	taken = s->control.refused_cursors ? kf_control_take(NULL, "refused_cursors", e) : 0;
	if (taken < 0)
		return -1;
	s->after = seq_of(s, cursor);
	if (taken || strlen(cursor) > 64 || s->after < 0 || (s->after < first && !strcmp(s->control.old_cursor, "refused")))
		return cgi_refuse(s->c, s->control.cursor_errcode, "invalid cursor");
	if (s->after < first)
		s->after = first;
	return 0;
}

static int64_t number_or(const json_t *body, const char *name, int64_t standard)
{
	const json_t *value = json_object_get(body, name);

	return !value ? standard : json_is_integer(value) ? json_integer_value(value) : -1;
}

static int check(struct sync *s, wc_err *e)
{
	int64_t voice = number_or(s->body, "voice_format", 0), limit = number_or(s->body, "limit", LIMIT_MAX);

	if (limit < 0 || (voice != 0 && voice != 1))
		return cgi_refuse(s->c, 40058, "invalid request parameter");
	s->limit = limit && limit < s->control.page_max ? limit : s->control.page_max;
	if ((*kf_str(s->body, "token") ? check_token : check_tokenless)(s, e) < 0)
		return -1;
	return s->c->errcode ? 0 : check_cursor(s, e);
}

/* --- the page -------------------------------------------------------------------------------------------------------------------- */

static json_t *entry_json(const wc_rows *rows, size_t i)
{
	int64_t     origin = wc_row_int(rows, i, 3);
	const char *type   = wc_row_text(rows, i, 5);
	json_t     *entry  = json_pack("{s:s, s:I, s:I, s:s}", "msgid", wc_row_text(rows, i, 1), "send_time", (json_int_t)(wc_row_int(rows, i, 7) / 1000),
	                               "origin", (json_int_t)origin, "msgtype", type);

	json_object_set_new(entry, type, json_loads(wc_row_text(rows, i, 6), JSON_DECODE_ANY, NULL));
	if (origin == KF_EVENT)
		return entry;
	json_object_set_new(entry, "open_kfid", json_string(wc_row_text(rows, i, 8)));
	json_object_set_new(entry, "external_userid", json_string(wc_row_text(rows, i, 2)));
	if (origin == KF_SERVICER)
		json_object_set_new(entry, "servicer_userid", json_string(wc_row_text(rows, i, 4)));
	return entry;
}

/* A page ends before the first entry that syncing has not reached yet. */
static int read_page(struct sync *s, int64_t after, int64_t limit, json_t **list, int64_t *last, wc_err *e)
{
	wc_rows rows;
	size_t  n;

	if (wc_db_query(NULL, s->c->a, &rows, e, "SELECT seq, msgid, external_userid, origin, servicer, msgtype, content, at_ms, open_kfid, visible_ms"
	                " FROM simulator_kf_message WHERE open_kfid = ? AND seq > ? ORDER BY seq LIMIT ?", wc_text(s->account.open_kfid),
	                wc_int(after), wc_int(limit + 1)) < 0)
		return -1;
	*list = wc_json(s->c->a, "[]");
	*last = after;
	for (n = 0; n < rows.n && (int64_t)n < limit && wc_row_int(&rows, n, 9) <= s->now; n++) {
		json_array_append_new(*list, entry_json(&rows, n));
		*last = wc_row_int(&rows, n, 0);
	}
	s->more = n < rows.n && wc_row_int(&rows, n, 9) <= s->now;
	return !n ? 0 : wc_db_exec(NULL, e, "UPDATE simulator_kf_message SET pulled = pulled + 1 WHERE open_kfid = ? AND seq > ? AND seq <= ?",
	                           wc_text(s->account.open_kfid), wc_int(after), wc_int(*last)) < 0 ? -1 : 0;
}

/* The page before the cursor once more. */
static int again(struct sync *s, json_t **list, wc_err *e)
{
	wc_rows rows;
	int64_t last;

	if (wc_db_query(NULL, s->c->a, &rows, e, "SELECT COALESCE(MIN(seq), 1) - 1, COUNT(*) FROM (SELECT seq FROM simulator_kf_message WHERE open_kfid = ?"
	                " AND seq <= ? AND at_ms > ? ORDER BY seq DESC LIMIT ?) page", wc_text(s->account.open_kfid), wc_int(s->after),
	                wc_int(s->now - KF_KEEP_MS), wc_int(s->limit)) < 0 ||
	    read_page(s, wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), list, &last, e) < 0)
		return -1;
	s->more = true;
	return 0;
}

static int page(struct sync *s, wc_err *e)
{
	json_t *list = wc_json(s->c->a, "[]");
	int64_t last = s->after;
	int     empty = 0, twice = 0;

	if (s->control.empty_pages && (empty = kf_control_take(NULL, "empty_pages", e)) < 0)
		return -1;
	if (!empty && s->control.duplicate_pages && s->after > 0 && (twice = kf_control_take(NULL, "duplicate_pages", e)) < 0)
		return -1;
	s->more = true;
	if (!empty && (twice ? again(s, &list, e) : read_page(s, s->after, s->limit, &list, &last, e)) < 0)
		return -1;
	s->c->answer = wc_json(s->c->a, "{s:s, s:i, s:O}", "next_cursor", cursor_of(s, last), "has_more", s->more, "msg_list", list);
	return 0;
}

static int sync_msg(struct cgi_call *c, wc_err *e)
{
	struct sync s = {.c = c, .body = kf_body(c)};

	if (!s.body)
		return 0;
	if (kf_need_account(c, s.body, &s.account, e) < 0 || kf_control_read(NULL, c->a, &s.control, e) < 0 || kf_now(c->a, &s.now, e) < 0)
		return -1;
	if (!c->errcode && check(&s, e) < 0)
		return -1;
	return c->errcode ? 0 : page(&s, e);
}

int kf_sync_msg(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "kf/sync_msg", true, sync_msg);
}
