/* Private to core/work: rows of job and job_lane. */
#pragma once

#include "work/work.h"

enum { JOB_WAITING = 0, JOB_READY = 1, JOB_RUNNING = 2, JOB_DONE = 3, JOB_DEAD = 4 };

#define LANE_SIZE 16

struct new_job {
	const wc_job_spec *spec;
	const char        *trace_id;
	wc_slice           args;                 /* sealed */
	unsigned char      lane[LANE_SIZE];      /* when spec->lane */
	int64_t            lane_no, state;
	bool               added;
	const json_t    *(*behind)(void *ctx, int64_t ahead);     /* as in struct inbox_job */
	void              *ctx;
};

void lane_hash(unsigned char hash[LANE_SIZE], const char *lane);

/* Fills *j from a spec: seals the arguments, hashes the lane. -1: WC_E_ARG for a spec over its bounds. */
int new_job_make(wc_arena *a, const wc_job_spec *spec, const char *trace_id, struct new_job *j, wc_err *e);

/* The same for an event's job; spec is the job's own, or a changed copy. */
int new_job_from(wc_arena *a, const struct inbox_job *from, const wc_job_spec *spec, const char *trace_id, struct new_job *j, wc_err *e);

/* Inserts the jobs in their order, inside the caller's transaction; .added says which keys were new. */
int jobs_insert(wc_db *db, wc_arena *a, struct new_job *jobs, size_t n, wc_err *e);

/* The next number of the lane, whose row is locked from then on, and the state of a job that takes it. */
int lane_append(wc_db *db, wc_arena *a, const unsigned char lane[LANE_SIZE], int64_t *no, int64_t *state, wc_err *e);

/* The job with that number is finished or was never added: the lane's next one becomes ready. Does nothing when the lane
 * went on already. */
int lane_advance(wc_db *db, wc_arena *a, const unsigned char lane[LANE_SIZE], int64_t no, wc_err *e);
