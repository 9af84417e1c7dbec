/* The accept threads of a web child.
 *
 * libfcgi's own accept loses requests when it is interrupted (upstream reading and runs under load), so the threads accept
 * themselves, one at a time, and hand the connection to libfcgi. Draining is an eventfd that wakes them all; requests at
 * hand are finished, connections still in the backlog go to the other children. */
#include "web/request.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define STACK_BYTES     (1u << 20)
#define KEPT_IDLE_MS    3000     /* a kept connection that stays silent so long while draining is closed */
#define REFRESH_MS      1000

const wc_field web_fields[] = {
	{WC_STRING, "listen", NULL, offsetof(struct web_settings, listen), "unix:/path or tcp:ADDRESS:PORT"},
	{WC_INT, "processes", "2", offsetof(struct web_settings, processes), "web processes", .min = 0, .max = 64},
	{WC_INT, "threads", "16", offsetof(struct web_settings, threads), "requests at once in one process", .min = 1, .max = 1024},
	{WC_SIZE, "body_max", "1m", offsetof(struct web_settings, body_max), "largest body of a request", .min = 1024, .max = 1 << 30},
	{WC_DURATION, "io_timeout", "30s", offsetof(struct web_settings, io_timeout_ms), "the web server is silent so long: the request is dropped"},
	{0}};

static const struct web_server *server;
static pthread_mutex_t          accept_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- one request ---------------------------------------------------------------------------------------------------- */

static bool may_pass(wc_request *rq)
{
	wc_role needed = rq->route->route->role, has = 0;
	wc_err  e;

	if (needed == WC_ANYONE)
		return true;
	if (server->authenticate(rq, &has, &e) < 0) {
		wc_reply_err(rq, &e);
		return false;
	}
	if (!has) {
		reply_header(rq, "WWW-Authenticate", "Bearer");
		wc_problem(rq, 401, "unauthenticated", "an API key is needed: Authorization: Bearer KEY");
		return false;
	}
	if (has < needed) {
		wc_problem(rq, 403, "forbidden", "this needs the role %s", role_name(needed));
		return false;
	}
	return true;
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
	if (!may_pass(rq) || request_read_body(rq, (size_t)server->settings->body_max) < 0)
		return;
	rq->route->route->run(rq, rq->route->self);
	if (!rq->answered)
		wc_problem(rq, 500, "internal", "the handler gave no answer");
}

static void serve(FCGX_Request *fcgi)
{
	wc_arena  *a     = wc_arena_new();
	int64_t    began = wc_mono_ms();
	wc_request rq;
	wc_err     e;

	wc_trace_new();
	if (request_begin(&rq, fcgi, a, &e) < 0)
		wc_reply_err(&rq, &e);
	else
		answer(&rq);
	wc_log(rq.status >= 500 ? WC_WARN : WC_DEBUG, "request", wc_kv_s("method", rq.method_text),
	       wc_kv_s("route", rq.route ? rq.route->route->path : ""), wc_kv_i("status", rq.status), wc_kv_i("ms", wc_mono_ms() - began));
	wc_trace_set(NULL);
	wc_arena_free(a);
}

/* --- connections ---------------------------------------------------------------------------------------------------- */

static void prepare_connection(int fd)
{
	struct timeval t   = {server->settings->io_timeout_ms / 1000, server->settings->io_timeout_ms % 1000 * 1000};
	int            yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);     /* fails on UNIX sockets, rightly */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/* A new connection, or -1 when draining. Only the thread that holds the lock waits: no thundering herd. */
static int accept_one(void)
{
	struct pollfd fds[] = {{server->listen_fd, POLLIN, 0}, {server->stop_fd, POLLIN, 0}};
	int           fd    = -1;

	pthread_mutex_lock(&accept_lock);
	while (fd < 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			break;
		fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);     /* may find that another process was faster */
	}
	pthread_mutex_unlock(&accept_lock);
	return fd;
}

static bool is_draining(void)
{
	struct pollfd stop = {server->stop_fd, POLLIN, 0};

	return poll(&stop, 1, 0) > 0;
}

/* Waits for the next request on a kept connection. While draining the web server is left to close it, for closing first
 * would lose a request that is just being sent. */
static bool wait_kept(int fd)
{
	struct pollfd fds[] = {{fd, POLLIN, 0}, {server->stop_fd, POLLIN, 0}};

	for (;;) {
		if (is_draining())
			return poll(fds, 1, KEPT_IDLE_MS) > 0;
		if (poll(fds, 2, -1) > 0 && fds[0].revents)
			return true;
	}
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

static void *accept_thread(void *unused)
{
	FCGX_Request r;

	FCGX_InitRequest(&r, server->listen_fd, FCGI_FAIL_ACCEPT_ON_INTR);
	while (next_connection(&r)) {
		if (FCGX_Accept_r(&r) < 0)
			continue;     /* a bad connection; the listener does not block, so libfcgi's own accept returns */
		serve(&r);
		FCGX_Finish_r(&r);
	}
	FCGX_Free(&r, 1);
	return unused;
}

/* --- the process ---------------------------------------------------------------------------------------------------- */

static void *refresh_thread(void *unused)
{
	struct pollfd stop = {server->stop_fd, POLLIN, 0};

	while (poll(&stop, 1, REFRESH_MS) == 0)
		endpoints_refresh(server->callbacks);
	return unused;
}

static pthread_t start_thread(void *(*fn)(void *))
{
	pthread_attr_t attr;
	pthread_t      thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (pthread_create(&thread, &attr, fn, NULL) != 0) {
		wc_log(WC_ERROR, "a thread could not be started");
		exit(1);
	}
	pthread_attr_destroy(&attr);
	return thread;
}

void web_run(const struct web_server *s)
{
	size_t     n       = (size_t)s->settings->threads;
	pthread_t *threads = wc_xalloc(n * sizeof *threads), refresh;

	server = s;
	FCGX_Init();
	endpoints_refresh(s->callbacks);
	refresh = start_thread(refresh_thread);
	for (size_t i = 0; i < n; i++)
		threads[i] = start_thread(accept_thread);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_join(refresh, NULL);
	free(threads);
}
