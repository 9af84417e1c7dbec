/* Sessions: a cookie of 32 random bytes, kept as a keyed hash, with an idle and an absolute end; a CSRF token made from it. */
#include "admin/parts.h"

#include "crypt/crypt.h"
#include "db/db.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const wc_field login_fields[] = {
	{WC_STRING, "name", NULL, offsetof(struct login_body, name), "the user's name", .min = 1, .max = 64},
	{WC_SECRET, "password", NULL, offsetof(struct login_body, password), "the user's password", .max = PASSWORD_MAX},
	{WC_SECRET, "totp", "", offsetof(struct login_body, totp), "a one-time code, or a recovery code", .max = 32},
	{0}};

const wc_field own_password_fields[] = {
	{WC_SECRET, "old", NULL, offsetof(struct own_password_body, old), "the password until now", .max = PASSWORD_MAX},
	{WC_SECRET, "new", NULL, offsetof(struct own_password_body, fresh), "the password from now on", .max = PASSWORD_MAX},
	{0}};

static void hash_token(unsigned char hash[WC_HASH_SIZE], const char *token)
{
	wc_keyed_hash(hash, "admin_session", token, NULL);
}

static char *new_token(wc_arena *a)
{
	unsigned char raw[TOKEN_CHARS / 2];

	wc_random(raw, sizeof raw);
	return wc_hex(a, raw, sizeof raw);
}

/* Made from the session's token, so that nothing more need be kept; the page gets it, another site cannot. */
static const char *csrf_of(wc_arena *a, const char *token)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "admin_session.csrf", token, NULL);
	return wc_hex(a, hash, sizeof hash);
}

/* The token in the request's cookie; NULL: none that could be one. */
static const char *cookie_token(wc_request *rq)
{
	const char *at = wc_header(rq, "Cookie");
	size_t      n  = strlen(COOKIE "=");

	while (at && *at) {
		size_t len = strcspn(at, ";");

		if (len == n + TOKEN_CHARS && !strncmp(at, COOKIE "=", n))
			return wc_strndup(wc_request_arena(rq), at + n, TOKEN_CHARS);
		at += len;
		at += strspn(at, "; ");
	}
	return NULL;
}

static void set_cookie(wc_request *rq, const char *token, int64_t life_ms)
{
	reply_header(rq, "Set-Cookie", wc_printf(wc_request_arena(rq), COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s", token,
	                                         (long long)(life_ms / 1000), request_is_https(rq) ? "; Secure" : ""));
}

/* --- who asks ------------------------------------------------------------------------------------------------------- */

static void touch(int64_t session)
{
	wc_err e;

	if (wc_db_exec(NULL, &e, "UPDATE admin_session SET seen_at = NOW(3) WHERE id = ?", wc_int(session)) < 0)
		wc_log(WC_WARN, "a session could not be prolonged", wc_kv_s("error", e.text));
}

/* Written once in a tenth of the idle time, at most once a minute, instead of at each request. */
static int64_t touch_after_us(void)
{
	int64_t tenth = admin_settings->session_idle_ms / 10;

	return (tenth < 60000 ? tenth : 60000) * 1000;
}

static int find_session(wc_arena *a, const char *token, wc_rows *rows, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];

	hash_token(hash, token);
	return wc_db_query(NULL, a, rows, e, "SELECT s.id, s.user_id, u.name, u.role, u.must_change, s.seen_at < NOW(3) - INTERVAL ? MICROSECOND"
	                   " FROM admin_session s JOIN admin_user u ON u.id = s.user_id WHERE s.token_hash = ? AND u.disabled = FALSE"
	                   " AND s.seen_at > NOW(3) - INTERVAL ? MICROSECOND AND s.created_at > NOW(3) - INTERVAL ? MICROSECOND",
	                   wc_int(touch_after_us()), wc_bytes(hash, sizeof hash), wc_int(admin_settings->session_idle_ms * 1000),
	                   wc_int(admin_settings->session_life_ms * 1000));
}

