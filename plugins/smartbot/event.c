/* What comes in: a decrypted event of the bot becomes an identity, a job and a reply (doc/100719, doc/101027, doc/101031). */
#include "smartbot.h"

#include <string.h>

#define TEXT_MAX  16384     /* bytes of a question that reach the model */
#define QUOTE_MAX 4096      /* of a quoted message */
#define URL_MAX   2048
#define PARTS     20
#define URLS      4         /* pictures and files of one message: a job's arguments are bounded */

static const char not_known[] = "抱歉，我还看不懂这种消息，请用文字、图片或文本文件问我。";
static const char say_hello[] = "您好，请问有什么可以帮您？";

/* The same for every delivery of the same message, on every node, and not to be guessed. */
static const char *key_of(wc_callback *cb, const char *purpose, const char *msgid)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, purpose, wc_callback_name(cb), msgid, NULL);
	return wc_hex(wc_callback_arena(cb), hash, 16);
}

static void reply_stream(wc_callback *cb, const char *stream_id, bool finish, const char *text)
{
	wc_arena *a      = wc_callback_arena(cb);
	json_t   *stream = wc_json(a, "{s:s, s:b, s:s}", "id", stream_id, "finish", (int)finish, "content", text);

	/* Only the first answer may ask for a rating (doc/101031). */
	if (note_feedback(wc_callback_note(cb)))
		json_object_set_new(stream, "feedback", json_pack("{s:s}", "id", stream_id));
	wc_callback_reply(cb, wc_json(a, "{s:s, s:O}", "msgtype", "stream", "stream", stream));
}

static int receive_refresh(wc_callback *cb, const struct smartbot *self, const json_t *msg, wc_err *e)
{
	const char   *id = wc_json_str(msg, "stream.id");
	const json_t *reply;

	if (!id || strlen(id) > 256)
		return wc_fail(e, WC_E_ARG, "a stream refresh without stream.id");
	if (!(reply = stream_answer(cb, self, id, wc_json_str(msg, "from.userid"), e)))
		return -1;
	wc_callback_reply(cb, reply);
	return 0;
}

/* --- messages -------------------------------------------------------------------------------------------------------- */

/* People can send control characters; neither models nor logs want them. */
static const char *cleaned(wc_arena *a, const char *text, size_t max)
{
	size_t n = strlen(text);
	char  *s, *to;

	wc_text_trim(&text, &n);
	to = s = wc_strndup(a, text, wc_utf8_cut(text, n, max));
	for (const char *from = s; *from; from++)
		if ((unsigned char)*from >= ' ' || *from == '\n' || *from == '\t')
			*to++ = *from;
	*to = 0;
	return s;
}

/* In a group the text begins with the "@BotName " that called the bot. */
static const char *without_mention(const char *text)
{
	size_t n;

	if (*text != '@')
		return text;
	text += strcspn(text, " \t\n\xe2");
	if (!strncmp(text, "\xe2\x80\x85", 3))     /* U+2005, which some clients put there */
		text += 3;
	n = strlen(text);
	wc_text_trim(&text, &n);
	return text;
}

static void add_part(json_t *parts, const char *kind, const char *value)
{
	if (*value && json_array_size(parts) < PARTS)
		json_array_append_new(parts, json_pack("{s:s}", kind, value));
}

static void add_url(json_t *parts, const char *kind, const char *url)
{
	size_t urls = 0;

	for (size_t i = 0; i < json_array_size(parts); i++)
		urls += !json_object_get(json_array_get(parts, i), "text");
	if (url && strlen(url) <= URL_MAX && urls < URLS)
		add_part(parts, kind, url);
}

static void add_parts(wc_arena *a, json_t *parts, const json_t *msg, const char *type, size_t *room);

static void add_text(wc_arena *a, json_t *parts, const char *text, size_t *room)
{
	const char *clean = text ? cleaned(a, text, *room) : "";

	*room -= strlen(clean);
	add_part(parts, "text", clean);
}

