/* The audit trail as people see it: the list, the check, and the thread that chains new entries. */
#include "admin/admin.h"
#include "admin/chain.h"

#include <wecomd/plugin.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define VERIFY_MAX    20000     /* rows of one request: some tenths of a second */

struct audit {
	int64_t keep_ms;
};

/* --- the sequencer --------------------------------------------------------------------------------------------------- */

static pthread_mutex_t lock    = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  stopped = PTHREAD_COND_INITIALIZER;
static pthread_t       thread;
static bool            running, stop_wanted;

static bool wait_second(void)
{
	struct timespec until;
	bool            stop;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&lock);
	while (!stop_wanted && pthread_cond_timedwait(&stopped, &lock, &until) == 0)
		;
	stop = stop_wanted;
	pthread_mutex_unlock(&lock);
	return !stop;
}

/* In every process of every node: they find out by the head's lock which of them does it. */
static void *sequencer(void *unused)
{
	bool   failing = false;
	wc_err e;
	int    more;

	while (wait_second()) {
		do
			more = chain_extend(&e);
		while (more > 0);
		if (more < 0 && !failing)
			wc_log(WC_ERROR, "the audit trail could not be chained", wc_kv_s("error", e.text));
		failing = more < 0;
	}
	return unused;
}

static int start(void *self, wc_err *e)
{
	pthread_attr_t attr;

	(void)self;
	stop_wanted = false;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 20);
	running = pthread_create(&thread, &attr, sequencer, NULL) == 0;
	pthread_attr_destroy(&attr);
	return running ? 0 : wc_fail(e, WC_E_INTERNAL, "a thread could not be started");
}

static void stop(void *self)
{
	(void)self;
	if (!running)
		return;
	pthread_mutex_lock(&lock);
	stop_wanted = true;
	pthread_cond_broadcast(&stopped);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	running = false;
}

/* --- GET /api/audit --------------------------------------------------------------------------------------------------- */

/* A query parameter that must be a positive number; standard where it is absent, -1 where it is none. */
static int64_t number_param(wc_request *rq, const char *name, int64_t standard, int64_t max)
{
	const char *text = wc_query_param(rq, name);
	int64_t     value;
	char       *end;

	if (!text || !*text)
		return standard;
	value = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && strlen(text) < 19 && value <= max && value > 0 ? value : -1;
}

/* "2026-01-31", "2026-01-31T08:00:00Z" or with milliseconds, as MariaDB writes it; NULL for anything else. UTC alone. */
static const char *database_time(wc_arena *a, const char *text)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.ddd";
	char             *s      = wc_strdup(a, text);
	size_t            n      = strlen(s);
	struct tm         tm     = {0};

	if (n > 10 && (s[n - 1] == 'Z' || s[n - 1] == 'z'))
		s[--n] = 0;
	if (n != 10 && n != 19 && n != 23)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' : form[i] == 'T' ? !strchr("Tt ", s[i]) : s[i] != form[i])
			return NULL;
	if (n > 10)
		s[10] = ' ';
	return strptime(s, n > 10 ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d", &tm) ? s : NULL;
}

struct filter {
	wc_buf       *sql;
	wc_val        v[8];
	size_t        n;
	wc_bad_field *bad;
};

static void add_bad(wc_request *rq, struct filter *f, const char *field, const char *expected)
{
	wc_bad_field *bad = wc_alloc(wc_request_arena(rq), sizeof *bad);

	*bad   = (wc_bad_field){field, expected, f->bad};
	f->bad = bad;
}

static void add_text(wc_request *rq, struct filter *f, const char *name, const char *condition)
{
	const char *text = wc_query_param(rq, name);

	if (!text || !*text)
		return;
	if (strlen(text) > 400 || !wc_utf8_valid(text, strlen(text))) {
		add_bad(rq, f, name, "UTF-8 text of at most 400 bytes");
		return;
	}
	wc_buf_adds(f->sql, condition);
	f->v[f->n++] = wc_text(text);
}

static void add_time(wc_request *rq, struct filter *f, const char *name, const char *condition)
{
	const char *text = wc_query_param(rq, name), *time = text && *text ? database_time(wc_request_arena(rq), text) : NULL;

	if (!text || !*text)
		return;
	if (!time) {
		add_bad(rq, f, name, "a UTC time such as 2026-01-31 or 2026-01-31T08:00:00Z");
		return;
	}
	wc_buf_adds(f->sql, condition);
	f->v[f->n++] = wc_text(time);
}

