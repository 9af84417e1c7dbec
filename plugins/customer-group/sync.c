/* Sweeps: one at a time, in phases that are kept in its row, so that the job that goes on after a death goes on where things stand.
 *
 * owners: who has 客户联系, and whose groups are known besides (the departed are listed only when they are named). groups: the lists, owners in
 * batches; a batch counts when all of its pages came, and begins anew when one did not. details: of groups that are new, changed, no
 * longer listed, behind an event, or old. ways: join ways are read back. contacts, figures: at night. What WeCom does not show is never deleted. */
#include "group.h"

#include <inttypes.h>

#define PAGE        1000
#define BY_TIMER    "timer"
#define RESTARTS    3        /* of a batch whose cursor was refused */
#define RUNS_MAX    5000     /* jobs of one sweep */
#define PART_MS     5000     /* then another job goes on: one that was killed often would wait for minutes */
#define DETAIL_PART 50       /* groups between two looks at the clock and the counters */

struct sweep {
	struct run  r;
	int64_t     id, run;
	const char *kind, *phase;
	int64_t     listed, found, details, contacts;     /* since they were written last */
};

static bool is_reconcile(const struct sweep *s)
{
	return !strcmp(s->kind, "reconcile");
}

/* --- beginning ------------------------------------------------------------------------------------------------------- */

struct beginning {
	wc_arena   *a;
	const char *kind, *asked_by;
	int64_t     id;
	bool        is_new;
};

static const char *job_key(wc_arena *a, int64_t id, int64_t run)
{
	return wc_printf(a, "customer-group/sweep/%" PRId64 "/%" PRId64, id, run);
}

static int add_job(wc_db *db, wc_arena *a, int64_t id, int64_t run, int64_t delay_ms, wc_err *e)
{
	return wc_job_add(db, &(wc_job_spec){"customer-group.sweep", "customer-group.sweep", job_key(a, id, run),
	                                     wc_json(a, "{s:I, s:I}", "sweep", (json_int_t)id, "run", (json_int_t)run), delay_ms}, e) < 0 ? -1 : 0;
}

static int begin_tx(wc_db *db, void *arg, wc_err *e)
{
	struct beginning *b = arg;
	wc_rows           rows;

	b->is_new = false;
	if (wc_db_query(db, b->a, &rows, e, "SELECT id FROM wecom_customer_sweep WHERE only_one = 1 FOR UPDATE") < 0)
		return -1;
	if (rows.n) {
		b->id = wc_row_int(&rows, 0, 0);
		return 0;
	}
	if (wc_db_query(db, b->a, &rows, e, "INSERT INTO wecom_customer_sweep (kind, asked_by) VALUES (?, ?) RETURNING id", wc_text(b->kind),
	                wc_text(b->asked_by)) < 0)
		return -1;
	b->id     = wc_row_int(&rows, 0, 0);
	b->is_new = true;
	if (strcmp(b->asked_by, BY_TIMER) &&
	    wc_audit(db, &(wc_audit_entry){b->asked_by, "customer_group.sync", wc_printf(b->a, "sweep:%" PRId64, b->id), wc_json(b->a, "{s:s}", "kind", b->kind)}, e) < 0)
		return -1;
	return add_job(db, b->a, b->id, 1, 0, e);
}

/* A sweep whose job was buried or deleted will not end by itself. */
static int end_orphan(wc_arena *a, wc_err *e)
{
	wc_job_state state;
	wc_rows      rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT id, run FROM wecom_customer_sweep WHERE only_one = 1") < 0)
		return -1;
	if (!rows.n)
		return 0;
	if (wc_job_state_of(NULL, a, job_key(a, wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1)), &state, NULL, e) < 0)
		return -1;
	if (state != WC_JOB_DEAD && state != WC_JOB_NONE)
		return 0;
	return wc_db_exec(NULL, e, "UPDATE wecom_customer_sweep SET state = 'failed', only_one = NULL, ended_at = NOW(3), error = IF(error = '', 'its job was given up', error)"
	                  " WHERE id = ? AND run = ?", wc_int(wc_row_int(&rows, 0, 0)), wc_int(wc_row_int(&rows, 0, 1))) < 0 ? -1 : 0;
}

