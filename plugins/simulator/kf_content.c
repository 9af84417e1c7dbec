/* Content: what send_msg and send_msg_on_event may say (doc/94677), its limits in bytes, and where WeCom cuts. */
#include "kf.h"

#include <string.h>

struct reading {
	wc_db             *db;
	wc_arena          *a;
	const json_t      *object;
	int64_t            now;
	struct kf_content *content;
	wc_err            *e;
};

/* errcode and why; returns 0, so that a check is one line. */
static int refuse(const struct reading *r, int64_t errcode, const char *why)
{
	if (!r->content->errcode) {
		r->content->errcode = errcode;
		r->content->why     = why;
	}
	return 0;
}

/* A text member of least to most bytes. */
static int need(const struct reading *r, const json_t *object, const char *name, size_t least, size_t most)
{
	const json_t *value = json_object_get(object, name);
	size_t        n     = json_string_length(value);

	if (value && !json_is_string(value))
		return refuse(r, 40058, wc_printf(r->a, "%s: not a string", name));
	if (n < least)
		return refuse(r, 40058, wc_printf(r->a, "missing %s", name));
	return n > most ? refuse(r, 40058, wc_printf(r->a, "%s exceed max length %zu", name, most)) : 0;
}

static int media(const struct reading *r, const char *name, const char *type)
{
	const char *id = kf_str(r->object, name);
	int64_t     errcode;

	if (!*id)
		return refuse(r, 41006, "media_id missing");
	if ((errcode = kf_media_check(r->db, r->a, id, type, r->now, r->e)) < 0)
		return -1;
	return errcode ? refuse(r, errcode, "invalid media_id") : 0;
}

static void cut(const struct reading *r, const char *name, size_t most)
{
	const char *s = kf_str(r->object, name);
	size_t      n = strlen(s);

	if (n > most)
		json_object_set_new(r->content->shown, name, json_stringn(s, wc_utf8_cut(s, n, most)));
}

/* --- the kinds ----------------------------------------------------------------------------------------------------------- */

static int text(const struct reading *r)
{
	size_t n = json_string_length(json_object_get(r->object, "content"));

	if (!n)
		return refuse(r, 44004, "empty text content");
	return n > 2048 ? refuse(r, 45002, "content size out of limit") : 0;
}

static int image(const struct reading *r) { return media(r, "media_id", "image"); }
static int voice(const struct reading *r) { return media(r, "media_id", "voice"); }
static int video(const struct reading *r) { return media(r, "media_id", "video"); }
static int file(const struct reading *r)  { return media(r, "media_id", "file"); }

static int link_(const struct reading *r)
{
	const char *url = kf_str(r->object, "url");

	need(r, r->object, "title", 1, SIZE_MAX);
	need(r, r->object, "desc", 0, SIZE_MAX);
	need(r, r->object, "url", 1, 2048);
	if (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))
		refuse(r, 40058, "url: no http:// or https://");
	cut(r, "title", 128);
	cut(r, "desc", 512);
	return media(r, "thumb_media_id", "image");
}

static int miniprogram(const struct reading *r)
{
	need(r, r->object, "appid", 1, 32);
	need(r, r->object, "title", 0, SIZE_MAX);
	need(r, r->object, "pagepath", 1, 1024);
	cut(r, "title", 64);
	return media(r, "thumb_media_id", "image");
}

static int menu_item(const struct reading *r, const json_t *item)
{
	const char   *type   = kf_str(item, "type");
	const json_t *object = json_object_get(item, type);

	if (!strcmp(type, "click")) {
		need(r, object, "id", 1, 64);
		return need(r, object, "content", 1, 128);
	}
	if (!strcmp(type, "view")) {
		need(r, object, "url", 1, 2048);
		return need(r, object, "content", 1, 1024);
	}
	if (!strcmp(type, "miniprogram")) {
		need(r, object, "appid", 1, 32);
		need(r, object, "pagepath", 1, 1024);
		return need(r, object, "content", 1, 1024);
	}
	return !strcmp(type, "text") ? need(r, object, "content", 1, 1024) : refuse(r, 95009, "invalid menu item type");
}

static int msgmenu(const struct reading *r)
{
	const json_t *list = json_object_get(r->object, "list"), *item;
	size_t        i;

	need(r, r->object, "head_content", 0, 1024);
	need(r, r->object, "tail_content", 0, 1024);
	if (list && !json_is_array(list))
		return refuse(r, 40058, "list: not an array");
	if (json_array_size(list) > 10)
		return refuse(r, 95008, "menu items exceed 10");
	if (!json_array_size(list) && !*kf_str(r->object, "head_content") && !*kf_str(r->object, "tail_content"))
		return refuse(r, 40058, "empty msgmenu");
	json_array_foreach(list, i, item)
		menu_item(r, item);
	return 0;
}

static int location(const struct reading *r)
{
	const json_t *lat = json_object_get(r->object, "latitude"), *lon = json_object_get(r->object, "longitude");

	need(r, r->object, "name", 0, 1024);
	need(r, r->object, "address", 0, 1024);
	if (!json_is_number(lat) || json_number_value(lat) < -90 || json_number_value(lat) > 90)
		return refuse(r, 40058, "invalid latitude");
	if (!json_is_number(lon) || json_number_value(lon) < -180 || json_number_value(lon) > 180)
		return refuse(r, 40058, "invalid longitude");
	return 0;
}

static int ca_link(const struct reading *r)
{
	return need(r, r->object, "link_url", 1, 2048);
}

static const struct {
	const char *msgtype;
	int       (*check)(const struct reading *r);
} kinds[] = {{"text", text}, {"image", image}, {"voice", voice}, {"video", video}, {"file", file}, {"link", link_},
             {"miniprogram", miniprogram}, {"msgmenu", msgmenu}, {"location", location}, {"ca_link", ca_link}};

int kf_content_read(wc_db *db, wc_arena *a, const json_t *body, const char *only, int64_t now, struct kf_content *content, wc_err *e)
{
	struct reading r = {db, a, NULL, now, content, e};

	*content = (struct kf_content){.msgtype = kf_str(body, "msgtype"), .why = "ok"};
	r.object = json_object_get(body, content->msgtype);
	content->shown = wc_json_keep(a, json_is_object(r.object) ? json_deep_copy(r.object) : json_object());
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].msgtype, content->msgtype) && (!only || kf_in_list(only, content->msgtype)))
			return json_is_object(r.object) ? kinds[i].check(&r) : refuse(&r, 40058, wc_printf(a, "missing %s", content->msgtype));
	return refuse(&r, 40008, "invalid message type");
}
