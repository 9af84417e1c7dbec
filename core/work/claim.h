/* Private to core/work: taking jobs from the table and giving them back. All times are the database's. */
#pragma once

#include "work/lanes.h"

struct claimed {
	int64_t       id, fence, attempt, created_ms, lane_no;
	const char   *kind, *key, *trace_id;
	wc_slice      args;       /* sealed */
	bool          laned;
	unsigned char lane[LANE_SIZE];
};

enum outcome_kind { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_BURY, OUTCOME_HAND_BACK };

struct outcome {
	const struct claimed *job;
	enum outcome_kind     kind;
	int64_t               delay_ms;       /* retry */
	const char           *error;          /* retry and bury */
};

/* Who claims: the node's label, the boot and process namespace, pid and start time, so that a dead owner can be told. */
const char *claim_owner(const char *node);

/* Takes up to max ready jobs. Returns how many; -1 with *e. The result lives in a. */
int claim_take(wc_arena *a, size_t max, int64_t lease_ms, struct claimed **jobs, wc_err *e);

/* Writes outcomes in one transaction; one whose fence has passed to another owner changes nothing. */
int claim_settle(struct outcome *outcomes, size_t n, wc_err *e);

/* Extends the leases of everything this process runs. */
int claim_renew(int64_t lease_ms, wc_err *e);

/* Makes ready again what processes of this machine held that are dead, and whatever lease has run out anywhere. */
int claim_recover_dead(wc_err *e);
int claim_recover_expired(wc_err *e);
