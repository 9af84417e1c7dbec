/* Private to core/wecom: what an answer means. */
#pragma once

#include "wecom/exchange.h"

/* The class of what came of a call; *retry_ms is 0 where nothing is to be repeated. */
wc_answer_class sort_exchange(const struct exchange *x, wc_api_effect effect, int64_t *retry_ms);

/* 40014, 42001 and 40001 of anything but gettoken: the token, not the call, was refused. */
bool is_token_refused(int64_t errcode);

/* What an errcode says about the configuration: a sentence, and the page of WeCom's admin console that mends it. Never NULL. */
struct remedy {
	const char *why, *mend;
};

struct remedy remedy_of(int64_t errcode);
