/* /api/users: administrators about others. */
#include "admin/parts.h"

#include "db/db.h"

#include <string.h>

const wc_field user_create_fields[] = {
	{WC_STRING, "name", NULL, offsetof(struct user_create_body, name), "what the user logs in with: letters, digits and . _ @ -", .min = 1, .max = 64},
	{WC_STRING, "display_name", "", offsetof(struct user_create_body, display_name), "how the user is called", .max = 128},
	{WC_CHOICE, "role", NULL, offsetof(struct user_create_body, role), "what the user may do", .choices = ROLES},
	{WC_SECRET, "password", "", offsetof(struct user_create_body, password), "a first password; empty: one is made", .max = PASSWORD_MAX},
	{0}};

const wc_field user_update_fields[] = {
	{WC_STRING, "display_name", "", offsetof(struct user_update_body, display_name), "how the user is called", .max = 128},
	{WC_CHOICE, "role", "viewer", offsetof(struct user_update_body, role), "what the user may do", .choices = ROLES},
	{WC_BOOL, "disabled", "off", offsetof(struct user_update_body, disabled), "no login, no session"},
	{0}};

const wc_field users_query[] = {
	{WC_STRING, "name", NULL, offsetof(struct users_filter, name), "only the one with this name", .optional = true, .max = 64},
	{WC_CHOICE, "role", NULL, offsetof(struct users_filter, role), "only those with this role", .optional = true, .choices = ROLES},
	{WC_CHOICE, "state", NULL, offsetof(struct users_filter, state), "only these", .optional = true, .choices = "enabled|disabled"},
	{0}};

const wc_field user_fields[] = {
	{WC_INT, "id", NULL, 0, "the user's number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "name", NULL, 0, "what the user logs in with"},
	{WC_STRING, "display_name", NULL, 0, "how the user is called"},
	{WC_CHOICE, "role", NULL, 0, "what the user may do", .choices = ROLES},
	{WC_BOOL, "disabled", NULL, 0, "no login, no session"},
	{WC_BOOL, "must_change", NULL, 0, "somebody else made the password"},
	{WC_BOOL, "totp", NULL, 0, "whether one-time codes are on"},
	{WC_INT, "created_ms", NULL, 0, "when the user was added"},
	{WC_INT, "last_login_ms", NULL, 0, "the last login", .optional = true},
	{WC_STRING, "created_by", NULL, 0, "who added the user"},
	{0}};

#define USER_COLUMNS \
	"id, name, display_name, role, disabled, must_change, totp_on, " MS_OF("created_at") ", " MS_OF("last_login_at") ", created_by"

static json_t *user_json(wc_arena *a, const wc_rows *r, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:I, s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:o, s:s}", "id", (json_int_t)wc_row_int(r, i, 0), "name", wc_row_text(r, i, 1),
	                 "display_name", wc_row_text(r, i, 2), "role", role_name((wc_role)wc_row_int(r, i, 3)), "disabled", (int)wc_row_int(r, i, 4),
	                 "must_change", (int)wc_row_int(r, i, 5), "totp", (int)wc_row_int(r, i, 6), "created_ms", (json_int_t)wc_row_int(r, i, 7),
	                 "last_login_ms", time_or_null(r, i, 8), "created_by", wc_row_text(r, i, 9));
}

