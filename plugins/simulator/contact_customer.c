/* Customers of members, and the company's tags. */
#include "contact.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static bool lists(const json_t *body, const char *name, const char *text)
{
	const json_t *list = json_object_get(body, name), *item;
	size_t        i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && !strcmp(json_string_value(item), text))
			return true;
	return false;
}

static int follow_users(struct cgi_call *c, wc_err *e)
{
	json_t              *list = wc_json(c->a, "[]");
	struct contact_rules rules;
	wc_rows              rows;

	if (contact_ready(c->sim, e) < 0 || contact_rules_read(NULL, c->a, &rules, e) < 0 ||
	    wc_db_query(NULL, c->a, &rows, e, "SELECT userid FROM simulator_contact_member WHERE permission AND visible AND departed_s IS NULL ORDER BY userid") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, json_string(contact_shown(c->a, &rules, wc_row_text(&rows, i, 0))));
	c->answer = wc_json(c->a, "{s:O}", "follow_user", list);
	return 0;
}

int contact_follow_users(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/get_follow_user_list", true, follow_users);
}

static int list(struct cgi_call *c, wc_err *e)
{
	const char           *userid = wc_query_param(c->rq, "userid");
	json_t               *ids    = wc_json(c->a, "[]");
	struct contact_rules  rules;
	struct contact_member m;
	wc_rows               rows;

	if (!userid || !*userid)
		return cgi_refuse(c, 40003, "invalid userid");
	if (contact_ready(c->sim, e) < 0 || contact_rules_read(NULL, c->a, &rules, e) < 0 || contact_member_find(c->a, &rules, userid, &m, e) < 0)
		return -1;
	if (m.errcode)
		return cgi_refuse(c, m.errcode, "no privilege to access this userid");
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT external_userid FROM simulator_follow WHERE userid = ? AND NOT half ORDER BY external_userid",
	                wc_text(m.userid)) < 0)
		return -1;
	if (!rows.n)
		return cgi_refuse(c, 84061, "not external contact");
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(ids, json_string(wc_row_text(&rows, i, 0)));
	c->answer = wc_json(c->a, "{s:O}", "external_userid", ids);
	return 0;
}

int contact_list(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/list", true, list);
}

/* --- one customer, and many ------------------------------------------------------------------------------------------ */

static json_t *customer_json(const struct contact_rules *rules, const wc_rows *rows, size_t i)
{
	json_t *customer = json_pack("{s:s, s:s, s:i, s:i, s:s}", "external_userid", wc_row_text(rows, i, 0), "name", wc_row_text(rows, i, 1), "type", 1,
	                             "gender", 0, "avatar", "https://wx.qlogo.cn/mmhead/0");

	if (rules->unionids && wc_row_cell(rows, i, 2).s)
		json_object_set_new(customer, "unionid", json_string(wc_row_text(rows, i, 2)));
	return customer;
}

static json_t *tags_json(wc_arena *a, const char *ids)
{
	wc_err e;

	return json_incref(wc_json_parse(a, ids, strlen(ids), &e));
}

/* What get has for each follower, and batch as follow_info; the tags differ. Columns from first on: userid, remark, mobile, state, add_way,
 * created_s. */
static json_t *follow_json(wc_arena *a, const struct contact_rules *rules, const wc_rows *rows, size_t i, size_t first)
{
	json_t *follow = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:[]}", "userid", contact_shown(a, rules, wc_row_text(rows, i, first)), "remark",
	                           wc_row_text(rows, i, first + 1), "description", "", "createtime", (json_int_t)wc_row_int(rows, i, first + 5), "add_way",
	                           (json_int_t)wc_row_int(rows, i, first + 4), "state", wc_row_text(rows, i, first + 3), "remark_mobiles");

	if (*wc_row_text(rows, i, first + 2))
		json_array_append_new(json_object_get(follow, "remark_mobiles"), json_string(wc_row_text(rows, i, first + 2)));
	return follow;
}