static bool csrf_is_right(wc_request *rq, const char *token)
{
	const char *right = csrf_of(wc_request_arena(rq), token), *given = wc_header(rq, "X-CSRF-Token");

	return given && strlen(given) == strlen(right) && crypt_equal(given, right, strlen(right));
}

int session_authenticate(wc_request *rq, struct web_identity *who, wc_err *e)
{
	wc_arena   *a     = wc_request_arena(rq);
	const char *token = cookie_token(rq);
	wc_rows     r;

	if (!token)
		return 0;
	if (find_session(a, token, &r, e) < 0)
		return wc_wrap(e, "checking a session");
	if (!r.n)
		return 0;
	*who = (struct web_identity){.role = (wc_role)wc_row_int(&r, 0, 3), .name = wc_row_text(&r, 0, 2), .user = wc_row_int(&r, 0, 1),
	                             .session = wc_row_int(&r, 0, 0), .actor = wc_printf(a, "user:%s", wc_row_text(&r, 0, 2))};
	if (request_writes(rq) && !csrf_is_right(rq, token)) {
		who->refused_code = "csrf";
		who->refused_text = "a change by a session needs the header X-CSRF-Token that GET /api/session tells";
		return 0;
	}
	if (wc_row_int(&r, 0, 4)) {
		who->refused_code = "password_must_change";
		who->refused_text = "somebody else made your password; change it first: PUT /api/session/password";
		who->confined_to  = "/api/session";
	}
	if (wc_row_int(&r, 0, 5))
		touch(who->session);
	return 0;
}

int session_user(wc_request *rq, struct user *u)
{
	const struct web_identity *who = request_identity(rq);
	wc_err                     e;
	int                        found;

	if (!who->session) {
		wc_problem(rq, 403, "session_needed", "this is for people who are logged in, not for API keys");
		return -1;
	}
	if ((found = user_find(NULL, wc_request_arena(rq), NULL, who->user, false, u, &e)) > 0)
		return 0;
	if (found < 0)
		wc_reply_err(rq, &e);
	else
		wc_problem(rq, 404, "not_found", "the user of this session is gone");
	return -1;
}

int session_read(wc_request *rq, const void *self)
{
	const struct admin_settings *s   = self;
	const struct web_identity   *who = request_identity(rq);
	struct user                  u;

	if (!who->session)
		return wc_reply(rq, 200, "{s:s, s:s, s:s}", "kind", "key", "name", who->name, "role", role_name(who->role));
	if (session_user(rq, &u) < 0)
		return 0;
	wc_answer_is_secret(rq);
	return wc_reply(rq, 200, "{s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I}", "kind", "session", "id", (json_int_t)who->session, "name", u.name,
	                "display_name", u.display_name, "role", role_name(u.role), "csrf", csrf_of(wc_request_arena(rq), cookie_token(rq)), "must_change",
	                (int)u.must_change, "totp", (int)u.totp_on, "idle_ms", (json_int_t)s->session_idle_ms, "life_ms", (json_int_t)s->session_life_ms);
}

/* --- checking a password -------------------------------------------------------------------------------------------- */

#define CHECKS_MAX 4     /* at once in a process: logins must not take the threads that callbacks need */

static atomic_int checks;

static int reply_wait(wc_request *rq, int64_t wait_ms, const char *code, const char *text)
{
	reply_header(rq, "Retry-After", wc_printf(wc_request_arena(rq), "%lld", (long long)((wait_ms + 999) / 1000)));
	return wc_problem(rq, 429, code, "%s", text);
}

int password_check(wc_request *rq, const char *account, const struct user *u, const char *password, struct throttle *t)
{
	wc_err  e;
	int64_t wait = 0;
	bool    right = false, room = atomic_fetch_add(&checks, 1) < CHECKS_MAX;

	if (room && (wait = throttle_take(t, wc_client_address(rq), account, &e)) == 0)
		right = crypt_password_verify(u ? u->password : NULL, password) && !u->disabled;
	atomic_fetch_sub(&checks, 1);
	if (room && wait == 0)
		return right;
	if (!room)
		reply_wait(rq, 1000, "busy", "too many logins at once; try again");
	else if (wait > 0)
		reply_wait(rq, wait, "too_many_attempts", "too many failed attempts; wait before the next");
	else
		wc_reply_err(rq, &e);
	return -1;
}

