/* People: writing, entering, tapping, recalling, serving. What WeCom's clients would not let them do is a problem here, not an errcode. */
#include "kf_people.h"
#include "kf_api.h"

#include <inttypes.h>
#include <string.h>

#define RECALL_MS (2 * 60 * 1000)

#define SAY(member) offsetof(struct kf_say, member)
#define ACCOUNT(type) {WC_STRING, "open_kfid", NULL, offsetof(type, open_kfid), "the account", .min = 1, .max = 64}
#define CUSTOMER(type) {WC_STRING, "external_userid", NULL, offsetof(type, external), "the customer", .min = 1, .max = 64}
#define SERVICER(type) {WC_STRING, "userid", NULL, offsetof(type, userid), "the servicer", .min = 1, .max = 64}

const wc_field kf_say_fields[] = {
	ACCOUNT(struct kf_say), CUSTOMER(struct kf_say),
	{WC_STRING, "userid", "", SAY(userid), "who writes, of a servicer's message", .max = 64},
	{WC_STRING, "msgtype", "text", SAY(msgtype), "text, image, voice, video, file, or any other with content", .min = 1, .max = 64},
	{WC_STRING, "text", "", SAY(text), "of a text", .max = 20480},
	{WC_STRING, "menu_id", "", SAY(menu_id), "of a text that comes from a menu", .max = 64},
	{WC_STRING, "base64", "", SAY(base64), "of media", .max = 32 << 20},
	{WC_INT, "bytes", "0", SAY(bytes), "of media without base64: so many are made up", .min = 0, .max = 32 << 20},
	{WC_STRING, "file_name", "", SAY(file_name), "of media", .max = 200},
	{WC_OBJECT, "content", NULL, SAY(content), "the object of any other msgtype", .optional = true},
	{0}};

const wc_field kf_enter_fields[] = {
	{WC_STRING, "open_kfid", "", offsetof(struct kf_enter, open_kfid), "the account, without a url", .max = 64},
	CUSTOMER(struct kf_enter),
	{WC_STRING, "url", "", offsetof(struct kf_enter, url), "the contact link, perhaps with &scene_param=", .max = 1000},
	{0}};

const wc_field kf_menu_fields[] = {
	ACCOUNT(struct kf_menu), CUSTOMER(struct kf_menu),
	{WC_STRING, "msgid", NULL, offsetof(struct kf_menu, msgid), "of the menu", .min = 1, .max = 64},
	{WC_STRING, "id", NULL, offsetof(struct kf_menu, id), "of its click item", .min = 1, .max = 64},
	{0}};

const wc_field kf_recall_fields[] = {
	{WC_STRING, "msgid", NULL, offsetof(struct kf_recall, msgid), "of the message", .min = 1, .max = 64},
	{0}};

const wc_field kf_fail_fields[] = {
	ACCOUNT(struct kf_fail),
	{WC_STRING, "msgid", NULL, offsetof(struct kf_fail, msgid), "of an accepted message", .min = 1, .max = 64},
	{WC_INT, "fail_type", "0", offsetof(struct kf_fail, fail_type), "why", .min = 0, .max = 100},
	{0}};

const wc_field kf_load_fields[] = {
	ACCOUNT(struct kf_load),
	{WC_STRING, "prefix", "wmload", offsetof(struct kf_load, prefix), "of the customers' ids", .min = 1, .max = 40},
	{WC_STRING, "text", "问题", offsetof(struct kf_load, text), "of the messages; customer and number come behind it", .max = 1000},
	{WC_INT, "customers", "1", offsetof(struct kf_load, customers), "how many", .min = 1, .max = 5000},
	{WC_INT, "each", "1", offsetof(struct kf_load, each), "messages of each", .min = 1, .max = 1000},
	{WC_CHOICE, "ring", "each", offsetof(struct kf_load, ring), "a doorbell for each message, one at the end, or none", .choices = "each|once|none"},
	{0}};

const wc_field kf_new_customer_fields[] = {
	CUSTOMER(struct kf_new_customer),
	{WC_STRING, "nickname", NULL, offsetof(struct kf_new_customer, nickname), "what people see", .min = 1, .max = 100},
	{WC_STRING, "unionid", "", offsetof(struct kf_new_customer, unionid), "empty: none is known", .max = 64},
	{WC_INT, "gender", "0", offsetof(struct kf_new_customer, gender), "0 unknown, 1 male, 2 female", .min = 0, .max = 2},
	{0}};

