/* Customers of members: who follows whom, how they met, and what the member noted. Names, unionids, remarks and mobiles are sealed. */
#include "group.h"

#include <inttypes.h>

#define PERSON "wecom_contact.person"
#define FOLLOW "wecom_contact_follow.person"

struct person {
	const char *external_userid, *name, *unionid, *mobile;
};

/* Who it is among all customers: whoever writes to 微信客服 under the same unionid, mobile or external_userid is the same. */
static int64_t customer_of(wc_db *db, wc_arena *a, const struct person *p, wc_err *e)
{
	return wc_identity(db, a, "contact", p->external_userid, p->name, &(wc_ties){p->unionid, p->mobile, p->external_userid}, e);
}

struct writing {
	wc_arena     *a;          /* of this try */
	const json_t *contact;    /* WeCom's external_contact */
	const json_t *follow;     /* one of follow_user, or follow_info */
	const char   *state;      /* of the event; NULL: the follow's own */
	bool          met;        /* an event said that they met */
	const char   *tags;       /* a JSON list of ids */
	int64_t       sweep;
};

static int64_t write_contact(wc_db *db, const struct writing *w, wc_err *e)
{
	struct person p = {text_of(w->contact, "external_userid"), text_of(w->contact, "name"), text_of(w->contact, "unionid"),
	                   json_string_value(json_array_get(json_object_get(w->follow, "remark_mobiles"), 0))};
	const char   *plain = wc_json_text(w->a, wc_json(w->a, "{s:s, s:s}", "name", p.name, "unionid", p.unionid));
	int64_t       customer = customer_of(db, w->a, &p, e);
	wc_rows       rows;

	if (customer < 0 || wc_db_exec(db, e, "INSERT INTO wecom_contact (external_userid, customer_id, kind, person) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE"
	                               " customer_id = VALUES(customer_id), person = VALUES(person), updated_at = NOW(3)",
	                               wc_text(p.external_userid), wc_int(customer), wc_int(number_of(w->contact, "type")), sealed_text(w->a, PERSON, plain)) < 0 ||
	    wc_db_query(db, w->a, &rows, e, "SELECT id FROM wecom_contact WHERE external_userid = ?", wc_text(p.external_userid)) < 0)
		return -1;
	return wc_row_int(&rows, 0, 0);
}

/* A reconciliation reports a pair that no event told of. */
static int report_new(wc_db *db, const struct writing *w, int64_t contact, wc_err *e)
{
	return wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_drift (sweep_id, object, field, ours, theirs) SELECT id, ?, 'follow', '', ? FROM wecom_customer_sweep"
	                  " WHERE id = ? AND kind = 'reconcile' AND NOT EXISTS (SELECT 1 FROM wecom_contact_follow WHERE contact_id = ? AND userid = ? AND status IN ('friend', 'left'))",
	                  wc_text(wc_printf(w->a, "contact:%s", text_of(w->contact, "external_userid"))), wc_text(text_of(w->follow, "userid")), wc_int(w->sweep),
	                  wc_int(contact), wc_text(text_of(w->follow, "userid"))) < 0 ? -1 : 0;
}

static int write_pair(wc_db *db, const struct writing *w, wc_err *e)
{
	int64_t     id     = write_contact(db, w, e);
	const char *remark = wc_json_text(w->a, wc_json(w->a, "{s:s, s:O?}", "remark", text_of(w->follow, "remark"), "mobiles", json_object_get(w->follow, "remark_mobiles")));

	if (id < 0 || (w->sweep && report_new(db, w, id, e) < 0))
		return -1;
	/* A customer who deleted the member goes on being listed: only meeting anew ends that. */
	return wc_db_exec(db, e,
	                  "INSERT INTO wecom_contact_follow (contact_id, userid, state, add_way, tags, person, person_tag, followed_at, seen_sweep)"
	                  " VALUES (?, ?, LEFT(?, 64), ?, ?, ?, ?, FROM_UNIXTIME(?), ?) ON DUPLICATE KEY UPDATE"
	                  " updated_at = IF(status NOT IN ('friend', 'left') OR tags <> VALUES(tags) OR person_tag <> VALUES(person_tag) OR state <> VALUES(state), NOW(3), updated_at),"
	                  " status = IF(status = 'left' AND NOT ? AND VALUES(followed_at) <= followed_at, 'left', 'friend'), state = IF(?, VALUES(state), state), add_way = VALUES(add_way), tags = VALUES(tags), person = VALUES(person),"
	                  " person_tag = VALUES(person_tag), followed_at = VALUES(followed_at), seen_sweep = GREATEST(seen_sweep, VALUES(seen_sweep))",
	                  wc_int(id), wc_text(text_of(w->follow, "userid")), wc_text(w->state ? w->state : text_of(w->follow, "state")),
	                  wc_int(number_of(w->follow, "add_way")), wc_text(w->tags), sealed_text(w->a, FOLLOW, remark), wc_text(short_hash(w->a, FOLLOW, remark)),
	                  wc_int(number_of(w->follow, "createtime")), wc_int(w->sweep), wc_int(w->met), wc_int(w->state != NULL || w->sweep > 0)) < 0 ? -1 : 0;
}

