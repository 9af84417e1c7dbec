/* Comparing what people type: folded texts, commands that forgive, and words that must not be said. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/envelope.h>

/* The letters of a text: half-width, lower case, without blanks, invisible characters and punctuation. */
struct folded {
	unsigned *code;
	size_t   *at, *end;      /* where each stood, in bytes */
	size_t    n;
};

struct folded fold(wc_arena *a, const char *s, size_t n);

/* Equal when folded; with four or more letters one may be missing, too many or wrong. */
bool words_alike(wc_arena *a, const char *x, const char *y);

/* Whether text is one of the words of the list "a|b|c". */
bool words_any(wc_arena *a, const char *list, const char *text);

/* Whether text begins with one of them; *rest is what follows, trimmed; *parted: white space or punctuation stood between. */
bool words_begin(wc_arena *a, const char *list, const char *text, const char **rest, bool *parted);

/* The first blocked word of the list "a,b,c" in the text, NULL when there is none. Letters may have blanks and punctuation between them,
 * but no end of a sentence. */
const char *blocked_word(wc_arena *a, const char *list, const char *s, size_t n);

/* The text with blocked words covered. growing: more will come, so an end that may become a blocked word is left out. */
wc_slice blocked_cover(wc_arena *a, const char *list, const char *s, size_t n, bool growing);
