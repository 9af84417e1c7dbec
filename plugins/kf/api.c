/* The console's side (/api/kf): accounts with their settings, servicers, links with their pictures, what pulling is at. What WeCom keeps is changed there
 * first and then read again from its lists. */
#include "kf.h"

#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#define AT "/api/kf/accounts/{open_kfid}"
#define MS(column) "CAST(UNIX_TIMESTAMP(" column ") * 1000 AS INTEGER)"

/* --- small helpers ------------------------------------------------------------------------------------------------------------ */

static json_t *time_json(wc_arena *a, const wc_rows *rows, size_t i, size_t column)
{
	return wc_row_cell(rows, i, column).s ? json_string(wc_time_text(a, wc_row_int(rows, i, column))) : json_null();
}

/* NULL: there is none, and that was said. */
static const struct account *account_of(wc_request *rq)
{
	wc_arena       *a   = wc_request_arena(rq);
	struct account *acc = wc_alloc(a, sizeof *acc);
	wc_err          e;

	if (account_find(a, wc_path_param(rq, "open_kfid"), acc, &e) == 0)
		return acc;
	wc_reply_err(rq, &e);
	return NULL;
}

/* WeCom's refusal in words that a person can look up. */
static int reply_refusal(wc_request *rq, const char *what, const wc_answer *answer)
{
	return wc_problem(rq, 502, "remote_refused", "%s: WeCom refuses with errcode %lld (https://open.work.weixin.qq.com/devtool/query explains it)", what,
	                  (long long)answer->errcode);
}

static int audit_change(wc_request *rq, const char *action, const char *open_kfid, json_t *details, wc_err *e)
{
	wc_arena *a = wc_request_arena(rq);

	return wc_audit(NULL, &(wc_audit_entry){wc_actor(rq), action, wc_printf(a, "kf:%s", open_kfid), details}, e);
}

/* --- accounts ------------------------------------------------------------------------------------------------------------------- */

static const wc_field one_account[] = {
	{WC_STRING, "open_kfid", NULL, 0, "WeCom's id of the account"},
	{WC_STRING, "name", NULL, 0, "as customers see it"},
	{WC_STRING, "avatar", NULL, 0, "URL of its picture; may be empty"},
	{WC_STRING, "door", NULL, 0, "NAME of its section [kf:NAME]"},
	{WC_STRING, "callback", NULL, 0, "the path of the URL that WeCom is told"},
	{WC_BOOL, "managed", NULL, 0, "whether WeCom lets the app send and assign"},
	{WC_BOOL, "listed", NULL, 0, "whether WeCom still has it"},
	{WC_BOOL, "open_now", NULL, 0, "whether it is within the hours"},
	{WC_OBJECT, "settings", NULL, 0, "what PUT changes", .of = settings_fields},
	{0}};

static json_t *account_json(const struct account *acc)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s+, s:b, s:b, s:b, s:O}", "open_kfid", acc->open_kfid, "name", acc->name, "avatar", acc->avatar, "door", acc->door,
	                 "callback", "/wecom/callback/", acc->door, "managed", (int)acc->managed, "listed", (int)acc->listed, "open_now", (int)is_open_now(&acc->s),
	                 "settings", acc->settings);
}

/* As they stand now, with what the file does not say. */
static void whole_settings(wc_arena *a, struct account *acc)
{
	acc->settings = settings_json(a, &acc->s);
}

