/* What the doctor asks about kf: whether the API is open to the app, whether its accounts are given to it, whether callbacks come and are read, and
 * whether anybody is there to take over. */
#include "kf.h"

#include <string.h>

#define CONSOLE "管理后台 → 应用管理 → 微信客服 → API"

static void check_door(wc_findings *f, const struct door *d)
{
	wc_answer answer;
	wc_err    e;

	if (!wc_wecom_secret_exists(d->secret))
		wc_found(f, WC_FOUND_WARN, d->name, "no_secret", "[kf:NAME] secret", "there is no section [wecom:%s] any more", d->secret);
	else if (call_wecom(f->arena, d->secret, "kf.account.list", wc_json(f->arena, "{s:i, s:i}", "offset", 0, "limit", 100), &answer, &e) < 0)
		wc_found(f, WC_FOUND_FAIL, d->name, "no_answer", "[wecom] base and proxy, the secret", "the accounts cannot be listed: %s", e.text);
	else if (answer.class != WC_ANSWER_OK)
		wc_found(f, WC_FOUND_FAIL, d->name, "refused", CONSOLE " → 可调用接口的应用", "the app may not use kf's API: errcode %lld", (long long)answer.errcode);
	else if (!json_array_size(json_object_get(answer.body, "account_list")))
		wc_found(f, WC_FOUND_WARN, d->name, "no_account", "管理后台 → 应用管理 → 微信客服 → 创建账号", "there is no account");
	else
		wc_found(f, WC_FOUND_OK, d->name, "allowed", "", "the app may use kf's API");
}

static void check_api(wc_findings *f, const void *self)
{
	struct door *d;
	size_t       n;
	wc_err       e;

	(void)self;
	if (door_all(f->arena, &d, &n, &e) < 0) {
		wc_found(f, WC_FOUND_SKIPPED, "", "database_away", "", "the doors are in the database, which does not answer");
		return;
	}
	if (!n)
		wc_found(f, WC_FOUND_SKIPPED, "", "none", "", "the configuration has no [kf:NAME]");
	for (size_t i = 0; i < n; i++)
		check_door(f, &d[i]);
}

static void check_account(wc_findings *f, const wc_rows *r, size_t i)
{
	const char *name = wc_row_text(r, i, 0);

	if (!wc_row_int(r, i, 1))
		wc_found(f, WC_FOUND_WARN, name, "unlisted", "管理后台 → 应用管理 → 微信客服", "WeCom no longer lists the account");
	else if (!wc_row_int(r, i, 2))
		wc_found(f, WC_FOUND_FAIL, name, "not_managed", CONSOLE " → 通过API管理微信客服账号", "the account is not given to the app: nothing can be sent (manage_privilege)");
	else if (*wc_row_text(r, i, 5))
		wc_found(f, WC_FOUND_WARN, name, "pull_failed", "the job kf.pull", "the last pull failed: %s", wc_row_text(r, i, 5));
	else if (!wc_row_cell(r, i, 3).s)
		wc_found(f, WC_FOUND_WARN, name, "no_callback", CONSOLE " → 接收事件服务器: the URL /wecom/callback/NAME of [kf:NAME]", "no callback has come yet; messages are looked for now and then");
	else if (wc_row_int(r, i, 4) > 3600)
		wc_found(f, WC_FOUND_WARN, name, "late", "the worker processes, the job kf.pull", "its messages were last read %lld minutes ago", (long long)wc_row_int(r, i, 4) / 60);
	else
		wc_found(f, WC_FOUND_OK, name, "read", "", "callbacks come, messages were read %lld s ago", (long long)wc_row_int(r, i, 4));
}

static void check_accounts(wc_findings *f, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (wc_db_query(NULL, f->arena, &rows, &e,
	                "SELECT open_kfid, listed, managed, rung_at, COALESCE(TIMESTAMPDIFF(SECOND, pulled_at, NOW(3)), 0), pull_error FROM kf_account ORDER BY open_kfid") < 0) {
		wc_found(f, WC_FOUND_SKIPPED, "", "database_away", "", "the accounts are in the database, which does not answer");
		return;
	}
	if (!rows.n)
		wc_found(f, WC_FOUND_SKIPPED, "", "none", "", "no account is known");
	for (size_t i = 0; i < rows.n; i++)
		check_account(f, &rows, i);
}

static void check_servicers(wc_findings *f, const void *self)
{
	struct account *acc;
	size_t          n;
	wc_rows         rows;
	wc_err          e;

	(void)self;
	if (account_all(f->arena, &acc, &n, &e) < 0) {
		wc_found(f, WC_FOUND_SKIPPED, "", "unreadable", "", "the accounts cannot be read: %s", e.text);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!acc[i].listed || strcmp(acc[i].s.mode, "servicer"))
			continue;
		if (wc_db_query(NULL, f->arena, &rows, &e, "SELECT COUNT(*), COALESCE(SUM(receiving), 0) FROM kf_servicer WHERE account_id = ?", wc_int(acc[i].id)) < 0)
			wc_found(f, WC_FOUND_SKIPPED, acc[i].open_kfid, "database_away", "", "the servicers are in the database, which does not answer");
		else if (!wc_row_int(&rows, 0, 1))
			wc_found(f, WC_FOUND_WARN, acc[i].open_kfid, "nobody", "管理后台 → 应用管理 → 微信客服 → 接待人员", "none of %lld servicers receives: who wants a person has to wait",
			         (long long)wc_row_int(&rows, 0, 0));
		else
			wc_found(f, WC_FOUND_OK, acc[i].open_kfid, "receive", "", "%lld of %lld servicers receive", (long long)wc_row_int(&rows, 0, 1), (long long)wc_row_int(&rows, 0, 0));
	}
}

const wc_check kf_checks[] = {
	{"kf.api", "Whether each door's app may use kf's API", check_api},
	{"kf.accounts", "Whether accounts are given to the app, ring, and are read", check_accounts},
	{"kf.servicers", "Whether somebody receives, where servicers take over", check_servicers},
	{0}};

/* How long ago each account was last read to the end. */
int backlog_sample(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	wc_rows rows;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND, rung_at, NOW(3))), 0) FROM kf_account WHERE listed AND"
	                                   " (backlog OR (rung_at > COALESCE(pulled_at, '2000-01-01')))") < 0)
		return -1;
	wc_gauge_sample(out, "wecomd_kf_backlog_seconds", "", (double)wc_row_int(&rows, 0, 0) / 1e6);
	return 0;
}
