/* What tests change at 微信客服: faults of its own, and where WeCom's documents are silent the reading that holds. */
#pragma once

#include "kf.h"

extern const wc_field kf_control_fields[];     /* the body of POST /sim/api/kf/control */

int kf_control_get(wc_request *rq, const void *self);
int kf_control_set(wc_request *rq, const void *self);
