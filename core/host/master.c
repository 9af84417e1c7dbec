/* The master: owns the socket, keeps the children running, changes them without a failed request.
 *
 * Children are new executions of the program, so a reload takes a new binary, new plugins and a new configuration alike. The
 * master itself opens no plugin, no database and no thread. A configuration that was found good is kept in memory (one file of it
 * for each generation of children): a child that is replaced later gets the same, whatever became of the files since. */
#include "host/process.h"

#include "base/base.h"
#include "host/shared.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STABLE_MS      5000      /* a child that lived so long begins again without a pause */
#define BACKOFF_MAX_MS 10000
#define KILL_AFTER_MS  5000      /* beyond the workers' drain time */
#define START_MS       60000     /* how long the children of a start or a reload may take until they do their work */

struct child {
	pid_t       pid;             /* 0: not running */
	const char *role;            /* NULL: the place is free */
	unsigned    generation;
	int         config_fd;       /* its generation's configuration */
	bool        draining;        /* told to end: not replaced */
	int64_t     started_ms, pause_ms, start_at_ms;
};

/* What the master is about besides keeping children. */
enum phase {
	STEADY,
	PREPARING,       /* a process checks the configuration */
	STARTING,        /* new children begin; the old ones, where there are some, still serve */
};

/* A configuration that was found good, and what the master reads in it. */
struct generation {
	unsigned       number;          /* 0: none */
	int            config_fd;
	struct program settings;
};

static struct child       children[CHILDREN_MAX];
static struct shared     *shared;
static const char *const *config_files;
static const char        *roles;
static char               program_path[4096];
static const char        *given;             /* how the listening socket was handed over; NULL: it was not */
static int                listen_fd = -1, doorbell = -1, shared_fd = -1;
static struct generation  serving, coming;
static enum phase         phase;
static bool               reload_wanted;
static enum { OPEN, GOOD, BAD } checked;     /* what the process that checks said */
static bool               start_failed;      /* a new child ended while it began */
static int64_t            start_until_ms;

/* --- roles ---------------------------------------------------------------------------------------------------------- */

static bool has_role(const char *list, const char *role)
{
	size_t n = strlen(role);

	for (const char *at = list; *at; at += strcspn(at, ",") + (strchr(at, ',') != NULL))
		if (strcspn(at, ",") == n && !memcmp(at, role, n))
			return true;
	return false;
}

bool roles_fit(const char *list)
{
	size_t words = 1, known = has_role(list, "web") + has_role(list, "worker") + has_role(list, "resident");

	for (const char *c = list; *c; c++)
		words += *c == ',';
	return words == known;
}

/* --- starting ------------------------------------------------------------------------------------------------------- */

/* Only here, in the child: what the master opens is closed in whatever else it may execute. */
static void inherit(int fd, const char *variable)
{
	char text[16];

	snprintf(text, sizeof text, "%d", fd);
	setenv(variable, text, 1);
	if (fd >= 0)
		fcntl(fd, F_SETFD, 0);
}

static void hand_over(const struct child *c)
{
	char place[16];

	snprintf(place, sizeof place, "%d", (int)(c - children));
	setenv("WECOMD_PLACE", place, 1);
	/* To the others it is no use, and one that lives on after its master would seem to serve the socket. */
	inherit(strcmp(c->role, "web") ? -1 : listen_fd, "WECOMD_LISTEN_FD");
	inherit(doorbell, "WECOMD_DOORBELL_FD");
	inherit(shared_fd, "WECOMD_SHARED_FD");
	inherit(c->config_fd, "WECOMD_CONFIG_FD");
	/* A request takes and frees more small pieces of one size than the seven that glibc keeps at hand for each thread: an eleventh of a
	 * callback's instructions. Workers may have a thousand threads, whose memory counts for more. */
	if (!strcmp(c->role, "web"))
		setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=32", 0);
}