static int list_accounts(wc_request *rq, const void *self)
{
	wc_arena       *a     = wc_request_arena(rq);
	wc_list        *list  = wc_list_begin(rq);
	const char     *after = wc_list_after_text(list);
	struct account *all;
	size_t          n;
	wc_err          e;

	(void)self;
	if (account_all(a, &all, &n, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < n; i++) {
		if (after && strcmp(all[i].open_kfid, after) <= 0)
			continue;
		whole_settings(a, &all[i]);
		wc_list_add(list, account_json(&all[i]), "%s", all[i].open_kfid);
	}
	return wc_list_reply(list);
}

static int reply_account(wc_request *rq, int status, const char *open_kfid)
{
	wc_arena      *a = wc_request_arena(rq);
	struct account acc;
	wc_err         e;

	if (account_find(a, open_kfid, &acc, &e) < 0)
		return wc_reply_err(rq, &e);
	whole_settings(a, &acc);
	return wc_reply_json(rq, status, wc_json_keep(a, account_json(&acc)));
}

static int get_account(wc_request *rq, const void *self)
{
	(void)self;
	return reply_account(rq, 200, wc_path_param(rq, "open_kfid"));
}

struct new_account {
	const char *door, *name;
	int64_t     avatar;
};

static const wc_field new_account_fields[] = {
	{WC_STRING, "door", "", offsetof(struct new_account, door), "NAME of the section [kf:NAME]; left out: the only one", .max = 64},
	{WC_STRING, "name", NULL, offsetof(struct new_account, name), "as customers see it, at most 16 characters", .min = 1, .max = 64},
	{WC_INT, "avatar", NULL, offsetof(struct new_account, avatar), "its picture (PNG or JPG), a file of POST /api/chat/media", .min = 1, .max = INT64_MAX},
	{0}};

static int find_door(wc_arena *a, const char *name, struct door *d, wc_err *e)
{
	struct door *all;
	size_t       n;

	if (door_all(a, &all, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (*name ? !strcmp(all[i].name, name) : n == 1) {
			*d = all[i];
			return 0;
		}
	return wc_fail(e, WC_E_ARG, *name ? "there is no door of that name" : "there are several doors, or none: say which");
}

static int add_avatar(wc_arena *a, const char *secret, int64_t media, json_t *body, wc_err *e)
{
	wc_media  m;
	wc_answer answer;

	if (!media)
		return 0;
	if (wc_media_read(a, media, &m, e) < 0 ||
	    wc_wecom_upload(a, secret, &(wc_upload){"image", m.name, m.path, 2 * 1024 * 1024}, &answer, e) < 0)
		return -1;
	if (answer.class != WC_ANSWER_OK)
		return wc_fail(e, WC_E_REFUSED, "the picture: WeCom answers with errcode %lld", (long long)answer.errcode);
	json_object_set_new(body, "media_id", json_string(wc_json_str(answer.body, "media_id")));
	return 0;
}

static int post_account(wc_request *rq, const void *self)
{
	const struct new_account *n    = wc_body(rq);
	wc_arena                 *a    = wc_request_arena(rq);
	json_t                   *body = wc_json(a, "{s:s}", "name", n->name);
	struct door               d;
	wc_answer                 answer;
	const char               *id;
	wc_err                    e;

	if (wc_utf8_count(n->name, strlen(n->name)) > 16)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"name", "at most 16 characters", NULL});
	if (find_door(a, n->door, &d, &e) < 0 || add_avatar(a, d.secret, n->avatar, body, &e) < 0 ||
	    wc_wecom_call(a, d.secret, "kf.account.add", body, &answer, &e) < 0)
		return wc_reply_err(rq, &e);
	id = wc_json_str(answer.body, "open_kfid");
	if (answer.class == WC_ANSWER_PERMANENT)
		return reply_refusal(rq, "kf/account/add", &answer);
	if (answer.class != WC_ANSWER_OK || !id_is_good(id))
		return wc_problem(rq, 502, "uncertain", "WeCom's answer was lost: look at the list before you try again");
	if (audit_change(rq, "kf.account.add", id, wc_json(a, "{s:s}", "name", n->name), &e) < 0 || accounts_sync(a, self, &d, &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_account(rq, 201, id);
}

struct account_change {
	const char   *name;
	const json_t *settings;
	int64_t       avatar;
};

static const wc_field account_change_fields[] = {
	{WC_STRING, "name", NULL, offsetof(struct account_change, name), "as customers see it, at most 16 characters", .min = 1, .max = 64, .optional = true},
	{WC_INT, "avatar", "0", offsetof(struct account_change, avatar), "its picture, a file of POST /api/chat/media; 0: as it is", .min = 0, .max = INT64_MAX},
	{WC_OBJECT, "settings", NULL, offsetof(struct account_change, settings), "members that are left out stay as they are", .optional = true},
	{0}};

struct settings_change {
	wc_arena             *a;
	const struct account *acc;
	const json_t         *before, *after;
	const char           *actor;
};

/* The entry names what changed; texts go in as hashes. */
static int write_settings(wc_db *db, void *arg, wc_err *e)
{
	struct settings_change *c    = arg;
	json_t                 *what = wc_json(c->a, "{}"), *value;
	const char             *name;

	json_object_foreach((json_t *)c->after, name, value) {
		const json_t *old = json_object_get(c->before, name);

		if (!json_equal(old, value))
			json_object_set_new(what, name, json_is_string(value) ? json_pack("[s, s]", wc_audit_hash(c->a, json_string_value(old)), wc_audit_hash(c->a, json_string_value(value)))
			                                                      : json_pack("[O, O]", old, value));
	}
	if (wc_db_exec(db, e, "UPDATE kf_account SET settings = ? WHERE id = ?", wc_text(wc_json_text(c->a, c->after)), wc_int(c->acc->id)) < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){c->actor, "kf.account.change", wc_printf(c->a, "kf:%s", c->acc->open_kfid), what}, e);
}

/* 1: the answer was sent. */
static int change_settings(wc_request *rq, const struct account *acc, const json_t *wanted)
{
	wc_arena              *a      = wc_request_arena(rq);
	json_t                *merged = settings_json(a, &acc->s);
	struct settings        s      = {0};
	struct settings_change c      = {.a = a, .acc = acc, .before = settings_json(a, &acc->s), .actor = wc_actor(rq)};
	wc_bad_field          *bad;
	wc_err                 e;

	json_object_update(merged, (json_t *)wanted);
	if ((bad = settings_read(a, merged, &s)))
		return wc_reply_bad_fields(rq, bad), 1;
	if (settings_check(&s, &e) < 0)
		return wc_problem(rq, 422, "bad_settings", "%s", e.text), 1;
	c.after = settings_json(a, &s);
	return wc_db_tx(write_settings, &c, &e) < 0 ? (wc_reply_err(rq, &e), 1) : 0;
}

/* What WeCom keeps: name and picture. 1: the answer was sent. */
static int change_at_wecom(wc_request *rq, const struct kf *self, const struct account *acc, const struct account_change *c)
{
	wc_arena   *a    = wc_request_arena(rq);
	json_t     *body = wc_json(a, "{s:s}", "open_kfid", acc->open_kfid);
	struct door d;
	wc_answer   answer;
	wc_err      e;

	if (c->name && wc_utf8_count(c->name, strlen(c->name)) > 16)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"name", "at most 16 characters", NULL}), 1;
	if (c->name)
		json_object_set_new(body, "name", json_string(c->name));
	if (add_avatar(a, acc->secret, c->avatar, body, &e) < 0 || call_wecom(a, acc->secret, "kf.account.update", body, &answer, &e) < 0)
		return wc_reply_err(rq, &e), 1;
	if (answer.class != WC_ANSWER_OK)
		return reply_refusal(rq, "kf/account/update", &answer), 1;
	if (audit_change(rq, "kf.account.rename", acc->open_kfid, wc_json(a, "{s:s}", "name", c->name ? c->name : ""), &e) < 0 ||
	    door_load(a, acc->door_id, &d, &e) < 0 || accounts_sync(a, self, &d, &e) < 0)
		return wc_reply_err(rq, &e), 1;
	return 0;
}

