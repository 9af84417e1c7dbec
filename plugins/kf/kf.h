/* Private to plugins/kf. */
#pragma once

#include <wecomd/plugin.h>
#include <wecomd/talk.h>
#include <wecomd/xml.h>

#include "hours.h"
#include "meter.h"

#define CHANNEL    "kf"
#define ID_MAX     64      /* bytes of an open_kfid or external_userid */
#define TOKEN_MS   (9 * 60000)     /* of a doorbell's token; WeCom's ten minutes less one */
#define WELCOME_MS 20000

struct kf {
	int64_t     page, fresh_ms, media_max, sends_days, events_days, ratings_days, recover_ms;
	const char *retention_cron;
};

/* --- accounts (account.c) ------------------------------------------------------------------------------------------------ */

/* What a section or the console says about an account. */
struct settings {
	const char *mode, *model, *fallback_model, *prompt, *on_failure;
	int64_t     turns, utc_offset_ms, idle_ms, end_ms, load;
	bool        rating;
	const char *hours, *words_person;
	const char *welcome, *out_of_hours, *hand_over, *queue, *idle_text, *end, *apology, *rating_text;
};

/* A section [kf:NAME]. */
struct section {
	const char     *secret, *token, *aes_key, *only;
	struct settings s;
};

struct door {
	int64_t     id;
	const char *name, *secret, *token, *aes_key, *only;
	bool        is_listed;
};

struct account {
	int64_t         id, door_id, quiet_before_ms, pull_no;
	const char     *open_kfid, *name, *avatar, *salt, *cursor, *secret, *door, *token;
	bool            managed, listed, has_pulled;
	struct settings s;
	json_t         *settings;       /* as they are stored */
};

extern const wc_field section_fields[];
extern const wc_field settings_fields[];      /* all have standards */

int  section_check(const char *name, const void *section, wc_err *e);
int  section_seed(const char *name, const void *section, const char *seed_hash, const void *self, wc_err *e);
int  doors(wc_endpoint_list *list, const void *self, wc_err *e);
int  door_load(wc_arena *a, int64_t id, struct door *d, wc_err *e);     /* WC_E_NOT_FOUND */
int  door_all(wc_arena *a, struct door **d, size_t *n, wc_err *e);
bool id_is_good(const char *id);

/* WC_E_NOT_FOUND. token is NULL where it is too old. */
int account_find(wc_arena *a, const char *open_kfid, struct account *acc, wc_err *e);
int account_load(wc_arena *a, int64_t id, struct account *acc, wc_err *e);
int account_all(wc_arena *a, struct account **acc, size_t *n, wc_err *e);

/* Settings as JSON into the struct; NULL when well. */
wc_bad_field *settings_read(wc_arena *a, const json_t *json, struct settings *s);
json_t       *settings_json(wc_arena *a, const struct settings *s);
int           settings_check(const struct settings *s, wc_err *e);
bool          is_open_now(const struct settings *s);

/* Compares the accounts behind a door with WeCom's list. */
int accounts_sync(wc_arena *a, const struct kf *self, const struct door *d, wc_err *e);
int doors_sync_new(wc_arena *a, const struct kf *self, wc_err *e);     /* those that were never listed */
int sync_run(wc_job *job, const void *self, wc_err *e);

/* --- members by keyed hash (account.c) ------------------------------------------------------------------------------------ */

void        member_hash(unsigned char hash[WC_HASH_SIZE], const char *userid);
int         member_keep(wc_db *db, wc_arena *a, const char *userid, unsigned char hash[WC_HASH_SIZE], wc_err *e);
const char *member_opened(wc_arena *a, wc_cell sealed);     /* "" where it does not open */

/* --- WeCom's answers (call.c) --------------------------------------------------------------------------------------------- */

/* A call of the account's secret. 0 with *answer for what was taken (errcode 0) or refused for good; -1 with *e (WC_E_REMOTE, …) for what may be
 * tried again. */
int call_wecom(wc_arena *a, const char *secret, const char *api, const json_t *body, wc_answer *answer, wc_err *e);

/* As that, but what is refused is an error too: WC_E_REFUSED. */
int call_must(wc_arena *a, const char *secret, const char *api, const json_t *body, wc_answer *answer, wc_err *e);

/* What an errcode says of the account or the secret, whatever was asked: not of the cursor. */
bool is_of_account(int64_t errcode);

/* --- sessions (session.c) ------------------------------------------------------------------------------------------------- */

struct session {
	int64_t     id, account_id, customer, state, state_ms, turn_ms, turn_no, wants_ms, last_ms, reminded_no, rated_no;
	const char *shut;
	bool        rejects, is_named, has_servicer;
	unsigned char servicer[WC_HASH_SIZE];
};

/* *s with id 0 where there is none. db NULL: without a lock. */
int session_find(wc_db *db, wc_arena *a, int64_t account, const char *peer, struct session *s, wc_err *e);
int session_load(wc_arena *a, int64_t id, struct session *s, wc_err *e);
int session_make(wc_db *db, wc_arena *a, const struct account *acc, const char *peer, int64_t customer, struct session *s, wc_err *e);
int session_peer(wc_arena *a, int64_t session, int64_t customer, const char **peer, wc_err *e);

/* The state as it was seen; servicer NULL: nobody. db NULL: alone. */
int session_state(wc_db *db, wc_arena *a, int64_t id, int64_t state, const char *servicer, wc_err *e);
int session_shut(int64_t id, int64_t turn_no, const char *why, wc_err *e);

