/* POST /mcp: the tools for agents, by the Model Context Protocol over streamable HTTP (docs/mcp.md).
 *
 * Stateless: no session, no stream of the server's own, each request answered by one JSON text on whatever node it arrives. What is
 * wrong with the HTTP request is a problem+json as everywhere; what is wrong with a message is an error of JSON-RPC; what is wrong with a
 * call is a result that says isError, since that is what a model gets to read. */
#include "web/tool.h"

#include "web/request.h"

#include <wecomd/plugin.h>

#include <string.h>

#define PAGE      50     /* tools */
#define BATCH_MAX 16     /* messages */

enum { PARSE_ERROR = -32700, INVALID_REQUEST = -32600, METHOD_NOT_FOUND = -32601, INVALID_PARAMS = -32602 };

struct mcp_settings {
	const char *const *origins;
	int64_t            calls_per_minute;
};

/* The newest first: what a client is offered that asks for one we do not know. */
static const char *const versions[] = {"2025-06-18", "2025-03-26"};

/* One HTTP request, with one message in it or a batch. */
struct exchange {
	wc_request                *rq;
	wc_arena                  *a;
	const struct mcp_settings *self;
	bool                       is_old, is_batch;     /* is_old: 2025-03-26, which has batches and no structured results */
};

struct fault {
	int         code;
	const char *message;
};

/* --- JSON-RPC ----------------------------------------------------------------------------------------------------------- */

static json_t *response(wc_arena *a, const json_t *id, json_t *result)
{
	return wc_json(a, "{s:s, s:O?, s:O}", "jsonrpc", "2.0", "id", id, "result", result);
}

/* id NULL: it could not be told. */
static json_t *error_response(wc_arena *a, const json_t *id, struct fault fault)
{
	return wc_json(a, "{s:s, s:O?, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error", "code", fault.code, "message", fault.message);
}

static const json_t *id_of(const json_t *message)
{
	const json_t *id = json_object_get(message, "id");

	return json_is_string(id) || json_is_integer(id) ? id : NULL;
}

/* The methods return NULL with the fault. */
static json_t *refuse(struct fault *fault, int code, const char *message)
{
	*fault = (struct fault){code, message};
	return NULL;
}

/* --- the methods -------------------------------------------------------------------------------------------------------- */

static bool is_version(const char *text)
{
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		if (!strcmp(versions[i], text))
			return true;
	return false;
}

static json_t *initialize(struct exchange *x, const json_t *params, struct fault *fault)
{
	const char *asked = wc_json_str(params, "protocolVersion");

	if (x->is_batch)
		return refuse(fault, INVALID_REQUEST, "initialize comes alone, not in a batch");
	if (!asked)
		return refuse(fault, INVALID_PARAMS, "protocolVersion is to be a text");
	return wc_json(x->a, "{s:s, s:{s:{}}, s:{s:s, s:s}, s:s}", "protocolVersion", is_version(asked) ? asked : versions[0], "capabilities",
	               "tools", "serverInfo", "name", "wecomd", "version", "1", "instructions",
	               "Tools of wecomd, which automates WeCom. The text of a failed call is JSON: code is stable, detail says what was wrong, errors"
	               " names every bad argument.");
}

static json_t *ping(struct exchange *x, const json_t *params, struct fault *fault)
{
	(void)params;
	(void)fault;
	return wc_json(x->a, "{}");
}

/* The tool behind the one that the cursor names; NULL when it is no cursor of this list. */
static const struct web_tool *page_start(struct exchange *x, const json_t *cursor)
{
	const char            *after = json_is_string(cursor) ? cursor_open(x->rq, json_string_value(cursor)) : NULL;
	const struct web_tool *tool  = after ? tool_find(after) : NULL;

	return tool ? tool + 1 : NULL;
}

static json_t *list_tools(struct exchange *x, const json_t *params, struct fault *fault)
{
	const json_t          *cursor = json_object_get(params, "cursor");
	const struct web_tool *t      = cursor ? page_start(x, cursor) : tools_all();
	json_t                *page = wc_json(x->a, "[]"), *result = wc_json(x->a, "{s:O}", "tools", page);
	const char            *last = "";

	if (!t)
		return refuse(fault, INVALID_PARAMS, "cursor is to be nextCursor of an earlier page");
	for (; t->tool; t++) {
		if (!tool_allows(t->tool, x->rq))
			continue;
		if (json_array_size(page) == PAGE) {
			json_object_set_new(result, "nextCursor", json_string(cursor_make(x->rq, last)));
			break;
		}
		json_array_append_new(page, tool_describe(x->a, t->tool, !x->is_old));
		last = t->tool->name;
	}
	return result;
}

