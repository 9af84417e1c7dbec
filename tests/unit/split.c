/* The splitter: pieces keep to their bytes and cut nothing that a reader needs whole. */
#include "check.h"

#include <wecomd/buf.h>
#include <wecomd/split.h>
#include <wecomd/text.h>

#include <string.h>

static wc_arena *a;
static size_t    pieces;

static struct {
	const char *p;
	size_t      n;
} piece[2000];

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

static void split(const char *text, size_t max)
{
	wc_splitter sp = wc_split(text, strlen(text), max);

	for (pieces = 0; pieces < 2000 && (piece[pieces].p = wc_split_next(&sp, a, &piece[pieces].n)); pieces++) {
		assert_true(piece[pieces].n <= max);
		assert_true(piece[pieces].n > 0);
		assert_true(wc_utf8_valid(piece[pieces].p, piece[pieces].n));
	}
	assert_true(pieces < 2000);
}

static const char *repeated(const char *s, size_t times)
{
	wc_buf *b = wc_buf_new(a, 1u << 20);

	for (size_t i = 0; i < times; i++)
		wc_buf_adds(b, s);
	return b->s;
}

static void what_fits_stays_one_piece(void **state)
{
	(void)state;
	split("你好\n\n世界", 64);
	assert_int_equal(pieces, 1);
	assert_string_equal(piece[0].p, "你好\n\n世界");
	split("", 64);
	assert_int_equal(pieces, 0);
	split(" \n\n ", 64);
	assert_int_equal(pieces, 0);
}

static void paragraphs_are_kept_whole(void **state)
{
	(void)state;
	split(wc_printf(a, "%s\n\n%s", repeated("甲", 15), repeated("乙", 15)), 70);
	assert_int_equal(pieces, 2);
	assert_string_equal(piece[0].p, repeated("甲", 15));
	assert_string_equal(piece[1].p, repeated("乙", 15));
}

static void sentences_are_kept_whole_where_paragraphs_cannot(void **state)
{
	(void)state;
	split(wc_printf(a, "%s。%s。", repeated("甲", 16), repeated("乙", 16)), 64);
	assert_int_equal(pieces, 2);
	assert_string_equal(piece[0].p, wc_printf(a, "%s。", repeated("甲", 16)));
}

static void a_character_is_never_cut(void **state)
{
	(void)state;
	for (size_t max = 64; max < 70; max++) {
		split(repeated("😀", 100), max);
		for (size_t i = 0; i + 1 < pieces; i++)
			assert_int_equal(piece[i].n, max / 4 * 4);
	}
}

static void a_link_goes_whole_into_the_next_piece(void **state)
{
	const char *const links[] = {"[说明书](https://example.com/a/very/long/path)", "https://example.com/a/very/long/path?q=1&r=2",
	                             "![图](https://example.com/p.png)", "`int main(void) { return 0; }`"};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t before = 10; before < 21; before++) {
			split(wc_printf(a, "%s%s%s", repeated("字", before), links[i], repeated("尾", 10)), 80);
			assert_true(pieces >= 1);
			assert_true(strstr(piece[0].p, links[i]) || (pieces > 1 && strstr(piece[1].p, links[i])));
		}
}

static void a_code_block_that_fits_is_moved_whole(void **state)
{
	const char *code = "```c\nint a;\n\nint b;\n```";

	(void)state;
	split(wc_printf(a, "%s\n%s\n后文", repeated("字", 18), code), 72);
	assert_int_equal(pieces, 2);
	assert_string_equal(piece[0].p, repeated("字", 18));
	assert_non_null(strstr(piece[1].p, code));
}

static void a_code_block_longer_than_a_message_is_closed_and_opened_again(void **state)
{
	wc_buf *rows = wc_buf_new(a, 100000);

	(void)state;
	split(wc_printf(a, "```python\n%s```\n完", repeated("print(1)\n", 40)), 100);
	assert_true(pieces > 3);
	for (size_t i = 0; i < pieces; i++) {
		assert_int_equal(strncmp(piece[i].p, "```python\n", 10), 0);
		if (i + 1 < pieces)
			assert_string_equal(piece[i].p + piece[i].n - 4, "\n```");
		for (const char *p = piece[i].p; (p = strstr(p, "print(1)\n")); p += 9)
			wc_buf_adds(rows, "print(1)\n");
	}
	assert_string_equal(rows->s, repeated("print(1)\n", 40));
}

static void one_line_of_code_longer_than_a_message_is_cut_between_characters(void **state)
{
	(void)state;
	split(wc_printf(a, "```\n%s\n```", repeated("数", 100)), 64);
	for (size_t i = 0; i < pieces; i++)
		assert_int_equal(strncmp(piece[i].p, "```\n", 4), 0);
}

static void a_table_is_cut_between_rows_and_repeats_its_head(void **state)
{
	const char *head = "| 名 | 数 |\n| --- | --- |\n";

	(void)state;
	split(wc_printf(a, "%s%s", head, repeated("| 甲 | 12 |\n", 30)), 120);
	assert_true(pieces > 2);
	for (size_t i = 0; i < pieces; i++) {
		assert_int_equal(strncmp(piece[i].p, head, strlen(head)), 0);
		assert_int_equal(piece[i].p[piece[i].n - 1], '|');
	}
	split(wc_printf(a, "%s\n%s%s", repeated("字", 20), head, repeated("| 甲 | 12 |\n", 2)), 100);
	assert_int_equal(pieces, 2);
	assert_int_equal(strncmp(piece[1].p, head, strlen(head)), 0);
}

static unsigned long long seed;

static size_t below(size_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (size_t)(seed >> 33) % n;
}

