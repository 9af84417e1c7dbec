/* Private to core/wecom: the table of WeCom's APIs. */
#pragma once

#include <wecomd/wecom.h>

/* GET with parameters; POST with a JSON body; POST of a file with parameters; GET of a file. */
enum api_body { API_QUERY = 1, API_JSON, API_UPLOAD, API_DOWNLOAD };

struct api {
	const char   *name;           /* ours: "message.send" */
	enum api_body body;
	const char   *path;           /* behind [wecom] base */
	const char   *family;         /* what shares a limit, per company */
	int64_t       per_minute;
	wc_api_effect effect;
};

const struct api *api_find(const char *name);     /* NULL: no such row */

extern const struct api api_gettoken;             /* the one that is called without a token */
