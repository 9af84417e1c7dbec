/* What the admin tier offers: API keys, and who a request comes from. */
#pragma once

#include "web/web.h"

/* The role behind "Authorization: Bearer KEY"; *role stays 0 without a valid key. */
int admin_authenticate(wc_request *rq, wc_role *role, wc_err *e);

extern const struct wc_plugin admin_part;
