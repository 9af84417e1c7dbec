/* OpenSSL's algorithms, fetched once: looking one up by name for each call costs more than most of our calls. */
#pragma once

#include <stdbool.h>

#include <openssl/evp.h>

struct algos {
	EVP_CIPHER *cbc;        /* AES-256-CBC */
	EVP_CIPHER *gcm;        /* AES-256-GCM */
	EVP_MD     *sha1;
	EVP_MD     *sha256;
};

const struct algos *algos(void);     /* safe from every thread */

/* Ends the process unless ok: for what only lack of memory, a broken OpenSSL or a bug can cause. */
void algos_must(bool ok, const char *what);
