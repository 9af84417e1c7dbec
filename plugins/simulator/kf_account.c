/* Accounts, contact links and servicers (doc/94662 to 94665, 94645 to 94647). */
#include "kf.h"
#include "kf_api.h"

#include <string.h>

#define ACCOUNTS_MAX 5000

/* --- accounts ---------------------------------------------------------------------------------------------------------------- */

static int check_name(struct cgi_call *c, const char *name)
{
	size_t n = wc_utf8_count(name, strlen(name));

	return n < 1 || n > 16 ? cgi_refuse(c, 95006, "invalid open kf account name") : 0;
}

static int check_avatar(struct cgi_call *c, const char *media_id, wc_err *e)
{
	int64_t now, errcode;

	if (!*media_id)
		return cgi_refuse(c, 41006, "media_id missing");
	if (kf_now(c->a, &now, e) < 0 || (errcode = kf_media_check(NULL, c->a, media_id, "image", now, e)) < 0)
		return -1;
	return errcode ? cgi_refuse(c, errcode, "invalid media_id") : 0;
}

static int count_accounts(struct cgi_call *c, int64_t *n, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, c->a, &rows, e, "SELECT COUNT(*) FROM simulator_kf_account WHERE NOT deleted") < 0)
		return -1;
	*n = wc_row_int(&rows, 0, 0);
	return 0;
}

static int check_number(struct cgi_call *c, wc_err *e)
{
	struct kf_control control;
	int64_t           n;

	if (kf_control_read(NULL, c->a, &control, e) < 0 || count_accounts(c, &n, e) < 0)
		return -1;
	if (control.unverified && n >= 10)
		return cgi_refuse(c, 95027, "unverified corp: account count limit");
	return n >= ACCOUNTS_MAX ? cgi_refuse(c, 95005, "open kf account count limit") : 0;
}