static void add_mixed(wc_arena *a, json_t *parts, const json_t *msg, size_t *room)
{
	const json_t *item;
	size_t        i;

	json_array_foreach(wc_json_at(msg, "mixed.msg_item"), i, item) {
		const char *type = wc_json_str(item, "msgtype");

		if (type && strcmp(type, "mixed"))
			add_parts(a, parts, item, type, room);
	}
}

/* What a message holds, in its order, as [{"text"|"image"|"file"|"other": …}]. Voice comes with its recognised text. */
static void add_parts(wc_arena *a, json_t *parts, const json_t *msg, const char *type, size_t *room)
{
	if (!strcmp(type, "text"))
		add_text(a, parts, wc_json_str(msg, "text.content"), room);
	else if (!strcmp(type, "voice"))
		add_text(a, parts, wc_json_str(msg, "voice.content"), room);
	else if (!strcmp(type, "image"))
		add_url(parts, "image", wc_json_str(msg, "image.url"));
	else if (!strcmp(type, "file"))
		add_url(parts, "file", wc_json_str(msg, "file.url"));
	else if (!strcmp(type, "mixed"))
		add_mixed(a, parts, msg, room);
	else
		add_part(parts, "other", strcmp(type, "video") ? "消息" : "视频");
}

static json_t *parts_of(wc_arena *a, const json_t *msg, size_t room)
{
	json_t     *parts = wc_json(a, "[]");
	const char *type  = wc_json_str(msg, "msgtype");

	if (type)
		add_parts(a, parts, msg, type, &room);
	return parts;
}

static void drop_mention(wc_arena *a, json_t *parts)
{
	json_t     *first = json_array_get(parts, 0);
	const char *text  = wc_json_str(first, "text");

	if (!text)
		return;
	text = wc_strdup(a, without_mention(text));
	if (*text)
		json_object_set_new(first, "text", json_string(text));
	else
		json_array_remove(parts, 0);
}

static bool has_kind(const json_t *parts, const char *kind)
{
	const json_t *part;
	size_t        i;

	json_array_foreach(parts, i, part)
		if (json_object_get(part, kind))
			return true;
	return false;
}

struct asking {
	const char *user, *chat, *msgid, *stream, *url, *kind;
	json_t     *parts, *quote;
	int64_t     in_flight;
};

static const json_t *answer_args(wc_callback *cb, const struct asking *q, bool later)
{
	return wc_json(wc_callback_arena(cb), "{s:I, s:s, s:s, s:O, s:O, s:s?, s:b, s:s}", "bot", (json_int_t)wc_callback_endpoint(cb), "user", q->user,
	               "chat", q->chat, "parts", q->parts, "quote", q->quote, "url", q->url, "later", (int)later, "kind", q->kind);
}

/* Kinds that are counted; what WeCom may bring later is "other". */
static const char *kind_of(const char *msgtype)
{
	static const char *const kinds[] = {"text", "voice", "image", "file", "mixed", "video"};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (msgtype && !strcmp(msgtype, kinds[i]))
			return kinds[i];
	return "other";
}

/* The fourth question at once would be a fourth open stream, which WeCom does not take: its bubble ends with a word at once, and
 * the answer comes by response_url. */
static const json_t *ask_behind(wc_callback *cb, int64_t ahead, const void *ctx)
{
	const struct asking *q     = ctx;
	wc_arena            *a     = wc_callback_arena(cb);
	bool                 later = ahead >= q->in_flight && q->url;

	if (ahead)
		wc_count("wecomd_smartbot_queued_total", 1, later ? "later" : "waits", NULL);
	if (later)
		reply_stream(cb, q->stream, true, wc_printf(a, "您前面还有 %lld 个问题，轮到这个问题时，我会把答案作为新消息发给您。", (long long)ahead));
	else
		reply_stream(cb, q->stream, false, queued_text(a, ahead));
	return answer_args(cb, q, later);
}

static void ask(wc_callback *cb, const struct asking *q)
{
	wc_callback_job(cb, "smartbot.answer", lane_of(wc_callback_arena(cb), wc_callback_name(cb), q->user), q->stream, answer_args(cb, q, false));
	reply_stream(cb, q->stream, false, "");
	wc_callback_if_behind(cb, ask_behind, q);
}

