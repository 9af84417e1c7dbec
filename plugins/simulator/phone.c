/* Phone: every handler checks who and where, then asks the chats. */
#include "phone.h"

#include "bot.h"
#include "chat.h"
#include "media.h"
#include "simulator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_CHARS_MAX 4000

const wc_field phone_say_fields[] = {
	{WC_STRING, "person", NULL, offsetof(struct phone_say, person), "who writes", .max = 64},
	{WC_STRING, "bot", NULL, offsetof(struct phone_say, bot), "the bot's id", .max = 64},
	{WC_STRING, "group", "", offsetof(struct phone_say, group), "the group's id; empty: a single chat", .max = 64},
	{WC_STRING, "text", "", offsetof(struct phone_say, text), "1 to 4,000 characters; with a picture or file none; with a mixed message in a group it may be empty", .max = TEXT_CHARS_MAX * 4},
	{WC_CHOICE, "msgtype", "text", offsetof(struct phone_say, msgtype), "what is sent; images, voice and files in single chats only",
	 .choices = "text|image|mixed|voice|file"},
	{WC_INT, "quote", "0", offsetof(struct phone_say, quote), "the id of an earlier message of the chat; 0: none", .min = 0, .max = INT64_MAX},
	{WC_STRING, "base64", "", offsetof(struct phone_say, base64), "the picture or file, at most 2 MB", .max = MEDIA_MAX / 3 * 4 + 4},
	{WC_STRING, "file_name", "", offsetof(struct phone_say, file_name), "of the file", .max = 200},
	{0}};

static json_t *roster_json(const struct roster *roster)
{
	json_t *list = json_array();

	for (size_t i = 0; i < roster->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "id", roster->list[i].id, "name", roster->list[i].name));
	return list;
}

int phone_world(wc_request *rq, const void *self)
{
	const struct simulator *sim = self;
	json_t                 *bots;
	wc_err                  e;

	if (bot_list(wc_request_arena(rq), &bots, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:o, s:O, s:o}", "people", roster_json(&sim->people), "bots", bots,
	                "groups", roster_json(&sim->groups));
}

/* ---- saying something ---- */

static void complain(wc_arena *a, wc_bad_field ***tail, const char *field, const char *expected)
{
	wc_bad_field *bad = wc_alloc(a, sizeof *bad);

	*bad   = (wc_bad_field){field, expected, NULL};
	**tail = bad;
	*tail  = &bad->next;
}

static bool is_sayable(const char *text)
{
	size_t n = strlen(text);

	if (wc_utf8_count(text, n) > TEXT_CHARS_MAX)
		return false;
	wc_text_trim(&text, &n);
	return n > 0;
}

static bool is_one(const char *type, const char *one, const char *other)
{
	return !strcmp(type, one) || !strcmp(type, other);
}

static wc_bad_field *check_say(wc_arena *a, const struct simulator *sim, const struct phone_say *say, bool bot_known, const wc_slice *bytes,
                               int quoted)
{
	wc_bad_field *first = NULL, **tail = &first;

	if (!roster_name(&sim->people, say->person))
		complain(a, &tail, "person", "one of the people of /sim/api/world");
	if (!bot_known)
		complain(a, &tail, "bot", "one of the bots of /sim/api/world");
	if (*say->group && !roster_name(&sim->groups, say->group))
		complain(a, &tail, "group", "one of the groups of /sim/api/world, or empty");
	/* In a group the mention that names the bot is all that stands beside a picture. */
	if (is_one(say->msgtype, "image", "file") ? *say->text != 0
	    : !(is_sayable(say->text) || (!*say->text && *say->group && !strcmp(say->msgtype, "mixed"))))
		complain(a, &tail, "text", "1 to 4000 characters, not all of them blank; with a picture or file alone none");
	if (*say->group && !is_one(say->msgtype, "text", "mixed"))
		complain(a, &tail, "msgtype", "text or mixed in a group: only there the bot can be named");
	if (is_one(say->msgtype, "text", "voice") ? *say->base64 != 0 : !bytes->n || bytes->n > MEDIA_MAX)
		complain(a, &tail, "base64", "1 byte to 2 MB in base64 with image, mixed and file, otherwise nothing");
	if (say->quote && quoted != 1)
		complain(a, &tail, "quote", "a message of this chat");
	return first;
}

static const char *new_msgid(wc_arena *a)
{
	unsigned char raw[16];

	wc_random(raw, sizeof raw);
	return wc_hex(a, raw, sizeof raw);
}

int phone_post(wc_request *rq, const void *self)
{
	const struct simulator *sim = self;
	const struct phone_say *say = wc_body(rq);
	wc_arena               *a   = wc_request_arena(rq);
	const char             *title;
	wc_bad_field           *bad;
	wc_slice                bytes = {0};
	int                     quoted;
	wc_err                  e;

	quoted = say->quote ? chat_has(a, say->quote, say->bot, say->person, say->group, &e) : 0;
	if (quoted < 0 || bot_title(a, say->bot, &title, &e) < 0)
		return wc_reply_err(rq, &e);
	if (*say->base64 && !wc_base64_bytes(a, (wc_slice){say->base64, strlen(say->base64)}, &bytes))
		bytes = (wc_slice){0};
	bad = check_say(a, sim, say, title != NULL, &bytes, quoted);
	if (bad)
		return wc_reply_bad_fields(rq, bad);

	struct chat_post post = {.a = a, .bot = say->bot, .person = say->person, .group = say->group, .text = say->text,
	                         .msgtype = say->msgtype, .quote = say->quote, .bytes = bytes,
	                         .file_name = say->file_name, .msgid = new_msgid(a), .now_ms = wc_now_ms()};

	post.open_until_ms = post.now_ms + sim->stream_life_ms;
	if (chat_post(&post, &e) < 0)
		return e.code == WC_E_CONFLICT ? wc_problem(rq, 409, "too_many_interactions", "%s", e.text) : wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:I, s:s}", "id", (json_int_t)post.id, "msgid", post.msgid);
}

