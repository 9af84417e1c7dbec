/* Text is UTF-8 everywhere; limits of WeCom are bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether n bytes are well-formed UTF-8 (no overlong forms, no surrogates). */
bool wc_utf8_valid(const char *s, size_t n);

/* The longest prefix of at most max bytes that ends on a character boundary. What is no UTF-8 there is cut at max, so that whoever goes on
 * behind the cut gets on. */
size_t wc_utf8_cut(const char *s, size_t n, size_t max);

/* How many characters (code points) n bytes of well-formed UTF-8 hold. */
size_t wc_utf8_count(const char *s, size_t n);

/* Removes leading and trailing white space, ASCII and U+3000, by narrowing the range. */
void wc_text_trim(const char **s, size_t *n);
