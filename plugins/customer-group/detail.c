/* One group's detail, taken in as a whole: what WeCom shows now against what is here. Nothing is deleted: who is missing has left, a group
 * that is gone keeps its history. An answer that was asked for before the one that is here changes nothing. */
#include "group.h"

#include <inttypes.h>
#include <strings.h>

#define NAMES "wecom_customer_group_member.names"

/* Somebody who is in the group, as it stands here. */
struct stay {
	int64_t     id, joined_s;
	const char *member_id, *state, *names_tag;
	bool        seen;
};

struct taking {
	const struct run *r;
	wc_arena         *a;          /* of this try of the transaction */
	const char       *chat_id, *asked;
	const json_t     *group;      /* WeCom's */
	int64_t           sweep, at_ms;
	struct detail    *d;

	int64_t           id;
	bool              was_refused;
	wc_rows           row, members;
	struct stay      *stays;
	json_t           *by_member;  /* member id: place in stays */
	json_t           *joined;     /* rows to write */
	int64_t           customers, last_join_s, gone, altered;
};

/* --- what is here ---------------------------------------------------------------------------------------------------- */

static int lock_group(wc_db *db, struct taking *t, wc_err *e)
{
	int64_t made = wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_group (chat_id) VALUES (?)", wc_text(t->chat_id));

	if (made < 0 || wc_db_query(db, t->a, &t->row, e,
	                            "SELECT id, name, owner, notice, status, member_count, detail_due, COALESCE(detail_at > ?, 0), detail_at IS NOT NULL, errcode"
	                            " FROM wecom_customer_group WHERE chat_id = ? FOR UPDATE", wc_text(t->asked), wc_text(t->chat_id)) < 0)
		return -1;
	t->id        = wc_row_int(&t->row, 0, 0);
	t->d->is_new = !wc_row_int(&t->row, 0, 8);
	t->was_refused = wc_row_int(&t->row, 0, 9) || wc_row_int(&t->row, 0, 4) >= 10;
	return 0;
}

/* WeCom gives userids back in changing case; the ids of customers are what they are. */
static const char *member_key(wc_arena *a, const char *id, int64_t kind)
{
	char *key = wc_printf(a, "%d/%s", kind == 1, id);

	for (char *p = key; kind == 1 && *p; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
	return key;
}

static int read_stays(wc_db *db, struct taking *t, wc_err *e)
{
	if (wc_db_query(db, t->a, &t->members, e, "SELECT id, member_id, UNIX_TIMESTAMP(joined_at) DIV 1, state, names_tag, kind FROM wecom_customer_group_member"
	                " WHERE group_id = ? AND left_at IS NULL", wc_int(t->id)) < 0)
		return -1;
	t->stays     = wc_alloc(t->a, t->members.n * sizeof *t->stays);
	t->by_member = wc_json(t->a, "{}");
	for (size_t i = 0; i < t->members.n; i++) {
		t->stays[i] = (struct stay){wc_row_int(&t->members, i, 0), wc_row_int(&t->members, i, 2), wc_row_text(&t->members, i, 1),
		                            wc_row_text(&t->members, i, 3), wc_row_text(&t->members, i, 4), false};
		json_object_set_new(t->by_member, member_key(t->a, t->stays[i].member_id, wc_row_int(&t->members, i, 5)), json_integer((json_int_t)i));
	}
	return 0;
}

/* --- what WeCom shows ------------------------------------------------------------------------------------------------ */

static const char *names_of(wc_arena *a, const json_t *member)
{
	return wc_json_text(a, wc_json(a, "[s, s]", text_of(member, "name"), text_of(member, "group_nickname")));
}

/* A row of joined; names sealed and in base64, since they pass through JSON. */
static json_t *stay_json(struct taking *t, const json_t *member, const char *id, const char *names, const char *names_tag)
{
	wc_slice sealed = wc_seal(t->a, NAMES, (wc_slice){names, strlen(names)});

	return json_pack("[s, I, I, I, s, s, s, s]", id, (json_int_t)number_of(member, "type"),
	                 (json_int_t)number_of(member, "join_time"), (json_int_t)number_of(member, "join_scene"), text_of(member, "invitor.userid"),
	                 text_of(member, "state"), wc_base64(t->a, sealed).p, names_tag);
}

static bool names_are_usable(const char *id)
{
	return *id && strlen(id) <= 128;
}

/* Who was in it before and joined anew, or is called otherwise now, is written anew. */
static void compare_member(struct taking *t, const json_t *member)
{
	const char   *id = text_of(member, "userid"), *names = names_of(t->a, member), *tag = short_hash(t->a, NAMES, names);
	const json_t *at = json_object_get(t->by_member, member_key(t->a, id, number_of(member, "type")));
	struct stay  *s  = at ? &t->stays[json_integer_value(at)] : NULL;
	int64_t       joined_s = number_of(member, "join_time");

	if (!names_are_usable(id))
		return;
	t->customers += number_of(member, "type") == 2;
	if (joined_s > t->last_join_s)
		t->last_join_s = joined_s;
	if (s && s->joined_s == joined_s) {
		s->seen = true;
		if (!strcmp(s->names_tag, tag) && !strcmp(s->state, text_of(member, "state")))
			return;
		t->altered++;
	}
	json_array_append_new(t->joined, stay_json(t, member, s ? s->member_id : id, names, tag));
}

static void compare_members(struct taking *t)
{
	const json_t *list = json_object_get(t->group, "member_list"), *member;
	size_t        i;

	t->joined    = wc_json(t->a, "[]");
	t->customers = t->last_join_s = t->gone = t->altered = 0;
	json_array_foreach(list, i, member)
		compare_member(t, member);
	for (i = 0; i < t->members.n; i++)
		t->gone += !t->stays[i].seen;
}

/* --- the drift report ------------------------------------------------------------------------------------------------ */

static int drift(wc_db *db, struct taking *t, const char *field, const char *ours, const char *theirs, wc_err *e)
{
	int64_t n = wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_drift (sweep_id, object, field, ours, theirs) VALUES (?, ?, ?, LEFT(?, 255), LEFT(?, 255))",
	                       wc_int(t->sweep), wc_text(wc_printf(t->a, "group:%s", t->chat_id)), wc_text(field), wc_text(ours), wc_text(theirs));

	return n < 0 ? -1 : 0;
}

