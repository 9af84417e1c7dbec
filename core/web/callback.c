/* Callbacks: verify, decrypt, let the plugin say what shall happen, commit, and only then acknowledge. */
#include "web/request.h"

#include "base/base.h"
#include "wecom/wecom.h"
#include "work/work.h"

#include <wecomd/buf.h>
#include <wecomd/clock.h>
#include <wecomd/job.h>
#include <wecomd/log.h>
#include <wecomd/metric.h>
#include <wecomd/plugin.h>
#include <wecomd/seal.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_MS 4000     /* WeCom waits 5 seconds, and the way there and back takes its part */

/* --- endpoints: an immutable list, replaced as a whole, freed by its last user --------------------------------------- */

struct endpoint {
	wc_endpoint                given;
	wc_envelope                envelope;
	const struct web_callback *owner;
	struct endpoint           *next;
};

struct wc_endpoint_list {
	wc_arena                  *arena;
	struct endpoint           *first;
	const struct web_callback *owner;     /* whose endpoints are being added */
	atomic_int                 users;
};

static pthread_mutex_t   lock = PTHREAD_MUTEX_INITIALIZER;
static wc_endpoint_list *current;

static void release(wc_endpoint_list *list)
{
	if (list && atomic_fetch_sub(&list->users, 1) == 1)
		wc_arena_free(list->arena);
}

static wc_endpoint_list *borrow(void)
{
	wc_endpoint_list *list;

	pthread_mutex_lock(&lock);
	list = current;
	if (list)
		atomic_fetch_add(&list->users, 1);
	pthread_mutex_unlock(&lock);
	return list;
}

static const struct endpoint *find(const wc_endpoint_list *list, const char *name)
{
	for (const struct endpoint *p = list->first; p; p = p->next)
		if (!strcmp(p->given.name, name))
			return p;
	return NULL;
}

void wc_endpoint_add(wc_endpoint_list *list, const wc_endpoint *given)
{
	wc_arena        *a = list->arena;
	struct endpoint *p = wc_alloc(a, sizeof *p);
	wc_err           e;

	p->given = (wc_endpoint){wc_strdup(a, given->name), given->id, wc_strdup(a, given->token), wc_strdup(a, given->aes_key),
	                         wc_strdup(a, given->receiveid), wc_strdup(a, given->note)};
	p->owner = list->owner;
	if (find(list, given->name))
		wc_log(WC_ERROR, "two callback endpoints have one name; the first is used", wc_kv_s("endpoint", given->name));
	else if (wc_envelope_init(&p->envelope, p->given.token, p->given.aes_key, p->given.receiveid, &e) < 0)
		wc_log(WC_ERROR, "a callback endpoint cannot be used", wc_kv_s("endpoint", given->name), wc_kv_s("error", e.text));
	else {
		p->next     = list->first;
		list->first = p;
	}
}

/* What the plugin could not say just now stays as it was known before. */
static void keep_known(wc_endpoint_list *list, const wc_endpoint_list *before)
{
	for (const struct endpoint *p = before ? before->first : NULL; p; p = p->next)
		if (p->owner == list->owner)
			wc_endpoint_add(list, &p->given);
}

void endpoints_refresh(const struct web_callback *callbacks)
{
	wc_arena         *a    = wc_arena_new();
	wc_endpoint_list *list = wc_alloc(a, sizeof *list), *before = borrow();
	bool              known = before != NULL;
	wc_err            e;

	list->arena = a;
	atomic_init(&list->users, 1);
	for (const struct web_callback *c = callbacks; c->kind; c++) {
		list->owner = c;
		if (c->kind->endpoints(list, self_now(c->self), &e) == 0) {
			known = true;
			continue;
		}
		wc_log(WC_WARN, "callback endpoints could not be read; the known ones stay", wc_kv_s("plugin", c->owner), wc_kv_s("error", e.text));
		keep_known(list, before);
	}
	/* Before the first success nothing is known, which is not the same as "there are none". */
	pthread_mutex_lock(&lock);
	if (known) {
		wc_endpoint_list *old = current;

		current = list;
		list    = old;
	}
	pthread_mutex_unlock(&lock);
	release(list);
	release(before);
}

