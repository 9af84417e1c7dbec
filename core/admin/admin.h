/* What the admin tier offers: API keys, and who a request comes from. */
#pragma once

#include "web/web.h"

/* The role behind "Authorization: Bearer KEY"; *role stays 0 without a valid key. */
int admin_authenticate(wc_request *rq, wc_role *role, wc_err *e);

/* Makes a key and returns it; only its keyed hash is stored. NULL: WC_E_CONFLICT when the name is taken. */
char *admin_key_add(wc_arena *a, const char *name, wc_role role, wc_err *e);

/* 0 for a word that is no role. */
wc_role admin_role_from(const char *word);
