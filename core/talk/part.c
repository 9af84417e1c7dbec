/* The part that describes conversations to the host: settings, jobs, metrics. */
#include "talk/parts.h"

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
		{WC_SIZE, "media_max", "20m", offsetof(struct talk_settings, media_max), "largest file", .min = 1024, .max = MEDIA_MOST}),
	.start     = start,
	.sealed    = WC_SEALED("media.name"),
	.jobs      = WC_JOBS(
		{"talk.deliver", run_deliver, "sends what waits in a conversation", 8},
		{"talk.fallback", run_fallback, "looks for another way for a message that its channel could not deliver"}),
	.metrics   = WC_METRICS(
		{"wecomd_talk_messages_total", WC_COUNTER, "channel,direction", "messages of conversations"},
		{"wecomd_talk_deliveries_total", WC_COUNTER, "channel,how", "what channels said of messages to be sent"},
		{"wecomd_talk_changes_total", WC_COUNTER, "what", "conversations handed over, handed back, closed"}));
