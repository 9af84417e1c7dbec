/* RFC 3339: which texts are times, and that writing and reading agree. */
#include "check.h"

#include <wecomd/clock.h>

static void the_forms_of_a_time(void **state)
{
	static const struct {
		const char *text;
		int64_t     ms;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0}, {"1969-12-31T23:59:59.999Z", -1}, {"2026-01-31T08:00:00+08:00", 1769817600000},
		{"2026-01-31t00:00:00z", 1769817600000}, {"2026-01-31 00:00:00.5-00:00", 1769817600500},
		{"2026-01-31T00:00:00.123456789Z", 1769817600123}, {"2000-02-29T00:00:00Z", 951782400000},
		{"0001-01-01T00:00:00Z", -62135596800000}, {"9999-12-31T23:59:59.999Z", 253402300799999},
		{"2026-01-30T23:59:00-00:01", 1769817600000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ms = 0;

		if (!wc_time_parse(cases[i].text, &ms) || ms != cases[i].ms)
			fail_msg("%s gave %lld", cases[i].text, (long long)ms);
	}
}

static void what_is_no_time(void **state)
{
	static const char *const bad[] = {
		"", "now", "2026", "2026-01-31", "2026-01-31T08:00Z", "2026-01-31T08:00:00", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-31T24:00:00Z",
		"2026-01-31T08:60:00Z", "2026-01-31T08:00:60Z", "2026-01-31T08:00:00.Z", "2026-01-31T08:00:00.1234567890Z",
		"2026-01-31T08:00:00+8:00", "2026-01-31T08:00:00+24:00", "2026-01-31T08:00:00+08:60", "2026-01-31T08:00:00+0800",
		"2026-01-31T08:00:00Z ", " 2026-01-31T08:00:00Z", "2026-1-31T08:00:00Z", "-026-01-31T08:00:00Z", "0000-01-01T00:00:00Z",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (wc_time_parse(bad[i], &ms))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void every_day_is_read_as_it_was_written(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	for (int64_t ms = -62135596800000; ms < 253402300800000; ms += 86400000 * INT64_C(97) + 12345) {
		int64_t again = 0;

		assert_true(wc_time_parse(wc_time_text(a, ms), &again));
		assert_int_equal(again, ms);
	}
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_forms_of_a_time),
		cmocka_unit_test(what_is_no_time),
		cmocka_unit_test(every_day_is_read_as_it_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
