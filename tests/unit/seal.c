/* Sealed bytes, keyed hashes, and the key file that both live on. */
#include <wecomd/seal.h>

#include "crypt/crypt.h"

#include <wecomd/clock.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_2 "FFEEDDCCBBAA99887766554433221100ffeeddccbbaa99887766554433221100"
#define KEY_3 "3333333333333333333333333333333333333333333333333333333333333333"
#define PLACE "inbox_event.payload"

static wc_arena *a;
static char      key_file[64];

static wc_slice slice(const char *s)
{
	return (wc_slice){s, strlen(s)};
}

static void write_keys(const void *content, size_t n)
{
	int fd;

	snprintf(key_file, sizeof key_file, "/tmp/wecomd-seal-XXXXXX");
	fd = mkstemp(key_file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, n), n);
	close(fd);
}

static int load(const char *content)
{
	wc_err e = {0};
	int    rc;

	write_keys(content, strlen(content));
	rc = crypt_open(key_file, &e);
	unlink(key_file);
	return rc;
}

/* A file that stays and is opened. */
static void keep_file(const char *content)
{
	wc_err e = {0};

	write_keys(content, strlen(content));
	if (crypt_open(key_file, &e) < 0)
		fail_msg("%s", e.text);
}

static void rewrite(const char *content)
{
	int fd = open(key_file, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static const char *file_text(void)
{
	char *text = wc_alloc(a, 8192);
	int   fd   = open(key_file, O_RDONLY);

	assert_true(read(fd, text, 8191) > 0);
	close(fd);
	return text;
}

static int setup(void **state)
{
	(void)state;
	a = wc_arena_new();
	return load("1 " KEY_1 "\n");
}

static int teardown(void **state)
{
	(void)state;
	wc_arena_free(a);
	unlink(key_file);
	*key_file = 0;
	return 0;
}

static void assert_opens(const char *about, wc_slice sealed, wc_slice plain)
{
	wc_slice got;
	wc_err   e = {0};

	if (wc_unseal(a, about, sealed, &got, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(got.n, plain.n);
	assert_int_equal(got.p[got.n], 0);
	if (plain.n)
		assert_memory_equal(got.p, plain.p, plain.n);
}

static void assert_does_not_open(const char *about, wc_slice sealed, const char *because)
{
	wc_slice got = {"untouched", 9};
	wc_err   e   = {0};

	assert_int_equal(wc_unseal(a, about, sealed, &got, &e), -1);
	assert_int_equal(e.code, WC_E_INTERNAL);
	if (!strstr(e.text, because))
		fail_msg("\"%s\" does not say \"%s\"", e.text, because);
	assert_non_null(strstr(e.text, about));
	assert_string_equal(got.p, "untouched");
}

static void what_is_sealed_opens(void **state)
{
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)i;
	for (size_t n = 0; n <= sizeof text; n++) {
		wc_slice plain  = {text, n};
		wc_slice sealed = wc_seal(a, PLACE, plain);

		assert_int_equal(sealed.n, n + WC_SEAL_OVERHEAD);
		assert_opens(PLACE, sealed, plain);
	}
	assert_opens(PLACE, wc_seal(a, PLACE, (wc_slice){NULL, 0}), slice(""));
}

static void sealed_bytes_hide_the_text_and_differ_each_time(void **state)
{
	wc_slice one, two;

	(void)state;
	assert_int_equal(load("7 " KEY_1 "\n"), 0);
	one = wc_seal(a, PLACE, slice("a text that is long enough to be found"));
	two = wc_seal(a, PLACE, slice("a text that is long enough to be found"));
	assert_memory_equal(one.p, "\x01\x00\x07", 3);
	assert_memory_not_equal(one.p + 3, two.p + 3, 12);
	assert_memory_not_equal(one.p + 15, two.p + 15, 38);
	assert_null(memmem(one.p, one.n, "a text", 6));
}

static void each_flipped_bit_is_noticed(void **state)
{
	wc_slice sealed;
	char    *copy;

	(void)state;
	assert_int_equal(load("1 " KEY_1 "\n" "3 " KEY_3 "\n"), 0);
	sealed = wc_seal(a, PLACE, slice("hello"));
	copy   = wc_alloc(a, sealed.n);
	for (size_t i = 0; i < sealed.n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, sealed.p, sealed.n);
			copy[i] = (char)(copy[i] ^ 1 << bit);
			assert_does_not_open(PLACE, (wc_slice){copy, sealed.n}, "");
		}
	}
	copy[sealed.n - 1] = sealed.p[sealed.n - 1];
	copy[0]            = 2;
	assert_does_not_open(PLACE, (wc_slice){copy, sealed.n}, "does not hold sealed bytes");
	assert_opens(PLACE, sealed, slice("hello"));
}

static void each_cut_is_noticed(void **state)
{
	wc_slice sealed;

	(void)state;
	sealed = wc_seal(a, PLACE, slice("hello"));
	for (size_t n = 0; n < sealed.n; n++) {
		char *exact = malloc(n ? n : 1);     /* so that a sanitizer sees a read beyond it */

		memcpy(exact, sealed.p, n);
		assert_does_not_open(PLACE, (wc_slice){exact, n}, "");
		free(exact);
	}
	assert_does_not_open(PLACE, (wc_slice){NULL, 0}, "does not hold sealed bytes");
}

static void moved_bytes_do_not_open(void **state)
{
	static const char *const places[] = {"job.args", "inbox_event.payloae", "inbox_event.payloa", "inbox_event.payload2", ""};
	wc_slice sealed;

	(void)state;
	sealed = wc_seal(a, PLACE, slice("hello"));
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		assert_does_not_open(places[i], sealed, "changed, moved or sealed with another key");
}

static void the_newest_key_seals_and_the_old_ones_open(void **state)
{
	wc_slice old, new;

	(void)state;
	assert_int_equal(load("2 " KEY_2 "\n"), 0);
	old = wc_seal(a, PLACE, slice("old"));
	assert_int_equal(load("300 " KEY_3 "\n2 " KEY_2 "\n1 " KEY_1 "\n"), 0);
	new = wc_seal(a, PLACE, slice("new"));
	assert_memory_equal(old.p, "\x01\x00\x02", 3);
	assert_memory_equal(new.p, "\x01\x01\x2c", 3);
	assert_opens(PLACE, old, slice("old"));
	assert_opens(PLACE, new, slice("new"));
}

static void an_unknown_key_id_is_named(void **state)
{
	wc_slice sealed;

	(void)state;
	assert_int_equal(load("300 " KEY_3 "\n"), 0);
	sealed = wc_seal(a, PLACE, slice("hello"));
	assert_int_equal(load("1 " KEY_1 "\n"), 0);
	assert_does_not_open(PLACE, sealed, "key 300, which the key file does not hold");
}

static void another_key_under_the_same_id_does_not_open(void **state)
{
	wc_slice sealed;

	(void)state;
	sealed = wc_seal(a, PLACE, slice("hello"));
	assert_int_equal(load("1 " KEY_2 "\n"), 0);
	assert_does_not_open(PLACE, sealed, "changed, moved or sealed with another key");
}

static void good_key_files_are_read(void **state)
{
	static const char *const files[] = {
		"1 " KEY_1,
		"1 " KEY_1 "\r\n",
		"# keys of this site\n\n  \t\n1 " KEY_1 "\n\n# 2 is new\n2\t" KEY_2 "\n",
		"  65535   " KEY_3 "  \n",
		"\n\n#\n1 " KEY_2 "\n#",
		"1 " KEY_1 " 1700000000\n2 " KEY_2 "  99999999999 \r\n",
		"hash " KEY_3 "\n1 " KEY_1 "\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		assert_int_equal(load(files[i]), 0);
}

static void assert_key_file_refused(const char *because)
{
	wc_err e = {0};

	assert_int_equal(crypt_open(key_file, &e), -1);
	assert_int_equal(e.code, WC_E_CONFIG);
	if (!strstr(e.text, because))
		fail_msg("\"%s\" does not say \"%s\"", e.text, because);
	assert_non_null(strstr(e.text, key_file));
	assert_null(strstr(e.text, "00010203"));
	assert_null(strstr(e.text, "FFEEDD"));
}

static void bad_key_files_are_refused_by_line_without_telling_a_key(void **state)
{
	static const struct { const char *content, *because; } files[] = {
		{"", "holds no key"},
		{"# nothing\n\n", "holds no key"},
		{KEY_1 "\n", ":1: the line does not start with an id"},
		{"1 " KEY_1 "\n\n0 " KEY_2 "\n", ":3: the line does not start with an id"},
		{"65536 " KEY_1 "\n", ":1: the line does not start with an id"},
		{"100000 " KEY_1 "\n", ":1: the line does not start with an id"},
		{"4294967297 " KEY_1 "\n", ":1: the line does not start with an id"},
		{"-1 " KEY_1 "\n", ":1: the line does not start with an id"},
		{"+1 " KEY_1 "\n", ":1: the line does not start with an id"},
		{"1x " KEY_1 "\n", ":1: the line does not start with an id"},
		{"x " KEY_1 "\n", ":1: the line does not start with an id"},
		{"1=" KEY_1 "\n", ":1: the line does not start with an id"},
		{"1 " KEY_1 "\n1 " KEY_2 "\n", ":2: this id stands on an earlier line already"},
		{"1 " KEY_1 "\n2 " KEY_2 "\n01 " KEY_3 "\n", ":3: this id stands on an earlier line already"},
		{"1\n", ":1: the id is not followed by 64 hexadecimal digits"},
		{"1 \n", ":1: the id is not followed by 64 hexadecimal digits"},
		{"1 " KEY_1 "0\n", ":1: the id is not followed by 64 hexadecimal digits"},
		{"1 " KEY_1 " # mine\n", ":1: behind the key only the time from which it seals may stand"},
		{"1 " KEY_1 " -1\n", ":1: behind the key only the time from which it seals may stand"},
		{"1 " KEY_1 " 123456789012\n", ":1: behind the key only the time from which it seals may stand"},
		{"1 " KEY_1 " 0 0\n", ":1: behind the key only the time from which it seals may stand"},
		{"hash\n1 " KEY_1 "\n", ":1: the word hash is not followed by 64 hexadecimal digits"},
		{"1 " KEY_1 "\nhash " KEY_2 " 5\n", ":2: the word hash is not followed by 64 hexadecimal digits"},
		{"hash " KEY_2 "\n1 " KEY_1 "\nhash " KEY_2 "\n", ":3: there is a hash key on an earlier line already"},
		{"hash " KEY_2 "\n", "holds no key"},
		{"1 0001020304\n", ":1: the id is not followed by 64 hexadecimal digits"},
		{"1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n", ":1: the id is not followed"},
		{"1 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", ":1: the id is not followed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		write_keys(files[i].content, strlen(files[i].content));
		assert_key_file_refused(files[i].because);
		unlink(key_file);
	}
	write_keys("1 " KEY_1 "\n2 \0\n", 71);
	assert_key_file_refused(":2: the id is not followed");
}

static void a_key_file_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0644, 0620, 0602, 0610};

	(void)state;
	write_keys("1 " KEY_1 "\n", 67);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_int_equal(chmod(key_file, modes[i]), 0);
		assert_key_file_refused("only its owner may read it: chmod 600");
	}
	assert_int_equal(chmod(key_file, 0400), 0);
	assert_int_equal(crypt_open(key_file, &(wc_err){0}), 0);
}

