/* The master: owns the socket, keeps the children running, changes them without a failed request.
 *
 * Children are new executions of the program, so a reload takes a new binary, new plugins and a new configuration alike. The
 * master itself opens no plugin, no database and no thread. */
#include "host/process.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX   256
#define STABLE_MS      5000      /* a child that lived so long begins again without a pause */
#define BACKOFF_MAX_MS 10000
#define KILL_AFTER_MS  5000      /* beyond the workers' drain time */

struct child {
	pid_t       pid;          /* 0: not running */
	const char *role;         /* NULL: the place is free */
	bool        draining;     /* told to end: not replaced */
	int64_t     started_ms, pause_ms, start_at_ms;
};

static struct child       children[CHILDREN_MAX];
static const char *const *config_files;
static char               program_path[4096];
static int                listen_fd = -1, doorbell = -1;

/* --- starting ------------------------------------------------------------------------------------------------------- */

static void inherit(int fd, const char *variable)
{
	char text[16];

	snprintf(text, sizeof text, "%d", fd);
	setenv(variable, text, 1);
	if (fd >= 0)
		fcntl(fd, F_SETFD, 0);
}

static _Noreturn void become_child(const char *role)
{
	const char *argv[2 * 64 + 4];
	size_t      n = 0;
	sigset_t    none;

	argv[n++] = program_path;
	for (size_t i = 0; config_files[i] && n < 128; i++) {
		argv[n++] = "-c";
		argv[n++] = config_files[i];
	}
	argv[n++] = "child";
	argv[n++] = role;
	argv[n]   = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(program_path, (char *const *)argv);
	fprintf(stderr, "wecomd: %s: %s\n", program_path, strerror(errno));
	_exit(127);
}

static pid_t spawn(const char *role)
{
	pid_t pid = fork();

	if (pid == 0)
		become_child(role);
	if (pid < 0)
		wc_log(WC_ERROR, "no child could be started", wc_kv_s("child", role), wc_kv_s("why", strerror(errno)));
	return pid;
}

/* Checks the configuration, the plugins and the schema, and seeds rows, in a process of its own: whatever it loads is
 * gone afterwards. It says itself what is wrong. */