/* --- one customer, after an event -------------------------------------------------------------------------------------- */

struct one {
	const json_t *answer;
	const char   *state_userid, *state;
};

static const char *tag_ids(wc_arena *a, const json_t *tags)
{
	json_t       *ids = wc_json(a, "[]");
	const json_t *tag;
	size_t        i;

	json_array_foreach(tags, i, tag)
		if (*text_of(tag, "tag_id"))
			json_array_append_new(ids, json_string(text_of(tag, "tag_id")));
	return wc_json_text(a, ids);
}

static int one_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct one *o = arg;
	const json_t     *follows = json_object_get(o->answer, "follow_user"), *follow;
	wc_arena         *a = wc_arena_new();
	size_t            i;
	int               rc = 0;

	json_array_foreach(follows, i, follow) {
		bool           is_event = o->state_userid && !strcasecmp(o->state_userid, text_of(follow, "userid"));
		struct writing w = {a, json_object_get(o->answer, "external_contact"), follow, is_event && *o->state ? o->state : NULL,
		                    is_event, tag_ids(a, json_object_get(follow, "tags")), 0};

		if (rc == 0)
			rc = write_pair(db, &w, e);
	}
	wc_arena_free(a);
	return rc;
}

int contact_fetch(struct run *r, const char *external_userid, const char *state_userid, const char *state, int64_t *errcode, wc_err *e)
{
	struct one  o      = {NULL, state_userid, state};
	const char *cursor = "";

	do {
		if (contact_call(r, "contact.get", wc_json(r->a, "{s:s, s:s}", "external_userid", external_userid, "cursor", cursor), &o.answer, errcode, e) < 0)
			return -1;
		if (*errcode)
			return 0;
		if (wc_db_tx(one_tx, &o, e) < 0)
			return -1;
		cursor = text_of(o.answer, "next_cursor");
	} while (*cursor);
	return 0;
}

struct parting {
	const char *external_userid, *userid, *status;
};

static int part_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct parting *p = arg;
	wc_arena             *a = wc_arena_new();
	bool                  half = !strcmp(p->status, "half");
	int                   rc;

	rc = !half ? 0 : wc_db_exec(db, e, "INSERT IGNORE INTO wecom_contact (external_userid, person) VALUES (?, ?)", wc_text(p->external_userid), sealed_text(a, PERSON, "{}")) < 0 ||
	     wc_db_exec(db, e, "INSERT IGNORE INTO wecom_contact_follow (contact_id, userid, status, person) SELECT id, ?, 'half', ? FROM wecom_contact"
	                " WHERE external_userid = ?", wc_text(p->userid), sealed_text(a, FOLLOW, "{}"), wc_text(p->external_userid)) < 0 ? -1 : 0;
	if (rc == 0 && !half)
		rc = wc_db_exec(db, e, "UPDATE wecom_contact_follow f JOIN wecom_contact c ON c.id = f.contact_id SET f.updated_at = IF(f.status = ?, f.updated_at, NOW(3)),"
		                " f.status = ? WHERE c.external_userid = ? AND f.userid = ?", wc_text(p->status), wc_text(p->status), wc_text(p->external_userid),
		                wc_text(p->userid)) < 0 ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

int contact_part(const char *external_userid, const char *userid, const char *status, wc_err *e)
{
	return wc_db_tx(part_tx, &(struct parting){external_userid, userid, status}, e);
}

/* --- all customers of some members ------------------------------------------------------------------------------------ */

struct page {
	const json_t *list;
	int64_t       sweep;
};

