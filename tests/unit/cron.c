/* Cron expressions, their ticks, and the pauses between attempts. */
#include "check.h"

#include "work/tick.h"

#include <string.h>
#include <time.h>

/* Seconds of "YYYY-MM-DD HH:MM" in UTC. */
static int64_t at(const char *text)
{
	struct tm t = {0};

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &t));
	return timegm(&t);
}

static void tick_is(const char *expression, const char *until, const char *expected, int64_t zone_s)
{
	struct cron c;
	wc_err      e;
	char        text[32] = "none";
	time_t      tick;

	assert_int_equal(cron_parse(expression, &c, &e), 0);
	tick = (time_t)cron_last(&c, 0, at(until) + 59, zone_s);
	if (tick)
		strftime(text, sizeof text, "%Y-%m-%d %H:%M", gmtime(&tick));
	if (strcmp(text, expected))
		fail_msg("%s until %s: %s, expected %s", expression, until, text, expected);
}

static void the_latest_tick_is_found(void **state)
{
	static const struct {
		const char *expression, *until, *expected;
	} cases[] = {
		{"* * * * *", "2026-11-21 09:47", "2026-11-21 09:47"},
		{"*/10 * * * *", "2026-11-21 09:47", "2026-11-21 09:40"},
		{"*/10 * * * *", "2026-11-21 09:50", "2026-11-21 09:50"},
		{"3-59/10 * * * *", "2026-11-21 09:02", "2026-11-21 08:53"},
		{"5/20 * * * *", "2026-11-21 09:47", "2026-11-21 09:45"},
		{"0 9-17 * * 1-5", "2026-11-21 09:47", "2026-11-20 17:00"},        /* a Saturday */
		{"0 0 * * 0", "2026-11-21 09:47", "2026-11-15 00:00"},
		{"0 0 * * 7", "2026-11-21 09:47", "2026-11-15 00:00"},
		{"17 3 * * *", "2026-11-21 03:16", "2026-11-20 03:17"},
		{"59 23 31 * *", "2026-11-21 09:47", "2026-10-31 23:59"},
		{"0 0 30 * *", "2026-03-15 12:00", "2026-01-30 00:00"},
		{"0 0 29 2 *", "2026-11-21 09:47", "2024-02-29 00:00"},
		{"0 0 29 2 *", "2104-02-28 09:47", "2096-02-29 00:00"},            /* 2100 has none */
		{"30 12 1 1 *", "2026-01-01 12:29", "2025-01-01 12:30"},
		{"0 0 13 * 5", "2026-11-21 00:00", "2026-11-20 00:00"},            /* a Friday, or a 13th */
		{"0 0 13 * 5", "2026-11-13 00:00", "2026-11-13 00:00"},
		{"0 12 */2 * 1", "2026-11-21 00:00", "2026-11-09 12:00"},          /* an odd day that is a Monday */
		{"1,31 8,20 * 1,12 *", "2026-11-21 00:00", "2026-01-31 20:31"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tick_is(cases[i].expression, cases[i].until, cases[i].expected, 0);
}

static void the_wall_clock_is_the_zones(void **state)
{
	(void)state;
	tick_is("0 9 * * *", "2026-11-21 00:59", "2026-11-20 01:00", 8 * 3600);
	tick_is("0 9 * * *", "2026-11-21 01:00", "2026-11-21 01:00", 8 * 3600);
	tick_is("0 0 1 * *", "2026-10-31 16:00", "2026-10-31 16:00", 8 * 3600);
	tick_is("0 20 * * *", "2026-11-21 00:29", "2026-11-20 00:30", -(4 * 3600 + 1800));
}

static void what_was_ticked_does_not_tick_again(void **state)
{
	struct cron c;
	wc_err      e;
	int64_t     nine = at("2026-11-21 09:00");

	(void)state;
	assert_int_equal(cron_parse("0 9 * * *", &c, &e), 0);
	assert_int_equal(cron_last(&c, nine, nine + 3600, 0), 0);
	assert_int_equal(cron_last(&c, nine - 1, nine + 3600, 0), nine);
	assert_int_equal(cron_last(&c, nine - 30 * 86400, nine + 3600, 0), nine);
	assert_int_equal(cron_last(&c, nine, nine + 86399, 0), 0);
	assert_int_equal(cron_last(&c, nine, nine + 86400, 0), nine + 86400);
}

static void every_minute_agrees_with_a_plain_search(void **state)
{
	static const char *const expressions[] = {"*/7 */5 * * *", "0 0 28-31 2 *", "15 6 * 2,3 6", "0 0 1 3 0"};
	int64_t                  from = at("2024-02-20 00:00"), to = at("2024-03-10 00:00");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int64_t     last = 0;
		struct cron c;
		wc_err      e;

		assert_int_equal(cron_parse(expressions[i], &c, &e), 0);
		for (int64_t t = from; t < to; t += 60) {
			/* Whether this very minute is a tick, asked for alone. */
			if (cron_last(&c, t - 1, t, 0) == t)
				last = t;
			assert_int_equal(cron_last(&c, from - 1, t, 0), last);
		}
		assert_true(last > 0);
	}
}

static void what_is_no_expression_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *expression, *reason;
	} cases[] = {
		{"", "0 of the five"}, {"* * * *", "4 of the five"}, {"* * * * * *", "more than the five"}, {"60 * * * *", "minute"},
		{"* 24 * * *", "hour"}, {"* * 0 * *", "day"}, {"* * 32 * *", "day"}, {"* * * 13 *", "month"}, {"* * * 0 *", "month"},
		{"* * * * 8", "weekday"}, {"*/0 * * * *", "minute"}, {"5-1 * * * *", "minute"}, {"1, * * * *", "minute"}, {"a * * * *", "minute"},
		{"1-x * * * *", "minute"}, {"** * * * *", "minute"}, {"*/99999 * * * *", "minute"}, {"-1 * * * *", "minute"}, {"@daily", "minute"},
		{"* * * jan *", "month"}, {"0 0 31 2 *", "never run"}, {"0 0 30 2 *", "never run"}, {"0 0 31 4,6,9,11 *", "never run"},
	};
	struct cron c;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		wc_err e = {0};

		assert_int_equal(cron_parse(cases[i].expression, &c, &e), -1);
		assert_int_equal(e.code, WC_E_CONFIG);
		if (!strstr(e.text, cases[i].reason))
			fail_msg("%s: %s", cases[i].expression, e.text);
	}
}

