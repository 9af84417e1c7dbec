/* Private to core/talk: conversations, messages, and what their transactions have in common.
 *
 * Lock order of every transaction here: the customer (shared), the conversation, its messages, and last the lanes of the jobs it adds, all
 * of them in one statement. */
#pragma once

#include "talk/talk.h"

#include "base/base.h"
#include "crypt/crypt.h"
#include "work/work.h"

#include <wecomd/plugin.h>

#define KEY_SIZE 32

/* What a message is. Those below M_QUEUED came, the others go out. */
enum {
	M_OWED = 1,       /* of a customer, without an outcome yet */
	M_ANSWERED,
	M_PERSON,         /* a person has it */
	M_SETTLED,        /* left alone, for the reason in outcome */
	M_QUEUED = 11,    /* a job is to deliver it */
	M_HELD,           /* for the customer's next turn */
	M_SENT,
	M_FAILING,        /* its channel could not; another one is looked for */
	M_FAILED,
	M_UNCERTAIN,
	M_DROPPED,
	M_DRAFT,          /* a person is to approve it */
	M_DISCARDED,
};

enum { BY_MACHINE = 0, BY_PERSON = 1 };               /* conversation.handler */
enum { SAID_CUSTOMER = 1, SAID_PERSON, SAID_SYSTEM, SAID_MACHINE };     /* message.said_by */

/* SQL for a DATETIME column as milliseconds since 1970. */
#define MS(column) "CAST(UNIX_TIMESTAMP(" column ") * 1000 AS INTEGER)"

/* --- customers (customer.c) ------------------------------------------------------------------------------------------- */

/* Locks the customer against its erasure until the end of the transaction. 1: key is its data key, 0: unknown or erased, -1 with *e. */
int customer_hold(wc_db *db, wc_arena *a, int64_t customer, unsigned char key[KEY_SIZE], wc_err *e);

/* --- who (identity.c) ------------------------------------------------------------------------------------------------- */

struct identity {
	int64_t       id, customer;
	unsigned char key[KEY_SIZE];     /* of the customer, held */
};

/* As wc_identity(), with all that a message needs. */
int identity_hold(wc_db *db, wc_arena *a, const char *channel, const char *peer, const char *name, const wc_ties *ties, struct identity *who,
                  wc_err *e);

void peer_hash(unsigned char hash[WC_HASH_SIZE], const char *peer);
void name_hash(unsigned char hash[WC_HASH_SIZE], const char *name);
void tie_hash(unsigned char hash[WC_HASH_SIZE], int kind, const char *value);

/* Sealed under a customer's key; SQL NULL for NULL. */
wc_val sealed_text(wc_arena *a, const unsigned char key[KEY_SIZE], const char *about, const char *text);
wc_val sealed_json(wc_arena *a, const unsigned char key[KEY_SIZE], const char *about, const json_t *value);

/* Opens a column; NULL where it is NULL or does not open. */
const char *opened(wc_arena *a, int64_t customer, const char *about, wc_cell sealed);

/* --- conversations (conversation.c) ----------------------------------------------------------------------------------- */

struct conversation {
	int64_t     id, identity, customer;
	const char *channel, *account, *source, *assignee;
	int         handler;
	bool        is_open, is_new;
};

/* Reads and locks. -1: WC_E_NOT_FOUND. */
int conversation_lock(wc_db *db, wc_arena *a, int64_t id, struct conversation *c, wc_err *e);

/* The same without a lock; db NULL: outside of a transaction. */
int conversation_look(wc_db *db, wc_arena *a, int64_t id, struct conversation *c, wc_err *e);

/* The one that is open between this identity and this account of ours, locked; made where there is none (.is_new). */
int conversation_open(wc_db *db, wc_arena *a, const struct identity *who, const char *channel, const char *account, struct conversation *c,
                      wc_err *e);

/* Its end of the channel, with the peer in clear. */
int conversation_address(wc_db *db, wc_arena *a, const struct conversation *c, wc_address *to, wc_err *e);

/* What happened to it or to a message of it (0: none); the event's number, or -1. Details are codes and names, never people's words. */
int64_t event_add(wc_db *db, wc_arena *a, int64_t conversation, int64_t message, const char *what, const char *detail, wc_err *e);

/* The message that an undelivered one answered is a person's, unless something else answered it. In a transaction that locked the conversation. */
int unanswer(wc_db *db, wc_arena *a, int64_t answered, wc_err *e);

/* --- jobs and topics (topic.c) ---------------------------------------------------------------------------------------- */

#define OUTBOX_MAX 64

/* The jobs of a transaction, added together at its end. */
struct outbox {
	wc_arena   *a;
	wc_job_spec spec[OUTBOX_MAX];
	size_t      n;
	const char *why;      /* goes into the arguments of topics; NULL: nothing */
};

