/* Private to core/wecom: files on their way to WeCom and back. */
#pragma once

#include "wecom/exchange.h"

#include <wecomd/http.h>

/* Sets the body and the headers of an upload. -1: WC_E_NOT_FOUND, WC_E_TOO_LARGE, WC_E_ARG (empty). */
int file_pack(wc_arena *a, const struct wc_upload *up, wc_http *call, wc_err *e);

/* A download goes to a file without a name; what is small and looks like JSON may be an error instead, see file_take(). */
struct spool {
	FILE   *file;
	int64_t bytes;
};

struct spool *file_spool(wc_arena *a, wc_http *call, int64_t max, wc_err *e);     /* NULL with *e */

/* What came: true when it is a file, with *down filled; false with the bytes in reply->body when it is an answer in JSON. */
bool file_take(wc_arena *a, struct spool *spool, wc_http_reply *reply, struct wc_download *down);
