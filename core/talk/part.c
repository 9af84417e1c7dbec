/* The part that describes conversations to the host: settings, jobs, metrics. */
#include "talk/parts.h"

/* --- figures ---------------------------------------------------------------------------------------------------------- */

static int count_messages(wc_arena *a, const wc_span *s, int64_t *in, int64_t *out, const void *self, wc_err *e)
{
	wc_rows r;

	(void)self;
	if (wc_db_query(NULL, a, &r, e,
	                "SELECT " WC_BUCKET("at") " AS bucket, SUM(is_out = 0), SUM(is_out = 1) FROM message WHERE " WC_WITHIN("at") " GROUP BY bucket",
	                WC_SPAN_VALUES(s)) < 0)
		return -1;
	for (size_t i = 0; i < r.n; i++) {
		int64_t at = wc_row_int(&r, i, 0);

		if (at < 0 || at >= (int64_t)s->n)
			continue;
		in[at] += wc_row_int(&r, i, 1);
		out[at] += wc_row_int(&r, i, 2);
	}
	return 0;
}

static const wc_messages messages = {count_messages};

static int sample_waiting(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	static const struct {
		int         state;
		const char *labels;
	} states[] = {{M_OWED, "state=\"owed\""}, {M_QUEUED, "state=\"queued\""}, {M_HELD, "state=\"waiting\""}, {M_UNCERTAIN, "state=\"uncertain\""},
	              {M_DRAFT, "state=\"draft\""}};
	wc_rows r;

	(void)self;
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		if (wc_db_query(NULL, a, &r, e, "SELECT COUNT(*) FROM message WHERE state = ?", wc_int(states[i].state)) < 0)
			return -1;
		wc_gauge_sample(out, "wecomd_talk_waiting", states[i].labels, (double)wc_row_int(&r, 0, 0));
	}
	return 0;
}

static int sample_open(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	wc_rows r;

	(void)self;
	if (wc_db_query(NULL, a, &r, e, "SELECT SUM(handler = 0), SUM(handler = 1) FROM conversation WHERE is_open = 1") < 0)
		return -1;
	wc_gauge_sample(out, "wecomd_talk_conversations", "handler=\"machine\"", (double)wc_row_int(&r, 0, 0));
	wc_gauge_sample(out, "wecomd_talk_conversations", "handler=\"person\"", (double)wc_row_int(&r, 0, 1));
	return 0;
}

/* --- the part --------------------------------------------------------------------------------------------------------- */

static const struct talk_settings *settings;

const struct talk_settings *talk_settings(void)
{
	return self_now(settings);
}

static int start(void *self, wc_err *e)
{
	(void)e;
	settings = self;
	return 0;
}

WC_PART(talk_part, "talk",
	.summary   = "conversations with people outside: what came, what is said, and the way it takes",
	.self_size = sizeof(struct talk_settings),
	.settings  = WC_SETTINGS(
		{WC_LIST, "fallback", "", offsetof(struct talk_settings, fallback),
		 "channels that are tried, in this order, when a reply cannot go the way it came; empty: all, drafts last", .runtime = true},
		{WC_STRING, "media_folder", "", offsetof(struct talk_settings, media_folder),
		 "folder of pictures and files that came or go, the same for all nodes; empty: none are kept", .max = 400},
		{WC_SIZE, "media_max", "20m", offsetof(struct talk_settings, media_max), "largest file", .min = 1024, .max = MEDIA_MOST},
		{WC_INT, "messages_days", "730", offsetof(struct talk_settings, messages_days), "days that messages are kept; 0: for ever", .max = 36500},
		{WC_INT, "media_days", "180", offsetof(struct talk_settings, media_days), "days that pictures and files are kept; 0: for ever", .max = 36500}),
	.start     = start,
	.sealed    = WC_SEALED("media.name"),
	.jobs      = WC_JOBS(
		{"talk.deliver", run_deliver, "sends what waits in a conversation", 12},
		{"talk.fallback", run_fallback, "looks for another way for a message that its channel could not deliver"},
		{"talk.retention", run_retention, "deletes old messages and files"},
		{"talk.sweep", run_sweep, "removes files that nothing names any more"}),
	.timers    = WC_TIMERS(
		{"talk.retention", .cron = "41 3 * * *", .job = "talk.retention", .summary = "old messages and files go, once a day"},
		{"talk.sweep", .cron = "*/10 * * * *", .job = "talk.sweep", .summary = "files of erased customers go, within minutes"}),
	.sections  = WC_SECTIONS(
		{"customer", "identities", identities_read, identities_whole, conversations_erase},
		{"customer", "conversations", conversations_read, conversations_whole}),
	.checks    = WC_CHECKS({"talk.media", "whether files of conversations can be kept", media_check}),
	.offers    = WC_OFFERS({"messages", 1, &messages}),
	.metrics   = WC_METRICS(
		{"wecomd_talk_messages_total", WC_COUNTER, "channel,direction", "messages of conversations"},
		{"wecomd_talk_deliveries_total", WC_COUNTER, "channel,how", "what channels said of messages to be sent"},
		{"wecomd_talk_changes_total", WC_COUNTER, "what", "conversations handed over, handed back, closed"},
		{"wecomd_talk_waiting", WC_GAUGE, "state", "messages without an outcome, or not sent yet", sample_waiting},
		{"wecomd_talk_conversations", WC_GAUGE, "handler", "open conversations", sample_open}));
