/* Private to core/host: signs of life. Every child has a row in the table process and renews it; so each node knows of the others. */
#pragma once

#include <stdint.h>

#include <wecomd/err.h>

#define BEAT_MS 5000

/* Writes or renews this process's row. */
int beat(const char *node, const char *role, wc_err *e);

/* Takes it away, for two seconds if need be, and rows that nobody has renewed for a day. No beat() writes another afterwards. */
void beat_end(const char *node);

/* How many workers, of any node, gave a sign of life lately. -1 with *e. */
int64_t beat_workers(wc_err *e);
