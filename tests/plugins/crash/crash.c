/* A plugin for tests of jobs: jobs that end well, fail, crash, sleep and will not stop; an endpoint whose events say which jobs they cause;
 * commands that take leases and rates in processes of their own. */
#include <wecomd/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct crash {
	const char *token, *aes_key, *hourly;
};

/* --- jobs ----------------------------------------------------------------------------------------------------------- */

static int64_t arg(const wc_job *job, const char *name)
{
	return json_integer_value(json_object_get(wc_job_args(job), name));
}

static int run_ok(wc_job *job, const void *self, wc_err *e)
{
	(void)self;
	(void)e;
	wc_log(WC_INFO, "ran", wc_kv_i("job", wc_job_id(job)), wc_kv_i("number", arg(job, "number")));
	return 0;
}

static int run_abort(wc_job *job, const void *self, wc_err *e)
{
	(void)job;
	(void)self;
	(void)e;
	abort();
}

/* For arg "ms", unless it is told to stop. */
static int run_sleep(wc_job *job, const void *self, wc_err *e)
{
	int64_t until = wc_mono_ms() + arg(job, "ms");

	(void)self;
	wc_log(WC_INFO, "sleeps", wc_kv_i("job", wc_job_id(job)), wc_kv_i("attempt", wc_job_attempt(job)));
	while (wc_mono_ms() < until) {
		if (wc_job_stopping(job)) {
			wc_log(WC_INFO, "woken", wc_kv_i("job", wc_job_id(job)), wc_kv_i("attempt", wc_job_attempt(job)));
			return wc_fail(e, WC_E_STOPPED, "woken");
		}
		wc_sleep_ms(20);
	}
	return 0;
}

/* Until somebody has written the file that arg "file" names. */
static int run_await(wc_job *job, const void *self, wc_err *e)
{
	const char *file = wc_json_str(wc_job_args(job), "file");

	(void)self;
	while (access(file, F_OK) != 0) {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "nothing came");
		wc_sleep_ms(20);
	}
	return 0;
}

/* The first run sleeps whatever it is told and then fails for good; later ones end well at once. */
static int run_stubborn(wc_job *job, const void *self, wc_err *e)
{
	(void)self;
	if (wc_job_attempt(job) > 1)
		return 0;
	wc_log(WC_INFO, "stubborn", wc_kv_i("job", wc_job_id(job)));
	for (int64_t until = wc_mono_ms() + arg(job, "ms"); wc_mono_ms() < until;)
		wc_sleep_ms(20);
	wc_log(WC_INFO, "stubborn to the end", wc_kv_i("job", wc_job_id(job)));
	return wc_fail(e, WC_E_ARG, "the first run failed");
}

static int run_fail(wc_job *job, const void *self, wc_err *e)
{
	(void)self;
	if (arg(job, "times") && wc_job_attempt(job) > arg(job, "times"))
		return 0;
	return wc_fail(e, arg(job, "retry") ? WC_E_REMOTE : WC_E_REFUSED, "failed as told");
}

/* Says something that is not UTF-8, as other services do. */
static int run_bytes(wc_job *job, const void *self, wc_err *e)
{
	(void)job;
	(void)self;
	return wc_fail(e, WC_E_REFUSED, "answer \xff\xfe%s", "\xc3");
}

/* --- an endpoint -------------------------------------------------------------------------------------------------------- */

static int endpoints(wc_endpoint_list *list, const void *self, wc_err *e)
{
	const struct crash *crash = self;

	(void)e;
	wc_endpoint_add(list, &(wc_endpoint){"crash", 1, crash->token, crash->aes_key, "", NULL});
	return 0;
}

/* {"id", "jobs": [{"kind","lane","key","args"}]} */
static int receive(wc_callback *cb, const void *self, wc_err *e)
{
	wc_slice      bytes = wc_callback_msg(cb);
	json_t       *msg   = wc_json_parse(wc_callback_arena(cb), bytes.p, bytes.n, e);
	const json_t *job;
	size_t        i;

	(void)self;
	if (!msg)
		return -1;
	if (!wc_json_str(msg, "id"))
		return wc_fail(e, WC_E_ARG, "an event without id");
	wc_callback_identity(cb, wc_json_str(msg, "id"), NULL);
	json_array_foreach(json_object_get(msg, "jobs"), i, job)
		wc_callback_job(cb, wc_json_str(job, "kind"), wc_json_str(job, "lane"), wc_json_str(job, "key"), wc_json_at(job, "args"));
	wc_callback_reply(cb, wc_json(wc_callback_arena(cb), "{s:b}", "ok", 1));
	return 0;
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

/* NAME PER_MINUTE MS: how many units it got in so many milliseconds. */
static int rate_command(wc_arena *a, int argc, char **argv, const void *self)
{
	int64_t until = wc_mono_ms() + (argc > 2 ? atoi(argv[2]) : 0), taken = 0, wait;
	wc_err  e;

	(void)a;
	(void)self;
	while (wc_mono_ms() < until) {
		if ((wait = wc_rate_take(argv[0], atoi(argv[1]), &e)) < 0) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
		taken += wait == 0;
		wc_sleep_ms(wait > 20 ? 20 : wait);
	}
	printf("%d\n", (int)taken);
	return 0;
}

/* NAME TTL_MS STAY_MS: asks once, says "held FENCE" or "not held", stays so long; "release" behind that gives the lease up. */
static int lease_command(wc_arena *a, int argc, char **argv, const void *self)
{
	int64_t fence = 0;
	wc_err  e;
	int     held = argc > 2 ? wc_lease_hold(argv[0], atoi(argv[1]), &fence, &e) : -1;

	(void)a;
	(void)self;
	if (held < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	if (held)
		printf("held %lld\n", (long long)fence);
	else
		printf("not held\n");
	fflush(stdout);
	wc_sleep_ms(atoi(argv[2]));
	if (argc > 3)
		wc_lease_release(argv[0]);
	return 0;
}

WC_PLUGIN(crash, struct crash,
	.summary   = "Jobs with every fate",
	.settings  = WC_SETTINGS(
		{WC_SECRET, "token", NULL, offsetof(struct crash, token), "token of the endpoint"},
		{WC_SECRET, "aes_key", NULL, offsetof(struct crash, aes_key), "key of the endpoint"},
		{WC_STRING, "hourly", "0 * * * *", offsetof(struct crash, hourly), "when its timer ticks"}),
	.callbacks = WC_CALLBACKS(.endpoints = endpoints, .receive = receive),
	.jobs      = WC_JOBS(
		{"crash.ok", run_ok, "ends well"},
		{"crash.abort", run_abort, "takes its process along"},
		{"crash.sleep", run_sleep, "sleeps"},
		{"crash.await", run_await, "waits for a file"},
		{"crash.stubborn", run_stubborn, "does not stop"},
		{"crash.fail", run_fail, "fails", .attempts = 3},
		{"crash.bytes", run_bytes, "fails with words that are not UTF-8"}),
	.timers    = WC_TIMERS({"crash.hourly", .setting = "hourly", .job = "crash.ok", .summary = "each hour"}),
	.commands  = WC_COMMANDS(
		{"crash rate", "NAME PER_MINUTE MS", "take units", rate_command},
		{"crash lease", "NAME TTL_MS STAY_MS [release]", "take a lease", lease_command}));
