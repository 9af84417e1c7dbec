/* What a mistake in the configuration was probably meant to be, and where it stands. */
#include "host/config.h"

#include <wecomd/buf.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 40
#define NEAR           2      /* changed, added or missing letters */
#define LISTED         12     /* more names are no help */

/* --- names that are alike ------------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b, size_t c)
{
	return a < b ? (a < c ? a : c) : b < c ? b : c;
}

/* Levenshtein's. Names that are too long are far apart. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], n = strlen(a), m = strlen(b), corner, above;

	if (n > NAME_MAX_BYTES || m > NAME_MAX_BYTES)
		return NAME_MAX_BYTES;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			above  = row[j];
			row[j] = least(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[m];
}

/* Takes name as the nearest so far; a name of three letters is like too many others. */
static void nearer(const char *wanted, const char *name, const char **best, size_t *best_distance)
{
	size_t d = distance(wanted, name);

	if (d <= NEAR && d + 1 < strlen(wanted) && d < *best_distance) {
		*best          = name;
		*best_distance = d;
	}
}

/* --- settings ------------------------------------------------------------------------------------------------------- */

static const wc_field *fields_of(const struct config *c, const char *section)
{
	for (const struct asked *a = c->asked; a; a = a->next)
		if (!strcmp(a->section, section))
			return a->fields;
	return NULL;
}

static const char *names_of(wc_arena *a, const wc_field *fields)
{
	wc_buf *b = wc_buf_new(a, 4096);
	size_t  n = 0;

	for (const wc_field *f = fields; f->type; f++, n++)
		wc_buf_addf(b, "%s%s", n ? ", " : "", f->name);
	return n && n <= LISTED ? wc_printf(a, "; there are: %s", b->s) : "";
}

static const char *meant(wc_arena *a, const wc_field *fields, const char *name)
{
	const char *best = NULL;
	size_t      d    = NEAR + 1;

	for (const wc_field *f = fields; f->type; f++)
		nearer(name, f->name, &best, &d);
	return best ? wc_printf(a, "; did you mean %s?", best) : names_of(a, fields);
}

/* --- sections ------------------------------------------------------------------------------------------------------- */

static const char *head_of(wc_arena *a, const char *section)
{
	return wc_strndup(a, section, strcspn(section, ":"));
}

/* Sections of a plugin that is switched off are no mistake: they wait for it. */
static bool belongs_to_switched_off(const struct config *c, const char *head)
{
	const char *state = config_text(c, "plugins", head);

	return state && !strcmp(state, "off");
}

static bool is_plugin(wc_arena *a, const char *plugin_dir, const char *name)
{
	return plugin_dir && !strchr(name, '/') && access(wc_printf(a, "%s/%s.so", plugin_dir, name), F_OK) == 0;
}

static const char *section_meant(const struct config *c, wc_arena *a, const char *section)
{
	const char *head = head_of(a, section), *best = NULL;
	size_t      d    = NEAR + 1;

	for (const struct asked *known = c->asked; known; known = known->next)
		nearer(head, head_of(a, known->section), &best, &d);
	nearer(head, "plugins", &best, &d);
	nearer(head, "model", &best, &d);
	return best ? wc_printf(a, "; did you mean [%s%s]?", best, section + strlen(head)) : "";
}

/* Once for each section: every setting in it is as unknown. */
static bool is_first_of_section(const struct config *c, const struct entry *e)
{
	for (const struct entry *before = c->first; before != e; before = before->next)
		if (!strcmp(before->section, e->section))
			return false;
	return true;
}

static void complain_of_section(const struct config *c, const struct entry *e, const char *plugin_dir, struct problems *p)
{
	const char *head = head_of(p->arena, e->section);

	if (is_plugin(p->arena, plugin_dir, head))
		problem_add(p, "%s:%d: [%s]: plugin %s is not on; set %s = on in [plugins], or off to keep this for later", e->file, e->line, e->section,
		            head, head);
	else if (!*e->section)
		problem_add(p, "%s:%d: %s stands before the first [section]", e->file, e->line, e->name);
	else
		problem_add(p, "%s:%d: [%s]: no such section%s", e->file, e->line, e->section, section_meant(c, p->arena, e->section));
}

void config_check_unused(struct config *c, const char *plugin_dir, struct problems *p)
{
	for (const struct entry *e = c->first; e; e = e->next) {
		const wc_field *fields = fields_of(c, e->section);

		if (e->used || belongs_to_switched_off(c, head_of(p->arena, e->section)))
			continue;
		if (fields)
			problem_add(p, "%s:%d: [%s] %s: no such setting%s", e->file, e->line, e->section, e->name, meant(p->arena, fields, e->name));
		else if (is_first_of_section(c, e))
			complain_of_section(c, e, plugin_dir, p);
	}
}

/* --- places --------------------------------------------------------------------------------------------------------- */

static bool is_name_end(char c)
{
	return !c || c == ':' || c == ' ';
}

/* The entry that a text "[section] name…" is about, or the first of its section. */
static const struct entry *place_of(const struct config *c, const char *text)
{
	const char         *end = strchr(text, ']'), *name;
	const struct entry *any = NULL;

	if (*text != '[' || !end)
		return NULL;
	name = end + 1 + (end[1] == ' ');
	for (const struct entry *e = c->first; e; e = e->next) {
		if (strlen(e->section) != (size_t)(end - text) - 1 || memcmp(e->section, text + 1, strlen(e->section)))
			continue;
		if (!strncmp(name, e->name, strlen(e->name)) && is_name_end(name[strlen(e->name)]))
			return e;
		any = any ? any : e;
	}
	return any;
}

void config_locate(const struct config *c, struct problems *p)
{
	for (struct problem *one = p->first; one; one = one->next) {
		const struct entry *e = place_of(c, one->text);

		if (e)
			one->text = wc_printf(p->arena, "%s:%d: %s", e->file, e->line, one->text);
	}
}

/* --- plugins -------------------------------------------------------------------------------------------------------- */

static int is_shared_object(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && !strcmp(d->d_name + n - 3, ".so");
}

const char *plugins_there(wc_arena *a, const char *plugin_dir)
{
	wc_buf         *b = wc_buf_new(a, 4096);
	struct dirent **names;
	int             n = scandir(plugin_dir, &names, is_shared_object, alphasort);

	if (n < 0)
		return "";
	for (int i = 0; i < n; i++) {
		wc_buf_addf(b, "%s%.*s", i ? ", " : " There are: ", (int)strlen(names[i]->d_name) - 3, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return b->s;
}
