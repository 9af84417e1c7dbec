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
};

const struct api *api_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof table / sizeof *table; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}
