/* Kinds of messages: what talk calls them, and what they say in words, for people, models and the search. What WeCom brings later is
 * "other" and kept whole. */
#include "kf.h"

#include <string.h>

static const struct {
	const char *msgtype, *kind, *word;
} kinds[] = {
	{"text", "text", ""},
	{"image", "image", "图片"},
	{"voice", "voice", "语音"},
	{"video", "video", "视频"},
	{"file", "file", "文件"},
	{"location", "location", "位置"},
	{"link", "link", "链接"},
	{"business_card", "card", "名片"},
	{"miniprogram", "miniprogram", "小程序"},
	{"msgmenu", "menu", "菜单"},
	{"merged_msg", "merged", "聊天记录"},
	{"channels_shop_product", "other", "视频号商品"},
	{"channels_shop_order", "other", "视频号订单"},
	{"channels", "other", "视频号"},
	{"note", "other", "笔记"},
	{"meeting", "other", "会议"},
	{"schedule", "other", "日程"},
	{"ca_link", "other", "获客链接"},
};

#define TEXT_MAX   16384
#define MERGED_MAX 50

static size_t find(const char *msgtype)
{
	size_t i = 0;

	while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i].msgtype, msgtype))
		i++;
	return i;
}

const char *kind_of(const char *msgtype)
{
	size_t i = find(msgtype);

	return i < sizeof kinds / sizeof *kinds ? kinds[i].kind : "other";
}

/* Control characters come from hostile clients; neither models nor logs want them. */
static const char *cleaned(wc_arena *a, const char *text)
{
	char *s = wc_strndup(a, text, wc_utf8_cut(text, strlen(text), TEXT_MAX)), *to = s;

	for (const char *from = s; *from; from++)
		if ((unsigned char)*from >= ' ' || *from == '\n' || *from == '\t')
			*to++ = *from;
	*to = 0;
	return s;
}

/* The members that say something, in one line behind the word. */
static const char *told(wc_arena *a, const char *word, const json_t *content)
{
	static const char *const members[] = {"title", "head_content", "name", "nickname", "shop_nickname", "desc", "address", "userid", "product_titles",
	                                      "sales_price", "price_wording", "state", "order_id", "url", "link_url", "tail_content"};
	wc_buf *text = wc_buf_new(a, 2 * TEXT_MAX);

	wc_buf_addf(text, "[%s]", word);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const char *value = wc_json_str(content, members[i]);

		if (value && *value && text->len + strlen(value) < TEXT_MAX)
			wc_buf_addf(text, " %s", value);
	}
	return text->s;
}

/* Each item's content is JSON in a text. */
static const char *merged(wc_arena *a, const json_t *content)
{
	wc_buf       *text  = wc_buf_new(a, 2 * TEXT_MAX);
	const char   *title = wc_json_str(content, "title");
	const json_t *item;
	size_t        i;

	wc_buf_addf(text, "[聊天记录] %.300s", title ? title : "");
	json_array_foreach(json_object_get(content, "item"), i, item) {
		const char *who = wc_json_str(item, "sender_name"), *raw = wc_json_str(item, "msg_content"), *type = wc_json_str(item, "msgtype");
		const char *said;
		json_t     *one;
		wc_err      ignored;

		if (i == MERGED_MAX || text->len > TEXT_MAX / 2)
			break;
		one  = raw ? wc_json_parse(a, raw, strlen(raw), &ignored) : NULL;
		said = wc_json_str(one, "text.content") ? wc_json_str(one, "text.content") : wc_json_str(one, "content");
		if (!said)
			said = wc_printf(a, "[%s]", type && find(type) < sizeof kinds / sizeof *kinds && *kinds[find(type)].word ? kinds[find(type)].word : "消息");
		wc_buf_addf(text, "\n%.100s: %.2000s", who ? who : "", said);
	}
	return text->s;
}

const char *text_of(wc_arena *a, const json_t *message)
{
	const char   *type    = wc_json_str(message, "msgtype");
	const json_t *content = type ? json_object_get(message, type) : NULL;
	size_t        i       = type ? find(type) : 0;
	const char   *text;

	if (!type)
		return "";
	if (!strcmp(type, "text"))
		text = wc_json_str(content, "content");
	else if (!strcmp(type, "merged_msg"))
		text = merged(a, content);
	else
		text = told(a, i < sizeof kinds / sizeof *kinds ? kinds[i].word : "消息", content);
	return text ? cleaned(a, text) : "";
}

const char *media_of(const json_t *message)
{
	static const char *const with[] = {"image", "voice", "video", "file"};
	const char              *type   = wc_json_str(message, "msgtype");

	for (size_t i = 0; type && i < sizeof with / sizeof *with; i++)
		if (!strcmp(type, with[i]))
			return wc_json_str(json_object_get(message, type), "media_id");
	return NULL;
}
