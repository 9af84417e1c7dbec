/* Private to core/host: memory that the master and its children share, through every reload: what each child says of itself, and the
 * counters. The master makes it; a child finds it by WECOMD_SHARED_FD and its own place in it by WECOMD_PLACE. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define CHILDREN_MAX 256
#define WHY_SIZE     512

struct shared {
	atomic_bool ready[CHILDREN_MAX];     /* the child in this place does its work */
	atomic_bool ending[CHILDREN_MAX];    /* the child in this place was told to end, by whomever */
	atomic_bool has_resident;            /* a plugin of the configuration that was checked last has a resident part */
	atomic_bool why_taken, why_known;    /* the first child that failed since the master cleared both says why */
	char        why[WHY_SIZE];
};

/* In the master: makes it and says its descriptor, which children inherit; *at where it is. -1 with errno. */
int shared_create(struct shared **at);

/* In a child: finds it, and lets it count there. NULL when there is none (a child started by hand). */
struct shared *shared_attach(void);

/* In a child: it does its work now; it was told to end; it failed. */
void shared_say_ready(void);
void shared_say_ending(void);
void shared_say_failed(const char *why);
