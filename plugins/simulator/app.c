/* Apps of the configuration. */
#include "app.h"

#include <stdlib.h>
#include <string.h>

int apps_parse(wc_arena *a, const char *text, struct cgi_app **apps, size_t *n, wc_err *e)
{
	size_t len;

	*apps = NULL;
	*n    = 0;
	for (; *text; text += len + (text[len] == '|')) {
		struct cgi_app app;
		char          *end;

		len       = strcspn(text, "|");
		app.agent = strtoll(text, &end, 10);
		if (app.agent <= 0 || *end != ':' || end + 1 >= text + len)
			return wc_fail(e, WC_E_CONFIG, "apps: entry %zu is not written agentid:secret", *n + 1);
		app.secret = wc_strndup(a, end + 1, (size_t)(text + len - end - 1));
		*apps      = wc_grow(a, *apps, *n * sizeof app, (*n + 1) * sizeof app);
		(*apps)[(*n)++] = app;
	}
	return 0;
}
