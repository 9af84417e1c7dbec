/* What is old enough goes, some hundred rows at a time, once a day; and what is kept about a customer goes with the customer. */
#include "kf.h"

#define AT_ONCE "500"

struct rule {
	const char *name, *sql;
	size_t      days;
};

#define OF(member) offsetof(struct kf, member)

/* A send's parts and body are looked for as long as WeCom keeps messages; sessions last as long as anybody may come back to them. */
static const struct rule rules[] = {
	{"events", "DELETE FROM kf_event WHERE at < NOW(3) - INTERVAL ? DAY ORDER BY at LIMIT " AT_ONCE, OF(events_days)},
	{"parts",
	 "DELETE FROM kf_send_part WHERE send_id IN (SELECT id FROM (SELECT s.id FROM kf_send s JOIN kf_send_part p ON p.send_id = s.id WHERE s.sent_ms <"
	 " UNIX_TIMESTAMP(NOW(3) - INTERVAL ? DAY) * 1000 AND s.state <> 0 ORDER BY s.sent_ms LIMIT " AT_ONCE ") old)", OF(sends_days)},
	{"sends", "DELETE FROM kf_send WHERE sent_ms < UNIX_TIMESTAMP(NOW(3) - INTERVAL ? DAY) * 1000 AND state <> 0 ORDER BY sent_ms LIMIT " AT_ONCE, OF(sends_days)},
	{"ratings", "DELETE FROM kf_rating WHERE at < NOW(3) - INTERVAL ? DAY ORDER BY at LIMIT " AT_ONCE, OF(ratings_days)},
};

static int delete_rows(wc_job *job, const char *name, const char *sql, const int64_t *days, json_t *counts, wc_err *e)
{
	int64_t n, deleted = 0;

	do {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "retention goes on elsewhere");
		n = days ? wc_db_exec_once(e, sql, wc_int(*days)) : wc_db_exec_once(e, sql);
		if (n < 0)
			return wc_wrap(e, "retention of %s", name);
		deleted += n;
		if (n)
			json_object_set_new(counts, name, json_integer(deleted));
	} while (n > 0);
	return 0;
}

static int delete_all(wc_job *job, const struct kf *self, json_t *counts, wc_err *e)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const int64_t *days = (const int64_t *)((const char *)self + rules[i].days);

		if (*days && delete_rows(job, rules[i].name, rules[i].sql, days, counts, e) < 0)
			return -1;
	}
	return delete_rows(job, "uploads", "DELETE FROM kf_upload WHERE until_at < NOW(3) ORDER BY until_at LIMIT " AT_ONCE, NULL, counts, e);
}

int retention_run(wc_job *job, const void *self, wc_err *e)
{
	json_t *counts = wc_json(wc_job_arena(job), "{}");
	int     rc     = delete_all(job, self, counts, e);
	wc_err  mine;

	if (!json_object_size(counts) || wc_audit(NULL, &(wc_audit_entry){"system", "kf.retention", "kf", counts}, &mine) == 0)
		return rc;
	wc_log(WC_ERROR, "deletions are not in the audit trail", wc_kv_s("counts", wc_json_text(wc_job_arena(job), counts)), wc_kv_s("error", mine.text));
	if (rc == 0)
		*e = mine;
	return -1;
}

/* --- a customer ------------------------------------------------------------------------------------------------------------------ */

static json_t *sessions_of(wc_arena *a, int64_t customer, bool whole, wc_err *e)
{
	json_t *list = wc_json(a, "[]");
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT c.open_kfid, c.name, s.state, s.turn_no, s.turn_ms, s.scene, s.peer FROM kf_session s JOIN kf_account c ON c.id = s.account_id"
	                " WHERE s.customer = ? ORDER BY s.id", wc_int(customer)) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++) {
		json_t  *one = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "open_kfid", wc_row_text(&rows, i, 0), "account", wc_row_text(&rows, i, 1), "state",
		                         (json_int_t)wc_row_int(&rows, i, 2), "messages", (json_int_t)wc_row_int(&rows, i, 3), "last_at",
		                         wc_time_text(a, wc_row_int(&rows, i, 4)), "scene", wc_row_text(&rows, i, 5));
		wc_cell  peer = wc_row_cell(&rows, i, 6);
		wc_slice plain;
		wc_err   ignored;

		if (whole && wc_customer_unseal(NULL, a, customer, "kf_session.peer", (wc_slice){peer.s, peer.n}, &plain, &ignored) == 0)
			json_object_set_new(one, "external_userid", json_stringn(plain.p, plain.n));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *ratings_of(wc_arena *a, int64_t customer, wc_err *e)
{
	json_t *list = wc_json(a, "[]");
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT score, CAST(UNIX_TIMESTAMP(at) * 1000 AS INTEGER) FROM kf_rating WHERE customer = ? ORDER BY id", wc_int(customer)) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, json_pack("{s:I, s:s}", "score", (json_int_t)wc_row_int(&rows, i, 0), "at", wc_time_text(a, wc_row_int(&rows, i, 1))));
	return list;
}

static json_t *section(wc_arena *a, int64_t customer, bool whole, wc_err *e)
{
	json_t *sessions = sessions_of(a, customer, whole, e), *ratings = sessions ? ratings_of(a, customer, e) : NULL;

	if (!ratings)
		return NULL;
	return json_array_size(sessions) ? wc_json(a, "{s:O, s:O}", "sessions", sessions, "ratings", ratings) : wc_json(a, "n");
}

static json_t *read_section(wc_arena *a, int64_t customer, const void *self, wc_err *e)
{
	(void)self;
	return section(a, customer, false, e);
}

static json_t *whole_section(wc_arena *a, int64_t customer, const void *self, wc_err *e)
{
	(void)self;
	return section(a, customer, true, e);
}

static int erase(wc_db *db, int64_t customer, const void *self, wc_err *e)
{
	(void)self;
	return wc_db_exec(db, e, "DELETE p FROM kf_send_part p JOIN kf_send s ON s.id = p.send_id JOIN kf_session n ON n.id = s.session_id WHERE n.customer = ?",
	                  wc_int(customer)) < 0 ||
	       wc_db_exec(db, e, "DELETE s FROM kf_send s JOIN kf_session n ON n.id = s.session_id WHERE n.customer = ?", wc_int(customer)) < 0 ||
	       wc_db_exec(db, e, "DELETE FROM kf_rating WHERE customer = ?", wc_int(customer)) < 0 ||
	       wc_db_exec(db, e, "DELETE FROM kf_session WHERE customer = ?", wc_int(customer)) < 0 ? -1 : 0;
}

const wc_section kf_sections[] = {
	{"customer", "kf", read_section, whole_section, erase},
	{0}};
