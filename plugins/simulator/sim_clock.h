/* The simulator's clock: the real one, and as far ahead as a test has moved it, so that 48 hours pass at once. */
#pragma once

#include "simulator.h"

/* db as in wc_db_query(). 0 with *now, or -1 with WC_E_DB. */
int sim_now(wc_db *db, wc_arena *a, int64_t *now, wc_err *e);

struct sim_clock {
	int64_t ahead_ms, by_ms;     /* WC_ABSENT: left out */
};

extern const wc_field sim_clock_fields[];     /* the body of POST /sim/api/clock */

int sim_clock_get(wc_request *rq, const void *self);
int sim_clock_set(wc_request *rq, const void *self);
