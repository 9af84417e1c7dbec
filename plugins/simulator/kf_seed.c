/* Seeds of 微信客服: the configuration's accounts, servicers and customers. What was changed or deleted since stays as it is. */
#include "kf_routes.h"

#include "world.h"

static int seed_account(wc_arena *a, const struct roster_entry *account, const struct roster *servicers, wc_err *e)
{
	const char *url;
	int64_t     n = wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_kf_account (open_kfid, name, created_ms) VALUES (?, ?, 0)", wc_text(account->id),
	                           wc_text(account->name));

	if (n <= 0)
		return (int)n;
	for (size_t i = 0; i < servicers->n; i++)
		if (wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_kf_servicer (open_kfid, userid) VALUES (?, ?)", wc_text(account->id),
		               wc_text(servicers->list[i].id)) < 0)
			return -1;
	return kf_link(NULL, a, account->id, "", &url, e);
}

int kf_seed(const struct simulator *sim, wc_err *e)
{
	wc_arena     *a = wc_arena_new();
	struct roster accounts, servicers, customers;
	int           rc = roster_parse(a, "kf_accounts", sim->kf_accounts, &accounts, e) < 0 ||
	                   roster_parse(a, "kf_servicers", sim->kf_servicers, &servicers, e) < 0 ||
	                   roster_parse(a, "kf_customers", sim->kf_customers, &customers, e) < 0 ? -1 : 0;

	for (size_t i = 0; !rc && i < accounts.n; i++)
		rc = seed_account(a, &accounts.list[i], &servicers, e);
	for (size_t i = 0; !rc && i < customers.n; i++)
		rc = wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_kf_customer (external_userid, nickname, unionid) VALUES (?, ?, CONCAT('o', ?))",
		                wc_text(customers.list[i].id), wc_text(customers.list[i].name), wc_text(customers.list[i].id)) < 0 ? -1 : 0;
	wc_arena_free(a);
	return rc;
}
