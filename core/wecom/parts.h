/* Private to core/wecom: what its table is made of. */
#pragma once

#include <wecomd/plugin.h>

/* --- addresses.c ---------------------------------------------------------------------------------------------------- */

/* Whether address is one that the pattern means; '*' stands for any characters. */
bool address_fits(const char *pattern, const char *address);

/* Fetches the list of callback addresses and keeps it. The job's lane has nothing else in it. */
int addresses_job(wc_job *job, const void *self, wc_err *e);

/* Adds today's job, once over all nodes. */
int addresses_ask(wc_err *e);

/* --- checks.c ------------------------------------------------------------------------------------------------------- */

void check_secrets(wc_findings *f, const void *self);
void check_clock(wc_findings *f, const void *self);
void check_addresses(wc_findings *f, const void *self);
