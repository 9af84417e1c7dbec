/* Private to core/work: what every worker process looks after each second, and the pauses between tries. */
#pragma once

#include "work/work.h"

#define TICK_MS 1000

/* Adds the jobs of the timers that are due. */
void timers_tick(const struct worker_timer *timers, int64_t zone_s);

/* Turns intents without an outcome into uncertain ones and adds the jobs that ask the other side. */
void ledger_tick(void);

/* The pause after a failed attempt: 1 s, 2 s, 4 s … up to ten minutes, each up to a half longer (by random) so that what failed
 * together does not come back together. */
int64_t backoff_ms(int64_t attempt, uint16_t random);
