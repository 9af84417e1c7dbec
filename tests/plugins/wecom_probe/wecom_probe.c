/* A plugin for tests of the wecom tier: makes the calls that it is asked for, on as many threads at once as it is asked for. */
#include <wecomd/plugin.h>

#include <pthread.h>
#include <string.h>

#define THREADS_MAX 200

struct wecom_probe {
	int64_t unused;
};

struct one {
	const char   *secret, *api;
	const json_t *body;
	wc_call_note  note;
	wc_arena     *arena;
	wc_answer     answer;
	wc_err        e;
	int           rc;
	pthread_t     thread;
};

static void *call(void *arg)
{
	struct one *one = arg;

	one->rc = wc_wecom_call_for(one->arena, one->secret, one->api, one->body, &one->note, &one->answer, &one->e);
	return NULL;
}

static json_t *tell(const struct one *one)
{
	static const char *const classes[] = {"ok", "retry", "rate_limited", "permanent", "uncertain"};

	if (one->rc < 0)
		return json_pack("{s:s, s:s}", "error", wc_err_name(one->e.code), "text", one->e.text);
	return json_pack("{s:s, s:I, s:I, s:O?}", "class", classes[one->answer.class], "errcode", (json_int_t)one->answer.errcode, "retry_ms",
	                 (json_int_t)one->answer.retry_ms, "body", (json_t *)one->answer.body);
}

/* {"secret","api","body","threads","campaign_id"} */
static int calls(wc_request *rq, const void *self)
{
	wc_arena     *a    = wc_request_arena(rq);
	wc_slice      raw  = wc_raw_body(rq);
	json_t       *list = wc_json(a, "[]");
	const json_t *order;
	struct one   *all;
	size_t        n;
	wc_err        e;

	(void)self;
	if (!(order = wc_json_parse(a, raw.p, raw.n, &e)))
		return wc_reply_err(rq, &e);
	n = (size_t)json_integer_value(json_object_get(order, "threads"));
	n = n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
	all = wc_alloc(a, n * sizeof *all);
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct one){.secret = wc_json_str(order, "secret"), .api = wc_json_str(order, "api"), .body = json_object_get(order, "body"),
		                      .note = {.campaign_id = wc_json_str(order, "campaign_id")}, .arena = wc_arena_new()};
		pthread_create(&all[i].thread, NULL, call, &all[i]);
	}
	for (size_t i = 0; i < n; i++) {
		pthread_join(all[i].thread, NULL);
		json_array_append_new(list, tell(&all[i]));
		wc_arena_free(all[i].arena);
	}
	return wc_reply(rq, 200, "{s:O}", "answers", list);
}

static void always_ill(wc_findings *f, const void *self)
{
	(void)self;
	wc_found(f, WC_FOUND_WARN, "patient", "tired", "rest", "a plugin's own check runs");
}

WC_PLUGIN(wecom_probe, struct wecom_probe,
	.summary = "Calls WeCom's server API as it is told",
	.routes  = WC_ROUTES({WC_POST, "/api/wecom_probe/calls", WC_ANYONE, calls, "Makes calls"}),
	.checks  = WC_CHECKS({"wecom_probe.rest", "Shows that a plugin's checks run", always_ill}));
