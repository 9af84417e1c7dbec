/* Passwords, one-time codes and recovery words. The scrypt hashes were made by Node's own scrypt, the codes are RFC 6238's. */
#include "check.h"

#include "admin/parts.h"
#include "crypt/crypt.h"

#include <string.h>

#define SALT "000102030405060708090a0b0c0d0e0f"

static void scrypt_agrees_with_another_implementation(void **state)
{
	static const struct {
		const char *stored, *password;
	} cases[] = {
		{"scrypt$15$8$1$" SALT "$8e263462fd4a2e0331bad900271171914aa0703da9972073573fab7efd69903a", "correct horse 电池"},
		{"scrypt$10$8$1$" SALT "$51d7616fe13ebd15df1cb28cc7f87664fc3a64cb92e8422fcbb5016905c718d0", "correct horse 电池"},
		{"scrypt$4$1$3$" SALT "$75ff2ccd59a597a07aaf0d69892b4a6665f20a45ce17dd454c47442051cbeafb", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(crypt_password_verify(cases[i].stored, cases[i].password));
		assert_false(crypt_password_verify(cases[i].stored, "correct horse"));
		assert_int_equal(crypt_password_stale(cases[i].stored), i > 0);
	}
}

static void a_password_is_known_again_and_each_hash_has_its_own_salt(void **state)
{
	char one[CRYPT_PASSWORD_SIZE], two[CRYPT_PASSWORD_SIZE];

	(void)state;
	crypt_password_hash(one, "swordfish 密码");
	crypt_password_hash(two, "swordfish 密码");
	assert_string_not_equal(one, two);
	assert_true(crypt_password_verify(one, "swordfish 密码"));
	assert_true(crypt_password_verify(two, "swordfish 密码"));
	assert_false(crypt_password_verify(one, "swordfish 密码 "));
	assert_false(crypt_password_stale(one));
}

static void a_stored_text_that_is_none_is_nobodys(void **state)
{
	static const char *const texts[] = {
		NULL, "", "scrypt", "scrypt$15$8$1$$", "plain", "scrypt$15$8$1$" SALT "$", "scrypt$21$8$1$" SALT "$8e263462fd4a2e0331bad900271171914aa0703da9972073573fab7efd69903a",
		"scrypt$15$99$1$" SALT "$8e263462fd4a2e0331bad900271171914aa0703da9972073573fab7efd69903a",
		"scrypt$0$8$1$" SALT "$8e263462fd4a2e0331bad900271171914aa0703da9972073573fab7efd69903a",
		"scrypt$10$8$1$" SALT "$51d7616fe13ebd15df1cb28cc7f87664fc3a64cb92e8422fcbb5016905c718d",
		"scrypt$10$8$1$" SALT "$51d7616fe13ebd15df1cb28cc7f87664fc3a64cb92e8422fcbb5016905c718d000",
		"scrypt$10$8$1$" SALT "$51D7616fe13ebd15df1cb28cc7f87664fc3a64cb92e8422fcbb5016905c718d0"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_false(crypt_password_verify(texts[i], "correct horse 电池"));
		assert_true(crypt_password_stale(texts[i]));
	}
}

static void passwords_that_will_not_do_are_told_why(void **state)
{
	char long_one[PASSWORD_MAX + 2];

	(void)state;
	memset(long_one, 'x', sizeof long_one);
	long_one[PASSWORD_MAX + 1] = 0;
	assert_null(password_expected("li", "ten chars."));
	assert_null(password_expected("li", "十个汉字的密码也可以"));
	assert_non_null(password_expected("li", "nine char"));
	assert_non_null(password_expected("li", "汉字不够长"));
	assert_non_null(password_expected("li", long_one));
	assert_non_null(password_expected("long.user.name", "Long.User.Name"));
	assert_non_null(password_expected("li", "not utf-8 \xff\xfe"));
	long_one[PASSWORD_MAX] = 0;
	assert_null(password_expected("li", long_one));
}

/* RFC 2202, test cases 1, 2, 3 and 6. */
static void hmac_sha1_is_the_rfcs(void **state)
{
	static const unsigned char b0b[20] = {[0 ... 19] = 0x0b}, aa[80] = {[0 ... 79] = 0xaa}, dd[50] = {[0 ... 49] = 0xdd};
	static const struct {
		const void *key;
		size_t      key_n;
		const void *p;
		size_t      n;
		const char *hex;
	} cases[] = {
		{b0b, 20, "Hi There", 8, "b617318655057264e28bc0b6fb378c8ef146be00"},
		{"Jefe", 4, "what do ya want for nothing?", 28, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{aa, 20, dd, 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
		{aa, 80, "Test Using Larger Than Block-Size Key - Hash Key First", 54, "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
	};
	wc_arena     *a = wc_arena_new();
	unsigned char out[20];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		crypt_hmac_sha1(out, cases[i].key, cases[i].key_n, cases[i].p, cases[i].n);
		assert_string_equal(wc_hex(a, out, sizeof out), cases[i].hex);
	}
	wc_arena_free(a);
}

/* RFC 6238, appendix B, the column of SHA-1. */
static void one_time_codes_are_the_rfcs(void **state)
{
	static const struct {
		int64_t  seconds;
		unsigned code;
	} cases[] = {{59, 94287082}, {1111111109, 7081804}, {1111111111, 14050471}, {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(totp_code((const unsigned char *)"12345678901234567890", 20, cases[i].seconds / 30, 8), cases[i].code);
}

static void a_code_is_good_for_its_step_and_both_neighbours_once(void **state)
{
	const unsigned char *secret = (const unsigned char *)"12345678901234567890";
	const int64_t        now    = 1111111109ll * 1000, step = 1111111109 / 30;

	(void)state;
	assert_int_equal(totp_match(secret, "081804", now, 0), step);
	assert_int_equal(totp_match(secret, "081804", now + 30000, 0), step);
	assert_int_equal(totp_match(secret, "081804", now - 30000, 0), step);
	assert_int_equal(totp_match(secret, "081804", now + 60000, 0), 0);
	assert_int_equal(totp_match(secret, "081804", now - 60000, 0), 0);
	assert_int_equal(totp_match(secret, "081804", now, step), 0);
	assert_int_equal(totp_match(secret, "050471", now, step), step + 1);
	assert_int_equal(totp_match(secret, "081804", now, step + 1), 0);
	for (const char *const *bad = (const char *const[]){"", "81804", "0081804", "08180x", " 81804", "-81804", NULL}; *bad; bad++)
		assert_int_equal(totp_match(secret, *bad, now, 0), 0);
}

static void base32_is_the_rfcs_without_padding(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = {{"", ""}, {"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"}, {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
	wc_arena *a = wc_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(totp_base32(a, (const unsigned char *)cases[i].plain, strlen(cases[i].plain)), cases[i].coded);
	wc_arena_free(a);
}

static void made_words_differ_and_have_their_form(void **state)
{
	wc_arena *a   = wc_arena_new();
	char     *one = random_words(a, 4), *two = random_words(a, 4);

	(void)state;
	assert_int_equal(strlen(one), 23);
	assert_int_equal(strspn(one, "abcdefghijkmnpqrstuvwxyz23456789-"), 23);
	assert_int_equal(one[5], '-');
	assert_string_not_equal(one, two);
	assert_int_equal(strlen(random_words(a, 2)), 11);
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scrypt_agrees_with_another_implementation),
		cmocka_unit_test(a_password_is_known_again_and_each_hash_has_its_own_salt),
		cmocka_unit_test(a_stored_text_that_is_none_is_nobodys),
		cmocka_unit_test(passwords_that_will_not_do_are_told_why),
		cmocka_unit_test(hmac_sha1_is_the_rfcs),
		cmocka_unit_test(one_time_codes_are_the_rfcs),
		cmocka_unit_test(a_code_is_good_for_its_step_and_both_neighbours_once),
		cmocka_unit_test(base32_is_the_rfcs_without_padding),
		cmocka_unit_test(made_words_differ_and_have_their_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
