/* Answers: JSON, bytes, problems, streams. */
#include "web/request.h"

#include <wecomd/log.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define GZIP_MIN 1024     /* below, the head of the answer outweighs what is saved */

static const char *reason(int status)
{
	static const struct {
		int         status;
		const char *text;
	} reasons[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {304, "Not Modified"}, {400, "Bad Request"}, {401, "Unauthorized"},
	               {403, "Forbidden"}, {404, "Not Found"},
	               {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {413, "Content Too Large"}, {414, "URI Too Long"},
	               {415, "Unsupported Media Type"},
	               {422, "Unprocessable Content"}, {429, "Too Many Requests"},
	               {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {502, "Bad Gateway"},
	               {503, "Service Unavailable"}, {504, "Gateway Timeout"}};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

/* libfcgi's own formatting knows neither %zu nor much else. */
static void put(wc_request *rq, const char *text)
{
	FCGX_PutStr(text, (int)strlen(text), rq->fcgi->out);
}

void reply_header(wc_request *rq, const char *name, const char *value)
{
	if (!strpbrk(value, "\r\n"))
		put(rq, wc_printf(rq->arena, "%s: %s\r\n", name, value));
}

/* Nothing is to be stored on the way, personal data least of all; who wants to ask again cheaply keeps the tag himself. */
static void open_reply(wc_request *rq, int status)
{
	rq->answered = true;
	rq->status   = status;
	put(rq, wc_printf(rq->arena, "Status: %d %s\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n", status,
	                  reason(status)));
	for (size_t i = 0; i < rq->header_count; i++)
		put(rq, wc_printf(rq->arena, "%s: %s\r\n", rq->headers[i].name, rq->headers[i].value));
}

static bool is_header_name(const char *name)
{
	static const char *const ours[] = {"Status", "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "ETag", "Vary",
	                                   "Cache-Control", "Set-Cookie", "Location"};
	size_t                   n      = strlen(name);

	if (!n || n > 64 || strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return false;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (!strcasecmp(name, ours[i]))
			return false;
	return true;
}

static bool is_header_value(const char *value)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++)
		if (value[i] < ' ' || value[i] > '~')
			return false;
	return n <= 1024;
}

int wc_reply_header(wc_request *rq, const char *name, const char *value)
{
	if (rq->answered || rq->header_count == REPLY_HEADERS_MAX || !is_header_name(name) || !is_header_value(value)) {
		wc_log(WC_ERROR, "a header of an answer was left out", wc_kv_s("route", rq->route ? rq->route->route->path : ""));
		return -1;
	}
	rq->headers[rq->header_count++] = (struct param){wc_strdup(rq->arena, name), wc_strdup(rq->arena, value)};
	return 0;
}

static bool is_api(const wc_request *rq)
{
	return !strncmp(rq->path, "/api/", 5);
}

static void send_body(wc_request *rq, int status, const char *content_type, wc_slice body)
{
	bool has_body = status != 204 && status != 304;

	open_reply(rq, status);
	if (has_body) {
		reply_header(rq, "Content-Type", content_type);
		put(rq, wc_printf(rq->arena, "Content-Length: %zu\r\n", body.n));
	}
	put(rq, "\r\n");
	if (has_body && !rq->is_head && body.n)
		FCGX_PutStr(body.p, (int)body.n, rq->fcgi->out);
}

/* Whether the client has this very answer. */
static bool is_known(wc_request *rq, int status, wc_slice body)
{
	const char *had = wc_header(rq, "If-None-Match"), *etag;

	if (status != 200 || rq->is_secret || !is_api(rq) || (!rq->is_head && strcmp(rq->method_text, "GET")))
		return false;
	etag = etag_of(rq->arena, body);
	reply_header(rq, "ETag", etag);
	return had && etag_matches(had, etag);
}

static void pack(wc_request *rq, const char *content_type, wc_slice *body)
{
	const char *accepted = wc_header(rq, "Accept-Encoding");

	if (body->n < GZIP_MIN || rq->is_secret || !is_api(rq) || strncmp(content_type, "application/json", 16))
		return;
	reply_header(rq, "Vary", "Accept-Encoding");
	if (accepted && accepts_gzip(accepted) && gzip(rq->arena, *body, body))
		reply_header(rq, "Content-Encoding", "gzip");
}

int wc_reply_bytes(wc_request *rq, int status, const char *content_type, wc_slice body)
{
	idempotency_end(rq, status, content_type, rq->is_secret ? NULL : &body);
	if (is_known(rq, status, body)) {
		send_body(rq, 304, "", (wc_slice){0});
	} else {
		pack(rq, content_type, &body);
		send_body(rq, status, content_type, body);
	}
	return 0;
}

void wc_answer_is_secret(wc_request *rq)
{
	rq->is_secret = true;
}

int wc_reply_json(wc_request *rq, int status, const json_t *value)
{
	const char *text = wc_json_text(rq->arena, value);

	return wc_reply_bytes(rq, status, "application/json", (wc_slice){text, strlen(text)});
}

int wc_reply(wc_request *rq, int status, const char *format, ...)
{
	va_list      args;
	json_error_t je;
	json_t      *value;

	va_start(args, format);
	value = json_vpack_ex(&je, 0, format, args);
	va_end(args);
	if (!value) {
		/* A format that does not fit its values, or text that is not UTF-8: ours to mend. */
		wc_log(WC_ERROR, "an answer could not be written", wc_kv_s("why", je.text));
		return wc_problem(rq, 500, "internal", "the answer could not be written");
	}
	return wc_reply_json(rq, status, wc_json_keep(rq->arena, value));
}

static int send_problem(wc_request *rq, int status, json_t *problem)
{
	const char *text = wc_json_text(rq->arena, wc_json_keep(rq->arena, problem));

	return wc_reply_bytes(rq, status, "application/problem+json", (wc_slice){text, strlen(text)});
}

static json_t *make_problem(int status, const char *code, const char *detail)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", "about:blank", "title", reason(status), "status", status, "code", code,
	                 "detail", detail, "trace_id", wc_trace());
}

