/* A byte buffer with a maximum from birth.
 *
 * Invariants: s is never NULL and s[len] is 0; len never exceeds the maximum. Going over the maximum
 * is an ordinary, sticky failure: the buffer empties and stays empty, so one check at the end will do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/arena.h>

typedef struct wc_buf {
	char  *s;
	size_t len;      /* bytes, without the terminator */
	size_t size;     /* private: bytes allocated */
	size_t max;      /* private: greatest len allowed */
	bool   failed;   /* private: use wc_buf_failed() */
} wc_buf;

wc_buf *wc_buf_new(wc_arena *a, size_t max);     /* freed with the arena */

void wc_buf_add(wc_buf *b, const void *p, size_t n);
void wc_buf_adds(wc_buf *b, const char *s);
void wc_buf_addc(wc_buf *b, char c);
void wc_buf_addf(wc_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void wc_buf_clear(wc_buf *b);                    /* empty again, also after a failure */
bool wc_buf_failed(const wc_buf *b);
