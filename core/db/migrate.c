/* Migrations: files in order, each recorded with its checksum once all of its statements ran. */
#include "db/hosts.h"

#include "crypt/crypt.h"

#include <wecomd/buf.h>
#include <wecomd/seal.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 20)

struct migration {
	const char *owner, *file;
	int         number;
	const char *text;
	char        checksum[65];
};

struct migrations {
	struct migration *list;
	size_t            n;
};

static const char table_sql[] =
	"CREATE TABLE IF NOT EXISTS schema_migration ("
	" owner VARCHAR(64) CHARACTER SET ascii NOT NULL, number INT NOT NULL, file VARCHAR(128) CHARACTER SET ascii NOT NULL,"
	" checksum CHAR(64) CHARACTER SET ascii NOT NULL, applied_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),"
	" PRIMARY KEY (owner, number))";

static int read_file(wc_arena *a, const char *path, wc_buf **out, wc_err *e)
{
	FILE   *f = fopen(path, "re");
	char    piece[4096];
	size_t  n;

	if (!f)
		return wc_fail(e, WC_E_CONFIG, "%s: %s", path, strerror(errno));
	*out = wc_buf_new(a, FILE_MAX);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		wc_buf_add(*out, piece, n);
	fclose(f);
	return wc_buf_failed(*out) ? wc_fail(e, WC_E_CONFIG, "%s: larger than %u bytes", path, FILE_MAX) : 0;
}

static int is_migration(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 9 && strspn(d->d_name, "0123456789") == 4 && d->d_name[4] == '_' && !strcmp(d->d_name + n - 4, ".sql");
}

static int load_file(wc_arena *a, const char *folder, const char *owner, const char *name, struct migration *m, wc_err *e)
{
	unsigned char hash[32];
	wc_buf       *text;

	if (read_file(a, wc_printf(a, "%s/%s", folder, name), &text, e) < 0)
		return -1;
	crypt_hash_raw(hash, text->s, text->len);
	*m = (struct migration){owner, wc_strdup(a, name), atoi(name), text->s, ""};
	snprintf(m->checksum, sizeof m->checksum, "%s", wc_hex(a, hash, sizeof hash));
	return 0;
}

/* An owner without a folder has no tables. */
static int load_owner(wc_arena *a, const char *sql_dir, const char *owner, struct migrations *all, wc_err *e)
{
	const char     *folder = wc_printf(a, "%s/%s", sql_dir, owner);
	struct dirent **names;
	int             n = scandir(folder, &names, is_migration, alphasort), rc = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : wc_fail(e, WC_E_CONFIG, "%s: %s", folder, strerror(errno));
	all->list = wc_grow(a, all->list, all->n * sizeof *all->list, (all->n + (size_t)n) * sizeof *all->list);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = load_file(a, folder, owner, names[i]->d_name, &all->list[all->n], e);
		all->n += rc == 0;
		free(names[i]);
	}
	free(names);
	return rc;
}

static int load_all(wc_arena *a, const char *sql_dir, const char *const *owners, struct migrations *all, wc_err *e)
{
	*all = (struct migrations){0};
	for (; *owners; owners++)
		if (load_owner(a, sql_dir, *owners, all, e) < 0)
			return -1;
	return 0;
}

/* 1: applied as it stands in the file, 0: not applied, -1: applied from another text. */
static int compare(const wc_rows *done, const struct migration *m, wc_err *e)
{
	for (size_t i = 0; i < done->n; i++) {
		if (strcmp(wc_row_text(done, i, 0), m->owner) || wc_row_int(done, i, 1) != m->number)
			continue;
		if (strcmp(wc_row_text(done, i, 2), m->checksum))
			return wc_fail(e, WC_E_CONFIG, "migration %s/%s was changed after it had been applied", m->owner, m->file);
		return 1;
	}
	return 0;
}

static int apply(wc_db *db, wc_arena *a, const struct migration *m, wc_err *e)
{
	const char *start = m->text, *end;

	while ((end = strstr(start, ";\n"))) {
		if (conn_simple(db, wc_strndup(a, start, (size_t)(end - start)), e) < 0)
			return wc_wrap(e, "migration %s/%s", m->owner, m->file);
		start = end + 2;
	}
	if (strspn(start, " \t\r\n") != strlen(start))
		return wc_fail(e, WC_E_CONFIG, "migration %s/%s: the last statement has no ';' at its line's end", m->owner, m->file);
	if (wc_db_exec(db, e, "INSERT INTO schema_migration (owner, number, file, checksum) VALUES (?, ?, ?, ?)",
	               wc_text(m->owner), wc_int(m->number), wc_text(m->file), wc_text(m->checksum)) < 0)
		return -1;
	printf("applied %s/%s\n", m->owner, m->file);
	return 0;
}

static const char applied_sql[] = "SELECT owner, number, checksum FROM schema_migration";

