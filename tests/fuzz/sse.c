/* Server-sent events. Input: the bound of an event on the first line, then the stream. What comes out must not depend on where the bytes
 * are cut, and must be what a plain reading of the specification gives. */
#include "fuzz.h"

#include <wecomd/buf.h>
#include <wecomd/http.h>

struct seen {
	wc_buf *events;
	size_t  max;
};

static void put_event(wc_buf *b, const char *data, size_t n)
{
	wc_buf_addf(b, "%zu:", n);
	wc_buf_add(b, data, n);
	wc_buf_addc(b, '\n');
}

static int on_event(void *ctx, const char *data, size_t n, wc_err *e)
{
	struct seen *s = ctx;

	(void)e;
	must(n <= s->max);
	must(!data[n]);
	put_event(s->events, data, n);
	return 0;
}

/* Feeds pieces of 1 to longest bytes, drawn by seed. */
static wc_buf *read_in_pieces(wc_arena *a, struct input in, size_t max, size_t longest, uint32_t seed, int *rc)
{
	struct seen s   = {wc_buf_new(a, 1u << 22), max};
	wc_sse     *sse = wc_sse_new(a, max, on_event, &s);
	wc_err      e   = {0};
	size_t      n;

	for (*rc = 0; *rc == 0 && in.n; in.p += n, in.n -= n) {
		seed = seed * 1664525u + 1013904223u;
		n    = 1 + (seed >> 8) % longest;
		if (n > in.n)
			n = in.n;
		*rc = wc_sse_feed(sse, in.p, n, &e);
	}
	if (*rc == 0)
		*rc = wc_sse_end(sse, &e);
	must(*rc == 0 || e.code == WC_E_TOO_LARGE);
	return s.events;
}

/* --- the specification, line by line -------------------------------------------------------------------------------- */

struct plain {
	wc_arena *a;
	wc_buf   *events;
	char     *data;
	size_t    n, lines;
};

static void end_of_event(struct plain *p)
{
	if (p->lines)
		put_event(p->events, p->data, p->n);
	p->n = p->lines = 0;
}

static void plain_line(struct plain *p, struct input line)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
	size_t      name  = colon ? (size_t)(colon - line.p) : line.n, from = colon ? name + 1 : line.n;

	if (!line.n)
		end_of_event(p);
	if (name != 4 || memcmp(line.p, "data", 4))
		return;
	from += from < line.n && line.p[from] == ' ';
	if (p->lines++)
		p->data[p->n++] = '\n';
	memcpy(p->data + p->n, line.p + from, line.n - from);
	p->n += line.n - from;
}

static wc_buf *read_plainly(wc_arena *a, struct input in)
{
	struct plain p = {.a = a, .events = wc_buf_new(a, 1u << 22), .data = wc_alloc(a, in.n + 1)};

	if (in.n >= 3 && !memcmp(in.p, "\xef\xbb\xbf", 3))
		in = (struct input){in.p + 3, in.n - 3};
	while (in.n) {
		size_t n = 0;

		while (n < in.n && in.p[n] != '\n' && in.p[n] != '\r')
			n++;
		plain_line(&p, (struct input){in.p, n});
		n += n < in.n ? 1 + (in.p[n] == '\r' && n + 1 < in.n && in.p[n + 1] == '\n') : 0;
		in = (struct input){in.p + n, in.n - n};
	}
	end_of_event(&p);
	return p.events;
}

static bool same(const wc_buf *x, const wc_buf *y)
{
	return x->len == y->len && !memcmp(x->s, y->s, x->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in  = {(const char *)data, size};
	wc_arena    *a   = wc_arena_new();
	size_t       max = (size_t)(take_number(a, &in) & 0xffff);
	uint32_t     h   = hash_of(in);
	int          rc, one, some;
	wc_buf      *whole = read_in_pieces(a, in, max, in.n + 1, 0, &rc), *plain = read_plainly(a, in);

	must(same(whole, read_in_pieces(a, in, max, 1, 0, &one)) && one == rc);
	must(same(whole, read_in_pieces(a, in, max, 9, h, &some)) && some == rc);
	must(whole->len <= plain->len && !memcmp(whole->s, plain->s, whole->len));
	must(rc < 0 || same(whole, plain));
	wc_arena_free(a);
	return 0;
}
