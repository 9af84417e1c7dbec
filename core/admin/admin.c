/* Administration: who may do what. */
#include "admin/parts.h"

#include <string.h>
#include <strings.h>

const struct admin_settings *admin_settings;

int admin_authenticate(wc_request *rq, struct web_identity *who, wc_err *e)
{
	const char *header = wc_header(rq, "Authorization");

	/* A key that is given is what counts, even beside a cookie: no page can make a browser send one. */
	if (header && !strncasecmp(header, "Bearer ", 7))
		return key_authenticate(rq, header + 7, who, e);
	return session_authenticate(rq, who, e);
}

static int start(void *self, wc_err *e)
{
	(void)e;
	admin_settings = self;
	return 0;
}

#define SETTING(member) offsetof(struct admin_settings, member)

WC_PART(admin_part, "admin",
	.summary   = "users, sessions, keys and roles",
	.self_size = sizeof(struct admin_settings),
	.settings  = WC_SETTINGS(
		{WC_DURATION, "session_idle", "30m", SETTING(session_idle_ms), "a session that is not used so long ends",
		 .min = 1000, .max = 86400000},
		{WC_DURATION, "session_life", "12h", SETTING(session_life_ms), "a session ends so long after the login",
		 .min = 1000, .max = 30ll * 86400000},
		{WC_INT, "login_free", "5", SETTING(login_free), "failed logins of one account from one address before waits begin; an address may"
		 " have 4 times, an account from new addresses 6 times as many", .min = 1, .max = 1000},
		{WC_DURATION, "login_wait", "10s", SETTING(login_wait_ms), "the first wait, doubled with each further failure", .min = 100,
		 .max = 600000},
		{WC_DURATION, "login_wait_max", "15m", SETTING(login_wait_max_ms), "the longest wait", .min = 100, .max = 86400000},
		{WC_STRING, "totp_issuer", "wecomd", SETTING(totp_issuer), "how an authenticator app names this service", .min = 1, .max = 64}),
	.start     = start,
	.routes    = WC_ROUTES(
		{WC_POST, "/api/session", WC_ANYONE, session_create, "Logs in", login_fields, sizeof(struct login_body), 4096},
		{WC_GET, "/api/session", WC_VIEWER, session_read, "Who asks"},
		{WC_DELETE, "/api/session", WC_VIEWER, session_end, "Logs out"},
		{WC_PUT, "/api/session/password", WC_VIEWER, session_password, "Changes one's own password", own_password_fields,
		 sizeof(struct own_password_body), 4096},
		{WC_POST, "/api/session/totp", WC_VIEWER, totp_setup, "Begins to set up one-time codes"},
		{WC_POST, "/api/session/totp/confirm", WC_VIEWER, totp_confirm, "Switches one-time codes on, by a first code", totp_confirm_fields,
		 sizeof(struct totp_confirm_body), 4096},
		{WC_POST, "/api/session/totp/off", WC_VIEWER, totp_turn_off, "Switches one-time codes off, by the password", totp_off_fields,
		 sizeof(struct totp_off_body), 4096},
		{WC_GET, "/api/sessions", WC_VIEWER, sessions_list, "One's own sessions; for administrators, all",
		 .query = sessions_query, .query_size = sizeof(struct sessions_filter), .list = true, .answer = session_fields},
		{WC_DELETE, "/api/sessions/{id}", WC_VIEWER, sessions_end, "Ends a session"},
		{WC_GET, "/api/users", WC_ADMIN, users_list, "Users", .query = users_query, .query_size = sizeof(struct users_filter), .list = true,
		 .answer = user_fields},
		{WC_POST, "/api/users", WC_ADMIN, users_create, "Adds a user", user_create_fields, sizeof(struct user_create_body), 4096},
		{WC_GET, "/api/users/{id}", WC_ADMIN, users_read, "One user", .answer = user_fields},
		{WC_PUT, "/api/users/{id}", WC_ADMIN, users_update, "Changes role, name or state of a user; what is not given stays",
		 user_update_fields, sizeof(struct user_update_body), 4096},
		{WC_POST, "/api/users/{id}/password", WC_ADMIN, users_password, "Gives a user a new password, shown once, to be changed"},
		{WC_DELETE, "/api/users/{id}/totp", WC_ADMIN, users_totp_off, "Switches a user's one-time codes off"},
		{WC_GET, "/api/keys", WC_ADMIN, keys_list, "API keys", .query = keys_query, .query_size = sizeof(struct key_filter), .list = true,
		 .answer = key_fields},
		{WC_POST, "/api/keys", WC_ADMIN, keys_create, "Makes an API key, shown once", key_create_fields, sizeof(struct key_create_body), 4096},
		{WC_DELETE, "/api/keys/{id}", WC_ADMIN, keys_delete, "Revokes an API key"}),
	.commands  = WC_COMMANDS(
		{"user add", "--name NAME --role viewer|operator|approver|admin [--password -]",
		 "add a user; the password is read from standard input, or made and printed, once", user_add_command},
		{"user list", "", "the users", user_list_command},
		{"user disable", "--name NAME", "end a user's sessions and refuse new ones", user_disable_command},
		{"user enable", "--name NAME", "let a user log in again", user_enable_command},
		{"user password", "--name NAME [--password -]", "set another password", user_password_command},
		{"user role", "--name NAME --role ROLE", "set another role", user_role_command},
		{"user totp-off", "--name NAME", "switch a user's one-time codes off", user_totp_off_command},
		{"user unlock", "--name NAME", "forget the failed logins that make a user wait", user_unlock_command},
		{"key add", "--name NAME --role viewer|operator|approver|admin [--expires 90d] [--addresses 'NETWORK …']",
		 "make an API key and print it, once", key_add_command},
		{"key list", "", "the API keys", key_list_command},
		{"key revoke", "--name NAME", "take an API key away", key_revoke_command}),
	.sealed    = WC_SEALED("admin_user.totp_secret"));
