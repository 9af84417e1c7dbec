/* Envelopes from hostile hands: each broken in one place, and told apart from each other by the error. Published
 * examples are in crypto_vectors.c. */
#include <wecomd/envelope.h>

#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AES_KEY "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
#define STAMP   "1700000000"
#define NONCE   "abc123"

struct world {
	wc_arena   *a;
	wc_envelope corp;     /* receiveid "corp" */
	wc_envelope bot;      /* receiveid "" */
	wc_err      e;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	w->a = wc_arena_new();
	assert_int_equal(wc_envelope_init(&w->corp, "QDG6eK", AES_KEY, "corp", &w->e), 0);
	assert_int_equal(wc_envelope_init(&w->bot, "QDG6eK", AES_KEY, "", &w->e), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	wc_arena_free(w->a);
	free(w);
	return 0;
}

static wc_slice slice(const char *s)
{
	return (wc_slice){s, strlen(s)};
}

/* Opens encrypt under the right signature. */
static int open_signed(struct world *w, const wc_envelope *v, wc_slice encrypt, wc_slice *msg)
{
	char signature[41];

	wc_envelope_sign(v, STAMP, NONCE, encrypt, signature);
	return wc_envelope_open(v, w->a, signature, STAMP, NONCE, encrypt, msg, &w->e);
}

static void assert_refused(struct world *w, const wc_envelope *v, wc_slice encrypt, wc_code code, const char *text)
{
	wc_slice msg = {"untouched", 9};

	assert_int_equal(open_signed(w, v, encrypt, &msg), -1);
	assert_string_equal(w->e.text, text);
	assert_int_equal(w->e.code, code);
	assert_string_equal(msg.p, "untouched");
}

/* Encrypts n bytes as they are: what the product never makes and a stranger can send. */
static wc_slice raw_cipher(struct world *w, const void *plain, size_t n)
{
	EVP_CIPHER_CTX *ctx    = EVP_CIPHER_CTX_new();
	unsigned char  *cipher = wc_alloc(w->a, n + 16);
	char           *text   = wc_alloc(w->a, n * 2 + 8);
	int             done   = 0;

	assert_non_null(ctx);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, w->corp.key, w->corp.key), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	if (n)
		assert_int_equal(EVP_EncryptUpdate(ctx, cipher, &done, plain, (int)n), 1);
	assert_int_equal(done, n);
	EVP_CIPHER_CTX_free(ctx);
	return (wc_slice){text, (size_t)EVP_EncodeBlock((unsigned char *)text, cipher, (int)n)};
}

struct plain {
	unsigned char p[64];
};

/* 64 decrypted bytes: 16 random ones, the length as given, "mmm…" and the tail, then pad bytes of padding. */
static struct plain plain_with(uint32_t length, const char *tail, size_t pad)
{
	struct plain s;
	size_t       n = sizeof s.p - pad;

	memset(&s, (int)pad, sizeof s);
	memset(s.p, 'r', 16);
	for (size_t i = 0; i < 4; i++)
		s.p[16 + i] = (unsigned char)(length >> (24 - 8 * i));
	memset(s.p + 20, 'm', n - 20 - strlen(tail));
	memcpy(s.p + n - strlen(tail), tail, strlen(tail));
	return s;
}

static void assert_plain_refused(struct world *w, struct plain s, wc_code code, const char *text)
{
	assert_refused(w, &w->corp, raw_cipher(w, s.p, sizeof s.p), code, text);
}

static void a_right_envelope_opens(void **state)
{
	struct world *w = *state;
	struct plain  s = plain_with(25, "corp", 15);
	wc_slice      msg;

	assert_int_equal(open_signed(w, &w->corp, raw_cipher(w, s.p, sizeof s.p), &msg), 0);
	assert_int_equal(msg.n, 25);
	assert_string_equal(msg.p, "mmmmmmmmmmmmmmmmmmmmmmmmm");
}

static void a_wrong_signature_is_refused(void **state)
{
	struct world *w = *state;
	wc_slice      encrypt, msg;
	char          right[41], wrong[64];

	assert_int_equal(wc_envelope_close(&w->corp, w->a, slice("hello"), NULL, &encrypt, &w->e), 0);
	wc_envelope_sign(&w->corp, STAMP, NONCE, encrypt, right);
	for (size_t i = 0; i < 40; i++) {
		memcpy(wrong, right, 41);
		wrong[i] = wrong[i] == '0' ? '1' : '0';
		assert_int_equal(wc_envelope_open(&w->corp, w->a, wrong, STAMP, NONCE, encrypt, &msg, &w->e), -1);
		assert_int_equal(w->e.code, WC_E_DENIED);
		assert_string_equal(w->e.text, "the signature does not match");
	}
}

