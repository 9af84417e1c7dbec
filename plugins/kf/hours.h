/* Working hours: "mon-fri 09:00-12:00,13:30-18:00; sat 10:00-16:00; 2026-10-01 closed". Empty: always. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/err.h>

struct hours {
	struct hours_span {
		int64_t date;          /* days since 1970; -1: days of the week */
		unsigned weekdays;     /* bit 0: Monday */
		int     from, to;      /* minutes; to may be past 24:00; from == to: closed */
	} span[64];
	size_t n;
};

/* -1: WC_E_ARG says which part is wrong. */
int hours_parse(const char *text, struct hours *h, wc_err *e);

/* local_ms: UTC milliseconds and the account's offset. A date decides alone over its day. */
bool hours_open(const struct hours *h, int64_t local_ms);
