/* Private to core/web: one call of one tool, apart from the protocol it came by. */
#pragma once

#include "web/web.h"

/* The tools there are; ends with a NULL tool. */
const struct web_tool *tools_all(void);

/* Whether a page of this origin ("https://bot.example.com") is one of [core] public_url. */
bool tools_origin_is_own(const char *origin);

/* By name among all, whatever the role; NULL. */
const struct web_tool *tool_find(const char *name);

bool tool_allows(const wc_tool *tool, wc_request *rq);

/* One call: who may, how often, with what; then the tool. The result, or the error as an object {"code", "detail", "trace_id"} with
 * "errors" where arguments are bad, and *failed set. Both live in the arena. */
json_t *tool_run(wc_request *rq, const struct web_tool *tool, const json_t *arguments, int64_t per_minute, bool *failed);

/* As tools/list shows it; structured: with what protocol versions before 2025-06-18 do not know. A new reference. */
json_t *tool_describe(wc_arena *a, const wc_tool *tool, bool structured);