size_t endpoints_each(void (*fn)(void *ctx, const wc_endpoint *endpoint, const wc_envelope *envelope), void *ctx)
{
	wc_endpoint_list *list = borrow();
	size_t            n    = 0;

	for (const struct endpoint *p = list ? list->first : NULL; p; p = p->next, n++)
		fn(ctx, &p->given, &p->envelope);
	release(list);
	return n;
}

/* --- what a plugin sees --------------------------------------------------------------------------------------------- */

struct wc_callback {
	wc_arena              *arena;
	const struct endpoint *endpoint;
	wc_slice               msg;
	bool                   identified;
	struct inbox_entry     entry;
	struct inbox_job     **last_job, *added_last;
	const json_t          *reply;
	const char            *wait_key;
	int64_t                wait_ms;
	wc_callback_answer    *wait_answer;
};

wc_arena *wc_callback_arena(wc_callback *cb)
{
	return cb->arena;
}

int64_t wc_callback_endpoint(const wc_callback *cb)
{
	return cb->endpoint->given.id;
}

const char *wc_callback_name(const wc_callback *cb)
{
	return cb->endpoint->given.name;
}

const char *wc_callback_note(const wc_callback *cb)
{
	return cb->endpoint->given.note;
}

wc_slice wc_callback_msg(const wc_callback *cb)
{
	return cb->msg;
}

void wc_callback_identity(wc_callback *cb, const char *part, ...)
{
	wc_buf *b = wc_buf_new(cb->arena, 1u << 20);
	va_list args;

	/* Lengths keep ("ab", "c") and ("a", "bc") apart. */
	va_start(args, part);
	for (; part; part = va_arg(args, const char *))
		wc_buf_addf(b, "%zu:%s,", strlen(part), part);
	va_end(args);
	wc_keyed_hash(cb->entry.dedupe_key, "inbox.identity", cb->endpoint->given.name, b->s, NULL);
	cb->identified = !wc_buf_failed(b);
}

void wc_callback_job(wc_callback *cb, const char *kind, const char *lane, const char *key, const json_t *args)
{
	struct inbox_job *j = wc_alloc(cb->arena, sizeof *j);

	j->spec = (wc_job_spec){wc_strdup(cb->arena, kind), wc_strdup(cb->arena, lane), wc_strdup(cb->arena, key), args, 0};
	*cb->last_job  = j;
	cb->last_job   = &j->next;
	cb->added_last = j;
}

struct behind {
	wc_callback        *cb;
	wc_callback_behind *fn;
	const void         *ctx;
};

static const json_t *tell_behind(void *ctx, int64_t ahead)
{
	struct behind *b = ctx;

	return b->fn(b->cb, ahead, b->ctx);
}

void wc_callback_if_behind(wc_callback *cb, wc_callback_behind *fn, const void *ctx)
{
	struct behind *b = wc_alloc(cb->arena, sizeof *b);

	*b                    = (struct behind){cb, fn, ctx};
	cb->added_last->behind = tell_behind;
	cb->added_last->ctx    = b;
}

void wc_callback_reply(wc_callback *cb, const json_t *reply)
{
	cb->reply = reply;
}

void wc_callback_wait(wc_callback *cb, const char *key, int64_t ms, wc_callback_answer *answer)
{
	cb->wait_key    = wc_strdup(cb->arena, key);
	cb->wait_ms     = ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
	cb->wait_answer = answer;
}

/* --- waiting for a job ---------------------------------------------------------------------------------------------- */

static atomic_int waiting, waiting_max = 1;

void callbacks_threads(int64_t threads)
{
	atomic_store(&waiting_max, threads > 3 ? (int)(threads / 2) : 1);
}

