/* What people do with cards and answers: buttons are answered with a new card within five seconds, ratings are kept.
 *
 * Keys of buttons: "role:NAME" and "role" (a choice) switch the role, "roles" shows the roles, "usage" what was used, "clear" forgets, "help"
 * helps, "ask:TEXT" asks as if TEXT had been typed. Every other key is kept for whoever made the card, and acknowledged. */
#include "smartbot.h"

#include <stdio.h>
#include <string.h>

#define PASSIVE_MS 3600     /* later than so long after the event nobody waits for the card any more */

struct touch {
	wc_job                *job;
	wc_arena              *a;
	const struct smartbot *self;
	struct bot             bot;
	struct person          person;
	struct conversation    conversation;
	const char            *key, *task, *chat, *url;
	const json_t          *choices;
	const char            *said;      /* the same in words, for when the card comes too late */
};

static json_t *plain_card(struct touch *t, const char *title, const char *desc)
{
	json_t *card = card_buttons(t->a, title, desc, t->task);

	card_add_button(card, "切换角色", 2, "roles");
	card_add_button(card, "帮助", 2, "help");
	t->said = wc_printf(t->a, "%s\n%s", title, desc);
	return card;
}

static json_t *switched(struct touch *t, const char *name, wc_err *e)
{
	struct role *roles;
	size_t       n;

	if (role_list(t->a, &roles, &n, e) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(roles[i].name, name))
			continue;
		if (memory_set_role(t->conversation.id, name, e) < 0)
			return NULL;
		t->said = wc_printf(t->a, "好的，现在我是「%s」。", name);
		return role_card(t->a, t->task, name, wc_printf(t->a, "已切换为「%s」", name), e);
	}
	return plain_card(t, "没有这个角色", "它可能已经被删除");
}

static json_t *show_help(struct touch *t)
{
	t->said = help_text(t->a, t->self);
	return help_card(t->a, t->self, t->task, "直接提问就可以，也可以发图片和文本文件");
}

static json_t *show_usage(struct touch *t, wc_err *e)
{
	struct used used;
	json_t     *card;

	if (usage_read(t->a, t->self, &t->bot, &t->person, &used, e) < 0)
		return NULL;
	card = plain_card(t, "您的用量", wc_printf(t->a, "今天 %lld 次，%lld 个 token", (long long)used.calls, (long long)used.tokens));
	card_add_fact(card, "30 天", wc_printf(t->a, "%lld 次，%lld token", (long long)used.month_calls, (long long)used.month_tokens));
	t->said = usage_text(t->a, &used);
	return card;
}

/* A card that others made, such as a vote: who asked reads what was pressed at /api/smartbot/presses. */
static json_t *take_note(struct touch *t, wc_err *e)
{
	const char *choices = wc_json_text(t->a, t->choices);
	wc_slice    sealed  = wc_seal(t->a, "smartbot_press.choices", (wc_slice){choices, strlen(choices)});
	json_t     *card;

	if (wc_db_exec(NULL, e, "INSERT IGNORE INTO smartbot_press (event_key, bot_id, person, task_id, pressed, choices) VALUES (?, ?, ?, ?, ?, ?)",
	               wc_text(wc_job_key(t->job)), wc_int(t->bot.id), person_val(&t->person), wc_text(t->task), wc_text(t->key),
	               wc_bytes(sealed.p, sealed.n)) < 0 || person_keep(NULL, t->a, &t->person, e) < 0)
		return NULL;
	if (!*t->self->link)
		return plain_card(t, "已收到", "谢谢");
	card = card_text_notice(t->a, "已收到", "谢谢", NULL, t->self->link);
	json_object_set_new(card, "task_id", json_string(t->task));
	t->said = "已收到，谢谢。";
	return card;
}

/* The answer comes as a message of its own, by the event's response_url. */
static json_t *ask(struct touch *t, const char *question, wc_err *e)
{
	wc_job_spec spec = {.kind = "smartbot.answer", .lane = lane_of(t->a, t->bot.name, t->person.user), .key = wc_printf(t->a, "%.31sq", wc_job_key(t->job))};

	if (!t->url)
		return plain_card(t, "请直接打字问我", question);
	spec.args = wc_json(t->a, "{s:I, s:s, s:s, s:[{s:s}], s:[], s:s, s:b, s:s}", "bot", (json_int_t)t->bot.id, "user", t->person.user, "chat", t->chat,
	                    "parts", "text", question, "quote", "url", t->url, "later", 1, "kind", "button");
	if (wc_job_add(NULL, &spec, e) < 0)
		return NULL;
	return plain_card(t, "收到，答案随后作为新消息发给您", question);
}

static const char *chosen(const struct touch *t, const char *question)
{
	return json_string_value(json_array_get(json_object_get(t->choices, question), 0));
}

static json_t *act(struct touch *t, wc_err *e)
{
	const char *current = *t->conversation.role ? t->conversation.role : t->bot.persona;

	if (!strncmp(t->key, "role:", 5))
		return switched(t, t->key + 5, e);
	if (!strcmp(t->key, "role") && chosen(t, "role"))
		return switched(t, chosen(t, "role"), e);
	if (!strcmp(t->key, "roles"))
		return role_card(t->a, t->task, current, "切换角色", e);
	if (!strcmp(t->key, "help"))
		return show_help(t);
	if (!strcmp(t->key, "usage"))
		return show_usage(t, e);
	if (!strncmp(t->key, "ask:", 4) && t->key[4])
		return ask(t, t->key + 4, e);
	if (!strcmp(t->key, "clear"))
		return memory_clear(NULL, t->conversation.id, e) < 0 ? NULL : plain_card(t, "好的", "之前的对话我都忘记了");
	return take_note(t, e);
}

