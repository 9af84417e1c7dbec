/* Jobs for people: what waits, runs and failed; another try; an end.
 *
 * A lane does not wait for a buried job, so one that is tried again takes a new number at the lane's end: it still runs alone in its
 * lane, though no longer in its old place. Every change locks the lane before the job, as the worker does when it goes on to the
 * lane's next job, or that could make a job the head which was cancelled in the same moment. */
#include "work/desk.h"
#include "work/lanes.h"

#include "db/db.h"

#include <wecomd/buf.h>
#include <wecomd/text.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const states[] = {"waiting", "ready", "running", "done", "dead"};

static int state_from(const char *word)
{
	for (int i = 0; i < 5; i++)
		if (!strcmp(states[i], word))
			return i;
	return -1;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

#define COLUMNS \
	"SELECT id, kind, job_key, state, lane_no, attempts, crashes, " MS("due_at") ", " MS("created_at") ", " MS("finished_at") "," \
	" error, owner, cancel_by, trace_id, LENGTH(args)"

json_t *job_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	(void)a, (void)unused;
	return json_pack("{s:I, s:o, s:o, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "id", (json_int_t)wc_row_int(rows, i, 0),
	                 "kind", json_word(rows, i, 1), "key", json_word(rows, i, 2), "state", states[wc_row_int(rows, i, 3)],
	                 "lane_no", json_ms(rows, i, 4), "attempts", (json_int_t)wc_row_int(rows, i, 5), "crashes",
	                 (json_int_t)wc_row_int(rows, i, 6), "due_ms", json_ms(rows, i, 7), "created_ms", json_ms(rows, i, 8), "finished_ms",
	                 json_ms(rows, i, 9), "error", json_word(rows, i, 10), "owner", json_word(rows, i, 11), "cancel_by",
	                 json_word(rows, i, 12), "trace_id", json_word(rows, i, 13), "args_bytes",
	                 (json_int_t)(wc_row_int(rows, i, 14) - WC_SEAL_OVERHEAD));
}

int jobs_list(wc_arena *a, const struct jobs_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e)
{
	unsigned char    lane[LANE_SIZE];
	struct db_select s;

	db_select_begin(&s, a, COLUMNS " FROM job");
	db_select_add(&s, " WHERE id < ?", wc_int(before));
	if (f->state)
		db_select_add(&s, " AND state = ?", wc_int(state_from(f->state)));
	db_select_word(&s, " AND kind = ?", f->kind);
	if (f->lane) {
		lane_hash(lane, f->lane);
		db_select_add(&s, " AND lane = ?", wc_bytes(lane, sizeof lane));
	}
	db_select_word(&s, " AND trace_id = ?", f->trace_id);
	db_select_time(&s, " AND created_at >= ?", f->since_ms);
	db_select_time(&s, " AND created_at < ?", f->until_ms);
	db_select_add(&s, " ORDER BY id DESC LIMIT ?", wc_int(limit));
	return db_select_run(&s, rows, e);
}

/* What an argument is, without what it says: arguments hold people's words. */
static json_t *mask(const json_t *value)
{
	static const char *const kinds[] = {"object", "list", "text", "number", "number", "truth", "truth", "null"};
	const char              *kind    = kinds[json_typeof(value)];

	if (json_is_string(value))
		return json_pack("{s:s, s:I}", "type", kind, "bytes", (json_int_t)json_string_length(value));
	if (json_is_array(value))
		return json_pack("{s:s, s:I}", "type", kind, "items", (json_int_t)json_array_size(value));
	if (json_is_object(value))
		return json_pack("{s:s, s:I}", "type", kind, "items", (json_int_t)json_object_size(value));
	return json_pack("{s:s}", "type", kind);
}

static json_t *masked_args(wc_arena *a, wc_cell sealed)
{
	json_t     *masked = wc_json_keep(a, json_object()), *args, *value;
	const char *name;
	wc_slice    plain;
	wc_err      e;

	if (wc_unseal(a, "job.args", (wc_slice){sealed.s, sealed.n}, &plain, &e) < 0 || !(args = wc_json_parse(a, plain.p, plain.n, &e)))
		return NULL;
	json_object_foreach(args, name, value)
		json_object_set_new(masked, name, mask(value));
	return masked;
}

