/* Private to core/admin: what its files share. */
#pragma once

#include "admin/admin.h"

#include <wecomd/plugin.h>

#define COOKIE       "wecomd_session"
#define TOKEN_CHARS  64      /* 32 random bytes in hex */
#define PASSWORD_MAX 256     /* bytes */

/* [admin] */
struct admin_settings {
	int64_t     session_idle_ms, session_life_ms;
	int64_t     login_free, login_wait_ms, login_wait_max_ms;
	const char *totp_issuer;
};

extern const struct admin_settings *admin_settings;     /* of this process; set before the first request */

/* --- small things (common.c) ------------------------------------------------------------------------------------------ */

wc_role role_from(const char *word);     /* 0: not a role of a person or key */

/* text of length characters that nobody can guess, in groups of five: "k3mra-9xwpc-…"; 5 bits each. */
char *random_words(wc_arena *a, size_t groups);

/* What a password must be, as a sentence; NULL: it is. */
const char *password_expected(const char *name, const char *password);

#define ROLES "viewer|operator|approver|admin"

json_t *time_or_null(const wc_rows *rows, size_t row, size_t column);     /* milliseconds */
#define MS_OF(column) "CAST(UNIX_TIMESTAMP(" column ") * 1000 AS INTEGER)"

/* The {id} of the path; 0 for what is no id. */
int64_t path_id(wc_request *rq);

int reply_none(wc_request *rq);     /* 204 */

/* Appends to the audit trail; object is kind:id. */
int audit(wc_db *db, const char *actor, const char *action, const char *kind, int64_t id, json_t *details /* takes */, wc_err *e);

/* --- users (users.c) -------------------------------------------------------------------------------------------------- */

struct user {
	int64_t     id;
	const char *name, *display_name, *password;     /* password: as stored */
	wc_role     role;
	bool        disabled, must_change, totp_on;
	wc_slice    totp_secret;                         /* sealed; empty: none */
	int64_t     totp_step;
};

/* 1: found, 0: there is none, -1. By name, or with name NULL by id. lock: until the end of the transaction. */
int user_find(wc_db *db, wc_arena *a, const char *name, int64_t id, bool lock, struct user *u, wc_err *e);

struct new_user {
	const char *name, *display_name, *password;     /* the password itself */
	wc_role     role;
	bool        must_change;
	const char *actor;
	int64_t     id;                                  /* result */
};

/* -1: WC_E_ARG, WC_E_CONFLICT when the name is taken. */
int user_add(struct new_user *u, wc_err *e);

/* What shall be different; the rest stays. A change of role, password or disabled ends the user's sessions. */
struct user_change {
	const char *name;             /* whose, or NULL: id says */
	int64_t     id;
	wc_role     role;             /* 0: stays */
	int         disabled;         /* -1: stays */
	const char *display_name;     /* NULL: stays */
	const char *password;         /* NULL: stays; the password itself */
	bool        must_change;      /* with the password */
	int64_t     keep_session;     /* this one does not end; 0: all end */
	const unsigned char *keep_hash;     /* of the token it goes on under */
	bool        totp_off;
	const char *actor, *action;
	bool        last_admin;       /* result: refused, for nobody could administer any more */
};

/* -1: WC_E_NOT_FOUND, WC_E_ARG, WC_E_CONFLICT with last_admin. */
int user_change(struct user_change *c, wc_err *e);

wc_route_fn users_list, users_create, users_read, users_update, users_password, users_totp_off;
extern const wc_field user_create_fields[], user_update_fields[], users_query[], user_fields[];
struct users_filter { const char *name, *role, *state; };
struct user_create_body { const char *name, *display_name, *role, *password; };
struct user_update_body { const char *display_name, *role; bool disabled; };

int user_add_command(wc_arena *a, int argc, char **argv, const void *self);
int user_list_command(wc_arena *a, int argc, char **argv, const void *self);
int user_disable_command(wc_arena *a, int argc, char **argv, const void *self);
int user_enable_command(wc_arena *a, int argc, char **argv, const void *self);
int user_password_command(wc_arena *a, int argc, char **argv, const void *self);
int user_role_command(wc_arena *a, int argc, char **argv, const void *self);
int user_totp_off_command(wc_arena *a, int argc, char **argv, const void *self);
int user_unlock_command(wc_arena *a, int argc, char **argv, const void *self);