static int page_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct page *p = arg;
	const json_t      *item;
	wc_arena          *a = wc_arena_new();
	size_t             i;
	int                rc = 0;

	json_array_foreach(p->list, i, item) {
		const json_t  *follow = json_object_get(item, "follow_info"), *tags = json_object_get(follow, "tag_id");
		struct writing w      = {a, json_object_get(item, "external_contact"), follow, NULL, false, tags ? wc_json_text(a, tags) : "[]", p->sweep};

		if (rc == 0)
			rc = write_pair(db, &w, e);
	}
	wc_arena_free(a);
	return rc;
}

/* Who was not among the customers of a member whose pages all came has been lost. */
struct losing {
	const char *userids;     /* a JSON list */
	int64_t     sweep;
};

#define LOST \
	" wecom_contact_follow f JOIN JSON_TABLE(?, '$[*]' COLUMNS (userid VARCHAR(64) PATH '$')) AS x ON f.userid = x.userid COLLATE utf8mb4_general_ci" \
	" JOIN wecom_customer_sweep w ON w.id = ?"
#define IS_LOST " WHERE f.status = 'friend' AND f.seen_sweep <> w.id AND f.updated_at < w.started_at"

static int lost_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct losing *l = arg;

	if (wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_drift (sweep_id, object, field, ours, theirs) SELECT w.id, CONCAT('contact:', c.external_userid), 'follow',"
	               " f.userid, '' FROM" LOST " JOIN wecom_contact c ON c.id = f.contact_id" IS_LOST " AND w.kind = 'reconcile'", wc_text(l->userids), wc_int(l->sweep)) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE" LOST " SET f.status = 'lost', f.updated_at = NOW(3)" IS_LOST, wc_text(l->userids), wc_int(l->sweep)) < 0 ? -1 : 0;
}

static int mark_lost(struct run *r, const json_t *userids, int64_t sweep, wc_err *e)
{
	return wc_db_tx(lost_tx, &(struct losing){wc_json_text(r->a, userids), sweep}, e);
}

int contacts_sweep(struct run *r, const json_t *userids, int64_t sweep, int64_t *count, int64_t *errcode, wc_err *e)
{
	const char   *cursor = "";
	const json_t *answer;

	for (int restarts = 0;;) {
		struct page p = {NULL, sweep};

		if (contact_call(r, "contact.batch", wc_json(r->a, "{s:O, s:s, s:i}", "userid_list", (json_t *)userids, "cursor", cursor, "limit", 100), &answer, errcode, e) < 0)
			return -1;
		if (*errcode == 50100 && restarts++ < 3) {
			cursor = "";
			continue;
		}
		if (*errcode == 84061 && json_array_size(userids) == 1)
			return mark_lost(r, userids, sweep, e);     /* WeCom's word for none */
		if (*errcode)
			return 0;
		p.list = json_object_get(answer, "external_contact_list");
		if (!json_is_array(p.list))
			return wc_fail(e, WC_E_REMOTE, "contact.batch: the answer has no list");
		if (wc_db_tx(page_tx, &p, e) < 0)
			return -1;
		*count += (int64_t)json_array_size(p.list);
		cursor = text_of(answer, "next_cursor");
		if (!*cursor)
			return mark_lost(r, userids, sweep, e);
	}
}

/* --- tags ------------------------------------------------------------------------------------------------------------ */

int tags_fetch(struct run *r, wc_err *e)
{
	const json_t *answer;
	int64_t       errcode;

	if (contact_call(r, "contact.tags", wc_json(r->a, "{}"), &answer, &errcode, e) < 0)
		return -1;
	if (errcode || !json_is_array(json_object_get(answer, "tag_group")))
		return 0;
	return wc_db_exec(NULL, e,
	                  "INSERT INTO wecom_corp_tag (tag_id, group_name, name, seen_at) SELECT x.id, x.g, x.n, NOW(3) FROM JSON_TABLE(?, '$[*]' COLUMNS ("
	                  "g VARCHAR(64) PATH '$.group_name', NESTED PATH '$.tag[*]' COLUMNS (id VARCHAR(128) PATH '$.id', n VARCHAR(64) PATH '$.name'))) AS x"
	                  " WHERE x.id IS NOT NULL ON DUPLICATE KEY UPDATE group_name = VALUES(group_name), name = VALUES(name), seen_at = NOW(3)",
	                  wc_text(wc_json_text(r->a, json_object_get(answer, "tag_group")))) < 0 ? -1 : 0;
}
