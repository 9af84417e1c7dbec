/* What crypt offers to the higher tiers of core, besides <wecomd/envelope.h> and <wecomd/seal.h>. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>

/* Loads the key file, which nobody but its owner may read. Call it before threads start; wc_seal(), wc_unseal() and
 * wc_keyed_hash() without it are a bug and end the process. Called again it replaces all keys. From then on the file is looked at each
 * second that keys are used, and read again when it changed; what cannot be read then, or has another hash key, changes nothing.
 * -1: WC_E_CONFIG naming file and line, never a key; what was loaded before stays. */
int crypt_open(const char *key_file, wc_err *e);

const char *crypt_key_file(void);

/* --- changing the key file. Each replaces it as a whole; processes that run learn of it within a second. -------------- */

struct crypt_key {
	unsigned id;
	int64_t  seals_from_s;     /* seconds since 1970; 0: always */
	bool     seals;            /* the one that seals now */
};

#define CRYPT_KEYS_MAX 256

/* The keys in the order of their ids; how many. */
size_t crypt_keys(struct crypt_key *list, size_t max);

/* Adds a random key under the next id. It opens at once and seals from that time on, which every process of every node must have learned
 * of it by. -1: WC_E_CONFIG. */
int crypt_key_add(int64_t seals_from_s, unsigned *id, wc_err *e);

/* Takes a key out of the file. -1: WC_E_CONFLICT for the one that seals and newer ones, WC_E_NOT_FOUND, WC_E_CONFIG. Whether anything is
 * still sealed with it is the caller's to know. */
int crypt_key_drop(unsigned id, wc_err *e);

/* --- a key of one's own, such as a customer's ------------------------------------------------------------------------- */

/* As wc_seal() and wc_unseal(), WC_SEAL_OVERHEAD included, under this key of 32 bytes instead of a master key. */
wc_slice crypt_seal_with(wc_arena *a, const unsigned char key[32], const char *about, wc_slice plain);
int      crypt_unseal_with(wc_arena *a, const unsigned char key[32], const char *about, wc_slice sealed, wc_slice *plain, wc_err *e);

void crypt_wipe(void *p, size_t n);     /* not left out by the compiler */

/* Plain SHA-256, for checksums. Needs no key. */
void crypt_hash_raw(unsigned char out[32], const void *p, size_t n);

/* The same in pieces, for what does not fit into memory; freed with the arena. */
struct crypt_sum *crypt_sum_new(wc_arena *a);
void              crypt_sum_add(struct crypt_sum *sum, const void *p, size_t n);
void              crypt_sum_end(struct crypt_sum *sum, unsigned char out[32]);     /* once */

/* The same in pieces, for what does not fit into memory; freed with the arena. */
struct crypt_sum *crypt_sum_new(wc_arena *a);
void              crypt_sum_add(struct crypt_sum *sum, const void *p, size_t n);
void              crypt_sum_end(struct crypt_sum *sum, unsigned char out[32]);     /* once */

/* Whether n bytes are equal, in a time that does not tell where they differ. */
bool crypt_equal(const void *a, const void *b, size_t n);

/* --- passwords and one-time codes (password.c) ------------------------------------------------------------------------ */

#define CRYPT_PASSWORD_SIZE 128

/* "scrypt$log2 N$r$p$salt$hash" with a fresh salt: what is stored. Some 80 ms; at most two run at once in a process. */
void crypt_password_hash(char out[CRYPT_PASSWORD_SIZE], const char *password);

/* Whether the password is the stored one. stored NULL or unreadable: false, after the same time. */
bool crypt_password_verify(const char *stored, const char *password);

/* Whether the stored text was made at another cost than today's: hash the password anew when it is next known. */
bool crypt_password_stale(const char *stored);

/* HMAC-SHA-1, which RFC 6238's codes are made of; for nothing else. */
void crypt_hmac_sha1(unsigned char out[20], const void *key, size_t key_n, const void *p, size_t n);
