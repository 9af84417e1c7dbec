/* Leases: what one process over all nodes does, judged by the database's clock.
 *
 * The fence of a new lease begins with the time, so that it still grows after a lease that nobody held was deleted. */
#include "work/owner.h"

#include <wecomd/db.h>
#include <wecomd/lease.h>
#include <wecomd/log.h>

#include <string.h>

#define NAME_MAX_BYTES 96

struct hold {
	const char *name;
	int64_t     ttl_ms, fence;
	bool        held;
};

/* Whoever sees another's living lease goes away without a lock. */
static int look(struct hold *h, bool *free, wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, a, &rows, e, "SELECT owner, until_at > NOW(3) FROM lease WHERE name = ?", wc_text(h->name));

	if (rc == 0)
		*free = !rows.n || !wc_row_int(&rows, 0, 1) || !strcmp(wc_row_text(&rows, 0, 0), owner_self()) ||
		        owner_is_dead(wc_row_text(&rows, 0, 0));
	wc_arena_free(a);
	return rc;
}

static int write_lease(wc_db *db, const struct hold *h, wc_err *e)
{
	return wc_db_exec(db, e, "UPDATE lease SET owner = ?, fence = ?, until_at = NOW(3) + INTERVAL ? MICROSECOND WHERE name = ?",
	                  wc_text(owner_self()), wc_int(h->fence), wc_int(h->ttl_ms * 1000), wc_text(h->name)) < 0 ? -1 : 0;
}

static int lock_lease(wc_db *db, wc_arena *a, const char *name, wc_rows *rows, wc_err *e)
{
	return wc_db_query(db, a, rows, e, "SELECT owner, fence, until_at > SYSDATE(3) FROM lease WHERE name = ? FOR UPDATE", wc_text(name));
}

static int hold(wc_db *db, void *arg, wc_err *e)
{
	struct hold *h = arg;
	wc_arena    *a = wc_arena_new();
	const char  *owner;
	wc_rows      rows;
	int          rc = -1;

	h->held = false;
	if (lock_lease(db, a, h->name, &rows, e) < 0)
		goto out;
	/* The row must be there to be locked: a lock on a row that is missing keeps nobody out. */
	if (!rows.n && (wc_db_exec(db, e, "INSERT IGNORE INTO lease (name, owner, fence, until_at)"
	                                  " VALUES (?, NULL, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS INTEGER), NOW(3))", wc_text(h->name)) < 0 ||
	                lock_lease(db, a, h->name, &rows, e) < 0))
		goto out;
	owner    = wc_row_text(&rows, 0, 0);
	h->fence = wc_row_int(&rows, 0, 1);
	if (!strcmp(owner, owner_self()))
		h->held = true;
	else if (!*owner || !wc_row_int(&rows, 0, 2) || owner_is_dead(owner))
		h->held = (h->fence++, true);
	rc = h->held ? write_lease(db, h, e) : 0;
out:
	wc_arena_free(a);
	return rc;
}

int wc_lease_hold(const char *name, int64_t ttl_ms, int64_t *fence, wc_err *e)
{
	struct hold h    = {.name = name, .ttl_ms = ttl_ms};
	bool        free = false;

	if (strlen(name) > NAME_MAX_BYTES)
		return wc_fail(e, WC_E_INTERNAL, "lease %s: a name has at most %d bytes", name, NAME_MAX_BYTES);
	if (look(&h, &free, e) < 0 || (free && wc_db_tx(hold, &h, e) < 0))
		return wc_wrap(e, "lease %s", name);
	if (h.held && fence)
		*fence = h.fence;
	return h.held;
}

void wc_lease_release(const char *name)
{
	wc_err e;

	if (wc_db_exec(NULL, &e, "UPDATE lease SET owner = NULL, until_at = NOW(3) WHERE name = ? AND owner = ?", wc_text(name),
	               wc_text(owner_self())) < 0)
		wc_log(WC_WARN, "a lease could not be given up; it runs out", wc_kv_s("lease", name), wc_kv_s("error", e.text));
}
