/* Bots: one row each, with its secrets sealed. */
#include "smartbot.h"

#include <string.h>

const wc_field bot_fields[] = {
	{WC_SECRET, "token", NULL, offsetof(struct bot, token), "Token of the bot's callback", .min = 1, .max = 32},
	{WC_SECRET, "aes_key", NULL, offsetof(struct bot, aes_key), "EncodingAESKey of the bot's callback, 43 characters", .min = 43, .max = 43},
	{WC_STRING, "aibotid", "", offsetof(struct bot, aibotid), "the bot's id; empty: not checked", .max = 128},
	{WC_STRING, "receiveid", "", offsetof(struct bot, receiveid), "empty for a bot of one's own company", .max = 128},
	{WC_STRING, "model", "default", offsetof(struct bot, model), "which [model:NAME] answers", .max = 64},
	{WC_STRING, "prompt", "你是公司内部的助手,用简洁、友好的中文回答同事的问题。不知道的就说不知道。", offsetof(struct bot, prompt), "what the model is told about its role", .max = 16000},
	{0}};

int bot_check(const char *name, const void *data, wc_err *e)
{
	const struct bot *bot = data;
	wc_envelope       envelope;

	if (!*name || strlen(name) > 64 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(name))
		return wc_fail(e, WC_E_CONFIG, "a bot's name has 1 to 64 letters, digits, '_' and '-': it is part of the callback URL");
	if (!wc_model_exists(bot->model))
		return wc_fail(e, WC_E_CONFIG, "model: there is no section [model:%s]", bot->model);
	return wc_envelope_init(&envelope, bot->token, bot->aes_key, bot->receiveid, e);
}

static wc_val sealed(wc_arena *a, const char *about, const char *text)
{
	wc_slice s = wc_seal(a, about, (wc_slice){text, strlen(text)});

	return wc_bytes(s.p, s.n);
}

struct seeding {
	const char       *name, *hash;
	const struct bot *bot;
};

static int seed(wc_db *db, void *arg, wc_err *e)
{
	const struct seeding *s = arg;
	const struct bot     *b = s->bot;
	wc_arena             *a = wc_arena_new();
	wc_rows               rows;
	int                   rc = wc_db_query(db, a, &rows, e, "SELECT seed_hash FROM smartbot_bot WHERE name = ? FOR UPDATE", wc_text(s->name));

	if (rc == 0 && (!rows.n || strcmp(wc_row_text(&rows, 0, 0), s->hash)))
		rc = wc_db_exec(db, e,
		                "INSERT INTO smartbot_bot (name, aibotid, receiveid, token, aes_key, model, prompt, seed_hash)"
		                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE aibotid = VALUES(aibotid),"
		                " receiveid = VALUES(receiveid), token = VALUES(token), aes_key = VALUES(aes_key), model = VALUES(model),"
		                " prompt = VALUES(prompt), seed_hash = VALUES(seed_hash)",
		                wc_text(s->name), wc_text(b->aibotid), wc_text(b->receiveid), sealed(a, "smartbot_bot.token", b->token),
		                sealed(a, "smartbot_bot.aes_key", b->aes_key), wc_text(b->model), wc_text(b->prompt), wc_text(s->hash)) < 0
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

#define COLUMNS "SELECT id, name, aibotid, receiveid, token, aes_key, model, prompt FROM smartbot_bot"

static int read_row(wc_arena *a, const wc_rows *rows, size_t i, struct bot *b, wc_err *e)
{
	*b = (struct bot){.id = wc_row_int(rows, i, 0), .name = wc_row_text(rows, i, 1), .aibotid = wc_row_text(rows, i, 2),
	                  .receiveid = wc_row_text(rows, i, 3), .model = wc_row_text(rows, i, 6), .prompt = wc_row_text(rows, i, 7)};
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

int bot_endpoints(wc_endpoint_list *list, const void *self, wc_err *e)
{
	wc_arena  *a = wc_arena_new();
	wc_rows    rows;
	struct bot b;
	int        rc = wc_db_query(NULL, a, &rows, e, COLUMNS);

	(void)self;
	for (size_t i = 0; rc == 0 && i < rows.n; i++)
		if ((rc = read_row(a, &rows, i, &b, e)) == 0)
			wc_endpoint_add(list, &(wc_endpoint){b.name, b.id, b.token, b.aes_key, b.receiveid, .note = b.aibotid});
	wc_arena_free(a);
	return rc;
}
