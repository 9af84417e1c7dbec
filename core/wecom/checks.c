/* What the doctor asks about WeCom: whether each secret opens what it should, whether the clocks agree. */
#include "wecom/parts.h"

#include "wecom/call.h"

#include <stdlib.h>
#include <string.h>

#define SKEW_MAX_MS 30000

static void say_refusal(wc_findings *f, const struct wecom_secret *s, const char *api, int64_t errcode, const char *ip, const char *trouble)
{
	struct remedy remedy = remedy_of(errcode);

	if (errcode == NO_ANSWER)
		wc_found(f, WC_FOUND_FAIL, s->name, "no_answer", remedy.mend, "%s: %s at %s (%s)", api, remedy.why,
		         wecom_settings()->base, trouble);
	else
		wc_found(f, WC_FOUND_FAIL, s->name, wc_printf(f->arena, "errcode_%lld", (long long)errcode), remedy.mend,
		         "%s: errcode %lld, %s%s%s", api, (long long)errcode, remedy.why,
		         *ip ? ": " : "", ip);
}

/* Without agent_id the address list, which every secret may read, shows that the token and the node's address are taken. */
static void say_scope(wc_findings *f, const struct wecom_secret *s, const json_t *app)
{
	size_t members = json_array_size(wc_json_at(app, "allow_userinfos.user")), parties = json_array_size(wc_json_at(app, "allow_partys.partyid"));
	size_t tags    = json_array_size(wc_json_at(app, "allow_tags.tagid"));

	if (!s->agent_id)
		wc_found(f, WC_FOUND_OK, s->name, "token", "", "WeCom gives a token and takes it");
	else if (json_integer_value(json_object_get(app, "close")))
		wc_found(f, WC_FOUND_FAIL, s->name, "app_off", remedy_of(50003).mend, "%s", remedy_of(50003).why);
	else if (!members && !parties && !tags)
		wc_found(f, WC_FOUND_WARN, s->name, "invisible", "管理后台 → 应用管理 → 自建 → the app → 可见范围", "the app is visible to nobody");
	else
		wc_found(f, WC_FOUND_OK, s->name, "app", "",
		         "WeCom gives a token and takes it; the app is visible to %zu members, %zu departments, %zu tags",
		         members, parties, tags);
}

static void check_secret(wc_findings *f, const struct wecom_secret *s)
{
	wc_arena            *a    = f->arena;
	struct call          call = {.secret = s, .api = api_find(s->agent_id ? "agent.get" : "getcallbackip"), .impatient = true};
	struct token_failure failure;
	struct exchange      x;
	wc_answer            answer;
	wc_err               e;

	if (s->agent_id)
		call.body = wc_json(a, "{s:I}", "agentid", (json_int_t)s->agent_id);
	if (call_api(a, &call, &answer, &x, &failure, &e) < 0 && e.code == WC_E_DB)
		wc_found(f, WC_FOUND_SKIPPED, s->name, "database_away", "", "the token is kept in the database, which does not answer");
	else if (failure.errcode)
		say_refusal(f, s, "gettoken", failure.errcode, failure.from_ip, e.text);
	else if (answer.class == WC_ANSWER_OK)
		say_scope(f, s, answer.body);
	else
		say_refusal(f, s, call.api->name, answer.errcode, x.from_ip, x.trouble);
}

void check_secrets(wc_findings *f, const void *self)
{
	(void)self;
	if (!secret_count())
		wc_found(f, WC_FOUND_SKIPPED, "", "none", "", "the configuration has no [wecom:NAME]");
	for (size_t i = 0; i < secret_count(); i++)
		check_secret(f, secret_at(i));
}

void check_clock(wc_findings *f, const void *self)
{
	int64_t ahead_ms;

	(void)self;
	if (!wecom_skew(&ahead_ms))
		wc_found(f, WC_FOUND_SKIPPED, "WeCom", "unknown", "", "WeCom has not answered, so its time is not known");
	else if (llabs(ahead_ms) > SKEW_MAX_MS)
		wc_found(f, WC_FOUND_WARN, "WeCom", ahead_ms > 0 ? "behind" : "ahead", "the clock of this node: NTP",
		         "this node's clock is %lld s %s WeCom's", llabs(ahead_ms) / 1000, ahead_ms > 0 ? "behind" : "ahead of");
	else
		wc_found(f, WC_FOUND_OK, "WeCom", "agrees", "", "this node's clock and WeCom's are less than %d s apart", SKEW_MAX_MS / 1000);
}

void check_addresses(wc_findings *f, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (!*wecom_settings()->callback_ips) {
		wc_found(f, WC_FOUND_SKIPPED, "", "off", "", "[wecom] callback_ips is not set: WeCom's callback addresses are not fetched");
		return;
	}
	if (wc_db_query(NULL, f->arena, &rows, &e,
	                "SELECT COUNT(*), COALESCE(TIMESTAMPDIFF(HOUR, MIN(fetched_at), NOW(3)), 0) FROM wecom_callback_address") < 0)
		wc_found(f, WC_FOUND_SKIPPED, "", "database_away", "", "the list is in the database, which does not answer");
	else if (!wc_row_int(&rows, 0, 0))
		wc_found(f, WC_FOUND_WARN, "", "never_fetched",
		         "the dead jobs wecom.daily; the secret that [wecom] callback_ips names", "WeCom's callback addresses were never fetched");
	else if (wc_row_int(&rows, 0, 1) > 48)
		wc_found(f, WC_FOUND_WARN, "", "old", "the dead jobs wecom.daily",
		         "WeCom's callback addresses are %lld hours old", (long long)wc_row_int(&rows, 0, 1));
	else
		wc_found(f, WC_FOUND_OK, "", "fetched", "",
		         "%lld entries of WeCom's callback addresses, %lld hours old", (long long)wc_row_int(&rows, 0, 0),
		         (long long)wc_row_int(&rows, 0, 1));
}
