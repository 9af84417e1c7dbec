/* load PORT CONNECTIONS COUNT FILE: sends ready-made HTTP requests to 127.0.0.1 and says in JSON how fast they were answered.
 *
 * FILE holds requests, each behind its length (32 bits, of this machine); they are sent in their order, from the first again when there
 * are fewer than COUNT. Every connection sends the next request when the one before was answered: a closed loop, like wrk, but in C and
 * with nothing left to compute, so that on a small machine the generator takes as little as can be from what is measured. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 65536
#define SILENCE_MS 20000

struct request {
	const char *p;
	uint32_t    n;
};

struct connection {
	int     fd;
	size_t  len;
	int64_t sent_us;
	char    answer[ANSWER_MAX + 1];
};

static struct request *requests;
static size_t          request_count, count, sent, answered, failed;
static uint32_t       *took_us;
static char            first_failure[200];

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void read_requests(const char *path)
{
	int         fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	const char *p, *end;
	uint32_t    n;

	if (fd < 0 || fstat(fd, &st) < 0 || !st.st_size)
		die(path);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	requests = calloc((size_t)st.st_size / 16 + 1, sizeof *requests);
	for (end = p + st.st_size; p + sizeof n < end; p += n) {
		memcpy(&n, p, sizeof n);
		p += sizeof n;
		requests[request_count++] = (struct request){p, n};
	}
	close(fd);
}

static int connect_to(int port)
{
	struct sockaddr_in to  = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int                fd  = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void send_next(struct connection *c)
{
	const struct request *r = &requests[sent++ % request_count];

	c->len     = 0;
	c->sent_us = now_us();
	if (send(c->fd, r->p, r->n, MSG_NOSIGNAL) != (ssize_t)r->n)
		die("a request could not be sent whole");
}

/* The value of a header in the head that ends at `end`, or NULL. */
static const char *header(const char *head, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = head; p < end && (p = strchr(p, '\n')) && ++p < end; )
		if (!strncasecmp(p, name, n))
			return p + n;
	return NULL;
}

static int is_whole(const struct connection *c)
{
	const char *end = strstr(c->answer, "\r\n\r\n"), *length;

	if (!end)
		return 0;
	if ((length = header(c->answer, end, "Content-Length:")))
		return c->len >= (size_t)(end + 4 - c->answer) + strtoull(length, NULL, 10);
	if (header(c->answer, end, "Transfer-Encoding:"))
		return c->len >= 5 && !memcmp(c->answer + c->len - 5, "0\r\n\r\n", 5);
	return 1;
}

static void note_answer(const struct connection *c)
{
	took_us[answered++] = (uint32_t)(now_us() - c->sent_us);
	if (c->len > 9 && c->answer[9] == '2')
		return;
	if (!failed++)
		snprintf(first_failure, sizeof first_failure, "%.*s", (int)strcspn(c->answer, "\r\n"), c->answer);
}

static void receive(struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_MAX - c->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("a connection ended");
	c->len += (size_t)n;
	c->answer[c->len] = 0;
	if (!is_whole(c))
		return;
	note_answer(c);
	if (sent < count)
		send_next(c);
}

static void run(struct connection *all, int connections)
{
	int                epoll = epoll_create1(EPOLL_CLOEXEC), n;
	struct epoll_event events[64];

	for (int i = 0; i < connections; i++)
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &(struct epoll_event){EPOLLIN, {.ptr = &all[i]}}) < 0)
			die("epoll");
	for (int i = 0; i < connections && sent < count; i++)
		send_next(&all[i]);
	while (answered < count) {
		if ((n = epoll_wait(epoll, events, 64, SILENCE_MS)) == 0)
			die("no answer for 20 s");
		for (int i = 0; i < n; i++)
			receive(events[i].data.ptr);
	}
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double at_ms(double part)
{
	return took_us[(size_t)(part * (double)(count - 1))] / 1000.0;
}

int main(int argc, char **argv)
{
	int                connections;
	struct connection *all;
	int64_t            began;
	double             s;

	if (argc != 5)
		return fprintf(stderr, "usage: load PORT CONNECTIONS COUNT FILE\n"), 2;
	connections = atoi(argv[2]);
	count       = strtoull(argv[3], NULL, 10);
	read_requests(argv[4]);
	if (connections < 1 || connections > 1024 || !count || !request_count)
		return fprintf(stderr, "load: nothing to do\n"), 2;
	took_us = calloc(count, sizeof *took_us);
	all     = calloc((size_t)connections, sizeof *all);
	for (int i = 0; i < connections; i++)
		all[i].fd = connect_to(atoi(argv[1]));
	began = now_us();
	run(all, connections);
	s = (double)(now_us() - began) / 1e6;
	qsort(took_us, count, sizeof *took_us, by_size);
	printf("{\"requests\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,\"failed\":%zu,\"first_failure\":\"%s\",\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"max_ms\":%.3f}\n", count, s, (double)count / s, failed, first_failure, at_ms(0.5), at_ms(0.99), at_ms(1));
	return 0;
}
