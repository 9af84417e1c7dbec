/* Memory that ends with a request or a job.
 *
 * Everything taken from an arena is freed when the arena is; nothing is freed one by one. One thread
 * uses an arena at a time. Out of memory ends the process, so no function here returns NULL. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

typedef struct wc_arena wc_arena;

wc_arena *wc_arena_new(void);
void      wc_arena_free(wc_arena *a);     /* NULL is fine; runs what was deferred, newest first */

/* Zeroed, aligned for any type. size 0 gives a distinct pointer that must not be read. */
void *wc_alloc(wc_arena *a, size_t size);

/* Like realloc for the arena: the old block stays valid (and allocated) until the arena ends. */
void *wc_grow(wc_arena *a, const void *old, size_t old_size, size_t new_size);

char *wc_strdup(wc_arena *a, const char *s);                  /* NULL gives NULL */
char *wc_strndup(wc_arena *a, const void *p, size_t n);       /* n bytes and a terminator */
char *wc_printf(wc_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *wc_vprintf(wc_arena *a, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Calls fn(arg) when the arena ends: for what an arena cannot free itself (a json_t, a connection). */
void wc_defer(wc_arena *a, void (*fn)(void *), void *arg);

/* malloc, realloc and strdup for what outlives a request; the caller frees with free(). */
void *wc_xalloc(size_t size);             /* zeroed */
void *wc_xrealloc(void *p, size_t size);
char *wc_xstrdup(const char *s);
