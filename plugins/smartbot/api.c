/* The console's side (/api/smartbot): bots, roles, use, ratings, conversations, pictures for running answers. Texts of
 * people are shown masked and short; who wants to read along has no business here. */
#include "smartbot.h"

#include <stdlib.h>
#include <string.h>

/* --- small helpers --------------------------------------------------------------------------------------------------- */

static bool read_number(const char *text, int64_t min, int64_t max, int64_t *value)
{
	char *end;

	*value = strtoll(text, &end, 10);
	return end != text && !*end && *value >= min && *value <= max;
}

/* The frame of the lists that come newest first. The values of sql: of (left out when 0), the id before which the page begins, and how
 * many rows it takes. */
static int newest_first(wc_request *rq, wc_list_item *item, const char *sql, int64_t of)
{
	wc_list     *list = wc_list_begin(rq);
	const wc_val v[]  = {wc_int(of), wc_int(wc_list_after(list, INT64_MAX)), wc_int(wc_list_fetch(list))};
	wc_rows      rows;
	wc_err       e;

	if (wc_db_query_v(NULL, wc_request_arena(rq), &rows, &e, sql, v + !of, 3 - !of) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, item, NULL);
}

static const char *unsealed(wc_arena *a, const char *about, wc_cell cell)
{
	wc_slice plain;
	wc_err   ignored;

	if (!cell.s || wc_unseal(a, about, (wc_slice){cell.s, cell.n}, &plain, &ignored) < 0)
		return "";
	return plain.p;
}

/* The first and the last character of an id. */
static const char *masked_id(wc_arena *a, const char *id)
{
	size_t n = strlen(id), first = wc_utf8_cut(id, n, 4), last = n;

	if (!n)
		return "";
	if (first == n)
		return wc_printf(a, "%.*s***", (int)wc_utf8_cut(id, n, 1), id);
	while (last > first && ((unsigned char)id[--last] & 0xc0) == 0x80)
		;
	first = wc_utf8_cut(id, n, (unsigned char)*id < 0x80 ? 1 : 3);
	return wc_printf(a, "%.*s***%s", (int)first, id, id + last);
}

/* A preview: at most 60 characters' worth of bytes, digits and what looks like an address covered. */
static const char *masked_text(wc_arena *a, const char *text)
{
	size_t n = wc_utf8_cut(text, strlen(text), 180);
	char  *s = wc_strndup(a, text, n);

	for (char *p = s; *p; p++)
		if ((*p >= '0' && *p <= '9') || *p == '@')
			*p = '*';
	return strlen(text) > n ? wc_printf(a, "%s…", s) : s;
}

const char *person_masked(wc_arena *a, wc_cell sealed)
{
	return masked_id(a, unsealed(a, "smartbot_person.user_id", sealed));
}

static const char *person_column(wc_arena *a, const wc_rows *rows, size_t row, size_t column)
{
	return person_masked(a, wc_row_cell(rows, row, column));
}

/* --- bots ------------------------------------------------------------------------------------------------------------ */

static json_t *bot_object(wc_arena *a, const struct bot *b)
{
	return wc_json(a, "{s:s, s:s, s:s, s:O}", "name", b->name, "aibotid", b->aibotid, "callback", wc_printf(a, "/wecom/callback/%s", b->name),
	               "settings", bot_settings(a, b));
}

static const wc_field one_bot[] = {
	{WC_STRING, "name", NULL, 0, "as in its section of the configuration"},
	{WC_STRING, "aibotid", NULL, 0, "WeCom's id of the bot; empty: not checked"},
	{WC_STRING, "callback", NULL, 0, "the path of the URL that WeCom is told"},
	{WC_OBJECT, "settings", NULL, 0, "what PUT changes", .of = bot_editable},
	{0}};

