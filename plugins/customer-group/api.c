/* The routes of groups, sweeps, drift and customers. Names are masked: who they are is WeCom's to show. */
#include "group.h"

#include <inttypes.h>
#include <stdlib.h>

json_t *time_json(const wc_rows *rows, size_t row, size_t column)
{
	wc_arena *a;
	json_t   *text;

	if (!wc_row_cell(rows, row, column).s)
		return json_null();
	a    = wc_arena_new();
	text = json_string(wc_time_text(a, wc_row_int(rows, row, column)));
	wc_arena_free(a);
	return text;
}

/* --- sweeps ---------------------------------------------------------------------------------------------------------- */

const wc_field sync_fields[] = {
	{WC_CHOICE, "kind", "sync", offsetof(struct sync_order, kind), "reconcile: every detail is asked for, and what differs is reported", .choices = "sync|reconcile"},
	{0}};

const wc_field sweep_answer[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_CHOICE, "kind", NULL, 0, "what it does", .choices = "sync|reconcile"},
	{WC_CHOICE, "state", NULL, 0, "how it stands", .choices = "running|done|failed"},
	{WC_STRING, "phase", NULL, 0, "where it is"},
	{WC_STRING, "asked_by", NULL, 0, "timer, or who"},
	{WC_INT, "owners", NULL, 0, "whose groups were listed"},
	{WC_INT, "owners_failed", NULL, 0, "of those: refused"},
	{WC_INT, "groups_listed", NULL, 0, "rows of the lists"},
	{WC_INT, "groups_new", NULL, 0, "of those: not known before"},
	{WC_INT, "details", NULL, 0, "that were asked for"},
	{WC_INT, "contacts", NULL, 0, "customers of members"},
	{WC_INT, "calls", NULL, 0, "of WeCom"},
	{WC_INT, "drifts", NULL, 0, "differences"},
	{WC_STRING, "error", NULL, 0, "why it failed; empty: it did not"},
	{WC_TIME, "started_at", NULL, 0, "when"},
	{WC_TIME, "ended_at", NULL, 0, "when", .optional = true},
	{0}};

#define SWEEP \
	"SELECT id, kind, state, phase, asked_by, owners, owners_failed, groups_listed, groups_new, details, contacts, calls, drifts, error," \
	" UNIX_TIMESTAMP(started_at) * 1000, UNIX_TIMESTAMP(ended_at) * 1000 FROM wecom_customer_sweep"

static json_t *sweep_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	static const char *const counts[] = {"owners", "owners_failed", "groups_listed", "groups_new", "details", "contacts", "calls", "drifts"};
	json_t                  *sweep = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", wc_row_text(rows, i, 0), "kind", wc_row_text(rows, i, 1), "state",
	                                           wc_row_text(rows, i, 2), "phase", wc_row_text(rows, i, 3), "asked_by", wc_row_text(rows, i, 4));

	(void)a, (void)unused;
	for (size_t j = 0; j < sizeof counts / sizeof *counts; j++)
		json_object_set_new(sweep, counts[j], json_integer(wc_row_int(rows, i, 5 + j)));
	json_object_set_new(sweep, "error", json_string(wc_row_text(rows, i, 13)));
	json_object_set_new(sweep, "started_at", time_json(rows, i, 14));
	json_object_set_new(sweep, "ended_at", time_json(rows, i, 15));
	return sweep;
}