static int put_account(wc_request *rq, const void *self)
{
	const struct account_change *c   = wc_body(rq);
	const struct account        *acc = account_of(rq);

	if (!acc || (c->settings && change_settings(rq, acc, c->settings)) || ((c->name || c->avatar) && change_at_wecom(rq, self, acc, c)))
		return 0;
	return reply_account(rq, 200, acc->open_kfid);
}

static int delete_account(wc_request *rq, const void *self)
{
	const struct account *acc = account_of(rq);
	wc_arena             *a   = wc_request_arena(rq);
	struct door           d;
	wc_answer             answer;
	wc_err                e;

	if (!acc)
		return 0;
	if (call_wecom(a, acc->secret, "kf.account.del", wc_json(a, "{s:s}", "open_kfid", acc->open_kfid), &answer, &e) < 0)
		return wc_reply_err(rq, &e);
	if (answer.class != WC_ANSWER_OK && answer.errcode != 95004)     /* it is gone already */
		return reply_refusal(rq, "kf/account/del", &answer);
	if (audit_change(rq, "kf.account.delete", acc->open_kfid, NULL, &e) < 0 || door_load(a, acc->door_id, &d, &e) < 0 || accounts_sync(a, self, &d, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{}");
}

/* --- servicers -------------------------------------------------------------------------------------------------------------------- */

static const wc_field one_servicer[] = {
	{WC_STRING, "userid", NULL, 0, "the member"},
	{WC_BOOL, "receiving", NULL, 0, "whether sessions can be given to them now"},
	{WC_INT, "sessions", NULL, 0, "that they have now", .min = 0, .max = INT64_MAX},
	{WC_TIME, "seen_at", NULL, 0, "when WeCom last told of them"},
	{0}};

static json_t *servicer_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:b, s:I, s:o}", "userid", member_opened(a, wc_row_cell(rows, i, 1)), "receiving", (int)wc_row_int(rows, i, 2), "sessions",
	                 (json_int_t)wc_row_int(rows, i, 3), "seen_at", time_json(a, rows, i, 4));
}

