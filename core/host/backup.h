/* Private to core/host: backup and restore, two commands. */
#pragma once

#include "host/program.h"

extern const wc_plugin backup_part;