/* What was known to be behind is no drift: a sweep or an event has asked for it already. */
static int report(wc_db *db, struct taking *t, wc_err *e)
{
	int64_t joined = (int64_t)json_array_size(t->joined) - t->altered;

	if (!t->sweep || wc_row_int(&t->row, 0, 6))
		return 0;
	if (t->d->is_new)
		return drift(db, t, "group", "", "there", e);
	if (strcmp(wc_row_text(&t->row, 0, 1), text_of(t->group, "name")) && drift(db, t, "name", wc_row_text(&t->row, 0, 1), text_of(t->group, "name"), e) < 0)
		return -1;
	if (strcasecmp(wc_row_text(&t->row, 0, 2), text_of(t->group, "owner")) &&
	    drift(db, t, "owner", wc_row_text(&t->row, 0, 2), text_of(t->group, "owner"), e) < 0)
		return -1;
	if (strcmp(wc_row_text(&t->row, 0, 3), text_of(t->group, "notice")) &&
	    drift(db, t, "notice", wc_row_text(&t->row, 0, 3), text_of(t->group, "notice"), e) < 0)
		return -1;
	if (!joined && !t->gone)
		return 0;
	return drift(db, t, "members", wc_row_text(&t->row, 0, 5), wc_printf(t->a, "%zu (%" PRId64 " joined, %" PRId64 " left)",
	             json_array_size(json_object_get(t->group, "member_list")), joined, t->gone), e);
}

/* --- writing --------------------------------------------------------------------------------------------------------- */

