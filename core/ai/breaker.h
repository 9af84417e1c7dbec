/* A breaker for each model endpoint, in each process: what fails all the time is left alone for a while. */
#pragma once

#include "ai/ai.h"

void breakers_open(size_t models);     /* once, before threads; all closed */

/* False: leave it alone now. After the pause one call is let through; its outcome decides. */
bool breaker_enter(const struct model *m);
/* How long it is still left alone; 0: it is not. */
int64_t breaker_closed_ms(const struct model *m);

void breaker_report(const struct model *m, bool failed);