static json_t *entry_json(wc_arena *a, const wc_rows *rows, size_t i)
{
	wc_err  ignored;
	wc_cell details = wc_row_cell(rows, i, 6);
	json_t *parsed  = wc_json_parse(a, details.s, details.n, &ignored);

	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:O, s:o}", "id", (json_int_t)wc_row_int(rows, i, 0), "at", wc_row_text(rows, i, 1),
	                 "trace_id", wc_row_text(rows, i, 2), "actor", wc_row_text(rows, i, 3), "action", wc_row_text(rows, i, 4), "object",
	                 wc_row_text(rows, i, 5), "details", parsed ? parsed : wc_json(a, "{}"), "seq",
	                 wc_row_cell(rows, i, 7).s ? json_integer(wc_row_int(rows, i, 7)) : json_null());
}

static int list_entries(wc_request *rq, const void *self)
{
	wc_arena     *a      = wc_request_arena(rq);
	int64_t       limit  = number_param(rq, "limit", LIMIT_DEFAULT, LIMIT_MAX), cursor = number_param(rq, "cursor", INT64_MAX, INT64_MAX);
	struct filter f      = {.sql = wc_buf_new(a, 4096)};
	json_t       *items  = wc_json(a, "[]");
	wc_rows       rows;
	wc_err        e;

	(void)self;
	if (limit < 0)
		add_bad(rq, &f, "limit", "a number from 1 to 200");
	if (cursor < 0)
		add_bad(rq, &f, "cursor", "what an earlier answer gave as next");
	wc_buf_adds(f.sql, "SELECT id, CONCAT(LEFT(DATE_FORMAT(at, '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z'), trace_id, actor, action, object, details, seq"
	                   " FROM audit_log WHERE id < ?");
	f.v[f.n++] = wc_int(cursor);
	add_text(rq, &f, "actor", " AND actor = ?");
	add_text(rq, &f, "action", " AND action = ?");
	add_text(rq, &f, "object", " AND object = ?");
	add_time(rq, &f, "since", " AND at >= ?");
	add_time(rq, &f, "until", " AND at < ?");
	if (f.bad)
		return wc_reply_bad_fields(rq, f.bad);
	wc_buf_adds(f.sql, " ORDER BY id DESC LIMIT ?");
	f.v[f.n++] = wc_int(limit + 1);
	if (wc_db_query_v(NULL, a, &rows, &e, f.sql->s, f.v, f.n) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n && i < (size_t)limit; i++)
		json_array_append_new(items, entry_json(a, &rows, i));
	return wc_reply(rq, 200, "{s:O, s:s?}", "items", items, "next",
	                rows.n > (size_t)limit ? wc_row_text(&rows, (size_t)limit - 1, 0) : NULL);
}

/* --- checking --------------------------------------------------------------------------------------------------------- */

struct range {
	int64_t from, to;
};

static const wc_field range_fields[] = {
	{WC_INT, "from", "0", offsetof(struct range, from), "number of the first row; 0: the first there is", .min = 0, .max = INT64_MAX},
	{WC_INT, "to", "0", offsetof(struct range, to), "number of the last row; 0: the newest", .min = 0, .max = INT64_MAX},
	{0}};

static json_t *problems_json(wc_arena *a, const struct chain_report *r)
{
	json_t *list = wc_json(a, "[]");

	for (const struct chain_problem *p = r->problems; p; p = p->next)
		json_array_append_new(list, json_pack("{s:o, s:o, s:s}", "seq", p->seq ? json_integer(p->seq) : json_null(), "id",
		                                      p->id ? json_integer(p->id) : json_null(), "what", p->what));
	return list;
}

static int verify_route(wc_request *rq, const void *self)
{
	const struct range *range = wc_body(rq);
	wc_arena           *a     = wc_request_arena(rq);
	struct chain_report r;
	wc_err              e;

	(void)self;
	if (chain_verify(a, range->from, range->to, VERIFY_MAX, &r, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:b, s:I, s:I, s:o, s:I, s:O, s:I, s:{s:I, s:s}}", "whole", r.problem_count == 0, "rows", (json_int_t)r.rows,
	                "first", (json_int_t)r.first, "next", r.next ? json_integer(r.next) : json_null(), "problem_count",
	                (json_int_t)r.problem_count, "problems", problems_json(a, &r), "waiting", (json_int_t)r.unchained, "head", "seq",
	                (json_int_t)r.head_seq, "hash", r.head_hash);
}

static void print_problems(const struct chain_report *r)
{
	for (const struct chain_problem *p = r->problems; p; p = p->next) {
		if (p->seq && p->id)
			printf("row %" PRId64 " (id %" PRId64 "): %s\n", p->seq, p->id, p->what);
		else if (p->seq)
			printf("row %" PRId64 ": %s\n", p->seq, p->what);
		else if (p->id)
			printf("id %" PRId64 ", not chained yet: %s\n", p->id, p->what);
		else
			printf("%s\n", p->what);
	}
	if (r->problem_count > CHAIN_PROBLEMS_MAX)
		printf("and %zu more\n", r->problem_count - CHAIN_PROBLEMS_MAX);
}

