/* Cron expressions: five fields, "*", lists, ranges and steps.
 *
 * The wall clock is UTC plus a fixed offset, so that every tick exists and none comes twice. Where both the day and the weekday are
 * restricted, either will do, as in every cron. */
#include "work/work.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S      86400
#define YEARS_BACK 9         /* from one 29 February to the next there are at most eight years */

struct part {
	const char *name;
	int         min, max;
};

static const struct part parts[] = {{"minute", 0, 59}, {"hour", 0, 23}, {"day", 1, 31}, {"month", 1, 12}, {"weekday", 0, 7}};

static int number(const char **s, int *value)
{
	int digits = 0;

	for (*value = 0; **s >= '0' && **s <= '9' && digits < 4; ++*s, digits++)
		*value = *value * 10 + (**s - '0');
	return digits ? 0 : -1;
}

/* One of a list: "*", "5", "1-5", each perhaps with "/2". */
static int read_item(const char **s, const struct part *p, uint64_t *bits)
{
	int from = p->min, to = p->max, step = 1;

	if (**s == '*') {
		++*s;
	} else {
		if (number(s, &from) < 0)
			return -1;
		to = from;
		if (**s == '-' && (++*s, number(s, &to) < 0))
			return -1;
		if (**s == '/' && to == from)
			to = p->max;
	}
	if (**s == '/' && (++*s, number(s, &step) < 0 || step == 0))
		return -1;
	if (from < p->min || to > p->max || from > to)
		return -1;
	for (int i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	return 0;
}

static int read_part(const char **s, const struct part *p, uint64_t *bits, bool *any, wc_err *e)
{
	const char *begin = *s;
	int         n     = (int)strcspn(begin, " \t");

	*bits = 0;
	*any  = *begin == '*';
	do {
		if (read_item(s, p, bits) < 0)
			return wc_fail(e, WC_E_CONFIG, "the %s \"%.*s\" is not made of numbers from %d to %d, such as *, */10, 1-5 or 1,15", p->name, n, begin,
			               p->min, p->max);
	} while (**s == ',' && ++*s);
	if (**s && **s != ' ' && **s != '\t')
		return wc_fail(e, WC_E_CONFIG, "the %s \"%.*s\" goes on with \"%c\"", p->name, n, begin, **s);
	*s += strspn(*s, " \t");
	return 0;
}

/* 31 February never comes. */
static int check_date(const struct cron *c, wc_err *e)
{
	static const int days[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (!c->any_weekday)
		return 0;
	for (int m = 1; m <= 12; m++)
		for (int d = 1; d <= days[m]; d++)
			if ((c->months >> m & 1) && (c->days >> d & 1))
				return 0;
	return wc_fail(e, WC_E_CONFIG, "no month of it has such a day, so it would never run");
}

int cron_parse(const char *text, struct cron *c, wc_err *e)
{
	const char *s = text + strspn(text, " \t");
	uint64_t    bits[5];
	bool        any[5];

	for (size_t i = 0; i < 5; i++) {
		if (!*s)
			return wc_fail(e, WC_E_CONFIG, "it has %zu of the five fields minute, hour, day, month, weekday", i);
		if (read_part(&s, &parts[i], &bits[i], &any[i], e) < 0)
			return -1;
	}
	if (*s)
		return wc_fail(e, WC_E_CONFIG, "it has more than the five fields minute, hour, day, month, weekday");
	*c = (struct cron){.minutes = bits[0], .hours = (uint32_t)bits[1], .days = (uint32_t)bits[2], .months = (uint32_t)bits[3],
	                   .weekdays = (uint32_t)(bits[4] | bits[4] >> 7), .any_day = any[2], .any_weekday = any[4]};
	return check_date(c, e);
}

int cron_zone(const char *text, int64_t *zone_s, wc_err *e)
{
	const char *s = text + 1;
	int         hours, minutes;

	if ((*text != '+' && *text != '-') || number(&s, &hours) < 0 || *s++ != ':' || s != text + 4 || number(&s, &minutes) < 0 || *s ||
	    s != text + 6 || hours > 14 || minutes > 59)
		return wc_fail(e, WC_E_CONFIG, "expected an offset from UTC such as +08:00");
	*zone_s = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
	return 0;
}

/* --- ticks ---------------------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Month and day of a day since 1970, in the proleptic Gregorian calendar: years are counted from March, so that a leap day is the
 * last of its year. */
static void civil(int64_t day, int *month, int *mday)
{
	int64_t z = day + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*mday  = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
}

static bool runs_on(const struct cron *c, int64_t day)
{
	int  month, mday, wday = (int)((day % 7 + 11) % 7);     /* 1 January 1970 was a Thursday */
	bool by_day, by_weekday;

	civil(day, &month, &mday);
	by_day     = c->days >> mday & 1;
	by_weekday = c->weekdays >> wday & 1;
	if (!(c->months >> month & 1))
		return false;
	return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* The last minute of the day, at most limit, that the expression names; -1: none. */
static int last_minute(const struct cron *c, int limit)
{
	for (int m = limit; m >= 0; m--) {
		if (!(c->hours >> (m / 60) & 1))
			m -= m % 60;     /* the rest of that hour too */
		else if (c->minutes >> (m % 60) & 1)
			return m;
	}
	return -1;
}

int64_t cron_last(const struct cron *c, int64_t after, int64_t until, int64_t zone_s)
{
	int64_t now = until + zone_s, today = floor_div(now, DAY_S);

	for (int64_t day = today; day > today - YEARS_BACK * 366; day--) {
		int     m    = runs_on(c, day) ? last_minute(c, day == today ? (int)((now - day * DAY_S) / 60) : 1439) : -1;
		int64_t tick = day * DAY_S + m * 60 - zone_s;

		if (m >= 0)
			return tick > after ? tick : 0;
		if ((day + 1) * DAY_S - zone_s <= after)
			return 0;
	}
	return 0;
}
