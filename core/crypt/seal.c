/* Sealing with AES-256-GCM. The tag covers the text, the version, the key id and the place that the text belongs to.
 *
 * Nonces are random, so a key should seal fewer than 2^32 times: a busy site rotates every few years. */
#include <wecomd/seal.h>

#include "algos.h"
#include "crypt.h"
#include "keys.h"

#include <openssl/crypto.h>

#include <limits.h>
#include <string.h>

enum { VERSION_MASTER = 1, VERSION_OWN_KEY = 2, HEAD = 3, NONCE = 12, TAG = 16 };

_Static_assert(HEAD + NONCE + TAG == WC_SEAL_OVERHEAD, "the header says how much longer sealed bytes are");

/* A context that has key and nonce and has taken in what the tag covers besides the text. head begins the sealed bytes. */
static EVP_CIPHER_CTX *start(const unsigned char key[32], const unsigned char *head, const char *about, bool sealing)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int             n;

	algos_must(ctx && EVP_CipherInit_ex2(ctx, algos()->gcm, key, head + HEAD, sealing, NULL) &&
	           EVP_CipherUpdate(ctx, NULL, &n, head, HEAD) &&
	           EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)about, (int)strlen(about)),
	           "AES-256-GCM");
	return ctx;
}

/* OpenSSL takes no text for the end of the data, so none is not handed over. */
static void run(EVP_CIPHER_CTX *ctx, unsigned char *to, const void *from, size_t n)
{
	int done;

	if (n)
		algos_must(EVP_CipherUpdate(ctx, to, &done, from, (int)n) && (size_t)done == n, "AES-256-GCM");
}

static wc_slice seal(wc_arena *a, int version, unsigned id, const unsigned char key[32], const char *about, wc_slice plain)
{
	unsigned char  *out, *tag;
	EVP_CIPHER_CTX *ctx;
	int             none;

	algos_must(plain.n < INT_MAX / 2, "too much to seal");
	out    = wc_alloc(a, plain.n + WC_SEAL_OVERHEAD + 1);
	tag    = out + HEAD + NONCE + plain.n;
	out[0] = (unsigned char)version;
	out[1] = (unsigned char)(id >> 8);
	out[2] = (unsigned char)id;
	wc_random(out + HEAD, NONCE);
	ctx = start(key, out, about, true);
	run(ctx, out + HEAD + NONCE, plain.p, plain.n);
	algos_must(EVP_CipherFinal_ex(ctx, tag, &none) && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag),
	           "AES-256-GCM");
	EVP_CIPHER_CTX_free(ctx);
	return (wc_slice){(char *)out, plain.n + WC_SEAL_OVERHEAD};
}

/* The tag is copied because OpenSSL wants one that it could write to. */
static bool open_sealed(const unsigned char key[32], const char *about, const unsigned char *in, unsigned char *out, size_t n)
{
	EVP_CIPHER_CTX *ctx = start(key, in, about, false);
	unsigned char   tag[TAG];
	int             none;
	bool            ok;

	memcpy(tag, in + HEAD + NONCE + n, TAG);
	run(ctx, out, in + HEAD + NONCE, n);
	ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) && EVP_CipherFinal_ex(ctx, out + n, &none) > 0;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static int check_head(const char *about, wc_slice sealed, int version, wc_err *e)
{
	if (sealed.n < WC_SEAL_OVERHEAD || sealed.n > INT_MAX / 2 || *sealed.p != version)
		return wc_fail(e, WC_E_INTERNAL, "%s does not hold sealed bytes", about);
	return 0;
}

static int unseal(wc_arena *a, const unsigned char key[32], const char *about, wc_slice sealed, wc_slice *plain, wc_err *e)
{
	size_t         n   = sealed.n - WC_SEAL_OVERHEAD;
	unsigned char *out = wc_alloc(a, n + 1);

	if (!open_sealed(key, about, (const unsigned char *)sealed.p, out, n)) {
		memset(out, 0, n);
		return wc_fail(e, WC_E_INTERNAL, "%s was changed, moved or sealed with another key", about);
	}
	*plain = (wc_slice){(char *)out, n};
	return 0;
}

wc_slice wc_seal(wc_arena *a, const char *about, wc_slice plain)
{
	const struct master *m = keys_sealing();

	return seal(a, VERSION_MASTER, m->id, m->key, about, plain);
}

int wc_unseal(wc_arena *a, const char *about, wc_slice sealed, wc_slice *plain, wc_err *e)
{
	const unsigned char *in = (const unsigned char *)sealed.p;
	const struct master *m;

	if (check_head(about, sealed, VERSION_MASTER, e) < 0)
		return -1;
	m = keys_find((unsigned)in[1] << 8 | in[2]);
	if (!m)
		return wc_fail(e, WC_E_INTERNAL, "%s is sealed with key %u, which the key file does not hold", about,
		               (unsigned)in[1] << 8 | in[2]);
	return unseal(a, m->key, about, sealed, plain, e);
}

wc_slice crypt_seal_with(wc_arena *a, const unsigned char key[32], const char *about, wc_slice plain)
{
	return seal(a, VERSION_OWN_KEY, 0, key, about, plain);
}

int crypt_unseal_with(wc_arena *a, const unsigned char key[32], const char *about, wc_slice sealed, wc_slice *plain, wc_err *e)
{
	return check_head(about, sealed, VERSION_OWN_KEY, e) < 0 ? -1 : unseal(a, key, about, sealed, plain, e);
}

void crypt_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