static int list_servicers(wc_request *rq, const void *self)
{
	const struct account *acc = account_of(rq);
	wc_list              *list;
	const char           *after;
	wc_rows               rows;
	wc_err                e;

	(void)self;
	if (!acc)
		return 0;
	list  = wc_list_begin(rq);
	after = wc_list_after_text(list);
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT LOWER(HEX(v.member)), m.userid, v.receiving, (SELECT COUNT(*) FROM kf_session s WHERE s.account_id = v.account_id AND s.servicer = v.member"
	                " AND s.state = 3), " MS("v.seen_at") " FROM kf_servicer v JOIN kf_member m ON m.member = v.member WHERE v.account_id = ? AND v.member > UNHEX(?)"
	                " ORDER BY v.member LIMIT ?",
	                wc_int(acc->id), wc_text(after ? after : ""), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		wc_list_add(list, servicer_json(wc_request_arena(rq), &rows, i, NULL), "%s", wc_row_text(&rows, i, 0));
	return wc_list_reply(list);
}

struct members {
	const char *const *userids;
};

static const wc_field members_fields[] = {
	{WC_LIST, "userids", NULL, offsetof(struct members, userids), "members", .min = 1, .max = 100},
	{0}};

static const json_t *userid_list(wc_arena *a, const char *const *userids)
{
	json_t *list = wc_json(a, "[]");

	for (; *userids; userids++)
		json_array_append_new(list, json_string(*userids));
	return list;
}

/* api: adds or removes. What came of each is WeCom's answer; "ignored" means that it was so before. */
static int change_servicers(wc_request *rq, const char *api, const char *action, const json_t *userids, int status)
{
	const struct account *acc = account_of(rq);
	wc_arena             *a   = wc_request_arena(rq);
	wc_answer             answer;
	wc_err                e;

	if (!acc)
		return 0;
	if (call_wecom(a, acc->secret, api, wc_json(a, "{s:s, s:O}", "open_kfid", acc->open_kfid, "userid_list", userids), &answer, &e) < 0)
		return wc_reply_err(rq, &e);
	if (answer.class != WC_ANSWER_OK)
		return reply_refusal(rq, api, &answer);
	if (audit_change(rq, action, acc->open_kfid, wc_json(a, "{s:I}", "members", (json_int_t)json_array_size(userids)), &e) < 0 ||
	    servicers_sync(a, acc, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, status, "{s:O}", "results", json_object_get(answer.body, "result_list") ? json_object_get(answer.body, "result_list") : wc_json(a, "[]"));
}

static int add_servicers(wc_request *rq, const void *self)
{
	(void)self;
	return change_servicers(rq, "kf.servicer.add", "kf.servicer.add", userid_list(wc_request_arena(rq), ((const struct members *)wc_body(rq))->userids), 201);
}

static int remove_servicer(wc_request *rq, const void *self)
{
	(void)self;
	return change_servicers(rq, "kf.servicer.del", "kf.servicer.remove", wc_json(wc_request_arena(rq), "[s]", wc_path_param(rq, "userid")), 200);
}

/* --- links ------------------------------------------------------------------------------------------------------------------------- */

static const wc_field one_link[] = {
	{WC_INT, "id", NULL, 0, "its number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "scene", NULL, 0, "comes back when somebody enters by it; may be empty"},
	{WC_STRING, "url", NULL, 0, "for customers; &scene_param=… may be appended where there is a scene"},
	{WC_STRING, "qr", NULL, 0, "the path of its picture (SVG)"},
	{WC_TIME, "created_at", NULL, 0, "when it was made"},
	{0}};

static json_t *link_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:I, s:s, s:s, s:s, s:o}", "id", (json_int_t)wc_row_int(rows, i, 0), "scene", wc_row_text(rows, i, 1), "url", wc_row_text(rows, i, 2), "qr",
	                 wc_printf(a, "/api/kf/links/%s/qr", wc_row_text(rows, i, 0)), "created_at", time_json(a, rows, i, 3));
}

