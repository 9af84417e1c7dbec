/* Judges a bot's answer to a callback as strictly as WeCom would (doc/101031, doc/101032, doc/101033).
 *
 * Written from the documentation of the protocol and knowing nothing of any client: what WeCom leaves open is accepted
 * in either reading, what it forbids is refused with the rule in words. Nothing here touches the database or the network. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

#include <stdbool.h>

enum judge_callback { JUDGE_MESSAGE, JUDGE_REFRESH, JUDGE_ENTER, JUDGE_CARD, JUDGE_FEEDBACK };

/* What is known before the answer. */
struct judge_case {
	enum judge_callback callback;
	const char         *nonce;         /* of the callback's URL */
	const char         *stream_id;     /* of the bubble; NULL: the message is not answered yet */
	bool                card;          /* the message has had its card */
	const char         *task_id;       /* of the card that was pressed */
};

/* What a good answer says. */
struct judge_verdict {
	bool          empty;         /* acknowledged, and nothing to show */
	const char   *stream_id;     /* NULL: no stream in it */
	bool          finish;
	const char   *content;       /* the snapshot, "" when the answer has none */
	bool          blank;         /* nothing visible in it */
	const json_t *card;          /* NULL: none */
	const char   *feedback_id;   /* NULL: none */
	const wc_slice *pictures;    /* the bytes of those that end the answer */
	size_t        picture_count;
};

/* The body of an HTTP 200. 0 with *verdict, in the arena; -1 with *e, whose text is the rule that was broken. */
int judge_answer(wc_arena *a, const wc_envelope *v, const struct judge_case *c, wc_slice body, struct judge_verdict *verdict,
                 wc_err *e);

/* A card by itself, and the words that stand for it where it cannot be drawn. */
int         judge_card(const json_t *card, wc_err *e);
const char *judge_card_text(const json_t *card);

/* The part behind the envelope: msg is what was decrypted. */
int judge_message(wc_arena *a, const struct judge_case *c, wc_slice msg, struct judge_verdict *verdict, wc_err *e);
