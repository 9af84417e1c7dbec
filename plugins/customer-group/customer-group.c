/* Customer groups (客户群) and join ways (加入群聊): visible, attributed, and in step with WeCom.
 *
 * Events tell at once what changed; every ten minutes a sweep asks for what no event told; at night everything is compared, and what differs is
 * reported. Campaigns take from here which groups can be sent to. */
#include "group.h"

#define OF(member) offsetof(struct customer_group, member)

static int start(void *self, wc_err *e)
{
	const struct customer_group *s = self;
	wc_envelope                  envelope;

	if (*s->secret && !wc_wecom_secret_exists(s->secret))
		return wc_fail(e, WC_E_CONFIG, "[customer-group] secret: there is no section [wecom:%s]", s->secret);
	if (*s->token && !*s->corp_id)
		return wc_fail(e, WC_E_CONFIG, "[customer-group] corp_id is missing: callbacks of the app carry it");
	return *s->token && wc_envelope_init(&envelope, s->token, s->aes_key, s->corp_id, e) < 0 ? wc_wrap(e, "[customer-group]") : 0;
}

/* --- for other plugins ------------------------------------------------------------------------------------------------ */

/* Something happened in a group: kept as its activity if it is the latest. */
static int note_activity(const char *chat_id, int64_t at_ms, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE wecom_customer_group SET activity_at = GREATEST(COALESCE(activity_at, '1970-01-02'), FROM_UNIXTIME(? / 1000)) WHERE chat_id = ?",
	                  wc_int(at_ms), wc_text(chat_id)) < 0 ? -1 : 0;
}

/* An owner confirmed a message to a group: it counts towards the quota once for each key (at most 64 bytes). */
static int note_send(const char *key, const char *chat_id, int64_t at_ms, wc_err *e)
{
	return wc_db_exec(NULL, e, "INSERT IGNORE INTO wecom_customer_group_send (send_key, group_id, sent_at) SELECT ?, id, FROM_UNIXTIME(? / 1000)"
	                  " FROM wecom_customer_group WHERE chat_id = ?", wc_text(key), wc_int(at_ms), wc_text(chat_id)) < 0 ? -1 : note_activity(chat_id, at_ms, e);
}

struct customer_groups {
	int (*note_activity)(const char *chat_id, int64_t at_ms, wc_err *e);
	int (*note_send)(const char *key, const char *chat_id, int64_t at_ms, wc_err *e);
};

static const struct customer_groups groups_offer = {note_activity, note_send};

/* --- metrics --------------------------------------------------------------------------------------------------------- */

static int sample_groups(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	wc_rows rows;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT status, COUNT(*) FROM wecom_customer_group GROUP BY status") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		wc_gauge_sample(out, "wecomd_customer_groups", wc_printf(a, "status=\"%s\"", status_word(wc_row_int(&rows, i, 0))), (double)wc_row_int(&rows, i, 1));
	return 0;
}

static int sample_age(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	wc_rows rows;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT TIMESTAMPDIFF(SECOND, MAX(ended_at), NOW(3)) FROM wecom_customer_sweep WHERE state = 'done'") < 0)
		return -1;
	if (wc_row_cell(&rows, 0, 0).s)
		wc_gauge_sample(out, "wecomd_customer_group_sync_age_seconds", "", (double)wc_row_int(&rows, 0, 0));
	return 0;
}

