/* The one time source. */
#include <wecomd/clock.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define DAY_MS 86400000

static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t wc_now_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t wc_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

void wc_sleep_ms(int64_t ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (ms > 0 && nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* --- RFC 3339 ------------------------------------------------------------------------------------------------------- */

static int days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool             leap   = year % 4 == 0 && (year % 100 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970 to the first of a month; years begin in March, so that the leap day comes last. */
static int64_t days_until(int year, int month)
{
	int64_t y   = month <= 2 ? year - 1 : year, era = y / 400, in_era = y % 400;
	int64_t day = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + day - 719468;
}

/* Exactly n digits at *at, which moves behind them; -1 for anything else. */
static int digits(const char **at, int n)
{
	int value = 0;

	for (; n > 0; n--, ++*at) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool take(const char **at, char c)
{
	return *(*at)++ == c;
}

/* ".25": milliseconds, what is finer is dropped. -1: no digit, or more than nine. */
static int fraction(const char **at)
{
	size_t n = strspn(*at, "0123456789");
	int    ms = 0;

	if (n < 1 || n > 9)
		return -1;
	for (size_t i = 0; i < 3; i++)
		ms = ms * 10 + (i < n ? (*at)[i] - '0' : 0);
	*at += n;
	return ms;
}

/* "Z" or "+08:00", to the end of the text; minutes east of Greenwich. */
static bool offset(const char *at, int *minutes)
{
	int sign = *at == '-' ? -1 : 1, hour, minute;

	*minutes = 0;
	if (*at == 'Z' || *at == 'z')
		return !at[1];
	if ((*at != '+' && *at != '-') || (++at, (hour = digits(&at, 2)) < 0) || hour > 23 || !take(&at, ':') ||
	    (minute = digits(&at, 2)) < 0 || minute > 59)
		return false;
	*minutes = sign * (hour * 60 + minute);
	return !*at;
}

bool wc_time_parse(const char *text, int64_t *out)
{
	const char *at = text;
	int         year, month, day, hour, minute, second, ms = 0, east;

	if ((year = digits(&at, 4)) < 1 || !take(&at, '-') || (month = digits(&at, 2)) < 1 || month > 12 || !take(&at, '-') ||
	    (day = digits(&at, 2)) < 1 || day > days_in(year, month) || (*at != 'T' && *at != 't' && *at != ' '))
		return false;
	at++;
	if ((hour = digits(&at, 2)) < 0 || hour > 23 || !take(&at, ':') || (minute = digits(&at, 2)) < 0 || minute > 59 ||
	    !take(&at, ':') || (second = digits(&at, 2)) < 0 || second > 59)
		return false;
	if (*at == '.' && (at++, ms = fraction(&at)) < 0)
		return false;
	if (!offset(at, &east))
		return false;
	*out = (days_until(year, month) + day - 1) * DAY_MS + ((hour * 60 + minute - east) * 60 + second) * INT64_C(1000) + ms;
	return true;
}

char *wc_time_text(wc_arena *a, int64_t ms)
{
	int64_t   part = (ms % 1000 + 1000) % 1000;
	time_t    s    = (time_t)((ms - part) / 1000);
	struct tm t;

	gmtime_r(&s, &t);
	return wc_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
	                 t.tm_sec, (int)part);
}