static void zones_are_offsets(void **state)
{
	static const struct {
		const char *text;
		int64_t     seconds;
	} good[] = {{"+08:00", 28800}, {"-04:30", -16200}, {"+00:00", 0}, {"+14:00", 50400}};
	static const char *const bad[] = {"", "8", "+8:00", "+08", "+0800", "+15:00", "+08:60", "+08:00 ", "Asia/Shanghai", "08:00"};
	int64_t                  s;
	wc_err                   e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(cron_zone(good[i].text, &s, &e), 0);
		assert_int_equal(s, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(cron_zone(bad[i], &s, &e), -1);
}

static void pauses_grow_to_ten_minutes_and_are_spread(void **state)
{
	(void)state;
	assert_int_equal(backoff_ms(1, 0), 1000);
	for (int64_t attempt = 1; attempt < 10; attempt++) {
		assert_int_equal(backoff_ms(attempt, 0), INT64_C(1000) << (attempt - 1));
		/* The longest is still shorter than the next one's shortest. */
		assert_true(backoff_ms(attempt, 65535) < backoff_ms(attempt + 1, 0));
		assert_true(backoff_ms(attempt, 65535) > backoff_ms(attempt, 0) * 149 / 100);
		assert_true(backoff_ms(attempt, 20000) < backoff_ms(attempt, 40000));
	}
	assert_int_equal(backoff_ms(11, 0), 600000);
	assert_int_equal(backoff_ms(1000000, 0), 600000);
	assert_true(backoff_ms(1000000, 65535) < 900000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latest_tick_is_found),
		cmocka_unit_test(the_wall_clock_is_the_zones),
		cmocka_unit_test(what_was_ticked_does_not_tick_again),
		cmocka_unit_test(every_minute_agrees_with_a_plain_search),
		cmocka_unit_test(what_is_no_expression_is_refused_with_a_reason),
		cmocka_unit_test(zones_are_offsets),
		cmocka_unit_test(pauses_grow_to_ten_minutes_and_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
