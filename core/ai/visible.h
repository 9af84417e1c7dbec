/* The text of an answer as a person may see it, made from the pieces an endpoint sends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/buf.h>
#include <wecomd/err.h>

typedef int visible_fn(void *ctx, const char *p, size_t n, wc_err *e);

struct visible {
	wc_buf *text;           /* all that was given to on_text: well-formed UTF-8 */
	bool    full;           /* there was more text than max; what is over is lost */
	bool    refused;        /* on_text ended the call */

	/* private */
	size_t      max;
	bool        strip_think, thinking;
	visible_fn *on_text;
	void       *ctx;
	wc_buf     *joined, *shown;
	char        tail[8];    /* the beginning of a character */
	size_t      tail_len;
	size_t      tag_len;    /* characters of <think> or </think> that match so far */
};

/* max bounds the text in bytes. on_text may be NULL. */
void visible_open(struct visible *v, wc_arena *a, size_t max, bool strip_think, visible_fn *on_text, void *ctx);

/* Takes a piece of any bytes. on_text gets whole characters; what is not UTF-8 becomes U+FFFD. -1: on_text said so. */
int visible_add(struct visible *v, const char *p, size_t n, wc_err *e);

/* Gives what was held back because it might have been continued. */
int visible_end(struct visible *v, wc_err *e);
