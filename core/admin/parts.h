/* Private to core/admin: what its table is made of. */
#pragma once

#include "admin/admin.h"

#include <wecomd/plugin.h>

int key_add_command(wc_arena *a, int argc, char **argv, const void *self);
