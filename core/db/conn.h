/* Private to core/db: one connection and its statements. */
#pragma once

#include "db/db.h"

#include <stdbool.h>

#include <mysql.h>

#define STATEMENTS_KEPT 128     /* a batch of each size is a statement of its own */

struct statement {
	char       *sql;
	uint64_t    hash;
	MYSQL_STMT *handle;
};

#define WITNESS_VALUES 3
#define WITNESS_BYTES  32

/* How to find out whether a transaction took effect; sql NULL: there is no way. */
struct witness {
	const char *sql;
	wc_val      v[WITNESS_VALUES];
	char        bytes[WITNESS_VALUES][WITNESS_BYTES];
	size_t      n;
};

struct wc_db {
	MYSQL           *my;
	struct statement kept[STATEMENTS_KEPT];     /* a ring: the oldest gives way */
	unsigned         next_kept;
	unsigned         last_errno;                /* of the last failure; CR_SERVER_LOST where the library says none */
	bool             in_tx;                     /* autocommit is off: what is sent belongs to a transaction */
	wc_db           *next_idle;
	int              rank;                      /* of its host in [db] host; 0: the preferred one */
	struct witness   witness;                   /* of the transaction that is open */
};

const struct db_settings *pool_settings(void);

wc_db *conn_open(const struct db_settings *settings, int64_t timeout_ms, wc_err *e);
void   conn_close(wc_db *db);
bool   conn_is_lost(const wc_db *db);            /* after last_errno: the handle is dead */
int    conn_failed(wc_db *db, wc_err *e);        /* notes the connection's error; returns -1 */
int    conn_mode(wc_db *db, bool in_tx, wc_err *e);            /* between transactions only */
int    conn_simple(wc_db *db, const char *sql, wc_err *e);     /* BEGIN, COMMIT, DDL: no values, no rows */

/* rows may be NULL; *changed may be NULL. */
int stmt_run(wc_db *db, wc_arena *a, wc_rows *rows, int64_t *changed, const char *sql, const wc_val *v, size_t n, wc_err *e);
