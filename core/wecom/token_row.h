/* Private to core/wecom: the token of one secret as all nodes share it, in the table api_token. */
#pragma once

#include "wecom/settings.h"

#include <wecomd/json.h>

#define TOKEN_MAX 1024

enum row_verdict {
	ROW_USE = 1,     /* there is a token */
	ROW_FETCH,       /* fetch one: the lease is ours */
	ROW_WAIT,        /* another fetches: look again soon */
	ROW_FAILED,      /* fetching failed a short while ago */
	ROW_TOO_SOON,    /* tokens are being refused one after the other: not another one yet */
};

/* What a row says, in milliseconds by the database's clock from now on; what is over is not positive. */
struct row {
	bool    has_token;
	char    token[TOKEN_MAX + 1];
	int64_t version;
	int64_t age_ms;           /* of the token */
	int64_t fresh_ms;         /* until it should be refreshed */
	int64_t left_ms;          /* until it ends */
	int64_t forced;
	int64_t leased_ms;
	int64_t failures, failed_ago_ms, retry_ms, errcode;
	char    from_ip[65], error[321];
};

/* Pure. refused: the version that WeCom refused, 0: none. impatient: a person waits, a failure is not a reason not to ask again. */
enum row_verdict row_decide(const struct row *row, int64_t refused, bool impatient);

/* How long a row that was refused has to wait for its next token; not positive: no longer. */
int64_t row_too_soon_ms(const struct row *row);

/* How long nobody asks after so many failures in a row. */
int64_t row_back_off_ms(int64_t errcode, int64_t failures);

/* Reads the row and decides; for ROW_FETCH lease, 33 bytes, is ours for lease_ms. -1: WC_E_DB. */
int row_look(const struct wecom_secret *secret, int64_t refused, bool impatient, int64_t lease_ms, char lease[33], struct row *row,
             enum row_verdict *verdict, wc_err *e);

/* After how much of its life a token should be refreshed: some minutes before the end, not all secrets at once. */
int64_t row_fresh_ms(int64_t life_ms);

/* A token as it was fetched. */
struct row_token {
	const char *text;
	int64_t     version, fresh_ms, life_ms, forced;
};

/* Writes what was fetched under the lease. 1: written, 0: the lease was lost, -1: WC_E_DB. */
int row_store(const struct wecom_secret *secret, const char *lease, const struct row_token *token, wc_err *e);
int row_fail(const struct wecom_secret *secret, const char *lease, int64_t errcode, const char *from_ip, const char *error,
             int64_t back_off_ms, wc_err *e);

/* Forgets rows of secrets that nobody has used for a month. */
int row_sweep(wc_err *e);
