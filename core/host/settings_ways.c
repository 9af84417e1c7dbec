/* The ways to settings: REST and commands. */
#include "host/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A plugin, or a part of the core that has settings. */
static const struct slot *slot_of(const char *plugin)
{
	for (size_t i = 0; i < loaded->slot_count; i++)
		if (loaded->slots[i].plugin->settings && !strcmp(loaded->slots[i].plugin->name, plugin))
			return &loaded->slots[i];
	return NULL;
}

static const char file_only[] = "no value here: it is set in the configuration file and changes with a reload";

/* --- showing -------------------------------------------------------------------------------------------------------- */

static const char *type_name(wc_type type)
{
	switch (type) {
	case WC_SECRET:   return "secret";
	case WC_INT:      return "integer";
	case WC_BOOL:     return "boolean";
	case WC_DURATION: return "duration";
	case WC_SIZE:     return "size";
	case WC_CHOICE:   return "choice";
	default:          return "string";
	}
}

/* A written value as JSON: durations in milliseconds, sizes in bytes. null where there is none, or none that may be seen. */
static json_t *typed(wc_arena *a, const struct slot *s, const wc_field *f, const char *text)
{
	char *into = wc_alloc(a, s->plugin->self_size);

	if (!text || f->type == WC_SECRET || wc_field_from_text(a, f, text, into))
		return json_null();
	switch (f->type) {
	case WC_BOOL:
		return json_boolean(*(bool *)(into + f->offset));
	case WC_INT:
	case WC_DURATION:
	case WC_SIZE:
		return json_integer(*(int64_t *)(into + f->offset));
	default:
		return json_string(text);
	}
}

struct current {
	const char          *text, *source;
	const struct stored *stored;      /* NULL: not from the database */
};

static struct current current_of(wc_arena *a, const struct slot *s, const wc_field *f, const struct stored_list *list)
{
	const struct stored *stored = f->runtime ? settings_find(list, s->plugin->name, f->name) : NULL;
	const char          *text   = config_text(loaded->config, s->plugin->name, f->name);

	if (stored && !settings_misfit(a, s, f, stored->text))
		return (struct current){stored->text, "database", stored};
	return text ? (struct current){text, "file", NULL} : (struct current){f->standard, "default", NULL};
}

static json_t *show_field(wc_arena *a, const struct slot *s, const wc_field *f, const struct stored_list *list)
{
	struct current c = current_of(a, s, f, list);
	json_t        *o = json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:o}", "name", f->name, "type", type_name(f->type), "help", f->help,
	                             "runtime", f->runtime, "source", c.source, "value", typed(a, s, f, c.text),
	                             "default", typed(a, s, f, f->standard));

	if (f->max > f->min) {
		json_object_set_new(o, "min", json_integer(f->min));
		json_object_set_new(o, "max", json_integer(f->max));
	}
	if (f->choices)
		json_object_set_new(o, "choices", json_string(f->choices));
	if (f->type == WC_SECRET)
		json_object_set_new(o, "is_set", json_boolean(c.text && *c.text));
	if (c.stored) {
		json_object_set_new(o, "version", json_integer(c.stored->version));
		json_object_set_new(o, "changed_by", json_string(c.stored->changed_by));
		json_object_set_new(o, "changed_at", json_string(c.stored->changed_at));
	}
	return o;
}

static int64_t latest_change(const struct slot *s, const struct stored_list *list)
{
	int64_t version = 0;

	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->item[i].owner, s->plugin->name) && list->item[i].version > version)
			version = list->item[i].version;
	return version;
}

static json_t *show_plugin(wc_arena *a, const struct slot *s, const struct stored_list *list)
{
	json_t *fields = json_array();

	for (const wc_field *f = s->plugin->settings; f && f->type; f++)
		json_array_append_new(fields, show_field(a, s, f, list));
	return json_pack("{s:s, s:s, s:I, s:o}", "plugin", s->plugin->name, "summary", s->plugin->summary, "version",
	                 (json_int_t)latest_change(s, list), "settings", fields);
}

