/* Rates over all nodes: slices are reserved in the database, their units spent in the process.
 *
 * rate_bucket.next_at is when the next slice may be taken. Slices follow each other at a distance a little longer than their
 * worth, and what a process has not spent after SLICE_LIFE_MS is void: so no minute, wherever it begins, sees more than per_minute. */
#include <wecomd/clock.h>
#include <wecomd/db.h>
#include <wecomd/lease.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_LIFE_MS 100
#define NAME_BYTES    96

struct bucket {
	char            name[NAME_BYTES + 1];
	pthread_mutex_t lock;
	int64_t         units, void_at_ms;      /* what is left of our slice; monotonic */
	int64_t         closed_until_ms;        /* before this nobody gets a slice; monotonic */
	struct bucket  *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bucket  *buckets;

static struct bucket *bucket_of(const char *name)
{
	struct bucket *b;

	pthread_mutex_lock(&lock);
	for (b = buckets; b && strcmp(b->name, name); b = b->next)
		;
	if (!b) {
		b = wc_xalloc(sizeof *b);
		strcpy(b->name, name);
		pthread_mutex_init(&b->lock, NULL);
		b->next = buckets;
		buckets = b;
	}
	pthread_mutex_unlock(&lock);
	return b;
}

struct slice {
	const char *name;
	int64_t     worth_us;     /* until the next one */
	int64_t     wait_us;      /* 0: taken */
};

/* SYSDATE, not NOW: the statement may have waited for the row. */
static int lock_bucket(wc_db *db, wc_arena *a, const char *name, wc_rows *rows, wc_err *e)
{
	return wc_db_query(db, a, rows, e, "SELECT TIMESTAMPDIFF(MICROSECOND, SYSDATE(6), next_at) FROM rate_bucket WHERE name = ? FOR UPDATE",
	                   wc_text(name));
}

static int take_slice(wc_db *db, void *arg, wc_err *e)
{
	struct slice *s = arg;
	wc_arena     *a = wc_arena_new();
	wc_rows       rows;
	int           rc = -1;

	if (lock_bucket(db, a, s->name, &rows, e) < 0)
		goto out;
	if (!rows.n && (wc_db_exec(db, e, "INSERT IGNORE INTO rate_bucket (name, next_at) VALUES (?, NOW(6))", wc_text(s->name)) < 0 ||
	                lock_bucket(db, a, s->name, &rows, e) < 0))
		goto out;
	s->wait_us = wc_row_int(&rows, 0, 0) > 0 ? wc_row_int(&rows, 0, 0) : 0;
	rc = s->wait_us ? 0
	     : wc_db_exec(db, e, "UPDATE rate_bucket SET next_at = SYSDATE(6) + INTERVAL ? MICROSECOND WHERE name = ?", wc_int(s->worth_us),
	                  wc_text(s->name)) < 0 ? -1 : 0;
out:
	wc_arena_free(a);
	return rc;
}

/* Called with the bucket locked. */
static int64_t refill(struct bucket *b, int64_t per_minute, wc_err *e)
{
	int64_t      units = per_minute / 600 ? per_minute / 600 : 1, asked = wc_mono_ms();
	struct slice s     = {b->name, units * (60000 + SLICE_LIFE_MS) * 1000 / per_minute + 1, 0};

	if (asked < b->closed_until_ms)
		return b->closed_until_ms - asked;
	if (wc_db_tx(take_slice, &s, e) < 0)
		return wc_wrap(e, "rate of %s", b->name);
	if (s.wait_us) {
		b->closed_until_ms = asked + s.wait_us / 1000;
		return s.wait_us / 1000 + 1;
	}
	b->units      = units;
	b->void_at_ms = asked + SLICE_LIFE_MS;
	return 0;
}

int64_t wc_rate_take(const char *name, int64_t per_minute, wc_err *e)
{
	struct bucket *b;
	int64_t        wait = 0;

	if (strlen(name) > NAME_BYTES || per_minute < 1)
		return wc_fail(e, WC_E_ARG, "rate of %s: a name has at most %d bytes, a rate is at least 1", name, NAME_BYTES);
	b = bucket_of(name);
	pthread_mutex_lock(&b->lock);
	if (!b->units || wc_mono_ms() > b->void_at_ms) {
		b->units = 0;
		wait     = refill(b, per_minute, e);
	}
	if (wait == 0)
		b->units--;
	pthread_mutex_unlock(&b->lock);
	return wait;
}
