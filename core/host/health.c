/* The host's own table: whether the process answers, whether the whole can work, what it counts, and settings. */
#include "host/beat.h"
#include "host/program.h"
#include "host/settings.h"

#include <wecomd/log.h>

static int health(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply(rq, 200, "{s:s}", "status", "ok");
}

struct state {
	bool   ok;
	wc_err e;
};

static const char *word(const struct state *s)
{
	return s->ok ? "ok" : "failed";
}

/* The reasons are for the log; who asks without a key learns which part it is. */
static void tell(const char *part, const struct state *s)
{
	if (!s->ok)
		wc_log(WC_WARN, "not ready", wc_kv_s("part", part), wc_kv_s("why", s->e.text));
}

static struct state check_workers(void)
{
	struct state s = {.ok = false};
	int64_t      n = beat_workers(&s.e);

	if (n == 0)
		wc_fail(&s.e, WC_E_DB, "no worker of any node has given a sign of life lately");
	s.ok = n > 0;
	return s;
}

int ready_route(wc_request *rq, const void *self)
{
	struct state database = {.ok = false}, schema = {.ok = false}, workers = {.ok = false};
	bool         all;

	(void)self;
	database.ok = db_ping(&database.e) == 0;
	if (database.ok) {
		schema.ok = db_serves_schema(&schema.e) == 0;
		workers   = check_workers();
		tell("schema", &schema);
		tell("workers", &workers);
	}
	all = database.ok && schema.ok && workers.ok;
	tell("database", &database);
	return wc_reply(rq, all ? 200 : 503, "{s:s, s:s, s:s, s:s}", "status", all ? "ready" : "not ready", "database", word(&database),
	                "schema", database.ok ? word(&schema) : "unknown", "workers", database.ok ? word(&workers) : "unknown");
}

WC_PART(host_part, "host",
	.summary  = "the state of the process, metrics, settings",
	.routes   = WC_ROUTES(
		{WC_GET, "/health", WC_ANYONE, health, "Whether the process answers"},
		{WC_GET, "/ready", WC_ANYONE, ready_route, "Whether database, schema and workers are there"},
		{WC_GET, "/metrics", WC_VIEWER, metrics_route, "Everything counted, in Prometheus' text format"},
		{WC_GET, "/api/settings", WC_VIEWER, settings_list_route, "Every plugin's settings, their bounds, values and where these come from",
		 .list = true, .answer = settings_fields},
		{WC_PUT, "/api/settings/{plugin}", WC_ADMIN, settings_put_route, "Changes settings in the running system", .answer = settings_fields},
		{WC_DELETE, "/api/settings/{plugin}/{name}", WC_ADMIN, settings_delete_route, "Gives a setting back to the configuration file",
		 .answer = settings_fields}),
	.commands = WC_COMMANDS(
		{"settings list", "[PLUGIN]", "every plugin's settings, their values and where these come from", settings_list_command},
		{"settings set", "PLUGIN NAME VALUE", "change a setting in the running system", settings_set_command},
		{"settings unset", "PLUGIN NAME", "give a setting back to the configuration file", settings_unset_command}),
	.metrics  = host_metrics);