static int named_tags(struct cgi_call *c, const char *ids, json_t **list, wc_err *e)
{
	wc_rows rows;

	*list = wc_json(c->a, "[]");
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT group_name, name, tag_id FROM simulator_tag WHERE NOT deleted AND JSON_CONTAINS(?, JSON_QUOTE(tag_id))",
	                wc_text(ids)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(*list, json_pack("{s:s, s:s, s:s, s:i}", "group_name", wc_row_text(&rows, i, 0), "tag_name", wc_row_text(&rows, i, 1),
		                                       "tag_id", wc_row_text(&rows, i, 2), "type", 1));
	return 0;
}

#define GET_PAGE 500

static int get(struct cgi_call *c, wc_err *e)
{
	const char          *id = wc_query_param(c->rq, "external_userid"), *cursor = wc_query_param(c->rq, "cursor"), *after = "";
	json_t              *follows = wc_json(c->a, "[]"), *tags;
	struct contact_rules rules;
	wc_rows              rows;

	if (!id || !*id)
		return cgi_refuse(c, 41035, "missing external userid");
	if (contact_ready(c->sim, e) < 0 || contact_rules_read(NULL, c->a, &rules, e) < 0)
		return -1;
	if (cursor && *cursor && !(after = contact_cursor_last(c->a, &rules, id, cursor)))
		return cgi_refuse(c, 50100, "invalid cursor");
	if (wc_db_query(NULL, c->a, &rows, e,
	                "SELECT c.external_userid, c.name, c.unionid, f.userid, f.remark, f.mobile, f.state, f.add_way, f.created_s, f.tags FROM simulator_customer c"
	                " JOIN simulator_follow f USING (external_userid) JOIN simulator_contact_member m ON m.userid = f.userid"
	                " WHERE c.external_userid = ? AND NOT f.half AND m.visible AND m.departed_s IS NULL AND f.userid > ? ORDER BY f.userid LIMIT ?",
	                wc_text(id), wc_text(after), wc_int(GET_PAGE + 1)) < 0)
		return -1;
	if (!rows.n)
		return cgi_refuse(c, 84061, "not external contact");
	for (size_t i = 0; i < rows.n && i < GET_PAGE; i++) {
		if (named_tags(c, wc_row_text(&rows, i, 9), &tags, e) < 0)
			return -1;
		json_array_append_new(follows, follow_json(c->a, &rules, &rows, i, 3));
		json_object_set(json_array_get(follows, i), "tags", tags);
	}
	c->answer = wc_json(c->a, "{s:o, s:O}", "external_contact", customer_json(&rules, &rows, 0), "follow_user", follows);
	if (rows.n > GET_PAGE)
		json_object_set_new(c->answer, "next_cursor", json_string(contact_cursor(c->a, id, wc_row_text(&rows, GET_PAGE - 1, 3))));
	return 0;
}

int contact_get(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/get", true, get);
}

static int check_members(struct cgi_call *c, const struct contact_rules *rules, const json_t *userids, wc_err *e)
{
	struct contact_member m;
	const json_t         *userid;
	size_t                i;

	json_array_foreach(userids, i, userid) {
		if (!json_is_string(userid))
			return cgi_refuse(c, 40058, "userid_list is no list of strings");
		if (contact_member_find(c->a, rules, json_string_value(userid), &m, e) < 0)
			return -1;
		if (m.errcode)
			return cgi_refuse(c, m.errcode, "no privilege to access this userid");
	}
	return 0;
}

