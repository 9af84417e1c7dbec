/* Store: accounts, customers and sessions, and what calls of the server API have in common. */
#include "kf.h"
#include "kf_api.h"

#include "sim_clock.h"

#include <string.h>

int kf_now(wc_arena *a, int64_t *now, wc_err *e)
{
	return sim_now(NULL, a, now, e);
}

int kf_account(wc_db *db, wc_arena *a, const char *open_kfid, struct kf_account *account, wc_err *e)
{
	wc_rows rows;

	*account = (struct kf_account){0};
	if (wc_db_query(db, a, &rows, e, "SELECT open_kfid, name, avatar, managed, native_welcome FROM simulator_kf_account WHERE open_kfid = ?"
	                " AND NOT deleted", wc_text(open_kfid)) < 0)
		return -1;
	if (rows.n)
		*account = (struct kf_account){wc_row_text(&rows, 0, 0), wc_row_text(&rows, 0, 1), wc_row_text(&rows, 0, 2),
		                               wc_row_int(&rows, 0, 3), wc_row_int(&rows, 0, 4)};
	return 0;
}

int kf_customer(wc_db *db, wc_arena *a, const char *external, const char **name, wc_err *e)
{
	wc_rows rows;

	*name = NULL;
	if (wc_db_query(db, a, &rows, e, "SELECT nickname FROM simulator_kf_customer WHERE external_userid = ?", wc_text(external)) < 0)
		return -1;
	if (rows.n)
		*name = wc_row_text(&rows, 0, 0);
	return 0;
}

/* --- the session ------------------------------------------------------------------------------------------------------ */

static int read_session(struct kf_tx *t, wc_rows *rows, wc_err *e)
{
	return wc_db_query(t->db, t->a, rows, e,
	                   "SELECT state, servicer, begun_ms, customer_ms, sent, coded, rejected, welcomed_ms, entered_ms, scene, scene_param"
	                   " FROM simulator_kf_session WHERE open_kfid = ? AND external_userid = ? FOR UPDATE",
	                   wc_text(t->open_kfid), wc_text(t->external));
}

int kf_begin(wc_db *db, struct kf_tx *t, wc_err *e)
{
	wc_rows rows;

	t->db = db;
	if (wc_db_once(db, e) < 0 || sim_now(db, t->a, &t->now, e) < 0 || kf_control_read(db, t->a, &t->control, e) < 0 || read_session(t, &rows, e) < 0)
		return -1;
	if (!rows.n && (wc_db_exec(db, e, "INSERT IGNORE INTO simulator_kf_session (open_kfid, external_userid) VALUES (?, ?)",
	                           wc_text(t->open_kfid), wc_text(t->external)) < 0 || read_session(t, &rows, e) < 0))
		return -1;
	t->state       = wc_row_int(&rows, 0, 0);
	t->servicer    = wc_row_text(&rows, 0, 1);
	t->begun_ms    = wc_row_int(&rows, 0, 2);
	t->customer_ms = wc_row_int(&rows, 0, 3);
	t->sent        = wc_row_int(&rows, 0, 4);
	t->coded       = wc_row_int(&rows, 0, 5);
	t->rejected    = wc_row_int(&rows, 0, 6);
	t->welcomed_ms = wc_row_int(&rows, 0, 7);
	t->entered_ms  = wc_row_int(&rows, 0, 8);
	t->scene       = wc_row_text(&rows, 0, 9);
	t->scene_param = wc_row_text(&rows, 0, 10);
	return 0;
}

int kf_save(const struct kf_tx *t, wc_err *e)
{
	return wc_db_exec(t->db, e,
	                  "UPDATE simulator_kf_session SET state = ?, servicer = ?, begun_ms = ?, customer_ms = ?, sent = ?, coded = ?, rejected = ?,"
	                  " welcomed_ms = ?, entered_ms = ?, scene = ?, scene_param = ? WHERE open_kfid = ? AND external_userid = ?",
	                  wc_int(t->state), wc_text(t->servicer), wc_int(t->begun_ms), wc_int(t->customer_ms), wc_int(t->sent),
	                  wc_int(t->coded), wc_int(t->rejected), wc_int(t->welcomed_ms), wc_int(t->entered_ms), wc_text(t->scene),
	                  wc_text(t->scene_param), wc_text(t->open_kfid), wc_text(t->external)) < 0 ? -1 : 0;
}

int64_t kf_state_now(const struct kf_tx *t)
{
	return t->now - t->customer_ms > KF_WINDOW_MS ? KF_ENDED : t->state;
}

int kf_change(struct kf_tx *t, int64_t state, const char *servicer, const char *who, wc_err *e)
{
	int64_t was = t->state;

	t->state    = state;
	t->servicer = servicer;
	return wc_db_exec(t->db, e, "INSERT INTO simulator_kf_change (open_kfid, external_userid, was, state, servicer, who, at_ms)"
	                  " VALUES (?, ?, ?, ?, ?, ?, ?)", wc_text(t->open_kfid), wc_text(t->external), wc_int(was), wc_int(state),
	                  wc_text(servicer), wc_text(who), wc_int(t->now)) < 0 ? -1 : 0;
}

/* --- calls ------------------------------------------------------------------------------------------------------------- */

const json_t *kf_body(struct cgi_call *c)
{
	wc_slice      raw = wc_raw_body(c->rq);
	wc_err        e;
	const json_t *body = wc_json_parse(c->a, raw.p, raw.n, &e);

	if (json_is_object(body))
		return body;
	cgi_refuse(c, 40058, "Warning: wrong json format. invalid request parameter");
	return NULL;
}

const char *kf_str(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

bool kf_is_word(const char *s, size_t max)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t            n         = strlen(s);

	return n >= 1 && n <= max && strspn(s, allowed) == n;
}

bool kf_in_list(const char *list, const char *item)
{
	size_t n, len = strlen(item);

	for (; *list; list += n + (list[n] == '|')) {
		n = strcspn(list, "|");
		if (n == len && !strncmp(list, item, n))
			return true;
	}
	return false;
}

int kf_need_account(struct cgi_call *c, const json_t *body, struct kf_account *account, wc_err *e)
{
	const char *open_kfid = kf_str(body, "open_kfid");

	if (!*open_kfid)
		return cgi_refuse(c, 95000, "invalid open_kfid");
	if (kf_account(NULL, c->a, open_kfid, account, e) < 0)
		return -1;
	return account->open_kfid ? 0 : cgi_refuse(c, 95004, "open_kfid not exist");
}

static int wrong_method(struct cgi_call *c, wc_err *e)
{
	(void)e;
	return cgi_refuse(c, 40058, "invalid request parameter, require POST");
}

int kf_wrong_method(wc_request *rq, const void *self) { return cgi_run(rq, self, "kf/wrong_method", true, wrong_method); }