static int migrate_locked(wc_db *db, wc_arena *a, const struct migrations *all, wc_err *e)
{
	wc_rows done;

	if (conn_simple(db, table_sql, e) < 0 || wc_db_query(db, a, &done, e, applied_sql) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++) {
		int state = compare(&done, &all->list[i], e);

		if (state < 0 || (state == 0 && apply(db, a, &all->list[i], e) < 0))
			return -1;
	}
	return 0;
}

int db_migrate(const char *sql_dir, const char *const *owners, wc_err *e)
{
	wc_arena         *a  = wc_arena_new();
	wc_db            *db = NULL;
	struct migrations all;
	wc_rows           locked;
	int               rc = -1;

	if (load_all(a, sql_dir, owners, &all, e) < 0 || !(db = hosts_connect(pool_settings(), 0, e)))
		goto out;
	/* Named after the schema: others on the same server are none of our business. */
	if (wc_db_query(db, a, &locked, e, "SELECT GET_LOCK(CONCAT(DATABASE(), '.migrate'), 60)") < 0)
		goto out;
	if (wc_row_int(&locked, 0, 0) != 1) {
		wc_fail(e, WC_E_DB, "another migration has been running for 60 s");
		goto out;
	}
	rc = migrate_locked(db, a, &all, e);
out:
	if (db)
		conn_close(db);     /* which releases the lock */
	wc_arena_free(a);
	return rc;
}

static bool is_known(const struct migrations *all, const char *owner, int64_t number)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->list[i].owner, owner) && all->list[i].number == number)
			return true;
	return false;
}

static bool is_owner(const char *const *owners, const char *owner)
{
	for (; *owners; owners++)
		if (!strcmp(*owners, owner))
			return true;
	return false;
}

static int check_applied(const struct migrations *all, const wc_rows *done, wc_err *e)
{
	for (size_t i = 0; i < all->n; i++) {
		int state = compare(done, &all->list[i], e);

		if (state < 0)
			return -1;
		if (state == 0)
			return wc_fail(e, WC_E_CONFIG, "the schema is older than the program: %s/%s is missing; run: wecomd migrate",
			               all->list[i].owner, all->list[i].file);
	}
	return 0;
}

static int check_known(const struct migrations *all, const char *const *owners, const wc_rows *done, wc_err *e)
{
	for (size_t i = 0; i < done->n; i++) {
		const char *owner = wc_row_text(done, i, 0);

		if (is_owner(owners, owner) && !is_known(all, owner, wc_row_int(done, i, 1)))
			return wc_fail(e, WC_E_CONFIG, "the schema is newer than the program: %s %04d is unknown here", owner,
			               (int)wc_row_int(done, i, 1));
	}
	return 0;
}

int db_applied(wc_arena *a, wc_rows *done, wc_err *e)
{
	wc_rows there;

	*done = (wc_rows){0};
	if (wc_db_query(NULL, a, &there, e, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
	                                    " AND table_name = 'schema_migration'") < 0)
		return -1;
	return wc_row_int(&there, 0, 0) ? wc_db_query(NULL, a, done, e, applied_sql) : 0;
}

int db_check_schema(const char *sql_dir, const char *const *owners, wc_err *e)
{
	wc_arena         *a = wc_arena_new();
	struct migrations all;
	wc_rows           done;
	int               rc = -1;

	if (load_all(a, sql_dir, owners, &all, e) == 0 && db_applied(a, &done, e) == 0 && check_applied(&all, &done, e) == 0)
		rc = check_known(&all, owners, &done, e);
	wc_arena_free(a);
	return rc;
}

int db_knows(const char *sql_dir, const char *const *owners, const char *owner, int number, const char *checksum, wc_err *e)
{
	wc_arena         *a    = wc_arena_new();
	wc_cell           cells[] = {{owner, strlen(owner)}, {wc_printf(a, "%d", number), 0}, {checksum, strlen(checksum)}};
	wc_rows           row  = {.n = 1, .columns = 3, .cell = cells};
	struct migrations all;
	int               rc = load_all(a, sql_dir, owners, &all, e);

	for (size_t i = 0; rc == 0 && i < all.n; i++)
		rc = compare(&row, &all.list[i], e) < 0 ? -1 : 0;
	if (rc == 0)
		rc = check_known(&all, owners, &row, e);
	wc_arena_free(a);
	return rc;
}

static struct migrations remembered;

int db_remember_schema(const char *sql_dir, const char *const *owners, wc_err *e)
{
	return load_all(wc_arena_new(), sql_dir, owners, &remembered, e);     /* the arena lives as long as the process */
}

int db_serves_schema(wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   done;
	int       rc = db_applied(a, &done, e) == 0 ? check_applied(&remembered, &done, e) : -1;

	wc_arena_free(a);
	return rc;
}
