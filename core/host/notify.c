/* What systemd wants to know (Type=notify): one datagram to the socket that NOTIFY_SOCKET names, by the protocol of sd_notify(3). */
#include "host/process.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* "@name" is an address without a file. */
static bool address_of(const char *name, struct sockaddr_un *to, socklen_t *size)
{
	size_t n = strlen(name);

	if (n < 2 || n >= sizeof to->sun_path || (*name != '/' && *name != '@'))
		return false;
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(to->sun_path, name, n);
	if (*name == '@')
		to->sun_path[0] = 0;
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

void notify_manager(const char *state)
{
	const char        *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to;
	socklen_t          size;
	int                fd;

	if (!name || !address_of(name, &to, &size) || (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
	close(fd);
}
