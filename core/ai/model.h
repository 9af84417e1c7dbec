/* Finding a configured model, for the calls in this folder. */
#pragma once

#include "ai/ai.h"

#include <wecomd/json.h>

const struct model *model_find(const char *name);     /* NULL: none of that name */

/* The request's members that depend on the model alone, in a new object that the arena keeps. */
json_t *model_request(wc_arena *a, const struct model *m);

size_t model_index(const struct model *m);     /* its place among the models of models_set() */

int64_t model_cost_micros(wc_arena *a, const struct model *m, int64_t prompt_tokens, int64_t completion_tokens);
