/* Join ways (加入群聊): made, changed and deleted at WeCom first and then here; read back each hour. WeCom cannot list them: one whose making
 * lost its answer stays uncertain for ever, and says so. */
#include "group.h"

#include <fnmatch.h>
#include <inttypes.h>

#define PICTURE_MAX (1u << 20)

const wc_field join_way_fields[] = {
	{WC_STRING, "state", "", offsetof(struct join_way, state), "which its members are attributed by, at most 30 characters; empty: made up", .max = 120},
	{WC_STRING, "remark", "", offsetof(struct join_way, remark), "at most 30 characters", .max = 120},
	{WC_INT, "scene", "2", offsetof(struct join_way, scene), "1 plugin of a mini-program, 2 QR code", .min = 1, .max = 2},
	{WC_BOOL, "auto_create_room", "on", offsetof(struct join_way, auto_create_room), "whether WeCom makes another group when all are full"},
	{WC_STRING, "room_base_name", "", offsetof(struct join_way, room_base_name), "how those are called, at most 40 characters", .max = 160},
	{WC_INT, "room_base_id", "1", offsetof(struct join_way, room_base_id), "the number that their names begin with", .min = 0, .max = 1000000},
	{WC_LIST, "chat_id_list", NULL, offsetof(struct join_way, chat_ids), "one to five groups", .min = 1, .max = 5},
	{0}};

const wc_field join_way_answer[] = {
	{WC_STRING, "config_id", NULL, 0, "WeCom's id; pending-N before there is one"},
	{WC_STRING, "state", NULL, 0, "which its members are attributed by"},
	{WC_STRING, "remark", NULL, 0, "a word of ours"},
	{WC_INT, "scene", NULL, 0, "1 plugin of a mini-program, 2 QR code"},
	{WC_BOOL, "auto_create_room", NULL, 0, "whether WeCom makes another group when all are full"},
	{WC_STRING, "room_base_name", NULL, 0, "how those are called"},
	{WC_INT, "room_base_id", NULL, 0, "the number that their names begin with"},
	{WC_LIST, "chat_id_list", NULL, 0, "the groups we asked for"},
	{WC_LIST, "rooms", NULL, 0, "the groups that WeCom shows, with those it made"},
	{WC_STRING, "qr_code", NULL, 0, "URL of the picture"},
	{WC_CHOICE, "status", NULL, 0, "gone: deleted in WeCom's own console", .choices = "pending|uncertain|active|gone|deleted"},
	{WC_BOOL, "full", NULL, 0, "all groups are full and no other is made"},
	{WC_OBJECT, "differs", NULL, 0, "fields that WeCom shows otherwise; null: none", .optional = true},
	{WC_INT, "joined", NULL, 0, "who came by it"},
	{WC_INT, "members", NULL, 0, "of those, who are still in a group"},
	{WC_TIME, "checked_at", NULL, 0, "read back last", .optional = true},
	{WC_TIME, "updated_at", NULL, 0, "changed last"},
	{0}};

/* --- what is here ---------------------------------------------------------------------------------------------------- */

#define COLUMNS \
	"w.id, w.config_id, w.state, w.remark, w.scene, w.auto_create_room, w.room_base_name, w.room_base_id, w.chat_ids, w.rooms, w.qr_code, w.status, w.full," \
	" w.differs, (SELECT COUNT(*) FROM wecom_customer_group_member m WHERE m.state = w.state AND w.state <> '')," \
	" (SELECT COUNT(*) FROM wecom_customer_group_member m WHERE m.state = w.state AND w.state <> '' AND m.left_at IS NULL)," \
	" UNIX_TIMESTAMP(w.checked_at) * 1000, UNIX_TIMESTAMP(w.updated_at) * 1000, w.qr_image"
enum { WAY_ID, WAY_CONFIG, WAY_STATE, WAY_REMARK, WAY_SCENE, WAY_AUTO, WAY_NAME, WAY_NUMBER, WAY_CHATS, WAY_ROOMS, WAY_QR, WAY_STATUS, WAY_FULL, WAY_DIFFERS,
       WAY_JOINED, WAY_MEMBERS, WAY_CHECKED, WAY_UPDATED, WAY_IMAGE };

