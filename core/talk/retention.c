/* What is old goes: messages, conversations without any, files, and the files of the store that no row names. */
#include "talk/parts.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <string.h>

struct rule {
	const char *name, *sql;
	size_t      days;
};

#define OF(member) offsetof(struct talk_settings, member)

/* A message that is owed, or on its way, is not old. What hangs on messages goes behind them. */
static const struct rule rules[] = {
	{"messages", "DELETE FROM message WHERE at < NOW(3) - INTERVAL ? DAY AND state NOT IN (1, 11, 12, 14, 18) ORDER BY at LIMIT 500", OF(messages_days)},
	{"events", "DELETE FROM conversation_event WHERE at < NOW(3) - INTERVAL ? DAY ORDER BY at LIMIT 500", OF(messages_days)},
	{"conversations",
	 "DELETE FROM conversation WHERE closed_at < NOW(3) - INTERVAL ? DAY AND NOT EXISTS (SELECT 1 FROM message m WHERE m.conversation = conversation.id OR"
	 " m.route = conversation.id) LIMIT 500", OF(messages_days)},
	{"files", "DELETE FROM media WHERE at < NOW(3) - INTERVAL ? DAY ORDER BY at LIMIT 500", OF(media_days)},
};

static int apply(wc_job *job, const struct rule *rule, int64_t days, int64_t *deleted, wc_err *e)
{
	int64_t n;

	*deleted = 0;
	do {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "retention goes on elsewhere");
		n = wc_db_exec_once(e, rule->sql, wc_int(days));
		if (n < 0)
			return wc_wrap(e, "retention of %s", rule->name);
		*deleted += n;
	} while (n > 0);
	return 0;
}

/* Words of messages that are gone. They go by ranges of numbers, which messages never use again. */
static int forget_words(wc_job *job, wc_err *e)
{
	int64_t n = 500;

	while (n == 500) {
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "retention goes on elsewhere");
		n = wc_db_exec(NULL, e, "DELETE FROM message_words WHERE message < (SELECT IFNULL(MIN(id), 0) FROM message) ORDER BY message LIMIT 500");
	}
	return n < 0 ? -1 : 0;
}

static int delete_all(wc_job *job, const struct talk_settings *s, json_t *counts, wc_err *e)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		int64_t days = *(const int64_t *)((const char *)s + rules[i].days), n;
		int     rc   = days ? apply(job, &rules[i], days, &n, e) : 0;

		if (days && n)
			json_object_set_new(counts, rules[i].name, json_integer(n));
		if (rc < 0)
			return -1;
	}
	return forget_words(job, e);
}

int run_retention(wc_job *job, const void *self, wc_err *e)
{
	json_t        *counts = wc_json(wc_job_arena(job), "{}");
	wc_audit_entry entry  = {"system", "retention.delete", "conversations", counts};
	int            rc     = delete_all(job, self, counts, e);
	wc_err         mine;

	if (json_object_size(counts) && wc_audit(NULL, &entry, &mine) < 0)
		wc_log(WC_ERROR, "deletions are not in the audit trail", wc_kv_s("counts", wc_json_text(wc_job_arena(job), counts)), wc_kv_s("error", mine.text));
	return rc;
}

int run_sweep(wc_job *job, const void *self, wc_err *e)
{
	int64_t removed = 0;
	int     more    = 1;

	(void)self;
	while (more > 0 && !wc_job_stopping(job))
		more = media_sweep(wc_job_arena(job), &removed, e);
	if (removed)
		wc_log(WC_INFO, "files that nothing names were removed", wc_kv_i("files", removed));
	return more < 0 ? -1 : 0;
}