/* There are a few; they come in the order of their names. */
static int list_bots(wc_request *rq, const void *self)
{
	wc_arena   *a     = wc_request_arena(rq);
	wc_list    *list  = wc_list_begin(rq);
	const char *after = wc_list_after_text(list);
	struct bot *bots;
	size_t      n;
	wc_err      e;

	(void)self;
	if (bot_list(a, &bots, &n, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < n; i++)
		if (!after || strcmp(bots[i].name, after) > 0)
			wc_list_add(list, json_incref(bot_object(a, &bots[i])), "%s", bots[i].name);
	return wc_list_reply(list);
}

static int get_bot(wc_request *rq, const void *self)
{
	wc_arena  *a = wc_request_arena(rq);
	struct bot bot;
	wc_err     e;

	(void)self;
	if (bot_find(a, wc_path_param(rq, "name"), &bot, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_json(rq, 200, bot_object(a, &bot));
}

struct bot_change {
	wc_arena         *a;
	const struct bot *before, *after;
	const char       *actor;
};

/* The entry names what changed; texts go in as hashes. */
static int write_change(wc_db *db, void *arg, wc_err *e)
{
	struct bot_change *c      = arg;
	const json_t      *before = bot_settings(c->a, c->before), *after = bot_settings(c->a, c->after);
	json_t            *what   = wc_json(c->a, "{}"), *value;
	const char        *name;

	json_object_foreach((json_t *)after, name, value) {
		const json_t *old = json_object_get(before, name);

		if (!json_equal(old, value))
			json_object_set_new(what, name, json_is_string(value)
			                                    ? json_pack("[s, s]", wc_audit_hash(c->a, json_string_value(old)), wc_audit_hash(c->a, json_string_value(value)))
			                                    : json_pack("[O, O]", old, value));
	}
	if (bot_write(db, c->after, e) < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){c->actor, "smartbot.bot.change", wc_printf(c->a, "bot:%s", c->before->name), what}, e);
}

static int put_bot(wc_request *rq, const void *self)
{
	wc_arena         *a = wc_request_arena(rq);
	struct bot        before, after = *(const struct bot *)wc_body(rq);
	struct bot_change change = {a, &before, &after, wc_actor(rq)};
	wc_err            e;

	(void)self;
	if (bot_find(a, wc_path_param(rq, "name"), &before, &e) < 0)
		return wc_reply_err(rq, &e);
	after.name = before.name;
	if (bot_check(after.name, &after, &e) < 0)
		return wc_problem(rq, 422, "bad_settings", "%s", e.text);
	if (wc_db_tx(write_change, &change, &e) < 0 || bot_find(a, before.name, &after, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_json(rq, 200, bot_object(a, &after));
}

/* --- roles ----------------------------------------------------------------------------------------------------------- */

static const wc_field one_role[] = {
	{WC_STRING, "name", NULL, 0, "what people say to switch to it"},
	{WC_STRING, "prompt", NULL, 0, "what the model is told", .max = 8000},
	{0}};

static json_t *role_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:s, s:s}", "name", wc_row_text(rows, i, 0), "prompt", wc_row_text(rows, i, 1));
}

static int list_roles(wc_request *rq, const void *self)
{
	wc_list    *list  = wc_list_begin(rq);
	const char *after = wc_list_after_text(list);
	wc_rows     rows;
	wc_err      e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, "SELECT name, prompt FROM smartbot_role WHERE name > ? ORDER BY name LIMIT ?",
	                wc_text(after ? after : ""), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, role_json, NULL);
}

static const wc_field role_fields[] = {{WC_STRING, "prompt", NULL, offsetof(struct role, prompt), "what the model is told", .min = 1, .max = 8000}, {0}};

struct role_change {
	wc_arena   *a;
	const char *name, *prompt;     /* prompt NULL: delete */
	int64_t     changed;
	const char *actor;
};

static int write_role(wc_db *db, void *arg, wc_err *e)
{
	struct role_change *c      = arg;
	const char         *object = wc_printf(c->a, "role:%s", wc_audit_hash(c->a, c->name));
	json_t             *details = wc_json(c->a, "{s:s}", "prompt", c->prompt ? wc_audit_hash(c->a, c->prompt) : "");

	c->changed = c->prompt ? wc_db_exec(db, e, "INSERT INTO smartbot_role (name, prompt) VALUES (?, ?) ON DUPLICATE KEY UPDATE prompt = VALUES(prompt)",
	                                    wc_text(c->name), wc_text(c->prompt))
	                       : wc_db_exec(db, e, "DELETE FROM smartbot_role WHERE name = ?", wc_text(c->name));
	if (c->changed < 0)
		return -1;
	return wc_audit(db, &(wc_audit_entry){c->actor, c->prompt ? "smartbot.role.put" : "smartbot.role.delete", object, details}, e);
}

static int change_role(wc_request *rq, const char *prompt)
{
	struct role_change c = {wc_request_arena(rq), wc_path_param(rq, "name"), prompt, 0, wc_actor(rq)};
	wc_err             e;

	/* It becomes text and key of a button. */
	if (!wc_utf8_valid(c.name, strlen(c.name)) || wc_utf8_count(c.name, strlen(c.name)) > 20)
		return wc_problem(rq, 400, "bad_request", "a role's name has at most 20 characters");
	if (wc_db_tx(write_role, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	if (!prompt && !c.changed)
		return wc_problem(rq, 404, "not_found", "there is no role of that name");
	return prompt ? wc_reply(rq, 200, "{s:s, s:s}", "name", c.name, "prompt", prompt) : wc_reply(rq, 200, "{}");
}

static int put_role(wc_request *rq, const void *self)
{
	(void)self;
	return change_role(rq, ((const struct role *)wc_body(rq))->prompt);
}

static int delete_role(wc_request *rq, const void *self)
{
	(void)self;
	return change_role(rq, NULL);
}

/* --- use and ratings ------------------------------------------------------------------------------------------------- */

const wc_field usage_query[] = {
	{WC_STRING, "from", NULL, offsetof(struct usage_filter, from), "the first day, such as 2026-01-31; left out: 29 days ago", .optional = true, .min = 10, .max = 10},
	{WC_STRING, "to", NULL, offsetof(struct usage_filter, to), "the last day; left out: today", .optional = true, .min = 10, .max = 10},
	{WC_STRING, "bot", NULL, offsetof(struct usage_filter, bot), "only of this bot", .optional = true, .min = 1, .max = 64},
	{0}};

static const wc_field usage_fields[] = {
	{WC_STRING, "day", NULL, 0, "such as 2026-01-31"},
	{WC_STRING, "bot", NULL, 0, "which bot"},
	{WC_STRING, "model", NULL, 0, "which [model:NAME]"},
	{WC_INT, "calls", NULL, 0, "of the model"},
	{WC_INT, "prompt_tokens", NULL, 0, "that were sent"},
	{WC_INT, "completion_tokens", NULL, 0, "that came back"},
	{WC_INT, "cost_micros", NULL, 0, "millionths of the currency of the prices"},
	{WC_STRING, "person", NULL, 0, "who asked, masked"},
	{WC_INT, "estimated_calls", NULL, 0, "of the calls: whose tokens are estimated, since the model did not say"},
	{0}};

static bool is_day(const char *s)
{
	return !s || (strlen(s) == 10 && strspn(s, "0123456789") == 4 && s[4] == '-' && strspn(s + 5, "0123456789") == 2 && s[7] == '-' &&
	              strspn(s + 8, "0123456789") == 2);
}

#define USAGE_MAX 1000     /* rows that a tool gets at once */

/* Of the row behind which a page begins: "2026-01-31/BOT/PERSON in hex/MODEL". */
struct usage_position {
	const char *day, *person, *model;     /* day NULL: the first page */
	int64_t     bot_id;
};

static struct usage_position usage_after(wc_arena *a, const wc_list *list)
{
	struct usage_position at   = {0};
	const char           *text = wc_list_after_text(list);
	char                 *rest;

	if (!text)
		return at;
	at.day    = wc_strndup(a, text, 10);
	at.bot_id = strtoll(text + 11, &rest, 10);
	at.person = wc_strndup(a, rest + 1, 2 * WC_HASH_SIZE);
	at.model  = rest + 1 + 2 * WC_HASH_SIZE + 1;
	return at;
}

static json_t *usage_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I}", "day", wc_row_text(rows, i, 1), "bot", wc_row_text(rows, i, 2),
	                 "model", wc_row_text(rows, i, 3), "calls", (json_int_t)wc_row_int(rows, i, 4), "prompt_tokens",
	                 (json_int_t)wc_row_int(rows, i, 5), "completion_tokens", (json_int_t)wc_row_int(rows, i, 6), "cost_micros",
	                 (json_int_t)wc_row_int(rows, i, 7), "person", person_column(a, rows, i, 8), "estimated_calls",
	                 (json_int_t)wc_row_int(rows, i, 9));
}

