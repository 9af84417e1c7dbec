/* Pictures and files that people send: kept in the clear, served under the bot's key for five minutes (doc/100719). */
#pragma once

#include "simulator.h"

#include <wecomd/web.h>

#define MEDIA_MAX (2u << 20)

/* A URL for the bytes of a message. The same msgid and purpose give the same one, whose life begins with the first call. -1: WC_E_DB. */
int media_link(const struct simulator *sim, wc_arena *a, const char *bot, const char *msgid, const char *purpose, int64_t message,
               const char **url, wc_err *e);

int media_serve(wc_request *rq, const void *self);

/* The same bytes for the phone: {"name","base64"}. */
int media_show(wc_request *rq, const void *self);

/* A picture that ends a bubble, as it came from the bot. */
int media_picture(wc_request *rq, const void *self);
