/* The doorbell: a callback without a message in it, which says that an account has news (doc/94670). It becomes one pull for all doorbells that
 * come before that pull begins. */
#include "kf.h"

#include <string.h>

/* Doorbells that were rung before a pull begins are heard by it: what they ring for is there already. So they share its number, and with it
 * the key; the pull takes the next number when it begins. */
static int number_of_pull(wc_arena *a, const char *open_kfid, int64_t *no, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT pull_no FROM kf_account WHERE open_kfid = ?", wc_text(open_kfid)) < 0)
		return -1;
	*no = rows.n ? wc_row_int(&rows, 0, 0) : -1;
	return 0;
}

const char *pull_lane(wc_arena *a, const char *open_kfid)
{
	return wc_printf(a, "kf/pull/%s", open_kfid);
}

const char *pull_key(wc_arena *a, const char *open_kfid, int64_t no)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "kf.pull", open_kfid, wc_printf(a, "%lld", (long long)no), NULL);
	return wc_printf(a, "kf.pull/%s", wc_hex(a, hash, 16));
}

/* An account that we do not know yet is looked for in WeCom's list, once for each doorbell. */
static const char *key_of(wc_arena *a, const char *open_kfid, int64_t no, const char *token)
{
	return no >= 0 ? pull_key(a, open_kfid, no) : pull_key(a, wc_printf(a, "%s/%s", open_kfid, token), -1);
}

int ring_receive(wc_callback *cb, const void *self, wc_err *e)
{
	wc_arena   *a = wc_callback_arena(cb);
	json_t     *xml;
	const char *event, *token, *open_kfid;
	int64_t     door = wc_callback_endpoint(cb), no;

	(void)self;
	if (wc_xml_fields(a, wc_callback_msg(cb), &xml, e) < 0)
		return -1;
	event     = wc_xml_text(xml, "Event");
	token     = wc_xml_text(xml, "Token");
	open_kfid = wc_xml_text(xml, "OpenKfId");
	wc_callback_identity(cb, "kf", event, token, open_kfid, wc_xml_text(xml, "CreateTime"), NULL);
	if (strcmp(event, "kf_msg_or_event"))
		return 0;     /* others of the app's events are kept in the inbox */
	if (strlen(token) > 128)
		return wc_fail(e, WC_E_ARG, "a doorbell whose token is longer than 128 bytes");
	wc_count("wecomd_kf_doorbells_total", 1, NULL);
	if (!*open_kfid) {
		wc_callback_job(cb, "kf.pull_all", NULL, NULL, wc_json(a, "{s:I, s:s}", "door", (json_int_t)door, "token", token));
		return 0;
	}
	if (!id_is_good(open_kfid))
		return wc_fail(e, WC_E_ARG, "a doorbell of an account that no id can be");
	if (number_of_pull(a, open_kfid, &no, e) < 0)
		return -1;
	wc_callback_job(cb, "kf.pull", pull_lane(a, open_kfid), key_of(a, open_kfid, no, token),
	                wc_json(a, "{s:I, s:s, s:s}", "door", (json_int_t)door, "account", open_kfid, "token", token));
	return 0;
}

/* A job that was buried before it took its number would keep all others out. */
static int pass_buried(wc_arena *a, const struct account *acc, const char *key, wc_err *e)
{
	wc_job_state state;

	if (wc_job_state_of(NULL, a, key, &state, NULL, e) < 0)
		return -1;
	return state == WC_JOB_DEAD && wc_db_exec(NULL, e, "UPDATE kf_account SET pull_no = ? WHERE id = ? AND pull_no = ?", wc_int(acc->pull_no + 1), wc_int(acc->id),
	                                          wc_int(acc->pull_no)) < 0 ? -1 : 0;
}

int pull_ask(const struct account *acc, const char *token, wc_err *e)
{
	wc_arena   *a    = wc_arena_new();
	wc_job_spec spec = {.kind = "kf.pull", .lane = pull_lane(a, acc->open_kfid), .key = pull_key(a, acc->open_kfid, acc->pull_no),
	                    .args = wc_json(a, "{s:I, s:s, s:s}", "door", (json_int_t)acc->door_id, "account", acc->open_kfid, "token", token)};
	int         rc   = wc_job_add(NULL, &spec, e);

	if (rc == 0)
		rc = pass_buried(a, acc, spec.key, e);
	wc_arena_free(a);
	return rc;
}

/* An older doorbell that does not say whose it is rings at every account of its door. */
int pull_all_run(wc_job *job, const void *self, wc_err *e)
{
	wc_arena       *a     = wc_job_arena(job);
	int64_t         door  = json_integer_value(json_object_get(wc_job_args(job), "door"));
	const char     *token = wc_json_str(wc_job_args(job), "token");
	struct account *acc;
	size_t          n;

	(void)self;
	if (account_all(a, &acc, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (acc[i].door_id == door && acc[i].listed && pull_ask(&acc[i], token ? token : "", e) < 0)
			return -1;
	return 0;
}
