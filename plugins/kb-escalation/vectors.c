/* The file: a header, then the ids, the scales of the 8-bit numbers, the 8-bit numbers, the floats, each part on a page
 * of its own. The header is written last, so a file that was cut short has none. */
#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "wcvec 1"
#define PAGE  4096

/* So many of the first pass for each that is asked for are ranked anew: the nearest ten are then the exact ones in 999 of 1,000. */
#define WIDER   20
#define WIDER_MIN 200

struct header {
	char     magic[8];
	uint32_t dim, reserved;
	uint64_t count, room;
};

struct layout {
	size_t ids, scales, small, large, end;
};

static size_t page_up(size_t n)
{
	return (n + PAGE - 1) / PAGE * PAGE;
}

static struct layout layout_of(uint32_t dim, uint64_t room)
{
	struct layout l = {.ids = PAGE};

	l.scales = l.ids + page_up(room * sizeof(int64_t));
	l.small  = l.scales + page_up(room * sizeof(float));
	l.large  = l.small + page_up(room * dim);
	l.end    = l.large + page_up(room * dim * sizeof(float));
	return l;
}

static float length(const float *v, uint32_t dim)
{
	double sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += (double)v[i] * v[i];
	return (float)sqrt(sum);
}

/* Returns the scale. */
static float quantize(const float *v, uint32_t dim, int8_t *out)
{
	float top = 0;

	for (uint32_t i = 0; i < dim; i++)
		top = fmaxf(top, fabsf(v[i]));
	for (uint32_t i = 0; i < dim; i++)
		out[i] = (int8_t)lrintf(v[i] * 127 / top);
	return top / 127;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

struct vectors_writer {
	const char   *path, *aside;
	int           fd;
	struct header header;
	struct layout at;
	float        *unit;
	int8_t       *small;
};

static void give_up(void *arg)
{
	struct vectors_writer *w = arg;

	if (w->fd < 0)
		return;
	close(w->fd);
	unlink(w->aside);
}

static int write_at(struct vectors_writer *w, const void *p, size_t n, size_t at, wc_err *e)
{
	for (const char *s = p; n;) {
		ssize_t done = pwrite(w->fd, s, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return wc_fail(e, WC_E_INTERNAL, "%s cannot be written: %s", w->aside, strerror(errno));
		s += done, n -= (size_t)done, at += (size_t)done;
	}
	return 0;
}

struct vectors_writer *vectors_begin(wc_arena *a, const char *path, uint32_t dim, uint64_t count, wc_err *e)
{
	struct vectors_writer *w = wc_alloc(a, sizeof *w);

	if (!dim || dim > VECTORS_DIM_MAX) {
		wc_fail(e, WC_E_ARG, "vectors have 1 to %d numbers, not %u", VECTORS_DIM_MAX, dim);
		return NULL;
	}
	*w = (struct vectors_writer){.path = wc_strdup(a, path), .aside = wc_printf(a, "%s.new", path), .header = {.magic = MAGIC, .dim = dim, .room = count},
	                             .at = layout_of(dim, count), .unit = wc_alloc(a, dim * sizeof(float)), .small = wc_alloc(a, dim)};
	w->fd = open(w->aside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0 || ftruncate(w->fd, (off_t)w->at.end) < 0) {
		wc_fail(e, WC_E_INTERNAL, "%s cannot be written: %s", w->aside, strerror(errno));
		give_up(w);
		return NULL;
	}
	wc_defer(a, give_up, w);
	return w;
}

int vectors_add(struct vectors_writer *w, int64_t id, const float *v, wc_err *e)
{
	uint32_t dim = w->header.dim;
	uint64_t n   = w->header.count;
	float    len = length(v, dim), scale;

	if (n == w->header.room)
		return wc_fail(e, WC_E_INTERNAL, "more vectors than were announced");
	if (!isfinite(len) || len <= 0)
		return wc_fail(e, WC_E_ARG, "a vector has no length");
	for (uint32_t i = 0; i < dim; i++)
		w->unit[i] = v[i] / len;
	scale = quantize(w->unit, dim, w->small);
	if (write_at(w, &id, sizeof id, w->at.ids + n * sizeof id, e) < 0 || write_at(w, &scale, sizeof scale, w->at.scales + n * sizeof scale, e) < 0 ||
	    write_at(w, w->small, dim, w->at.small + n * dim, e) < 0 ||
	    write_at(w, w->unit, dim * sizeof(float), w->at.large + n * dim * sizeof(float), e) < 0)
		return -1;
	w->header.count++;
	return 0;
}

int vectors_finish(struct vectors_writer *w, wc_err *e)
{
	int fd = w->fd;

	if (fsync(fd) < 0)
		return wc_fail(e, WC_E_INTERNAL, "%s cannot be written: %s", w->aside, strerror(errno));
	if (write_at(w, &w->header, sizeof w->header, 0, e) < 0)
		return -1;
	if (fsync(fd) < 0 || rename(w->aside, w->path) < 0)
		return wc_fail(e, WC_E_INTERNAL, "%s cannot be written: %s", w->path, strerror(errno));
	w->fd = -1;
	close(fd);
	return 0;
}

/* --- searching ------------------------------------------------------------------------------------------------------ */

struct vectors {
	const char    *map;
	size_t         size;
	uint32_t       dim;
	uint64_t       count;
	const int64_t *id;
	const float   *scale;
	const int8_t  *small;
	const float   *large;
};

static bool is_sound(const struct header *h, size_t size)
{
	return !memcmp(h->magic, MAGIC, sizeof h->magic) && h->dim && h->dim <= VECTORS_DIM_MAX && h->count <= h->room && h->room < UINT32_MAX &&
	       layout_of(h->dim, h->room).end == size;
}

static struct vectors *mapped(const char *map, size_t size)
{
	const struct header *h = (const void *)map;
	struct layout        l = layout_of(h->dim, h->room);
	struct vectors      *x = malloc(sizeof *x);

	if (!x)
		abort();
	*x = (struct vectors){map, size, h->dim, h->count, (const void *)(map + l.ids), (const void *)(map + l.scales), (const void *)(map + l.small),
	                      (const void *)(map + l.large)};
	return x;
}

struct vectors *vectors_open(const char *path, wc_err *e)
{
	int         fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void       *map;

	if (fd < 0) {
		wc_fail(e, errno == ENOENT ? WC_E_NOT_FOUND : WC_E_INTERNAL, "%s: %s", path, strerror(errno));
		return NULL;
	}
	map = fstat(fd, &st) < 0 || st.st_size < PAGE ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED && is_sound(map, (size_t)st.st_size))
		return mapped(map, (size_t)st.st_size);
	if (map != MAP_FAILED)
		munmap(map, (size_t)st.st_size);
	wc_fail(e, WC_E_INTERNAL, "%s is no whole index of vectors", path);
	return NULL;
}

void vectors_close(struct vectors *x)
{
	if (!x)
		return;
	munmap((void *)x->map, x->size);
	free(x);
}

uint32_t vectors_dim(const struct vectors *x) { return x->dim; }
uint64_t vectors_count(const struct vectors *x) { return x->count; }
int64_t  vectors_id(const struct vectors *x, uint64_t i) { return x->id[i]; }

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define FAST __attribute__((target_clones("avx2", "default")))
#else
#define FAST
#endif

/* gcc makes vector instructions of such loops at -O3 alone, clang at -O2. */
#ifndef __clang__
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif

/* The query's numbers are 16 bits wide: products of 16-bit pairs are what processors add up in one step. */
FAST static int32_t dot_small(const int8_t *a, const int16_t *b, uint32_t dim)
{
	int32_t sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += (int16_t)a[i] * b[i];
	return sum;
}

/* Eight sums side by side, since floats may not be added in another order than is written. */
FAST static float dot_large(const float *a, const float *b, uint32_t dim)
{
	float    s[8] = {0}, rest = 0;
	uint32_t i = 0;

	for (; i + 8 <= dim; i += 8)
		for (uint32_t j = 0; j < 8; j++)
			s[j] += a[i + j] * b[i + j];
	for (; i < dim; i++)
		rest += a[i] * b[i];
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])) + rest;
}