/* By day, the newest first, then bot, person and model: what grows while the list is read keeps its place. */
static int usage_rows(wc_arena *a, const struct smartbot *smartbot, const struct usage_filter *f, const struct usage_position *at, int64_t fetch,
                      wc_rows *rows, wc_err *e)
{
	*rows = (wc_rows){0};
	if (f->bot && !bot_name_is_good(f->bot))
		return 0;
	return wc_db_query(NULL, a, rows, e,
	                   "SELECT CONCAT_WS('/', u.day, u.bot_id, LOWER(HEX(u.person)), u.model), u.day, b.name, u.model, u.calls, u.prompt_tokens,"
	                   " u.completion_tokens, u.cost_micros, p.user_id, u.estimated_calls FROM smartbot_usage u"
	                   " JOIN smartbot_bot b ON b.id = u.bot_id LEFT JOIN smartbot_person p ON p.person = u.person"
	                   " WHERE u.day >= COALESCE(?, DATE(NOW(3) + INTERVAL ? MICROSECOND) - INTERVAL 29 DAY) AND u.day <= COALESCE(?, ?, '9999-12-31')"
	                   " AND u.day <= COALESCE(?, '9999-12-31') AND b.name = COALESCE(?, b.name)"
	                   " AND (? IS NULL OR u.day < ? OR (u.bot_id, u.person, u.model) > (?, UNHEX(?), ?))"
	                   " ORDER BY u.day DESC, u.bot_id, u.person, u.model LIMIT ?",
	                   wc_text(f->from), wc_int(smartbot->day_offset_ms * 1000), wc_text(at->day), wc_text(f->to), wc_text(f->to), wc_text(f->bot),
	                   wc_text(at->day), wc_text(at->day), wc_int(at->bot_id), wc_text(at->person), wc_text(at->model), wc_int(fetch));
}

