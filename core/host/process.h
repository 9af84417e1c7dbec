/* Private to core/host: the master and its children. */
#pragma once

#include "host/program.h"

/* The master: prepares, listens, keeps the children running; returns the exit status. files are the -c arguments; roles is a list of web,
 * worker and resident with commas, or NULL: all of them, but web alone where the socket was handed over as descriptor 0. */
int master_run(const char *const *files, const char *roles);

/* Tells the service manager, where one asked to be told (systemd's Type=notify): "READY=1", "STOPPING=1". */
void notify_manager(const char *state);

/* Whether roles is such a list. */
bool roles_fit(const char *roles);

/* A child's whole life: role "prepare", "web", "worker" or "resident"; returns the exit status. */
int child_run(struct program *g, const char *role);
