/* What the wecom tier offers to the host: the secrets of the configuration, the addresses that callbacks come from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>
#include <wecomd/field.h>

struct wecom_settings {
	const char *base, *proxy, *callback_ips;
	int64_t     connect_ms, total_ms;
};

/* One section [wecom:NAME]. name comes from the section, everything else from wecom_secret_fields. */
struct wecom_secret {
	const char *name, *corp_id, *secret;
	int64_t     agent_id;          /* 0: the secret belongs to no app */
};

extern const wc_field wecom_fields[];            /* [wecom], into a struct wecom_settings */
extern const wc_field wecom_secret_fields[];     /* [wecom:NAME], into a struct wecom_secret */

/* Once in each process, before threads; all of it is borrowed for the process's life. WC_E_CONFIG names the section. */
int wecom_set(const struct wecom_settings *settings, const struct wecom_secret *secrets, size_t n, wc_err *e);

/* Whether a callback may come from address (IPv4 or IPv6 as text), by WeCom's own list, refreshed daily when [wecom] callback_ips names
 * a secret. *known is false while there is no list: then *allowed says nothing, and refusing would lock WeCom out. Cheap: the list is
 * kept in the process for half a minute. 0; -1 (WC_E_DB) when the list cannot be read and none was. */
int wecom_callback_from(const char *address, bool *known, bool *allowed, wc_err *e);

/* How the token of one secret stands, as all nodes share it. Times are UTC ms, 0: never. */
struct wecom_token_state {
	bool        known;             /* some node has asked for a token */
	int64_t     fetched_ms, expires_ms, failed_ms, retry_ms;
	int64_t     failures, errcode; /* of gettoken in a row; of the last one */
	const char *from_ip;           /* the address that WeCom saw, where it said so */
	const char *why, *mend;        /* what errcode says; "" while nothing failed */
};

/* From the database alone; nobody is asked. -1: WC_E_DB. */
int wecom_token_state(wc_arena *a, const struct wecom_secret *secret, struct wecom_token_state *state, wc_err *e);

extern const struct wc_plugin wecom_part;