static int get_usage(wc_request *rq, const void *self)
{
	const struct usage_filter *f    = wc_query(rq);
	wc_list                   *list = wc_list_begin(rq);
	struct usage_position      at   = usage_after(wc_request_arena(rq), list);
	wc_rows                    rows;
	wc_err                     e;

	if (!is_day(f->from) || !is_day(f->to))
		return wc_reply_bad_fields(rq, &(wc_bad_field){is_day(f->from) ? "to" : "from", "a day such as 2026-01-31", NULL});
	if (usage_rows(wc_request_arena(rq), self, f, &at, wc_list_fetch(list), &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, usage_json, NULL);
}

json_t *usage_list(wc_arena *a, const struct smartbot *self, const struct usage_filter *f, wc_err *e)
{
	json_t *items = wc_json(a, "[]");
	wc_rows rows;

	if (!is_day(f->from) || !is_day(f->to)) {
		wc_fail(e, WC_E_ARG, "from and to are days such as 2026-01-31");
		return NULL;
	}
	if (usage_rows(a, self, f, &(struct usage_position){0}, USAGE_MAX, &rows, e) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(items, usage_json(a, &rows, i, NULL));
	return wc_json(a, "{s:O}", "items", items);
}

static const wc_field feedback_fields[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "bot", NULL, 0, "which bot answered"},
	{WC_STRING, "stream", NULL, 0, "which answer"},
	{WC_INT, "type", NULL, 0, "1 accurate, 2 inaccurate, 3 taken back", .min = 1, .max = 3},
	{WC_STRING, "reasons", NULL, 0, "1 irrelevant, 2 incomplete, 3 wrong, 4 wrong analysis of data"},
	{WC_STRING, "content", NULL, 0, "in words, masked"},
	{WC_STRING, "person", NULL, 0, "who rated, masked"},
	{WC_TIME, "at", NULL, 0, "when"},
	{0}};

static json_t *feedback_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "id", wc_row_text(rows, i, 0), "bot", wc_row_text(rows, i, 1), "stream",
	                 wc_row_text(rows, i, 2), "type", (json_int_t)wc_row_int(rows, i, 3), "reasons", wc_row_text(rows, i, 4), "content",
	                 masked_text(a, unsealed(a, "smartbot_feedback.content", wc_row_cell(rows, i, 5))), "person", person_column(a, rows, i, 6),
	                 "at", wc_row_text(rows, i, 7));
}

