/* The login throttle, in the database so that it holds over processes and nodes.
 *
 * Failures are counted in three buckets: the account from this address, the address whatever the account, the account whatever the
 * address. When a bucket's free failures are used up, each further one makes it wait, twice as long each time up to a bound. The
 * account's own bucket does not bind an address from which the account has logged in before: guessing from elsewhere makes
 * strangers wait, never the person at the usual place. */
#include "admin/parts.h"

#include <ctype.h>
#include <string.h>

#define FORGET_DAYS   "1"      /* without an attempt: the count begins anew */
#define KNOWN_DAYS    "90"
#define CLEANED_AT_ONCE "100"

enum { ADDRESS_TIMES = 4, ACCOUNT_TIMES = 6 };

static void hash_account(unsigned char out[32], wc_arena *a, const char *account)
{
	char *lower = wc_strdup(a, account);

	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	wc_keyed_hash(out, "admin_throttle.account", lower, NULL);
}

static void make_buckets(struct throttle *t, const char *address, const char *account)
{
	wc_arena *a = wc_arena_new();
	char      network[WEB_ADDRESS_SIZE];

	web_address_network(address, network);
	hash_account(t->account, a, account);
	wc_keyed_hash(t->address, "admin_throttle.address", network, NULL);
	wc_keyed_hash(t->pair, "admin_throttle.pair", network, wc_hex(a, t->account, 32), NULL);
	wc_arena_free(a);
}

struct bucket {
	const unsigned char *key, *account;     /* account NULL: it is not in the bucket */
	int64_t              free;
	int64_t              failures, wait_ms;
	bool                 known;
};

/* Locks the bucket's row, made if need be, and reads it. */
static int read_bucket(wc_db *db, wc_arena *a, struct bucket *b, wc_err *e)
{
	wc_rows rows;

	if (wc_db_exec(db, e, "INSERT INTO admin_throttle (bucket, account) VALUES (?, ?) ON DUPLICATE KEY UPDATE"
	               " failures = IF(seen_at < NOW(3) - INTERVAL " FORGET_DAYS " DAY, 0, failures)",
	               wc_bytes(b->key, 32), wc_bytes(b->account, b->account ? 32 : 0)) < 0 ||
	    wc_db_query(db, a, &rows, e, "SELECT failures, CAST(GREATEST(0, COALESCE(TIMESTAMPDIFF(MICROSECOND, NOW(3), until_at), 0)) / 1000 AS INTEGER),"
	                " COALESCE(known_at > NOW(3) - INTERVAL " KNOWN_DAYS " DAY, 0) FROM admin_throttle WHERE bucket = ? FOR UPDATE",
	                wc_bytes(b->key, 32)) < 0)
		return -1;
	b->failures = wc_row_int(&rows, 0, 0);
	b->wait_ms  = wc_row_int(&rows, 0, 1);
	b->known    = wc_row_int(&rows, 0, 2) != 0;
	return 0;
}

/* How long to wait after so many failures. */
static int64_t wait_after(int64_t failures, int64_t free_ones)
{
	int64_t over = failures - free_ones, wait = admin_settings->login_wait_ms;

	if (over <= 0)
		return 0;
	for (; over > 1 && wait < admin_settings->login_wait_max_ms; over--)
		wait *= 2;
	return wait < admin_settings->login_wait_max_ms ? wait : admin_settings->login_wait_max_ms;
}

static int count_failure(wc_db *db, const struct bucket *b, wc_err *e)
{
	int64_t wait = wait_after(b->failures + 1, b->free);

	return wc_db_exec(db, e, "UPDATE admin_throttle SET failures = failures + 1, seen_at = NOW(3), until_at = IF(? = 0, NULL,"
	                  " NOW(3) + INTERVAL ? MICROSECOND) WHERE bucket = ?", wc_int(wait), wc_int(wait * 1000), wc_bytes(b->key, 32)) < 0 ? -1 : 0;
}