/* Jobs for those who subscribed to the topic. number: what makes it happen once, of the message or the event. */
void outbox_topic(struct outbox *o, const char *topic, int64_t number, const struct conversation *c, int64_t message, bool to_brain);
void outbox_deliver(struct outbox *o, int64_t route);
void outbox_job(struct outbox *o, const char *kind, const char *lane, const char *key, const json_t *args);
int  outbox_send(struct outbox *o, wc_db *db, const char *trace_id, wc_err *e);

/* The subscription that answers; NULL: nobody does. */
const wc_topic *brain(void);

/* What tells a subscription's jobs from others': eight digits. */
const char *topic_hash(wc_arena *a, const wc_topic *t);

/* The channel of that name; NULL: not loaded. */
const struct talk_channel *channel_find(const char *name);
const struct talk_channel *channels_all(void);
bool channel_carries(const wc_channel *c, const char *kind);

/* --- messages (receive.c, say.c, deliver.c) --------------------------------------------------------------------------- */

struct new_message {
	const struct conversation *c;
	const unsigned char       *key;
	const char                *msgid, *say_key, *author, *kind, *text, *outcome, *trace_id, *brain;     /* brain: topic_hash() of who owes the answer */
	const json_t              *content, *why;
	int                        said_by, state;
	bool                       is_out, is_notice;
	int64_t                    answers, media, sent_ms;
};

/* Writes the row and makes it the conversation's latest. Its id; 0: its msgid or key is there already; -1 with *e. */
int64_t message_insert(wc_db *db, wc_arena *a, const struct new_message *m, wc_err *e);

/* Well-formed UTF-8: what is not becomes '?'. NULL for NULL. */
const char *clean_text(wc_arena *a, const char *text);

/* A short code as columns take it: other where it is not ASCII; NULL for NULL. */
const char *code_or(const char *code, const char *other);

/* What is kept ready for the next turn goes to delivery again. */
int ready_held(wc_db *db, struct outbox *o, int64_t route, wc_err *e);

/* As they stand in answers: "customer", …; "owed", "queued", …. */
const char *message_from(int64_t said_by);
const char *message_state(int64_t state);

int run_deliver(wc_job *job, const void *self, wc_err *e);
int run_fallback(wc_job *job, const void *self, wc_err *e);

void media_check(wc_findings *findings, const void *self);

int run_retention(wc_job *job, const void *self, wc_err *e);
int run_sweep(wc_job *job, const void *self, wc_err *e);

/* Sections of a customer (section.c). */
wc_section_fn identities_read, identities_whole, conversations_read, conversations_whole;
int conversations_erase(wc_db *db, int64_t id, const void *self, wc_err *e);

/* Whether the fallback may use this channel for a message of that kind, in its round for channels that speak both ways or for drafts. */
bool fallback_fits(const wc_channel *c, const char *kind, bool drafts);

/* --- searching (words.c) ---------------------------------------------------------------------------------------------- */

#define WORDS_MAX 4000

/* What a text is found by: a keyed hash for each of its pairs of characters, each once, in the order of the text; *n of them. */
const char **words_of(wc_arena *a, const char *text, size_t *n);

/* Makes the message be found by its text. */
int words_add(wc_db *db, wc_arena *a, int64_t message, const char *text, wc_err *e);

/* Whether text holds what q asks for, compared as the search compares: letters alone, case and width left out. */
bool words_hold(wc_arena *a, const char *text, const char *q);

/* The ids of messages below before that may hold q, the newest first, at most limit. */
int words_find(wc_arena *a, const char *q, int64_t before, int64_t limit, wc_rows *rows, wc_err *e);

/* --- for people (inbox.c) --------------------------------------------------------------------------------------------- */

const char *masked_name(wc_arena *a, const char *name);                          /* "张**"; NULL for NULL */
const char *preview_of(wc_arena *a, const char *text, const char *name);         /* its beginning without digits and without the name */

/* The customer's identities; whole: with names, peers and ties in clear. */

/* --- media (media.c, media_type.c) ------------------------------------------------------------------------------------ */

#define MEDIA_HEAD 512     /* bytes that tell a type */

/* What the first n bytes of a file are, whatever its name says; static text. */
const char *media_type(const unsigned char *p, size_t n);

/* What a sender called a file, without folders, control characters and what turns the writing round; never empty. */
const char *media_name(wc_arena *a, const char *name);

/* Takes away files that no row names any more, some of them. 1: there may be more, 0, -1 with *e. */
int media_sweep(wc_arena *a, int64_t *removed, wc_err *e);

struct talk_settings {
	const char *const *fallback;
	const char        *media_folder;
	int64_t            media_max, messages_days, media_days;
};

/* Of this process, as they are now. */
const struct talk_settings *talk_settings(void);
