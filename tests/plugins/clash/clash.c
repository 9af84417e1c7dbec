/* A plugin with every fault that only shows beside others: its route is hello's, another names no role, it needs a plugin
 * that is not on, and its job has a foreign name. */
#include <wecomd/plugin.h>

struct clash {
	int64_t number;
};

static int serve(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply(rq, 200, "{}");
}

static int work(wc_job *job, const void *self, wc_err *e)
{
	(void)job;
	(void)self;
	(void)e;
	return 0;
}

WC_PLUGIN(clash, struct clash,
	.summary  = "Fits in nowhere",
	.needs    = WC_NEEDS("nobody"),
	.settings = WC_SETTINGS({WC_INT, "number", NULL, offsetof(struct clash, number), "a number that must be given"}),
	.routes   = WC_ROUTES(
		{WC_GET, "/api/hello/{who}", WC_VIEWER, serve, "Greets as hello does"},
		{WC_GET, "/api/clash", 0, serve, "Is for nobody"}),
	.jobs     = WC_JOBS({"other.work", work, "has the name of another plugin's job"}));