static json_t *json_column(wc_arena *a, const wc_rows *rows, size_t i, size_t column)
{
	const char   *text = wc_row_text(rows, i, column);
	wc_err        e;
	const json_t *value = *text ? wc_json_parse(a, text, strlen(text), &e) : NULL;

	return value ? json_incref((json_t *)value) : json_null();
}

static json_t *way_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:s, s:I, s:o, s:o, s:s, s:s, s:b, s:o, s:I, s:I, s:o, s:o}", "config_id", wc_row_text(rows, i, WAY_CONFIG),
	                 "state", wc_row_text(rows, i, WAY_STATE), "remark", wc_row_text(rows, i, WAY_REMARK), "scene", (json_int_t)wc_row_int(rows, i, WAY_SCENE),
	                 "auto_create_room", (int)wc_row_int(rows, i, WAY_AUTO), "room_base_name", wc_row_text(rows, i, WAY_NAME), "room_base_id",
	                 (json_int_t)wc_row_int(rows, i, WAY_NUMBER), "chat_id_list", json_column(a, rows, i, WAY_CHATS), "rooms", json_column(a, rows, i, WAY_ROOMS),
	                 "qr_code", wc_row_text(rows, i, WAY_QR), "status", wc_row_text(rows, i, WAY_STATUS), "full", (int)wc_row_int(rows, i, WAY_FULL), "differs",
	                 json_column(a, rows, i, WAY_DIFFERS), "joined", (json_int_t)wc_row_int(rows, i, WAY_JOINED), "members",
	                 (json_int_t)wc_row_int(rows, i, WAY_MEMBERS), "checked_at", time_json(rows, i, WAY_CHECKED), "updated_at", time_json(rows, i, WAY_UPDATED));
}

static int find(wc_arena *a, const char *config_id, wc_rows *rows, wc_err *e)
{
	if (wc_db_query(NULL, a, rows, e, "SELECT " COLUMNS " FROM wecom_join_way w WHERE w.config_id = ?", wc_text(config_id)) < 0)
		return -1;
	return rows->n ? 0 : wc_fail(e, WC_E_NOT_FOUND, "there is no join way %.80s", config_id);
}

/* --- reading back ---------------------------------------------------------------------------------------------------- */

struct looked {
	wc_arena     *a;
	const char   *config_id, *rooms, *qr_code, *differs;
	wc_slice      image;
	int64_t       id;
	bool          full;
};

static bool lists(const json_t *list, const json_t *item)
{
	const json_t *one;
	size_t        i;

	json_array_foreach(list, i, one)
		if (json_equal(one, item))
			return true;
	return false;
}

/* The groups that were asked for are there; where WeCom may make groups, others may be too. */
static bool same_rooms(const json_t *ours, const json_t *theirs, bool others_too)
{
	const json_t *item;
	size_t        i;

	json_array_foreach(ours, i, item)
		if (!lists(theirs, item))
			return false;
	return others_too || json_array_size(ours) == json_array_size(theirs);
}

static void compare(json_t *differs, const char *name, const json_t *ours, const json_t *theirs)
{
	if (theirs && !json_equal(ours, theirs))
		json_object_set_new(differs, name, json_pack("[O, O]", ours, theirs));
}

static const char *differences(wc_arena *a, const wc_rows *row, const json_t *theirs)
{
	json_t     *differs = wc_json(a, "{}"), *ours = wc_json_keep(a, way_json(a, row, 0, NULL));
	bool        create  = wc_row_int(row, 0, WAY_AUTO);
	const char *texts[] = {"state", "remark", "room_base_name"};

	/* How made groups are called is nobody's business where none are made. */
	for (size_t i = 0; i < 2u + create; i++)
		if (strcmp(text_of(ours, texts[i]), text_of(theirs, texts[i])))
			compare(differs, texts[i], json_object_get(ours, texts[i]), wc_json_keep(a, json_string(text_of(theirs, texts[i]))));
	if (create != (number_of(theirs, "auto_create_room") != 0))
		json_object_set_new(differs, "auto_create_room", json_pack("[b, b]", (int)create, (int)!create));
	if (create && number_of(ours, "room_base_id") != number_of(theirs, "room_base_id"))
		compare(differs, "room_base_id", json_object_get(ours, "room_base_id"), json_object_get(theirs, "room_base_id"));
	if (!same_rooms(json_object_get(ours, "chat_id_list"), json_object_get(theirs, "chat_id_list"), create))
		compare(differs, "chat_id_list", json_object_get(ours, "chat_id_list"), json_object_get(theirs, "chat_id_list"));
	return json_object_size(differs) ? wc_json_text(a, differs) : NULL;
}

