/* Events: each is built, delivered once within the time a bot has, judged, and what the answer changes is written. */
#include "event.h"

#include "bot.h"
#include "callback.h"
#include "chat.h"
#include "judge.h"
#include "response.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (1u << 20)
#define DAY_MS     86400000
#define EIGHT_H_MS 28800000

const wc_field event_enter_fields[] = {
	{WC_STRING, "person", NULL, offsetof(struct event_enter, person), "who opens the single chat", .max = 64},
	{WC_STRING, "bot", NULL, offsetof(struct event_enter, bot), "the bot's id", .max = 64},
	{0}};

const wc_field event_card_fields[] = {
	{WC_STRING, "person", NULL, offsetof(struct event_card, person), "who presses", .max = 64},
	{WC_INT, "message", NULL, offsetof(struct event_card, message), "the bubble with the card", .min = 1, .max = INT64_MAX},
	{WC_STRING, "key", NULL, offsetof(struct event_card, key), "of a button, the submit button or the menu", .min = 1, .max = 1024},
	{WC_OBJECT, "selections", NULL, offsetof(struct event_card, selections), "question_key: list of option ids", .optional = true},
	{0}};

const wc_field event_feedback_fields[] = {
	{WC_STRING, "person", NULL, offsetof(struct event_feedback, person), "who rates", .max = 64},
	{WC_INT, "message", NULL, offsetof(struct event_feedback, message), "the bubble", .min = 1, .max = INT64_MAX},
	{WC_INT, "type", NULL, offsetof(struct event_feedback, type), "1 accurate, 2 inaccurate, 3 taken back", .min = 1, .max = 3},
	{WC_LIST, "reasons", "", offsetof(struct event_feedback, reasons), "with type 2: 1 irrelevant, 2 incomplete, 3 wrong, 4 data analysis",
	 .max = 4, .choices = "1|2|3|4"},
	{WC_STRING, "content", "", offsetof(struct event_feedback, content), "with type 2: in words", .max = 2000},
	{0}};

/* An event on its way. */
struct event {
	wc_arena               *a;
	const struct simulator *sim;
	const char             *person, *group, *msgid;
	struct bot              bot;
	wc_envelope             envelope;
	struct judge_case       c;
	struct judge_verdict    verdict;
	struct chat_step        step;
};

/* The bubble that an event is about. */
struct bubble {
	int64_t       id;
	const char   *bot, *person, *group, *feedback_id;
	const json_t *card;
};

static int event_open(struct event *v, const char *bot, int64_t message, wc_err *e)
{
	v->msgid = callback_random(v->a, 16);
	v->step  = (struct chat_step){.a = v->a, .message = message, .kind = "event", .msgid = v->msgid, .try = 1, .error = ""};
	if (bot_load(v->sim, v->a, bot, &v->bot, e) < 0)
		return -1;
	return wc_envelope_init(&v->envelope, v->bot.token, v->bot.aes_key, "", e);
}

static json_t *event_json(const struct event *v, const char *type, json_t *content)
{
	bool    group = *v->group;
	json_t *event = wc_json(v->a, "{s:s, s:I, s:s, s:s, s:{s:s}, s:s, s:{s:s, s:o}}", "msgid", v->msgid,
	                        "create_time", (json_int_t)(wc_now_ms() / 1000), "aibotid", v->bot.aibotid, "chattype", group ? "group" : "single",
	                        "from", "userid", v->person, "msgtype", "event", "event", "eventtype", type, type, content);

	if (group)
		json_object_set_new(event, "chatid", json_string(v->group));
	return event;
}

/* Delivers and judges; v->step.error says what was wrong with the bot. -1 only when nothing can be said about it. */
static int event_send(struct event *v, const json_t *event, wc_err *e)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	wc_http                  call      = {.headers = headers, .connect_ms = v->sim->answer_timeout_ms, .total_ms = v->sim->answer_timeout_ms,
	                                      .max_body = ANSWER_MAX};
	int64_t                  start     = wc_mono_ms();
	wc_http_reply            reply;
	wc_err                   why;

	if (callback_seal(v->a, &v->envelope, v->bot.url, wc_json_text(v->a, event), &v->c.nonce, &call.url, &call.body, e) < 0)
		return -1;
	call.body_len  = strlen(call.body);
	v->step.at_ms  = wc_now_ms();
	if (wc_http_do(v->a, &call, &reply, &why) < 0)
		v->step.error = wc_strdup(v->a, why.text);
	else if ((v->step.status = reply.status) != 200)
		v->step.error = wc_printf(v->a, "HTTP %ld; only 200 counts", reply.status);
	else if (judge_answer(v->a, &v->envelope, &v->c, (wc_slice){reply.body->s, reply.body->len}, &v->verdict, &why) < 0)
		v->step.error = wc_strdup(v->a, why.text);
	v->step.ms = wc_mono_ms() - start;
	return chat_record(&v->step, e);
}

