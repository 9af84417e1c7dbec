/* Where a request comes from: the web server's word, and behind trusted proxies what they say, read from the right. */
#include "web/request.h"

#include <wecomd/log.h>

#include <pthread.h>
#include <string.h>

#define FORWARDED_MAX 32     /* proxies in a row */

static struct web_cidrs trusted;

/* Replaced while requests run (WeCom's own list is fetched daily), hence the lock; the list lives in an arena of its own. */
static pthread_rwlock_t callback_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct web_cidrs callback_list;
static wc_arena        *callback_arena;

int callback_from_set(const char *text, wc_err *e)
{
	wc_arena        *a = wc_arena_new(), *old;
	struct web_cidrs list;

	if (web_cidrs_parse(a, text, &list, e) < 0) {
		wc_arena_free(a);
		return -1;
	}
	pthread_rwlock_wrlock(&callback_lock);
	old            = callback_arena;
	callback_arena = a;
	callback_list  = list;
	pthread_rwlock_unlock(&callback_lock);
	wc_arena_free(old);
	return 0;
}

bool callback_from_has(const char *address)
{
	bool has;

	pthread_rwlock_rdlock(&callback_lock);
	has = (!callback_list.n && !callback_list.has_unix) || web_cidrs_have(&callback_list, address);
	pthread_rwlock_unlock(&callback_lock);
	return has;
}

bool callback_from_is_set(void)
{
	bool is_set;

	pthread_rwlock_rdlock(&callback_lock);
	is_set = callback_list.n || callback_list.has_unix;
	pthread_rwlock_unlock(&callback_lock);
	return is_set;
}

int web_addresses_set(wc_arena *a, const struct web_settings *s, wc_err *e)
{
	if (s->trusted_proxies && web_cidrs_parse(a, s->trusted_proxies, &trusted, e) < 0)
		return wc_wrap(e, "[web] trusted_proxies");
	if (s->callback_from && callback_from_set(s->callback_from, e) < 0)
		return wc_wrap(e, "[web] callback_from");
	return 0;
}

/* An element of X-Forwarded-For: an address, perhaps with a port: "192.0.2.7:1234", "[2001:db8::1]:1234". */
static bool element(const char *s, size_t n, char out[WEB_ADDRESS_SIZE])
{
	char        text[64];
	const char *end;

	while (n && (*s == ' ' || *s == '\t'))
		s++, n--;
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n && *s == '[' && (end = memchr(s, ']', n))) {
		n = (size_t)(end - ++s);
	} else if ((end = memchr(s, ':', n)) && !memchr(end + 1, ':', n - (size_t)(end - s) - 1)) {
		n = (size_t)(end - s);
	}
	if (!n || n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = 0;
	return web_address_normal(text, out);
}

/* Some proxies add a line of their own, and the web server passes each on as a variable of the same name. The last line is the
 * nearest proxy's, so taking the first would believe the client. */
static const char *forwarded_for(wc_request *rq)
{
	static const char name[] = "HTTP_X_FORWARDED_FOR=";
	const char       *all    = NULL;

	for (char **p = rq->fcgi->envp; *p; p++)
		if (!strncmp(*p, name, sizeof name - 1))
			all = all ? wc_printf(rq->arena, "%s,%s", all, *p + sizeof name - 1) : *p + sizeof name - 1;
	return all ? all : "";
}

static const char *resolve(wc_request *rq)
{
	const char *peer = FCGX_GetParam("REMOTE_ADDR", rq->fcgi->envp), *list, *end;
	char        at[WEB_ADDRESS_SIZE];

	if (!peer || (strncmp(peer, "unix:", 5) && !web_address_normal(peer, at)))
		return "unknown";
	if (!strncmp(peer, "unix:", 5))
		strcpy(at, "unix:");
	list = forwarded_for(rq);
	end  = list + strlen(list);
	for (int i = 0; i < FORWARDED_MAX && end > list && web_cidrs_have(&trusted, at); i++) {
		const char *start = end;

		while (start > list && start[-1] != ',')
			start--;
		/* What is no address ends the chain: the proxy that passed it on is the last one known. */
		if (!element(start, (size_t)(end - start), at))
			break;
		end = start > list ? start - 1 : start;
	}
	return wc_strdup(rq->arena, at);
}

const char *wc_client_address(wc_request *rq)
{
	if (!rq->client)
		rq->client = resolve(rq);
	return rq->client;
}

bool request_is_https(wc_request *rq)
{
	const char *https = FCGX_GetParam("HTTPS", rq->fcgi->envp), *scheme = FCGX_GetParam("REQUEST_SCHEME", rq->fcgi->envp);

	return (https && (!strcasecmp(https, "on") || !strcmp(https, "1"))) || (scheme && !strcmp(scheme, "https"));
}

bool request_writes(const wc_request *rq)
{
	return strcmp(rq->method_text, "GET") && !rq->is_head;
}

const char *wc_actor(wc_request *rq)
{
	return rq->who.actor ? rq->who.actor : "anonymous";
}

const struct web_identity *request_identity(const wc_request *rq)
{
	return &rq->who;
}
