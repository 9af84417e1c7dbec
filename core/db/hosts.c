/* The hosts of [db] host, in order of preference: the nodes of a Galera cluster. Every process connects to the first that answers and belongs
 * to the primary component, so that all write through one node, where a lock is a lock; conflicts between nodes are left to the moments
 * of change. */
#include "db/hosts.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX 8
#define AVOID_MS  5000     /* a host that failed is not tried again before, unless all have failed */

struct host {
	char     name[256];
	unsigned port;
};

/* When each may be tried again, by wc_mono_ms(). */
static _Atomic int64_t avoid_until_ms[HOSTS_MAX];
static _Atomic int     rank_in_use;

/* "name" or "name:port"; what has more colons is an IPv6 address without a port. */
static int parse_host(const char *s, size_t n, unsigned port, struct host *h)
{
	const char *colon = memchr(s, ':', n);
	char       *end;

	h->port = port;
	if (colon && !memchr(colon + 1, ':', (size_t)(s + n - colon) - 1)) {
		h->port = (unsigned)strtoul(colon + 1, &end, 10);
		if (end != s + n || end == colon + 1 || h->port < 1 || h->port > 65535)
			return -1;
		n = (size_t)(colon - s);
	}
	if (n < 1 || n >= sizeof h->name)
		return -1;
	snprintf(h->name, sizeof h->name, "%.*s", (int)n, s);
	return 0;
}

static int parse_list(const struct db_settings *s, struct host hosts[HOSTS_MAX], wc_err *e)
{
	int n = 0;

	for (const char *at = s->host, *end;; at = end + 1) {
		end = strchrnul(at, ',');
		if (n == HOSTS_MAX)
			return wc_fail(e, WC_E_CONFIG, "[db] host: at most %d hosts", HOSTS_MAX);
		if (parse_host(at, (size_t)(end - at), (unsigned)s->port, &hosts[n++]) < 0)
			return wc_fail(e, WC_E_CONFIG, "[db] host: expected a list such as db1,db2:3307, found \"%s\"", s->host);
		if (!*end)
			return n;
	}
}

int db_check_settings(const struct db_settings *s, wc_err *e)
{
	struct host hosts[HOSTS_MAX];

	return *s->host && parse_list(s, hosts, e) < 0 ? -1 : 0;
}

/* Whether the node may be used now, and that its reads show what any node has committed. A server that knows no Galera says nothing. */
static int join_cluster(wc_db *db, wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = stmt_run(db, a, &rows, NULL, "SHOW GLOBAL STATUS LIKE 'wsrep_ready'", NULL, 0, e);

	if (rc == 0 && rows.n && strcmp(wc_row_text(&rows, 0, 1), "ON") != 0)
		rc = wc_fail(e, WC_E_DB, "the node does not belong to the cluster's primary component");
	if (rc == 0 && rows.n)
		rc = conn_simple(db, "SET SESSION wsrep_sync_wait=1", e);
	wc_arena_free(a);
	return rc;
}

static wc_db *connect_to(const struct db_settings *s, const struct host *host, int64_t timeout_ms, wc_err *e)
{
	struct db_settings one = *s;
	wc_db             *db;

	one.host   = host->name;
	one.port   = host->port;
	one.socket = NULL;
	db = conn_open(&one, timeout_ms, e);
	if (db && join_cluster(db, e) < 0) {
		conn_close(db);
		return NULL;
	}
	return db;
}

static wc_db *use(wc_db *db, const struct host *host, int rank)
{
	db->rank              = rank;
	avoid_until_ms[rank] = 0;
	if (atomic_exchange(&rank_in_use, rank) != rank)
		wc_log(WC_INFO, "another database host is used", wc_kv_s("host", host->name), wc_kv_i("port", host->port));
	return db;
}

static wc_db *try_hosts(const struct db_settings *s, const struct host *hosts, int n, bool all, int64_t timeout_ms, wc_err *e)
{
	for (int i = 0; i < n; i++) {
		wc_db *db;

		if (!all && wc_mono_ms() < avoid_until_ms[i])
			continue;
		if ((db = connect_to(s, &hosts[i], timeout_ms, e)))
			return use(db, &hosts[i], i);
		avoid_until_ms[i] = wc_mono_ms() + AVOID_MS;
	}
	return NULL;
}

wc_db *hosts_connect(const struct db_settings *s, int64_t timeout_ms, wc_err *e)
{
	struct host hosts[HOSTS_MAX];
	wc_db      *db;
	int         n;

	if (*s->socket || !*s->host)
		return conn_open(s, timeout_ms, e);
	if ((n = parse_list(s, hosts, e)) < 0)
		return NULL;
	db = try_hosts(s, hosts, n, n == 1, timeout_ms, e);
	return db || n == 1 ? db : try_hosts(s, hosts, n, true, timeout_ms, e);
}

int hosts_rank(void)
{
	return rank_in_use;
}

struct db_settings hosts_alone(const struct db_settings *s, const wc_db *db, char *name)
{
	struct db_settings one = *s;
	struct host        hosts[HOSTS_MAX];
	wc_err             ignored;

	if (!*s->socket && *s->host && parse_list(s, hosts, &ignored) > db->rank) {
		strcpy(name, hosts[db->rank].name);
		one.host = name;
		one.port = hosts[db->rank].port;
	}
	return one;
}
