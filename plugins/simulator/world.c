/* Rosters: people and groups from the configuration. */
#include "world.h"

#include <wecomd/text.h>

#include <string.h>

#define ID_MAX 64

const char *roster_name(const struct roster *roster, const char *id)
{
	for (size_t i = 0; i < roster->n; i++)
		if (!strcmp(roster->list[i].id, id))
			return roster->list[i].name;
	return NULL;
}

static const char *trimmed(wc_arena *a, const char *s, size_t n)
{
	wc_text_trim(&s, &n);
	return wc_strndup(a, s, n);
}

static int add(wc_arena *a, const char *what, const char *item, struct roster *roster, wc_err *e)
{
	const char         *colon = strchr(item, ':');
	int                 shown = (int)wc_utf8_cut(item, strlen(item), 100);
	struct roster_entry entry;

	if (!colon)
		return wc_fail(e, WC_E_CONFIG, "%s: \"%.*s\" is not written id:name", what, shown, item);
	entry.id   = trimmed(a, item, (size_t)(colon - item));
	entry.name = trimmed(a, colon + 1, strlen(colon + 1));
	if (!*entry.id || !*entry.name || strlen(entry.id) > ID_MAX)
		return wc_fail(e, WC_E_CONFIG, "%s: \"%.*s\" needs an id of 1 to %d bytes and a name", what, shown, item, ID_MAX);
	if (roster_name(roster, entry.id))
		return wc_fail(e, WC_E_CONFIG, "%s: the id %s is there twice", what, entry.id);
	roster->list = wc_grow(a, roster->list, roster->n * sizeof entry, (roster->n + 1) * sizeof entry);
	roster->list[roster->n++] = entry;
	return 0;
}

int roster_parse(wc_arena *a, const char *what, const char *text, struct roster *roster, wc_err *e)
{
	*roster = (struct roster){0};
	while (*text) {
		size_t      n    = strcspn(text, "|");
		const char *item = trimmed(a, text, n);

		if (*item && add(a, what, item, roster, e) < 0)
			return -1;
		text += n + (text[n] == '|');
	}
	return 0;
}
