/* A worker process: one claimer feeds many job threads, their outcomes are written in groups.
 *
 * Job threads have small stacks, for most of them wait for a model. The claimer never takes more than threads are free, so
 * that no claimed job waits in this process while another could run it. */
#include "work/claim.h"
#include "work/owner.h"
#include "work/tick.h"

#include "base/base.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>
#include <wecomd/text.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH            32
#define DEFAULT_ATTEMPTS 5
#define UNKNOWN_KIND_MS  60000

#ifndef STACK_KIB     /* the Makefile gives sanitizers more */
#define STACK_KIB 256
#endif

const wc_field worker_fields[] = {
	{WC_INT, "processes", "1", offsetof(struct worker_settings, processes), "worker processes", .min = 0, .max = 64},
	{WC_INT, "threads", "32", offsetof(struct worker_settings, threads), "jobs at once in one process", .min = 1, .max = 4096},
	{WC_DURATION, "lease", "30s", offsetof(struct worker_settings, lease_ms), "a process that is silent so long loses its jobs", .min = 1000, .max = 3600000},
	{WC_DURATION, "poll", "500ms", offsetof(struct worker_settings, poll_ms), "how often to look for jobs of other nodes", .min = 10, .max = 60000},
	{WC_DURATION, "drain", "20s", offsetof(struct worker_settings, drain_ms), "how long running jobs may go on at the end"},
	{0}};

struct wc_job {
	struct claimed  c;
	wc_arena       *arena;
	const json_t   *args;
	int             attempts_max;
	char            error[sizeof((wc_err *)0)->text];
	struct outcome  outcome;
	atomic_bool     lost;             /* the job is another's by now, or nobody's */
	atomic_bool     cancelled;        /* cancel_by asked this run to stop */
	char            cancel_by[97];
	struct wc_job  *next;             /* in a queue */
	struct wc_job  *next_held;
};

struct queue {
	wc_job *first, **tail;
};

static const struct worker_settings *settings;
static const struct worker_kind     *kinds;
static const struct worker          *self;
static _Thread_local int64_t         current_job;
static pthread_mutex_t               lock      = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t                has_job   = PTHREAD_COND_INITIALIZER;
static pthread_cond_t                has_ended = PTHREAD_COND_INITIALIZER;
static struct queue                  to_run    = {NULL, &to_run.first};
static struct queue                  ended     = {NULL, &ended.first};
static wc_job                       *held;            /* claimed and not yet settled, by next_held */
static size_t                        busy;            /* how many those are */
static size_t                        suspects;        /* of those */
static int                           freed = -1;      /* an eventfd: threads are free where none were */
static bool                          closing;         /* the settler may end when nothing is left */
static atomic_bool                   stopping;        /* jobs shall stop */
static atomic_llong                  leased_until_ms; /* monotonic; past it, our leases may be another's */
static int                           stop_pipe = -1;

/* --- what a job sees ------------------------------------------------------------------------------------------------ */

wc_arena *wc_job_arena(wc_job *job)
{
	return job->arena;
}

const json_t *wc_job_args(const wc_job *job)
{
	return job->args;
}

int64_t wc_job_id(const wc_job *job)
{
	return job->c.id;
}

const char *wc_job_key(const wc_job *job)
{
	return job->c.key;
}

int64_t wc_job_created_ms(const wc_job *job)
{
	return job->c.created_ms;
}

int wc_job_attempt(const wc_job *job)
{
	return (int)job->c.attempt;
}

bool wc_job_last_attempt(const wc_job *job)
{
	return job->c.attempt >= job->attempts_max;
}

int64_t wc_job_fence(const wc_job *job)
{
	return job->c.fence;
}

bool wc_job_stopping(const wc_job *job)
{
	return atomic_load(&stopping) || atomic_load(&job->lost) || atomic_load(&job->cancelled) ||
	       wc_mono_ms() > atomic_load(&leased_until_ms);
}

int64_t worker_job_id(void)
{
	return current_job;
}

