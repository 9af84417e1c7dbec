/* The OpenAPI 3.1 document: written from the routes' tables, so that it says what the checker does. */
#include "web/web.h"

#include "web/request.h"

#include <wecomd/buf.h>

#include <ctype.h>
#include <string.h>

static json_t *text(const char *s)
{
	return json_string(s);
}

static json_t *ref(const char *where)
{
	return json_pack("{s:s}", "$ref", where);
}

static bool is_write(const wc_route *r)
{
	return r->method != WC_GET;
}

static bool is_api(const wc_route *r)
{
	return !strncmp(r->path, "/api/", 5);
}

/* --- parameters ----------------------------------------------------------------------------------------------------- */

/* "/api/hello/{name}" of GET is get_api_hello_by_name: stable as long as the path is. */
static const char *operation_id(wc_arena *a, const wc_route *r)
{
	wc_buf *b = wc_buf_new(a, 512);

	for (const char *c = method_name(r->method); *c; c++)
		wc_buf_addc(b, (char)tolower((unsigned char)*c));
	for (const char *c = r->path; *c; c++) {
		if (*c == '{')
			wc_buf_adds(b, "by_");
		else if (*c != '}')
			wc_buf_addc(b, isalnum((unsigned char)*c) ? *c : '_');
	}
	return b->s;
}

static void add_path_parameters(wc_arena *a, json_t *list, const char *path)
{
	for (const char *open; (open = strchr(path, '{')); path = open) {
		size_t n = strcspn(++open, "}");

		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:s, s:i}}", "name", wc_strndup(a, open, n), "in", "path", "required",
		                                      1, "schema", "type", "string", "minLength", 1));
		open += n;
	}
}

/* A list is written a,b in one parameter. */
static json_t *query_parameter(wc_arena *a, const wc_field *f)
{
	json_t *p = json_pack("{s:s, s:s, s:b, s:O}", "name", f->name, "in", "query", "required", !f->standard && !f->optional, "schema",
	                      wc_field_schema(a, f));

	if (f->help && *f->help)
		json_object_set_new(p, "description", text(f->help));
	if (f->type == WC_LIST)
		json_object_set_new(p, "explode", json_false());
	return p;
}

