/* Customers and their data keys.
 *
 * A data key is read from its row at most once a second in a process and forgotten after that second, so that an erasure, which
 * sets the row's key to NULL, holds in all processes a second later without anybody being told. */
#include "talk/parts.h"

#include "base/base.h"
#include "crypt/crypt.h"

#include <wecomd/audit.h>
#include <wecomd/clock.h>
#include <wecomd/seal.h>

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define KEY_SIZE  32
#define KEPT      1024     /* a key lives in the place id % KEPT */
#define KEPT_MS   1000
#define KEY_PLACE "customer.data_key"

/* --- data keys ------------------------------------------------------------------------------------------------------ */

struct kept {
	int64_t       customer;      /* 0: the place is free */
	int64_t       read_ms;       /* monotonic, when reading began */
	unsigned char key[KEY_SIZE];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept     kept[KEPT];
static int64_t         swept_ms;

/* Nobody asks for most customers again, so the forgetting cannot wait for that. Called with the lock held. */
static void sweep(int64_t now)
{
	if (now - swept_ms < KEPT_MS)
		return;
	swept_ms = now;
	for (size_t i = 0; i < KEPT; i++)
		if (kept[i].customer && now - kept[i].read_ms >= KEPT_MS)
			crypt_wipe(&kept[i], sizeof kept[i]);
}

static bool find_kept(int64_t customer, unsigned char key[KEY_SIZE])
{
	struct kept *k   = &kept[customer % KEPT];
	int64_t      now = wc_mono_ms();
	bool         found;

	pthread_mutex_lock(&lock);
	sweep(now);
	found = k->customer == customer && now - k->read_ms < KEPT_MS;
	if (found)
		memcpy(key, k->key, KEY_SIZE);
	pthread_mutex_unlock(&lock);
	return found;
}

static void keep(int64_t customer, int64_t read_ms, const unsigned char key[KEY_SIZE])
{
	struct kept *k = &kept[customer % KEPT];

	pthread_mutex_lock(&lock);
	k->customer = customer;
	k->read_ms  = read_ms;
	memcpy(k->key, key, KEY_SIZE);
	pthread_mutex_unlock(&lock);
}

static int unwrap(wc_arena *a, const wc_rows *rows, unsigned char key[KEY_SIZE], wc_err *e)
{
	wc_cell  cell = wc_row_cell(rows, 0, 0);
	wc_slice plain;

	if (wc_unseal(a, KEY_PLACE, (wc_slice){cell.s, cell.n}, &plain, e) < 0)
		return -1;
	if (plain.n != KEY_SIZE)
		return wc_fail(e, WC_E_INTERNAL, KEY_PLACE " holds %zu bytes", plain.n);
	memcpy(key, plain.p, KEY_SIZE);
	crypt_wipe((void *)plain.p, plain.n);
	return 0;
}

static int read_key(wc_db *db, wc_arena *a, int64_t customer, unsigned char key[KEY_SIZE], wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT data_key FROM customer WHERE id = ?", wc_int(customer)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no customer %" PRId64, customer);
	if (!wc_row_cell(&rows, 0, 0).s)
		return wc_fail(e, WC_E_NOT_FOUND, "customer %" PRId64 " is erased", customer);
	return unwrap(a, &rows, key, e);
}

/* What an open transaction sees may never be: it is not kept. */
static int data_key(wc_db *db, int64_t customer, unsigned char key[KEY_SIZE], wc_err *e)
{
	int64_t   began = wc_mono_ms();
	wc_arena *a;
	int       rc;

	if (customer <= 0)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no customer %" PRId64, customer);
	if (!db && find_kept(customer, key))
		return 0;
	a  = wc_arena_new();
	rc = read_key(db, a, customer, key, e);
	wc_arena_free(a);
	if (rc == 0 && !db)
		keep(customer, began, key);
	return rc;
}