static json_t *call_result(struct exchange *x, json_t *answer, bool failed)
{
	json_t *result = wc_json(x->a, "{s:[{s:s, s:s}], s:b}", "content", "type", "text", "text", wc_json_text(x->a, answer), "isError",
	                         (int)failed);

	/* What is wrong does not have the members that the tool's description promises. */
	if (!x->is_old && !failed)
		json_object_set(result, "structuredContent", answer);
	return result;
}

static json_t *call_tool(struct exchange *x, const json_t *params, struct fault *fault)
{
	const char            *name      = wc_json_str(params, "name");
	const json_t          *arguments = json_object_get(params, "arguments");
	const struct web_tool *tool      = name ? tool_find(name) : NULL;
	json_t                *answer;
	bool                   failed;

	if (!name)
		return refuse(fault, INVALID_PARAMS, "name is to be a tool's name");
	if (!tool)
		return refuse(fault, INVALID_PARAMS, wc_printf(x->a, "Unknown tool: %.*s", (int)wc_utf8_cut(name, strlen(name), 64), name));
	if (arguments && !json_is_object(arguments))
		return refuse(fault, INVALID_PARAMS, "arguments is to be an object");
	answer = tool_run(x->rq, tool, arguments ? arguments : wc_json(x->a, "{}"), x->self->calls_per_minute, &failed);
	return call_result(x, answer, failed);
}

static const struct {
	const char *name;
	json_t   *(*run)(struct exchange *x, const json_t *params, struct fault *fault);
} methods[] = {{"initialize", initialize}, {"ping", ping}, {"tools/list", list_tools}, {"tools/call", call_tool}};

/* --- messages ----------------------------------------------------------------------------------------------------------- */

static json_t *run_request(struct exchange *x, const char *method, const json_t *params, struct fault *fault)
{
	if (params && !json_is_object(params))
		return refuse(fault, INVALID_PARAMS, "params is to be an object");
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (!strcmp(methods[i].name, method))
			return methods[i].run(x, params, fault);
	return refuse(fault, METHOD_NOT_FOUND, wc_printf(x->a, "Method not found: %.*s", (int)wc_utf8_cut(method, strlen(method), 64), method));
}

/* An answer to a request of ours; there are none, but who sends one does no harm. */
static bool is_response(const json_t *message)
{
	return !json_object_get(message, "method") && id_of(message) && !json_object_get(message, "result") != !json_object_get(message, "error");
}

/* What makes a message none; NULL: it is one. */
static const char *fault_of(const json_t *message)
{
	const char *version = wc_json_str(message, "jsonrpc"), *method = wc_json_str(message, "method");

	if (!json_is_object(message))
		return "a message is a JSON object";
	if (!version || strcmp(version, "2.0"))
		return "jsonrpc is to be \"2.0\"";
	if (is_response(message))
		return NULL;
	if (!method)
		return "method is to be a text";
	if (json_object_get(message, "id") && !id_of(message))
		return "id is to be a text or a whole number";
	if (!id_of(message) && strncmp(method, "notifications/", 14))
		return "a request has an id";
	return NULL;
}

/* The response to a message; NULL: it gets none. *bad: it is no message. */
static json_t *answer(struct exchange *x, const json_t *message, bool *bad)
{
	const char   *why = fault_of(message);
	const json_t *id  = id_of(message);
	struct fault  fault;
	json_t       *result;

	*bad = why != NULL;
	if (why)
		return error_response(x->a, id, (struct fault){INVALID_REQUEST, why});
	if (!id || is_response(message))
		return NULL;
	result = run_request(x, wc_json_str(message, "method"), json_object_get(message, "params"), &fault);
	return result ? response(x->a, id, result) : error_response(x->a, id, fault);
}

static int reply_none(wc_request *rq)
{
	return wc_reply_bytes(rq, 202, "application/json", (wc_slice){0});
}

