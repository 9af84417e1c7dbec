/* What is said about an account: the table of its settings, and what the table cannot check. */
#include "kf.h"

#include <string.h>

#define TEXT(member, standard, help) {WC_STRING, #member, standard, BASE + offsetof(struct settings, member), help, .max = KF_PIECE_MAX}

#define SETTINGS                                                                                                                              \
	{WC_CHOICE, "mode", "console", BASE + offsetof(struct settings, mode),                                                                     \
	 "where people answer: console (the pages of wecomd) or servicer (WeCom's clients)", .choices = "console|servicer"},                       \
	{WC_STRING, "model", "default", BASE + offsetof(struct settings, model), "which [model:NAME] answers", .min = 1, .max = 64},                \
	{WC_STRING, "fallback_model", "", BASE + offsetof(struct settings, fallback_model), "answers when that one fails; empty: none", .max = 64}, \
	{WC_STRING, "prompt", "你是公司的客服。用简洁、礼貌的中文回答客户的问题；不知道的不要编造。", BASE + offsetof(struct settings, prompt),      \
	 "what the model is told about its role", .max = 16000},                                                                                   \
	{WC_CHOICE, "on_failure", "apology", BASE + offsetof(struct settings, on_failure), "what a customer gets when the model fails",             \
	 .choices = "apology|person"},                                                                                                             \
	{WC_INT, "turns", "20", BASE + offsetof(struct settings, turns), "messages of the conversation that the model is given", .min = 1, .max = 100}, \
	{WC_DURATION, "utc_offset", "8h", BASE + offsetof(struct settings, utc_offset_ms), "how far the clock of the hours is ahead of UTC",        \
	 .min = 0, .max = 86400000},                                                                                                               \
	{WC_DURATION, "idle", "0s", BASE + offsetof(struct settings, idle_ms), "a reminder goes when the customer is silent for so long; 0s: none", \
	 .min = 0, .max = 172800000},                                                                                                              \
	{WC_DURATION, "end_after", "24h", BASE + offsetof(struct settings, end_ms), "the conversation ends after so long a silence; 0s: never",     \
	 .min = 0, .max = 2592000000},                                                                                                             \
	{WC_INT, "load", "10", BASE + offsetof(struct settings, load), "sessions that one servicer has at once; 0: no limit", .min = 0, .max = 10000}, \
	{WC_BOOL, "rating", "off", BASE + offsetof(struct settings, rating), "whether customers are asked how it was, at the end"},                 \
	{WC_STRING, "hours", "", BASE + offsetof(struct settings, hours),                                                                          \
	 "when people are there, such as: mon-fri 09:00-12:00,13:30-18:00; sat 10:00-16:00; 2026-10-01 closed. Empty: always", .max = 4000},        \
	{WC_STRING, "words_person", "人工|转人工|人工客服|真人|找人工|人工服务", BASE + offsetof(struct settings, words_person),                     \
	 "words that ask for a person, \"a|b\"", .max = 1000},                                                                                     \
	TEXT(welcome, "", "said when a customer enters; empty: nothing"),                                                                          \
	TEXT(out_of_hours, "现在是非工作时间，您的问题已经记下，上班后会有人回复您。", "said instead of the hand-over notice out of hours"),           \
	TEXT(hand_over, "正在为您转接人工客服，请稍等。", "said when people take over"),                                                             \
	TEXT(queue, "人工客服正忙，已为您排队，请稍等。", "said when all servicers are busy"),                                                       \
	TEXT(idle_text, "您还在吗？还有其他问题可以继续问我。", "the reminder"),                                                                     \
	TEXT(end, "本次服务已结束，感谢您的咨询。", "said when a servicer ends the session; empty: nothing"),                                        \
	TEXT(apology, "抱歉，我暂时无法回答，请稍后再问，或回复“人工”转人工客服。", "said when the model fails"),                                   \
	{WC_STRING, "rating_text", "请问您对本次服务满意吗？", BASE + offsetof(struct settings, rating_text), "above the menu of the rating", .min = 1, .max = 1000}

#define BASE 0
const wc_field settings_fields[] = {SETTINGS, {0}};

#undef BASE
#define BASE offsetof(struct section, s)
const wc_field section_fields[] = {
	{WC_STRING, "secret", NULL, offsetof(struct section, secret), "NAME of the [wecom:NAME] whose app may use kf's API", .min = 1, .max = 64},
	{WC_SECRET, "token", NULL, offsetof(struct section, token), "Token of the app's callback", .min = 1, .max = 32},
	{WC_SECRET, "aes_key", NULL, offsetof(struct section, aes_key), "EncodingAESKey of the app's callback, 43 characters", .min = 43, .max = 43},
	{WC_STRING, "accounts", "", offsetof(struct section, only), "open_kfids that are answered, \"a|b\"; empty: all that the app manages", .max = 2000},
	SETTINGS,
	{0}};

wc_bad_field *settings_read(wc_arena *a, const json_t *json, struct settings *s)
{
	return wc_fields_from_json(a, settings_fields, json, s);
}

static json_t *duration(int64_t ms)
{
	return json_sprintf("%lldms", (long long)ms);
}

static json_t *value_of(const wc_field *f, const void *s)
{
	const void *at = (const char *)s + f->offset;

	switch (f->type) {
	case WC_INT:
		return json_integer((json_int_t)*(const int64_t *)at);
	case WC_DURATION:
		return duration(*(const int64_t *)at);
	case WC_BOOL:
		return json_boolean(*(const bool *)at);
	default:
		return json_string(*(const char *const *)at);
	}
}

json_t *settings_json(wc_arena *a, const struct settings *s)
{
	json_t *all = wc_json(a, "{}");

	for (const wc_field *f = settings_fields; f->type; f++)
		json_object_set_new(all, f->name, value_of(f, s));
	return all;
}

int settings_check(const struct settings *s, wc_err *e)
{
	struct hours hours;

	if (!wc_model_exists(s->model))
		return wc_fail(e, WC_E_CONFIG, "model: there is no section [model:%s]", s->model);
	if (*s->fallback_model && !wc_model_exists(s->fallback_model))
		return wc_fail(e, WC_E_CONFIG, "fallback_model: there is no section [model:%s]", s->fallback_model);
	return hours_parse(s->hours, &hours, e) < 0 ? wc_wrap(e, "hours") : 0;
}

bool is_open_now(const struct settings *s)
{
	struct hours hours;
	wc_err       ignored;

	return hours_parse(s->hours, &hours, &ignored) < 0 || hours_open(&hours, wc_now_ms() + s->utc_offset_ms);
}
