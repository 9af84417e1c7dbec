/* libcurl handles that wait for their next call, each with the connection it has open. */
#pragma once

#include <curl/curl.h>

struct http_handle {
	CURL               *curl;       /* reset: without any option */
	char               *origin;     /* "https://host:443": where its connection leads */
	struct http_handle *next;       /* private */
};

/* One that was used for this origin last, or a new one. */
struct http_handle *http_handle_take(const char *origin);

/* Gives it back with its connection. Only the newest few are kept. */
void http_handle_put(struct http_handle *h);

/* Ends all that wait. */
void http_handles_close(void);
