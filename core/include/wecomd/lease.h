/* What only one process over all nodes may do, and how fast all of them together may do it. */
#pragma once

#include <stdint.h>

#include <wecomd/err.h>

/* Takes or renews the lease for ttl_ms of the database's time. 1: this process holds it; *fence grows each time the holder changes (may
 * be NULL). 0: another holds it. -1 with *e. Renew well before the end; a holder that cannot must stop. */
int wc_lease_hold(const char *name, int64_t ttl_ms, int64_t *fence, wc_err *e);

/* Gives it up, if this process holds it. */
void wc_lease_release(const char *name);

/* One unit from a bucket that fills at per_minute over all nodes. 0: taken; greater: not now, but after so many milliseconds; -1 with
 * *e. Processes take slices of 100 ms (at least one unit) from the database and spend them alone. */
int64_t wc_rate_take(const char *bucket, int64_t per_minute, wc_err *e);