static int keep_card(struct touch *t, const json_t *card, wc_err *e)
{
	const char *text   = wc_json_text(t->a, wc_json(t->a, "{s:s, s:O}", "response_type", "update_template_card", "template_card", card));
	wc_slice    sealed = wc_seal(t->a, "smartbot_card.reply", (wc_slice){text, strlen(text)});

	return wc_db_exec(NULL, e, "INSERT IGNORE INTO smartbot_card (event_key, reply) VALUES (?, ?)", wc_text(wc_job_key(t->job)),
	                  wc_bytes(sealed.p, sealed.n)) < 0 ? -1 : 0;
}

/* Nobody waits for the card any more: the same in words, as a new message. A question brings its own. */
static int say_late(struct touch *t, wc_err *e)
{
	enum reply_state state;

	if (!t->url || !t->said || !strncmp(t->key, "ask:", 4))
		return 0;
	if (reply_keep(NULL, t->a, wc_job_key(t->job), t->url, wc_job_created_ms(t->job), e) < 0)
		return -1;
	return reply_send(t->a, wc_job_key(t->job), t->person.user, reply_markdown(t->a, t->said), &state, e);
}

int card_run(wc_job *job, const void *self, wc_err *e)
{
	const json_t *args = wc_job_args(job);
	wc_arena     *a    = wc_job_arena(job);
	struct touch  t    = {.job = job, .a = a, .self = self, .person = person_of(a, wc_json_str(args, "user")), .key = wc_json_str(args, "key"),
	                      .task = wc_json_str(args, "task"), .chat = wc_json_str(args, "chat"), .url = wc_json_str(args, "url"),
	                      .choices = json_object_get(args, "choices")};
	json_t       *card;

	if (bot_load(a, json_integer_value(json_object_get(args, "bot")), &t.bot, e) < 0 ||
	    memory_open(a, &t.bot, t.person.user, t.chat, &t.conversation, e) < 0 || !(card = act(&t, e)) || card_check(card, e) < 0 ||
	    keep_card(&t, card, e) < 0)
		return -1;
	return wc_now_ms() - wc_job_created_ms(job) > PASSIVE_MS ? say_late(&t, e) : 0;
}

/* The same card for every delivery of the event. */
const json_t *card_answer(wc_callback *cb, const char *key, const void *self, wc_err *e)
{
	wc_arena *a = wc_callback_arena(cb);
	wc_rows   rows;
	wc_slice  plain;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT reply FROM smartbot_card WHERE event_key = ?", wc_text(key)) < 0)
		return NULL;
	if (!rows.n) {
		wc_fail(e, WC_E_NOT_FOUND, "the job gave no card");
		return NULL;
	}
	if (wc_unseal(a, "smartbot_card.reply", (wc_slice){wc_row_cell(&rows, 0, 0).s, wc_row_cell(&rows, 0, 0).n}, &plain, e) < 0)
		return NULL;
	return wc_json_parse(a, plain.p, plain.n, e);
}

/* "1,3" of the reasons that the documents know. */
static const char *reasons_of(wc_arena *a, const json_t *list)
{
	const char   *text = "";
	const json_t *item;
	size_t        i;

	json_array_foreach(list, i, item)
		if (i < 8 && json_integer_value(item) >= 1 && json_integer_value(item) <= 99)
			text = wc_printf(a, "%s%s%d", text, *text ? "," : "", (int)json_integer_value(item));
	return text;
}

static const char *kind_of(int64_t type)
{
	static const char *const kinds[] = {"other", "accurate", "inaccurate", "withdrawn"};

	return kinds[type >= 1 && type <= 3 ? type : 0];
}

int feedback_run(wc_job *job, const void *self, wc_err *e)
{
	const json_t *args    = wc_job_args(job);
	wc_arena     *a       = wc_job_arena(job);
	struct person p       = person_of(a, wc_json_str(args, "user"));
	const char   *content = wc_json_str(args, "content"), *id = wc_json_str(args, "id");
	wc_slice      sealed  = wc_seal(a, "smartbot_feedback.content", (wc_slice){content, strlen(content)});
	int64_t       n;

	(void)self;
	n = wc_db_exec(NULL, e, "INSERT IGNORE INTO smartbot_feedback (event_key, bot_id, stream_id, person, kind, reasons, content) VALUES (?, ?, ?, ?, ?, ?, ?)",
	               wc_text(wc_job_key(job)), wc_int(json_integer_value(json_object_get(args, "bot"))),
	               wc_text(wc_strndup(a, id, wc_utf8_cut(id, strlen(id), 256))), person_val(&p),
	               wc_int(json_integer_value(json_object_get(args, "type")) & 127), wc_text(reasons_of(a, json_object_get(args, "reasons"))),
	               wc_bytes(sealed.p, sealed.n));
	if (n > 0)
		wc_count("wecomd_smartbot_feedback_total", 1, kind_of(json_integer_value(json_object_get(args, "type"))), NULL);
	return n < 0 ? -1 : person_keep(NULL, a, &p, e);
}
