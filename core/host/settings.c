/* Settings in the database: reading them, making a plugin's next self, writing them.
 *
 * A process asks once a second for one number; when it grew, it reads the rows and gives the plugins whose rows differ a new self: a copy
 * of what the plugin started with (its start function may have put things there) with the runtime settings set anew. */
#include "host/settings.h"

#include "base/base.h"

#include <wecomd/buf.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <stdlib.h>
#include <string.h>

#define SEALED_AS "setting.value"

static const struct slot *find_slot(const struct program *g, const char *owner)
{
	for (size_t i = 0; i < g->slot_count; i++)
		if (g->slots[i].plugin->settings && !strcmp(g->slots[i].plugin->name, owner))
			return &g->slots[i];
	return NULL;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* NULL: the row is of no use here; the reason was logged. */
static const char *opened(wc_arena *a, const struct program *g, const char *owner, const char *name, wc_cell value)
{
	const struct slot *s = find_slot(g, owner);
	const wc_field    *f = s ? wc_field_find(s->plugin->settings, name) : NULL;
	wc_slice           plain;
	wc_err             e;

	if (!f || f->type != WC_SECRET)
		return wc_strndup(a, value.s, value.n);
	if (wc_unseal(a, SEALED_AS, (wc_slice){value.s, value.n}, &plain, &e) == 0)
		return wc_strndup(a, plain.p, plain.n);
	wc_log(WC_ERROR, "a secret setting cannot be opened", wc_kv_s("plugin", owner), wc_kv_s("setting", name), wc_kv_s("error", e.text));
	return NULL;
}

int settings_read(wc_db *db, wc_arena *a, const struct program *g, struct stored_list *list, wc_err *e)
{
	wc_rows rows, version;

	/* The number first: a change in between is then seen next time. */
	if (wc_db_query(db, a, &version, e, "SELECT version FROM setting_version WHERE id = 1") < 0 ||
	    wc_db_query(db, a, &rows, e, "SELECT owner, name, value, version, changed_by, DATE_FORMAT(changed_at, '%Y-%m-%dT%T.%f')"
	                                 " FROM setting ORDER BY owner, name") < 0)
		return -1;
	*list = (struct stored_list){wc_alloc(a, rows.n * sizeof *list->item), 0, version.n ? wc_row_int(&version, 0, 0) : 0};
	for (size_t i = 0; i < rows.n; i++) {
		struct stored *s = &list->item[list->n];

		*s = (struct stored){wc_row_text(&rows, i, 0), wc_row_text(&rows, i, 1), NULL, wc_row_int(&rows, i, 3), wc_row_text(&rows, i, 4),
		                     wc_printf(a, "%.23sZ", wc_row_text(&rows, i, 5))};
		s->text = opened(a, g, s->owner, s->name, wc_row_cell(&rows, i, 2));
		list->n += s->text != NULL;
	}
	return 0;
}

const struct stored *settings_find(const struct stored_list *list, const char *owner, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->item[i].owner, owner) && !strcmp(list->item[i].name, name))
			return &list->item[i];
	return NULL;
}

const char *settings_misfit(wc_arena *a, const struct slot *s, const wc_field *f, const char *text)
{
	return wc_field_from_text(a, f, text, wc_alloc(a, s->plugin->self_size));
}

/* --- a plugin's next self ------------------------------------------------------------------------------------------- */

/* Sets the runtime settings of into, from the database or else the file. What no longer fits (the plugin is another since) is left. */
static void set_runtime(wc_arena *a, const struct program *g, const struct slot *s, const struct stored_list *list, void *into)
{
	for (const wc_field *f = s->plugin->settings; f && f->type; f++) {
		const struct stored *stored = settings_find(list, s->plugin->name, f->name);
		const char          *text   = config_text(g->config, s->plugin->name, f->name), *expected = NULL;

		if (stored && !f->runtime)
			wc_log(WC_WARN, "a setting in the database is not used: it is no runtime setting", wc_kv_s("plugin", s->plugin->name),
			       wc_kv_s("setting", f->name));
		if (!f->runtime)
			continue;
		if (stored && !(expected = wc_field_from_text(a, f, stored->text, into)))
			continue;
		if (expected)
			wc_log(WC_WARN, "a setting in the database is not used: it does not fit", wc_kv_s("plugin", s->plugin->name),
			       wc_kv_s("setting", f->name), wc_kv_s("expected", expected));
		if (text || f->standard)
			(void)wc_field_from_text(a, f, text ? text : f->standard, into);
	}
}

/* All of a plugin's rows in one text, to be compared with an earlier one. */
static char *digest(wc_arena *a, const char *owner, const struct stored_list *list)
{
	wc_buf *b = wc_buf_new(a, (size_t)1 << 22);

	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->item[i].owner, owner))
			wc_buf_addf(b, "%s=%zu:%s\n", list->item[i].name, strlen(list->item[i].text), list->item[i].text);
	return b->s;
}

static void note_overrides(struct slot *s, const char *text)
{
	free(s->overrides);
	s->overrides = wc_xstrdup(text);
}

static int64_t known_version = -1;
static bool    complained;

/* Once for each time that the database goes away. */
static void complain(const wc_err *e)
{
	if (!complained)
		wc_log(WC_WARN, "settings could not be read from the database; the known ones stay", wc_kv_s("error", e->text));
	complained = true;
}