static int account_add(struct cgi_call *c, wc_err *e)
{
	const json_t *body = kf_body(c);
	const char   *id   = kf_random(c->a, "wk", 15);
	int64_t       now;

	if (!body)
		return 0;
	check_name(c, kf_str(body, "name"));
	if ((!c->errcode && check_avatar(c, kf_str(body, "media_id"), e) < 0) || (!c->errcode && check_number(c, e) < 0) || kf_now(c->a, &now, e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	c->answer = wc_json(c->a, "{s:s}", "open_kfid", id);
	return wc_db_exec(NULL, e, "INSERT INTO simulator_kf_account (open_kfid, name, avatar, created_ms) VALUES (?, ?, ?, ?)", wc_text(id),
	                  wc_text(kf_str(body, "name")), wc_text(kf_str(body, "media_id")), wc_int(now)) < 0 ? -1 : 0;
}

static int account_del(struct cgi_call *c, wc_err *e)
{
	const json_t     *body = kf_body(c);
	struct kf_account account;
	int64_t           n;

	if (!body || kf_need_account(c, body, &account, e) < 0 || count_accounts(c, &n, e) < 0)
		return body ? -1 : 0;
	if (c->errcode)
		return 0;
	if (n == 1)
		return cgi_refuse(c, 95005, "open kf account count limit: none would be left");
	return wc_db_exec(NULL, e, "UPDATE simulator_kf_account SET deleted = TRUE WHERE open_kfid = ?", wc_text(account.open_kfid)) < 0 ? -1 : 0;
}

static int account_update(struct cgi_call *c, wc_err *e)
{
	const json_t     *body = kf_body(c), *name = json_object_get(body, "name"), *avatar = json_object_get(body, "media_id");
	struct kf_account account;

	if (!body || kf_need_account(c, body, &account, e) < 0)
		return body ? -1 : 0;
	if (!c->errcode && !name && !avatar)
		return cgi_refuse(c, 40058, "missing name or media_id");
	if (!c->errcode && name)
		check_name(c, kf_str(body, "name"));
	if (!c->errcode && avatar && check_avatar(c, kf_str(body, "media_id"), e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	return wc_db_exec(NULL, e, "UPDATE simulator_kf_account SET name = COALESCE(?, name), avatar = COALESCE(?, avatar) WHERE open_kfid = ?",
	                  wc_text(json_string_value(name)), wc_text(json_string_value(avatar)), wc_text(account.open_kfid)) < 0 ? -1 : 0;
}

static int64_t number_or(const json_t *body, const char *name, int64_t standard)
{
	const json_t *value = json_object_get(body, name);

	return !value ? standard : json_is_integer(value) ? json_integer_value(value) : -1;
}

static int account_list(struct cgi_call *c, wc_err *e)
{
	const json_t *body   = kf_body(c);
	int64_t       offset = number_or(body, "offset", 0), limit = number_or(body, "limit", 100);
	json_t       *list   = wc_json(c->a, "[]");
	wc_rows       rows;

	if (!body)
		return 0;
	if (offset < 0 || limit < 1 || limit > 100)
		return cgi_refuse(c, 40058, "invalid offset or limit");
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT open_kfid, name, avatar, managed FROM simulator_kf_account WHERE NOT deleted"
	                " ORDER BY created_ms, open_kfid LIMIT ? OFFSET ?", wc_int(limit), wc_int(offset)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:b}", "open_kfid", wc_row_text(&rows, i, 0), "name", wc_row_text(&rows, i, 1),
		                                      "avatar", json_string(wc_printf(c->a, "https://wework.qpic.cn/%s/0", wc_row_text(&rows, i, 2))),
		                                      "manage_privilege", (int)wc_row_int(&rows, i, 3)));
	c->answer = wc_json(c->a, "{s:O}", "account_list", list);
	return 0;
}

int kf_account_add(wc_request *rq, const void *self)    { return cgi_run(rq, self, "kf/account/add", true, account_add); }
int kf_account_del(wc_request *rq, const void *self)    { return cgi_run(rq, self, "kf/account/del", true, account_del); }
int kf_account_update(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/account/update", true, account_update); }
int kf_account_list(wc_request *rq, const void *self)   { return cgi_run(rq, self, "kf/account/list", true, account_list); }

/* --- links ---------------------------------------------------------------------------------------------------------------------- */

int kf_link(wc_db *db, wc_arena *a, const char *open_kfid, const char *scene, const char **url, wc_err *e)
{
	const char   *enc = kf_random(a, "ENC", 16);
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;

	if (wc_db_query(db, a, &rows, e, "SELECT url FROM simulator_kf_link WHERE open_kfid = ? AND scene = ?", wc_text(open_kfid), wc_text(scene)) < 0)
		return -1;
	if (rows.n) {
		*url = wc_row_text(&rows, 0, 0);
		return 0;
	}
	wc_keyed_hash(hash, "simulator.kf_link", open_kfid, NULL);
	*url = wc_printf(a, "https://work.weixin.qq.com/kf/kfc%s?enc_scene=%s", wc_hex(a, hash, 8), enc);
	return wc_db_exec(db, e, "INSERT INTO simulator_kf_link (enc_scene, open_kfid, scene, url) VALUES (?, ?, ?, ?)", wc_text(enc),
	                  wc_text(open_kfid), wc_text(scene), wc_text(*url)) < 0 ? -1 : 0;
}

static int add_contact_way(struct cgi_call *c, wc_err *e)
{
	const json_t     *body  = kf_body(c);
	const char       *scene = kf_str(body, "scene"), *url;
	struct kf_account account;

	if (!body || kf_need_account(c, body, &account, e) < 0)
		return body ? -1 : 0;
	if (!c->errcode && (json_object_get(body, "scene") && *scene && !kf_is_word(scene, 32)))
		return cgi_refuse(c, 40058, "invalid scene");
	if (c->errcode)
		return 0;
	if (kf_link(NULL, c->a, account.open_kfid, scene, &url, e) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:s}", "url", url);
	return 0;
}

int kf_add_contact_way(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/add_contact_way", true, add_contact_way); }

/* --- servicers ------------------------------------------------------------------------------------------------------------------ */

static bool is_list(const json_t *list, size_t most)
{
	return !list || (json_is_array(list) && json_array_size(list) <= most);
}

/* One line of result_list, by whether the statement changed anything. */
static int one_result(json_t *results, const char *member, json_t *id /* taken */, int64_t errcode, bool changed)
{
	json_array_append_new(results, json_pack("{s:o, s:I, s:s}", member, id, "errcode", (json_int_t)errcode, "errmsg",
	                                         errcode ? "invalid userid or department" : changed ? "success" : "ignored"));
	return 0;
}

static int64_t change_row(const char *open_kfid, const char *userid, int64_t department, bool add, wc_err *e)
{
	if (add)
		return wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_kf_servicer (open_kfid, userid, department) VALUES (?, ?, ?)",
		                  wc_text(open_kfid), wc_text(userid), wc_int(department));
	return wc_db_exec(NULL, e, "DELETE FROM simulator_kf_servicer WHERE open_kfid = ? AND userid = ? AND department = ?", wc_text(open_kfid),
	                  wc_text(userid), wc_int(department));
}

static int change_all(struct cgi_call *c, const json_t *body, const char *open_kfid, bool add, wc_err *e)
{
	json_t *results = wc_json(c->a, "[]"), *item;
	int64_t changed;
	size_t  i;

	json_array_foreach(json_object_get(body, "userid_list"), i, item) {
		const char *userid = json_is_string(item) ? json_string_value(item) : "";
		bool        known  = roster_name(&c->sim->people, userid) != NULL;

		changed = known ? change_row(open_kfid, userid, 0, add, e) : 0;
		if (changed < 0)
			return -1;
		one_result(results, "userid", json_string(userid), known ? 0 : 60111, changed > 0);
	}
	json_array_foreach(json_object_get(body, "department_id_list"), i, item) {
		bool known = json_is_integer(item) && json_integer_value(item) > 0;

		changed = known ? change_row(open_kfid, "", json_integer_value(item), add, e) : 0;
		if (changed < 0)
			return -1;
		one_result(results, "department_id", json_integer(json_integer_value(item)), known ? 0 : 60123, changed > 0);
	}
	c->answer = wc_json(c->a, "{s:O}", "result_list", results);
	return 0;
}

static int change_servicers(struct cgi_call *c, bool add, wc_err *e)
{
	const json_t     *body = kf_body(c), *users = json_object_get(body, "userid_list"), *departments = json_object_get(body, "department_id_list");
	struct kf_account account;

	if (!body || kf_need_account(c, body, &account, e) < 0)
		return body ? -1 : 0;
	if (c->errcode)
		return 0;
	if (!is_list(users, 100) || !is_list(departments, add ? 20 : 100) || json_array_size(users) + json_array_size(departments) == 0)
		return cgi_refuse(c, 40058, "userid_list or department_id_list: missing, or too long");
	return change_all(c, body, account.open_kfid, add, e);
}

static int servicer_add(struct cgi_call *c, wc_err *e) { return change_servicers(c, true, e); }
static int servicer_del(struct cgi_call *c, wc_err *e) { return change_servicers(c, false, e); }

static json_t *servicer_json(const wc_rows *rows, size_t i)
{
	if (!*wc_row_text(rows, i, 0))
		return json_pack("{s:I}", "department_id", (json_int_t)wc_row_int(rows, i, 1));
	return json_pack("{s:s, s:I, s:I}", "userid", wc_row_text(rows, i, 0), "status", (json_int_t)wc_row_int(rows, i, 2), "stop_type",
	                 (json_int_t)wc_row_int(rows, i, 3));
}

static int servicer_list(struct cgi_call *c, wc_err *e)
{
	const char       *id   = wc_query_param(c->rq, "open_kfid");
	const json_t     *body = wc_json(c->a, "{s:s}", "open_kfid", id ? id : "");
	json_t           *list = wc_json(c->a, "[]");
	struct kf_account account;
	wc_rows           rows;

	if (kf_need_account(c, body, &account, e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT userid, department, status, stop_type FROM simulator_kf_servicer WHERE open_kfid = ?"
	                " ORDER BY userid = '', userid, department", wc_text(account.open_kfid)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, servicer_json(&rows, i));
	c->answer = wc_json(c->a, "{s:O}", "servicer_list", list);
	return 0;
}

int kf_servicer_add(wc_request *rq, const void *self)  { return cgi_run(rq, self, "kf/servicer/add", true, servicer_add); }
int kf_servicer_del(wc_request *rq, const void *self)  { return cgi_run(rq, self, "kf/servicer/del", true, servicer_del); }
int kf_servicer_list(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/servicer/list", true, servicer_list); }