#define LINKS "SELECT id, scene, url, " MS("created_at") " FROM kf_link WHERE account_id = ?"

static int list_links(wc_request *rq, const void *self)
{
	const struct account *acc = account_of(rq);
	wc_list              *list;
	wc_rows               rows;
	wc_err                e;

	(void)self;
	if (!acc)
		return 0;
	list = wc_list_begin(rq);
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, LINKS " AND id > ? ORDER BY id LIMIT ?", wc_int(acc->id), wc_int(wc_list_after(list, 0)),
	                wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, link_json, NULL);
}

struct new_link {
	const char *scene;
};

static const wc_field new_link_fields[] = {
	{WC_STRING, "scene", "", offsetof(struct new_link, scene), "at most 32 letters, digits, '_' and '-'; empty: none", .max = 32},
	{0}};

struct link_change {
	wc_request           *rq;
	const struct account *acc;
	const char           *scene, *url;
};

static int write_link(wc_db *db, void *arg, wc_err *e)
{
	const struct link_change *c = arg;
	wc_arena                 *a = wc_request_arena(c->rq);

	if (wc_db_exec(db, e, "INSERT INTO kf_link (account_id, scene, url) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE url = VALUES(url)", wc_int(c->acc->id),
	               wc_text(c->scene), wc_text(c->url)) < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){wc_actor(c->rq), "kf.link.add", wc_printf(a, "kf:%s", c->acc->open_kfid), wc_json(a, "{s:s}", "scene", c->scene)}, e);
}