void settings_begin(struct program *g)
{
	wc_arena          *a = wc_arena_new();
	struct stored_list list;
	wc_err             e;

	if (settings_read(NULL, a, g, &list, &e) < 0) {
		complain(&e);
	} else {
		known_version = list.version;
		for (size_t i = 0; i < g->slot_count; i++) {
			struct slot *s = &g->slots[i];

			if (!s->plugin->settings)
				continue;
			set_runtime(g->arena, g, s, &list, s->self);
			note_overrides(s, digest(a, s->plugin->name, &list));
		}
	}
	wc_arena_free(a);
}

/* The arena of a self is never freed: see core/base/selves.c. */
static void succeed(const struct program *g, struct slot *s, const struct stored_list *list)
{
	wc_arena *forever = wc_arena_new();
	void     *next    = wc_alloc(forever, s->plugin->self_size);

	memcpy(next, s->self, s->plugin->self_size);
	set_runtime(forever, g, s, list, next);
	self_replace(s->self, next);
	wc_log(WC_INFO, "settings changed", wc_kv_s("plugin", s->plugin->name), wc_kv_i("version", list->version));
}

static bool refresh(struct program *g, wc_arena *a, const struct stored_list *list)
{
	bool any = false;

	for (size_t i = 0; i < g->slot_count; i++) {
		struct slot *s = &g->slots[i];
		const char  *text;

		if (!s->plugin->settings)
			continue;
		text = digest(a, s->plugin->name, list);
		if (!strcmp(text, s->overrides ? s->overrides : ""))
			continue;
		succeed(g, s, list);
		note_overrides(s, text);
		any = true;
	}
	return any;
}

bool settings_refresh(struct program *g)
{
	wc_arena          *a = wc_arena_new();
	struct stored_list list;
	wc_rows            rows;
	bool               any = false;
	wc_err             e;

	if (wc_db_query(NULL, a, &rows, &e, "SELECT version FROM setting_version WHERE id = 1") < 0) {
		complain(&e);
	} else {
		complained = false;
		if ((rows.n ? wc_row_int(&rows, 0, 0) : 0) != known_version && settings_read(NULL, a, g, &list, &e) == 0) {
			any           = refresh(g, a, &list);
			known_version = list.version;
		}
	}
	wc_arena_free(a);
	return any;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

struct writing {
	const struct slot   *slot;
	const struct change *changes;
	size_t               n;
	const char          *actor;
	int64_t              version;
};

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static int write_one(wc_db *db, wc_arena *a, const struct writing *w, const struct change *c, wc_err *e)
{
	const char *owner = w->slot->plugin->name;
	wc_slice    value;

	if (!c->text)
		return wc_db_exec(db, e, "DELETE FROM setting WHERE owner = ? AND name = ?", wc_text(owner), wc_text(c->field->name)) < 0 ? -1 : 0;
	value = (wc_slice){c->text, strlen(c->text)};
	if (c->field->type == WC_SECRET)
		value = wc_seal(a, SEALED_AS, value);
	return wc_db_exec(db, e, "INSERT INTO setting (owner, name, value, version, changed_by) VALUES (?, ?, ?, ?, ?)"
	                         " ON DUPLICATE KEY UPDATE value = VALUES(value), version = VALUES(version), changed_by = VALUES(changed_by),"
	                         " changed_at = NOW(3)",
	                  wc_text(owner), wc_text(c->field->name), wc_bytes(value.p, value.n), wc_int(w->version), wc_text(w->actor)) < 0 ? -1 : 0;
}

static json_t *told(const struct change *c, const char *before)
{
	if (c->field->type == WC_SECRET)
		return json_pack("{s:b}", "secret", 1);
	return json_pack("{s:s?, s:s?}", "old", before, "new", c->text);
}

/* Changes nothing, and writes no audit entry, where all is as it shall be: also when this is the repeat after a lost COMMIT. */
static int write_all(wc_db *db, void *arg, wc_err *e)
{
	struct writing    *w       = arg;
	wc_arena          *a       = wc_arena_new();
	json_t            *changed = wc_json_keep(a, json_object());
	const char        *owner   = w->slot->plugin->name;
	struct stored_list list;
	int                rc = -1;

	/* The row of the number is the lock under which changes come one after another. */
	if (wc_db_exec(db, e, "UPDATE setting_version SET version = version + 1 WHERE id = 1") < 0 || settings_read(db, a, loaded, &list, e) < 0)
		goto out;
	w->version = list.version;
	for (size_t i = 0; i < w->n; i++) {
		const struct stored *before = settings_find(&list, owner, w->changes[i].field->name);

		if (is_same(before ? before->text : NULL, w->changes[i].text))
			continue;
		if (write_one(db, a, w, &w->changes[i], e) < 0)
			goto out;
		json_object_set_new(changed, w->changes[i].field->name, told(&w->changes[i], before ? before->text : NULL));
	}
	rc = 0;
	if (json_object_size(changed))
		rc = wc_audit(db, &(wc_audit_entry){w->actor, "setting.change", wc_printf(a, "plugin:%s", owner),
		                                    wc_json(a, "{s:I, s:O}", "version", (json_int_t)w->version, "changes", changed)}, e);
out:
	wc_arena_free(a);
	return rc;
}

int settings_write(const struct slot *s, const struct change *changes, size_t n, const char *actor, wc_err *e)
{
	struct writing w = {s, changes, n, actor, 0};

	return wc_db_tx(write_all, &w, e);
}
