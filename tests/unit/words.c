/* What people type, compared: folding, commands that forgive, blocked words; and the small readers of media.c. */
#include "check.h"

#include "../../plugins/smartbot/words.c"

#include "../../plugins/smartbot/media.c"

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

static void commands_forgive(void **state)
{
	static const char *const good[] = {"清除记忆", "清除 记忆", "清除记忆。", "【清除记忆】", "清除记义", "清除记", "清除记忆吧", "ＨＥＬＰ", "Help!", "helpp"};
	static const char *const bad[]  = {"清除", "清除记忆怎么用", "记忆", "", "。", "hel pme"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!words_any(a, "清除记忆|help", good[i]))
			fail_msg("not taken: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (words_any(a, "清除记忆|help", bad[i]))
			fail_msg("taken: %s", bad[i]);
	assert_false(words_any(a, "用量", "用料"));     /* short words forgive nothing */
}

static void a_command_is_parted_from_its_name(void **state)
{
	static const struct { const char *text, *rest; bool parted; } cases[] = {
		{"切换角色 写作", "写作", true}, {"切换角色写作", "写作", false}, {"切换角色", "", false}, {"切换角色:写作 ", "写作", true},
		{"切换角 写作", "写作", true}, {"切 换 角 色 写作", "写作", true}, {"切换一角色 写作", "写作", true}};
	const char *rest;
	bool        parted;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (!words_begin(a, "切换角色", cases[i].text, &rest, &parted))
			fail_msg("not taken: %s", cases[i].text);
		assert_string_equal(rest, cases[i].rest);
		assert_int_equal(parted, cases[i].parted);
	}
	assert_false(words_begin(a, "切换角色", "换个角色", &rest, &parted));
}

