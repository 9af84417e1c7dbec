/* The simulator plays the other side for the demo and the tests: people who write to bots, WeCom that signs, encrypts and
 * delivers, and the model that answers. It runs in a wecomd process and a schema of its own. */
#include "simulator.h"

#include "bot.h"
#include "cgi.h"
#include "cgi_message.h"
#include "contact.h"
#include "control.h"
#include "deliver.h"
#include "embedding.h"
#include "event.h"
#include "fault.h"
#include "kf_ring.h"
#include "kf_routes.h"
#include "media.h"
#include "model.h"
#include "phone.h"
#include "response.h"

static int start(void *self, wc_err *e)
{
	struct simulator *sim = self;

	sim->arena = wc_arena_new();
	if (roster_parse(sim->arena, "people", sim->people_text, &sim->people, e) < 0 ||
	    apps_parse(sim->arena, sim->apps_text, &sim->apps, &sim->app_count, e) < 0)
		return -1;
	if (roster_parse(sim->arena, "groups", sim->groups_text, &sim->groups, e) < 0)
		return -1;
	return kf_seed(sim, e);
}

static void stop(void *self)
{
	struct simulator *sim = self;

	wc_arena_free(sim->arena);
	sim->arena = NULL;
}

#define SETTING(member) offsetof(struct simulator, member)
#define OF_BOT(member)  offsetof(struct bot_section, member)

