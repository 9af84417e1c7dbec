/* The one time source. Nothing else in the product asks the system for the time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <wecomd/arena.h>

int64_t wc_now_ms(void);      /* wall clock, UTC, milliseconds since 1970 */
int64_t wc_mono_ms(void);     /* never steps back: for durations and deadlines inside a process */
void    wc_sleep_ms(int64_t ms);

/* RFC 3339, as REST writes times: "2026-01-31T08:00:00.000Z". Reading takes any offset and up to nine digits of a second; false for
 * what is no such text, or no such day. Years 0001 to 9999. */
bool  wc_time_parse(const char *text, int64_t *ms);
char *wc_time_text(wc_arena *a, int64_t ms);