static int get_job(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	json_t   *job;
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, COLUMNS ", args FROM job WHERE id = ?", wc_int(desk_id(rq))) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such job");
	job = wc_json_keep(a, job_json(a, &rows, 0, NULL));
	json_object_set(job, "args", masked_args(a, wc_row_cell(&rows, 0, 15)));
	return wc_reply_json(rq, 200, job);
}

/* --- changing ------------------------------------------------------------------------------------------------------- */

struct change {
	int64_t       id;
	const char   *actor;
	wc_arena     *a;
	bool          laned;
	unsigned char lane[LANE_SIZE];
	int64_t       lane_no, state;     /* state: before, then after */
	const char   *kind;
};

static int read_lane(wc_db *db, struct change *c, wc_err *e)
{
	wc_rows rows;
	wc_cell lane;

	if (wc_db_query(db, c->a, &rows, e, "SELECT lane, kind FROM job WHERE id = ?", wc_int(c->id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no job %" PRId64, c->id);
	lane     = wc_row_cell(&rows, 0, 0);
	c->kind  = wc_row_text(&rows, 0, 1);
	c->laned = lane.n == LANE_SIZE;
	if (c->laned)
		memcpy(c->lane, lane.s, LANE_SIZE);
	return 0;
}

static int lock_job(wc_db *db, struct change *c, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, c->a, &rows, e, "SELECT state, lane_no FROM job WHERE id = ? FOR UPDATE", wc_int(c->id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no job %" PRId64, c->id);
	c->state   = wc_row_int(&rows, 0, 0);
	c->lane_no = wc_row_int(&rows, 0, 1);
	return 0;
}

static int audit(wc_db *db, const struct change *c, const char *action, wc_err *e)
{
	wc_audit_entry entry = {.actor = c->actor, .action = action, .object = wc_printf(c->a, "job:%" PRId64, c->id),
	                        .details = wc_json(c->a, "{s:s, s:s}", "kind", c->kind, "state", states[c->state])};

	return wc_audit(db, &entry, e);
}

int job_try_again(wc_db *db, int64_t id, int64_t state, int64_t lane_no, wc_err *e)
{
	return wc_db_exec(db, e,
	                  "UPDATE job SET state = ?, lane_no = ?, due_at = NOW(3), attempts = 0, crashes = 0, error = NULL, cancel_by = NULL,"
	                  " finished_at = NULL WHERE id = ?",
	                  wc_int(state), lane_no ? wc_int(lane_no) : wc_null(), wc_int(id)) < 0 ? -1 : 0;
}

static int retry(wc_db *db, void *arg, wc_err *e)
{
	struct change *c  = arg;
	int64_t        no = 0, state = JOB_READY;

	if (read_lane(db, c, e) < 0 || (c->laned && lane_append(db, c->a, c->lane, &no, &state, e) < 0) || lock_job(db, c, e) < 0)
		return -1;
	if (c->state != JOB_DEAD)
		return wc_fail(e, WC_E_CONFLICT, "job %" PRId64 " is %s; only a dead one can be tried again", c->id, states[c->state]);
	if (audit(db, c, "job.retry", e) < 0 || job_try_again(db, c->id, state, c->laned ? no : 0, e) < 0)
		return -1;
	c->state = state;
	doorbell_note();
	return 0;
}

static int bury(wc_db *db, struct change *c, wc_err *e)
{
	int64_t was = c->state;

	if (wc_db_exec(db, e, "UPDATE job SET state = 4, finished_at = NOW(3), due_at = NOW(3), error = CONCAT('cancelled by ', ?),"
	                    " cancel_by = ? WHERE id = ?",
	               wc_text(c->actor), wc_text(c->actor), wc_int(c->id)) < 0)
		return -1;
	c->state = JOB_DEAD;
	return was == JOB_READY && c->laned ? lane_advance(db, c->a, c->lane, c->lane_no, e) : 0;
}

static int cancel(wc_db *db, void *arg, wc_err *e)
{
	struct change *c = arg;
	wc_rows        ignored;

	if (read_lane(db, c, e) < 0 ||
	    (c->laned && wc_db_query(db, c->a, &ignored, e, "SELECT lane FROM job_lane WHERE lane = ? FOR UPDATE", wc_bytes(c->lane, LANE_SIZE)) < 0) ||
	    lock_job(db, c, e) < 0)
		return -1;
	if (c->state == JOB_DONE || c->state == JOB_DEAD)
		return wc_fail(e, WC_E_CONFLICT, "job %" PRId64 " is %s already", c->id, states[c->state]);
	if (audit(db, c, "job.cancel", e) < 0)
		return -1;
	if (c->state != JOB_RUNNING)
		return bury(db, c, e);
	return wc_db_exec(db, e, "UPDATE job SET cancel_by = ? WHERE id = ?", wc_text(c->actor), wc_int(c->id)) < 0 ? -1 : 0;
}

static json_t *change_json(const struct change *c)
{
	return wc_json(c->a, "{s:I, s:s}", "id", (json_int_t)c->id, "state", states[c->state]);
}

static int change_and_reply(wc_request *rq, int (*how)(wc_db *, void *, wc_err *))
{
	struct change c = {.id = desk_id(rq), .actor = actor_of(rq), .a = wc_request_arena(rq)};
	wc_err        e;

	if (wc_db_tx(how, &c, &e) < 0)
		return wc_reply_err(rq, &e);
	/* 202: a running job was asked to stop and will see it at its next heartbeat. */
	return wc_reply_json(rq, c.state == JOB_RUNNING ? 202 : 200, change_json(&c));
}

static int post_retry(wc_request *rq, const void *self)
{
	(void)self;
	return change_and_reply(rq, retry);
}

static int post_cancel(wc_request *rq, const void *self)
{
	(void)self;
	return change_and_reply(rq, cancel);
}

/* --- tools ---------------------------------------------------------------------------------------------------------- */

struct newest {
	const char *state, *kind;
	int64_t     before, limit;
};

#define FILTER(member) offsetof(struct newest, member)

static const wc_field newest_fields[] = {
	{WC_CHOICE, "state", NULL, FILTER(state), "only these", .choices = JOB_STATES, .optional = true},
	{WC_STRING, "kind", NULL, FILTER(kind), "only this kind, such as smartbot.answer", .optional = true},
	{WC_INT, "before", "0", FILTER(before), "only jobs with a smaller id, the last one of the page before; 0: the newest", .min = 0, .max = INT64_MAX},
	{WC_INT, "limit", "20", FILTER(limit), "how many", .min = 1, .max = 200},
	{0}};

static json_t *list_tool(const wc_tool_call *call, const void *self, wc_err *e)
{
	const struct newest *n     = call->args;
	struct jobs_filter   f     = {.state = n->state, .kind = n->kind, .since_ms = WC_ABSENT, .until_ms = WC_ABSENT};
	json_t              *items = wc_json(call->arena, "[]");
	wc_rows              rows;

	(void)self;
	if (jobs_list(call->arena, &f, n->before ? n->before : INT64_MAX, n->limit, &rows, e) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(items, job_json(call->arena, &rows, i, NULL));
	return wc_json(call->arena, "{s:O}", "items", items);
}

struct job_id {
	int64_t id;
};

static const wc_field id_fields[] = {
	{WC_INT, "id", NULL, offsetof(struct job_id, id), "the job's number", .min = 1, .max = INT64_MAX},
	{0}};

static const wc_field changed_fields[] = {
	{WC_INT, "id", NULL, 0, "the job's number", .min = 1, .max = INT64_MAX},
	{WC_CHOICE, "state", NULL, 0, "what it is now", .choices = JOB_STATES},
	{0}};

static json_t *retry_tool(const wc_tool_call *call, const void *self, wc_err *e)
{
	struct change c = {.id = ((const struct job_id *)call->args)->id, .actor = call->actor, .a = call->arena};

	(void)self;
	return wc_db_tx(retry, &c, e) < 0 ? NULL : change_json(&c);
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

static int complain(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

static int list_command(wc_arena *a, int argc, char **argv, const void *self)
{
	struct jobs_filter f     = {.state = wc_option(argc, argv, "--state", NULL), .kind = wc_option(argc, argv, "--kind", NULL),
	                            .since_ms = WC_ABSENT, .until_ms = WC_ABSENT};
	int64_t            limit = number_of(wc_option(argc, argv, "--limit", "50"));
	wc_rows            rows;
	wc_err             e;

	(void)self;
	if ((f.state && state_from(f.state) < 0) || limit < 1) {
		fprintf(stderr, "a state is one of waiting, ready, running, done, dead; a limit is a number\n");
		return 2;
	}
	if (jobs_list(a, &f, INT64_MAX, limit, &rows, &e) < 0)
		return complain(&e);
	for (size_t i = 0; i < rows.n; i++)
		printf("%10s  %-8s %-24s %s  attempts %s  %6" PRId64 " bytes  %s\n", wc_row_text(&rows, i, 0), states[wc_row_int(&rows, i, 3)],
		       wc_row_text(&rows, i, 1), work_time_text(a, wc_row_int(&rows, i, 8)), wc_row_text(&rows, i, 5),
		       wc_row_int(&rows, i, 14) - WC_SEAL_OVERHEAD, wc_row_text(&rows, i, 10));
	return 0;
}

static int change_command(wc_arena *a, int argc, char **argv, int (*how)(wc_db *, void *, wc_err *), const char *word)
{
	struct change c = {.id = argc ? number_of(argv[0]) : 0, .actor = "command", .a = a};
	wc_err        e;

	if (!c.id) {
		fprintf(stderr, "usage: wecomd jobs %s ID\n", word);
		return 2;
	}
	wc_trace_new();
	if (wc_db_tx(how, &c, &e) < 0)
		return complain(&e);
	printf("job %" PRId64 " is %s%s\n", c.id, states[c.state], c.state == JOB_RUNNING ? " and was asked to stop" : "");
	return 0;
}

static int retry_command(wc_arena *a, int argc, char **argv, const void *self)
{
	(void)self;
	return change_command(a, argc, argv, retry, "retry");
}

static int cancel_command(wc_arena *a, int argc, char **argv, const void *self)
{
	(void)self;
	return change_command(a, argc, argv, cancel, "cancel");
}

WC_PART(jobs_part, "jobs",
	.summary  = "what waits, runs and failed",
	.routes   = WC_ROUTES(
		{WC_GET, "/api/jobs/{id}", WC_VIEWER, get_job, "One job; of its arguments the kinds and sizes"},
		{WC_POST, "/api/jobs/{id}/retry", WC_OPERATOR, post_retry, "Tries a dead job again, at the end of its lane"},
		{WC_POST, "/api/jobs/{id}/cancel", WC_OPERATOR, post_cancel, "Buries a job that waits; asks one that runs to stop"}),
	.tools    = WC_TOOLS(
		{"jobs_list", WC_VIEWER, WC_READS, list_tool, "Jobs, the newest first, with state, attempts and error", newest_fields,
		 sizeof(struct newest)},
		{"jobs_retry", WC_OPERATOR, WC_CHANGES, retry_tool, "Tries a dead job again, at the end of its lane", id_fields,
		 sizeof(struct job_id), changed_fields}),
	.commands = WC_COMMANDS(
		{"jobs list", "[--state STATE] [--kind KIND] [--limit N]", "the newest jobs", list_command},
		{"jobs retry", "ID", "try a dead job again", retry_command},
		{"jobs cancel", "ID", "bury a job that waits, ask one that runs to stop", cancel_command}));
