/* Messages by a code: welcome, entry into the pool, the end. They cost none of the five. A code is good once and for a short time, so such a message is
 * tried within seconds or not at all; after a lost answer once more, with the same msgid and the same code. */
#include "kf.h"

#include <string.h>

#define CALLS_MAX 3

static const char *msgid_of(wc_arena *a, const struct account *acc, const char *key)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "kf.code", acc->salt, key, NULL);
	return wc_printf(a, "%s-c%s", acc->salt, wc_hex(a, hash, 10));
}

/* *lost: an earlier call may have been taken. */
static wc_outcome call(wc_arena *a, const struct account *acc, const json_t *body, int64_t *errcode, bool *lost, int64_t *pause_ms)
{
	wc_answer answer;
	wc_err    why;

	*errcode  = -2;
	*pause_ms = 200;
	if (wc_wecom_call(a, acc->secret, "kf.send_msg_on_event", body, &answer, &why) < 0)
		return WC_OUT_INTENT;
	*errcode = answer.errcode;
	if (answer.class == WC_ANSWER_OK)
		return WC_OUT_DONE;
	if (answer.class == WC_ANSWER_PERMANENT)
		return *lost && !is_of_account(answer.errcode) ? WC_OUT_DONE : WC_OUT_FAILED;     /* a code that was used: by the call before */
	*lost    |= answer.class == WC_ANSWER_UNCERTAIN;
	*pause_ms = answer.retry_ms > 200 ? answer.retry_ms : 200;
	return WC_OUT_INTENT;
}

static wc_outcome try(wc_arena *a, const struct account *acc, const json_t *body, int64_t *errcode)
{
	bool       lost = false;
	wc_outcome outcome;
	int64_t    pause_ms;

	for (int calls = 1; (outcome = call(a, acc, body, errcode, &lost, &pause_ms)) == WC_OUT_INTENT; calls++) {
		if (calls == CALLS_MAX || pause_ms > 4000)
			return lost ? WC_OUT_UNCERTAIN : WC_OUT_FAILED;
		wc_sleep_ms(pause_ms);
	}
	return outcome;
}

int send_code(wc_arena *a, const struct account *acc, const char *peer, const char *key, const char *code, const json_t *message, wc_err *e)
{
	const char *in_ledger = wc_printf(a, "kf.code/%s", key);
	wc_outbound out       = {in_ledger, "kf.code", peer, wc_json(a, "{s:s}", "account", acc->open_kfid)};
	wc_outcome  before, outcome;
	json_t     *body   = wc_json(a, "{s:s, s:s}", "code", code, "msgid", msgid_of(a, acc, key));
	int         is_new = wc_outbound_begin(&out, &before, e);
	int64_t     errcode;

	if (is_new <= 0)
		return is_new < 0 ? -1 : before == WC_OUT_DONE;
	json_object_update(body, (json_t *)message);
	outcome = try(a, acc, body, &errcode);
	wc_count("wecomd_kf_codes_total", 1, outcome == WC_OUT_DONE ? "accepted" : outcome == WC_OUT_FAILED ? "refused" : "uncertain", NULL);
	if (wc_outbound_end(in_ledger, outcome, wc_printf(a, "errcode %lld", (long long)errcode), e) < 0)
		return -1;
	return outcome == WC_OUT_DONE;
}

/* Nobody can be asked, and the code is used or over. */
int code_reconcile(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e)
{
	(void)a, (void)key, (void)details, (void)self, (void)e;
	*outcome = WC_OUT_UNCERTAIN;
	return 0;
}

/* --- the welcome -------------------------------------------------------------------------------------------------------------------- */

const char *welcome_key(wc_arena *a, const struct account *acc, const char *msgid)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "kf.welcome", acc->open_kfid, msgid, NULL);
	return wc_printf(a, "welcome/%s", wc_hex(a, hash, 16));
}

int welcome_send(wc_arena *a, const struct account *acc, const char *peer, const char *msgid, const char *code, wc_err *e)
{
	return send_code(a, acc, peer, welcome_key(a, acc, msgid), code, text_body(a, plain_text(a, acc->s.welcome)), e);
}

/* For a process that died between the page and its welcomes: the ledger says whether it was tried. */
int welcome_run(wc_job *job, const void *self, wc_err *e)
{
	wc_arena      *a    = wc_job_arena(job);
	const json_t  *args = wc_job_args(job);
	struct account acc;

	(void)self;
	if (wc_now_ms() - wc_job_created_ms(job) > WELCOME_MS)
		return 0;
	if (account_find(a, wc_json_str(args, "account"), &acc, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;
	return welcome_send(a, &acc, wc_json_str(args, "peer"), wc_json_str(args, "msgid"), wc_json_str(args, "code"), e) < 0 ? -1 : 0;
}

/* --- the end of a servicer's session -------------------------------------------------------------------------------------------------- */

int farewell_run(wc_job *job, const void *self, wc_err *e)
{
	wc_arena      *a    = wc_job_arena(job);
	const json_t  *args = wc_job_args(job);
	struct account acc;
	struct session s;
	const json_t  *body;

	(void)self;
	if (wc_now_ms() - wc_job_created_ms(job) > WELCOME_MS)
		return 0;
	if (account_find(a, wc_json_str(args, "account"), &acc, e) < 0 || session_load(a, json_integer_value(json_object_get(args, "session")), &s, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;
	body = acc.s.rating ? rating_body(a, &acc.s, s.turn_no) : *acc.s.end ? text_body(a, acc.s.end) : NULL;
	if (!body)
		return 0;
	return send_code(a, &acc, wc_json_str(args, "peer"), wc_printf(a, "farewell/%lld/%lld", (long long)s.id, (long long)wc_job_created_ms(job)),
	                 wc_json_str(args, "code"), body, e) < 0 ? -1 : 0;
}