int sweep_begin(wc_arena *a, const char *kind, const char *asked_by, int64_t *id, wc_err *e)
{
	struct beginning b = {a, kind, asked_by, 0, false};

	if (end_orphan(a, e) < 0 || wc_db_tx(begin_tx, &b, e) < 0)
		return -1;
	*id = b.id;
	return b.is_new;
}

static int tick(wc_job *job, const struct customer_group *self, const char *kind, wc_err *e)
{
	int64_t id;

	return !*self->secret || sweep_begin(wc_job_arena(job), kind, BY_TIMER, &id, e) >= 0 ? 0 : -1;
}

int sync_tick(wc_job *job, const void *self, wc_err *e)
{
	return tick(job, self, "sync", e);
}

int reconcile_tick(wc_job *job, const void *self, wc_err *e)
{
	return tick(job, self, "reconcile", e);
}

/* --- its row --------------------------------------------------------------------------------------------------------- */

static int write_counters(struct sweep *s, wc_err *e)
{
	if (wc_db_exec_once(e,
	                    "UPDATE wecom_customer_sweep SET groups_listed = groups_listed + ?, groups_new = groups_new + ?, details = details + ?,"
	                    " contacts = contacts + ?, calls = calls + ?, drifts = (SELECT COUNT(*) FROM wecom_customer_drift d WHERE d.sweep_id = ?) WHERE id = ?",
	                    wc_int(s->listed), wc_int(s->found), wc_int(s->details), wc_int(s->contacts), wc_int(s->r.calls), wc_int(s->id), wc_int(s->id)) < 0)
		return -1;
	wc_count("wecomd_customer_group_calls_total", s->r.calls, NULL);
	wc_count("wecomd_customer_group_details_total", s->details, NULL);
	s->listed = s->found = s->details = s->contacts = s->r.calls = 0;
	return 0;
}

static int next_phase(struct sweep *s, const char *phase, wc_err *e)
{
	s->phase = phase;
	return write_counters(s, e) < 0 || wc_db_exec(NULL, e, "UPDATE wecom_customer_sweep SET phase = ? WHERE id = ?", wc_text(phase), wc_int(s->id)) < 0 ? -1 : 0;
}

static int end_sweep(struct sweep *s, const char *state, const char *error, wc_err *e)
{
	if (write_counters(s, e) < 0 ||
	    wc_db_exec(NULL, e, "DELETE FROM wecom_customer_sweep_owner WHERE sweep_id = ?", wc_int(s->id)) < 0 ||
	    wc_db_exec(NULL, e, "UPDATE wecom_customer_sweep SET state = ?, only_one = NULL, phase = 'end', error = LEFT(?, 320), ended_at = NOW(3) WHERE id = ?",
	               wc_text(state), wc_text(error), wc_int(s->id)) < 0)
		return -1;
	wc_count("wecomd_customer_group_sweeps_total", 1, s->kind, state, NULL);
	return 0;
}

/* --- owners ---------------------------------------------------------------------------------------------------------- */

struct owners {
	int64_t     sweep;
	const char *followed;     /* a JSON list */
};

#define FOLLOWED " JSON_TABLE(?, '$[*]' COLUMNS (userid VARCHAR(64) PATH '$')) AS x"

static int owners_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct owners *o = arg;
	wc_val               id = wc_int(o->sweep), list = wc_text(o->followed);

	if (wc_db_exec(db, e, "UPDATE wecom_customer_owner SET followed = FALSE") < 0 ||
	    wc_db_exec(db, e, "INSERT INTO wecom_customer_owner (userid, followed) SELECT x.userid, TRUE FROM" FOLLOWED " ON DUPLICATE KEY UPDATE followed = TRUE", list) < 0 ||
	    wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_owner (userid) SELECT DISTINCT owner FROM wecom_customer_group WHERE owner <> '' AND status < 10") < 0 ||
	    wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_sweep_owner (sweep_id, userid, followed) SELECT ?, o.userid, o.followed FROM wecom_customer_owner o"
	               " WHERE o.followed OR EXISTS (SELECT 1 FROM wecom_customer_group g WHERE g.owner = o.userid AND g.status < 10)", id) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE wecom_customer_sweep SET phase = 'groups', owners = (SELECT COUNT(*) FROM wecom_customer_sweep_owner WHERE sweep_id = ?)"
	                  " WHERE id = ?", id, id) < 0 ? -1 : 0;
}

