/* The part that describes conversations to the host: settings, jobs, metrics. */
#include "talk/parts.h"

WC_PART(talk_part, "talk",
	.summary   = "conversations with people outside: what came, what is said, and the way it takes",
	.self_size = sizeof(struct talk_settings),
	.settings  = WC_SETTINGS(
		{WC_LIST, "fallback", "", offsetof(struct talk_settings, fallback),
		 "channels that are tried, in this order, when a reply cannot go the way it came; empty: all, drafts last", .runtime = true}),
	.jobs      = WC_JOBS(
		{"talk.deliver", run_deliver, "sends what waits in a conversation", 8},
		{"talk.fallback", run_fallback, "looks for another way for a message that its channel could not deliver"}),
	.metrics   = WC_METRICS(
		{"wecomd_talk_messages_total", WC_COUNTER, "channel,direction", "messages of conversations"},
		{"wecomd_talk_deliveries_total", WC_COUNTER, "channel,how", "what channels said of messages to be sent"},
		{"wecomd_talk_changes_total", WC_COUNTER, "what", "conversations handed over, handed back, closed"}));