static int batch_page(struct cgi_call *c, const struct contact_rules *rules, const json_t *userids, const char *after, int64_t limit,
                      const char *about, wc_err *e)
{
	json_t *list = wc_json(c->a, "[]");
	wc_rows rows;

	if (wc_db_query(NULL, c->a, &rows, e,
	                "SELECT c.external_userid, c.name, c.unionid, f.userid, f.remark, f.mobile, f.state, f.add_way, f.created_s, f.tags,"
	                " CONCAT(f.userid, '/', f.external_userid) AS place FROM simulator_follow f JOIN simulator_customer c USING (external_userid)"
	                " WHERE NOT f.half AND f.userid IN (SELECT userid COLLATE utf8mb4_general_ci FROM"
	                "  JSON_TABLE(?, '$[*]' COLUMNS (userid VARCHAR(64) PATH '$')) AS named) HAVING place > ? ORDER BY place LIMIT ?",
	                wc_text(wc_json_text(c->a, userids)), wc_text(after), wc_int(limit + 1)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n && (int64_t)i < limit; i++) {
		json_t *follow = follow_json(c->a, rules, &rows, i, 3);

		json_object_set_new(follow, "tag_id", tags_json(c->a, wc_row_text(&rows, i, 9)));
		json_array_append_new(list, json_pack("{s:o, s:o}", "external_contact", customer_json(rules, &rows, i), "follow_info", follow));
	}
	c->answer = wc_json(c->a, "{s:O, s:s}", "external_contact_list", list, "next_cursor",
	                    (int64_t)rows.n > limit ? contact_cursor(c->a, about, wc_row_text(&rows, (size_t)limit - 1, 10)) : "");
	return 0;
}

static int batch_alone(struct cgi_call *c, wc_err *e)
{
	const json_t        *body  = contact_body(c), *userids = json_object_get(body, "userid_list"), *limit = json_object_get(body, "limit");
	int64_t              n     = json_integer_value(limit) > 0 ? json_integer_value(limit) : 50;
	const char          *after = "", *about;
	struct contact_rules rules;

	if (!body)
		return 0;
	if (!json_array_size(userids))
		return cgi_refuse(c, 40058, "userid_list exceed max length 64");
	if (json_array_size(userids) > 100)
		return cgi_refuse(c, 40058, "userid_list exceeds 100");
	if (contact_rules_read(NULL, c->a, &rules, e) < 0 || check_members(c, &rules, userids, e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	about = wc_json_text(c->a, userids);
	if (*contact_text(body, "cursor") && !(after = contact_cursor_last(c->a, &rules, about, contact_text(body, "cursor"))))
		return cgi_refuse(c, 50100, "invalid cursor");
	if (n > 100)
		n = 100;
	return batch_page(c, &rules, userids, after, n < rules.page_max ? n : rules.page_max, about, e);
}

/* Two at once are too many. */
static int batch(struct cgi_call *c, wc_err *e)
{
	static atomic_int at_once;
	int               rc;

	if (atomic_fetch_add(&at_once, 1) > 0) {
		atomic_fetch_sub(&at_once, 1);
		return cgi_refuse(c, 45033, "api concurrent out of limit");
	}
	rc = batch_alone(c, e);
	atomic_fetch_sub(&at_once, 1);
	return rc;
}

int contact_batch(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/batch/get_by_user", true, batch);
}

static int unassigned(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c);
	int64_t       page = json_integer_value(json_object_get(body, "page_id")), n = json_integer_value(json_object_get(body, "page_size"));
	json_t       *list = wc_json(c->a, "[]");
	wc_rows       rows;

	if (!body)
		return 0;
	if (n < 1 || n > 1000)
		n = 1000;
	if (page < 0 || page * n >= 50000)
		return cgi_refuse(c, 40058, "page_id * page_size exceeds 50000");
	if (wc_db_query(NULL, c->a, &rows, e,
	                "SELECT f.userid, f.external_userid, m.departed_s FROM simulator_follow f JOIN simulator_contact_member m ON m.userid = f.userid"
	                " WHERE m.departed_s IS NOT NULL ORDER BY m.departed_s, f.userid, f.external_userid LIMIT ? OFFSET ?", wc_int(n + 1), wc_int(page * n)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n && (int64_t)i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "handover_userid", wc_row_text(&rows, i, 0), "external_userid", wc_row_text(&rows, i, 1),
		                                      "dimission_time", (json_int_t)wc_row_int(&rows, i, 2)));
	c->answer = wc_json(c->a, "{s:O, s:b}", "info", list, "is_last", (int)((int64_t)rows.n <= n));
	return 0;
}

int contact_unassigned(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/get_unassigned_list", true, unassigned);
}

/* --- tags ------------------------------------------------------------------------------------------------------------ */

static json_t *tag_json(const wc_rows *rows, size_t i, bool asked)
{
	json_t *tag = json_pack("{s:s, s:s, s:I, s:I}", "id", wc_row_text(rows, i, 2), "name", wc_row_text(rows, i, 3), "create_time",
	                        (json_int_t)wc_row_int(rows, i, 4), "order", (json_int_t)wc_row_int(rows, i, 5));

	if (asked && wc_row_int(rows, i, 6))
		json_object_set_new(tag, "deleted", json_true());
	return tag;
}

/* Rows in the order of their groups: group_id, group_name, tag_id, name, created_s, ord, deleted. */
static json_t *groups_json(wc_arena *a, const wc_rows *rows, const json_t *tag_ids, const json_t *group_ids)
{
	json_t     *groups = wc_json(a, "[]"), *group = NULL;
	const char *id = "";
	bool        asked = json_array_size(tag_ids) || json_array_size(group_ids);

	for (size_t i = 0; i < rows->n; i++) {
		const json_t *one = wc_json(a, "{s:O?, s:O?}", "t", (json_t *)tag_ids, "g", (json_t *)group_ids);

		if (asked ? !lists(one, json_array_size(group_ids) ? "g" : "t", wc_row_text(rows, i, json_array_size(group_ids) ? 0 : 2)) : wc_row_int(rows, i, 6) != 0)
			continue;
		if (strcmp(id, wc_row_text(rows, i, 0))) {
			id    = wc_row_text(rows, i, 0);
			group = json_pack("{s:s, s:s, s:I, s:i, s:[]}", "group_id", id, "group_name", wc_row_text(rows, i, 1), "create_time",
			                  (json_int_t)wc_row_int(rows, i, 4), "order", 0, "tag");
			json_array_append_new(groups, group);
		}
		json_array_append_new(json_object_get(group, "tag"), tag_json(rows, i, asked));
	}
	return groups;
}

static int tags(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c);
	wc_rows       rows;

	if (!body)
		return 0;
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT group_id, group_name, tag_id, name, created_s, ord, deleted FROM simulator_tag ORDER BY group_id, ord DESC, tag_id") < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:O}", "tag_group", groups_json(c->a, &rows, json_object_get(body, "tag_id"), json_object_get(body, "group_id")));
	return 0;
}