static int told(wc_request *rq, const struct event *v)
{
	return wc_reply(rq, 200, "{s:b, s:i, s:s}", "delivered", 1, "status", (int)v->step.status, "error", v->step.error);
}

static bool is_person(wc_request *rq, const struct simulator *sim, const char *person)
{
	if (roster_name(&sim->people, person))
		return true;
	wc_problem(rq, 404, "unknown_person", "there is no such person");
	return false;
}

/* ---- opening a chat ---- */

/* True when it is the first time that day. -1: WC_E_DB. */
static int64_t first_today(const struct event_enter *enter, wc_err *e)
{
	return wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_entry (bot, person, day) VALUES (?, ?, ?)", wc_text(enter->bot),
	                  wc_text(enter->person), wc_int((wc_now_ms() + EIGHT_H_MS) / DAY_MS));
}

static int show_welcome(const struct event *v, wc_err *e)
{
	const struct judge_verdict *w      = &v->verdict;
	const struct chat_extra     bubble = {.a = v->a, .bot = v->bot.name, .person = v->person, .group = "",
	                                      .text = w->card ? judge_card_text(w->card) : w->content,
	                                      .card = w->card ? wc_json_text(v->a, w->card) : NULL, .feedback_id = w->feedback_id};

	return *v->step.error || w->empty ? 0 : chat_add_bubble(&bubble, e);
}

int event_enter(wc_request *rq, const void *self)
{
	const struct event_enter *enter = wc_body(rq);
	struct event              v     = {.a = wc_request_arena(rq), .sim = self, .person = enter->person, .group = "", .c.callback = JUDGE_ENTER};
	int64_t                   first;
	wc_err                    e;

	if (!is_person(rq, self, enter->person))
		return 0;
	if (event_open(&v, enter->bot, 0, &e) < 0 || (first = first_today(enter, &e)) < 0)
		return wc_reply_err(rq, &e);
	if (!first)
		return wc_reply(rq, 200, "{s:b, s:i, s:s}", "delivered", 0, "status", 0, "error", "");
	if (event_send(&v, event_json(&v, "enter_chat", json_object()), &e) < 0 || show_welcome(&v, &e) < 0)
		return wc_reply_err(rq, &e);
	return told(rq, &v);
}

/* ---- about a bubble ---- */

