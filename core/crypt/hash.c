/* Hashes: keyed ones for look-ups, plain ones for checksums, and comparing them. */
#include "hash.h"

#include "algos.h"
#include "crypt.h"

#include <wecomd/seal.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

/* An HMAC that has its key and no text yet; each hash goes on from a copy. */
static EVP_MAC_CTX *keyed;

static EVP_MAC_CTX *hmac_new(const unsigned char key[32])
{
	OSSL_PARAM   params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
	                         OSSL_PARAM_construct_end()};
	EVP_MAC     *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	algos_must(ctx && EVP_MAC_init(ctx, key, 32, params), "HMAC");
	EVP_MAC_free(mac);
	return ctx;
}

static void hmac_end(EVP_MAC_CTX *ctx, unsigned char out[32])
{
	size_t n;

	algos_must(EVP_MAC_final(ctx, out, &n, 32) && n == 32, "HMAC");
	EVP_MAC_CTX_free(ctx);
}

void hash_derive(const unsigned char master[32], unsigned char key[32])
{
	static const char use[] = "wecomd keyed hash";
	EVP_MAC_CTX      *ctx   = hmac_new(master);

	algos_must(EVP_MAC_update(ctx, (const unsigned char *)use, sizeof use - 1), "HMAC");
	hmac_end(ctx, key);
}

void hash_rekey(const unsigned char key[32])
{
	EVP_MAC_CTX_free(keyed);
	keyed = hmac_new(key);
}

static void add_part(EVP_MAC_CTX *ctx, const char *part)
{
	uint64_t      n = strlen(part);
	unsigned char size[8];

	for (size_t i = 0; i < sizeof size; i++)
		size[i] = (unsigned char)(n >> (56 - 8 * i));
	algos_must(EVP_MAC_update(ctx, size, sizeof size) && EVP_MAC_update(ctx, (const unsigned char *)part, n), "HMAC");
}

void wc_keyed_hash(unsigned char out[WC_HASH_SIZE], const char *purpose, ...)
{
	EVP_MAC_CTX *ctx;
	va_list      parts;

	algos_must(keyed, "no key: crypt_open() comes first");
	ctx = EVP_MAC_CTX_dup(keyed);
	algos_must(ctx, "HMAC");
	add_part(ctx, purpose);
	va_start(parts, purpose);
	for (const char *part; (part = va_arg(parts, const char *)); )
		add_part(ctx, part);
	va_end(parts);
	hmac_end(ctx, out);
}

void crypt_hash_raw(unsigned char out[32], const void *p, size_t n)
{
	algos_must(EVP_Digest(p, n, out, NULL, algos()->sha256, NULL), "SHA-256");
}

bool crypt_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
