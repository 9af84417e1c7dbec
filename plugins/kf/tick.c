/* Every minute: who waits for a servicer gets one, who was silent is reminded, and what was silent for long ends. */
#include "kf.h"

#include <string.h>

#define AT_ONCE 200

struct ticking {
	wc_job         *job;
	wc_arena       *a;        /* of one session */
	struct account *acc;
	struct session  s;
	const char     *peer;
	int64_t         conversation;
};

typedef int each_fn(struct ticking *t, wc_err *e);

/* --- for each session that a statement finds ---------------------------------------------------------------------------------- */

static int open_one(struct ticking *t, int64_t id, wc_err *e)
{
	if (session_load(t->a, id, &t->s, e) < 0 || session_peer(t->a, id, t->s.customer, &t->peer, e) < 0)
		return -1;
	t->conversation = wc_conversation_of(NULL, t->a, CHANNEL, t->acc->open_kfid, t->peer, e);
	return t->conversation < 0 ? -1 : 0;
}

/* What goes wrong with one is no reason to leave out the next. */
static int for_each(struct ticking *t, const wc_rows *rows, each_fn *fn, wc_err *e)
{
	for (size_t i = 0; i < rows->n; i++) {
		wc_err why;

		if (wc_job_stopping(t->job))
			return wc_fail(e, WC_E_STOPPED, "goes on elsewhere");
		t->a = wc_arena_new();
		if ((open_one(t, wc_row_int(rows, i, 0), &why) < 0 || fn(t, &why) < 0) && why.code != WC_E_NOT_FOUND)
			wc_log(WC_WARN, "a session could not be looked after", wc_kv_s("account", t->acc->open_kfid), wc_kv_s("error", why.text));
		wc_arena_free(t->a);
	}
	return 0;
}

/* --- who waits ------------------------------------------------------------------------------------------------------------------- */

static int assign(struct ticking *t, wc_err *e)
{
	return give_to_servicer(t->a, t->acc, &t->s, t->peer, e) < 0 ? -1 : 0;
}

static int assign_all(struct ticking *t, wc_err *e)
{
	wc_rows rows;

	if (strcmp(t->acc->s.mode, "servicer") || !is_open_now(&t->acc->s))
		return 0;
	if (wc_db_query(NULL, wc_job_arena(t->job), &rows, e,
	                "SELECT id FROM kf_session WHERE account_id = ? AND (state = 2 OR (state IN (0, 1) AND wants_ms > 0)) ORDER BY GREATEST(wants_ms, state_ms)"
	                " LIMIT ?",
	                wc_int(t->acc->id), wc_int(AT_ONCE)) < 0)
		return -1;
	return for_each(t, &rows, assign, e);
}