int api_sync(wc_request *rq, const void *self)
{
	const struct customer_group *s     = self;
	const struct sync_order     *order = wc_body(rq);
	wc_arena                    *a     = wc_request_arena(rq);
	int64_t                      id;
	wc_rows                      rows;
	wc_err                       e;
	int                          rc;

	if (!*s->secret)
		return wc_problem(rq, 409, "not_set_up", "[customer-group] secret names no section [wecom:NAME] yet");
	if ((rc = sweep_begin(a, order->kind, wc_actor(rq), &id, &e)) < 0 ||
	    wc_db_query(NULL, a, &rows, &e, SWEEP " WHERE id = ?", wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_json(rq, rc ? 202 : 200, wc_json_keep(a, sweep_json(a, &rows, 0, NULL)));
}

int api_sweeps(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, SWEEP " WHERE id < ? ORDER BY id DESC LIMIT ?", wc_int(wc_list_after(list, INT64_MAX)),
	                wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, sweep_json, NULL);
}

const wc_field drift_query[]  = {{WC_INT, "sync", NULL, offsetof(struct drift_query, sync), "of this sweep; left out: of the last reconciliation that ended", .min = 1, .max = INT64_MAX, .optional = true}, {0}};
const wc_field drift_answer[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "sync", NULL, 0, "the sweep that found it"},
	{WC_STRING, "object", NULL, 0, "group:CHAT_ID or contact:EXTERNAL_USERID"},
	{WC_STRING, "field", NULL, 0, "group, name, owner, notice, members, follow"},
	{WC_STRING, "ours", NULL, 0, "what was here"},
	{WC_STRING, "theirs", NULL, 0, "what WeCom showed; it is here since"},
	{WC_TIME, "at", NULL, 0, "when"},
	{0}};

static json_t *drift_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", wc_row_text(rows, i, 0), "sync", wc_row_text(rows, i, 1), "object", wc_row_text(rows, i, 2),
	                 "field", wc_row_text(rows, i, 3), "ours", wc_row_text(rows, i, 4), "theirs", wc_row_text(rows, i, 5), "at", time_json(rows, i, 6));
}

int api_drift(wc_request *rq, const void *self)
{
	const struct drift_query *q    = wc_query(rq);
	wc_list                  *list = wc_list_begin(rq);
	wc_rows                   rows;
	wc_err                    e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT id, sweep_id, object, field, ours, theirs, UNIX_TIMESTAMP(at) * 1000 FROM wecom_customer_drift WHERE sweep_id ="
	                " COALESCE(?, (SELECT MAX(id) FROM wecom_customer_sweep WHERE kind = 'reconcile' AND state = 'done')) AND id > ? ORDER BY id LIMIT ?",
	                q->sync == WC_ABSENT ? wc_null() : wc_int(q->sync), wc_int(wc_list_after(list, 0)), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, drift_json, NULL);
}

/* --- groups ---------------------------------------------------------------------------------------------------------- */

const wc_field group_answer[] = {
	{WC_STRING, "chat_id", NULL, 0, "WeCom's id of the group"},
	{WC_STRING, "name", NULL, 0, "empty: nobody named it"},
	{WC_STRING, "owner", NULL, 0, "the owner's userid"},
	{WC_INT, "member_count", NULL, 0, "all who are in it"},
	{WC_INT, "customer_count", NULL, 0, "of those, from outside"},
	{WC_CHOICE, "status", NULL, 0, "how it stands", .choices = STATUS_WORDS},
	{WC_STRING, "notice", NULL, 0, "the group's notice"},
	{WC_BOOL, "deliverable", NULL, 0, "whether it can be sent to now"},
	{WC_STRING, "undeliverable", NULL, 0, "why not: dismissed, unavailable, owner_departed, not_synced, owner_cannot_send, over_quota; empty: it can"},
	{WC_LIST, "tags", NULL, 0, "tags of ours"},
	{WC_INT, "errcode", NULL, 0, "what WeCom refused the last look with; 0: nothing"},
	{WC_TIME, "created_at", NULL, 0, "when it was made", .optional = true},
	{WC_TIME, "activity_at", NULL, 0, "last join, leave, confirmed send or archived message; null: not known", .optional = true},
	{WC_TIME, "detail_at", NULL, 0, "looked at last", .optional = true},
	{WC_TIME, "updated_at", NULL, 0, "changed last"},
	{0}};

static json_t *tag_list(const char *tags)
{
	json_t *list = json_array();
	size_t  n;

	for (; *tags; tags += n + (tags[n] == '\n')) {
		n = strcspn(tags, "\n");
		json_array_append_new(list, json_stringn(tags, n));
	}
	return list;
}