static int reply_fault(struct exchange *x, int code, const char *why)
{
	return wc_reply_json(x->rq, 400, error_response(x->a, NULL, (struct fault){code, why}));
}

static int serve_batch(struct exchange *x, const json_t *messages)
{
	json_t *responses = wc_json(x->a, "[]"), *message, *one;
	size_t  n         = json_array_size(messages), i;
	bool    bad;

	x->is_batch = true;
	if (!x->is_old)
		return reply_fault(x, INVALID_REQUEST, "this version of the protocol has no batches");
	if (n < 1 || n > BATCH_MAX)
		return reply_fault(x, INVALID_REQUEST, wc_printf(x->a, "a batch has 1 to %d messages", BATCH_MAX));
	json_array_foreach((json_t *)messages, i, message)
		if ((one = answer(x, message, &bad)))
			json_array_append(responses, one);
	return json_array_size(responses) ? wc_reply_json(x->rq, 200, responses) : reply_none(x->rq);
}

static int serve_message(struct exchange *x, const json_t *message)
{
	bool    bad;
	json_t *one = answer(x, message, &bad);

	return one ? wc_reply_json(x->rq, bad ? 400 : 200, one) : reply_none(x->rq);
}

/* --- the HTTP request --------------------------------------------------------------------------------------------------- */

/* A page of another origin must not call, even where its name was made to lead here (DNS rebinding): so Host proves nothing. Programs
 * that are no browsers send no Origin. */
static bool is_origin_good(const struct mcp_settings *self, const char *origin)
{
	if (!origin || tools_origin_is_own(origin))
		return true;
	for (const char *const *o = self->origins; *o; o++)
		if (!strcasecmp(*o, origin))
			return true;
	return false;
}

static bool is_bare_value(const wc_slice body)
{
	json_t *value = json_loadb(body.p, body.n, JSON_DECODE_ANY, NULL);
	bool    bare  = value && !json_is_object(value) && !json_is_array(value);

	json_decref(value);
	return bare;
}

static int serve(struct exchange *x)
{
	wc_slice body = wc_raw_body(x->rq);
	wc_err   e;
	json_t  *message = wc_json_parse(x->a, body.p, body.n, &e);

	if (!message && is_bare_value(body))
		return reply_fault(x, INVALID_REQUEST, "a message is a JSON object");
	if (!message)
		return reply_fault(x, PARSE_ERROR, e.text);
	return json_is_array(message) ? serve_batch(x, message) : serve_message(x, message);
}

static int post(wc_request *rq, const void *self)
{
	const char     *type = wc_header(rq, "Content-Type"), *version = wc_header(rq, "MCP-Protocol-Version");
	struct exchange x    = {.rq = rq, .a = wc_request_arena(rq), .self = self};

	if (!is_origin_good(self, wc_header(rq, "Origin")))
		return wc_problem(rq, 403, "origin_not_allowed", "pages of this origin may not call: see [mcp] origins");
	if (!type || !is_json(type))
		return wc_problem(rq, 415, "unsupported_media_type", "the body's Content-Type is to be application/json");
	if (version && !is_version(version))
		return wc_problem(rq, 400, "unsupported_protocol_version", "MCP-Protocol-Version is one of %s, %s", versions[0], versions[1]);
	/* Who says nothing speaks the version that did not have the header yet. */
	x.is_old = !version || !strcmp(version, versions[1]);
	return serve(&x);
}

WC_PART(mcp_part, "mcp",
	.summary   = "the tools for agents",
	.self_size = sizeof(struct mcp_settings),
	.settings  = WC_SETTINGS(
		{WC_LIST, "origins", "", offsetof(struct mcp_settings, origins),
		 "origins such as https://app.example.com whose pages may call /mcp, besides that of [core] public_url"},
		{WC_INT, "calls_per_minute", "600", offsetof(struct mcp_settings, calls_per_minute), "tool calls of one key or user, over all nodes",
		 .min = 1, .max = 60000}),
	.routes    = WC_ROUTES({WC_POST, "/mcp", WC_VIEWER, post, "The tools for agents, by the Model Context Protocol"}),
	.metrics   = WC_METRICS(
		{"wecomd_tool_calls_total", WC_COUNTER, "tool,outcome", "calls of tools: answered, failed, or refused before they ran"},
		{"wecomd_tool_seconds", WC_HISTOGRAM, "tool", "time of calls of tools"}));
