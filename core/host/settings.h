/* Private to core/host: settings of plugins that change in a running system. The database wins over the file, the file over the default;
 * only settings whose field says runtime can be in the database. */
#pragma once

#include "host/program.h"

struct stored {
	const char *owner, *name;
	const char *text;              /* as written in a file */
	int64_t     version;
	const char *changed_by, *changed_at;
};

struct stored_list {
	struct stored *item;
	size_t         n;
	int64_t        version;        /* of the last change of all */
};

/* What the database holds for loaded plugins. In the arena. db as in wc_db_query(). */
int settings_read(wc_db *db, wc_arena *a, const struct program *g, struct stored_list *list, wc_err *e);

const struct stored *settings_find(const struct stored_list *list, const char *owner, const char *name);

/* Why a stored value cannot be used, as what was expected; NULL: it can. */
const char *settings_misfit(wc_arena *a, const struct slot *s, const wc_field *f, const char *text);

/* Before plugins start: puts the database's values into their structs. When the database cannot say, the file's stay. */
void settings_begin(struct program *g);

/* Afterwards, each second, from one thread: gives plugins whose settings changed a new self. True when one did. */
bool settings_refresh(struct program *g);

struct change {
	const wc_field *field;
	const char     *text;          /* NULL: back to the file */
};

/* Writes changes that were checked, with their audit entry, in one transaction. */
int settings_write(const struct slot *s, const struct change *changes, size_t n, const char *actor, wc_err *e);

extern const wc_field settings_fields[];     /* of what the routes answer of a plugin */

int settings_list_route(wc_request *rq, const void *self);
int settings_put_route(wc_request *rq, const void *self);
int settings_delete_route(wc_request *rq, const void *self);
int settings_list_command(wc_arena *a, int argc, char **argv, const void *self);
int settings_set_command(wc_arena *a, int argc, char **argv, const void *self);
int settings_unset_command(wc_arena *a, int argc, char **argv, const void *self);
