/* A plugin whose handler crashes when it is asked to, and one that takes its time. */
#include <wecomd/plugin.h>

#include <signal.h>

struct mishap {
	int64_t pause_ms;
	bool    at_start;
};

static int *volatile nowhere;

/* Even in a build with sanitizers it is the kernel that ends the process: this fault is meant. */
__attribute__((no_sanitize("undefined", "address")))
static int crash(wc_request *rq, const void *self)
{
	(void)self;
	signal(SIGSEGV, SIG_DFL);
	*nowhere = 1;
	return wc_reply(rq, 200, "{}");
}

static int linger(wc_request *rq, const void *self)
{
	const struct mishap *mishap = self;

	wc_sleep_ms(mishap->pause_ms);
	return wc_reply(rq, 200, "{s:b}", "survived", 1);
}

static int start(void *self, wc_err *e)
{
	const struct mishap *mishap = self;

	return mishap->at_start ? wc_fail(e, WC_E_CONFIG, "was told to fail") : 0;
}

WC_PLUGIN(mishap, struct mishap,
	.summary  = "Crashes on demand",
	.settings = WC_SETTINGS(
		{WC_DURATION, "pause", "1s", offsetof(struct mishap, pause_ms), "how long a slow request takes", .runtime = true},
		{WC_BOOL, "at_start", "off", offsetof(struct mishap, at_start), "whether it fails when it is started"}),
	.routes   = WC_ROUTES(
		{WC_GET, "/api/mishap/crash", WC_ANYONE, crash, "Crashes"},
		{WC_GET, "/api/mishap/linger", WC_ANYONE, linger, "Answers slowly"}),
	.start    = start);