static int list_feedback(wc_request *rq, const void *self)
{
	(void)self;
	return newest_first(rq, feedback_json,
	                    "SELECT f.id, b.name, f.stream_id, f.kind, f.reasons, f.content, p.user_id, DATE_FORMAT(f.at, '%Y-%m-%dT%H:%i:%sZ')"
	                    " FROM smartbot_feedback f JOIN smartbot_bot b ON b.id = f.bot_id LEFT JOIN smartbot_person p ON p.person = f.person"
	                    " WHERE f.id < ? ORDER BY f.id DESC LIMIT ?", 0);
}

/* --- conversations --------------------------------------------------------------------------------------------------- */

static const wc_field conversation_fields[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "bot", NULL, 0, "with which bot"},
	{WC_CHOICE, "scope", NULL, 0, "whose it is", .choices = "person|group|person_in_group"},
	{WC_STRING, "who", NULL, 0, "the person or group, masked"},
	{WC_STRING, "role", NULL, 0, "the role that answers"},
	{WC_BOOL, "summarised", NULL, 0, "whether older turns were put into a summary"},
	{WC_INT, "turns", NULL, 0, "how many are remembered"},
	{WC_TIME, "updated", NULL, 0, "when it went on last"},
	{0}};

static json_t *conversation_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:s}", "id", wc_row_text(rows, i, 0), "bot", wc_row_text(rows, i, 1), "scope",
	                 wc_row_text(rows, i, 2), "who", masked_id(a, unsealed(a, "smartbot_conversation.label", wc_row_cell(rows, i, 3))), "role",
	                 wc_row_text(rows, i, 4), "summarised", (int)wc_row_int(rows, i, 5), "turns", (json_int_t)wc_row_int(rows, i, 6), "updated",
	                 wc_row_text(rows, i, 7));
}

static int list_conversations(wc_request *rq, const void *self)
{
	(void)self;
	return newest_first(rq, conversation_json,
	                    "SELECT c.id, b.name, c.scope, c.label, IF(c.role = '', b.persona, c.role), c.summary IS NOT NULL,"
	                    " (SELECT COUNT(*) FROM smartbot_turn t WHERE t.conversation_id = c.id), DATE_FORMAT(c.updated_at, '%Y-%m-%dT%H:%i:%sZ')"
	                    " FROM smartbot_conversation c JOIN smartbot_bot b ON b.id = c.bot_id"
	                    " WHERE c.id < ? ORDER BY c.id DESC LIMIT ?", 0);
}

static bool conversation_id(wc_request *rq, int64_t *id)
{
	if (read_number(wc_path_param(rq, "id"), 1, INT64_MAX, id))
		return true;
	wc_problem(rq, 404, "not_found", "there is no such conversation");
	return false;
}

static const wc_field turn_fields[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "question", NULL, 0, "its beginning, masked"},
	{WC_STRING, "answer", NULL, 0, "its beginning, masked"},
	{WC_INT, "tokens", NULL, 0, "an estimate"},
	{WC_TIME, "at", NULL, 0, "when"},
	{0}};

static json_t *turn_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:I, s:s}", "id", wc_row_text(rows, i, 0), "question",
	                 masked_text(a, unsealed(a, "smartbot_turn.question", wc_row_cell(rows, i, 1))), "answer",
	                 masked_text(a, unsealed(a, "smartbot_turn.answer", wc_row_cell(rows, i, 2))), "tokens", (json_int_t)wc_row_int(rows, i, 3),
	                 "at", wc_row_text(rows, i, 4));
}

static int list_turns(wc_request *rq, const void *self)
{
	int64_t id;

	(void)self;
	if (!conversation_id(rq, &id))
		return 0;
	return newest_first(rq, turn_json,
	                    "SELECT id, question, answer, tokens, DATE_FORMAT(at, '%Y-%m-%dT%H:%i:%sZ') FROM smartbot_turn"
	                    " WHERE conversation_id = ? AND id < ? ORDER BY id DESC LIMIT ?", id);
}

struct forgetting {
	int64_t     id;
	const char *actor;
};

static int forget(wc_db *db, void *arg, wc_err *e)
{
	const struct forgetting *f  = arg;
	wc_arena                *a  = wc_arena_new();
	int                      rc = memory_clear(db, f->id, e);

	if (rc == 0)
		rc = wc_audit(db, &(wc_audit_entry){f->actor, "smartbot.conversation.clear", wc_printf(a, "conversation:%lld", (long long)f->id), NULL}, e);
	wc_arena_free(a);
	return rc;
}

