/* Hashes: keyed ones for look-ups, plain ones for checksums, and comparing them.
 *
 * A keyed hash is HMAC-SHA-256 (RFC 2104) over OpenSSL's SHA-256 itself, for each callback needs three: a copy of its two states is 200
 * bytes, while OpenSSL's HMAC makes and frees sixteen pieces of memory for each hash, which takes as long as hashing. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "hash.h"

#include "algos.h"
#include "crypt.h"

#include <wecomd/seal.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 64     /* of SHA-256 */

struct hmac {
	SHA256_CTX inner, outer;
};

/* It has its key and no text yet; each hash goes on from a copy. */
static struct hmac keyed;
static bool        has_key;

static void state_new(SHA256_CTX *state, const unsigned char key[32], unsigned char pad)
{
	unsigned char block[BLOCK];

	memset(block, pad, sizeof block);
	for (size_t i = 0; i < 32; i++)
		block[i] ^= key[i];
	algos_must(SHA256_Init(state) && SHA256_Update(state, block, sizeof block), "SHA-256");
	OPENSSL_cleanse(block, sizeof block);
}

static struct hmac hmac_new(const unsigned char key[32])
{
	struct hmac h;

	state_new(&h.inner, key, 0x36);
	state_new(&h.outer, key, 0x5c);
	return h;
}

static void hmac_add(struct hmac *h, const void *p, size_t n)
{
	algos_must(SHA256_Update(&h->inner, p, n), "SHA-256");
}

static void hmac_end(struct hmac *h, unsigned char out[32])
{
	algos_must(SHA256_Final(out, &h->inner) && SHA256_Update(&h->outer, out, 32) && SHA256_Final(out, &h->outer), "SHA-256");
	OPENSSL_cleanse(h, sizeof *h);
}

void hash_derive(const unsigned char master[32], unsigned char key[32])
{
	static const char use[] = "wecomd keyed hash";
	struct hmac       h     = hmac_new(master);

	hmac_add(&h, use, sizeof use - 1);
	hmac_end(&h, key);
}

void hash_rekey(const unsigned char key[32])
{
	keyed   = hmac_new(key);
	has_key = true;
}

static void add_part(struct hmac *h, const char *part)
{
	uint64_t      n = strlen(part);
	unsigned char size[8];

	for (size_t i = 0; i < sizeof size; i++)
		size[i] = (unsigned char)(n >> (56 - 8 * i));
	hmac_add(h, size, sizeof size);
	hmac_add(h, part, n);
}

void wc_keyed_hash(unsigned char out[WC_HASH_SIZE], const char *purpose, ...)
{
	struct hmac h = keyed;
	va_list     parts;

	algos_must(has_key, "no key: crypt_open() comes first");
	add_part(&h, purpose);
	va_start(parts, purpose);
	for (const char *part; (part = va_arg(parts, const char *)); )
		add_part(&h, part);
	va_end(parts);
	hmac_end(&h, out);
}

void crypt_hash_raw(unsigned char out[32], const void *p, size_t n)
{
	algos_must(EVP_Digest(p, n, out, NULL, algos()->sha256, NULL), "SHA-256");
}

struct crypt_sum {
	EVP_MD_CTX *ctx;
};

static void free_sum(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

struct crypt_sum *crypt_sum_new(wc_arena *a)
{
	struct crypt_sum *sum = wc_alloc(a, sizeof *sum);

	sum->ctx = EVP_MD_CTX_new();
	algos_must(sum->ctx && EVP_DigestInit_ex(sum->ctx, algos()->sha256, NULL), "SHA-256");
	wc_defer(a, free_sum, sum->ctx);
	return sum;
}

void crypt_sum_add(struct crypt_sum *sum, const void *p, size_t n)
{
	algos_must(EVP_DigestUpdate(sum->ctx, p, n), "SHA-256");
}

void crypt_sum_end(struct crypt_sum *sum, unsigned char out[32])
{
	algos_must(EVP_DigestFinal_ex(sum->ctx, out, NULL), "SHA-256");
}

bool crypt_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
