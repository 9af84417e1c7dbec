/* The rules of the server API: life and replacement of tokens, calls a minute; and counts of what was called. */
#include "cgi.h"

#include <string.h>

#define OF(member) offsetof(struct cgi_control, member)

const wc_field cgi_control_fields[] = {
	{WC_INT, "token_life_ms", "-1", OF(token_life_ms), "life of new tokens; -1: as it is", .min = -1, .max = 86400000},
	{WC_INT, "per_minute", "-1", OF(per_minute), "calls of one API that an app may make; 0: any number, -1: as it is", .min = -1, .max = 1000000},
	{WC_CHOICE, "token_mode", "keep", OF(token_mode), "what another gettoken gives", .choices = "keep|same|new|new_invalidates_old"},
	{WC_CHOICE, "tokens", "keep", OF(tokens), "what becomes of those that there are: they end, or are unknown from now on",
	 .choices = "keep|expire|forget"},
	{0}};

int cgi_rules_read(const struct simulator *sim, wc_db *db, wc_arena *a, struct cgi_rules *rules, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, db ? "SELECT token_life_ms, per_minute, token_mode FROM simulator_wecom WHERE id = 1 FOR UPDATE"
	                                    : "SELECT token_life_ms, per_minute, token_mode FROM simulator_wecom WHERE id = 1") < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_INTERNAL, "simulator_wecom has lost its row");
	*rules = (struct cgi_rules){wc_row_cell(&rows, 0, 0).s ? wc_row_int(&rows, 0, 0) : sim->token_life_ms, wc_row_int(&rows, 0, 1),
	                            wc_row_text(&rows, 0, 2)};
	return 0;
}

static json_t *counts(wc_arena *a, wc_err *e)
{
	json_t *list = wc_json(a, "{}");
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT api, COUNT(*) FROM simulator_call GROUP BY api ORDER BY api") < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++)
		json_object_set_new(list, wc_row_text(&rows, i, 0), json_integer(wc_row_int(&rows, i, 1)));
	return list;
}

int cgi_control_get(wc_request *rq, const void *self)
{
	wc_arena        *a = wc_request_arena(rq);
	struct cgi_rules rules;
	json_t          *calls;
	wc_err           e;

	if (cgi_rules_read(self, NULL, a, &rules, &e) < 0 || !(calls = counts(a, &e)))
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:I, s:s, s:O}", "token_life_ms", (json_int_t)rules.token_life_ms, "per_minute",
	                (json_int_t)rules.per_minute, "token_mode", rules.token_mode, "calls", calls);
}

static const char *token_change(const char *word)
{
	return !strcmp(word, "expire") ? "UPDATE simulator_token SET expires_ms = 0"
	     : !strcmp(word, "forget") ? "UPDATE simulator_token SET dead = TRUE"
	                               : NULL;
}

int cgi_control_set(wc_request *rq, const void *self)
{
	const struct cgi_control *to     = wc_body(rq);
	const char               *change = token_change(to->tokens);
	wc_err                    e;

	if (wc_db_exec(NULL, &e,
	               "UPDATE simulator_wecom SET token_life_ms = COALESCE(?, token_life_ms), per_minute = COALESCE(?, per_minute),"
	               " token_mode = COALESCE(?, token_mode) WHERE id = 1",
	               to->token_life_ms < 0 ? wc_null() : wc_int(to->token_life_ms), to->per_minute < 0 ? wc_null() : wc_int(to->per_minute),
	               wc_text(strcmp(to->token_mode, "keep") ? to->token_mode : NULL)) < 0 ||
	    (change && wc_db_exec(NULL, &e, change) < 0))
		return wc_reply_err(rq, &e);
	return cgi_control_get(rq, self);
}
