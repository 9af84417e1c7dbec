/* Streamed chat completions against a scripted endpoint: the request, the outcome of each way an endpoint can behave, and
 * what is refused in the configuration. */
#include <wecomd/ai.h>

#include "ai/ai.h"
#include "http/http.h"
#include "http_peer.h"

#include <wecomd/buf.h>
#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#define HEAD           "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define EVENT(json)    "data: " json "\n\n"
#define TEXT(content)  EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" content "\"},\"finish_reason\":null}]}")
#define FINISH(reason) EVENT("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}")
#define USAGE          EVENT("{\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5,\"total_tokens\":25}}")
#define DONE           EVENT("[DONE]")

static wc_arena      *a;
static struct model   model;
static wc_chat_result r;
static wc_err         e;
static wc_buf        *shown;

static int fresh(void **state)
{
	wc_log_level(WC_ERROR);
	a     = wc_arena_new();
	model = (struct model){.name = "main", .base = "http://127.0.0.1:1/v1"};
	for (const wc_field *f = model_fields; f->type; f++)
		if (f->standard)
			assert_null(wc_field_from_text(a, f, f->standard, &model));
	model.retries          = 0;     /* tests of the retries turn them on */
	model.breaker_failures = 0;
	model.key   = "sk-1";
	model.model = "m-1";
	r           = (wc_chat_result){0};
	e           = (wc_err){0};
	shown       = wc_buf_new(a, 10000);
	http_open();
	(void)state;
	return 0;
}

static int done(void **state)
{
	(void)state;
	http_close();
	wc_arena_free(a);
	return 0;
}

static int show(void *ctx, const char *p, size_t n, wc_err *why)
{
	(void)ctx, (void)why;
	wc_buf_add(shown, p, n);
	return 0;
}

static int stream(wc_chat chat)
{
	if (!chat.model)
		chat.model = "main";
	if (!chat.on_text)
		chat.on_text = show;
	chat.messages = wc_json(a, "[{s:s, s:s}]", "role", "user", "content", "你好");
	return wc_chat_stream(a, &chat, &r, &e);
}

/* The endpoint plays one answer; *request gets what it was asked, when request is not NULL. */
static int play(const struct peer_answer *answer, wc_chat chat, const char **request)
{
	struct peer *p = peer_start(answer, 1);
	int          rc;

	model.base = wc_printf(a, "http://127.0.0.1:%d/v1", p->port);
	assert_int_equal(models_set(&model, 1, &e), 0);
	rc = stream(chat);
	if (request)
		*request = wc_strdup(a, p->request[0]);
	peer_stop(p);
	return rc;
}

/* --- answers that are good ------------------------------------------------------------------------------------------- */

static void a_streamed_answer_is_shown_and_returned(void **state)
{
	const struct peer_answer answer = {HEAD TEXT("您") TEXT("好，") TEXT("world") FINISH("stop") USAGE DONE, true};

	(void)state;
	assert_int_equal(play(&answer, (wc_chat){0}, NULL), 0);
	assert_string_equal(r.text, "您好，world");
	assert_int_equal(r.len, strlen(r.text));
	assert_string_equal(shown->s, r.text);
	assert_string_equal(r.finish_reason, "stop");
	assert_int_equal(r.prompt_tokens, 20);
	assert_int_equal(r.completion_tokens, 5);
	assert_in_range(r.first_text_ms, 0, r.total_ms);
	assert_int_equal(e.code, WC_E_NONE);
}

static void an_answer_without_text_has_no_first_text(void **state)
{
	const struct peer_answer answer = {HEAD FINISH("content_filter") DONE};

	(void)state;
	assert_int_equal(play(&answer, (wc_chat){0}, NULL), 0);
	assert_string_equal(r.text, "");
	assert_string_equal(r.finish_reason, "content_filter");
	assert_int_equal(r.first_text_ms, -1);
	assert_int_equal(shown->len, 0);
}

static void a_gateway_that_does_not_stream_is_accepted(void **state)
{
	const char *body = "{\"choices\":[{\"message\":{\"content\":\"您好\"},\"finish_reason\":\"stop\"}],"
	                   "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}";
	const struct peer_answer answer = {peer_reply(a, 200, "Content-Type: application/json\r\n", body)};

	(void)state;
	assert_int_equal(play(&answer, (wc_chat){0}, NULL), 0);
	assert_string_equal(r.text, "您好");
	assert_string_equal(shown->s, "您好");
	assert_int_equal(r.prompt_tokens, 7);
}

