/* The pool, and what plugins see of the database: single statements, and transactions that repeat themselves. */
#include "db/hosts.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>
#include <wecomd/metric.h>
#include <wecomd/seal.h>

#include <pthread.h>
#include <string.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define WAIT_S      4     /* for a free connection; WeCom waits 5 for an answer */
#define TX_ATTEMPTS 5

const wc_field db_fields[] = {
	{WC_STRING, "socket", "", offsetof(struct db_settings, socket), "UNIX socket of MariaDB; empty: host and port are used"},
	{WC_STRING, "host", "", offsetof(struct db_settings, host), "host of MariaDB; of a Galera cluster the nodes in order of preference: db1,db2:3307,db3"},
	{WC_INT, "port", "3306", offsetof(struct db_settings, port), "port of MariaDB", .min = 1, .max = 65535},
	{WC_STRING, "user", NULL, offsetof(struct db_settings, user), "database user"},
	{WC_SECRET, "password", "", offsetof(struct db_settings, password), "the user's password"},
	{WC_STRING, "name", NULL, offsetof(struct db_settings, name), "schema"},
	{WC_INT, "connections", "16", offsetof(struct db_settings, connections), "connections of one process at most", .min = 2, .max = 1000},
	{WC_DURATION, "timeout", "4s", offsetof(struct db_settings, timeout_ms), "a statement without an answer counts as lost after this"},
	{0}};

static const struct db_settings *settings;
static pthread_mutex_t           lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t            freed = PTHREAD_COND_INITIALIZER;
static wc_db                    *idle;
static int64_t                   open_count;
static void                    (*after_commit)(void);

void db_open(const struct db_settings *s)
{
	settings = s;
}

void db_after_commit(void (*fn)(void))
{
	after_commit = fn;
}

const struct db_settings *pool_settings(void)
{
	return settings;
}

wc_val wc_text(const char *s)
{
	return s ? (wc_val){WC_VAL_TEXT, 0, s, strlen(s)} : wc_null();
}

const char *wc_row_text(const wc_rows *rows, size_t row, size_t column)
{
	const char *s = rows->cell[row * rows->columns + column].s;

	return s ? s : "";
}

int64_t wc_row_int(const wc_rows *rows, size_t row, size_t column)
{
	return strtoll(wc_row_text(rows, row, column), NULL, 10);
}

wc_cell wc_row_cell(const wc_rows *rows, size_t row, size_t column)
{
	return rows->cell[row * rows->columns + column];
}

/* The one that was used last in this mode, or at all. */
static wc_db *take_idle(bool in_tx)
{
	wc_db **at = &idle, *db;

	while (*at && (*at)->in_tx != in_tx)
		at = &(*at)->next_idle;
	if (!*at)
		at = &idle;
	if ((db = *at))
		*at = db->next_idle;
	return db;
}

/* An idle connection, or leave to open one: then *db is NULL. -1 when all stay busy. */
static int reserve(wc_db **db, bool in_tx, wc_err *e)
{
	struct timespec until;
	int64_t         began = 0;
	int             rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&lock);
	while (!idle && open_count >= settings->connections && rc == 0) {
		began = began ? began : wc_mono_ms();
		rc    = pthread_cond_timedwait(&freed, &lock, &until);
	}
	*db = take_idle(in_tx);
	if (!*db && open_count < settings->connections)
		open_count++;
	else if (!*db)
		rc = -1;
	pthread_mutex_unlock(&lock);
	if (began)
		wc_observe_ms("wecomd_db_wait_seconds", wc_mono_ms() - began, NULL);
	if (*db || rc == 0)
		return 0;
	return wc_fail(e, WC_E_DB, "all %d database connections stayed busy for %d s", (int)settings->connections, WAIT_S);
}

static void forget(void)
{
	pthread_mutex_lock(&lock);
	open_count--;
	pthread_cond_signal(&freed);
	pthread_mutex_unlock(&lock);
}

/* in_tx: for a transaction, otherwise for a statement that commits by itself; conn_mode() makes sure. */
static wc_db *get(bool in_tx, wc_err *e)
{
	wc_db *db;

	if (!settings) {
		wc_fail(e, WC_E_CONFIG, "this process has no database");
		return NULL;
	}
	if (reserve(&db, in_tx, e) < 0)
		return NULL;
	if (!db && !(db = hosts_connect(settings, settings->timeout_ms, e)))
		forget();
	if (db)
		db->last_errno = 0;
	return db;
}