static _Noreturn void become(const struct child *c)
{
	const char *argv[2 * 64 + 4];
	size_t      n = 0;
	sigset_t    mask;

	argv[n++] = program_path;
	for (size_t i = 0; config_files[i] && n < 128; i++) {
		argv[n++] = "-c";
		argv[n++] = config_files[i];
	}
	argv[n++] = "child";
	argv[n++] = c->role;
	argv[n]   = NULL;
	hand_over(c);
	/* SIGUSR1 (reopen the log) would end a child that does not know it yet: it stays blocked until the child waits for it. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	execv(program_path, (char *const *)argv);
	fprintf(stderr, "wecomd: %s: %s\n", program_path, strerror(errno));
	_exit(127);
}

static void start(struct child *c)
{
	int64_t now = wc_mono_ms();
	pid_t   pid;

	atomic_store(&shared->ready[c - children], false);
	atomic_store(&shared->ending[c - children], false);
	pid = fork();
	if (pid == 0)
		become(c);
	if (pid < 0)
		wc_log(WC_ERROR, "no child could be started", wc_kv_s("child", c->role), wc_kv_s("why", strerror(errno)));
	c->pid         = pid > 0 ? pid : 0;
	c->started_ms  = now;
	c->start_at_ms = now + BACKOFF_MAX_MS;     /* where fork failed */
}

static bool has_place(void)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (!children[i].role)
			return true;
	return false;
}

static void add_children(const struct generation *g, const char *role, int64_t n)
{
	for (size_t i = 0; i < CHILDREN_MAX && n > 0; i++) {
		if (children[i].role)
			continue;
		children[i] = (struct child){.role = role, .generation = g->number, .config_fd = g->config_fd};
		start(&children[i]);
		n--;
	}
	if (n > 0)
		wc_log(WC_ERROR, "too many children", wc_kv_s("child", role), wc_kv_i("missing", n));
}

static void add_all(const struct generation *g)
{
	if (has_role(roles, "web"))
		add_children(g, "web", g->settings.web.processes);
	if (has_role(roles, "worker"))
		add_children(g, "worker", g->settings.worker.processes);
	if (has_role(roles, "resident") && atomic_load(&shared->has_resident))
		add_children(g, "resident", 1);
}

/* --- watching ------------------------------------------------------------------------------------------------------- */

static bool was_told_to_end(const struct child *c)
{
	return c->draining || atomic_load(&shared->ending[c - children]);
}

static void log_end(const struct child *c, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		wc_log(c->draining ? WC_INFO : WC_ERROR, "child killed", wc_kv_s("child", c->role), wc_kv_i("child_pid", pid), wc_kv_i("signal", WTERMSIG(status)));
	else if (!was_told_to_end(c) || (!c->draining && WEXITSTATUS(status)))
		wc_log(WC_ERROR, "child ended by itself", wc_kv_s("child", c->role), wc_kv_i("child_pid", pid), wc_kv_i("status", WEXITSTATUS(status)));
}

/* At once after a long life, and where it was told to end; 100 ms, 200 ms … up to ten seconds when it keeps dying. */
static void plan_restart(struct child *c)
{
	int64_t now = wc_mono_ms();

	if (now - c->started_ms >= STABLE_MS || was_told_to_end(c))
		c->pause_ms = 0;
	else
		c->pause_ms = c->pause_ms ? c->pause_ms * 2 : 100;
	if (c->pause_ms > BACKOFF_MAX_MS)
		c->pause_ms = BACKOFF_MAX_MS;
	c->start_at_ms = now + c->pause_ms;
	wc_count("wecomd_child_restarts_total", 1, c->role, NULL);
	wc_log(WC_INFO, "child is to be replaced", wc_kv_s("child", c->role), wc_kv_i("in_ms", c->pause_ms));
}

static void child_ended(struct child *c, int status)
{
	pid_t pid = c->pid;

	c->pid = 0;
	if (!strcmp(c->role, "prepare")) {
		checked = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? GOOD : BAD;
		c->role = NULL;
		return;
	}
	log_end(c, pid, status);
	if (phase == STARTING && c->generation == coming.number) {
		start_failed = true;
		c->role      = NULL;
	} else if (c->draining) {
		c->role = NULL;
	} else {
		plan_restart(c);
	}
}

static void reap(void)
{
	int   status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct child *c = children; c < children + CHILDREN_MAX; c++)
			if (c->pid == pid)
				child_ended(c, status);
}

static void start_due(void)
{
	int64_t now = wc_mono_ms();

	for (struct child *c = children; c < children + CHILDREN_MAX; c++)
		if (c->role && !c->pid && !c->draining && now >= c->start_at_ms)
			start(c);
}

