/* Bounded buffers; the storage is malloc's so that growing does not litter the arena. */
#include <wecomd/buf.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1];

static void release(void *arg)
{
	wc_buf *b = arg;

	if (b->s != empty)
		free(b->s);
}

wc_buf *wc_buf_new(wc_arena *a, size_t max)
{
	wc_buf *b = wc_alloc(a, sizeof *b);

	b->s   = empty;
	b->max = max;
	wc_defer(a, release, b);
	return b;
}

bool wc_buf_failed(const wc_buf *b)
{
	return b->failed;
}

void wc_buf_clear(wc_buf *b)
{
	b->len    = 0;
	b->failed = false;
	if (b->size)
		b->s[0] = 0;
}

static void fail(wc_buf *b)
{
	wc_buf_clear(b);
	b->failed = true;
}

/* Makes room for n more bytes and the terminator; false when the buffer has failed. */
static bool reserve(wc_buf *b, size_t n)
{
	size_t size = b->size ? b->size : 256;

	if (b->failed)
		return false;
	if (n > b->max - b->len) {
		fail(b);
		return false;
	}
	if (b->len + n < b->size)
		return true;
	while (size <= b->len + n)
		size *= 2;
	if (size > b->max + 1)
		size = b->max + 1;
	b->s    = wc_xrealloc(b->s == empty ? NULL : b->s, size);
	b->size = size;
	return true;
}

void wc_buf_add(wc_buf *b, const void *p, size_t n)
{
	if (!reserve(b, n) || (!n && !b->size))
		return;
	if (n)
		memcpy(b->s + b->len, p, n);
	b->len += n;
	b->s[b->len] = 0;
}

void wc_buf_adds(wc_buf *b, const char *s)
{
	wc_buf_add(b, s, strlen(s));
}

void wc_buf_addc(wc_buf *b, char c)
{
	wc_buf_add(b, &c, 1);
}

/* Into the room that there is, where it nearly always fits; once more where it does not. */
void wc_buf_addf(wc_buf *b, const char *format, ...)
{
	size_t  room = b->failed ? 0 : b->size - b->len;
	char   *end  = room ? b->s + b->len : NULL;
	va_list args;
	int     n;

	va_start(args, format);
	n = vsnprintf(end, room, format, args);
	va_end(args);
	if (n > 0 && (size_t)n >= room && reserve(b, (size_t)n)) {
		va_start(args, format);
		vsnprintf(b->s + b->len, (size_t)n + 1, format, args);
		va_end(args);
		room = (size_t)n + 1;
	}
	if (n > 0 && (size_t)n < room)
		b->len += (size_t)n;
	else if (b->size)
		b->s[b->len] = 0;
}
