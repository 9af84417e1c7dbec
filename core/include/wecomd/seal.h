/* What is personal is sealed at rest; what must be looked up is hashed with a key.
 *
 * The key file ([crypt] key_file) holds lines "ID HEX64 [TIME]": master keys of 32 bytes with ids 1 to 65535. The greatest id
 * whose time (seconds since 1970; none: always) has come seals; every listed one opens. `wecomd key rotate` adds one to a running
 * system, `wecomd key reseal` seals the rows of registered columns anew (see .sealed in plugin.h), `wecomd key retire` removes one that
 * nothing is sealed with any more. Sealed: version(1) | key id(2, big endian) | nonce(12) | AES-256-GCM ciphertext | tag(16). */
#pragma once

#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>

#define WC_SEAL_OVERHEAD 31     /* bytes a sealed text is longer than the text */
#define WC_HASH_SIZE     32

/* about binds the sealed bytes to their place, always "table.column" ("inbox_event.payload"): moved elsewhere they do not open. */
wc_slice wc_seal(wc_arena *a, const char *about, wc_slice plain);

/* -1: WC_E_INTERNAL for bytes that were changed, moved, or sealed with a key that the file does not hold. */
int wc_unseal(wc_arena *a, const char *about, wc_slice sealed, wc_slice *plain, wc_err *e);

/* HMAC-SHA-256 under the hash key: the file's line "hash HEX64", or, in a file that was never rotated, derived from the lowest id.
 * It never changes, since what was stored by it must be found again. Each part is hashed with its
 * length, so that ("ab","c") and ("a","bc") differ. The last part is NULL. */
void wc_keyed_hash(unsigned char out[WC_HASH_SIZE], const char *purpose, ... /* const char *, …, NULL */);

/* Lower-case hex in the arena. */
char *wc_hex(wc_arena *a, const unsigned char *p, size_t n);

/* n bytes that nobody can guess; ends the process when the system has none. */
void wc_random(void *p, size_t n);
