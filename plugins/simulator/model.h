/* The model endpoint: OpenAI-compatible chat completions, deterministic, at a set speed. */
#pragma once

#include <wecomd/web.h>

int model_chat(wc_request *rq, const void *self);
int model_list(wc_request *rq, const void *self);
