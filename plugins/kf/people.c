/* Handing a conversation to people. In console mode WeCom knows nothing of it: the machine is mute, and a person's words go by send_msg. In servicer
 * mode the session goes to a servicer who receives and has room, or to the pool; what is said of it then goes by a code and costs nothing. */
#include "kf.h"

#include <string.h>

#define CANDIDATES 3

/* --- servicers ---------------------------------------------------------------------------------------------------------------- */

struct rows_of {
	wc_arena             *a;
	const struct account *acc;
	const json_t         *list;
};

static int keep_servicers(wc_db *db, void *arg, wc_err *e)
{
	const struct rows_of *x = arg;
	const json_t         *one;
	size_t                i;

	if (wc_db_exec(db, e, "UPDATE kf_servicer SET seen_at = '2000-01-01' WHERE account_id = ?", wc_int(x->acc->id)) < 0)
		return -1;
	json_array_foreach(x->list, i, one) {
		const char   *userid = wc_json_str(one, "userid");
		unsigned char hash[WC_HASH_SIZE];

		if (!userid || !*userid || strlen(userid) > 128)     /* a department */
			continue;
		if (member_keep(db, x->a, userid, hash, e) < 0 ||
		    wc_db_exec(db, e,
		               "INSERT INTO kf_servicer (account_id, member, receiving) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE receiving = VALUES(receiving),"
		               " seen_at = NOW(3)",
		               wc_int(x->acc->id), wc_bytes(hash, sizeof hash), wc_int(json_integer_value(json_object_get(one, "status")) == 0)) < 0)
			return -1;
	}
	return wc_db_exec(db, e, "DELETE FROM kf_servicer WHERE account_id = ? AND seen_at < '2000-01-02'", wc_int(x->acc->id)) < 0 ? -1 : 0;
}

int servicers_sync(wc_arena *a, const struct account *acc, wc_err *e)
{
	struct rows_of x = {.a = a, .acc = acc};
	wc_answer      answer;

	if (call_must(a, acc->secret, "kf.servicer.list", wc_json(a, "{s:s}", "open_kfid", acc->open_kfid), &answer, e) < 0)
		return -1;
	x.list = json_object_get(answer.body, "servicer_list");
	return wc_db_tx(keep_servicers, &x, e);
}

struct claim {
	wc_arena             *a;
	const struct account *acc;
	int64_t               session;
	const char           *userid;      /* out; NULL: nobody has room */
	wc_cell               member;
};

/* Who has least, of those who receive and have room. Two sessions at once must not both find the last room, so it is taken before WeCom is asked; a
 * claim that came to nothing counts for a minute. */
static int claim(wc_db *db, void *arg, wc_err *e)
{
	struct claim *c   = arg;
	int64_t       now = wc_now_ms(), load = c->acc->s.load;
	wc_rows       rows;

	c->userid = NULL;
	if (wc_db_query(db, c->a, &rows, e, "SELECT member FROM kf_servicer WHERE account_id = ? FOR UPDATE", wc_int(c->acc->id)) < 0 ||
	    wc_db_query(db, c->a, &rows, e,
	                "SELECT m.userid, v.member FROM kf_servicer v JOIN kf_member m ON m.member = v.member"
	                " LEFT JOIN (SELECT servicer, COUNT(*) AS n FROM kf_session WHERE account_id = ? AND (state = 3 OR claim_ms > ?) AND id <> ? GROUP BY servicer) l"
	                " ON l.servicer = v.member"
	                " WHERE v.account_id = ? AND v.receiving AND (? = 0 OR COALESCE(l.n, 0) < ?) ORDER BY COALESCE(l.n, 0), v.given_ms LIMIT 1",
	                wc_int(c->acc->id), wc_int(now - 60000), wc_int(c->session), wc_int(c->acc->id), wc_int(load), wc_int(load)) < 0)
		return -1;
	if (!rows.n)
		return 0;
	c->userid = member_opened(c->a, wc_row_cell(&rows, 0, 0));
	c->member = wc_row_cell(&rows, 0, 1);
	return wc_db_exec(db, e, "UPDATE kf_session SET servicer = ?, claim_ms = ? WHERE id = ?", wc_bytes(c->member.s, c->member.n), wc_int(now), wc_int(c->session)) < 0 ||
	       wc_db_exec(db, e, "UPDATE kf_servicer SET given_ms = ? WHERE account_id = ? AND member = ?", wc_int(now), wc_int(c->acc->id),
	                  wc_bytes(c->member.s, c->member.n)) < 0 ? -1 : 0;
}

