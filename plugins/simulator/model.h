/* The model endpoint: OpenAI-compatible chat completions, deterministic, at a set speed. */
#pragma once

#include <wecomd/web.h>

int model_chat(wc_request *rq, const void *self);
int model_list(wc_request *rq, const void *self);

struct simulator;

/* An error as OpenAI writes it; code may be NULL. */
int model_refuse(wc_request *rq, int status, const char *code, const char *message);

/* False when the key is missing or wrong; the refusal is then sent. */
bool model_has_key(wc_request *rq, const struct simulator *sim);

/* Whether word is one of a|b|c. */
bool model_is_one_of(const char *list, const char *word);
