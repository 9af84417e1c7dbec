/* The inbox read again: lists, one event, and a replay's jobs.
 *
 * The jobs of a replay get the keys that the plugin gave with "~r" and the replay's number behind (or a hash of that), so that they are
 * new; the trace id stays the event's, so that its story tells of the replay too. */
#include "work/desk.h"
#include "work/lanes.h"

#include "db/db.h"

#include <wecomd/audit.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <inttypes.h>
#include <string.h>

#define KEY_MAX 64

int inbox_load(wc_arena *a, int64_t id, struct inbox_row *row, wc_err *e)
{
	wc_rows rows;
	wc_cell payload;

	if (wc_db_query(NULL, a, &rows, e, "SELECT endpoint, trace_id, payload FROM inbox_event WHERE id = ?", wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no event %" PRId64 " in the inbox", id);
	payload = wc_row_cell(&rows, 0, 2);
	*row    = (struct inbox_row){.id = id, .endpoint = wc_row_text(&rows, 0, 0), .trace_id = wc_row_text(&rows, 0, 1)};
	return wc_unseal(a, "inbox_event.payload", (wc_slice){payload.s, payload.n}, &row->payload, e);
}

int inbox_list(wc_arena *a, const struct inbox_filter *f, int64_t before, int64_t limit, wc_rows *rows, wc_err *e)
{
	struct db_select s;

	db_select_begin(&s, a, "SELECT id, endpoint, " MS("received_at"));
	db_select_add(&s, ", LENGTH(payload) - ?, trace_id, (SELECT COUNT(*) FROM inbox_replay r WHERE r.inbox_id = i.id) FROM inbox_event i",
	              wc_int(WC_SEAL_OVERHEAD));
	db_select_add(&s, " WHERE id < ?", wc_int(before));
	db_select_word(&s, " AND endpoint = ?", f->endpoint);
	db_select_word(&s, " AND trace_id = ?", f->trace_id);
	db_select_time(&s, " AND received_at >= ?", f->since_ms);
	db_select_time(&s, " AND received_at < ?", f->until_ms);
	db_select_add(&s, " ORDER BY id DESC LIMIT ?", wc_int(limit));
	return db_select_run(&s, rows, e);
}

struct replay {
	wc_arena               *a;
	const struct inbox_row *row;
	const struct inbox_job *jobs;
	const char             *actor;
	unsigned char           token[16];
	int64_t                 id;
};

/* A key that is a hash, such as a stream's id, stays one of the same length: plugins store it where nothing longer fits. */
static const char *fresh_key(wc_arena *a, const char *key, int64_t replay)
{
	const char   *fresh   = wc_printf(a, "%s~r%" PRId64, key, replay);
	size_t        n       = strlen(key);
	bool          is_hash = (n == 32 || n == 64) && strspn(key, "0123456789abcdef") == n;
	unsigned char hash[WC_HASH_SIZE];

	if (!is_hash && strlen(fresh) <= KEY_MAX)
		return fresh;
	wc_keyed_hash(hash, "inbox.replay", fresh, NULL);
	return wc_hex(a, hash, is_hash ? n / 2 : WC_HASH_SIZE);
}

static int add_jobs(wc_db *db, const struct replay *r, size_t n, wc_err *e)
{
	struct new_job *jobs = wc_alloc(r->a, n * sizeof *jobs);
	size_t          i    = 0;

	for (const struct inbox_job *j = r->jobs; j; j = j->next) {
		wc_job_spec *spec = wc_alloc(r->a, sizeof *spec);

		*spec     = j->spec;
		spec->key = spec->key ? fresh_key(r->a, spec->key, r->id) : NULL;
		if (new_job_from(r->a, j, spec, r->row->trace_id, &jobs[i++], e) < 0)
			return -1;
	}
	return jobs_insert(db, r->a, jobs, n, e);
}

static int replay(wc_db *db, void *arg, wc_err *e)
{
	struct replay *r = arg;
	wc_audit_entry entry = {.actor = r->actor, .action = "inbox.replay", .object = wc_printf(r->a, "inbox:%" PRId64, r->row->id)};
	size_t         n = 0;
	wc_rows        rows;

	for (const struct inbox_job *j = r->jobs; j; j = j->next)
		n++;
	if (wc_db_query(db, r->a, &rows, e, "INSERT IGNORE INTO inbox_replay (token, inbox_id, actor, jobs) VALUES (?, ?, ?, ?) RETURNING id",
	                wc_bytes(r->token, sizeof r->token), wc_int(r->row->id), wc_text(r->actor), wc_int((int64_t)n)) < 0)
		return -1;
	/* The token is there: an earlier run of this transaction took effect, only its COMMIT's answer was lost. */
	if (!rows.n)
		return 0;
	r->id         = wc_row_int(&rows, 0, 0);
	entry.details = wc_json(r->a, "{s:I, s:I, s:s}", "replay", (json_int_t)r->id, "jobs", (json_int_t)n, "endpoint", r->row->endpoint);
	return add_jobs(db, r, n, e) < 0 ? -1 : wc_audit(db, &entry, e);
}

int64_t inbox_replay(wc_arena *a, const struct inbox_row *row, const struct inbox_job *jobs, const char *actor, wc_err *e)
{
	struct replay r      = {.a = a, .row = row, .jobs = jobs, .actor = actor};
	const char   *before = wc_strdup(a, wc_trace());
	int           rc;

	wc_random(r.token, sizeof r.token);
	wc_trace_set(row->trace_id);
	rc = wc_db_tx(replay, &r, e);
	wc_trace_set(before);
	return rc < 0 ? -1 : r.id;
}
