/* Conversations with people outside: who they are on each channel, what was said, and how a reply reaches them.
 *
 * Channels and brains meet only here. A channel (kf, the app, web chat) writes what came with wc_talk_receive() and carries out what is
 * to be said; a brain (kf's own answers, the knowledge base) subscribes to topics and answers with wc_talk_say(). Neither knows the
 * other. What a message says is sealed under its customer's key.
 *
 * A message that came has exactly one outcome: answered, handed to a person, or left alone for a reason. A message to be sent has one
 * state: it is never sent twice, and what the channel cannot carry now waits for the customer's next turn. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/db.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

/* --- who ------------------------------------------------------------------------------------------------------------ */

/* One end of a channel: whom a message came from or goes to. peer is the channel's own id of the person (an external_userid), kept as a
 * keyed hash and, sealed, as text. */
typedef struct wc_address {
	int64_t     conversation;
	int64_t     customer;
	const char *channel;       /* "kf": name of a wc_channel */
	const char *account;       /* which of ours: an open_kfid, a bot; "" where the channel has one only */
	const char *peer;
} wc_address;

/* What ties identities of several channels to one customer. NULL: not known. */
typedef struct wc_ties {
	const char *unionid;
	const char *mobile;
	const char *external_userid;
} wc_ties;

/* The customer behind a person of a channel: the one this identity has, or one that shares a tie with it, or a new one. As part of the
 * caller's transaction, safe to run twice at once. name: a nickname, or NULL when not known; the latest one is kept, sealed. An identity
 * whose ties point to another customer than its own is not moved: it is noted, for a person to decide. The id, or -1 with *e. */
int64_t wc_identity(wc_db *db, wc_arena *a, const char *channel, const char *peer, const char *name, const wc_ties *ties, wc_err *e);

/* --- what came ------------------------------------------------------------------------------------------------------ */

typedef enum wc_from { WC_FROM_CUSTOMER = 1, WC_FROM_PERSON, WC_FROM_SYSTEM } wc_from;     /* PERSON: staff, outside of wecomd */

typedef struct wc_incoming {
	const char   *channel, *account, *peer;
	const char   *name;        /* nickname, or NULL */
	const char   *msgid;       /* the channel's id of the message; unique in the channel */
	wc_from       from;
	const char   *author;      /* member userid where from is WC_FROM_PERSON; otherwise NULL */
	const char   *kind;        /* "text", "image", "voice", "video", "file", "location", "link", "menu", "miniprogram", "card", "merged", "event", "other" */
	const char   *text;        /* what it says in words, for people, models and the search; NULL: nothing */
	const json_t *content;     /* the channel's own form, whole; sealed. NULL: none */
	int64_t       sent_ms;     /* by the channel's clock */
	bool          quiet;       /* kept, but no one is to answer it (history, a system event): no topic, its outcome is "quiet" */
	const char   *trace_id;    /* NULL: the current one */
} wc_incoming;

typedef struct wc_received {
	int64_t message, conversation, customer;
	bool    is_new;            /* false: the message was there already and nothing was written */
	bool    opened;            /* it began a conversation */
} wc_received;

/* Writes a message and all that hangs on it (customer, identity, conversation, topics' jobs) as part of the caller's transaction. A customer's
 * message readies what waits in its conversation for their next turn. */
int wc_talk_receive(wc_db *db, wc_arena *a, const wc_incoming *in, wc_received *out, wc_err *e);

/* The message came with media that were fetched since; a brain that waits for them reads them in wc_message. */
int wc_message_media(wc_db *db, int64_t message, int64_t media, wc_err *e);

/* The message with that id of the channel was recalled by its author: its text is no longer shown, and it is not answered if it was not yet. */
int wc_message_recalled(wc_db *db, const char *channel, const char *msgid, wc_err *e);

/* --- topics --------------------------------------------------------------------------------------------------------- */

/* A subscription: a job of the plugin's own is added, in the transaction of what happened, to the lane of the conversation, with the arguments
 * {"topic", "conversation", "message"?, "customer", "why"?} (why: of a conversation handed over or closed, a code or who) and a key of its own, so it happens once.
 *
 * Topics: "message.received" (of a customer), "message.sent", "conversation.opened", "conversation.handed_over", "conversation.handed_back",
 * "conversation.closed".
 *
 * Of the subscriptions to message.received with .answers one alone gets each message: that with the greatest rank of those loaded. It owes the message an
 * outcome: wc_talk_say() with .answers, wc_talk_hand_over() or wc_message_settle(); one whose job was buried is handed to a person by the host.
 * While a person has the conversation, messages go to nobody with .answers; their outcome is "person". */