/* Full: none of its groups takes another member, as far as is known, and WeCom makes no other. */
static int is_full(struct run *r, const wc_rows *row, const char *rooms, bool *full, wc_err *e)
{
	wc_rows rows;

	*full = false;
	if (wc_row_int(row, 0, WAY_AUTO))
		return 0;
	if (wc_db_query(NULL, r->a, &rows, e, "SELECT COUNT(*) FROM JSON_TABLE(?, '$[*]' COLUMNS (id VARCHAR(128) PATH '$')) AS x LEFT JOIN wecom_customer_group g"
	                " ON g.chat_id = x.id COLLATE utf8mb4_bin WHERE g.id IS NULL OR (g.status < 10 AND g.member_count < ?)", wc_text(rooms), wc_int(r->self->group_max)) < 0)
		return -1;
	*full = wc_row_int(&rows, 0, 0) == 0;
	return 0;
}

static bool host_is_allowed(wc_arena *a, const char *hosts, const char *url, bool *private_too)
{
	const char *host = strstr(url, "://"), *end;
	size_t      n;

	if (!host || (strncmp(url, "https://", 8) && strncmp(url, "http://", 7)))
		return false;
	host += 3;
	n    = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:");
	end  = host + n;
	if (*end != '/' || strpbrk(url, " \\\"<>"))
		return false;
	host = wc_strndup(a, host, n);
	for (; *hosts; hosts += n + (hosts[n] == '|')) {
		const char *pattern;

		n            = strcspn(hosts, "|");
		pattern      = wc_strndup(a, hosts, n);
		*private_too = !strncmp(pattern, "private:", 8);
		if (!fnmatch(pattern + (*private_too ? 8 : 0), host, FNM_CASEFOLD | FNM_NOESCAPE))
			return true;
	}
	return false;
}

/* The picture is a comfort: what cannot be fetched is logged and tried again with the next look. */
static void fetch_picture(struct run *r, struct looked *l, const wc_rows *row)
{
	wc_http       call = {.url = l->qr_code, .connect_ms = 3000, .total_ms = 8000, .max_body = PICTURE_MAX};
	wc_http_reply reply;
	bool          private_too;
	wc_err        e;

	if (!*l->qr_code || (wc_row_cell(row, 0, WAY_IMAGE).s && !strcmp(l->qr_code, wc_row_text(row, 0, WAY_QR))))
		return;
	if (!host_is_allowed(r->a, r->self->qr_hosts, l->qr_code, &private_too)) {
		wc_log(WC_WARN, "the picture of a join way lies at a host that qr_hosts does not name", wc_kv_s("config_id", l->config_id));
		return;
	}
	call.public_only = !private_too;
	if (wc_http_do(r->a, &call, &reply, &e) < 0)
		wc_log(WC_WARN, "the picture of a join way could not be fetched", wc_kv_s("config_id", l->config_id), wc_kv_s("error", e.text));
	else if (reply.status == 200 && reply.body->len > 4 && (!memcmp(reply.body->s, "\x89PNG", 4) || !memcmp(reply.body->s, "\xff\xd8\xff", 3)))
		l->image = (wc_slice){reply.body->s, reply.body->len};
	else
		wc_log(WC_WARN, "the picture of a join way is none", wc_kv_s("config_id", l->config_id), wc_kv_i("status", reply.status));
}