static int find_owners(struct sweep *s, wc_err *e)
{
	struct owners o = {s->id, NULL};
	const json_t *answer;
	int64_t       errcode;

	if (contact_call(&s->r, "contact.follow_users", NULL, &answer, &errcode, e) < 0)
		return -1;
	if (errcode)
		return wc_fail(e, WC_E_REFUSED, "the members with 客户联系: WeCom refuses with errcode %" PRId64, errcode);
	if (!json_is_array(json_object_get(answer, "follow_user")))
		return wc_fail(e, WC_E_REMOTE, "the members with 客户联系: the answer has no list");
	o.followed = wc_json_text(s->r.a, json_object_get(answer, "follow_user"));
	if (wc_db_tx(owners_tx, &o, e) < 0)
		return -1;
	s->phase = "groups";
	return 0;
}

/* --- the lists ------------------------------------------------------------------------------------------------------- */

struct page {
	int64_t     sweep, found;
	const char *groups;     /* WeCom's group_chat_list */
};

#define LISTED " JSON_TABLE(?, '$[*]' COLUMNS (chat_id VARCHAR(128) PATH '$.chat_id', status INT PATH '$.status')) AS x"

/* A changed status asks for the detail; one that comes back after its end was not at its end. */
static int page_tx(wc_db *db, void *arg, wc_err *e)
{
	struct page *p    = arg;
	wc_val       list = wc_text(p->groups), id = wc_int(p->sweep);

	p->found = wc_db_exec(db, e, "INSERT IGNORE INTO wecom_customer_group (chat_id, status, listed_sweep) SELECT x.chat_id, x.status, ? FROM" LISTED
	                      " WHERE x.chat_id IS NOT NULL", id, list);
	if (p->found < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE wecom_customer_group g JOIN" LISTED " ON g.chat_id = x.chat_id COLLATE utf8mb4_bin"
	                  " SET g.detail_due = g.detail_due OR g.status <> x.status, g.updated_at = IF(g.status <> x.status, NOW(3), g.updated_at),"
	                  " g.status = x.status, g.listed_sweep = ?", list, id) < 0 ? -1 : 0;
}

static int take_page(struct sweep *s, const json_t *answer, wc_err *e)
{
	const json_t *groups = json_object_get(answer, "group_chat_list");
	struct page   p      = {s->id, 0, NULL};

	if (!json_is_array(groups))
		return wc_fail(e, WC_E_REMOTE, "groupchat.list: the answer has no list");
	if (!json_array_size(groups))
		return 0;
	p.groups = wc_json_text(s->r.a, groups);
	if (wc_db_tx(page_tx, &p, e) < 0)
		return -1;
	s->listed += (int64_t)json_array_size(groups);
	s->found += p.found;
	return 0;
}

/* All pages of these owners. 0 with *errcode; pages of a batch that is refused in the middle are kept, and it is not done. */
static int list_pages(struct sweep *s, json_t *userids, int64_t *errcode, wc_err *e)
{
	const char   *cursor = "", *next;
	const json_t *answer;

	for (int restarts = 0;;) {
		const json_t *body = wc_json(s->r.a, "{s:i, s:{s:O}, s:s, s:i}", "status_filter", 0, "owner_filter", "userid_list", userids, "cursor", cursor, "limit", PAGE);

		if (contact_call(&s->r, "groupchat.list", body, &answer, errcode, e) < 0)
			return -1;
		if (*errcode == 50100 && restarts++ < RESTARTS) {
			cursor = "";
			continue;
		}
		if (*errcode)
			return 0;
		if (take_page(s, answer, e) < 0)
			return -1;
		next = text_of(answer, "next_cursor");
		if (!*next || !strcmp(next, cursor))
			return 0;
		cursor = next;
	}
}

/* Groups that belonged to these owners and were not listed: how they stand, their details tell. */
static int batch_done(wc_db *db, void *arg, wc_err *e)
{
	struct { const struct sweep *s; const char *userids; } *b = arg;

	if (wc_db_exec(db, e, "UPDATE wecom_customer_group g JOIN" FOLLOWED " ON g.owner = x.userid COLLATE utf8mb4_general_ci SET g.detail_due = TRUE"
	               " WHERE g.listed_sweep <> ? AND g.status < 10", wc_text(b->userids), wc_int(b->s->id)) < 0 ||
	    wc_db_exec(db, e, "UPDATE wecom_customer_owner o JOIN" FOLLOWED " ON o.userid = x.userid COLLATE utf8mb4_general_ci SET o.errcode = 0, o.listed_at = NOW(3)",
	               wc_text(b->userids)) < 0)
		return -1;
	return wc_db_exec(db, e, "UPDATE wecom_customer_sweep_owner o JOIN" FOLLOWED " ON o.userid = x.userid COLLATE utf8mb4_general_ci SET o.groups_done = TRUE"
	                  " WHERE o.sweep_id = ?", wc_text(b->userids), wc_int(b->s->id)) < 0 ? -1 : 0;
}

