/* Private to core/host: what nginx's configuration gets wrong about the connections that it keeps to us. */
#pragma once

#include "host/config.h"
#include "web/web.h"

#define NGINX_CONF "/etc/nginx/nginx.conf"

/* Reads file and what it includes, and adds a warning for each mistake. -1: it cannot be read. */
int nginx_check(const char *file, const struct web_settings *web, struct problems *warnings);
