/* MariaDB: a pool of connections, typed prepared statements, transactions that repeat themselves.
 *
 * The isolation level is READ COMMITTED, times are UTC. A connection is borrowed for one statement or one
 * transaction and never held over an outbound call. Values are passed by type, so that user text never
 * becomes SQL:
 *
 *     wc_db_query(NULL, arena, &rows, e, "SELECT id, name FROM bot WHERE kind = ? AND id > ?",
 *                 wc_text("group"), wc_int(20));
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>

typedef struct wc_db wc_db;     /* a borrowed connection inside a transaction */

typedef struct wc_val {
	enum { WC_VAL_NULL, WC_VAL_INT, WC_VAL_TEXT, WC_VAL_BYTES } kind;
	int64_t     number;
	const void *p;
	size_t      n;
} wc_val;

static inline wc_val wc_null(void) { return (wc_val){WC_VAL_NULL, 0, 0, 0}; }
static inline wc_val wc_int(int64_t v) { return (wc_val){WC_VAL_INT, v, 0, 0}; }
static inline wc_val wc_bytes(const void *p, size_t n) { return (wc_val){p ? WC_VAL_BYTES : WC_VAL_NULL, 0, p, n}; }
wc_val wc_text(const char *s);     /* NULL becomes SQL NULL; compares by the column's collation, unlike bytes */

/* A result, wholly in the arena: text of each column, with its length; NULL for SQL NULL. */
typedef struct wc_cell {
	const char *s;
	size_t      n;
} wc_cell;

typedef struct wc_rows {
	size_t    n;           /* rows */
	size_t    columns;
	wc_cell  *cell;        /* n * columns */
} wc_rows;

const char *wc_row_text(const wc_rows *rows, size_t row, size_t column);      /* "" for NULL */
int64_t     wc_row_int(const wc_rows *rows, size_t row, size_t column);       /* 0 for NULL */
wc_cell     wc_row_cell(const wc_rows *rows, size_t row, size_t column);

/* Runs a statement and returns its rows (also those of INSERT … RETURNING). db NULL: on a connection of its
 * own; a SELECT is then repeated once when the connection had died. At most 64 MiB. 0, or -1 (WC_E_DB). */
#define wc_db_query(db, arena, rows, e, sql, ...) \
	wc_db_query_v(db, arena, rows, e, sql, (const wc_val[]){{0} __VA_OPT__(, ) __VA_ARGS__} + 1, \
	              sizeof((const wc_val[]){{0} __VA_OPT__(, ) __VA_ARGS__}) / sizeof(wc_val) - 1)
int wc_db_query_v(wc_db *db, wc_arena *a, wc_rows *rows, wc_err *e, const char *sql, const wc_val *v, size_t n);

/* Runs a statement for its effect; returns the rows it changed, or -1. db NULL: it commits by itself and is
 * repeated as wc_db_tx() does, so it must be safe to run twice. */
#define wc_db_exec(db, e, sql, ...) \
	wc_db_exec_v(db, e, sql, (const wc_val[]){{0} __VA_OPT__(, ) __VA_ARGS__} + 1, \
	             sizeof((const wc_val[]){{0} __VA_OPT__(, ) __VA_ARGS__}) / sizeof(wc_val) - 1)
int64_t wc_db_exec_v(wc_db *db, wc_err *e, const char *sql, const wc_val *v, size_t n);

/* Runs fn as one transaction. The whole is repeated, up to five times, on a deadlock (1213), a lock
 * time-out (1205) and a lost connection. After a COMMIT whose answer was lost, a transaction with a witness (below;
 * wc_audit() is one) is looked up, and has succeeded if it took effect; one without runs again, so it must be safe to
 * repeat even after it took effect: unique keys and fences see to that. fn's own error (-1) rolls back and is
 * returned. Transactions do not nest. */
int wc_db_tx(int (*fn)(wc_db *db, void *arg, wc_err *e), void *arg, wc_err *e);

/* For fn, when it must not run again after it took effect: writes a mark with the transaction, which is its witness;
 * nothing when it has one already. */
int wc_db_once(wc_db *db, wc_err *e);

/* For fn: a row that the transaction writes anyway is its witness. sql finds it if and only if the transaction took effect,
 * and locks it ("SELECT … FOR UPDATE"), so that it waits for a COMMIT still under way. At most three values, which
 * point to what outlives the transaction or, as bytes, have at most 32. */
void wc_db_witness(wc_db *db, const char *sql, const wc_val *v, size_t n);

/* wc_db_exec() in a transaction of its own that does not run again after it took effect. */
#define wc_db_exec_once(e, sql, ...) \
	wc_db_exec_once_v(e, sql, (const wc_val[]){{0} __VA_OPT__(, ) __VA_ARGS__} + 1, \
	                  sizeof((const wc_val[]){{0} __VA_OPT__(, ) __VA_ARGS__}) / sizeof(wc_val) - 1)
int64_t wc_db_exec_once_v(wc_err *e, const char *sql, const wc_val *v, size_t n);
