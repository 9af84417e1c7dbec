/* The audit chain: each row carries a keyed hash over itself and the hash of the row before (private to core/admin). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>

/* Chains the entries that were committed since. 1: there may be more, 0: none left, or another process is at it; -1 with *e. */
int chain_extend(wc_err *e);

struct chain_problem {
	int64_t               seq, id;      /* 0: none */
	const char           *what;
	struct chain_problem *next;
};

#define CHAIN_PROBLEMS_MAX 100

struct chain_report {
	int64_t               first, last;     /* the numbers that were looked at; last < first: none */
	int64_t               rows;
	int64_t               next;            /* go on there; 0: the head was reached, or to */
	int64_t               head_seq;
	const char           *head_hash;       /* hex */
	int64_t               unchained;       /* at the end of the chain only */
	struct chain_problem *problems;        /* the first CHAIN_PROBLEMS_MAX of them */
	size_t                problem_count;   /* 0: what was looked at is whole */
};

/* Looks at rows from number from (0: the first there is) to number to (0: the newest), at most max of them. -1 only when nothing could
 * be read. */
int chain_verify(wc_arena *a, int64_t from, int64_t to, int64_t max, struct chain_report *r, wc_err *e);

/* Whether the row with that number has that hash (hex), as an operator noted it once. NULL: yes; otherwise what is wrong. */
const char *chain_check_anchor(wc_arena *a, int64_t seq, const char *hash_hex, wc_err *e);

/* Removes entries older than keep_ms from the chain's beginning, which must be whole, and notes how far. Returns how many, or -1. */
int64_t chain_prune(int64_t keep_ms, const char *actor, wc_err *e);
