/* plugins/hello/hello.c: greets by name. The smallest plugin. */
#include <wecomd/plugin.h>

struct hello {
	const char *greeting;
};

static int greet(wc_request *rq, const void *self)
{
	const struct hello *hello = self;

	return wc_reply(rq, 200, "{s:s+}", "text", hello->greeting, wc_path_param(rq, "name"));
}

WC_PLUGIN(hello, struct hello,
	.summary  = "Greets by name",
	.settings = WC_SETTINGS(
		{WC_STRING, "greeting", "你好, ", offsetof(struct hello, greeting), "what a greeting starts with", .runtime = true}),
	.routes   = WC_ROUTES(
		{WC_GET, "/api/hello/{name}", WC_VIEWER, greet, "Greets one person"}));