static void what_is_no_key_file_is_refused(void **state)
{
	wc_err e = {0};

	(void)state;
	snprintf(key_file, sizeof key_file, "/nonexistent/keys");
	assert_key_file_refused("No such file");
	snprintf(key_file, sizeof key_file, "/dev/null");
	assert_key_file_refused("not a regular file");
	snprintf(key_file, sizeof key_file, "/tmp/wecomd-seal-XXXXXX");
	assert_non_null(mkdtemp(key_file));
	assert_key_file_refused("not a regular file");
	assert_int_equal(rmdir(key_file), 0);
	assert_int_equal(mkfifo(key_file, 0600), 0);
	assert_key_file_refused("not a regular file");
	unlink(key_file);
	assert_int_equal(crypt_open(NULL, &e), -1);
	assert_int_equal(crypt_open("", &e), -1);
	assert_string_equal(e.text, "[crypt] key_file is not set");
	*key_file = 0;
}

static void a_key_file_has_bounds(void **state)
{
	size_t room = 80000, n = 0;
	char  *s    = malloc(room);

	(void)state;
	for (int id = 1; id <= 257; id++)
		n += (size_t)snprintf(s + n, room - n, "%d " KEY_1 "\n", id);
	write_keys(s, n);
	assert_key_file_refused(":257: the file holds more than 256 keys");
	unlink(key_file);
	memset(s, '#', room);
	write_keys(s, room);
	assert_key_file_refused("longer than 64 KiB");
	unlink(key_file);
	write_keys(s, 65536);
	assert_key_file_refused("holds no key");
	free(s);
}

