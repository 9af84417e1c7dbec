/* The job that drains an account: page after page, each with its cursor in one transaction. One runs at a time, since they share a lane; a
 * page is written only where the cursor still is the one that it was asked for with, so one that was taken for dead changes nothing. */
#include "kf.h"

#include <string.h>

#define PAGES_MAX  2000     /* of one run; another one goes on */
#define STILL_MAX  5        /* pages in a row without anything new and with the same cursor: WeCom leads us around */
#define PAUSE_MS   200
#define LEFT_OUT_MAX 50
#define PATIENCE   3        /* passing errors in a row that this run waits for itself */

struct pulling {
	wc_job             *job;
	wc_arena           *a;        /* of the whole run */
	const struct kf    *self;
	struct account      acc;
	const char         *token;    /* "": none */
	const char         *cursor;
	int64_t             taken;
	int                 pages, still;
};

/* --- one page ----------------------------------------------------------------------------------------------------------- */

static int write_page(wc_db *db, void *arg, wc_err *e)
{
	struct page  *p = arg;
	const json_t *m;
	wc_rows       rows;
	size_t        i;

	p->welcomes = NULL;
	p->taken = p->known = p->quiet = 0;
	p->current = NULL;
	if (wc_db_query(db, p->a, &rows, e, "SELECT sync_cursor FROM kf_account WHERE id = ? FOR UPDATE", wc_int(p->acc->id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "account %s is no longer there", p->acc->open_kfid);
	if (strcmp(wc_row_text(&rows, 0, 0), p->acc->cursor)) {
		/* By an earlier run of this transaction, whose COMMIT had taken effect; or by somebody else. */
		return strcmp(wc_row_text(&rows, 0, 0), p->next) ? wc_fail(e, WC_E_STOPPED, "account %s is drained by another", p->acc->open_kfid) : 0;
	}
	json_array_foreach(p->list, i, m)
		if (take_message(db, p, m, e) < 0)
			return -1;
	return wc_db_exec(db, e, "UPDATE kf_account SET sync_cursor = ?, cursor_at = NOW(3), backlog = ?, pull_error = '',"
	                         " pulled_at = IF(?, pulled_at, NOW(3)) WHERE id = ?",
	                  wc_text(p->next), wc_int(p->more), wc_int(p->more), wc_int(p->acc->id)) < 0 ? -1 : 0;
}

/* A welcome is worth nothing in 20 seconds, so it goes before the next page. One that this process does not get to send has a job. */
static void welcome_all(const struct page *p)
{
	wc_err ignored;

	for (const struct welcome *w = p->welcomes; w; w = w->next)
		if (welcome_send(p->a, p->acc, w->peer, w->msgid, w->code, &ignored) < 0)
			wc_log(WC_WARN, "a welcome could not be sent", wc_kv_s("account", p->acc->open_kfid), wc_kv_s("error", ignored.text));
}

static void tell(const struct page *p)
{
	wc_count("wecomd_kf_pages_total", 1, NULL);
	if (p->taken)
		wc_count("wecomd_kf_messages_total", p->taken, "taken", NULL);
	if (p->known)
		wc_count("wecomd_kf_messages_total", p->known, "known", NULL);
	if (p->quiet)
		wc_count("wecomd_kf_messages_total", p->quiet, "quiet", NULL);
}

/* A message that talk or the database will never take must not keep back those behind it. */
static int store(struct page *p, wc_err *e)
{
	p->left_out = wc_json(p->a, "{}");
	for (int conflicts = 0; wc_db_tx(write_page, p, e) < 0;) {
		bool passing = e->code == WC_E_CONFLICT && ++conflicts < 3;

		if (!p->current || (e->code != WC_E_ARG && e->code != WC_E_TOO_LARGE && e->code != WC_E_CONFLICT) || json_object_size(p->left_out) >= LEFT_OUT_MAX)
			return -1;
		if (passing)
			continue;
		wc_log(WC_ERROR, "a message cannot be stored", wc_kv_s("account", p->acc->open_kfid), wc_kv_s("error", e->text));
		json_object_set_new(p->left_out, p->current, json_true());
	}
	return 0;
}

static int keep_page(struct pulling *x, struct page *p, wc_err *e)
{
	if (json_array_size(p->list) && page_ask(p, e) < 0)
		return -1;
	if (store(p, e) < 0)
		return -1;
	welcome_all(p);
	tell(p);
	x->taken += p->taken;
	x->still = json_array_size(p->list) || strcmp(p->next, x->cursor) ? 0 : x->still + 1;
	x->cursor = x->acc.cursor = wc_strdup(x->a, p->next);
	return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------------------- */

static int ask(struct pulling *x, wc_arena *a, const char *cursor, wc_answer *answer, wc_err *e)
{
	json_t *body = wc_json(a, "{s:s, s:I, s:i}", "open_kfid", x->acc.open_kfid, "limit", (json_int_t)x->self->page, "voice_format", 0);

	if (*cursor)
		json_object_set_new(body, "cursor", json_string(cursor));
	if (*x->token)
		json_object_set_new(body, "token", json_string(x->token));
	return wc_wecom_call(a, x->acc.secret, "kf.sync_msg", body, answer, e);
}

/* A token that is refused is left out from now on. */
static int ask_with_or_without(struct pulling *x, wc_arena *a, const char *cursor, wc_answer *answer, wc_err *e)
{
	wc_err ignored;

	if (ask(x, a, cursor, answer, e) < 0)
		return -1;
	if (answer->errcode != 95007 || !*x->token)
		return 0;
	x->token = "";
	wc_db_exec(NULL, &ignored, "UPDATE kf_account SET token = NULL WHERE id = ?", wc_int(x->acc.id));
	return ask(x, a, cursor, answer, e);
}

/* What WeCom says of a cursor that it does not take is not documented. So whatever is refused with one is asked once more from the oldest
 * message on; only when that succeeds was it the cursor. What is known by then writes nothing. */
static int ask_from_anywhere(struct pulling *x, wc_arena *a, wc_answer *answer, wc_err *e)
{
	wc_answer again;

	if (ask_with_or_without(x, a, x->cursor, answer, e) < 0)
		return -1;
	if (answer->class != WC_ANSWER_PERMANENT || answer->errcode == 95007 || is_of_account(answer->errcode) || !*x->cursor)
		return 0;
	if (ask_with_or_without(x, a, "", &again, e) < 0)
		return -1;
	if (again.class == WC_ANSWER_PERMANENT)
		return 0;
	if (again.class == WC_ANSWER_OK) {
		wc_log(WC_WARN, "a cursor is refused; the account is read from its oldest message", wc_kv_s("account", x->acc.open_kfid),
		       wc_kv_i("errcode", answer->errcode));
		wc_count("wecomd_kf_restarts_total", 1, NULL);
	}
	*answer = again;
	return 0;
}

static int64_t whole(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : json_is_true(value);
}

/* 1: more is to come, 0: drained, -1 with *e. */
static int one_page(struct pulling *x, wc_err *e)
{
	wc_arena   *a = wc_arena_new();
	struct page p = {.a = a, .self = x->self, .acc = &x->acc};
	wc_answer   answer;
	const char *next;
	int         rc = ask_from_anywhere(x, a, &answer, e);

	if (rc == 0 && answer.class == WC_ANSWER_PERMANENT)
		rc = wc_fail(e, WC_E_REFUSED, "kf.sync_msg of %s: WeCom refuses with errcode %lld", x->acc.open_kfid, (long long)answer.errcode);
	else if (rc == 0 && answer.class != WC_ANSWER_OK)
		rc = wc_fail(e, WC_E_REMOTE, "kf.sync_msg of %s: errcode %lld, again later", x->acc.open_kfid, (long long)answer.errcode);
	if (rc == 0) {
		next   = wc_json_str(answer.body, "next_cursor");
		p.more = whole(answer.body, "has_more");
		p.list = json_object_get(answer.body, "msg_list");
		p.next = next && strlen(next) <= 128 ? next : x->cursor;
		rc     = keep_page(x, &p, e) < 0 ? -1 : p.more;
	}
	wc_arena_free(a);
	return rc;
}

/* Passing errors are waited for here for a moment, since the job's own pauses begin at seconds. */
static int patient_page(struct pulling *x, wc_err *e)
{
	for (int tries = 1;; tries++) {
		int rc = one_page(x, e);

		if (rc >= 0 || e->code != WC_E_REMOTE || tries == PATIENCE || wc_job_stopping(x->job))
			return rc;
		wc_sleep_ms(PAUSE_MS * tries * tries);
	}
}

static int drain(struct pulling *x, wc_err *e)
{
	int rc;

	while ((rc = patient_page(x, e)) == 1) {
		if (wc_job_stopping(x->job))
			return wc_fail(e, WC_E_STOPPED, "account %s is drained elsewhere", x->acc.open_kfid);
		if (x->still >= STILL_MAX || ++x->pages >= PAGES_MAX)
			return wc_fail(e, WC_E_REMOTE, "kf.sync_msg of %s says on and on that there is more", x->acc.open_kfid);
		if (x->still)
			wc_sleep_ms(PAUSE_MS * x->still);     /* an empty page, and the same cursor: a moment later there is more */
	}
	return rc;
}

/* --- the job ------------------------------------------------------------------------------------------------------------ */

/* What is rung from now on is for the next pull. */
static int begin(struct pulling *x, const char *token, wc_err *e)
{
	wc_slice sealed = wc_seal(x->a, "kf_account.token", (wc_slice){token, strlen(token)});

	return wc_db_exec(NULL, e,
	                  "UPDATE kf_account SET pull_no = pull_no + 1, token = IF(?, ?, token), rung_at = IF(?, FROM_UNIXTIME(? / 1000), rung_at) WHERE id = ?",
	                  wc_int(*token != 0), wc_bytes(sealed.p, sealed.n), wc_int(*token != 0), wc_int(wc_job_created_ms(x->job)), wc_int(x->acc.id)) < 0
	       ? -1 : 0;
}

/* An account that was made a moment ago, in WeCom's console or by another. 1: there is none that is ours. */
static int find_account(struct pulling *x, const char *open_kfid, int64_t door_id, wc_err *e)
{
	struct door door;

	if (account_find(x->a, open_kfid, &x->acc, e) == 0)
		return 0;
	if (e->code != WC_E_NOT_FOUND || door_load(x->a, door_id, &door, e) < 0 || accounts_sync(x->a, x->self, &door, e) < 0)
		return -1;
	if (account_find(x->a, open_kfid, &x->acc, e) == 0)
		return 0;
	if (e->code != WC_E_NOT_FOUND)
		return -1;
	wc_log(WC_WARN, "a doorbell of an account that is not ours", wc_kv_s("account", open_kfid));
	return 1;
}

static void note_error(const struct pulling *x, const wc_err *why)
{
	wc_err ignored;

	if (why->code != WC_E_STOPPED)
		wc_db_exec(NULL, &ignored, "UPDATE kf_account SET pull_error = LEFT(?, 320) WHERE id = ?", wc_text(why->text), wc_int(x->acc.id));
}

int pull_run(wc_job *job, const void *self, wc_err *e)
{
	const json_t  *args    = wc_job_args(job);
	const char    *account = wc_json_str(args, "account"), *rung = wc_json_str(args, "token");
	bool           fresh   = rung && *rung && wc_now_ms() - wc_job_created_ms(job) < TOKEN_MS;
	struct pulling x       = {.job = job, .a = wc_job_arena(job), .self = self};
	int            rc      = find_account(&x, account ? account : "", json_integer_value(json_object_get(args, "door")), e);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (begin(&x, fresh ? rung : "", e) < 0)
		return -1;
	x.token  = fresh ? rung : x.acc.token ? x.acc.token : "";
	x.cursor = x.acc.cursor;
	if ((rc = drain(&x, e)) < 0)
		note_error(&x, e);
	return rc;
}
