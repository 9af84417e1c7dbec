/* A plugin for tests that count: each order becomes a job, which sends one app message through the ledger. What another run of the job has begun
 * is not begun again; what surely did not happen is tried again under the next key. */
#include <wecomd/plugin.h>

#include <stdlib.h>
#include <string.h>

struct notice {
	bool on;
};

struct order {
	const char *key, *to;
};

static int post_order(wc_request *rq, const void *self)
{
	const struct order *o    = wc_body(rq);
	const json_t       *args = wc_json(wc_request_arena(rq), "{s:s}", "to", o->to);
	wc_err              e;
	int                 added = wc_job_add(NULL, &(wc_job_spec){.kind = "notice.send", .key = o->key, .args = args}, &e);

	(void)self;
	return added < 0 ? wc_reply_err(rq, &e) : wc_reply(rq, 202, "{s:b}", "new", added);
}

/* *happened: 1 done or perhaps done, 0 surely not. */
static int send(wc_job *job, const char *key, bool *happened, wc_err *e)
{
	static const wc_outcome outcomes[] = {[WC_ANSWER_OK] = WC_OUT_DONE, [WC_ANSWER_RETRY] = WC_OUT_FAILED, [WC_ANSWER_RATE_LIMITED] = WC_OUT_FAILED,
	                                      [WC_ANSWER_PERMANENT] = WC_OUT_FAILED, [WC_ANSWER_UNCERTAIN] = WC_OUT_UNCERTAIN};
	wc_arena     *a    = wc_job_arena(job);
	const char   *to   = wc_json_str(wc_job_args(job), "to");
	const json_t *body = wc_json(a, "{s:s, s:s, s:I, s:{s:s}}", "touser", to, "msgtype", "text", "agentid", (json_int_t)wc_wecom_agent("app"),
	                             "text", "content", wc_job_key(job));
	wc_answer     answer;

	if (wc_wecom_call(a, "app", "message.send", body, &answer, e) < 0) {
		*happened = false;
		return wc_outbound_end(key, WC_OUT_FAILED, "not called", e);
	}
	*happened = answer.class == WC_ANSWER_OK || answer.class == WC_ANSWER_UNCERTAIN;
	return wc_outbound_end(key, outcomes[answer.class], wc_printf(a, "errcode %lld", (long long)answer.errcode), e);
}

static int run_send(wc_job *job, const void *self, wc_err *e)
{
	(void)self;
	for (int i = 1; i <= 50; i++) {
		const char *key = wc_printf(wc_job_arena(job), "%s.%d", wc_job_key(job), i);
		wc_outcome  before;
		bool        happened;
		int         is_new = wc_outbound_begin(&(wc_outbound){key, "notice.send", wc_json_str(wc_job_args(job), "to"), NULL}, &before, e);

		if (is_new < 0)
			return -1;
		if (!is_new && before == WC_OUT_FAILED)
			continue;
		if (!is_new)
			return before == WC_OUT_INTENT ? wc_fail(e, WC_E_REMOTE, "another run may be at it") : 0;
		if (send(job, key, &happened, e) < 0)
			return -1;
		return happened ? 0 : wc_fail(e, WC_E_REMOTE, "it was not sent");
	}
	return wc_fail(e, WC_E_REFUSED, "50 times in vain");
}

static const wc_field fields[] = {
	{WC_STRING, "key", NULL, offsetof(struct order, key), "one order for ever", .min = 1, .max = 32},
	{WC_STRING, "to", NULL, offsetof(struct order, to), "a member", .min = 1, .max = 64},
	{0}};

WC_PLUGIN(notice, struct notice,
	.summary  = "Sends app messages through the ledger",
	.settings = WC_SETTINGS({WC_BOOL, "on", "on", offsetof(struct notice, on), "nothing"}),
	.routes   = WC_ROUTES({WC_POST, "/api/notice/orders", WC_ANYONE, post_order, "Orders a message", fields, sizeof(struct order)}),
	.jobs     = WC_JOBS({"notice.send", run_send, "sends a message once", .attempts = 1000}));
