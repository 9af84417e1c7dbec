/* The rules for a bot's answer, one function each: envelope, kind of message, stream, pictures, card. */
#include "judge.h"

#include <wecomd/encode.h>
#include <wecomd/text.h>

#include <string.h>

#define CONTENT_MAX 20480
#define ID_MAX      256
#define PICTURES    10
#define PICTURE_MAX (10u << 20)
#define ALNUM       "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static int broken(wc_err *e, const char *rule)
{
	return wc_fail(e, WC_E_ARG, "%s", rule);
}

/* ---- envelope ---- */

static bool is_digits(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 20 && strspn(s, "0123456789") == n;
}

/* Documented as a number; the official sample writes a string. NULL: neither. */
static const char *timestamp_text(wc_arena *a, const json_t *timestamp)
{
	if (json_is_integer(timestamp) && json_integer_value(timestamp) > 0)
		return wc_printf(a, "%lld", (long long)json_integer_value(timestamp));
	return json_is_string(timestamp) && is_digits(json_string_value(timestamp)) ? json_string_value(timestamp) : NULL;
}

static int open_envelope(wc_arena *a, const wc_envelope *v, const char *nonce, wc_slice body, wc_slice *msg, wc_err *e)
{
	const json_t *root = wc_json_parse(a, body.p, body.n, e), *encrypt;
	const char   *signature, *timestamp, *own_nonce;

	if (!root)
		return wc_wrap(e, "the body of an answer is one JSON object");
	encrypt   = json_object_get(root, "encrypt");
	signature = wc_json_str(root, "msgsignature");
	timestamp = timestamp_text(a, json_object_get(root, "timestamp"));
	own_nonce = wc_json_str(root, "nonce");
	if (!json_is_string(encrypt) || !signature || !own_nonce)
		return broken(e, "an answer has the texts \"encrypt\", \"msgsignature\" and \"nonce\", in lower case");
	if (!timestamp)
		return broken(e, "the answer's timestamp is a number of seconds, or its digits as text");
	if (strcmp(own_nonce, nonce))
		return broken(e, "the answer's nonce must be the nonce of the callback's URL");
	if (wc_envelope_open(v, a, signature, timestamp, own_nonce,
	                     (wc_slice){json_string_value(encrypt), json_string_length(encrypt)}, msg, e) < 0)
		return wc_wrap(e, "the answer's envelope");
	return 0;
}

/* ---- card ---- */

struct card_rule {
	const char *type;
	const char *needs[4];     /* members that must be there, up to NULL */
	bool        opens;        /* card_action must lead somewhere: type 1 or 2 */
};

static const struct card_rule card_rules[] = {
	{"text_notice",          {"card_action"}, true},
	{"news_notice",          {"main_title", "card_action"}, true},
	{"button_interaction",   {"main_title", "button_list", "task_id"}, false},
	{"vote_interaction",     {"main_title", "checkbox", "submit_button", "task_id"}, false},
	{"multiple_interaction", {"main_title", "select_list", "submit_button", "task_id"}, false},
};

static const struct {
	const char *list;
	size_t      most;
} card_lists[] = {
	{"horizontal_content_list", 6}, {"vertical_content_list", 4}, {"jump_list", 3}, {"button_list", 6}, {"select_list", 3}};

static const struct card_rule *find_card_rule(const char *type)
{
	for (size_t i = 0; type && i < sizeof card_rules / sizeof *card_rules; i++)
		if (!strcmp(card_rules[i].type, type))
			return &card_rules[i];
	return NULL;
}

static bool has_text(const json_t *object, const char *path)
{
	const char *s = wc_json_str(object, path);

	return s && *s;
}

static int check_card_needs(const struct card_rule *rule, const json_t *card, wc_err *e)
{
	json_int_t action = json_integer_value(wc_json_at(card, "card_action.type"));

	for (size_t i = 0; i < 4 && rule->needs[i]; i++)
		if (!json_object_get(card, rule->needs[i]))
			return wc_fail(e, WC_E_ARG, "a card of type %s needs %s", rule->type, rule->needs[i]);
	if (rule->opens && action != 1 && action != 2)
		return wc_fail(e, WC_E_ARG, "the card_action of a %s has type 1 or 2", rule->type);
	if (!strcmp(rule->type, "text_notice") && !has_text(card, "main_title.title") && !has_text(card, "sub_title_text"))
		return broken(e, "a text_notice needs main_title.title or sub_title_text");
	if (!strcmp(rule->type, "news_notice") && !json_object_get(card, "card_image") && !json_object_get(card, "image_text_area"))
		return broken(e, "a news_notice needs card_image or image_text_area");
	if (json_object_get(card, "action_menu") && !has_text(card, "task_id"))
		return broken(e, "a card with an action_menu needs a task_id");
	return 0;
}