/* Nothing is concluded about the groups of an owner whose list is refused. */
static int owner_failed(struct sweep *s, const char *userid, int64_t errcode, wc_err *e)
{
	const char *kind = errcode == 84074 || errcode == 90501 ? "owner_without_permission" : "owner_outside_range";

	if (warn_on(NULL, kind, wc_printf(s->r.a, "owner:%s", userid), errcode, NULL, e) < 0 ||
	    wc_db_exec(NULL, e, "UPDATE wecom_customer_owner SET errcode = ? WHERE userid = ?", wc_int(errcode), wc_text(userid)) < 0 ||
	    wc_db_exec_once(e, "UPDATE wecom_customer_sweep SET owners_failed = owners_failed + 1 WHERE id = ?", wc_int(s->id)) < 0)
		return -1;
	return wc_db_exec(NULL, e, "UPDATE wecom_customer_sweep_owner SET groups_done = TRUE WHERE sweep_id = ? AND userid = ?", wc_int(s->id), wc_text(userid)) < 0 ? -1 : 0;
}

static int owners_well(struct sweep *s, const json_t *userids, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE wecom_customer_warning w JOIN" FOLLOWED " ON w.object = CONCAT('owner:', x.userid) COLLATE utf8mb4_general_ci"
	                  " SET w.cleared_at = NOW(3) WHERE w.cleared_at IS NULL AND w.kind IN ('owner_without_permission', 'owner_outside_range')",
	                  wc_text(wc_json_text(s->r.a, userids))) < 0 ? -1 : 0;
}

static json_t *part_of(wc_arena *a, const json_t *userids, size_t from, size_t to)
{
	json_t *part = wc_json(a, "[]");

	for (size_t i = from; i < to; i++)
		json_array_append(part, json_array_get(userids, i));
	return part;
}

/* One member whom the app may not see refuses the whole batch: halves find out which. */
static int sweep_batch(struct sweep *s, json_t *userids, wc_err *e)
{
	struct { const struct sweep *s; const char *userids; } done = {s, wc_json_text(s->r.a, userids)};
	size_t  n = json_array_size(userids);
	int64_t errcode;

	if (list_pages(s, userids, &errcode, e) < 0)
		return -1;
	if (!errcode)
		return wc_db_tx(batch_done, &done, e) < 0 || owners_well(s, userids, e) < 0 ? -1 : 0;
	if (errcode == 50100) {
		s->r.later_ms = 5000;
		return wc_fail(e, WC_E_REMOTE, "groupchat.list: the cursor was refused %d times", RESTARTS + 1);
	}
	if (!is_of_owner(errcode))
		return wc_fail(e, WC_E_REFUSED, "groupchat.list: WeCom refuses with errcode %" PRId64, errcode);
	if (n == 1)
		return owner_failed(s, json_string_value(json_array_get(userids, 0)), errcode, e);
	return sweep_batch(s, part_of(s->r.a, userids, 0, n / 2), e) < 0 || sweep_batch(s, part_of(s->r.a, userids, n / 2, n), e) < 0 ? -1 : 0;
}