/* --- running -------------------------------------------------------------------------------------------------------- */

static void append(struct queue *q, wc_job *job)
{
	job->next = NULL;
	*q->tail  = job;
	q->tail   = &job->next;
}

static wc_job *take_first(struct queue *q)
{
	wc_job *job = q->first;

	if (job && !(q->first = job->next))
		q->tail = &q->first;
	return job;
}

static const struct worker_kind *find_kind(const char *name)
{
	for (const struct worker_kind *k = kinds; k->kind; k++)
		if (!strcmp(k->kind->name, name))
			return k;
	return NULL;
}

static uint16_t random_word(void)
{
	uint16_t r;

	wc_random(&r, sizeof r);
	return r;
}

/* What goes into the table: a text that the database refuses would keep this outcome, and all behind it, from being written. */
static void keep_error(wc_job *job, const char *text)
{
	snprintf(job->error, sizeof job->error, "%s", text);
	if (!wc_utf8_valid(job->error, strlen(job->error)))
		for (char *c = job->error; *c; c++)
			*c = (unsigned char)*c < 0x80 ? *c : '?';
	job->outcome.error = job->error;
}

static void bury_cancelled(wc_job *job)
{
	char text[128];

	snprintf(text, sizeof text, "cancelled by %s", job->cancel_by);
	keep_error(job, text);
	job->outcome.kind = OUTCOME_BURY;
	wc_log(WC_INFO, "job cancelled", wc_kv_s("kind", job->c.kind), wc_kv_i("job", job->c.id), wc_kv_s("by", job->cancel_by));
}

static void judge(wc_job *job, const wc_err *e)
{
	bool retry = wc_err_retry(e->code);

	if (atomic_load(&job->cancelled)) {
		bury_cancelled(job);
		return;
	}
	keep_error(job, e->text);
	if (e->code == WC_E_STOPPED && wc_job_stopping(job))
		job->outcome.kind = OUTCOME_HAND_BACK;
	else if (retry && !wc_job_last_attempt(job))
		job->outcome.kind = OUTCOME_RETRY;
	else
		job->outcome.kind = OUTCOME_BURY;
	job->outcome.delay_ms = backoff_ms(job->c.attempt, random_word());
	if (job->outcome.kind != OUTCOME_HAND_BACK)
		wc_log(job->outcome.kind == OUTCOME_BURY ? WC_ERROR : WC_WARN, job->outcome.kind == OUTCOME_BURY ? "job buried" : "job failed, to be tried again",
		       wc_kv_s("kind", job->c.kind), wc_kv_i("job", job->c.id), wc_kv_i("attempt", job->c.attempt), wc_kv_s("error", job->error));
}

/* Another node, or this one tomorrow, may know the kind: it waits for that, or for a person who cancels it. */
static void postpone(wc_job *job)
{
	char text[160];

	snprintf(text, sizeof text, "no loaded plugin runs jobs of kind %s", job->c.kind);
	keep_error(job, text);
	job->outcome.kind     = OUTCOME_POSTPONE;
	job->outcome.delay_ms = UNKNOWN_KIND_MS;
	wc_log(WC_WARN, "job postponed", wc_kv_i("job", job->c.id), wc_kv_s("error", text));
}

static int run(wc_job *job, const struct worker_kind *k, wc_err *e)
{
	wc_slice args;

	job->attempts_max = k->kind->attempts ? k->kind->attempts : DEFAULT_ATTEMPTS;
	if (job->c.attempt > job->attempts_max)
		return wc_fail(e, WC_E_INTERNAL, "the process died during the last of %d attempts", job->attempts_max);
	if (wc_unseal(job->arena, "job.args", job->c.args, &args, e) < 0 || !(job->args = wc_json_parse(job->arena, args.p, args.n, e)))
		return wc_wrap(e, "job arguments");
	return k->kind->run(job, self_now(k->self), e);
}

