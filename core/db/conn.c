/* One connection to MariaDB. The library's own reconnect stays off: it would lose statements, session settings and
 * open transactions without a word. */
#include "db/conn.h"

#include <stdlib.h>
#include <string.h>

#include <errmsg.h>

/* A process that is stopped in the middle of a transaction must not hold its locks for longer than a moment. */
static const char session_sql[] =
	"SET SESSION time_zone='+00:00', innodb_lock_wait_timeout=3, idle_transaction_timeout=10,"
	" sql_mode='STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'";

static const char *or_null(const char *s)
{
	return s && *s ? s : NULL;
}

static void set_options(MYSQL *my, int64_t timeout_ms)
{
	unsigned connect_s = 2, io_s = (unsigned)((timeout_ms + 999) / 1000);

	mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	if (io_s) {
		mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &io_s);
		mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
	}
	mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(my, MYSQL_INIT_COMMAND, session_sql);
	mysql_options(my, MYSQL_INIT_COMMAND, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
}

wc_db *conn_open(const struct db_settings *s, int64_t timeout_ms, wc_err *e)
{
	wc_db      *db   = wc_xalloc(sizeof *db);
	const char *host = or_null(s->host);

	db->my = mysql_init(NULL);
	if (!db->my)
		abort();
	set_options(db->my, timeout_ms);
	/* With both the library would take the host, and mariadb-dump the socket. */
	if (or_null(s->socket))
		host = NULL;
	/* FOUND_ROWS: an UPDATE that matches a row counts it even where the values are the same already. */
	if (!mysql_real_connect(db->my, host, s->user, s->password, s->name, (unsigned)s->port, or_null(s->socket),
	                        CLIENT_FOUND_ROWS)) {
		conn_failed(db, e);
		conn_close(db);
		return NULL;
	}
	return db;
}

void conn_close(wc_db *db)
{
	for (unsigned i = 0; i < STATEMENTS_KEPT; i++) {
		if (db->kept[i].handle)
			mysql_stmt_close(db->kept[i].handle);
		free(db->kept[i].sql);
	}
	mysql_close(db->my);
	free(db);
}

/* 1047, 1180: a Galera node outside the primary component; another connection may reach a better one. */
bool conn_is_lost(const wc_db *db)
{
	return db->last_errno >= CR_MIN_ERROR || db->last_errno == 1047 || db->last_errno == 1180 || db->last_errno == 1927 ||
	       db->last_errno == 1053;
}

static int failed(wc_db *db, unsigned number, const char *text, wc_err *e)
{
	/* The first failure after a lost connection has been seen with number 0. */
	db->last_errno = number ? number : CR_SERVER_LOST;
	return wc_fail(e, WC_E_DB, "database: %s (%u)", *text ? text : "connection lost", db->last_errno);
}

int conn_failed(wc_db *db, wc_err *e)
{
	return failed(db, mysql_errno(db->my), mysql_error(db->my), e);
}

int conn_simple(wc_db *db, const char *sql, wc_err *e)
{
	MYSQL_RES *rows;

	if (mysql_real_query(db->my, sql, strlen(sql)) != 0)
		return conn_failed(db, e);
	rows = mysql_store_result(db->my);
	mysql_free_result(rows);
	return 0;
}

/* A transaction begins by itself with its first statement, which saves the way to the server and back that BEGIN would take. */
int conn_mode(wc_db *db, bool in_tx, wc_err *e)
{
	if (db->in_tx == in_tx)
		return 0;
	if (conn_simple(db, in_tx ? "SET autocommit=0" : "SET autocommit=1", e) < 0)
		return -1;
	db->in_tx = in_tx;
	return 0;
}

/* --- prepared statements ------------------------------------------------------------------------------------------- */

#define RESULT_MAX (64u << 20)

/* FNV-1a: batches of several sizes begin alike, so that comparing the texts alone would take long. */
static uint64_t hash_of(const char *sql)
{
	uint64_t h = 14695981039346656037u;

	for (; *sql; sql++)
		h = (h ^ (unsigned char)*sql) * 1099511628211u;
	return h;
}

static struct statement *find_kept(wc_db *db, const char *sql, uint64_t hash)
{
	for (unsigned i = 0; i < STATEMENTS_KEPT && db->kept[i].sql; i++)
		if (db->kept[i].hash == hash && !strcmp(db->kept[i].sql, sql))
			return &db->kept[i];
	return NULL;
}

static int stmt_failed(wc_db *db, MYSQL_STMT *handle, wc_err *e)
{
	return failed(db, mysql_stmt_errno(handle), mysql_stmt_error(handle), e);
}

