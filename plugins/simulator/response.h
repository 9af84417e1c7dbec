/* The response_url: one call within an hour, which makes a new bubble (doc/101138). */
#pragma once

#include "simulator.h"

#include <wecomd/web.h>

/* What a URL is given for. */
struct response_for {
	const char *bot, *person, *group, *msgid;     /* msgid of the callback: the same one gives the same URL */
	int64_t     message;
};

int response_url(const struct simulator *sim, wc_arena *a, const struct response_for *f, const char **url, wc_err *e);

int response_take(wc_request *rq, const void *self);
