/* Tools: which there are, what they look like to an agent, and one call from the role check to the result. */
#include "web/tool.h"

#include "base/base.h"
#include "web/request.h"

#include <wecomd/audit.h>
#include <wecomd/clock.h>
#include <wecomd/lease.h>
#include <wecomd/log.h>
#include <wecomd/metric.h>

#include <string.h>

#define WAIT_MAX_MS 1000     /* for a turn, before the caller is told to come back */

static const wc_field         no_arguments[] = {{0}};
static const struct web_tool  no_tools[]     = {{0}};
static const struct web_tool *tools          = no_tools;
static const char            *public_url     = "";

void tools_use(const struct web_tool *all, const char *url)
{
	tools      = all;
	public_url = url ? url : "";
}

const struct web_tool *tools_all(void)
{
	return tools;
}

bool tools_origin_is_own(const char *origin)
{
	const char *host = strstr(public_url, "://");
	size_t      n    = host ? (size_t)(host - public_url) + 3 + strcspn(host + 3, "/?#") : 0;

	return n && n == strlen(origin) && !strncasecmp(public_url, origin, n);
}

const struct web_tool *tool_find(const char *name)
{
	for (const struct web_tool *t = tools; t->tool; t++)
		if (!strcmp(t->tool->name, name))
			return t;
	return NULL;
}

bool tool_allows(const wc_tool *tool, wc_request *rq)
{
	return request_identity(rq)->role >= tool->role;
}

const char *effect_name(wc_effect effect)
{
	static const char *const names[] = {[WC_READS] = "reads", [WC_CHANGES] = "changes", [WC_REACHES_OUT] = "reaches out"};

	return effect >= WC_READS && effect <= WC_REACHES_OUT ? names[effect] : NULL;
}

/* --- what an agent sees of it ----------------------------------------------------------------------------------------- */

static json_t *hints(const wc_tool *t)
{
	return json_pack("{s:b, s:b, s:b}", "readOnlyHint", t->effect == WC_READS, "destructiveHint", t->effect != WC_READS, "openWorldHint",
	                 t->effect == WC_REACHES_OUT);
}

/* A result may grow members that an older description does not know. */
static json_t *result_schema(wc_arena *a, const wc_tool *t)
{
	json_t *schema = json_copy(wc_fields_schema(a, t->answer));

	json_object_del(schema, "additionalProperties");
	return schema;
}

json_t *tool_describe(wc_arena *a, const wc_tool *t, bool structured)
{
	json_t *tool = json_pack("{s:s, s:s, s:O, s:o}", "name", t->name, "description", t->summary, "inputSchema",
	                         wc_fields_schema(a, t->args ? t->args : no_arguments), "annotations", hints(t));

	if (structured && t->answer)
		json_object_set_new(tool, "outputSchema", result_schema(a, t));
	return tool;
}

/* --- one call ----------------------------------------------------------------------------------------------------------- */

static json_t *error_object(wc_arena *a, const char *code, const char *detail)
{
	return wc_json(a, "{s:s, s:s, s:s}", "code", code, "detail", detail, "trace_id", wc_trace());
}

static json_t *bad_arguments(wc_arena *a, const wc_bad_field *bad)
{
	json_t *error = error_object(a, "bad_fields", "some arguments are not as expected");

	json_object_set_new(error, "errors", bad_fields_json(bad));
	return error;
}

static json_t *error_of(wc_arena *a, const wc_tool *t, const wc_err *e)
{
	if (wc_err_status(e->code) >= 500)
		wc_log(WC_ERROR, "tool failed", wc_kv_s("tool", t->name), wc_kv_s("error", e->text));
	return error_object(a, wc_err_name(e->code), error_for_caller(e));
}

/* 0: go on; greater: not before so many milliseconds; -1. Waits a little itself, for agents call several tools at once. */
static int64_t take_turn(wc_request *rq, int64_t per_minute, wc_err *e)
{
	const struct web_identity *who    = request_identity(rq);
	const char                *bucket = wc_printf(rq->arena, "tool/%lld/%lld", (long long)who->user, (long long)who->key);
	int64_t                    until  = wc_mono_ms() + WAIT_MAX_MS, wait;

	while ((wait = wc_rate_take(bucket, per_minute, e)) > 0 && wc_mono_ms() + wait < until)
		wc_sleep_ms(wait);
	return wait;
}

/* Before the tool runs, so that there is none that ran unseen. What the arguments say stays out. */
static int note(wc_request *rq, const wc_tool *t, const json_t *arguments, wc_err *e)
{
	wc_arena      *a     = rq->arena;
	wc_audit_entry entry = {wc_actor(rq), "tool.call", wc_printf(a, "tool:%s", t->name),
	                        wc_json(a, "{s:s, s:s}", "effect", effect_name(t->effect), "arguments",
	                                wc_audit_hash(a, wc_json_text(a, arguments)))};

	return t->effect == WC_READS ? 0 : wc_audit(NULL, &entry, e);
}

static json_t *run(wc_request *rq, const struct web_tool *tool, const void *args, const json_t *arguments, wc_err *e)
{
	wc_tool_call call = {rq->arena, wc_actor(rq), args};
	json_t      *result;

	if (note(rq, tool->tool, arguments, e) < 0)
		return NULL;
	wc_fail(e, WC_E_INTERNAL, "the tool gave no reason");
	result = tool->tool->run(&call, self_now(tool->self), e);
	if (!result || json_is_object(result))
		return result;
	wc_fail(e, WC_E_INTERNAL, "the tool's result is no object");
	return NULL;
}

static json_t *try(wc_request *rq, const struct web_tool *tool, const json_t *arguments, int64_t per_minute, const char **outcome)
{
	const wc_tool *t    = tool->tool;
	void          *args = wc_alloc(rq->arena, t->args_size);
	wc_bad_field  *bad;
	json_t        *result;
	int64_t        wait;
	wc_err         e;

	*outcome = "refused";
	if (!tool_allows(t, rq))
		return error_object(rq->arena, "forbidden", wc_printf(rq->arena, "this needs the role %s", role_name(t->role)));
	if ((bad = wc_fields_from_json(rq->arena, t->args ? t->args : no_arguments, arguments, args)))
		return bad_arguments(rq->arena, bad);
	if ((wait = take_turn(rq, per_minute, &e)) > 0)
		return error_object(rq->arena, "rate_limited", wc_printf(rq->arena, "too many calls; try again in %lld ms", (long long)wait));
	*outcome = "failed";
	if (wait < 0 || !(result = run(rq, tool, args, arguments, &e)))
		return error_of(rq->arena, t, &e);
	*outcome = "answered";
	return result;
}

json_t *tool_run(wc_request *rq, const struct web_tool *tool, const json_t *arguments, int64_t per_minute, bool *failed)
{
	const char *outcome;
	int64_t     began  = wc_mono_ms();
	json_t     *answer = try(rq, tool, arguments, per_minute, &outcome);

	*failed = strcmp(outcome, "answered") != 0;
	wc_count("wecomd_tool_calls_total", 1, tool->tool->name, outcome, NULL);
	wc_observe_ms("wecomd_tool_seconds", wc_mono_ms() - began, tool->tool->name, NULL);
	return answer;
}
