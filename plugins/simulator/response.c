/* Response: the code is used up by the first call that names it, whatever comes of it. Errors are HTTP 200 with errcode, as WeCom's are. */
#include "response.h"

#include "chat.h"
#include "judge.h"

#include <string.h>

#define LIFE_MS     (60 * 60 * 1000)
#define CONTENT_MAX 20480

int response_url(const struct simulator *sim, wc_arena *a, const struct response_for *f, const char **url, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	const char   *code;

	wc_keyed_hash(hash, "simulator.response_code", f->msgid, NULL);
	code = wc_hex(a, hash, sizeof hash);
	*url = wc_printf(a, "%s/sim/aibot/response?response_code=%s", sim->callback_base, code);
	return wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_response (code, bot, person, chat_group, message, until_ms) VALUES (?, ?, ?, ?, ?, ?)",
	                  wc_text(code), wc_text(f->bot), wc_text(f->person), wc_text(f->group), wc_int(f->message),
	                  wc_int(wc_now_ms() + LIFE_MS)) < 0 ? -1 : 0;
}

struct outcome {
	int         errcode;
	const char *errmsg;
};

static struct outcome take_markdown(const json_t *root, struct chat_extra *bubble)
{
	const char *content = wc_json_str(root, "markdown.content");

	if (!content || !*content)
		return (struct outcome){44004, "empty content"};
	if (strlen(content) > CONTENT_MAX)
		return (struct outcome){45002, "content size out of limit"};
	bubble->text        = content;
	bubble->feedback_id = wc_json_str(root, "markdown.feedback.id");
	return (struct outcome){0, "ok"};
}

static struct outcome take_card(wc_arena *a, const json_t *root, struct chat_extra *bubble)
{
	const json_t *card = json_object_get(root, "template_card");
	wc_err        why;

	if (*bubble->group)
		return (struct outcome){40008, "invalid message type: template_card only in single chats"};
	if (judge_card(card, &why) < 0)
		return (struct outcome){json_object_get(card, "card_action") ? 40058 : 42045, wc_printf(a, "invalid template_card: %s", why.text)};
	bubble->card        = wc_json_text(a, card);
	bubble->text        = judge_card_text(card);
	bubble->feedback_id = wc_json_str(card, "feedback.id");
	return (struct outcome){0, "ok"};
}

static struct outcome read_body(wc_arena *a, wc_slice body, struct chat_extra *bubble)
{
	wc_err        why;
	const json_t *root = wc_json_parse(a, body.p, body.n, &why);
	const char   *type = wc_json_str(root, "msgtype");

	if (!json_is_object(root))
		return (struct outcome){47001, "data format error"};
	if (type && !strcmp(type, "markdown"))
		return take_markdown(root, bubble);
	if (type && !strcmp(type, "template_card"))
		return take_card(a, root, bubble);
	return (struct outcome){40008, "invalid message type"};
}

static int errcode(wc_request *rq, struct outcome o)
{
	return wc_reply(rq, 200, "{s:i, s:s}", "errcode", o.errcode, "errmsg", o.errmsg);
}

int response_take(wc_request *rq, const void *self)
{
	const char       *code = wc_query_param(rq, "response_code");
	wc_arena         *a    = wc_request_arena(rq);
	struct chat_extra bubble;
	struct outcome    o;
	wc_rows           rows;
	wc_err            e;
	int64_t           claimed;

	(void)self;
	claimed = wc_db_exec(NULL, &e, "UPDATE simulator_response SET used = TRUE WHERE code = ? AND NOT used AND until_ms > ?",
	                     wc_text(code ? code : ""), wc_int(wc_now_ms()));
	if (claimed < 0)
		return wc_reply_err(rq, &e);
	if (!claimed)
		return errcode(rq, (struct outcome){93000, "invalid response_code: unknown, used or expired"});
	if (wc_db_query(NULL, a, &rows, &e, "SELECT bot, person, chat_group, message FROM simulator_response WHERE code = ?", wc_text(code)) < 0)
		return wc_reply_err(rq, &e);
	bubble = (struct chat_extra){.a = a, .bot = wc_row_text(&rows, 0, 0), .person = wc_row_text(&rows, 0, 1),
	                             .group = wc_row_text(&rows, 0, 2), .later_of = wc_row_int(&rows, 0, 3)};
	o      = read_body(a, wc_raw_body(rq), &bubble);
	if (!o.errcode && chat_add_bubble(&bubble, &e) < 0)
		return wc_reply_err(rq, &e);
	return errcode(rq, o);
}
