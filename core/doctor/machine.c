/* The machine and the database under it. */
#include "doctor/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SKEW_MAX_MS 30000
#define MIB         ((uint64_t)1 << 20)
#define FULL_MIB    100
#define TIGHT_MIB   1024

void check_configuration(wc_findings *f, const void *self)
{
	const struct doctor_patient *p = patient();

	(void)self;
	wc_found(f, WC_FOUND_OK, "", "read", "", "it can be read: %zu plugins, %zu models, %zu secrets of WeCom", p->plugin_count,
	         p->model_count, p->secret_count);
}

/* --- database ------------------------------------------------------------------------------------------------------- */

static void say_version(wc_findings *f, const char *version)
{
	int major = 0, minor = 0;

	if (strstr(version, "MariaDB") && sscanf(version, "%d.%d", &major, &minor) == 2 && major * 100 + minor >= 1006)
		wc_found(f, WC_FOUND_OK, "version", "version", "", "%s", version);
	else
		wc_found(f, WC_FOUND_FAIL, "version", "too_old", "MariaDB 10.6 or newer", "%s is not MariaDB 10.6 or newer", version);
}

/* What is acknowledged must survive a power cut. */
static void say_durability(wc_findings *f, const wc_rows *rows)
{
	if (wc_row_int(rows, 0, 1) != 1)
		wc_found(f, WC_FOUND_WARN, "durability", "commits_may_be_lost", "innodb_flush_log_at_trx_commit = 1 in MariaDB's configuration",
		         "innodb_flush_log_at_trx_commit is %s: a power cut may lose what was acknowledged", wc_row_text(rows, 0, 1));
	else if (wc_row_int(rows, 0, 2) && wc_row_int(rows, 0, 3) != 1)
		wc_found(f, WC_FOUND_WARN, "durability", "binlog_may_be_lost", "sync_binlog = 1 in MariaDB's configuration",
		         "sync_binlog is %s: after a power cut replicas may differ", wc_row_text(rows, 0, 3));
	else
		wc_found(f, WC_FOUND_OK, "durability", "durable", "", "each commit is flushed to disk");
}

