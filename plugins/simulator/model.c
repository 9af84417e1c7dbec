/* Chat completions: the key and the request are checked as the real thing does, then the answer goes out whole or as
 * server-sent events in pieces of 1 to 4 characters. */
#include "model.h"

#include "answers.h"
#include "control.h"
#include "simulator.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_MS 1000     /* how often a running stream looks at the control values */

/* ---- errors ---- */

int model_refuse(wc_request *rq, int status, const char *code, const char *message)
{
	return wc_reply(rq, status, "{s:{s:s, s:s, s:n, s:s?}}", "error", "message", message,
	                "type", "invalid_request_error", "param", "code", code);
}

bool model_has_key(wc_request *rq, const struct simulator *sim)
{
	const char *given = wc_header(rq, "Authorization");

	if (given && !strncasecmp(given, "Bearer ", 7) && !strcmp(given + 7, sim->model_key))
		return true;
	model_refuse(rq, 401, given ? "invalid_api_key" : NULL,
	       given ? "Incorrect API key provided."
	             : "You didn't provide an API key in an Authorization header using Bearer auth.");
	return false;
}

/* ---- the request ---- */

struct chat_request {
	const char   *model;
	const json_t *messages;
	bool          stream, include_usage;
	json_int_t    max_tokens;     /* 0: no limit */
};

bool model_is_one_of(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (n && *list) {
		size_t len = strcspn(list, "|");

		if (len == n && !memcmp(list, word, n))
			return true;
		list += len + (list[len] == '|');
	}
	return false;
}

/* NULL when the message is well, otherwise what is wrong. */
static const char *message_fault(const json_t *message)
{
	const char   *role    = wc_json_str(message, "role");
	const json_t *content = json_object_get(message, "content");

	if (!role || !model_is_one_of("system|developer|user|assistant|tool|function", role))
		return "Each of 'messages' needs a valid 'role'.";
	if (json_is_string(content) || (json_is_array(content) && json_array_size(content) > 0))
		return NULL;
	return !strcmp(role, "assistant") ? NULL : "Each of 'messages' needs 'content': a string or an array of parts.";
}

static const char *messages_fault(const json_t *messages)
{
	const char *fault = NULL;

	if (!json_array_size(messages))
		return "'messages' is required: an array with at least one message.";
	for (size_t i = 0; !fault && i < json_array_size(messages); i++)
		fault = message_fault(json_array_get(messages, i));
	return fault;
}

static const char *options_fault(const json_t *root)
{
	const json_t *stream = json_object_get(root, "stream"), *options = json_object_get(root, "stream_options");
	const json_t *temperature = json_object_get(root, "temperature");

	if (stream && !json_is_boolean(stream) && !json_is_null(stream))
		return "'stream' must be a boolean.";
	if (json_is_object(options) && !json_is_true(stream))
		return "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
	if (json_is_number(temperature) && (json_number_value(temperature) < 0 || json_number_value(temperature) > 2))
		return "'temperature' must be between 0 and 2.";
	return NULL;
}

static const char *limit_fault(const json_t *root, json_int_t *limit)
{
	const json_t *value = json_object_get(root, "max_completion_tokens");

	if (!value)
		value = json_object_get(root, "max_tokens");
	*limit = json_integer_value(value);
	if (!value || json_is_null(value))
		return NULL;
	return json_is_integer(value) && *limit > 0 ? NULL : "'max_tokens' must be a positive integer.";
}

/* NULL when all is well, otherwise what is wrong. */
static const char *read_request(const json_t *root, struct chat_request *chat)
{
	const char *fault;

	chat->model         = wc_json_str(root, "model");
	chat->messages      = json_object_get(root, "messages");
	chat->stream        = json_is_true(json_object_get(root, "stream"));
	chat->include_usage = json_is_true(wc_json_at(root, "stream_options.include_usage"));
	if (!chat->model)
		return "you must provide a model parameter";
	if ((fault = messages_fault(chat->messages)) || (fault = options_fault(root)))
		return fault;
	return limit_fault(root, &chat->max_tokens);
}

/* The text of a message, its parts joined. */
static const char *message_text(wc_arena *a, const json_t *message)
{
	const json_t *content = json_object_get(message, "content"), *part;
	const char   *text    = json_is_string(content) ? json_string_value(content) : "";
	size_t        i;

	json_array_foreach(content, i, part) {
		const char *piece = wc_json_str(part, "text");

		if (piece)
			text = wc_printf(a, "%s%s", text, piece);
	}
	return text;
}

static const char *last_question(wc_arena *a, const json_t *messages)
{
	for (size_t i = json_array_size(messages); i-- > 0;) {
		const json_t *message = json_array_get(messages, i);

		if (!strcmp(wc_json_str(message, "role"), "user"))
			return message_text(a, message);
	}
	return "";
}

/* ---- tokens ---- */