int customer_hold(wc_db *db, wc_arena *a, int64_t customer, unsigned char key[KEY_SIZE], wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT data_key FROM customer WHERE id = ? LOCK IN SHARE MODE", wc_int(customer)) < 0)
		return -1;
	if (!rows.n || !wc_row_cell(&rows, 0, 0).s)
		return 0;
	return unwrap(a, &rows, key, e) < 0 ? -1 : 1;
}

int wc_customer_seal(wc_db *db, wc_arena *a, int64_t customer, const char *about, wc_slice plain, wc_slice *sealed, wc_err *e)
{
	unsigned char key[KEY_SIZE];

	if (data_key(db, customer, key, e) < 0)
		return -1;
	*sealed = crypt_seal_with(a, key, about, plain);
	crypt_wipe(key, sizeof key);
	return 0;
}

int wc_customer_unseal(wc_db *db, wc_arena *a, int64_t customer, const char *about, wc_slice sealed, wc_slice *plain, wc_err *e)
{
	unsigned char key[KEY_SIZE];
	int           rc;

	if (data_key(db, customer, key, e) < 0)
		return -1;
	rc = crypt_unseal_with(a, key, about, sealed, plain, e);
	crypt_wipe(key, sizeof key);
	return rc;
}

/* --- customers ------------------------------------------------------------------------------------------------------ */

static int insert_customer(wc_db *db, void *arg, wc_err *e)
{
	int64_t      *id = arg;
	wc_arena     *a  = wc_arena_new();
	unsigned char key[KEY_SIZE];
	wc_slice      sealed;
	wc_rows       rows;
	int           rc;

	wc_random(key, sizeof key);
	sealed = wc_seal(a, KEY_PLACE, (wc_slice){(char *)key, sizeof key});
	crypt_wipe(key, sizeof key);
	rc = wc_db_query(db, a, &rows, e, "INSERT INTO customer (data_key) VALUES (?) RETURNING id", wc_bytes(sealed.p, sealed.n));
	if (rc == 0)
		*id = wc_row_int(&rows, 0, 0);
	wc_arena_free(a);
	return rc < 0 ? -1 : wc_db_once(db, e);
}

int64_t wc_customer_new(wc_db *db, wc_err *e)
{
	int64_t id;

	return (db ? insert_customer(db, &id, e) : wc_db_tx(insert_customer, &id, e)) < 0 ? -1 : id;
}

static const struct customer_section *sections;

void customers_use(const struct customer_section *s)
{
	sections = s;
}

#define ISO(column) "CONCAT(LEFT(DATE_FORMAT(" column ", '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')"

static json_t *core_json(wc_arena *a, int64_t id, bool *erased, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT " ISO("created_at") ", " ISO("erased_at") " FROM customer WHERE id = ?", wc_int(id)) < 0)
		return NULL;
	if (!rows.n) {
		wc_fail(e, WC_E_NOT_FOUND, "there is no customer %" PRId64, id);
		return NULL;
	}
	*erased = wc_row_cell(&rows, 0, 1).s != NULL;
	return wc_json(a, "{s:I, s:s, s:s?}", "id", (json_int_t)id, "created_at", wc_row_text(&rows, 0, 0), "erased_at",
	               wc_row_cell(&rows, 0, 1).s);
}

json_t *customer_json(wc_arena *a, int64_t id, bool whole, wc_err *e)
{
	bool    erased;
	json_t *all = core_json(a, id, &erased, e), *part;

	for (const struct customer_section *s = sections; all && !erased && s->section; s++) {
		part = (whole && s->section->whole ? s->section->whole : s->section->read)(a, id, s->self, e);
		if (!part) {
			wc_wrap(e, "section %s", s->section->name);
			return NULL;
		}
		if (!json_is_null(part))
			json_object_set(all, s->section->name, part);
	}
	return all;
}

json_t *customer_export(wc_arena *a, int64_t id, const char *actor, wc_err *e)
{
	json_t        *all = customer_json(a, id, true, e);
	wc_audit_entry entry = {actor, "customer.export", wc_printf(a, "customer:%" PRId64, id), NULL};

	return all && wc_audit(NULL, &entry, e) == 0 ? all : NULL;
}