static json_t *group_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	const char *why = wc_row_text(rows, i, GROUP_WHY);

	(void)a, (void)unused;
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:b, s:s, s:o, s:I, s:o, s:o, s:o, s:o}", "chat_id", wc_row_text(rows, i, GROUP_CHAT), "name",
	                 wc_row_text(rows, i, GROUP_NAME), "owner", wc_row_text(rows, i, GROUP_OWNER), "member_count", (json_int_t)wc_row_int(rows, i, GROUP_MEMBERS),
	                 "customer_count", (json_int_t)wc_row_int(rows, i, GROUP_CUSTOMERS), "status", status_word(wc_row_int(rows, i, GROUP_STATUS)), "notice",
	                 wc_row_text(rows, i, GROUP_NOTICE), "deliverable", !*why, "undeliverable", why, "tags", tag_list(wc_row_text(rows, i, GROUP_TAGS)), "errcode",
	                 (json_int_t)wc_row_int(rows, i, GROUP_ERRCODE), "created_at", time_json(rows, i, GROUP_CREATED), "activity_at", time_json(rows, i, GROUP_ACTIVITY),
	                 "detail_at", time_json(rows, i, GROUP_DETAIL), "updated_at", time_json(rows, i, GROUP_UPDATED));
}

int api_groups(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	if (filter_groups(wc_request_arena(rq), self, wc_query(rq), wc_list_after(list, 0), 0, wc_list_fetch(list), &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, group_json, NULL);
}

static int group_id(wc_arena *a, const char *chat_id, int64_t *id, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT id FROM wecom_customer_group WHERE chat_id = ?", wc_text(chat_id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no customer group %.80s", chat_id);
	*id = wc_row_int(&rows, 0, 0);
	return 0;
}

static const struct filter every = {.min_members = WC_ABSENT, .max_members = WC_ABSENT, .min_age_days = WC_ABSENT, .max_age_days = WC_ABSENT, .active_days = WC_ABSENT};

