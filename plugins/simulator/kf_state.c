/* kf/service_state/get and trans (doc/94669): which changes are legal, and the codes they give. */
#include "kf.h"
#include "kf_api.h"

#include <string.h>

static int need_session(struct cgi_call *c, const json_t *body, struct kf_account *account, wc_err *e)
{
	const char *name;

	if (kf_need_account(c, body, account, e) < 0)
		return -1;
	if (c->errcode)
		return 0;
	if (kf_customer(NULL, c->a, kf_str(body, "external_userid"), &name, e) < 0)
		return -1;
	return name ? 0 : cgi_refuse(c, 40096, "invalid external userid");
}

/* --- get -------------------------------------------------------------------------------------------------------------------- */

static int look(wc_db *db, void *arg, wc_err *e)
{
	return kf_begin(db, arg, e);
}

static int get(struct cgi_call *c, wc_err *e)
{
	const json_t     *body = kf_body(c);
	struct kf_account account;
	struct kf_tx      t    = {.a = c->a, .external = kf_str(body, "external_userid")};

	if (!body || need_session(c, body, &account, e) < 0)
		return body ? -1 : 0;
	if (c->errcode)
		return 0;
	t.open_kfid = account.open_kfid;
	if (wc_db_tx(look, &t, e) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:I}", "service_state", (json_int_t)kf_state_now(&t));
	if (kf_state_now(&t) == KF_SERVED)
		json_object_set_new(c->answer, "servicer_userid", json_string(t.servicer));
	return 0;
}

int kf_state_get(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "kf/service_state/get", true, get);
}

/* --- trans ------------------------------------------------------------------------------------------------------------------ */

struct trans {
	struct kf_tx t;
	int64_t      to, errcode;
	const char  *servicer, *why, *code;
};

static int refuse(struct trans *x, int64_t errcode, const char *why)
{
	x->errcode = errcode;
	x->why     = why;
	return 0;
}

/* The documents draw some in a picture only; those are legal where control says "loose". */
static bool is_legal(const struct trans *x)
{
	int64_t was = kf_state_now(&x->t);

	switch (was) {
	case KF_NEW:
	case KF_ASSISTANT:
		if (x->to == KF_POOL || x->to == KF_SERVED)
			return true;
		return x->t.control.loose && (x->to == KF_ENDED || (x->to == KF_ASSISTANT && was == KF_NEW));
	case KF_POOL:
		return x->to == KF_SERVED || (x->to == KF_ENDED && x->t.control.loose);
	case KF_SERVED:
		return (x->to == KF_SERVED && strcmp(x->servicer, x->t.servicer) != 0) || x->to == KF_ENDED;
	default:
		return false;
	}
}

static int check_servicer(struct trans *x, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(x->t.db, x->t.a, &rows, e, "SELECT status, activated FROM simulator_kf_servicer WHERE open_kfid = ? AND userid = ? AND userid <> ''",
	                wc_text(x->t.open_kfid), wc_text(x->servicer)) < 0)
		return -1;
	if (!rows.n || !wc_row_int(&rows, 0, 1))
		return refuse(x, 95014, "user is not servicer or not activated");
	return wc_row_int(&rows, 0, 0) ? refuse(x, 95019, "servicer is not receiving") : 0;
}

/* The first time in a session that it comes to the pool or to a servicer there is a code for a word about it, and at its end. */
static int give_code(struct trans *x, wc_err *e)
{
	int64_t bit = 1 << x->to;

	if (x->to == KF_ASSISTANT || (x->t.coded & bit))
		return 0;
	x->t.coded |= bit;
	return kf_code(&x->t, x->to == KF_POOL ? "pool" : x->to == KF_SERVED ? "picked" : "ended", &x->code, e);
}

static int change(wc_db *db, void *arg, wc_err *e)
{
	struct trans *x = arg;

	x->errcode = 0;
	x->code    = NULL;
	if (kf_begin(db, &x->t, e) < 0)
		return -1;
	if (!is_legal(x))
		return refuse(x, 95016, "invalid service state transition");
	if (x->to == KF_SERVED && check_servicer(x, e) < 0)
		return -1;
	if (x->errcode)
		return 0;
	if (kf_change(&x->t, x->to, x->to == KF_SERVED ? x->servicer : "", "api", e) < 0 || give_code(x, e) < 0)
		return -1;
	return kf_save(&x->t, e);
}

static int trans(struct cgi_call *c, wc_err *e)
{
	const json_t     *body = kf_body(c), *to = json_object_get(body, "service_state");
	struct kf_account account;
	struct trans      x = {.t = {.a = c->a, .external = kf_str(body, "external_userid")}, .servicer = kf_str(body, "servicer_userid")};

	if (!body || need_session(c, body, &account, e) < 0)
		return body ? -1 : 0;
	if (c->errcode)
		return 0;
	x.t.open_kfid = account.open_kfid;
	x.to          = json_integer_value(to);
	if (!json_is_integer(to) || x.to < KF_NEW || x.to > KF_ENDED)
		return cgi_refuse(c, 40058, "invalid service_state");
	if (x.to == KF_SERVED && !*x.servicer)
		return cgi_refuse(c, 40058, "missing servicer_userid");
	if (!account.managed)
		return cgi_refuse(c, 95017, "api switch is off");
	if (wc_db_tx(change, &x, e) < 0)
		return -1;
	if (x.errcode)
		return cgi_refuse(c, x.errcode, x.why);
	if (x.code)
		c->answer = wc_json(c->a, "{s:s}", "msg_code", x.code);
	return 0;
}

int kf_state_trans(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "kf/service_state/trans", true, trans);
}