static const wc_field field_fields[] = {
	{WC_STRING, "name", NULL, 0, "as in the plugin's section of the configuration"},
	{WC_CHOICE, "type", NULL, 0, "what its values are; durations are milliseconds, sizes bytes",
	 .choices = "string|secret|integer|boolean|duration|size|choice"},
	{WC_STRING, "help", NULL, 0, "what it is for, in one line"},
	{WC_BOOL, "runtime", NULL, 0, "whether it can be changed in the running system"},
	{WC_CHOICE, "source", NULL, 0, "where the value comes from", .choices = "database|file|default"},
	{WC_ANY, "value", NULL, 0, "the value; null: none, or a secret"},
	{WC_ANY, "default", NULL, 0, "what it is where nobody says otherwise; null: it is required, or a secret"},
	{WC_INT, "min", NULL, 0, "the least number, or length in bytes", .optional = true},
	{WC_INT, "max", NULL, 0, "the greatest", .optional = true},
	{WC_STRING, "choices", NULL, 0, "the values there are, written a|b|c", .optional = true},
	{WC_ANY, "is_set", NULL, 0, "of a secret: whether there is one", .optional = true},
	{WC_INT, "version", NULL, 0, "of a value from the database: the change that set it", .optional = true},
	{WC_STRING, "changed_by", NULL, 0, "of a value from the database: who set it", .optional = true},
	{WC_TIME, "changed_at", NULL, 0, "of a value from the database: when", .optional = true},
	{0}};

const wc_field settings_fields[] = {
	{WC_STRING, "plugin", NULL, 0, "a plugin, or a part of the core"},
	{WC_STRING, "summary", NULL, 0, "what it does, in one line"},
	{WC_INT, "version", NULL, 0, "of its latest change in the database; 0: there is none"},
	{WC_LIST, "settings", NULL, 0, "in the order of its table", .of = field_fields},
	{0}};

/* In the order in which they start; the position is the place in it. */
int settings_list_route(wc_request *rq, const void *self)
{
	wc_arena          *a    = wc_request_arena(rq);
	wc_list           *list = wc_list_begin(rq);
	struct stored_list stored;
	wc_err             e;

	(void)self;
	if (settings_read(NULL, a, loaded, &stored, &e) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = (size_t)wc_list_after(list, 0); i < loaded->slot_count; i++)
		if (loaded->slots[i].plugin->settings)
			wc_list_add(list, show_plugin(a, &loaded->slots[i], &stored), "%zu", i + 1);
	return wc_list_reply(list);
}

/* --- changing ------------------------------------------------------------------------------------------------------- */

