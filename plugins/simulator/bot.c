/* Bots: seeding them from the configuration, finding them again. Token and key are sealed in the table. */
#include "bot.h"

#include <string.h>

#define ABOUT_TOKEN "simulator_bot.token"
#define ABOUT_KEY   "simulator_bot.aes_key"

static wc_val sealed(wc_arena *a, const char *about, const char *secret)
{
	wc_slice box = wc_seal(a, about, (wc_slice){secret, strlen(secret)});

	return wc_bytes(box.p, box.n);
}

static int write_row(wc_arena *a, const char *name, const struct bot_section *s, const char *seed_hash, wc_err *e)
{
	return wc_db_exec(NULL, e,
	                  "INSERT INTO simulator_bot (name, bot_name, aibotid, callback, token, aes_key, seed_hash)"
	                  " VALUES (?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE bot_name = VALUES(bot_name),"
	                  " aibotid = VALUES(aibotid), callback = VALUES(callback), token = VALUES(token),"
	                  " aes_key = VALUES(aes_key), seed_hash = VALUES(seed_hash)",
	                  wc_text(name), wc_text(s->bot_name), wc_text(s->aibotid), wc_text(s->callback),
	                  sealed(a, ABOUT_TOKEN, s->token), sealed(a, ABOUT_KEY, s->aes_key), wc_text(seed_hash)) < 0 ? -1 : 0;
}

int bot_seed(const char *name, const void *instance, const char *seed_hash, const void *self, wc_err *e)
{
	const struct bot_section *s = instance;
	wc_arena                 *a = wc_arena_new();
	wc_envelope               envelope;
	wc_rows                   rows;
	int                       rc = -1;

	(void)self;
	if (wc_envelope_init(&envelope, s->token, s->aes_key, "", e) < 0)
		goto out;
	if (wc_db_query(NULL, a, &rows, e, "SELECT seed_hash FROM simulator_bot WHERE name = ?", wc_text(name)) < 0)
		goto out;
	rc = rows.n && !strcmp(wc_row_text(&rows, 0, 0), seed_hash) ? 0 : write_row(a, name, s, seed_hash, e);
out:
	wc_arena_free(a);
	return rc;
}

/* The callback may be left out, be a path behind callback_base, or a whole URL. */
static const char *callback_url(const struct simulator *sim, wc_arena *a, const char *name, const char *callback)
{
	if (!*callback)
		return wc_printf(a, "%s/wecom/callback/%s", sim->callback_base, name);
	return *callback == '/' ? wc_printf(a, "%s%s", sim->callback_base, callback) : callback;
}

static int unseal(wc_arena *a, const char *about, wc_cell cell, const char **secret, wc_err *e)
{
	wc_slice plain;

	if (wc_unseal(a, about, (wc_slice){cell.s, cell.n}, &plain, e) < 0)
		return wc_wrap(e, "%s", about);
	*secret = wc_strndup(a, plain.p, plain.n);
	return 0;
}

int bot_load(const struct simulator *sim, wc_arena *a, const char *name, struct bot *bot, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT name, bot_name, aibotid, callback, token, aes_key FROM simulator_bot"
	                                   " WHERE name = ?", wc_text(name)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no bot of that name");
	*bot = (struct bot){
		.name     = wc_row_text(&rows, 0, 0),
		.bot_name = wc_row_text(&rows, 0, 1),
		.aibotid  = wc_row_text(&rows, 0, 2)};
	bot->url = callback_url(sim, a, bot->name, wc_row_text(&rows, 0, 3));
	if (unseal(a, ABOUT_TOKEN, wc_row_cell(&rows, 0, 4), &bot->token, e) < 0 ||
	    unseal(a, ABOUT_KEY, wc_row_cell(&rows, 0, 5), &bot->aes_key, e) < 0)
		return -1;
	return 0;
}

int bot_title(wc_arena *a, const char *name, const char **title, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT bot_name FROM simulator_bot WHERE name = ?", wc_text(name)) < 0)
		return -1;
	*title = rows.n ? wc_row_text(&rows, 0, 0) : NULL;
	return 0;
}

int bot_list(wc_arena *a, json_t **list, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT name, bot_name FROM simulator_bot ORDER BY name") < 0)
		return -1;
	*list = wc_json(a, "[]");
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(*list, json_pack("{s:s, s:s}", "id", wc_row_text(&rows, i, 0),
		                                       "name", wc_row_text(&rows, i, 1)));
	return 0;
}
