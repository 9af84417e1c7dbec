/* What the API needs for itself: its own description, and the end of answers that were kept for repeats. */
#include "web/web.h"

#include <wecomd/plugin.h>

#define BATCH 1000      /* rows in one transaction: short locks */

static int describe(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply_json(rq, 200, openapi_document(wc_request_arena(rq), web_routes()));
}

static int forget_answers(wc_job *job, const void *self, wc_err *e)
{
	int64_t n;

	(void)self;
	do {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "stopped between two batches");
		n = wc_db_exec(NULL, e, "DELETE FROM idempotency WHERE expires_at <= CURRENT_TIMESTAMP(3) LIMIT ?", wc_int(BATCH));
	} while (n == BATCH);
	return n < 0 ? -1 : 0;
}

WC_PART(api_part, "api",
	.summary = "the description of the API",
	.routes  = WC_ROUTES(
		{WC_GET, "/api/openapi.json", WC_VIEWER, describe, "This description of the API, as OpenAPI 3.1"}),
	.jobs    = WC_JOBS({"api.forget-answers", forget_answers, "Deletes answers that were kept for repeats, after their day"}),
	.timers  = WC_TIMERS({"api.forget-answers", "17 * * * *", NULL, "api.forget-answers", "answers kept for repeats end after a day"}),
	.sealed  = WC_SEALED("idempotency.answer"));
