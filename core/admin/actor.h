/* Who asks, for the audit trail (private to core/admin). */
#pragma once

#include <wecomd/web.h>

/* "key:NAME" of the API key that the request came with. */
const char *wc_actor(wc_request *rq);
