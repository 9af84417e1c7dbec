/* What a message looks like to WeCom: the object that its msgtype names. Media are uploaded, and their media_ids kept for as long as WeCom keeps
 * the file. */
#include "kf.h"

#include <string.h>

#define KEPT_DAYS "2"     /* of WeCom's three */
#define MB        (1024 * 1024)

json_t *text_body(wc_arena *a, const char *text)
{
	return wc_json(a, "{s:s, s:{s:s%}}", "msgtype", "text", "text", "content", text, wc_utf8_cut(text, strlen(text), KF_TEXT_MAX));
}

/* --- media ---------------------------------------------------------------------------------------------------------------- */

struct upload_kind {
	const char *type;
	int64_t     max;
};

/* What WeCom takes for an image, a voice or a video, by its content; everything else goes as a file. */
static struct upload_kind upload_kind(const wc_media *m)
{
	if ((!strcmp(m->type, "image/png") || !strcmp(m->type, "image/jpeg")) && m->bytes <= 10 * MB)
		return (struct upload_kind){"image", 10 * MB};
	if (!strcmp(m->type, "audio/amr") && m->bytes <= 2 * MB)
		return (struct upload_kind){"voice", 2 * MB};
	if (!strcmp(m->type, "video/mp4") && m->bytes <= 10 * MB)
		return (struct upload_kind){"video", 10 * MB};
	return (struct upload_kind){"file", 20 * MB};
}

static int find_upload(wc_arena *a, const char *corp, int64_t media, const char *type, const char **media_id, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT media_id FROM kf_upload WHERE media = ? AND type = ? AND corp_id = ? AND until_at > NOW(3)", wc_int(media),
	                wc_text(type), wc_text(corp)) < 0)
		return -1;
	*media_id = rows.n ? wc_row_text(&rows, 0, 0) : NULL;
	return 0;
}

static int upload(wc_arena *a, const struct account *acc, int64_t media, const wc_media *m, const struct upload_kind *k, const char **media_id, wc_err *e)
{
	wc_upload   file = {k->type, m->name, m->path, k->max};
	const char *corp = wc_wecom_corp(acc->secret);
	wc_answer   answer;

	if (find_upload(a, corp ? corp : "", media, k->type, media_id, e) < 0 || *media_id)
		return *media_id ? 0 : -1;
	if (wc_wecom_upload(a, acc->secret, &file, &answer, e) < 0)
		return -1;
	if (answer.class != WC_ANSWER_OK && answer.class != WC_ANSWER_PERMANENT)
		return wc_fail(e, WC_E_REMOTE, "media.upload: errcode %lld, again later", (long long)answer.errcode);
	*media_id = wc_json_str(answer.body, "media_id");
	if (answer.class == WC_ANSWER_PERMANENT || !*media_id)
		return wc_fail(e, WC_E_REFUSED, "errcode %lld", (long long)answer.errcode);
	wc_count("wecomd_kf_media_total", 1, "out", "uploaded", NULL);
	return wc_db_exec(NULL, e,
	                  "INSERT INTO kf_upload (media, type, corp_id, media_id, until_at) VALUES (?, ?, ?, LEFT(?, 256), NOW(3) + INTERVAL " KEPT_DAYS " DAY)"
	                  " ON DUPLICATE KEY UPDATE media_id = VALUES(media_id), until_at = VALUES(until_at)",
	                  wc_int(media), wc_text(k->type), wc_text(corp ? corp : ""), wc_text(*media_id)) < 0 ? -1 : 0;
}

static json_t *media_body(wc_arena *a, const struct account *acc, int64_t media, wc_err *e)
{
	struct upload_kind kind;
	const char        *media_id;
	wc_media           m;

	if (wc_media_read(a, media, &m, e) < 0)
		return NULL;
	kind = upload_kind(&m);
	if (upload(a, acc, media, &m, &kind, &media_id, e) < 0)
		return NULL;
	return wc_json(a, "{s:s, s:{s:s}}", "msgtype", kind.type, kind.type, "media_id", media_id);
}

/* --- kinds ---------------------------------------------------------------------------------------------------------------- */

static const char *msgtype_of(const char *kind)
{
	static const char *const pairs[][2] = {{"link", "link"}, {"miniprogram", "miniprogram"}, {"menu", "msgmenu"}, {"location", "location"}};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (!strcmp(pairs[i][0], kind))
			return pairs[i][1];
	return NULL;
}

/* Links and miniprograms show a picture, which is a media_id too. */
static int add_thumb(wc_arena *a, const struct account *acc, int64_t media, json_t *object, wc_err *e)
{
	struct upload_kind kind = {"image", 10 * MB};
	const char        *media_id;
	wc_media           m;

	if (!media)
		return 0;
	if (wc_media_read(a, media, &m, e) < 0 || upload(a, acc, media, &m, &kind, &media_id, e) < 0)
		return -1;
	json_object_set_new(object, "thumb_media_id", json_string(media_id));
	return 0;
}

/* content is the object, or the whole with its msgtype. */
static json_t *content_body(wc_arena *a, const struct account *acc, const char *msgtype, const wc_outgoing *out, wc_err *e)
{
	const json_t *inner = json_object_get(out->content, msgtype);
	json_t       *object;

	if (!json_is_object(out->content)) {
		wc_fail(e, WC_E_ARG, "a message of kind %s without its content", out->kind);
		return NULL;
	}
	object = wc_json_keep(a, json_deep_copy(inner ? inner : out->content));
	if (add_thumb(a, acc, out->media, object, e) < 0)
		return NULL;
	return wc_json(a, "{s:s, s:O}", "msgtype", msgtype, msgtype, object);
}

json_t *body_of(wc_arena *a, const struct account *acc, const wc_outgoing *out, wc_err *e)
{
	const char *msgtype = msgtype_of(out->kind);

	if (msgtype)
		return content_body(a, acc, msgtype, out, e);
	if (out->media)
		return media_body(a, acc, out->media, e);
	wc_fail(e, WC_E_ARG, "a message of kind %.20s says nothing", out->kind);
	return NULL;
}

json_t *rating_body(wc_arena *a, const struct settings *s, int64_t turn)
{
	static const char *const words[] = {"满意", "一般", "不满意"};
	json_t                  *list    = wc_json(a, "[]");

	for (int i = 0; i < 3; i++)
		json_array_append_new(list, json_pack("{s:s, s:{s:s, s:s}}", "type", "click", "click", "id",
		                                      wc_printf(a, "kfr.%d.%lld", 3 - i, (long long)turn), "content", words[i]));
	return wc_json(a, "{s:s, s:{s:s, s:O}}", "msgtype", "msgmenu", "msgmenu", "head_content", s->rating_text, "list", list);
}
