/* Join ways (加入群聊): the calls of the app that made them, and customers who scan them. */
#include "contact.h"

#include <inttypes.h>
#include <string.h>

#define GROUPS_MAX 5

struct way {
	int64_t       scene, auto_create, base_id;
	const char   *remark, *base_name, *state, *chat_ids;
};

static int check_groups(struct cgi_call *c, const json_t *ids, wc_err *e)
{
	const json_t *id;
	wc_rows       rows;
	size_t        i;

	if (!json_array_size(ids))
		return cgi_refuse(c, 40063, "chat_id_list is required");
	if (json_array_size(ids) > GROUPS_MAX)
		return cgi_refuse(c, 41091, "chat_id_list exceeds 5");
	json_array_foreach(ids, i, id) {
		if (!json_is_string(id))
			return cgi_refuse(c, 40058, "chat_id_list is no list of strings");
		if (wc_db_query(NULL, c->a, &rows, e, "SELECT dismissed FROM simulator_room WHERE chat_id = ?", wc_text(json_string_value(id))) < 0)
			return -1;
		if (!rows.n)
			return cgi_refuse(c, 40050, "chatid does not exist");
		if (wc_row_int(&rows, 0, 0))
			return cgi_refuse(c, 49008, "group chat is dismissed");
	}
	return 0;
}

static int read_way(struct cgi_call *c, const json_t *body, struct way *w, wc_err *e)
{
	const json_t *scene = json_object_get(body, "scene"), *create = json_object_get(body, "auto_create_room");
	const char   *remark = contact_text(body, "remark");

	*w = (struct way){json_integer_value(scene), create ? json_integer_value(create) : 1, json_integer_value(json_object_get(body, "room_base_id")), "",
	                  contact_text(body, "room_base_name"), contact_text(body, "state"), "[]"};
	if (!json_is_integer(scene))
		return cgi_refuse(c, 41038, "scene is missing");
	if (w->scene != 1 && w->scene != 2)
		return cgi_refuse(c, 41040, "invalid scene");
	if (w->auto_create != 0 && w->auto_create != 1)
		return cgi_refuse(c, 40058, "auto_create_room is 0 or 1");
	if (wc_utf8_count(w->base_name, strlen(w->base_name)) > 40 || wc_utf8_count(w->state, strlen(w->state)) > 30)
		return cgi_refuse(c, 40058, "room_base_name or state is too long");
	/* What is too long is cut. */
	for (size_t n = strlen(remark);; n--)
		if (wc_utf8_count(remark, wc_utf8_cut(remark, strlen(remark), n)) <= 30) {
			w->remark = wc_strndup(c->a, remark, wc_utf8_cut(remark, strlen(remark), n));
			break;
		}
	if (check_groups(c, json_object_get(body, "chat_id_list"), e) < 0)
		return -1;
	if (!c->errcode)
		w->chat_ids = wc_json_text(c->a, json_object_get(body, "chat_id_list"));
	return 0;
}

static int add(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c);
	const char   *id   = contact_id(c->a, "");
	struct way    w;

	if (!body)
		return 0;
	if (read_way(c, body, &w, e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	if (wc_db_exec(NULL, e, "INSERT INTO simulator_join_way (config_id, agent, scene, remark, auto_create_room, room_base_name, room_base_id, next_no, chat_ids,"
	               " state, created_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", wc_text(id), wc_int(c->app->agent), wc_int(w.scene), wc_text(w.remark),
	               wc_int(w.auto_create), wc_text(w.base_name), wc_int(w.base_id), wc_int(w.base_id), wc_text(w.chat_ids), wc_text(w.state),
	               wc_int(wc_now_ms() / 1000)) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:s}", "config_id", id);
	return 0;
}

int contact_way_add(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/add_join_way", true, add);
}

/* The row of config_id, of this app. No rows: the call was refused. */
static int find(struct cgi_call *c, const json_t *body, wc_rows *rows, wc_err *e)
{
	const char *id = contact_text(body, "config_id");

	rows->n = 0;
	if (!*id)
		return cgi_refuse(c, 41043, "config_id is missing");
	if (wc_db_query(NULL, c->a, rows, e, "SELECT config_id, scene, remark, auto_create_room, room_base_name, room_base_id, chat_ids, state FROM simulator_join_way"
	                " WHERE config_id = ? AND agent = ?", wc_text(id), wc_int(c->app->agent)) < 0)
		return -1;
	return rows->n ? 0 : cgi_refuse(c, 41044, "invalid config_id");
}

static int get(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c);
	json_t       *way, *ids;
	wc_rows       rows;

	if (!body)
		return 0;
	if (find(c, body, &rows, e) < 0)
		return -1;
	if (!rows.n)
		return 0;
	if (!(ids = wc_json_parse(c->a, wc_row_text(&rows, 0, 6), strlen(wc_row_text(&rows, 0, 6)), e)))
		return -1;
	way = wc_json(c->a, "{s:s, s:I, s:s, s:I, s:s, s:I, s:O, s:s}", "config_id", wc_row_text(&rows, 0, 0), "scene", (json_int_t)wc_row_int(&rows, 0, 1),
	              "remark", wc_row_text(&rows, 0, 2), "auto_create_room", (json_int_t)wc_row_int(&rows, 0, 3), "room_base_name", wc_row_text(&rows, 0, 4),
	              "room_base_id", (json_int_t)wc_row_int(&rows, 0, 5), "chat_id_list", ids, "state", wc_row_text(&rows, 0, 7));
	if (wc_row_int(&rows, 0, 1) == 2)
		json_object_set_new(way, "qr_code", json_string(wc_printf(c->a, "%s/sim/qr/%s", c->sim->callback_base, wc_row_text(&rows, 0, 0))));
	c->answer = wc_json(c->a, "{s:O}", "join_way", way);
	return 0;
}

