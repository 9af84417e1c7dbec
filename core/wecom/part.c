/* WeCom's server API as a part of the host: a daily job and what the doctor checks. */
#include "wecom/parts.h"

#include "wecom/wecom.h"

/* The first list does not wait for the timer. A database that is away is no reason not to start. */
static int start(void *self, wc_err *e)
{
	(void)self;
	if (addresses_ask(e) < 0)
		wc_log(WC_WARN, "the callback addresses are not asked for just now", wc_kv_s("error", e->text));
	return 0;
}

WC_PART(wecom_part, "wecom",
	.summary = "calls to WeCom's server API",
	.jobs    = WC_JOBS({"wecom.daily", addresses_job, "Fetches the addresses of callbacks, forgets unused tokens", .attempts = 8}),
	.timers  = WC_TIMERS({"wecom.daily", "17 4 * * *", NULL, "wecom.daily", "Fetches the addresses of callbacks, forgets unused tokens"}),
	.metrics = WC_METRICS(
		{"wecomd_wecom_calls_total", WC_COUNTER, "api,errcode", "Calls to WeCom's server API; errcode -2: no answer"},
		{"wecomd_wecom_call_seconds", WC_HISTOGRAM, "api", "How long calls to WeCom's server API took"}),
	.sealed  = WC_SEALED("api_token.token"),
	.checks  = WC_CHECKS(
		{"wecom.secrets", "Whether each secret gets a token that WeCom takes, and what its app may see", check_secrets},
		{"wecom.clock", "Whether this node's clock and WeCom's agree", check_clock},
		{"wecom.callback_addresses", "Whether WeCom's callback addresses are known", check_addresses}),
	.start   = start);