static int looked_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct looked *l      = arg;
	const char          *object = wc_printf(l->a, "join_way:%s", l->config_id);
	wc_err               why;

	if (wc_db_exec(db, e,
	               "UPDATE wecom_join_way SET rooms = ?, qr_image = IF(? IS NULL AND qr_code = ?, qr_image, ?), qr_code = ?, full = ?, differs = ?, status = 'active',"
	               " checked_at = NOW(3) WHERE id = ?", wc_text(l->rooms), l->image.n ? wc_int(1) : wc_null(), wc_text(l->qr_code),
	               l->image.n ? wc_bytes(l->image.p, l->image.n) : wc_null(), wc_text(l->qr_code), wc_int(l->full), wc_text(l->differs), wc_int(l->id)) < 0)
		return -1;
	if ((l->differs ? warn_on(db, "join_way_differs", object, 0, wc_json_parse(l->a, l->differs, strlen(l->differs), &why), e)
	                : warn_off(db, "join_way_differs", object, e)) < 0)
		return -1;
	return l->full ? warn_on(db, "join_way_full", object, 0, NULL, e) : warn_off(db, "join_way_full", object, e);
}

static int gone(struct run *r, const wc_rows *row, int64_t errcode, wc_err *e)
{
	if (wc_db_exec(NULL, e, "UPDATE wecom_join_way SET status = 'gone', checked_at = NOW(3), updated_at = NOW(3) WHERE id = ? AND status <> 'gone'",
	               wc_int(wc_row_int(row, 0, WAY_ID))) < 0)
		return -1;
	return warn_on(NULL, "join_way_gone", wc_printf(r->a, "join_way:%s", wc_row_text(row, 0, WAY_CONFIG)), errcode, NULL, e);
}

int join_way_check(struct run *r, const char *config_id, wc_err *e)
{
	struct looked l = {.a = r->a, .config_id = config_id};
	const json_t *answer, *theirs;
	wc_rows       row;
	int64_t       errcode;

	if (find(r->a, config_id, &row, e) < 0 ||
	    contact_call(r, "groupchat.get_join_way", wc_json(r->a, "{s:s}", "config_id", config_id), &answer, &errcode, e) < 0)
		return -1;
	if (errcode == 41044 || errcode == 40058)
		return gone(r, &row, errcode, e);
	if (errcode)
		return wc_fail(e, WC_E_REFUSED, "groupchat.get_join_way: WeCom refuses with errcode %" PRId64, errcode);
	theirs    = json_object_get(answer, "join_way");
	l.id      = wc_row_int(&row, 0, WAY_ID);
	l.rooms   = json_is_array(json_object_get(theirs, "chat_id_list")) ? wc_json_text(r->a, json_object_get(theirs, "chat_id_list")) : "[]";
	l.qr_code = text_of(theirs, "qr_code");
	l.differs = differences(r->a, &row, theirs);
	if (is_full(r, &row, l.rooms, &l.full, e) < 0)
		return -1;
	fetch_picture(r, &l, &row);
	return wc_db_tx(looked_tx, &l, e);
}

int join_ways_check(struct run *r, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, r->a, &rows, e, "SELECT config_id FROM wecom_join_way WHERE status = 'active' AND (checked_at IS NULL OR checked_at < NOW(3) - INTERVAL 1 HOUR)"
	                " ORDER BY checked_at LIMIT 500") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (join_way_check(r, wc_row_text(&rows, i, 0), e) < 0 && (r->later_ms || e->code != WC_E_REFUSED))
			return -1;
	return 0;
}

/* --- making, changing, deleting --------------------------------------------------------------------------------------- */

struct change {
	wc_request            *rq;
	wc_arena              *a;
	const struct join_way *way;
	const char            *actor, *action, *config_id, *status, *state;
	int64_t                id;
};

static json_t *ids_json(wc_arena *a, const char *const *ids)
{
	json_t *list = wc_json(a, "[]");

	for (; *ids; ids++)
		json_array_append_new(list, json_string(*ids));
	return list;
}

static json_t *body_of(struct change *c)
{
	const struct join_way *w    = c->way;
	json_t                *body = wc_json(c->a, "{s:I, s:s, s:i, s:O, s:s}", "scene", (json_int_t)w->scene, "remark", w->remark, "auto_create_room",
	                                      (int)w->auto_create_room, "chat_id_list", ids_json(c->a, w->chat_ids), "state", c->state);

	if (w->auto_create_room) {
		json_object_set_new(body, "room_base_name", json_string(w->room_base_name));
		json_object_set_new(body, "room_base_id", json_integer(w->room_base_id));
	}
	return body;
}

