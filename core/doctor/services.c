/* What must answer: our own processes, our callback addresses as WeCom sees them, the model endpoints. */
#include "doctor/parts.h"

#include <wecomd/envelope.h>
#include <wecomd/seal.h>

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WORKER_WAIT_MS  5000
#define ANSWER_MS       5000
#define URL_ANSWER_MS   1000      /* WeCom waits no longer for the answer to a URL verification */

/* --- processes ------------------------------------------------------------------------------------------------------ */

static int connect_unix(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(at.sun_path, path, sizeof at.sun_path - 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int connect_tcp(wc_arena *a, const char *text)
{
	const char      *colon = strrchr(text, ':');
	struct addrinfo  want  = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *list = NULL;
	char            *host  = colon ? wc_strndup(a, text, (size_t)(colon - text)) : NULL;
	size_t           n     = host ? strlen(host) : 0;
	int              fd    = -1;

	if (n > 1 && host[0] == '[' && host[n - 1] == ']')
		host = wc_strndup(a, host + 1, n - 2);
	if (!host || getaddrinfo(host, colon + 1, &want, &list) != 0)
		return -1;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

void check_web(wc_findings *f, const void *self)
{
	const char *listen = patient()->web->listen;
	int         fd;

	(void)self;
	if (!patient()->web->processes) {
		wc_found(f, WC_FOUND_SKIPPED, "", "not_this_node", "", "[web] processes is 0: this node answers no requests");
		return;
	}
	errno = 0;
	if (strncmp(listen, "unix:", 5) && strncmp(listen, "tcp:", 4)) {
		wc_found(f, WC_FOUND_SKIPPED, "", "handed_over", "", "the socket is handed over by another program");
		return;
	}
	fd = *listen == 'u' ? connect_unix(listen + 5) : connect_tcp(f->arena, listen + 4);
	if (fd < 0)
		wc_found(f, WC_FOUND_FAIL, "", "silent", "wecomd serve; systemctl status wecomd",
		         "nothing listens at %s: %s", listen, strerror(errno));
	else
		wc_found(f, WC_FOUND_OK, "", "listens", "", "something listens at %s", listen);
	if (fd >= 0)
		close(fd);
}

int ping_job(wc_job *job, const void *self, wc_err *e)
{
	(void)job, (void)self, (void)e;
	return 0;
}

/* A job that does nothing shows more than a process list: it is written, claimed, run and settled. */
void check_worker(wc_findings *f, const void *self)
{
	int64_t       began = wc_mono_ms();
	unsigned char raw[12];
	const char   *key;
	wc_job_state  state = WC_JOB_NONE;
	wc_err        e;

	(void)self;
	wc_random(raw, sizeof raw);
	key = wc_printf(f->arena, "doctor:%s", wc_hex(f->arena, raw, sizeof raw));
	if (wc_job_add(NULL, &(wc_job_spec){.kind = "doctor.ping", .key = key}, &e) < 0) {
		wc_found(f, WC_FOUND_SKIPPED, "", "cannot_try", "", "no job can be written: %s", e.text);
		return;
	}
	while (wc_job_state_of(NULL, f->arena, key, &state, NULL, &e) == 0 && state != WC_JOB_DONE && wc_mono_ms() - began < WORKER_WAIT_MS)
		wc_sleep_ms(20);
	if (state == WC_JOB_DONE)
		wc_found(f, WC_FOUND_OK, "", "works", "", "a worker did a job within %" PRId64 " ms", wc_mono_ms() - began);
	else
		wc_found(f, WC_FOUND_FAIL, "", "no_worker",
		         "wecomd serve, with the role worker and [worker] processes above 0, on one node at least",
		         "no worker of any node did a job within %d s", WORKER_WAIT_MS / 1000);
}

/* --- callbacks ------------------------------------------------------------------------------------------------------ */

#define RECEIVE_PAGE "管理后台 → 安全与管理 → 管理工具 → 智能机器人 → the bot, or 应用管理 → 自建 → the app → 接收消息 → 设置API接收: URL, Token and EncodingAESKey " \
                     "as configured here"

static const char *encode(wc_arena *a, wc_slice s)
{
	wc_buf *b = wc_buf_new(a, 4096);

	for (size_t i = 0; i < s.n; i++)
		wc_buf_addf(b, "%%%02X", (unsigned char)s.p[i]);
	return b->s;
}

/* What WeCom sends when somebody saves the URL in its console. */
static const char *verification_url(wc_arena *a, const wc_endpoint *endpoint, const wc_envelope *v, const char *plain, wc_err *e)
{
	const char *timestamp = wc_printf(a, "%" PRId64, wc_now_ms() / 1000);
	char        signature[41], nonce[17];
	wc_slice    echo;
	unsigned char raw[8];

	wc_random(raw, sizeof raw);
	memcpy(nonce, wc_hex(a, raw, sizeof raw), sizeof nonce);
	if (wc_envelope_close(v, a, (wc_slice){plain, strlen(plain)}, NULL, &echo, e) < 0)
		return NULL;
	wc_envelope_sign(v, timestamp, nonce, echo, signature);
	return wc_printf(a, "%s/wecom/callback/%s?msg_signature=%s&timestamp=%s&nonce=%s&echostr=%s", patient()->public_url, endpoint->name,
	                 signature, timestamp, nonce, encode(a, echo));
}

/* Our own refusal shows that the request came all the way. */
static bool is_address_refused(wc_arena *a, const wc_http_reply *reply)
{
	wc_err        e;
	const json_t *problem = reply->status == 403 ? wc_json_parse(a, reply->body->s, reply->body->len, &e) : NULL;
	const char   *code    = wc_json_str(problem, "code");

	return code && !strcmp(code, "address_not_allowed");
}

static void say_answer(wc_findings *f, const char *name, const char *plain, const wc_http_reply *reply, int64_t ms)
{
	if (is_address_refused(f->arena, reply))
		wc_found(f, WC_FOUND_OK, name, "address_refused", "",
		         "the public URL leads here; callbacks are not taken from this node's address, so the rest cannot be seen");
	else if (reply->status != 200)
		wc_found(f, WC_FOUND_FAIL, name, "answers", "[core] public_url, the web server's configuration",
		         "%s/wecom/callback/%s answers %ld to a URL verification", patient()->public_url, name, reply->status);
	else if (reply->body->len != strlen(plain) || memcmp(reply->body->s, plain, reply->body->len))
		wc_found(f, WC_FOUND_FAIL, name, "someone_else", "[core] public_url, the web server's configuration",
		         "something else answers at %s/wecom/callback/%s", patient()->public_url, name);
	else if (ms > URL_ANSWER_MS)
		wc_found(f, WC_FOUND_WARN, name, "slow", "the load of the machine and of the database",
		         "the URL verification took %" PRId64 " ms; WeCom waits 1 s", ms);
	else
		wc_found(f, WC_FOUND_OK, name, "verified", "", "answers a URL verification at the public URL in %" PRId64 " ms", ms);
}

static void verify(void *ctx, const wc_endpoint *endpoint, const wc_envelope *v)
{
	wc_findings  *f = ctx;
	unsigned char raw[8];
	const char   *plain, *url;
	wc_http_reply reply;
	int64_t       began = wc_mono_ms();
	wc_err        e;

	if (!*patient()->public_url) {
		wc_found(f, WC_FOUND_SKIPPED, endpoint->name, "no_public_url", "[core] public_url",
		         "there is an endpoint /wecom/callback/%s; whether WeCom reaches it is known once [core] public_url is set", endpoint->name);
		return;
	}
	wc_random(raw, sizeof raw);
	plain = wc_hex(f->arena, raw, sizeof raw);
	url   = verification_url(f->arena, endpoint, v, plain, &e);
	if (!url || wc_http_do(f->arena, &(wc_http){.url = url, .total_ms = ANSWER_MS, .max_body = 65536}, &reply, &e) < 0)
		wc_found(f, WC_FOUND_FAIL, endpoint->name, "no_answer", "[core] public_url, DNS, the web server, the firewall",
		         "no answer at %s: %s", patient()->public_url, e.text);
	else
		say_answer(f, endpoint->name, plain, &reply, wc_mono_ms() - began);
}

void check_callbacks(wc_findings *f, const void *self)
{
	(void)self;
	endpoints_refresh(patient()->callbacks);
	if (!endpoints_each(verify, f))
		wc_found(f, WC_FOUND_SKIPPED, "", "none", RECEIVE_PAGE, "there are no callback endpoints, or they cannot be read");
}

/* --- models --------------------------------------------------------------------------------------------------------- */

static void say_model(wc_findings *f, const struct model *m, long status)
{
	if (status == 401 || status == 403)
		wc_found(f, WC_FOUND_FAIL, m->name, "key_refused", wc_printf(f->arena, "key in [model:%s]", m->name),
		         "the endpoint refuses the key (%ld)", status);
	else if (status == 402 || status == 429)
		wc_found(f, WC_FOUND_WARN, m->name, "limited", "the account at the endpoint's operator: balance, limits",
		         "the endpoint is reached but answers %ld", status);
	else if (status >= 500)
		wc_found(f, WC_FOUND_FAIL, m->name, "broken", "the endpoint's operator", "the endpoint is reached but answers %ld", status);
	else if (status == 200)
		wc_found(f, WC_FOUND_OK, m->name, "takes_key", "", "the endpoint answers and takes the key");
	else
		wc_found(f, WC_FOUND_WARN, m->name, "unlisted",
		         wc_printf(f->arena, "base in [model:%s]; not every endpoint lists its models", m->name),
		         "the endpoint is reached but answers %ld to GET /models", status);
}

static void check_model(wc_findings *f, const struct model *m)
{
	size_t            n    = strlen(m->base);
	const char       *url  = wc_printf(f->arena, "%s%smodels", m->base, n && m->base[n - 1] == '/' ? "" : "/");
	const char *const headers[] = {*m->key ? wc_printf(f->arena, "Authorization: Bearer %s", m->key) : NULL, NULL};
	wc_http_reply     reply;
	wc_err            e;

	if (wc_http_do(f->arena, &(wc_http){.url = url, .headers = headers, .total_ms = ANSWER_MS, .max_body = 4u << 20}, &reply, &e) == 0)
		say_model(f, m, reply.status);
	else
		wc_found(f, WC_FOUND_FAIL, m->name, "no_answer", wc_printf(f->arena, "base in [model:%s], the firewall, DNS", m->name),
		         "no answer: %s", e.text);
}

void check_models(wc_findings *f, const void *self)
{
	(void)self;
	if (!patient()->model_count)
		wc_found(f, WC_FOUND_SKIPPED, "", "none", "", "the configuration has no [model:NAME]");
	for (size_t i = 0; i < patient()->model_count; i++)
		check_model(f, &patient()->models[i]);
}
