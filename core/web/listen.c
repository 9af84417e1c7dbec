/* The listening socket: made by the master, inherited by the web children. */
#include "web/web.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

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

static int listen_unix(const char *text, const char *path, wc_err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int                fd;

	if (strlen(path) >= sizeof address.sun_path)
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: the path is longer than %zu bytes", text, sizeof address.sun_path - 1);
	strcpy(address.sun_path, path);
	if (is_served(&address))
		return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: another process serves this socket", text);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
		return fail_errno(fd, text, e);
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
	snprintf(host, sizeof host, "%.*s", (int)(colon - host_port), host_port);
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

int web_listen(const char *text, wc_err *e)
{
	if (!strncmp(text, "unix:", 5))
		return listen_unix(text, text + 5, e);
	if (!strncmp(text, "tcp:", 4))
		return listen_tcp(text, text + 4, e);
	return wc_fail(e, WC_E_CONFIG, "[web] listen = %s: expected unix:/path or tcp:ADDRESS:PORT", text);
}
