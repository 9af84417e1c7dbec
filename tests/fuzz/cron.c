/* Cron expressions. Input: the zone ("+08:00") and a time (seconds since 1970) on a line each, then the expression. */
#include "fuzz.h"

#include "work/work.h"

#include <time.h>

#define YEAR_S  (366 * INT64_C(86400))
#define MINUTES 3000     /* that are looked at one by one */

/* Whether the minute that begins at t is one of the expression's, by the C library's calendar. */
static bool is_tick(const struct cron *c, int64_t t, int64_t zone_s)
{
	time_t    wall = (time_t)(t + zone_s);
	struct tm tm;
	bool      day, weekday;

	must(gmtime_r(&wall, &tm));
	day     = c->days >> tm.tm_mday & 1;
	weekday = c->weekdays >> tm.tm_wday & 1;
	return tm.tm_sec == 0 && (c->minutes >> tm.tm_min & 1) && (c->hours >> tm.tm_hour & 1) && (c->months >> (tm.tm_mon + 1) & 1) &&
	       (c->any_day || c->any_weekday ? day && weekday : day || weekday);
}

static void check_bits(const struct cron *c)
{
	must(c->minutes && !(c->minutes >> 60) && c->hours && !(c->hours >> 24));
	must(c->days && !(c->days & 1) && c->months && !(c->months & 1) && !(c->months >> 13));
	must(c->weekdays & 0x7f);
}

/* The latest minute up to until that is a tick, when there is one among the last MINUTES. */
static int64_t plain_last(const struct cron *c, int64_t until, int64_t zone_s)
{
	int64_t minute = until - ((until + zone_s) % 60 + 60) % 60;

	for (int i = 0; i < MINUTES; i++, minute -= 60)
		if (is_tick(c, minute, zone_s))
			return minute;
	return 0;
}

static void check_ticks(const struct cron *c, int64_t until, int64_t zone_s)
{
	int64_t tick = cron_last(c, 0, until, zone_s), plain = plain_last(c, until, zone_s);

	must(!plain || tick == plain);
	if (!tick)
		return;
	must(tick > 0 && tick <= until && is_tick(c, tick, zone_s));
	must(cron_last(c, tick, until, zone_s) == 0);
	must(cron_last(c, tick - 1, until, zone_s) == tick);
	must(cron_last(c, tick - 1, tick, zone_s) == tick);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in    = {(const char *)data, size};
	wc_arena    *a     = wc_arena_new();
	const char  *zone  = text_of(a, take_line(&in));
	int64_t      until = (int64_t)((uint64_t)take_number(a, &in) % (uint64_t)(130 * YEAR_S)) + 10 * YEAR_S, zone_s = 0;
	struct cron  c;
	wc_err       e = {0};

	if (cron_zone(zone, &zone_s, &e) < 0)
		must(e.code == WC_E_CONFIG && *e.text);
	must(zone_s > -86400 && zone_s < 86400 && zone_s % 60 == 0);
	if (cron_parse(text_of(a, in), &c, &e) == 0) {
		check_bits(&c);
		check_ticks(&c, until, zone_s);
	} else {
		must(e.code == WC_E_CONFIG && *e.text);
	}
	wc_arena_free(a);
	return 0;
}
