/* Calls of the server API that fail by chance: a share of them, chosen by a seed, so that the same seed strikes the same calls. */
#pragma once

#include "fault.h"

/* Counts the call and says whether chance strikes it; fault stays FAULT_NONE where not. */
int kf_chance_take(wc_arena *a, const char *api, struct fault *fault, wc_err *e);

struct kf_chance {
	const char *api, *kinds;
	int64_t     per_mille, seed, ms;
};

extern const wc_field kf_chance_fields[];     /* the body of POST /sim/api/chance */

int kf_chance_get(wc_request *rq, const void *self);
int kf_chance_set(wc_request *rq, const void *self);