/* --- the throttle (throttle.c) ---------------------------------------------------------------------------------------- */

struct throttle {
	unsigned char address[32], account[32], pair[32];     /* buckets */
};

/* Counts an attempt as failed before it is made, so that a hundred at once are counted too. 0: go on; greater: not before so many
 * milliseconds, and nothing was counted; -1 with *e. */
int64_t throttle_take(struct throttle *t, const char *address, const char *account, wc_err *e);

int throttle_forgive(const struct throttle *t, wc_err *e);      /* it succeeded: the pair is known and free again */
int throttle_neutral(const struct throttle *t, wc_err *e);      /* neither: a second factor is still to come */
int throttle_clear(const char *account, wc_err *e);             /* whatever was counted for the account */

/* --- passwords, codes and sessions ------------------------------------------------------------------------------------ */

/* Whether u's password is this, at the price of one attempt. u NULL or disabled: false, after the same time. 1, 0, or -1: the
 * answer (429, 503) was sent. On 1 the caller says throttle_forgive() or throttle_neutral(). */
int password_check(wc_request *rq, const char *account, const struct user *u, const char *password, struct throttle *t);

wc_route_fn session_create, session_read, session_end, session_password, sessions_list, sessions_end;
extern const wc_field login_fields[], own_password_fields[], sessions_query[], session_fields[];
struct sessions_filter { const char *user; };
struct login_body { const char *name, *password, *totp; };
struct own_password_body { const char *old, *fresh; };

/* The identity behind the cookie, with the CSRF token checked; who stays empty without a valid one. */
int session_authenticate(wc_request *rq, struct web_identity *who, wc_err *e);

/* The user of the request's session; answers itself (403 session_needed for a key) and returns -1 where there is none. */
int session_user(wc_request *rq, struct user *u);

/* --- one-time codes (totp.c, totp_routes.c) --------------------------------------------------------------------------- */

#define TOTP_SECRET_SIZE 20
#define TOTP_STEP_MS     30000

unsigned totp_code(const unsigned char *secret, size_t n, int64_t step, unsigned digits);     /* RFC 6238 with SHA-1 */
char    *totp_base32(wc_arena *a, const unsigned char *p, size_t n);                          /* RFC 4648 without padding */

/* The step whose code this is, of the one at now_ms and its two neighbours, if later than last; 0: none. */
int64_t totp_match(const unsigned char secret[TOTP_SECRET_SIZE], const char *code, int64_t now_ms, int64_t last);

/* Whether code is right for the user, and uses it up: a code of the clock, or a recovery code. 1, 0, -1. */
int totp_use(wc_arena *a, const struct user *u, const char *code, wc_err *e);

wc_route_fn totp_setup, totp_confirm, totp_turn_off;
extern const wc_field totp_confirm_fields[], totp_off_fields[];
struct totp_confirm_body { const char *code; };
struct totp_off_body { const char *password; };

/* --- API keys (keys.c, key_routes.c) ---------------------------------------------------------------------------------- */

struct new_key {
	const char *name, *addresses;
	wc_role     role;
	int64_t     expires_in_ms;     /* 0: never */
	int64_t     creator;           /* the user whose role bounds it; 0: none */
	const char *actor;
	int64_t     id;                /* result */
};

char *key_add(wc_arena *a, struct new_key *k, wc_err *e);                                         /* NULL: WC_E_ARG, WC_E_CONFLICT */
int   key_revoke(const char *name, int64_t id, const char *actor, wc_err *e);                     /* by name, or NULL and id */
int   key_authenticate(wc_request *rq, const char *key, struct web_identity *who, wc_err *e);

struct key_filter { const char *role, *created_by; };     /* NULL: any */

/* Rows of keys behind an id: id, name, role, created, expires, last used (ms), addresses, created by, effective role. */
int key_rows(wc_arena *a, const struct key_filter *f, int64_t after, int64_t limit, wc_rows *rows, wc_err *e);

wc_route_fn keys_list, keys_create, keys_delete;
extern const wc_field key_create_fields[], keys_query[], key_fields[];
struct key_create_body { const char *name, *role, *addresses; int64_t expires_ms; };

int key_add_command(wc_arena *a, int argc, char **argv, const void *self);
int key_list_command(wc_arena *a, int argc, char **argv, const void *self);
int key_revoke_command(wc_arena *a, int argc, char **argv, const void *self);