static const char *const outcome_names[] = {[OUTCOME_DONE] = "done", [OUTCOME_RETRY] = "retry", [OUTCOME_BURY] = "dead",
                                            [OUTCOME_HAND_BACK] = "handed_back", [OUTCOME_POSTPONE] = "postponed"};

static void run_to_outcome(wc_job *job)
{
	const struct worker_kind *k     = find_kind(job->c.kind);
	int64_t                   began = wc_mono_ms();
	wc_err                    e;

	wc_trace_set(job->c.trace_id);
	current_job = job->c.id;
	if (atomic_load(&job->cancelled)) {
		bury_cancelled(job);
	} else if (!k) {
		postpone(job);
	} else if (run(job, k, &e) < 0) {
		judge(job, &e);
	} else {
		job->outcome.kind = OUTCOME_DONE;
		wc_log(WC_INFO, "job done", wc_kv_s("kind", job->c.kind), wc_kv_i("job", job->c.id), wc_kv_i("ms", wc_mono_ms() - began));
	}
	current_job = 0;
	wc_count("wecomd_jobs_total", 1, k ? job->c.kind : "unknown", outcome_names[job->outcome.kind], NULL);
	wc_observe_ms("wecomd_job_seconds", wc_mono_ms() - began, k ? job->c.kind : "unknown", NULL);
	wc_trace_set(NULL);
}

static void *job_thread(void *unused)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		wc_job *job;

		while (!(job = take_first(&to_run)))
			pthread_cond_wait(&has_job, &lock);
		pthread_mutex_unlock(&lock);
		run_to_outcome(job);
		pthread_mutex_lock(&lock);
		append(&ended, job);
		pthread_cond_signal(&has_ended);
	}
	return unused;
}

/* --- settling ------------------------------------------------------------------------------------------------------- */

static size_t wait_for_ended(wc_job *jobs[BATCH])
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	while (!ended.first && !(closing && !busy))
		pthread_cond_wait(&has_ended, &lock);
	while (n < BATCH && ended.first)
		jobs[n++] = take_first(&ended);
	pthread_mutex_unlock(&lock);
	return n;
}

/* Tries until the database takes them: an outcome that is lost means running a job twice. */
static void settle_all(wc_job *jobs[BATCH], size_t n)
{
	struct outcome outcomes[BATCH];
	wc_err         e;

	for (size_t i = 0; i < n; i++) {
		jobs[i]->outcome.job = &jobs[i]->c;
		outcomes[i]          = jobs[i]->outcome;
	}
	while (claim_settle(outcomes, n, &e) < 0) {
		wc_log(WC_ERROR, "job outcomes could not be written; trying again", wc_kv_i("jobs", (int64_t)n), wc_kv_s("error", e.text));
		wc_sleep_ms(500);
	}
}

/* Called with the lock held. */
static void let_go(wc_job *job)
{
	wc_job **at = &held;

	while (*at != job)
		at = &(*at)->next_held;
	*at = job->next_held;
	busy--;
	suspects -= is_suspect(&job->c);
}

static void *settler_thread(void *unused)
{
	static const uint64_t one = 1;
	wc_job               *jobs[BATCH];
	size_t                n;

	while ((n = wait_for_ended(jobs))) {
		bool was_full;

		settle_all(jobs, n);
		pthread_mutex_lock(&lock);
		was_full = busy == (size_t)settings->threads;
		for (size_t i = 0; i < n; i++)
			let_go(jobs[i]);
		pthread_cond_broadcast(&has_ended);
		pthread_mutex_unlock(&lock);
		for (size_t i = 0; i < n; i++)
			wc_arena_free(jobs[i]->arena);
		/* More may wait than the claimer could take when it looked last. */
		if (was_full)
			(void)!write(freed, &one, sizeof one);
	}
	return unused;
}

/* --- claiming ------------------------------------------------------------------------------------------------------- */