static int check_task_id(const json_t *card, wc_err *e)
{
	const json_t *id = json_object_get(card, "task_id");
	const char   *s  = json_string_value(id);
	size_t        n  = s ? strlen(s) : 0;

	if (!id)
		return 0;
	if (!n || n > 128 || strspn(s, ALNUM "_-@") != n)
		return broken(e, "a task_id is 1 to 128 letters, digits, '_', '-' and '@'");
	return 0;
}

static bool is_key(const json_t *text, size_t most)
{
	return json_is_string(text) && json_string_length(text) && json_string_length(text) <= most;
}

/* least to most objects with a text and a key of that member name, which is there once. */
static int check_items(const json_t *list, const char *what, const char *key, size_t key_max, size_t least, size_t most, wc_err *e)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n < least || n > most)
		return wc_fail(e, WC_E_ARG, "%s is a list of %zu to %zu", what, least, most);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i), *own = json_object_get(item, key);

		if (!is_key(own, key_max) || !has_text(item, "text"))
			return wc_fail(e, WC_E_ARG, "each of %s has a text, and %s of 1 to %zu bytes", what, key, key_max);
		for (size_t k = 0; k < i; k++)
			if (json_equal(json_object_get(json_array_get(list, k), key), own))
				return wc_fail(e, WC_E_ARG, "%s of %s is there twice", key, what);
	}
	return 0;
}

static int check_choice(const json_t *choice, const char *what, size_t most, wc_err *e)
{
	if (!is_key(json_object_get(choice, "question_key"), 1024))
		return wc_fail(e, WC_E_ARG, "%s has a question_key of 1 to 1024 bytes", what);
	return check_items(json_object_get(choice, "option_list"), what, "id", 128, 1, most, e);
}

/* The members that a person presses and chooses. */
static int check_controls(const json_t *card, wc_err *e)
{
	const json_t *buttons = json_object_get(card, "button_list"), *menu = json_object_get(card, "action_menu"), *item;
	const json_t *box = json_object_get(card, "checkbox"), *one = json_object_get(card, "button_selection");
	const json_t *submit = json_object_get(card, "submit_button"), *list = json_object_get(card, "select_list");
	size_t        i;

	if ((buttons && check_items(buttons, "button_list", "key", 1024, 1, 6, e) < 0) ||
	    (menu && check_items(json_object_get(menu, "action_list"), "action_list", "key", 1024, 1, 3, e) < 0) ||
	    (box && check_choice(box, "checkbox", 20, e) < 0) || (one && check_choice(one, "button_selection", 10, e) < 0))
		return -1;
	if (menu && !has_text(menu, "desc"))
		return broken(e, "action_menu.desc is required");
	if (submit && (!is_key(json_object_get(submit, "key"), 1024) || !has_text(submit, "text")))
		return broken(e, "a submit_button has a text, and a key of 1 to 1024 bytes");
	json_array_foreach(list, i, item)
		if (check_choice(item, "select_list", 10, e) < 0)
			return -1;
	return 0;
}

int judge_card(const json_t *card, wc_err *e)
{
	const struct card_rule *rule = find_card_rule(wc_json_str(card, "card_type"));

	if (!rule)
		return broken(e, "card_type is text_notice, news_notice, button_interaction, vote_interaction or multiple_interaction");
	for (size_t i = 0; i < sizeof card_lists / sizeof *card_lists; i++) {
		const json_t *list = json_object_get(card, card_lists[i].list);

		if (list && (!json_is_array(list) || json_array_size(list) > card_lists[i].most))
			return wc_fail(e, WC_E_ARG, "the %s of a card is a list of at most %zu", card_lists[i].list, card_lists[i].most);
	}
	return check_card_needs(rule, card, e) < 0 || check_task_id(card, e) < 0 ? -1 : check_controls(card, e);
}

const char *judge_card_text(const json_t *card)
{
	const char *title = wc_json_str(card, "main_title.title"), *sub = wc_json_str(card, "sub_title_text");

	return title && *title ? title : sub ? sub : "";
}

/* ---- stream ---- */

/* White space and what has no ink: no-break and wide spaces, zero-width characters, marks of direction, the BOM. */
static bool is_invisible(unsigned code)
{
	return code <= ' ' || code == 0x7f || code == 0xa0 || code == 0xad || (code >= 0x2000 && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202f) || (code >= 0x205f && code <= 0x2064) || code == 0x3000 || code == 0x3164 ||
	       code == 0xfeff;
}