/* ---- watching ---- */

struct view {
	const char *person, *bot, *bot_title, *group;
	int64_t     after;
};

static const char *query_or(wc_request *rq, const char *name, const char *standard)
{
	const char *value = wc_query_param(rq, name);

	return value ? value : standard;
}

static bool parse_after(const char *text, int64_t *after)
{
	char *end;

	errno  = 0;
	*after = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* True when the view is one that there is; otherwise the problem was sent. */
static bool read_view(wc_request *rq, const struct simulator *sim, struct view *v)
{
	wc_err e;

	v->person = query_or(rq, "person", "");
	v->bot    = query_or(rq, "bot", "");
	v->group  = query_or(rq, "group", "");
	if (!parse_after(query_or(rq, "after", "0"), &v->after))
		wc_reply_bad_fields(rq, &(wc_bad_field){"after", "a revision: 0 or what an earlier answer gave", NULL});
	else if (!roster_name(&sim->people, v->person))
		wc_problem(rq, 404, "unknown_person", "there is no such person");
	else if (*v->group && !roster_name(&sim->groups, v->group))
		wc_problem(rq, 404, "unknown_group", "there is no such group");
	else if (bot_title(wc_request_arena(rq), v->bot, &v->bot_title, &e) < 0)
		wc_reply_err(rq, &e);
	else if (!v->bot_title)
		wc_problem(rq, 404, "unknown_bot", "there is no such bot");
	else
		return true;
	return false;
}

static const char *writer_name(const struct simulator *sim, const struct view *v, bool is_bubble, const char *person)
{
	const char *name = roster_name(&sim->people, person);

	return is_bubble ? v->bot_title : name ? name : person;
}

/* One row of chat_list. */
static json_t *message_json(const struct simulator *sim, const struct view *v, const wc_rows *rows, size_t i)
{
	bool        is_bubble = wc_row_int(rows, i, 2);
	const char *person    = wc_row_text(rows, i, 3);
	json_t     *reply_to  = is_bubble && wc_row_cell(rows, i, 9).s ? json_integer(wc_row_int(rows, i, 9)) : json_null();
	json_t     *quote     = wc_row_cell(rows, i, 12).s ? json_integer(wc_row_int(rows, i, 12)) : json_null();
	json_t     *card      = wc_row_cell(rows, i, 13).s ? json_loads(wc_row_text(rows, i, 13), 0, NULL) : NULL;

	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:s?, s:s, s:o, s:o, s:b, s:i, s:i}",
	                 "id", (json_int_t)wc_row_int(rows, i, 0), "rev", (json_int_t)wc_row_int(rows, i, 1),
	                 "from", is_bubble ? "bot" : "person", "person", person, "name", writer_name(sim, v, is_bubble, person),
	                 "text", wc_row_text(rows, i, 4), "state", wc_row_text(rows, i, 5), "error", wc_row_text(rows, i, 6),
	                 "sent_ms", (json_int_t)wc_row_int(rows, i, 7), "changed_ms", (json_int_t)wc_row_int(rows, i, 8),
	                 "reply_to", reply_to, "msgid", wc_row_cell(rows, i, 10).s,
	                 "msgtype", wc_row_text(rows, i, 11), "quote", quote, "card", card ? card : json_null(),
	                 "rateable", wc_row_cell(rows, i, 14).s != NULL, "rating", (int)wc_row_int(rows, i, 15), "pictures", (int)wc_row_int(rows, i, 16));
}

/* The greatest revision seen is where to go on: no smaller one can appear later. */
int phone_messages(wc_request *rq, const void *self)
{
	wc_arena   *a = wc_request_arena(rq);
	struct view v;
	wc_rows     rows;
	wc_err      e;

	if (!read_view(rq, self, &v))
		return 0;
	if (chat_list(a, v.bot, v.person, v.group, v.after, &rows, &e) < 0)
		return wc_reply_err(rq, &e);

	json_t *list = wc_json(a, "[]");
	int64_t rev  = v.after;

	for (size_t i = 0; i < rows.n; i++) {
		json_array_append_new(list, message_json(self, &v, &rows, i));
		if (wc_row_int(&rows, i, 1) > rev)
			rev = wc_row_int(&rows, i, 1);
	}
	return wc_reply(rq, 200, "{s:I, s:O}", "rev", (json_int_t)rev, "messages", list);
}

int phone_deliveries(wc_request *rq, const void *self)
{
	wc_arena   *a     = wc_request_arena(rq);
	const char *msgid = wc_query_param(rq, "msgid");
	json_t     *list  = wc_json(a, "[]");
	wc_rows     rows;
	wc_err      e;

	(void)self;
	if (!msgid)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"msgid", "the msgid of a person's message", NULL});
	if (chat_deliveries(a, msgid, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:I}",
		                                      "kind", wc_row_text(&rows, i, 0), "msgid", wc_row_text(&rows, i, 1),
		                                      "try", (json_int_t)wc_row_int(&rows, i, 2),
		                                      "status", (json_int_t)wc_row_int(&rows, i, 3),
		                                      "ms", (json_int_t)wc_row_int(&rows, i, 4), "error", wc_row_text(&rows, i, 5),
		                                      "at_ms", (json_int_t)wc_row_int(&rows, i, 6)));
	return wc_reply(rq, 200, "{s:O}", "deliveries", list);
}
