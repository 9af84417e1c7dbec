/* A whole schema, out and in, by MariaDB's own programs as child processes: they know every type and every version better than we would.
 * The password goes by the environment, which its owner and root alone can read, never by an argument. */
#include "db/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 24

extern char **environ;

static char **with_password(wc_arena *a, const char *password)
{
	size_t n = 0, kept = 0;
	char **list;

	while (environ[n])
		n++;
	list = wc_alloc(a, (n + 2) * sizeof *list);
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "MYSQL_PWD=", 10))
			list[kept++] = environ[i];
	list[kept] = wc_printf(a, "MYSQL_PWD=%s", password);
	return list;
}

/* Where the program is to connect to, behind its name. --no-defaults comes first or not at all. */
static size_t address(wc_arena *a, const struct db_settings *s, const char *program, const char **argv)
{
	size_t n = 0;

	argv[n++] = program;
	argv[n++] = "--no-defaults";
	argv[n++] = wc_printf(a, "--user=%s", s->user);
	if (*s->socket) {
		argv[n++] = wc_printf(a, "--socket=%s", s->socket);
	} else {
		argv[n++] = wc_printf(a, "--host=%s", s->host);
		argv[n++] = wc_printf(a, "--port=%d", (int)s->port);
		argv[n++] = "--protocol=tcp";
	}
	argv[n++] = "--default-character-set=utf8mb4";
	return n;
}

static int wait_for(pid_t pid, const char *program, wc_err *e)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return wc_fail(e, WC_E_INTERNAL, "%s: %s", program, strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return wc_fail(e, WC_E_DB, "%s ended with %s %d", program, WIFEXITED(status) ? "status" : "signal",
	               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* fd becomes the program's standard input (at 0) or output (at 1). */
static int run(wc_arena *a, const char **argv, const char *password, int fd, int at, wc_err *e)
{
	posix_spawn_file_actions_t actions;
	pid_t                      pid;
	int                        rc;

	posix_spawn_file_actions_init(&actions);
	if (at != 0)
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fd, at);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, with_password(a, password));
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return wc_fail(e, WC_E_CONFIG, "%s: %s; it comes with the package mariadb-client", argv[0], strerror(rc));
	return wait_for(pid, argv[0], e);
}

/* --- out ------------------------------------------------------------------------------------------------------------ */

static int dump(wc_arena *a, wc_db *db, int fd, wc_err *e)
{
	char               host[256];
	struct db_settings s = hosts_alone(pool_settings(), db, host);
	const char        *argv[ARGS_MAX];
	size_t             n = address(a, &s, "mariadb-dump", argv);
	wc_rows            locked;

	/* A table that is altered in the middle would spoil the moment. */
	if (wc_db_query(db, a, &locked, e, "SELECT GET_LOCK(CONCAT(DATABASE(), '.migrate'), 60)") < 0)
		return -1;
	if (wc_row_int(&locked, 0, 0) != 1)
		return wc_fail(e, WC_E_DB, "a migration or another backup has been running for 60 s");
	argv[n++] = "--single-transaction";
	argv[n++] = "--quick";
	argv[n++] = "--hex-blob";
	argv[n++] = "--skip-add-drop-table";
	argv[n++] = "--skip-dump-date";
	argv[n++] = s.name;
	argv[n]   = NULL;
	return run(a, argv, s.password, fd, 1, e);
}

int db_dump(int fd, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	wc_db    *db = hosts_connect(pool_settings(), 0, e);
	int       rc = db ? dump(a, db, fd, e) : -1;

	if (db)
		conn_close(db);     /* which releases the lock */
	wc_arena_free(a);
	return rc;
}

/* --- in ------------------------------------------------------------------------------------------------------------- */

int db_load(int fd, wc_err *e)
{
	wc_arena          *a  = wc_arena_new();
	wc_db             *db = hosts_connect(pool_settings(), 0, e);
	char               host[256];
	struct db_settings s;
	const char        *argv[ARGS_MAX];
	size_t             n;
	int                rc = -1;

	if (db) {
		s = hosts_alone(pool_settings(), db, host);
		conn_close(db);
		n         = address(a, &s, "mariadb", argv);
		argv[n++] = "--batch";
		argv[n++] = s.name;
		argv[n]   = NULL;
		rc        = run(a, argv, s.password, fd, 0, e);
	}
	wc_arena_free(a);
	return rc;
}

/* --- looking -------------------------------------------------------------------------------------------------------- */

static const char tables_sql[] =
	"SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name";

int db_count_tables(wc_arena *a, wc_rows *rows, wc_err *e)
{
	wc_rows  names, one;
	wc_cell *cell;

	if (wc_db_query(NULL, a, &names, e, tables_sql) < 0)
		return -1;
	*rows = (wc_rows){.n = names.n, .columns = 2, .cell = cell = wc_alloc(a, (names.n + 1) * 2 * sizeof *cell)};
	for (size_t i = 0; i < names.n; i++) {
		if (wc_db_query(NULL, a, &one, e, wc_printf(a, "SELECT COUNT(*) FROM `%s`", wc_row_text(&names, i, 0))) < 0)
			return -1;
		cell[2 * i]     = wc_row_cell(&names, i, 0);
		cell[2 * i + 1] = wc_row_cell(&one, 0, 0);
	}
	return 0;
}

static int drop_all(wc_arena *a, wc_db *db, wc_err *e)
{
	wc_rows names;

	if (wc_db_query(db, a, &names, e, tables_sql) < 0 || conn_simple(db, "SET SESSION foreign_key_checks=0", e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (conn_simple(db, wc_printf(a, "DROP TABLE `%s`", wc_row_text(&names, i, 0)), e) < 0)
			return -1;
	return 0;
}

int db_empty(wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	wc_db    *db = hosts_connect(pool_settings(), 0, e);
	int       rc = db ? drop_all(a, db, e) : -1;

	if (db)
		conn_close(db);
	wc_arena_free(a);
	return rc;
}
