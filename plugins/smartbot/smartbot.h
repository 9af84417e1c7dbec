/* Private to plugins/smartbot. */
#pragma once

#include <wecomd/plugin.h>

#include "card.h"
#include "words.h"

#define STREAM_MAX 20480     /* bytes of a stream's content, and of a reply's (doc/101031, doc/101138) */
#define REPLY_MS   3600000   /* how long a response_url lives */

struct smartbot {
	int64_t     stream_life_ms, snapshot_every_ms, late_life_ms, day_offset_ms;
	int64_t     answers_days, feedback_days, usage_days, conversations_days;
	const char *retention_cron;
	int64_t     in_flight, images, image_max, file_max, file_text_max;
	const char *media_hosts, *block_words;
	const char *link;
	const char *words_clear, *words_role, *words_usage, *words_help;
};

/* --- people: only keyed hashes are compared; the ids themselves are sealed -------------------------------------------- */

struct person {
	const char   *user;                    /* the id as it came */
	unsigned char hash[WC_HASH_SIZE];      /* the same for every spelling in capitals */
};

struct person person_of(wc_arena *a, const char *user);
int person_keep(wc_db *db, wc_arena *a, const struct person *p, wc_err *e);     /* so that the id can be told from the hash */
static inline wc_val person_val(const struct person *p) { return wc_bytes(p->hash, sizeof p->hash); }

/* --- bots: rows, seeded from [smartbot:NAME] ------------------------------------------------------------------------- */

/* A section, and a row as it was read. */
struct bot {
	int64_t     id;
	const char *name;
	const char *token, *aes_key, *aibotid, *receiveid;
	const char *persona, *model, *fallback_model, *prompt, *memory, *welcome, *welcome_image, *welcome_card;
	int64_t     memory_tokens, per_minute, daily_tokens_person, daily_tokens_bot;
	bool        feedback, vision;
};

extern const wc_field bot_fields[];      /* a section */
extern const wc_field bot_editable[];    /* what REST may change; all are required */

bool bot_name_is_good(const char *name);
int bot_check(const char *name, const void *bot, wc_err *e);
int bot_seed(const char *name, const void *bot, const char *seed_hash, const void *self, wc_err *e);
int bot_endpoints(wc_endpoint_list *list, const void *self, wc_err *e);

/* An endpoint's note: "+" or "-" (feedback wanted or not), then the aibotid. */
static inline bool        note_feedback(const char *note) { return *note == '+'; }
static inline const char *note_aibotid(const char *note) { return note + 1; }

/* -1 with WC_E_NOT_FOUND when the bot is gone. */
int bot_load(wc_arena *a, int64_t id, struct bot *bot, wc_err *e);
int bot_find(wc_arena *a, const char *name, struct bot *bot, wc_err *e);
int bot_list(wc_arena *a, struct bot **bots, size_t *n, wc_err *e);

/* Writes what REST may change. In the caller's transaction. */
int     bot_write(wc_db *db, const struct bot *bot, wc_err *e);
json_t *bot_settings(wc_arena *a, const struct bot *bot);      /* without secrets */

/* The welcome as a news_notice with welcome_image. */
json_t *bot_welcome_notice(wc_arena *a, const struct bot *bot, const char *link);

/* --- streams: the snapshot that refreshes show ----------------------------------------------------------------------- */

struct stream {
	const char *id;
	int64_t     fence;
	size_t      shown_len;    /* bytes that refreshes show just now */
	bool        finished;
	const char *shown;        /* what they showed when this run began */
	const char *outcome;      /* "" while it runs; see stream_end() */
};

struct asked {
	int64_t              bot_id, asked_ms;
	const struct person *person;
	const char          *response_url;    /* NULL: none came */
};

/* Takes the stream over for this run, making it where it is missing. -1 with WC_E_STOPPED when a later run has it. */
int stream_open(wc_arena *a, struct stream *s, const struct asked *asked, wc_err *e);

/* Shows content (cut to STREAM_MAX) without ending the stream; -1 with WC_E_STOPPED when a later run has it. */
int stream_show(struct stream *s, wc_slice content, wc_err *e);

/* What a stream ends with. */
struct ending {
	wc_slice      content;
	const char   *outcome;                /* "answered", "command", "limited", "blocked", "failed", or "late": the answer follows by response_url */
	const json_t *card;                   /* goes with it, checked; NULL: none */
	const struct turn *turn;              /* to be remembered; NULL: nothing */
};