static void a_signature_of_another_length_or_none_is_refused(void **state)
{
	struct world *w = *state;
	wc_slice      encrypt, msg;
	char          right[41], longer[42];

	assert_int_equal(wc_envelope_close(&w->corp, w->a, slice("hello"), NULL, &encrypt, &w->e), 0);
	wc_envelope_sign(&w->corp, STAMP, NONCE, encrypt, right);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, right, STAMP, NONCE, encrypt, &msg, &w->e), 0);
	snprintf(longer, sizeof longer, "%s0", right);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, longer, STAMP, NONCE, encrypt, &msg, &w->e), -1);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, "", STAMP, NONCE, encrypt, &msg, &w->e), -1);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, NULL, STAMP, NONCE, encrypt, &msg, &w->e), -1);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, right, NULL, NONCE, encrypt, &msg, &w->e), -1);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, right, STAMP, NULL, encrypt, &msg, &w->e), -1);
	right[39] = 0;
	assert_int_equal(wc_envelope_open(&w->corp, w->a, right, STAMP, NONCE, encrypt, &msg, &w->e), -1);
	assert_int_equal(w->e.code, WC_E_DENIED);
}

static void the_signature_covers_token_timestamp_nonce_and_text(void **state)
{
	struct world *w = *state;
	wc_envelope   other;
	wc_slice      encrypt, msg;
	char          s[41];

	assert_int_equal(wc_envelope_init(&other, "QDG6eL", AES_KEY, "corp", &w->e), 0);
	assert_int_equal(wc_envelope_close(&w->corp, w->a, slice("hello"), NULL, &encrypt, &w->e), 0);
	wc_envelope_sign(&w->corp, STAMP, NONCE, encrypt, s);
	assert_int_equal(wc_envelope_open(&other, w->a, s, STAMP, NONCE, encrypt, &msg, &w->e), -1);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, s, "1700000001", NONCE, encrypt, &msg, &w->e), -1);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, s, STAMP, "abc124", encrypt, &msg, &w->e), -1);
	assert_int_equal(wc_envelope_open(&w->corp, w->a, s, STAMP, NONCE, (wc_slice){encrypt.p, encrypt.n - 4}, &msg, &w->e), -1);
	assert_string_equal(w->e.text, "the signature does not match");
}

static void broken_base64_is_refused(void **state)
{
	static const struct { size_t at; char c; } strange[] = {
		{0, ' '}, {0, '\n'}, {5, ' '}, {5, '\n'}, {5, '\t'}, {5, '\0'}, {5, '-'}, {5, '_'}, {5, '='}, {5, '%'}, {5, (char)0x80},
		{41, '='}, {42, '\n'}, {43, '\n'}, {43, '-'},
	};
	struct world *w = *state;
	wc_slice      right = raw_cipher(w, "0123456789abcdef0123456789abcdef", 32);     /* 44 characters, one of padding */
	char          text[64];

	assert_int_equal(right.n, 44);
	for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
		memcpy(text, right.p, right.n);
		text[strange[i].at] = strange[i].c;
		assert_refused(w, &w->corp, (wc_slice){text, right.n}, WC_E_ARG, "the ciphertext is not base64");
	}
}

static void base64_of_a_wrong_length_is_refused(void **state)
{
	static const char *const texts[] = {"", "=", "==", "====", "A===", "AAA", "AAAAA", "AAAA====", "AA==AA==", "AAA=AAAA"};
	struct world *w     = *state;
	wc_slice      right = raw_cipher(w, "0123456789abcdef0123456789abcdef", 32);
	char         *text  = wc_alloc(w->a, right.n + 8);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_refused(w, &w->corp, slice(texts[i]), WC_E_ARG, "the ciphertext is not base64");
	assert_refused(w, &w->corp, (wc_slice){NULL, 0}, WC_E_ARG, "the ciphertext is not base64");
	for (size_t n = 41; n < 44; n++)      /* the padding missing, and more */
		assert_refused(w, &w->corp, (wc_slice){right.p, n}, WC_E_ARG, "the ciphertext is not base64");
	memcpy(text, right.p, right.n);
	memcpy(text + right.n, "\r\n\r\n", 4);
	assert_refused(w, &w->corp, (wc_slice){text, right.n + 4}, WC_E_ARG, "the ciphertext is not base64");
	memcpy(text + right.n, "AAAA", 4);    /* goes on after its padding */
	assert_refused(w, &w->corp, (wc_slice){text, right.n + 4}, WC_E_ARG, "the ciphertext is not base64");
}