/* The claim came to nothing; *receives false: WeCom says that this servicer takes none. */
static int unclaim(const struct claim *c, bool receives, wc_err *e)
{
	if (wc_db_exec(NULL, e, "UPDATE kf_session SET claim_ms = 0, servicer = NULL WHERE id = ? AND state <> 3", wc_int(c->session)) < 0)
		return -1;
	return !receives && wc_db_exec(NULL, e, "UPDATE kf_servicer SET receiving = FALSE WHERE account_id = ? AND member = ?", wc_int(c->acc->id),
	                               wc_bytes(c->member.s, c->member.n)) < 0 ? -1 : 0;
}

/* --- the change of state -------------------------------------------------------------------------------------------------------- */

struct giving {
	wc_arena             *a;
	const struct account *acc;
	struct session       *s;
	const char           *peer;
	const char           *code;        /* of the reply text that the change allows; "" */
	int64_t               errcode;
};

/* 1: it is so now, 0: refused (errcode), -1 with *e. After a lost answer WeCom says how it stands, though not the code. */
static int change(struct giving *g, int64_t state, const char *servicer, wc_err *e)
{
	json_t     *body = wc_json(g->a, "{s:s, s:s, s:I}", "open_kfid", g->acc->open_kfid, "external_userid", g->peer, "service_state", (json_int_t)state);
	wc_answer   answer;
	const char *code, *who;
	int64_t     now;

	if (servicer)
		json_object_set_new(body, "servicer_userid", json_string(servicer));
	if (wc_wecom_call(g->a, g->acc->secret, "kf.service_state.trans", body, &answer, e) < 0)
		return -1;
	g->errcode = answer.errcode;
	if (answer.class == WC_ANSWER_UNCERTAIN) {
		if (session_ask(g->a, g->acc, g->peer, g->s->id, &now, &who, e) < 0)
			return -1;
		g->s->state = now;
		return now == state ? 1 : wc_fail(e, WC_E_REMOTE, "kf.service_state.trans: no answer, and nothing has changed");
	}
	if (answer.class != WC_ANSWER_OK)
		return answer.class == WC_ANSWER_PERMANENT ? 0 : wc_fail(e, WC_E_REMOTE, "kf.service_state.trans: errcode %lld, again later", (long long)answer.errcode);
	code        = wc_json_str(answer.body, "msg_code");
	g->code     = code ? code : "";
	g->s->state = state;
	wc_count("wecomd_kf_changes_total", 1, wc_printf(g->a, "%lld", (long long)state), NULL);
	return session_state(NULL, g->a, g->s->id, state, servicer, e) < 0 ? -1 : 1;
}

/* 1: a servicer has it, 0: nobody can; -1 with *e. */
static int to_servicer(struct giving *g, wc_err *e)
{
	for (int tries = 0; tries < CANDIDATES; tries++) {
		struct claim c = {.a = g->a, .acc = g->acc, .session = g->s->id};
		bool         away;
		int          rc;

		if (wc_db_tx(claim, &c, e) < 0)
			return -1;
		if (!c.userid)
			return 0;
		if ((rc = change(g, KF_SERVED, c.userid, e)))
			return rc;
		away = g->errcode == 95014 || g->errcode == 95019;
		if (unclaim(&c, !away, e) < 0)
			return -1;
		if (!away)     /* nothing to do with this servicer */
			return 0;
	}
	return 0;
}

/* What is said of it, by the code; the thread shows it too. */
static int tell(struct giving *g, const char *text, wc_err *e)
{
	const char *key = wc_printf(g->a, "given/%lld/%lld/%lld", (long long)g->s->id, (long long)g->s->turn_no, (long long)g->s->state);

	if (!g->code || !*g->code || !*text)
		return 0;
	return send_code(g->a, g->acc, g->peer, key, g->code, text_body(g->a, plain_text(g->a, text)), e) < 0 ? -1 : 0;
}

/* WeCom refuses the change: as the session stands, somebody of WeCom's may have it already. */
static int look(struct giving *g, wc_err *e)
{
	const char *who;
	int64_t     now;

	if (is_of_account(g->errcode))
		return 0;
	if (session_ask(g->a, g->acc, g->peer, g->s->id, &now, &who, e) < 0)
		return e->code == WC_E_REFUSED ? 0 : -1;
	g->s->state = now;
	return now == KF_POOL || now == KF_SERVED;
}

int give_to_servicer(wc_arena *a, const struct account *acc, struct session *s, const char *peer, wc_err *e)
{
	struct giving g  = {.a = a, .acc = acc, .s = s, .peer = peer};
	int           rc = s->state == KF_SERVED ? 1 : to_servicer(&g, e);

	if (rc)
		return rc < 0 || tell(&g, acc->s.hand_over, e) < 0 ? -1 : 1;
	if (s->state == KF_POOL)
		return 1;
	rc = change(&g, KF_POOL, NULL, e);
	if (rc)
		return rc < 0 || tell(&g, acc->s.queue, e) < 0 ? -1 : 1;
	return look(&g, e);
}