/* Takes every idle connection out of the pool. */
static void close_idle(void)
{
	wc_db *list;

	pthread_mutex_lock(&lock);
	list = idle;
	idle = NULL;
	for (wc_db *db = list; db; db = db->next_idle)
		open_count--;
	pthread_cond_broadcast(&freed);
	pthread_mutex_unlock(&lock);
	while (list) {
		wc_db *db = list;

		list = db->next_idle;
		conn_close(db);
	}
}

static void put(wc_db *db)
{
	if (conn_is_lost(db)) {
		/* What broke one connection, such as a restarted server, has most likely broken those that idle. */
		conn_close(db);
		forget();
		close_idle();
		return;
	}
	if (db->rank > hosts_rank()) {
		conn_close(db);
		forget();
		return;
	}
	pthread_mutex_lock(&lock);
	db->next_idle = idle;
	idle          = db;
	pthread_cond_signal(&freed);
	pthread_mutex_unlock(&lock);
}

void db_prefer(void)
{
	wc_db *db;
	wc_err ignored;
	int    rank = hosts_rank();

	if (rank == 0 || !(db = hosts_connect(settings, settings->timeout_ms, &ignored)))
		return;
	if (db->rank < rank)
		close_idle();
	conn_close(db);
}

void db_close(void)
{
	close_idle();
}

int db_ping(wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, a, &rows, e, "SELECT 1");

	wc_arena_free(a);
	return rc;
}

/* A connection that idled while the server restarted fails at its first use: a SELECT may simply run again. */
static int query_alone(wc_arena *a, wc_rows *rows, wc_err *e, const char *sql, const wc_val *v, size_t n)
{
	int tries = strncasecmp(sql, "SELECT", 6) ? 1 : 2;
	int rc;

	for (;;) {
		wc_db *db = get(false, e);
		bool   lost;

		if (!db)
			return -1;
		rc = conn_mode(db, false, e);
		if (rc == 0)
			rc = stmt_run(db, a, rows, NULL, sql, v, n, e);
		lost = conn_is_lost(db);
		put(db);
		if (rc == 0 || !lost || --tries <= 0)
			return rc;
	}
}

int wc_db_query_v(wc_db *db, wc_arena *a, wc_rows *rows, wc_err *e, const char *sql, const wc_val *v, size_t n)
{
	return db ? stmt_run(db, a, rows, NULL, sql, v, n, e) : query_alone(a, rows, e, sql, v, n);
}

struct single {
	const char   *sql;
	bool          once;
	const wc_val *v;
	size_t        n;
	int64_t       changed;
};

static int run_single(wc_db *db, void *arg, wc_err *e)
{
	struct single *s = arg;

	if (stmt_run(db, NULL, NULL, &s->changed, s->sql, s->v, s->n, e) < 0)
		return -1;
	return s->once && s->changed ? wc_db_once(db, e) : 0;
}

static int try_alone(wc_db *db, int (*fn)(wc_db *, void *, wc_err *), void *arg, wc_err *e)
{
	return conn_mode(db, false, e) < 0 ? -1 : fn(db, arg, e);
}

int64_t wc_db_exec_once_v(wc_err *e, const char *sql, const wc_val *v, size_t n)
{
	struct single s = {sql, true, v, n, 0};

	return wc_db_tx(run_single, &s, e) < 0 ? -1 : s.changed;
}

/* --- transactions --------------------------------------------------------------------------------------------------- */

/* Bytes are the witness's own: they often stand on the stack of who called. */
static void copy_values(struct witness *w, const wc_val *v, size_t n)
{
	w->n = n;
	for (size_t i = 0; i < n; i++) {
		w->v[i] = v[i];
		if (v[i].kind != WC_VAL_BYTES || v[i].n > WITNESS_BYTES)
			continue;
		if (v[i].n)
			memcpy(w->bytes[i], v[i].p, v[i].n);
		w->v[i].p = w->bytes[i];
	}
}

