/* What the model says: the same answer for the same question, always. */
#pragma once

#include <wecomd/arena.h>

#define ANSWER_COUNT_MAX 5000

/* "数到 N" counts from 1 to N; the usual questions of a company's staff get a real answer; anything else is taken up
 * politely. Markdown, UTF-8, in the arena. */
const char *answer_to(wc_arena *a, const char *question);
