/* The accept threads of a web child.
 *
 * libfcgi's own accept loses requests when it is interrupted (upstream reading and runs under load), so the threads accept
 * themselves and hand the connection to libfcgi. Each waits in an epoll of its own with EPOLLEXCLUSIVE: a connection wakes one thread of
 * one process, the first in the queue that has time. The threads of a process stand behind each other in it, so one process has the
 * work while its threads suffice, and callbacks that come together share its commits; the others are there when it is busy or gone.
 * Draining is an eventfd that wakes them all; requests at hand are finished, connections still in the backlog go to the other children. */
#include "web/request.h"

#include "base/base.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define STACK_BYTES     (1u << 20)
#define KEPT_IDLE_MS    3000     /* a kept connection that stays silent so long while draining is closed */
#define REFRESH_MS      1000

const wc_field web_fields[] = {
	{WC_STRING, "listen", "", offsetof(struct web_settings, listen),
	 "unix:/path or tcp:ADDRESS:PORT; not used where a listening socket is handed over (socket activation, spawn-fcgi)"},
	{WC_CHOICE, "socket_mode", "0660", offsetof(struct web_settings, socket_mode), "rights of the UNIX socket: the web server writes to it",
	 .choices = "0600|0660|0666"},
	{WC_INT, "processes", "2", offsetof(struct web_settings, processes), "web processes", .min = 0, .max = 64},
	{WC_INT, "threads", "16", offsetof(struct web_settings, threads), "requests at once in one process", .min = 1, .max = 1024},
	{WC_SIZE, "body_max", "1m", offsetof(struct web_settings, body_max), "largest body of a request", .min = 1024, .max = 1 << 30},
	{WC_DURATION, "io_timeout", "30s", offsetof(struct web_settings, io_timeout_ms), "a request that is not read so long after its beginning is dropped; longer than the web server keeps idle connections",
	 .min = 100, .max = 3600000},
	{WC_CHOICE, "metrics_role", "viewer", offsetof(struct web_settings, metrics_role), "who may read /metrics",
	 .choices = "anyone|viewer|operator|approver|admin"},
	{WC_DURATION, "callback_window", "10m", offsetof(struct web_settings, callback_window_ms),
	 "callbacks whose signed time is further from our clock, either way, are refused; 0s: none is"},
	{WC_STRING, "trusted_proxies", "127.0.0.0/8 ::1 unix", offsetof(struct web_settings, trusted_proxies),
	 "networks whose X-Forwarded-For is believed; unix: peers of a UNIX socket"},
	{WC_STRING, "callback_from", "", offsetof(struct web_settings, callback_from), "networks that callbacks are taken from; empty: any",
	 .max = 32768},
	{0}};

static const struct web_server *server;
static bool                     is_unix;     /* the listening socket is */

/* --- slow clients --------------------------------------------------------------------------------------------------- */

/* libfcgi reads with blocking calls and a time-out each: a client that sends a byte now and then could hold a thread for ever. So
 * each thread has a watch with a deadline; what is late is shut down, which ends the read. The watch has a descriptor of its own for
 * the connection, for libfcgi closes its one without a word, and the number may be another connection's a moment later. */
struct watch {
	pthread_mutex_t lock;
	int             fd;           /* -1: no connection */
	int64_t         until_ms;     /* 0: nothing is being read */
	int             queue;        /* the epoll in which the thread waits for connections; -1: it takes no more */
};

static struct watch                *watches;
static _Thread_local struct watch  *my_watch;

static void watch_set(bool armed)
{
	pthread_mutex_lock(&my_watch->lock);
	my_watch->until_ms = armed ? wc_mono_ms() + server->settings->io_timeout_ms : 0;
	pthread_mutex_unlock(&my_watch->lock);
}

static void watch_begin(int fd)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	pthread_mutex_lock(&my_watch->lock);
	my_watch->fd = own;
	pthread_mutex_unlock(&my_watch->lock);
	watch_set(true);
}

static void watch_end(void)
{
	int own;

	pthread_mutex_lock(&my_watch->lock);
	own          = my_watch->fd;
	my_watch->fd = -1;
	pthread_mutex_unlock(&my_watch->lock);
	if (own >= 0)
		close(own);
}

static void cut_if_late(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->fd >= 0 && w->until_ms && wc_mono_ms() > w->until_ms) {
		shutdown(w->fd, SHUT_RDWR);
		w->until_ms = 0;
		wc_count("wecomd_slow_requests_total", 1, NULL);
	}
	pthread_mutex_unlock(&w->lock);
}

/* Goes on while draining; ends with the process. */
static void *watch_thread(void *unused)
{
	int64_t pause = server->settings->io_timeout_ms / 4;

	for (;;) {
		wc_sleep_ms(pause > 500 ? 500 : pause);
		for (int64_t i = 0; i < server->settings->threads; i++)
			cut_if_late(&watches[i]);
	}
	return unused;
}

