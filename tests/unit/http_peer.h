/* A small HTTP server on loopback for tests: it plays a list of answers, one for each request in the order they come, and
 * keeps the requests for the test to look at. */
#pragma once

#include <wecomd/arena.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_MANY 128

enum peer_then {
	PEER_CLOSE,     /* the connection, after the answer */
	PEER_KEEP,      /* reads the next request on the same connection */
	PEER_STALL,     /* says nothing more until the client closes */
	PEER_RESET,     /* as a crashed server does */
};

struct peer_answer {
	const char    *bytes;        /* head and body; NULL: no answer */
	bool           bytewise;     /* each byte a write of its own */
	enum peer_then then;
};

struct peer {
	int                       port;
	const struct peer_answer *answers;
	size_t                    answer_count;

	/* guarded by lock; a request is counted before it is answered */
	pthread_mutex_t lock;
	char           *request[PEER_MANY];
	size_t          requests, connections;

	/* private */
	int       listener, fd[PEER_MANY];
	pthread_t acceptor, reader[PEER_MANY];
};

struct peer_reader {
	struct peer *peer;
	int          fd;
};

/* The bytes a request has in all once its head is complete; 0 before. */
static inline size_t peer_request_size(const char *request)
{
	const char *end    = strstr(request, "\r\n\r\n");
	const char *length = strcasestr(request, "\r\nContent-Length:");

	if (!end)
		return 0;
	return (size_t)(end + 4 - request) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

/* One whole request, or NULL when the client closed before it was. */
static inline char *peer_read(int fd)
{
	size_t  size = 256 * 1024, n = 0;
	char   *request = calloc(1, size + 1);
	ssize_t got;

	while (!peer_request_size(request) || n < peer_request_size(request)) {
		got = recv(fd, request + n, size - n, 0);
		if (got <= 0) {
			free(request);
			return NULL;
		}
		n += (size_t)got;
	}
	return request;
}

/* Keeps the request; gives the answer that is its turn, NULL when there are no more. */
static inline const struct peer_answer *peer_take(struct peer *p, char *request)
{
	const struct peer_answer *answer;

	pthread_mutex_lock(&p->lock);
	answer = p->requests < p->answer_count ? &p->answers[p->requests] : NULL;
	if (p->requests < PEER_MANY)
		p->request[p->requests++] = request;
	pthread_mutex_unlock(&p->lock);
	return answer;
}

static inline void peer_send(int fd, const struct peer_answer *answer)
{
	size_t n    = answer->bytes ? strlen(answer->bytes) : 0;
	size_t step = answer->bytewise ? 1 : n;

	for (size_t i = 0; i < n; i += step)
		if (send(fd, answer->bytes + i, step, MSG_NOSIGNAL) < 0)
			return;
}

static inline void peer_stall(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static inline void peer_reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
}

static inline void *peer_serve(void *arg)
{
	struct peer_reader        r    = *(struct peer_reader *)arg;
	const struct peer_answer *answer;
	bool                      keep = true;
	char                     *request;

	free(arg);
	setsockopt(r.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	while (keep && (request = peer_read(r.fd)) && (answer = peer_take(r.peer, request))) {
		peer_send(r.fd, answer);
		keep = answer->then == PEER_KEEP;
		if (answer->then == PEER_STALL)
			peer_stall(r.fd);
		if (answer->then == PEER_RESET)
			peer_reset(r.fd);
	}
	pthread_mutex_lock(&r.peer->lock);
	for (size_t i = 0; i < r.peer->connections; i++)
		if (r.peer->fd[i] == r.fd)
			r.peer->fd[i] = -1;
	pthread_mutex_unlock(&r.peer->lock);
	close(r.fd);
	return NULL;
}

static inline void *peer_accept(void *arg)
{
	struct peer        *p = arg;
	struct peer_reader *r;
	int                 fd;

	while (p->connections < PEER_MANY && (fd = accept(p->listener, NULL, NULL)) >= 0) {
		r  = malloc(sizeof *r);
		*r = (struct peer_reader){p, fd};
		pthread_mutex_lock(&p->lock);
		p->fd[p->connections] = fd;
		pthread_create(&p->reader[p->connections++], NULL, peer_serve, r);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

/* answers (borrowed) may be played until peer_stop(). */
static inline struct peer *peer_start(const struct peer_answer *answers, size_t n)
{
	struct peer       *p    = calloc(1, sizeof *p);
	struct sockaddr_in at   = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t          size = sizeof at;

	p->answers      = answers;
	p->answer_count = n;
	pthread_mutex_init(&p->lock, NULL);
	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(p->listener, (struct sockaddr *)&at, size) || listen(p->listener, PEER_MANY) ||
	    getsockname(p->listener, (struct sockaddr *)&at, &size))
		abort();
	p->port = ntohs(at.sin_port);
	pthread_create(&p->acceptor, NULL, peer_accept, p);
	return p;
}

static inline void peer_stop(struct peer *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->connections; i++)
		if (p->fd[i] >= 0)
			shutdown(p->fd[i], SHUT_RDWR);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->connections; i++)
		pthread_join(p->reader[i], NULL);
	for (size_t i = 0; i < p->requests; i++)
		free(p->request[i]);
	close(p->listener);
	free(p);
}

static inline size_t peer_requests(struct peer *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->requests;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static inline size_t peer_connections(struct peer *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->connections;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* A port of loopback that nobody listens on. */
static inline int peer_closed_port(void)
{
	struct peer *p    = peer_start(NULL, 0);
	int          port = p->port;

	peer_stop(p);
	return port;
}

/* An answer with a length, so that the connection can be kept. head is more header lines, each with its line end. */
static inline const char *peer_reply(wc_arena *a, int status, const char *head, const char *body)
{
	return wc_printf(a, "HTTP/1.1 %d Test\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), head, body);
}
