/* Reads the body of a chat completion as it arrives: a stream of events, or one JSON object from a gateway without streams. */
#pragma once

#include "ai/visible.h"

#include <wecomd/http.h>
#include <wecomd/json.h>

#include <stdint.h>

struct answer {
	struct visible visible;
	const char    *finish_reason;       /* NULL: not told yet */
	bool           done;                /* nothing more is to come */
	int64_t        prompt_tokens, completion_tokens;

	/* private */
	wc_arena      *arena;
	bool           begun;
	enum { UNKNOWN, EVENTS, OBJECT } form;
	wc_sse        *events;
	wc_buf        *object;
};

/* The caller opens answer->visible. */
void answer_open(struct answer *r, wc_arena *a);

/* -1 with *e: the answer is no good, on_text said so, or visible.full: the rest is not wanted. */
int answer_feed(struct answer *r, const char *p, size_t n, wc_err *e);

/* The body is over, or will not go on. Gives what was held back; -1 when the answer is not complete. */
int answer_end(struct answer *r, wc_err *e);

/* Whether the text is whole, so that a connection lost from here on does not matter. */
bool answer_complete(const struct answer *r);

/* What an {"error":…} says. Its message is left alone: it may quote what a customer wrote. */
struct answer_error {
	const char *code;        /* its short code or type, in the arena; "": none */
	long        status;      /* an HTTP status given as the code; 0: none */
	bool        quota;       /* of the family that does not go away by waiting */
	bool        final;       /* known as one that no repetition mends */
};

struct answer_error answer_error(wc_arena *a, const json_t *body);

/* Both return -1 with WC_E_REMOTE or WC_E_REFUSED: for an answer that is an error, and for one that became it on the way. */
int answer_refused(long status, const struct answer_error *why, const char *retry_after, wc_err *e);
int answer_broken(const struct answer_error *why, wc_err *e);

/* A Retry-After header in milliseconds: seconds or an HTTP date. -1: it is neither. */
int64_t answer_pause_ms(const char *retry_after);

/* Whether a word of the endpoint is a short identifier, fit for a log. NULL is not. */
bool answer_word(const char *s);