static MYSQL_STMT *prepare(wc_db *db, const char *sql, wc_err *e)
{
	uint64_t          hash = hash_of(sql);
	struct statement *s    = find_kept(db, sql, hash);
	MYSQL_STMT       *handle;
	my_bool           yes = 1;

	if (s)
		return s->handle;
	handle = mysql_stmt_init(db->my);
	if (!handle)
		abort();
	mysql_stmt_attr_set(handle, STMT_ATTR_UPDATE_MAX_LENGTH, &yes);
	if (mysql_stmt_prepare(handle, sql, strlen(sql)) != 0) {
		stmt_failed(db, handle, e);
		mysql_stmt_close(handle);
		return NULL;
	}
	s = &db->kept[db->next_kept++ % STATEMENTS_KEPT];
	if (s->handle)
		mysql_stmt_close(s->handle);
	free(s->sql);
	*s = (struct statement){wc_xstrdup(sql), hash, handle};
	return handle;
}

static int bind_values(wc_db *db, wc_arena *a, MYSQL_STMT *handle, const wc_val *v, size_t n, wc_err *e)
{
	static const enum enum_field_types types[] = {
		[WC_VAL_NULL] = MYSQL_TYPE_NULL, [WC_VAL_INT] = MYSQL_TYPE_LONGLONG,
		[WC_VAL_TEXT] = MYSQL_TYPE_STRING, [WC_VAL_BYTES] = MYSQL_TYPE_BLOB};
	MYSQL_BIND *bind;

	if (mysql_stmt_param_count(handle) != n)
		return wc_fail(e, WC_E_INTERNAL, "a statement has %lu values, %zu were given", mysql_stmt_param_count(handle), n);
	if (!n)
		return 0;
	bind = wc_alloc(a, n * sizeof *bind);
	for (size_t i = 0; i < n; i++) {
		bind[i].buffer_type   = types[v[i].kind];
		bind[i].buffer        = v[i].kind == WC_VAL_INT ? (void *)&v[i].number : (void *)v[i].p;
		bind[i].buffer_length = v[i].n;
	}
	return mysql_stmt_bind_param(handle, bind) ? stmt_failed(db, handle, e) : 0;
}

/* Binds every column as text of its greatest length. */
static MYSQL_BIND *bind_columns(wc_arena *a, MYSQL_STMT *handle, size_t columns)
{
	MYSQL_RES     *meta = mysql_stmt_result_metadata(handle);
	MYSQL_FIELD   *f    = mysql_fetch_fields(meta);
	MYSQL_BIND    *bind = wc_alloc(a, columns * sizeof *bind);
	unsigned long *len  = wc_alloc(a, columns * sizeof *len);
	my_bool       *null = wc_alloc(a, columns * sizeof *null);

	for (size_t i = 0; i < columns; i++) {
		size_t size = f[i].max_length + 32;

		bind[i].buffer_type   = MYSQL_TYPE_STRING;
		bind[i].buffer        = wc_alloc(a, size);
		bind[i].buffer_length = size;
		bind[i].length        = &len[i];
		bind[i].is_null       = &null[i];
	}
	mysql_free_result(meta);
	return bind;
}

static int fetch_rows(wc_db *db, wc_arena *a, MYSQL_STMT *handle, wc_rows *rows, wc_err *e)
{
	size_t      columns = mysql_stmt_field_count(handle), total = 0;
	MYSQL_BIND *bind;
	wc_cell    *cell;
	int         rc;

	if (mysql_stmt_store_result(handle) != 0)
		return stmt_failed(db, handle, e);
	*rows = (wc_rows){.columns = columns};
	bind  = bind_columns(a, handle, columns);
	if (mysql_stmt_bind_result(handle, bind) != 0)
		return stmt_failed(db, handle, e);
	rows->cell = cell = wc_alloc(a, (size_t)mysql_stmt_num_rows(handle) * columns * sizeof *cell);
	while ((rc = mysql_stmt_fetch(handle)) == 0) {
		for (size_t i = 0; i < columns; i++, cell++) {
			if (*bind[i].is_null)
				continue;
			total += *bind[i].length;
			*cell = (wc_cell){wc_strndup(a, bind[i].buffer, *bind[i].length), *bind[i].length};
		}
		rows->n++;
		if (total > RESULT_MAX)
			return wc_fail(e, WC_E_TOO_LARGE, "a result is larger than %u bytes", RESULT_MAX);
	}
	return rc == MYSQL_NO_DATA ? 0 : stmt_failed(db, handle, e);
}

int stmt_run(wc_db *db, wc_arena *a, wc_rows *rows, int64_t *changed, const char *sql, const wc_val *v, size_t n, wc_err *e)
{
	MYSQL_STMT *handle = prepare(db, sql, e);
	wc_arena   *scratch;
	wc_rows     ignored;
	int         rc = -1;

	if (!handle)
		return -1;
	scratch = wc_arena_new();
	if (bind_values(db, scratch, handle, v, n, e) < 0)
		goto out;
	if (mysql_stmt_execute(handle) != 0) {
		stmt_failed(db, handle, e);
		goto out;
	}
	if (changed)
		*changed = (int64_t)mysql_stmt_affected_rows(handle);
	rc = 0;
	if (mysql_stmt_field_count(handle))
		rc = fetch_rows(db, rows ? a : scratch, handle, rows ? rows : &ignored, e);
	else if (rows)
		*rows = (wc_rows){0};
out:
	mysql_stmt_free_result(handle);
	wc_arena_free(scratch);
	return rc;
}