static int clear_conversation(wc_request *rq, const void *self)
{
	int64_t id;
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (!conversation_id(rq, &id))
		return 0;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, "SELECT 1 FROM smartbot_conversation WHERE id = ?", wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such conversation");
	return wc_db_tx(forget, &(struct forgetting){id, wc_actor(rq)}, &e) < 0 ? wc_reply_err(rq, &e) : wc_reply(rq, 200, "{}");
}

/* --- pictures for a running answer ----------------------------------------------------------------------------------- */

struct picture {
	const char *base64;
};

static const wc_field picture_fields[] = {{WC_STRING, "base64", NULL, offsetof(struct picture, base64), "JPG or PNG", .min = 4, .max = 7 << 20}, {0}};

static int add_picture(wc_request *rq, const void *self)
{
	wc_arena   *a    = wc_request_arena(rq);
	const char *id   = wc_path_param(rq, "id"), *text = ((const struct picture *)wc_body(rq))->base64;
	wc_slice    image;
	wc_err      e;

	(void)self;
	if (!wc_base64_bytes(a, (wc_slice){text, strlen(text)}, &image))
		return wc_problem(rq, 400, "bad_request", "base64 is not base64");
	if (stream_attach_image_by(wc_actor(rq), id, image, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:s, s:I, s:s}", "stream", id, "bytes", (json_int_t)image.n, "md5", wc_md5(a, image));
}

/* --- a card for a running answer, and what was pressed ---------------------------------------------------------------- */

struct attached {
	const json_t *card;
};

static const wc_field attached_fields[] = {{WC_OBJECT, "card", NULL, offsetof(struct attached, card), "a template card of one of the five types"}, {0}};

static int add_card(wc_request *rq, const void *self)
{
	wc_arena   *a    = wc_request_arena(rq);
	const char *id   = wc_path_param(rq, "id");
	json_t     *card = wc_json_keep(a, json_deep_copy(((const struct attached *)wc_body(rq))->card));
	wc_err      e;

	(void)self;
	if (stream_attach_card_by(wc_actor(rq), id, card, &e) < 0)
		return e.code == WC_E_ARG ? wc_problem(rq, 422, "bad_card", "%s", e.text) : wc_reply_err(rq, &e);
	return wc_reply(rq, 201, "{s:s, s:s?, s:O}", "stream", id, "task_id", wc_json_str(card, "task_id"), "advice", card_advice(a, card));
}

struct presses_query {
	const char *task;
};

static const wc_field presses_query[] = {
	{WC_STRING, "task_id", NULL, offsetof(struct presses_query, task), "only of the card with this task_id", .optional = true, .max = 128}, {0}};

static const wc_field press_fields[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "bot", NULL, 0, "whose card it was"},
	{WC_STRING, "task_id", NULL, 0, "which card"},
	{WC_STRING, "key", NULL, 0, "which button"},
	{WC_ANY, "choices", NULL, 0, "what was chosen beside it"},
	{WC_STRING, "person", NULL, 0, "who pressed, masked"},
	{WC_TIME, "at", NULL, 0, "when"},
	{0}};

static json_t *press_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	const char *choices = unsealed(a, "smartbot_press.choices", wc_row_cell(rows, i, 4));
	wc_err      ignored;
	json_t     *parsed  = wc_json_parse(a, choices, strlen(choices), &ignored);

	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:s, s:O, s:s, s:s}", "id", wc_row_text(rows, i, 0), "bot", wc_row_text(rows, i, 1), "task_id",
	                 wc_row_text(rows, i, 2), "key", wc_row_text(rows, i, 3), "choices", parsed ? parsed : wc_json(a, "{}"), "person",
	                 person_column(a, rows, i, 5), "at", wc_row_text(rows, i, 6));
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static int list_presses(wc_request *rq, const void *self)
{
	const char *task = ((const struct presses_query *)wc_query(rq))->task;
	wc_list    *list = wc_list_begin(rq);
	wc_rows     rows;
	wc_err      e;

	(void)self;
	if (task && !is_ascii(task))
		return wc_list_reply(list);
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT s.id, b.name, s.task_id, s.pressed, s.choices, p.user_id, DATE_FORMAT(s.at, '%Y-%m-%dT%H:%i:%sZ') FROM smartbot_press s"
	                " JOIN smartbot_bot b ON b.id = s.bot_id LEFT JOIN smartbot_person p ON p.person = s.person"
	                " WHERE s.id < ? AND (? IS NULL OR s.task_id = ?) ORDER BY s.id DESC LIMIT ?",
	                wc_int(wc_list_after(list, INT64_MAX)), wc_text(task), wc_text(task), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, press_json, NULL);
}