/* The next owners, as a list; NULL with 0: none are left. */
static int next_owners(struct sweep *s, const char *sql, int64_t limit, json_t **userids, wc_err *e)
{
	wc_rows rows;

	*userids = NULL;
	if (wc_db_query(NULL, s->r.a, &rows, e, sql, wc_int(s->id), wc_int(limit)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	*userids = wc_json(s->r.a, "[]");
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(*userids, json_string(wc_row_text(&rows, i, 0)));
	return 0;
}

/* One batch in an arena of its own. 1: there was one, 0: none is left. */
static int groups_step(struct sweep *s, wc_err *e)
{
	json_t *userids;

	if (next_owners(s, "SELECT userid FROM wecom_customer_sweep_owner WHERE sweep_id = ? AND NOT groups_done ORDER BY userid LIMIT ?",
	                s->r.self->owners_at_once, &userids, e) < 0)
		return -1;
	if (!userids)
		return 0;
	return sweep_batch(s, userids, e) < 0 || write_counters(s, e) < 0 ? -1 : 1;
}

/* Groups whose owner left need another one: the owner cannot confirm any send. */
static int warn_of_departed(wc_err *e)
{
	if (wc_db_exec(NULL, e,
	               "INSERT INTO wecom_customer_warning (kind, object, details) SELECT 'owner_departed', CONCAT('owner:', owner), JSON_OBJECT('groups', COUNT(*))"
	               " FROM wecom_customer_group WHERE status = 1 GROUP BY owner ON DUPLICATE KEY UPDATE details = VALUES(details), last_at = NOW(3),"
	               " first_at = IF(cleared_at IS NULL, first_at, NOW(3)), cleared_at = NULL") < 0)
		return -1;
	return wc_db_exec(NULL, e, "UPDATE wecom_customer_warning SET cleared_at = NOW(3) WHERE kind = 'owner_departed' AND cleared_at IS NULL"
	                  " AND NOT EXISTS (SELECT 1 FROM wecom_customer_group g WHERE g.status = 1 AND CONCAT('owner:', g.owner) = object)") < 0 ? -1 : 0;
}

/* --- details --------------------------------------------------------------------------------------------------------- */

#define ASKABLE " NOT EXISTS (SELECT 1 FROM wecom_customer_owner o WHERE o.userid = g.owner AND o.errcode <> 0)"

/* Not of owners whose lists are refused: nothing is to be learned there. The reconciliation asks for all that it has not asked for since it began. */
static int due_groups(struct sweep *s, wc_rows *rows, wc_err *e)
{
	if (is_reconcile(s))
		return wc_db_query(NULL, s->r.a, rows, e, "SELECT g.chat_id FROM wecom_customer_group g JOIN wecom_customer_sweep w ON w.id = ?"
		                   " WHERE" ASKABLE " AND g.status < 10 AND (g.detail_at IS NULL OR g.detail_at < w.started_at) ORDER BY g.id LIMIT ?", wc_int(s->id), wc_int(DETAIL_PART));
	return wc_db_query(NULL, s->r.a, rows, e,
	                   "(SELECT g.chat_id FROM wecom_customer_group g WHERE" ASKABLE " AND g.detail_due ORDER BY g.id LIMIT ?) UNION (SELECT g.chat_id FROM wecom_customer_group g"
	                   " WHERE" ASKABLE " AND g.status < 10 AND g.detail_at < NOW(3) - INTERVAL ? * 1000 MICROSECOND ORDER BY g.detail_at LIMIT ?) LIMIT ?", wc_int(DETAIL_PART),
	                   wc_int(s->r.self->details_after_ms), wc_int(DETAIL_PART), wc_int(DETAIL_PART));
}

static int one_detail(struct sweep *s, const char *chat_id, wc_err *e)
{
	wc_arena     *outer = s->r.a;
	struct detail d;
	int           rc;

	s->r.a = wc_arena_new();
	rc     = detail_fetch(&s->r, chat_id, is_reconcile(s) ? s->id : 0, 0, &d, e);
	s->details++;
	wc_arena_free(s->r.a);
	s->r.a = outer;
	return rc;
}

static int details_step(struct sweep *s, wc_err *e)
{
	wc_rows rows;

	if (due_groups(s, &rows, e) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (one_detail(s, wc_row_text(&rows, i, 0), e) < 0)
			return -1;
	return !rows.n ? 0 : write_counters(s, e) < 0 ? -1 : 1;
}

/* --- customers and figures ------------------------------------------------------------------------------------------- */

/* Small batches: one that has to begin anew costs little. */
#define CONTACT_BATCH 20

static int contacts_part(struct sweep *s, json_t *userids, wc_err *e)
{
	size_t  n = json_array_size(userids);
	int64_t errcode;

	if (contacts_sweep(&s->r, userids, s->id, &s->contacts, &errcode, e) < 0)
		return -1;
	if (errcode && n > 1)
		return contacts_part(s, part_of(s->r.a, userids, 0, n / 2), e) < 0 || contacts_part(s, part_of(s->r.a, userids, n / 2, n), e) < 0 ? -1 : 0;
	if (errcode && errcode != 84061 && errcode != 701008 && !is_of_owner(errcode))
		return wc_fail(e, WC_E_REFUSED, "contact.batch: WeCom refuses with errcode %" PRId64, errcode);
	return wc_db_exec(NULL, e, "UPDATE wecom_customer_sweep_owner o JOIN" FOLLOWED " ON o.userid = x.userid COLLATE utf8mb4_general_ci SET o.contacts_done = TRUE"
	                  " WHERE o.sweep_id = ?", wc_text(wc_json_text(s->r.a, userids)), wc_int(s->id)) < 0 ? -1 : 0;
}

static int contacts_step(struct sweep *s, wc_err *e)
{
	json_t *userids;

	if (next_owners(s, "SELECT userid FROM wecom_customer_sweep_owner WHERE sweep_id = ? AND followed AND NOT contacts_done ORDER BY userid LIMIT ?", CONTACT_BATCH,
	                &userids, e) < 0)
		return -1;
	if (!userids)
		return tags_fetch(&s->r, e);
	return contacts_part(s, userids, e) < 0 || write_counters(s, e) < 0 ? -1 : 1;
}

static int take_figures(struct sweep *s, const json_t *answer, const char *day, wc_err *e)
{
	return wc_db_exec(NULL, e, "INSERT INTO wecom_customer_group_stat (day, owner, data) SELECT ?, x.owner, x.data FROM JSON_TABLE(?, '$[*]' COLUMNS ("
	                  "owner VARCHAR(64) PATH '$.owner', data JSON PATH '$.data')) AS x ON DUPLICATE KEY UPDATE data = VALUES(data)", wc_text(day),
	                  wc_text(wc_json_text(s->r.a, json_object_get(answer, "items")))) < 0 ? -1 : 0;
}

/* WeCom's figures of yesterday, by owner; what is refused is no reason to stop. */
static int figures_step(struct sweep *s, wc_err *e)
{
	json_t       *userids = NULL;
	const json_t *answer;
	wc_rows       day, rows;
	int64_t       errcode;

	if (wc_db_query(NULL, s->r.a, &day, e, "SELECT DATE(NOW() + INTERVAL ? * 1000 MICROSECOND) - INTERVAL 1 DAY,"
	                " UNIX_TIMESTAMP(DATE(NOW() + INTERVAL ? * 1000 MICROSECOND) - INTERVAL 1 DAY) - ? DIV 1000", wc_int(s->r.self->day_offset_ms),
	                wc_int(s->r.self->day_offset_ms), wc_int(s->r.self->day_offset_ms)) < 0 ||
	    wc_db_query(NULL, s->r.a, &rows, e, "SELECT userid FROM wecom_customer_owner WHERE followed AND errcode = 0 AND EXISTS (SELECT 1 FROM wecom_customer_group g"
	                " WHERE g.owner = userid) ORDER BY userid") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		userids = userids && json_array_size(userids) < 100 ? userids : wc_json(s->r.a, "[]");
		json_array_append_new(userids, json_string(wc_row_text(&rows, i, 0)));
		if (json_array_size(userids) < 100 && i + 1 < rows.n)
			continue;
		if (contact_call(&s->r, "groupchat.statistic", wc_json(s->r.a, "{s:I, s:{s:O}, s:i}", "day_begin_time", (json_int_t)wc_row_int(&day, 0, 1), "owner_filter",
		                                                      "userid_list", userids, "limit", 1000), &answer, &errcode, e) < 0)
			return -1;
		if (!errcode && take_figures(s, answer, wc_row_text(&day, 0, 0), e) < 0)
			return -1;
	}
	return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static int owners_step(struct sweep *s, wc_err *e)
{
	return find_owners(s, e);
}

static int departed_step(struct sweep *s, wc_err *e)
{
	(void)s;
	return warn_of_departed(e);
}

static int ways_step(struct sweep *s, wc_err *e)
{
	return join_ways_check(&s->r, e);
}

static int segments_step(struct sweep *s, wc_err *e)
{
	return segments_refresh(s->r.self, 0, e);
}

/* A step returns 1 when it wants to be called again. */
static const struct phase {
	const char *name;
	int       (*step)(struct sweep *s, wc_err *e);
	bool        at_night;     /* and in the first sweep of all */
} phases[] = {{"owners", owners_step, false},     {"groups", groups_step, false},       {"departed", departed_step, false},
              {"details", details_step, false},   {"ways", ways_step, false},           {"contacts", contacts_step, true},
              {"figures", figures_step, true},    {"segments", segments_step, false}};

#define PHASES (sizeof phases / sizeof *phases)

static size_t phase_of(const char *name)
{
	size_t i = 0;

	while (i < PHASES && strcmp(phases[i].name, name))
		i++;
	return i;
}

static int one_step(struct sweep *s, size_t phase, wc_err *e)
{
	wc_arena *outer = s->r.a;
	int       rc;

	s->r.a = wc_arena_new();
	rc     = phases[phase].step(s, e);
	wc_arena_free(s->r.a);
	s->r.a = outer;
	return rc;
}

/* 1: there is more to do, for another job; 0: all is done. */
static int run_phases(struct sweep *s, bool first, wc_err *e)
{
	int64_t until = wc_mono_ms() + PART_MS;

	for (size_t i = phase_of(s->phase); i < PHASES; i++) {
		int rc = phases[i].at_night && !is_reconcile(s) && !first ? 0 : 1;

		while (rc > 0) {
			if (wc_job_stopping(s->r.job))
				return wc_fail(e, WC_E_STOPPED, "the sweep goes on elsewhere");
			rc = one_step(s, i, e);
			if (rc > 0 && wc_mono_ms() > until)
				return 1;
		}
		if (rc < 0 || next_phase(s, i + 1 < PHASES ? phases[i + 1].name : "end", e) < 0)
			return -1;
	}
	return 0;
}

struct resting {
	struct sweep *s;
	int64_t       ms;
};

static int rest_tx(wc_db *db, void *arg, wc_err *e)
{
	struct resting *x = arg;

	if (wc_db_exec(db, e, "UPDATE wecom_customer_sweep SET run = ? WHERE id = ?", wc_int(x->s->run + 1), wc_int(x->s->id)) < 0)
		return -1;
	return add_job(db, wc_job_arena(x->s->r.job), x->s->id, x->s->run + 1, x->ms, e);
}

/* Not now: another job goes on later, so that none waits in a thread and no attempts are used up. For good: the sweep has failed. */
static int after_failure(struct sweep *s, wc_err *e)
{
	wc_err other;

	if (e->code == WC_E_STOPPED || e->code == WC_E_DB)
		return -1;
	if (s->r.later_ms && s->run < RUNS_MAX) {
		wc_log(WC_INFO, "a sweep of customer groups rests", wc_kv_i("sweep", s->id), wc_kv_i("ms", s->r.later_ms), wc_kv_s("error", e->text));
		return write_counters(s, e) < 0 || wc_db_tx(rest_tx, &(struct resting){s, s->r.later_ms}, e) < 0 ? -1 : 0;
	}
	if (wc_err_retry(e->code) && !wc_job_last_attempt(s->r.job))
		return -1;
	return end_sweep(s, "failed", e->text, &other) < 0 ? -1 : wc_err_retry(e->code) ? -1 : 0;
}

int sweep_run(wc_job *job, const void *self, wc_err *e)
{
	struct sweep s = {.r = {.self = self, .job = job, .a = wc_job_arena(job)}, .id = number_of(wc_job_args(job), "sweep"), .run = number_of(wc_job_args(job), "run")};
	wc_rows      rows;
	int          rc;

	if (wc_db_query(NULL, s.r.a, &rows, e, "SELECT kind, phase, NOT EXISTS (SELECT 1 FROM wecom_customer_sweep d WHERE d.state = 'done') FROM wecom_customer_sweep"
	                " WHERE id = ? AND run = ? AND only_one = 1", wc_int(s.id), wc_int(s.run)) < 0)
		return -1;
	if (!rows.n)
		return 0;     /* ended, or another job goes on with it */
	s.kind  = wc_row_text(&rows, 0, 0);
	s.phase = wc_row_text(&rows, 0, 1);
	if ((rc = run_phases(&s, wc_row_int(&rows, 0, 2), e)) < 0)
		return after_failure(&s, e);
	if (rc)
		return wc_db_tx(rest_tx, &(struct resting){&s, 0}, e);
	return end_sweep(&s, "done", "", e);
}