typedef struct wc_topic {
	const char *topic;
	const char *job;           /* kind of a job of the same plugin */
	bool        answers;
	int         rank;          /* kf's own answers 0, a knowledge base 10 */
} wc_topic;

/* --- reading -------------------------------------------------------------------------------------------------------- */

typedef struct wc_message {
	int64_t       id, conversation, customer;
	bool          is_out, is_recalled;
	const char   *from;        /* "customer", "person", "machine", "system" */
	const char   *author;      /* "user:NAME", "member:USERID", "machine:PLUGIN"; "" for a customer */
	const char   *kind, *text, *state, *reason;
	const json_t *content;     /* NULL: none */
	int64_t       media;       /* 0: none */
	int64_t       at_ms;
} wc_message;

/* One message. -1: WC_E_NOT_FOUND. */
int wc_message_read(wc_arena *a, int64_t id, wc_message *m, wc_err *e);

/* The latest messages of the conversation up to and with message until (0: all), oldest first, at most n; *count of them. */
int wc_message_latest(wc_arena *a, int64_t conversation, int64_t until, size_t n, wc_message **list, size_t *count, wc_err *e);

typedef struct wc_conversation {
	wc_address  address;
	const char *source;        /* as wc_channel */
	const char *handler;       /* "machine" or "person" */
	const char *assignee;      /* "user:NAME", "member:USERID"; "": nobody */
	bool        is_open;
} wc_conversation;

int wc_conversation_read(wc_db *db, wc_arena *a, int64_t id, wc_conversation *c, wc_err *e);

/* The conversation with that person that is open, 0 when none is; -1 with *e. */
int64_t wc_conversation_of(wc_db *db, wc_arena *a, const char *channel, const char *account, const char *peer, wc_err *e);

/* --- saying --------------------------------------------------------------------------------------------------------- */

typedef struct wc_say {
	int64_t       conversation;
	const char   *key;         /* once for ever, at most 64 bytes, such as "answer/MESSAGE" */
	const char   *author;      /* "machine:PLUGIN" or "user:NAME" */
	const char   *kind;        /* NULL: "text" */
	const char   *text;        /* Markdown is for the channel to flatten; of any length: the channel splits */
	const json_t *content;     /* for kinds that are no text, in the channel's own form; NULL: none */
	int64_t       media;       /* 0: none */
	int64_t       answers;     /* the message that this answers: its outcome becomes "answered", once: one say for each; 0: none */
	const json_t *why;         /* for staff, sealed: model, chunks and scores behind the answer; NULL: nothing */
	bool          notice;      /* a word of the system (handing over, idle, apology): may use what the channel keeps in reserve */
} wc_say;

/* Writes a message to be sent, and its delivery, as part of the caller's transaction. 1: *message is the new row; 0: the key was there (*message
 * is that row), or a machine would speak while a person has the conversation, or to a message that has an outcome or was recalled
 * (*message is 0); -1 with *e: WC_E_CONFLICT for a conversation that is closed and cannot be opened by us. */
int wc_talk_say(wc_db *db, wc_arena *a, const wc_say *say, int64_t *message, wc_err *e);

/* Ends the message's need of an answer for a reason: a short code such as "history", "empty", "blocked". 1: done, 0: it had an outcome. */
int wc_message_settle(wc_db *db, int64_t message, const char *outcome, wc_err *e);

/* --- people --------------------------------------------------------------------------------------------------------- */

/* Hands the conversation to people: the machine is silent from the commit on. message: what led to it, its outcome becomes "person"; 0: none. assignee:
 * who, or NULL: whoever takes it. why: a short code ("asked", "unsure", "angry", "failed", "taken"). 1: handed over now, 0: a person had it already,
 * or it is closed; -1 with *e. Every message of it that is owed an outcome gets "person". What the machine said and the channel holds for the next turn is
 * dropped; notices are not. */
int wc_talk_hand_over(wc_db *db, wc_arena *a, int64_t conversation, int64_t message, const char *assignee, const char *why, wc_err *e);

/* Gives it back to the machine. 1, 0: the machine had it; -1. */
int wc_talk_hand_back(wc_db *db, wc_arena *a, int64_t conversation, const char *by, wc_err *e);

/* Ends it; the next message of the customer begins another. What is held for the next turn is dropped with reason "closed";
 * what was said in this moment, such as a farewell, still goes out. 1, 0: it was closed; -1. */
