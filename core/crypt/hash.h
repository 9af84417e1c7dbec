/* The key of wc_keyed_hash(). */
#pragma once

/* Derives it from a master key. Only crypt_open() calls this, before there are threads. */
void hash_rekey(const unsigned char master[32]);
