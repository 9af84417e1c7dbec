/* Sorting answers. What the tables do not name is permanent: repeating what WeCom refused for a reason that we do not know
 * helps nobody, and a person sees the errcode. */
#include "wecom/sort.h"

#define S INT64_C(1000)

struct rule {
	int64_t         errcode;
	wc_answer_class class;
	int64_t         retry_ms;
};

/* doc/90313. Codes that mean "not now"; with all of them nothing has happened, but for -1, which may come after the deed. */
static const struct rule rules[] = {
	{0,     WC_ANSWER_OK,           0},
	{-1,    WC_ANSWER_RETRY,        2 * S},      /* system busy */
	{6000,  WC_ANSWER_RETRY,        2 * S},      /* data version conflict */
	{45009, WC_ANSWER_RATE_LIMITED, 60 * S},     /* blocked for the rest of the window: a minute, if not longer */
	{45033, WC_ANSWER_RATE_LIMITED, 2 * S},      /* too many at once */
	{45035, WC_ANSWER_RETRY,        2 * S},      /* edited by two at once */
	{41063, WC_ANSWER_RETRY,        30 * S},     /* mass task still being dispatched */
	{41079, WC_ANSWER_RETRY,        30 * S},     /* moment being dispatched */
	{41096, WC_ANSWER_RETRY,        2 * S},      /* welcome message being sent */
};

bool is_token_refused(int64_t errcode)
{
	return errcode == 40014 || errcode == 42001 || errcode == 40001;
}

static const struct rule *rule_of(int64_t errcode)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].errcode == errcode)
			return &rules[i];
	return NULL;
}

/* Nobody knows whether the other side did it. */
static wc_answer_class lost(wc_api_effect effect, int64_t *retry_ms)
{
	if (effect == WC_API_ONCE)
		return WC_ANSWER_UNCERTAIN;
	*retry_ms = 2 * S;
	return WC_ANSWER_RETRY;
}

static wc_answer_class sort_errcode(int64_t errcode, wc_api_effect effect, int64_t *retry_ms)
{
	const struct rule *rule = rule_of(errcode);

	if (errcode == -1)
		return lost(effect, retry_ms);
	*retry_ms = rule ? rule->retry_ms : 0;
	return rule ? rule->class : WC_ANSWER_PERMANENT;
}

/* WeCom answers 200 whatever happens; everything else comes from something on the way to it. */
static wc_answer_class sort_status(long status, wc_api_effect effect, int64_t *retry_ms)
{
	if (status == 429) {
		*retry_ms = 60 * S;
		return WC_ANSWER_RATE_LIMITED;
	}
	return status >= 300 && status < 500 && status != 408 ? WC_ANSWER_PERMANENT : lost(effect, retry_ms);
}

wc_answer_class sort_exchange(const struct exchange *x, wc_api_effect effect, int64_t *retry_ms)
{
	*retry_ms = 0;
	if (x->body)
		return sort_errcode(x->errcode, effect, retry_ms);
	if (!x->sent) {
		*retry_ms = 2 * S;
		return WC_ANSWER_RETRY;
	}
	if (x->status && x->status != 200)
		return sort_status(x->status, effect, retry_ms);
	if (x->too_large && effect != WC_API_ONCE)
		return WC_ANSWER_PERMANENT;     /* it would be as large again */
	return lost(effect, retry_ms);
}

/* --- what a person can do about it ---------------------------------------------------------------------------------- */

#define APP "管理后台 → 应用管理 → 自建 → the app"

static const struct {
	int64_t       errcode;
	struct remedy remedy;
} remedies[] = {
	{40001, {"the secret is wrong, was reset, or the app is switched off", APP " → Secret, and the secret in the configuration"}},
	{40013, {"there is no company with this corp_id", "管理后台 → 我的企业 → 企业信息 → 企业ID, and corp_id in the configuration"}},
	{40091, {"the secret belongs to another company", "corp_id and secret in the configuration"}},
	{40014, {"WeCom refuses the token that it gave", APP " → Secret; whether something on the way changes the URL"}},
	{40056, {"there is no app with this agent_id", APP " → AgentId, and agent_id in the configuration"}},
	{301002, {"the secret is not that of the app with this agent_id", APP " → AgentId and Secret, both of the same app"}},
	{41002, {"corp_id is missing in the call", "corp_id in the configuration"}},
	{41004, {"secret is missing in the call", "secret in the configuration"}},
	{45009, {"too many calls; WeCom blocks this API for a while", "wait a minute, at most an hour; whether others use the same secret"}},
	{48002, {"the app may not use this API", "管理后台 → 客户与上下游 → 客户联系 → 可调用接口的应用"}},
	{48006, {"WeCom took the permission back because it was not used", APP}},
	{50003, {"the app is switched off", APP " → 启用"}},
	{60031, {"the app may not call the API", APP}},
	{95011, {"kf is used inside WeCom, the secret is that of the standalone edition", "the secret of the section: of a self-built app under 微信客服 → 可调用接口的应用"}},
	{95012, {"kf is not used inside WeCom", "管理后台 → 应用管理 → 微信客服"}},
	{95017, {"the API switch of kf is off", "管理后台 → 应用管理 → 微信客服 → API → 可调用接口的应用, and 通过API管理微信客服账号"}},
	{95023, {"the API of kf is given to a provider's app", "管理后台 → 应用管理 → 微信客服 → API → 可调用接口的应用"}},
	{60020, {"the node's address is not among the app's trusted ones", APP " → 企业可信IP; it holds a minute later"}},
	{NO_ANSWER, {"WeCom's API is not reachable", "[wecom] base and proxy, the firewall, DNS"}},
};

struct remedy remedy_of(int64_t errcode)
{
	for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
		if (remedies[i].errcode == errcode)
			return remedies[i].remedy;
	return (struct remedy){"WeCom refuses", "https://open.work.weixin.qq.com/devtool/query explains the errcode"};
}
