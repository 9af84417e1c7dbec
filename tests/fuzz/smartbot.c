/* What smartbot makes of a decrypted event. Input: the event. The plugin's own event.c and card.c run; the host's side of a callback and
 * what would ask the database is played here. */
#include "key.h"

#include "../../plugins/smartbot/smartbot.h"

#include <wecomd/buf.h>
#include <wecomd/callback.h>
#include <wecomd/seal.h>

#include <stdarg.h>

#define JOBS     4
#define ARGS_MAX (64u << 10)

struct job {
	const char *kind, *lane, *key, *args;
};

struct wc_callback {
	wc_arena   *arena;
	const char *note;
	wc_slice    msg;
	const char *identity;
	struct job  job[JOBS];
	size_t      jobs;
	const char *reply;
	const char *wait_key;
};

/* --- the host -------------------------------------------------------------------------------------------------------- */

wc_arena *wc_callback_arena(wc_callback *cb)
{
	return cb->arena;
}

int64_t wc_callback_endpoint(const wc_callback *cb)
{
	(void)cb;
	return 7;
}

const char *wc_callback_name(const wc_callback *cb)
{
	(void)cb;
	return "helpdesk";
}

const char *wc_callback_note(const wc_callback *cb)
{
	return cb->note;
}

wc_slice wc_callback_msg(const wc_callback *cb)
{
	return cb->msg;
}

void wc_callback_identity(wc_callback *cb, const char *part, ...)
{
	wc_buf *b = wc_buf_new(cb->arena, 1u << 21);
	va_list args;

	va_start(args, part);
	for (; part; part = va_arg(args, const char *))
		wc_buf_addf(b, "%zu:%s,", strlen(part), part);
	va_end(args);
	must(!wc_buf_failed(b));
	cb->identity = b->s;
}

void wc_callback_job(wc_callback *cb, const char *kind, const char *lane, const char *key, const json_t *args)
{
	must(cb->jobs < JOBS && json_is_object(args));
	cb->job[cb->jobs++] = (struct job){kind, lane ? lane : "", key, wc_json_text(cb->arena, args)};
}

/* The place in the lane comes from the key: none to five stand before. */
void wc_callback_if_behind(wc_callback *cb, wc_callback_behind *behind, const void *ctx)
{
	struct job *job;

	must(cb->jobs > 0);
	job = &cb->job[cb->jobs - 1];
	must(job->key && strlen(job->key) == 32 && *job->lane);
	if (job->key[0] % 6)
		job->args = wc_json_text(cb->arena, behind(cb, job->key[0] % 6, ctx));
}

void wc_callback_reply(wc_callback *cb, const json_t *reply)
{
	must(json_is_object(reply));
	cb->reply = wc_json_text(cb->arena, reply);
}

void wc_callback_wait(wc_callback *cb, const char *key, int64_t ms, wc_callback_answer *answer)
{
	must(ms <= 4000 && answer);
	cb->wait_key = key;
}

/* --- what would ask the database ------------------------------------------------------------------------------------- */

json_t *bot_welcome_notice(wc_arena *a, const struct bot *bot, const char *link)
{
	(void)bot;
	return wc_json(a, "{s:s, s:s}", "card_type", "news_notice", "link", link);
}

const char *lane_of(wc_arena *a, const char *bot, const char *user)
{
	return wc_printf(a, "%s/%s", bot, user);
}

const char *queued_text(wc_arena *a, int64_t ahead)
{
	return wc_printf(a, "%d", (int)ahead);
}

int bot_load(wc_arena *a, int64_t id, struct bot *bot, wc_err *e)
{
	(void)a, (void)e;
	must(id == 7);
	*bot = (struct bot){.id = 7, .name = "helpdesk", .welcome = "您好", .welcome_card = "", .welcome_image = ""};
	return 0;
}

const json_t *stream_answer(wc_callback *cb, const struct smartbot *self, const char *stream_id, const char *user, wc_err *e)
{
	(void)self, (void)user, (void)e;
	must(strlen(stream_id) <= 256);
	return wc_json(cb->arena, "{s:s, s:{s:s, s:b, s:s}}", "msgtype", "stream", "stream", "id", stream_id, "finish", 1, "content", "");
}