static json_t *parameters(wc_arena *a, const wc_route *r)
{
	json_t *list = json_array();

	add_path_parameters(a, list, r->path);
	for (const wc_field *f = r->query; f && f->type; f++)
		json_array_append_new(list, query_parameter(a, f));
	for (const wc_field *f = r->list ? list_fields : NULL; f && f->type; f++)
		json_array_append_new(list, query_parameter(a, f));
	if (is_write(r) && is_api(r) && r->role != WC_ANYONE)
		json_array_append_new(list, ref("#/components/parameters/IdempotencyKey"));
	return list;
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

/* An answer may grow members that an older description does not know. */
static json_t *answer_schema(wc_arena *a, const wc_route *r)
{
	json_t *one = r->answer ? json_copy(wc_fields_schema(a, r->answer)) : json_object();

	json_object_del(one, "additionalProperties");
	if (!r->list)
		return one;
	return json_pack("{s:s, s:[s, s], s:{s:{s:s, s:o}, s:{s:[s, s], s:s}}}", "type", "object", "required", "items", "next", "properties",
	                 "items", "type", "array", "items", one, "next", "type", "string", "null", "description",
	                 "the cursor of the next page; null: this is the last");
}

static json_t *good_answer(wc_arena *a, const wc_route *r)
{
	json_t *answer = json_pack("{s:s}", "description", "Done");

	if (r->answer || r->list)
		json_object_set_new(answer, "content", json_pack("{s:{s:o}}", "application/json", "schema", answer_schema(a, r)));
	return answer;
}

static void add_problem(json_t *answers, const char *status)
{
	json_object_set_new(answers, status, ref("#/components/responses/Problem"));
}

static json_t *answers(wc_arena *a, const wc_route *r)
{
	json_t *all = json_object();

	json_object_set_new(all, "2XX", good_answer(a, r));
	if (r->role != WC_ANYONE) {
		add_problem(all, "401");
		add_problem(all, "403");
	}
	if (is_write(r) && is_api(r))
		add_problem(all, "409");
	if (r->body) {
		add_problem(all, "413");
		add_problem(all, "415");
	}
	if (r->body || r->query || r->list)
		add_problem(all, "422");
	add_problem(all, "default");
	return all;
}

/* --- operations ----------------------------------------------------------------------------------------------------- */

static json_t *security(const wc_route *r)
{
	return r->role == WC_ANYONE ? json_array() : json_pack("[{s:[]}, {s:[]}]", "bearer", "cookie");
}

static const char *description(wc_arena *a, const wc_route *r)
{
	return r->role == WC_ANYONE ? "For anyone." : wc_printf(a, "Needs the role %s.", role_name(r->role));
}

static json_t *operation(wc_arena *a, const struct web_route *route)
{
	const wc_route *r  = route->route;
	json_t         *op = json_pack("{s:s, s:s, s:s, s:[s], s:s, s:o, s:o, s:o}", "operationId", operation_id(a, r), "summary", r->summary ? r->summary : "",
	                               "description", description(a, r), "tags", route->owner, "x-role", role_name(r->role), "security",
	                               security(r), "parameters", parameters(a, r), "responses", answers(a, r));

	if (r->body)
		json_object_set_new(op, "requestBody", json_pack("{s:b, s:{s:{s:O}}}", "required", 1, "content", "application/json", "schema",
		                                                 wc_fields_schema(a, r->body)));
	return op;
}

static void add_path(wc_arena *a, json_t *paths, const struct web_route *route)
{
	json_t *item = json_object_get(paths, route->route->path);
	char   *verb = wc_strdup(a, method_name(route->route->method));

	for (char *c = verb; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!item) {
		item = json_object();
		json_object_set_new(paths, route->route->path, item);
	}
	json_object_set_new(item, verb, operation(a, route));
}

static void add_tag(json_t *tags, const char *owner)
{
	size_t  i;
	json_t *tag;

	json_array_foreach(tags, i, tag)
		if (!strcmp(json_string_value(json_object_get(tag, "name")), owner))
			return;
	json_array_append_new(tags, json_pack("{s:s}", "name", owner));
}

/* --- what all share ------------------------------------------------------------------------------------------------- */

static const char components[] =
	"{\"securitySchemes\": {"
	"  \"bearer\": {\"type\": \"http\", \"scheme\": \"bearer\", \"description\": \"an API key\"},"
	"  \"cookie\": {\"type\": \"apiKey\", \"in\": \"cookie\", \"name\": \"wecomd_session\", \"description\": \"a session of the console\"}},"
	" \"parameters\": {\"IdempotencyKey\": {"
	"  \"name\": \"Idempotency-Key\", \"in\": \"header\", \"required\": false,"
	"  \"description\": \"the same key and request again: the same answer, for a day\","
	"  \"schema\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 200, \"pattern\": \"^[!-~]+$\"}}},"
	" \"responses\": {\"Problem\": {"
	"  \"description\": \"What was wrong; docs/api.md lists the codes\","
	"  \"content\": {\"application/problem+json\": {\"schema\": {\"$ref\": \"#/components/schemas/Problem\"}}}}},"
	" \"schemas\": {\"Problem\": {"
	"  \"type\": \"object\","
	"  \"required\": [\"type\", \"title\", \"status\", \"code\", \"detail\", \"trace_id\"],"
	"  \"properties\": {"
	"   \"type\": {\"type\": \"string\"},"
	"   \"title\": {\"type\": \"string\"},"
	"   \"status\": {\"type\": \"integer\"},"
	"   \"code\": {\"type\": \"string\", \"description\": \"stable: what a program goes by\"},"
	"   \"detail\": {\"type\": \"string\", \"description\": \"a sentence for a person\"},"
	"   \"trace_id\": {\"type\": \"string\", \"description\": \"finds the request in the log\"},"
	"   \"errors\": {\"type\": \"array\", \"description\": \"with bad_fields: every bad field\", \"items\": {"
	"    \"type\": \"object\", \"required\": [\"field\", \"expected\"],"
	"    \"properties\": {\"field\": {\"type\": \"string\"}, \"expected\": {\"type\": \"string\"}}}}}}}}";

json_t *openapi_document(wc_arena *a, const struct web_route *routes)
{
	json_t *paths = json_object(), *tags = json_array();

	for (; routes->route; routes++) {
		add_path(a, paths, routes);
		add_tag(tags, routes->owner);
	}
	return wc_json(a, "{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:o, s:o, s:o}", "openapi", "3.1.0", "info", "title", "wecomd", "version", "1",
	               "description", "docs/api.md says what holds for all of it: errors, lists, repeats, conditional requests.", "servers",
	               "url", "/", "tags", tags, "paths", paths, "components", json_loads(components, 0, NULL));
}
