/* What agents may do with the bots. */
#include "smartbot.h"

#include <string.h>

struct bot_question {
	const char *bot, *text;
};

static const wc_field bot_question_fields[] = {
	{WC_STRING, "bot", NULL, offsetof(struct bot_question, bot), "the bot's name, such as helpdesk", .min = 1, .max = 64},
	{WC_STRING, "text", NULL, offsetof(struct bot_question, text), "the question", .min = 1, .max = 4096},
	{0}};

static const wc_field answer_fields[] = {
	{WC_STRING, "answer", NULL, 0, "what the bot says", .max = STREAM_MAX},
	{WC_STRING, "model", NULL, 0, "who answered"},
	{WC_INT, "prompt_tokens", NULL, 0, "as the model counts them; 0: it did not say"},
	{WC_INT, "completion_tokens", NULL, 0, "as the model counts them; 0: it did not say"},
	{WC_INT, "cost_micros", NULL, 0, "millionths of the currency of the model's prices"},
	{WC_INT, "first_text_ms", NULL, 0, "until the answer began"},
	{WC_INT, "total_ms", NULL, 0, "until its end"},
	{0}};

static json_t *ask(const wc_tool_call *call, const void *self, wc_err *e)
{
	const struct smartbot *smartbot = self;
	const struct bot_question *q        = call->args;

	if (!blocked_word(call->arena, smartbot->block_words, q->text, strlen(q->text)))
		return test_question(call->arena, smartbot, q->bot, q->text, e);
	wc_fail(e, WC_E_ARG, "the question holds a blocked word");
	return NULL;
}

static json_t *usage(const wc_tool_call *call, const void *self, wc_err *e)
{
	return usage_list(call->arena, self, call->args, e);
}

const wc_tool smartbot_tools[] = {
	{"smartbot_ask", WC_OPERATOR, WC_REACHES_OUT, ask,
	 "Puts a test question to a bot and waits for the answer, as a person would get it but without memory. Costs tokens", bot_question_fields,
	 sizeof(struct bot_question), answer_fields},
	{"smartbot_usage", WC_VIEWER, WC_READS, usage, "Calls, tokens and cost by day, bot, model and person; people are masked", usage_query,
	 sizeof(struct usage_filter)},
	{0}};
