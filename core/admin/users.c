/* Users: people who administer. Adding and changing them, with what follows for their sessions and for the audit trail. */
#include "admin/parts.h"

#include "crypt/crypt.h"

#include <stdio.h>
#include <string.h>

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n >= 1 && n <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") == n;
}

int user_find(wc_db *db, wc_arena *a, const char *name, int64_t id, bool lock, struct user *u, wc_err *e)
{
#define COLUMNS "SELECT id, name, display_name, role, disabled, password, must_change, totp_secret, totp_on, totp_step FROM admin_user WHERE "
	static const char *const by_name[] = {COLUMNS "name = ?", COLUMNS "name = ? FOR UPDATE"};
	static const char *const by_id[]   = {COLUMNS "id = ?", COLUMNS "id = ? FOR UPDATE"};
#undef COLUMNS
	wc_cell secret;
	wc_rows r;

	/* What can be nobody's name is not asked for: the column is ASCII, and the database minds. */
	if (name && !is_name(name))
		return 0;
	if (wc_db_query(db, a, &r, e, name ? by_name[lock] : by_id[lock], name ? wc_text(name) : wc_int(id)) < 0)
		return -1;
	if (!r.n)
		return 0;
	secret = wc_row_cell(&r, 0, 7);
	*u     = (struct user){.id = wc_row_int(&r, 0, 0), .name = wc_row_text(&r, 0, 1), .display_name = wc_row_text(&r, 0, 2),
	                       .role = (wc_role)wc_row_int(&r, 0, 3), .disabled = wc_row_int(&r, 0, 4) != 0, .password = wc_row_text(&r, 0, 5),
	                       .must_change = wc_row_int(&r, 0, 6) != 0, .totp_secret = {secret.s, secret.n},
	                       .totp_on = wc_row_int(&r, 0, 8) != 0, .totp_step = wc_row_int(&r, 0, 9)};
	return 1;
}

/* --- adding --------------------------------------------------------------------------------------------------------- */

struct adding {
	struct new_user *u;
	char             password[CRYPT_PASSWORD_SIZE];
};

static int insert(wc_db *db, wc_arena *a, const struct adding *adding, wc_err *e)
{
	struct new_user *u = adding->u;
	wc_rows          rows;

	if (wc_db_query(db, a, &rows, e, "INSERT INTO admin_user (name, display_name, role, password, must_change, created_by) VALUES (?, ?, ?, ?, ?, ?)"
	                " RETURNING id", wc_text(u->name), wc_text(u->display_name), wc_int(u->role), wc_text(adding->password),
	                wc_int(u->must_change), wc_text(u->actor)) < 0)
		return -1;
	u->id = wc_row_int(&rows, 0, 0);
	return audit(db, u->actor, "user.create", "user", u->id, json_pack("{s:s, s:s}", "name", u->name, "role", role_name(u->role)), e);
}

static int add(wc_db *db, void *arg, wc_err *e)
{
	struct adding *adding = arg;
	wc_arena      *a      = wc_arena_new();
	struct user    there;
	int            rc = user_find(db, a, adding->u->name, 0, true, &there, e);

	/* Our own salt is there when this is the repeat after a lost COMMIT. */
	if (rc == 1 && strcmp(there.password, adding->password))
		rc = wc_fail(e, WC_E_CONFLICT, "there is a user with the name %s already", adding->u->name);
	else if (rc == 1)
		adding->u->id = there.id;
	else if (rc == 0)
		rc = insert(db, a, adding, e);
	wc_arena_free(a);
	return rc < 0 ? -1 : 0;
}

int user_add(struct new_user *u, wc_err *e)
{
	struct adding adding = {.u = u};
	const char   *expected;

	if (!is_name(u->name))
		return wc_fail(e, WC_E_ARG, "a user's name has 1 to 64 letters, digits and . _ @ -");
	if ((expected = password_expected(u->name, u->password)))
		return wc_fail(e, WC_E_ARG, "expected %s", expected);
	crypt_password_hash(adding.password, u->password);
	return wc_db_tx(add, &adding, e);
}

/* --- changing ------------------------------------------------------------------------------------------------------- */

struct changing {
	struct user_change *c;
	char                password[CRYPT_PASSWORD_SIZE];     /* "": stays */
};

/* Whether the user is the only one who can administer. The rows stay locked, so that two who demote each other do not both succeed. */
static int is_last_admin(wc_db *db, wc_arena *a, const struct user *u, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT id FROM admin_user WHERE role = ? AND disabled = FALSE ORDER BY id FOR UPDATE", wc_int(WC_ADMIN)) < 0)
		return -1;
	return rows.n == 1 && wc_row_int(&rows, 0, 0) == u->id;
}

