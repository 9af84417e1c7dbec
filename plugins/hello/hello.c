/* plugins/hello/hello.c: greets by name. The smallest plugin. */
#include <wecomd/plugin.h>

struct hello { const char *greeting; };
struct person { const char *name; };

static int greet(wc_request *rq, const void *self)
{
	const struct hello *hello = self;

	return wc_reply(rq, 200, "{s:s+}", "text", hello->greeting, wc_path_param(rq, "name"));
}

static json_t *greet_tool(const wc_tool_call *call, const void *self, wc_err *e)
{
	(void)e;
	return wc_json(call->arena, "{s:s+}", "text", ((const struct hello *)self)->greeting, ((const struct person *)call->args)->name);
}

WC_PLUGIN(hello, struct hello,
	.summary  = "Greets by name",
	.settings = WC_SETTINGS(
		{WC_STRING, "greeting", "你好, ", offsetof(struct hello, greeting), "what a greeting starts with", .runtime = true}),
	.routes   = WC_ROUTES(
		{WC_GET, "/api/hello/{name}", WC_VIEWER, greet, "Greets one person"}),
	.tools    = WC_TOOLS(
		{"hello_greet", WC_VIEWER, WC_READS, greet_tool, "Greets one person",
		 WC_FIELDS({WC_STRING, "name", NULL, offsetof(struct person, name), "whom to greet", .min = 1}), sizeof(struct person)}));
