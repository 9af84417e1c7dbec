/* What the base offers to the host: the mapping of counters, where the log goes, settings that change at run time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <wecomd/json.h>
#include <wecomd/metric.h>

/* --- metrics (metric.c) --------------------------------------------------------------------------------------------- */

#define METRICS_BYTES ((size_t)1 << 20)

/* Where the counters are: METRICS_BYTES of memory that was zero once and is shared by the processes of a node. Before this, and in
 * commands, counting does nothing. */
void metrics_use(void *mapping);

/* Makes a metric known, with the self that its sample function gets. Both are borrowed for the process's life. Before threads. */
void metrics_declare(const wc_metric *metric, const void *self);

/* Whether name, labels and the rest are what Prometheus and this file take; otherwise the reason, static text. */
const char *metric_fault(const wc_metric *metric);

/* Everything in Prometheus' text format 0.0.4, in the order of names. */
void metrics_write(wc_arena *a, wc_buf *out);

/* --- JSON (json_read.c) --------------------------------------------------------------------------------------------- */

/* An object or array out of n bytes, nested at most so deep, where it can be read in the short way; a new reference. NULL: Jansson is to
 * read it, or to refuse it. */
json_t *json_read_plain(const char *p, size_t n, int depth);

/* --- the log (log.c) ------------------------------------------------------------------------------------------------ */

/* From now on standard error goes to the end of this file; "": it stays what it is. -1: it cannot be opened, nothing changed. */
int log_open(const char *path, wc_err *e);

/* Opens the file anew, after it was renamed. Lines being written at the time are in one file or the other. */
int log_reopen(wc_err *e);

/* --- settings that change at run time (selves.c) -------------------------------------------------------------------- */

/* Gives the struct that a plugin started with, its self, a successor. All are kept for the process's life. */
void self_replace(const void *self, const void *successor);

/* What self is by now: its latest successor, or itself. Asked once at the beginning of a request or job, which keeps what it got. */
const void *self_now(const void *self);
