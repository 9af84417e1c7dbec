/* Customers of 微信客服 (doc/95159), and handing them on to a member or a group (doc/94674). */
#include "kf.h"
#include "kf_api.h"

#include <string.h>

/* --- batchget ----------------------------------------------------------------------------------------------------------------- */

/* How they came in last, within 48 hours; NULL when they did not. */
static json_t *context_json(struct cgi_call *c, const char *external, int64_t now, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, c->a, &rows, e, "SELECT scene, scene_param FROM simulator_kf_session WHERE external_userid = ? AND entered_ms > ?"
	                " ORDER BY entered_ms DESC LIMIT 1", wc_text(external), wc_int(now - KF_WINDOW_MS)) < 0)
		return NULL;
	if (!rows.n)
		return json_null();
	return json_pack("{s:s, s:s}", "scene", wc_row_text(&rows, 0, 0), "scene_param", wc_row_text(&rows, 0, 1));
}

static json_t *customer_json(struct cgi_call *c, const wc_rows *rows, bool with_context, int64_t now, wc_err *e)
{
	const char *id = wc_row_text(rows, 0, 0);
	json_t     *one = json_pack("{s:s, s:s, s:s, s:I}", "external_userid", id, "nickname", wc_row_text(rows, 0, 1), "avatar",
	                            "http://wx.qlogo.cn/mmhead/sim/0", "gender", (json_int_t)wc_row_int(rows, 0, 3));
	json_t     *context;

	if (*wc_row_text(rows, 0, 2))
		json_object_set_new(one, "unionid", json_string(wc_row_text(rows, 0, 2)));
	if (!with_context)
		return one;
	if (!(context = context_json(c, id, now, e))) {
		json_decref(one);
		return NULL;
	}
	if (json_is_object(context))
		json_object_set_new(one, "enter_session_context", context);
	return one;
}

static int sort_one(struct cgi_call *c, const json_t *item, bool with_context, int64_t now, json_t *good, json_t *bad, wc_err *e)
{
	const char *id = json_is_string(item) ? json_string_value(item) : "";
	json_t     *one;
	wc_rows     rows;

	if (wc_db_query(NULL, c->a, &rows, e, "SELECT external_userid, nickname, unionid, gender FROM simulator_kf_customer WHERE external_userid = ?",
	                wc_text(id)) < 0)
		return -1;
	if (!rows.n)
		return json_array_append_new(bad, json_string(id));
	one = customer_json(c, &rows, with_context, now, e);
	return one ? json_array_append_new(good, one) : -1;
}

static int batchget(struct cgi_call *c, wc_err *e)
{
	const json_t *body = kf_body(c), *ids = json_object_get(body, "external_userid_list"), *item;
	json_t       *good = wc_json(c->a, "[]"), *bad = wc_json(c->a, "[]");
	int64_t       now;
	size_t        i;

	if (!body || kf_now(c->a, &now, e) < 0)
		return body ? -1 : 0;
	if (!json_is_array(ids) || !json_array_size(ids) || json_array_size(ids) > 100)
		return cgi_refuse(c, 40058, "external_userid_list: 1 to 100");
	json_array_foreach(ids, i, item)
		if (sort_one(c, item, json_integer_value(json_object_get(body, "need_enter_session_context")) == 1, now, good, bad, e) < 0)
			return -1;
	c->answer = wc_json(c->a, "{s:O, s:O}", "customer_list", good, "invalid_external_userid", bad);
	return 0;
}

int kf_customer_batchget(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/customer/batchget", true, batchget); }

/* --- upgrade ------------------------------------------------------------------------------------------------------------------- */

static json_t *as_list(const char *text)
{
	json_t *list = json_array();

	for (size_t n; *text; text += n + (text[n] == '|')) {
		n = strcspn(text, "|");
		json_array_append_new(list, json_stringn(text, n));
	}
	return list;
}

static int config(struct cgi_call *c, wc_err *e)
{
	struct kf_control control;

	if (kf_control_read(NULL, c->a, &control, e) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:{s:o, s:[]}, s:{s:o}}", "member_range", "userid_list", as_list(control.upgrade_members),
	                    "department_id_list", "groupchat_range", "chat_id_list", as_list(control.upgrade_groups));
	return 0;
}

static int need_both(struct cgi_call *c, const json_t *body, struct kf_account *account, wc_err *e)
{
	const char *name;

	if (kf_need_account(c, body, account, e) < 0 || kf_customer(NULL, c->a, kf_str(body, "external_userid"), &name, e) < 0)
		return -1;
	return c->errcode || name ? 0 : cgi_refuse(c, 40096, "invalid external userid");
}

static int upgrade(struct cgi_call *c, wc_err *e)
{
	const json_t     *body   = kf_body(c), *target;
	int64_t           kind   = json_integer_value(json_object_get(body, "type")), now;
	bool              member = kind == 1;
	const char       *id;
	struct kf_account account;
	struct kf_control control;

	if (!body || need_both(c, body, &account, e) < 0 || kf_control_read(NULL, c->a, &control, e) < 0 || kf_now(c->a, &now, e) < 0)
		return body ? -1 : 0;
	if (!c->errcode && kind != 1 && kind != 2)
		return cgi_refuse(c, 40058, "invalid type");
	if (c->errcode)
		return 0;
	target = json_object_get(body, member ? "member" : "groupchat");
	id     = kf_str(target, member ? "userid" : "chat_id");
	if (!*id || strlen(kf_str(target, "wording")) > 400 || strlen(id) > 64)
		return cgi_refuse(c, 40058, "member or groupchat: missing, or too long");
	if (!kf_in_list(member ? control.upgrade_members : control.upgrade_groups, id))
		return cgi_refuse(c, 95021, "upgrade target not configured");
	return wc_db_exec(NULL, e, "REPLACE INTO simulator_kf_upgrade (open_kfid, external_userid, kind, target, wording, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
	                  wc_text(account.open_kfid), wc_text(kf_str(body, "external_userid")), wc_int(kind), wc_text(id),
	                  wc_text(kf_str(target, "wording")), wc_int(now)) < 0 ? -1 : 0;
}

static int cancel(struct cgi_call *c, wc_err *e)
{
	const json_t     *body = kf_body(c);
	struct kf_account account;

	if (!body || need_both(c, body, &account, e) < 0)
		return body ? -1 : 0;
	if (c->errcode)
		return 0;
	return wc_db_exec(NULL, e, "DELETE FROM simulator_kf_upgrade WHERE open_kfid = ? AND external_userid = ?", wc_text(account.open_kfid),
	                  wc_text(kf_str(body, "external_userid"))) < 0 ? -1 : 0;
}

int kf_upgrade_config(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/customer/get_upgrade_service_config", true, config); }
int kf_upgrade(wc_request *rq, const void *self)        { return cgi_run(rq, self, "kf/customer/upgrade_service", true, upgrade); }
int kf_upgrade_cancel(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/customer/cancel_upgrade_service", true, cancel); }