int wc_talk_close(wc_db *db, wc_arena *a, int64_t conversation, const char *why, wc_err *e);

/* --- channels ------------------------------------------------------------------------------------------------------- */

/* What may be sent to a conversation now. */
typedef struct wc_window {
	bool        is_open;
	int64_t     closes_ms;     /* UTC; 0: by itself never */
	int64_t     limit, left;   /* messages until the customer writes again; -1: no limit */
	int64_t     reserve;       /* of left: kept for notices */
	const char *reason;        /* when closed, a code: "expired", "used_up", "with_servicer", "ended", "refused"; otherwise "" */
} wc_window;

/* A message that is to go out, as its channel gets it. */
typedef struct wc_outgoing {
	int64_t       message;
	const char   *kind, *text;
	const json_t *content;
	int64_t       media;
	int64_t       answers;     /* as in wc_say */
	bool          notice;
	bool          is_person;   /* a person of ours wrote it */
} wc_outgoing;

/* Ways of a message that was given to deliver. */
typedef enum wc_delivery {
	WC_DELIVERY_SENT = 1,
	WC_DELIVERY_WAITS,         /* for the customer's next turn */
	WC_DELIVERY_FAILED,        /* this channel cannot carry it: the customer's other identities are tried, then a person is told */
	WC_DELIVERY_UNCERTAIN,     /* may have been sent: never repeated; the ledger finds out */
} wc_delivery;

/* As part of the caller's transaction or (db NULL) in one of its own. channel_msgid: what receipts name it by, NULL: none. reason: a short code for people
 * ("95002"); NULL: none. The first of SENT and FAILED stays, but a later FAILED (a receipt of failure) replaces SENT. 1: written, 0: it stood so. */
int wc_message_delivered(wc_db *db, int64_t message, wc_delivery how, const char *channel_msgid, const char *reason, wc_err *e);

/* The message that has that channel_msgid; 0: none. */
int64_t wc_message_by_channel_id(wc_db *db, wc_arena *a, const char *channel, const char *channel_msgid, wc_err *e);

typedef struct wc_channel {
	const char *name;          /* "kf"; the plugin's name, or begins with it */
	const char *source;        /* "customer" 企微-客户, "kf" 企微-客服, "app" 企微-应用, "bot" 内部机器人, "web" 站内 */
	const char *kinds;         /* what it carries out: "text|image|file" */
	bool        drafts_only;   /* one way: what is said becomes a draft that a person approves */
	bool        members_only;  /* its people are members, never customers */

	/* What may be sent now; reads the database alone. */
	int (*window)(wc_arena *a, const wc_address *to, wc_window *w, const void *self, wc_err *e);

	/* Sends what waits in one conversation, in order, merging and splitting as the channel wants; says how each message went with
	 * wc_message_delivered(). Runs in a job in the conversation's delivery lane, so never twice at once; again after a crash, so each send has an intent in the ledger
	 * first. A message it says nothing of waits. -1 with *e: tried again later (wc_err_retry) or all that wait have failed. */
	int (*deliver)(wc_arena *a, const wc_address *to, const wc_outgoing *list, size_t n, const void *self, wc_err *e);
} wc_channel;

/* What can be sent to the conversation now, by its channel's window. */
int wc_talk_window(wc_arena *a, int64_t conversation, wc_window *w, wc_err *e);

/* --- media ---------------------------------------------------------------------------------------------------------- */

/* Files that came or go, kept under [talk] media_folder by a keyed hash of their content, each content once; at most [talk] media_max bytes. */
typedef struct wc_media_writer wc_media_writer;

wc_media_writer *wc_media_begin(wc_arena *a, const char *name /* as the sender called it; hostile */, wc_err *e);     /* NULL with *e */
int              wc_media_write(wc_media_writer *w, const char *p, size_t n, wc_err *e);                              /* WC_E_TOO_LARGE */
/* The row's id, or -1. What was begun and not kept goes with the arena. customer: whose it is, for the erasure; 0: ours. */
int64_t          wc_media_keep(wc_media_writer *w, int64_t customer, wc_err *e);

typedef struct wc_media {
	const char *path;          /* of the file, to be opened for reading */
	const char *name;          /* without folders and control characters */
	const char *type;          /* by its first bytes, not by its name: "image/png", …, "application/octet-stream" */
	int64_t     bytes;
} wc_media;

int wc_media_read(wc_arena *a, int64_t id, wc_media *m, wc_err *e);     /* WC_E_NOT_FOUND also when the file is gone */