static void a_refused_key_file_leaves_the_keys_as_they_were(void **state)
{
	wc_slice sealed;

	(void)state;
	sealed = wc_seal(a, PLACE, slice("hello"));
	assert_int_equal(load("2 " KEY_2 "\n3 bad\n"), -1);
	assert_opens(PLACE, sealed, slice("hello"));
	assert_memory_equal(wc_seal(a, PLACE, slice("x")).p, "\x01\x00\x01", 3);
}

static const char *hash_hex(const unsigned char *hash)
{
	return wc_hex(a, hash, WC_HASH_SIZE);
}

#define HASH(...) ({ unsigned char out_[WC_HASH_SIZE]; wc_keyed_hash(out_, __VA_ARGS__, NULL); hash_hex(out_); })

static void a_keyed_hash_knows_where_its_parts_begin(void **state)
{
	const char *hash[] = {
		HASH("p", "ab", "c"), HASH("p", "a", "bc"), HASH("p", "abc"), HASH("p", "abc", ""), HASH("p", "", "abc"),
		HASH("p", "ab", "c", ""), HASH("p"), HASH("p", ""), HASH("", "p"), HASH("pa", "b", "c"), HASH("q", "ab", "c"),
	};
	size_t n = sizeof hash / sizeof *hash;

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(hash[i], hash[j]);
	assert_string_equal(hash[0], HASH("p", "ab", "c"));
}

