/* The doorbell: an eventfd that wakes a worker of this node within a millisecond of a commit. */
#include "work/work.h"

#include "db/db.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int                bell = -1;
static _Thread_local bool noted;

int doorbell_create(void)
{
	return eventfd(0, EFD_NONBLOCK);
}

static void ring_if_noted(void)
{
	uint64_t one = 1;

	if (noted && bell >= 0)
		(void)!write(bell, &one, sizeof one);
	noted = false;
}

void doorbell_use(int fd)
{
	bell = fd;
	db_after_commit(ring_if_noted);
}

void doorbell_note(void)
{
	noted = true;
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
