/* WeCom's server API under /sim/cgi-bin: the frame of every call (fault, token, limit), and the base calls. */
#pragma once

#include "simulator.h"

struct cgi_call {
	wc_request             *rq;
	wc_arena               *a;
	const struct simulator *sim;
	const struct cgi_app   *app;         /* whose token it is */
	int64_t                 errcode;     /* set by the call */
	const char             *errmsg;
	json_t                 *answer;      /* members besides errcode and errmsg; borrowed from the arena */
	wc_slice                bytes;       /* the answer instead, of a call that gives a file; p NULL: none */
	int                     status;      /* of it; 0: 200 */
	const char             *type;        /* of it */
};

/* What a call does once the token is found good. -1 with *e only for a failure of the simulator itself. */
typedef int cgi_fn(struct cgi_call *c, wc_err *e);

/* The whole of a call: api is its name in faults and counts. with_token: false for gettoken. */
int cgi_run(wc_request *rq, const struct simulator *sim, const char *api, bool with_token, cgi_fn *fn);

/* errcode and errmsg of the answer; returns 0. */
int cgi_refuse(struct cgi_call *c, int64_t errcode, const char *errmsg);

int cgi_gettoken(wc_request *rq, const void *self);
int cgi_callback_addresses(wc_request *rq, const void *self);
int cgi_agent_get(wc_request *rq, const void *self);

/* --- what tests change (cgi_control.c) ------------------------------------------------------------------------------- */

struct cgi_control {
	int64_t     token_life_ms, per_minute;
	const char *token_mode, *tokens;
};

extern const wc_field cgi_control_fields[];     /* the body of POST /sim/api/wecom */

struct cgi_rules {
	int64_t     token_life_ms, per_minute;
	const char *token_mode;
};

/* The rules in force. db as in wc_db_query(); with one the row stays locked, so that calls of gettoken follow each other. */
int cgi_rules_read(const struct simulator *sim, wc_db *db, wc_arena *a, struct cgi_rules *rules, wc_err *e);

int cgi_control_get(wc_request *rq, const void *self);
int cgi_control_set(wc_request *rq, const void *self);
