/* The resident child: one connection to the outside for all nodes, held by the one that has the lease.
 *
 * This thread holds the leases; each plugin runs on a thread of its own. Whoever cannot renew tells its plugin to stop STOP_MS before the
 * lease's end, and ends the process when the plugin has not stopped by then: two nodes never run the same resident. */
#include "host/resident.h"

#include "base/base.h"

#include <wecomd/clock.h>
#include <wecomd/lease.h>
#include <wecomd/log.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LEASE_MS     6000
#define RENEW_MS     1000
#define STOP_MS      2000
#define PAUSE_MAX_MS 30000

enum { IDLE, RUNNING, ENDED };

struct resident {
	const struct slot *slot;
	const char        *lease;
	const void        *self;             /* what it was called with */
	atomic_int         state;            /* the thread sets ENDED, this one all else */
	int                stop_fd;          /* what the plugin sees; an eventfd for each run */
	bool               stopping;
	bool               failed;           /* how the last run ended */
	int64_t            held_until_ms;    /* monotonic, by our own clock, counted from before asking */
	int64_t            stop_by_ms;       /* when a plugin that was told to stop must have done so */
	int64_t            pause_ms, not_before_ms;
};

static int wake_fd = -1;

void resident_settings_changed(void)
{
	uint64_t one = 1;

	(void)!write(wake_fd, &one, sizeof one);
}

static void *run_thread(void *arg)
{
	struct resident *r = arg;
	wc_err           e;

	wc_trace_new();
	r->failed = r->slot->plugin->resident(r->self, r->stop_fd, &e) < 0;
	if (r->failed)
		wc_log(WC_ERROR, "a resident failed", wc_kv_s("plugin", r->slot->plugin->name), wc_kv_s("error", e.text));
	atomic_store(&r->state, ENDED);
	resident_settings_changed();
	return NULL;
}

static void begin(struct resident *r)
{
	pthread_attr_t attr;
	pthread_t      thread;

	r->self     = self_now(r->slot->self);
	r->stop_fd  = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->stopping = false;
	atomic_store(&r->state, RUNNING);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 1u << 20);
	if (r->stop_fd < 0 || pthread_create(&thread, &attr, run_thread, r) != 0) {
		wc_log(WC_ERROR, "a thread could not be started");
		exit(1);
	}
	pthread_attr_destroy(&attr);
	wc_log(WC_INFO, "resident begins", wc_kv_s("plugin", r->slot->plugin->name));
}

static void tell_to_stop(struct resident *r, const char *why)
{
	uint64_t one = 1;

	if (r->stopping || atomic_load(&r->state) != RUNNING)
		return;
	r->stopping   = true;
	r->stop_by_ms = wc_mono_ms() + STOP_MS;
	wc_log(WC_INFO, "resident is to stop", wc_kv_s("plugin", r->slot->plugin->name), wc_kv_s("why", why));
	(void)!write(r->stop_fd, &one, sizeof one);
}

/* After a failure another node may have better luck; a plugin that ended because it was told to goes on at once. */
static void clean_up(struct resident *r)
{
	int64_t now = wc_mono_ms();

	if (atomic_load(&r->state) != ENDED)
		return;
	close(r->stop_fd);
	atomic_store(&r->state, IDLE);
	if (r->stopping && !r->failed)
		r->pause_ms = 0;
	else
		r->pause_ms = !r->pause_ms ? 1000 : r->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : r->pause_ms * 2;
	r->not_before_ms = now + r->pause_ms;
	if (r->pause_ms && r->held_until_ms) {
		wc_lease_release(r->lease);
		r->held_until_ms = 0;
	}
}

static void hold(struct resident *r)
{
	int64_t asked = wc_mono_ms();
	wc_err  e;
	int     held;

	if (asked < r->not_before_ms)
		return;
	held = wc_lease_hold(r->lease, LEASE_MS, NULL, &e);
	if (held > 0)
		r->held_until_ms = asked + LEASE_MS;
	else if (held == 0)
		r->held_until_ms = 0;
	if (held < 0 && r->held_until_ms)
		wc_log(WC_WARN, "a resident's lease could not be renewed", wc_kv_s("plugin", r->slot->plugin->name), wc_kv_s("error", e.text));
}

/* Brings one resident nearer to what it shall be. */
static void tend(struct resident *r, bool renew)
{
	bool sure;

	clean_up(r);
	if (renew)
		hold(r);
	sure = r->held_until_ms && wc_mono_ms() < r->held_until_ms - STOP_MS;
	if (!sure)
		tell_to_stop(r, "the lease is lost or about to be");
	else if (atomic_load(&r->state) == RUNNING && r->self != self_now(r->slot->self))
		tell_to_stop(r, "its settings changed");
	else if (atomic_load(&r->state) == IDLE && wc_mono_ms() >= r->not_before_ms)
		begin(r);
	if (r->stopping && atomic_load(&r->state) == RUNNING && wc_mono_ms() > r->stop_by_ms) {
		wc_log(WC_ERROR, "a resident did not stop in time; its process ends", wc_kv_s("plugin", r->slot->plugin->name));
		_exit(1);
	}
}

static size_t make_residents(const struct program *g, struct resident *list)
{
	size_t n = 0;

	for (size_t i = 0; i < g->slot_count; i++)
		if (g->slots[i].plugin->resident)
			list[n++] = (struct resident){.slot = &g->slots[i], .lease = wc_printf(g->arena, "resident/%s", g->slots[i].plugin->name)};
	return n;
}

static void stop_all(struct resident *list, size_t n)
{
	int64_t until = wc_mono_ms() + STOP_MS;
	size_t  busy;

	for (size_t i = 0; i < n; i++)
		tell_to_stop(&list[i], "the process drains");
	do {
		busy = 0;
		for (size_t i = 0; i < n; i++)
			busy += atomic_load(&list[i].state) == RUNNING;
		if (busy)
			wc_sleep_ms(10);
	} while (busy && wc_mono_ms() < until);
	/* The lease of one that still runs is kept: it ends by itself, after this process. */
	for (size_t i = 0; i < n; i++)
		if (list[i].held_until_ms && atomic_load(&list[i].state) != RUNNING)
			wc_lease_release(list[i].lease);
}

void resident_run(const struct program *g, int stop_fd)
{
	struct resident *list = wc_alloc(g->arena, (g->slot_count + 1) * sizeof *list);
	size_t           n    = make_residents(g, list);
	struct pollfd    fds[2];
	int64_t          renew_at = 0;
	uint64_t         wakes;

	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[0]  = (struct pollfd){stop_fd, POLLIN, 0};
	fds[1]  = (struct pollfd){wake_fd, POLLIN, 0};
	for (;;) {
		bool renew = wc_mono_ms() >= renew_at;

		for (size_t i = 0; i < n; i++)
			tend(&list[i], renew);
		if (renew)
			renew_at = wc_mono_ms() + RENEW_MS;
		if (poll(fds, 2, 250) < 0)
			continue;
		if (fds[0].revents)
			break;
		(void)!read(wake_fd, &wakes, sizeof wakes);
	}
	stop_all(list, n);
}