static size_t char_bytes(const char *s)
{
	unsigned char c = (unsigned char)*s;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* The bytes of the token number i at s, and how many characters they are: 1 to 4 in turn, as uneven as a model's. */
static size_t token_bytes(const char *s, size_t i, size_t *chars)
{
	static const unsigned char turn[] = {2, 1, 3, 1, 2, 4, 1, 2, 2, 3};
	size_t                     n      = 0;

	for (*chars = 0; s[n] && *chars < turn[i % sizeof turn]; ++*chars)
		n += char_bytes(s + n);
	return n;
}

static size_t count_tokens(const char *s)
{
	size_t i = 0, chars;

	for (; *s; i++)
		s += token_bytes(s, i, &chars);
	return i;
}

static size_t count_prompt(wc_arena *a, const json_t *messages)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(messages); i++)
		n += count_tokens(message_text(a, json_array_get(messages, i)));
	return n;
}

/* Cuts the text after that many tokens; true when something was cut. */
static bool cut_tokens(wc_arena *a, const char **text, json_int_t most)
{
	const char *s = *text;
	size_t      chars;

	for (json_int_t i = 0; *s && i < most; i++)
		s += token_bytes(s, (size_t)i, &chars);
	if (!*s || !most)
		return false;
	*text = wc_strndup(a, *text, (size_t)(s - *text));
	return true;
}

/* ---- the answer ---- */

struct completion {
	wc_request             *rq;
	wc_arena               *a;
	const struct simulator *sim;
	struct chat_request     chat;
	struct control          speed;
	const char             *id, *text, *finish_reason;
	json_int_t              created;
};

static json_t *usage_of(const struct completion *c)
{
	json_int_t prompt = (json_int_t)count_prompt(c->a, c->chat.messages), answer = (json_int_t)count_tokens(c->text);

	return json_pack("{s:I, s:I, s:I}", "prompt_tokens", prompt, "completion_tokens", answer, "total_tokens", prompt + answer);
}

static int reply_whole(const struct completion *c)
{
	size_t chars = 0;

	for (const char *s = c->text; *s; s += char_bytes(s))
		chars++;
	wc_sleep_ms(c->speed.first_token_ms + (int64_t)chars * 1000 / c->speed.chars_per_s);
	return wc_reply(c->rq, 200, "{s:s, s:s, s:I, s:s, s:[{s:i, s:{s:s, s:s}, s:s}], s:o}",
	                "id", c->id, "object", "chat.completion", "created", c->created, "model", c->chat.model,
	                "choices", "index", 0, "message", "role", "assistant", "content", c->text,
	                "finish_reason", c->finish_reason, "usage", usage_of(c));
}

/* When the next characters are due, reckoned from the start and not from the last piece, so that no delay adds up. */
struct pace {
	int64_t rate;         /* characters a second */
	int64_t start_ms;     /* since this rate holds */
	int64_t chars;        /* sent since then */
	int64_t look_ms;      /* when to look at the rate again */
};

static void pace_start(struct pace *p, int64_t rate, int64_t now_ms)
{
	*p = (struct pace){.rate = rate, .start_ms = now_ms, .look_ms = now_ms + LOOK_MS};
}

/* A stream that is under way follows a change of the speed within a second; when it cannot be read, the old one holds. */
static void pace_look(struct pace *p, const struct simulator *sim, int64_t now_ms)
{
	wc_arena      *a = wc_arena_new();
	struct control now;
	wc_err         e;

	p->look_ms = now_ms + LOOK_MS;
	if (control_read(sim, a, &now, &e) == 0 && now.chars_per_s != p->rate)
		pace_start(p, now.chars_per_s, now_ms);
	wc_arena_free(a);
}

static void pace_wait(struct pace *p, const struct simulator *sim)
{
	for (;;) {
		int64_t now = wc_mono_ms(), due = p->start_ms + p->chars * 1000 / p->rate;

		if (now >= p->look_ms)
			pace_look(p, sim, now);
		else if (now < due)
			wc_sleep_ms((due < p->look_ms ? due : p->look_ms) - now);
		else
			return;
	}
}

/* Takes the chunk. -1: the client is gone. */
static int send_event(wc_request *rq, json_t *chunk)
{
	char *text = json_dumps(chunk, JSON_COMPACT), *line;
	int   n, rc;

	json_decref(chunk);
	if (!text || (n = asprintf(&line, "data: %s\n\n", text)) < 0)
		abort();
	rc = wc_stream_write(rq, line, (size_t)n);
	free(line);
	free(text);
	return rc;
}

/* Takes delta. With include_usage every chunk but the last says that usage is null. */
static int send_delta(const struct completion *c, json_t *delta, const char *finish_reason)
{
	json_t *chunk = json_pack("{s:s, s:s, s:I, s:s, s:[{s:i, s:o, s:s?}]}", "id", c->id, "object", "chat.completion.chunk",
	                          "created", c->created, "model", c->chat.model,
	                          "choices", "index", 0, "delta", delta, "finish_reason", finish_reason);

	if (c->chat.include_usage)
		json_object_set_new(chunk, "usage", json_null());
	return send_event(c->rq, chunk);
}

