/* Who is there: people and groups, written "id:name|id:name" in the configuration. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/err.h>

#include <stddef.h>

struct roster_entry {
	const char *id, *name;
};

struct roster {
	struct roster_entry *list;
	size_t               n;
};

/* Ids are unique and at most 64 bytes; blanks around ids and names do not count. what names the setting in the error.
 * 0, or -1 with WC_E_CONFIG. */
int roster_parse(wc_arena *a, const char *what, const char *text, struct roster *roster, wc_err *e);

/* The name of an id; NULL when there is none. */
const char *roster_name(const struct roster *roster, const char *id);
