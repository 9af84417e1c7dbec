/* GET /health: the process answers. GET /ready: it can do its work. */
#include "host/program.h"

static int health(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply(rq, 200, "{s:s}", "status", "ok");
}

static int ready(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	if (db_ping(&e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:s}", "status", "ready");
}

WC_PART(host_part, "host",
	.summary = "the state of the process",
	.routes  = WC_ROUTES(
		{WC_GET, "/health", WC_ANYONE, health, "Whether the process answers"},
		{WC_GET, "/ready", WC_ANYONE, ready, "Whether the database answers too"}));
