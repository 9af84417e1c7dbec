/* 微信客服, as its files share it: accounts, sessions, the log of messages, codes and doorbells (doc/94638 and the pages behind it).
 *
 * A change is one transaction that begins with kf_begin(): it locks the session, and where it appends to an account's log, the account
 * behind it. Functions return 0, or -1 with *e for a failure of the simulator; what WeCom would refuse is an errcode. */
#pragma once

#include "cgi.h"

#define KF_DAY_MS    (24 * 3600 * 1000LL)
#define KF_WINDOW_MS (2 * KF_DAY_MS)       /* after a customer's message, and a session without one */
#define KF_KEEP_MS   (3 * KF_DAY_MS)       /* messages and media */
#define KF_SHORT_MS  20000                 /* a code of the welcome or the end */
#define KF_TOKEN_MS  (10 * 60 * 1000)
#define KF_QUOTA     5

enum kf_state { KF_NEW, KF_ASSISTANT, KF_POOL, KF_SERVED, KF_ENDED };

enum kf_origin { KF_CUSTOMER = 3, KF_EVENT = 4, KF_SERVICER = 5 };

/* --- control (kf_control.c) -------------------------------------------------------------------------------------------- */

struct kf_control {
	const char *callback, *old_cursor, *route, *upgrade_members, *upgrade_groups;
	int64_t     rings, lag_ms, page_max, empty_pages, duplicate_pages, refused_cursors, cursor_errcode, tokenless_per_minute,
	            repeat_errcode, code_errcode, loose, unverified, fail_next, fail_type;
};

int kf_control_read(wc_db *db, wc_arena *a, struct kf_control *control, wc_err *e);

/* Takes one of a counter such as "empty_pages". 1: it was taken, 0: none is left. */
int kf_control_take(wc_db *db, const char *counter, wc_err *e);

/* --- a customer at an account (kf_store.c) ----------------------------------------------------------------------------- */

struct kf_account {
	const char *open_kfid, *name, *avatar;
	bool        managed, native_welcome;
};

/* By the simulator's clock. */
int kf_now(wc_arena *a, int64_t *now, wc_err *e);

/* *account with open_kfid NULL: there is none, or it was deleted. */
int kf_account(wc_db *db, wc_arena *a, const char *open_kfid, struct kf_account *account, wc_err *e);

/* *name NULL: there is no such customer. */
int kf_customer(wc_db *db, wc_arena *a, const char *external, const char **name, wc_err *e);

/* One transaction at a customer's session. */
struct kf_tx {
	wc_db      *db;
	wc_arena   *a;
	const char *open_kfid, *external;
	int64_t     now;

	struct kf_control control;

	/* The session as it is; kf_save() writes it back. */
	int64_t     state;
	const char *servicer;
	int64_t     begun_ms, customer_ms, sent, coded, rejected, welcomed_ms, entered_ms;
	const char *scene, *scene_param;
};

/* Reads clock and controls, and locks the session, which it makes when there is none. a, open_kfid and external are set. */
int kf_begin(wc_db *db, struct kf_tx *t, wc_err *e);
int kf_save(const struct kf_tx *t, wc_err *e);

/* Notes the change from the session's state to another and takes it on. who: customer, api or servicer. Save behind it. */
int kf_change(struct kf_tx *t, int64_t state, const char *servicer, const char *who, wc_err *e);

/* 4 also where the window of 48 hours has closed over states 0 to 3. */
int64_t kf_state_now(const struct kf_tx *t);

/* --- the log and its doorbell (kf_log.c) ------------------------------------------------------------------------------- */

struct kf_entry {
	const char   *open_kfid, *external, *servicer, *msgtype;
	const json_t *content;       /* the member named msgtype */
	int64_t       origin, at_ms;
	const char   *msgid;         /* out */
};

/* Appends, and rings as often as control says. */
int kf_append(wc_db *db, wc_arena *a, const struct kf_control *control, struct kf_entry *entry, wc_err *e);
int kf_ring(wc_db *db, wc_arena *a, const struct kf_control *control, const char *open_kfid, int64_t now, wc_err *e);

/* The event of a session; event lacks event_type, open_kfid and external_userid, which are added. */
int kf_append_event(const struct kf_tx *t, const char *event_type, json_t *event /* borrowed */, wc_err *e);

const char *kf_random(wc_arena *a, const char *prefix, size_t bytes);

/* A code of send_msg_on_event for the session's state. trigger: welcome, pool, picked or ended. */
int kf_code(const struct kf_tx *t, const char *trigger, const char **code, wc_err *e);

/* --- media (kf_media.c) ------------------------------------------------------------------------------------------------ */

/* Stores bytes under a new media_id. */
int kf_media_keep(wc_db *db, wc_arena *a, const char *type, const char *name, wc_slice bytes, int64_t now, const char **media_id, wc_err *e);

/* 0, or the errcode for a media_id as content of that type; -1 is no errcode here but a failure with *e. type NULL: any. */
int64_t kf_media_check(wc_db *db, wc_arena *a, const char *media_id, const char *type, int64_t now, wc_err *e);

/* --- content of a message out (kf_content.c) --------------------------------------------------------------------------- */

struct kf_content {
	const char *msgtype;
	json_t     *shown;         /* the object, cut where WeCom cuts; borrowed */
	int64_t     errcode;
	const char *why;
};

/* only: types allowed, "text|msgmenu"; NULL: all of send_msg. errcode is set for what WeCom refuses. */
int kf_content_read(wc_db *db, wc_arena *a, const json_t *body, const char *only, int64_t now, struct kf_content *content, wc_err *e);

/* --- small things ------------------------------------------------------------------------------------------------------- */

/* The body of a call; NULL after it was refused (c->errcode) */
const json_t *kf_body(struct cgi_call *c);

/* A text member; "" when it is absent or none. */
const char *kf_str(const json_t *object, const char *name);

/* Letters, digits, _ and -; 1 to max. */
bool kf_is_word(const char *s, size_t max);

/* Whether "a|b|c" has the item. */
bool kf_in_list(const char *list, const char *item);

/* Refuses an account that is missing or unknown, otherwise fills it. Test c->errcode behind it. */
int kf_need_account(struct cgi_call *c, const json_t *body, struct kf_account *account, wc_err *e);
