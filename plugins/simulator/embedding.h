/* Embeddings, OpenAI-compatible: an honest general function of a text, the same for the same text. */
#pragma once

#include <wecomd/web.h>

int embedding_make(wc_request *rq, const void *self);
