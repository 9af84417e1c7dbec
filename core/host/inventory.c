/* GET /api/plugins: what is loaded. */
#include "host/program.h"

#include <stdio.h>

static const struct program *program;

void inventory_use(const struct program *g)
{
	program = g;
}

static json_t *needs_json(const wc_plugin *plugin)
{
	json_t *list = json_array();

	for (const char *const *need = plugin->needs; need && *need; need++)
		json_array_append_new(list, json_string(*need));
	return list;
}

static json_t *tools_json(const wc_plugin *plugin)
{
	json_t *list = json_array();

	for (const wc_tool *t = plugin->tools; t && t->name; t++)
		json_array_append_new(list, json_string(t->name));
	return list;
}

static json_t *plugin_json(const wc_plugin *plugin)
{
	json_int_t routes = 0;

	for (const wc_route *r = plugin->routes; r && r->method; r++)
		routes++;
	return json_pack("{s:s, s:s, s:o, s:I, s:o}", "name", plugin->name, "summary", plugin->summary, "needs", needs_json(plugin), "routes",
	                 routes, "tools", tools_json(plugin));
}

/* In the order in which they started; the position is the place in it. */
static int list_plugins(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);

	(void)self;
	for (size_t i = (size_t)wc_list_after(list, 0); i < program->slot_count; i++)
		if (!program->slots[i].is_part)
			wc_list_add(list, plugin_json(program->slots[i].plugin), "%zu", i + 1);
	return wc_list_reply(list);
}

static const wc_field plugin_fields[] = {
	{WC_STRING, "name", NULL, 0, "as in [plugins]"},
	{WC_STRING, "summary", NULL, 0, "what it does, in one line"},
	{WC_LIST, "needs", NULL, 0, "the plugins that it builds on"},
	{WC_INT, "routes", NULL, 0, "how many routes it serves", .max = INT32_MAX},
	{WC_LIST, "tools", NULL, 0, "the names of its tools"},
	{0}};

WC_PART(inventory_part, "inventory",
	.summary = "what is loaded",
	.routes  = WC_ROUTES(
		{WC_GET, "/api/plugins", WC_VIEWER, list_plugins, "The plugins that are loaded", .list = true, .answer = plugin_fields}));
