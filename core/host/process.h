/* Private to core/host: the master and its children. */
#pragma once

#include "host/program.h"

/* The master: prepares, listens, keeps the children running; returns the exit status. files are the -c arguments. */
int master_run(const char *const *files, const char *roles);

/* A child's whole life: role "prepare", "web" or "worker"; returns the exit status. */
int child_run(struct program *g, const char *role);