/* --- the topics ------------------------------------------------------------------------------------------------------------------- */

struct noticing {
	wc_arena   *a;
	int64_t     conversation, turn;
	const char *text, *what;
};

static int say_notice(wc_db *db, void *arg, wc_err *e)
{
	const struct noticing *n = arg;
	wc_say                 s = {.conversation = n->conversation, .key = wc_printf(n->a, "kf.%s/%lld/%lld", n->what, (long long)n->conversation, (long long)n->turn),
	                            .author = "machine:kf", .text = n->text, .notice = true};
	int64_t                message;

	return wc_talk_say(db, n->a, &s, &message, e) < 0 ? -1 : 0;
}

static int notice(wc_arena *a, int64_t conversation, int64_t turn, const char *what, const char *text, wc_err *e)
{
	struct noticing n = {a, conversation, turn, text, what};

	return !*text ? 0 : wc_db_tx(say_notice, &n, e) < 0 && e->code != WC_E_CONFLICT ? -1 : 0;
}

static int wants_person(const struct session *s, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE kf_session SET wants_ms = IF(wants_ms, wants_ms, ?) WHERE id = ?", wc_int(wc_now_ms()), wc_int(s->id)) < 0 ? -1 : 0;
}

/* A person of ours who took it at the console answers there, and at once: no notice is needed. */
static bool is_taken(const wc_conversation *c)
{
	return c->assignee && *c->assignee && strncmp(c->assignee, "member:", 7);
}

static bool is_for_servicers(const struct account *acc, const wc_conversation *c)
{
	return !strcmp(acc->s.mode, "servicer") && !is_taken(c);
}

static int hand_over(wc_arena *a, const struct account *acc, const wc_conversation *c, struct session *s, wc_err *e)
{
	bool open = is_open_now(&acc->s);
	int  rc;

	if (s->state == KF_SERVED)
		return 0;     /* it was a servicer who took it */
	if (is_for_servicers(acc, c) && open) {
		if ((rc = give_to_servicer(a, acc, s, c->address.peer, e)))
			return rc < 0 ? -1 : 0;
	} else if (is_for_servicers(acc, c) && wants_person(s, e) < 0) {
		return -1;
	}
	if (is_taken(c))
		return 0;
	return notice(a, c->address.conversation, s->turn_no, "hand_over", open ? acc->s.hand_over : acc->s.out_of_hours, e);
}

/* 1: a conversation of ours, with its account and session; 0: not ours. */
static int of_topic(wc_job *job, struct account *acc, wc_conversation *c, struct session *s, wc_err *e)
{
	wc_arena *a = wc_job_arena(job);

	if (wc_conversation_read(NULL, a, json_integer_value(json_object_get(wc_job_args(job), "conversation")), c, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;
	if (strcmp(c->address.channel, CHANNEL))
		return 0;
	if (account_find(a, c->address.account, acc, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;
	return session_find(NULL, a, acc->id, c->address.peer, s, e) < 0 ? -1 : s->id > 0;
}

int handed_over_run(wc_job *job, const void *self, wc_err *e)
{
	struct account  acc;
	wc_conversation c;
	struct session  s;
	int             rc = of_topic(job, &acc, &c, &s, e);

	(void)self;
	if (rc <= 0)
		return rc;
	return c.is_open && !strcmp(c.handler, "person") ? hand_over(wc_job_arena(job), &acc, &c, &s, e) : 0;
}

/* Closed at the console while a servicer has it: WeCom's session ends too. States below that end by themselves, and may not be ended by us. */
int closed_run(wc_job *job, const void *self, wc_err *e)
{
	wc_arena       *a = wc_job_arena(job);
	struct account  acc;
	wc_conversation c;
	struct session  s;
	struct giving   g;
	int             rc = of_topic(job, &acc, &c, &s, e);

	(void)self;
	if (rc <= 0)
		return rc;
	if (wc_db_exec(NULL, e, "UPDATE kf_session SET wants_ms = 0 WHERE id = ?", wc_int(s.id)) < 0)
		return -1;
	if (s.state != KF_SERVED)
		return 0;
	g = (struct giving){.a = a, .acc = &acc, .s = &s, .peer = c.address.peer};
	if ((rc = change(&g, KF_ENDED, NULL, e)) < 0)
		return -1;
	return rc ? tell(&g, acc.s.end, e) : look(&g, e) < 0 ? -1 : 0;
}
