/* Working hours: reading them, and whether a moment lies within. Times past midnight belong to the day on which they begin. */
#include "hours.h"

#include <string.h>
#include <strings.h>

#define DAY_MIN 1440

static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

struct reader {
	const char   *at;
	struct hours *h;
};

static void pass_blanks(struct reader *r)
{
	r->at += strspn(r->at, " \t\r");
}

static int day_name(struct reader *r)
{
	for (int i = 0; i < 7; i++)
		if (!strncasecmp(r->at, names[i], 3)) {
			r->at += 3;
			return i;
		}
	return -1;
}

static bool read_weekdays(struct reader *r, unsigned *days)
{
	*days = 0;
	do {
		int from = day_name(r), to = from;

		if (from < 0)
			return false;
		if (*r->at == '-') {
			r->at++;
			if ((to = day_name(r)) < 0)
				return false;
		}
		for (int i = from;; i = (i + 1) % 7) {
			*days |= 1u << i;
			if (i == to)
				break;
		}
	} while (*r->at == ',' && r->at++);
	return true;
}

static bool number(struct reader *r, int digits, int *value)
{
	*value = 0;
	for (int i = 0; i < digits; i++, r->at++) {
		if (*r->at < '0' || *r->at > '9')
			return false;
		*value = *value * 10 + *r->at - '0';
	}
	return true;
}

static bool sign(struct reader *r, char c)
{
	return *r->at == c && r->at++;
}

static int64_t days_since_1970(int y, int m, int d)
{
	int64_t year = m <= 2 ? y - 1 : y, era = year / 400, of_era = year % 400;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 719469;
}

static bool read_date(struct reader *r, int64_t *date)
{
	int y, m, d;

	if (!number(r, 4, &y) || !sign(r, '-') || !number(r, 2, &m) || !sign(r, '-') || !number(r, 2, &d) || m < 1 || m > 12 || d < 1 || d > 31 || y < 1970)
		return false;
	*date = days_since_1970(y, m, d);
	return true;
}

static bool read_time(struct reader *r, int *minutes)
{
	int hour, minute;

	if (!number(r, 2, &hour) || !sign(r, ':') || !number(r, 2, &minute) || hour > 24 || minute > 59 || (hour == 24 && minute))
		return false;
	*minutes = hour * 60 + minute;
	return true;
}

static bool add(struct reader *r, struct hours_span span)
{
	if (r->h->n == sizeof r->h->span / sizeof *r->h->span)
		return false;
	r->h->span[r->h->n++] = span;
	return true;
}

static bool read_times(struct reader *r, struct hours_span span)
{
	if (!strncasecmp(r->at, "closed", 6)) {
		r->at += 6;
		return add(r, span);
	}
	do {
		pass_blanks(r);
		if (!read_time(r, &span.from) || !sign(r, '-') || !read_time(r, &span.to) || span.from == span.to)
			return false;
		if (span.to < span.from)
			span.to += DAY_MIN;
		if (!add(r, span))
			return false;
		pass_blanks(r);
	} while (sign(r, ','));
	return true;
}

static bool read_item(struct reader *r)
{
	struct hours_span span = {.date = -1};

	if (*r->at >= '0' && *r->at <= '9' ? !read_date(r, &span.date) : !read_weekdays(r, &span.weekdays))
		return false;
	pass_blanks(r);
	return read_times(r, span);
}

int hours_parse(const char *text, struct hours *h, wc_err *e)
{
	struct reader r = {text, h};

	h->n = 0;
	for (;;) {
		const char *began;

		r.at += strspn(r.at, " \t\r\n;");
		if (!*r.at)
			return 0;
		began = r.at;
		if (!read_item(&r) || (*r.at && !strchr("\n;", *r.at)))
			return wc_fail(e, WC_E_ARG, "working hours are written like \"mon-fri 09:00-18:00; 2026-10-01 closed\", not \"%.*s\"",
			               (int)strcspn(began, ";\n") < 60 ? (int)strcspn(began, ";\n") : 60, began);
	}
}

/* Whether the span says anything about the day, and whether the minute of that day lies in it. */
static bool is_of_day(const struct hours_span *s, int64_t date, bool by_date)
{
	return by_date ? s->date == date : s->date < 0 && s->weekdays >> ((date + 3) % 7) & 1;
}

static bool open_on(const struct hours *h, int64_t date, int minute)
{
	bool by_date = false;

	for (size_t i = 0; i < h->n; i++)
		by_date |= h->span[i].date == date;
	for (size_t i = 0; i < h->n; i++)
		if (is_of_day(&h->span[i], date, by_date) && minute >= h->span[i].from && minute < h->span[i].to)
			return true;
	return false;
}

bool hours_open(const struct hours *h, int64_t local_ms)
{
	int64_t date   = local_ms / 86400000;
	int     minute = (int)(local_ms / 60000 % DAY_MIN);

	return !h->n || open_on(h, date, minute) || open_on(h, date - 1, minute + DAY_MIN);
}
