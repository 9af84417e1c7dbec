/* A call as plugins make it: limit, token, request, at most one second request with a fresh token, and the answer's class. */
#include "wecom/call.h"

#include <wecomd/clock.h>
#include <wecomd/lease.h>
#include <wecomd/seal.h>

#define RATE_WAIT_MS 1000

static int64_t with_jitter(int64_t ms)
{
	unsigned short r;

	wc_random(&r, sizeof r);
	return ms + ms / 2 * r / 65536;
}

/* 0: go on; greater: not within a second, but after so many milliseconds; -1 with *e. */
static int64_t wait_for_rate(wc_arena *a, const struct call *c, wc_err *e)
{
	const char *bucket = wc_printf(a, "wecom:%s:%s", c->secret->corp_id, c->api->family);
	int64_t     until  = wc_mono_ms() + RATE_WAIT_MS, pause;

	while ((pause = wc_rate_take(bucket, c->api->per_minute, e)) > 0 && wc_mono_ms() + pause <= until)
		wc_sleep_ms(pause);
	return pause < 0 ? wc_wrap(e, "the rate limit of %s", c->api->name) : pause;
}

static int request(wc_arena *a, const struct call *c, const struct token *token, struct exchange *x, wc_err *e)
{
	return exchange(a, c->secret, c->api, wc_printf(a, "access_token=%s", url_encode(a, token->text)), c->body, c->cargo, c->note, x, e);
}

/* A token that was refused may have been withdrawn, or replaced by somebody else. The next one may come from another node and be as old
 * as the first, so it may be refused as well; one that was fetched since the call began is the last that is tried. 1: not yet. */
static int with_token(wc_arena *a, const struct call *c, struct exchange *x, struct token_failure *failure, wc_err *e)
{
	int64_t      began = wc_mono_ms(), refused = 0;
	struct token token;
	int          rc;

	for (int requests = 0; requests < 3; requests++) {
		rc = token_get(c->secret, refused, c->impatient, &token, failure, e);
		if (rc < 0 && refused)
			return wc_wrap(e, "after errcode %lld of %s", (long long)x->errcode, c->api->name);
		if (rc || request(a, c, &token, x, e) < 0)
			return rc ? rc : -1;
		if (!is_token_refused(x->errcode) || (refused && token.fetched_ms >= began))
			return 0;
		refused = token.version;
	}
	return 0;
}

int call_api(wc_arena *a, const struct call *c, wc_answer *answer, struct exchange *x, struct token_failure *failure, wc_err *e)
{
	int64_t pause = wait_for_rate(a, c, e);
	int     rc;

	*x       = (struct exchange){.errcode = NO_ANSWER, .trouble = "", .from_ip = ""};
	*failure = (struct token_failure){0};
	if (pause < 0)
		return -1;
	if (pause > 0) {
		*answer = (wc_answer){WC_ANSWER_RATE_LIMITED, NO_ANSWER, with_jitter(pause), NULL};
		return 0;
	}
	if ((rc = with_token(a, c, x, failure, e)) < 0)
		return -1;
	*answer = (wc_answer){WC_ANSWER_RETRY, x->errcode, failure->retry_ms, x->body};
	if (rc == 0)
		answer->class = sort_exchange(x, c->api->effect, &answer->retry_ms);
	answer->retry_ms = with_jitter(answer->retry_ms);
	return 0;
}

static int call_named(wc_arena *a, const char *secret, const char *api, struct call c, wc_answer *answer, wc_err *e)
{
	struct token_failure failure;
	struct exchange      x;

	c.secret = secret_find(secret);
	c.api    = api_find(api);
	if (!c.secret)
		return wc_fail(e, WC_E_CONFIG, "there is no section [wecom:%.64s]", secret ? secret : "");
	if (!c.api)
		return wc_fail(e, WC_E_CONFIG, "no API is called %.64s", api ? api : "");
	if ((c.api->body >= API_UPLOAD) != (c.cargo != NULL))
		return wc_fail(e, WC_E_CONFIG, "%s is called with a file where it has none, or without", c.api->name);
	return call_api(a, &c, answer, &x, &failure, e);
}

int wc_wecom_call_for(wc_arena *a, const char *secret, const char *api, const json_t *body, const wc_call_note *note,
                      wc_answer *answer, wc_err *e)
{
	return call_named(a, secret, api, (struct call){.body = body, .note = note}, answer, e);
}

int wc_wecom_upload(wc_arena *a, const char *secret, const wc_upload *file, wc_answer *answer, wc_err *e)
{
	struct cargo cargo = {.up = file};

	return call_named(a, secret, "media.upload", (struct call){.body = wc_json(a, "{s:s}", "type", file->type), .cargo = &cargo}, answer, e);
}

int wc_wecom_download(wc_arena *a, const char *secret, const char *media_id, wc_download *file, wc_answer *answer, wc_err *e)
{
	struct cargo cargo = {.down = file};

	return call_named(a, secret, "media.get", (struct call){.body = wc_json(a, "{s:s}", "media_id", media_id), .cargo = &cargo}, answer, e);
}

int wc_wecom_call(wc_arena *a, const char *secret, const char *api, const json_t *body, wc_answer *answer, wc_err *e)
{
	return wc_wecom_call_for(a, secret, api, body, NULL, answer, e);
}
