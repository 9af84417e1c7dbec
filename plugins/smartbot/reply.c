/* The later message: a response_url takes one call within an hour. The call stands in the ledger, an intent before it and what it came to
 * behind it; one whose answer was lost is uncertain and is never repeated, for nobody can be asked about it. A call that certainly never
 * left is failed there, and the next one has the next number in its key. */
#include "smartbot.h"

#include <string.h>

int reply_keep(wc_db *db, wc_arena *a, const char *key, const char *url, int64_t asked_ms, wc_err *e)
{
	wc_slice sealed = wc_seal(a, "smartbot_reply.url", (wc_slice){url, strlen(url)});

	/* A minute less than WeCom's hour: clocks differ, and the call takes time. */
	return wc_db_exec(db, e, "INSERT IGNORE INTO smartbot_reply (stream_id, url, expires_at) VALUES (?, ?, FROM_UNIXTIME(? / 1000))",
	                  wc_text(key), wc_bytes(sealed.p, sealed.n), wc_int(asked_ms + REPLY_MS - 60000)) < 0 ? -1 : 0;
}

/* --- where it stands ------------------------------------------------------------------------------------------------- */

struct row {
	bool             there, expired;
	enum reply_state settled;     /* by the table, from before the ledger; REPLY_UNUSED: the ledger says */
	int64_t          calls;
	wc_cell          url;
};

static int load(wc_arena *a, const char *key, struct row *row, wc_err *e)
{
	wc_rows rows;

	*row = (struct row){0};
	if (wc_db_query(NULL, a, &rows, e, "SELECT state, calls, expires_at <= NOW(3), url FROM smartbot_reply WHERE stream_id = ?", wc_text(key)) < 0)
		return -1;
	if (rows.n)
		*row = (struct row){true, wc_row_int(&rows, 0, 2), (enum reply_state)wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), wc_row_cell(&rows, 0, 3)};
	return 0;
}

static const char *ledger_key(wc_arena *a, const char *key, const struct row *row)
{
	return wc_printf(a, "smartbot.reply/%s/%lld", key, (long long)row->calls);
}

static enum reply_state state_from(wc_outcome outcome)
{
	static const enum reply_state states[] = {
		[WC_OUT_INTENT] = REPLY_BEGUN, [WC_OUT_DONE] = REPLY_SENT, [WC_OUT_FAILED] = REPLY_REFUSED, [WC_OUT_UNCERTAIN] = REPLY_UNCERTAIN};

	return states[outcome];
}

static int state_of(wc_arena *a, const char *key, const struct row *row, enum reply_state *state, wc_err *e)
{
	wc_outcome outcome = WC_OUT_INTENT;
	int        found   = row->there && row->settled == REPLY_UNUSED ? wc_outbound_look(ledger_key(a, key, row), &outcome, e) : 0;

	if (found < 0)
		return -1;
	*state = found ? state_from(outcome) : row->settled != REPLY_UNUSED ? row->settled : !row->there || row->expired ? REPLY_NONE : REPLY_UNUSED;
	return 0;
}

int reply_state_of(wc_arena *a, const char *key, enum reply_state *state, wc_err *e)
{
	struct row row;

	return load(a, key, &row, e) < 0 ? -1 : state_of(a, key, &row, state, e);
}

/* --- the call -------------------------------------------------------------------------------------------------------- */

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

/* The number of the next call is written first: a process that dies behind it leaves an intent of which the reconciler knows. */
static int settle(const char *key, const char *in_ledger, enum reply_state state, const char *answer, wc_err *e)
{
	wc_outcome outcome = state == REPLY_SENT ? WC_OUT_DONE : state == REPLY_UNCERTAIN ? WC_OUT_UNCERTAIN : WC_OUT_FAILED;

	if (state == REPLY_UNUSED && wc_db_exec_once(e, "UPDATE smartbot_reply SET calls = calls + 1 WHERE stream_id = ?", wc_text(key)) < 0)
		return -1;
	return wc_outbound_end(in_ledger, outcome, answer, e);
}

static int call(wc_arena *a, const char *key, const char *in_ledger, const char *url, const json_t *message, enum reply_state *state, wc_err *e)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	static const char *const results[] = {
		[REPLY_UNUSED] = "unsent", [REPLY_SENT] = "sent", [REPLY_REFUSED] = "refused", [REPLY_UNCERTAIN] = "uncertain"};
	const char              *body      = wc_json_text(a, message), *answer;
	wc_http                  http      = {.url = url, .headers = headers, .body = body, .body_len = strlen(body), .total_ms = 15000};
	wc_http_reply            reply;
	wc_err                   why;

	*state = judge(a, wc_http_do(a, &http, &reply, &why), &reply, &answer);
	wc_count("wecomd_smartbot_replies_total", 1, results[*state], NULL);
	wc_log(*state == REPLY_SENT ? WC_INFO : WC_WARN, "reply by response_url", wc_kv_s("stream", key), wc_kv_s("answer", answer));
	return settle(key, in_ledger, *state, answer, e);
}

int reply_send(wc_arena *a, const char *key, const char *to, const json_t *message, enum reply_state *state, wc_err *e)
{
	struct row  row;
	const char *in_ledger;
	wc_slice    url;
	wc_outcome  before;
	int         is_new;

	if (load(a, key, &row, e) < 0 || state_of(a, key, &row, state, e) < 0)
		return -1;
	if (*state != REPLY_UNUSED)
		return 0;
	if (wc_unseal(a, "smartbot_reply.url", (wc_slice){row.url.s, row.url.n}, &url, e) < 0)
		return -1;
	in_ledger = ledger_key(a, key, &row);
	is_new    = wc_outbound_begin(&(wc_outbound){in_ledger, "smartbot.reply", to, wc_json(a, "{s:s, s:I}", "stream", key, "call", (json_int_t)row.calls)},
	                              &before, e);
	if (is_new < 0)
		return -1;
	*state = state_from(before);
	return is_new ? call(a, key, in_ledger, url.p, message, state, e) : 0;
}

const json_t *reply_markdown(wc_arena *a, const char *text)
{
	return wc_json(a, "{s:s, s:{s:s}}", "msgtype", "markdown", "markdown", "content", text);
}

int reply_reconcile(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e)
{
	struct row row;

	(void)key;
	(void)self;
	if (load(a, wc_json_str(details, "stream"), &row, e) < 0)
		return -1;
	*outcome = row.there && row.calls > json_integer_value(json_object_get(details, "call")) ? WC_OUT_FAILED : WC_OUT_UNCERTAIN;
	return 0;
}