/* Batch by batch, each in an arena of its own. Returns how many problems there are, or -1. */
static int64_t verify_all(int64_t from, int64_t to, wc_err *e)
{
	struct chain_report r;
	int64_t             rows = 0, problems = 0, first = 0;

	do {
		wc_arena *a = wc_arena_new();

		if (chain_verify(a, from, to, VERIFY_MAX, &r, e) < 0) {
			wc_arena_free(a);
			return -1;
		}
		print_problems(&r);
		first = first ? first : r.first;
		rows += r.rows;
		problems += (int64_t)r.problem_count;
		from = r.next;
		if (!from)
			printf("%s: %" PRId64 " rows from %" PRId64 " to %" PRId64 "; %" PRId64 " wait to be chained\nhead %" PRId64 ":%s\n",
			       problems ? "NOT WHOLE" : "whole", rows, first, r.last, r.unchained, r.head_seq, r.head_hash);
		wc_arena_free(a);
	} while (from);
	return problems;
}

/* "SEQ:HASH", as verify printed it once. NULL, or what is wrong. */
static const char *check_head(wc_arena *a, const char *head)
{
	wc_err  e;
	char   *end;
	int64_t seq = strtoll(head, &end, 10);

	if (end == head || *end != ':' || strlen(end + 1) != 64 || strspn(end + 1, "0123456789abcdef") != 64)
		return "a head is written as verify prints it: NUMBER:64 hexadecimal digits";
	return chain_check_anchor(a, seq, end + 1, &e);
}

static int verify_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char  *head   = wc_option(argc, argv, "--head", ""), *wrong = *head ? check_head(a, head) : NULL;
	struct range range  = {0};
	int64_t      problems;
	wc_err       e;

	(void)self;
	if (wc_field_from_text(a, &range_fields[0], wc_option(argc, argv, "--from", "0"), &range) ||
	    wc_field_from_text(a, &range_fields[1], wc_option(argc, argv, "--to", "0"), &range)) {
		fprintf(stderr, "--from and --to are numbers of rows\n");
		return 2;
	}
	problems = verify_all(range.from, range.to, &e);
	if (problems < 0)
		fprintf(stderr, "%s\n", e.text);
	if (wrong)
		printf("NOT WHOLE: %s\n", wrong);
	return problems || wrong ? 1 : 0;
}

/* --- retention -------------------------------------------------------------------------------------------------------- */

static int prune_job(wc_job *job, const void *self, wc_err *e)
{
	const struct audit *audit = self;
	int64_t             n     = audit->keep_ms ? chain_prune(audit->keep_ms, "system", e) : 0;

	(void)job;
	if (n > 0)
		wc_log(WC_INFO, "audit rows removed", wc_kv_i("rows", n));
	return n < 0 ? -1 : 0;
}

static int prune_command(wc_arena *a, int argc, char **argv, const void *self)
{
	static const wc_field keep = {WC_DURATION, "keep", NULL, offsetof(struct audit, keep_ms), "", .min = 1, .max = INT64_MAX};
	struct audit          wanted;
	wc_err                e;
	int64_t               n;

	(void)self;
	if (wc_field_from_text(a, &keep, wc_option(argc, argv, "--keep", ""), &wanted)) {
		fprintf(stderr, "--keep is a duration such as 365d\n");
		return 2;
	}
	if ((n = chain_prune(wanted.keep_ms, "command", &e)) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	printf("%" PRId64 " rows removed\n", n);
	return 0;
}

WC_PART(audit_part, "audit",
	.summary   = "the audit trail",
	.self_size = sizeof(struct audit),
	.settings  = WC_SETTINGS(
		{WC_DURATION, "keep", "0s", offsetof(struct audit, keep_ms), "older entries are removed, daily; 0s: none is"}),
	.routes    = WC_ROUTES(
		{WC_GET, "/api/audit", WC_ADMIN, list_entries, "Lists the audit trail, newest first: ?actor= action= object= since= until="},
		{WC_POST, "/api/audit/verify", WC_ADMIN, verify_route, "Checks the audit chain, up to 20,000 rows at a time", range_fields,
		 sizeof(struct range)}),
	.commands  = WC_COMMANDS(
		{"audit verify", "[--from ROW] [--to ROW] [--head ROW:HASH]",
		 "check the audit chain and print its head; keep that elsewhere and pass it as --head later", verify_command},
		{"audit prune", "--keep DURATION", "remove older entries from the audit trail, keeping the rest verifiable", prune_command}),
	.jobs      = WC_JOBS({"audit.prune", prune_job, "removes old entries of the audit trail"}),
	.timers    = WC_TIMERS({"audit.prune", "23 3 * * *", NULL, "audit.prune", "removes old entries of the audit trail"}),
	.start     = start,
	.stop      = stop);
