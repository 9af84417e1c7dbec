/* One request and its answer: the URL, the call, the errcode, the log line. Nothing of a URL or a body is ever logged: the
 * one holds the token, the other what people write. */
#include "wecom/exchange.h"

#include "wecom/file.h"

#include <wecomd/buf.h>
#include <wecomd/clock.h>
#include <wecomd/http.h>
#include <wecomd/log.h>
#include <wecomd/metric.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#define ANSWER_MAX ((size_t)8 << 20)
#define FILE_MS    120000     /* the longest that a file may take */
#define FILE_IDLE_MS 20000
#define URL_MAX    8192

static atomic_bool  date_seen;
static atomic_llong ahead_ms;

bool wecom_skew(int64_t *ms)
{
	*ms = atomic_load(&ahead_ms);
	return atomic_load(&date_seen);
}

int64_t wc_wecom_ahead_ms(void)
{
	return atomic_load(&date_seen) ? atomic_load(&ahead_ms) : 0;
}

/* --- the request ---------------------------------------------------------------------------------------------------- */

char *url_encode(wc_arena *a, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
	static const char hex[]   = "0123456789ABCDEF";
	char             *out     = wc_alloc(a, 3 * strlen(s) + 1), *at = out;

	for (; *s; s++) {
		if (strchr(plain, *s)) {
			*at++ = *s;
		} else {
			*at++ = '%';
			*at++ = hex[(unsigned char)*s >> 4];
			*at++ = hex[(unsigned char)*s & 15];
		}
	}
	return out;
}

static int add_parameters(wc_arena *a, wc_buf *url, const json_t *parameters, wc_err *e)
{
	const char *name;
	json_t     *value;

	json_object_foreach((json_t *)parameters, name, value) {
		if (json_is_string(value))
			wc_buf_addf(url, "&%s=%s", url_encode(a, name), url_encode(a, json_string_value(value)));
		else if (json_is_integer(value))
			wc_buf_addf(url, "&%s=%" PRId64, url_encode(a, name), (int64_t)json_integer_value(value));
		else
			return wc_fail(e, WC_E_ARG, "parameter %.64s is neither text nor a whole number", name);
	}
	return 0;
}

static int make_url(wc_arena *a, const struct api *api, const char *query, const json_t *body, const char **url, wc_err *e)
{
	wc_buf *b = wc_buf_new(a, URL_MAX);

	wc_buf_addf(b, "%s%s?%s", wecom_settings()->base, api->path, query);
	if (api->body != API_JSON && add_parameters(a, b, body, e) < 0)
		return -1;
	*url = b->s;
	return wc_buf_failed(b) ? wc_fail(e, WC_E_ARG, "the parameters make a URL of more than %d bytes", URL_MAX) : 0;
}

/* --- the answer ----------------------------------------------------------------------------------------------------- */

/* What stands behind mark in errmsg, as far as it is made of allowed characters. */
static const char *after(wc_arena *a, const char *text, const char *mark, const char *allowed)
{
	const char *at = text ? strstr(text, mark) : NULL;
	size_t      n;

	if (!at)
		return "";
	at += strlen(mark);
	at += strspn(at, " ");
	n = strspn(at, allowed);
	return n <= 64 ? wc_strndup(a, at, n) : "";
}

static const char *from_ip(wc_arena *a, const json_t *body)
{
	return after(a, wc_json_str(body, "errmsg"), "from ip:", "0123456789abcdefABCDEF.:");
}

/* WeCom's support asks for it. The rest of errmsg may quote what was sent. */
static const char *hint(wc_arena *a, const json_t *body)
{
	return after(a, wc_json_str(body, "errmsg"), "hint: [", "0123456789abcdefABCDEF_");
}

static void read_answer(wc_arena *a, const wc_http_reply *reply, struct exchange *x)
{
	wc_err        why;
	const json_t *body, *errcode;

	if (reply->status != 200) {
		x->trouble = wc_printf(a, "HTTP status %ld", reply->status);
		return;
	}
	body    = wc_json_parse(a, reply->body->s, reply->body->len, &why);
	errcode = json_object_get(body, "errcode");
	if (!json_is_integer(errcode)) {
		x->trouble = body ? "the answer is JSON without an errcode" : "the answer is not JSON";
		return;
	}
	x->errcode = json_integer_value(errcode);
	x->body    = body;
	x->from_ip = x->errcode ? from_ip(a, body) : "";
}

