/* The one splitter: cuts a long Markdown text into messages of a channel that limits bytes.
 *
 * A piece never ends within a character. It ends between paragraphs, lines, sentences or words, in this order, and not within a link,
 * inline code, a table or a code block where these fit into one message. A code block that is longer than a message is closed at the
 * end of the piece and opened again in the next; of such a table the head is repeated. */
#pragma once

#include <stddef.h>

#include <wecomd/arena.h>

#define WC_SPLIT_MIN 64     /* the least max: below it there is no room to close a block */

typedef struct wc_splitter {
	const char *rest;       /* what has not been given yet; borrowed */
	size_t      rest_n;
	size_t      max;        /* bytes of a piece */
	const char *opening;    /* private: what the next piece begins with */
} wc_splitter;

wc_splitter wc_split(const char *s, size_t n, size_t max);

/* The next piece, terminated, in the arena, of *n bytes, never blank. NULL when nothing is left. White space between pieces is dropped. */
const char *wc_split_next(wc_splitter *sp, wc_arena *a, size_t *n);
