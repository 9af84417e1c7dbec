/* The filters of the list of groups, the mark whether a group can be sent to, and segments: named filters whose groups are kept up to date. */
#include "group.h"

#include <inttypes.h>

const wc_field filter_fields[] = {
	{WC_STRING, "q", NULL, offsetof(struct filter, q), "part of the name, or the chat_id", .max = 200, .optional = true},
	{WC_STRING, "owner", NULL, offsetof(struct filter, owner), "the owner's userid", .max = 64, .optional = true},
	{WC_STRING, "tag", NULL, offsetof(struct filter, tag), "a tag of ours", .max = 64, .optional = true},
	{WC_CHOICE, "status", NULL, offsetof(struct filter, status), "how the group stands", .choices = STATUS_WORDS, .optional = true},
	{WC_STRING, "segment", NULL, offsetof(struct filter, segment), "name of a segment", .max = 64, .optional = true},
	{WC_CHOICE, "deliverable", NULL, offsetof(struct filter, deliverable), "whether it can be sent to now", .choices = "yes|no", .optional = true},
	{WC_INT, "min_members", NULL, offsetof(struct filter, min_members), "at least so many members", .min = 0, .max = 100000, .optional = true},
	{WC_INT, "max_members", NULL, offsetof(struct filter, max_members), "at most so many members", .min = 0, .max = 100000, .optional = true},
	{WC_INT, "min_age_days", NULL, offsetof(struct filter, min_age_days), "made at least so many days ago", .min = 0, .max = 36500, .optional = true},
	{WC_INT, "max_age_days", NULL, offsetof(struct filter, max_age_days), "made at most so many days ago", .min = 0, .max = 36500, .optional = true},
	{WC_INT, "active_days", NULL, offsetof(struct filter, active_days), "a join, leave, send or message within so many days, or nothing known", .min = 1, .max = 36500,
	 .optional = true},
	{0}};

/* Why a group cannot be sent to: the first reason; empty: it can. The company's days, weeks and months are those of Beijing. */
#define WHY \
	"CASE WHEN g.status = 10 THEN 'dismissed' WHEN g.status = 11 THEN 'unavailable' WHEN g.status IN (1, 2) THEN 'owner_departed'" \
	" WHEN g.detail_at IS NULL THEN 'not_synced' WHEN NOT COALESCE(o.followed, FALSE) OR COALESCE(o.errcode, 0) <> 0 THEN 'owner_cannot_send'" \
	" WHEN (SELECT COUNT(*) FROM wecom_customer_group_send s WHERE s.group_id = g.id AND s.sent_at >= ?) >= ? THEN 'over_quota' ELSE '' END"

#define LOCAL "(NOW() + INTERVAL 8 HOUR)"
#define QUOTA \
	"SELECT CASE ? WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE DAY(LAST_DAY(" LOCAL ")) END," \
	" CASE ? WHEN 'day' THEN DATE(" LOCAL ") WHEN 'week' THEN DATE(" LOCAL ") - INTERVAL WEEKDAY(" LOCAL ") DAY ELSE DATE_FORMAT(" LOCAL ", '%Y-%m-01') END" \
	" - INTERVAL 8 HOUR"

#define TAGS "(SELECT GROUP_CONCAT(t.tag ORDER BY t.tag SEPARATOR '\\n') FROM wecom_customer_group_tag t WHERE t.group_id = g.id)"

static wc_val given(int64_t n)
{
	return n == WC_ABSENT ? wc_null() : wc_int(n);
}

/* % and _ mean themselves. */
static const char *like(wc_arena *a, const char *q)
{
	wc_buf *out = wc_buf_new(a, 1024);

	if (!q)
		return NULL;
	wc_buf_addc(out, '%');
	for (; *q; q++) {
		if (strchr("%_\\", *q))
			wc_buf_addc(out, '\\');
		wc_buf_addc(out, *q);
	}
	wc_buf_addc(out, '%');
	return out->s;
}

