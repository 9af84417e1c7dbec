/* The tools of parts and plugins, checked and gathered for /mcp. */
#include "host/program.h"

#include <string.h>

#define NAME_MAX_BYTES 64

/* Begins with the plugin's name, its '-' written '_', and "_"; models take no other letters than these. */
static bool name_fits(const char *plugin, const char *name)
{
	const char *c = name;

	for (; *plugin; plugin++, c++)
		if (*c != (*plugin == '-' ? '_' : *plugin))
			return false;
	return *c == '_' && c[1] && !c[strspn(c, "abcdefghijklmnopqrstuvwxyz0123456789_")] && strlen(name) <= NAME_MAX_BYTES;
}

/* What the table alone shows to be wrong; NULL: nothing. */
static const char *fault_of(wc_arena *a, const wc_tool *t)
{
	if (!t->role || t->role == WC_ANYONE)
		return t->role ? "is for anyone, but nobody calls it without credentials" : "names no role";
	if (!effect_name(t->effect))
		return "does not say whether it reads, changes or reaches out";
	if (!t->run || !t->summary || !*t->summary)
		return "lacks a function or a summary";
	for (const wc_field *f = t->args; f && f->type; f++)
		if (f->offset >= t->args_size)
			return wc_printf(a, "has an argument %s beyond its args_size", f->name);
	return NULL;
}

static void add_tool(struct program *g, size_t *n, const struct slot *s, const wc_tool *t, struct problems *p)
{
	const char *plugin = s->plugin->name, *owner = s->is_part ? "core" : plugin, *fault = fault_of(g->arena, t);

	if (!name_fits(plugin, t->name))
		problem_add(p, "plugin %s: tool %s: a name is the plugin's, '_', and lower-case letters, digits and '_', %d bytes at most", plugin,
		            t->name, NAME_MAX_BYTES);
	if (fault)
		problem_add(p, "plugin %s: tool %s %s", plugin, t->name, fault);
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(g->tools[i].tool->name, t->name))
			problem_add(p, "plugin %s: tool %s is one of %s already", plugin, t->name, g->tools[i].owner);
	g->tools = wc_grow(g->arena, g->tools, *n * sizeof *g->tools, (*n + 2) * sizeof *g->tools);
	g->tools[(*n)++] = (struct web_tool){t, owner, s->self};
}

void gather_tools(struct program *g, struct problems *p)
{
	size_t n = 0;

	g->tools = wc_alloc(g->arena, sizeof *g->tools);
	for (size_t i = 0; i < g->slot_count; i++)
		for (const wc_tool *t = g->slots[i].plugin->tools; t && t->name; t++)
			add_tool(g, &n, &g->slots[i], t, p);
	tools_use(g->tools, g->core.public_url);
}
