/* What tests change at 微信客服: faults of its own, and where WeCom's documents are silent the reading that holds. */
#pragma once

#include "kf.h"

extern const wc_field kf_control_fields[];     /* the body of POST /sim/api/kf/control */

struct kf_control_body {
	const char *callback, *old_cursor, *route, *upgrade_members, *upgrade_groups;
	int64_t     rings, lag_ms, page_max, empty_pages, duplicate_pages, refused_cursors, cursor_errcode, tokenless_per_minute,
	            repeat_errcode, code_errcode, loose, unverified, fail_next, fail_type;
};

int kf_control_get(wc_request *rq, const void *self);
int kf_control_set(wc_request *rq, const void *self);