/* s is well-formed. */
static unsigned next_code(const unsigned char **s)
{
	unsigned code = *(*s)++;
	int      more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : code >= 0xc0 ? 1 : 0;

	if (more)
		code &= 0x3fu >> more;
	while (more--)
		code = code << 6 | (*(*s)++ & 0x3f);
	return code;
}

static bool is_blank(const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s;)
		if (!is_invisible(next_code(&s)))
			return false;
	return true;
}

static bool is_picture(wc_slice bytes)
{
	return bytes.n <= PICTURE_MAX && ((bytes.n >= 3 && !memcmp(bytes.p, "\xff\xd8\xff", 3)) || (bytes.n >= 8 && !memcmp(bytes.p, "\x89PNG\r\n\x1a\n", 8)));
}

static int take_picture(wc_arena *a, const json_t *item, wc_slice *bytes, wc_err *e)
{
	const char *type = wc_json_str(item, "msgtype"), *data = wc_json_str(item, "image.base64");
	const char *md5  = wc_json_str(item, "image.md5");

	if (!type || strcmp(type, "image"))
		return broken(e, "each msg_item has msgtype image");
	if (!data || !wc_base64_bytes(a, (wc_slice){data, strlen(data)}, bytes) || !is_picture(*bytes))
		return broken(e, "image.base64 is a JPG or PNG of at most 10 MB in base64");
	if (!md5 || strcmp(md5, wc_md5(a, *bytes)))
		return broken(e, "image.md5 is the MD5 of the picture's bytes as 32 hex digits in lower case");
	return 0;
}

static int take_pictures(wc_arena *a, const json_t *list, struct judge_verdict *verdict, wc_err *e)
{
	size_t    n = json_array_size(list);
	wc_slice *pictures;

	if (!list)
		return 0;
	if (!verdict->finish)
		return broken(e, "msg_item may only come with finish=true");
	if (!json_is_array(list) || n > PICTURES)
		return broken(e, "msg_item is a list of at most 10 pictures");
	verdict->pictures      = pictures = wc_alloc(a, n * sizeof *pictures);
	verdict->picture_count = n;
	for (size_t i = 0; i < n; i++)
		if (take_picture(a, json_array_get(list, i), &pictures[i], e) < 0)
			return -1;
	return 0;
}

static int check_feedback(const json_t *part, wc_err *e)
{
	const json_t *feedback = json_object_get(part, "feedback");
	const json_t *id       = json_object_get(feedback, "id");

	if (feedback && (!json_is_string(id) || !json_string_length(id) || json_string_length(id) > 256))
		return broken(e, "feedback.id is a text of 1 to 256 bytes");
	return 0;
}

static int check_stream_id(const struct judge_case *c, const json_t *id, wc_err *e)
{
	if (!json_is_string(id) || !json_string_length(id))
		return broken(e, "stream.id is a text that is not empty");
	if (json_string_length(id) > ID_MAX)
		return broken(e, "stream.id is longer than 256 bytes");
	if (c->stream_id && strcmp(c->stream_id, json_string_value(id)))
		return broken(e, "stream.id must be the one of the first answer");
	return 0;
}

static int take_stream(wc_arena *a, const struct judge_case *c, const json_t *stream, struct judge_verdict *verdict, wc_err *e)
{
	const json_t *id = json_object_get(stream, "id"), *finish = json_object_get(stream, "finish");
	const json_t *content = json_object_get(stream, "content");

	if (!json_is_object(stream))
		return broken(e, "the answer has no stream object");
	if (check_stream_id(c, id, e) < 0)
		return -1;
	if (!json_is_boolean(finish))
		return broken(e, "stream.finish is true or false");
	if (content && !json_is_string(content))
		return broken(e, "stream.content is a text");
	if (json_string_length(content) > CONTENT_MAX)
		return broken(e, "stream.content is longer than 20480 bytes");
	verdict->stream_id = json_string_value(id);
	verdict->feedback_id = wc_json_str(stream, "feedback.id");
	verdict->finish    = json_is_true(finish);
	verdict->content   = content ? json_string_value(content) : "";
	verdict->blank     = is_blank(verdict->content) && !json_object_get(stream, "msg_item");
	return take_pictures(a, json_object_get(stream, "msg_item"), verdict, e) < 0 ? -1 : check_feedback(stream, e);
}

