/* "wecomd user …": for who has the machine. A password never stands on the command line, where others can read it. */
#include "admin/parts.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int say(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

static int misused(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return 2;
}

/* One line of standard input, not shown where it is typed. NULL at its end. */
static char *read_secret(wc_arena *a, const char *prompt)
{
	char           line[PASSWORD_MAX + 2];
	struct termios before, quiet;
	bool           typed = tcgetattr(STDIN_FILENO, &before) == 0;
	char          *got;

	if (typed) {
		fputs(prompt, stderr);
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	got = fgets(line, sizeof line, stdin);
	if (typed) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (!got)
		return NULL;
	line[strcspn(line, "\r\n")] = 0;
	return wc_strdup(a, line);
}

/* The password that --password - reads, or a made one, with *made set. NULL: what is wrong was said. */
static const char *take_password(wc_arena *a, int argc, char **argv, bool *made)
{
	const char *option = wc_option(argc, argv, "--password", NULL), *first, *again = NULL;

	*made = !option;
	if (!option)
		return random_words(a, 4);
	if (strcmp(option, "-")) {
		misused("--password takes - alone: the password is read from standard input");
		return NULL;
	}
	if (!(first = read_secret(a, "Password: ")) || (isatty(STDIN_FILENO) && !(again = read_secret(a, "Again: ")))) {
		misused("no password was given");
		return NULL;
	}
	if (again && strcmp(first, again)) {
		misused("these were two different passwords");
		return NULL;
	}
	return first;
}

int user_add_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char     *name = wc_option(argc, argv, "--name", "");
	struct new_user u    = {.name = name, .display_name = wc_option(argc, argv, "--display-name", ""), .actor = "command",
	                        .role = role_from(wc_option(argc, argv, "--role", ""))};
	bool            made;
	wc_err          e;

	(void)self;
	if (!u.role)
		return misused("--role is one of viewer, operator, approver, admin");
	if (!(u.password = take_password(a, argc, argv, &made)))
		return 2;
	if (user_add(&u, &e) < 0)
		return say(&e);
	if (made)
		printf("%s\n", u.password);
	return 0;
}

int user_list_command(wc_arena *a, int argc, char **argv, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)argc;
	(void)argv;
	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, "SELECT name, role, disabled, totp_on, COALESCE(DATE_FORMAT(last_login_at, '%Y-%m-%dT%H:%iZ'), 'never'),"
	                " display_name FROM admin_user ORDER BY name") < 0)
		return say(&e);
	for (size_t i = 0; i < rows.n; i++)
		printf("%-24s %-9s %-9s %-5s %-18s %s\n", wc_row_text(&rows, i, 0), role_name((wc_role)wc_row_int(&rows, i, 1)),
		       wc_row_int(&rows, i, 2) ? "disabled" : "enabled", wc_row_int(&rows, i, 3) ? "totp" : "-", wc_row_text(&rows, i, 4), wc_row_text(&rows, i, 5));
	return 0;
}

static int run_change(struct user_change *c, int argc, char **argv)
{
	wc_err e;

	c->name  = wc_option(argc, argv, "--name", "");
	c->actor = "command";
	return user_change(c, &e) < 0 ? say(&e) : 0;
}

int user_disable_command(wc_arena *a, int argc, char **argv, const void *self)
{
	(void)a;
	(void)self;
	return run_change(&(struct user_change){.disabled = 1, .action = "user.disable"}, argc, argv);
}

int user_enable_command(wc_arena *a, int argc, char **argv, const void *self)
{
	(void)a;
	(void)self;
	return run_change(&(struct user_change){.disabled = 0, .action = "user.enable"}, argc, argv);
}

int user_role_command(wc_arena *a, int argc, char **argv, const void *self)
{
	struct user_change c = {.disabled = -1, .role = role_from(wc_option(argc, argv, "--role", "")), .action = "user.role"};

	(void)a;
	(void)self;
	return c.role ? run_change(&c, argc, argv) : misused("--role is one of viewer, operator, approver, admin");
}

int user_totp_off_command(wc_arena *a, int argc, char **argv, const void *self)
{
	(void)a;
	(void)self;
	return run_change(&(struct user_change){.disabled = -1, .totp_off = true, .action = "user.totp.off"}, argc, argv);
}

int user_unlock_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char *name = wc_option(argc, argv, "--name", "");
	struct user u;
	wc_err      e;
	int         found = user_find(NULL, a, name, 0, false, &u, &e);

	(void)self;
	if (found == 0)
		found = wc_fail(&e, WC_E_NOT_FOUND, "there is no such user");
	if (found < 0 || throttle_clear(name, &e) < 0 || audit(NULL, "command", "user.unlock", "user", u.id, NULL, &e) < 0)
		return say(&e);
	return 0;
}

int user_password_command(wc_arena *a, int argc, char **argv, const void *self)
{
	struct user_change c = {.disabled = -1, .action = "user.password"};
	bool               made;
	int                rc;

	(void)self;
	if (!(c.password = take_password(a, argc, argv, &made)))
		return 2;
	rc = run_change(&c, argc, argv);
	if (!rc && made)
		printf("%s\n", c.password);
	return rc;
}
