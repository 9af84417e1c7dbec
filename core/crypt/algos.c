/* The algorithms in use, fetched at first use. */
#include "algos.h"

#include <wecomd/log.h>

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct algos   fetched;

void algos_must(bool ok, const char *what)
{
	if (ok)
		return;
	wc_log(WC_ERROR, "cryptography failed", wc_kv_s("what", what));
	abort();
}

static void fetch(void)
{
	fetched.cbc    = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	fetched.gcm    = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	fetched.sha1   = EVP_MD_fetch(NULL, "SHA1", NULL);
	fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	algos_must(fetched.cbc && fetched.gcm && fetched.sha1 && fetched.sha256, "OpenSSL lacks an algorithm");
}

const struct algos *algos(void)
{
	pthread_once(&once, fetch);
	return &fetched;
}
