/* What crypt offers to the higher tiers of core, besides <wecomd/envelope.h> and <wecomd/seal.h>. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/err.h>

/* Loads the key file, which nobody but its owner may read. Call it before threads start; wc_seal(), wc_unseal() and
 * wc_keyed_hash() without it are a bug and end the process. Called again it replaces all keys.
 * -1: WC_E_CONFIG naming file and line, never a key; what was loaded before stays. */
int crypt_open(const char *key_file, wc_err *e);

/* Plain SHA-256, for checksums. Needs no key. */
void crypt_hash_raw(unsigned char out[32], const void *p, size_t n);

/* Whether n bytes are equal, in a time that does not tell where they differ. */
bool crypt_equal(const void *a, const void *b, size_t n);
