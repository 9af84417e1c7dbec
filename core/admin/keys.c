/* API keys: 32 random bytes, shown once, stored as a keyed hash, bounded by role, time, address, and by who made them. */
#include "admin/parts.h"

#include "db/db.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define PREFIX        "wck_"     /* so that a leaked key can be recognised for what it is */
#define ADDRESSES_MAX 1000       /* bytes, as in the table */

static void hash_key(unsigned char hash[WC_HASH_SIZE], const char *key)
{
	wc_keyed_hash(hash, "api_key", key, NULL);
}

/* A key made by a person never has more than that person has now; nothing, when that person is disabled. */
#define EFFECTIVE_ROLE "LEAST(k.role, IF(k.creator_id IS NULL, k.role, IF(u.id IS NULL OR u.disabled, 0, u.role)))"

/* --- checking ------------------------------------------------------------------------------------------------------- */

#define REMEMBERED  256      /* keys in a process */
#define REMEMBER_MS 5000     /* revoking, expiry and a lesser role take hold within this */

struct checked {
	unsigned char hash[WC_HASH_SIZE];
	int64_t       until_ms;     /* by the monotonic clock; 0: empty */
	int64_t       id, creator;
	wc_role       role;
	char          name[260], addresses[ADDRESSES_MAX + 1];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct checked  remembered[REMEMBERED];

/* A hash has one place: what falls on it next takes it. */
static struct checked *place_of(const unsigned char hash[WC_HASH_SIZE])
{
	return &remembered[hash[0] % REMEMBERED];
}

static bool recall(const unsigned char hash[WC_HASH_SIZE], struct checked *out)
{
	const struct checked *c = place_of(hash);
	bool                  found;

	pthread_mutex_lock(&lock);
	found = c->until_ms > wc_mono_ms() && !memcmp(c->hash, hash, WC_HASH_SIZE);
	if (found)
		*out = *c;
	pthread_mutex_unlock(&lock);
	return found;
}

static void remember(const struct checked *c)
{
	pthread_mutex_lock(&lock);
	*place_of(c->hash) = *c;
	pthread_mutex_unlock(&lock);
}

static void note_use(int64_t id)
{
	wc_err e;

	if (wc_db_exec(NULL, &e, "UPDATE api_key SET last_used_at = NOW(3) WHERE id = ?", wc_int(id)) < 0)
		wc_log(WC_WARN, "the use of a key could not be noted", wc_kv_s("error", e.text));
}

/* 1 with *c, 0: no such key, -1. */
static int look_up(wc_arena *a, const unsigned char hash[WC_HASH_SIZE], struct checked *c, wc_err *e)
{
	wc_rows r;
	int64_t left;

	if (wc_db_query(NULL, a, &r, e, "SELECT k.id, k.name, k.addresses, k.creator_id, " EFFECTIVE_ROLE ","
	                " CAST(COALESCE(TIMESTAMPDIFF(MICROSECOND, NOW(3), k.expires_at), 60000000) / 1000 AS INTEGER),"
	                " k.last_used_at IS NULL OR k.last_used_at < NOW(3) - INTERVAL 1 MINUTE"
	                " FROM api_key k LEFT JOIN admin_user u ON u.id = k.creator_id WHERE k.key_hash = ?", wc_bytes(hash, WC_HASH_SIZE)) < 0)
		return wc_wrap(e, "checking an API key");
	if (!r.n || (left = wc_row_int(&r, 0, 5)) <= 0 || !wc_row_int(&r, 0, 4))
		return 0;
	*c = (struct checked){.until_ms = wc_mono_ms() + (left < REMEMBER_MS ? left : REMEMBER_MS), .id = wc_row_int(&r, 0, 0),
	                      .creator = wc_row_int(&r, 0, 3), .role = (wc_role)wc_row_int(&r, 0, 4)};
	memcpy(c->hash, hash, WC_HASH_SIZE);
	snprintf(c->name, sizeof c->name, "%s", wc_row_text(&r, 0, 1));
	snprintf(c->addresses, sizeof c->addresses, "%s", wc_row_text(&r, 0, 2));
	if (wc_row_int(&r, 0, 6))
		note_use(c->id);
	remember(c);
	return 1;
}

static bool may_come_from(wc_arena *a, const struct checked *c, const char *address)
{
	struct web_cidrs list;
	wc_err           e;

	return !*c->addresses || (web_cidrs_parse(a, c->addresses, &list, &e) == 0 && web_cidrs_have(&list, address));
}

int key_authenticate(wc_request *rq, const char *key, struct web_identity *who, wc_err *e)
{
	wc_arena      *a = wc_request_arena(rq);
	unsigned char  hash[WC_HASH_SIZE];
	struct checked c;
	int            found;

	if (strncmp(key, PREFIX, strlen(PREFIX)))
		return 0;
	hash_key(hash, key);
	if (!recall(hash, &c) && (found = look_up(a, hash, &c, e)) <= 0)
		return found;
	*who = (struct web_identity){.role = c.role, .key = c.id, .user = c.creator, .name = wc_strdup(a, c.name), .actor = wc_printf(a, "key:%s", c.name)};
	if (!may_come_from(a, &c, wc_client_address(rq))) {
		who->refused_code = "address_not_allowed";
		who->refused_text = "this key may not be used from this address";
	}
	return 0;
}

/* --- making and revoking -------------------------------------------------------------------------------------------- */

struct inserting {
	struct new_key *k;
	unsigned char   hash[WC_HASH_SIZE];
};

static int insert_key(wc_db *db, wc_arena *a, const struct inserting *in, wc_err *e)
{
	struct new_key *k = in->k;
	wc_rows         r;

	if (wc_db_query(db, a, &r, e, "INSERT INTO api_key (name, role, key_hash, expires_at, addresses, created_by, creator_id)"
	                " VALUES (?, ?, ?, IF(? = 0, NULL, NOW(3) + INTERVAL ? MICROSECOND), ?, ?, ?) RETURNING id",
	                wc_text(k->name), wc_int(k->role), wc_bytes(in->hash, sizeof in->hash), wc_int(k->expires_in_ms), wc_int(k->expires_in_ms * 1000),
	                wc_text(k->addresses), wc_text(k->actor), k->creator ? wc_int(k->creator) : wc_null()) < 0)
		return -1;
	k->id = wc_row_int(&r, 0, 0);
	return audit(db, k->actor, "key.create", "key", k->id,
	             json_pack("{s:s, s:s, s:s, s:I}", "name", k->name, "role", role_name(k->role), "addresses", k->addresses, "expires_in_ms",
	                       (json_int_t)k->expires_in_ms), e);
}

static int add(wc_db *db, void *arg, wc_err *e)
{
	const struct inserting *in = arg;
	wc_arena               *a  = wc_arena_new();
	wc_rows                 r;
	int                     rc = wc_db_query(db, a, &r, e, "SELECT key_hash = ?, id FROM api_key WHERE name = ? FOR UPDATE",
	                                         wc_bytes(in->hash, sizeof in->hash), wc_text(in->k->name));

	/* Our own hash is there when this is the repeat after a lost COMMIT. */
	if (rc == 0 && r.n && !wc_row_int(&r, 0, 0))
		rc = wc_fail(e, WC_E_CONFLICT, "there is a key with the name %s already", in->k->name);
	else if (rc == 0 && r.n)
		in->k->id = wc_row_int(&r, 0, 1);
	else if (rc == 0)
		rc = insert_key(db, a, in, e);
	wc_arena_free(a);
	return rc;
}

/* Names go into logs and the audit trail. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);

	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return false;
	return n >= 1 && n <= 64 && wc_utf8_valid(name, n);
}

char *key_add(wc_arena *a, struct new_key *k, wc_err *e)
{
	struct inserting in = {.k = k};
	struct web_cidrs list;
	unsigned char    raw[32];
	char            *key;

	if (!is_name(k->name)) {
		wc_fail(e, WC_E_ARG, "a key's name has 1 to 64 bytes and no control characters");
		return NULL;
	}
	if (strlen(k->addresses) > ADDRESSES_MAX || web_cidrs_parse(a, k->addresses, &list, e) < 0) {
		if (strlen(k->addresses) > ADDRESSES_MAX)
			wc_fail(e, WC_E_ARG, "addresses have at most %d bytes", ADDRESSES_MAX);
		return NULL;
	}
	wc_random(raw, sizeof raw);
	key = wc_printf(a, PREFIX "%s", wc_hex(a, raw, sizeof raw));
	hash_key(in.hash, key);
	return wc_db_tx(add, &in, e) < 0 ? NULL : key;
}

struct revoking {
	const char *name, *actor;
	int64_t     id;
};

static int revoke(wc_db *db, void *arg, wc_err *e)
{
	const struct revoking *x = arg;
	wc_arena              *a = wc_arena_new();
	wc_rows                r;
	int                    rc = wc_db_query(db, a, &r, e, "SELECT id, name FROM api_key WHERE id = ? OR name = ? FOR UPDATE", wc_int(x->id), wc_text(x->name));

	if (rc == 0 && !r.n)
		rc = wc_fail(e, WC_E_NOT_FOUND, "there is no such key");
	else if (rc == 0 && wc_db_exec(db, e, "DELETE FROM api_key WHERE id = ?", wc_int(wc_row_int(&r, 0, 0))) < 0)
		rc = -1;
	else if (rc == 0)
		rc = audit(db, x->actor, "key.revoke", "key", wc_row_int(&r, 0, 0), json_pack("{s:s}", "name", wc_row_text(&r, 0, 1)), e);
	wc_arena_free(a);
	return rc;
}

int key_revoke(const char *name, int64_t id, const char *actor, wc_err *e)
{
	struct revoking x = {.name = name, .id = name ? 0 : id, .actor = actor};

	return wc_db_tx(revoke, &x, e);
}

int key_rows(wc_arena *a, const struct key_filter *f, int64_t after, int64_t limit, wc_rows *rows, wc_err *e)
{
	struct db_select s;

	db_select_begin(&s, a, "SELECT k.id, k.name, k.role, " MS_OF("k.created_at") ", " MS_OF("k.expires_at") ", " MS_OF("k.last_used_at")
	                       ", k.addresses, k.created_by, IF(k.expires_at < NOW(3), 0, " EFFECTIVE_ROLE ") FROM api_key k"
	                       " LEFT JOIN admin_user u ON u.id = k.creator_id");
	db_select_add(&s, " WHERE k.id > ?", wc_int(after));
	if (f->role)
		db_select_add(&s, " AND k.role = ?", wc_int(role_from(f->role)));
	db_select_text(&s, " AND k.created_by = ?", f->created_by);
	db_select_add(&s, " ORDER BY k.id LIMIT ?", wc_int(limit));
	return db_select_run(&s, rows, e);
}