int wc_problem(wc_request *rq, int status, const char *code, const char *format, ...)
{
	va_list args;
	char   *detail;

	va_start(args, format);
	detail = wc_vprintf(rq->arena, format, args);
	va_end(args);
	return send_problem(rq, status, make_problem(status, code, detail));
}

/* What went wrong inside is for the log; the caller gets its own mistakes explained and a trace id for the rest. */
const char *error_for_caller(const wc_err *e)
{
	return wc_err_status(e->code) < 500 ? e->text
	       : e->code == WC_E_DB         ? "the database is not available just now"
	       : wc_err_retry(e->code)      ? "a service behind this one is not available just now"
	                                    : "something went wrong here; the trace id finds it in the log";
}

int wc_reply_err(wc_request *rq, const wc_err *e)
{
	int status = wc_err_status(e->code);

	if (status >= 500)
		wc_log(WC_ERROR, "request failed", wc_kv_s("route", rq->route ? rq->route->route->path : ""), wc_kv_s("error", e->text));
	return wc_problem(rq, status, wc_err_name(e->code), "%s", error_for_caller(e));
}

json_t *bad_fields_json(const wc_bad_field *bad)
{
	json_t *list = json_array();

	for (; bad; bad = bad->next)
		json_array_append_new(list, json_pack("{s:s*, s:s}", "field", bad->field, "expected", bad->expected));
	return list;
}

int wc_reply_bad_fields(wc_request *rq, const wc_bad_field *bad)
{
	json_t *problem = make_problem(422, "bad_fields", "some fields are not as expected");

	json_object_set_new(problem, "errors", bad_fields_json(bad));
	return send_problem(rq, 422, problem);
}

void wc_stream_open(wc_request *rq, int status, const char *content_type)
{
	idempotency_end(rq, status, content_type, NULL);
	open_reply(rq, status);
	reply_header(rq, "Content-Type", content_type);
	rq->streaming = true;
	put(rq, "X-Accel-Buffering: no\r\n\r\n");
	FCGX_FFlush(rq->fcgi->out);
}

int wc_stream_write(wc_request *rq, const char *p, size_t n)
{
	if (rq->is_head)
		return 0;
	return FCGX_PutStr(p, (int)n, rq->fcgi->out) < 0 || FCGX_FFlush(rq->fcgi->out) < 0 ? -1 : 0;
}