const wc_field kf_switch_fields[] = {
	ACCOUNT(struct kf_switch), SERVICER(struct kf_switch),
	{WC_CHOICE, "status", NULL, offsetof(struct kf_switch, status), "what the servicer does now", .choices = "receiving|stopped"},
	{WC_CHOICE, "stop_type", "stopped", offsetof(struct kf_switch, stop_type), "for good, or for a while", .choices = "stopped|suspended"},
	{WC_BOOL, "activated", "true", offsetof(struct kf_switch, activated), "whether the member has activated WeCom"},
	{0}};

const wc_field kf_serve_fields[] = {ACCOUNT(struct kf_serve), CUSTOMER(struct kf_serve), SERVICER(struct kf_serve), {0}};

const wc_field kf_reject_fields[] = {
	ACCOUNT(struct kf_serve), CUSTOMER(struct kf_serve), SERVICER(struct kf_serve),
	{WC_BOOL, "rejects", "true", offsetof(struct kf_serve, rejects), "whether this customer's messages are taken no more"},
	{0}};

const wc_field kf_manage_fields[] = {
	ACCOUNT(struct kf_manage),
	{WC_INT, "manage_privilege", NULL, offsetof(struct kf_manage, managed), "1: the app may send and assign", .min = 0, .max = 1, .optional = true},
	{WC_INT, "native_welcome", NULL, offsetof(struct kf_manage, native_welcome), "1: WeCom itself says the welcome", .min = 0, .max = 1, .optional = true},
	{0}};

/* --- the frame ------------------------------------------------------------------------------------------------------------------------- */

/* What somebody does, in a transaction of one session. */
struct act {
	struct kf_tx     t;
	const void      *body;
	struct kf_account account;
	int            (*run)(struct act *x, wc_err *e);
	json_t          *answer;
};

static int in_tx(wc_db *db, void *arg, wc_err *e)
{
	struct act *x = arg;

	return kf_begin(db, &x->t, e) < 0 ? -1 : x->run(x, e);
}