static int reply_group(wc_request *rq, const struct customer_group *self)
{
	wc_arena *a = wc_request_arena(rq);
	json_t   *group, *segments = wc_json(a, "[]");
	int64_t   id;
	wc_rows   rows;
	wc_err    e;

	if (group_id(a, wc_path_param(rq, "chat_id"), &id, &e) < 0 || filter_groups(a, self, &every, 0, id, 1, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	group = wc_json_keep(a, group_json(a, &rows, 0, NULL));
	if (wc_db_query(NULL, a, &rows, &e, "SELECT s.name FROM wecom_customer_segment s JOIN wecom_customer_segment_group g ON g.segment_id = s.id WHERE g.group_id = ?"
	                " ORDER BY s.name", wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(segments, json_string(wc_row_text(&rows, i, 0)));
	json_object_set(group, "segments", segments);
	return wc_reply_json(rq, 200, group);
}

int api_group(wc_request *rq, const void *self)
{
	return reply_group(rq, self);
}

/* --- members --------------------------------------------------------------------------------------------------------- */

const wc_field member_answer[] = {
	{WC_STRING, "id", NULL, 0, "the number of the stay"},
	{WC_STRING, "member_id", NULL, 0, "userid or external_userid"},
	{WC_CHOICE, "kind", NULL, 0, "whether of the company", .choices = "member|customer"},
	{WC_STRING, "name", NULL, 0, "masked"},
	{WC_CHOICE, "scene", NULL, 0, "how they came", .choices = "unknown|invited|link|qr_code"},
	{WC_STRING, "inviter", NULL, 0, "userid; empty: nobody of the company"},
	{WC_STRING, "state", NULL, 0, "of the join way they came by"},
	{WC_TIME, "joined_at", NULL, 0, "when"},
	{WC_TIME, "left_at", NULL, 0, "when; null: still there", .optional = true},
	{0}};

static const char *scene_word(int64_t scene)
{
	static const char *const words[] = {"unknown", "invited", "link", "qr_code"};

	return words[scene >= 1 && scene <= 3 ? scene : 0];
}

static json_t *member_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	const char   *plain = unsealed_text(a, "wecom_customer_group_member.names", wc_row_cell(rows, i, 3));
	wc_err        e;
	const json_t *names = *plain ? wc_json_parse(a, plain, strlen(plain), &e) : NULL;
	const char   *name  = json_string_value(json_array_get(names, 0));

	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "id", wc_row_text(rows, i, 0), "member_id", wc_row_text(rows, i, 1), "kind",
	                 wc_row_int(rows, i, 2) == 1 ? "member" : "customer", "name", masked(a, name ? name : ""), "scene", scene_word(wc_row_int(rows, i, 4)), "inviter",
	                 wc_row_text(rows, i, 5), "state", wc_row_text(rows, i, 6), "joined_at", time_json(rows, i, 7), "left_at", time_json(rows, i, 8));
}

int api_members(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_arena *a   = wc_request_arena(rq);
	int64_t  id;
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (group_id(a, wc_path_param(rq, "chat_id"), &id, &e) < 0 ||
	    wc_db_query(NULL, a, &rows, &e,
	                "SELECT id, member_id, kind, names, scene, inviter, state, UNIX_TIMESTAMP(joined_at) * 1000, UNIX_TIMESTAMP(left_at) * 1000"
	                " FROM wecom_customer_group_member WHERE group_id = ? AND id > ? ORDER BY id LIMIT ?", wc_int(id), wc_int(wc_list_after(list, 0)),
	                wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, member_json, NULL);
}

/* --- the trend ------------------------------------------------------------------------------------------------------- */

const wc_field trend_query[] = {{WC_INT, "days", "30", offsetof(struct trend_query, days), "so many, the last is today", .min = 1, .max = 366}, {0}};

/* By day: who joined, who left, and how many there were at its end. group 0: all groups. */
static int trend(wc_arena *a, const struct customer_group *self, int64_t group, int64_t days, json_t **list, wc_err *e)
{
	wc_val  offset = wc_int(self->day_offset_ms), one = wc_int(group);
	int64_t members;
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT d.day, COALESCE(j.n, 0), COALESCE(l.n, 0), (SELECT COUNT(*) FROM wecom_customer_group_member WHERE (? = 0 OR group_id = ?) AND left_at IS NULL)"
	                " FROM (SELECT DATE(NOW() + INTERVAL ? * 1000 MICROSECOND) - INTERVAL seq DAY AS day FROM seq_0_to_365 WHERE seq < ?) AS d"
	                " LEFT JOIN (SELECT DATE(joined_at + INTERVAL ? * 1000 MICROSECOND) AS day, COUNT(*) AS n FROM wecom_customer_group_member WHERE (? = 0 OR group_id = ?)"
	                "  AND joined_at > NOW() - INTERVAL ? DAY GROUP BY day) AS j ON j.day = d.day"
	                " LEFT JOIN (SELECT DATE(left_at + INTERVAL ? * 1000 MICROSECOND) AS day, COUNT(*) AS n FROM wecom_customer_group_member WHERE (? = 0 OR group_id = ?)"
	                "  AND left_at > NOW() - INTERVAL ? DAY GROUP BY day) AS l ON l.day = d.day ORDER BY d.day DESC",
	                one, one, offset, wc_int(days), offset, one, one, wc_int(days + 1), offset, one, one, wc_int(days + 1)) < 0)
		return -1;
	*list   = wc_json(a, "[]");
	members = rows.n ? wc_row_int(&rows, 0, 3) : 0;
	for (size_t i = 0; i < rows.n; i++) {
		int64_t joined = wc_row_int(&rows, i, 1), left = wc_row_int(&rows, i, 2);

		json_array_insert_new(*list, 0, json_pack("{s:s, s:I, s:I, s:I}", "day", wc_row_text(&rows, i, 0), "joined", (json_int_t)joined, "left", (json_int_t)left,
		                                          "members", (json_int_t)members));
		members += left - joined;
	}
	return 0;
}

int api_trend(wc_request *rq, const void *self)
{
	const struct trend_query *q = wc_query(rq);
	wc_arena                 *a = wc_request_arena(rq);
	json_t                   *days;
	int64_t                   id;
	wc_err                    e;

	if (group_id(a, wc_path_param(rq, "chat_id"), &id, &e) < 0 || trend(a, self, id, q->days, &days, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:O}", "days", days);
}

static int count_groups(wc_arena *a, json_t **counts, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT status, COUNT(*), SUM(member_count) FROM wecom_customer_group GROUP BY status") < 0)
		return -1;
	*counts = wc_json(a, "{}");
	for (size_t i = 0; i < rows.n; i++)
		json_object_set_new(*counts, status_word(wc_row_int(&rows, i, 0)), json_pack("{s:I, s:I}", "groups", (json_int_t)wc_row_int(&rows, i, 1), "members",
		                                                                            (json_int_t)wc_row_int(&rows, i, 2)));
	return 0;
}

/* WeCom's own figures of a day, summed over the owners. */
static int wecom_figures(wc_arena *a, int64_t days, json_t **list, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT day, SUM(JSON_VALUE(data, '$.new_chat_cnt')), SUM(JSON_VALUE(data, '$.chat_total')), SUM(JSON_VALUE(data, '$.chat_has_msg')),"
	                " SUM(JSON_VALUE(data, '$.new_member_cnt')), SUM(JSON_VALUE(data, '$.member_total')), SUM(JSON_VALUE(data, '$.msg_total'))"
	                " FROM wecom_customer_group_stat WHERE day > NOW() - INTERVAL ? DAY GROUP BY day ORDER BY day", wc_int(days + 1)) < 0)
		return -1;
	*list = wc_json(a, "[]");
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(*list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "day", wc_row_text(&rows, i, 0), "new_chat_cnt",
		                                       (json_int_t)wc_row_int(&rows, i, 1), "chat_total", (json_int_t)wc_row_int(&rows, i, 2), "chat_has_msg",
		                                       (json_int_t)wc_row_int(&rows, i, 3), "new_member_cnt", (json_int_t)wc_row_int(&rows, i, 4), "member_total",
		                                       (json_int_t)wc_row_int(&rows, i, 5), "msg_total", (json_int_t)wc_row_int(&rows, i, 6)));
	return 0;
}

