/* Customer groups: the calls that read them, and what happens to them. */
#include "contact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OWNERS_MAX  100
#define VISIBLE_MAX 1000
#define DAY_S       86400

/* --- the list -------------------------------------------------------------------------------------------------------- */

/* A member may own groups that are listed: named ones also after they left. */
static int check_owners(struct cgi_call *c, const struct contact_rules *rules, const json_t *owners, wc_err *e)
{
	struct contact_member m;
	const json_t         *owner;
	size_t                i;

	if (json_array_size(owners) > OWNERS_MAX)
		return cgi_refuse(c, 40058, "userid_list exceeds 100");
	json_array_foreach(owners, i, owner) {
		if (!json_is_string(owner))
			return cgi_refuse(c, 40058, "userid_list is no list of strings");
		if (contact_member_find(c->a, rules, json_string_value(owner), &m, e) < 0)
			return -1;
		if (m.errcode)
			return cgi_refuse(c, m.errcode, "no privilege to access this userid");
	}
	return 0;
}

static int check_without_owners(struct cgi_call *c, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, c->a, &rows, e, "SELECT COUNT(*) FROM simulator_contact_member WHERE visible AND departed_s IS NULL") < 0)
		return -1;
	return wc_row_int(&rows, 0, 0) > VISIBLE_MAX ? cgi_refuse(c, 81017, "too many users in the visible range; use owner_filter") : 0;
}

static int list_rows(struct cgi_call *c, const json_t *owners, int64_t status, const char *after, int64_t limit, wc_rows *rows, wc_err *e)
{
	return wc_db_query(NULL, c->a, rows, e,
	                   "SELECT r.chat_id, r.status FROM simulator_room r JOIN simulator_contact_member m ON m.userid = r.owner"
	                   " WHERE NOT r.dismissed AND r.chat_id > ? AND (? = 0 OR r.status = ?) AND m.visible AND (m.permission OR m.departed_s IS NOT NULL)"
	                   " AND IF(? IS NULL, m.departed_s IS NULL, r.owner IN (SELECT userid COLLATE utf8mb4_general_ci FROM"
	                   "  JSON_TABLE(?, '$[*]' COLUMNS (userid VARCHAR(64) PATH '$')) AS named)) ORDER BY r.chat_id LIMIT ?",
	                   wc_text(after), wc_int(status), wc_int(status), owners ? wc_text("") : wc_null(),
	                   wc_text(owners ? wc_json_text(c->a, owners) : "[]"), wc_int(limit + 1));
}

static int list(struct cgi_call *c, wc_err *e)
{
	const json_t        *body = contact_body(c), *limit = json_object_get(body, "limit"), *owners = wc_json_at(body, "owner_filter.userid_list");
	const char          *cursor = contact_text(body, "cursor"), *about, *after = "";
	json_t              *groups;
	struct contact_rules rules;
	wc_rows              rows;
	int64_t              n;

	if (!body)
		return 0;
	if (!json_is_integer(limit) || json_integer_value(limit) < 1 || json_integer_value(limit) > 1000)
		return cgi_refuse(c, limit ? 40058 : 40063, "limit is 1 to 1000");
	if (!json_array_size(owners))
		owners = NULL;
	if (contact_rules_read(NULL, c->a, &rules, e) < 0 || (owners ? check_owners(c, &rules, owners, e) : check_without_owners(c, e)) < 0)
		return -1;
	if (c->errcode)
		return 0;
	about = wc_printf(c->a, "groups/%lld/%s", (long long)json_integer_value(json_object_get(body, "status_filter")),
	                  owners ? wc_json_text(c->a, owners) : "");
	if (*cursor && !(after = contact_cursor_last(c->a, &rules, about, cursor)))
		return cgi_refuse(c, 50100, "invalid cursor");
	n = json_integer_value(limit) < rules.page_max ? json_integer_value(limit) : rules.page_max;
	if (list_rows(c, owners, json_integer_value(json_object_get(body, "status_filter")), after, n, &rows, e) < 0)
		return -1;
	groups = wc_json(c->a, "[]");
	for (size_t i = 0; i < rows.n && (int64_t)i < n; i++)
		json_array_append_new(groups, json_pack("{s:s, s:I}", "chat_id", wc_row_text(&rows, i, 0), "status", (json_int_t)wc_row_int(&rows, i, 1)));
	c->answer = wc_json(c->a, "{s:O}", "group_chat_list", groups);
	if ((int64_t)rows.n > n)
		json_object_set_new(c->answer, "next_cursor", json_string(contact_cursor(c->a, about, wc_row_text(&rows, (size_t)n - 1, 0))));
	return 0;
}

