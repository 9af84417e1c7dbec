/* The doorbell: an eventfd that wakes a worker of this node within a millisecond of a commit. */
#include "work/work.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int bell = -1;

int doorbell_create(void)
{
	return eventfd(0, EFD_NONBLOCK);
}

void doorbell_use(int fd)
{
	bell = fd;
}

void doorbell_ring(void)
{
	uint64_t one = 1;

	if (bell >= 0)
		(void)!write(bell, &one, sizeof one);
}

int doorbell_fd(void)
{
	return bell;
}

void doorbell_hush(void)
{
	uint64_t rings;

	if (bell >= 0)
		(void)!read(bell, &rings, sizeof rings);
}
