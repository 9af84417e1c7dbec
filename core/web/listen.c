/* The listening socket: handed over by whoever started us or made by the master, inherited by the web children. */
#include "web/web.h"

#include <wecomd/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG          4096
#define ACTIVATED_FD     3        /* SD_LISTEN_FDS_START */
#define ORPHANS_MS       5000     /* how long the children of a master that was killed may need to end */

/* --- handed over ---------------------------------------------------------------------------------------------------- */

static bool is_listening(int fd)
{
	int       yes  = 0;
	socklen_t size = sizeof yes;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) == 0 && yes;
}

/* The variables are meant for one process: the one that LISTEN_PID names. */
static int activated_count(void)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");

	return count && pid && atoi(pid) == getpid() ? atoi(count) : 0;
}

/* Descriptor 0 stays open in whatever is executed: something has to be there. */
static int take(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (fd)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

int web_inherited(const char **given, wc_err *e)
{
	int n = activated_count();

	*given = NULL;
	if (n > 0) {
		*given = "descriptor 3, by socket activation";
		if (n > 1)
			return wc_fail(e, WC_E_CONFIG, "socket activation handed over %d sockets (LISTEN_FDS); wecomd serves one", n);
		if (!is_listening(ACTIVATED_FD))
			return wc_fail(e, WC_E_CONFIG, "socket activation handed over a descriptor that does not listen: Accept=no is needed");
		unsetenv("LISTEN_FDS");
		unsetenv("LISTEN_PID");
		unsetenv("LISTEN_FDNAMES");
		return take(ACTIVATED_FD);
	}
	if (!is_listening(0))
		return -1;
	*given = "descriptor 0, by spawn-fcgi or the web server";
	return take(0);
}

/* --- made here ------------------------------------------------------------------------------------------------------ */

static int fail_errno(int fd, const char *listen_text, wc_err *e)
{
	wc_fail(e, WC_E_CONFIG, "[web] listen = %s: %s", listen_text, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whether somebody answers on the socket; a file that nobody serves is a left-over. */
static bool is_served(const struct sockaddr_un *address)
{
	int  fd     = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;

	close(fd);
	return served;
}

/* Asking whether a socket is served and then replacing it are two steps; the lock makes them one. It is held until this process
 * ends, by a descriptor that no child inherits. The file stays: removing it would let two hold different files of one name. */
static int lock_beside(const char *text, const char *path, wc_err *e)
{
	char lock[sizeof ((struct sockaddr_un *)0)->sun_path + 8];
	int  fd;

	snprintf(lock, sizeof lock, "%s.lock", path);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: %s: %s", text, lock, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: another process serves this socket (it holds %s)", text, lock);
	}
	return fd;
}

/* With the lock in hand the socket can only be served by children of a master that was killed, which are about to end, or by
 * another program. */
static bool is_served_for_long(const struct sockaddr_un *address)
{
	int64_t until = wc_mono_ms() + ORPHANS_MS;

	while (is_served(address)) {
		if (wc_mono_ms() > until)
			return true;
		wc_sleep_ms(50);
	}
	return false;
}

/* The umask, not chmod: the file never has more rights than it shall have. The master has one thread. */
static int bind_with_mode(int fd, const struct sockaddr_un *address, const char *octal)
{
	mode_t before = umask(0777 & ~(mode_t)strtoul(octal, NULL, 8));
	int    rc     = bind(fd, (const struct sockaddr *)address, sizeof *address);

	umask(before);
	return rc;
}

static int listen_unix(const struct web_settings *s, const char *path, wc_err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int                fd, lock;

	if (strlen(path) >= sizeof address.sun_path)
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: the path is longer than %zu bytes", s->listen, sizeof address.sun_path - 1);
	strcpy(address.sun_path, path);
	if ((lock = lock_beside(s->listen, path, e)) < 0)
		return -1;
	if (is_served_for_long(&address)) {
		close(lock);
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: another process serves this socket", s->listen);
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind_with_mode(fd, &address, s->socket_mode) < 0 || listen(fd, BACKLOG) < 0)
		return fail_errno(fd, s->listen, e);
	return fd;
}

static int listen_tcp(const char *text, const char *host_port, wc_err *e)
{
	struct addrinfo  hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV}, *found;
	const char      *colon = strrchr(host_port, ':');
	char             host[64];
	int              fd, yes = 1;

	if (!colon || colon == host_port || (size_t)(colon - host_port) >= sizeof host)
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: expected tcp:ADDRESS:PORT", text);
	snprintf(host, sizeof host, "%.*s", (int)(colon - host_port) - 2 * (*host_port == '['), host_port + (*host_port == '['));
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: not a numeric address and port", text);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		fd = fail_errno(fd, text, e);
	freeaddrinfo(found);
	return fd;
}

int web_listen(const struct web_settings *s, wc_err *e)
{
	if (!*s->listen)
		return wc_fail(e, WC_E_CONFIG, "[web] listen is not set, and no listening socket was handed over (as descriptor 3 by socket"
		                               " activation, as descriptor 0 by spawn-fcgi)");
	if (!strncmp(s->listen, "unix:", 5))
		return listen_unix(s, s->listen + 5, e);
	if (!strncmp(s->listen, "tcp:", 4))
		return listen_tcp(s->listen, s->listen + 4, e);
	return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: expected unix:/path or tcp:ADDRESS:PORT", s->listen);
}
