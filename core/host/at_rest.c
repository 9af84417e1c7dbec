/* What parts and plugins say about data at rest: sections of customers, and columns that are sealed. */
#include "host/program.h"

#include "admin/admin.h"
#include "talk/talk.h"

#include <string.h>

static void add_section(struct customer_section *list, size_t *n, const struct slot *s, const wc_section *section, struct problems *p)
{
	if (strcmp(section->resource, "customer"))
		problem_add(p, "plugin %s: section %s: there is no resource %s", s->plugin->name, section->name, section->resource);
	if (!section->read)
		problem_add(p, "plugin %s: section %s cannot be read", s->plugin->name, section->name);
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(list[i].section->name, section->name))
			problem_add(p, "plugin %s: another plugin has a section %s too", s->plugin->name, section->name);
	list[(*n)++] = (struct customer_section){section, s->self};
}

static bool is_column(const char *name)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t            n      = strspn(name, word);

	return n && name[n] == '.' && name[n + 1] && !name[n + 1 + strspn(name + n + 1, word)];
}

void gather_at_rest(struct program *g, struct problems *p)
{
	size_t                   sections = 0, columns = 0, n = 0, m = 0;
	struct customer_section *section_list;
	const char             **column_list;

	for (size_t i = 0; i < g->slot_count; i++) {
		for (const wc_section *s = g->slots[i].plugin->sections; s && s->resource; s++)
			sections++;
		for (const char *const *c = g->slots[i].plugin->sealed; c && *c; c++)
			columns++;
	}
	section_list = wc_alloc(g->arena, (sections + 1) * sizeof *section_list);
	column_list  = wc_alloc(g->arena, (columns + 1) * sizeof *column_list);
	for (size_t i = 0; i < g->slot_count; i++) {
		for (const wc_section *s = g->slots[i].plugin->sections; s && s->resource; s++)
			add_section(section_list, &n, &g->slots[i], s, p);
		for (const char *const *c = g->slots[i].plugin->sealed; c && *c; c++) {
			if (!is_column(*c))
				problem_add(p, "plugin %s: \"%s\" is not written as table.column", g->slots[i].plugin->name, *c);
			column_list[m++] = *c;
		}
	}
	customers_use(section_list);
	keyring_use(column_list, g->owners);
}