static int reply_plugin(wc_request *rq, const struct slot *s)
{
	wc_arena          *a = wc_request_arena(rq);
	struct stored_list list;
	wc_err             e;

	if (settings_read(NULL, a, loaded, &list, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply_json(rq, 200, wc_json_keep(a, show_plugin(a, s, &list)));
}

/* A JSON value as it would be written in the file. */
static const char *written(wc_arena *a, const wc_field *f, const json_t *value)
{
	if (json_is_boolean(value))
		return json_is_true(value) ? "on" : "off";
	if (json_is_integer(value))
		return wc_printf(a, "%" PRId64 "%s", (int64_t)json_integer_value(value), f->type == WC_DURATION ? "ms" : "");
	return json_string_value(value);
}

struct wish {
	struct change *changes;
	size_t         n;
	wc_bad_field  *bad, **tail;
};

static void refuse(wc_arena *a, struct wish *w, const char *field, const char *expected)
{
	wc_bad_field *b = wc_alloc(a, sizeof *b);

	*b       = (wc_bad_field){field, expected, NULL};
	*w->tail = b;
	w->tail  = &b->next;
}

/* One member of the body, checked by a table of that one field: what a change leaves out stays as it is. */
static void add_wish(wc_arena *a, const struct slot *s, struct wish *w, const char *name, const json_t *value)
{
	const wc_field *f      = wc_field_find(s->plugin->settings, name);
	wc_field        one[2] = {0};
	wc_bad_field   *bad;

	if (!f || !f->runtime) {
		refuse(a, w, name, f ? file_only : "no such field");
		return;
	}
	one[0]          = *f;
	one[0].standard = NULL;
	bad             = wc_fields_from_json(a, one, wc_json(a, "{s:O}", name, value), wc_alloc(a, s->plugin->self_size));
	if (bad)
		refuse(a, w, bad->field, bad->expected);
	else
		w->changes[w->n++] = (struct change){f, written(a, f, value)};
}

int settings_put_route(wc_request *rq, const void *self)
{
	wc_arena          *a    = wc_request_arena(rq);
	const struct slot *s    = slot_of(wc_path_param(rq, "plugin"));
	wc_slice           body = wc_raw_body(rq);
	struct wish        w    = {.tail = &w.bad};
	json_t            *object, *value;
	const char        *name;
	wc_err             e;

	(void)self;
	if (!s)
		return wc_problem(rq, 404, "not_found", "no loaded plugin with settings has this name");
	if (!(object = wc_json_parse(a, body.p, body.n, &e)))
		return wc_reply_err(rq, &e);
	if (!json_is_object(object))
		refuse(a, &w, "", "a JSON object");
	w.changes = wc_alloc(a, json_object_size(object) * sizeof *w.changes);
	json_object_foreach(object, name, value)
		add_wish(a, s, &w, name, value);
	if (w.bad)
		return wc_reply_bad_fields(rq, w.bad);
	if (w.n && settings_write(s, w.changes, w.n, wc_actor(rq), &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_plugin(rq, s);
}

int settings_delete_route(wc_request *rq, const void *self)
{
	const struct slot *s = slot_of(wc_path_param(rq, "plugin"));
	const wc_field    *f = s ? wc_field_find(s->plugin->settings, wc_path_param(rq, "name")) : NULL;
	wc_err             e;

	(void)self;
	if (!f)
		return wc_problem(rq, 404, "not_found", "no loaded plugin has such a setting");
	if (settings_write(s, &(struct change){f, NULL}, 1, wc_actor(rq), &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_plugin(rq, s);
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

static int say(int status, const char *text)
{
	fprintf(stderr, "%s\n", text);
	return status;
}

static void print_slot(wc_arena *a, const struct slot *s, const struct stored_list *list)
{
	for (const wc_field *f = s->plugin->settings; f && f->type; f++) {
		struct current c = current_of(a, s, f, list);

		printf("%-14s %-22s %-9s %-8s %s\n", s->plugin->name, f->name, c.source, f->runtime ? "runtime" : "",
		       f->type == WC_SECRET ? "(secret)" : c.text ? c.text : "");
	}
}

int settings_list_command(wc_arena *a, int argc, char **argv, const void *self)
{
	struct stored_list list;
	wc_err             e;

	(void)self;
	if (argc > 0 && !slot_of(argv[0]))
		return say(1, "no loaded plugin with settings has this name");
	if (settings_read(NULL, a, loaded, &list, &e) < 0)
		return say(1, e.text);
	for (size_t i = 0; i < loaded->slot_count; i++)
		if (loaded->slots[i].plugin->settings && (argc == 0 || !strcmp(argv[0], loaded->slots[i].plugin->name)))
			print_slot(a, &loaded->slots[i], &list);
	return 0;
}

static int change(wc_arena *a, const char *plugin, const char *name, const char *text)
{
	const struct slot *s = slot_of(plugin);
	const wc_field    *f = s ? wc_field_find(s->plugin->settings, name) : NULL;
	const char        *expected;
	wc_err             e;

	if (!f)
		return say(1, s ? "the plugin has no such setting" : "no loaded plugin with settings has this name");
	if (text && !f->runtime)
		return say(1, wc_printf(a, "[%s] %s: it is set in the configuration file and changes with a reload", plugin, name));
	if (text && (expected = settings_misfit(a, s, f, text)))
		return say(1, wc_printf(a, "[%s] %s: expected %s", plugin, name, expected));
	return settings_write(s, &(struct change){f, text}, 1, "command", &e) < 0 ? say(1, e.text) : 0;
}

int settings_set_command(wc_arena *a, int argc, char **argv, const void *self)
{
	(void)self;
	return argc == 3 ? change(a, argv[0], argv[1], argv[2]) : say(2, "expected: settings set PLUGIN NAME VALUE");
}

int settings_unset_command(wc_arena *a, int argc, char **argv, const void *self)
{
	(void)self;
	return argc == 2 ? change(a, argv[0], argv[1], NULL) : say(2, "expected: settings unset PLUGIN NAME");
}