/* --- logging in ----------------------------------------------------------------------------------------------------- */

struct login {
	const struct user *u;
	unsigned char      hash[WC_HASH_SIZE], before[WC_HASH_SIZE];     /* before: of the cookie that came along */
	const char        *address, *agent, *actor;
	const char        *rehashed;                                      /* the password at today's cost; NULL: it is already */
};

static int write_session(wc_db *db, const struct login *l, wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   r;
	int       rc = wc_db_query(db, a, &r, e, "INSERT INTO admin_session (user_id, token_hash, address, agent) VALUES (?, ?, ?, ?) RETURNING id",
	                           wc_int(l->u->id), wc_bytes(l->hash, sizeof l->hash), wc_text(l->address), wc_text(l->agent));

	if (rc == 0)
		rc = audit(db, l->actor, "session.begin", "session", wc_row_int(&r, 0, 0), json_pack("{s:s}", "address", l->address), e);
	wc_arena_free(a);
	return rc;
}

static int log_in(wc_db *db, void *arg, wc_err *e)
{
	const struct login *l = arg;

	/* A repeat after a lost COMMIT begins by taking the session away again. */
	if (wc_db_exec(db, e, "DELETE FROM admin_session WHERE token_hash IN (?, ?)", wc_bytes(l->hash, sizeof l->hash),
	               wc_bytes(l->before, sizeof l->before)) < 0 ||
	    wc_db_exec(db, e, "UPDATE admin_user SET last_login_at = NOW(3), password = COALESCE(?, password) WHERE id = ? AND password = ?",
	               wc_text(l->rehashed), wc_int(l->u->id), wc_text(l->u->password)) < 0)
		return -1;
	return write_session(db, l, e);
}

static void clean_ended(void)
{
	wc_err e;

	wc_db_exec(NULL, &e, "DELETE FROM admin_session WHERE seen_at < NOW(3) - INTERVAL ? MICROSECOND OR created_at < NOW(3) - INTERVAL ? MICROSECOND"
	           " LIMIT 100", wc_int(admin_settings->session_idle_ms * 1000), wc_int(admin_settings->session_life_ms * 1000));
}

static const char *short_agent(wc_request *rq)
{
	const char *agent = wc_header(rq, "User-Agent");
	size_t      n     = agent ? strlen(agent) : 0;

	return n && wc_utf8_valid(agent, n) ? wc_strndup(wc_request_arena(rq), agent, wc_utf8_cut(agent, n, 200)) : "";
}

static int begin_session(wc_request *rq, const struct user *u, const char *password)
{
	wc_arena    *a     = wc_request_arena(rq);
	const char  *token = new_token(a), *before = cookie_token(rq);
	struct login l     = {.u = u, .address = wc_client_address(rq), .agent = short_agent(rq), .actor = wc_printf(a, "user:%s", u->name)};
	char         fresh[CRYPT_PASSWORD_SIZE];
	wc_err       e;

	hash_token(l.hash, token);
	hash_token(l.before, before ? before : token);
	if (crypt_password_stale(u->password)) {
		crypt_password_hash(fresh, password);
		l.rehashed = fresh;
	}
	clean_ended();
	if (wc_db_tx(log_in, &l, &e) < 0)
		return wc_reply_err(rq, &e);
	set_cookie(rq, token, admin_settings->session_life_ms);
	wc_answer_is_secret(rq);
	return wc_reply(rq, 201, "{s:s, s:s, s:s, s:s, s:b, s:b}", "name", u->name, "display_name", u->display_name, "role", role_name(u->role), "csrf",
	                csrf_of(a, token), "must_change", (int)u->must_change, "totp", (int)u->totp_on);
}