static void a_ciphertext_must_be_whole_blocks_of_32_bytes(void **state)
{
	static const size_t sizes[] = {1, 15, 16, 17, 31, 33, 48, 63, 80, 96 + 16};
	struct world *w         = *state;
	char          text[200] = "";

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned char zero[128] = {0};
		int           n         = EVP_EncodeBlock((unsigned char *)text, zero, (int)sizes[i]);

		assert_refused(w, &w->corp, (wc_slice){text, (size_t)n}, WC_E_ARG, "the ciphertext is not a multiple of 32 bytes");
	}
}

static void a_ciphertext_over_the_bound_is_refused(void **state)
{
	struct world *w    = *state;
	size_t        n    = (16u << 20) + 4;
	char         *text = malloc(n);

	memset(text, 'A', n);
	assert_refused(w, &w->corp, (wc_slice){text, n}, WC_E_ARG, "the ciphertext is too long");
	free(text);
}

static void every_size_of_padding_from_1_to_32_is_taken(void **state)
{
	struct world *w = *state;

	for (size_t pad = 1; pad <= 32; pad++) {
		struct plain s = plain_with((uint32_t)(64 - 20 - 4 - pad), "corp", pad);
		wc_slice     msg;

		assert_int_equal(open_signed(w, &w->corp, raw_cipher(w, s.p, sizeof s.p), &msg), 0);
		assert_int_equal(msg.n, 64 - 20 - 4 - pad);
	}
}

static void wrong_padding_is_refused(void **state)
{
	static const unsigned char last[] = {0, 33, 34, 64, 128, 255};
	struct world *w = *state;
	struct plain  s;

	for (size_t i = 0; i < sizeof last; i++) {
		s = plain_with(25, "corp", 15);
		s.p[63] = last[i];
		assert_plain_refused(w, s, WC_E_ARG, "the padding is wrong");
	}
	s = plain_with(0, "", 33);      /* 33 bytes of 33: PKCS#7 in form, but wider than a block */
	assert_plain_refused(w, s, WC_E_ARG, "the padding is wrong");
}

static void every_byte_of_padding_is_checked(void **state)
{
	struct world *w = *state;

	for (size_t i = 64 - 30; i < 63; i++) {
		struct plain s = plain_with(10, "corp", 30);

		s.p[i] ^= 1;
		assert_plain_refused(w, s, WC_E_ARG, "the padding is wrong");
	}
}

static void padding_that_leaves_no_room_for_the_head_is_refused(void **state)
{
	struct world *w = *state;
	unsigned char all[32];
	wc_slice      msg;

	for (int pad = 13; pad <= 32; pad++) {
		memset(all, 0, sizeof all);
		memset(all + 32 - pad, pad, (size_t)pad);
		assert_refused(w, &w->bot, raw_cipher(w, all, 32), WC_E_ARG, "the decrypted message is too short");
	}
	memset(all, 0, 20);
	memset(all + 20, 12, 12);       /* exactly the head: an empty message for an empty receiveid */
	assert_int_equal(open_signed(w, &w->bot, raw_cipher(w, all, 32), &msg), 0);
	assert_int_equal(msg.n, 0);
	assert_string_equal(msg.p, "");
}

static void a_length_beyond_the_message_is_refused(void **state)
{
	/* 64 - 20 - 15 = 29 bytes are there for message and receiveid. */
	static const uint32_t lengths[] = {30, 44, 64, 0x100, 0x10000, 0x7fffffff, 0x80000000, 0xffffffec, 0xffffffff};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		assert_plain_refused(w, plain_with(lengths[i], "corp", 15), WC_E_ARG, "the message length is wrong");
}

static void another_receiveid_is_refused(void **state)
{
	static const char *const other = "the receiveid does not match";
	struct world *w = *state;
	wc_slice      encrypt;

	assert_plain_refused(w, plain_with(25, "corq", 15), WC_E_DENIED, other);
	assert_plain_refused(w, plain_with(24, "corp", 15), WC_E_DENIED, other);     /* "mcorp" */
	assert_plain_refused(w, plain_with(26, "corp", 15), WC_E_DENIED, other);     /* "orp" */
	assert_plain_refused(w, plain_with(29, "corp", 15), WC_E_DENIED, other);     /* nothing */
	assert_int_equal(wc_envelope_close(&w->bot, w->a, slice("hello"), NULL, &encrypt, &w->e), 0);
	assert_refused(w, &w->corp, encrypt, WC_E_DENIED, other);
	assert_int_equal(wc_envelope_close(&w->corp, w->a, slice("hello"), NULL, &encrypt, &w->e), 0);
	assert_refused(w, &w->bot, encrypt, WC_E_DENIED, other);
}

