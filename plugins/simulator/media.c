/* Media: links, and the ciphertext behind them. */
#include "media.h"

#include "bot.h"
#include "chat.h"

#include <stdlib.h>
#include <string.h>

#define LINK_LIFE_MS (5 * 60 * 1000)

int media_link(const struct simulator *sim, wc_arena *a, const char *bot, const char *msgid, const char *purpose, int64_t message,
               const char **url, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	const char   *id;

	wc_keyed_hash(hash, "simulator.media", msgid, purpose, NULL);
	id   = wc_hex(a, hash, sizeof hash);
	*url = wc_printf(a, "%s/sim/media/%s", sim->callback_base, id);
	return wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_link (id, message, bot, until_ms) VALUES (?, ?, ?, ?)", wc_text(id),
	                  wc_int(message), wc_text(bot), wc_int(wc_now_ms() + LINK_LIFE_MS)) < 0 ? -1 : 0;
}

/* RFC 6266: the name in ASCII for old readers, and as it is. */
static const char *disposition(wc_arena *a, const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	wc_buf           *ascii = wc_buf_new(a, 256), *whole = wc_buf_new(a, 3 * 256);

	for (const char *c = name; *c; c++) {
		wc_buf_add(ascii, strchr(plain, *c) ? c : "_", 1);
		if (strchr(plain, *c))
			wc_buf_add(whole, c, 1);
		else
			wc_buf_addf(whole, "%%%02X", (unsigned char)*c);
	}
	return wc_printf(a, "attachment; filename=\"%s\"; filename*=UTF-8''%s", ascii->s, whole->s);
}

int media_serve(wc_request *rq, const void *self)
{
	wc_arena   *a = wc_request_arena(rq);
	wc_rows     rows;
	struct bot  bot;
	wc_envelope envelope;
	wc_cell     cell;
	wc_err      e;

	if (wc_db_query(NULL, a, &rows, &e, "SELECT l.bot, l.until_ms, m.bytes, m.name FROM simulator_link l JOIN simulator_media m ON m.message = l.message"
	                                    " WHERE l.id = ?", wc_text(wc_path_param(rq, "id"))) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such file");
	if (wc_row_int(&rows, 0, 1) < wc_now_ms())
		return wc_problem(rq, 410, "expired", "the URL was good for five minutes");
	if (bot_load(self, a, wc_row_text(&rows, 0, 0), &bot, &e) < 0 || wc_envelope_init(&envelope, bot.token, bot.aes_key, "", &e) < 0)
		return wc_reply_err(rq, &e);
	cell = wc_row_cell(&rows, 0, 2);
	if (*wc_row_text(&rows, 0, 3))
		wc_reply_header(rq, "Content-Disposition", disposition(a, wc_row_text(&rows, 0, 3)));
	return wc_reply_bytes(rq, 200, "application/octet-stream", wc_media_close(&envelope, a, (wc_slice){cell.s, cell.n}));
}

int media_show(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_cell   cell;
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, "SELECT name, bytes FROM simulator_media WHERE message = ?",
	                wc_int(strtoll(wc_path_param(rq, "message"), NULL, 10))) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such file");
	cell = wc_row_cell(&rows, 0, 1);
	return wc_reply(rq, 200, "{s:s, s:s}", "name", wc_row_text(&rows, 0, 0), "base64", wc_base64(a, (wc_slice){cell.s, cell.n}).p);
}

int media_picture(wc_request *rq, const void *self)
{
	int64_t  message = strtoll(wc_path_param(rq, "message"), NULL, 10), no = strtoll(wc_path_param(rq, "no"), NULL, 10);
	wc_slice bytes;
	wc_err   e;

	(void)self;
	if (chat_picture(wc_request_arena(rq), message, no, &bytes, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_bytes(rq, 200, *bytes.p == '\x89' ? "image/png" : "image/jpeg", bytes);
}
