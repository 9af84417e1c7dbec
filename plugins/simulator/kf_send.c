/* kf/send_msg (doc/94677) and kf/send_msg_on_event (doc/95122). Every call that names an account and a customer, or a code, is in the books,
 * with how things stood before it. */
#include "kf.h"
#include "kf_api.h"

#include <string.h>

struct sending {
	struct kf_tx     t;
	struct cgi_call *c;
	const json_t    *body;
	const char      *msgid, *api, *code;     /* code NULL: send_msg */
	struct kf_content content;
	int64_t          errcode;
	const char      *why, *trigger;
};

static int refuse(struct sending *s, int64_t errcode, const char *why)
{
	s->errcode = errcode;
	s->why     = why;
	return 0;
}

/* An own one is 1 to 32 bytes of [0-9a-zA-Z_-]; an empty one is an error, an absent one makes WeCom invent it. */
static int check_msgid(struct sending *s)
{
	const json_t *own = json_object_get(s->body, "msgid");

	s->msgid = own ? kf_str(s->body, "msgid") : kf_random(s->t.a, "sim", 14);
	return kf_is_word(s->msgid, 32) ? 0 : refuse(s, 40058, "invalid msgid");
}

static int check_repeat(struct sending *s, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(s->t.db, s->t.a, &rows, e, "SELECT 1 FROM simulator_kf_send WHERE open_kfid = ? AND accepted = ?", wc_text(s->t.open_kfid),
	                wc_text(s->msgid)) < 0)
		return -1;
	return rows.n ? refuse(s, s->t.control.repeat_errcode, "msgid repeated") : 0;
}

/* --- send_msg: time, then state, then count ------------------------------------------------------------------------------ */

static int check_window(struct sending *s)
{
	const struct kf_tx *t = &s->t;

	if (t->state == KF_ENDED)
		return refuse(s, 95013, "session is end");
	if (t->now - t->customer_ms > KF_WINDOW_MS)
		return refuse(s, 95002, "send msg time limit");
	if (t->state != KF_NEW && t->state != KF_ASSISTANT)
		return refuse(s, 95018, "session state not allow to send msg");
	return t->sent >= KF_QUOTA ? refuse(s, 95001, "send msg count limit") : 0;
}

static int settle_send(struct sending *s, wc_err *e)
{
	s->t.sent++;
	if (s->t.state == KF_NEW && kf_change(&s->t, KF_ASSISTANT, "", "api", e) < 0)
		return -1;
	return kf_save(&s->t, e);
}

/* --- send_msg_on_event ------------------------------------------------------------------------------------------------------ */

/* Only who holds the session spends its codes. */
static int check_code(struct sending *s, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(s->t.db, s->t.a, &rows, e, "SELECT until_ms < ? OR used_ms IS NOT NULL OR state NOT IN (-1, ?) FROM simulator_kf_code"
	                " WHERE code = ?", wc_int(s->t.now), wc_int(s->t.state), wc_text(s->code)) < 0)
		return -1;
	return wc_row_int(&rows, 0, 0) ? refuse(s, s->t.control.code_errcode, "invalid code") : 0;
}

static int settle_code(struct sending *s, wc_err *e)
{
	if (!strcmp(s->trigger, "welcome"))
		s->t.welcomed_ms = s->t.now;
	if (wc_db_exec(s->t.db, e, "UPDATE simulator_kf_code SET used_ms = ? WHERE code = ?", wc_int(s->t.now), wc_text(s->code)) < 0)
		return -1;
	return kf_save(&s->t, e);
}

static const char *types_of(const struct sending *s)
{
	if (!s->code)
		return NULL;
	return !strcmp(s->trigger, "welcome") || !strcmp(s->trigger, "ended") ? "text|msgmenu" : "text";
}

/* --- both ------------------------------------------------------------------------------------------------------------------- */

static int keep(const struct sending *s, int64_t state, int64_t sent, wc_err *e)
{
	return wc_db_exec(s->t.db, e, "INSERT INTO simulator_kf_send (api, open_kfid, external_userid, msgid, msgtype, content, state, sent, errcode, at_ms)"
	                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", wc_text(s->api), wc_text(s->t.open_kfid), wc_text(s->t.external),
	                  wc_text(wc_strndup(s->t.a, s->msgid, wc_utf8_cut(s->msgid, strlen(s->msgid), 64))),
	                  wc_text(wc_strndup(s->t.a, s->content.msgtype, wc_utf8_cut(s->content.msgtype, strlen(s->content.msgtype), 64))),
	                  wc_text(wc_json_text(s->t.a, s->content.shown)), wc_int(state), wc_int(sent), wc_int(s->errcode), wc_int(s->t.now)) < 0 ? -1 : 0;
}