int contact_group_list(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/list", true, list);
}

/* --- the detail ------------------------------------------------------------------------------------------------------ */

struct detail_of {
	wc_arena                   *a;
	const struct contact_rules *rules;
};

static json_t *member_json(const struct detail_of *d, const wc_rows *rows, size_t i)
{
	bool    staff = wc_row_int(rows, i, 1) == 1;
	json_t *m     = json_pack("{s:s, s:I, s:I, s:I, s:s}", "userid", staff ? contact_shown(d->a, d->rules, wc_row_text(rows, i, 0)) : wc_row_text(rows, i, 0),
	                          "type", (json_int_t)wc_row_int(rows, i, 1), "join_time", (json_int_t)wc_row_int(rows, i, 2), "join_scene",
	                          (json_int_t)wc_row_int(rows, i, 3), "group_nickname", wc_row_text(rows, i, 6));
	const char *id = wc_row_text(rows, i, 0), *name = wc_row_text(rows, i, 7), *unionid = wc_row_text(rows, i, 8);

	json_object_set_new(m, "name", json_string(*name ? name : wc_printf(d->a, "客户%s", strlen(id) > 6 ? id + strlen(id) - 6 : id)));
	if (*wc_row_text(rows, i, 4))
		json_object_set_new(m, "invitor", json_pack("{s:s}", "userid", wc_row_text(rows, i, 4)));
	if (*wc_row_text(rows, i, 5))
		json_object_set_new(m, "state", json_string(wc_row_text(rows, i, 5)));
	if (!staff && *unionid && d->rules->unionids)
		json_object_set_new(m, "unionid", json_string(unionid));
	return m;
}

static const char *version_of(wc_arena *a, const char *chat_id, int64_t version)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "simulator.member_version", chat_id, wc_printf(a, "%" PRId64, version), NULL);
	return wc_hex(a, hash, 16);
}

