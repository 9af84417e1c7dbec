/* What the HTTP client offers to the host: starting and ending it, and its settings. */
#pragma once

#include <wecomd/field.h>

struct http_settings {
	const char *const *allow_hosts, *const *private_hosts;
};

extern const wc_field http_fields[];     /* [http] */

/* Once in each process before it has threads; a child calls it after the fork. Ignores SIGPIPE. */
void http_open(void);

/* Where calls with .from_outside may lead; before there are threads. settings is borrowed for good. Without it: nowhere. */
void http_use(const struct http_settings *settings);

/* Closes the kept connections. No call may be under way. */
void http_close(void);
