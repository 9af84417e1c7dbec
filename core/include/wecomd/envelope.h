/* The signed and encrypted envelope of WeCom's callbacks, in XML and in JSON (doc/90968, doc/101033).
 *
 *     plain   = random(16) | uint32_be(len(msg)) | msg | receiveid, padded by PKCS#7 to a multiple of 32
 *     encrypt = base64(AES-256-CBC(key, iv = key[0..15], plain))
 *     signature = lower-case hex of SHA-1 over token, timestamp, nonce and encrypt, sorted and joined
 *
 * Everything that comes in is hostile: lengths are checked before they are used, signatures are compared in
 * constant time, and no error tells more than which step failed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>

typedef struct wc_envelope {
	const char   *token;
	const char   *receiveid;     /* "" is a value of its own (smart bot); a mismatch is refused */
	unsigned char key[32];
} wc_envelope;

typedef struct wc_slice {
	const char *p;
	size_t      n;
} wc_slice;

/* aes_key is the 43 characters [A-Za-z0-9] of the console; the last one's two unused bits may be set and are ignored.
 * token and receiveid are borrowed for the envelope's life. -1: WC_E_CONFIG. */
int wc_envelope_init(wc_envelope *v, const char *token, const char *aes_key, const char *receiveid, wc_err *e);

/* 40 hex digits and a terminator into signature. */
void wc_envelope_sign(const wc_envelope *v, const char *timestamp, const char *nonce, wc_slice encrypt, char signature[41]);

/* Checks the signature, decrypts, unpads and checks receiveid. *msg is in the arena, terminated, and may hold any byte.
 * -1: WC_E_DENIED for a wrong signature or receiveid, WC_E_ARG for what does not decode or decrypt. */
int wc_envelope_open(const wc_envelope *v, wc_arena *a, const char *signature, const char *timestamp, const char *nonce,
                     wc_slice encrypt, wc_slice *msg, wc_err *e);

/* A file that a callback points to (doc/100719): the bare bytes under the bot's key, AES-256-CBC, padded to a multiple of 32. *plain is in
 * the arena, terminated, and may be empty. -1: WC_E_ARG for what no such file can be; a wrong key shows as wrong padding, but for one
 * key in some hundred it does not show at all, so look at what came out. */
int wc_media_open(const wc_envelope *v, wc_arena *a, wc_slice file, wc_slice *plain, wc_err *e);

/* The other way round: what a URL of a callback leads to. The arena ends the process when it has no room. */
wc_slice wc_media_close(const wc_envelope *v, wc_arena *a, wc_slice plain);

/* Encrypts msg under a random prefix (random16: 16 bytes for tests, otherwise NULL); *encrypt is base64 in the arena. */
int wc_envelope_close(const wc_envelope *v, wc_arena *a, wc_slice msg, const unsigned char *random16, wc_slice *encrypt,
                      wc_err *e);

/* The ciphertext of a callback's body. The first byte that is not blank says which form it has: '<' XML (expat,
 * no entities, at most 16 levels), '{' JSON (encrypt or Encrypt). *encrypt points into the body or the arena and is not terminated. -1: WC_E_ARG. */
int wc_envelope_unwrap(wc_arena *a, wc_slice body, wc_slice *encrypt, bool *is_xml, wc_err *e);

/* The whole body of a passive reply: encrypts, signs with timestamp and nonce, and wraps in the form asked for. */
int wc_envelope_reply(const wc_envelope *v, wc_arena *a, bool as_xml, const char *timestamp, const char *nonce, wc_slice msg,
                      wc_slice *body, wc_err *e);