static void a_keyed_hash_is_stable_while_the_lowest_key_stays(void **state)
{
	const char *before;

	(void)state;
	before = HASH("smartbot.stream", "msgid");
	/* The value itself: stored hashes must be found again by every later release. */
	assert_string_equal(before, "4d43c7a0116167bef18b60d76edd62004f733dbbfb5fa2692dfdef80ce081ac6");
	assert_int_equal(load("9 " KEY_3 "\n2 " KEY_2 "\n1 " KEY_1 "\n"), 0);
	assert_string_equal(HASH("smartbot.stream", "msgid"), before);
	assert_int_equal(load("2 " KEY_2 "\n"), 0);
	assert_string_not_equal(HASH("smartbot.stream", "msgid"), before);
}

static void a_keyed_hash_outlives_the_lowest_key_once_the_file_says_its_key(void **state)
{
	const char *before = HASH("smartbot.stream", "msgid");

	(void)state;
	keep_file("1 " KEY_1 "\n2 " KEY_2 "\n");
	assert_int_equal(crypt_key_drop(1, &(wc_err){0}), 0);
	assert_int_equal(crypt_open(key_file, &(wc_err){0}), 0);
	assert_string_equal(HASH("smartbot.stream", "msgid"), before);
	assert_null(strstr(file_text(), "1 " KEY_1));
}

static void a_new_key_opens_at_once_and_seals_when_its_time_has_come(void **state)
{
	int64_t  now = wc_now_ms() / 1000;
	wc_slice early, late;

	(void)state;
	assert_int_equal(load(wc_printf(a, "1 " KEY_1 "\n2 " KEY_2 " %lld\n", (long long)now + 3600)), 0);
	early = wc_seal(a, PLACE, slice("early"));
	assert_memory_equal(early.p, "\x01\x00\x01", 3);
	assert_int_equal(load("2 " KEY_2 "\n"), 0);
	late = wc_seal(a, PLACE, slice("late"));
	assert_int_equal(load(wc_printf(a, "1 " KEY_1 "\n2 " KEY_2 " %lld\n", (long long)now + 3600)), 0);
	assert_opens(PLACE, late, slice("late"));
	assert_int_equal(load(wc_printf(a, "1 " KEY_1 "\n2 " KEY_2 " %lld\n", (long long)now - 1)), 0);
	late = wc_seal(a, PLACE, slice("late"));
	assert_memory_equal(late.p, "\x01\x00\x02", 3);
	assert_opens(PLACE, early, slice("early"));
}

