/* Private to core/host: memory that the master and its children share, through every reload: what each child says of itself, and the
 * counters. The master makes it; a child finds it by WECOMD_SHARED_FD and its own place in it by WECOMD_PLACE. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/err.h>

#define CHILDREN_MAX 256
#define WHY_SIZE     512

/* Grows with each change of this struct or of how counters lie behind it: after an upgrade a master meets children of a newer program. */
#define SHARED_LAYOUT 1

struct shared {
	uint32_t    layout;
	atomic_bool ready[CHILDREN_MAX];     /* the child in this place does its work */
	atomic_bool ending[CHILDREN_MAX];    /* the child in this place was told to end, by whomever */
	atomic_bool has_resident;            /* a plugin of the configuration that was checked last has a resident part */
	atomic_bool why_taken, why_known;    /* the first child that failed since the master cleared both says why */
	char        why[WHY_SIZE];
};

/* In the master: makes it and says its descriptor, which children inherit; *at where it is. -1 with errno. */
int shared_create(struct shared **at);

/* In a child: finds it, and lets it count there; *at is NULL when there is none (a child started by hand). -1: the master's program lays
 * this memory out in another way, so this one must not touch it. */
int shared_attach(struct shared **at, wc_err *e);

/* In a child: it does its work now; it was told to end; it failed. */
void shared_say_ready(void);
void shared_say_ending(void);
void shared_say_failed(const char *why);