static void only_done_means_stop(void **state)
{
	const struct peer_answer answer = {HEAD TEXT("a") DONE};

	(void)state;
	assert_int_equal(play(&answer, (wc_chat){0}, NULL), 0);
	assert_string_equal(r.finish_reason, "stop");
}

static void thinking_is_left_out_where_the_model_says_so(void **state)
{
	const struct peer_answer answer = {HEAD TEXT("<think>x") TEXT("</think>a") DONE};

	(void)state;
	model.strip_think = true;
	assert_int_equal(play(&answer, (wc_chat){0}, NULL), 0);
	assert_string_equal(r.text, "a");
}

/* The text is whole; what happens to the connection afterwards changes nothing. */
static void a_whole_answer_stands_whatever_the_connection_does(void **state)
{
	static const struct peer_answer answers[] = {
		{HEAD TEXT("a") FINISH("stop"), .then = PEER_STALL},
		{HEAD TEXT("a") FINISH("stop") DONE, .then = PEER_STALL},
		{HEAD TEXT("a") FINISH("stop") "data: {\"choices\":[],\"usa", .then = PEER_RESET},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" TEXT("a") FINISH("stop")},
	};

	(void)state;
	model.idle_ms = 1000;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		r = (wc_chat_result){0};
		if (play(&answers[i], (wc_chat){0}, NULL) < 0)
			fail_msg("case %zu: %s", i, e.text);
		assert_string_equal(r.text, "a");
		assert_string_equal(r.finish_reason, "stop");
		assert_int_equal(e.code, WC_E_NONE);
	}
}

static void after_done_the_end_is_not_awaited_for_long(void **state)
{
	static const struct peer_answer answer = {HEAD TEXT("a") FINISH("stop") DONE, .then = PEER_STALL};

	(void)state;
	assert_int_equal(play(&answer, (wc_chat){0}, NULL), 0);
	assert_in_range(r.total_ms, 0, model.idle_ms / 2);
}

static void a_text_over_the_bound_is_cut_and_the_call_ends_well(void **state)
{
	const struct peer_answer answer = {HEAD TEXT("您") TEXT("好") TEXT("!"), .then = PEER_STALL};

	(void)state;
	assert_int_equal(play(&answer, (wc_chat){.max_answer = 5}, NULL), 0);
	assert_string_equal(r.text, "您");
	assert_string_equal(shown->s, "您");
	assert_string_equal(r.finish_reason, "length");
	assert_int_equal(e.code, WC_E_NONE);
}

/* --- the request ----------------------------------------------------------------------------------------------------- */

static const struct peer_answer fine = {HEAD TEXT("a") FINISH("stop") DONE};

static const json_t *body_of(const char *request)
{
	const char   *body = strstr(request, "\r\n\r\n") + 4;
	const json_t *json = wc_json_parse(a, body, strlen(body), &e);

	assert_non_null(json);
	return json;
}

static void the_request_is_as_the_settings_say(void **state)
{
	const char   *request;
	const json_t *body;

	(void)state;
	model.token_field = "max_completion_tokens";
	model.max_tokens  = 800;
	model.temperature = "0.5";
	model.extra_body  = "{\"thinking\":\n{\"type\":\"disabled\"}}";
	assert_int_equal(play(&fine, (wc_chat){0}, &request), 0);
	assert_ptr_equal(strstr(request, "POST /v1/chat/completions HTTP/1.1\r\n"), request);
	assert_non_null(strstr(request, "\r\nAuthorization: Bearer sk-1\r\n"));
	assert_non_null(strstr(request, "\r\nAccept: text/event-stream\r\n"));
	assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
	body = body_of(request);
	assert_string_equal(wc_json_str(body, "model"), "m-1");
	assert_true(json_is_true(wc_json_at(body, "stream")));
	assert_true(json_is_true(wc_json_at(body, "stream_options.include_usage")));
	assert_int_equal(json_integer_value(wc_json_at(body, "max_completion_tokens")), 800);
	assert_true(json_real_value(wc_json_at(body, "temperature")) == 0.5);
	assert_string_equal(wc_json_str(body, "thinking.type"), "disabled");
	assert_string_equal(wc_json_text(a, wc_json_at(body, "messages")), "[{\"role\":\"user\",\"content\":\"你好\"}]");
	assert_int_equal(json_object_size(body), 7);
}

