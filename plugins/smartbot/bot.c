/* Bots: one row each, with its secrets sealed. */
#include "smartbot.h"

#include <string.h>

#define EDITABLE(standard)                                                                                                                  \
	{WC_STRING, "persona", standard("通用助手"), offsetof(struct bot, persona), "the role a conversation begins with", .max = 64},               \
	{WC_STRING, "model", standard("default"), offsetof(struct bot, model), "which [model:NAME] answers", .max = 64},                            \
	{WC_STRING, "fallback_model", standard(""), offsetof(struct bot, fallback_model), "answers when that one refuses or fails; empty: none",    \
	 .max = 64},                                                                                                                               \
	{WC_STRING, "prompt", standard("你是公司内部的助手,用简洁、友好的中文回答同事的问题。不知道的就说不知道。"), offsetof(struct bot, prompt),    \
	 "what the model is told about its role", .max = 16000},                                                                                   \
	{WC_CHOICE, "memory", standard("person"), offsetof(struct bot, memory), "whose conversation is remembered",                                \
	 .choices = "person|group|person_in_group|none"},                                                                                          \
	{WC_INT, "memory_tokens", standard("4000"), offsetof(struct bot, memory_tokens), "how much of it the model is given", .min = 0, .max = 1000000}, \
	{WC_INT, "per_minute", standard("20"), offsetof(struct bot, per_minute), "questions of one person in a minute; 0: no limit", .min = 0, .max = 10000}, \
	{WC_INT, "daily_tokens_person", standard("200000"), offsetof(struct bot, daily_tokens_person), "tokens of one person in a day; 0: no limit", \
	 .min = 0, .max = INT64_MAX},                                                                                                              \
	{WC_INT, "daily_tokens_bot", standard("0"), offsetof(struct bot, daily_tokens_bot), "tokens of the bot in a day; 0: no limit",              \
	 .min = 0, .max = INT64_MAX},                                                                                                              \
	{WC_STRING, "welcome", standard(""), offsetof(struct bot, welcome), "said when a person opens the chat; empty: nothing", .max = 2048},     \
	{WC_STRING, "welcome_image", standard(""), offsetof(struct bot, welcome_image), "URL of a picture: the welcome is then a card with it", .max = 2048}, \
	{WC_STRING, "welcome_card", standard(""), offsetof(struct bot, welcome_card), "a template card (JSON) instead of it", .max = 16000},        \
	{WC_BOOL, "feedback", standard("on"), offsetof(struct bot, feedback), "whether people may rate answers"},                                  \
	{WC_BOOL, "vision", standard("off"), offsetof(struct bot, vision), "whether the model takes pictures"}

#define WRITTEN(value)  value
#define REQUIRED(value) NULL

const wc_field bot_fields[] = {
	{WC_SECRET, "token", NULL, offsetof(struct bot, token), "Token of the bot's callback", .min = 1, .max = 32},
	{WC_SECRET, "aes_key", NULL, offsetof(struct bot, aes_key), "EncodingAESKey of the bot's callback, 43 characters", .min = 43, .max = 43},
	{WC_STRING, "aibotid", "", offsetof(struct bot, aibotid), "the bot's id; empty: not checked", .max = 128},
	{WC_STRING, "receiveid", "", offsetof(struct bot, receiveid), "empty for a bot of one's own company", .max = 128},
	EDITABLE(WRITTEN), {0}};

const wc_field bot_editable[] = {EDITABLE(REQUIRED), {0}};

/* The first line is the title, the rest stands below it. */
json_t *bot_welcome_notice(wc_arena *a, const struct bot *bot, const char *link)
{
	size_t      n    = strcspn(bot->welcome, "\n"), rest_n;
	const char *rest = bot->welcome + n;

	rest_n = strlen(rest);
	wc_text_trim(&rest, &rest_n);
	return card_news_notice(a, wc_strndup(a, bot->welcome, n), wc_strndup(a, rest, rest_n), bot->welcome_image, *link ? link : bot->welcome_image);
}

