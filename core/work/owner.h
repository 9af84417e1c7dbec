/* Private to core/work: who this process is, for leases and claims. */
#pragma once

#include <stdbool.h>

/* "LABEL/MACHINE/PID/START": the node's label, boot and process namespace, pid and its start time, so that a dead owner can be told. */
const char *owner_self(void);

/* The label of this machine, before the first owner_self(); without it the host's name. */
void owner_label(const char *node);

/* Whether text names a process of this machine that is no longer alive. */
bool owner_is_dead(const char *text);
