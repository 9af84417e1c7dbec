/* What the files of the simulator share: its settings. */
#pragma once

#include <wecomd/plugin.h>

#include "app.h"
#include "world.h"

struct simulator {
	const char *callback_base;      /* where relative callback paths lead to */
	const char *model_key, *models, *embedding_models;
	const char *people_text, *groups_text;
	int64_t     chars_per_s, first_token_ms, refresh_ms;     /* what holds until the control table says otherwise */
	int64_t     answer_timeout_ms, tries, retry_pause_ms, stream_life_ms;

	const char *corp_id, *apps_text, *callback_ips, *client_ip;
	int64_t     token_life_ms;
	const char *contact_callback, *contact_token, *contact_aes_key;     /* where events of customer contact go; no token: nowhere */

	const char *kf_callback, *kf_token, *kf_aes_key;
	int64_t     kf_agent;           /* the AgentID of its callbacks; 0: they have none */
	const char *kf_accounts, *kf_servicers, *kf_customers;

	wc_arena       *arena;          /* of the rosters and apps, filled at start */
	struct roster   people, groups;
	struct cgi_app *apps;
	size_t          app_count;
};
