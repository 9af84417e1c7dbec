/* 智能机器人: answers members in single chats and, when @-mentioned, in groups; the answer streams.
 *
 * A message becomes a job and an open stream (event.c); the job reads what was sent, asks the model and writes snapshots (answer.c,
 * stream.c); WeCom's refreshes read them, on whatever node they arrive (stream.c). Cards and ratings are in touch.c, what is remembered in
 * memory.c, what is used in usage.c, what is deleted in retention.c, the later message in reply.c, the console's side in api.c. */
#include "smartbot.h"

#define DURATION(name, standard, ...) {WC_DURATION, #name, standard, offsetof(struct smartbot, name##_ms), __VA_ARGS__}
#define WORDS(name, standard, help)   {WC_STRING, #name, standard, offsetof(struct smartbot, name), help}

#define KEPT(name, standard, help)    {WC_INT, #name, standard, offsetof(struct smartbot, name), help, .min = 0, .max = 36500, .runtime = true}

/* For other plugins, such as those that bring tools: a picture or a card for the end of an answer that is under way. */
struct smartbot_answers {
	int (*attach_image)(const char *stream_id, wc_slice image, wc_err *e);
	int (*attach_card)(const char *stream_id, json_t *card, wc_err *e);
};

static const struct smartbot_answers answers  = {stream_attach_image, stream_attach_card};
static const wc_messages             messages = {usage_messages};

WC_PLUGIN(smartbot, struct smartbot,
	.summary   = "智能机器人: streamed answers to members, in single chats and groups",
	.settings  = WC_SETTINGS(
		DURATION(stream_life, "330s", "a stream ends so long after its question; WeCom stops asking after 6 minutes", .min = 1000, .max = 350000),
		DURATION(snapshot_every, "500ms", "pause between two snapshots of a growing answer", .min = 50, .max = 10000),
		DURATION(late_life, "15m", "how long the model may work on when its answer goes by response_url", .min = 1000, .max = 3000000),
		DURATION(day_offset, "8h", "the day of the limits begins so much before midnight UTC", .min = 0, .max = 86400000),
		KEPT(answers_days, "30", "days that ended answers with their pictures and cards, and used-up response_urls are kept; 0: for ever"),
		KEPT(feedback_days, "365", "days that ratings and pressed cards are kept; 0: for ever"),
		KEPT(usage_days, "730", "days that counts of use are kept; 0: for ever"),
		KEPT(conversations_days, "180", "days that turns, and conversations nobody goes on with, are remembered; 0: for ever"),
		{WC_STRING, "retention_cron", "43 3 * * *", offsetof(struct smartbot, retention_cron), "when what is old goes: minute hour day month weekday"},
		{WC_INT, "in_flight", "3", offsetof(struct smartbot, in_flight), "questions of one person to one bot that have open streams", .min = 1, .max = 3},
		{WC_INT, "images", "4", offsetof(struct smartbot, images), "pictures of one question that the model is given", .min = 0, .max = 10},
		{WC_SIZE, "image_max", "4m", offsetof(struct smartbot, image_max), "largest picture", .min = 1024, .max = 20971520},
		{WC_SIZE, "file_max", "10m", offsetof(struct smartbot, file_max), "largest file", .min = 1024, .max = 104857600},
		{WC_SIZE, "file_text_max", "24k", offsetof(struct smartbot, file_text_max), "how much of a text file the model is given", .min = 256, .max = 524288},
		WORDS(media_hosts, "ww-aibot-img-1258476243.cos.*.myqcloud.com",
		      "hosts that pictures and files may come from, patterns \"a|b\"; private:HOST allows private addresses"),
		WORDS(link, "", "where a touch on a notice leads, such as a help page; empty: use is told in words alone"),
		WORDS(block_words, "返现,保本,医疗治愈", "words that are neither answered nor said"),
		WORDS(words_clear, "清除记忆|清空记忆|忘记对话", "words that clear the memory"),
		WORDS(words_role, "切换角色|更换角色", "words that switch the role"),
		WORDS(words_usage, "用量|我的用量|查看用量", "words that show what was used"),
		WORDS(words_help, "帮助|使用帮助|help", "words that show the help")),
	.instances = WC_INSTANCES(.fields = bot_fields, .size = sizeof(struct bot), .check = bot_check, .seed = bot_seed),
	.callbacks = WC_CALLBACKS(.endpoints = bot_endpoints, .receive = event_receive),
	.routes    = smartbot_routes,
	.tools     = smartbot_tools,
	.jobs      = WC_JOBS(
		{"smartbot.answer", answer_run, "asks the model and streams its answer", .attempts = 4},
		{"smartbot.card", card_run, "acts on a card's button and makes the new card", .attempts = 2},
		{"smartbot.feedback", feedback_run, "keeps a person's rating"},
		{"smartbot.retention", retention_run, "deletes what is old"},
		{"smartbot.summary", summary_run, "sums up the older turns of a conversation", .attempts = 3}),
	.timers    = WC_TIMERS(
		{"smartbot.retention", .setting = "retention_cron", .job = "smartbot.retention", .summary = "old answers, ratings, counts and conversations go, once a day"}),
	.metrics   = WC_METRICS(
		{"wecomd_smartbot_questions_total", WC_COUNTER, "kind", "Questions by their kind: text, voice, image, file, mixed, video, other, button"},
		{"wecomd_smartbot_answers_total", WC_COUNTER, "outcome", "Ends of streams: answered, command, limited, blocked, excused, failed, late (the answer follows)"},
		{"wecomd_smartbot_replies_total", WC_COUNTER, "result", "Later messages by response_url: sent, refused, uncertain, unsent"},
		{"wecomd_smartbot_tokens_total", WC_COUNTER, "kind,source", "Tokens used, as the endpoint counted or as estimated"},
		{"wecomd_smartbot_blocked_total", WC_COUNTER, "where", "Questions refused and answers covered for blocked words"},
		{"wecomd_smartbot_queued_total", WC_COUNTER, "how", "Questions told to wait: waits in an open bubble, or answered later"},
		{"wecomd_smartbot_feedback_total", WC_COUNTER, "kind", "Ratings: accurate, inaccurate, withdrawn"}),
	.reconcilers = WC_RECONCILERS({"smartbot.reply", reply_reconcile}),
	.offers    = WC_OFFERS({"answers", 1, &answers}, {"messages", 1, &messages}),
	.sealed    = WC_SEALED("smartbot_bot.token", "smartbot_bot.aes_key", "smartbot_stream.content", "smartbot_stream.card", "smartbot_image.image",
		"smartbot_card.reply", "smartbot_press.choices", "smartbot_reply.url", "smartbot_person.user_id", "smartbot_feedback.content", "smartbot_conversation.label",
		"smartbot_conversation.summary", "smartbot_turn.question", "smartbot_turn.answer"));
