/* What is written into an arena: texts of every length, wherever in a block they come to lie. */
#include <wecomd/arena.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void printed_texts_stand_beside_each_other(void **state)
{
	(void)state;
	/* Some 40 blocks are filled to their ends, each end with another rest. */
	for (size_t step = 1; step < 40; step++) {
		wc_arena   *a = wc_arena_new();
		const char *text[600];

		for (size_t i = 0; i < 600; i++) {
			text[i] = wc_printf(a, "%zu %0*d", i, (int)(i % 97 * step), 7);
			assert_int_equal((uintptr_t)wc_alloc(a, step) % _Alignof(max_align_t), 0);
		}
		for (size_t i = 0; i < 600; i++) {
			size_t digits = i % 97 * step;

			assert_int_equal(strtoul(text[i], NULL, 10), i);
			assert_int_equal(strlen(strchr(text[i], ' ') + 1), digits ? digits : 1);
			assert_int_equal(text[i][strlen(text[i]) - 1], '7');
		}
		wc_arena_free(a);
	}
}

static void memory_behind_a_text_is_zero(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	for (int i = 0; i < 2000; i++) {
		const char *zero;

		wc_printf(a, "%0*d", i % 200, 1);
		zero = wc_alloc(a, 100);
		for (int j = 0; j < 100; j++)
			assert_int_equal(zero[j], 0);
	}
	wc_arena_free(a);
}

static void an_empty_text_is_a_text(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	assert_string_equal(wc_printf(a, "%s", ""), "");
	wc_alloc(a, 8);
	assert_string_equal(wc_printf(a, "%s", ""), "");
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_texts_stand_beside_each_other),
		cmocka_unit_test(memory_behind_a_text_is_zero),
		cmocka_unit_test(an_empty_text_is_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