static int write_way(wc_db *db, struct change *c, wc_err *e)
{
	const struct join_way *w = c->way;

	return wc_db_exec(db, e, "UPDATE wecom_join_way SET state = ?, scene = ?, remark = ?, auto_create_room = ?, room_base_name = ?, room_base_id = ?, chat_ids = ?,"
	                  " updated_at = NOW(3) WHERE id = ?", wc_text(c->state), wc_int(w->scene), wc_text(w->remark), wc_int(w->auto_create_room),
	                  wc_text(w->room_base_name), wc_int(w->room_base_id), wc_text(wc_json_text(c->a, ids_json(c->a, w->chat_ids))), wc_int(c->id)) < 0 ? -1 : 0;
}

static int audit(wc_db *db, const struct change *c, wc_err *e)
{
	const json_t *details = wc_json(c->a, "{s:s, s:s?}", "state", c->state ? c->state : "", "status", c->status);

	return wc_audit(db, &(wc_audit_entry){c->actor, c->action, wc_printf(c->a, "join_way:%s", c->config_id), details}, e);
}

/* The row is there before WeCom is asked, so that nothing that was made is unknown here. */
static int begin_tx(wc_db *db, void *arg, wc_err *e)
{
	struct change *c = arg;
	wc_rows        rows;

	if (wc_db_query(db, c->a, &rows, e, "SELECT id FROM wecom_join_way WHERE state = ? AND status <> 'deleted' FOR UPDATE", wc_text(c->state)) < 0)
		return -1;
	if (rows.n)
		return wc_fail(e, WC_E_CONFLICT, "another join way has the state %s: members could not be told apart", c->state);
	if (wc_db_query(db, c->a, &rows, e, "INSERT INTO wecom_join_way (config_id, state, chat_ids, made_by) VALUES (UUID(), ?, '[]', ?) RETURNING id", wc_text(c->state),
	                wc_text(c->actor)) < 0)
		return -1;
	c->id        = wc_row_int(&rows, 0, 0);
	c->config_id = wc_printf(c->a, "pending-%" PRId64, c->id);
	if (wc_db_exec(db, e, "UPDATE wecom_join_way SET config_id = ? WHERE id = ?", wc_text(c->config_id), wc_int(c->id)) < 0 || write_way(db, c, e) < 0)
		return -1;
	return audit(db, c, e);
}

static int settle_tx(wc_db *db, void *arg, wc_err *e)
{
	struct change *c = arg;

	if (wc_db_exec(db, e, "UPDATE wecom_join_way SET config_id = ?, status = ? WHERE id = ?", wc_text(c->config_id), wc_text(c->status), wc_int(c->id)) < 0)
		return -1;
	return strcmp(c->status, "uncertain") ? 0 : warn_on(db, "join_way_uncertain", wc_printf(c->a, "join_way:%s", c->config_id), 0, NULL, e);
}

static int refuse(wc_request *rq, int64_t errcode)
{
	return wc_problem(rq, 422, "wecom_refuses", "WeCom refuses with errcode %" PRId64, errcode);
}

