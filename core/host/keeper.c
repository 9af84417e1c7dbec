/* One thread of each child for what has to be done now and then. */
#include "host/keeper.h"

#include "base/base.h"
#include "db/db.h"
#include "host/beat.h"
#include "host/settings.h"
#include "host/shared.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVERY_MS 1000

static struct program *program;
static const char     *child_role;
static int             child_stop_fd;
static void          (*on_change)(void);

static sigset_t reopen_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return set;
}

/* A signal that interrupted a read with a time-out would end it, SA_RESTART or not: so nobody is ever interrupted. */
void keeper_block_signal(void)
{
	sigset_t set = reopen_set();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void reopen(int fd)
{
	struct signalfd_siginfo info;
	wc_err                  e;

	(void)!read(fd, &info, sizeof info);
	if (log_reopen(&e) < 0)
		wc_log(WC_ERROR, "the log could not be reopened; it goes on where it was", wc_kv_s("error", e.text));
}

static void *keeper_thread(void *unused)
{
	sigset_t      set     = reopen_set();
	struct pollfd fds[]   = {{signalfd(-1, &set, SFD_CLOEXEC), POLLIN, 0}, {child_stop_fd, POLLIN, 0}};
	int64_t       beat_at = wc_mono_ms() + BEAT_MS, next = wc_mono_ms() + EVERY_MS, now;
	wc_err        ignored;

	for (;;) {
		now = wc_mono_ms();
		if (poll(fds, 2, next > now ? (int)(next - now) : 0) > 0) {
			if (fds[0].revents)
				reopen(fds[0].fd);
			/* Once: it stays readable. */
			if (fds[1].revents) {
				shared_say_ending();
				fds[1].fd = -1;
			}
			continue;
		}
		next = wc_mono_ms() + EVERY_MS;
		if (settings_refresh(program) && on_change)
			on_change();
		if (wc_mono_ms() >= beat_at) {
			db_prefer();
			(void)beat(program->core.node, child_role, &ignored);
			beat_at = wc_mono_ms() + BEAT_MS;
		}
	}
	return unused;
}

void keeper_start(struct program *g, const char *role, int stop_fd, void (*changed)(void))
{
	pthread_attr_t attr;
	pthread_t      thread;

	program       = g;
	child_role    = role;
	child_stop_fd = stop_fd;
	on_change     = changed;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512u << 10);
	if (pthread_create(&thread, &attr, keeper_thread, NULL) != 0) {
		wc_log(WC_ERROR, "a thread could not be started");
		exit(1);
	}
	pthread_detach(thread);
	pthread_attr_destroy(&attr);
}