/* Unknown, wrong and disabled are one answer. */
static int refuse_login(wc_request *rq, const char *code, const char *text)
{
	wc_log(WC_WARN, "login refused", wc_kv_s("address", wc_client_address(rq)), wc_kv_s("code", code));
	return wc_problem(rq, 401, code, "%s", text);
}

static bool is_json(wc_request *rq)
{
	const char *type = wc_header(rq, "Content-Type");

	return type && !strncasecmp(type, "application/json", 16);
}

int session_create(wc_request *rq, const void *self)
{
	const struct login_body *b = wc_body(rq);
	struct throttle          t;
	struct user              u;
	wc_err                   e;
	int                      found, right;

	(void)self;
	/* A form of another site could log somebody in as its owner; it cannot send JSON. */
	if (!is_json(rq))
		return wc_problem(rq, 400, "bad_request", "Content-Type: application/json is needed");
	if ((found = user_find(NULL, wc_request_arena(rq), b->name, 0, false, &u, &e)) < 0)
		return wc_reply_err(rq, &e);
	if ((right = password_check(rq, b->name, found ? &u : NULL, b->password, &t)) < 0)
		return 0;
	if (!right)
		return refuse_login(rq, "login_failed", "this name and password do not go together");
	if (u.totp_on && !*b->totp) {
		if (throttle_neutral(&t, &e) < 0)
			return wc_reply_err(rq, &e);
		return wc_problem(rq, 401, "totp_needed", "a one-time code is needed too");
	}
	if (u.totp_on && (right = totp_use(wc_request_arena(rq), &u, b->totp, &e)) < 0)
		return wc_reply_err(rq, &e);
	if (!right)
		return refuse_login(rq, "totp_wrong", "this one-time code is wrong or was used already");
	if (throttle_forgive(&t, &e) < 0)
		return wc_reply_err(rq, &e);
	return begin_session(rq, &u, b->password);
}

/* --- ending and changing -------------------------------------------------------------------------------------------- */

struct ending {
	int64_t     session, user;     /* user 0: anybody's */
	const char *actor;
	bool        ended;
};

static int end(wc_db *db, void *arg, wc_err *e)
{
	struct ending *x       = arg;
	int64_t        changed = wc_db_exec(db, e, "DELETE FROM admin_session WHERE id = ? AND (? = 0 OR user_id = ?)", wc_int(x->session), wc_int(x->user),
	                                    wc_int(x->user));

	x->ended = changed > 0;
	return changed <= 0 ? (int)changed : audit(db, x->actor, "session.end", "session", x->session, NULL, e);
}

int session_end(wc_request *rq, const void *self)
{
	const struct web_identity *who = request_identity(rq);
	struct ending              x   = {.session = who->session, .actor = wc_actor(rq)};
	struct user                u;
	wc_err                     e;

	(void)self;
	if (session_user(rq, &u) < 0)
		return 0;
	if (wc_db_tx(end, &x, &e) < 0)
		return wc_reply_err(rq, &e);
	set_cookie(rq, "", 0);
	return reply_none(rq);
}

/* The session stays, under another token; the user's other ones end. */
int session_password(wc_request *rq, const void *self)
{
	const struct own_password_body *b     = wc_body(rq);
	const struct web_identity      *who   = request_identity(rq);
	const char                     *token = new_token(wc_request_arena(rq)), *expected;
	struct user_change              c = {.disabled = -1, .password = b->fresh, .keep_session = who->session, .actor = wc_actor(rq), .action = "user.password.own"};
	unsigned char                   hash[WC_HASH_SIZE];
	struct throttle                 t;
	struct user                     u;
	wc_err                          e;
	int                             right;

	if (session_user(rq, &u) < 0)
		return 0;
	if ((expected = !strcmp(b->old, b->fresh) ? "another password than the old one" : password_expected(u.name, b->fresh)))
		return wc_reply_bad_fields(rq, &(wc_bad_field){"new", expected, NULL});
	if ((right = password_check(rq, u.name, &u, b->old, &t)) < 0)
		return 0;
	if (!right)
		return wc_problem(rq, 403, "password_wrong", "this is not your password");
	hash_token(hash, token);
	c.id = u.id;
	c.keep_hash = hash;
	if (throttle_forgive(&t, &e) < 0 || user_change(&c, &e) < 0)
		return wc_reply_err(rq, &e);
	set_cookie(rq, token, ((const struct admin_settings *)self)->session_life_ms);
	wc_answer_is_secret(rq);
	return wc_reply(rq, 200, "{s:s}", "csrf", csrf_of(wc_request_arena(rq), token));
}