static int write_joined(wc_db *db, struct taking *t, wc_err *e)
{
	if (!json_array_size(t->joined))
		return 0;
	return wc_db_exec(db, e,
	                  "INSERT INTO wecom_customer_group_member (group_id, member_id, kind, joined_at, scene, inviter, state, names, names_tag)"
	                  " SELECT ?, x.m, x.k, FROM_UNIXTIME(x.j), x.c, x.i, x.s, FROM_BASE64(x.n), x.t FROM JSON_TABLE(?, '$[*]' COLUMNS ("
	                  "m VARCHAR(128) PATH '$[0]', k INT PATH '$[1]', j BIGINT PATH '$[2]', c INT PATH '$[3]', i VARCHAR(64) PATH '$[4]',"
	                  " s VARCHAR(64) PATH '$[5]', n VARCHAR(4000) PATH '$[6]', t VARCHAR(16) PATH '$[7]')) AS x"
	                  " ON DUPLICATE KEY UPDATE left_at = NULL, state = VALUES(state), scene = VALUES(scene), names = VALUES(names), names_tag = VALUES(names_tag)",
	                  wc_int(t->id), wc_text(wc_json_text(t->a, t->joined))) < 0 ? -1 : 0;
}

static wc_val time_or_now(int64_t ms)
{
	return ms ? wc_int(ms) : wc_null();
}

static int write_left(wc_db *db, struct taking *t, wc_err *e)
{
	json_t *ids = wc_json(t->a, "[]");

	for (size_t i = 0; i < t->members.n; i++)
		if (!t->stays[i].seen)
			json_array_append_new(ids, json_integer(t->stays[i].id));
	if (!json_array_size(ids))
		return 0;
	return wc_db_exec(db, e,
	                  "UPDATE wecom_customer_group_member m JOIN JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) AS x ON x.id = m.id"
	                  " SET m.left_at = GREATEST(m.joined_at, COALESCE(FROM_UNIXTIME(? / 1000), NOW(3)))",
	                  wc_text(wc_json_text(t->a, ids)), time_or_now(t->at_ms)) < 0 ? -1 : 0;
}

static int write_group(wc_db *db, struct taking *t, wc_err *e)
{
	const json_t *g = t->group;

	return wc_db_exec(db, e,
	                  "UPDATE wecom_customer_group SET name = LEFT(?, 255), owner = LEFT(?, 64), notice = LEFT(?, 4000), member_count = ?, customer_count = ?,"
	                  " member_version = LEFT(?, 128), created_at = FROM_UNIXTIME(NULLIF(?, 0)), detail_at = ?, detail_due = FALSE, errcode = 0,"
	                  " status = IF(status >= 10, 0, status), dismissed_at = NULL,"
	                  " activity_at = NULLIF(GREATEST(COALESCE(activity_at, '1970-01-02'), COALESCE(FROM_UNIXTIME(NULLIF(?, 0)), '1970-01-02'),"
	                  "  IF(?, COALESCE(FROM_UNIXTIME(? / 1000), NOW(3)), '1970-01-02')), '1970-01-02'),"
	                  " updated_at = IF(?, NOW(3), updated_at) WHERE id = ?",
	                  wc_text(text_of(g, "name")), wc_text(text_of(g, "owner")), wc_text(text_of(g, "notice")),
	                  wc_int((int64_t)json_array_size(json_object_get(g, "member_list"))), wc_int(t->customers), wc_text(text_of(g, "member_version")),
	                  wc_int(number_of(g, "create_time")), wc_text(t->asked), wc_int(t->last_join_s), wc_int(t->gone > 0 && !t->d->is_new),
	                  time_or_now(t->at_ms), wc_int(t->d->changed), wc_int(t->id)) < 0 ? -1 : 0;
}

static bool is_other(const struct taking *t)
{
	return t->d->is_new || json_array_size(t->joined) || t->gone || strcmp(wc_row_text(&t->row, 0, 1), text_of(t->group, "name")) ||
	       strcasecmp(wc_row_text(&t->row, 0, 2), text_of(t->group, "owner")) || strcmp(wc_row_text(&t->row, 0, 3), text_of(t->group, "notice")) ||
	       wc_row_int(&t->row, 0, 4) >= 10;
}

static int take_in(wc_db *db, struct taking *t, wc_err *e)
{
	if (lock_group(db, t, e) < 0)
		return -1;
	if (wc_row_int(&t->row, 0, 7)) {
		t->d->result = DETAIL_OLDER;
		return 0;
	}
	if (read_stays(db, t, e) < 0)
		return -1;
	compare_members(t);
	t->d->changed = is_other(t);
	t->d->result  = DETAIL_TAKEN;
	return report(db, t, e) < 0 || write_left(db, t, e) < 0 || write_joined(db, t, e) < 0 || write_group(db, t, e) < 0 ? -1 : 0;
}

