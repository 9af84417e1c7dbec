/* What the work tier offers to the web (committing callbacks) and to the host (running jobs). */
#pragma once

#include <wecomd/callback.h>
#include <wecomd/field.h>
#include <wecomd/job.h>

/* --- the doorbell: an eventfd shared by the processes of one node --------------------------------------------------- */

int  doorbell_create(void);        /* in the master: the descriptor, inherited by the children */
void doorbell_use(int fd);         /* in a child, before threads; -1: none, workers poll */
void doorbell_note(void);          /* this thread made a job ready; rings once its transaction is committed */
int  doorbell_fd(void);            /* to poll; -1: none */
void doorbell_hush(void);          /* takes the ring, so that one worker goes to look */

/* --- the inbox ------------------------------------------------------------------------------------------------------ */

struct inbox_job {
	wc_job_spec       spec;
	struct inbox_job *next;
};

struct inbox_entry {
	const char       *endpoint;
	unsigned char     dedupe_key[32];
	wc_slice          payload;        /* plain; sealed here */
	struct inbox_job *jobs;
};

/* Writes the event and its jobs in one transaction, shared with the other threads that wait just then. A known event
 * writes nothing. 1: new, 0: known, -1 with *e: nothing was acknowledged. Safe from every thread. */
int inbox_commit(wc_arena *a, const struct inbox_entry *entry, wc_err *e);

/* --- the worker ----------------------------------------------------------------------------------------------------- */

struct worker_settings {
	int64_t processes, threads, lease_ms, poll_ms, drain_ms;
};

extern const wc_field worker_fields[];     /* [worker] */

/* One kind of job and the plugin that runs it. */
struct worker_kind {
	const wc_job_kind *kind;
	const void        *self;
};

/* Claims and runs jobs on settings->threads threads until stop_fd becomes readable; then claims no more, gives the running
 * ones drain_ms, hands back what still runs, and returns. kinds ends with a NULL kind. node labels this machine. */
void worker_run(const struct worker_settings *settings, const char *node, const struct worker_kind *kinds, int stop_fd);
