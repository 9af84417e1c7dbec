/* Signs of life of the children, in the database and by its clock. */
#include "host/beat.h"

#include <wecomd/clock.h>
#include <wecomd/db.h>
#include <wecomd/log.h>

#include <pthread.h>
#include <unistd.h>

#define END_MS 2000     /* so long the last sign is tried; then the row seems alive for a while */

/* The last sign is the last: a beat of the keeper's thread must not follow it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool            has_ended;

static int write_beat(const char *node, const char *role, wc_err *e)
{
	return wc_db_exec(NULL, e, "INSERT INTO process (node, pid, role) VALUES (?, ?, ?)"
	                           " ON DUPLICATE KEY UPDATE started_at = IF(role = VALUES(role), started_at, NOW(3)), role = VALUES(role),"
	                           " beat_at = NOW(3)",
	                  wc_text(node), wc_int(getpid()), wc_text(role)) < 0 ? -1 : 0;
}

int beat(const char *node, const char *role, wc_err *e)
{
	int rc;

	pthread_mutex_lock(&lock);
	rc = has_ended ? 0 : write_beat(node, role, e);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* A transaction gives up where no connection can be made, and after a few repeats. */
static int remove_row(const char *node, wc_err *e)
{
	int64_t until = wc_mono_ms() + END_MS;

	while (wc_db_exec(NULL, e, "DELETE FROM process WHERE node = ? AND pid = ?", wc_text(node), wc_int(getpid())) < 0) {
		if (wc_mono_ms() >= until)
			return -1;
		wc_sleep_ms(100);
	}
	return 0;
}

void beat_end(const char *node)
{
	wc_err e;

	pthread_mutex_lock(&lock);
	has_ended = true;
	pthread_mutex_unlock(&lock);
	if (remove_row(node, &e) < 0)
		wc_log(WC_WARN, "this process will seem to be alive for a while", wc_kv_s("error", e.text));
	(void)wc_db_exec(NULL, &e, "DELETE FROM process WHERE beat_at < NOW(3) - INTERVAL 1 DAY");
}

int64_t beat_workers(wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int64_t   n = wc_db_query(NULL, a, &rows, e, "SELECT COUNT(*) FROM process WHERE role = 'worker' AND beat_at > NOW(3) - INTERVAL ? SECOND",
	                          wc_int(4 * BEAT_MS / 1000));

	if (n == 0)
		n = wc_row_int(&rows, 0, 0);
	wc_arena_free(a);
	return n;
}