static int take_tx(wc_db *db, void *arg, wc_err *e)
{
	struct taking *t = arg;
	int            rc;

	t->a = wc_arena_new();
	rc   = take_in(db, t, e);
	wc_arena_free(t->a);
	t->a = NULL;
	return rc;
}

/* --- a group that is not shown ---------------------------------------------------------------------------------------- */

struct ending {
	const char *chat_id;
	int64_t     status, errcode, at_ms;
};

/* Its members and its history stay. */
static int end_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct ending *x = arg;

	if (wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_group (chat_id) VALUES (?)", wc_text(x->chat_id)) < 0)
		return -1;
	return wc_db_exec(db, e,
	                  "UPDATE wecom_customer_group SET updated_at = IF(status = ?, updated_at, NOW(3)), errcode = ?, detail_due = FALSE,"
	                  " detail_at = NOW(3), dismissed_at = IF(? = 10, COALESCE(dismissed_at, FROM_UNIXTIME(? / 1000), NOW(3)), dismissed_at),"
	                  " status = ? WHERE chat_id = ?", wc_int(x->status), wc_int(x->errcode), wc_int(x->status), time_or_now(x->at_ms), wc_int(x->status),
	                  wc_text(x->chat_id)) < 0 ? -1 : 0;
}

int group_dismiss(struct run *r, const char *chat_id, int64_t at_ms, wc_err *e)
{
	(void)r;
	return wc_db_tx(end_tx, &(struct ending){chat_id, STATUS_DISMISSED, 0, at_ms}, e);
}

/* Dismissed: that is its end. Not there, or not a customer group any more: unavailable. Anything else says nothing about the group. */
static int refused(struct run *r, const char *chat_id, int64_t errcode, struct detail *d, wc_err *e)
{
	struct ending x = {chat_id, errcode == 49008 ? STATUS_DISMISSED : STATUS_UNAVAILABLE, errcode, 0};

	d->result = errcode == 49008 || errcode == 40050 || errcode == 90501 || errcode == 90509 ? DETAIL_GONE : DETAIL_REFUSED;
	if (d->result == DETAIL_REFUSED)
		return wc_db_exec(NULL, e, "UPDATE wecom_customer_group SET errcode = ?, detail_due = FALSE, detail_at = NOW(3) WHERE chat_id = ?", wc_int(errcode),
		                  wc_text(chat_id)) < 0 || warn_on(NULL, "group_unavailable", wc_printf(r->a, "group:%s", chat_id), errcode, NULL, e) < 0 ? -1 : 0;
	if (wc_db_tx(end_tx, &x, e) < 0)
		return -1;
	return errcode == 49008 ? warn_off(NULL, NULL, wc_printf(r->a, "group:%s", chat_id), e)
	                        : warn_on(NULL, "group_unavailable", wc_printf(r->a, "group:%s", chat_id), errcode, NULL, e);
}

int detail_fetch(struct run *r, const char *chat_id, int64_t sweep, int64_t at_ms, struct detail *d, wc_err *e)
{
	struct taking t = {.r = r, .chat_id = chat_id, .sweep = sweep, .at_ms = at_ms, .d = d};
	const json_t *answer;
	int64_t       errcode;

	*d = (struct detail){.version = ""};
	if (!(t.asked = db_now(r->a, e)) ||
	    contact_call(r, "groupchat.get", wc_json(r->a, "{s:s, s:i}", "chat_id", chat_id, "need_name", 1), &answer, &errcode, e) < 0)
		return -1;
	if (errcode)
		return refused(r, chat_id, errcode, d, e);
	t.group = json_object_get(answer, "group_chat");
	if (strcmp(text_of(t.group, "chat_id"), chat_id))
		return wc_fail(e, WC_E_REMOTE, "groupchat.get: the answer is about another group, or about none");
	d->version = wc_strdup(r->a, text_of(t.group, "member_version"));
	if (wc_db_tx(take_tx, &t, e) < 0)
		return -1;
	return !t.was_refused ? 0 : warn_off(NULL, "group_unavailable", wc_printf(r->a, "group:%s", chat_id), e);
}