static int post_link(wc_request *rq, const void *self)
{
	const struct account *acc = account_of(rq);
	wc_arena             *a   = wc_request_arena(rq);
	struct link_change    c   = {.rq = rq, .acc = acc, .scene = ((const struct new_link *)wc_body(rq))->scene};
	json_t               *body;
	wc_answer             answer;
	wc_rows               rows;
	wc_err                e;

	(void)self;
	if (!acc)
		return 0;
	if (*c.scene && !id_is_good(c.scene))
		return wc_reply_bad_fields(rq, &(wc_bad_field){"scene", "letters, digits, '_' and '-'", NULL});
	body = wc_json(a, "{s:s}", "open_kfid", acc->open_kfid);
	if (*c.scene)
		json_object_set_new(body, "scene", json_string(c.scene));
	if (call_wecom(a, acc->secret, "kf.add_contact_way", body, &answer, &e) < 0)
		return wc_reply_err(rq, &e);
	c.url = wc_json_str(answer.body, "url");
	if (answer.class != WC_ANSWER_OK || !c.url || strlen(c.url) > 1024)
		return reply_refusal(rq, "kf/add_contact_way", &answer);
	if (wc_db_tx(write_link, &c, &e) < 0 || wc_db_query(NULL, a, &rows, &e, LINKS " AND scene = ?", wc_int(acc->id), wc_text(c.scene)) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_json(rq, 201, wc_json_keep(a, link_json(a, &rows, 0, NULL)));
}

/* One path for all dark squares; the quiet zone is four wide, as readers want it. */
static const char *qr_svg(wc_arena *a, const char *url)
{
	QRcode *qr  = QRcode_encodeString8bit(url, 0, QR_ECLEVEL_M);
	wc_buf *svg = wc_buf_new(a, 1 << 20);

	if (!qr)
		return NULL;
	wc_buf_addf(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"480\" height=\"480\" shape-rendering=\"crispEdges\">"
	                 "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"", qr->width + 8, qr->width + 8, qr->width + 8, qr->width + 8);
	for (int y = 0; y < qr->width; y++)
		for (int x = 0; x < qr->width; x++)
			if (qr->data[y * qr->width + x] & 1)
				wc_buf_addf(svg, "M%d %dh1v1h-1z", x + 4, y + 4);
	wc_buf_adds(svg, "\"/></svg>\n");
	QRcode_free(qr);
	return wc_buf_failed(svg) ? NULL : svg->s;
}

static int get_qr(wc_request *rq, const void *self)
{
	wc_arena   *a  = wc_request_arena(rq);
	const char *id = wc_path_param(rq, "id"), *svg;
	wc_rows     rows;
	wc_err      e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, "SELECT url FROM kf_link WHERE id = ?", wc_int(strlen(id) <= 18 && !id[strspn(id, "0123456789")] ? strtoll(id, NULL, 10) : 0)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n || !(svg = qr_svg(a, wc_row_text(&rows, 0, 0))))
		return wc_problem(rq, 404, "not_found", "there is no such link");
	return wc_reply_bytes(rq, 200, "image/svg+xml", (wc_slice){svg, strlen(svg)});
}

/* --- how it goes -------------------------------------------------------------------------------------------------------------------- */

static int post_sync(wc_request *rq, const void *self)
{
	wc_arena       *a = wc_request_arena(rq);
	struct door    *d;
	struct account *acc;
	size_t          n;
	wc_err          e;

	if (door_all(a, &d, &n, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < n; i++)
		if (accounts_sync(a, self, &d[i], &e) < 0)
			return wc_reply_err(rq, &e);
	if (account_all(a, &acc, &n, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < n; i++)
		if (acc[i].listed && (servicers_sync(a, &acc[i], &e) < 0 || pull_ask(&acc[i], "", &e) < 0))
			return wc_reply_err(rq, &e);
	if (audit_change(rq, "kf.sync", "all", wc_json(a, "{s:I}", "accounts", (json_int_t)n), &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 202, "{s:I}", "accounts", (json_int_t)n);
}

static json_t *status_json(wc_arena *a, const wc_rows *r, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:s, s:I, s:I, s:I, s:o, s:s}", "open_kfid", wc_row_text(r, i, 0), "name", wc_row_text(r, i, 1), "rung_at",
	                 time_json(a, r, i, 2), "pulled_at", time_json(a, r, i, 3), "cursor_at", time_json(a, r, i, 4), "backlog", (int)wc_row_int(r, i, 5), "pull_error",
	                 wc_row_text(r, i, 6), "pool", (json_int_t)wc_row_int(r, i, 7), "served", (json_int_t)wc_row_int(r, i, 8), "unsettled",
	                 (json_int_t)wc_row_int(r, i, 9), "listed_at", time_json(a, r, i, 10), "list_error", wc_row_text(r, i, 11));
}

static const wc_field one_status[] = {
	{WC_STRING, "open_kfid", NULL, 0, "which account"},
	{WC_STRING, "name", NULL, 0, "as customers see it"},
	{WC_TIME, "rung_at", NULL, 0, "when its last doorbell came; null: none", .optional = true},
	{WC_TIME, "pulled_at", NULL, 0, "when WeCom last had no more; null: never", .optional = true},
	{WC_TIME, "cursor_at", NULL, 0, "when its cursor was written; null: never", .optional = true},
	{WC_BOOL, "backlog", NULL, 0, "whether WeCom had more when it was last asked"},
	{WC_STRING, "pull_error", NULL, 0, "why the last pull did not come to its end; empty: it did"},
	{WC_INT, "pool", NULL, 0, "sessions that wait for a servicer", .min = 0, .max = INT64_MAX},
	{WC_INT, "served", NULL, 0, "sessions that servicers have", .min = 0, .max = INT64_MAX},
	{WC_INT, "unsettled", NULL, 0, "messages of which is not known yet whether they were sent", .min = 0, .max = INT64_MAX},
	{WC_TIME, "listed_at", NULL, 0, "when the accounts were last compared with WeCom's; null: never", .optional = true},
	{WC_STRING, "list_error", NULL, 0, "why that failed; empty: it did not"},
	{0}};

static int get_status(wc_request *rq, const void *self)
{
	wc_list    *list  = wc_list_begin(rq);
	const char *after = wc_list_after_text(list);
	wc_rows     rows;
	wc_err      e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT a.open_kfid, a.name, " MS("a.rung_at") ", " MS("a.pulled_at") ", " MS("a.cursor_at") ", a.backlog, a.pull_error,"
	                " (SELECT COUNT(*) FROM kf_session s WHERE s.account_id = a.id AND s.state = 2), (SELECT COUNT(*) FROM kf_session s WHERE s.account_id = a.id AND s.state = 3),"
	                " (SELECT COUNT(*) FROM kf_send o JOIN kf_session s ON s.id = o.session_id WHERE o.state IN (0, 4) AND s.account_id = a.id), " MS("d.listed_at") ", d.list_error"
	                " FROM kf_account a JOIN kf_door d ON d.id = a.door_id WHERE a.open_kfid > ? ORDER BY a.open_kfid LIMIT ?",
	                wc_text(after ? after : ""), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, status_json, NULL);
}

/* --- the table ----------------------------------------------------------------------------------------------------------------------- */

const wc_route kf_routes[] = {
	{WC_GET, "/api/kf/accounts", WC_VIEWER, list_accounts, "The accounts with their settings", .list = true, .answer = one_account},
	{WC_POST, "/api/kf/accounts", WC_ADMIN, post_account, "Makes an account at WeCom", new_account_fields, sizeof(struct new_account), .answer = one_account},
	{WC_GET, AT, WC_VIEWER, get_account, "One account", .answer = one_account},
	{WC_PUT, AT, WC_ADMIN, put_account, "Changes settings, name or picture; what is left out stays", account_change_fields, sizeof(struct account_change),
	 .body_max = 256 * 1024, .answer = one_account},
	{WC_DELETE, AT, WC_ADMIN, delete_account, "Deletes the account at WeCom; its conversations stay"},
	{WC_GET, AT "/servicers", WC_OPERATOR, list_servicers, "Who may take over sessions of the account", .list = true, .answer = one_servicer},
	{WC_POST, AT "/servicers", WC_ADMIN, add_servicers, "Adds members as servicers", members_fields, sizeof(struct members)},
	{WC_DELETE, AT "/servicers/{userid}", WC_ADMIN, remove_servicer, "Removes a servicer"},
	{WC_GET, AT "/links", WC_VIEWER, list_links, "Links by which customers come", .list = true, .answer = one_link},
	{WC_POST, AT "/links", WC_OPERATOR, post_link, "Makes a link, with a scene or without", new_link_fields, sizeof(struct new_link), .answer = one_link},
	{WC_GET, "/api/kf/links/{id}/qr", WC_VIEWER, get_qr, "The link as a QR code (SVG)"},
	{WC_POST, "/api/kf/sync", WC_OPERATOR, post_sync, "Compares accounts and servicers with WeCom's, and reads messages now"},
	{WC_GET, "/api/kf/status", WC_VIEWER, get_status, "How reading goes: cursors, backlog, who waits", .list = true, .answer = one_status},
	{0}};