int users_list(wc_request *rq, const void *self)
{
	const struct users_filter *f    = wc_query(rq);
	wc_list                   *list = wc_list_begin(rq);
	struct db_select           s;
	wc_rows                    rows;
	wc_err                     e;

	(void)self;
	db_select_begin(&s, wc_request_arena(rq), "SELECT " USER_COLUMNS " FROM admin_user");
	db_select_add(&s, " WHERE id > ?", wc_int(wc_list_after(list, 0)));
	db_select_word(&s, " AND name = ?", f->name);
	if (f->role)
		db_select_add(&s, " AND role = ?", wc_int(role_from(f->role)));
	if (f->state)
		db_select_add(&s, " AND disabled = ?", wc_int(!strcmp(f->state, "disabled")));
	db_select_add(&s, " ORDER BY id LIMIT ?", wc_int(wc_list_fetch(list)));
	if (db_select_run(&s, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, user_json, NULL);
}

static int reply_user(wc_request *rq, int64_t id)
{
	wc_rows rows;
	wc_err  e;

	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, "SELECT " USER_COLUMNS " FROM admin_user WHERE id = ?", wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such user");
	return wc_reply_json(rq, 200, wc_json_keep(wc_request_arena(rq), user_json(wc_request_arena(rq), &rows, 0, NULL)));
}

int users_read(wc_request *rq, const void *self)
{
	(void)self;
	return reply_user(rq, path_id(rq));
}

static int refuse_password(wc_request *rq, const char *expected)
{
	return wc_reply_bad_fields(rq, &(wc_bad_field){"password", expected, NULL});
}

int users_create(wc_request *rq, const void *self)
{
	const struct user_create_body *b    = wc_body(rq);
	const char                    *made = *b->password ? NULL : random_words(wc_request_arena(rq), 4), *expected;
	struct new_user                u    = {.name = b->name, .display_name = b->display_name, .password = made ? made : b->password,
	                                       .role = role_from(b->role), .must_change = true, .actor = wc_actor(rq)};
	wc_err                         e;

	(void)self;
	if ((expected = password_expected(u.name, u.password)))
		return refuse_password(rq, expected);
	if (user_add(&u, &e) < 0)
		return wc_reply_err(rq, &e);
	wc_answer_is_secret(rq);
	return wc_reply(rq, 201, "{s:I, s:s, s:s, s:s*}", "id", (json_int_t)u.id, "name", u.name, "role", b->role, "password", made);
}

static int reply_change(wc_request *rq, const struct user_change *c, const wc_err *e)
{
	return c->last_admin ? wc_problem(rq, 409, "last_admin", "%s", e->text) : wc_reply_err(rq, e);
}

static bool is_given(const json_t *body, const char *name)
{
	const json_t *value = wc_json_at(body, name);

	return value && !json_is_null(value);
}

int users_update(wc_request *rq, const void *self)
{
	const struct user_update_body *b    = wc_body(rq);
	wc_slice                       raw  = wc_raw_body(rq);
	const json_t                  *body;
	struct user_change             c    = {.id = path_id(rq), .disabled = -1, .actor = wc_actor(rq), .action = "user.change"};
	wc_err                         e;

	(void)self;
	/* What was not given stays, so the defaults of the table are not wanted. */
	if (!(body = wc_json_parse(wc_request_arena(rq), raw.p, raw.n, &e)))
		return wc_reply_err(rq, &e);
	if (is_given(body, "role"))
		c.role = role_from(b->role);
	if (is_given(body, "disabled"))
		c.disabled = b->disabled;
	if (is_given(body, "display_name"))
		c.display_name = b->display_name;
	return user_change(&c, &e) < 0 ? reply_change(rq, &c, &e) : reply_user(rq, c.id);
}

int users_password(wc_request *rq, const void *self)
{
	const char        *made = random_words(wc_request_arena(rq), 4);
	struct user_change c = {.id = path_id(rq), .disabled = -1, .password = made, .must_change = true, .actor = wc_actor(rq), .action = "user.password"};
	wc_err             e;

	(void)self;
	wc_answer_is_secret(rq);
	return user_change(&c, &e) < 0 ? reply_change(rq, &c, &e) : wc_reply(rq, 200, "{s:s}", "password", made);
}

int users_totp_off(wc_request *rq, const void *self)
{
	struct user_change c = {.id = path_id(rq), .disabled = -1, .totp_off = true, .actor = wc_actor(rq), .action = "user.totp.off"};
	wc_err             e;

	(void)self;
	return user_change(&c, &e) < 0 ? reply_change(rq, &c, &e) : reply_none(rq);
}
