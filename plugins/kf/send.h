/* Private to plugins/kf: one send_msg, from its intent to its end. */
#pragma once

#include "kf.h"

enum send_state { SEND_INTENT = 0, SEND_ACCEPTED, SEND_REFUSED, SEND_FAILED, SEND_UNKNOWN };

struct send {
	int64_t       id;
	const char   *msgid;
	const json_t *body;
	int64_t       tries;       /* calls that may have been taken, as the row says */
	bool          fresh;       /* the row was written for the call that comes now */
};

/* What came of it. */
enum sent {
	SENT_YES = 1,
	SENT_LATER,        /* nothing is known or nothing happened: again, with the same msgid */
	SENT_UNKNOWN,      /* nobody will know */
	SENT_NO,           /* refused for what it is: errcode */
	SENT_SHUT,         /* refused for when it is: errcode */
};

struct sending {
	wc_arena             *a;
	const struct account *acc;
	const char           *peer;
	struct session       *s;
	int64_t               conversation;
	int64_t               errcode;       /* of the last call */
	bool                  of_account;    /* refused for what nothing of the message can mend */
};

/* Calls until something is known, at most for a moment. */
enum sent send_try(struct sending *x, struct send *one);

/* The ledger, the call, the record. -1: the database. */
int send_through(struct sending *x, struct send *one, enum sent *how, wc_err *e);

/* Writes down what came of it, with the messages that it carries. */
int send_settle(struct sending *x, const struct send *one, enum sent how, wc_err *e);

int send_unsettled(struct sending *x, struct send **list, size_t *n, wc_err *e);
