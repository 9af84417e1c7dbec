/* Private to core/wecom: one request to WeCom and whatever came of it. */
#pragma once

#include "wecom/apis.h"
#include "wecom/settings.h"

#define NO_ANSWER (-2)     /* errcode where WeCom gave none */

struct exchange {
	bool          sent;           /* the request may have reached the other side */
	bool          too_large;      /* the answer was over the bound */
	long          status;         /* HTTP; 0: no answer */
	int64_t       errcode;        /* NO_ANSWER: none, or the answer was no JSON object with an errcode */
	const json_t *body;           /* NULL without errcode */
	const char   *trouble;        /* what went wrong on the way, without secrets; "": nothing */
	const char   *from_ip;        /* the address that WeCom saw, where its errmsg names it; "" */
	int64_t       ms;
};

/* A file on its way. */
struct cargo {
	const struct wc_upload *up;       /* API_UPLOAD: what goes */
	struct wc_download     *down;     /* API_DOWNLOAD: where it goes */
};

/* cargo: NULL for APIs without one. query: "access_token=…", encoded. Writes the call's log line. -1 only when no request can be made (WC_E_CONFIG, WC_E_ARG). */
int exchange(wc_arena *a, const struct wecom_secret *secret, const struct api *api, const char *query, const json_t *body,
             const struct cargo *cargo, const wc_call_note *note, struct exchange *x, wc_err *e);

char *url_encode(wc_arena *a, const char *s);

/* How far WeCom's clock is ahead of ours, by the Date header of its last answer in this process; false: none was seen. */
bool wecom_skew(int64_t *ms);
