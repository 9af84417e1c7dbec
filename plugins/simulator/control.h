/* The speeds that can be changed while the simulator runs. They live in one row, so every process sees a change at once. */
#pragma once

#include "simulator.h"

struct control {
	int64_t     chars_per_s, refresh_ms, first_token_ms;
	int64_t     model_stall_ms;            /* how long a stalled stream stays open */
	const char *model_fault;               /* none, 429, 500, stall, cut or not_json; NULL in a body: as it is */
	int64_t     model_fault_count;         /* calls that are still to fail */
	const char *refresh_fault;             /* none, timeout, reset, http500 or not_json; NULL in a body: as it is */
	int64_t     refresh_fault_count;       /* refreshes that are still to fail */
	const char *embedding_fault;           /* none, 429, 500 or not_json; NULL in a body: as it is */
	int64_t     embedding_fault_count;     /* calls that are still to fail */
};

/* The body of POST /sim/api/control: -1 leaves a value as it is. */
extern const wc_field control_fields[];

int control_read(const struct simulator *sim, wc_arena *a, struct control *control, wc_err *e);

enum control_fault { CONTROL_MODEL, CONTROL_REFRESH, CONTROL_EMBEDDING };

/* The fault that this call is to have, "none" or one that is counted down. now was just read: without a fault in it no row is locked.
 * NULL with *e. */
const char *control_take_fault(wc_arena *a, const struct control *now, enum control_fault of, wc_err *e);

int control_get(wc_request *rq, const void *self);
int control_set(wc_request *rq, const void *self);
