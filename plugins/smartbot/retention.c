/* What is old enough goes, a few hundred rows at a time, once a day. A conversation goes when its turns have gone and nothing else was changed
 * at it for as long; a person's id when nothing is left that names the person by hash. */
#include "smartbot.h"

#define AT_ONCE "500"
#define OLD     " < NOW(3) - INTERVAL ? DAY"

/* What a statement deletes, and the setting that says after how many days; 0 days: never. */
struct rule {
	const char *name, *sql;
	size_t      days;
};

#define OF(member) offsetof(struct smartbot, member)

static const struct rule rules[] = {
	{"images", "DELETE FROM smartbot_image WHERE at" OLD " ORDER BY at LIMIT " AT_ONCE, OF(answers_days)},
	{"streams", "DELETE FROM smartbot_stream WHERE asked_at" OLD " ORDER BY asked_at LIMIT " AT_ONCE, OF(answers_days)},
	{"cards", "DELETE FROM smartbot_card WHERE at" OLD " ORDER BY at LIMIT " AT_ONCE, OF(answers_days)},
	{"replies", "DELETE FROM smartbot_reply WHERE expires_at" OLD " ORDER BY expires_at LIMIT " AT_ONCE, OF(answers_days)},
	{"feedback", "DELETE FROM smartbot_feedback WHERE at" OLD " ORDER BY at LIMIT " AT_ONCE, OF(feedback_days)},
	{"presses", "DELETE FROM smartbot_press WHERE at" OLD " ORDER BY at LIMIT " AT_ONCE, OF(feedback_days)},
	{"usage", "DELETE FROM smartbot_usage WHERE day" OLD " ORDER BY day LIMIT " AT_ONCE, OF(usage_days)},
	{"turns", "DELETE FROM smartbot_turn WHERE at" OLD " ORDER BY at LIMIT " AT_ONCE, OF(conversations_days)},
	{"conversations",
	 "DELETE FROM smartbot_conversation WHERE updated_at" OLD
	 " AND NOT EXISTS (SELECT 1 FROM smartbot_turn t WHERE t.conversation_id = smartbot_conversation.id) ORDER BY updated_at LIMIT " AT_ONCE,
	 OF(conversations_days)},
};

#define NOWHERE(table) " AND NOT EXISTS (SELECT 1 FROM " table " x WHERE x.person = smartbot_person.person)"

static const char nameless[] =
	"DELETE FROM smartbot_person WHERE TRUE" NOWHERE("smartbot_stream") NOWHERE("smartbot_turn") NOWHERE("smartbot_usage") NOWHERE("smartbot_feedback")
	NOWHERE("smartbot_press") " ORDER BY person LIMIT " AT_ONCE;

static int delete_rows(wc_job *job, const char *name, const char *sql, const int64_t *days, json_t *counts, wc_err *e)
{
	int64_t n, deleted = 0;

	do {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "retention goes on elsewhere");
		n = days ? wc_db_exec_once(e, sql, wc_int(*days)) : wc_db_exec_once(e, sql);     /* or what was deleted would not be counted */
		if (n < 0)
			return wc_wrap(e, "retention of %s", name);
		deleted += n;
		if (n)
			json_object_set_new(counts, name, json_integer(deleted));
	} while (n > 0);
	return 0;
}

static int delete_all(wc_job *job, const struct smartbot *self, json_t *counts, wc_err *e)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const int64_t *days = (const int64_t *)((const char *)self + rules[i].days);

		if (*days && delete_rows(job, rules[i].name, rules[i].sql, days, counts, e) < 0)
			return -1;
	}
	return delete_rows(job, "people", nameless, NULL, counts, e);
}

/* What was deleted is told, also of a run that was cut short. */
int retention_run(wc_job *job, const void *self, wc_err *e)
{
	json_t *counts = wc_json(wc_job_arena(job), "{}");
	int     rc     = delete_all(job, self, counts, e);
	wc_err  mine;

	if (!json_object_size(counts) || wc_audit(NULL, &(wc_audit_entry){"system", "smartbot.retention", "smartbot", counts}, &mine) == 0)
		return rc;
	wc_log(WC_ERROR, "deletions are not in the audit trail", wc_kv_s("counts", wc_json_text(wc_job_arena(job), counts)), wc_kv_s("error", mine.text));
	if (rc == 0)
		*e = mine;
	return -1;
}