static int send_usage(const struct completion *c)
{
	return send_event(c->rq, json_pack("{s:s, s:s, s:I, s:s, s:[], s:o}", "id", c->id, "object", "chat.completion.chunk",
	                                   "created", c->created, "model", c->chat.model, "choices", "usage", usage_of(c)));
}

static int send_text(const struct completion *c)
{
	const char *s = c->text;
	struct pace pace;
	size_t      n, chars;

	pace_start(&pace, c->speed.chars_per_s, wc_mono_ms());
	for (size_t i = 0; *s; i++, s += n) {
		n = token_bytes(s, i, &chars);
		pace_wait(&pace, c->sim);
		if (send_delta(c, json_pack("{s:s%}", "content", s, n), NULL) < 0)
			return -1;
		pace.chars += (int64_t)chars;
	}
	return 0;
}

static int reply_stream(const struct completion *c)
{
	wc_sleep_ms(c->speed.first_token_ms);
	wc_stream_open(c->rq, 200, "text/event-stream");
	if (send_delta(c, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL) < 0 || send_text(c) < 0 ||
	    send_delta(c, json_object(), c->finish_reason) < 0 || (c->chat.include_usage && send_usage(c) < 0))
		return 0;     /* nobody listens any more */
	wc_stream_write(c->rq, "data: [DONE]\n\n", strlen("data: [DONE]\n\n"));
	return 0;
}

/* The line of a stream that is no JSON, a stream that says nothing more, one that ends in the middle. */
static int reply_broken(const struct completion *c, const char *fault)
{
	wc_stream_open(c->rq, 200, "text/event-stream");
	if (!strcmp(fault, "not_json"))
		return wc_stream_write(c->rq, "data: <html>Bad Gateway</html>\n\n", 32), 0;
	if (send_delta(c, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL) < 0)
		return 0;
	if (!strcmp(fault, "stall"))
		wc_sleep_ms(c->speed.model_stall_ms);
	return 0;
}

/* 1: the call failed as it was told to; 0: it is to be answered. */
static int fail_on_demand(const struct completion *c, const char *fault)
{
	if (!strcmp(fault, "none"))
		return 0;
	if (!strcmp(fault, "429"))
		wc_reply(c->rq, 429, "{s:{s:s, s:s, s:s}}", "error", "message", "Rate limit reached.", "type", "requests", "code", "rate_limit_exceeded");
	else if (!strcmp(fault, "500"))
		wc_reply(c->rq, 500, "{s:{s:s, s:s, s:n}}", "error", "message", "The server had an error.", "type", "server_error", "code");
	else
		reply_broken(c, fault);
	return 1;
}

static const char *completion_id(wc_arena *a)
{
	unsigned char raw[12];

	wc_random(raw, sizeof raw);
	return wc_printf(a, "chatcmpl-%s", wc_hex(a, raw, sizeof raw));
}

static int complete(struct completion *c)
{
	const char *fault;
	wc_err      e;

	if (control_read(c->sim, c->a, &c->speed, &e) < 0 || !(fault = control_take_fault(c->a, &c->speed, CONTROL_MODEL, &e)))
		return model_refuse(c->rq, 503, "server_is_overloaded", "The simulator's database is not available.");
	c->id            = completion_id(c->a);
	c->created       = wc_now_ms() / 1000;
	if (fail_on_demand(c, fault))
		return 0;
	c->text          = answer_to(c->a, last_question(c->a, c->chat.messages));
	c->finish_reason = cut_tokens(c->a, &c->text, c->chat.max_tokens) ? "length" : "stop";
	return c->chat.stream ? reply_stream(c) : reply_whole(c);
}

int model_chat(wc_request *rq, const void *self)
{
	const struct simulator *sim  = self;
	wc_slice                body = wc_raw_body(rq);
	struct completion       c    = {.rq = rq, .a = wc_request_arena(rq), .sim = sim};
	const json_t           *root;
	const char             *fault;
	wc_err                  e;

	if (!model_has_key(rq, sim))
		return 0;
	root = wc_json_parse(c.a, body.p, body.n, &e);
	if (!json_is_object(root))
		return model_refuse(rq, 400, NULL, "We could not parse the JSON body of your request.");
	fault = read_request(root, &c.chat);
	if (fault)
		return model_refuse(rq, 400, NULL, fault);
	if (!model_is_one_of(sim->models, c.chat.model))
		return model_refuse(rq, 404, "model_not_found", wc_printf(c.a, "The model '%s' does not exist.", c.chat.model));
	return complete(&c);
}

int model_list(wc_request *rq, const void *self)
{
	const struct simulator *sim  = self;
	wc_arena               *a    = wc_request_arena(rq);
	json_t                 *list = wc_json(a, "[]");
	size_t                  n;

	if (!model_has_key(rq, sim))
		return 0;
	for (const char *s = sim->models; *s; s += n + (s[n] == '|')) {
		n = strcspn(s, "|");
		if (n)
			json_array_append_new(list, json_pack("{s:s%, s:s, s:i, s:s}", "id", s, n, "object", "model", "created", 0,
			                                      "owned_by", "simulator"));
	}
	return wc_reply(rq, 200, "{s:s, s:O}", "object", "list", "data", list);
}
