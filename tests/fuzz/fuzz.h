/* What every fuzz target includes: libFuzzer's entry, must() for the property that has to hold, and how an input is taken apart.
 *
 * Inputs are lines of parameters and then the text itself, so that seeds can be written and findings be read. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/text.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with the sentence, which libFuzzer reports with the input. */
#define must(what) ((what) ? (void)0 : broken(#what, __FILE__, __LINE__))

static inline _Noreturn void broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
	abort();
}

struct input {
	const char *p;
	size_t      n;
};

/* The bytes up to the next line end, which is taken too. */
static inline struct input take_line(struct input *in)
{
	const char  *end  = in->n ? memchr(in->p, '\n', in->n) : NULL;
	struct input line = {in->p, end ? (size_t)(end - in->p) : in->n};

	in->p += line.n + (end != NULL);
	in->n -= line.n + (end != NULL);
	return line;
}

/* Terminated, in memory of exactly that size, so that a sanitizer sees a read beyond it; until the arena ends. */
static inline char *text_of(wc_arena *a, struct input in)
{
	char *copy = malloc(in.n + 1);

	if (in.n)
		memcpy(copy, in.p, in.n);
	copy[in.n] = 0;
	wc_defer(a, free, copy);
	return copy;
}

static inline int64_t take_number(wc_arena *a, struct input *in)
{
	return strtoll(text_of(a, take_line(in)), NULL, 10);
}

/* A number that is the same for the same bytes: what a target chooses by. */
static inline uint32_t hash_of(struct input in)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < in.n; i++)
		h = (h ^ (unsigned char)in.p[i]) * 16777619u;
	return h;
}
