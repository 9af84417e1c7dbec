/* Private to core/wecom: access tokens, cached in the process over what the nodes share. */
#pragma once

#include "wecom/token_row.h"

struct token {
	char    text[TOKEN_MAX + 1];
	int64_t version;                 /* grows with each new token of the secret, over all nodes */
	int64_t fetched_ms;              /* monotonic, of this process: when WeCom gave it */
};

/* Why there is none. */
struct token_failure {
	int64_t errcode;                 /* of gettoken; NO_ANSWER: none came, or the database failed */
	char    from_ip[65];             /* the address that WeCom saw; "" */
	int64_t retry_ms;                /* nobody asks before */
};

/* Once in each process, before threads. */
void tokens_open(size_t secrets);

/* A token that is younger than the refused version (0: any). 0 with *token; 1: tokens are refused one after the other, try again after
 * failure->retry_ms; -1 with *e and *failure: WC_E_REMOTE, WC_E_REFUSED or WC_E_DB. impatient: see row_decide(). Blocks while another
 * thread or node fetches. */
int token_get(const struct wecom_secret *secret, int64_t refused, bool impatient, struct token *token, struct token_failure *failure,
              wc_err *e);
