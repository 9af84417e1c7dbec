/* The memory that the processes of a node share. */
#include "host/shared.h"

#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD_BYTES ((size_t)4096)
#define ALL_BYTES  (HEAD_BYTES + METRICS_BYTES)

_Static_assert(sizeof(struct shared) <= HEAD_BYTES, "the counters begin behind the head");

static struct shared *here;

static struct shared *map(int fd)
{
	void *at = mmap(NULL, ALL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return NULL;
	metrics_use((char *)at + HEAD_BYTES);
	return here = at;
}

int shared_create(struct shared **at)
{
	int fd = memfd_create("wecomd-shared", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, ALL_BYTES) < 0 || !(*at = map(fd)))
		return -1;
	return fd;
}

struct shared *shared_attach(void)
{
	const char *fd = getenv("WECOMD_SHARED_FD");

	return fd ? map(atoi(fd)) : NULL;
}

static void say(atomic_bool *of_children)
{
	const char *place = getenv("WECOMD_PLACE");

	if (place && atoi(place) >= 0 && atoi(place) < CHILDREN_MAX)
		atomic_store(&of_children[atoi(place)], true);
}

void shared_say_ready(void)
{
	if (here)
		say(here->ready);
}

void shared_say_ending(void)
{
	if (here)
		say(here->ending);
}

void shared_say_failed(const char *why)
{
	if (!here || atomic_exchange(&here->why_taken, true))
		return;
	snprintf(here->why, sizeof here->why, "%s", why);
	atomic_store(&here->why_known, true);
}
