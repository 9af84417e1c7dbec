/* Callback envelopes: signature, cipher and reply. What arrives is checked step by step in the order that gives
 * an attacker the least to learn: nothing is decoded before the signature matched. */
#include <wecomd/envelope.h>
#include <wecomd/seal.h>

#include "algos.h"
#include "base64.h"
#include "crypt.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK    32               /* WeCom pads to 32 bytes, not to the 16 of AES */
#define HEAD     20               /* 16 random bytes and the length */
#define TEXT_MAX (16u << 20)      /* far above any callback, far below what OpenSSL's int can count */
#define MEDIA_MAX (128u << 20)    /* WeCom calls back for files of up to 100 MB */
#define SIGN_LEN 40

static bool is_key_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_key_text(const char *s)
{
	size_t n = strnlen(s, 44);

	for (size_t i = 0; i < n; i++)
		if (!is_key_character(s[i]))
			return false;
	return n == 43;
}

int wc_envelope_init(wc_envelope *v, const char *token, const char *aes_key, const char *receiveid, wc_err *e)
{
	unsigned char decoded[33];
	char          padded[44];
	size_t        n;

	if (!token || !*token)
		return wc_fail(e, WC_E_CONFIG, "the callback token is empty");
	if (!aes_key || !is_key_text(aes_key))
		return wc_fail(e, WC_E_CONFIG, "an EncodingAESKey is 43 letters and digits");
	if (!receiveid)
		return wc_fail(e, WC_E_CONFIG, "the receiveid is not set");
	memcpy(padded, aes_key, 43);
	padded[43] = '=';
	algos_must(base64_decode(decoded, &n, padded, sizeof padded) && n == sizeof v->key, "EncodingAESKey");
	v->token     = token;
	v->receiveid = receiveid;
	memcpy(v->key, decoded, sizeof v->key);
	return 0;
}

static int by_bytes(const void *left, const void *right)
{
	const wc_slice *a = left, *b = right;
	int             order = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);

	return order ? order : (a->n > b->n) - (a->n < b->n);
}

static void sha1_joined(unsigned char out[20], const wc_slice *part, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool        ok  = ctx && EVP_DigestInit_ex2(ctx, algos()->sha1, NULL);

	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, part[i].p, part[i].n);
	algos_must(ok && EVP_DigestFinal_ex(ctx, out, NULL), "SHA-1");
	EVP_MD_CTX_free(ctx);
}

static wc_slice text(const char *s)
{
	return (wc_slice){s, strlen(s)};
}

void wc_envelope_sign(const wc_envelope *v, const char *timestamp, const char *nonce, wc_slice encrypt, char signature[41])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char     hash[SIGN_LEN / 2];
	wc_slice          part[4] = {text(v->token), text(timestamp), text(nonce), encrypt.n ? encrypt : text("")};

	qsort(part, 4, sizeof part[0], by_bytes);
	sha1_joined(hash, part, 4);
	for (size_t i = 0; i < sizeof hash; i++) {
		signature[2 * i]     = digits[hash[i] >> 4];
		signature[2 * i + 1] = digits[hash[i] & 15];
	}
	signature[SIGN_LEN] = 0;
}

/* A missing parameter is NULL and matches nothing. */
static bool signature_matches(const wc_envelope *v, const char *signature, const char *timestamp, const char *nonce,
                              wc_slice encrypt)
{
	char right[SIGN_LEN + 1];

	if (!signature || !timestamp || !nonce || strnlen(signature, SIGN_LEN + 1) != SIGN_LEN)
		return false;
	wc_envelope_sign(v, timestamp, nonce, encrypt, right);
	return crypt_equal(signature, right, SIGN_LEN);
}

/* AES-256-CBC in place over whole blocks, without padding. */
static void cipher(const wc_envelope *v, bool encrypting, unsigned char *p, size_t n)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int             done;

	algos_must(ctx && EVP_CipherInit_ex2(ctx, algos()->cbc, v->key, v->key, encrypting, NULL) &&
	           EVP_CIPHER_CTX_set_padding(ctx, 0) && EVP_CipherUpdate(ctx, p, &done, p, (int)n) && (size_t)done == n,
	           "AES-256-CBC");
	EVP_CIPHER_CTX_free(ctx);
}

/* How many of the n bytes are padding: 1 to 32, each of them that number. 0: it is not padded rightly. */
static size_t padding(const unsigned char *p, size_t n)
{
	size_t pad = p[n - 1];

	if (pad > BLOCK || pad > n)
		return 0;
	for (size_t i = n - pad; i < n; i++)
		if (p[i] != pad)
			return 0;
	return pad;
}

static uint32_t get_be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(unsigned char *p, uint32_t n)
{
	p[0] = (unsigned char)(n >> 24);
	p[1] = (unsigned char)(n >> 16);
	p[2] = (unsigned char)(n >> 8);
	p[3] = (unsigned char)n;
}

/* Finds the message in n decrypted bytes. The terminator lands on the receiveid or the padding, which are done with. */
static int take_message(const wc_envelope *v, unsigned char *p, size_t n, wc_slice *msg, wc_err *e)
{
	size_t pad = padding(p, n), id_n = strlen(v->receiveid), rest, msg_n;

	if (!pad)
		return wc_fail(e, WC_E_ARG, "the padding is wrong");
	if (n - pad < HEAD)
		return wc_fail(e, WC_E_ARG, "the decrypted message is too short");
	rest  = n - pad - HEAD;
	msg_n = get_be32(p + 16);
	if (msg_n > rest)
		return wc_fail(e, WC_E_ARG, "the message length is wrong");
	if (rest - msg_n != id_n || !crypt_equal(p + HEAD + msg_n, v->receiveid, id_n))
		return wc_fail(e, WC_E_DENIED, "the receiveid does not match");
	p[HEAD + msg_n] = 0;
	*msg = (wc_slice){(char *)p + HEAD, msg_n};
	return 0;
}