/* A child that somebody else told to end may have long jobs: its replacement does not wait for them. */
static void replace_ending(void)
{
	for (struct child *c = children; c < children + CHILDREN_MAX; c++) {
		if (!c->pid || c->draining || c->generation != serving.number || !atomic_load(&shared->ending[c - children]) || !has_place())
			continue;
		c->draining = true;
		wc_count("wecomd_child_restarts_total", 1, c->role, NULL);
		wc_log(WC_INFO, "child was told to end; its replacement begins", wc_kv_s("child", c->role), wc_kv_i("child_pid", c->pid));
		add_children(&serving, c->role, 1);
	}
}

static void drain(struct child *c)
{
	c->draining = true;
	if (c->pid)
		kill(c->pid, SIGTERM);
	else
		c->role = NULL;
}

/* number 0: all of them. */
static void drain_generation(unsigned number)
{
	for (struct child *c = children; c < children + CHILDREN_MAX; c++)
		if (c->role && !c->draining && (!number || c->generation == number))
			drain(c);
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

static void reopen_log(void)
{
	wc_err e;

	if (log_reopen(&e) < 0)
		wc_log(WC_ERROR, "the log could not be reopened; it goes on where it was", wc_kv_s("error", e.text));
	for (struct child *c = children; c < children + CHILDREN_MAX; c++)
		if (c->pid)
			kill(c->pid, SIGUSR1);
}

static void end_all(const sigset_t *set, int64_t drain_ms)
{
	int64_t until = wc_mono_ms() + drain_ms + KILL_AFTER_MS;

	drain_generation(0);
	while (running() && wc_mono_ms() < until) {
		if (next_signal(set, 100) == SIGUSR1)
			reopen_log();
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

/* --- generations ---------------------------------------------------------------------------------------------------- */

static void forget(struct generation *g)
{
	if (!g->number)
		return;
	close(g->config_fd);
	wc_arena_free(g->settings.arena);
	*g = (struct generation){0};
}

/* Has the configuration, the plugins and the schema checked and rows seeded, by a process of its own: whatever it loads is gone
 * afterwards. It says itself what is wrong. */
static void check_files(void)
{
	coming  = (struct generation){.config_fd = memfd_create("wecomd-configuration", MFD_CLOEXEC)};
	checked = coming.config_fd < 0 ? BAD : OPEN;
	phase   = PREPARING;
	if (checked == OPEN)
		add_children(&coming, "prepare", 1);
}

static int take_settings(wc_err *e)
{
	static unsigned last;
	struct problems p;

	problems_init(&p, wc_arena_new());
	program_load_settings(&coming.settings, config_restore(p.arena, coming.config_fd, &p), &p);
	coming.number = ++last;
	return log_open(coming.settings.log.file, e);
}

static bool refused(const char *why)
{
	close(coming.config_fd);
	phase = STEADY;
	if (!serving.number)
		return false;
	wc_log(WC_ERROR, "not reloaded: the new configuration is refused, the old one goes on", wc_kv_s("why", why));
	return true;
}

static bool open_socket(wc_err *e)
{
	if (!has_role(roles, "web") || given)
		return true;
	listen_fd = web_listen(&coming.settings.web, e);
	return listen_fd >= 0;
}

static void begin(void)
{
	if (serving.number && !given && strcmp(coming.settings.web.listen, serving.settings.web.listen))
		wc_log(WC_WARN, "[web] listen changes only with a restart", wc_kv_s("listen", serving.settings.web.listen));
	phase          = STARTING;
	start_failed   = false;
	start_until_ms = wc_mono_ms() + START_MS;
	atomic_store(&shared->why_known, false);
	atomic_store(&shared->why_taken, false);
	add_all(&coming);
}

/* false: the first start failed. */
static bool after_check(void)
{
	wc_err e;

	if (checked == OPEN)
		return true;
	if (checked == BAD)
		return refused("the lines before this one say it");
	if (take_settings(&e) < 0)
		return refused(e.text);
	if (!serving.number && !open_socket(&e)) {
		wc_log(WC_ERROR, "not started", wc_kv_s("error", e.text));
		return false;
	}
	begin();
	return true;
}

static bool all_ready(unsigned number)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (children[i].role && children[i].generation == number && !atomic_load(&shared->ready[i]))
			return false;
	return true;
}

static const char *why_not(void)
{
	return atomic_load(&shared->why_known) ? shared->why : start_failed ? "a child ended, see the lines before this one" : "it took too long";
}

/* false: these are the first. */
static bool give_up(void)
{
	if (!serving.number) {
		wc_log(WC_ERROR, "not started: the children did not start", wc_kv_s("why", why_not()));
		return false;
	}
	wc_log(WC_ERROR, "not reloaded: the new children did not start, the old ones go on", wc_kv_s("why", why_not()));
	drain_generation(coming.number);
	forget(&coming);
	phase = STEADY;
	return true;
}

static void take_over(void)
{
	bool reloaded = serving.number != 0;

	if (reloaded)
		drain_generation(serving.number);
	forget(&serving);
	serving = coming;
	phase   = STEADY;
	if (reloaded) {
		wc_log(WC_INFO, "reloaded");
		return;
	}
	wc_log(WC_INFO, "serving", wc_kv_s("listen", given ? given : listen_fd >= 0 ? serving.settings.web.listen : "nothing"),
	       wc_kv_s("roles", roles), wc_kv_i("web", serving.settings.web.processes), wc_kv_i("workers", serving.settings.worker.processes));
	notify_manager("READY=1");
}

/* The new children serve, then the old ones are told to end; or the new ones cannot, and the old ones never notice. false: the first
 * ones cannot. */
static bool after_start(void)
{
	if (start_failed || wc_mono_ms() > start_until_ms)
		return give_up();
	if (all_ready(coming.number))
		take_over();
	return true;
}

static bool step(void)
{
	switch (phase) {
	case PREPARING:
		return after_check();
	case STARTING:
		return after_start();
	default:
		if (reload_wanted) {
			reload_wanted = false;
			wc_log(WC_INFO, "reloading");
			check_files();
		}
		return true;
	}
}

static int64_t drain_ms(void)
{
	const struct generation *g = serving.number ? &serving : &coming;

	return g->number ? g->settings.worker.drain_ms : 0;
}

static int watch(const sigset_t *set)
{
	for (;;) {
		int sig = next_signal(set, phase == STEADY ? 100 : 10);

		reap();
		if (sig == SIGTERM || sig == SIGINT)
			break;
		if (sig == SIGHUP)
			reload_wanted = true;
		if (sig == SIGUSR1)
			reopen_log();
		if (!step()) {
			end_all(set, drain_ms());
			return 1;
		}
		replace_ending();
		start_due();
	}
	wc_log(WC_INFO, "stopping");
	notify_manager("STOPPING=1");
	end_all(set, drain_ms());
	wc_log(WC_INFO, "stopped");
	return 0;
}

/* --- the beginning -------------------------------------------------------------------------------------------------- */

static sigset_t take_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
	sigset_t         set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return set;
}

static bool find_program(void)
{
	ssize_t n = readlink("/proc/self/exe", program_path, sizeof program_path - 1);

	program_path[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* Of a web server's own program managers one starts us as often as it likes: what is there once for a node is not their business. */
static bool take_inherited(void)
{
	wc_err e;

	listen_fd = web_inherited(&given, &e);
	if (listen_fd < 0 && given)
		wc_log(WC_ERROR, "not started", wc_kv_s("error", e.text));
	if (!roles)
		roles = listen_fd == 0 ? "web" : "web,worker,resident";
	return listen_fd >= 0 || !given;
}

int master_run(const char *const *files, const char *wanted_roles)
{
	sigset_t set = take_signals();
	char     pid[16];

	config_files = files;
	roles        = wanted_roles;
	wc_log_role("master");
	if (!find_program() || !take_inherited())
		return 1;
	doorbell  = doorbell_create();
	shared_fd = shared_create(&shared);
	if (shared_fd < 0) {
		wc_log(WC_ERROR, "not started", wc_kv_s("error", "no memory to share with the children"));
		return 1;
	}
	for (const wc_metric *m = host_metrics; m->name; m++)
		metrics_declare(m, NULL);
	snprintf(pid, sizeof pid, "%d", getpid());
	setenv("WECOMD_MASTER_PID", pid, 1);
	check_files();
	return watch(&set);
}
