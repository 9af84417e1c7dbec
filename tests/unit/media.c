/* Files that callbacks point to: vectors, and what is refused; the encodings beside them; which addresses are public. */
#include "check.h"

#include "http/guard.h"

#include <wecomd/encode.h>
#include <wecomd/envelope.h>

#include <string.h>

#define KEY_A "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
#define KEY_B "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"

static wc_arena   *a;
static wc_envelope key_a;
static wc_err      e;

static int fresh(void **state)
{
	(void)state;
	a = wc_arena_new();
	e = (wc_err){0};
	assert_int_equal(wc_envelope_init(&key_a, "token", KEY_A, "", &e), 0);
	return 0;
}

static int done(void **state)
{
	(void)state;
	wc_arena_free(a);
	return 0;
}

static wc_slice from_hex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	char  *p = wc_alloc(a, n);

	for (size_t i = 0; i < 2 * n; i++) {
		int digit = hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10;

		p[i / 2] = (char)(p[i / 2] << 4 | digit);
	}
	return (wc_slice){p, n};
}

static const char m1[] = "54324c54df576954ab4a7d9350272d8c488c6ea536f39c66a1980c74b5b3c9f0";
static const char m2[] = "6537fd6bffed98f23d595358dda696403cd833728228df8ab3503a7bef522d11da1bbfc57981fc0785279a39e962ff045e42285bf4bc391b49173fc73ab29342";

static void the_vectors_open(void **state)
{
	wc_slice plain;

	(void)state;
	assert_int_equal(wc_media_open(&key_a, a, from_hex(m1), &plain, &e), 0);
	assert_int_equal(plain.n, 12);
	assert_string_equal(plain.p, "hello wecom\n");
	assert_int_equal(wc_media_open(&key_a, a, from_hex(m2), &plain, &e), 0);
	assert_int_equal(plain.n, 32);
	assert_string_equal(plain.p, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

static void a_wrong_key_is_refused(void **state)
{
	wc_envelope key_b;
	wc_slice    plain;

	(void)state;
	assert_int_equal(wc_envelope_init(&key_b, "token", KEY_B, "", &e), 0);
	assert_int_equal(wc_media_open(&key_b, a, from_hex(m1), &plain, &e), -1);
	assert_int_equal(e.code, WC_E_ARG);
}

static void damaged_padding_is_refused(void **state)
{
	wc_slice file = from_hex(m1), plain;

	(void)state;
	((char *)file.p)[file.n - 1] ^= 1;
	assert_int_equal(wc_media_open(&key_a, a, file, &plain, &e), -1);
	assert_int_equal(e.code, WC_E_ARG);
}

static void a_cut_or_empty_file_is_refused(void **state)
{
	wc_slice file = from_hex(m2), plain;

	(void)state;
	for (size_t n = 0; n < file.n; n += n % 32 ? 1 : 15)
		if (n % 32 || !n)
			assert_int_equal(wc_media_open(&key_a, a, (wc_slice){file.p, n}, &plain, &e), -1);
	assert_int_equal(wc_media_open(&key_a, a, (wc_slice){file.p, (128u << 20) + 32}, &plain, &e), -1);
	assert_int_equal(e.code, WC_E_TOO_LARGE);
}

static void base64_and_md5_are_the_known_ones(void **state)
{
	wc_slice bytes;

	(void)state;
	assert_string_equal(wc_base64(a, (wc_slice){"\xff\xd8\xff", 3}).p, "/9j/");
	assert_true(wc_base64_bytes(a, (wc_slice){"aGk=", 4}, &bytes));
	assert_int_equal(bytes.n, 2);
	assert_memory_equal(bytes.p, "hi", 2);
	assert_false(wc_base64_bytes(a, (wc_slice){"a-k=", 4}, &bytes));
	assert_string_equal(wc_md5(a, (wc_slice){"abc", 3}), "900150983cd24fb0d6963f7d28e17f72");
}

static void only_addresses_of_the_internet_are_public(void **state)
{
	static const char *const open[]   = {"8.8.8.8", "172.32.0.1", "192.169.0.1", "2400:3200::1", "::ffff:8.8.8.8", "100.128.0.1"};
	static const char *const closed[] = {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
	                                     "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
	                                     "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "ff02::1", "example.com", ""};

	(void)state;
	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		assert_true(guard_is_public_text(open[i]));
	for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
		assert_false(guard_is_public_text(closed[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_vectors_open, fresh, done),
		cmocka_unit_test_setup_teardown(a_wrong_key_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(damaged_padding_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(a_cut_or_empty_file_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(base64_and_md5_are_the_known_ones, fresh, done),
		cmocka_unit_test_setup_teardown(only_addresses_of_the_internet_are_public, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
