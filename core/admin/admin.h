/* What the admin tier offers: API keys, and who a request comes from. */
#pragma once

#include "web/web.h"

/* The role behind "Authorization: Bearer KEY"; *role stays 0 without a valid key. */
int admin_authenticate(wc_request *rq, wc_role *role, wc_err *e);

extern const struct wc_plugin admin_part, keyring_part, audit_part, customer_part;

/* What `wecomd key` looks through: the sealed columns of all parts and plugins, and whose tables they are (keyring.c). Borrowed. */
void keyring_use(const char *const *columns, const char *const *owners);
