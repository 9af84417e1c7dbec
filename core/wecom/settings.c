/* [wecom] and [wecom:NAME]: the tables of their settings, and what is checked about them at the start. */
#include "wecom/settings.h"

#include "wecom/token.h"

#include <wecomd/wecom.h>

#include <string.h>

#define OF(member)        offsetof(struct wecom_settings, member)
#define OF_SECRET(member) offsetof(struct wecom_secret, member)

const wc_field wecom_fields[] = {
	{WC_STRING, "base", "https://qyapi.weixin.qq.com", OF(base), "where WeCom's server API is", .min = 1, .max = 1000},
	{WC_STRING, "proxy", "", OF(proxy), "proxy for calls to WeCom, such as http://egress.example:3128", .max = 1000},
	{WC_STRING, "callback_ips", "", OF(callback_ips),
	 "NAME of a secret with which WeCom's callback addresses are fetched daily; empty: they are not", .max = 64},
	{WC_DURATION, "connect", "5s", OF(connect_ms), "longest wait for a connection", .min = 1, .max = 60000},
	{WC_DURATION, "timeout", "10s", OF(total_ms), "longest time for a whole call", .min = 100, .max = 60000},
	{0}};

const wc_field wecom_secret_fields[] = {
	{WC_STRING, "corp_id", NULL, OF_SECRET(corp_id), "the company's id (企业ID)", .min = 1, .max = 64},
	{WC_SECRET, "secret", NULL, OF_SECRET(secret), "Secret of the app", .min = 1, .max = 256},
	{WC_INT, "agent_id", "0", OF_SECRET(agent_id), "AgentId of a self-built app; 0: none", .min = 0, .max = INT64_C(1) << 53},
	{0}};

static const struct wecom_settings *settings;
static const struct wecom_secret   *secrets;
static size_t                       secrets_n;

const struct wecom_settings *wecom_settings(void)
{
	return settings;
}

size_t secret_count(void)
{
	return secrets_n;
}

const struct wecom_secret *secret_at(size_t i)
{
	return &secrets[i];
}

size_t secret_index(const struct wecom_secret *secret)
{
	return (size_t)(secret - secrets);
}

const struct wecom_secret *secret_find(const char *name)
{
	for (size_t i = 0; name && i < secrets_n; i++)
		if (!strcmp(secrets[i].name, name))
			return &secrets[i];
	return NULL;
}

bool wc_wecom_secret_exists(const char *name)
{
	return secret_find(name);
}

const char *wc_wecom_corp(const char *name)
{
	const struct wecom_secret *secret = secret_find(name);

	return secret ? secret->corp_id : NULL;
}

int64_t wc_wecom_agent(const char *name)
{
	const struct wecom_secret *secret = secret_find(name);

	return secret ? secret->agent_id : 0;
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static int check_settings(const struct wecom_settings *s, wc_err *e)
{
	if (!begins(s->base, "https://") && !begins(s->base, "http://"))
		return wc_fail(e, WC_E_CONFIG, "[wecom] base begins with neither https:// nor http://");
	if (strpbrk(s->base, "?#@ \t\r\n") || s->base[strlen(s->base) - 1] == '/')
		return wc_fail(e, WC_E_CONFIG, "[wecom] base holds a query, a fragment, a user or white space, or ends with /");
	if (*s->proxy && !begins(s->proxy, "http://") && !begins(s->proxy, "https://") && !begins(s->proxy, "socks5"))
		return wc_fail(e, WC_E_CONFIG, "[wecom] proxy begins with none of http://, https://, socks5://, socks5h://");
	if (*s->callback_ips && !secret_find(s->callback_ips))
		return wc_fail(e, WC_E_CONFIG, "[wecom] callback_ips: there is no [wecom:%s]", s->callback_ips);
	return 0;
}

/* What was copied from a page often carries a blank or a line end, and WeCom would only say 40001. */
static bool is_word(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int check_secret(const struct wecom_secret *s, wc_err *e)
{
	if (strlen(s->name) > 64 || !is_word(s->name))
		return wc_fail(e, WC_E_CONFIG, "[wecom:%.70s] its name is longer than 64 bytes or not plain ASCII", s->name);
	if (!is_word(s->corp_id))
		return wc_fail(e, WC_E_CONFIG, "[wecom:%s] corp_id holds a blank or another character that no id has", s->name);
	if (!is_word(s->secret))
		return wc_fail(e, WC_E_CONFIG, "[wecom:%s] secret holds a blank or another character that no secret has", s->name);
	return 0;
}

int wecom_set(const struct wecom_settings *s, const struct wecom_secret *list, size_t n, wc_err *e)
{
	settings  = s;
	secrets   = list;
	secrets_n = n;
	for (size_t i = 0; i < n; i++)
		if (check_secret(&list[i], e) < 0)
			return -1;
	tokens_open(n);
	return check_settings(s, e);
}