static void what_is_closed_opens(struct world *w, const wc_envelope *v, const char *p, size_t n)
{
	wc_slice encrypt, msg;

	assert_int_equal(wc_envelope_close(v, w->a, (wc_slice){p, n}, NULL, &encrypt, &w->e), 0);
	assert_int_equal(strlen(encrypt.p), encrypt.n);
	assert_int_equal(open_signed(w, v, encrypt, &msg), 0);
	assert_int_equal(msg.n, n);
	assert_int_equal(msg.p[n], 0);
	if (n)
		assert_memory_equal(msg.p, p, n);
}

static void every_size_goes_round(void **state)
{
	struct world *w = *state;
	char          text[201];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 26);
	for (size_t n = 0; n <= 200; n++) {
		what_is_closed_opens(w, &w->corp, text, n);
		what_is_closed_opens(w, &w->bot, text, n);
	}
	what_is_closed_opens(w, &w->bot, NULL, 0);
}

static void every_byte_value_goes_round(void **state)
{
	struct world *w = *state;
	char          text[512];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)i;
	what_is_closed_opens(w, &w->corp, text, sizeof text);
	what_is_closed_opens(w, &w->bot, text, sizeof text);
}

static void a_large_message_goes_round_and_a_huge_one_is_refused(void **state)
{
	struct world *w    = *state;
	size_t        huge = (8u << 20) + 1;
	char         *text = calloc(1, huge);
	wc_slice      encrypt;

	what_is_closed_opens(w, &w->corp, text, 1u << 20);
	assert_int_equal(wc_envelope_close(&w->corp, w->a, (wc_slice){text, huge}, NULL, &encrypt, &w->e), -1);
	assert_int_equal(w->e.code, WC_E_TOO_LARGE);
	free(text);
}

static void the_same_message_never_looks_the_same(void **state)
{
	struct world *w = *state;
	wc_slice      one, two;

	assert_int_equal(wc_envelope_close(&w->bot, w->a, slice("hello"), NULL, &one, &w->e), 0);
	assert_int_equal(wc_envelope_close(&w->bot, w->a, slice("hello"), NULL, &two, &w->e), 0);
	assert_string_not_equal(one.p, two.p);
}

static void an_envelope_without_token_or_receiveid_is_a_wrong_configuration(void **state)
{
	struct world *w = *state;
	wc_envelope   v;

	assert_int_equal(wc_envelope_init(&v, "", AES_KEY, "", &w->e), -1);
	assert_int_equal(wc_envelope_init(&v, NULL, AES_KEY, "", &w->e), -1);
	assert_int_equal(wc_envelope_init(&v, "t", NULL, "", &w->e), -1);
	assert_int_equal(wc_envelope_init(&v, "t", AES_KEY, NULL, &w->e), -1);
	assert_int_equal(w->e.code, WC_E_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_envelope_opens),
		cmocka_unit_test(a_wrong_signature_is_refused),
		cmocka_unit_test(a_signature_of_another_length_or_none_is_refused),
		cmocka_unit_test(the_signature_covers_token_timestamp_nonce_and_text),
		cmocka_unit_test(broken_base64_is_refused),
		cmocka_unit_test(base64_of_a_wrong_length_is_refused),
		cmocka_unit_test(a_ciphertext_must_be_whole_blocks_of_32_bytes),
		cmocka_unit_test(a_ciphertext_over_the_bound_is_refused),
		cmocka_unit_test(every_size_of_padding_from_1_to_32_is_taken),
		cmocka_unit_test(wrong_padding_is_refused),
		cmocka_unit_test(every_byte_of_padding_is_checked),
		cmocka_unit_test(padding_that_leaves_no_room_for_the_head_is_refused),
		cmocka_unit_test(a_length_beyond_the_message_is_refused),
		cmocka_unit_test(another_receiveid_is_refused),
		cmocka_unit_test(every_size_goes_round),
		cmocka_unit_test(every_byte_value_goes_round),
		cmocka_unit_test(a_large_message_goes_round_and_a_huge_one_is_refused),
		cmocka_unit_test(the_same_message_never_looks_the_same),
		cmocka_unit_test(an_envelope_without_token_or_receiveid_is_a_wrong_configuration),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
