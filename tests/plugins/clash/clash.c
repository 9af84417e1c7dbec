/* A plugin with every fault that only shows beside others: its route is hello's, another names no role, it needs a plugin
 * that is not on, its job has a foreign name, and its tools have a fault each. */
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

static json_t *tool(const wc_tool_call *call, const void *self, wc_err *e)
{
	(void)self;
	(void)e;
	return wc_json(call->arena, "{}");
}

WC_PLUGIN(clash, struct clash,
	.summary  = "Fits in nowhere",
	.needs    = WC_NEEDS("nobody"),
	.settings = WC_SETTINGS({WC_INT, "number", NULL, offsetof(struct clash, number), "a number that must be given"}),
	.routes   = WC_ROUTES(
		{WC_GET, "/api/hello/{who}", WC_VIEWER, serve, "Greets as hello does"},
		{WC_GET, "/api/clash", 0, serve, "Is for nobody"}),
	.tools    = WC_TOOLS(
		{"hello_greet", WC_VIEWER, WC_READS, tool, "has the name of hello's"},
		{"clash_Loud", WC_VIEWER, WC_READS, tool, "is written in capitals"},
		{"clash_roleless", 0, WC_READS, tool, "is for nobody"},
		{"clash_anyone", WC_ANYONE, WC_READS, tool, "is for anyone"},
		{"clash_idle", WC_VIEWER, 0, tool, "does not say what it does"},
		{"clash_empty", WC_VIEWER, WC_READS, NULL, "does nothing"},
		{"clash_small", WC_VIEWER, WC_READS, tool, "has no room for its argument",
		 WC_FIELDS({WC_INT, "number", "1", offsetof(struct clash, number), "a number"})}),
	.jobs     = WC_JOBS({"other.work", work, "has the name of another plugin's job"}));
