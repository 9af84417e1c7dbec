/* Jobs: everything slow, done after the acknowledgement.
 *
 * At least once: a job runs again when its process died or its lease ran out, so its effects carry the fence or a
 * unique key. Jobs of one lane run one at a time, in the order in which they were added. A job that fails for a
 * passing reason (wc_err_retry) is tried again with growing pauses, up to its kind's attempts; then, or at once for a
 * lasting reason, it is buried: kept with its error, to be seen and retried by a person. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/db.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

typedef struct wc_job wc_job;

/* Runs on a thread of a worker process, with a small stack (256 KiB), and may block. 0: done; -1 with *e. */
typedef int wc_job_fn(wc_job *job, const void *self, wc_err *e);

typedef struct wc_job_kind {
	const char *name;         /* "smartbot.answer": begins with the plugin's name */
	wc_job_fn  *run;
	const char *summary;
	int         attempts;     /* 0: 5 */
} wc_job_kind;

wc_arena     *wc_job_arena(wc_job *job);              /* ends with this attempt */
const json_t *wc_job_args(const wc_job *job);
int64_t       wc_job_id(const wc_job *job);
const char   *wc_job_key(const wc_job *job);          /* "" when it has none */
int64_t       wc_job_created_ms(const wc_job *job);   /* when it was added, by the database's clock */
int           wc_job_attempt(const wc_job *job);      /* 1, 2, … */
bool          wc_job_last_attempt(const wc_job *job); /* a failure now buries it */
int64_t       wc_job_fence(const wc_job *job);        /* grows with each run: older writers are refused by it */

/* True when the process drains or this run has lost its lease: stop soon and return WC_E_STOPPED; it runs again elsewhere. */
bool wc_job_stopping(const wc_job *job);

typedef struct wc_job_spec {
	const char   *kind;
	const char   *lane;       /* NULL: no order */
	const char   *key;        /* unique for ever, at most 64 bytes; NULL: none */
	const json_t *args;       /* an object, at most 64 KiB encoded; sealed at rest */
	int64_t       delay_ms;
} wc_job_spec;

/* Adds a job as part of the caller's transaction (db not NULL), or in one of its own (db NULL; give it a key then, so
 * that a lost answer does not add it twice). 1: added, 0: the key was there, -1 with *e. */
int wc_job_add(wc_db *db, const wc_job_spec *spec, wc_err *e);

typedef enum wc_job_state {
	WC_JOB_NONE = 0,      /* no job has that key */
	WC_JOB_WAITING,       /* behind others of its lane */
	WC_JOB_READY,
	WC_JOB_RUNNING,
	WC_JOB_DONE,
	WC_JOB_DEAD,
} wc_job_state;

/* The state of the job with that key, and when it was added (created_ms may be NULL). -1 with *e. */
int wc_job_state_of(wc_db *db, wc_arena *a, const char *key, wc_job_state *state, int64_t *created_ms, wc_err *e);

/* How many jobs of the lane are not at their end and stand before the one with that key; before a new one, when no job has the key.
 * A snapshot: others may come and go. -1 with *e. */
int64_t wc_lane_ahead(wc_arena *a, const char *lane, const char *key, wc_err *e);