int assign_run(wc_job *job, const void *self, wc_err *e)
{
	struct account acc;
	struct ticking t = {.job = job, .acc = &acc};

	(void)self;
	if (account_find(wc_job_arena(job), wc_json_str(wc_job_args(job), "account"), &acc, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;
	return assign_all(&t, e);
}

/* --- who is silent ---------------------------------------------------------------------------------------------------------------- */

struct saying {
	struct ticking *t;
	wc_say          s;
	const char     *sql;      /* what is noted in the session */
};

static int say(wc_db *db, void *arg, wc_err *e)
{
	struct saying *x = arg;
	int64_t        message;

	if (wc_db_exec(db, e, x->sql, wc_int(x->t->s.turn_no), wc_int(x->t->s.id)) < 0)
		return -1;
	return wc_talk_say(db, x->t->a, &x->s, &message, e) < 0 ? -1 : 0;
}

/* A machine's conversation in which something may be said now, besides what is kept in reserve. */
static int may_say(struct ticking *t, bool *may, wc_err *e)
{
	wc_conversation c;
	wc_window       w;

	*may = false;
	if (!t->conversation)
		return 0;
	if (wc_conversation_read(NULL, t->a, t->conversation, &c, e) < 0 || session_window(t->a, &t->s, &w, e) < 0)
		return -1;
	*may = c.is_open && !strcmp(c.handler, "machine") && w.is_open && w.left > w.reserve;
	return 0;
}

static int remind(struct ticking *t, wc_err *e)
{
	struct saying x = {.t = t, .sql = "UPDATE kf_session SET reminded_no = ? WHERE id = ?"};
	bool          may;

	if (may_say(t, &may, e) < 0)
		return -1;
	if (!may)
		return 0;
	x.s = (wc_say){.conversation = t->conversation, .author = "machine:kf", .text = t->acc->s.idle_text, .notice = true,
	               .key = wc_printf(t->a, "kf.idle/%lld/%lld", (long long)t->s.id, (long long)t->s.turn_no)};
	return wc_db_tx(say, &x, e);
}

static int remind_all(struct ticking *t, wc_err *e)
{
	int64_t now = wc_now_ms();
	wc_rows rows;

	if (!t->acc->s.idle_ms || !*t->acc->s.idle_text)
		return 0;
	if (wc_db_query(NULL, wc_job_arena(t->job), &rows, e,
	                "SELECT id FROM kf_session WHERE account_id = ? AND last_ms < ? AND last_ms > ? AND last_ms > turn_ms AND reminded_no < turn_no"
	                " AND state IN (0, 1) ORDER BY last_ms LIMIT ?",
	                wc_int(t->acc->id), wc_int(now - t->acc->s.idle_ms), wc_int(now - KF_WINDOW_MS), wc_int(AT_ONCE)) < 0)
		return -1;
	return for_each(t, &rows, remind, e);
}

/* --- what ends -------------------------------------------------------------------------------------------------------------------- */

static int ask_rating(struct ticking *t, wc_err *e)
{
	struct saying x = {.t = t, .sql = "UPDATE kf_session SET rated_no = ? WHERE id = ?"};

	x.s = (wc_say){.conversation = t->conversation, .author = "machine:kf", .kind = "menu", .text = t->acc->s.rating_text,
	               .content = rating_body(t->a, &t->acc->s, t->s.turn_no), .notice = true,
	               .key = wc_printf(t->a, "kf.rating/%lld/%lld", (long long)t->s.id, (long long)t->s.turn_no)};
	return wc_db_tx(say, &x, e);
}

/* What a person has, a person ends. */
static int close_it(wc_db *db, void *arg, wc_err *e)
{
	struct ticking *t = arg;
	wc_conversation c;

	if (wc_db_exec(db, e, "UPDATE kf_session SET ended_no = turn_no WHERE id = ?", wc_int(t->s.id)) < 0)
		return -1;
	if (!t->conversation)
		return 0;
	if (wc_conversation_read(db, t->a, t->conversation, &c, e) < 0)
		return -1;
	return !strcmp(c.handler, "machine") && wc_talk_close(db, t->a, t->conversation, "idle", e) < 0 ? -1 : 0;
}

/* The rating is asked for first; a minute later it ends. */
static int end_one(struct ticking *t, wc_err *e)
{
	bool may;

	if (t->acc->s.rating && t->s.rated_no < t->s.turn_no) {
		if (may_say(t, &may, e) < 0)
			return -1;
		if (may)
			return ask_rating(t, e);
	}
	return wc_db_tx(close_it, t, e);
}

static int end_all(struct ticking *t, wc_err *e)
{
	wc_rows rows;

	if (!t->acc->s.end_ms)
		return 0;
	if (wc_db_query(NULL, wc_job_arena(t->job), &rows, e,
	                "SELECT id FROM kf_session WHERE account_id = ? AND last_ms < ? AND ended_no < turn_no AND state NOT IN (2, 3) ORDER BY last_ms LIMIT ?",
	                wc_int(t->acc->id), wc_int(wc_now_ms() - t->acc->s.end_ms), wc_int(AT_ONCE)) < 0)
		return -1;
	return for_each(t, &rows, end_one, e);
}

/* --- what was not heard ------------------------------------------------------------------------------------------------------------- */

/* No doorbell for long, or a pull that did not come to its end: asked without a token, which WeCom allows seldom. */
static int recover(const struct kf *self, const struct account *acc, wc_err *e)
{
	wc_arena *a = wc_arena_new();
	wc_rows   rows;
	int       rc = wc_db_query(NULL, a, &rows, e,
	                           "SELECT COALESCE(pulled_at < NOW(3) - INTERVAL ? MICROSECOND, TRUE), backlog OR pull_error <> '', "
	                           " COALESCE(cursor_at < NOW(3) - INTERVAL 1 MINUTE, TRUE) FROM kf_account WHERE id = ?",
	                           wc_int(self->recover_ms * 1000), wc_int(acc->id));

	if (rc == 0 && rows.n && (wc_row_int(&rows, 0, 0) || (wc_row_int(&rows, 0, 1) && wc_row_int(&rows, 0, 2))))
		rc = pull_ask(acc, "", e) < 0 ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

int tick_run(wc_job *job, const void *self, wc_err *e)
{
	struct account *all;
	size_t          n;

	if (doors_sync_new(wc_job_arena(job), self, e) < 0 || account_all(wc_job_arena(job), &all, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct ticking t = {.job = job, .acc = &all[i]};

		if (!all[i].listed)
			continue;
		if (recover(self, &all[i], e) < 0 || assign_all(&t, e) < 0 || remind_all(&t, e) < 0 || end_all(&t, e) < 0)
			return -1;
	}
	return 0;
}