static int count_hosts(const char *list)
{
	int n = *list != 0;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

static void say_cluster(wc_findings *f)
{
	int     named = *patient()->db->socket ? 1 : count_hosts(patient()->db->host);
	wc_rows rows;
	wc_err  e;
	int     nodes;

	if (wc_db_query(NULL, f->arena, &rows, &e, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'") < 0)
		return;
	nodes = rows.n ? (int)wc_row_int(&rows, 0, 1) : 0;
	if (nodes == 0 && named < 2)
		return;
	if (nodes == 0)
		wc_found(f, WC_FOUND_WARN, "cluster", "no_cluster", "[db] host: one host, or the nodes of a Galera cluster",
		         "[db] host names %d hosts, and the one in use belongs to no cluster", named);
	else if (named < 2)
		wc_found(f, WC_FOUND_WARN, "cluster", "one_host_named", "[db] host: all nodes, in order of preference",
		         "the cluster has %d nodes, and only one is named", nodes);
	else if (nodes < named)
		wc_found(f, WC_FOUND_WARN, "cluster", "nodes_away", "the nodes that are away",
		         "the cluster has %d nodes, [db] host names %d", nodes, named);
	else
		wc_found(f, WC_FOUND_OK, "cluster", "cluster", "", "%d nodes are there", nodes);
}

void check_database(wc_findings *f, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (wc_db_query(NULL, f->arena, &rows, &e,
	                "SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog") < 0) {
		wc_found(f, WC_FOUND_FAIL, "", "no_answer", "[db] in the configuration; whether MariaDB runs", "%s", e.text);
		return;
	}
	say_version(f, wc_row_text(&rows, 0, 0));
	say_durability(f, &rows);
	say_cluster(f);
}

void check_schema(wc_findings *f, const void *self)
{
	wc_err e;

	(void)self;
	if (db_check_schema(patient()->sql_dir, patient()->owners, &e) == 0)
		wc_found(f, WC_FOUND_OK, "", "current", "", "it is what this program needs");
	else if (e.code == WC_E_DB)
		wc_found(f, WC_FOUND_SKIPPED, "", "database_away", "", "the database does not answer");
	else
		wc_found(f, WC_FOUND_FAIL, "", "not_current", "wecomd migrate", "%s", e.text);
}

void check_database_clock(wc_findings *f, const void *self)
{
	int64_t before = wc_now_ms(), ahead;
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (wc_db_query(NULL, f->arena, &rows, &e, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)") < 0) {
		wc_found(f, WC_FOUND_SKIPPED, "database", "database_away", "", "the database does not answer");
		return;
	}
	ahead = wc_row_int(&rows, 0, 0) - (before + wc_now_ms()) / 2;
	if (llabs(ahead) > SKEW_MAX_MS)
		wc_found(f, WC_FOUND_WARN, "database", ahead > 0 ? "behind" : "ahead", "the clocks of both machines: NTP",
		         "this node's clock is %lld s %s the database's", llabs(ahead) / 1000, ahead > 0 ? "behind" : "ahead of");
	else
		wc_found(f, WC_FOUND_OK, "database", "agrees", "",
		         "this node's clock and the database's are less than %d s apart", SKEW_MAX_MS / 1000);
}

/* --- files ---------------------------------------------------------------------------------------------------------- */

void check_key_file(wc_findings *f, const void *self)
{
	const char *file = patient()->key_file;
	struct stat st;

	(void)self;
	if (stat(file, &st) < 0)
		wc_found(f, WC_FOUND_FAIL, "", "unreadable", "[crypt] key_file", "%s: %s", file, strerror(errno));
	else if (st.st_mode & 077)
		wc_found(f, WC_FOUND_FAIL, "", "open_to_others", wc_printf(f->arena, "chmod 600 %s", file),
		         "%s is open to others (mode %04o)", file, st.st_mode & 07777);
	else if (st.st_uid != geteuid() && geteuid() != 0)
		wc_found(f, WC_FOUND_WARN, "", "other_owner", wc_printf(f->arena, "chown it to the user of wecomd"),
		         "%s belongs to another user", file);
	else
		wc_found(f, WC_FOUND_OK, "", "closed", "", "only its owner may read it");
}

/* --- descriptors ---------------------------------------------------------------------------------------------------- */

#define PER_THREAD 3      /* curl's for a running stream */
#define BESIDES    64     /* log, libraries, sockets, pipes */

/* Of one process, of the role with more threads. */
static int64_t descriptors_needed(void)
{
	const struct doctor_patient *p       = patient();
	int64_t                      workers = p->worker->processes ? p->worker->threads : 0, web = p->web->processes ? p->web->threads : 0;

	return PER_THREAD * (workers > web ? workers : web) + p->db->connections + BESIDES;
}

const char *doctor_descriptors(wc_arena *a)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max == RLIM_INFINITY || (int64_t)limit.rlim_max >= descriptors_needed())
		return NULL;
	return wc_printf(a, "a process may open %llu files, its threads may need %lld", (unsigned long long)limit.rlim_max,
	                 (long long)descriptors_needed());
}

void check_descriptors(wc_findings *f, const void *self)
{
	const char *wrong = doctor_descriptors(f->arena);

	(void)self;
	if (wrong)
		wc_found(f, WC_FOUND_WARN, "", "too_few",
		         "LimitNOFILE= of the service (ulimit -Hn), or fewer [worker] threads, [web] threads", "%s", wrong);
	else
		wc_found(f, WC_FOUND_OK, "", "enough", "",
		         "a process may open as many files as its threads need (%lld)", (long long)descriptors_needed());
}

/* --- room ----------------------------------------------------------------------------------------------------------- */

static void say_space(wc_findings *f, const char *object, const char *folder)
{
	struct statvfs v;
	uint64_t       free_mib;

	if (statvfs(folder, &v) < 0) {
		wc_found(f, WC_FOUND_SKIPPED, object, "not_here", "", "%s is not on this machine, or not to be seen", folder);
		return;
	}
	free_mib = (uint64_t)v.f_bavail * v.f_frsize / MIB;
	wc_found(f, free_mib < FULL_MIB ? WC_FOUND_FAIL : free_mib < TIGHT_MIB ? WC_FOUND_WARN : WC_FOUND_OK, object, "free",
	         free_mib < TIGHT_MIB ? "room on the disk; [retention] of the plugins" : "", "%llu MiB are free in %s",
	         (unsigned long long)free_mib, folder);
}

/* Where standard error is a file, it is the log. */
static void say_log(wc_findings *f)
{
	char        path[4096];
	struct stat st;
	ssize_t     n = readlink("/proc/self/fd/2", path, sizeof path - 1);
	char       *slash;

	if (n <= 0 || fstat(2, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	path[n] = 0;
	if ((slash = strrchr(path, '/'))) {
		*slash = 0;
		say_space(f, "log", *path ? path : "/");
	}
}

void check_disk(wc_findings *f, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)self;
	say_log(f);
	if (wc_db_query(NULL, f->arena, &rows, &e, "SELECT @@datadir") < 0)
		wc_found(f, WC_FOUND_SKIPPED, "data", "database_away", "", "the database does not answer");
	else if (!*patient()->db->socket)
		wc_found(f, WC_FOUND_SKIPPED, "data", "other_machine", "", "the database may be on another machine: look there");
	else
		say_space(f, "data", wc_row_text(&rows, 0, 0));
}