static int reply_way(wc_request *rq, int status, const char *config_id)
{
	wc_arena *a = wc_request_arena(rq);
	wc_rows   rows;
	wc_err    e;

	if (find(a, config_id, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_json(rq, status, wc_json_keep(a, way_json(a, &rows, 0, NULL)));
}

/* True when all is well; otherwise the problem was sent. */
static bool check_way(wc_request *rq, const struct join_way *w)
{
	const struct { const char *name, *text; size_t max; } texts[] = {{"state", w->state, 30}, {"remark", w->remark, 30}, {"room_base_name", w->room_base_name, 40}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (wc_utf8_count(texts[i].text, strlen(texts[i].text)) > texts[i].max) {
			wc_reply_bad_fields(rq, &(wc_bad_field){texts[i].name, wc_printf(wc_request_arena(rq), "at most %zu characters", texts[i].max), NULL});
			return false;
		}
	return true;
}

static const char *new_state(wc_arena *a)
{
	unsigned char raw[8];

	wc_random(raw, sizeof raw);
	return wc_printf(a, "jw%s", wc_hex(a, raw, sizeof raw));
}

static int give_up(struct change *c, const char *status, wc_err *e)
{
	wc_err other;

	c->status = status;
	return wc_db_tx(settle_tx, c, &other) < 0 ? wc_reply_err(c->rq, &other) : wc_reply_err(c->rq, e);
}

int join_way_post(wc_request *rq, const void *self)
{
	const struct join_way *w = wc_body(rq);
	wc_arena              *a = wc_request_arena(rq);
	struct run             r = {.self = self, .a = a};
	struct change          c = {.rq = rq, .a = a, .way = w, .actor = wc_actor(rq), .action = "join_way.create"};
	const json_t          *answer;
	int64_t                errcode;
	wc_err                 e;

	c.state = *w->state ? w->state : new_state(a);
	if (!check_way(rq, w))
		return 0;
	if (wc_db_tx(begin_tx, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	if (contact_call(&r, "groupchat.add_join_way", body_of(&c), &answer, &errcode, &e) < 0)
		return give_up(&c, r.uncertain ? "uncertain" : "deleted", &e);
	c.status = "active";
	if (errcode || !*text_of(answer, "config_id"))
		c.status = "deleted";
	else
		c.config_id = text_of(answer, "config_id");
	if (wc_db_tx(settle_tx, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	if (!strcmp(c.status, "deleted"))
		return refuse(rq, errcode);
	if (join_way_check(&r, c.config_id, &e) < 0)      /* the next sweep looks again */
		wc_log(WC_WARN, "a new join way could not be read back", wc_kv_s("config_id", c.config_id), wc_kv_s("error", e.text));
	return reply_way(rq, 201, c.config_id);
}

static int put_tx(wc_db *db, void *arg, wc_err *e)
{
	return write_way(db, arg, e) < 0 ? -1 : audit(db, arg, e);
}

int join_way_put(wc_request *rq, const void *self)
{
	wc_arena      *a = wc_request_arena(rq);
	struct run     r = {.self = self, .a = a};
	struct change  c = {.rq = rq, .a = a, .way = wc_body(rq), .actor = wc_actor(rq), .action = "join_way.change", .config_id = wc_path_param(rq, "config_id")};
	const json_t  *answer;
	json_t        *body;
	int64_t        errcode;
	wc_rows        row;
	wc_err         e;

	if (!check_way(rq, c.way))
		return 0;
	if (find(a, c.config_id, &row, &e) < 0)
		return wc_reply_err(rq, &e);
	c.id     = wc_row_int(&row, 0, WAY_ID);
	c.status = wc_row_text(&row, 0, WAY_STATUS);
	c.state  = *c.way->state ? c.way->state : wc_row_text(&row, 0, WAY_STATE);
	if (strcmp(c.status, "active"))
		return wc_problem(rq, 409, "conflict", "the join way is %s", c.status);
	body = body_of(&c);
	json_object_set_new(body, "config_id", json_string(c.config_id));
	if (contact_call(&r, "groupchat.update_join_way", body, &answer, &errcode, &e) < 0)
		return wc_reply_err(rq, &e);
	if (errcode == 41044)
		return gone(&r, &row, errcode, &e) < 0 ? wc_reply_err(rq, &e) : refuse(rq, errcode);
	if (errcode)
		return refuse(rq, errcode);
	if (wc_db_tx(put_tx, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	if (join_way_check(&r, c.config_id, &e) < 0)
		wc_log(WC_WARN, "a changed join way could not be read back", wc_kv_s("config_id", c.config_id), wc_kv_s("error", e.text));
	return reply_way(rq, 200, c.config_id);
}

static int delete_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct change *c = arg;

	if (wc_db_exec(db, e, "UPDATE wecom_join_way SET status = 'deleted', updated_at = NOW(3) WHERE id = ?", wc_int(c->id)) < 0 ||
	    warn_off(db, NULL, wc_printf(c->a, "join_way:%s", c->config_id), e) < 0)
		return -1;
	return audit(db, c, e);
}

/* Its row stays: members go on being attributed to it. Deleting what WeCom does not know any more succeeds. */
int join_way_delete(wc_request *rq, const void *self)
{
	wc_arena     *a = wc_request_arena(rq);
	struct run    r = {.self = self, .a = a};
	struct change c = {.rq = rq, .a = a, .actor = wc_actor(rq), .action = "join_way.delete", .config_id = wc_path_param(rq, "config_id")};
	const json_t *answer;
	int64_t       errcode = 0;
	wc_rows       row;
	wc_err        e;

	if (find(a, c.config_id, &row, &e) < 0)
		return wc_reply_err(rq, &e);
	c.id     = wc_row_int(&row, 0, WAY_ID);
	c.state  = wc_row_text(&row, 0, WAY_STATE);
	c.status = wc_row_text(&row, 0, WAY_STATUS);
	if (!strcmp(c.status, "active") && contact_call(&r, "groupchat.del_join_way", wc_json(a, "{s:s}", "config_id", c.config_id), &answer, &errcode, &e) < 0)
		return wc_reply_err(rq, &e);
	if (errcode && errcode != 41044)
		return refuse(rq, errcode);
	if (strcmp(c.status, "deleted") && wc_db_tx(delete_tx, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{}");
}

/* --- looking --------------------------------------------------------------------------------------------------------- */

int join_way_list(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, "SELECT " COLUMNS " FROM wecom_join_way w WHERE w.id < ? AND w.status <> 'deleted' ORDER BY w.id DESC LIMIT ?",
	                wc_int(wc_list_after(list, INT64_MAX)), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, way_json, NULL);
}

/* Who came, by day and by group: the attribution. */
int join_way_get(wc_request *rq, const void *self)
{
	const struct customer_group *s = self;
	wc_arena *a    = wc_request_arena(rq);
	json_t   *days = wc_json(a, "[]"), *groups = wc_json(a, "[]"), *way;
	wc_rows   row, rows;
	wc_err    e;

	if (find(a, wc_path_param(rq, "config_id"), &row, &e) < 0)
		return wc_reply_err(rq, &e);
	way = wc_json_keep(a, way_json(a, &row, 0, NULL));
	if (wc_db_query(NULL, a, &rows, &e, "SELECT DATE(joined_at + INTERVAL ? * 1000 MICROSECOND) AS day, COUNT(*) FROM wecom_customer_group_member WHERE state = ?"
	                " AND ? <> '' GROUP BY day ORDER BY day DESC LIMIT 90", wc_int(s->day_offset_ms), wc_text(wc_row_text(&row, 0, WAY_STATE)),
	                wc_text(wc_row_text(&row, 0, WAY_STATE))) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = rows.n; i-- > 0;)
		json_array_append_new(days, json_pack("{s:s, s:I}", "day", wc_row_text(&rows, i, 0), "joined", (json_int_t)wc_row_int(&rows, i, 1)));
	if (wc_db_query(NULL, a, &rows, &e, "SELECT g.chat_id, g.name, COUNT(*), SUM(m.left_at IS NULL), g.member_count FROM wecom_customer_group_member m JOIN wecom_customer_group g"
	                " ON g.id = m.group_id WHERE m.state = ? AND ? <> '' GROUP BY g.id ORDER BY 3 DESC LIMIT 100", wc_text(wc_row_text(&row, 0, WAY_STATE)),
	                wc_text(wc_row_text(&row, 0, WAY_STATE))) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(groups, json_pack("{s:s, s:s, s:I, s:I, s:I}", "chat_id", wc_row_text(&rows, i, 0), "name", wc_row_text(&rows, i, 1), "joined",
		                                        (json_int_t)wc_row_int(&rows, i, 2), "members", (json_int_t)wc_row_int(&rows, i, 3), "member_count",
		                                        (json_int_t)wc_row_int(&rows, i, 4)));
	json_object_set(way, "days", days);
	json_object_set(way, "groups", groups);
	return wc_reply_json(rq, 200, way);
}

int join_way_picture(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_cell   image;
	wc_rows   row;
	wc_err    e;

	(void)self;
	if (find(a, wc_path_param(rq, "config_id"), &row, &e) < 0)
		return wc_reply_err(rq, &e);
	image = wc_row_cell(&row, 0, WAY_IMAGE);
	if (!image.s)
		return wc_problem(rq, 404, "not_found", "the picture was not fetched yet");
	wc_reply_header(rq, "Content-Disposition", wc_printf(a, "inline; filename=\"join-way-%s.%s\"", wc_row_text(&row, 0, WAY_ID), *image.s == '\xff' ? "jpg" : "png"));
	return wc_reply_bytes(rq, 200, *image.s == '\xff' ? "image/jpeg" : "image/png", (wc_slice){image.s, image.n});
}