/* A job's data moves into an arena of its own, since the batch's ends at once. */
static wc_job *make_job(const struct claimed *c)
{
	wc_arena *a   = wc_arena_new();
	wc_job   *job = wc_alloc(a, sizeof *job);

	job->arena      = a;
	job->c          = *c;
	job->c.kind     = wc_strdup(a, c->kind);
	job->c.key      = wc_strdup(a, c->key);
	job->c.trace_id = wc_strdup(a, c->trace_id);
	job->c.args     = (wc_slice){wc_strndup(a, c->args.p, c->args.n), c->args.n};
	snprintf(job->cancel_by, sizeof job->cancel_by, "%s", c->cancel_by);
	atomic_init(&job->lost, false);
	atomic_init(&job->cancelled, *c->cancel_by != 0);
	return job;
}

/* Called with the lock held. */
static void hold(wc_job *job)
{
	job->next_held = held;
	held           = job;
	busy++;
	suspects += is_suspect(&job->c);
	append(&to_run, job);
	pthread_cond_signal(&has_job);
}

static size_t free_threads(bool *suspect_allowed)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n                = (size_t)settings->threads - busy;
	*suspect_allowed = !suspects;
	pthread_mutex_unlock(&lock);
	return n;
}

/* Returns whether more may be waiting. */
static bool claim_some(void)
{
	bool            suspect_allowed;
	size_t          room = free_threads(&suspect_allowed);
	struct claimed *jobs;
	wc_arena       *a;
	wc_err          e;
	int             n;

	if (room > BATCH)
		room = BATCH;
	if (!room)
		return false;
	a = wc_arena_new();
	n = claim_take(a, room, suspect_allowed, settings->lease_ms, &jobs, &e);
	if (n < 0)
		wc_log(WC_ERROR, "jobs could not be claimed", wc_kv_s("error", e.text));
	pthread_mutex_lock(&lock);
	for (int i = 0; i < n; i++)
		hold(make_job(&jobs[i]));
	pthread_mutex_unlock(&lock);
	wc_arena_free(a);
	return n == (int)room;
}

/* What is held just now. */
static struct heartbeat *list_held(wc_arena *a, size_t *n)
{
	struct heartbeat *beats;

	pthread_mutex_lock(&lock);
	beats = wc_alloc(a, busy * sizeof *beats);
	*n    = 0;
	for (wc_job *job = held; job; job = job->next_held)
		beats[(*n)++] = (struct heartbeat){.id = job->c.id, .fence = job->c.fence};
	pthread_mutex_unlock(&lock);
	return beats;
}

static wc_job *find_held(const struct heartbeat *beat)
{
	wc_job *job = held;

	while (job && (job->c.id != beat->id || job->c.fence != beat->fence))
		job = job->next_held;
	return job;
}

/* Tells the runs what became of them; what was settled meanwhile is no longer held. */
static void tell_held(const struct heartbeat *beats, size_t n)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n; i++) {
		wc_job *job = beats[i].lost || beats[i].cancelled ? find_held(&beats[i]) : NULL;

		if (job && beats[i].cancelled && !atomic_load(&job->cancelled)) {
			strcpy(job->cancel_by, beats[i].cancel_by);
			atomic_store(&job->cancelled, true);
		}
		if (job && beats[i].lost)
			atomic_store(&job->lost, true);
	}
	pthread_mutex_unlock(&lock);
}

static void renew_leases(void)
{
	int64_t           asked = wc_mono_ms();
	wc_arena         *a     = wc_arena_new();
	size_t            n;
	struct heartbeat *beats = list_held(a, &n);
	wc_err            e;

	if (claim_renew(beats, n, settings->lease_ms, &e) == 0) {
		/* In this order: a run that lost its job must not believe for a moment that its lease was renewed. */
		tell_held(beats, n);
		atomic_store(&leased_until_ms, asked + settings->lease_ms);
	} else {
		wc_log(WC_ERROR, "leases could not be renewed", wc_kv_s("error", e.text));
	}
	wc_arena_free(a);
}

