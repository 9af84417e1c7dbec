/* Private to core/work: taking jobs from the table and giving them back. All times are the database's. */
#pragma once

#include "work/lanes.h"

struct claimed {
	int64_t       id, fence, attempt, created_ms, lane_no, crashes;
	const char   *kind, *key, *trace_id, *cancel_by;     /* cancel_by "": nobody */
	wc_slice      args;       /* sealed */
	bool          laned;
	unsigned char lane[LANE_SIZE];
};

enum outcome_kind { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_BURY, OUTCOME_HAND_BACK, OUTCOME_POSTPONE };

struct outcome {
	const struct claimed *job;
	enum outcome_kind     kind;
	int64_t               delay_ms;       /* retry and postpone */
	const char           *error;          /* retry, postpone and bury */
};

/* A job under which processes died SUSPECT_CRASHES times: it is run apart from its like, so that the innocent that died with a
 * crashing job do not go on dying with it. */
#define SUSPECT_CRASHES 2

static inline bool is_suspect(const struct claimed *c)
{
	return c->crashes >= SUSPECT_CRASHES;
}

/* Takes up to max ready jobs, at most one suspect among them and only where that is allowed. Returns how many; -1 with *e. The
 * result lives in a. */
int claim_take(wc_arena *a, size_t max, bool suspect_allowed, int64_t lease_ms, struct claimed **jobs, wc_err *e);

/* Writes outcomes in one transaction; one whose fence has passed to another owner changes nothing. */
int claim_settle(struct outcome *outcomes, size_t n, wc_err *e);

/* One run at its heartbeat. */
struct heartbeat {
	int64_t id, fence;
	bool    lost;             /* another run, or nobody, has the job by now */
	bool    cancelled;        /* a person asked it to stop */
	char    cancel_by[97];
};

/* Extends the leases of these runs (no others: a claim whose COMMIT was lost must run out) and fills in what became of them. */
int claim_renew(struct heartbeat *beats, size_t n, int64_t lease_ms, wc_err *e);

/* Makes ready again what processes of this machine held that are dead, and whatever lease has run out anywhere. */
int claim_recover_dead(wc_err *e);
int claim_recover_expired(wc_err *e);
