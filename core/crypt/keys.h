/* The master keys: which there are, which of them seals, and the file that they come from.
 *
 * The file is looked at again each second that keys are used, so that a key added to it is known to every process at once; a key
 * seals from its time on, which is set far enough ahead for all of them to have seen it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/err.h>

#define KEYS_MAX     256
#define KEY_FILE_MAX (64u << 10)

struct master {
	unsigned      id;               /* 1 to 65535 */
	int64_t       seals_from_s;     /* seconds since 1970; 0: always */
	unsigned char key[32];
};

/* What a key file holds. Never changed once it is in use. */
struct keyset {
	size_t         n;
	struct master  key[KEYS_MAX];   /* ordered by id */
	bool           has_hash;        /* the file says the key of keyed hashes itself */
	unsigned char  hash[32];
	struct keyset *before;          /* the one that it replaced: readers may still hold it */
};

const struct master *keys_sealing(void);          /* the greatest id whose time has come; ends the process before crypt_open() */
const struct master *keys_find(unsigned id);      /* NULL: the file has none of that id, even when looked at again */
const struct keyset *keys_all(void);

/* --- the file (keyfile.c) ------------------------------------------------------------------------------------------- */

/* Reads the file, which nobody but its owner may read, into content, which has room for KEY_FILE_MAX + 1 bytes; *n without a terminator.
 * *fd_stat may be NULL. -1: WC_E_CONFIG. */
struct stat;
int keyfile_read(const char *file, char *content, size_t *n, struct stat *fd_stat, wc_err *e);

/* -1: WC_E_CONFIG naming file and line, never a key. Only *k's contents are written; they hold keys: wipe them. */
int keyfile_parse(struct keyset *k, const char *file, const char *content, size_t n, wc_err *e);

/* The key of keyed hashes: the file's own, or derived from the lowest id. */
void keyset_hash_key(const struct keyset *k, unsigned char out[32]);
