/* Private to core/host: the resident child. */
#pragma once

#include "host/program.h"

/* Holds the leases "resident/PLUGIN" as it can get them and runs the resident functions under them, until stop_fd becomes readable. */
void resident_run(const struct program *g, int stop_fd);

/* Settings changed: residents whose plugin has a new self are called again with it. From any thread. */
void resident_settings_changed(void);