int contact_way_get(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/get_join_way", true, get);
}

static int update(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c);
	struct way    w;
	wc_rows       rows;

	if (!body)
		return 0;
	if (find(c, body, &rows, e) < 0 || (rows.n && read_way(c, body, &w, e) < 0))
		return -1;
	if (c->errcode)
		return 0;
	return wc_db_exec(NULL, e, "UPDATE simulator_join_way SET scene = ?, remark = ?, auto_create_room = ?, room_base_name = ?,"
	                  " next_no = IF(room_base_id = ?, next_no, ?), room_base_id = ?, chat_ids = ?, state = ? WHERE config_id = ?", wc_int(w.scene),
	                  wc_text(w.remark), wc_int(w.auto_create), wc_text(w.base_name), wc_int(w.base_id), wc_int(w.base_id), wc_int(w.base_id),
	                  wc_text(w.chat_ids), wc_text(w.state), wc_text(wc_row_text(&rows, 0, 0))) < 0 ? -1 : 0;
}

int contact_way_update(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/update_join_way", true, update);
}

static int delete(struct cgi_call *c, wc_err *e)
{
	const json_t *body = contact_body(c);
	wc_rows       rows;

	if (!body)
		return 0;
	if (find(c, body, &rows, e) < 0)
		return -1;
	return !rows.n ? 0 : wc_db_exec(NULL, e, "DELETE FROM simulator_join_way WHERE config_id = ?", wc_text(wc_row_text(&rows, 0, 0))) < 0 ? -1 : 0;
}

int contact_way_delete(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "externalcontact/groupchat/del_join_way", true, delete);
}

int contact_way_picture(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, "SELECT config_id FROM simulator_join_way WHERE config_id = ?", wc_text(wc_path_param(rq, "config_id"))) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such join way");
	return wc_reply_bytes(rq, 200, "image/png", contact_qr(a, wc_printf(a, "https://work.weixin.qq.com/gm/%s", wc_row_text(&rows, 0, 0))));
}

/* --- scanning -------------------------------------------------------------------------------------------------------- */

/* 1 joined, or was in it already; 0 full or gone. */
static int try_group(wc_db *db, const struct contact_scan *s, const char *chat_id, const char *state, wc_err *e)
{
	const struct contact_change join = {.a = s->a, .sim = s->sim, .action = "join", .chat_id = chat_id, .id = s->customer, .text = state, .scene = 3};
	int                         rc   = contact_change(db, &join, e);

	return rc >= 0 ? 1 : e->code == WC_E_CONFLICT || e->code == WC_E_NOT_FOUND ? 0 : -1;
}

static int create_room(wc_db *db, const struct contact_scan *s, const wc_rows *way, json_t *ids, const char **chat_id, wc_err *e)
{
	struct contact_new_group g = {.a = s->a, .sim = s->sim, .chat_id = contact_id(s->a, "wr"), .capacity = 200};
	wc_rows                  first;

	if (wc_db_query(db, s->a, &first, e, "SELECT owner, capacity FROM simulator_room WHERE chat_id = ?",
	                wc_text(json_string_value(json_array_get(ids, 0)))) < 0)
		return -1;
	g.name     = wc_printf(s->a, "%s%" PRId64, wc_row_text(way, 0, 2), wc_row_int(way, 0, 3));
	g.owner    = wc_row_text(&first, 0, 0);
	g.capacity = wc_row_int(&first, 0, 1);
	*chat_id   = g.chat_id;
	json_array_append_new(ids, json_string(g.chat_id));
	if (contact_add_group(db, &g, e) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE simulator_join_way SET next_no = next_no + 1, chat_ids = ? WHERE config_id = ?", wc_text(wc_json_text(s->a, ids)),
	                  wc_text(s->config_id)) < 0 ? -1 : 0;
}

int contact_scan(wc_db *db, struct contact_scan *s, wc_err *e)
{
	json_t     *ids, *id;
	const char *state;
	wc_rows     way;
	size_t      i;
	int         rc = 0;

	if (wc_db_query(db, s->a, &way, e, "SELECT chat_ids, auto_create_room, room_base_name, next_no, state FROM simulator_join_way WHERE config_id = ? FOR UPDATE",
	                wc_text(s->config_id)) < 0)
		return -1;
	if (!way.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such join way");
	state = wc_row_text(&way, 0, 4);
	if (!(ids = wc_json_parse(s->a, wc_row_text(&way, 0, 0), strlen(wc_row_text(&way, 0, 0)), e)))
		return -1;
	json_array_foreach(ids, i, id) {
		s->chat_id = json_string_value(id);
		if ((rc = try_group(db, s, s->chat_id, state, e)))
			return rc < 0 ? -1 : 0;
	}
	if (!wc_row_int(&way, 0, 1))
		return wc_fail(e, WC_E_CONFLICT, "all groups of the join way are full");
	if (create_room(db, s, &way, ids, &s->chat_id, e) < 0)
		return -1;
	return try_group(db, s, s->chat_id, state, e) < 0 ? -1 : 0;
}