static void copy_witness(struct witness *to, const struct witness *from)
{
	to->sql = from->sql;
	if (from->sql)
		copy_values(to, from->v, from->n);
}

void wc_db_witness(wc_db *db, const char *sql, const wc_val *v, size_t n)
{
	db->witness.sql = sql;
	copy_values(&db->witness, v, n < WITNESS_VALUES ? n : WITNESS_VALUES);
}

int wc_db_once(wc_db *db, wc_err *e)
{
	unsigned char id[16];
	wc_val        v = wc_bytes(id, sizeof id);

	if (db->witness.sql)
		return 0;
	wc_random(id, sizeof id);
	if (wc_db_exec(db, e, "INSERT INTO tx_mark (id) VALUES (?)", v) < 0)
		return -1;
	wc_db_witness(db, "SELECT 1 FROM tx_mark WHERE id = ? FOR UPDATE", &v, 1);
	return 0;
}

/* *witness is left with a way to find out when COMMIT was sent and its answer lost. */
static int try_tx(wc_db *db, int (*fn)(wc_db *, void *, wc_err *), void *arg, struct witness *witness, wc_err *e)
{
	wc_err ignored;

	witness->sql = db->witness.sql = NULL;
	if (conn_mode(db, true, e) < 0)
		return -1;
	if (fn(db, arg, e) == 0) {
		if (conn_simple(db, "COMMIT", e) == 0)
			return 0;
		if (conn_is_lost(db))
			copy_witness(witness, &db->witness);
	}
	if (!conn_is_lost(db)) {
		unsigned number = db->last_errno;

		/* The number decides whether to repeat; a failed ROLLBACK leaves its own, which drops the connection. */
		if (conn_simple(db, "ROLLBACK", &ignored) == 0)
			db->last_errno = number;
	}
	return -1;
}

/* 1: it took effect, 0: it did not, -1: nobody can say now. */
static int ask_witness(const struct witness *w, wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = -1;

	for (int attempt = 1; rc < 0 && attempt <= TX_ATTEMPTS; attempt++) {
		wc_db *db = get(false, e);

		if (db) {
			rc = conn_mode(db, false, e) < 0 ? -1 : stmt_run(db, a, &rows, NULL, w->sql, w->v, w->n, e);
			put(db);
		}
		if (rc < 0)
			wc_sleep_ms(attempt * 5);
	}
	if (rc == 0)
		rc = rows.n > 0;
	wc_arena_free(a);
	return rc < 0 ? wc_wrap(e, "whether a transaction took effect is not known") : rc;
}

static int succeed(void)
{
	if (after_commit)
		after_commit();
	return 0;
}

static int repeat(bool in_tx, int (*fn)(wc_db *db, void *arg, wc_err *e), void *arg, wc_err *e)
{
	struct witness witness = {0};

	for (int attempt = 1;; attempt++) {
		wc_db   *db = get(in_tx, e);
		unsigned number;
		bool     again;
		int      effect;

		if (!db)
			return -1;
		if ((in_tx ? try_tx(db, fn, arg, &witness, e) : try_alone(db, fn, arg, e)) == 0) {
			put(db);
			return succeed();
		}
		number = db->last_errno;
		again  = number == 1213 || number == 1205 || conn_is_lost(db);
		put(db);
		if (witness.sql && (effect = ask_witness(&witness, e)))
			return effect > 0 ? succeed() : -1;
		if (!again || attempt == TX_ATTEMPTS)
			return -1;
		wc_count("wecomd_db_repeats_total", 1, number == 1213 ? "deadlock" : number == 1205 ? "lock_timeout" : "connection", NULL);
		wc_log(WC_DEBUG, "transaction repeated", wc_kv_i("errno", number), wc_kv_i("attempt", attempt));
		wc_sleep_ms(attempt * 5);
	}
}

int wc_db_tx(int (*fn)(wc_db *db, void *arg, wc_err *e), void *arg, wc_err *e)
{
	return repeat(true, fn, arg, e);
}

int64_t wc_db_exec_v(wc_db *db, wc_err *e, const char *sql, const wc_val *v, size_t n)
{
	struct single s = {sql, false, v, n, 0};

	if ((db ? run_single(db, &s, e) : repeat(false, run_single, &s, e)) < 0)
		return -1;
	return s.changed;
}