static int take_card(const struct judge_case *c, const json_t *card, struct judge_verdict *verdict, wc_err *e)
{
	if (!json_is_object(card))
		return broken(e, "the answer has no template_card object");
	if (c->card)
		return broken(e, "a message has one template_card at most");
	if (judge_card(card, e) < 0 || check_feedback(card, e) < 0)
		return -1;
	verdict->card = card;
	if (!verdict->feedback_id)
		verdict->feedback_id = wc_json_str(card, "feedback.id");
	return 0;
}

/* ---- the whole ---- */

static int take_nothing(const struct judge_case *c, struct judge_verdict *verdict, wc_err *e)
{
	if (c->callback == JUDGE_REFRESH)
		return broken(e, "a refresh must be answered with the stream, and the answer is empty");
	*verdict = (struct judge_verdict){.empty = true, .content = ""};
	return 0;
}

static int take_welcome(const struct judge_case *c, const json_t *root, struct judge_verdict *verdict, wc_err *e)
{
	const char *msgtype = wc_json_str(root, "msgtype"), *text = wc_json_str(root, "text.content");

	if (msgtype && !strcmp(msgtype, "template_card"))
		return take_card(c, json_object_get(root, "template_card"), verdict, e);
	if (!msgtype || strcmp(msgtype, "text") || !text || is_blank(text))
		return broken(e, "the answer to enter_chat has msgtype text, with text.content, or template_card");
	verdict->content = text;
	return 0;
}

static int take_update(const struct judge_case *c, const json_t *root, struct judge_verdict *verdict, wc_err *e)
{
	const char *type = wc_json_str(root, "response_type"), *task = wc_json_str(root, "template_card.task_id");

	if (!type || strcmp(type, "update_template_card"))
		return broken(e, "the answer to a card event has response_type update_template_card");
	if (take_card(c, json_object_get(root, "template_card"), verdict, e) < 0)
		return -1;
	return task && !strcmp(task, c->task_id) ? 0 : broken(e, "the task_id of an updated card is the one of the event");
}

static int take_message(wc_arena *a, const struct judge_case *c, const json_t *root, struct judge_verdict *verdict, wc_err *e)
{
	const char *msgtype = wc_json_str(root, "msgtype");
	bool        both    = msgtype && !strcmp(msgtype, "stream_with_template_card");
	bool        stream  = both || (msgtype && !strcmp(msgtype, "stream"));
	bool        card    = msgtype && !strcmp(msgtype, "template_card");

	if (!stream && c->callback == JUDGE_REFRESH)
		return broken(e, "the answer to a refresh has msgtype stream or stream_with_template_card");
	if (!stream && !card)
		return broken(e, "the answer to a message has msgtype stream, template_card or stream_with_template_card");
	if (stream && take_stream(a, c, json_object_get(root, "stream"), verdict, e) < 0)
		return -1;
	/* With a stream the card may come now or in a later answer. */
	if (card || (both && json_object_get(root, "template_card")))
		return take_card(c, json_object_get(root, "template_card"), verdict, e);
	return 0;
}

static int take_any(wc_arena *a, const struct judge_case *c, const json_t *root, struct judge_verdict *verdict, wc_err *e)
{
	switch (c->callback) {
	case JUDGE_ENTER:
		return take_welcome(c, root, verdict, e);
	case JUDGE_CARD:
		return take_update(c, root, verdict, e);
	case JUDGE_FEEDBACK:
		return broken(e, "a feedback_event is answered with nothing");
	default:
		return take_message(a, c, root, verdict, e);
	}
}

int judge_message(wc_arena *a, const struct judge_case *c, wc_slice msg, struct judge_verdict *verdict, wc_err *e)
{
	const json_t *root;

	*verdict = (struct judge_verdict){.content = ""};
	if (!wc_utf8_valid(msg.p, msg.n))
		return broken(e, "the decrypted answer is not UTF-8");
	root = wc_json_parse(a, msg.p, msg.n, e);
	if (!root)
		return wc_wrap(e, "the decrypted answer");
	if (!json_is_object(root))
		return broken(e, "the decrypted answer is not a JSON object");
	/* The official plugin says nothing by an encrypted {}. */
	return json_object_size(root) ? take_any(a, c, root, verdict, e) : take_nothing(c, verdict, e);
}

int judge_answer(wc_arena *a, const wc_envelope *v, const struct judge_case *c, wc_slice body, struct judge_verdict *verdict,
                 wc_err *e)
{
	wc_slice msg;

	if (!body.n)
		return take_nothing(c, verdict, e);
	return open_envelope(a, v, c->nonce, body, &msg, e) < 0 ? -1 : judge_message(a, c, msg, verdict, e);
}
