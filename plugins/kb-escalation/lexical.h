/* An index of words: a Groonga database in a folder of the node, derived from the rows in MariaDB. It holds pairs of characters and
 * where they occur, never the texts. Made aside and renamed; opened read-only; thrown away when damaged and made anew. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>

/* Once in a process, before and after everything else here. */
int  lexical_init(wc_err *e);
void lexical_fin(void);

struct lexical_writer;

/* Begins the folder (made as folder.new, what is left of an earlier one goes). NULL with *e. One thread. */
struct lexical_writer *lexical_begin(wc_arena *a, const char *folder, wc_err *e);
int                    lexical_add(struct lexical_writer *w, int64_t id, const char *text, size_t n, wc_err *e);

/* Removes a folder or a file, with all in it. */
void lexical_remove(const char *path);

/* Puts the folder in its place; what stood there goes. */
int lexical_finish(struct lexical_writer *w, wc_err *e);

struct lexical;

/* NULL with *e: WC_E_NOT_FOUND; WC_E_INTERNAL for one that is damaged or not whole. Safe from every thread. */
struct lexical *lexical_open(const char *folder, wc_err *e);
void            lexical_close(struct lexical *x);
uint64_t        lexical_count(const struct lexical *x);
int64_t         lexical_id(const struct lexical *x, uint64_t i);     /* of the text that was added as the i-th, from 0 */

struct word_hit {
	int64_t id;
	float   score;        /* BM25 (k1 1.2, b 0.75): for the order alone */
	float   coverage;     /* 0 to 1: how much of the question's weight occurs in the text, rare pairs weighing more */
};

#define LEXICAL_LAYERS 2

/* The k best for the question over all layers (NULL: none), best first, equal ones by id; in the arena. *count of them. How rare a pair is, is counted over all of
 * them, so that scores of a small layer beside a large one compare. Only the rarest pairs of a long question are asked for. */
int lexical_search(wc_arena *a, struct lexical *const layers[LEXICAL_LAYERS], const char *question, size_t n, size_t k, struct word_hit **hits, size_t *count,
                   wc_err *e);