static int receive_message(wc_callback *cb, const struct smartbot *self, const json_t *msg, const char *msgid, wc_err *e)
{
	wc_arena     *a     = wc_callback_arena(cb);
	const char   *chat  = wc_json_str(msg, "chatid"), *url = wc_json_str(msg, "response_url");
	const json_t *quote = json_object_get(msg, "quote");
	struct asking *q    = wc_alloc(a, sizeof *q);

	*q = (struct asking){.user = wc_json_str(msg, "from.userid"), .chat = chat ? chat : "", .msgid = msgid,
	                     .stream = key_of(cb, "smartbot.stream", msgid), .url = url && strlen(url) <= URL_MAX ? url : NULL,
	                     .kind = kind_of(wc_json_str(msg, "msgtype")), .parts = parts_of(a, msg, TEXT_MAX), .quote = parts_of(a, quote, QUOTE_MAX),
	                     .in_flight = self->in_flight};
	if (!q->user || strlen(q->user) > 128 || strlen(q->chat) > 128)
		return wc_fail(e, WC_E_ARG, "a message without a fit from.userid or chatid");
	wc_callback_identity(cb, "message", msgid, q->user, q->chat, NULL);
	if (chat)
		drop_mention(a, q->parts);
	if (!json_array_size(q->parts) && !json_array_size(q->quote))
		reply_stream(cb, q->stream, true, say_hello);
	else if (json_array_size(q->parts) == 1 && has_kind(q->parts, "other"))
		reply_stream(cb, q->stream, true, not_known);
	else
		ask(cb, q);
	return 0;
}

/* --- events ---------------------------------------------------------------------------------------------------------- */

/* Each card sent has a task_id of its own, as WeCom wants. */
static void welcome_with_card(wc_callback *cb, const struct bot *bot, const char *link, const char *msgid)
{
	wc_arena *a = wc_callback_arena(cb);
	wc_err    e;
	json_t   *card = *bot->welcome_card ? wc_json_parse(a, bot->welcome_card, strlen(bot->welcome_card), &e) : bot_welcome_notice(a, bot, link);

	if (json_object_get(card, "task_id"))
		json_object_set_new(card, "task_id", json_string(wc_printf(a, "welcome-%s", key_of(cb, "smartbot.welcome", msgid))));
	if (card && card_check(card, &e) == 0)
		wc_callback_reply(cb, wc_json(a, "{s:s, s:O}", "msgtype", "template_card", "template_card", card));
	else
		wc_log(WC_ERROR, "a welcome card cannot be sent", wc_kv_s("bot", bot->name), wc_kv_s("why", e.text));
}

static int receive_enter(wc_callback *cb, const struct smartbot *self, const char *msgid, wc_err *e)
{
	wc_arena  *a = wc_callback_arena(cb);
	struct bot bot;

	if (bot_load(a, wc_callback_endpoint(cb), &bot, e) < 0)
		return -1;
	if (*bot.welcome_card || *bot.welcome_image)
		welcome_with_card(cb, &bot, self->link, msgid);
	else if (*bot.welcome)
		wc_callback_reply(cb, wc_json(a, "{s:s, s:{s:s}}", "msgtype", "text", "text", "content", bot.welcome));
	return 0;
}

/* {"question": ["option", …], …} */
static json_t *choices_of(wc_arena *a, const json_t *event)
{
	json_t       *all = wc_json(a, "{}");
	const json_t *item;
	size_t        i;

	json_array_foreach(wc_json_at(event, "selected_items.selected_item"), i, item) {
		const char   *key = wc_json_str(item, "question_key");
		const json_t *ids = wc_json_at(item, "option_ids.option_id");

		if (key && json_is_array(ids) && json_array_size(ids) <= 20 && i < 3)
			json_object_set(all, key, (json_t *)ids);
	}
	return all;
}

