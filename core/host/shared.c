/* The memory that the processes of a node share. */
#include "host/shared.h"

#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
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
	(*at)->layout = SHARED_LAYOUT;
	return fd;
}

/* Read before it is mapped: a smaller one would end the process at the first touch. */
static bool fits(int fd)
{
	uint32_t    layout;
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == (off_t)ALL_BYTES &&
	       pread(fd, &layout, sizeof layout, offsetof(struct shared, layout)) == sizeof layout && layout == SHARED_LAYOUT;
}

int shared_attach(struct shared **at, wc_err *e)
{
	const char *fd = getenv("WECOMD_SHARED_FD");

	*at = NULL;
	if (!fd)
		return 0;
	if (!fits(atoi(fd)))
		return wc_fail(e, WC_E_CONFIG, "the master is of a release that shares memory in another way: a reload is not enough, restart wecomd");
	*at = map(atoi(fd));
	return 0;
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
