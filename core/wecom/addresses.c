/* The addresses that WeCom's callbacks come from: fetched daily, kept in a table, held in each process for half a minute. */
#include "wecom/parts.h"

#include "wecom/settings.h"
#include "wecom/token_row.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HELD_MS     30000
#define PATTERN_MAX 64

/* --- matching ------------------------------------------------------------------------------------------------------- */

static bool fits(const char *pattern, const char *s)
{
	for (; *pattern && *pattern != '*'; pattern++, s++)
		if (*pattern != *s)
			return false;
	if (!*pattern)
		return !*s;
	for (;; s++) {
		if (fits(pattern + 1, s))
			return true;
		if (!*s)
			return false;
	}
}

/* One way of writing for each address; an IPv4 address in IPv6's form is an IPv4 address. */
static bool canonical(const char *address, char out[INET6_ADDRSTRLEN])
{
	unsigned char raw[16];

	if (!strncmp(address, "::ffff:", 7) && strchr(address, '.'))
		address += 7;
	if (inet_pton(AF_INET, address, raw) == 1)
		return inet_ntop(AF_INET, raw, out, INET6_ADDRSTRLEN);
	return inet_pton(AF_INET6, address, raw) == 1 && inet_ntop(AF_INET6, raw, out, INET6_ADDRSTRLEN);
}

/* At most a few stars, or matching would take long; and something must stand beside them. */
static bool is_pattern(const char *pattern)
{
	size_t stars = 0, n = strlen(pattern);

	for (const char *p = pattern; *p; p++)
		stars += *p == '*';
	return n && n <= PATTERN_MAX && stars <= 4 && strspn(pattern, "0123456789abcdefABCDEF.:*") == n &&
	       strpbrk(pattern, "0123456789abcdefABCDEF");
}

bool address_fits(const char *pattern, const char *address)
{
	char want[INET6_ADDRSTRLEN], have[INET6_ADDRSTRLEN];

	if (!is_pattern(pattern) || !canonical(address, have))
		return false;
	return fits(canonical(pattern, want) ? want : pattern, have);
}

/* --- fetching ------------------------------------------------------------------------------------------------------- */

static int replace_list(wc_db *db, void *arg, wc_err *e)
{
	const json_t *list = arg, *value;
	size_t        i;

	if (wc_db_exec(db, e, "DELETE FROM wecom_callback_address") < 0)
		return -1;
	json_array_foreach(list, i, value)
		if (wc_db_exec(db, e, "INSERT IGNORE INTO wecom_callback_address (pattern, fetched_at) VALUES (?, NOW(3))",
		               wc_text(json_string_value(value))) < 0)
			return -1;
	return 0;
}

/* The entries that can be used. A list without any would lock WeCom out, so it does not count. */
static json_t *usable(wc_arena *a, const json_t *body)
{
	json_t       *list = wc_json(a, "[]");
	const json_t *value;
	size_t        i;

	json_array_foreach(json_object_get(body, "ip_list"), i, value) {
		if (json_is_string(value) && is_pattern(json_string_value(value)))
			json_array_append(list, (json_t *)value);
		else
			wc_log(WC_WARN, "an entry of WeCom's callback addresses is not understood", wc_kv_i("entry", (int64_t)i));
	}
	return list;
}

int addresses_job(wc_job *job, const void *self, wc_err *e)
{
	const char *name = wecom_settings()->callback_ips;
	wc_arena   *a    = wc_job_arena(job);
	wc_answer   answer;
	json_t     *list;

	(void)self;
	if (row_sweep(e) < 0)
		return -1;
	if (!*name)
		return 0;
	if (wc_wecom_call(a, name, "getcallbackip", NULL, &answer, e) < 0)
		return -1;
	if (answer.class != WC_ANSWER_OK)
		return wc_fail(e, answer.class == WC_ANSWER_PERMANENT ? WC_E_REFUSED : WC_E_REMOTE, "getcallbackip: errcode %lld",
		               (long long)answer.errcode);
	list = usable(a, answer.body);
	if (!json_array_size(list))
		return wc_fail(e, WC_E_REMOTE, "getcallbackip: the list is empty; the one before stays");
	if (wc_db_tx(replace_list, list, e) < 0)
		return -1;
	wc_log(WC_INFO, "callback addresses fetched", wc_kv_i("entries", (int64_t)json_array_size(list)));
	return 0;
}

int addresses_ask(wc_err *e)
{
	time_t        now = (time_t)(wc_now_ms() / 1000);
	struct tm     day;
	unsigned char hash[WC_HASH_SIZE];
	char          key[64];

	if (!*wecom_settings()->callback_ips)
		return 0;
	/* Another base or secret has another list. */
	wc_keyed_hash(hash, "wecom.daily", wecom_settings()->base, wecom_settings()->callback_ips, NULL);
	gmtime_r(&now, &day);
	snprintf(key, sizeof key, "wecom.daily:%04d-%02d-%02d:%02x%02x%02x%02x", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday, hash[0],
	         hash[1], hash[2], hash[3]);
	return wc_job_add(NULL, &(wc_job_spec){.kind = "wecom.daily", .key = key}, e) < 0 ? -1 : 0;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static wc_arena       *held;          /* owns patterns */
static wc_rows         patterns;
static int64_t         held_until_ms;

/* Under the lock. A list that was known stays when the database is away. */
static int refresh(wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT pattern FROM wecom_callback_address") < 0) {
		wc_arena_free(a);
		held_until_ms = wc_mono_ms() + 1000;
		return held ? 0 : wc_wrap(e, "WeCom's callback addresses");
	}
	wc_arena_free(held);
	held          = a;
	patterns      = rows;
	held_until_ms = wc_mono_ms() + HELD_MS;
	return 0;
}

int wecom_callback_from(const char *address, bool *known, bool *allowed, wc_err *e)
{
	int rc = 0;

	*known = *allowed = false;
	if (!*wecom_settings()->callback_ips)
		return 0;
	pthread_mutex_lock(&lock);
	if (!held || wc_mono_ms() > held_until_ms)
		rc = refresh(e);
	if (rc == 0)
		*known = patterns.n > 0;
	for (size_t i = 0; rc == 0 && i < patterns.n && !*allowed; i++)
		*allowed = address_fits(wc_row_text(&patterns, i, 0), address);
	pthread_mutex_unlock(&lock);
	return rc;
}