/* NULL with *e. The columns of room: name, owner, notice, created_s, version. */
static json_t *detail(const struct detail_of *d, wc_db *db, const char *chat_id, const wc_rows *room, wc_err *e)
{
	json_t *members = wc_json(d->a, "[]");
	wc_rows rows;

	if (wc_db_query(db, d->a, &rows, e,
	                "SELECT m.id, m.type, m.join_s, m.scene, m.invitor, m.state, m.nickname, COALESCE(c.name, s.name, ''), COALESCE(c.unionid, '')"
	                " FROM simulator_room_member m LEFT JOIN simulator_customer c ON m.type = 2 AND c.external_userid = m.id"
	                " LEFT JOIN simulator_contact_member s ON m.type = 1 AND s.userid = m.id WHERE m.chat_id = ? ORDER BY m.join_s, m.id",
	                wc_text(chat_id)) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(members, member_json(d, &rows, i));
	return wc_json(d->a, "{s:s, s:s, s:s, s:I, s:s, s:O, s:[], s:s}", "chat_id", chat_id, "name", wc_row_text(room, 0, 0), "owner",
	               contact_shown(d->a, d->rules, wc_row_text(room, 0, 1)), "create_time", (json_int_t)wc_row_int(room, 0, 3), "notice",
	               wc_row_text(room, 0, 2), "member_list", members, "admin_list", "member_version",
	               version_of(d->a, chat_id, wc_row_int(room, 0, 4)));
}

static void drop_names(json_t *group)
{
	json_t *members = json_object_get(group, "member_list"), *member;
	size_t  i;

	json_array_foreach(members, i, member)
		json_object_del(member, "name");
}

static int get(struct cgi_call *c, wc_err *e)
{
	const json_t         *body    = contact_body(c);
	const char           *chat_id = contact_text(body, "chat_id");
	struct contact_rules  rules;
	struct contact_member owner;
	json_t               *group;
	wc_rows               room;

	if (!body)
		return 0;
	if (!*chat_id)
		return cgi_refuse(c, 40063, "chat_id is missing");
	if (contact_rules_read(NULL, c->a, &rules, e) < 0 ||
	    wc_db_query(NULL, c->a, &room, e, "SELECT name, owner, notice, created_s, version, dismissed, before_until_ms, before_json FROM simulator_room"
	                " WHERE chat_id = ?", wc_text(chat_id)) < 0)
		return -1;
	if (!room.n)
		return cgi_refuse(c, 40050, "chatid does not exist");
	if (wc_row_int(&room, 0, 5))
		return cgi_refuse(c, 49008, "group chat is dismissed");
	if (contact_member_find(c->a, &rules, wc_row_text(&room, 0, 1), &owner, e) < 0)
		return -1;
	if (owner.errcode)
		return cgi_refuse(c, owner.errcode == 84074 ? 90501 : owner.errcode, "no privilege to access the group chat");
	if (wc_row_int(&room, 0, 6) > wc_now_ms())
		group = wc_json_parse(c->a, wc_row_text(&room, 0, 7), strlen(wc_row_text(&room, 0, 7)), e);
	else
		group = detail(&(struct detail_of){c->a, &rules}, NULL, chat_id, &room, e);
	if (!group)
		return -1;
	if (!json_integer_value(json_object_get(body, "need_name")))
		drop_names(group);
	c->answer = wc_json(c->a, "{s:O}", "group_chat", group);
	return 0;
}

int contact_group_get(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/get", true, get);
}

static int opengid(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c);
	const char   *id   = contact_text(body, "opengid");
	wc_rows       rows;

	if (!body)
		return 0;
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT chat_id FROM simulator_room WHERE CONCAT('og', chat_id) = ? AND NOT dismissed", wc_text(id)) < 0)
		return -1;
	if (!rows.n)
		return cgi_refuse(c, 90511, "invalid opengid");
	c->answer = wc_json(c->a, "{s:s}", "chat_id", wc_row_text(&rows, 0, 0));
	return 0;
}

int contact_opengid(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/opengid_to_chatid", true, opengid);
}

/* --- what happens to a group ------------------------------------------------------------------------------------------ */

struct room {
	wc_rows rows;      /* name, owner, notice, created_s, version, dismissed, capacity, before_until_ms, members */
	int64_t version;
};

