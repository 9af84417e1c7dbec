/* Who this process is, in a form by which others can tell that it died.
 *
 * Hosts and containers may share a name, but not a boot id together with a process namespace; a pid may be given again, but not
 * with the same start time. */
#include "work/owner.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char           label[41];
static char           machine[64];
static char           self[128];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Field 22 of /proc/PID/stat: when the process started, in ticks since boot; 0 when there is no such process. */
static unsigned long long start_time(int pid)
{
	char               path[32], text[512];
	unsigned long long start = 0;
	char              *p;
	FILE              *f;
	size_t             n;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (!(f = fopen(path, "re")))
		return 0;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	/* The name in field 2 may hold blanks and brackets; fields are counted from behind it. */
	if ((p = strrchr(text, ')')))
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start);
	return start;
}

static void find_machine(void)
{
	char    boot[9] = "", ns[32] = "";
	FILE   *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	ssize_t n = readlink("/proc/self/ns/pid", ns, sizeof ns - 1);

	if (f) {
		(void)!fread(boot, 1, 8, f);
		fclose(f);
	}
	snprintf(machine, sizeof machine, "%s-%s", boot, n > 5 ? ns + 5 : "");     /* "pid:[4026531836]" */
	machine[strcspn(machine, "]")] = 0;
}

static void find_self(void)
{
	find_machine();
	if (!*label)
		gethostname(label, sizeof label - 1);
	snprintf(self, sizeof self, "%.40s/%s/%d/%llu", label, machine, getpid(), start_time(getpid()));
}

void owner_label(const char *node)
{
	snprintf(label, sizeof label, "%s", node);
}

const char *owner_self(void)
{
	pthread_once(&once, find_self);
	return self;
}

bool owner_is_dead(const char *text)
{
	const char        *at = strchr(text, '/');
	size_t             n;
	int                pid;
	unsigned long long start;

	owner_self();
	n = strlen(machine);
	if (!at || strncmp(at + 1, machine, n) || sscanf(at + 1 + n, "/%d/%llu", &pid, &start) != 2)
		return false;
	return start_time(pid) != start;
}