#ifndef __clang__
#pragma GCC pop_options
#endif

struct found {
	float    near;
	uint32_t row;
};

/* A heap with the farthest on top. */
static void sift(struct found *heap, size_t n, size_t i)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		struct found t = heap[i];

		if (child + 1 < n && heap[child + 1].near < heap[child].near)
			child++;
		if (t.near <= heap[child].near)
			return;
		heap[i]     = heap[child];
		heap[child] = t;
	}
}

static size_t first_pass(const struct vectors *x, const int16_t *query, struct found *heap, size_t wanted)
{
	size_t n = 0;

	for (uint32_t row = 0; row < x->count; row++) {
		float near = (float)dot_small(x->small + (size_t)row * x->dim, query, x->dim) * x->scale[row];

		if (n < wanted) {
			heap[n++] = (struct found){near, row};
			if (n == wanted)
				for (size_t i = n / 2; i-- > 0;)
					sift(heap, n, i);
		} else if (near > heap[0].near) {
			heap[0] = (struct found){near, row};
			sift(heap, n, 0);
		}
	}
	return n;
}

static int by_nearness(const void *a, const void *b)
{
	const struct vector_hit *x = a, *y = b;

	return x->cosine != y->cosine ? (x->cosine < y->cosine ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

static int16_t *wide(wc_arena *a, const float *unit, uint32_t dim)
{
	int8_t  *small = wc_alloc(a, dim);
	int16_t *out   = wc_alloc(a, dim * sizeof *out);

	quantize(unit, dim, small);
	for (uint32_t i = 0; i < dim; i++)
		out[i] = small[i];
	return out;
}

size_t vectors_search(wc_arena *a, const struct vectors *x, const float *v, size_t k, struct vector_hit **hits)
{
	size_t        wanted = k * WIDER > WIDER_MIN ? k * WIDER : WIDER_MIN, n;
	float        *unit   = wc_alloc(a, x->dim * sizeof *unit);
	float         len    = length(v, x->dim);
	struct found *heap   = wc_alloc(a, wanted * sizeof *heap);

	*hits = NULL;
	if (!isfinite(len) || len <= 0)
		return 0;
	for (uint32_t i = 0; i < x->dim; i++)
		unit[i] = v[i] / len;
	n     = first_pass(x, wide(a, unit, x->dim), heap, wanted);
	*hits = wc_alloc(a, n * sizeof **hits);
	for (size_t i = 0; i < n; i++)
		(*hits)[i] = (struct vector_hit){x->id[heap[i].row], dot_large(x->large + (size_t)heap[i].row * x->dim, unit, x->dim)};
	qsort(*hits, n, sizeof **hits, by_nearness);
	return n < k ? n : k;
}