int contact_tags(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/get_corp_tag_list", true, tags);
}

static int add_tag(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c), *list = json_object_get(body, "tag"), *tag;
	const char   *group = contact_text(body, "group_id"), *name = contact_text(body, "group_name");
	wc_rows       rows;
	size_t        i;

	if (!body)
		return 0;
	if ((!*group && !*name) || !json_array_size(list))
		return cgi_refuse(c, 40063, "group and tags are required");
	if (wc_utf8_count(name, strlen(name)) > 30)
		return cgi_refuse(c, 40072, "name is too long");
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT group_id, group_name FROM simulator_tag WHERE (group_id = ? OR (? = '' AND group_name = ?)) AND NOT deleted LIMIT 1",
	                wc_text(group), wc_text(group), wc_text(name)) < 0)
		return -1;
	if (*group && !rows.n)
		return cgi_refuse(c, 40068, "invalid tagid");
	group = rows.n ? wc_row_text(&rows, 0, 0) : contact_id(c->a, "et");
	name  = rows.n ? wc_row_text(&rows, 0, 1) : name;
	json_array_foreach(list, i, tag) {
		const char *text = contact_text(tag, "name");

		if (!*text || wc_utf8_count(text, strlen(text)) > 30)
			return cgi_refuse(c, 40072, "name is empty or too long");
		if (wc_db_exec(NULL, e, "INSERT INTO simulator_tag (tag_id, group_id, group_name, name, ord, created_s) SELECT ?, ?, ?, ?, ?, ? FROM DUAL"
		               " WHERE NOT EXISTS (SELECT 1 FROM simulator_tag WHERE group_id = ? AND name = ? AND NOT deleted)", wc_text(contact_id(c->a, "et")),
		               wc_text(group), wc_text(name), wc_text(text), wc_int(json_integer_value(json_object_get(tag, "order"))),
		               wc_int(wc_now_ms() / 1000), wc_text(group), wc_text(text)) < 0)
			return -1;
	}
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT group_id, group_name, tag_id, name, created_s, ord, deleted FROM simulator_tag WHERE group_id = ?"
	                " AND NOT deleted ORDER BY ord DESC, tag_id", wc_text(group)) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:O}", "tag_group", json_array_get(groups_json(c->a, &rows, NULL, NULL), 0));
	return 0;
}

