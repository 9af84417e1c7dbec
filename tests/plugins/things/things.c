/* A plugin for tests of what REST has in common: a list of 500 rows, writes that can be repeated, large and secret answers, every type
 * of field. */
#include <wecomd/plugin.h>

#include <string.h>

struct things {
	bool unused;
};

/* --- a list --------------------------------------------------------------------------------------------------------- */

struct filter {
	const char *parity;
	int64_t     before;
};

static const wc_field filter_fields[] = {
	{WC_CHOICE, "parity", NULL, offsetof(struct filter, parity), "only these", .choices = "even|odd", .optional = true},
	{WC_INT, "before", NULL, offsetof(struct filter, before), "only ids below", .optional = true, .min = 1, .max = 1000000},
	{0}};

static const wc_field thing_fields[] = {
	{WC_INT, "id", NULL, 0, "its number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "name", NULL, 0, "what it is called"},
	{0}};

static wc_val parity(const struct filter *f)
{
	return f->parity ? wc_int(!strcmp(f->parity, "odd")) : wc_null();
}

static int list_things(wc_request *rq, const void *self)
{
	const struct filter *f    = wc_query(rq);
	wc_list             *list = wc_list_begin(rq);
	wc_rows              rows;
	wc_err               e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT id, name FROM things_thing WHERE id > ? AND id < ? AND id % 2 = COALESCE(?, id % 2) ORDER BY id LIMIT ?",
	                wc_int(wc_list_after(list, 0)), wc_int(f->before == WC_ABSENT ? INT64_MAX : f->before), parity(f),
	                wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		wc_list_add(list, json_pack("{s:I, s:s}", "id", (json_int_t)wc_row_int(&rows, i, 0), "name", wc_row_text(&rows, i, 1)), "%s",
		            wc_row_text(&rows, i, 0));
	return wc_list_reply(list);
}

/* The other way to page: by a text. */
static int list_words(wc_request *rq, const void *self)
{
	static const char *const words[] = {"甲/a", "乙 b", "丙%c", "丁\"d"};
	wc_list                 *list    = wc_list_begin(rq);
	const char              *after   = wc_list_after_text(list);
	size_t                   i       = 0;

	(void)self;
	while (after && i < 4 && strcmp(words[i], after))
		i++;
	for (i += after != NULL; i < 4; i++)
		wc_list_add(list, json_string(words[i]), "%s", words[i]);
	return wc_list_reply(list);
}

/* --- writes --------------------------------------------------------------------------------------------------------- */

struct thing {
	const char *name;
	int64_t     status, size;
};

static const wc_field new_fields[] = {
	{WC_STRING, "name", NULL, offsetof(struct thing, name), "what it is called", .min = 1, .max = 64},
	{WC_INT, "status", "201", offsetof(struct thing, status), "what to answer", .min = 200, .max = 599},
	{WC_SIZE, "size", "0", offsetof(struct thing, size), "of the answer, about", .max = 1 << 20},
	{0}};

static const char *filler(wc_arena *a, int64_t n)
{
	char *text = wc_alloc(a, (size_t)n + 1);

	memset(text, 'x', (size_t)n);
	return text;
}

static int add(wc_request *rq, wc_rows *rows, wc_err *e)
{
	const struct thing *t = wc_body(rq);

	return wc_db_query(NULL, wc_request_arena(rq), rows, e, "INSERT INTO things_thing (name) VALUES (?) RETURNING id", wc_text(t->name));
}

static int create(wc_request *rq, const void *self)
{
	const struct thing *t = wc_body(rq);
	wc_rows             rows;
	wc_err              e;

	(void)self;
	if (add(rq, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	if (t->status >= 400)
		return wc_problem(rq, (int)t->status, "as_asked", "made, and answered as asked");
	if (t->status == 204)
		return wc_reply_bytes(rq, 204, "", (wc_slice){0});
	return wc_reply(rq, (int)t->status, "{s:I, s:s}", "id", (json_int_t)wc_row_int(&rows, 0, 0), "filler",
	                filler(wc_request_arena(rq), t->size));
}

static int create_secret(wc_request *rq, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (add(rq, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	wc_answer_is_secret(rq);
	return wc_reply(rq, 201, "{s:s}", "key", filler(wc_request_arena(rq), 3000));
}

static int create_in_pieces(wc_request *rq, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (add(rq, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	wc_stream_open(rq, 200, "text/plain");
	return wc_stream_write(rq, "done", 4);
}

static int delete_thing(wc_request *rq, const void *self)
{
	wc_err  e;
	int64_t n = wc_db_exec(NULL, &e, "DELETE FROM things_thing WHERE id = ?", wc_text(wc_path_param(rq, "id")));

	(void)self;
	if (n < 0)
		return wc_reply_err(rq, &e);
	return n ? wc_reply_bytes(rq, 204, "", (wc_slice){0}) : wc_problem(rq, 404, "not_found", "there is no such thing");
}

static int forget(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	if (wc_job_add(NULL, &(wc_job_spec){.kind = "api.forget-answers", .key = "things.forget"}, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 202, "{}");
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static int large(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply(rq, 200, "{s:s}", "filler", filler(wc_request_arena(rq), 5000));
}

static int secret(wc_request *rq, const void *self)
{
	(void)self;
	wc_answer_is_secret(rq);
	return wc_reply(rq, 200, "{s:s}", "token", filler(wc_request_arena(rq), 5000));
}

/* The same header as often as it is asked for. */
static int with_header(wc_request *rq, const void *self)
{
	const char *name = wc_query_param(rq, "name"), *value = wc_query_param(rq, "value"), *times = wc_query_param(rq, "times");
	int         set = 0;

	(void)self;
	for (int i = 0; i < atoi(times ? times : "1"); i++)
		set += wc_reply_header(rq, name, value) == 0;
	return wc_reply(rq, 200, "{s:i}", "set", set);
}

static int echo(wc_request *rq, const void *self)
{
	(void)self;
	return wc_reply(rq, 200, "{s:s}", "name", wc_path_param(rq, "name"));
}

struct every {
	const char        *text, *secret, *choice;
	int64_t            number, pause_ms, size, at_ms;
	bool               on;
	const char *const *list;
	const json_t      *object;
};

#define OF(member) offsetof(struct every, member)

static const wc_field every_fields[] = {
	{WC_STRING, "text", NULL, OF(text), "a text", .optional = true, .min = 2, .max = 8},
	{WC_SECRET, "secret", "hush", OF(secret), "a secret"},
	{WC_CHOICE, "choice", NULL, OF(choice), "a choice", .choices = "a|b", .optional = true},
	{WC_INT, "number", NULL, OF(number), "a number", .optional = true, .min = -5, .max = 5},
	{WC_DURATION, "pause", NULL, OF(pause_ms), "a duration", .optional = true},
	{WC_SIZE, "size", "4k", OF(size), "a size"},
	{WC_TIME, "at", NULL, OF(at_ms), "a time", .optional = true},
	{WC_BOOL, "on", "yes", OF(on), "a switch"},
	{WC_LIST, "list", "x, y", OF(list), "texts", .max = 3},
	{WC_OBJECT, "object", NULL, OF(object), "an object", .optional = true},
	{0}};

static json_t *number(int64_t value)
{
	return value == WC_ABSENT ? json_null() : json_integer(value);
}

static json_t *texts(const char *const *list)
{
	json_t *array = json_array();

	for (; *list; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

static int tell(wc_request *rq, const struct every *x)
{
	return wc_reply(rq, 200, "{s:s?, s:s?, s:o, s:o, s:I, s:o, s:b, s:o, s:O?}", "text", x->text, "choice", x->choice, "number",
	                number(x->number), "pause", number(x->pause_ms), "size", (json_int_t)x->size, "at",
	                x->at_ms == WC_ABSENT ? json_null() : json_string(wc_time_text(wc_request_arena(rq), x->at_ms)), "on", (int)x->on,
	                "list", texts(x->list), "object", x->object);
}

static int tell_body(wc_request *rq, const void *self)
{
	(void)self;
	return tell(rq, wc_body(rq));
}

static int tell_query(wc_request *rq, const void *self)
{
	(void)self;
	return tell(rq, wc_query(rq));
}

WC_PLUGIN(things, struct things,
	.summary = "Shows what REST has in common",
	.needs   = WC_NEEDS("hello"),
	.routes  = WC_ROUTES(
		{WC_GET, "/api/things", WC_VIEWER, list_things, "Lists things", .query = filter_fields, .query_size = sizeof(struct filter),
		 .list = true, .answer = thing_fields},
		{WC_GET, "/api/things/words", WC_VIEWER, list_words, "Lists words", .list = true},
		{WC_POST, "/api/things", WC_OPERATOR, create, "Makes a thing", new_fields, sizeof(struct thing)},
		{WC_PUT, "/api/things", WC_OPERATOR, create, "Makes a thing too", new_fields, sizeof(struct thing)},
		{WC_POST, "/api/things/secret", WC_OPERATOR, create_secret, "Answers with a secret", new_fields, sizeof(struct thing)},
		{WC_POST, "/api/things/pieces", WC_OPERATOR, create_in_pieces, "Answers in pieces", new_fields, sizeof(struct thing)},
		{WC_POST, "/api/things/anyone", WC_ANYONE, create, "For anyone", new_fields, sizeof(struct thing)},
		{WC_DELETE, "/api/things/{id}", WC_OPERATOR, delete_thing, "Takes a thing away"},
		{WC_POST, "/api/things/forget", WC_OPERATOR, forget, "Deletes answers whose day is over"},
		{WC_GET, "/api/things/large", WC_VIEWER, large, "Answers with 5 KB"},
		{WC_GET, "/api/things/secret", WC_VIEWER, secret, "Answers with 5 KB of a secret"},
		{WC_GET, "/api/things/header", WC_VIEWER, with_header, "Answers with a header"},
		{WC_GET, "/api/things/echo/{name}", WC_VIEWER, echo, "Says its path parameter"},
		{WC_POST, "/api/things/every", WC_VIEWER, tell_body, "Takes every type", every_fields, sizeof(struct every)},
		{WC_GET, "/api/things/every", WC_VIEWER, tell_query, "Takes every type", .query = every_fields,
		 .query_size = sizeof(struct every)}));
