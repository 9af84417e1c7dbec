/* The later message: a response_url takes one call within an hour. It is claimed in the table before the call, so that nobody calls twice;
 * when the answer is lost it is uncertain, and stays so. */
#include "smartbot.h"

#include <string.h>

int reply_keep(wc_db *db, wc_arena *a, const char *key, const char *url, int64_t asked_ms, wc_err *e)
{
	wc_slice sealed = wc_seal(a, "smartbot_reply.url", (wc_slice){url, strlen(url)});

	/* A minute less than WeCom's hour: clocks differ, and the call takes time. */
	return wc_db_exec(db, e, "INSERT IGNORE INTO smartbot_reply (stream_id, url, expires_at) VALUES (?, ?, FROM_UNIXTIME(? / 1000))",
	                  wc_text(key), wc_bytes(sealed.p, sealed.n), wc_int(asked_ms + REPLY_MS - 60000)) < 0 ? -1 : 0;
}

int reply_state_of(wc_arena *a, const char *key, enum reply_state *state, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT IF(state = 0 AND expires_at <= NOW(3), -1, state) FROM smartbot_reply WHERE stream_id = ?", wc_text(key)) < 0)
		return -1;
	*state = rows.n ? (enum reply_state)wc_row_int(&rows, 0, 0) : REPLY_NONE;
	return 0;
}

/* *url is NULL when it is not ours to use. */
static int claim(wc_arena *a, const char *key, const char **url, wc_err *e)
{
	wc_rows  rows;
	wc_slice plain;
	int64_t  n;

	*url = NULL;
	if (wc_db_query(NULL, a, &rows, e, "SELECT url FROM smartbot_reply WHERE stream_id = ?", wc_text(key)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	if (wc_unseal(a, "smartbot_reply.url", (wc_slice){wc_row_cell(&rows, 0, 0).s, wc_row_cell(&rows, 0, 0).n}, &plain, e) < 0)
		return -1;
	n = wc_db_exec_once(e, "UPDATE smartbot_reply SET state = 1 WHERE stream_id = ? AND state = 0 AND expires_at > NOW(3)", wc_text(key));
	if (n > 0)
		*url = plain.p;
	return n < 0 ? -1 : 0;
}

static int settle(const char *key, enum reply_state state, const char *answer, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE smartbot_reply SET state = ?, answer = ? WHERE stream_id = ? AND state = 1",
	                  wc_int(state), wc_text(answer), wc_text(key)) < 0 ? -1 : 0;
}

/* What the call came to. errcode -1 is WeCom's "busy": it does not say whether the message was taken. */
static enum reply_state judge(wc_arena *a, int rc, const wc_http_reply *reply, const char **answer)
{
	wc_err        ignored;
	const json_t *body    = rc == 0 ? wc_json_parse(a, reply->body->s, reply->body->len, &ignored) : NULL;
	const json_t *errcode = json_object_get(body, "errcode");

	if (rc < 0) {
		*answer = reply->sent ? "no answer" : "not sent";
		return reply->sent ? REPLY_UNCERTAIN : REPLY_UNUSED;
	}
	*answer = json_is_integer(errcode) ? wc_printf(a, "errcode %lld", (long long)json_integer_value(errcode)) : wc_printf(a, "HTTP %ld", reply->status);
	if (json_is_integer(errcode))
		return !json_integer_value(errcode) ? REPLY_SENT : json_integer_value(errcode) == -1 ? REPLY_UNCERTAIN : REPLY_REFUSED;
	return reply->status >= 400 && reply->status < 500 ? REPLY_REFUSED : REPLY_UNCERTAIN;
}

int reply_send(wc_arena *a, const char *key, const char *markdown, enum reply_state *state, wc_err *e)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	const char              *body      = wc_json_text(a, wc_json(a, "{s:s, s:{s:s}}", "msgtype", "markdown", "markdown", "content", markdown));
	wc_http                  call      = {.headers = headers, .body = body, .body_len = strlen(body), .total_ms = 15000};
	wc_http_reply            reply;
	const char              *answer;
	wc_err                   why;

	if (claim(a, key, &call.url, e) < 0)
		return -1;
	if (!call.url)
		return reply_state_of(a, key, state, e);
	*state = judge(a, wc_http_do(a, &call, &reply, &why), &reply, &answer);
	wc_log(*state == REPLY_SENT ? WC_INFO : WC_WARN, "reply by response_url", wc_kv_s("stream", key), wc_kv_s("answer", answer));
	return settle(key, *state, answer, e);
}
