/* Private to core/wecom: a call for a person who waits, such as the doctor's. */
#pragma once

#include "wecom/sort.h"
#include "wecom/token.h"

struct call {
	const struct wecom_secret *secret;
	const struct api          *api;
	const json_t              *body;
	const struct cargo        *cargo;         /* NULL: no file */
	const wc_call_note        *note;
	bool                       impatient;     /* see row_decide() */
};

/* As wc_wecom_call(). *failure says why there is no token; *x is the last exchange with the API, if there was one. */
int call_api(wc_arena *a, const struct call *call, wc_answer *answer, struct exchange *x, struct token_failure *failure, wc_err *e);