const wc_route smartbot_routes[] = {
	{WC_GET, "/api/smartbot/bots", WC_VIEWER, list_bots, "The bots and their settings, without secrets",
	 .list = true, .answer = one_bot},
	{WC_GET, "/api/smartbot/bots/{name}", WC_VIEWER, get_bot, "One bot", .answer = one_bot},
	{WC_PUT, "/api/smartbot/bots/{name}", WC_ADMIN, put_bot, "Changes a bot's settings, all of them", bot_editable, sizeof(struct bot)},
	{WC_POST, "/api/smartbot/bots/{name}/ask", WC_OPERATOR, ask_bot, "A test question to a bot", question_fields, sizeof(struct question)},
	{WC_POST, "/api/smartbot/bots/{name}/ask/stream", WC_OPERATOR, ask_bot_streamed, "The same, answered in server-sent events while the answer grows",
	 question_fields, sizeof(struct question)},
	{WC_GET, "/api/smartbot/roles", WC_VIEWER, list_roles, "The roles that people may switch to",
	 .list = true, .answer = one_role},
	{WC_PUT, "/api/smartbot/roles/{name}", WC_OPERATOR, put_role, "Makes or changes a role", role_fields, sizeof(struct role)},
	{WC_DELETE, "/api/smartbot/roles/{name}", WC_OPERATOR, delete_role, "Deletes a role"},
	{WC_GET, "/api/smartbot/usage", WC_VIEWER, get_usage, "Calls, tokens and cost by day, bot, person and model",
	 .query = usage_query, .query_size = sizeof(struct usage_filter), .list = true, .answer = usage_fields},
	{WC_GET, "/api/smartbot/usage/sums", WC_VIEWER, get_sums, "What was used, summed up by day, bot, model and person (the 50 with the highest cost)",
	 .query = sums_query, .query_size = sizeof(struct sums_query)},
	{WC_GET, "/api/smartbot/feedback", WC_VIEWER, list_feedback, "Ratings of answers, the newest first",
	 .list = true, .answer = feedback_fields},
	{WC_GET, "/api/smartbot/conversations", WC_VIEWER, list_conversations, "What is remembered, by person or group",
	 .list = true, .answer = conversation_fields},
	{WC_GET, "/api/smartbot/conversations/{id}/turns", WC_OPERATOR, list_turns, "The turns of a conversation, masked",
	 .list = true, .answer = turn_fields},
	{WC_DELETE, "/api/smartbot/conversations/{id}", WC_OPERATOR, clear_conversation, "Forgets a conversation"},
	{WC_POST, "/api/smartbot/conversations/{id}/reveal", WC_OPERATOR, reveal_conversation, "Whom a conversation is with, and its summary; the look is audited"},
	{WC_POST, "/api/smartbot/turns/{id}/reveal", WC_OPERATOR, reveal_turn, "What was asked and answered, and by whom; the look is audited"},
	{WC_POST, "/api/smartbot/feedback/{id}/reveal", WC_OPERATOR, reveal_feedback, "What a person wrote with a rating; the look is audited"},
	{WC_POST, "/api/smartbot/streams/{id}/images", WC_OPERATOR, add_picture, "A picture for the end of a running answer", picture_fields,
	 sizeof(struct picture), 8 << 20},
	{WC_POST, "/api/smartbot/streams/{id}/card", WC_OPERATOR, add_card, "A template card for the end of a running answer", attached_fields,
	 sizeof(struct attached)},
	{WC_GET, "/api/smartbot/presses", WC_OPERATOR, list_presses, "What people pressed and chose on cards that others made",
	 .query = presses_query, .query_size = sizeof(struct presses_query), .list = true, .answer = press_fields},
	{0}};
