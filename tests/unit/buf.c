/* Arenas and bounded buffers. */
#include "check.h"

#include <wecomd/buf.h>

#include <string.h>

static char order[4];

static void note(void *c)
{
	strcat(order, c);
}

static void what_was_deferred_runs_newest_first_when_the_arena_ends(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	wc_defer(a, note, "1");
	wc_defer(a, note, "2");
	wc_arena_free(a);
	assert_string_equal(order, "21");
}

static void memory_is_zeroed_and_aligned_at_every_size(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	for (size_t size = 0; size < 20000; size += 37) {
		unsigned char *p = wc_alloc(a, size);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	wc_arena_free(a);
}

static void a_buffer_holds_up_to_its_maximum(void **state)
{
	wc_arena *a = wc_arena_new();
	wc_buf   *b = wc_buf_new(a, 5);

	(void)state;
	assert_string_equal(b->s, "");
	wc_buf_adds(b, "12");
	wc_buf_addf(b, "%d", 345);
	assert_false(wc_buf_failed(b));
	assert_string_equal(b->s, "12345");
	wc_arena_free(a);
}

static void one_byte_more_empties_it_and_the_failure_sticks(void **state)
{
	wc_arena *a = wc_arena_new();
	wc_buf   *b = wc_buf_new(a, 5);

	(void)state;
	wc_buf_adds(b, "12345");
	wc_buf_addc(b, '6');
	wc_buf_adds(b, "x");
	assert_true(wc_buf_failed(b));
	assert_int_equal(b->len, 0);
	assert_string_equal(b->s, "");
	wc_buf_clear(b);
	wc_buf_adds(b, "x");
	assert_string_equal(b->s, "x");
	wc_arena_free(a);
}

static void a_buffer_that_got_nothing_is_an_empty_text(void **state)
{
	wc_arena *a = wc_arena_new();
	wc_buf   *b = wc_buf_new(a, 0);

	(void)state;
	wc_buf_add(b, "", 0);
	assert_false(wc_buf_failed(b));
	assert_string_equal(b->s, "");
	wc_arena_free(a);
}

/* Lengths around those at which the buffer grows, and around its maximum. */
static void formatted_text_is_whole_or_the_buffer_fails(void **state)
{
	(void)state;
	for (int before = 0; before <= 600; before += before < 250 ? 50 : 1) {
		wc_arena *a = wc_arena_new();
		wc_buf   *b = wc_buf_new(a, 600);

		for (int i = 0; i < before; i++)
			wc_buf_addc(b, 'x');
		wc_buf_addf(b, "%040d%s", 7, "");
		assert_int_equal(wc_buf_failed(b), before > 560);
		assert_int_equal(b->len, before > 560 ? 0 : before + 40);
		assert_int_equal(strlen(b->s), b->len);
		wc_buf_addf(b, "%s", "");
		assert_int_equal(strlen(b->s), b->len);
		wc_arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_deferred_runs_newest_first_when_the_arena_ends),
		cmocka_unit_test(memory_is_zeroed_and_aligned_at_every_size),
		cmocka_unit_test(a_buffer_holds_up_to_its_maximum),
		cmocka_unit_test(one_byte_more_empties_it_and_the_failure_sticks),
		cmocka_unit_test(a_buffer_that_got_nothing_is_an_empty_text),
		cmocka_unit_test(formatted_text_is_whole_or_the_buffer_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
