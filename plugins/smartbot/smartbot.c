/* 智能机器人: answers members in single chats and, when @-mentioned, in groups; the answer streams.
 *
 * A message becomes a job and an open stream (event.c); the job asks the model and writes snapshots (answer.c, stream.c);
 * WeCom's refreshes read them, on whatever node they arrive (stream.c). */
#include "smartbot.h"

WC_PLUGIN(smartbot, struct smartbot,
	.summary   = "智能机器人: streamed answers to members, in single chats and groups",
	.settings  = WC_SETTINGS(
		{WC_DURATION, "stream_life", "330s", offsetof(struct smartbot, stream_life_ms),
		 "an answer ends so long after its question; WeCom stops asking after 6 minutes", .min = 1000, .max = 350000},
		{WC_DURATION, "snapshot_every", "500ms", offsetof(struct smartbot, snapshot_every_ms),
		 "pause between two snapshots of a growing answer", .min = 50, .max = 10000}),
	.instances = WC_INSTANCES(.fields = bot_fields, .size = sizeof(struct bot), .check = bot_check, .seed = bot_seed),
	.callbacks = WC_CALLBACKS(.endpoints = bot_endpoints, .receive = event_receive),
	.jobs      = WC_JOBS(
		{"smartbot.answer", answer_run, "asks the model and streams its answer", .attempts = 4}),
	.sealed    = WC_SEALED("smartbot_bot.token", "smartbot_bot.aes_key", "smartbot_stream.content"));