static int sample_warnings(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	wc_rows rows;

	(void)self;
	if (wc_db_query(NULL, a, &rows, e, "SELECT kind, COUNT(*) FROM wecom_customer_warning WHERE cleared_at IS NULL GROUP BY kind") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		wc_gauge_sample(out, "wecomd_customer_group_warnings", wc_printf(a, "kind=\"%s\"", wc_row_text(&rows, i, 0)), (double)wc_row_int(&rows, i, 1));
	return 0;
}

#define BASE "/api/wecom/customer/"

WC_PLUGIN(customer_group, struct customer_group,
	.name      = "customer-group",
	.summary   = "客户群: customer groups and join ways, in step with WeCom",
	.settings  = WC_SETTINGS(
		{WC_STRING, "secret", "", OF(secret), "NAME of the [wecom:NAME] whose app may use 客户联系; empty: nothing is asked of WeCom"},
		{WC_STRING, "callback", "contact", OF(callback), "the name in the callback URL /wecom/callback/NAME", .min = 1, .max = 64},
		{WC_SECRET, "token", "", OF(token), "Token of that callback; empty: no callback", .max = 32},
		{WC_SECRET, "aes_key", "", OF(aes_key), "EncodingAESKey of that callback, 43 characters", .max = 43},
		{WC_STRING, "corp_id", "", OF(corp_id), "the company's id, as callbacks carry it", .max = 128},
		{WC_STRING, "sync_cron", "*/10 * * * *", OF(sync_cron), "when groups are brought in step: minute hour day month weekday"},
		{WC_STRING, "reconcile_cron", "20 2 * * *", OF(reconcile_cron), "when everything is compared and what differs is reported"},
		{WC_INT, "owners_at_once", "100", OF(owners_at_once), "owners in one question for a list", .min = 1, .max = 100, .runtime = true},
		{WC_DURATION, "details_after", "24h", OF(details_after_ms), "a detail that is older is asked for again", .min = 60000, .max = 2592000000, .runtime = true},
		{WC_DURATION, "lag", "3s", OF(lag_ms), "the first pause when a detail lags behind its event; it doubles", .min = 10, .max = 60000, .runtime = true},
		{WC_CHOICE, "quota", "month", OF(quota), "messages that a group may get: as many a month as it has days, 7 a week, 1 a day", .choices = "month|week|day", .runtime = true},
		{WC_INT, "group_max", "200", OF(group_max), "members with which a group is full", .min = 1, .max = 10000, .runtime = true},
		{WC_STRING, "qr_hosts", "wework.qpic.cn|*.qpic.cn|*.weixin.qq.com", OF(qr_hosts),
		 "hosts that pictures of join ways may come from, patterns \"a|b\"; private:HOST allows private addresses"},
		{WC_DURATION, "day_offset", "8h", OF(day_offset_ms), "days begin so much before midnight UTC", .min = 0, .max = 86400000}),
	.callbacks = WC_CALLBACKS(.endpoints = event_endpoints, .receive = event_receive),
	.routes    = WC_ROUTES(
		{WC_POST, BASE "groups/sync", WC_OPERATOR, api_sync, "Begins a sweep, or tells of the one under way", sync_fields, sizeof(struct sync_order), .answer = sweep_answer},
		{WC_GET, BASE "groups", WC_VIEWER, api_groups, "Customer groups", .query = filter_fields, .query_size = sizeof(struct filter), .list = true, .answer = group_answer},
		{WC_GET, BASE "groups/{chat_id}", WC_VIEWER, api_group, "One group, with its segments"},
		{WC_GET, BASE "groups/{chat_id}/members", WC_VIEWER, api_members, "Everybody who is or was in it", .list = true, .answer = member_answer},
		{WC_GET, BASE "groups/{chat_id}/trend", WC_VIEWER, api_trend, "Joins and leaves by day", .query = trend_query, .query_size = sizeof(struct trend_query)},
		{WC_PUT, BASE "groups/{chat_id}/tags", WC_OPERATOR, api_tags, "Sets the group's tags", tags_fields, sizeof(struct tags_order), .answer = group_answer},
		{WC_GET, BASE "statistics", WC_VIEWER, api_statistics, "Groups by status, joins and leaves by day, and WeCom's own figures", .query = trend_query, .query_size = sizeof(struct trend_query)},
		{WC_GET, BASE "syncs", WC_VIEWER, api_sweeps, "Sweeps, the latest first", .list = true, .answer = sweep_answer},
		{WC_GET, BASE "drift", WC_VIEWER, api_drift, "What a reconciliation found different", .query = drift_query, .query_size = sizeof(struct drift_query), .list = true, .answer = drift_answer},
		{WC_GET, BASE "warnings", WC_VIEWER, warning_list, "What somebody should mend in WeCom", .list = true, .answer = warning_answer},
		{WC_GET, BASE "segments", WC_VIEWER, segment_list, "Segments by their names", .list = true, .answer = segment_answer},
		{WC_PUT, BASE "segments/{name}", WC_OPERATOR, segment_put, "Makes or changes a segment", segment_fields, sizeof(struct segment), .answer = segment_answer},
		{WC_DELETE, BASE "segments/{name}", WC_OPERATOR, segment_delete, "Deletes a segment"},
		{WC_GET, BASE "contacts", WC_VIEWER, api_contacts, "Customers of members", .query = contact_query, .query_size = 2 * sizeof(char *), .list = true, .answer = contact_answer},
		{WC_GET, BASE "join-way", WC_VIEWER, join_way_list, "Join ways, the latest first", .list = true, .answer = join_way_answer},
		{WC_POST, BASE "join-way", WC_OPERATOR, join_way_post, "Makes a join way", join_way_fields, sizeof(struct join_way), .answer = join_way_answer},
		{WC_GET, BASE "join-way/{config_id}", WC_VIEWER, join_way_get, "One join way, and who came by it"},
		{WC_PUT, BASE "join-way/{config_id}", WC_OPERATOR, join_way_put, "Overwrites a join way", join_way_fields, sizeof(struct join_way), .answer = join_way_answer},
		{WC_DELETE, BASE "join-way/{config_id}", WC_OPERATOR, join_way_delete, "Deletes a join way"},
		{WC_GET, BASE "join-way/{config_id}/qr-code", WC_VIEWER, join_way_picture, "Its picture"}),
	.sections  = customer_group_sections,
	.jobs      = WC_JOBS(
		{"customer-group.tick", sync_tick, "begins a sweep"},
		{"customer-group.reconcile", reconcile_tick, "begins a reconciliation"},
		{"customer-group.sweep", sweep_run, "brings groups, join ways and customers in step with WeCom", .attempts = 8},
		{"customer-group.chat", event_chat, "takes in what happened to a group", .attempts = 8},
		{"customer-group.contact", event_contact, "takes in what happened to a customer", .attempts = 8}),
	.timers    = WC_TIMERS(
		{"customer-group.sync", .setting = "sync_cron", .job = "customer-group.tick", .summary = "what no event told is asked for"},
		{"customer-group.reconcile", .setting = "reconcile_cron", .job = "customer-group.reconcile", .summary = "everything is compared with WeCom"}),
	.metrics   = WC_METRICS(
		{"wecomd_customer_group_events_total", WC_COUNTER, "kind", "Events of groups and customers"},
		{"wecomd_customer_group_sweeps_total", WC_COUNTER, "kind,state", "Sweeps that ended: sync, reconcile; done, failed"},
		{"wecomd_customer_group_calls_total", WC_COUNTER, "", "Calls of WeCom by sweeps"},
		{"wecomd_customer_group_details_total", WC_COUNTER, "", "Details of groups that sweeps asked for"},
		{"wecomd_customer_groups", WC_GAUGE, "status", "Groups by status", sample_groups},
		{"wecomd_customer_group_sync_age_seconds", WC_GAUGE, "", "Since the last sweep that was done", sample_age},
		{"wecomd_customer_group_warnings", WC_GAUGE, "kind", "Warnings that hold", sample_warnings}),
	.offers    = WC_OFFERS({"groups", 1, &groups_offer}),
	.sealed    = WC_SEALED("wecom_customer_group_member.names", "wecom_contact.person", "wecom_contact_follow.person"),
	.start     = start);
