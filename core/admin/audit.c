/* The audit trail as people see it: the list, the check, and the thread that chains new entries. */
#include "admin/admin.h"
#include "admin/chain.h"
#include "admin/parts.h"

#include "db/db.h"

#include <wecomd/plugin.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERIFY_MAX 20000     /* rows of one request: some tenths of a second */

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

struct filter {
	const char *actor, *action, *object, *trace_id;
	int64_t     since, until;
};

static const wc_field audit_query[] = {
	{WC_STRING, "actor", NULL, offsetof(struct filter, actor), "only by this one, such as user:li.wei", .optional = true, .max = 384},
	{WC_STRING, "action", NULL, offsetof(struct filter, action), "only this, such as user.change", .optional = true, .max = 64},
	{WC_STRING, "object", NULL, offsetof(struct filter, object), "only about this, such as job:5", .optional = true, .max = 384},
	LIST_TRACE_ID(struct filter),
	{WC_TIME, "since", NULL, offsetof(struct filter, since), "only what was done at this time or later", .optional = true},
	{WC_TIME, "until", NULL, offsetof(struct filter, until), "only what was done before this time", .optional = true},
	{0}};

static const wc_field entry_fields[] = {
	{WC_INT, "id", NULL, 0, "its number", .min = 1, .max = INT64_MAX},
	{WC_TIME, "at", NULL, 0, "when"},
	{WC_STRING, "trace_id", NULL, 0, "the message or request it belongs to"},
	{WC_STRING, "actor", NULL, 0, "who"},
	{WC_STRING, "action", NULL, 0, "did what"},
	{WC_STRING, "object", NULL, 0, "to what"},
	{WC_OBJECT, "details", NULL, 0, "ids, counts, settings; texts as hashes"},
	{WC_INT, "seq", NULL, 0, "its place in the chain; null: not chained yet", .optional = true},
	{0}};

#define ENTRY "SELECT id, CONCAT(LEFT(DATE_FORMAT(at, '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z'), trace_id, actor, action, object, details, seq"

static json_t *entry_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	wc_err  ignored;
	wc_cell details = wc_row_cell(rows, i, 6);
	json_t *parsed  = wc_json_parse(a, details.s, details.n, &ignored);

	(void)unused;
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:O, s:o}", "id", (json_int_t)wc_row_int(rows, i, 0), "at", wc_row_text(rows, i, 1),
	                 "trace_id", wc_row_text(rows, i, 2), "actor", wc_row_text(rows, i, 3), "action", wc_row_text(rows, i, 4), "object",
	                 wc_row_text(rows, i, 5), "details", parsed ? parsed : wc_json(a, "{}"), "seq",
	                 wc_row_cell(rows, i, 7).s ? json_integer(wc_row_int(rows, i, 7)) : json_null());
}

static int list_entries(wc_request *rq, const void *self)
{
	const struct filter *f    = wc_query(rq);
	wc_list             *list = wc_list_begin(rq);
	struct db_select     s;
	wc_rows              rows;
	wc_err               e;

	(void)self;
	db_select_begin(&s, wc_request_arena(rq), ENTRY " FROM audit_log");
	db_select_add(&s, " WHERE id < ?", wc_int(wc_list_after(list, INT64_MAX)));
	db_select_text(&s, " AND actor = ?", f->actor);
	db_select_word(&s, " AND action = ?", f->action);
	db_select_text(&s, " AND object = ?", f->object);
	db_select_word(&s, " AND trace_id = ?", f->trace_id);
	db_select_time(&s, " AND at >= ?", f->since);
	db_select_time(&s, " AND at < ?", f->until);
	db_select_add(&s, " ORDER BY id DESC LIMIT ?", wc_int(wc_list_fetch(list)));
	if (db_select_run(&s, &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, entry_json, NULL);
}

static int get_entry(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, ENTRY " FROM audit_log WHERE id = ?", wc_int(path_id(rq))) < 0)
		return wc_reply_err(rq, &e);
	return rows.n ? wc_reply_json(rq, 200, wc_json_keep(a, entry_json(a, &rows, 0, NULL)))
	              : wc_problem(rq, 404, "not_found", "there is no such entry");
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
		{WC_GET, "/api/audit", WC_ADMIN, list_entries, "The audit trail, newest first", .query = audit_query,
		 .query_size = sizeof(struct filter), .list = true, .answer = entry_fields},
		{WC_GET, "/api/audit/{id}", WC_ADMIN, get_entry, "One entry of the audit trail", .answer = entry_fields},
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