int contact_add_tag(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/add_corp_tag", true, add_tag);
}

static int del_tag(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c), *tag_ids = json_object_get(body, "tag_id"), *group_ids = json_object_get(body, "group_id");

	if (!body)
		return 0;
	if (!json_array_size(tag_ids) && !json_array_size(group_ids))
		return cgi_refuse(c, 40063, "tag_id or group_id is required");
	return wc_db_exec(NULL, e, "UPDATE simulator_tag SET deleted = TRUE WHERE JSON_CONTAINS(?, JSON_QUOTE(tag_id)) OR JSON_CONTAINS(?, JSON_QUOTE(group_id))",
	                  wc_text(tag_ids ? wc_json_text(c->a, tag_ids) : "[]"), wc_text(group_ids ? wc_json_text(c->a, group_ids) : "[]")) < 0 ? -1 : 0;
}

int contact_del_tag(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/del_corp_tag", true, del_tag);
}

static int mark_tag(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c), *add = json_object_get(body, "add_tag"), *remove = json_object_get(body, "remove_tag"), *tag;
	const char   *userid = contact_text(body, "userid"), *customer = contact_text(body, "external_userid");
	json_t       *now = wc_json(c->a, "[]"), *before;
	wc_rows       rows;
	size_t        i;

	if (!body)
		return 0;
	if (!json_array_size(add) && !json_array_size(remove))
		return cgi_refuse(c, 40063, "add_tag or remove_tag is required");
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT tags FROM simulator_follow WHERE userid = ? AND external_userid = ?", wc_text(userid), wc_text(customer)) < 0)
		return -1;
	if (!rows.n)
		return cgi_refuse(c, 84061, "not external contact");
	before = wc_json(c->a, "{s:o}", "t", tags_json(c->a, wc_row_text(&rows, 0, 0)));
	json_array_foreach(json_object_get(before, "t"), i, tag)
		if (!lists(body, "remove_tag", json_string_value(tag)))
			json_array_append(now, (json_t *)tag);
	json_array_foreach(add, i, tag) {
		wc_rows known;

		if (wc_db_query(NULL, c->a, &known, e, "SELECT 1 FROM simulator_tag WHERE tag_id = ? AND NOT deleted", wc_text(json_string_value(tag))) < 0)
			return -1;
		if (!known.n)
			return cgi_refuse(c, 40068, "invalid tagid");
		if (!lists(before, "t", json_string_value(tag)))
			json_array_append(now, (json_t *)tag);
	}
	return wc_db_exec(NULL, e, "UPDATE simulator_follow SET tags = ? WHERE userid = ? AND external_userid = ?", wc_text(wc_json_text(c->a, now)),
	                  wc_text(userid), wc_text(customer)) < 0 ? -1 : 0;
}

int contact_mark_tag(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/mark_tag", true, mark_tag);
}