struct taking {
	const struct throttle *t;
	int64_t                wait_ms;
};

static int take(wc_db *db, void *arg, wc_err *e)
{
	struct taking         *taking  = arg;
	const struct throttle *t       = taking->t;
	int64_t                free    = admin_settings->login_free;
	struct bucket          address = {t->address, NULL, free * ADDRESS_TIMES}, account = {t->account, t->account, free * ACCOUNT_TIMES},
	                       pair    = {t->pair, t->account, free};
	wc_arena              *a       = wc_arena_new();
	int                    rc      = -1;

	/* Always in this order, so that two logins do not wait for each other. */
	if (read_bucket(db, a, &address, e) < 0 || read_bucket(db, a, &account, e) < 0 || read_bucket(db, a, &pair, e) < 0)
		goto out;
	taking->wait_ms = pair.wait_ms > address.wait_ms ? pair.wait_ms : address.wait_ms;
	if (!pair.known && account.wait_ms > taking->wait_ms)
		taking->wait_ms = account.wait_ms;
	rc = 0;
	if (!taking->wait_ms)
		rc = wc_db_once(db, e) < 0 || count_failure(db, &address, e) < 0 || count_failure(db, &pair, e) < 0 ||
		     (!pair.known && count_failure(db, &account, e) < 0) ? -1 : 0;
out:
	wc_arena_free(a);
	return rc;
}

/* What is forgotten anyway is deleted a little at a time, by whoever logs in. */
static void clean(void)
{
	wc_err e;

	wc_db_exec(NULL, &e, "DELETE FROM admin_throttle WHERE seen_at < NOW(3) - INTERVAL " FORGET_DAYS " DAY AND"
	           " (known_at IS NULL OR known_at < NOW(3) - INTERVAL " KNOWN_DAYS " DAY) LIMIT " CLEANED_AT_ONCE);
}

int64_t throttle_take(struct throttle *t, const char *address, const char *account, wc_err *e)
{
	struct taking taking = {.t = t};

	make_buckets(t, address, account);
	clean();
	return wc_db_tx(take, &taking, e) < 0 ? -1 : taking.wait_ms;
}

int throttle_forgive(const struct throttle *t, wc_err *e)
{
	/* The address and the account get back this attempt alone: one right password must not pay for guesses at others. */
	if (wc_db_exec(NULL, e, "UPDATE admin_throttle SET failures = 0, until_at = NULL, known_at = NOW(3) WHERE bucket = ?", wc_bytes(t->pair, 32)) < 0)
		return -1;
	return wc_db_exec_once(e, "UPDATE admin_throttle SET failures = GREATEST(failures - 1, 0) WHERE bucket IN (?, ?)", wc_bytes(t->address, 32),
	                  wc_bytes(t->account, 32)) < 0 ? -1 : 0;
}

static int give_back(const unsigned char *bucket, int64_t times, wc_err *e)
{
	return wc_db_exec_once(e, "UPDATE admin_throttle SET failures = failures - 1 WHERE bucket = ? AND failures BETWEEN 1 AND ?",
	                  wc_bytes(bucket, 32), wc_int(admin_settings->login_free * times)) < 0 ? -1 : 0;
}

/* Given back only within what is free; otherwise asking without a code would pay for guessing codes. */
int throttle_neutral(const struct throttle *t, wc_err *e)
{
	return give_back(t->address, ADDRESS_TIMES, e) < 0 || give_back(t->account, ACCOUNT_TIMES, e) < 0 || give_back(t->pair, 1, e) < 0 ? -1 : 0;
}

int throttle_clear(const char *account, wc_err *e)
{
	wc_arena     *a = wc_arena_new();
	unsigned char hash[32];

	hash_account(hash, a, account);
	wc_arena_free(a);
	return wc_db_exec(NULL, e, "UPDATE admin_throttle SET failures = 0, until_at = NULL WHERE account = ?", wc_bytes(hash, 32)) < 0 ? -1 : 0;
}