static bool prepare(void)
{
	pid_t pid = spawn("prepare");
	int   status;

	if (pid < 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void start(struct child *c)
{
	int64_t now = wc_mono_ms();
	pid_t   pid = spawn(c->role);

	c->pid         = pid > 0 ? pid : 0;
	c->started_ms  = now;
	c->start_at_ms = now + BACKOFF_MAX_MS;     /* where fork failed */
}

static void add_children(const char *role, int64_t n)
{
	for (size_t i = 0; i < CHILDREN_MAX && n > 0; i++) {
		if (children[i].role)
			continue;
		children[i] = (struct child){.role = role};
		start(&children[i]);
		n--;
	}
}

static void add_all(const struct program *g, const char *roles)
{
	if (strstr(roles, "web"))
		add_children("web", g->web.processes);
	if (strstr(roles, "worker"))
		add_children("worker", g->worker.processes);
}

/* --- watching ------------------------------------------------------------------------------------------------------- */

static void log_end(const struct child *c, int status)
{
	if (WIFSIGNALED(status))
		wc_log(c->draining ? WC_INFO : WC_ERROR, "child killed", wc_kv_s("child", c->role), wc_kv_i("child_pid", c->pid), wc_kv_i("signal", WTERMSIG(status)));
	else if (!c->draining)
		wc_log(WC_ERROR, "child ended by itself", wc_kv_s("child", c->role), wc_kv_i("child_pid", c->pid), wc_kv_i("status", WEXITSTATUS(status)));
}

/* At once after a long life; 100 ms, 200 ms … up to ten seconds when it keeps dying. */
static void plan_restart(struct child *c)
{
	int64_t now = wc_mono_ms();

	if (now - c->started_ms >= STABLE_MS)
		c->pause_ms = 0;
	else
		c->pause_ms = c->pause_ms ? c->pause_ms * 2 : 100;
	if (c->pause_ms > BACKOFF_MAX_MS)
		c->pause_ms = BACKOFF_MAX_MS;
	c->start_at_ms = now + c->pause_ms;
}

static void reap(void)
{
	int   status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (struct child *c = children; c < children + CHILDREN_MAX; c++) {
			if (c->pid != pid)
				continue;
			log_end(c, status);
			c->pid = 0;
			if (c->draining)
				c->role = NULL;
			else
				plan_restart(c);
		}
	}
}

static void start_due(void)
{
	int64_t now = wc_mono_ms();

	for (struct child *c = children; c < children + CHILDREN_MAX; c++)
		if (c->role && !c->pid && !c->draining && now >= c->start_at_ms)
			start(c);
}

static void drain_all(void)
{
	for (struct child *c = children; c < children + CHILDREN_MAX; c++) {
		if (!c->role)
			continue;
		c->draining = true;
		if (c->pid)
			kill(c->pid, SIGTERM);
		else
			c->role = NULL;
	}
}

static size_t running(void)
{
	size_t n = 0;

	for (struct child *c = children; c < children + CHILDREN_MAX; c++)
		n += c->pid != 0;
	return n;
}

/* The next signal of the set, or 0 after ms. */
static int next_signal(const sigset_t *set, int64_t ms)
{
	struct timespec t   = {ms / 1000, ms % 1000 * 1000000};
	int             sig = sigtimedwait(set, NULL, &t);

	return sig > 0 ? sig : 0;
}

static void end_all(const sigset_t *set, int64_t drain_ms)
{
	int64_t until = wc_mono_ms() + drain_ms + KILL_AFTER_MS;

	drain_all();
	while (running() && wc_mono_ms() < until) {
		next_signal(set, 100);
		reap();
	}
	for (struct child *c = children; c < children + CHILDREN_MAX; c++)
		if (c->pid)
			kill(c->pid, SIGKILL);
	while (running()) {
		next_signal(set, 100);
		reap();
	}
}

/* New children serve before the old ones are told to end; a bad configuration changes nothing. */
static void reload(struct program *g, const char *roles)
{
	struct problems p;
	struct program  fresh;

	wc_log(WC_INFO, "reloading");
	if (!prepare()) {
		wc_log(WC_ERROR, "not reloaded: the new configuration is refused, the old one goes on");
		return;
	}
	problems_init(&p, wc_arena_new());
	program_load_settings(&fresh, config_files, &p);
	if (strcmp(fresh.web.listen, g->web.listen))
		wc_log(WC_WARN, "[web] listen changes only with a restart", wc_kv_s("listen", g->web.listen));
	g->web.processes    = fresh.web.processes;
	g->worker.processes = fresh.worker.processes;
	g->worker.drain_ms  = fresh.worker.drain_ms;
	wc_arena_free(p.arena);
	drain_all();
	add_all(g, roles);
}

static int watch(struct program *g, const char *roles, const sigset_t *set)
{
	for (;;) {
		int sig = next_signal(set, 100);

		reap();
		if (sig == SIGTERM || sig == SIGINT)
			break;
		if (sig == SIGHUP)
			reload(g, roles);
		start_due();
	}
	wc_log(WC_INFO, "stopping");
	end_all(set, g->worker.drain_ms);
	wc_log(WC_INFO, "stopped");
	return 0;
}

int master_run(const char *const *files, const char *roles)
{
	struct problems p;
	struct program  g;
	sigset_t        set;
	char            pid[16];
	wc_err          e;
	ssize_t         n = readlink("/proc/self/exe", program_path, sizeof program_path - 1);

	if (n < 0)
		return 1;
	program_path[n] = 0;
	config_files    = files;
	wc_log_role("master");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!prepare())
		return 1;
	problems_init(&p, wc_arena_new());
	program_load_settings(&g, files, &p);
	if (strstr(roles, "web") && (listen_fd = web_listen(g.web.listen, &e)) < 0) {
		wc_log(WC_ERROR, "not started", wc_kv_s("error", e.text));
		return 1;
	}
	doorbell = doorbell_create();
	snprintf(pid, sizeof pid, "%d", getpid());
	setenv("WECOMD_MASTER_PID", pid, 1);
	inherit(listen_fd, "WECOMD_LISTEN_FD");
	inherit(doorbell, "WECOMD_DOORBELL_FD");
	add_all(&g, roles);
	wc_log(WC_INFO, "serving", wc_kv_s("listen", g.web.listen), wc_kv_i("web", g.web.processes), wc_kv_i("workers", g.worker.processes));
	return watch(&g, roles, &set);
}
