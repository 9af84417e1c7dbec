/* What the admin tier offers: who a request comes from, and the part with users, sessions and API keys. */
#pragma once

#include "web/web.h"

/* The identity behind "Authorization: Bearer KEY" or the session's cookie; *who stays empty without a valid one. */
int admin_authenticate(wc_request *rq, struct web_identity *who, wc_err *e);

extern const struct wc_plugin admin_part, keyring_part, audit_part, customer_part, chat_part;

/* What `wecomd key` looks through: the sealed columns of all parts and plugins, and whose tables they are (keyring.c). Borrowed. */
void keyring_use(const char *const *columns, const char *const *owners);