WC_PLUGIN(simulator, struct simulator,
	.summary  = "Plays WeCom and the model endpoint, for the demo and the tests",
	.settings = WC_SETTINGS(
		{WC_STRING, "callback_base", "http://127.0.0.1:8080", SETTING(callback_base), "what paths of callbacks are appended to"},
		{WC_SECRET, "model_key", NULL, SETTING(model_key), "the key that the model endpoint asks for", .min = 1},
		{WC_STRING, "models", "sim-chat", SETTING(models), "names of models, a|b"},
		{WC_STRING, "embedding_models", "sim-embedding", SETTING(embedding_models), "names of embedding models, a|b"},
		{WC_INT, "chars_per_s", "40", SETTING(chars_per_s), "characters a second that the model streams", .min = 1, .max = 1000000},
		{WC_DURATION, "first_token", "300ms", SETTING(first_token_ms), "the model's wait before its first token", .max = 600000},
		{WC_DURATION, "refresh", "1s", SETTING(refresh_ms), "pause between two refreshes", .max = 60000},
		{WC_DURATION, "answer_timeout", "5s", SETTING(answer_timeout_ms), "how long a callback may take", .min = 10, .max = 60000},
		{WC_INT, "tries", "3", SETTING(tries), "how often a message is delivered at most", .min = 1, .max = 10},
		{WC_DURATION, "retry_pause", "1s", SETTING(retry_pause_ms), "pause between two tries", .max = 60000},
		{WC_DURATION, "stream_life", "6m", SETTING(stream_life_ms), "from a person's message to the end of refreshes",
		 .min = 100, .max = 3600000},
		{WC_STRING, "people", "zhangsan:张三|lisi:李四|wangwu:王五", SETTING(people_text), "who is there, id:name|id:name"},
		{WC_STRING, "groups", "it:IT 支持群|admin:行政服务群", SETTING(groups_text), "groups that all people are in, id:name|id:name"},
		{WC_STRING, "corp_id", "wwsimulator", SETTING(corp_id), "the company's id, for gettoken"},
		{WC_SECRET, "apps", "", SETTING(apps_text), "the company's apps, agentid:secret|agentid:secret"},
		{WC_DURATION, "token_life", "2h", SETTING(token_life_ms), "how long a token holds", .min = 1000, .max = 86400000},
		{WC_STRING, "callback_ips", "127.0.0.1|203.0.113.*", SETTING(callback_ips), "what getcallbackip gives, a|b"},
		{WC_STRING, "client_ip", "203.0.113.7", SETTING(client_ip), "the address that errors name as the caller's"},
		{WC_STRING, "kf_callback", "/wecom/callback/kf", SETTING(kf_callback), "where the doorbells of 微信客服 go, a URL or a path; empty: nowhere", .max = 1000},
		{WC_SECRET, "kf_token", "", SETTING(kf_token), "Token of that callback", .max = 64},
		{WC_SECRET, "kf_aes_key", "", SETTING(kf_aes_key), "EncodingAESKey of that callback; empty: no doorbell rings", .max = 43},
		{WC_INT, "kf_agent", "0", SETTING(kf_agent), "AgentID of that callback; 0: none", .min = 0, .max = INT32_MAX},
		{WC_STRING, "kf_accounts", "wkxiaodian:小店客服", SETTING(kf_accounts), "accounts of 微信客服, open_kfid:name|…"},
		{WC_STRING, "kf_servicers", "zhangsan:张三|lisi:李四", SETTING(kf_servicers), "their servicers, id:name|id:name"},
		{WC_STRING, "kf_customers", "wmsunli:孙丽|wmzhouwei:周伟|wmwumin:吴敏", SETTING(kf_customers), "customers, external_userid:name|…"},
		{WC_STRING, "contact_callback", "/wecom/callback/contact", SETTING(contact_callback), "where events of customer contact go: a URL or a path"},
		{WC_SECRET, "contact_token", "", SETTING(contact_token), "Token of that callback; empty: no events"},
		{WC_SECRET, "contact_aes_key", "", SETTING(contact_aes_key), "EncodingAESKey of that callback"}),
	.instances = WC_INSTANCES(
		.fields = WC_FIELDS(
			{WC_STRING, "aibotid", NULL, OF_BOT(aibotid), "the bot's id", .min = 1, .max = 64},
			{WC_STRING, "name", NULL, OF_BOT(bot_name), "what people see, and write behind an @", .min = 1, .max = 64},
			{WC_STRING, "callback", "", OF_BOT(callback),
			 "its callback URL, or a path; empty: /wecom/callback/ and the section's name", .max = 1024},
			{WC_SECRET, "token", NULL, OF_BOT(token), "Token of the callback", .min = 1, .max = 64},
			{WC_SECRET, "aes_key", NULL, OF_BOT(aes_key), "EncodingAESKey of the callback", .min = 43, .max = 43}),
		.size = sizeof(struct bot_section),
		.seed = bot_seed),
	.routes = WC_ROUTES(
		KF_ROUTES,
		{WC_GET, "/sim/api/world", WC_ANYONE, phone_world, "People, bots and groups"},
		{WC_POST, "/sim/api/messages", WC_ANYONE, phone_post, "Writes to a bot as a person",
		 phone_say_fields, sizeof(struct phone_say), .body_max = 4u << 20},
		{WC_POST, "/sim/api/enter", WC_ANYONE, event_enter, "Opens a single chat; the bot hears of the first time of a day",
		 event_enter_fields, sizeof(struct event_enter)},
		{WC_POST, "/sim/api/cards", WC_ANYONE, event_card, "Presses a button of a card", event_card_fields, sizeof(struct event_card)},
		{WC_POST, "/sim/api/feedback", WC_ANYONE, event_feedback, "Rates an answer", event_feedback_fields, sizeof(struct event_feedback)},
		{WC_GET, "/sim/api/media/{message}", WC_ANYONE, media_show, "The picture or file of a message, for the phone"},
		{WC_GET, "/sim/api/pictures/{message}/{no}", WC_ANYONE, media_picture, "A picture that ends a bubble"},
		{WC_GET, "/sim/media/{id}", WC_ANYONE, media_serve, "The same for the bot, under its key, for five minutes"},
		{WC_POST, "/sim/aibot/response", WC_ANYONE, response_take, "A bot's later answer, once by each response_url"},
		{WC_GET, "/sim/api/messages", WC_ANYONE, phone_messages, "What was said in a chat after a revision"},
		{WC_GET, "/sim/api/deliveries", WC_ANYONE, phone_deliveries, "The callbacks of one message and how they went"},
		{WC_GET, "/sim/api/control", WC_ANYONE, control_get, "The speeds in force"},
		{WC_POST, "/sim/api/control", WC_ANYONE, control_set, "Changes speeds", control_fields, sizeof(struct control)},
		{WC_POST, "/sim/model/v1/chat/completions", WC_ANYONE, model_chat, "Chat completions, OpenAI-compatible"},
		{WC_POST, "/sim/model/v1/embeddings", WC_ANYONE, embedding_make, "Embeddings, OpenAI-compatible"},
		{WC_GET, "/sim/model/v1/models", WC_ANYONE, model_list, "The models that there are"},
		{WC_GET, "/sim/cgi-bin/gettoken", WC_ANYONE, cgi_gettoken, "A token for the secret of an app"},
		{WC_GET, "/sim/cgi-bin/getcallbackip", WC_ANYONE, cgi_callback_addresses, "Where callbacks come from"},
		{WC_GET, "/sim/cgi-bin/agent/get", WC_ANYONE, cgi_agent_get, "An app and who sees it"},
		{WC_POST, "/sim/cgi-bin/message/send", WC_ANYONE, cgi_message_send, "Sends a message of an app"},
		{WC_GET, "/sim/cgi-bin/message/send", WC_ANYONE, cgi_message_send_by_get, "Refused as WeCom refuses it"},
		CONTACT_ROUTES,
		{WC_GET, "/sim/api/faults", WC_ANYONE, fault_list, "The faults that still strike", .list = true, .answer = fault_answer},
		{WC_POST, "/sim/api/faults", WC_ANYONE, fault_add, "Makes calls of the server API fail", fault_fields, sizeof(struct fault_order)},
		{WC_DELETE, "/sim/api/faults", WC_ANYONE, fault_clear, "Takes all faults back"},
		{WC_GET, "/sim/api/wecom", WC_ANYONE, cgi_control_get, "The rules of the server API, and how often what was called"},
		{WC_POST, "/sim/api/wecom", WC_ANYONE, cgi_control_set, "Changes rules and tokens of the server API",
		 cgi_control_fields, sizeof(struct cgi_control)}),
	.jobs = WC_JOBS({"simulator.deliver", deliver_run, "Delivers a message to its bot and follows the answer", .attempts = 20},
		{"simulator.kf_ring", kf_ring_run, "Rings the doorbell of 微信客服 until it is heard", .attempts = 20},
		{"simulator.contact", contact_event_run, "Delivers an event of customer contact", .attempts = 20}),
	.sealed = WC_SEALED("simulator_bot.token", "simulator_bot.aes_key"),
	.start = start,
	.stop  = stop);
