/* An index of vectors: one file on the node, derived from the rows in MariaDB, mapped read-only and so shared by all
 * processes that search it. Written aside and renamed, never changed in place: it is thrown away and made anew.
 *
 * A search passes over all vectors as 8-bit numbers and ranks the best of those anew in float. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>

#define VECTORS_DIM_MAX 4096

struct vectors_writer;

/* Begins the file path (written as path.new): at most count vectors of dim numbers. NULL with *e. */
struct vectors_writer *vectors_begin(wc_arena *a, const char *path, uint32_t dim, uint64_t count, wc_err *e);

/* Adds a vector; it is brought to length 1 first. -1: WC_E_ARG for one without a length or with something that is no number. */
int vectors_add(struct vectors_writer *w, int64_t id, const float *v, wc_err *e);

/* Puts the file in its place, whole and on the disk. */
int vectors_finish(struct vectors_writer *w, wc_err *e);

struct vectors;

/* Maps the file. NULL with *e: WC_E_NOT_FOUND; WC_E_INTERNAL for one that is damaged or cut short. Borrowed until vectors_close(). */
struct vectors *vectors_open(const char *path, wc_err *e);
void            vectors_close(struct vectors *x);
uint32_t        vectors_dim(const struct vectors *x);
uint64_t        vectors_count(const struct vectors *x);
int64_t         vectors_id(const struct vectors *x, uint64_t i);     /* of the vector that was added as the i-th, from 0 */

struct vector_hit {
	int64_t id;
	float   cosine;
};

/* The k nearest to v (dim numbers, of any length above 0), nearest first, equal ones by id; in the arena. Returns how many. */
size_t vectors_search(wc_arena *a, const struct vectors *x, const float *v, size_t k, struct vector_hit **hits);