const json_t *card_answer(wc_callback *cb, const char *key, const void *self, wc_err *e)
{
	(void)cb, (void)key, (void)self, (void)e;
	return NULL;
}

/* --- what must hold --------------------------------------------------------------------------------------------------- */

static const struct smartbot settings = {.in_flight = 3, .link = ""};

static int receive(wc_callback *cb, wc_arena *a, const char *note, struct input in)
{
	wc_err e = {0};
	int    rc;

	*cb = (wc_callback){.arena = a, .note = note, .msg = {in.p, in.n}};
	rc  = event_receive(cb, &settings, &e);
	must(rc == 0 || (e.code && *e.text && wc_utf8_valid(e.text, strlen(e.text))));
	return rc;
}

/* The host's own bounds: what breaks them could not be committed, and the message would be lost. */
static void check_job(const struct job *j)
{
	must(!strcmp(j->kind, "smartbot.answer") || !strcmp(j->kind, "smartbot.card") || !strcmp(j->kind, "smartbot.feedback"));
	must(strlen(j->key) == 32);
	must(strlen(j->args) <= ARGS_MAX);
}

static void check_answer_args(wc_arena *a, const struct job *j)
{
	wc_err        e;
	const json_t *args = wc_json_parse(a, j->args, strlen(j->args), &e), *parts = json_object_get(args, "parts"), *part;
	size_t        i, bytes = 0, n = json_array_size(parts) + json_array_size(json_object_get(args, "quote"));

	must(args && n > 0 && n <= 40);
	must(*wc_json_str(args, "user") && strlen(wc_json_str(args, "user")) <= 128 && strlen(wc_json_str(args, "chat")) <= 128);
	json_array_foreach(parts, i, part) {
		const char *text = wc_json_str(part, "text");

		must(json_object_size(part) == 1);
		bytes += text ? strlen(text) : 0;
		for (const char *c = text ? text : ""; *c; c++)
			must((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t');
	}
	must(bytes <= 16384);
}

static void check_reply(wc_arena *a, const char *reply)
{
	wc_err        e;
	const json_t *json = wc_json_parse(a, reply, strlen(reply), &e);
	const char   *type = wc_json_str(json, "msgtype");

	must(strlen(reply) <= 4096);
	must(type && (!strcmp(type, "stream") || !strcmp(type, "text")));
	must(json_is_object(json_object_get(json, type)));
}

static void check(const wc_callback *cb)
{
	must(!cb->jobs || cb->identity);
	must(!cb->wait_key || (cb->jobs == 1 && !strcmp(cb->wait_key, cb->job[0].key)));
	for (size_t i = 0; i < cb->jobs; i++) {
		check_job(&cb->job[i]);
		if (!strcmp(cb->job[i].kind, "smartbot.answer"))
			check_answer_args(cb->arena, &cb->job[i]);
	}
	if (cb->reply)
		check_reply(cb->arena, cb->reply);
}

static bool same_text(const char *x, const char *y)
{
	return x && y ? !strcmp(x, y) : x == y;
}

/* A repeated event is known by its identity and gets the same reply. */
static void check_same(const wc_callback *x, const wc_callback *y)
{
	must(same_text(x->identity, y->identity) && same_text(x->reply, y->reply) && x->jobs == y->jobs);
	for (size_t i = 0; i < x->jobs; i++)
		must(!strcmp(x->job[i].kind, y->job[i].kind) && !strcmp(x->job[i].lane, y->job[i].lane) && !strcmp(x->job[i].key, y->job[i].key) &&
		     !strcmp(x->job[i].args, y->job[i].args));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {(const char *)data, size};
	wc_arena    *a  = wc_arena_new();
	wc_callback  cb, again;

	load_key();
	in.p = text_of(a, in);
	if (receive(&cb, a, "-", in) == 0) {
		check(&cb);
		must(receive(&again, a, "-", in) == 0);
		check_same(&cb, &again);
	}
	if (receive(&cb, a, "+helpdesk", in) == 0)
		check(&cb);
	wc_arena_free(a);
	return 0;
}