static int bubble_load(wc_arena *a, int64_t id, const char *person, struct bubble *b, wc_err *e)
{
	wc_rows rows;
	wc_cell card;

	if (wc_db_query(NULL, a, &rows, e, "SELECT bot, person, chat_group, feedback_id, card_json FROM simulator_message WHERE id = ?"
	                                   " AND msgid IS NULL AND (chat_group <> '' OR person = ?)", wc_int(id), wc_text(person)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such bubble in the person's chats");
	card = wc_row_cell(&rows, 0, 4);
	*b   = (struct bubble){.id = id, .bot = wc_row_text(&rows, 0, 0), .person = wc_row_text(&rows, 0, 1), .group = wc_row_text(&rows, 0, 2),
	                       .feedback_id = wc_row_cell(&rows, 0, 3).s};
	return card.s && !(b->card = wc_json_parse(a, card.s, card.n, e)) ? -1 : 0;
}

/* The bubble that the event is about; false: the answer was sent. */
static bool find_bubble(wc_request *rq, struct event *v, int64_t message, struct bubble *b)
{
	wc_err e;

	if (!is_person(rq, v->sim, v->person))
		return false;
	if (bubble_load(v->a, message, v->person, b, &e) < 0) {
		wc_reply_err(rq, &e);
		return false;
	}
	v->group = b->group;
	return true;
}

static bool has_key(const json_t *list, const char *key)
{
	const json_t *item;
	size_t        i;

	json_array_foreach(list, i, item)
		if (!strcmp(wc_json_str(item, "key") ? wc_json_str(item, "key") : "", key))
			return true;
	return false;
}

static bool card_has_key(const json_t *card, const char *key)
{
	const char *submit = wc_json_str(card, "submit_button.key");

	return (submit && !strcmp(submit, key)) || has_key(json_object_get(card, "button_list"), key) ||
	       has_key(wc_json_at(card, "action_menu.action_list"), key);
}

static json_t *card_event_json(const struct event_card *press, const json_t *card)
{
	json_t       *event = json_pack("{s:s, s:s, s:s}", "card_type", wc_json_str(card, "card_type"), "event_key", press->key,
	                                "task_id", wc_json_str(card, "task_id"));
	json_t       *items = json_array();
	const char   *question;
	json_t       *options;

	json_object_foreach((json_t *)press->selections, question, options)
		json_array_append_new(items, json_pack("{s:s, s:{s:O}}", "question_key", question, "option_ids", "option_id", options));
	if (json_array_size(items))
		json_object_set_new(event, "selected_items", json_pack("{s:o}", "selected_item", items));
	else
		json_decref(items);
	return event;
}

static int press(struct event *v, const struct event_card *press, const struct bubble *b, wc_err *e)
{
	const struct response_for later = {b->bot, press->person, b->group, v->msgid, b->id};
	json_t                   *event = event_json(v, "template_card_event", card_event_json(press, b->card));
	const char               *url;

	if (response_url(v->sim, v->a, &later, &url, e) < 0)
		return -1;
	json_object_set_new(event, "response_url", json_string(url));
	if (event_send(v, event, e) < 0)
		return -1;
	return v->verdict.card && !*v->step.error ? chat_change_card(v->a, b->id, wc_json_text(v->a, v->verdict.card), e) : 0;
}

int event_card(wc_request *rq, const void *self)
{
	const struct event_card *body = wc_body(rq);
	struct event             v    = {.a = wc_request_arena(rq), .sim = self, .person = body->person, .c.callback = JUDGE_CARD};
	struct bubble            b;
	wc_err                   e;

	if (!find_bubble(rq, &v, body->message, &b))
		return 0;
	if (!b.card || !wc_json_str(b.card, "task_id") || !card_has_key(b.card, body->key))
		return wc_problem(rq, 409, "no_such_button", "the bubble's card has no button of that key");
	v.c.task_id = wc_json_str(b.card, "task_id");
	if (event_open(&v, b.bot, b.id, &e) < 0 || press(&v, body, &b, &e) < 0)
		return wc_reply_err(rq, &e);
	return told(rq, &v);
}

static json_t *feedback_json(const struct event_feedback *f, const char *id)
{
	json_t *event = json_pack("{s:s, s:I}", "id", id, "type", (json_int_t)f->type), *reasons;

	if (f->type != 2)
		return event;
	reasons = json_array();
	for (size_t i = 0; f->reasons && f->reasons[i]; i++)
		json_array_append_new(reasons, json_integer(atoi(f->reasons[i])));
	json_object_set_new(event, "content", json_string(f->content));
	json_object_set_new(event, "inaccurate_reason_list", reasons);
	return event;
}

int event_feedback(wc_request *rq, const void *self)
{
	const struct event_feedback *body = wc_body(rq);
	struct event                 v    = {.a = wc_request_arena(rq), .sim = self, .person = body->person, .c.callback = JUDGE_FEEDBACK};
	struct bubble                b;
	wc_err                       e;

	if (!find_bubble(rq, &v, body->message, &b))
		return 0;
	if (!b.feedback_id)
		return wc_problem(rq, 409, "not_rateable", "the bot gave no feedback.id with that answer");
	if (event_open(&v, b.bot, b.id, &e) < 0 || event_send(&v, event_json(&v, "feedback_event", feedback_json(body, b.feedback_id)), &e) < 0 ||
	    chat_change_rating(v.a, b.id, body->type == 3 ? 0 : body->type, &e) < 0)
		return wc_reply_err(rq, &e);
	return told(rq, &v);
}