static void blocked_words_are_found_through_disguise(void **state)
{
	static const char *const bad[]  = {"返现", "返 现", "返-现", "返\u200b现", "返*·*现", "保　本", "CASH BACK", "ｃａｓｈｂａｃｋ", "c.a.s.h b.a.c.k", "x返，现x"};
	static const char *const good[] = {"返回现在", "确保。本次活动", "保\n本", "现返", "", "cash"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!blocked_word(a, "返现, 保本,cashback", bad[i], strlen(bad[i])))
			fail_msg("not found: %s", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (blocked_word(a, "返现,保本,cashback", good[i], strlen(good[i])))
			fail_msg("found: %s", good[i]);
}

static void a_growing_text_never_shows_the_beginning_of_a_blocked_word(void **state)
{
	static const char text[] = "可以医疗,也可以医 疗治愈;保证保本返现。";
	size_t            shown  = 0;

	(void)state;
	for (size_t n = 0; n <= sizeof text - 1; n = n == sizeof text - 1 ? n + 1 : n + 1 + (size_t)((unsigned char)text[n] >= 0xe0 ? 2 : 0)) {
		wc_slice s = blocked_cover(a, "返现,保本,医疗治愈", text, n, true);

		assert_null(blocked_word(a, "返现,保本,医疗治愈", s.p, s.n));
		assert_true(s.n >= shown);
		shown = s.n;
	}
	wc_slice s = blocked_cover(a, "返现,保本,医疗治愈", text, sizeof text - 1, false);
	assert_string_equal(wc_strndup(a, s.p, s.n), "可以医疗,也可以＊ ＊＊＊;保证＊＊＊＊。");
	s = blocked_cover(a, "返现", "说到返", strlen("说到返"), false);
	assert_int_equal(s.n, strlen("说到返"));
	s = blocked_cover(a, "", "任何", 6, true);
	assert_int_equal(s.n, 6);
}

static void only_listed_hosts_are_fetched_from(void **state)
{
	static const char hosts[] = "ww-aibot-img-1258476243.cos.*.myqcloud.com|private:127.0.0.1:8080";
	static const struct { const char *url; bool allowed; } cases[] = {
		{"https://ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com/a?sign=b", true},
		{"https://ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com:443/a", true},
		{"https://ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com:8443/a", false},
		{"https://WW-AIBOT-IMG-1258476243.cos.ap-beijing.myqcloud.com/a", true},
		{"https://evil-1.cos.ap-guangzhou.myqcloud.com/a", false},
		{"https://ww-aibot-img-1258476243.cos.x.myqcloud.com.evil.com/a", false},
		{"https://user@ww-aibot-img-1258476243.cos.x.myqcloud.com/a", false},
		{"https://evil.com/ww-aibot-img-1258476243.cos.x.myqcloud.com", false},
		{"https://evil.com#ww-aibot-img-1258476243.cos.x.myqcloud.com/", false},
		{"https://evil.com\\@ww-aibot-img-1258476243.cos.x.myqcloud.com/", false},
		{"http://127.0.0.1:8080/a", true},
		{"http://127.0.0.1/a", false},
		{"http://2130706433:8080/a", false},
		{"ftp://127.0.0.1:8080/a", false},
		{"file:///etc/passwd", false},
		{"", false},
	};
	bool private_too;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (media_host_allowed(hosts, cases[i].url, &private_too) != cases[i].allowed)
			fail_msg("%s", cases[i].url);
	assert_true(media_host_allowed(hosts, "http://127.0.0.1:8080/a", &private_too) && private_too);
	assert_true(media_host_allowed(hosts, cases[0].url, &private_too) && !private_too);
}

static void file_names_are_read_and_cleaned(void **state)
{
	static const struct { const char *header, *name; } cases[] = {
		{"attachment; filename=\"a b.txt\"", "a b.txt"},
		{"attachment; filename=a.txt", "a.txt"},
		{"attachment; filename=\"x\"; filename*=UTF-8''%E6%8A%A5.csv", "报.csv"},
		{"attachment; filename*=utf-8'zh'%E6%8A%A5.csv", "报.csv"},
		{"attachment; filename=\"..%2f..%2fetc/passwd\"", "passwd"},
		{"attachment; filename=\"C:\\\\dir\\\\a.md\"", "a.md"},
		{"attachment; filename=\"a\x01\x62.txt\"", "a b.txt"},
		{"attachment; filename=%ff%fe.txt", ""},
		{"attachment", ""}, {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(media_file_name(a, cases[i].header), cases[i].name);
}

static const char *text_of(const char *name, const char *bytes, size_t n)
{
	return media_text(a, &(struct media){{bytes, n}, name});
}

static void only_text_is_taken_for_text(void **state)
{
	(void)state;
	assert_string_equal(text_of("a.txt", "\xef\xbb\xbf你好", 9), "你好");
	assert_string_equal(text_of("a.CSV", "\xbc\xd7,1", 4), "甲,1");
	assert_string_equal(text_of("", "abc", 3), "abc");
	assert_string_equal(text_of("a.md", "", 0), "");
	assert_null(text_of("a.pdf", "abc", 3));
	assert_null(text_of("a.txt", "a\0b", 3));
	assert_null(text_of("a.txt", "\xff\xfe\x00", 3));
	assert_null(text_of("a.txt", "\x01\x02", 2));
	assert_string_equal(media_picture_type((wc_slice){"\xff\xd8\xff\xe0", 4}), "image/jpeg");
	assert_null(media_picture_type((wc_slice){"\xff\xd8", 2}));
	assert_null(media_picture_type((wc_slice){"<svg>", 5}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_forgive, fresh, done),
		cmocka_unit_test_setup_teardown(a_command_is_parted_from_its_name, fresh, done),
		cmocka_unit_test_setup_teardown(blocked_words_are_found_through_disguise, fresh, done),
		cmocka_unit_test_setup_teardown(a_growing_text_never_shows_the_beginning_of_a_blocked_word, fresh, done),
		cmocka_unit_test_setup_teardown(only_listed_hosts_are_fetched_from, fresh, done),
		cmocka_unit_test_setup_teardown(file_names_are_read_and_cleaned, fresh, done),
		cmocka_unit_test_setup_teardown(only_text_is_taken_for_text, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