/* What a test has ordered for accepted messages: they fail later. */
static int fail_later(struct sending *s, wc_err *e)
{
	int took = s->t.control.fail_next > 0 ? kf_control_take(s->t.db, "fail_next", e) : 0;

	return took > 0 ? kf_send_fails(&s->t, s->msgid, s->t.control.fail_type, e) : took;
}

static int judge(struct sending *s, wc_err *e)
{
	if (kf_content_read(s->t.db, s->t.a, s->body, types_of(s), s->t.now, &s->content, e) < 0)
		return -1;
	check_msgid(s);
	if (!s->errcode && s->content.errcode)
		refuse(s, s->content.errcode, s->content.why);
	if (!s->errcode && check_repeat(s, e) < 0)
		return -1;
	if (s->errcode)
		return 0;
	return s->code ? check_code(s, e) : check_window(s);
}

static int send(wc_db *db, void *arg, wc_err *e)
{
	struct sending *s = arg;
	int64_t         state, sent;

	s->errcode = 0;
	s->why     = "ok";
	if (kf_begin(db, &s->t, e) < 0 || judge(s, e) < 0)
		return -1;
	state = kf_state_now(&s->t);
	sent  = s->t.sent;
	if (!s->errcode && (s->code ? settle_code : settle_send)(s, e) < 0)
		return -1;
	if (keep(s, state, sent, e) < 0)
		return -1;
	return s->errcode ? 0 : fail_later(s, e);
}

static int run(struct sending *s, wc_err *e)
{
	if (wc_db_tx(send, s, e) < 0)
		return -1;
	if (s->errcode)
		return cgi_refuse(s->c, s->errcode, s->why);
	s->c->answer = wc_json(s->c->a, "{s:s}", "msgid", s->msgid);
	return 0;
}

static int send_msg(struct cgi_call *c, wc_err *e)
{
	const json_t     *body = kf_body(c);
	struct kf_account account;
	const char       *name;
	struct sending    s    = {.c = c, .body = body, .api = "send_msg"};

	if (!body || kf_need_account(c, body, &account, e) < 0)
		return body ? -1 : 0;
	if (c->errcode)
		return 0;
	if (!account.managed)
		return cgi_refuse(c, 95017, "api switch is off");
	if (kf_customer(NULL, c->a, kf_str(body, "touser"), &name, e) < 0)
		return -1;
	if (!name)
		return cgi_refuse(c, 40096, "invalid external userid");
	s.t = (struct kf_tx){.a = c->a, .open_kfid = account.open_kfid, .external = kf_str(body, "touser")};
	return run(&s, e);
}

int kf_send_msg(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "kf/send_msg", true, send_msg);
}

static int send_on_event(struct cgi_call *c, wc_err *e)
{
	const json_t     *body = kf_body(c);
	struct sending    s    = {.c = c, .body = body, .api = "send_msg_on_event"};
	struct kf_control control;
	wc_rows           rows;

	if (!body)
		return 0;
	s.code = kf_str(body, "code");
	if (!*s.code)
		return cgi_refuse(c, 40058, "missing code");
	if (kf_control_read(NULL, c->a, &control, e) < 0 ||
	    wc_db_query(NULL, c->a, &rows, e, "SELECT open_kfid, external_userid, trigger_name FROM simulator_kf_code WHERE code = ?",
	                wc_text(s.code)) < 0)
		return -1;
	if (!rows.n)
		return cgi_refuse(c, control.code_errcode, "invalid code");
	s.t       = (struct kf_tx){.a = c->a, .open_kfid = wc_row_text(&rows, 0, 0), .external = wc_row_text(&rows, 0, 1)};
	s.trigger = wc_row_text(&rows, 0, 2);
	return run(&s, e);
}

int kf_send_msg_on_event(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "kf/send_msg_on_event", true, send_on_event);
}

int kf_send_fails(const struct kf_tx *t, const char *msgid, int64_t fail_type, wc_err *e)
{
	json_t *event = wc_json(t->a, "{s:s, s:I}", "fail_msgid", msgid, "fail_type", (json_int_t)fail_type);

	if (wc_db_exec(t->db, e, "UPDATE simulator_kf_send SET fail_type = ? WHERE open_kfid = ? AND accepted = ?", wc_int(fail_type),
	               wc_text(t->open_kfid), wc_text(msgid)) < 0)
		return -1;
	return kf_append_event(t, "msg_send_fail", event, e);
}
