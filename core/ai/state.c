/* How a model's calls went last, as the table of calls and the breaker tell it. */
#include "ai/ai.h"

#include "ai/breaker.h"

#include <wecomd/db.h>

int model_state(wc_arena *a, const struct model *m, struct model_state *state, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT CAST(UNIX_TIMESTAMP(at) * 1000 AS INTEGER), failed, status, result FROM ai_call WHERE model = ? ORDER BY id DESC LIMIT ?",
	                wc_text(m->name), wc_int(MODEL_LOOK)) < 0)
		return -1;
	*state = (struct model_state){.last_ms = rows.n ? wc_row_int(&rows, 0, 0) : 0, .status = rows.n ? wc_row_int(&rows, 0, 2) : 0,
	                              .result = rows.n ? wc_row_text(&rows, 0, 3) : "", .left_alone_ms = breaker_closed_ms(m)};
	while ((size_t)state->failures < rows.n && wc_row_int(&rows, (size_t)state->failures, 1))
		state->since_ms = wc_row_int(&rows, (size_t)state->failures++, 0);
	return 0;
}