int filter_groups(wc_arena *a, const struct customer_group *self, const struct filter *f, int64_t after, int64_t one, int64_t limit, wc_rows *rows, wc_err *e)
{
	const char *q = like(a, f->q && *f->q ? f->q : NULL);

	wc_rows     quota;

	/* Apart: MariaDB 10.11 loses a derived table in a subquery when a prepared statement runs again (1054). */
	if (wc_db_query(NULL, a, &quota, e, QUOTA, wc_text(self->quota), wc_text(self->quota)) < 0)
		return -1;
	return wc_db_query(NULL, a, rows, e,
	                   "SELECT * FROM (SELECT " GROUP_COLUMNS ", " WHY " AS why, " TAGS " AS tags FROM wecom_customer_group g"
	                   " LEFT JOIN wecom_customer_owner o ON o.userid = g.owner"
	                   " WHERE g.id > ? AND (? = 0 OR g.id = ?)"
	                   " AND (? IS NULL OR g.name LIKE ? OR g.chat_id = ?) AND (? IS NULL OR g.owner = ?)"
	                   " AND (? IS NULL OR EXISTS (SELECT 1 FROM wecom_customer_group_tag t WHERE t.group_id = g.id AND t.tag = ?))"
	                   " AND (? IS NULL OR EXISTS (SELECT 1 FROM wecom_customer_segment_group sg JOIN wecom_customer_segment s ON s.id = sg.segment_id"
	                   "  WHERE sg.group_id = g.id AND s.name = ?))"
	                   " AND (? IS NULL OR g.status = ?) AND g.member_count >= COALESCE(?, 0) AND g.member_count <= COALESCE(?, 1000000)"
	                   " AND (? IS NULL OR g.created_at <= NOW(3) - INTERVAL ? DAY) AND (? IS NULL OR g.created_at >= NOW(3) - INTERVAL ? DAY)"
	                   " AND (? IS NULL OR g.activity_at IS NULL OR g.activity_at >= NOW(3) - INTERVAL ? DAY)) AS found"
	                   " WHERE ? IS NULL OR (why = '') = (? = 'yes') ORDER BY id LIMIT ?",
	                   wc_text(wc_row_text(&quota, 0, 1)), wc_int(wc_row_int(&quota, 0, 0)), wc_int(after), wc_int(one), wc_int(one), wc_text(q), wc_text(q), wc_text(f->q),
	                   wc_text(f->owner), wc_text(f->owner), wc_text(f->tag), wc_text(f->tag), wc_text(f->segment), wc_text(f->segment),
	                   f->status ? wc_int(1) : wc_null(), wc_int(status_number(f->status)), given(f->min_members), given(f->max_members),
	                   given(f->min_age_days), given(f->min_age_days), given(f->max_age_days), given(f->max_age_days), given(f->active_days),
	                   given(f->active_days), wc_text(f->deliverable), wc_text(f->deliverable), wc_int(limit));
}

/* --- segments -------------------------------------------------------------------------------------------------------- */

#define PART 1000

struct refreshing {
	int64_t     segment, group, from, to;
	const char *ids;
};

/* Of the groups in (from, to] those that pass are in, the others are out. */
static int refresh_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct refreshing *x = arg;
	wc_val                   ids = wc_text(x->ids), segment = wc_int(x->segment);

	if (wc_db_exec(db, e, "DELETE FROM wecom_customer_segment_group WHERE segment_id = ? AND group_id > ? AND group_id <= ? AND NOT JSON_CONTAINS(?, group_id)", segment,
	               wc_int(x->from), wc_int(x->to), ids) < 0 ||
	    wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_segment_group (segment_id, group_id) SELECT ?, x.id FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) AS x"
	               " JOIN wecom_customer_segment s ON s.id = ?", segment, ids, segment) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE wecom_customer_segment s SET updated_at = NOW(3), group_count = (SELECT COUNT(*) FROM wecom_customer_segment_group g"
	                  " WHERE g.segment_id = s.id) WHERE id = ?", segment) < 0 ? -1 : 0;
}

