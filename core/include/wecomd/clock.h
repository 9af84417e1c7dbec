/* The one time source. Nothing else in the product asks the system for the time. */
#pragma once

#include <stdint.h>

int64_t wc_now_ms(void);      /* wall clock, UTC, milliseconds since 1970 */
int64_t wc_mono_ms(void);     /* never steps back: for durations and deadlines inside a process */
void    wc_sleep_ms(int64_t ms);
