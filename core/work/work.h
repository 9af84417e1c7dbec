/* What the work tier offers to the web (committing callbacks) and to the host (running jobs). */
#pragma once

#include <wecomd/callback.h>
#include <wecomd/field.h>
#include <wecomd/job.h>
#include <wecomd/ledger.h>

/* --- the doorbell: an eventfd shared by the processes of one node --------------------------------------------------- */

int  doorbell_create(void);        /* in the master: the descriptor, inherited by the children */
void doorbell_use(int fd);         /* in a child, before threads; -1: none, workers poll */
void doorbell_note(void);          /* this thread made a job ready; rings once its transaction is committed */
int  doorbell_fd(void);            /* to poll; -1: none */
void doorbell_hush(void);          /* takes the ring, so that one worker goes to look */

/* --- the inbox ------------------------------------------------------------------------------------------------------ */

/* behind: the arguments of a job that is not the first of its lane, ahead of which so many others stand; called while its lane is locked, again
 * where the transaction is. NULL: the same as those of any other. */
struct inbox_job {
	wc_job_spec       spec;
	const json_t   *(*behind)(void *ctx, int64_t ahead);
	void             *ctx;
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

/* A stored event. */
struct inbox_row {
	int64_t     id;
	const char *endpoint, *trace_id;
	wc_slice    payload;              /* plain */
};

/* -1: WC_E_NOT_FOUND. */
int inbox_load(wc_arena *a, int64_t id, struct inbox_row *row, wc_err *e);

/* What is wanted of a list: NULL and WC_ABSENT take everything; since counts, until does not. */
struct inbox_filter {
	const char *endpoint, *trace_id;
	int64_t     since_ms, until_ms;
};

/* The newest events with an id below before, at most limit: id, endpoint, received (ms), bytes, trace id, replays. */
int inbox_list(wc_arena *a, const struct inbox_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e);

/* Adds the jobs of a replayed event, their keys made fresh by the replay's number, and its audit entry. The replay's number, or -1. */
int64_t inbox_replay(wc_arena *a, const struct inbox_row *row, const struct inbox_job *jobs, const char *actor, wc_err *e);

/* --- the audit trail ------------------------------------------------------------------------------------------------ */

/* The keyed hash that wc_audit() writes with an entry: who has no key file cannot make one. nonce_hex is lower-case. */
void audit_mac(unsigned char mac[32], const char *nonce_hex, const char *trace_id, const char *actor, const char *action,
               const char *object, const char *details);

/* --- the worker ----------------------------------------------------------------------------------------------------- */

struct worker_settings {
	int64_t processes, threads, lease_ms, poll_ms, drain_ms;
};

extern const wc_field worker_fields[];     /* [worker] */

#define JOB_STATES "waiting|ready|running|done|dead"

/* As struct inbox_filter. */
struct jobs_filter {
	const char *state, *kind, *lane, *trace_id;
	int64_t     since_ms, until_ms;                /* of when they were added */
};

/* The newest jobs with an id below before, at most limit; job_json() makes an object of a row, a new reference. */
int     jobs_list(wc_arena *a, const struct jobs_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e);
json_t *job_json(wc_arena *a, const wc_rows *rows, size_t row, const void *unused);

/* Adds jobs as part of the caller's transaction, their lanes locked in the order in which everybody locks them. A key that is there is passed
 * over. trace_id NULL: the current one. */
int jobs_add(wc_db *db, wc_arena *a, const wc_job_spec *specs, size_t n, const char *trace_id, wc_err *e);

/* How many jobs of the lane are not at their end; -1 with *e. db as in wc_db_query(). */
int64_t lane_unfinished(wc_db *db, wc_arena *a, const char *lane, wc_err *e);

/* One kind of job and the plugin that runs it. */
struct worker_kind {
	const wc_job_kind *kind;
	const void        *self;
};

struct cron {
	uint64_t minutes;
	uint32_t hours, days, months, weekdays;     /* bit sets; days from 1, months from 1, Sunday 0 */
	bool     any_day, any_weekday;
};

/* Reads "minute hour day month weekday"; -1 with WC_E_CONFIG says what is wrong with it. */
int cron_parse(const char *text, struct cron *c, wc_err *e);

/* The latest tick in (after, until], in seconds since 1970; 0: none. zone_s is what the wall clock is ahead of UTC. */
int64_t cron_last(const struct cron *c, int64_t after, int64_t until, int64_t zone_s);

/* "+08:00" in seconds. -1: WC_E_CONFIG. */
int cron_zone(const char *text, int64_t *zone_s, wc_err *e);

#define TIMER_NAME_MAX 46     /* so that "timer/NAME/TICK" is a job's key */

/* One timer and when it ticks. */
struct worker_timer {
	const char *name, *job;
	struct cron cron;
};

/* One kind of outward action, and who finds out how it ended. */
struct worker_reconciler {
	const wc_reconciler *reconciler;
	const void          *self;
};

#define OUTBOUND_STATES "intent|done|failed|uncertain|given_up"

const char *outbound_state(int64_t state);

/* As struct inbox_filter. */
struct outbound_filter {
	const char *state, *kind, *target, *trace_id;
	int64_t     since_ms, until_ms;                /* of when they were meant */
};

/* As jobs_list() and job_json(), for outward actions. */
int     outbound_list(wc_arena *a, const struct outbound_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e);
json_t *outbound_json(wc_arena *a, const wc_rows *rows, size_t row, const void *unused);

/* The process's reconcilers, set before threads. Lists end with a NULL name, kind or reconciler. */
void ledger_use(const struct worker_reconciler *reconcilers);

struct worker {
	const struct worker_settings *settings;
	const char                   *node;       /* labels this machine */
	const struct worker_kind     *kinds;
	const struct worker_timer    *timers;
	int64_t                       zone_s;     /* [core] time_zone */
	int                           stop_fd;
	void                        (*tick)(void);     /* called each second, apart from everything that a busy process could hold up; may be NULL */
};

/* Claims and runs jobs on settings->threads threads until stop_fd becomes readable; then claims no more, gives the running
 * ones drain_ms, hands back what still runs, and returns. */
void worker_run(const struct worker *worker);

/* The job that this thread runs; 0: none. */
int64_t worker_job_id(void);

/* "2026-11-21 09:47:52.123" in the arena, UTC; "" for 0. */
const char *work_time_text(wc_arena *a, int64_t ms);

/* --- the parts that describe this folder ------------------------------------------------------------------------------ */

extern const struct wc_plugin jobs_part, ledger_part, retention_part, explain_part, look_part, bulk_part;

/* --- what a model call leaves for explain ------------------------------------------------------------------------------ */

struct ai_call {
	const char *model, *result;
	int64_t     status, first_text_ms, total_ms, prompt_tokens, completion_tokens;     /* first_text_ms -1: none came */
	int64_t     cost_micros;
	bool        failed;     /* no answer came of it, and nobody had stopped it */
};

/* One row under the thread's trace id and job; a failure is only logged. */
void ai_call_note(const struct ai_call *call);
