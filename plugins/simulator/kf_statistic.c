/* kf/get_corp_statistic and get_servicer_statistic (doc/95489, doc/95490), from the simulator's own books; days are of UTC+8. */
#include "kf.h"
#include "kf_api.h"

#define ZONE_MS (8 * 3600 * 1000LL)

struct span {
	struct kf_account account;
	int64_t           from_ms, to_ms;     /* the first moment of the first day, and of the last */
	const char       *servicer;
};

static bool is_midnight(int64_t ms)
{
	return ms > 0 && (ms + ZONE_MS) % KF_DAY_MS == 0;
}

static int read_span(struct cgi_call *c, struct span *s, wc_err *e)
{
	const json_t *body = kf_body(c);
	int64_t       now, today;

	if (!body || kf_need_account(c, body, &s->account, e) < 0 || kf_now(c->a, &now, e) < 0)
		return body ? -1 : 0;
	today       = now - (now + ZONE_MS) % KF_DAY_MS;
	s->servicer = kf_str(body, "servicer_userid");
	s->from_ms  = json_integer_value(json_object_get(body, "start_time")) * 1000;
	s->to_ms    = json_integer_value(json_object_get(body, "end_time")) * 1000;
	if (!c->errcode && (!is_midnight(s->from_ms) || !is_midnight(s->to_ms) || s->from_ms > s->to_ms || s->to_ms - s->from_ms > 30 * KF_DAY_MS ||
	                    s->to_ms >= today || s->from_ms < today - 180 * KF_DAY_MS))
		return cgi_refuse(c, 40058, "invalid start_time or end_time");
	return 0;
}

static int64_t count(struct cgi_call *c, wc_err *e, const char *sql, const struct span *s, int64_t day)
{
	wc_rows rows;

	if (wc_db_query(NULL, c->a, &rows, e, sql, wc_text(s->account.open_kfid), wc_int(day), wc_int(day + KF_DAY_MS)) < 0)
		return -1;
	return wc_row_int(&rows, 0, 0);
}

static int corp_day(struct cgi_call *c, const struct span *s, int64_t day, json_t *list, wc_err *e)
{
	int64_t sessions  = count(c, e, "SELECT COUNT(*) FROM simulator_kf_change WHERE open_kfid = ? AND at_ms >= ? AND at_ms < ? AND who = 'customer'", s, day);
	int64_t customers = count(c, e, "SELECT COUNT(DISTINCT external_userid) FROM simulator_kf_message WHERE open_kfid = ? AND at_ms >= ? AND at_ms < ? AND origin = 3", s, day);
	int64_t messages  = count(c, e, "SELECT COUNT(*) FROM simulator_kf_message WHERE open_kfid = ? AND at_ms >= ? AND at_ms < ? AND origin = 3", s, day);
	int64_t upgraded  = count(c, e, "SELECT COUNT(*) FROM simulator_kf_upgrade WHERE open_kfid = ? AND at_ms >= ? AND at_ms < ?", s, day);
	int64_t answered  = count(c, e, "SELECT COUNT(*) FROM simulator_kf_change WHERE open_kfid = ? AND at_ms >= ? AND at_ms < ? AND state = 1", s, day);

	if (sessions < 0 || customers < 0 || messages < 0 || upgraded < 0 || answered < 0)
		return -1;
	return json_array_append_new(list, json_pack("{s:I, s:{s:I, s:I, s:I, s:I, s:I, s:i}}", "stat_time", (json_int_t)(day / 1000), "statistic",
	                                             "session_cnt", (json_int_t)sessions, "customer_cnt", (json_int_t)customers, "customer_msg_cnt",
	                                             (json_int_t)messages, "upgrade_service_customer_cnt", (json_int_t)upgraded, "ai_session_reply_cnt",
	                                             (json_int_t)answered, "msg_rejected_customer_cnt", 0));
}

static int corp(struct cgi_call *c, wc_err *e)
{
	json_t     *list = wc_json(c->a, "[]");
	struct span s    = {0};

	if (read_span(c, &s, e) < 0)
		return -1;
	for (int64_t day = s.from_ms; !c->errcode && day <= s.to_ms; day += KF_DAY_MS)
		if (corp_day(c, &s, day, list, e) < 0)
			return -1;
	c->answer = c->errcode ? wc_json(c->a, "{}") : wc_json(c->a, "{s:O}", "statistic_list", list);
	return 0;
}

static int servicer_day(struct cgi_call *c, const struct span *s, int64_t day, json_t *list, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, c->a, &rows, e, "SELECT COUNT(*), COUNT(DISTINCT external_userid) FROM simulator_kf_change WHERE open_kfid = ? AND at_ms >= ?"
	                " AND at_ms < ? AND state = 3 AND (servicer = ? OR ? = '')", wc_text(s->account.open_kfid), wc_int(day), wc_int(day + KF_DAY_MS),
	                wc_text(s->servicer), wc_text(s->servicer)) < 0)
		return -1;
	return json_array_append_new(list, json_pack("{s:I, s:{s:I, s:I}}", "stat_time", (json_int_t)(day / 1000), "statistic", "session_cnt",
	                                             (json_int_t)wc_row_int(&rows, 0, 0), "customer_cnt", (json_int_t)wc_row_int(&rows, 0, 1)));
}

static int servicer(struct cgi_call *c, wc_err *e)
{
	json_t     *list = wc_json(c->a, "[]");
	struct span s    = {0};

	if (read_span(c, &s, e) < 0)
		return -1;
	for (int64_t day = s.from_ms; !c->errcode && day <= s.to_ms; day += KF_DAY_MS)
		if (servicer_day(c, &s, day, list, e) < 0)
			return -1;
	c->answer = c->errcode ? wc_json(c->a, "{}") : wc_json(c->a, "{s:O}", "statistic_list", list);
	return 0;
}

int kf_corp_statistic(wc_request *rq, const void *self)     { return cgi_run(rq, self, "kf/get_corp_statistic", true, corp); }
int kf_servicer_statistic(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/get_servicer_statistic", true, servicer); }
