/* The parts of kf that need nothing: the meter, the hours, Markdown as plain text, kinds of messages. */
#include "check.h"

#include "../../plugins/kf/hours.c"
#include "../../plugins/kf/kinds.c"
#include "../../plugins/kf/meter.c"
#undef TEXT_MAX
#include "../../plugins/kf/plain.c"

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

/* --- the window -------------------------------------------------------------------------------------------------------- */

#define NOW (1700000000LL * 1000)

static void the_window_counts_five_and_48_hours(void **state)
{
	static const struct { struct meter m; int64_t left, reserve; const char *reason; } cases[] = {
		{{NOW, 0, KF_NEW, "", false}, 5, 1, ""},
		{{NOW, 4, KF_ASSISTANT, "", false}, 1, 1, ""},
		{{NOW, 5, KF_ASSISTANT, "", false}, 0, 0, "used_up"},
		{{NOW, 9, KF_ASSISTANT, "", false}, 0, 0, "used_up"},
		{{0, 0, KF_NEW, "", false}, 0, 0, "expired"},
		{{NOW - KF_WINDOW_MS + 61000, 0, KF_ASSISTANT, "", false}, 5, 1, ""},
		{{NOW - KF_WINDOW_MS + 59000, 0, KF_ASSISTANT, "", false}, 0, 0, "expired"},
		{{NOW, 0, KF_POOL, "", false}, 0, 0, "with_servicer"},
		{{NOW, 0, KF_SERVED, "", false}, 0, 0, "with_servicer"},
		{{NOW, 0, KF_ENDED, "", false}, 0, 0, "ended"},
		{{NOW, 1, KF_ASSISTANT, "refused", false}, 0, 0, "refused"},
		{{NOW, 0, KF_NEW, "", true}, 0, 0, "refused"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		wc_window w = meter_window(&cases[i].m, NOW);

		if (w.left != cases[i].left || w.reserve != cases[i].reserve || strcmp(w.reason, cases[i].reason) || w.is_open != !*cases[i].reason || w.limit != 5)
			fail_msg("case %zu: left %lld, reserve %lld, %s", i, (long long)w.left, (long long)w.reserve, w.reason);
	}
}

/* --- the plan ------------------------------------------------------------------------------------------------------------ */

/* "a" answers, "n" notices, "p" people's words, "i" a picture; what the plan makes of them, units parted by blanks. */
static const char *planned(const char *letters, int64_t left)
{
	struct piece p[32];
	struct unit  u[32];
	wc_buf      *out = wc_buf_new(a, 256);
	size_t       n   = strlen(letters), units;
	bool         waits;

	for (size_t i = 0; i < n; i++)
		p[i] = (struct piece){(int64_t)i, 0, 1, letters[i] == 'i' ? NULL : "text", letters[i] == 'n', letters[i] == 'p'};
	units = meter_plan(p, n, left, u, &waits);
	for (size_t i = 0; i < units; i++) {
		wc_buf_adds(out, i ? " " : "");
		wc_buf_add(out, letters + u[i].first, u[i].count);
	}
	wc_buf_adds(out, waits ? "|" : "");
	return out->s;
}

static void the_plan_joins_only_what_would_not_fit_and_keeps_one_for_notices(void **state)
{
	static const struct { const char *letters; int64_t left; const char *plan; } cases[] = {
		{"aaa", 5, "a a a"}, {"aaaa", 5, "a a a a"}, {"aaaaa", 5, "aa a a a"}, {"aaaaaaa", 5, "aaaa a a a"}, {"aaa", 3, "aa a"}, {"aaa", 2, "aaa"}, {"a", 1, "|"},
		{"an", 1, "n|"}, {"aan", 2, "aa n"}, {"n", 1, "n"}, {"nn", 1, "nn"}, {"p", 1, "p"}, {"ppp", 2, "pp p"}, {"ap", 1, "p|"}, {"iii", 3, "i i|"}, {"aia", 5, "a i a"},
		{"iaaia", 3, "i aa|"}, {"", 5, ""}, {"a", 0, "|"}, {"pn", 0, "|"}, {"aaap", 3, "aa a p"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (strcmp(planned(cases[i].letters, cases[i].left), cases[i].plan))
			fail_msg("%s with %lld left: %s, not %s", cases[i].letters, (long long)cases[i].left, planned(cases[i].letters, cases[i].left), cases[i].plan);
}

static void joined_texts_fit_into_one_message(void **state)
{
	char         half[KF_PIECE_MAX / 2 + 2];
	struct piece p[2] = {{1, 0, 1, half, false, false}, {2, 0, 1, half, false, false}};
	struct unit  u[2];
	bool         waits;

	(void)state;
	memset(half, 'x', sizeof half);
	half[sizeof half - 1] = 0;
	assert_int_equal(meter_plan(p, 2, 2, u, &waits), 1);
	assert_true(waits);
	half[sizeof half - 4] = 0;
	assert_int_equal(meter_plan(p, 2, 2, u, &waits), 1);
	assert_false(waits);
	assert_true(strlen(meter_text(a, p, u, true)) <= KF_TEXT_MAX);
	assert_non_null(strstr(meter_text(a, p, u, true), "继续"));
	assert_null(strstr(meter_text(a, p, u, false), "继续"));
}

/* Whatever waits, no plan goes over what is left, nor lets an answer take what is kept. */
static void no_plan_is_too_much(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct piece p[12];
		struct unit  u[12];
		size_t       n, units, answers = 0;
		int64_t      left;
		bool         waits;

		n    = (seed = seed * 1664525 + 1013904223) >> 16 & 11;
		left = (int64_t)((seed = seed * 1664525 + 1013904223) >> 16) % 6;
		for (size_t i = 0; i < n; i++) {
			unsigned kind = (seed = seed * 1664525 + 1013904223) >> 20 & 7;

			p[i] = (struct piece){(int64_t)i, 0, 1, kind == 0 ? NULL : "t", kind == 1, kind == 2};
		}
		units = meter_plan(p, n, left, u, &waits);
		for (size_t i = 0; i < units; i++)
			answers += !p[u[i].first].notice && !p[u[i].first].is_person;
		assert_true((int64_t)units <= left);
		assert_true((int64_t)answers <= (left > KF_RESERVE ? left - KF_RESERVE : 0));
		for (size_t i = 1; i < units; i++)
			assert_true(u[i].first >= u[i - 1].first + u[i - 1].count);
	}
}

/* --- hours ------------------------------------------------------------------------------------------------------------------ */

/* 2026-11-20 was a Friday. */
static bool open_at(const char *text, const char *when)
{
	struct hours h;
	wc_err       e;
	int64_t      ms;

	assert_int_equal(hours_parse(text, &h, &e), 0);
	assert_true(wc_time_parse(when, &ms));
	return hours_open(&h, ms);
}

static void hours_know_days_times_and_dates(void **state)
{
	static const char usual[] = "mon-fri 09:00-12:00,13:30-18:00; sat 10:00-16:00; 2026-11-23 closed\n2026-11-22 08:00-09:00";

	(void)state;
	assert_true(open_at("", "2026-11-20T03:00:00Z"));
	assert_true(open_at(usual, "2026-11-20T09:00:00Z"));
	assert_false(open_at(usual, "2026-11-20T08:59:59Z"));
	assert_false(open_at(usual, "2026-11-20T12:00:00Z"));
	assert_true(open_at(usual, "2026-11-20T17:59:59Z"));
	assert_true(open_at(usual, "2026-11-21T15:00:00Z"));
	assert_false(open_at(usual, "2026-11-23T10:00:00Z"));     /* a Monday, but that day */
	assert_true(open_at(usual, "2026-11-22T08:30:00Z"));      /* a Sunday, but that day */
	assert_true(open_at(usual, "2026-11-24T10:00:00Z"));
	assert_true(open_at("fri 22:00-06:00", "2026-11-21T05:59:00Z"));
	assert_false(open_at("fri 22:00-06:00", "2026-11-20T05:59:00Z"));
	assert_true(open_at("sun-mon 00:00-24:00", "2026-11-23T23:59:00Z"));
	assert_true(open_at("MON,Fri 09:00-10:00", "2026-11-20T09:30:00Z"));
}

static void hours_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {"someday 09:00-10:00", "mon", "mon 9:00-10:00", "mon 09:00-25:00", "mon 09:00", "mon 09:00-09:00", "2026-13-01 closed", "mon-xyz 09:00-10:00",
	                                  "mon 09:00-10:00 x", "26-1-1 closed", "mon 09:60-10:00", "mon,, 09:00-10:00", "1969-01-01 closed"};
	struct hours h;
	wc_err       e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (hours_parse(bad[i], &h, &e) == 0)
			fail_msg("taken: %s", bad[i]);
}

/* --- plain text --------------------------------------------------------------------------------------------------------------- */

static void markdown_reads_as_plain_text(void **state)
{
	static const struct { const char *markdown, *plain; } cases[] = {
		{"# 标题\n\n正文", "标题\n\n正文"},
		{"**粗** 和 *斜* 和 `码` 和 ~~删~~", "粗 和 斜 和 码 和 删"},
		{"- 一\n- 二\n* 三\n1. 四", "· 一\n· 二\n· 三\n1. 四"},
		{"见[说明](https://a.example/b_c) 吧", "见说明 https://a.example/b_c  吧"},
		{"[https://a.example](https://a.example)", "https://a.example"},
		{"![图](https://a.example/x.png \"题\")", "图 https://a.example/x.png"},
		{"> 引用\n> > 两层", "引用\n两层"},
		{"| 甲 | 乙 |\n|---|:-:|\n| 1 | 2 |", "甲  乙\n1  2"},
		{"```c\nint *a = **b;\n```\n完", "int *a = **b;\n完"},
		{"上\n\n---\n\n下", "上\n\n\n下"},
		{"3*4=12，5 * 6 = 30，snake__case_name", "3*4=12，5 * 6 = 30，snake__case_name"},
		{"\\*不是斜\\*", "*不是斜*"},
		{"[不是链接] (空)", "[不是链接] (空)"},
		{"#标签 不是标题", "#标签 不是标题"},
		{"", ""}, {"\n\n", ""}, {"[", "["}, {"![", "!["}, {"**", ""}, {">", ">"}, {"a\r\nb", "a\nb"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (strcmp(plain_text(a, cases[i].markdown), cases[i].plain))
			fail_msg("\"%s\" reads \"%s\", not \"%s\"", cases[i].markdown, plain_text(a, cases[i].markdown), cases[i].plain);
}

/* --- kinds ----------------------------------------------------------------------------------------------------------------------- */

static void every_kind_says_something(void **state)
{
	static const struct { const char *json, *kind, *text; } cases[] = {
		{"{\"msgtype\":\"text\",\"text\":{\"content\":\"你\\u0007好\"}}", "text", "你好"},
		{"{\"msgtype\":\"image\",\"image\":{\"media_id\":\"m\"}}", "image", "[图片]"},
		{"{\"msgtype\":\"location\",\"location\":{\"name\":\"科技园\",\"address\":\"南山\",\"latitude\":1.5}}", "location", "[位置] 科技园 南山"},
		{"{\"msgtype\":\"link\",\"link\":{\"title\":\"题\",\"url\":\"https://a\"}}", "link", "[链接] 题 https://a"},
		{"{\"msgtype\":\"business_card\",\"business_card\":{\"userid\":\"li\"}}", "card", "[名片] li"},
		{"{\"msgtype\":\"merged_msg\",\"merged_msg\":{\"title\":\"记录\",\"item\":[{\"sender_name\":\"甲\",\"msgtype\":\"text\",\"msg_content\":\"{\\\"text\\\":{\\\"content\\\":\\\"嗨\\\"}}\"},"
		 "{\"sender_name\":\"乙\",\"msgtype\":\"image\",\"msg_content\":\"no json\"}]}}", "merged", "[聊天记录] 记录\n甲: 嗨\n乙: [图片]"},
		{"{\"msgtype\":\"hologram\",\"hologram\":{\"title\":\"新\"}}", "other", "[消息] 新"},
		{"{\"msgtype\":\"note\"}", "other", "[笔记]"},
		{"{\"msgtype\":\"text\"}", "text", ""}, {"{\"msgtype\":\"text\",\"text\":\"x\"}", "text", ""}, {"{}", "other", ""},
	};
	wc_err e;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t     *m    = wc_json_parse(a, cases[i].json, strlen(cases[i].json), &e);
		const char *type = wc_json_str(m, "msgtype");

		assert_string_equal(kind_of(type ? type : ""), cases[i].kind);
		assert_string_equal(text_of(a, m), cases[i].text);
	}
	assert_string_equal(media_of(wc_json(a, "{s:s, s:{s:s}}", "msgtype", "file", "file", "media_id", "m1")), "m1");
	assert_null(media_of(wc_json(a, "{s:s, s:{s:s}}", "msgtype", "text", "text", "media_id", "m1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_window_counts_five_and_48_hours, fresh, done),
		cmocka_unit_test_setup_teardown(the_plan_joins_only_what_would_not_fit_and_keeps_one_for_notices, fresh, done),
		cmocka_unit_test_setup_teardown(joined_texts_fit_into_one_message, fresh, done),
		cmocka_unit_test_setup_teardown(no_plan_is_too_much, fresh, done),
		cmocka_unit_test_setup_teardown(hours_know_days_times_and_dates, fresh, done),
		cmocka_unit_test_setup_teardown(hours_that_make_no_sense_are_refused, fresh, done),
		cmocka_unit_test_setup_teardown(markdown_reads_as_plain_text, fresh, done),
		cmocka_unit_test_setup_teardown(every_kind_says_something, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
