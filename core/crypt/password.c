/* Passwords by scrypt (RFC 7914), with the cost stored beside the hash, and the HMAC-SHA-1 that one-time codes need. */
#include "crypt.h"

#include "algos.h"

#include <wecomd/arena.h>
#include <wecomd/seal.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* 32 MiB and some 80 ms of one core for each attempt. */
#define LOG_N 15
#define R     8
#define P     1

#define SALT_BYTES 16
#define HASH_BYTES 32

/* What a stored text may ask for: more would be a way to stop the process with one row. */
#define LOG_N_MAX 20
#define R_MAX     32
#define P_MAX     16

struct stored {
	unsigned      log_n, r, p;
	unsigned char salt[SALT_BYTES], hash[HASH_BYTES];
};

/* Two at a time in a process: more would not be faster, and each takes its memory. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  freed = PTHREAD_COND_INITIALIZER;
static unsigned        running;

static void derive(unsigned char out[HASH_BYTES], const struct stored *s, const char *password)
{
	int ok;

	pthread_mutex_lock(&lock);
	while (running == 2)
		pthread_cond_wait(&freed, &lock);
	running++;
	pthread_mutex_unlock(&lock);
	ok = EVP_PBE_scrypt(password, strlen(password), s->salt, SALT_BYTES, 1ull << s->log_n, s->r, s->p,
	                    (128ull << s->log_n) * s->r + (1u << 20) * s->p, out, HASH_BYTES);
	pthread_mutex_lock(&lock);
	running--;
	pthread_cond_signal(&freed);
	pthread_mutex_unlock(&lock);
	algos_must(ok == 1, "scrypt");
}

static bool read_hex(unsigned char *out, size_t n, const char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		const char *high = hex[2 * i] ? strchr(digits, hex[2 * i]) : NULL;
		const char *low  = high && hex[2 * i + 1] ? strchr(digits, hex[2 * i + 1]) : NULL;

		if (!low)
			return false;
		out[i] = (unsigned char)((high - digits) << 4 | (low - digits));
	}
	return hex[2 * n] == 0;
}

static bool read_stored(struct stored *s, const char *text)
{
	char salt[2 * SALT_BYTES + 1], hash[2 * HASH_BYTES + 2];

	return text && sscanf(text, "scrypt$%2u$%2u$%2u$%32[0-9a-f]$%65[0-9a-f]", &s->log_n, &s->r, &s->p, salt, hash) == 5 &&
	       s->log_n >= 1 && s->log_n <= LOG_N_MAX && s->r >= 1 && s->r <= R_MAX && s->p >= 1 && s->p <= P_MAX &&
	       read_hex(s->salt, SALT_BYTES, salt) && read_hex(s->hash, HASH_BYTES, hash);
}

void crypt_password_hash(char out[CRYPT_PASSWORD_SIZE], const char *password)
{
	struct stored s = {LOG_N, R, P, {0}, {0}};
	wc_arena     *a = wc_arena_new();

	wc_random(s.salt, sizeof s.salt);
	derive(s.hash, &s, password);
	snprintf(out, CRYPT_PASSWORD_SIZE, "scrypt$%u$%u$%u$%s$%s", s.log_n, s.r, s.p, wc_hex(a, s.salt, sizeof s.salt),
	         wc_hex(a, s.hash, sizeof s.hash));
	wc_arena_free(a);
}

bool crypt_password_verify(const char *text, const char *password)
{
	struct stored s = {LOG_N, R, P, {0}, {0}};
	unsigned char got[HASH_BYTES];
	bool          known = read_stored(&s, text), same;

	/* Nobody's password is checked against the standard cost, so that the time tells nothing. */
	if (!known)
		s = (struct stored){LOG_N, R, P, {0}, {0}};
	derive(got, &s, password);
	same = crypt_equal(got, s.hash, sizeof got);
	OPENSSL_cleanse(got, sizeof got);
	return known && same;
}

bool crypt_password_stale(const char *text)
{
	struct stored s;

	return !read_stored(&s, text) || s.log_n != LOG_N || s.r != R || s.p != P;
}

void crypt_hmac_sha1(unsigned char out[20], const void *key, size_t key_n, const void *p, size_t n)
{
	unsigned size = 20;

	algos_must(HMAC(algos()->sha1, key, (int)key_n, p, n, out, &size) && size == 20, "HMAC-SHA-1");
}