/* --- erasing -------------------------------------------------------------------------------------------------------- */

struct erasing {
	int64_t     id;
	const char *actor, *reason;
	bool        tried;         /* this is a repeat: the COMMIT before may have taken effect */
};

/* 1: go on; 0: the attempt before did it; -1 with *e. */
static int lock_customer(wc_db *db, wc_arena *a, struct erasing *x, wc_err *e)
{
	bool    again = x->tried;
	wc_rows rows;

	x->tried = true;
	if (wc_db_query(db, a, &rows, e, "SELECT erased_at FROM customer WHERE id = ? FOR UPDATE", wc_int(x->id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no customer %" PRId64, x->id);
	if (!wc_row_cell(&rows, 0, 0).s)
		return 1;
	return again ? 0 : wc_fail(e, WC_E_CONFLICT, "customer %" PRId64 " was erased at %s", x->id, wc_row_text(&rows, 0, 0));
}

static int erase_sections(wc_db *db, int64_t id, wc_err *e)
{
	for (const struct customer_section *s = sections; s->section; s++)
		if (s->section->erase && s->section->erase(db, id, s->self, e) < 0)
			return wc_wrap(e, "section %s", s->section->name);
	return 0;
}

static int erase_locked(wc_db *db, wc_arena *a, const struct erasing *x, wc_err *e)
{
	json_t        *names = wc_json(a, "[]");
	wc_audit_entry entry = {x->actor, "customer.erase", wc_printf(a, "customer:%" PRId64, x->id),
	                        wc_json(a, "{s:s, s:O}", "reason", x->reason, "sections", names)};

	for (const struct customer_section *s = sections; s->section; s++)
		json_array_append_new(names, json_string(s->section->name));
	if (erase_sections(db, x->id, e) < 0 ||
	    wc_db_exec(db, e, "UPDATE customer SET data_key = NULL, erased_at = NOW(3) WHERE id = ?", wc_int(x->id)) < 0)
		return -1;
	return wc_audit(db, &entry, e);
}

static int erase(wc_db *db, void *arg, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int       rc = lock_customer(db, a, arg, e);

	if (rc > 0)
		rc = erase_locked(db, a, arg, e);
	wc_arena_free(a);
	return rc;
}

static void forget(int64_t customer)
{
	struct kept *k = &kept[customer % KEPT];

	pthread_mutex_lock(&lock);
	if (k->customer == customer)
		crypt_wipe(k, sizeof *k);
	pthread_mutex_unlock(&lock);
}

int customer_erase(int64_t id, const char *actor, const char *reason, wc_err *e)
{
	struct erasing x = {id, actor, reason, false};

	if (wc_db_tx(erase, &x, e) < 0)
		return -1;
	forget(id);
	return 0;
}

/* --- the privacy notice --------------------------------------------------------------------------------------------- */

const wc_field customer_fields[] = {
	{WC_STRING, "privacy_notice", "", offsetof(struct customer_settings, privacy_notice),
	 "told to each customer once, at the first contact; empty: nothing", .max = 2000, .runtime = true},
	{0}};

static const struct customer_settings *settings;

void customers_settings(const struct customer_settings *s)
{
	settings = s;
}

#define NOTICE "UPDATE customer SET notice_at = NOW(3) WHERE id = ? AND notice_at IS NULL AND erased_at IS NULL"

int wc_customer_notice(wc_db *db, int64_t customer, const char **text, wc_err *e)
{
	const struct customer_settings *s = settings ? self_now(settings) : NULL;
	int64_t                         n;

	*text = NULL;
	if (!s || !*s->privacy_notice)
		return 0;
	n = db ? wc_db_exec(db, e, NOTICE, wc_int(customer)) : wc_db_exec_once(e, NOTICE, wc_int(customer));
	if (n < 0 || (n && db && wc_db_once(db, e) < 0))
		return -1;
	if (n)
		*text = s->privacy_notice;
	return 0;
}