/* Short looks at first: most such jobs are done in a few milliseconds. A job of another node rings no bell here. */
static bool job_ended(wc_callback *cb, wc_err *e)
{
	int64_t end = wc_mono_ms() + cb->wait_ms;

	for (int64_t pause = 5;; pause = pause < 80 ? 2 * pause : 100) {
		wc_arena    *a = wc_arena_new();
		wc_job_state state;
		int          rc = wc_job_state_of(NULL, a, cb->wait_key, &state, NULL, e);

		wc_arena_free(a);
		if (rc == 0 && (state == WC_JOB_DONE || state == WC_JOB_DEAD))
			return true;
		if (wc_mono_ms() + pause > end) {
			if (rc == 0)
				wc_fail(e, WC_E_TIMEOUT, "the job did not end within %d ms", (int)cb->wait_ms);
			return false;
		}
		wc_sleep_ms(pause);
	}
}

/* What was committed stays acknowledged, whatever becomes of the wait. */
static void wait_for_reply(wc_callback *cb)
{
	bool   turn = atomic_fetch_add(&waiting, 1) < atomic_load(&waiting_max);
	wc_err e    = {0};

	if (!turn)
		wc_fail(&e, WC_E_STOPPED, "too many callbacks wait already");
	else if (job_ended(cb, &e))
		cb->reply = cb->wait_answer(cb, cb->wait_key, cb->endpoint->owner->self, &e);
	atomic_fetch_sub(&waiting, 1);
	if (!cb->reply && e.code)
		wc_log(WC_WARN, "a callback got no reply from its job", wc_kv_s("endpoint", cb->endpoint->given.name), wc_kv_s("why", e.text));
}

/* --- the two routes ------------------------------------------------------------------------------------------------- */

struct signed_by {
	const char *signature, *timestamp, *nonce;
};

static int read_signature(wc_request *rq, struct signed_by *s, wc_err *e)
{
	s->signature = wc_query_param(rq, "msg_signature");
	s->timestamp = wc_query_param(rq, "timestamp");
	s->nonce     = wc_query_param(rq, "nonce");
	if (!s->signature || !s->timestamp || !s->nonce)
		return wc_fail(e, WC_E_ARG, "msg_signature, timestamp and nonce are needed");
	return 0;
}

static int64_t window_ms;

void callback_window(int64_t ms)
{
	window_ms = ms;
}

/* Asked once the signature has matched, which covers the timestamp: so nobody but WeCom can make an old callback look new, and a copy
 * of an old one is worth nothing. The dedupe key keeps what is repeated within the window from being done twice. */
static int check_time(const struct signed_by *s, wc_err *e)
{
	size_t  n      = strspn(s->timestamp, "0123456789");
	int64_t sent_s = n && n <= 12 && !s->timestamp[n] ? strtoll(s->timestamp, NULL, 10) : -1, off;

	if (!window_ms)
		return 0;
	if (sent_s < 0)
		return wc_fail(e, WC_E_DENIED, "the timestamp is not a number of seconds");
	off = llabs(wc_now_ms() - sent_s * 1000);
	if (off > window_ms)
		return wc_fail(e, WC_E_DENIED, "the timestamp is %lld s from our clock, more than [web] callback_window; is the clock right?",
		               (long long)off / 1000);
	return 0;
}

static int refuse(wc_request *rq, const char *name, const wc_err *e)
{
	wc_log(WC_WARN, "callback refused", wc_kv_s("endpoint", name), wc_kv_s("why", e->text));
	wc_count("wecomd_callbacks_total", 1, name, wc_err_status(e->code) < 500 ? "refused" : "failed", NULL);
	return wc_reply_err(rq, e);
}

/* An address of [web] callback_from passes. For the rest WeCom's own list decides where it is known ([wecom] callback_ips); where neither
 * says anything, everybody passes. */
