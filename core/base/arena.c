/* Arenas: blocks chained newest first, and a list of what to call at the end. */
#include <wecomd/arena.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE 8192
#define ALIGN      _Alignof(max_align_t)

struct block {
	struct block *next;
	size_t        used, size;
	_Alignas(max_align_t) char data[];
};

struct deferred {
	struct deferred *next;
	void           (*fn)(void *);
	void            *arg;
};

struct wc_arena {
	struct block    *blocks;
	struct deferred *deferred;
};

/* The supervisor starts a new process; no caller could do better. */
static _Noreturn void out_of_memory(void)
{
	static const char line[] = "{\"level\":\"error\",\"message\":\"out of memory\"}\n";

	(void)!write(2, line, sizeof line - 1);
	abort();
}

void *wc_xalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *wc_xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *wc_xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		out_of_memory();
	return copy;
}

wc_arena *wc_arena_new(void)
{
	return wc_xalloc(sizeof(wc_arena));
}

void wc_arena_free(wc_arena *a)
{
	if (!a)
		return;
	for (struct deferred *d = a->deferred; d; d = d->next)
		d->fn(d->arg);
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static struct block *add_block(wc_arena *a, size_t least)
{
	size_t        size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
	struct block *b    = malloc(sizeof *b + size);

	if (!b)
		out_of_memory();
	b->used = 0;
	b->size = size;
	/* A block made for one large thing goes behind the current one, whose rest stays in use. */
	if (a->blocks && least > BLOCK_SIZE) {
		b->next         = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next   = a->blocks;
		a->blocks = b;
	}
	return b;
}

static size_t padded(size_t size)
{
	return (size + ALIGN) & ~(ALIGN - 1);
}

void *wc_alloc(wc_arena *a, size_t size)
{
	struct block *b = a->blocks;
	void         *p;

	if (size > SIZE_MAX / 2)
		out_of_memory();
	size = padded(size);
	if (!b || b->size - b->used < size)
		b = add_block(a, size);
	p = b->data + b->used;
	b->used += size;
	return memset(p, 0, size);
}

void *wc_grow(wc_arena *a, const void *old, size_t old_size, size_t new_size)
{
	void *p = wc_alloc(a, new_size);

	if (old_size)
		memcpy(p, old, old_size < new_size ? old_size : new_size);
	return p;
}

char *wc_strndup(wc_arena *a, const void *p, size_t n)
{
	char *copy = wc_alloc(a, n + 1);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *wc_strdup(wc_arena *a, const char *s)
{
	return s ? wc_strndup(a, s, strlen(s)) : NULL;
}

char *wc_vprintf(wc_arena *a, const char *format, va_list args)
{
	struct block *b    = a->blocks;
	size_t        room = b ? b->size - b->used : 0;
	va_list       again;
	int           n;
	char         *s;

	/* Into the rest of the block, where it nearly always fits; once more where it does not. */
	va_copy(again, args);
	n = vsnprintf(room ? b->data + b->used : NULL, room, format, again);
	va_end(again);
	if (n >= 0 && padded((size_t)n + 1) <= room) {
		s = b->data + b->used;
		b->used += padded((size_t)n + 1);
		return s;
	}
	s = wc_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
	if (n > 0)
		vsnprintf(s, (size_t)n + 1, format, args);
	return s;
}

char *wc_printf(wc_arena *a, const char *format, ...)
{
	va_list args;
	char   *s;

	va_start(args, format);
	s = wc_vprintf(a, format, args);
	va_end(args);
	return s;
}

void wc_defer(wc_arena *a, void (*fn)(void *), void *arg)
{
	struct deferred *d = wc_alloc(a, sizeof *d);

	*d          = (struct deferred){a->deferred, fn, arg};
	a->deferred = d;
}