int stream_end(struct stream *s, const struct ending *ending, wc_err *e);

/* What a refresh is to be told: the whole reply, always one with an end. user: whose refresh it is. */
const json_t *stream_answer(wc_callback *cb, const struct smartbot *self, const char *stream_id, const char *user, wc_err *e);

/* A picture (JPG or PNG, at most 10, 5 MB in all) that the stream's last answer will carry. WC_E_CONFLICT: it has ended. */
int stream_attach_image(const char *stream_id, wc_slice image, wc_err *e);
int stream_attach_image_by(const char *actor, const char *stream_id, wc_slice image, wc_err *e);     /* and audited */

/* A card for the end of a running answer, unless the answer brings its own. A card that people act on gets a task_id where it has none.
 * -1: WC_E_ARG names the member that is wrong, WC_E_NOT_FOUND, WC_E_CONFLICT: it has ended, or has a card. */
int stream_attach_card(const char *stream_id, json_t *card, wc_err *e);
int stream_attach_card_by(const char *actor, const char *stream_id, json_t *card, wc_err *e);        /* and audited */

const char *lane_of(wc_arena *a, const char *bot, const char *user);
const char *queued_text(wc_arena *a, int64_t ahead);     /* the word to who must wait */

/* --- the one later message by response_url --------------------------------------------------------------------------- */

enum reply_state { REPLY_NONE = -1, REPLY_UNUSED, REPLY_BEGUN, REPLY_SENT, REPLY_REFUSED, REPLY_UNCERTAIN };

int reply_keep(wc_db *db, wc_arena *a, const char *key, const char *url, int64_t asked_ms, wc_err *e);
int reply_state_of(wc_arena *a, const char *key, enum reply_state *state, wc_err *e);     /* REPLY_NONE when it has expired */

/* Sends message to that person, once for ever. 0 with the state that it led to, REPLY_UNUSED when the request never left; -1: the database. */
int           reply_send(wc_arena *a, const char *key, const char *to, const json_t *message, enum reply_state *state, wc_err *e);
const json_t *reply_markdown(wc_arena *a, const char *text);

/* Nobody can be asked what became of a call; but one that was followed by another never left. */
int reply_reconcile(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e);

/* --- files of callbacks ---------------------------------------------------------------------------------------------- */

struct media {
	wc_slice    bytes;
	const char *name;      /* "" when none was given */
};

/* 0; -1: WC_E_DENIED (host not allowed), WC_E_TOO_LARGE, WC_E_NOT_FOUND (the URL has expired), WC_E_ARG (damaged or for another
 * key), or a passing error. */
int media_fetch(wc_job *job, wc_arena *a, const struct smartbot *self, const struct bot *bot, const char *url, int64_t max, struct media *m,
                wc_err *e);

const char *media_picture_type(wc_slice bytes);                          /* "image/png", …; NULL: no picture that models take */
const char *media_text(wc_arena *a, const struct media *m);              /* UTF-8 text of a text file; NULL: it is none */
bool        media_host_allowed(const char *hosts, const char *url, bool *private_too);
const char *media_file_name(wc_arena *a, const char *disposition);

/* --- memory ---------------------------------------------------------------------------------------------------------- */

struct conversation {
	int64_t     id, epoch, summary_upto;
	const char *role;          /* "" : the bot's persona */
	const char *summary;       /* "" when there is none */
	bool        remembers;
};

struct turn {
	int64_t              conversation_id, epoch;
	const struct person *person;
	const char          *stream_id, *question, *answer;
};

int memory_open(wc_arena *a, const struct bot *bot, const char *user, const char *chat, struct conversation *c, wc_err *e);
int memory_add(wc_db *db, wc_arena *a, const struct turn *turn, wc_err *e);
int memory_clear(wc_db *db, int64_t conversation_id, wc_err *e);
int memory_set_role(int64_t conversation_id, const char *role, wc_err *e);

/* Appends summary (between the marks of fence) and turns, the newest that fit the budget, as messages. *left_out: whether older ones wait for their summary. */
int memory_recall(wc_arena *a, const struct bot *bot, const struct conversation *c, const char *fence, json_t *messages, bool *left_out,
                  wc_err *e);

int summary_run(wc_job *job, const void *self, wc_err *e);
int summary_ask(const struct bot *bot, const struct conversation *c, const char *stream_id, wc_err *e);

struct role {
	const char *name, *prompt;
};

