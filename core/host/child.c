/* The children: prepare (check the schema, seed rows, once), web, worker, resident. */
#include "host/process.h"

#include "admin/admin.h"
#include "base/base.h"
#include "crypt/crypt.h"
#include "host/beat.h"
#include "host/keeper.h"
#include "host/resident.h"
#include "host/settings.h"
#include "host/shared.h"
#include "http/http.h"
#include "talk/talk.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define DB_WAIT_MS 30000

static int fd_from(const char *variable)
{
	const char *text = getenv(variable);

	return text ? atoi(text) : -1;
}

/* --- prepare -------------------------------------------------------------------------------------------------------- */

/* At boot the database may come up after us. */
static int wait_for_database(wc_err *e)
{
	int64_t until = wc_mono_ms() + DB_WAIT_MS;

	while (db_ping(e) < 0) {
		if (wc_mono_ms() > until)
			return -1;
		wc_sleep_ms(250);
	}
	return 0;
}

static int seed(const struct program *g, wc_err *e)
{
	for (size_t i = 0; i < g->slot_count; i++)
		for (const struct instance *one = g->slots[i].instances; one; one = one->next)
			if (g->slots[i].plugin->instances->seed(one->name, one->data, one->seed_hash, g->slots[i].self, e) < 0)
				return wc_wrap(e, "[%s:%s]", g->slots[i].plugin->name, one->name);
	return 0;
}

/* What was found good here is what the children will read: the files may be another thing by then. */
static int prepare(struct program *g, struct shared *shared, wc_err *e)
{
	if (wait_for_database(e) < 0 || db_check_schema(g->core.sql_dir, g->owners, e) < 0)
		return -1;
	settings_begin(g);
	if (seed(g, e) < 0)
		return -1;
	if (shared)
		atomic_store(&shared->has_resident, program_has_resident(g));
	if (config_save(g->config, fd_from("WECOMD_CONFIG_FD")) < 0)
		return wc_fail(e, WC_E_INTERNAL, "the configuration could not be handed on");
	return 0;
}

/* --- web, worker, resident ------------------------------------------------------------------------------------------------- */

static int run_web(const struct program *g, int stop_fd, wc_err *e)
{
	struct web_server server = {&g->web, g->routes, g->callbacks, admin_authenticate, fd_from("WECOMD_LISTEN_FD"), stop_fd,
	                            shared_say_ready};
	int               yes    = 0;
	socklen_t         size   = sizeof yes;

	if (getsockopt(server.listen_fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) < 0 || !yes)
		return wc_fail(e, WC_E_INTERNAL, "a web child was started without a listening socket");
	web_run(&server);
	return 0;
}

static void run_worker(const struct program *g, int stop_fd)
{
	struct worker worker = {&g->worker, g->core.node, g->kinds, g->timers, g->zone_s, stop_fd, talk_tick};

	ledger_use(g->reconcilers);
	worker_run(&worker);
}

static int start_plugins(const struct program *g, size_t *started, wc_err *e)
{
	for (*started = 0; *started < g->slot_count; ++*started) {
		const struct slot *s = &g->slots[*started];

		if (s->plugin->start && s->plugin->start(s->self, e) < 0)
			return wc_wrap(e, "plugin %s", s->plugin->name);
	}
	return 0;
}

static void stop_plugins(const struct program *g, size_t started)
{
	/* The one that failed is stopped too: stop accepts what start left half. */
	for (size_t i = started < g->slot_count ? started + 1 : g->slot_count; i-- > 0;)
		if (g->slots[i].plugin->stop)
			g->slots[i].plugin->stop(g->slots[i].self);
}

/* SIGTERM as a readable descriptor: nobody reads it, so it stays readable and wakes every thread. The master alone
 * answers to SIGINT and SIGHUP; when it dies, so do we. */
static int make_stop_fd(pid_t master)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		kill(getpid(), SIGTERM);     /* to the process: what raise() sends waits at this thread alone, unseen by the others */
	sigdelset(&set, SIGINT);
	sigdelset(&set, SIGHUP);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int do_work(const struct program *g, const char *role, int stop_fd, wc_err *e)
{
	if (!strcmp(role, "web"))
		return run_web(g, stop_fd, e);
	shared_say_ready();
	if (!strcmp(role, "resident"))
		resident_run(g, stop_fd);
	else
		run_worker(g, stop_fd);
	return 0;
}

static int serve(struct program *g, const char *role, wc_err *e)
{
	int    stop_fd = make_stop_fd(fd_from("WECOMD_MASTER_PID")), rc = -1;
	size_t started = 0;
	wc_err ignored;

	http_open();
	http_use(&g->http);
	inventory_use(g);
	doorbell_use(fd_from("WECOMD_DOORBELL_FD"));
	settings_begin(g);
	if (db_remember_schema(g->core.sql_dir, g->owners, e) == 0 && start_plugins(g, &started, e) == 0) {
		keeper_start(g, role, stop_fd, !strcmp(role, "resident") ? resident_settings_changed : NULL);
		(void)beat(g->core.node, role, &ignored);
		wc_log(WC_INFO, "child started");
		rc = do_work(g, role, stop_fd, e);
		shared_say_ending();     /* for where the keeper was slower */
	}
	stop_plugins(g, started);
	if (rc == 0)
		beat_end(g->core.node);
	if (rc == 0)
		wc_log(WC_INFO, "child ended");
	return rc;
}

int child_run(struct program *g, const char *role)
{
	struct shared *shared;
	wc_err         e;
	int            rc = -1;

	wc_log_role(role);
	keeper_block_signal();
	db_open(&g->db);
	if (shared_attach(&shared, &e) == 0 && log_open(g->log.file, &e) == 0 && crypt_open(g->crypt.key_file, &e) == 0)
		rc = !strcmp(role, "prepare") ? prepare(g, shared, &e) : serve(g, role, &e);
	if (rc < 0) {
		wc_log(WC_ERROR, "child failed", wc_kv_s("error", e.text));
		shared_say_failed(e.text);
	}
	/* Job threads that could not be stopped may still run: leave without tearing down what they use. */
	fflush(NULL);
	_exit(rc < 0 ? 1 : 0);
}