static int act(wc_request *rq, const char *open_kfid, const char *external, int (*run)(struct act *x, wc_err *e))
{
	struct act  x = {.t = {.a = wc_request_arena(rq), .external = external}, .body = wc_body(rq), .run = run};
	const char *name;
	wc_err      e;

	if (kf_account(NULL, x.t.a, open_kfid, &x.account, &e) < 0 || kf_customer(NULL, x.t.a, external, &name, &e) < 0)
		return wc_reply_err(rq, &e);
	if (!x.account.open_kfid || !name)
		return wc_problem(rq, 404, "not_found", "there is no such account or customer");
	x.t.open_kfid = x.account.open_kfid;
	x.answer      = wc_json(x.t.a, "{}");
	if (wc_db_tx(in_tx, &x, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_json(rq, 201, x.answer);
}

/* --- a message in ----------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *type, *magic, *name, *shown;
	size_t      magic_n, most;
} media_kinds[] = {{"image", "\xff\xd8\xff\xe0", "image.jpg", "图片", 4, 2u << 20}, {"voice", "#!AMR\n", "voice.amr", "语音", 6, 2u << 20},
                   {"video", "\0\0\0\x18" "ftypmp42", "video.mp4", "视频", 12, 10u << 20}, {"file", "sample", "file.bin", "文件", 6, 20u << 20}};

static int media_kind(const char *type)
{
	for (int i = 0; i < 4; i++)
		if (!strcmp(media_kinds[i].type, type))
			return i;
	return -1;
}

static wc_slice made_up(wc_arena *a, int kind, size_t n)
{
	char *p = wc_alloc(a, n + 16);

	memset(p, 'x', n);
	memcpy(p, media_kinds[kind].magic, media_kinds[kind].magic_n < n ? media_kinds[kind].magic_n : n);
	return (wc_slice){p, n};
}

/* Media that are too large come as a text that says so. */
static int media_entry(struct act *x, const struct kf_say *say, int kind, struct kf_entry *n, wc_err *e)
{
	wc_slice    bytes = made_up(x->t.a, kind, say->bytes ? (size_t)say->bytes : 64);
	const char *id;

	if (*say->base64 && !wc_base64_bytes(x->t.a, (wc_slice){say->base64, strlen(say->base64)}, &bytes))
		return wc_fail(e, WC_E_ARG, "base64: it is none");
	if (bytes.n > media_kinds[kind].most) {
		n->msgtype = "text";
		n->content = wc_json(x->t.a, "{s:o}", "content", json_string(wc_printf(x->t.a, "[客户发送了一个超过大小限制的%s，请在手机端查看]", media_kinds[kind].shown)));
		return 0;
	}
	if (kf_media_keep(x->t.db, x->t.a, say->msgtype, *say->file_name ? say->file_name : media_kinds[kind].name, bytes, x->t.now, &id, e) < 0)
		return -1;
	n->content = wc_json(x->t.a, "{s:s}", "media_id", id);
	return 0;
}

static int entry_of(struct act *x, const struct kf_say *say, struct kf_entry *n, wc_err *e)
{
	int kind = media_kind(say->msgtype);

	n->msgtype = say->msgtype;
	if (kind >= 0)
		return media_entry(x, say, kind, n, e);
	if (strcmp(say->msgtype, "text") || say->content) {
		n->content = say->content ? say->content : wc_json(x->t.a, "{}");
		return 0;
	}
	if (!*say->text)
		return wc_fail(e, WC_E_ARG, "text: a text needs one");
	json_t *text = wc_json(x->t.a, "{s:s}", "content", say->text);

	if (*say->menu_id)
		json_object_set_new(text, "menu_id", json_string(say->menu_id));
	n->content = text;
	return 0;
}

static int first_receiving(struct act *x, const char **userid, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(x->t.db, x->t.a, &rows, e, "SELECT userid FROM simulator_kf_servicer WHERE open_kfid = ? AND userid <> '' AND status = 0"
	                " AND activated ORDER BY userid LIMIT 1", wc_text(x->t.open_kfid)) < 0)
		return -1;
	*userid = rows.n ? wc_row_text(&rows, 0, 0) : NULL;
	return 0;
}

/* A message of a customer whose session is over begins a new one; any renews window and budget. */
static int count_message(struct act *x, wc_err *e)
{
	bool        fresh = kf_state_now(&x->t) == KF_ENDED;
	int64_t     to    = KF_NEW;
	const char *userid = "";

	if (fresh) {
		if (!strcmp(x->t.control.route, "servicer") && first_receiving(x, &userid, e) < 0)
			return -1;
		to = strcmp(x->t.control.route, "new") == 0 ? KF_NEW : !strcmp(x->t.control.route, "servicer") && userid ? KF_SERVED : KF_POOL;
		x->t.begun_ms = x->t.now;
		x->t.coded    = 0;
		if (kf_change(&x->t, to, userid ? userid : "", "customer", e) < 0)
			return -1;
	}
	x->t.customer_ms = x->t.now;
	x->t.sent        = 0;
	return kf_save(&x->t, e);
}

static int say(struct act *x, const struct kf_say *what, wc_err *e)
{
	struct kf_entry n = {.open_kfid = x->t.open_kfid, .external = x->t.external, .origin = KF_CUSTOMER, .at_ms = x->t.now};

	if (x->t.rejected)
		return wc_fail(e, WC_E_CONFLICT, "a servicer has refused this customer's messages");
	if (entry_of(x, what, &n, e) < 0 || count_message(x, e) < 0 || kf_append(x->t.db, x->t.a, &x->t.control, &n, e) < 0)
		return -1;
	x->answer = wc_json(x->t.a, "{s:s, s:s, s:O}", "msgid", n.msgid, "msgtype", n.msgtype, "content", n.content);
	return 0;
}

static int say_body(struct act *x, wc_err *e)
{
	return say(x, x->body, e);
}

int kf_say(wc_request *rq, const void *self)
{
	const struct kf_say *b = wc_body(rq);

	(void)self;
	return act(rq, b->open_kfid, b->external, say_body);
}

/* --- entering --------------------------------------------------------------------------------------------------------------------------- */

struct link_parts {
	const char *open_kfid, *scene, *param;
};

/* Only &scene_param= may be appended, and only where a scene was given; a link that was edited otherwise gives no event. */
static int read_link(wc_arena *a, const char *url, struct link_parts *parts, wc_err *e)
{
	const char *more = strstr(url, "&scene_param=");
	const char *base = more ? wc_strndup(a, url, (size_t)(more - url)) : url;
	wc_rows     rows;

	*parts = (struct link_parts){.param = more ? more + strlen("&scene_param=") : ""};
	if (wc_db_query(NULL, a, &rows, e, "SELECT open_kfid, scene FROM simulator_kf_link WHERE url = ?", wc_text(base)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	parts->scene = wc_row_text(&rows, 0, 1);
	if (strlen(parts->param) <= 128 && strcspn(parts->param, "&?#") == strlen(parts->param) && (!more || *parts->scene))
		parts->open_kfid = wc_row_text(&rows, 0, 0);
	return 0;
}

static bool gets_welcome(const struct act *x)
{
	return !x->account.native_welcome && x->t.now - x->t.welcomed_ms > KF_WINDOW_MS && x->t.now - x->t.customer_ms > KF_WINDOW_MS;
}

static int enter(struct act *x, wc_err *e)
{
	json_t     *event = wc_json(x->t.a, "{s:s, s:s}", "scene", x->t.scene, "scene_param", x->t.scene_param);
	const char *code  = NULL;

	if (gets_welcome(x)) {
		if (kf_code(&x->t, "welcome", &code, e) < 0)
			return -1;
		json_object_set_new(event, "welcome_code", json_string(code));
	}
	x->t.entered_ms = x->t.now;
	if (kf_save(&x->t, e) < 0 || kf_append_event(&x->t, "enter_session", event, e) < 0)
		return -1;
	x->answer = wc_json(x->t.a, "{s:s, s:b, s:s*}", "open_kfid", x->t.open_kfid, "event", 1, "welcome_code", code);
	return 0;
}

static int enter_by_body(struct act *x, wc_err *e)
{
	const struct kf_enter *b     = x->body;
	struct link_parts      parts = {.scene = "", .param = ""};

	if (*b->url && read_link(x->t.a, b->url, &parts, e) < 0)
		return -1;
	x->t.scene       = parts.scene ? parts.scene : "";
	x->t.scene_param = parts.param;
	return enter(x, e);
}

int kf_enter(wc_request *rq, const void *self)
{
	const struct kf_enter *b     = wc_body(rq);
	struct link_parts      parts = {.open_kfid = b->open_kfid};
	wc_err                 e;

	(void)self;
	if (*b->url && read_link(wc_request_arena(rq), b->url, &parts, &e) < 0)
		return wc_reply_err(rq, &e);
	if (*b->url && !parts.open_kfid)
		return wc_reply(rq, 201, "{s:b}", "event", 0);
	return act(rq, parts.open_kfid, b->external, enter_by_body);
}

/* --- menus, recalls, failures ----------------------------------------------------------------------------------------------------------- */

static const char *item_text(const json_t *menu, const char *id)
{
	const json_t *item;
	size_t        i;

	json_array_foreach(json_object_get(menu, "list"), i, item)
		if (!strcmp(kf_str(item, "type"), "click") && !strcmp(kf_str(json_object_get(item, "click"), "id"), id))
			return kf_str(json_object_get(item, "click"), "content");
	return NULL;
}

static int tap(struct act *x, wc_err *e)
{
	const struct kf_menu *b = x->body;
	struct kf_say         what = {.msgtype = "text", .menu_id = b->id, .base64 = "", .file_name = ""};
	wc_rows               rows;

	if (wc_db_query(x->t.db, x->t.a, &rows, e, "SELECT content FROM simulator_kf_send WHERE open_kfid = ? AND accepted = ? AND external_userid = ?"
	                " AND msgtype = 'msgmenu' AND fail_type IS NULL", wc_text(x->t.open_kfid), wc_text(b->msgid), wc_text(x->t.external)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such menu");
	what.text = item_text(wc_json_parse(x->t.a, wc_row_text(&rows, 0, 0), strlen(wc_row_text(&rows, 0, 0)), e), b->id);
	return what.text ? say(x, &what, e) : wc_fail(e, WC_E_NOT_FOUND, "the menu has no such item to tap");
}

int kf_menu(wc_request *rq, const void *self)
{
	const struct kf_menu *b = wc_body(rq);

	(void)self;
	return act(rq, b->open_kfid, b->external, tap);
}

/* The message that a recall names; open_kfid and external of it. */
static int find_message(wc_arena *a, const char *msgid, int64_t origin, wc_rows *rows, wc_err *e)
{
	return wc_db_query(NULL, a, rows, e, "SELECT open_kfid, external_userid, servicer, at_ms FROM simulator_kf_message WHERE msgid = ? AND origin = ?",
	                   wc_text(msgid), wc_int(origin));
}

static int recall(struct act *x, wc_err *e)
{
	const struct kf_recall *b = x->body;
	wc_rows                 rows;

	if (wc_db_query(x->t.db, x->t.a, &rows, e, "SELECT origin, servicer, at_ms FROM simulator_kf_message WHERE msgid = ?", wc_text(b->msgid)) < 0)
		return -1;
	if (x->t.now - wc_row_int(&rows, 0, 2) > RECALL_MS)
		return wc_fail(e, WC_E_CONFLICT, "messages are recalled within two minutes");
	json_t *event = wc_json(x->t.a, "{s:s}", "recall_msgid", b->msgid);

	if (wc_row_int(&rows, 0, 0) == KF_CUSTOMER)
		return kf_append_event(&x->t, "user_recall_msg", event, e);
	json_object_set_new(event, "servicer_userid", json_string(wc_row_text(&rows, 0, 1)));
	return kf_append_event(&x->t, "servicer_recall_msg", event, e);
}

static int recall_of(wc_request *rq, int64_t origin)
{
	const struct kf_recall *b = wc_body(rq);
	wc_rows                 rows;
	wc_err                  e;

	if (find_message(wc_request_arena(rq), b->msgid, origin, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such message");
	return act(rq, wc_row_text(&rows, 0, 0), wc_row_text(&rows, 0, 1), recall);
}

int kf_recall(wc_request *rq, const void *self)
{
	(void)self;
	return recall_of(rq, KF_CUSTOMER);
}

int kf_servicer_recall(wc_request *rq, const void *self)
{
	(void)self;
	return recall_of(rq, KF_SERVICER);
}

static int fail(struct act *x, wc_err *e)
{
	const struct kf_fail *b = x->body;

	return kf_send_fails(&x->t, b->msgid, b->fail_type, e);
}

int kf_fail(wc_request *rq, const void *self)
{
	const struct kf_fail *b = wc_body(rq);
	wc_rows               rows;
	wc_err                e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, "SELECT external_userid FROM simulator_kf_send WHERE open_kfid = ? AND accepted = ?",
	                wc_text(b->open_kfid), wc_text(b->msgid)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "no such message was accepted");
	return act(rq, b->open_kfid, wc_row_text(&rows, 0, 0), fail);
}

/* --- load --------------------------------------------------------------------------------------------------------------------------------- */

struct loading {
	wc_arena             *a;
	const struct kf_load *b;
	const char           *open_kfid;
	int64_t               customer;
};

static int load_one(wc_db *db, void *arg, wc_err *e)
{
	struct loading *l = arg;
	const char     *id = wc_printf(l->a, "%s%04" PRId64, l->b->prefix, l->customer);
	struct act      x = {.t = {.a = l->a, .open_kfid = l->open_kfid, .external = id}};

	if (wc_db_exec(db, e, "INSERT IGNORE INTO simulator_kf_customer (external_userid, nickname) VALUES (?, ?)", wc_text(id), wc_text(id)) < 0 ||
	    kf_begin(db, &x.t, e) < 0)
		return -1;
	if (strcmp(l->b->ring, "each"))
		x.t.control.rings = 0;
	for (int64_t i = 1; i <= l->b->each; i++) {
		struct kf_say what = {.msgtype = "text", .menu_id = "", .base64 = "", .file_name = "",
		                      .text = wc_printf(l->a, "%s %s-%" PRId64, l->b->text, id, i)};

		if (say(&x, &what, e) < 0)
			return -1;
	}
	return 0;
}

static int ring_once(wc_db *db, void *arg, wc_err *e)
{
	struct loading   *l = arg;
	struct kf_control control;
	int64_t           now;

	if (kf_control_read(db, l->a, &control, e) < 0 || kf_now(l->a, &now, e) < 0)
		return -1;
	return kf_ring(db, l->a, &control, l->open_kfid, now, e);
}

int kf_load(wc_request *rq, const void *self)
{
	const struct kf_load *b     = wc_body(rq);
	struct kf_account     account;
	int64_t               start = wc_mono_ms();
	wc_err                e;

	(void)self;
	if (kf_account(NULL, wc_request_arena(rq), b->open_kfid, &account, &e) < 0)
		return wc_reply_err(rq, &e);
	if (!account.open_kfid)
		return wc_problem(rq, 404, "not_found", "there is no such account");
	for (int64_t i = 1; i <= b->customers; i++) {
		wc_arena *a  = wc_arena_new();
		int       rc = wc_db_tx(load_one, &(struct loading){a, b, account.open_kfid, i}, &e);

		wc_arena_free(a);
		if (rc < 0)
			return wc_reply_err(rq, &e);
	}
	if (!strcmp(b->ring, "once") && wc_db_tx(ring_once, &(struct loading){wc_request_arena(rq), b, account.open_kfid, 0}, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:I, s:I}", "messages", (json_int_t)(b->customers * b->each), "ms", (json_int_t)(wc_mono_ms() - start));
}

int kf_new_customer(wc_request *rq, const void *self)
{
	const struct kf_new_customer *b = wc_body(rq);
	wc_err                        e;

	(void)self;
	if (!kf_is_word(b->external, 64))
		return wc_reply_bad_fields(rq, &(wc_bad_field){"external_userid", "letters, digits, _ and -", NULL});
	if (wc_db_exec(NULL, &e, "INSERT INTO simulator_kf_customer (external_userid, nickname, unionid, gender) VALUES (?, ?, ?, ?)"
	               " ON DUPLICATE KEY UPDATE nickname = VALUES(nickname), unionid = VALUES(unionid), gender = VALUES(gender)",
	               wc_text(b->external), wc_text(b->nickname), wc_text(b->unionid), wc_int(b->gender)) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:s}", "external_userid", b->external);
}

/* --- servicers ----------------------------------------------------------------------------------------------------------------------------- */

static int is_servicer(struct act *x, const char *userid, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(x->t.db, x->t.a, &rows, e, "SELECT 1 FROM simulator_kf_servicer WHERE open_kfid = ? AND userid = ? AND userid <> ''",
	                wc_text(x->t.open_kfid), wc_text(userid)) < 0)
		return -1;
	return rows.n ? 0 : wc_fail(e, WC_E_NOT_FOUND, "there is no such servicer of the account");
}

/* From the pool, from another servicer, or into a session that has ended. */
static int take(struct act *x, wc_err *e)
{
	const struct kf_serve *b    = x->body;
	int64_t                was  = x->t.state, type = was == KF_POOL ? 1 : was == KF_SERVED ? 2 : 4;
	const char            *from = x->t.servicer, *code;
	json_t                *event = wc_json(x->t.a, "{s:I, s:s}", "change_type", (json_int_t)type, "new_servicer_userid", b->userid);

	if (is_servicer(x, b->userid, e) < 0)
		return -1;
	if (was == KF_NEW || was == KF_ASSISTANT || (was == KF_SERVED && !strcmp(from, b->userid)))
		return wc_fail(e, WC_E_CONFLICT, "the session is not in the pool, not with another servicer, and not ended");
	if (type != 1)
		json_object_set_new(event, "old_servicer_userid", json_string(from));
	if (kf_change(&x->t, KF_SERVED, b->userid, "servicer", e) < 0 || kf_save(&x->t, e) < 0)
		return -1;
	if (type == 1) {
		if (kf_code(&x->t, "picked", &code, e) < 0)
			return -1;
		json_object_set_new(event, "msg_code", json_string(code));
	}
	x->answer = event;
	return kf_append_event(&x->t, "session_status_change", event, e);
}

static int serves(struct act *x, const char *userid, wc_err *e)
{
	return x->t.state == KF_SERVED && !strcmp(x->t.servicer, userid) ? 0 : wc_fail(e, WC_E_CONFLICT, "the session is not with that servicer");
}

static int end(struct act *x, wc_err *e)
{
	const struct kf_serve *b = x->body;
	json_t                *event = wc_json(x->t.a, "{s:i, s:s}", "change_type", 3, "old_servicer_userid", b->userid);
	const char            *code;

	/* Whoever had the session last stays known: a servicer may enter it again. */
	if (serves(x, b->userid, e) < 0 || kf_change(&x->t, KF_ENDED, b->userid, "servicer", e) < 0 || kf_save(&x->t, e) < 0 ||
	    kf_code(&x->t, "ended", &code, e) < 0)
		return -1;
	json_object_set_new(event, "msg_code", json_string(code));
	x->answer = event;
	return kf_append_event(&x->t, "session_status_change", event, e);
}

static int servicer_say(struct act *x, wc_err *e)
{
	const struct kf_say *b = x->body;
	struct kf_entry      n = {.open_kfid = x->t.open_kfid, .external = x->t.external, .servicer = b->userid, .origin = KF_SERVICER, .at_ms = x->t.now};

	if (serves(x, b->userid, e) < 0 || entry_of(x, b, &n, e) < 0 || kf_append(x->t.db, x->t.a, &x->t.control, &n, e) < 0)
		return -1;
	x->answer = wc_json(x->t.a, "{s:s}", "msgid", n.msgid);
	return 0;
}

static int reject(struct act *x, wc_err *e)
{
	const struct kf_serve *b     = x->body;
	json_t                *event = wc_json(x->t.a, "{s:s, s:i}", "servicer_userid", b->userid, "reject_switch", b->rejects);

	x->t.rejected = b->rejects;
	if (is_servicer(x, b->userid, e) < 0 || kf_save(&x->t, e) < 0)
		return -1;
	return kf_append_event(&x->t, "reject_customer_msg_switch_change", event, e);
}

#define SERVE(name, body_type, run) \
	int name(wc_request *rq, const void *self) \
	{ \
		const body_type *b = wc_body(rq); \
		(void)self; \
		return act(rq, b->open_kfid, b->external, run); \
	}

SERVE(kf_take, struct kf_serve, take)
SERVE(kf_end, struct kf_serve, end)
SERVE(kf_reject, struct kf_serve, reject)
SERVE(kf_servicer_say, struct kf_say, servicer_say)

struct switching {
	struct kf_tx            t;
	const struct kf_switch *b;
	bool                    found;
};

static int switch_status(wc_db *db, void *arg, wc_err *e)
{
	struct switching *x    = arg;
	bool              stop = !strcmp(x->b->status, "stopped"), pause = stop && !strcmp(x->b->stop_type, "suspended");
	wc_rows           rows;

	x->t.db = db;
	if (wc_db_query(db, x->t.a, &rows, e, "SELECT 1 FROM simulator_kf_servicer WHERE open_kfid = ? AND userid = ? AND userid <> '' FOR UPDATE",
	                wc_text(x->t.open_kfid), wc_text(x->b->userid)) < 0 || kf_control_read(db, x->t.a, &x->t.control, e) < 0)
		return -1;
	x->found = rows.n > 0;
	if (!x->found)
		return 0;
	json_t *event = wc_json(x->t.a, "{s:s, s:i}", "servicer_userid", x->b->userid, "status", stop ? 2 : 1);

	if (stop)
		json_object_set_new(event, "stop_type", json_integer(pause));
	if (wc_db_exec(db, e, "UPDATE simulator_kf_servicer SET status = ?, stop_type = ?, activated = ? WHERE open_kfid = ? AND userid = ?",
	               wc_int(stop), wc_int(pause), wc_int(x->b->activated), wc_text(x->t.open_kfid), wc_text(x->b->userid)) < 0)
		return -1;
	return kf_append_event(&x->t, "servicer_status_change", event, e);
}

int kf_switch(wc_request *rq, const void *self)
{
	const struct kf_switch *b = wc_body(rq);
	struct switching        x = {.t = {.a = wc_request_arena(rq), .open_kfid = b->open_kfid}, .b = b};
	wc_err                  e;

	(void)self;
	if (kf_now(x.t.a, &x.t.now, &e) < 0 || wc_db_tx(switch_status, &x, &e) < 0)
		return wc_reply_err(rq, &e);
	return x.found ? wc_reply(rq, 201, "{}") : wc_problem(rq, 404, "not_found", "there is no such servicer of the account");
}

int kf_manage(wc_request *rq, const void *self)
{
	const struct kf_manage *b = wc_body(rq);
	wc_err                  e;

	(void)self;
	if (wc_db_exec(NULL, &e, "UPDATE simulator_kf_account SET managed = COALESCE(?, managed), native_welcome = COALESCE(?, native_welcome)"
	               " WHERE open_kfid = ?", b->managed == WC_ABSENT ? wc_null() : wc_int(b->managed),
	               b->native_welcome == WC_ABSENT ? wc_null() : wc_int(b->native_welcome), wc_text(b->open_kfid)) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{}");
}