static void nothing_is_sent_that_was_not_asked_for(void **state)
{
	const char *request;

	(void)state;
	model.key          = "";
	model.stream_usage = false;
	assert_int_equal(play(&fine, (wc_chat){0}, &request), 0);
	assert_null(strstr(request, "Authorization"));
	assert_int_equal(json_object_size(body_of(request)), 3);
}

static void a_slash_behind_the_base_makes_no_difference(void **state)
{
	struct peer *p = peer_start(&fine, 1);

	(void)state;
	model.base = wc_printf(a, "http://127.0.0.1:%d/v1//", p->port);
	assert_int_equal(models_set(&model, 1, &e), 0);
	assert_int_equal(stream((wc_chat){0}), 0);
	assert_ptr_equal(strstr(p->request[0], "POST /v1/chat/completions "), p->request[0]);
	peer_stop(p);
}

/* --- answers that are not -------------------------------------------------------------------------------------------- */

#define ERROR(type, code) "{\"error\":{\"message\":\"private words\",\"type\":\"" type "\",\"param\":null,\"code\":" code "}}"

static void a_refusal_says_whether_to_try_again(void **state)
{
	static const struct {
		int         status;
		const char *head, *body;
		wc_code     code;
		const char *text;
	} cases[] = {
		{400, "", ERROR("invalid_request_error", "\"context_length_exceeded\""), WC_E_REFUSED,
		 "answered 400 (context_length_exceeded)"},
		{401, "", ERROR("invalid_request_error", "\"invalid_api_key\""), WC_E_REFUSED,
		 "answered 401 (invalid_api_key)"},
		{402, "", ERROR("unknown_error", "null"), WC_E_REFUSED, "answered 402 (unknown_error)"},
		{403, "", "", WC_E_REFUSED, "answered 403"},
		{404, "", "{\"error\":\"private words\"}", WC_E_REFUSED, "answered 404"},
		{422, "", "{\"detail\":[\"private words\"]}", WC_E_REFUSED, "answered 422"},
		{302, "Location: /private\r\n", "", WC_E_REFUSED, "answered 302"},
		{408, "", "", WC_E_REMOTE, "answered 408"},
		{409, "", "", WC_E_REMOTE, "answered 409"},
		{429, "Retry-After: 20\r\n", ERROR("requests", "\"rate_limit_exceeded\""), WC_E_REMOTE,
		 "answered 429 (rate_limit_exceeded), Retry-After 20"},
		{429, "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
		 ERROR("engine_overloaded_error", "null"), WC_E_REMOTE,
		 "answered 429 (engine_overloaded_error)"},
		{429, "", ERROR("insufficient_quota", "\"insufficient_quota\""), WC_E_REFUSED,
		 "answered 429 (insufficient_quota)"},
		{429, "", ERROR("insufficient_quota", "\"credit_balance_exhausted\""), WC_E_REFUSED,
		 "answered 429 (credit_balance_exhausted)"},
		{429, "", ERROR("requests", "\"project_spend_limit_exceeded\""), WC_E_REFUSED,
		 "answered 429 (project_spend_limit_exceeded)"},
		{429, "", ERROR("exceeded_current_quota_error", "null"), WC_E_REFUSED,
		 "answered 429 (exceeded_current_quota_error)"},
		{500, "Content-Type: text/html\r\n", "<html>private words</html>", WC_E_REMOTE, "answered 500"},
		{502, "", "{\"error\":{\"type\":\"private words\",\"code\":7}}", WC_E_REMOTE, "answered 502"},
		{503, "Retry-After: 5\r\n", "", WC_E_REMOTE, "answered 503, Retry-After 5"},
		{529, "", ERROR("overloaded_error", "null"), WC_E_REMOTE, "answered 529 (overloaded_error)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct peer_answer answer = {peer_reply(a, cases[i].status, cases[i].head, cases[i].body)};

		e = (wc_err){0};
		assert_int_equal(play(&answer, (wc_chat){0}, NULL), -1);
		assert_string_equal(e.text, wc_printf(a, "model main: %s", cases[i].text));
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(shown->len, 0);
	}
}

static void a_stream_that_breaks_may_be_tried_again(void **state)
{
	static const struct peer_answer answers[] = {
		{HEAD TEXT("a")},
		{HEAD TEXT("a"), .then = PEER_RESET},
		{HEAD TEXT("a") EVENT("{\"error\":{\"message\":\"private\",\"type\":\"server_error\"}}"), .then = PEER_STALL},
		{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>private</html>"},
		{NULL},
		{NULL, .then = PEER_RESET},
	};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		e = (wc_err){0};
		assert_int_equal(play(&answers[i], (wc_chat){0}, NULL), -1);
		assert_int_equal(e.code, WC_E_REMOTE);
		assert_ptr_equal(strstr(e.text, "model main: "), e.text);
		assert_null(strstr(e.text, "private"));
	}
	assert_int_equal(r.len, 0);
}

static void a_refused_connection_may_be_tried_again(void **state)
{
	(void)state;
	model.base = wc_printf(a, "http://127.0.0.1:%d", peer_closed_port());
	assert_int_equal(models_set(&model, 1, &e), 0);
	assert_int_equal(stream((wc_chat){0}), -1);
	assert_int_equal(e.code, WC_E_REMOTE);
	assert_non_null(strstr(e.text, "model main: 127.0.0.1:"));
	assert_non_null(strstr(e.text, "Connection refused"));
}

static void silence_is_a_timeout(void **state)
{
	static const struct peer_answer in_the_middle = {HEAD TEXT("a"), .then = PEER_STALL};
	static const struct peer_answer before        = {HEAD, .then = PEER_STALL};

	(void)state;
	model.idle_ms = 1000;
	assert_int_equal(play(&in_the_middle, (wc_chat){0}, NULL), -1);
	assert_int_equal(e.code, WC_E_TIMEOUT);
	assert_string_equal(e.text, "model main: was silent for 1 s");
	assert_string_equal(shown->s, "a");
	model.idle_ms  = 60000;
	model.first_ms = 1000;
	assert_int_equal(play(&before, (wc_chat){0}, NULL), -1);
	assert_int_equal(e.code, WC_E_TIMEOUT);
	assert_string_equal(e.text, "model main: did not begin to answer within 1 s");
}

static void an_answer_that_takes_too_long_is_a_timeout(void **state)
{
	static const struct peer_answer answer = {HEAD TEXT("a"), .then = PEER_STALL};

	(void)state;
	model.total_ms = 200;
	assert_int_equal(play(&answer, (wc_chat){0}, NULL), -1);
	assert_int_equal(e.code, WC_E_TIMEOUT);
}

static bool text_was_shown(void *ctx)
{
	(void)ctx;
	return shown->len > 0;
}

static void a_stop_ends_the_call(void **state)
{
	static const struct peer_answer answer = {HEAD TEXT("a"), .then = PEER_STALL};

	(void)state;
	assert_int_equal(play(&answer, (wc_chat){.stop = text_was_shown}, NULL), -1);
	assert_int_equal(e.code, WC_E_STOPPED);
	assert_string_equal(shown->s, "a");
}

static int lose_lease(void *ctx, const char *p, size_t n, wc_err *why)
{
	(void)ctx, (void)p, (void)n;
	return wc_fail(why, WC_E_TOO_LARGE, "not wanted");
}

static void the_callers_error_is_passed_on(void **state)
{
	static const struct peer_answer answer = {HEAD TEXT("ab") FINISH("stop"), .then = PEER_STALL};

	(void)state;
	for (size_t max = 1; max <= 2; max++) {
		e = (wc_err){0};
		assert_int_equal(play(&answer, (wc_chat){.on_text = lose_lease, .max_answer = max}, NULL), -1);
		assert_int_equal(e.code, WC_E_TOO_LARGE);
		assert_string_equal(e.text, "model main: not wanted");
	}
}

/* --- configuration --------------------------------------------------------------------------------------------------- */

static void models_are_found_by_name(void **state)
{
	static struct model two[2];

	(void)state;
	two[0]      = model;
	two[1]      = model;
	two[1].name = "other";
	assert_int_equal(models_set(two, 2, &e), 0);
	assert_true(wc_model_exists("main"));
	assert_true(wc_model_exists("other"));
	assert_false(wc_model_exists("third"));
	assert_false(wc_model_exists(NULL));
	assert_int_equal(stream((wc_chat){.model = "third"}), -1);
	assert_int_equal(e.code, WC_E_NOT_FOUND);
	assert_non_null(strstr(e.text, "[model:third]"));
}

static void a_bad_section_is_named(void **state)
{
	static const struct {
		const char *base, *key, *temperature, *extra_body, *part;
	} cases[] = {
		{"api.example.com/v1", "", "", "", "base begins with neither"},
		{"ftp://example.com",  "", "", "", "base begins with neither"},
		{"http://h/v1?k=1",    "", "", "", "base holds a query"},
		{"http://h/v1 ",       "", "", "", "base holds a query"},
		{"http://h", "sk-secret\r\nA: b", "", "", "key holds a character"},
		{"http://h", "sk-secret 密", "",  "", "key holds a character"},
		{"http://h", "", "warm",  "", "temperature is \"warm\""},
		{"http://h", "", "1],[2", "", "temperature"},
		{"http://h", "", "1,2",   "", "temperature"},
		{"http://h", "", "true",  "", "temperature"},
		{"http://h", "", "", "{\"a\":", "extra_body: not JSON"},
		{"http://h", "", "", "[1]",     "extra_body is JSON but not an object"},
		{"http://h", "", "", "{\"messages\":[]}",  "extra_body may not hold \"messages\""},
		{"http://h", "", "", "{\"stream\":false}", "extra_body may not hold \"stream\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		model.base        = cases[i].base;
		model.key         = cases[i].key;
		model.temperature = cases[i].temperature;
		model.extra_body  = cases[i].extra_body;
		assert_int_equal(models_set(&model, 1, &e), -1);
		assert_int_equal(e.code, WC_E_CONFIG);
		assert_ptr_equal(strstr(e.text, "[model:main]: "), e.text);
		if (!strstr(e.text, cases[i].part))
			fail_msg("case %zu: %s", i, e.text);
		assert_null(strstr(e.text, "secret"));
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)

/* --- further tries --------------------------------------------------------------------------------------------------- */

static int play_all(const struct peer_answer *answers, size_t n, wc_chat chat)
{
	struct peer *p = peer_start(answers, n);
	int          rc;

	model.base = wc_printf(a, "http://127.0.0.1:%d/v1", p->port);
	assert_int_equal(models_set(&model, 1, &e), 0);
	rc = stream(chat);
	peer_stop(p);
	return rc;
}

#define REFUSAL(status, header) "HTTP/1.1 " status " X\r\n" header "Connection: close\r\nContent-Length: 0\r\n\r\n"

static void a_passing_failure_is_tried_again_before_text_was_shown(void **state)
{
	static const char *const failures[] = {REFUSAL("500", ""), REFUSAL("429", "Retry-After: 0\r\n"), HEAD, HEAD "data: nonsense\n\n"};

	(void)state;
	model.retries = 1;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		const struct peer_answer answers[] = {{failures[i]}, {HEAD TEXT("好") FINISH("stop") DONE}};

		wc_buf_clear(shown);
		assert_int_equal(play_all(answers, 2, (wc_chat){0}), 0);
		assert_string_equal(r.text, "好");
		assert_string_equal(shown->s, "好");
		assert_string_equal(r.model, "main");
	}
}

static void a_cut_stream_is_not_tried_again_once_text_was_shown(void **state)
{
	const struct peer_answer answers[] = {{HEAD TEXT("一半")}};

	(void)state;
	model.retries = 1;
	assert_int_equal(play_all(answers, 1, (wc_chat){0}), -1);
	assert_int_equal(e.code, WC_E_REMOTE);
	assert_string_equal(shown->s, "一半");
}

static void a_longer_pause_than_allowed_is_not_waited_for(void **state)
{
	const struct peer_answer answers[] = {{REFUSAL("429", "Retry-After: 3600\r\n")}};

	(void)state;
	model.retries = 3;
	assert_int_equal(play_all(answers, 1, (wc_chat){0}), -1);
	assert_int_equal(e.code, WC_E_REMOTE);
}

static void the_fallback_answers_when_the_first_refuses_or_fails(void **state)
{
	static const char *const failures[] = {REFUSAL("401", ""), REFUSAL("402", ""), REFUSAL("500", "")};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct peer_answer bad = {failures[i]}, good = {HEAD TEXT("备用") FINISH("stop") USAGE DONE};
		struct peer             *first = peer_start(&bad, 1), *second = peer_start(&good, 1);
		struct model             two[2] = {model, model};

		two[0].base             = wc_printf(a, "http://127.0.0.1:%d/v1", first->port);
		two[1].base             = wc_printf(a, "http://127.0.0.1:%d/v1", second->port);
		two[1].name             = "other";
		two[1].prompt_price     = "2";
		two[1].completion_price = "8.5";
		assert_int_equal(models_set(two, 2, &e), 0);
		assert_int_equal(stream((wc_chat){.fallback = "other"}), 0);
		assert_string_equal(r.model, "other");
		assert_int_equal(r.cost_micros, 20 * 2 + 43);     /* 20 tokens at 2, 5 at 8.5, rounded */
		peer_stop(first);
		peer_stop(second);
		models_set(&model, 1, &e);
	}
}

static void an_endpoint_that_keeps_failing_is_left_alone_for_a_while(void **state)
{
	const struct peer_answer answers[] = {{REFUSAL("500", "")}, {REFUSAL("500", "")}, {HEAD TEXT("好") FINISH("stop") DONE}};
	struct peer             *p         = peer_start(answers, 3);

	(void)state;
	model.breaker_failures = 2;
	model.breaker_pause_ms = 1000;
	model.base             = wc_printf(a, "http://127.0.0.1:%d/v1", p->port);
	assert_int_equal(models_set(&model, 1, &e), 0);
	assert_int_equal(stream((wc_chat){0}), -1);
	assert_int_equal(stream((wc_chat){0}), -1);
	assert_int_equal(stream((wc_chat){0}), -1);
	assert_non_null(strstr(e.text, "left alone"));
	assert_int_equal(e.code, WC_E_REMOTE);
	wc_sleep_ms(1050);
	assert_int_equal(stream((wc_chat){0}), 0);
	peer_stop(p);
}

static void a_price_must_be_a_number(void **state)
{
	(void)state;
	model.prompt_price = "cheap";
	assert_int_equal(models_set(&model, 1, &e), -1);
	assert_non_null(strstr(e.text, "prompt_price"));
}

static void tokens_are_estimated_on_the_high_side(void **state)
{
	(void)state;
	assert_int_equal(wc_token_estimate("你好，世界", strlen("你好，世界")), 5);
	assert_int_equal(wc_token_estimate("hello world", 11), 4);
	assert_int_equal(wc_token_estimate("", 0), 0);
	assert_int_equal(wc_token_estimate("😀", 4), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_streamed_answer_is_shown_and_returned),
		CASE(an_answer_without_text_has_no_first_text),
		CASE(a_gateway_that_does_not_stream_is_accepted),
		CASE(only_done_means_stop),
		CASE(thinking_is_left_out_where_the_model_says_so),
		CASE(a_whole_answer_stands_whatever_the_connection_does),
		CASE(after_done_the_end_is_not_awaited_for_long),
		CASE(a_text_over_the_bound_is_cut_and_the_call_ends_well),
		CASE(the_request_is_as_the_settings_say),
		CASE(nothing_is_sent_that_was_not_asked_for),
		CASE(a_slash_behind_the_base_makes_no_difference),
		CASE(a_refusal_says_whether_to_try_again),
		CASE(a_stream_that_breaks_may_be_tried_again),
		CASE(a_refused_connection_may_be_tried_again),
		CASE(silence_is_a_timeout),
		CASE(an_answer_that_takes_too_long_is_a_timeout),
		CASE(a_stop_ends_the_call),
		CASE(the_callers_error_is_passed_on),
		CASE(models_are_found_by_name),
		CASE(a_bad_section_is_named),
		CASE(a_passing_failure_is_tried_again_before_text_was_shown),
		CASE(a_cut_stream_is_not_tried_again_once_text_was_shown),
		CASE(a_longer_pause_than_allowed_is_not_waited_for),
		CASE(the_fallback_answers_when_the_first_refuses_or_fails),
		CASE(an_endpoint_that_keeps_failing_is_left_alone_for_a_while),
		CASE(a_price_must_be_a_number),
		CASE(tokens_are_estimated_on_the_high_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
