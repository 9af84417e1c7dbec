/* Private to core/wecom: the configured secrets. */
#pragma once

#include "wecom/wecom.h"

const struct wecom_settings *wecom_settings(void);

size_t                     secret_count(void);
const struct wecom_secret *secret_at(size_t i);
const struct wecom_secret *secret_find(const char *name);     /* NULL: no such section */
size_t                     secret_index(const struct wecom_secret *secret);