/* --- the list ------------------------------------------------------------------------------------------------------- */

const wc_field sessions_query[] = {
	{WC_STRING, "user", NULL, offsetof(struct sessions_filter, user), "only those of the user with this name", .optional = true, .max = 64},
	{0}};

const wc_field session_fields[] = {
	{WC_INT, "id", NULL, 0, "the session's number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "user", NULL, 0, "whose it is"},
	{WC_INT, "created_ms", NULL, 0, "when it was begun"},
	{WC_INT, "seen_ms", NULL, 0, "when it was used last, roughly"},
	{WC_STRING, "address", NULL, 0, "where it was begun"},
	{WC_STRING, "agent", NULL, 0, "the browser, in its own words"},
	{WC_BOOL, "current", NULL, 0, "whether it is the one that asks"},
	{0}};

static json_t *session_json(wc_arena *a, const wc_rows *r, size_t i, const void *ctx)
{
	const struct web_identity *who = ctx;

	(void)a;
	return json_pack("{s:I, s:s, s:I, s:I, s:s, s:s, s:b}", "id", (json_int_t)wc_row_int(r, i, 0), "user", wc_row_text(r, i, 1), "created_ms",
	                 (json_int_t)wc_row_int(r, i, 2), "seen_ms", (json_int_t)wc_row_int(r, i, 3), "address", wc_row_text(r, i, 4), "agent",
	                 wc_row_text(r, i, 5), "current", (int)(wc_row_int(r, i, 0) == who->session));
}

/* Whose sessions the caller may see and end: 0 for everybody's, -1 for nobody's. A key is nobody, however its role. */
static int64_t reach(const struct web_identity *who)
{
	return who->role == WC_ADMIN ? 0 : who->session ? who->user : -1;
}

int sessions_list(wc_request *rq, const void *self)
{
	const struct admin_settings  *settings = self;
	const struct sessions_filter *f        = wc_query(rq);
	const struct web_identity    *who      = request_identity(rq);
	wc_list                      *list     = wc_list_begin(rq);
	struct db_select              s;
	wc_rows                       rows;
	wc_err                        e;

	db_select_begin(&s, wc_request_arena(rq), "SELECT s.id, u.name, " MS_OF("s.created_at") ", " MS_OF("s.seen_at") ", s.address, s.agent"
	                                          " FROM admin_session s JOIN admin_user u ON u.id = s.user_id");
	db_select_add(&s, " WHERE s.id > ?", wc_int(wc_list_after(list, 0)));
	if (reach(who))
		db_select_add(&s, " AND s.user_id = ?", wc_int(reach(who)));
	db_select_word(&s, " AND u.name = ?", f->user);
	db_select_add(&s, " AND s.seen_at > NOW(3) - INTERVAL ? MICROSECOND", wc_int(settings->session_idle_ms * 1000));
	db_select_add(&s, " AND s.created_at > NOW(3) - INTERVAL ? MICROSECOND", wc_int(settings->session_life_ms * 1000));
	db_select_add(&s, " ORDER BY s.id LIMIT ?", wc_int(wc_list_fetch(list)));
	if (db_select_run(&s, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, session_json, who);
}

int sessions_end(wc_request *rq, const void *self)
{
	struct ending x = {.session = path_id(rq), .user = reach(request_identity(rq)), .actor = wc_actor(rq)};
	wc_err        e;

	(void)self;
	if (wc_db_tx(end, &x, &e) < 0)
		return wc_reply_err(rq, &e);
	return x.ended ? reply_none(rq) : wc_problem(rq, 404, "not_found", "there is no such session");
}
