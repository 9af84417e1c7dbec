/* What was said: messages of people, bubbles of bots, and the record of what was delivered.
 *
 * Every change gives its message the next revision (rev); revisions become visible in order, so a reader who asks for
 * what came after the greatest one it has seen misses nothing. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/db.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>

#include <stdbool.h>
#include <stdint.h>

#define CHAT_OPEN_MAX   3       /* interactions of one person with one bot at a time */
#define CHAT_LIST_MAX   200
#define CHAT_TEXT_MAX   20480   /* bytes of a bubble */
#define CHAT_STREAM_MAX 256     /* bytes of a stream id */

struct chat_post {
	wc_arena   *a;
	const char *bot, *person, *group, *text;     /* group "": single chat */
	const char *msgid;
	int64_t     now_ms, open_until_ms;
	const char *msgtype;                         /* text, image, mixed, voice or file */
	int64_t     quote;                           /* the id of an earlier message of the chat; 0: none */
	wc_slice    bytes;                           /* of the picture or file; p NULL: none */
	const char *file_name;
	int64_t     id;                              /* out */
};

/* Stores a person's message together with the job that delivers it. 0 with post->id; -1 with WC_E_CONFLICT when the person
 * has CHAT_OPEN_MAX interactions in flight with that bot, or WC_E_DB. */
int chat_post(struct chat_post *post, wc_err *e);

/* A person's message as its delivery needs it, and how far the answer has come. */
struct chat_turn {
	int64_t     id;
	const char *msgid, *bot, *person, *group, *text;
	bool        sending;           /* the bot has not acknowledged it yet */
	int64_t     open_until_ms;     /* 0: the interaction is over */
	int         tries;             /* how often it was delivered so far */
	const char *stream_id;         /* of the bubble; NULL: there is none */
	bool        card;              /* the bubble had its card */
	const char *shown;             /* the bubble's text; "" */
	const char *msgtype;
	int64_t     quote;             /* 0: none */
};

/* -1: WC_E_NOT_FOUND or WC_E_DB. */
int chat_load(wc_arena *a, int64_t id, struct chat_turn *turn, wc_err *e);

/* What a message says, as a quote repeats it: bubbles are text. -1: WC_E_NOT_FOUND or WC_E_DB. */
int chat_said(wc_arena *a, int64_t id, const char **msgtype, const char **text, wc_err *e);

/* Whether that message is in the chat. 1, 0 or -1. */
int chat_has(wc_arena *a, int64_t id, const char *bot, const char *person, const char *group, wc_err *e);

/* A finished bubble that is no stream: by response_url, or a welcome. */
struct chat_extra {
	wc_arena   *a;
	const char *bot, *person, *group, *text;
	const char *card, *feedback_id;     /* NULL: none */
	int64_t     later_of;               /* what it came for, quoted in groups; 0: nothing */
};

int chat_add_bubble(const struct chat_extra *x, wc_err *e);

/* What an event changed at a bubble, with a new revision. */
int chat_change_card(wc_arena *a, int64_t id, const char *card, wc_err *e);
int chat_change_rating(wc_arena *a, int64_t id, int64_t rating, wc_err *e);

/* Whether another bubble of that bot has this stream id. 1, 0 or -1. */
int chat_stream_taken(wc_arena *a, const char *bot, const char *stream_id, int64_t message, wc_err *e);

/* One callback that was sent, and what it changed. */
struct chat_step {
	wc_arena   *a;
	int64_t     message;

	const char *kind, *msgid;      /* kind NULL: nothing was sent */
	int         try;
	long        status;            /* 0: no answer */
	int64_t     at_ms, ms;
	const char *error;             /* "": a good answer */

	const char *state;             /* of the person's message; NULL: stays */
	const char *state_error;       /* "" */
	bool        over;              /* the interaction has ended */

	const char *bubble;            /* its state; NULL: stays, or there is none */
	const char *bubble_error;      /* "" */
	const char *text;              /* NULL: stays */
	const char *stream_id;         /* of a bubble that begins here; NULL: it exists, or is no stream */
	const char *card;              /* has come with this step; NULL: none */
	const char *feedback_id;       /* of a bubble that begins here; NULL: none */
	bool        begins;            /* the bubble begins here */
	const wc_slice *pictures;      /* that end it */
	size_t      picture_count;
};

/* Writes a step in one transaction. A bubble that is finished or failed is frozen: it stays as it is. 0 or -1 (WC_E_DB). */
int chat_record(const struct chat_step *step, wc_err *e);

/* Messages of a chat as rows: id, rev, is_bubble, person, text, state, error, sent_ms, changed_ms, reply_to, msgid, msgtype, quote,
 * card_json, feedback_id, rating, pictures; in
 * the order of id. after 0: the newest CHAT_LIST_MAX; otherwise the earliest CHAT_LIST_MAX that changed after that
 * revision. */
int chat_list(wc_arena *a, const char *bot, const char *person, const char *group, int64_t after, wc_rows *rows, wc_err *e);

/* A picture that ends a bubble. -1: WC_E_NOT_FOUND or WC_E_DB. */
int chat_picture(wc_arena *a, int64_t message, int64_t no, wc_slice *bytes, wc_err *e);

/* What was delivered for a message, the newest 500 in their order: kind, msgid, try, status, ms, error, at_ms. */
int chat_deliveries(wc_arena *a, const char *msgid, wc_rows *rows, wc_err *e);
