/* Finding a configured model, for the calls in this folder. */
#pragma once

#include "ai/ai.h"

#include <wecomd/json.h>

const struct model *model_find(const char *name);     /* NULL: none of that name */

/* The request's members that depend on the model alone, in a new object that the arena keeps. */
json_t *model_request(wc_arena *a, const struct model *m);