int role_list(wc_arena *a, struct role **roles, size_t *n, wc_err *e);
int role_prompt(wc_arena *a, const char *name, const char **prompt, wc_err *e);     /* "" for an unknown one */

/* --- use and limits -------------------------------------------------------------------------------------------------- */

int usage_add(const struct smartbot *self, int64_t bot_id, const struct person *p, const wc_chat_result *r, int64_t prompt_estimate, wc_err *e);

void usage_add_failed(const struct smartbot *self, int64_t bot_id, const struct person *p, const wc_chat_result *r, int64_t prompt_estimate);

/* NULL: go on. Otherwise the polite word of the limit that was reached. -1 in *rc on errors. */
const char *limit_reached(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct person *p, const char *stream_id,
                          int *rc, wc_err *e);

struct used {
	int64_t calls, tokens;                 /* today */
	int64_t month_calls, month_tokens;     /* of 30 days */
	int64_t limit;                         /* tokens a day; 0: none */
};

int         usage_read(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct person *p, struct used *used, wc_err *e);
const char *usage_text(wc_arena *a, const struct used *used);
json_t     *usage_card(wc_arena *a, const struct used *used, const char *link);     /* a text_notice */

/* --- what REST and tools have in common (api.c) ------------------------------------------------------------------------ */

/* Asks the bot called name; text holds no blocked word. {"answer", "model", …}; NULL with *e. */
json_t *test_question(wc_arena *a, const struct smartbot *self, const char *name, const char *text, wc_err *e);

struct usage_filter {
	const char *from, *to, *bot;      /* from and to: days, the last thirty where they are NULL; bot NULL: all */
};

extern const wc_field usage_query[];     /* fills a usage_filter */

/* {"items"}: the first thousand, by day, the newest first. */
json_t *usage_list(wc_arena *a, const struct smartbot *self, const struct usage_filter *f, wc_err *e);

/* --- commands -------------------------------------------------------------------------------------------------------- */

struct command_result {
	const char   *text;      /* NULL: it was no command */
	const json_t *card;      /* NULL: none */
	const char   *beside;    /* what stands above the card, where it can go along; NULL: text */
};

struct speaker {
	const struct person *person;
	const char          *chat;      /* "" in a single chat */
};

int command_try(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct speaker *who, const struct conversation *c,
                const char *text, const char *stream_id, struct command_result *r, wc_err *e);
const char *help_text(wc_arena *a, const struct smartbot *self);
json_t     *help_card(wc_arena *a, const struct smartbot *self, const char *task_id, const char *desc);
json_t     *role_card(wc_arena *a, const char *task_id, const char *current, const char *title, wc_err *e);

/* --- the prompt ------------------------------------------------------------------------------------------------------ */

/* Puts text between marks that it cannot contain, since they hold a number that was drawn after it was written. */
const char *prompt_data(wc_arena *a, const char *fence, const char *kind, const char *name, const char *text);
const char *prompt_fence(wc_arena *a);
const char *prompt_system(wc_arena *a, const struct bot *bot, const char *role, const char *fence);

/* --- ends ------------------------------------------------------------------------------------------------------------ */

int event_receive(wc_callback *cb, const void *self, wc_err *e);
int answer_run(wc_job *job, const void *self, wc_err *e);
int card_run(wc_job *job, const void *self, wc_err *e);
int feedback_run(wc_job *job, const void *self, wc_err *e);
int retention_run(wc_job *job, const void *self, wc_err *e);
const json_t *card_answer(wc_callback *cb, const char *key, const void *self, wc_err *e);

extern const wc_route smartbot_routes[];
extern const wc_tool smartbot_tools[];

/* --- usage.c: for the overview --------------------------------------------------------------------------------------- */

int usage_messages(wc_arena *a, const wc_span *span, int64_t *in, int64_t *out, const void *self, wc_err *e);

/* --- ask.c ---------------------------------------------------------------------------------------------------------- */

struct question {
	const char *text;
};

extern const wc_field question_fields[];
wc_route_fn           ask_bot, ask_bot_streamed;

/* --- sums.c --------------------------------------------------------------------------------------------------------- */

struct sums_query {
	int64_t     days;
	const char *bot;
};

extern const wc_field sums_query[];
wc_route_fn           get_sums;

/* A sealed user id with its first and last character; "" where there is none. In api.c. */
const char *person_masked(wc_arena *a, wc_cell sealed);

/* --- reveal.c ------------------------------------------------------------------------------------------------------- */

wc_route_fn reveal_turn, reveal_conversation, reveal_feedback;