/* Fences in each piece must balance, for a reader sees each alone. */
static bool is_balanced(const char *s)
{
	int fences = 0;

	for (const char *p = s; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		fences += !strncmp(p, "```", 3);
	return fences % 2 == 0;
}

static void random_documents_lose_nothing(void **state)
{
	static const char *const parts[] = {"一段话，有逗号。还有一句！\n\n", "```\ncode line\nmore code\n```\n", "[链](https://e.cn/x)", "word ",
	                                    "| a | b |\n|---|---|\n| 1 | 2 |\n\n", "# 标题\n", "- 列表项\n", "😀", "https://e.cn/long/path/here ",
	                                    "`inline`", "\n"};

	(void)state;
	for (seed = 1; seed < 400; seed++) {
		unsigned long long keep = seed;
		wc_buf            *b    = wc_buf_new(a, 1u << 20);
		size_t             codes = 0, seen = 0;

		for (size_t i = 0, n = 5 + below(60); i < n; i++) {
			size_t k = below(sizeof parts / sizeof *parts);

			if (k == 1 || k == 4 || k == 5)     /* blocks begin on a line of their own */
				wc_buf_adds(b, "\n");
			codes += k == 1;
			wc_buf_adds(b, parts[k]);
		}
		split(b->s, 64 + below(200));
		for (size_t i = 0; i < pieces; i++) {
			assert_true(is_balanced(piece[i].p));
			for (const char *p = piece[i].p; (p = strstr(p, "code line\n")); p++)
				seen++;
		}
		assert_int_equal(seen, codes);
		seed = keep;
	}
}

/* --- what fuzzing found ------------------------------------------------------------------------------------------------ */

static void no_piece_is_blank(void **state)
{
	const char *blanks = repeated(" ", 200), *wide = repeated("　", 200);

	(void)state;
	split(wc_printf(a, "%s\n\nx", blanks), 64);
	assert_int_equal(pieces, 1);
	split(wc_printf(a, "x%s%sy%s", blanks, wide, blanks), 64);
	assert_int_equal(pieces, 2);
	assert_string_equal(piece[0].p, "x");
	/* The head of a table alone says nothing. */
	split(wc_printf(a, "| a |\n| - |\n| %s%s |\n| z |\n", repeated("b", 60), repeated(" ", 300)), 64);
	for (size_t i = 1; i < pieces; i++)
		assert_true(piece[i].n > strlen("| a |\n| - |\n"));
}

static void a_row_cut_at_its_end_leaves_no_blank_line_in_the_table(void **state)
{
	const char *row = wc_printf(a, "|%s|", repeated("b", 62));

	(void)state;
	split(wc_printf(a, "| a |\n| - |\n%s\n| c |\n\nend", row), 12 + 64);
	assert_string_equal(piece[1].p, "| a |\n| - |\n| c |\n\nend");
	split(wc_printf(a, "| a |\n| - |\n%s\n\nend", row), 12 + 64);
	assert_string_equal(piece[1].p, "end");
}

static void bytes_that_are_no_text_come_to_an_end(void **state)
{
	wc_splitter sp;
	size_t      n, sum = 0;
	const char *none = repeated("\x80", 1000);

	(void)state;
	sp = wc_split(none, 1000, 64);
	while (wc_split_next(&sp, a, &n))
		sum += n;
	assert_int_equal(sum, 1000);
	sp = wc_split("a\0b", 3, 64);
	assert_memory_equal(wc_split_next(&sp, a, &n), "a\0b", 4);
	assert_int_equal(n, 3);
}

/* A zero byte in a block that goes on was read past the block's end. */
static void zero_bytes_in_a_block_are_bytes(void **state)
{
	char       *text = wc_printf(a, "```\n%s\n%s\n```\n", repeated("x", 100), repeated("y", 100));
	size_t      n, len = strlen(text), zeros = 0;
	wc_splitter sp;
	const char *p;

	(void)state;
	text[80] = text[150] = 0;
	sp = wc_split(text, len, 64);
	while ((p = wc_split_next(&sp, a, &n))) {
		assert_true(n <= 64);
		for (size_t i = 0; i < n; i++)
			zeros += !p[i];
	}
	assert_int_equal(zeros, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_fits_stays_one_piece, fresh, done),
		cmocka_unit_test_setup_teardown(paragraphs_are_kept_whole, fresh, done),
		cmocka_unit_test_setup_teardown(sentences_are_kept_whole_where_paragraphs_cannot, fresh, done),
		cmocka_unit_test_setup_teardown(a_character_is_never_cut, fresh, done),
		cmocka_unit_test_setup_teardown(a_link_goes_whole_into_the_next_piece, fresh, done),
		cmocka_unit_test_setup_teardown(a_code_block_that_fits_is_moved_whole, fresh, done),
		cmocka_unit_test_setup_teardown(a_code_block_longer_than_a_message_is_closed_and_opened_again, fresh, done),
		cmocka_unit_test_setup_teardown(one_line_of_code_longer_than_a_message_is_cut_between_characters, fresh, done),
		cmocka_unit_test_setup_teardown(a_table_is_cut_between_rows_and_repeats_its_head, fresh, done),
		cmocka_unit_test_setup_teardown(random_documents_lose_nothing, fresh, done),
		cmocka_unit_test_setup_teardown(no_piece_is_blank, fresh, done),
		cmocka_unit_test_setup_teardown(a_row_cut_at_its_end_leaves_no_blank_line_in_the_table, fresh, done),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_text_come_to_an_end, fresh, done),
		cmocka_unit_test_setup_teardown(zero_bytes_in_a_block_are_bytes, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
