/* 微信客服: answers customers, hands them to people, and loses or doubles nothing.
 *
 * A callback rings (ring.c); a job drains the account, page after page with its cursor (pull.c), and takes in what the page holds (take.c, kinds.c).
 * kf's own answers are in answer.c. What is to be sent is planned by the meter (meter.c, session.c) and goes through the ledger with msgids of ours (channel.c,
 * send.c, body.c); what goes by a code is in code.c. People are in people.c, what happens by the clock in tick.c, files of customers in media_in.c,
 * accounts in account.c and settings.c, the console's side in api.c. */
#include "kf.h"

#define OF(member) offsetof(struct kf, member)

WC_PLUGIN(kf, struct kf,
	.summary   = "微信客服: answers customers within WeCom's window, hands them to people",
	.self_size = sizeof(struct kf),
	.settings  = WC_SETTINGS(
		{WC_INT, "page", "100", OF(page), "messages of one page, which is one transaction", .min = 1, .max = 1000, .runtime = true},
		{WC_DURATION, "fresh", "5m", OF(fresh_ms), "what was written so long before an account is first read is not answered", .min = 0, .max = 86400000},
		{WC_DURATION, "recover", "15m", OF(recover_ms), "an account without a doorbell for so long is read all the same", .min = 1000, .max = 86400000, .runtime = true},
		{WC_SIZE, "media_max", "20m", OF(media_max), "largest file of a customer that is kept", .min = 1024, .max = 104857600, .runtime = true},
		{WC_INT, "sends_days", "35", OF(sends_days), "days that sends are known by their msgids; 0: for ever", .min = 0, .max = 36500, .runtime = true},
		{WC_INT, "events_days", "7", OF(events_days), "days that events are known, at least WeCom's three; 0: for ever", .min = 0, .max = 36500, .runtime = true},
		{WC_INT, "ratings_days", "730", OF(ratings_days), "days that ratings are kept; 0: for ever", .min = 0, .max = 36500, .runtime = true},
		{WC_STRING, "retention_cron", "13 4 * * *", OF(retention_cron), "when what is old goes: minute hour day month weekday"}),
	.instances = WC_INSTANCES(.fields = section_fields, .size = sizeof(struct section), .check = section_check, .seed = section_seed),
	.callbacks = WC_CALLBACKS(.endpoints = doors, .receive = ring_receive),
	.channels  = WC_CHANNELS({.name = CHANNEL, .source = "kf", .kinds = "text|image|voice|video|file|link|miniprogram|menu|location",
	                          .window = channel_window, .deliver = channel_deliver}),
	.topics    = WC_TOPICS(
		{"message.received", "kf.answer", .answers = true, .rank = 0},
		{"conversation.handed_over", "kf.handed_over"},
		{"conversation.closed", "kf.closed"}),
	.routes    = kf_routes,
	.jobs      = WC_JOBS(
		{"kf.pull", pull_run, "drains an account", .attempts = 8},
		{"kf.pull_all", pull_all_run, "drains all accounts of a door whose callback names none"},
		{"kf.answer", answer_run, "asks the model and answers", .attempts = 4},
		{"kf.welcome", welcome_run, "welcomes who entered, where the pull did not", .attempts = 3},
		{"kf.farewell", farewell_run, "says goodbye when a servicer has ended a session", .attempts = 3},
		{"kf.media", media_run, "fetches a file of a customer", .attempts = 8},
		{"kf.handed_over", handed_over_run, "gives a session to a servicer, or says that a person comes", .attempts = 8},
		{"kf.assign", assign_run, "gives who waits in the pool to servicers with room"},
		{"kf.closed", closed_run, "ends a servicer's session that was closed here", .attempts = 5},
		{"kf.sync", sync_run, "compares accounts and servicers with WeCom's"},
		{"kf.tick", tick_run, "looks after who waits and who is silent"},
		{"kf.retention", retention_run, "deletes what is old"}),
	.timers    = WC_TIMERS(
		{"kf.tick", "* * * * *", NULL, "kf.tick", "Who waits for a servicer, who is silent, what was not heard"},
		{"kf.sync", "*/10 * * * *", NULL, "kf.sync", "Compares accounts and servicers with WeCom's"},
		{"kf.retention", .setting = "retention_cron", .job = "kf.retention", .summary = "Old sends, events and ratings go, once a day"}),
	.metrics   = WC_METRICS(
		{"wecomd_kf_doorbells_total", WC_COUNTER, "", "Callbacks that said that an account has news"},
		{"wecomd_kf_pages_total", WC_COUNTER, "", "Pages of messages that were read and stored"},
		{"wecomd_kf_messages_total", WC_COUNTER, "how", "Messages of pages: taken, quiet (not to be answered), known, odd (left out)"},
		{"wecomd_kf_restarts_total", WC_COUNTER, "", "Cursors that WeCom refused: the account was read from its oldest message"},
		{"wecomd_kf_answers_total", WC_COUNTER, "outcome", "Customers' messages by their end: answered, apologized, handed_over, settled"},
		{"wecomd_kf_sends_total", WC_COUNTER, "how", "send_msg: accepted, refused, later, uncertain, repeat_refused (probably delivered before), unknown"},
		{"wecomd_kf_shut_total", WC_COUNTER, "errcode", "Sends that WeCom refused for window or state"},
		{"wecomd_kf_send_failures_total", WC_COUNTER, "fail_type", "Accepted messages that failed afterwards"},
		{"wecomd_kf_codes_total", WC_COUNTER, "how", "send_msg_on_event: accepted, refused, uncertain"},
		{"wecomd_kf_changes_total", WC_COUNTER, "state", "Sessions moved by us, by the state"},
		{"wecomd_kf_media_total", WC_COUNTER, "direction,how", "Files: in stored or lost, out uploaded"},
		{"wecomd_kf_backlog_seconds", WC_GAUGE, "", "How long ago the oldest doorbell rang that was not followed to its end", .sample = backlog_sample}),
	.sections  = kf_sections,
	.sealed    = WC_SEALED("kf_door.token", "kf_door.aes_key", "kf_account.token", "kf_member.userid"),
	.reconcilers = WC_RECONCILERS({"kf.send", send_reconcile}, {"kf.code", code_reconcile}),
	.checks    = kf_checks);
