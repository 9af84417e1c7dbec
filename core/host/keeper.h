/* Private to core/host: what every child does besides its work: reopens the log at SIGUSR1, follows the settings, gives signs of life,
 * tells the master that it was told to end. */
#pragma once

#include "host/program.h"

/* Before any thread: from here on SIGUSR1 waits for the keeper. */
void keeper_block_signal(void);

/* Starts its thread, which runs to the process's end. changed (may be NULL) is called there after settings changed. */
void keeper_start(struct program *g, const char *role, int stop_fd, void (*changed)(void));
