/* The APIs that something calls: one line each. WeCom gives a company 10,000 calls a minute of one API; where practice is
 * stricter the line says so. A message with an answer that was lost may have been sent: such calls happen once. */
#include "wecom/apis.h"

#include <string.h>

#define USUAL 10000

const struct api api_gettoken = {"gettoken", API_QUERY, "/cgi-bin/gettoken", "gettoken", 60, WC_API_READ};

static const struct api table[] = {
	{"getcallbackip", API_QUERY, "/cgi-bin/getcallbackip", "base",         USUAL, WC_API_READ},
	{"agent.get",     API_QUERY, "/cgi-bin/agent/get",     "agent.get",    USUAL, WC_API_READ},
	{"message.send",  API_JSON,  "/cgi-bin/message/send",  "message.send", USUAL, WC_API_ONCE},

	{"media.upload", API_UPLOAD,   "/cgi-bin/media/upload", "media.upload", USUAL, WC_API_IDEMPOTENT},
	{"media.get",    API_DOWNLOAD, "/cgi-bin/media/get",    "media.get",    USUAL, WC_API_READ},

	/* A message of kf has an id of ours: the caller repeats a lost one with the same id, which WeCom takes once. */
	{"kf.sync_msg",               API_JSON,  "/cgi-bin/kf/sync_msg",               "kf.sync_msg",           USUAL, WC_API_READ},
	{"kf.send_msg",               API_JSON,  "/cgi-bin/kf/send_msg",               "kf.send_msg",           USUAL, WC_API_ONCE},
	{"kf.send_msg_on_event",      API_JSON,  "/cgi-bin/kf/send_msg_on_event",      "kf.send_msg_on_event",  USUAL, WC_API_ONCE},
	{"kf.service_state.get",      API_JSON,  "/cgi-bin/kf/service_state/get",      "kf.service_state.get",  USUAL, WC_API_READ},
	{"kf.service_state.trans",    API_JSON,  "/cgi-bin/kf/service_state/trans",    "kf.service_state.trans", USUAL, WC_API_ONCE},
	{"kf.account.add",            API_JSON,  "/cgi-bin/kf/account/add",            "kf.account.add",        USUAL, WC_API_ONCE},
	{"kf.account.del",            API_JSON,  "/cgi-bin/kf/account/del",            "kf.account.del",        USUAL, WC_API_IDEMPOTENT},
	{"kf.account.update",         API_JSON,  "/cgi-bin/kf/account/update",         "kf.account.update",     USUAL, WC_API_IDEMPOTENT},
	{"kf.account.list",           API_JSON,  "/cgi-bin/kf/account/list",           "kf.account.list",       USUAL, WC_API_READ},
	{"kf.add_contact_way",        API_JSON,  "/cgi-bin/kf/add_contact_way",        "kf.add_contact_way",    USUAL, WC_API_IDEMPOTENT},
	{"kf.servicer.add",           API_JSON,  "/cgi-bin/kf/servicer/add",           "kf.servicer.add",       USUAL, WC_API_IDEMPOTENT},
	{"kf.servicer.del",           API_JSON,  "/cgi-bin/kf/servicer/del",           "kf.servicer.del",       USUAL, WC_API_IDEMPOTENT},
	{"kf.servicer.list",          API_QUERY, "/cgi-bin/kf/servicer/list",          "kf.servicer.list",      USUAL, WC_API_READ},
	{"kf.customer.batchget",      API_JSON,  "/cgi-bin/kf/customer/batchget",      "kf.customer.batchget",  USUAL, WC_API_READ},

	/* Customer contact. What reads stored lists is refused after a few calls a second in practice. */
	{"contact.follow_users", API_QUERY, "/cgi-bin/externalcontact/get_follow_user_list", "contact.follow_users", 300, WC_API_READ},
	{"contact.get",          API_QUERY, "/cgi-bin/externalcontact/get",                  "contact.get",          3000, WC_API_READ},
	{"contact.batch",        API_JSON,  "/cgi-bin/externalcontact/batch/get_by_user",    "contact.batch",        300, WC_API_READ},
	{"contact.tags",         API_JSON,  "/cgi-bin/externalcontact/get_corp_tag_list",    "contact.tags",         300, WC_API_READ},
	{"groupchat.list",       API_JSON,  "/cgi-bin/externalcontact/groupchat/list",       "groupchat.list",       300, WC_API_READ},
	{"groupchat.get",        API_JSON,  "/cgi-bin/externalcontact/groupchat/get",        "groupchat.get",      USUAL, WC_API_READ},
	{"groupchat.statistic",  API_JSON,  "/cgi-bin/externalcontact/groupchat/statistic",  "groupchat.statistic",  300, WC_API_READ},
	{"groupchat.add_join_way",    API_JSON, "/cgi-bin/externalcontact/groupchat/add_join_way",    "groupchat.join_way", 600, WC_API_ONCE},
	{"groupchat.get_join_way",    API_JSON, "/cgi-bin/externalcontact/groupchat/get_join_way",    "groupchat.join_way", 600, WC_API_READ},
	{"groupchat.update_join_way", API_JSON, "/cgi-bin/externalcontact/groupchat/update_join_way", "groupchat.join_way", 600, WC_API_IDEMPOTENT},
	{"groupchat.del_join_way",    API_JSON, "/cgi-bin/externalcontact/groupchat/del_join_way",    "groupchat.join_way", 600, WC_API_IDEMPOTENT},
};

const struct api *api_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof table / sizeof *table; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}
