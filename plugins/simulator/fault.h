/* Faults of WeCom's server API: asked for by a test, kept in a table, so that every process strikes with them. */
#pragma once

#include "simulator.h"

/* What happens to a call. */
enum fault_kind {
	FAULT_NONE = 0,
	FAULT_ERRCODE,       /* refused with an errcode, nothing is done */
	FAULT_HTTP500,       /* a gateway's page, nothing is done */
	FAULT_RESET,         /* the connection ends without an answer, nothing is done */
	FAULT_LOST,          /* it is done, then the connection ends without an answer */
	FAULT_TIMEOUT,       /* it is done, but the answer comes ms later */
	FAULT_TRUNCATED,     /* it is done, the JSON of the answer is cut */
	FAULT_HTML,          /* it is done, the answer is a page of something on the way */
};

struct fault {
	enum fault_kind kind;
	int64_t         errcode, ms;
};

/* Takes the first fault that waits for this API. kind is FAULT_NONE when there is none. */
int fault_take(wc_arena *a, const char *api, struct fault *fault, wc_err *e);

const char *fault_name(enum fault_kind kind);     /* "" for FAULT_NONE */

/* FAULT_NONE for no such name. */
enum fault_kind fault_kind_of(const char *name);

struct fault_order {
	const char *api, *kind;
	int64_t     errcode, count, ms, skip;
};

extern const wc_field fault_fields[];     /* the body of POST /sim/api/faults */
extern const wc_field fault_answer[];     /* an item of its list */

int fault_list(wc_request *rq, const void *self);
int fault_add(wc_request *rq, const void *self);
int fault_clear(wc_request *rq, const void *self);