static void a_file_whose_keys_all_seal_later_seals_with_the_lowest(void **state)
{
	(void)state;
	assert_int_equal(load("5 " KEY_1 " 99999999998\n9 " KEY_2 " 99999999998\n"), 0);
	assert_memory_equal(wc_seal(a, PLACE, slice("x")).p, "\x01\x00\x05", 3);
}

static void an_added_key_is_known_to_a_running_process_at_its_first_use(void **state)
{
	wc_slice sealed;
	unsigned id;

	(void)state;
	assert_int_equal(load("300 " KEY_3 "\n1 " KEY_1 "\n"), 0);
	sealed = wc_seal(a, PLACE, slice("hello"));
	keep_file("# ours\n1 " KEY_1 "\n");
	assert_does_not_open(PLACE, sealed, "key 300, which the key file does not hold");
	assert_int_equal(crypt_key_add(0, &id, &(wc_err){0}), 0);
	assert_int_equal(id, 2);
	assert_non_null(strstr(file_text(), "# ours\n1 " KEY_1 "\n"));
	rewrite("1 " KEY_1 "\n300 " KEY_3 "\n");
	assert_opens(PLACE, sealed, slice("hello"));
}

static void a_running_process_takes_no_file_that_would_change_its_hashes(void **state)
{
	const char *before = HASH("p", "x");
	wc_slice    sealed;

	(void)state;
	assert_int_equal(load("300 " KEY_3 "\n"), 0);
	sealed = wc_seal(a, PLACE, slice("hello"));
	keep_file("2 " KEY_1 "\n");
	rewrite("1 " KEY_2 "\n2 " KEY_1 "\n300 " KEY_3 "\n");
	assert_does_not_open(PLACE, sealed, "key 300, which the key file does not hold");
	assert_string_equal(HASH("p", "x"), before);
}