/* Apart from the claimer, which a busy database can hold up. */
static void *lease_thread(void *unused)
{
	struct pollfd stop = {stop_pipe, POLLIN, 0};
	wc_err        e;

	for (;;) {
		renew_leases();
		if (claim_recover_expired(&e) < 0)
			wc_log(WC_ERROR, "expired leases could not be recovered", wc_kv_s("error", e.text));
		if (atomic_load(&stopping))
			return unused;
		/* While draining the pipe stays readable; leases go on being renewed. */
		if (poll(&stop, 1, (int)(settings->lease_ms / 3)) > 0)
			wc_sleep_ms(settings->lease_ms / 6 < 200 ? settings->lease_ms / 6 : 200);
	}
}

static void claim_until_stopped(void)
{
	struct pollfd fds[] = {{stop_pipe, POLLIN, 0}, {doorbell_fd(), POLLIN, 0}, {freed, POLLIN, 0}};
	bool          more  = false, ignored;
	uint64_t      times;

	for (;;) {
		/* Who has no thread to spare leaves the bell to another process. */
		fds[1].fd = free_threads(&ignored) ? doorbell_fd() : -1;
		if (poll(fds, 3, more ? 0 : (int)settings->poll_ms) < 0)
			continue;
		if (fds[0].revents)
			return;
		if (fds[1].revents)
			doorbell_hush();
		if (fds[2].revents)
			(void)!read(freed, &times, sizeof times);
		more = claim_some();
	}
}

/* --- the process ---------------------------------------------------------------------------------------------------- */

static pthread_t start_thread(void *(*fn)(void *))
{
	pthread_attr_t attr;
	pthread_t      thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_KIB << 10);
	if (pthread_create(&thread, &attr, fn, NULL) != 0) {
		wc_log(WC_ERROR, "a thread could not be started");
		exit(1);
	}
	pthread_attr_destroy(&attr);
	return thread;
}

/* Waits until nothing runs, or ms are over. */
static bool wait_until_idle(int64_t ms)
{
	int64_t until = wc_mono_ms() + ms;
	bool    idle;

	do {
		pthread_mutex_lock(&lock);
		idle = !busy;
		pthread_mutex_unlock(&lock);
		if (idle)
			return true;
		wc_sleep_ms(10);
	} while (wc_mono_ms() < until);
	return false;
}

/* Timers and the ledger, apart from everything that a busy process could hold up. */
static void *tick_thread(void *unused)
{
	struct pollfd stop = {stop_pipe, POLLIN, 0};

	do {
		wc_trace_new();
		timers_tick(self->timers, self->zone_s);
		ledger_tick();
		if (self->tick)
			self->tick();
	} while (poll(&stop, 1, TICK_MS) == 0);
	wc_trace_set(NULL);
	return unused;
}

void worker_run(const struct worker *w)
{
	pthread_t settler, leases, ticks;
	wc_err    e;

	self      = w;
	settings  = w->settings;
	kinds     = w->kinds;
	stop_pipe = w->stop_fd;
	freed     = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	atomic_store(&leased_until_ms, wc_mono_ms() + settings->lease_ms);
	owner_label(w->node);
	if (claim_recover_dead(&e) < 0)
		wc_log(WC_ERROR, "jobs of dead processes could not be recovered", wc_kv_s("error", e.text));
	settler = start_thread(settler_thread);
	leases  = start_thread(lease_thread);
	ticks   = start_thread(tick_thread);
	for (int64_t i = 0; i < settings->threads; i++)
		pthread_detach(start_thread(job_thread));
	claim_until_stopped();
	/* What runs may finish; what is too long is asked to stop and handed back; the rest runs into its lease's end. */
	if (!wait_until_idle(settings->drain_ms)) {
		atomic_store(&stopping, true);
		wait_until_idle(3000);
	}
	atomic_store(&stopping, true);
	pthread_mutex_lock(&lock);
	closing = true;
	pthread_cond_broadcast(&has_ended);
	pthread_mutex_unlock(&lock);
	pthread_join(leases, NULL);
	pthread_join(ticks, NULL);
	if (wait_until_idle(0))
		pthread_join(settler, NULL);
}