static bool may_call_back(const char *address)
{
	bool   known = false, allowed = false;
	wc_err e;

	if (callback_from_is_set() && callback_from_has(address))
		return true;
	if (wecom_callback_from(address, &known, &allowed, &e) < 0)
		wc_log(WC_WARN, "WeCom's list of addresses cannot be read", wc_kv_s("error", e.text));
	return known ? allowed : !callback_from_is_set();
}

/* Before anything is read of it. */
static bool comes_from_wecom(wc_request *rq)
{
	const char *address = wc_client_address(rq);

	if (may_call_back(address))
		return true;
	wc_log(WC_WARN, "callback refused", wc_kv_s("why", "callbacks are not taken from this address"), wc_kv_s("address", address));
	wc_problem(rq, 403, "address_not_allowed", "callbacks are not taken from this address");
	return false;
}

/* The endpoint of the path's {name}; sends the answer where there is none. */
static const struct endpoint *endpoint_of(wc_request *rq, wc_endpoint_list *list)
{
	const char            *name = wc_path_param(rq, "name");
	const struct endpoint *p;

	if (!comes_from_wecom(rq))
		return NULL;
	if (!list) {
		wc_problem(rq, 503, "database_unavailable", "the callback endpoints are not known yet");
		return NULL;
	}
	if (!(p = find(list, name)))
		wc_problem(rq, 404, "not_found", "no callback endpoint has this name");
	return p;
}

static void release_list(void *list)
{
	release(list);
}

/* The list lives as long as the request. */
static wc_endpoint_list *borrow_for(wc_request *rq)
{
	wc_endpoint_list *list = borrow();

	wc_defer(wc_request_arena(rq), release_list, list);
	return list;
}

/* WeCom checks the URL when it is saved (doc/90930): the answer is the decrypted echo string, exactly. */
static int verify_url(wc_request *rq, const void *self)
{
	const struct endpoint *p    = endpoint_of(rq, borrow_for(rq));
	const char            *echo = wc_query_param(rq, "echostr");
	char                  *fixed;
	struct signed_by       s;
	wc_slice               msg;
	wc_err                 e;

	(void)self;
	if (!p)
		return 0;
	if (!echo)
		return wc_problem(rq, 400, "bad_request", "echostr is needed");
	/* A space is never base64: somebody on the way took '+' for one. */
	fixed = wc_strdup(wc_request_arena(rq), echo);
	for (char *c = fixed; (c = strchr(c, ' ')); )
		*c = '+';
	if (read_signature(rq, &s, &e) < 0 ||
	    wc_envelope_open(&p->envelope, wc_request_arena(rq), s.signature, s.timestamp, s.nonce, (wc_slice){fixed, strlen(fixed)}, &msg, &e) < 0 ||
	    check_time(&s, &e) < 0)
		return refuse(rq, p->given.name, &e);
	return wc_reply_bytes(rq, 200, "text/plain", msg);
}

static int open_event(wc_request *rq, wc_callback *cb, const struct signed_by *s, bool *is_xml, wc_err *e)
{
	wc_slice encrypt;

	if (wc_envelope_unwrap(cb->arena, wc_raw_body(rq), &encrypt, is_xml, e) < 0)
		return -1;
	if (wc_envelope_open(&cb->endpoint->envelope, cb->arena, s->signature, s->timestamp, s->nonce, encrypt, &cb->msg, e) < 0)
		return -1;
	return check_time(s, e);
}

/* A known event gets the reply that its job's place asks for now. */
static int reply_once_more(wc_callback *cb, wc_err *e)
{
	for (const struct inbox_job *j = cb->entry.jobs; j; j = j->next) {
		int64_t ahead = j->behind ? wc_lane_ahead(cb->arena, j->spec.lane, j->spec.key, e) : 0;

		if (ahead < 0)
			return -1;
		if (ahead)
			j->behind(j->ctx, ahead);
	}
	return 0;
}

