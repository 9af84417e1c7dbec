/* Setting one-time codes up, by the user alone: a secret, then a code that shows it arrived; off by the password. */
#include "admin/parts.h"

#include <string.h>

#define RECOVERY_CODES 10

const wc_field totp_confirm_fields[] = {
	{WC_SECRET, "code", NULL, offsetof(struct totp_confirm_body, code), "a code of the app", .min = 6, .max = 6},
	{0}};

const wc_field totp_off_fields[] = {
	{WC_SECRET, "password", NULL, offsetof(struct totp_off_body, password), "the user's password", .max = PASSWORD_MAX},
	{0}};

/* Percent-encodes what is not safe in a URI's path or query. */
static const char *uri_text(wc_arena *a, const char *text)
{
	wc_buf *b = wc_buf_new(a, 1024);

	for (; *text; text++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", *text))
			wc_buf_addc(b, *text);
		else
			wc_buf_addf(b, "%%%02X", (unsigned char)*text);
	}
	return b->s;
}

struct beginning {
	int64_t     user;
	wc_slice    sealed;
	const char *actor;
};

/* The repeat after a lost COMMIT changes nothing, and writes no second entry. */
static int begin(wc_db *db, void *arg, wc_err *e)
{
	const struct beginning *b       = arg;
	int64_t                 changed = wc_db_exec(db, e, "UPDATE admin_user SET totp_secret = ?, totp_step = 0 WHERE id = ? AND NOT totp_on",
	                                             wc_bytes(b->sealed.p, b->sealed.n), wc_int(b->user));

	return changed <= 0 ? (int)changed : audit(db, b->actor, "user.totp.begin", "user", b->user, NULL, e);
}

int totp_setup(wc_request *rq, const void *self)
{
	const struct admin_settings *settings = self;
	wc_arena                    *a        = wc_request_arena(rq);
	unsigned char                secret[TOTP_SECRET_SIZE];
	struct user                  u;
	struct beginning             b;
	const char                  *shown, *issuer = uri_text(a, settings->totp_issuer);
	wc_err                       e;

	if (session_user(rq, &u) < 0)
		return 0;
	if (u.totp_on)
		return wc_problem(rq, 409, "totp_on", "one-time codes are on already; switch them off first");
	wc_random(secret, sizeof secret);
	shown = totp_base32(a, secret, sizeof secret);
	b     = (struct beginning){u.id, wc_seal(a, "admin_user.totp_secret", (wc_slice){(const char *)secret, sizeof secret}), wc_actor(rq)};
	if (wc_db_tx(begin, &b, &e) < 0)
		return wc_reply_err(rq, &e);
	wc_answer_is_secret(rq);
	return wc_reply(rq, 201, "{s:s, s:s}", "secret", shown, "uri",
	                wc_printf(a, "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=6&period=30", issuer, uri_text(a, u.name), shown, issuer));
}

struct confirming {
	const struct user *u;
	int64_t            step;
	const char        *actor, *codes[RECOVERY_CODES];
	bool               confirmed;
};

static int write_recovery_codes(wc_db *db, const struct confirming *c, wc_err *e)
{
	if (wc_db_exec(db, e, "DELETE FROM admin_recovery_code WHERE user_id = ?", wc_int(c->u->id)) < 0)
		return -1;
	for (size_t i = 0; i < RECOVERY_CODES; i++) {
		unsigned char hash[WC_HASH_SIZE];

		wc_keyed_hash(hash, "admin_recovery_code", c->codes[i], NULL);
		if (wc_db_exec(db, e, "INSERT INTO admin_recovery_code (user_id, code_hash) VALUES (?, ?)", wc_int(c->u->id), wc_bytes(hash, sizeof hash)) < 0)
			return -1;
	}
	return 0;
}

/* The secret that was confirmed must still be the one that is stored. */
static int confirm(wc_db *db, void *arg, wc_err *e)
{
	struct confirming *c       = arg;
	int64_t            changed = wc_db_exec(db, e, "UPDATE admin_user SET totp_on = TRUE, totp_step = ? WHERE id = ? AND totp_secret = ?", wc_int(c->step),
	                                        wc_int(c->u->id), wc_bytes(c->u->totp_secret.p, c->u->totp_secret.n));

	c->confirmed = changed > 0;
	if (changed <= 0)
		return changed < 0 ? -1 : 0;
	if (write_recovery_codes(db, c, e) < 0)
		return -1;
	return audit(db, c->actor, "user.totp.on", "user", c->u->id, NULL, e);
}

int totp_confirm(wc_request *rq, const void *self)
{
	const struct totp_confirm_body *body = wc_body(rq);
	wc_arena                       *a    = wc_request_arena(rq);
	struct user                     u;
	struct confirming               c = {.u = &u, .actor = wc_actor(rq)};
	json_t                         *codes = wc_json_keep(a, json_array());
	wc_slice                        secret;
	wc_err                          e;

	(void)self;
	if (session_user(rq, &u) < 0)
		return 0;
	if (u.totp_on || !u.totp_secret.n)
		return wc_problem(rq, 409, u.totp_on ? "totp_on" : "totp_not_begun", "there is nothing to confirm");
	if (wc_unseal(a, "admin_user.totp_secret", u.totp_secret, &secret, &e) < 0)
		return wc_reply_err(rq, &e);
	if (!(c.step = totp_match((const unsigned char *)secret.p, body->code, wc_now_ms(), u.totp_step)))
		return wc_problem(rq, 422, "totp_wrong", "this is not the code of this moment; is the clock right?");
	for (size_t i = 0; i < RECOVERY_CODES; i++) {
		c.codes[i] = random_words(a, 2);
		json_array_append_new(codes, json_string(c.codes[i]));
	}
	if (wc_db_tx(confirm, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	if (!c.confirmed)
		return wc_problem(rq, 409, "totp_not_begun", "another set-up was begun meanwhile");
	wc_answer_is_secret(rq);
	return wc_reply(rq, 200, "{s:O}", "recovery_codes", codes);
}

int totp_turn_off(wc_request *rq, const void *self)
{
	const struct totp_off_body *body = wc_body(rq);
	struct user                 u;
	struct throttle             t;
	struct user_change          c = {.disabled = -1, .totp_off = true, .actor = wc_actor(rq), .action = "user.totp.off"};
	wc_err                      e;
	int                         rc;

	(void)self;
	if (session_user(rq, &u) < 0 || (rc = password_check(rq, u.name, &u, body->password, &t)) < 0)
		return 0;
	if (!rc)
		return wc_problem(rq, 403, "password_wrong", "this is not your password");
	c.id = u.id;
	if (throttle_forgive(&t, &e) < 0 || user_change(&c, &e) < 0)
		return wc_reply_err(rq, &e);
	return reply_none(rq);
}
