/* Private to core/db: the hosts of [db] host. */
#pragma once

#include "db/conn.h"

/* A connection to the best host that can be used; its rank is its place in the list. With one host, or a socket, that one. */
wc_db *hosts_connect(const struct db_settings *settings, int64_t timeout_ms, wc_err *e);

/* The settings with host and port of the one that db is connected to instead of a list; name has room for 256 bytes. */
struct db_settings hosts_alone(const struct db_settings *settings, const wc_db *db, char *name);

/* The rank of the host that was connected to last: connections of a higher rank are not kept. */
int hosts_rank(void);
