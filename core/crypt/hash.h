/* The key of wc_keyed_hash(). */
#pragma once

/* Takes the key itself. Only crypt_open() calls this, before there are threads. */
void hash_rekey(const unsigned char key[32]);

/* What a key file without a hash line means: derived from its lowest master key. */
void hash_derive(const unsigned char master[32], unsigned char key[32]);