static int commit(wc_callback *cb, wc_err *e)
{
	int rc;

	if (!cb->identified)
		return cb->entry.jobs ? wc_fail(e, WC_E_INTERNAL, "a callback with jobs needs an identity") : 0;
	cb->entry.endpoint = cb->endpoint->given.name;
	cb->entry.payload  = cb->msg;
	rc                 = inbox_commit(cb->arena, &cb->entry, e);
	if (rc == 0 && reply_once_more(cb, e) < 0)
		return -1;
	if (rc >= 0)
		wc_log(WC_INFO, rc ? "callback" : "callback repeated", wc_kv_s("endpoint", cb->entry.endpoint));
	return rc;
}

static int send_reply(wc_request *rq, wc_callback *cb, const struct signed_by *s, bool is_xml)
{
	wc_slice    body = {"", 0};
	const char *text;
	wc_err      e;

	if (cb->reply) {
		text = wc_json_text(cb->arena, cb->reply);
		if (wc_envelope_reply(&cb->endpoint->envelope, cb->arena, is_xml, s->timestamp, s->nonce, (wc_slice){text, strlen(text)}, &body, &e) < 0)
			return wc_reply_err(rq, &e);
	}
	return wc_reply_bytes(rq, 200, is_xml ? "application/xml" : "text/plain; charset=utf-8", body);
}

static int receive(wc_request *rq, const void *self)
{
	wc_callback      cb = {.arena = wc_request_arena(rq), .endpoint = endpoint_of(rq, borrow_for(rq))};
	struct signed_by s;
	bool             is_xml;
	wc_err           e;
	int              rc;

	(void)self;
	if (!cb.endpoint)
		return 0;
	cb.last_job = &cb.entry.jobs;
	if (read_signature(rq, &s, &e) < 0 || open_event(rq, &cb, &s, &is_xml, &e) < 0 ||
	    cb.endpoint->owner->kind->receive(&cb, self_now(cb.endpoint->owner->self), &e) < 0)
		return refuse(rq, cb.endpoint->given.name, &e);
	rc = commit(&cb, &e);
	wc_count("wecomd_callbacks_total", 1, cb.endpoint->given.name, rc < 0 ? "failed" : !cb.identified ? "read" : rc ? "new" : "repeated", NULL);
	if (rc < 0)
		return wc_reply_err(rq, &e);
	if (cb.wait_key)
		wait_for_reply(&cb);
	return send_reply(rq, &cb, &s, is_xml);
}

/* --- once more ------------------------------------------------------------------------------------------------------ */

static const struct web_callback *known_callbacks;

void callback_use(const struct web_callback *callbacks)
{
	known_callbacks = callbacks;
}

static wc_endpoint_list *borrow_or_ask(void)
{
	wc_endpoint_list *list = borrow();

	if (!list && known_callbacks) {
		endpoints_refresh(known_callbacks);
		list = borrow();
	}
	return list;
}

int callback_replay(wc_arena *a, const char *endpoint, wc_slice msg, struct inbox_job **jobs, wc_err *e)
{
	wc_endpoint_list *list = borrow_or_ask();
	wc_callback      *cb   = wc_alloc(a, sizeof *cb);     /* its jobs may ask it again */
	int               rc;

	*cb = (wc_callback){.arena = a, .endpoint = list ? find(list, endpoint) : NULL, .msg = msg};
	wc_defer(a, release_list, list);
	if (!cb->endpoint)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no callback endpoint %s any more", endpoint);
	cb->last_job = &cb->entry.jobs;
	rc           = cb->endpoint->owner->kind->receive(cb, self_now(cb->endpoint->owner->self), e);
	*jobs        = cb->entry.jobs;
	return rc;
}

WC_PART(web_part, "web",
	.summary = "callbacks of WeCom",
	.routes  = WC_ROUTES(
		{WC_GET, "/wecom/callback/{name}", WC_ANYONE, verify_url, "WeCom verifies a callback URL"},
		{WC_POST, "/wecom/callback/{name}", WC_ANYONE, receive, "WeCom delivers an event"}));