/* Asks WeCom and writes down what it says. *servicer: "" or who has it. */
int session_ask(wc_arena *a, const struct account *acc, const char *peer, int64_t session, int64_t *state, const char **servicer, wc_err *e);

int64_t wecom_now_ms(void);     /* by WeCom's clock, as far as it is known */

int session_window(wc_arena *a, const struct session *s, wc_window *w, wc_err *e);
int channel_window(wc_arena *a, const wc_address *to, wc_window *w, const void *self, wc_err *e);

/* --- pulling (pull.c, take.c) --------------------------------------------------------------------------------------------- */

int ring_receive(wc_callback *cb, const void *self, wc_err *e);
const char *pull_lane(wc_arena *a, const char *open_kfid);
const char *pull_key(wc_arena *a, const char *open_kfid, int64_t no);
int pull_run(wc_job *job, const void *self, wc_err *e);
int pull_all_run(wc_job *job, const void *self, wc_err *e);

/* Adds a pull of the account, one with all doorbells that come before it begins. token: "" for none. */
int pull_ask(const struct account *acc, const char *token, wc_err *e);

/* What a page's message leads to besides its rows, after the commit. */
struct welcome {
	const char     *code, *peer, *msgid;
	int64_t         entered_ms;
	struct welcome *next;
};

struct page {
	wc_arena             *a;
	const struct kf      *self;
	const struct account *acc;
	const char           *next;
	const json_t         *list;
	json_t               *people;       /* external_userid → {"nickname", "unionid"} */
	json_t               *over;         /* external_userid → true: the servicer's session is over */
	json_t               *left_out;     /* msgid → true: it cannot be stored */
	const char           *current;      /* the msgid that is being taken */
	bool                  more;
	struct welcome       *welcomes;     /* out */
	int64_t               taken, known, quiet;
};

/* In the page's transaction. */
int take_message(wc_db *db, struct page *p, const json_t *m, wc_err *e);

/* Before it: who the people of the page are, and whether those of servicers still are theirs. */
int page_ask(struct page *p, wc_err *e);

/* --- kinds (kinds.c) ------------------------------------------------------------------------------------------------------ */

const char *kind_of(const char *msgtype);
const char *text_of(wc_arena *a, const json_t *message);     /* for people and models; "" for nothing */
const char *media_of(const json_t *message);                 /* its media_id; NULL: none */

const char *plain_text(wc_arena *a, const char *markdown);

/* --- sending (send.c, body.c) --------------------------------------------------------------------------------------------- */

int channel_deliver(wc_arena *a, const wc_address *to, const wc_outgoing *list, size_t n, const void *self, wc_err *e);
int send_reconcile(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e);
int code_reconcile(wc_arena *a, const char *key, const json_t *details, wc_outcome *outcome, const void *self, wc_err *e);

/* The member of a body that its msgtype names, without touser, open_kfid and msgid; uploads what it needs. NULL with *e: WC_E_REFUSED, WC_E_ARG or
 * WC_E_TOO_LARGE for what can never be sent. */
json_t *body_of(wc_arena *a, const struct account *acc, const wc_outgoing *out, wc_err *e);

/* A message by a code, once for ever; key at most 40 bytes. 1: taken, 0: not (or not known), -1 with *e for the database. */
int send_code(wc_arena *a, const struct account *acc, const char *peer, const char *key, const char *code, const json_t *body, wc_err *e);

/* How an accepted message failed afterwards: msg_send_fail. */
int send_failed(wc_db *db, wc_arena *a, const char *msgid, int64_t fail_type, wc_err *e);

/* Whether something of a message waits behind parts that went. */
int send_has_rest(wc_arena *a, int64_t session, bool *has, wc_err *e);

json_t *text_body(wc_arena *a, const char *text);
json_t *rating_body(wc_arena *a, const struct settings *s, int64_t turn);     /* a tap says "kfr.SCORE.TURN" */

/* --- the rest ------------------------------------------------------------------------------------------------------------- */

int answer_run(wc_job *job, const void *self, wc_err *e);
int welcome_run(wc_job *job, const void *self, wc_err *e);
int welcome_send(wc_arena *a, const struct account *acc, const char *peer, const char *msgid, const char *code, wc_err *e);
const char *welcome_key(wc_arena *a, const struct account *acc, const char *msgid);
int media_run(wc_job *job, const void *self, wc_err *e);
int handed_over_run(wc_job *job, const void *self, wc_err *e);
int closed_run(wc_job *job, const void *self, wc_err *e);
int farewell_run(wc_job *job, const void *self, wc_err *e);
int assign_run(wc_job *job, const void *self, wc_err *e);
int tick_run(wc_job *job, const void *self, wc_err *e);
int retention_run(wc_job *job, const void *self, wc_err *e);

/* Gives the session to a servicer who receives and has room, or to the pool. 1: it is with people of WeCom now, 0: it is not, -1 with *e. */
int give_to_servicer(wc_arena *a, const struct account *acc, struct session *s, const char *peer, wc_err *e);

/* Fetches the servicers of an account from WeCom. */
int servicers_sync(wc_arena *a, const struct account *acc, wc_err *e);

extern const wc_route kf_routes[];
extern const wc_check kf_checks[];
extern const wc_section kf_sections[];
int backlog_sample(wc_arena *a, wc_buf *out, const void *self, wc_err *e);