static int room_lock(wc_db *db, const struct contact_change *x, struct room *room, wc_err *e)
{
	if (wc_db_query(db, x->a, &room->rows, e, "SELECT name, owner, notice, created_s, version, dismissed, capacity, before_until_ms,"
	                " (SELECT COUNT(*) FROM simulator_room_member m WHERE m.chat_id = r.chat_id) FROM simulator_room r WHERE chat_id = ? FOR UPDATE",
	                wc_text(x->chat_id)) < 0)
		return -1;
	if (!room->rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such group");
	if (wc_row_int(&room->rows, 0, 5))
		return wc_fail(e, WC_E_CONFLICT, "the group is dismissed");
	room->version = wc_row_int(&room->rows, 0, 4);
	return 0;
}

/* The details go on showing what was, for a while after the event. */
static int keep_before(wc_db *db, const struct contact_change *x, const struct room *room, wc_err *e)
{
	struct contact_rules rules;
	json_t              *before;

	if (contact_rules_read(db, x->a, &rules, e) < 0)
		return -1;
	if (!rules.detail_lag_ms || wc_row_int(&room->rows, 0, 7) > wc_now_ms())
		return 0;
	if (!(before = detail(&(struct detail_of){x->a, &rules}, db, x->chat_id, &room->rows, e)))
		return -1;
	return wc_db_exec(db, e, "UPDATE simulator_room SET before_json = ?, before_until_ms = ? WHERE chat_id = ?", wc_text(wc_json_text(x->a, before)),
	                  wc_int(wc_now_ms() + rules.detail_lag_ms), wc_text(x->chat_id)) < 0 ? -1 : 0;
}

static int64_t set_text(wc_db *db, const struct contact_change *x, const char *sql, const char *value, wc_err *e)
{
	return wc_db_exec(db, e, sql, wc_text(value), wc_text(x->chat_id));
}

static int64_t join(wc_db *db, const struct contact_change *x, const struct room *room, wc_err *e)
{
	if (wc_row_int(&room->rows, 0, 8) >= wc_row_int(&room->rows, 0, 6))
		return wc_fail(e, WC_E_CONFLICT, "the group is full");
	return wc_db_exec(db, e, "INSERT IGNORE INTO simulator_room_member (chat_id, id, type, join_s, scene, invitor, state) VALUES (?, ?, 2, ?, ?, ?, ?)",
	                  wc_text(x->chat_id), wc_text(x->id), wc_int(wc_now_ms() / 1000), wc_int(x->scene ? x->scene : 1),
	                  wc_text(x->invitor ? x->invitor : ""), wc_text(x->text ? x->text : ""));
}

/* Rows that changed, -1 with *e. *detail is the UpdateDetail. */
static int64_t apply(wc_db *db, const struct contact_change *x, const struct room *room, const char **update, wc_err *e)
{
	if (!strcmp(x->action, "join")) {
		*update = "add_member";
		return join(db, x, room, e);
	}
	if (!strcmp(x->action, "leave") || !strcmp(x->action, "remove")) {
		*update = "del_member";
		return set_text(db, x, "DELETE FROM simulator_room_member WHERE id = ? AND chat_id = ?", x->id, e);
	}
	if (!strcmp(x->action, "rename")) {
		*update = "change_name";
		return set_text(db, x, "UPDATE simulator_room SET name = ? WHERE chat_id = ?", x->text, e);
	}
	if (!strcmp(x->action, "notice")) {
		*update = "change_notice";
		return set_text(db, x, "UPDATE simulator_room SET notice = ? WHERE chat_id = ?", x->text, e);
	}
	if (!strcmp(x->action, "owner")) {
		*update = "change_owner";
		return set_text(db, x, "UPDATE simulator_room SET owner = ?, status = IF(status = 1, 3, status) WHERE chat_id = ?", x->id, e);
	}
	*update = NULL;
	return wc_db_exec(db, e, "UPDATE simulator_room SET dismissed = TRUE WHERE chat_id = ?", wc_text(x->chat_id));
}

static bool is_of_members(const char *update)
{
	return update && strstr(update, "member");
}

static const char *members_xml(const struct contact_change *x, const struct room *room, const char *update)
{
	bool        added = !strcmp(update, "add_member");
	const char *how   = added ? wc_printf(x->a, "<JoinScene>%d</JoinScene>", x->scene == 3 ? 3 : 0)
	                          : wc_printf(x->a, "<QuitScene>%d</QuitScene>", !strcmp(x->action, "remove"));

	return wc_printf(x->a, "%s<MemChangeCnt>1</MemChangeCnt><MemChangeList><Item><![CDATA[%s]]></Item></MemChangeList><LastMemVer><![CDATA[%s]]>"
	                 "</LastMemVer><CurMemVer><![CDATA[%s]]></CurMemVer>", how, x->id, version_of(x->a, x->chat_id, room->version),
	                 version_of(x->a, x->chat_id, room->version + 1));
}

static int tell(wc_db *db, const struct contact_change *x, const struct room *room, const char *update, wc_err *e)
{
	const char *xml = wc_printf(x->a, "<ChatId><![CDATA[%s]]></ChatId><ChangeType><![CDATA[%s]]></ChangeType>", x->chat_id, update ? "update" : "dismiss");

	if (update)
		xml = wc_printf(x->a, "%s<UpdateDetail><![CDATA[%s]]></UpdateDetail>%s", xml, update, is_of_members(update) ? members_xml(x, room, update) : "");
	return contact_tell(db, x->a, x->sim, "change_external_chat", xml, e);
}

int contact_change(wc_db *db, const struct contact_change *x, wc_err *e)
{
	struct room room;
	const char *update;
	int64_t     n;

	if (room_lock(db, x, &room, e) < 0 || keep_before(db, x, &room, e) < 0 || (n = apply(db, x, &room, &update, e)) < 0)
		return -1;
	if (!n)
		return 0;
	if (is_of_members(update) && wc_db_exec(db, e, "UPDATE simulator_room SET version = version + 1 WHERE chat_id = ?", wc_text(x->chat_id)) < 0)
		return -1;
	return x->quiet ? 1 : tell(db, x, &room, update, e) < 0 ? -1 : 1;
}

int contact_add_group(wc_db *db, const struct contact_new_group *g, wc_err *e)
{
	wc_val id = wc_text(g->chat_id), now = wc_int(wc_now_ms() / 1000);

	if (wc_db_exec(db, e, "INSERT INTO simulator_room (chat_id, name, owner, created_s, capacity) VALUES (?, ?, ?, ?, ?)", id, wc_text(g->name),
	               wc_text(g->owner), now, wc_int(g->capacity)) < 0 ||
	    wc_db_exec(db, e, "INSERT INTO simulator_room_member (chat_id, id, type, join_s, scene) VALUES (?, ?, 1, ?, 1)", id, wc_text(g->owner), now) < 0 ||
	    wc_db_exec(db, e, "INSERT INTO simulator_room_member (chat_id, id, type, join_s, scene, invitor)"
	               " SELECT ?, CONCAT('wm', SUBSTR(?, 3), '-', seq), 2, ?, 1, ? FROM seq_1_to_1000 WHERE seq <= ?", id, id, now, wc_text(g->owner),
	               wc_int(g->members)) < 0)
		return -1;
	if (g->quiet)
		return 0;
	return contact_tell(db, g->a, g->sim, "change_external_chat",
	                    wc_printf(g->a, "<ChatId><![CDATA[%s]]></ChatId><ChangeType><![CDATA[create]]></ChangeType>", g->chat_id), e);
}

/* --- figures --------------------------------------------------------------------------------------------------------- */

struct statistic_asked {
	int64_t       from_s, to_s;     /* to_s: behind the last day */
	const json_t *owners;
};

/* 0; refuses by the call. */
static int read_statistic(struct cgi_call *c, const json_t *body, struct statistic_asked *q, wc_err *e)
{
	const json_t        *begin = json_object_get(body, "day_begin_time"), *end = json_object_get(body, "day_end_time");
	int64_t              now   = wc_now_ms() / 1000;
	struct contact_rules rules;

	q->owners = wc_json_at(body, "owner_filter.userid_list");
	if (!json_is_integer(begin) || !json_array_size(q->owners))
		return cgi_refuse(c, 40063, "day_begin_time and owner_filter are required");
	q->from_s = json_integer_value(begin);
	q->to_s   = (json_is_integer(end) ? json_integer_value(end) : q->from_s) + DAY_S;
	if (q->to_s <= q->from_s || q->to_s - q->from_s > 31 * DAY_S || q->from_s < now - 181 * DAY_S || q->to_s - DAY_S > now)
		return cgi_refuse(c, 40058, "at most 30 days, from 180 days ago until yesterday");
	return contact_rules_read(NULL, c->a, &rules, e) < 0 ? -1 : check_owners(c, &rules, q->owners, e);
}

#define OWNED " r.owner = ? AND NOT r.dismissed"

static json_t *figures(struct cgi_call *c, const char *owner, int64_t from_s, int64_t to_s, wc_err *e)
{
	wc_val  who = wc_text(owner), from = wc_int(from_s), to = wc_int(to_s);
	wc_rows rows;

	if (wc_db_query(NULL, c->a, &rows, e,
	                "SELECT (SELECT COUNT(*) FROM simulator_room r WHERE" OWNED " AND created_s >= ? AND created_s < ?),"
	                " (SELECT COUNT(*) FROM simulator_room r WHERE" OWNED " AND created_s < ?),"
	                " (SELECT COUNT(*) FROM simulator_room_member m JOIN simulator_room r USING (chat_id) WHERE" OWNED " AND join_s >= ? AND join_s < ?),"
	                " (SELECT COUNT(*) FROM simulator_room_member m JOIN simulator_room r USING (chat_id) WHERE" OWNED " AND join_s < ?)",
	                who, from, to, who, to, who, from, to, who, to) < 0)
		return NULL;
	return wc_json(c->a, "{s:I, s:I, s:i, s:I, s:I, s:i, s:i}", "new_chat_cnt", (json_int_t)wc_row_int(&rows, 0, 0), "chat_total",
	               (json_int_t)wc_row_int(&rows, 0, 1), "chat_has_msg", 0, "new_member_cnt", (json_int_t)wc_row_int(&rows, 0, 2), "member_total",
	               (json_int_t)wc_row_int(&rows, 0, 3), "member_has_msg", 0, "msg_total", 0);
}

static int statistic(struct cgi_call *c, wc_err *e)
{
	const json_t          *body  = contact_body(c), *owner, *limit = json_object_get(body, "limit");
	int64_t                first = json_integer_value(json_object_get(body, "offset")), n = limit ? json_integer_value(limit) : 500;
	json_t                *items, *data;
	struct statistic_asked q;
	size_t                 i;

	if (!body)
		return 0;
	if (read_statistic(c, body, &q, e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	if (n < 1 || n > 1000 || first < 0)
		return cgi_refuse(c, 600041, "invalid offset or limit");
	items = wc_json(c->a, "[]");
	json_array_foreach(q.owners, i, owner) {
		if ((int64_t)i < first || (int64_t)i >= first + n)
			continue;
		if (!(data = figures(c, json_string_value(owner), q.from_s, q.to_s, e)))
			return -1;
		json_array_append_new(items, json_pack("{s:O, s:O}", "owner", owner, "data", data));
	}
	c->answer = wc_json(c->a, "{s:I, s:I, s:O}", "total", (json_int_t)json_array_size(q.owners), "next_offset",
	                    (json_int_t)(first + (int64_t)json_array_size(items)), "items", items);
	return 0;
}

static void add_up(json_t *sum, const json_t *data)
{
	const char *name;
	json_t     *value;

	json_object_foreach((json_t *)data, name, value)
		json_object_set_new(sum, name, json_integer(json_integer_value(json_object_get(sum, name)) + json_integer_value(value)));
}

static int statistic_by_day(struct cgi_call *c, wc_err *e)
{
	const json_t          *body = contact_body(c), *owner;
	json_t                *items, *data, *sum;
	struct statistic_asked q;
	size_t                 i;

	if (!body)
		return 0;
	if (read_statistic(c, body, &q, e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	items = wc_json(c->a, "[]");
	for (int64_t day = q.from_s; day < q.to_s; day += DAY_S) {
		sum = wc_json(c->a, "{}");
		json_array_foreach(q.owners, i, owner) {
			if (!(data = figures(c, json_string_value(owner), day, day + DAY_S, e)))
				return -1;
			add_up(sum, data);
		}
		json_array_append_new(items, json_pack("{s:I, s:O}", "stat_time", (json_int_t)day, "data", sum));
	}
	c->answer = wc_json(c->a, "{s:O}", "items", items);
	return 0;
}

int contact_statistic(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/statistic", true, statistic);
}

int contact_statistic_by_day(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/statistic_group_by_day", true, statistic_by_day);
}
