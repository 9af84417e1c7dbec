/* Calls to WeCom by the account's secret, sorted into what was taken, what was refused, and what may be tried again. */
#include "kf.h"

int call_wecom(wc_arena *a, const char *secret, const char *api, const json_t *body, wc_answer *answer, wc_err *e)
{
	if (wc_wecom_call(a, secret, api, body, answer, e) < 0)
		return -1;
	if (answer->class == WC_ANSWER_OK || answer->class == WC_ANSWER_PERMANENT)
		return 0;
	return wc_fail(e, WC_E_REMOTE, "%s: errcode %lld, again later", api, (long long)answer->errcode);
}

int call_must(wc_arena *a, const char *secret, const char *api, const json_t *body, wc_answer *answer, wc_err *e)
{
	if (call_wecom(a, secret, api, body, answer, e) < 0)
		return -1;
	return answer->class == WC_ANSWER_OK ? 0 : wc_fail(e, WC_E_REFUSED, "%s: WeCom refuses with errcode %lld", api, (long long)answer->errcode);
}

bool is_of_account(int64_t errcode)
{
	static const int64_t codes[] = {40001, 40013, 40014, 40091, 40201, 42001, 48002, 48006, 50003, 60020, 60031, 95000, 95004, 95011, 95012, 95017, 95023};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i] == errcode)
			return true;
	return false;
}
