/* The envelope of a callback on its way to a bot. */
#pragma once

#include <wecomd/plugin.h>

/* Signs and encrypts anew for each try, as WeCom does. 0 with nonce, the URL with its query, and the body, in the arena. */
int callback_seal(wc_arena *a, const wc_envelope *v, const char *bot_url, const char *plain, const char **nonce, const char **url,
                  const char **body, wc_err *e);

const char *callback_random(wc_arena *a, size_t bytes);     /* hex of at most 32 bytes */