static int refresh_one(const struct customer_group *self, int64_t segment, const struct filter *f, int64_t group, wc_err *e)
{
	struct refreshing x = {.segment = segment, .group = group, .from = group ? group - 1 : 0};
	bool              more = true;

	while (more) {
		wc_arena *a   = wc_arena_new();
		json_t   *ids = wc_json(a, "[]");
		wc_rows   rows;
		int       rc = filter_groups(a, self, f, x.from, group, PART, &rows, e);

		more = rc == 0 && rows.n == PART;
		for (size_t i = 0; rc == 0 && i < rows.n; i++)
			json_array_append_new(ids, json_integer(wc_row_int(&rows, i, GROUP_ID)));
		x.to  = group ? group : more ? wc_row_int(&rows, rows.n - 1, GROUP_ID) : INT64_MAX;
		x.ids = wc_json_text(a, ids);
		if (rc == 0)
			rc = wc_db_tx(refresh_tx, &x, e);
		x.from = x.to;
		wc_arena_free(a);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static wc_bad_field *read_rules(wc_arena *a, const json_t *rules, struct filter *f)
{
	memset(f, 0, sizeof *f);
	return wc_fields_from_json(a, filter_fields, rules, f);
}

static int refresh_all(wc_arena *a, const struct customer_group *self, const char *name, int64_t group, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT id, rules FROM wecom_customer_segment WHERE ? IS NULL OR name = ? ORDER BY id", wc_text(name), wc_text(name)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const json_t *rules = wc_json_parse(a, wc_row_text(&rows, i, 1), strlen(wc_row_text(&rows, i, 1)), e);
		struct filter f;

		if (rules && !read_rules(a, rules, &f) && refresh_one(self, wc_row_int(&rows, i, 0), &f, group, e) < 0)
			return -1;
	}
	return 0;
}

int segments_refresh(const struct customer_group *self, int64_t group, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int       rc = refresh_all(a, self, NULL, group, e);

	wc_arena_free(a);
	return rc;
}

const wc_field segment_fields[] = {{WC_OBJECT, "rules", NULL, offsetof(struct segment, rules), "the filters of the list of groups"}, {0}};

const wc_field segment_answer[] = {
	{WC_STRING, "name", NULL, 0, "what it is called"},
	{WC_OBJECT, "rules", NULL, 0, "the filters of the list of groups"},
	{WC_INT, "groups", NULL, 0, "how many are in it"},
	{WC_TIME, "updated_at", NULL, 0, "looked at last"},
	{0}};

static json_t *segment_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	const char *text = wc_row_text(rows, i, 1);
	wc_err      e;

	(void)unused;
	return json_pack("{s:s, s:O, s:I, s:o}", "name", wc_row_text(rows, i, 0), "rules", wc_json_parse(a, text, strlen(text), &e), "groups",
	                 (json_int_t)wc_row_int(rows, i, 2), "updated_at", time_json(rows, i, 3));
}

#define SEGMENT "SELECT name, rules, group_count, UNIX_TIMESTAMP(updated_at) * 1000 FROM wecom_customer_segment"

int segment_list(wc_request *rq, const void *self)
{
	wc_list    *list  = wc_list_begin(rq);
	const char *after = wc_list_after_text(list);
	wc_rows     rows;
	wc_err      e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, SEGMENT " WHERE name > ? ORDER BY name LIMIT ?", wc_text(after ? after : ""), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, segment_json, NULL);
}

struct segment_change {
	wc_arena   *a;
	const char *name, *rules, *actor;     /* rules NULL: delete */
	int64_t     changed;
};

static int write_segment(wc_db *db, void *arg, wc_err *e)
{
	struct segment_change *c = arg;

	if (c->rules)
		c->changed = wc_db_exec(db, e, "INSERT INTO wecom_customer_segment (name, rules) VALUES (?, ?) ON DUPLICATE KEY UPDATE rules = VALUES(rules), updated_at = NOW(3)",
		                        wc_text(c->name), wc_text(c->rules));
	else
		c->changed = wc_db_exec(db, e, "DELETE s, g FROM wecom_customer_segment s LEFT JOIN wecom_customer_segment_group g ON g.segment_id = s.id WHERE s.name = ?",
		                        wc_text(c->name));
	if (c->changed < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){c->actor, c->rules ? "segment.put" : "segment.delete", wc_printf(c->a, "segment:%s", wc_audit_hash(c->a, c->name)), NULL}, e);
}

int segment_put(wc_request *rq, const void *self)
{
	const struct segment *s = wc_body(rq);
	wc_arena             *a = wc_request_arena(rq);
	struct segment_change c = {a, wc_path_param(rq, "name"), wc_json_text(a, s->rules), wc_actor(rq), 0};
	wc_bad_field         *bad;
	struct filter         f;
	wc_rows               rows;
	wc_err                e;

	if (strlen(c.name) > 64 || !wc_utf8_valid(c.name, strlen(c.name)))
		return wc_problem(rq, 400, "bad_request", "a segment's name has at most 64 bytes");
	if ((bad = read_rules(a, s->rules, &f)))
		return wc_reply_bad_fields(rq, bad);
	if (f.segment)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"segment", "nothing: segments are not made of segments", NULL});
	if (wc_db_tx(write_segment, &c, &e) < 0 || refresh_all(a, self, c.name, 0, &e) < 0 ||
	    wc_db_query(NULL, a, &rows, &e, SEGMENT " WHERE name = ?", wc_text(c.name)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "the segment was deleted meanwhile");
	return wc_reply_json(rq, 200, wc_json_keep(a, segment_json(a, &rows, 0, NULL)));
}

int segment_delete(wc_request *rq, const void *self)
{
	struct segment_change c = {wc_request_arena(rq), wc_path_param(rq, "name"), NULL, wc_actor(rq), 0};
	wc_err                e;

	(void)self;
	if (wc_db_tx(write_segment, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	return c.changed ? wc_reply(rq, 200, "{}") : wc_problem(rq, 404, "not_found", "there is no segment of that name");
}
