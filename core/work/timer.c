/* Timers: the tick's job is added under a key that holds name and tick, so that over all nodes it is added once.
 *
 * A tick is passed over while the job of the one before is not finished; the latest of the ticks that were missed, so or because
 * nothing ran, is made up for. The time is the database's. */
#include "work/tick.h"

#include <wecomd/db.h>
#include <wecomd/log.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct due {
	const struct worker_timer *timer;
	int64_t                    zone_s, now, last;     /* last: -1, the timer is new */
	int64_t                    tick;                  /* added; 0: none */
};

static void key_of(char key[65], const char *name, int64_t tick)
{
	snprintf(key, 65, "timer/%s/%" PRId64, name, tick);
}

/* Whether the job of the last tick still has to run or to end. */
static int is_unfinished(wc_db *db, wc_arena *a, const struct due *d, bool *unfinished, wc_err *e)
{
	wc_job_state state;
	char         key[65];

	key_of(key, d->timer->name, d->last);
	if (wc_job_state_of(db, a, key, &state, NULL, e) < 0)
		return -1;
	*unfinished = state == WC_JOB_WAITING || state == WC_JOB_READY || state == WC_JOB_RUNNING;
	return 0;
}

static int add_job(wc_db *db, wc_arena *a, struct due *d, wc_err *e)
{
	char        key[65];
	wc_job_spec spec = {.kind = d->timer->job, .key = key,
	                    .args = wc_json(a, "{s:s, s:I}", "timer", d->timer->name, "tick_ms", (json_int_t)d->tick * 1000)};

	key_of(key, d->timer->name, d->tick);
	if (wc_job_add(db, &spec, e) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE timer SET last_tick = ? WHERE name = ?", wc_int(d->tick), wc_text(d->timer->name)) < 0 ? -1 : 0;
}

static int tick(wc_db *db, void *arg, wc_err *e)
{
	struct due *d          = arg;
	wc_arena   *a          = wc_arena_new();
	bool        unfinished = false;
	wc_rows     rows;
	int         rc = -1;

	d->tick = 0;
	/* Locked: of several processes that see the tick one adds the job, and the others find it added. */
	if (wc_db_query(db, a, &rows, e, "SELECT last_tick FROM timer WHERE name = ? FOR UPDATE", wc_text(d->timer->name)) < 0)
		goto out;
	d->last = rows.n ? wc_row_int(&rows, 0, 0) : d->now;
	if (is_unfinished(db, a, d, &unfinished, e) < 0)
		goto out;
	d->tick = unfinished ? 0 : cron_last(&d->timer->cron, d->last, d->now, d->zone_s);
	rc      = d->tick ? add_job(db, a, d, e) : 0;
out:
	wc_arena_free(a);
	return rc;
}

/* A timer that was never seen has missed nothing: it begins now. */
static int begin(const struct due *d, wc_err *e)
{
	return wc_db_exec(NULL, e, "INSERT IGNORE INTO timer (name, last_tick) VALUES (?, ?)", wc_text(d->timer->name), wc_int(d->now)) < 0 ? -1 : 0;
}

static int look_after(struct due *d, wc_err *e)
{
	if (d->last < 0)
		return begin(d, e);
	if (!cron_last(&d->timer->cron, d->last, d->now, d->zone_s))
		return 0;
	if (wc_db_tx(tick, d, e) < 0)
		return -1;
	if (d->tick)
		wc_log(WC_DEBUG, "timer", wc_kv_s("timer", d->timer->name), wc_kv_i("tick", d->tick));
	return 0;
}

static int64_t last_of(const wc_rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->n; i++)
		if (!strcmp(wc_row_text(rows, i, 1), name))
			return wc_row_int(rows, i, 2);
	return -1;
}

/* The first row is the time alone, so that there is one where no timer was seen yet. */
static const char read_sql[] = "SELECT UNIX_TIMESTAMP(), '', 0 UNION ALL SELECT 0, name, last_tick FROM timer";

void timers_tick(const struct worker_timer *timers, int64_t zone_s)
{
	wc_arena *a;
	wc_rows   rows;
	wc_err    e;

	if (!timers || !timers->name)
		return;
	a = wc_arena_new();
	if (wc_db_query(NULL, a, &rows, &e, read_sql) < 0) {
		wc_log(WC_WARN, "timers could not be read", wc_kv_s("error", e.text));
	} else {
		for (const struct worker_timer *t = timers; t->name; t++) {
			struct due d = {t, zone_s, wc_row_int(&rows, 0, 0), last_of(&rows, t->name), 0};

			if (look_after(&d, &e) < 0)
				wc_log(WC_WARN, "a timer's job could not be added", wc_kv_s("timer", t->name), wc_kv_s("error", e.text));
		}
	}
	wc_arena_free(a);
}