int wc_envelope_open(const wc_envelope *v, wc_arena *a, const char *signature, const char *timestamp, const char *nonce,
                     wc_slice encrypt, wc_slice *msg, wc_err *e)
{
	unsigned char *p;
	size_t         n;

	if (encrypt.n > TEXT_MAX)
		return wc_fail(e, WC_E_ARG, "the ciphertext is too long");
	if (!signature_matches(v, signature, timestamp, nonce, encrypt))
		return wc_fail(e, WC_E_DENIED, "the signature does not match");
	p = wc_alloc(a, encrypt.n / 4 * 3);
	if (!base64_decode(p, &n, encrypt.p, encrypt.n))
		return wc_fail(e, WC_E_ARG, "the ciphertext is not base64");
	if (!n || n % BLOCK)
		return wc_fail(e, WC_E_ARG, "the ciphertext is not a multiple of 32 bytes");
	cipher(v, false, p, n);
	return take_message(v, p, n, msg, e);
}

int wc_media_open(const wc_envelope *v, wc_arena *a, wc_slice file, wc_slice *plain, wc_err *e)
{
	unsigned char *p;
	size_t         pad;

	if (file.n > MEDIA_MAX)
		return wc_fail(e, WC_E_TOO_LARGE, "a file of %zu bytes is over the bound of %u", file.n, MEDIA_MAX);
	if (!file.n || file.n % BLOCK)
		return wc_fail(e, WC_E_ARG, "the file is not a multiple of 32 bytes");
	p = wc_alloc(a, file.n + 1);
	memcpy(p, file.p, file.n);
	cipher(v, false, p, file.n);
	if (!(pad = padding(p, file.n)))
		return wc_fail(e, WC_E_ARG, "the padding is wrong: the file is damaged or for another key");
	p[file.n - pad] = 0;
	*plain = (wc_slice){(char *)p, file.n - pad};
	return 0;
}

static void put(unsigned char *p, const void *from, size_t n)
{
	if (n)
		memcpy(p, from, n);
}

int wc_envelope_close(const wc_envelope *v, wc_arena *a, wc_slice msg, const unsigned char *random16, wc_slice *encrypt,
                      wc_err *e)
{
	size_t         id_n = strlen(v->receiveid), n, pad;
	unsigned char *p;

	if (msg.n > TEXT_MAX / 2 || id_n > TEXT_MAX / 8)
		return wc_fail(e, WC_E_TOO_LARGE, "the message is too long for an envelope");
	n   = HEAD + msg.n + id_n;
	pad = BLOCK - n % BLOCK;
	p   = wc_alloc(a, n + pad);
	if (random16)
		memcpy(p, random16, 16);
	else
		wc_random(p, 16);
	put_be32(p + 16, (uint32_t)msg.n);
	put(p + HEAD, msg.p, msg.n);
	put(p + HEAD + msg.n, v->receiveid, id_n);
	memset(p + n, (int)pad, pad);
	cipher(v, true, p, n + pad);
	*encrypt = base64_encode(a, p, n + pad);
	return 0;
}

wc_slice wc_media_close(const wc_envelope *v, wc_arena *a, wc_slice plain)
{
	size_t         pad = BLOCK - plain.n % BLOCK;
	unsigned char *p   = wc_alloc(a, plain.n + pad);

	put(p, plain.p, plain.n);
	memset(p + plain.n, (int)pad, pad);
	cipher(v, true, p, plain.n + pad);
	return (wc_slice){(const char *)p, plain.n + pad};
}

/* It becomes a JSON number, so it must read the same as the text that is signed. */
static bool is_timestamp(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 15 && !s[n] && (s[0] != '0' || n == 1);
}

/* Visible ASCII that needs no escape in either form. WeCom's nonces are letters and digits. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("\"\\<>&]", *s))
			return false;
	return true;
}

int wc_envelope_reply(const wc_envelope *v, wc_arena *a, bool as_xml, const char *timestamp, const char *nonce, wc_slice msg,
                      wc_slice *body, wc_err *e)
{
	char     signature[SIGN_LEN + 1];
	wc_slice encrypt;
	char    *s;

	if (!is_timestamp(timestamp))
		return wc_fail(e, WC_E_ARG, "the timestamp of a reply is not a number of seconds");
	if (!is_plain(nonce))
		return wc_fail(e, WC_E_ARG, "the nonce of a reply holds characters that it cannot carry");
	if (wc_envelope_close(v, a, msg, NULL, &encrypt, e) < 0)
		return -1;
	wc_envelope_sign(v, timestamp, nonce, encrypt, signature);
	if (as_xml)
		s = wc_printf(a, "<xml><Encrypt><![CDATA[%s]]></Encrypt><MsgSignature><![CDATA[%s]]></MsgSignature>"
		              "<TimeStamp>%s</TimeStamp><Nonce><![CDATA[%s]]></Nonce></xml>",
		              encrypt.p, signature, timestamp, nonce);
	else
		s = wc_printf(a, "{\"encrypt\":\"%s\",\"msgsignature\":\"%s\",\"timestamp\":%s,\"nonce\":\"%s\"}",
		              encrypt.p, signature, timestamp, nonce);
	*body = text(s);
	return 0;
}