static int check_welcome(const struct bot *bot, wc_err *e)
{
	wc_arena   *a    = wc_arena_new();
	const char *what = *bot->welcome_card ? "welcome_card" : "welcome_image";
	json_t     *card = *bot->welcome_card ? wc_json_parse(a, bot->welcome_card, strlen(bot->welcome_card), e) : bot_welcome_notice(a, bot, "");
	int         rc   = !card ? -1 : !*bot->welcome_card && !*bot->welcome ? wc_fail(e, WC_E_CONFIG, "there is no welcome to go with it") : card_check(card, e);

	if (rc < 0)
		e->code = WC_E_CONFIG;
	else if (json_array_size(card_advice(a, card)))
		wc_log(WC_WARN, "phones will cut texts of a welcome", wc_kv_s("what", what), wc_kv_s("where", wc_json_text(a, card_advice(a, card))));
	wc_arena_free(a);
	return rc < 0 ? wc_wrap(e, "%s", what) : 0;
}

bool bot_name_is_good(const char *name)
{
	return *name && strlen(name) <= 64 && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")];
}

int bot_check(const char *name, const void *data, wc_err *e)
{
	const struct bot *bot = data;
	wc_envelope       envelope;

	if (!bot_name_is_good(name))
		return wc_fail(e, WC_E_CONFIG, "a bot's name has 1 to 64 letters, digits, '_' and '-': it is part of the callback URL");
	if (!wc_model_exists(bot->model))
		return wc_fail(e, WC_E_CONFIG, "model: there is no section [model:%s]", bot->model);
	if (*bot->fallback_model && !wc_model_exists(bot->fallback_model))
		return wc_fail(e, WC_E_CONFIG, "fallback_model: there is no section [model:%s]", bot->fallback_model);
	if ((*bot->welcome_card || *bot->welcome_image) && check_welcome(bot, e) < 0)
		return -1;
	return bot->token ? wc_envelope_init(&envelope, bot->token, bot->aes_key, bot->receiveid, e) : 0;
}

static wc_val sealed(wc_arena *a, const char *about, const char *text)
{
	wc_slice s = wc_seal(a, about, (wc_slice){text, strlen(text)});

	return wc_bytes(s.p, s.n);
}

int bot_write(wc_db *db, const struct bot *b, wc_err *e)
{
	return wc_db_exec(db, e,
	                  "UPDATE smartbot_bot SET persona = ?, model = ?, fallback_model = ?, prompt = ?, memory = ?, memory_tokens = ?, per_minute = ?,"
	                  " daily_tokens_person = ?, daily_tokens_bot = ?, welcome = ?, welcome_image = ?, welcome_card = ?, feedback = ?, vision = ? WHERE name = ?",
	                  wc_text(b->persona), wc_text(b->model), wc_text(b->fallback_model), wc_text(b->prompt), wc_text(b->memory),
	                  wc_int(b->memory_tokens), wc_int(b->per_minute), wc_int(b->daily_tokens_person), wc_int(b->daily_tokens_bot),
	                  wc_text(b->welcome), wc_text(b->welcome_image), wc_text(b->welcome_card), wc_int(b->feedback), wc_int(b->vision), wc_text(b->name)) < 0 ? -1 : 0;
}

json_t *bot_settings(wc_arena *a, const struct bot *b)
{
	return wc_json(a, "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:b, s:b}", "persona", b->persona, "model", b->model,
	               "fallback_model", b->fallback_model, "prompt", b->prompt, "memory", b->memory, "memory_tokens", (json_int_t)b->memory_tokens,
	               "per_minute", (json_int_t)b->per_minute, "daily_tokens_person", (json_int_t)b->daily_tokens_person,
	               "daily_tokens_bot", (json_int_t)b->daily_tokens_bot, "welcome", b->welcome, "welcome_image", b->welcome_image, "welcome_card", b->welcome_card,
	               "feedback", (int)b->feedback, "vision", (int)b->vision);
}

struct seeding {
	const char       *name, *hash;
	const struct bot *bot;
};

