/* Private to plugins/smartbot. */
#pragma once

#include <wecomd/plugin.h>

#define STREAM_MAX 20480     /* bytes of a stream's content (doc/101031) */

struct smartbot {
	int64_t stream_life_ms, snapshot_every_ms;
};

/* --- bots: rows, seeded from [smartbot:NAME] ------------------------------------------------------------------------- */

/* A section, and a row as it was read. */
struct bot {
	int64_t     id;
	const char *name;
	const char *token, *aes_key, *aibotid, *receiveid, *model, *prompt;
};

extern const wc_field bot_fields[];

int bot_check(const char *name, const void *bot, wc_err *e);
int bot_seed(const char *name, const void *bot, const char *seed_hash, const void *self, wc_err *e);
int bot_endpoints(wc_endpoint_list *list, const void *self, wc_err *e);

/* -1 with WC_E_NOT_FOUND when the bot is gone. */
int bot_load(wc_arena *a, int64_t id, struct bot *bot, wc_err *e);

/* --- streams: the snapshot that refreshes show ----------------------------------------------------------------------- */

struct stream {
	const char *id;
	int64_t     fence;
	size_t      shown_len;    /* bytes that refreshes show just now */
	bool        finished;
};

/* Takes the stream over for this run, making it where it is missing. -1 with WC_E_STOPPED when a later run has it. */
int stream_open(wc_arena *a, struct stream *s, int64_t bot_id, int64_t asked_ms, wc_err *e);

/* Shows content (cut to STREAM_MAX); -1 with WC_E_STOPPED when a later run has the stream. */
int stream_show(struct stream *s, wc_slice content, bool finish, wc_err *e);

/* What a refresh is to be told, as the reply's "stream" object; always one with an end. */
json_t *stream_answer(wc_arena *a, const struct smartbot *self, const char *stream_id, wc_err *e);

/* --- the two ends ---------------------------------------------------------------------------------------------------- */

int event_receive(wc_callback *cb, const void *self, wc_err *e);
int answer_run(wc_job *job, const void *self, wc_err *e);
