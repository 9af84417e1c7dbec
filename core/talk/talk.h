/* What the talk tier offers to the higher tiers of core, besides <wecomd/customer.h>. */
#pragma once

#include <stdbool.h>

#include <wecomd/customer.h>
#include <wecomd/field.h>
#include <wecomd/talk.h>

/* A section and the self of the plugin that it belongs to. */
struct customer_section {
	const wc_section *section;
	const void       *self;
};

struct customer_settings {
	const char *privacy_notice;
};

extern const wc_field customer_fields[];     /* [customer] */

/* Borrowed for good; before threads. */
void customers_settings(const struct customer_settings *settings);

/* All sections of all plugins; a NULL section at the end. Borrowed; set before threads. */
void customers_use(const struct customer_section *sections);

/* The customer with a member for each section, whole or as viewers may see it. NULL: WC_E_NOT_FOUND, or a section's own error. */
json_t *customer_json(wc_arena *a, int64_t id, bool whole, wc_err *e);

/* Erases what the sections keep, destroys the data key and writes the audit entry, in one transaction. reason is kept in the audit
 * trail. -1: WC_E_NOT_FOUND; WC_E_CONFLICT for one that is erased already. */
int customer_erase(int64_t id, const char *actor, const char *reason, wc_err *e);

/* The whole of customer_json(), noted in the audit trail before it is given out. */
json_t *customer_export(wc_arena *a, int64_t id, const char *actor, wc_err *e);

/* --- conversations ---------------------------------------------------------------------------------------------------- */

/* A channel or subscription, and the self of the plugin that it belongs to. */
struct talk_channel {
	const wc_channel *channel;
	const void       *self;
};

/* All of all plugins; a NULL channel and topic at the end. Borrowed; set before threads. */
void talk_use(const struct talk_channel *channels, const wc_topic *const *topics);

/* Whether plugins can subscribe to it. */
bool talk_knows_topic(const char *topic);

/* Called each second by every worker process: what nobody looks after any more goes to people (sweep.c). */
void talk_tick(void);

/* --- what people see (inbox.c) ---------------------------------------------------------------------------------------- */

/* What is wanted of the list: NULL takes everything. */
struct chat_filter {
	const char *state, *source, *channel, *handler, *assignee, *q;
	bool        waiting, unanswered;
	bool        words;             /* q also means what messages say */
};

/* The conversations whose latest message is below before, the newest first; column 0 is that message's number. conversation_item() makes an object
 * of a row, a new reference; whole points to a bool: false masks names. */
int     conversations_list(wc_arena *a, const struct chat_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e);
json_t *conversation_item(wc_arena *a, const wc_rows *rows, size_t row, const void *whole);

/* One conversation with its window and the customer's identities. NULL: WC_E_NOT_FOUND. */
json_t *conversation_whole(wc_arena *a, int64_t id, wc_err *e);

/* The messages of the conversation below before, the newest first, with what happened to each. */
json_t *thread_items(wc_arena *a, int64_t conversation, int64_t before, int64_t limit, wc_err *e);

/* Messages that hold what q asks for (NULL: all) below before, the newest first; an item's "message" is its position. */
json_t *search_items(wc_arena *a, const char *q, int64_t before, int64_t limit, wc_err *e);

/* Drafts that wait for approval, as messages of a thread with conversation, channel and customer. */
json_t *draft_items(wc_arena *a, int64_t before, int64_t limit, wc_err *e);

/* Customers below before, the newest first: with an identity of that channel, or known by exactly q as name, mobile, unionid or a channel's id. */
struct customer_filter {
	const char *q, *channel;
};

/* Who they are on each channel, whole or masked. */
json_t *identities_json(wc_arena *a, int64_t customer, bool whole, wc_err *e);

json_t *customer_items(wc_arena *a, const struct customer_filter *f, int64_t before, int64_t limit, bool whole, wc_err *e);

/* --- what people do (desk.c). Each is one transaction with its audit entry by actor. ------------------------------------ */

/* force: also from somebody else. -1: WC_E_CONFLICT for a closed one or another's. */
int chat_take(int64_t conversation, const char *actor, bool force, wc_err *e);
int chat_hand_back(int64_t conversation, const char *actor, wc_err *e);
int chat_close(int64_t conversation, const char *actor, wc_err *e);

struct chat_words {
	int64_t     conversation;
	const char *actor, *repeat;       /* repeat: what tells a repetition of the same request; NULL: it is none */
	const char *text, *kind;          /* kind NULL: by what is said */
	int64_t     media;
	int64_t     message;              /* result */
};

/* A person speaks; the conversation is theirs from then on if it is nobody's. -1: WC_E_ARG for a kind that the channel does not carry. */
int chat_say(struct chat_words *w, wc_err *e);

int draft_approve(int64_t message, const char *actor, wc_err *e);
int draft_discard(int64_t message, const char *actor, wc_err *e);

#define MEDIA_MOST (64 << 20)     /* bytes; [talk] media_max is not above it */

extern const struct wc_plugin talk_part;
