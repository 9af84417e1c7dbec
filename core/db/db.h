/* What the database layer offers to the host: opening the pool, and the schema's migrations. */
#pragma once

#include <wecomd/buf.h>
#include <wecomd/db.h>
#include <wecomd/field.h>

struct db_settings {
	const char *socket, *host, *user, *password, *name;
	int64_t     port, connections, timeout_ms;
};

extern const wc_field db_fields[];     /* [db] */

/* Whether they make sense together; connects to nothing. */
int db_check_settings(const struct db_settings *settings, wc_err *e);

/* Remembers the settings (borrowed for the process's life); connects on first use. */
void db_open(const struct db_settings *settings);

/* Called now and then: goes back to a host that is preferred to the one in use, once it can be used again. */
void db_prefer(void);

/* Closes the idle connections. */
void db_close(void);

/* Called by the thread that committed a transaction of wc_db_tx(), right after. One for the process, set before threads. */
void db_after_commit(void (*fn)(void));

/* A SELECT that is put together: a condition for each filter that was given. */
struct db_select {
	wc_arena *a;
	wc_buf   *sql;
	wc_val    v[16];
	size_t    n;
};

void db_select_begin(struct db_select *s, wc_arena *a, const char *sql);
void db_select_add(struct db_select *s, const char *sql, wc_val v);                /* sql has one ?, which is v */
void db_select_text(struct db_select *s, const char *condition, const char *text);     /* nothing where text is NULL */
void db_select_word(struct db_select *s, const char *condition, const char *word);     /* the same for a column that is ASCII */
void db_select_time(struct db_select *s, const char *condition, int64_t ms);           /* nothing where ms is WC_ABSENT */
int  db_select_run(struct db_select *s, wc_rows *rows, wc_err *e);

/* 0 when the database answers. */
int db_ping(wc_err *e);

/* Migrations are files sql_dir/OWNER/NNNN_what.sql; statements end with ';' at a line's end. Owners: "core" and plugins' names. */

/* Applies what is missing, in order; one runner at a time. Each statement must be safe to run again (IF NOT EXISTS), since
 * DDL commits by itself and a run may be cut. Prints a line for each file to standard output. */
int db_migrate(const char *sql_dir, const char *const *owners, wc_err *e);

/* What a schema was made by: rows of owner, number and checksum; none where nothing was migrated. */
int db_applied(wc_arena *a, wc_rows *rows, wc_err *e);

/* Whether the program's files know a migration that was applied somewhere else; an owner that is not loaded cannot be judged and fits.
 * -1: WC_E_CONFIG, the schema is newer than the program, or of another text. */
int db_knows(const char *sql_dir, const char *const *owners, const char *owner, int number, const char *checksum, wc_err *e);

/* --- whole schemas (dump.c), by the programs mariadb-dump and mariadb; their complaints go to standard error ----------- */

/* Writes the schema as SQL to fd, as it is at one moment while others go on writing; no migration runs meanwhile. */
int db_dump(int fd, wc_err *e);

/* Runs the SQL of fd in the schema. */
int db_load(int fd, wc_err *e);

/* Names and rows of the schema's tables, counted. */
int db_count_tables(wc_arena *a, wc_rows *rows, wc_err *e);

/* Drops every table of the schema. */
int db_empty(wc_err *e);

/* Remembers what the files say now. From then on db_serves_schema() says whether all of that is applied; what a newer release has
 * added to the schema, or to the files, since is no hindrance to a process that runs. */
int db_remember_schema(const char *sql_dir, const char *const *owners, wc_err *e);
int db_serves_schema(wc_err *e);

/* Whether the schema is what the files say: an older one, a changed file, or one newer than the program are WC_E_CONFIG. */
int db_check_schema(const char *sql_dir, const char *const *owners, wc_err *e);
