/* A plugin for tests of the outbound ledger: routes that begin and end actions, a job that dies between, and a reconciler that says what
 * the action's details tell it. */
#include <wecomd/plugin.h>

#include <stdlib.h>
#include <string.h>

struct ledger {
	bool on;
};

struct action {
	const char *key, *truth, *outcome, *answer;
};

static const char *const outcomes[] = {"intent", "done", "failed", "uncertain"};

static wc_outcome outcome_from(const char *word)
{
	for (int i = 0; i < 4; i++)
		if (!strcmp(outcomes[i], word))
			return (wc_outcome)i;
	return WC_OUT_UNCERTAIN;
}

static int begin(wc_arena *a, const char *key, const char *truth, wc_outcome *before, wc_err *e)
{
	return wc_outbound_begin(&(wc_outbound){key, "ledger.send", "someone", wc_json(a, "{s:s}", "truth", truth)}, before, e);
}

static int post_begin(wc_request *rq, const void *self)
{
	const struct action *x = wc_body(rq);
	wc_outcome           before;
	wc_err               e;
	int                  is_new = begin(wc_request_arena(rq), x->key, x->truth, &before, &e);

	(void)self;
	return is_new < 0 ? wc_reply_err(rq, &e) : wc_reply(rq, 200, "{s:b, s:s}", "new", is_new, "before", outcomes[before]);
}

static int post_end(wc_request *rq, const void *self)
{
	const struct action *x = wc_body(rq);
	wc_err               e;

	(void)self;
	if (wc_outbound_end(x->key, outcome_from(x->outcome), x->answer, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{}");
}

static int post_die(wc_request *rq, const void *self)
{
	const struct action *x = wc_body(rq);
	wc_err               e;

	(void)self;
	if (wc_job_add(NULL, &(wc_job_spec){.kind = "ledger.die", .key = x->key, .args = wc_json(wc_request_arena(rq), "{}")}, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 202, "{}");
}

static int run_die(wc_job *job, const void *self, wc_err *e)
{
	wc_outcome before;

	(void)self;
	if (begin(wc_job_arena(job), wc_job_key(job), "uncertain", &before, e) < 0)
		return -1;
	abort();
}

static int reconcile(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e)
{
	const char *truth = wc_json_str(details, "truth");

	(void)a;
	(void)key;
	(void)self;
	if (!strcmp(truth, "error"))
		return wc_fail(e, WC_E_REMOTE, "the other side does not answer");
	*outcome = outcome_from(truth);
	return 0;
}

#define OF(member) offsetof(struct action, member)

static const wc_field fields[] = {
	{WC_STRING, "key", NULL, OF(key), "the action's key"},
	{WC_STRING, "truth", "uncertain", OF(truth), "what the reconciler will say"},
	{WC_STRING, "outcome", "done", OF(outcome), "what end writes"},
	{WC_STRING, "answer", "", OF(answer), "the other side's code"},
	{0}};

WC_PLUGIN(ledger, struct ledger,
	.summary     = "Drives the outbound ledger",
	.settings    = WC_SETTINGS({WC_BOOL, "on", "on", offsetof(struct ledger, on), "nothing"}),
	.routes      = WC_ROUTES(
		{WC_POST, "/api/ledger/begin", WC_ANYONE, post_begin, "Writes an intent", fields, sizeof(struct action)},
		{WC_POST, "/api/ledger/end", WC_ANYONE, post_end, "Writes an outcome", fields, sizeof(struct action)},
		{WC_POST, "/api/ledger/die", WC_ANYONE, post_die, "Dies between the two", fields, sizeof(struct action)}),
	.jobs        = WC_JOBS({"ledger.die", run_die, "dies behind its intent", .attempts = 1}),
	.reconcilers = WC_RECONCILERS({"ledger.send", reconcile}));