static void what_writes_the_file_keeps_its_mode_its_comments_and_its_link(void **state)
{
	char        link[80];
	struct stat st;
	unsigned    id;

	(void)state;
	keep_file("\n# first\n 7  " KEY_1 " \n#hash\n");
	snprintf(link, sizeof link, "%s.link", key_file);
	assert_int_equal(symlink(key_file, link), 0);
	assert_int_equal(crypt_open(link, &(wc_err){0}), 0);
	assert_int_equal(crypt_key_add(99999999999, &id, &(wc_err){0}), 0);
	assert_int_equal(id, 8);
	assert_int_equal(crypt_key_add(5, &id, &(wc_err){0}), 0);
	assert_int_equal(id, 9);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(key_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(strstr(file_text(), "\n# first\n 7  " KEY_1 " \n#hash\n"));
	assert_int_equal(crypt_open(link, &(wc_err){0}), 0);
	unlink(link);
}

static void the_key_that_seals_and_newer_ones_are_not_dropped(void **state)
{
	struct crypt_key keys[CRYPT_KEYS_MAX];
	wc_err           e = {0};

	(void)state;
	keep_file("1 " KEY_1 "\n2 " KEY_2 "\n3 " KEY_3 " 99999999999\n");
	assert_int_equal(crypt_keys(keys, CRYPT_KEYS_MAX), 3);
	assert_true(!keys[0].seals && keys[1].seals && !keys[2].seals);
	for (unsigned id = 2; id <= 3; id++) {
		assert_int_equal(crypt_key_drop(id, &e), -1);
		assert_int_equal(e.code, WC_E_CONFLICT);
	}
	assert_int_equal(crypt_key_drop(4, &e), -1);
	assert_int_equal(e.code, WC_E_NOT_FOUND);
	assert_int_equal(crypt_key_drop(1, &e), 0);
	assert_int_equal(crypt_key_drop(1, &e), -1);
}

static void a_key_of_ones_own_seals_apart_from_the_master_keys(void **state)
{
	static const unsigned char own[32] = {1}, other[32] = {2};
	wc_slice sealed = crypt_seal_with(a, own, PLACE, slice("hello")), got;
	wc_err   e      = {0};

	(void)state;
	assert_int_equal(sealed.n, 5 + WC_SEAL_OVERHEAD);
	assert_int_equal(crypt_unseal_with(a, own, PLACE, sealed, &got, &e), 0);
	assert_string_equal(got.p, "hello");
	assert_int_equal(crypt_unseal_with(a, other, PLACE, sealed, &got, &e), -1);
	assert_int_equal(crypt_unseal_with(a, own, "job.args", sealed, &got, &e), -1);
	assert_does_not_open(PLACE, sealed, "does not hold sealed bytes");
	assert_int_equal(crypt_unseal_with(a, own, PLACE, wc_seal(a, PLACE, slice("x")), &got, &e), -1);
}

static void sealed_bytes_of_an_earlier_release_open(void **state)
{
	static const unsigned char sealed[] = {
		0x01, 0x00, 0x01, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x5f,
		0x74, 0x3e, 0x1f, 0x39, 0xd6, 0x67, 0xea, 0x3e, 0x03, 0x15, 0xe6, 0x6a, 0x89, 0x81, 0x13, 0xa9,
		0xde, 0x97, 0x0f, 0x52,
	};

	(void)state;
	assert_opens(PLACE, (wc_slice){(const char *)sealed, sizeof sealed}, slice("hello"));
}

static void the_plain_hash_is_sha_256(void **state)
{
	unsigned char out[32];

	(void)state;
	crypt_hash_raw(out, "abc", 3);
	assert_string_equal(hash_hex(out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypt_hash_raw(out, NULL, 0);
	assert_string_equal(hash_hex(out), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void bytes_are_compared_whole(void **state)
{
	(void)state;
	assert_true(crypt_equal("abc", "abc", 3));
	assert_true(crypt_equal("abc", "abd", 2));
	assert_false(crypt_equal("abc", "abd", 3));
	assert_false(crypt_equal("xbc", "abc", 3));
	assert_true(crypt_equal("a", "b", 0));
}

static void hex_is_lower_case(void **state)
{
	(void)state;
	assert_string_equal(wc_hex(a, (const unsigned char *)"\x00\x0f\xa9\xff", 4), "000fa9ff");
	assert_string_equal(wc_hex(a, NULL, 0), "");
}

static void random_bytes_fill_what_was_asked_for(void **state)
{
	static const size_t sizes[] = {1, 16, 256, 257, 4096};
	unsigned char one[4097], two[4097];

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memset(one, 0, sizeof one);
		memset(two, 0, sizeof two);
		wc_random(one, sizes[i]);
		wc_random(two, sizes[i]);
		assert_int_equal(one[sizes[i]], 0);
		if (sizes[i] >= 16)
			assert_memory_not_equal(one + sizes[i] - 16, two + sizes[i] - 16, 16);
	}
	wc_random(one, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_sealed_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(sealed_bytes_hide_the_text_and_differ_each_time, setup, teardown),
		cmocka_unit_test_setup_teardown(each_flipped_bit_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(each_cut_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(moved_bytes_do_not_open, setup, teardown),
		cmocka_unit_test_setup_teardown(the_newest_key_seals_and_the_old_ones_open, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_key_id_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(another_key_under_the_same_id_does_not_open, setup, teardown),
		cmocka_unit_test_setup_teardown(good_key_files_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_key_files_are_refused_by_line_without_telling_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_file_open_to_others_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_key_file_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_file_has_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_key_file_leaves_the_keys_as_they_were, setup, teardown),
		cmocka_unit_test_setup_teardown(a_keyed_hash_knows_where_its_parts_begin, setup, teardown),
		cmocka_unit_test_setup_teardown(a_keyed_hash_is_stable_while_the_lowest_key_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_keyed_hash_outlives_the_lowest_key_once_the_file_says_its_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_key_opens_at_once_and_seals_when_its_time_has_come, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_whose_keys_all_seal_later_seals_with_the_lowest, setup, teardown),
		cmocka_unit_test_setup_teardown(an_added_key_is_known_to_a_running_process_at_its_first_use, setup, teardown),
		cmocka_unit_test_setup_teardown(a_running_process_takes_no_file_that_would_change_its_hashes, setup, teardown),
		cmocka_unit_test_setup_teardown(what_writes_the_file_keeps_its_mode_its_comments_and_its_link, setup, teardown),
		cmocka_unit_test_setup_teardown(the_key_that_seals_and_newer_ones_are_not_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_of_ones_own_seals_apart_from_the_master_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(sealed_bytes_of_an_earlier_release_open, setup, teardown),
		cmocka_unit_test_setup_teardown(the_plain_hash_is_sha_256, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_are_compared_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(hex_is_lower_case, setup, teardown),
		cmocka_unit_test_setup_teardown(random_bytes_fill_what_was_asked_for, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