/* --- one request ---------------------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	return !strncmp(path, above, n) && (!path[n] || path[n] == '/');
}

static bool may_pass(wc_request *rq)
{
	const wc_route      *route = rq->route->route;
	struct web_identity *who   = &rq->who;
	wc_err               e;

	if (route->role == WC_ANYONE)
		return true;
	if (server->authenticate(rq, who, &e) < 0) {
		wc_reply_err(rq, &e);
		return false;
	}
	if (!who->role) {
		reply_header(rq, "WWW-Authenticate", "Bearer");
		wc_problem(rq, 401, "unauthenticated", "a session or an API key is needed: Authorization: Bearer KEY");
		return false;
	}
	if (who->role < route->role) {
		wc_problem(rq, 403, "forbidden", "this needs the role %s", role_name(route->role));
		return false;
	}
	if (who->refused_code && !(who->confined_to && is_below(route->path, who->confined_to))) {
		wc_problem(rq, 403, who->refused_code, "%s", who->refused_text);
		return false;
	}
	return true;
}

static bool read_body(wc_request *rq)
{
	int rc;

	watch_set(true);
	rc = request_read(rq, server->settings);
	watch_end();
	return rc == 0;
}

static void answer(wc_request *rq)
{
	char allow[32];

	rq->route = route_find(rq, server->routes, allow);
	if (!rq->route && *allow) {
		reply_header(rq, "Allow", allow);
		wc_problem(rq, 405, "method_not_allowed", "this path takes %s", allow);
		return;
	}
	if (!rq->route) {
		wc_problem(rq, 404, "not_found", "there is nothing at this path");
		return;
	}
	if (!may_pass(rq) || !read_body(rq) || idempotency_begin(rq) < 0)
		return;
	rq->route->route->run(rq, self_now(rq->route->self));
	if (!rq->answered)
		wc_problem(rq, 500, "internal", "the handler gave no answer");
}

/* The method is the client's text; a label has a closed set of values. */
static const char *known_method(const wc_request *rq)
{
	static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i], rq->method_text))
			return known[i];
	return "other";
}

static void measure(const wc_request *rq, int64_t ms)
{
	const char *route    = rq->route ? rq->route->route->path : "none";
	char        class[4] = {(char)('0' + rq->status / 100), 'x', 'x', 0};

	wc_count("wecomd_requests_total", 1, route, known_method(rq), class, NULL);
	wc_observe_ms("wecomd_request_seconds", ms, route, NULL);
}

static void serve(FCGX_Request *fcgi)
{
	wc_arena  *a     = wc_arena_new();
	int64_t    began = wc_mono_ms();
	wc_request rq;

	wc_trace_new();
	if (request_begin(&rq, fcgi, a) == 0)
		answer(&rq);
	wc_log(rq.status >= 500 ? WC_WARN : WC_DEBUG, "request", wc_kv_s("method", rq.method_text),
	       wc_kv_s("route", rq.route ? rq.route->route->path : ""), wc_kv_i("status", rq.status), wc_kv_i("ms", wc_mono_ms() - began));
	measure(&rq, wc_mono_ms() - began);
	wc_trace_set(NULL);
	wc_arena_free(a);
}

/* --- connections ---------------------------------------------------------------------------------------------------- */