static void note_date(const wc_http_reply *reply)
{
	if (!reply->date_ms)
		return;
	/* The header has whole seconds: on the average the truth is half a second later. */
	atomic_store(&ahead_ms, reply->date_ms + 500 - wc_now_ms());
	atomic_store(&date_seen, true);
}

/* --- the log line and the counters ---------------------------------------------------------------------------------- */

static const char *chat_of(const wc_call_note *note, const json_t *body)
{
	const char *chat = note && note->chat_id ? note->chat_id : wc_json_str(body, "chat_id");

	return chat ? chat : wc_json_str(body, "chatid");
}

static void tell(wc_arena *a, const struct wecom_secret *secret, const struct api *api, const json_t *body, const wc_call_note *note,
                 const struct exchange *x)
{
	wc_kv       kv[10] = {wc_kv_s("api", api->name), wc_kv_s("secret", secret->name), wc_kv_i("errcode", x->errcode), wc_kv_i("ms", x->ms)};
	size_t      n      = 4;
	const char *chat   = chat_of(note, body);

	if (note && note->campaign_id)
		kv[n++] = wc_kv_s("campaign_id", note->campaign_id);
	if (chat)
		kv[n++] = wc_kv_s("chat_id", chat);
	if (*x->trouble)
		kv[n++] = wc_kv_s("trouble", x->trouble);
	if (x->errcode > 0)
		kv[n++] = wc_kv_s("hint", hint(a, x->body));
	wc_log_line(x->errcode ? WC_WARN : WC_INFO, "wecom call", kv);
	wc_count("wecomd_wecom_calls_total", 1, api->name, wc_printf(a, "%" PRId64, x->errcode), NULL);
	wc_observe_ms("wecomd_wecom_call_seconds", x->ms, api->name, NULL);
}

static void set_json(wc_arena *a, const json_t *body, wc_http *call)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};

	call->headers  = headers;
	call->body     = body ? wc_json_text(a, body) : "{}";
	call->body_len = strlen(call->body);
}

/* The body that goes, and where the one that comes goes to. */
static int load(wc_arena *a, const struct api *api, const json_t *body, const struct cargo *cargo, wc_http *call, struct spool **spool, wc_err *e)
{
	if (api->body == API_JSON)
		set_json(a, body, call);
	if (api->body < API_UPLOAD)
		return 0;
	call->total_ms = FILE_MS;
	call->idle_ms  = FILE_IDLE_MS;
	if (api->body == API_UPLOAD)
		return file_pack(a, cargo->up, call, e);
	*spool = file_spool(a, call, cargo->down->max, e);
	return *spool ? 0 : -1;
}

/* A file came: as good as errcode 0. */
static void take_file(wc_arena *a, const wc_http_reply *reply, struct exchange *x)
{
	x->errcode = 0;
	x->body    = wc_json(a, "{s:i}", "errcode", 0);
	x->status  = reply->status;
}

int exchange(wc_arena *a, const struct wecom_secret *secret, const struct api *api, const char *query, const json_t *body,
             const struct cargo *cargo, const wc_call_note *note, struct exchange *x, wc_err *e)
{
	const struct wecom_settings *s = wecom_settings();
	wc_http       call = {.connect_ms = (long)s->connect_ms, .total_ms = (long)s->total_ms, .proxy = s->proxy, .max_body = ANSWER_MAX};
	struct spool *spool = NULL;
	wc_http_reply reply;
	wc_err        why;
	int64_t       began = wc_mono_ms();

	*x = (struct exchange){.errcode = NO_ANSWER, .trouble = "", .from_ip = ""};
	if (make_url(a, api, query, body, &call.url, e) < 0 || load(a, api, body, cargo, &call, &spool, e) < 0)
		return wc_wrap(e, "%s", api->name);
	if (wc_http_do(a, &call, &reply, &why) < 0) {
		if (why.code == WC_E_ARG)
			return wc_fail(e, WC_E_CONFIG, "[wecom] base or proxy: %s", why.text);
		x->trouble   = wc_strdup(a, why.text);
		x->too_large = why.code == WC_E_TOO_LARGE;
	} else {
		x->status = reply.status;
		note_date(&reply);
		if (spool && file_take(a, spool, &reply, cargo->down))
			take_file(a, &reply, x);
		else
			read_answer(a, &reply, x);
	}
	x->sent = reply.sent;
	x->ms   = wc_mono_ms() - began;
	tell(a, secret, api, body, note, x);
	return 0;
}
