/* The master keys in use. A key file that changes is read again; one that cannot be read leaves the keys as they were. */
#include "keys.h"

#include "algos.h"
#include "crypt.h"
#include "hash.h"

#include <wecomd/arena.h>
#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <openssl/crypto.h>

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_EVERY_MS 1000

static _Atomic(struct keyset *) current;
static atomic_llong             look_at_ms;      /* monotonic */
static pthread_mutex_t          looking = PTHREAD_MUTEX_INITIALIZER;
static char                     path[PATH_MAX];
static struct stat              seen;            /* the file that was read, or refused, last */

const char *crypt_key_file(void)
{
	return path;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       !memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) && !memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim);
}

/* A fresh keyset with the file's keys, or NULL. */
static struct keyset *load(const char *file, struct stat *st, wc_err *e)
{
	struct keyset *k       = wc_xalloc(sizeof *k);
	char          *content = wc_xalloc(KEY_FILE_MAX + 1);
	size_t         n       = 0;
	int            rc      = keyfile_read(file, content, &n, st, e);

	if (rc == 0)
		rc = keyfile_parse(k, file, content, n, e);
	OPENSSL_cleanse(content, KEY_FILE_MAX + 1);
	free(content);
	if (rc == 0)
		return k;
	OPENSSL_cleanse(k, sizeof *k);
	free(k);
	return NULL;
}

/* Readers hold pointers into the old set without a lock, so it is kept; there are as many as there were rotations. */
static void use(struct keyset *k)
{
	k->before = atomic_load(&current);
	atomic_store(&current, k);
}

/* --- looking again -------------------------------------------------------------------------------------------------- */

static bool has_same_hash_key(const struct keyset *a, const struct keyset *b)
{
	unsigned char one[32], other[32];
	bool          same;

	keyset_hash_key(a, one);
	keyset_hash_key(b, other);
	same = crypt_equal(one, other, sizeof one);
	OPENSSL_cleanse(one, sizeof one);
	OPENSSL_cleanse(other, sizeof other);
	return same;
}

static struct keyset *load_successor(struct stat *st, wc_err *e)
{
	struct keyset *k = load(path, st, e);

	if (!k || has_same_hash_key(k, atomic_load(&current)))
		return k;
	wc_fail(e, WC_E_CONFIG, "%s: the key of keyed hashes is another; nothing stored would be found again", path);
	OPENSSL_cleanse(k, sizeof *k);
	free(k);
	return NULL;
}

/* A refused file is not tried again until it changes. */
static void look_locked(void)
{
	struct stat    st, read = {0};
	struct keyset *k;
	wc_err         e;

	if (stat(path, &st) < 0 || is_same_file(&st, &seen))
		return;
	seen = st;
	k    = load_successor(&read, &e);
	if (!k) {
		wc_log(WC_ERROR, "the changed key file is refused, the keys stay as they were", wc_kv_s("error", e.text));
		return;
	}
	seen = read;
	use(k);
	wc_log(WC_INFO, "key file read again", wc_kv_i("keys", (int64_t)k->n), wc_kv_i("newest", k->key[k->n - 1].id));
}

static void look(void)
{
	pthread_mutex_lock(&looking);
	look_locked();
	pthread_mutex_unlock(&looking);
}

/* One thread looks, the others go on with what is known. */
static void look_when_due(void)
{
	long long now = wc_mono_ms(), due = atomic_load_explicit(&look_at_ms, memory_order_relaxed);

	if (now >= due && atomic_compare_exchange_strong(&look_at_ms, &due, now + LOOK_EVERY_MS))
		look();
}

/* --- the keys ------------------------------------------------------------------------------------------------------- */

const struct keyset *keys_all(void)
{
	algos_must(atomic_load(&current), "no key: crypt_open() comes first");
	look_when_due();
	return atomic_load(&current);
}

/* Where no time has come yet, the lowest id seals. */
const struct master *keys_sealing(void)
{
	const struct keyset *k     = keys_all();
	size_t               i     = k->n - 1;
	int64_t              now_s = k->key[i].seals_from_s ? wc_now_ms() / 1000 : 0;

	while (i && k->key[i].seals_from_s > now_s)
		i--;
	return &k->key[i];
}

static const struct master *find(const struct keyset *k, unsigned id)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->key[i].id == id)
			return &k->key[i];
	return NULL;
}

const struct master *keys_find(unsigned id)
{
	const struct master *m = find(keys_all(), id);

	if (m)
		return m;
	look();
	return find(atomic_load(&current), id);
}

size_t crypt_keys(struct crypt_key *list, size_t max)
{
	const struct keyset *k     = keys_all();
	unsigned             seals = keys_sealing()->id;
	size_t               n     = k->n < max ? k->n : max;

	for (size_t i = 0; i < n; i++)
		list[i] = (struct crypt_key){k->key[i].id, k->key[i].seals_from_s, k->key[i].id == seals};
	return n;
}

int crypt_open(const char *key_file, wc_err *e)
{
	unsigned char  hash[32];
	struct keyset *k;
	struct stat    st = {0};

	if (!key_file || !*key_file)
		return wc_fail(e, WC_E_CONFIG, "[crypt] key_file is not set");
	if (strlen(key_file) >= sizeof path)
		return wc_fail(e, WC_E_CONFIG, "[crypt] key_file is longer than a path can be");
	if (!(k = load(key_file, &st, e)))
		return wc_wrap(e, "key file");
	strcpy(path, key_file);
	seen = st;
	use(k);
	keyset_hash_key(k, hash);
	hash_rekey(hash);
	OPENSSL_cleanse(hash, sizeof hash);
	return 0;
}