static int end_sessions(wc_db *db, const struct user *u, const struct user_change *c, wc_err *e)
{
	if (wc_db_exec(db, e, "DELETE FROM admin_session WHERE user_id = ? AND id <> ?", wc_int(u->id), wc_int(c->keep_session)) < 0)
		return -1;
	if (!c->keep_session)
		return 0;
	return wc_db_exec(db, e, "UPDATE admin_session SET token_hash = ? WHERE id = ?", wc_bytes(c->keep_hash, WC_HASH_SIZE), wc_int(c->keep_session)) < 0
	       ? -1 : 0;
}

static json_t *describe(const struct user_change *c, const struct user *u)
{
	json_t *d = json_object();

	json_object_set_new(d, "name", json_string(u->name));
	if (c->role && c->role != u->role)
		json_object_set_new(d, "role", json_pack("[s, s]", role_name(u->role), role_name(c->role)));
	if (c->disabled >= 0 && c->disabled != u->disabled)
		json_object_set_new(d, "disabled", json_boolean(c->disabled));
	if (c->display_name && strcmp(c->display_name, u->display_name))
		json_object_set_new(d, "display_name", json_true());
	return d;
}

static int write_change(wc_db *db, const struct changing *ch, const struct user *u, wc_err *e)
{
	const struct user_change *c = ch->c;
	wc_role                   role     = c->role ? c->role : u->role;
	bool                      disabled = c->disabled < 0 ? u->disabled : c->disabled != 0;

	if (wc_db_exec(db, e, "UPDATE admin_user SET role = ?, disabled = ?, display_name = ?, password = ?, must_change = ? WHERE id = ?", wc_int(role),
	               wc_int(disabled), wc_text(c->display_name ? c->display_name : u->display_name), wc_text(*ch->password ? ch->password : u->password),
	               wc_int(*ch->password ? c->must_change : u->must_change), wc_int(u->id)) < 0)
		return -1;
	if (c->totp_off && (wc_db_exec(db, e, "UPDATE admin_user SET totp_on = FALSE, totp_secret = NULL WHERE id = ?", wc_int(u->id)) < 0 ||
	                    wc_db_exec(db, e, "DELETE FROM admin_recovery_code WHERE user_id = ?", wc_int(u->id)) < 0))
		return -1;
	if ((*ch->password || role != u->role || disabled) && end_sessions(db, u, c, e) < 0)
		return -1;
	return audit(db, c->actor, c->action, "user", u->id, describe(c, u), e);
}

static int change_found(wc_db *db, wc_arena *a, const struct changing *ch, const struct user *u, wc_err *e)
{
	struct user_change *c      = ch->c;
	bool                weaker = u->role == WC_ADMIN && !u->disabled && ((c->role && c->role != WC_ADMIN) || c->disabled == 1);
	int                 last   = weaker ? is_last_admin(db, a, u, e) : 0;

	if (last < 0)
		return -1;
	c->last_admin = last > 0;
	if (last)
		return wc_fail(e, WC_E_CONFLICT, "%s is the last enabled administrator", u->name);
	return write_change(db, ch, u, e);
}

static int change(wc_db *db, void *arg, wc_err *e)
{
	struct changing    *ch = arg;
	struct user_change *c  = ch->c;
	wc_arena           *a  = wc_arena_new();
	struct user         u;
	int                 rc;

	/* All administrators first, then the one: whoever changes whom, the locks are taken in the order of ids. */
	if (wc_db_query(db, a, &(wc_rows){0}, e, "SELECT id FROM admin_user WHERE role = ? ORDER BY id FOR UPDATE", wc_int(WC_ADMIN)) < 0)
		rc = -1;
	else if ((rc = user_find(db, a, c->name, c->id, true, &u, e)) == 0)
		rc = wc_fail(e, WC_E_NOT_FOUND, "there is no such user");
	else if (rc > 0)
		rc = change_found(db, a, ch, &u, e);
	wc_arena_free(a);
	return rc < 0 ? -1 : 0;
}

int user_change(struct user_change *c, wc_err *e)
{
	struct changing ch = {.c = c};
	const char     *expected;

	if (c->password && (expected = password_expected(c->name ? c->name : "", c->password)))
		return wc_fail(e, WC_E_ARG, "expected %s", expected);
	if (c->password)
		crypt_password_hash(ch.password, c->password);
	return wc_db_tx(change, &ch, e);
}
