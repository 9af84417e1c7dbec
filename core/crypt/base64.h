/* Strict base64 (RFC 4648, 4): the alphabet alone, right padding, nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/envelope.h>

/* Decodes n characters into out, which has room for n / 4 * 3 bytes. False for anything that is not base64, for no
 * characters at all, and for more than a gigabyte. Unused bits of the last character are ignored. */
bool base64_decode(unsigned char *out, size_t *out_n, const char *s, size_t n);

wc_slice base64_encode(wc_arena *a, const unsigned char *p, size_t n);     /* terminated, in the arena; below a gigabyte */
