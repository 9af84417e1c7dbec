/* Encodings that protocols ask for. Nothing here protects anything. */
#pragma once

#include <stdbool.h>

#include <wecomd/arena.h>
#include <wecomd/envelope.h>

wc_slice wc_base64(wc_arena *a, wc_slice bytes);                          /* terminated */
bool     wc_base64_bytes(wc_arena *a, wc_slice text, wc_slice *bytes);    /* strict (RFC 4648, 4); false: it is none */

/* MD5 as lower-case hex, where WeCom wants it as a checksum of a picture. */
char *wc_md5(wc_arena *a, wc_slice bytes);