int api_statistics(wc_request *rq, const void *self)
{
	const struct trend_query *q = wc_query(rq);
	wc_arena                 *a = wc_request_arena(rq);
	json_t                   *days, *counts, *wecom;
	wc_err                    e;

	if (trend(a, self, 0, q->days, &days, &e) < 0 || count_groups(a, &counts, &e) < 0 || wecom_figures(a, q->days, &wecom, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:O, s:O, s:O}", "groups", counts, "days", days, "wecom", wecom);
}

/* --- tags of ours ---------------------------------------------------------------------------------------------------- */

const wc_field tags_fields[] = {{WC_LIST, "tags", NULL, offsetof(struct tags_order, tags), "all that the group has from now on", .min = 0, .max = 20}, {0}};

struct tagging {
	wc_arena          *a;
	const char *const *tags;
	const char        *actor, *chat_id;
	int64_t            id;
};

static int tag_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct tagging *t = arg;

	if (wc_db_exec(db, e, "DELETE FROM wecom_customer_group_tag WHERE group_id = ?", wc_int(t->id)) < 0)
		return -1;
	for (const char *const *tag = t->tags; *tag; tag++)
		if (wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_group_tag (group_id, tag) VALUES (?, ?)", wc_int(t->id), wc_text(*tag)) < 0)
			return -1;
	return wc_audit(db, &(wc_audit_entry){t->actor, "customer_group.tags", wc_printf(t->a, "group:%s", t->chat_id), NULL}, e);
}

int api_tags(wc_request *rq, const void *self)
{
	const struct tags_order *o = wc_body(rq);
	struct tagging           t = {wc_request_arena(rq), o->tags, wc_actor(rq), wc_path_param(rq, "chat_id"), 0};
	wc_err                   e;

	for (const char *const *tag = t.tags; *tag; tag++)
		if (!**tag || strlen(*tag) > 64 || strchr(*tag, '\n'))
			return wc_reply_bad_fields(rq, &(wc_bad_field){"tags", "texts of 1 to 64 bytes", NULL});
	if (group_id(t.a, t.chat_id, &t.id, &e) < 0 || wc_db_tx(tag_tx, &t, &e) < 0 || segments_refresh(self, t.id, &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_group(rq, self);
}

/* --- customers ------------------------------------------------------------------------------------------------------- */

struct contact_filter { const char *userid, *status; };

const wc_field contact_query[] = {
	{WC_STRING, "userid", NULL, offsetof(struct contact_filter, userid), "of this member", .max = 64, .optional = true},
	{WC_CHOICE, "status", NULL, offsetof(struct contact_filter, status), "how the two stand", .choices = "friend|half|deleted|left|lost", .optional = true},
	{0}};

const wc_field contact_answer[] = {
	{WC_STRING, "id", NULL, 0, "the number of the pair"},
	{WC_STRING, "external_userid", NULL, 0, "the customer"},
	{WC_STRING, "name", NULL, 0, "masked"},
	{WC_STRING, "userid", NULL, 0, "the member"},
	{WC_CHOICE, "status", NULL, 0, "deleted: by the member; left: by the customer; lost: not listed any more", .choices = "friend|half|deleted|left|lost"},
	{WC_STRING, "state", NULL, 0, "of the contact way they met by"},
	{WC_INT, "add_way", NULL, 0, "WeCom's number for how they met"},
	{WC_LIST, "tags", NULL, 0, "ids of WeCom's tags"},
	{WC_TIME, "followed_at", NULL, 0, "when they met", .optional = true},
	{WC_TIME, "updated_at", NULL, 0, "changed last"},
	{0}};

static json_t *contact_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	const char   *plain = unsealed_text(a, "wecom_contact.person", wc_row_cell(rows, i, 2)), *tags = wc_row_text(rows, i, 7);
	wc_err        e;
	const json_t *person = *plain ? wc_json_parse(a, plain, strlen(plain), &e) : NULL;

	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:O, s:o, s:o}", "id", wc_row_text(rows, i, 0), "external_userid", wc_row_text(rows, i, 1), "name",
	                 masked(a, text_of(person, "name")), "userid", wc_row_text(rows, i, 3), "status", wc_row_text(rows, i, 4), "state", wc_row_text(rows, i, 5),
	                 "add_way", (json_int_t)wc_row_int(rows, i, 6), "tags", wc_json_parse(a, tags, strlen(tags), &e), "followed_at", time_json(rows, i, 8),
	                 "updated_at", time_json(rows, i, 9));
}

int api_contacts(wc_request *rq, const void *self)
{
	const struct contact_filter *f    = wc_query(rq);
	wc_list                     *list = wc_list_begin(rq);
	wc_rows                      rows;
	wc_err                       e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT f.id, c.external_userid, c.person, f.userid, f.status, f.state, f.add_way, f.tags, UNIX_TIMESTAMP(f.followed_at) * 1000,"
	                " UNIX_TIMESTAMP(f.updated_at) * 1000 FROM wecom_contact_follow f JOIN wecom_contact c ON c.id = f.contact_id"
	                " WHERE f.id > ? AND (? IS NULL OR f.userid = ?) AND (? IS NULL OR f.status = ?) ORDER BY f.id LIMIT ?", wc_int(wc_list_after(list, 0)),
	                wc_text(f->userid), wc_text(f->userid), wc_text(f->status), wc_text(f->status), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, contact_json, NULL);
}