static void prepare_connection(int fd)
{
	struct timeval t   = {server->settings->io_timeout_ms / 1000, server->settings->io_timeout_ms % 1000 * 1000};
	int            yes = 1;

	if (!is_unix)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static bool is_draining(void)
{
	struct pollfd stop = {server->stop_fd, POLLIN, 0};

	return poll(&stop, 1, 0) > 0;
}

static bool add_to(int queue, int fd, uint32_t events)
{
	return epoll_ctl(queue, EPOLL_CTL_ADD, fd, &(struct epoll_event){events, {.fd = fd}}) == 0;
}

static int new_queue(void)
{
	int queue = epoll_create1(EPOLL_CLOEXEC);

	if (queue >= 0 && add_to(queue, server->listen_fd, EPOLLIN | EPOLLEXCLUSIVE) && add_to(queue, server->stop_fd, EPOLLIN))
		return queue;
	wc_log(WC_ERROR, "a thread cannot wait for connections", wc_kv_s("error", strerror(errno)));
	exit(1);
}

/* While draining, this thread may have been woken for a connection that no other was woken for. Out of the queue it takes one, if there is one,
 * and serves it as its last. */
static int accept_last(void)
{
	close(my_watch->queue);
	my_watch->queue = -1;
	return accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
}

/* A new connection, or -1 when draining. A thread that was busy finds what came meanwhile; one that wakes may find that another was faster. */
static int accept_one(void)
{
	struct epoll_event events[2];
	int                fd = -1, n;

	if (my_watch->queue < 0)
		return -1;
	while (fd < 0) {
		n = epoll_wait(my_watch->queue, events, 2, -1);
		for (int i = 0; i < n; i++)
			if (events[i].data.fd == server->stop_fd)
				return accept_last();
		if (n > 0)
			fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	}
	return fd;
}

/* Waits for the next request on a kept connection. While draining the web server is left to close it, for closing first
 * would lose a request that is just being sent. */
static bool wait_kept(int fd)
{
	struct pollfd fds[] = {{fd, POLLIN, 0}, {server->stop_fd, POLLIN, 0}};
	int64_t       until = wc_mono_ms() + server->settings->io_timeout_ms, now;

	while ((now = wc_mono_ms()) < until) {
		if (is_draining())
			return poll(fds, 1, KEPT_IDLE_MS) > 0;
		if (poll(fds, 2, (int)(until - now)) > 0 && fds[0].revents)
			return true;
	}
	return false;
}

static bool next_connection(FCGX_Request *r)
{
	if (r->ipcFd >= 0) {
		if (wait_kept(r->ipcFd))
			return true;
		FCGX_Free(r, 1);
		r->ipcFd = -1;
	}
	r->ipcFd = accept_one();
	if (r->ipcFd < 0)
		return false;
	prepare_connection(r->ipcFd);
	r->keepConnection = 1;     /* or FCGX_Accept_r would first finish and close what it has not begun */
	return true;
}

/* libfcgi closes by saying that it has no more to say and waiting for the other side to close, lest TCP drops what is on its way. On a UNIX
 * socket nothing is dropped once all of the request has been read, and the thread is free that much sooner. */
static void finish(FCGX_Request *r)
{
	bool at_once = is_unix && !r->keepConnection && FCGX_HasSeenEOF(r->in);

	if (at_once)
		r->keepConnection = 1;
	FCGX_Finish_r(r);
	if (!at_once || r->ipcFd < 0)
		return;
	close(r->ipcFd);
	r->ipcFd = -1;
}

/* After a bad connection libfcgi goes on to accept one itself, which would then have neither time-outs nor a watch: it gets no
 * listener to do so with. */
static void *accept_thread(void *watch)
{
	FCGX_Request r;
	int          rc;

	my_watch = watch;
	FCGX_InitRequest(&r, -1, FCGI_FAIL_ACCEPT_ON_INTR);
	while (next_connection(&r)) {
		watch_begin(r.ipcFd);
		if ((rc = FCGX_Accept_r(&r)) == 0) {
			watch_set(false);
			serve(&r);
		}
		watch_end();
		if (rc == 0)
			finish(&r);
	}
	FCGX_Free(&r, 1);
	return NULL;
}

/* --- the process ---------------------------------------------------------------------------------------------------- */

static void *refresh_thread(void *unused)
{
	struct pollfd stop = {server->stop_fd, POLLIN, 0};

	while (poll(&stop, 1, REFRESH_MS) == 0)
		endpoints_refresh(server->callbacks);
	return unused;
}

static bool listens_on_unix(void)
{
	int       domain = 0;
	socklen_t size   = sizeof domain;

	return getsockopt(server->listen_fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

/* The threads of a process stand behind each other in the queue for connections, not between those of a process that starts just now: the
 * program's own file is what all of them can lock. Without the lock things are only slower. */
static void queue_up(size_t n)
{
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	flock(exe, LOCK_EX);
	for (size_t i = 0; i < n; i++)
		watches[i] = (struct watch){PTHREAD_MUTEX_INITIALIZER, .fd = -1, .queue = new_queue()};
	close(exe);
}

static pthread_t start_thread(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t      thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (pthread_create(&thread, &attr, fn, arg) != 0) {
		wc_log(WC_ERROR, "a thread could not be started");
		exit(1);
	}
	pthread_attr_destroy(&attr);
	return thread;
}

const struct web_route *web_routes(void)
{
	return server->routes;
}

void web_run(const struct web_server *s)
{
	static struct web_server kept;     /* the watch goes on when this function has returned */
	size_t                   n       = (size_t)s->settings->threads;
	pthread_t               *threads = wc_xalloc(n * sizeof *threads), refresh;

	kept    = *s;
	server  = &kept;
	is_unix = listens_on_unix();
	watches = wc_xalloc(n * sizeof *watches);
	FCGX_Init();
	callback_window(s->settings->callback_window_ms);
	endpoints_refresh(s->callbacks);
	refresh = start_thread(refresh_thread, NULL);
	callbacks_threads(s->settings->threads);
	queue_up(n);
	for (size_t i = 0; i < n; i++)
		threads[i] = start_thread(accept_thread, &watches[i]);
	pthread_detach(start_thread(watch_thread, NULL));
	s->ready();
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_join(refresh, NULL);
	free(threads);
}
