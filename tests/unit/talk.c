/* What conversations decide without a database: the words of the search, types and names of files, previews, which channel may carry what. */
#include "check.h"

#include "../../core/talk/parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static wc_arena *a;

static int fresh(void **state)
{
	(void)state;
	a = wc_arena_new();
	return 0;
}

static int done(void **state)
{
	(void)state;
	wc_arena_free(a);
	return 0;
}

static int keys(void **state)
{
	static const char line[] = "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	char              path[] = "/tmp/wecomd-talk-XXXXXX";
	int               fd     = mkstemp(path);
	wc_err            e;
	int               rc;

	(void)state;
	if (fd < 0 || write(fd, line, sizeof line - 1) != (ssize_t)sizeof line - 1)
		return -1;
	close(fd);
	rc = crypt_open(path, &e);
	unlink(path);
	return rc;
}

static size_t count(const char *text)
{
	size_t n;

	words_of(a, text, &n);
	return n;
}

static void a_text_is_found_by_its_pairs(void **state)
{
	size_t       n, m;
	const char **one = words_of(a, "发票什么", &n), **other = words_of(a, "什么 发票", &m);

	(void)state;
	assert_int_equal(n, 3);
	assert_int_equal(m, 2);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strlen(one[i]), 10);
		assert_int_equal(strspn(one[i], "abcdefghijklmnopqrstuvwxyz234567"), 10);
	}
	for (size_t i = 0; i < m; i++)
		assert_true(!strcmp(other[i], one[0]) || !strcmp(other[i], one[1]) || !strcmp(other[i], one[2]));
	assert_int_equal(count("哈哈哈哈哈哈"), 1);
	assert_int_equal(count("ＡＢＣ"), count("abc"));
	assert_string_equal(words_of(a, "ＡＢ", &n)[0], words_of(a, "ab", &n)[0]);
}

static void what_has_no_pairs_has_no_words(void **state)
{
	static const char *const none[] = {"", "发", "a b c", "，。！？", "+-*~\"()<>@%", "发，票", "\xff\xfe", "\xe5\x8f"};

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (count(none[i]))
			fail_msg("words of %s", none[i]);
}

static void a_long_text_has_bounded_words(void **state)
{
	char *text = wc_alloc(a, 100001);

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		text[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[(i * 7919 + i / 36 * 31) % 36];
	assert_true(count(text) <= WORDS_MAX);
}

static void what_is_found_is_compared(void **state)
{
	(void)state;
	assert_true(words_hold(a, "请问发票什么时候寄", "发票 寄"));
	assert_true(words_hold(a, "Order ＡＢＣ１２", "abc12"));
	assert_true(words_hold(a, "anything", ""));
	assert_false(words_hold(a, "票发", "发票"));
	assert_false(words_hold(a, "发 票", "发票"));
	assert_false(words_hold(a, "", "发票"));
	assert_false(words_hold(a, "发票", "发票发票"));
}

static void a_type_is_told_by_the_first_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t      n;
		const char *type;
	} files[] = {{"\x89PNG\r\n\x1a\n....", 12, "image/png"}, {"\xff\xd8\xff\xe0", 4, "image/jpeg"}, {"GIF89a", 6, "image/gif"}, {"RIFF....WEBPVP8 ", 16, "image/webp"},
	             {"RIFF....WAVEfmt ", 16, "audio/wav"}, {"....ftypisom", 12, "video/mp4"}, {"#!AMR\n", 6, "audio/amr"}, {"%PDF-1.7", 8, "application/pdf"},
	             {"PK\x03\x04", 4, "application/zip"}, {"<script>", 8, "text/plain"}, {"你好", 6, "text/plain"}, {"\x89PN", 3, "application/octet-stream"},
	             {"\0\0\0", 3, "application/octet-stream"}, {"", 0, "application/octet-stream"}, {"MZ\x90\0", 4, "application/octet-stream"}};
	unsigned char head[MEDIA_HEAD];

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		assert_string_equal(media_type((const unsigned char *)files[i].bytes, files[i].n), files[i].type);
	memset(head, 'a', sizeof head);
	memcpy(head + sizeof head - 2, "\xe4\xbd", 2);     /* a character that is cut by the end of the head */
	assert_string_equal(media_type(head, sizeof head), "text/plain");
}

static void a_name_is_made_harmless(void **state)
{
	static const char *const names[][2] = {
		{"合同.pdf", "合同.pdf"}, {"../../etc/passwd", "passwd"}, {"C:\\Windows\\x.exe", "x.exe"}, {"a\r\nb\x7f.txt", "ab.txt"},
		{"evil\u202egpj.exe", "evilgpj.exe"}, {"...", "file"}, {".profile", "profile"}, {"", "file"}, {"  ", "file"}, {"\xff\xfe", "file"}, {"a/", "file"}};
	char long_name[1000];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_string_equal(media_name(a, names[i][0]), names[i][1]);
	assert_string_equal(media_name(a, NULL), "file");
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = 0;
	assert_int_equal(strlen(media_name(a, long_name)), 200);
}

static void a_preview_tells_no_figures_and_no_name(void **state)
{
	(void)state;
	assert_string_equal(preview_of(a, "我是王小明，电话13800138000", "王小明"), "我是**，电话***********");
	assert_string_equal(preview_of(a, "a\nb", NULL), "a b");
	assert_string_equal(preview_of(a, NULL, NULL), "");
	assert_int_equal(wc_utf8_count(preview_of(a, "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三", NULL), 183), 61);
	assert_string_equal(masked_name(a, "王小明"), "王**");
	assert_string_equal(masked_name(a, "a"), "a**");
	assert_null(masked_name(a, NULL));
	assert_string_equal(masked_name(a, ""), "");
}

static void the_fallback_uses_what_can_carry_the_kind(void **state)
{
	wc_channel both = {.name = "x", .kinds = "text|image"}, draft = both, member = both;

	(void)state;
	draft.drafts_only   = true;
	member.members_only = true;
	assert_true(fallback_fits(&both, "text", false));
	assert_true(fallback_fits(&both, "image", false));
	assert_false(fallback_fits(&both, "images", false));
	assert_false(fallback_fits(&both, "mage", false));
	assert_false(fallback_fits(&both, "file", false));
	assert_false(fallback_fits(&both, "text", true));
	assert_true(fallback_fits(&draft, "text", true));
	assert_false(fallback_fits(&draft, "text", false));
	assert_false(fallback_fits(&member, "text", false));
	assert_false(fallback_fits(&member, "text", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_text_is_found_by_its_pairs, fresh, done),
		cmocka_unit_test_setup_teardown(what_has_no_pairs_has_no_words, fresh, done),
		cmocka_unit_test_setup_teardown(a_long_text_has_bounded_words, fresh, done),
		cmocka_unit_test_setup_teardown(what_is_found_is_compared, fresh, done),
		cmocka_unit_test_setup_teardown(a_type_is_told_by_the_first_bytes, fresh, done),
		cmocka_unit_test_setup_teardown(a_name_is_made_harmless, fresh, done),
		cmocka_unit_test_setup_teardown(a_preview_tells_no_figures_and_no_name, fresh, done),
		cmocka_unit_test_setup_teardown(the_fallback_uses_what_can_carry_the_kind, fresh, done),
	};

	return cmocka_run_group_tests(tests, keys, NULL);
}
