/* The speeds that can be changed while the simulator runs. They live in one row, so every process sees a change at once. */
#pragma once

#include "simulator.h"

struct control {
	int64_t chars_per_s, refresh_ms, first_token_ms;
};

/* The body of POST /sim/api/control: -1 leaves a value as it is. */
extern const wc_field control_fields[];

int control_read(const struct simulator *sim, wc_arena *a, struct control *control, wc_err *e);

int control_get(wc_request *rq, const void *self);
int control_set(wc_request *rq, const void *self);