static int receive_card_event(wc_callback *cb, const json_t *msg, const char *user, const char *msgid, wc_err *e)
{
	wc_arena     *a     = wc_callback_arena(cb);
	const json_t *event = wc_json_at(msg, "event.template_card_event");
	const char   *key = wc_json_str(event, "event_key"), *task = wc_json_str(event, "task_id"), *chat = wc_json_str(msg, "chatid");
	const char   *url = wc_json_str(msg, "response_url"), *job = key_of(cb, "smartbot.card", msgid);

	if (!key || !task || strlen(key) > 1024 || strlen(task) > 128)
		return wc_fail(e, WC_E_ARG, "a card event without a fit event_key or task_id");
	wc_callback_job(cb, "smartbot.card", NULL, job,
	                wc_json(a, "{s:I, s:s, s:s, s:s, s:s, s:O, s:s?}", "bot", (json_int_t)wc_callback_endpoint(cb), "user", user, "chat", chat ? chat : "",
	                        "key", key, "task", task, "choices", choices_of(a, event), "url", url && strlen(url) <= URL_MAX ? url : NULL));
	wc_callback_wait(cb, job, 4000, card_answer);
	return 0;
}

static void receive_feedback(wc_callback *cb, const json_t *msg, const char *user, const char *msgid)
{
	wc_arena     *a       = wc_callback_arena(cb);
	const json_t *event   = wc_json_at(msg, "event.feedback_event"), *reasons = json_object_get(event, "inaccurate_reason_list");
	const char   *content = wc_json_str(event, "content"), *id = wc_json_str(event, "id");

	wc_callback_job(cb, "smartbot.feedback", NULL, key_of(cb, "smartbot.feedback", msgid),
	                wc_json(a, "{s:I, s:s, s:s, s:I, s:s, s:O}", "bot", (json_int_t)wc_callback_endpoint(cb), "user", user, "id", id ? id : "",
	                        "type", json_integer_value(json_object_get(event, "type")), "content", content ? cleaned(a, content, 4096) : "",
	                        "reasons", json_is_array(reasons) ? reasons : wc_json(a, "[]")));
}

static int receive_event(wc_callback *cb, const struct smartbot *self, const json_t *msg, const char *msgid, wc_err *e)
{
	const char *user = wc_json_str(msg, "from.userid"), *type = wc_json_str(msg, "event.eventtype");

	wc_callback_identity(cb, "event", msgid, user ? user : "", type ? type : "", NULL);
	if (!type || !user || strlen(user) > 128)
		return 0;
	if (!strcmp(type, "enter_chat"))
		return receive_enter(cb, self, msgid, e);
	if (!strcmp(type, "template_card_event"))
		return receive_card_event(cb, msg, user, msgid, e);
	if (!strcmp(type, "feedback_event"))
		receive_feedback(cb, msg, user, msgid);
	return 0;     /* others are kept in the inbox and acknowledged */
}

static int check_bot(const wc_callback *cb, const json_t *msg, wc_err *e)
{
	const char *expected = note_aibotid(wc_callback_note(cb)), *aibotid = wc_json_str(msg, "aibotid");

	if (*expected && (!aibotid || strcmp(aibotid, expected)))
		return wc_fail(e, WC_E_DENIED, "the event is for another bot than %s", wc_callback_name(cb));
	return 0;
}

int event_receive(wc_callback *cb, const void *self, wc_err *e)
{
	wc_slice    bytes = wc_callback_msg(cb);
	json_t     *msg   = wc_json_parse(wc_callback_arena(cb), bytes.p, bytes.n, e);
	const char *type, *msgid;

	if (!msg)
		return -1;
	type  = wc_json_str(msg, "msgtype");
	msgid = wc_json_str(msg, "msgid");
	if (!type || !msgid || !*msgid)
		return wc_fail(e, WC_E_ARG, "an event without msgtype or msgid");
	if (check_bot(cb, msg, e) < 0)
		return -1;
	if (!strcmp(type, "stream"))
		return receive_refresh(cb, self, msg, e);
	if (!strcmp(type, "event"))
		return receive_event(cb, self, msg, msgid, e);
	return receive_message(cb, self, msg, msgid, e);
}