static int seed(wc_db *db, void *arg, wc_err *e)
{
	const struct seeding *s = arg;
	const struct bot     *b = s->bot;
	struct bot            named = *b;
	wc_arena             *a = wc_arena_new();
	wc_rows               rows;
	int                   rc;

	named.name = s->name;
	rc = wc_db_query(db, a, &rows, e, "SELECT seed_hash FROM smartbot_bot WHERE name = ? FOR UPDATE", wc_text(s->name));

	if (rc == 0 && (!rows.n || strcmp(wc_row_text(&rows, 0, 0), s->hash)))
		rc = wc_db_exec(db, e,
		                "INSERT INTO smartbot_bot (name, aibotid, receiveid, token, aes_key, model, prompt, seed_hash)"
		                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE aibotid = VALUES(aibotid),"
		                " receiveid = VALUES(receiveid), token = VALUES(token), aes_key = VALUES(aes_key), seed_hash = VALUES(seed_hash)",
		                wc_text(s->name), wc_text(b->aibotid), wc_text(b->receiveid), sealed(a, "smartbot_bot.token", b->token),
		                sealed(a, "smartbot_bot.aes_key", b->aes_key), wc_text(b->model), wc_text(b->prompt), wc_text(s->hash)) < 0 ||
		     bot_write(db, &named, e) < 0
		   ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

int bot_seed(const char *name, const void *data, const char *seed_hash, const void *self, wc_err *e)
{
	struct seeding s = {name, seed_hash, data};

	(void)self;
	return wc_db_tx(seed, &s, e);
}

static int unseal_text(wc_arena *a, const char *about, wc_cell cell, const char **text, wc_err *e)
{
	wc_slice plain;

	if (wc_unseal(a, about, (wc_slice){cell.s, cell.n}, &plain, e) < 0)
		return wc_wrap(e, "%s", about);
	*text = plain.p;
	return 0;
}

#define COLUMNS                                                                                                                 \
	"SELECT id, name, aibotid, receiveid, token, aes_key, model, prompt, persona, fallback_model, memory, memory_tokens, per_minute," \
	" daily_tokens_person, daily_tokens_bot, welcome, welcome_card, feedback, vision, welcome_image FROM smartbot_bot"

static int read_row(wc_arena *a, const wc_rows *rows, size_t i, struct bot *b, wc_err *e)
{
	*b = (struct bot){.id = wc_row_int(rows, i, 0), .name = wc_row_text(rows, i, 1), .aibotid = wc_row_text(rows, i, 2),
	                  .receiveid = wc_row_text(rows, i, 3), .model = wc_row_text(rows, i, 6), .prompt = wc_row_text(rows, i, 7),
	                  .persona = wc_row_text(rows, i, 8), .fallback_model = wc_row_text(rows, i, 9), .memory = wc_row_text(rows, i, 10),
	                  .memory_tokens = wc_row_int(rows, i, 11), .per_minute = wc_row_int(rows, i, 12),
	                  .daily_tokens_person = wc_row_int(rows, i, 13), .daily_tokens_bot = wc_row_int(rows, i, 14),
	                  .welcome = wc_row_text(rows, i, 15), .welcome_card = wc_row_text(rows, i, 16),
	                  .feedback = wc_row_int(rows, i, 17), .vision = wc_row_int(rows, i, 18), .welcome_image = wc_row_text(rows, i, 19)};
	if (unseal_text(a, "smartbot_bot.token", wc_row_cell(rows, i, 4), &b->token, e) < 0)
		return -1;
	return unseal_text(a, "smartbot_bot.aes_key", wc_row_cell(rows, i, 5), &b->aes_key, e);
}

int bot_load(wc_arena *a, int64_t id, struct bot *bot, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, COLUMNS " WHERE id = ?", wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "bot %d is no longer there", (int)id);
	return read_row(a, &rows, 0, bot, e);
}

int bot_find(wc_arena *a, const char *name, struct bot *bot, wc_err *e)
{
	wc_rows rows;

	if (!bot_name_is_good(name))
		return wc_fail(e, WC_E_NOT_FOUND, "there is no bot of that name");
	if (wc_db_query(NULL, a, &rows, e, COLUMNS " WHERE name = ?", wc_text(name)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no bot of that name");
	return read_row(a, &rows, 0, bot, e);
}

int bot_list(wc_arena *a, struct bot **bots, size_t *n, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, COLUMNS " ORDER BY name") < 0)
		return -1;
	*bots = wc_alloc(a, rows.n * sizeof **bots);
	*n    = rows.n;
	for (size_t i = 0; i < rows.n; i++)
		if (read_row(a, &rows, i, &(*bots)[i], e) < 0)
			return -1;
	return 0;
}

int bot_endpoints(wc_endpoint_list *list, const void *self, wc_err *e)
{
	wc_arena   *a = wc_arena_new();
	struct bot *b;
	size_t      n;
	int         rc = bot_list(a, &b, &n, e);

	(void)self;
	for (size_t i = 0; rc == 0 && i < n; i++)
		wc_endpoint_add(list, &(wc_endpoint){b[i].name, b[i].id, b[i].token, b[i].aes_key, b[i].receiveid,
		                                     .note = wc_printf(a, "%c%s", b[i].feedback ? '+' : '-', b[i].aibotid)});
	wc_arena_free(a);
	return rc;
}
