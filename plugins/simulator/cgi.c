/* The frame of a call to the server API, as strict as WeCom: a token in the URL that is known and has not ended, not too many
 * calls, and only then the call itself. Errors are HTTP 200 with an errcode. */
#include "cgi.h"

#include "contact.h"
#include "fault.h"
#include "kf_chance.h"

#include <stdlib.h>
#include <string.h>

int cgi_refuse(struct cgi_call *c, int64_t errcode, const char *errmsg)
{
	c->errcode = errcode;
	c->errmsg  = errmsg;
	return 0;
}

/* --- the token -------------------------------------------------------------------------------------------------------- */

static const struct cgi_app *app_by_agent(const struct simulator *sim, int64_t agent)
{
	for (size_t i = 0; i < sim->app_count; i++)
		if (sim->apps[i].agent == agent)
			return &sim->apps[i];
	return NULL;
}

static int find_token(struct cgi_call *c, wc_err *e)
{
	const char *token = wc_query_param(c->rq, "access_token");
	wc_rows     rows;

	if (!token || !*token)
		return cgi_refuse(c, 41001, "access_token missing");
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT agent, expires_ms, dead FROM simulator_token WHERE token = ?", wc_text(token)) < 0)
		return -1;
	if (!rows.n || wc_row_int(&rows, 0, 2) || !(c->app = app_by_agent(c->sim, wc_row_int(&rows, 0, 0))))
		return cgi_refuse(c, 40014, "invalid access_token");
	return wc_row_int(&rows, 0, 1) <= wc_now_ms() ? cgi_refuse(c, 42001, "access_token expired") : 0;
}

static int check_limit(struct cgi_call *c, const char *api, wc_err *e)
{
	struct cgi_rules rules;
	wc_rows          rows;

	if (cgi_rules_read(c->sim, NULL, c->a, &rules, e) < 0)
		return -1;
	if (!rules.per_minute)
		return 0;
	if (wc_db_query(NULL, c->a, &rows, e, "SELECT COUNT(*) FROM simulator_call WHERE api = ? AND agent = ? AND at_ms > ?", wc_text(api),
	                wc_int(c->app ? c->app->agent : 0), wc_int(wc_now_ms() - 60000)) < 0)
		return -1;
	return wc_row_int(&rows, 0, 0) >= rules.per_minute ? cgi_refuse(c, 45009, "api freq out of limit") : 0;
}

/* --- the answer ------------------------------------------------------------------------------------------------------- */

static const char *answer_text(const struct cgi_call *c)
{
	const char *errmsg = c->errmsg;
	json_t     *whole;

	if (c->errcode)
		errmsg = wc_printf(c->a, "%s, hint: [%lld_sim], from ip: %s, more info at https://open.work.weixin.qq.com/devtool/query?e=%lld",
		                   c->errmsg, (long long)wc_now_ms(), c->sim->client_ip, (long long)c->errcode);
	whole = wc_json(c->a, "{s:I, s:s}", "errcode", (json_int_t)c->errcode, "errmsg", errmsg);
	if (c->answer)
		json_object_update(whole, c->answer);
	return wc_json_text(c->a, whole);
}

/* The simulator's nginx ends the connection of an answer with this status. */
static int reply_nothing(wc_request *rq)
{
	return wc_reply_bytes(rq, 444, "text/plain", (wc_slice){"", 0});
}

static int reply_text(wc_request *rq, int status, const char *type, const char *text, size_t n)
{
	return wc_reply_bytes(rq, status, type, (wc_slice){text, n});
}

static const char page[] = "<html><head><title>Gateway</title></head><body><h1>Something on the way</h1></body></html>\n";

static int reply(struct cgi_call *c, const struct fault *fault)
{
	bool        file   = c->bytes.p && !c->errcode;
	const char *text   = file ? c->bytes.p : answer_text(c), *type = file ? c->type : "application/json; charset=UTF-8";
	size_t      n      = file ? c->bytes.n : strlen(text);
	int         status = file && c->status ? c->status : 200;

	switch (fault->kind) {
	case FAULT_HTTP500:
		return reply_text(c->rq, 500, "text/html", page, strlen(page));
	case FAULT_HTML:
		return reply_text(c->rq, 200, "text/html", page, strlen(page));
	case FAULT_RESET:
	case FAULT_LOST:
		return reply_nothing(c->rq);
	case FAULT_TRUNCATED:
		return reply_text(c->rq, status, type, text, n * 2 / 3);
	case FAULT_TIMEOUT:
		wc_sleep_ms(fault->ms);
		break;
	default:
		break;
	}
	return reply_text(c->rq, status, type, text, n);
}

static int note(const struct cgi_call *c, const char *api, const struct fault *fault, wc_err *e)
{
	return wc_db_exec(NULL, e, "INSERT INTO simulator_call (api, agent, errcode, fault, at_ms) VALUES (?, ?, ?, ?, ?)", wc_text(api),
	                  wc_int(c->app ? c->app->agent : 0), wc_int(c->errcode), wc_text(fault_name(fault->kind)), wc_int(wc_now_ms())) < 0
	               ? -1 : 0;
}

static const char *fault_text(int64_t errcode)
{
	return errcode == -1      ? "system busy"
	     : errcode == 60020   ? "not allow to access from your ip"
	     : errcode == 45009   ? "api freq out of limit"
	     : errcode == 40001   ? "invalid credential"
	     : errcode == 40013   ? "invalid corpid"
	                          : "as the test wants it";
}

static bool is_refused_by(const struct fault *fault)
{
	return fault->kind == FAULT_ERRCODE || fault->kind == FAULT_HTTP500 || fault->kind == FAULT_RESET;
}

static int judge(struct cgi_call *c, const char *api, bool with_token, cgi_fn *fn, struct fault *fault, wc_err *e)
{
	if (fault_take(c->a, api, fault, e) < 0 || (!fault->kind && kf_chance_take(c->a, api, fault, e) < 0))
		return -1;
	if (is_refused_by(fault))
		return cgi_refuse(c, fault->kind == FAULT_ERRCODE ? fault->errcode : -1, fault_text(fault->errcode));
	if ((with_token && find_token(c, e) < 0) || (!c->errcode && check_limit(c, api, e) < 0))
		return -1;
	return c->errcode ? 0 : fn(c, e);
}

int cgi_run(wc_request *rq, const struct simulator *sim, const char *api, bool with_token, cgi_fn *fn)
{
	struct cgi_call c = {.rq = rq, .a = wc_request_arena(rq), .sim = sim, .errmsg = "ok"};
	struct fault    fault;
	wc_err          e;

	c.answer = wc_json(c.a, "{}");
	if (judge(&c, api, with_token, fn, &fault, &e) < 0 || note(&c, api, &fault, &e) < 0)
		return wc_reply_err(rq, &e);
	if (c.errcode)
		c.answer = contact_empty(c.a, api);
	return reply(&c, &fault);
}

/* --- gettoken ---------------------------------------------------------------------------------------------------------- */

/* Some tokens of the real thing need encoding in a URL; these always do. */
static const char *new_token(wc_arena *a)
{
	unsigned char raw[60];

	wc_random(raw, sizeof raw);
	return wc_printf(a, "%s+/%%2B=&%s", wc_hex(a, raw, 30), wc_hex(a, raw + 30, 30));
}

struct giving {
	struct cgi_call *c;
	const char      *token;
	int64_t          life_ms;
};

static int give(wc_db *db, void *arg, wc_err *e)
{
	struct giving   *g   = arg;
	struct cgi_call *c   = g->c;
	wc_val           who = wc_int(c->app->agent);
	int64_t          now = wc_now_ms();
	struct cgi_rules rules;
	wc_rows          rows;

	if (cgi_rules_read(c->sim, db, c->a, &rules, e) < 0)
		return -1;
	if (!strcmp(rules.token_mode, "same")) {
		if (wc_db_query(db, c->a, &rows, e, "SELECT token, expires_ms FROM simulator_token WHERE agent = ? AND NOT dead AND expires_ms > ?"
		                " ORDER BY expires_ms DESC LIMIT 1", who, wc_int(now)) < 0)
			return -1;
		if (rows.n) {
			g->token   = wc_row_text(&rows, 0, 0);
			g->life_ms = wc_row_int(&rows, 0, 1) - now;
			return 0;
		}
	}
	if (!strcmp(rules.token_mode, "new_invalidates_old") &&
	    wc_db_exec(db, e, "UPDATE simulator_token SET dead = TRUE WHERE agent = ?", who) < 0)
		return -1;
	g->token   = new_token(c->a);
	g->life_ms = rules.token_life_ms;
	return wc_db_exec(db, e, "INSERT INTO simulator_token (token, agent, expires_ms) VALUES (?, ?, ?)", wc_text(g->token), who,
	                  wc_int(now + g->life_ms)) < 0 ? -1 : 0;
}

static const struct cgi_app *app_by_secret(const struct simulator *sim, const char *secret)
{
	for (size_t i = 0; i < sim->app_count; i++)
		if (!strcmp(sim->apps[i].secret, secret))
			return &sim->apps[i];
	return NULL;
}

static int gettoken(struct cgi_call *c, wc_err *e)
{
	const char   *corp = wc_query_param(c->rq, "corpid"), *secret = wc_query_param(c->rq, "corpsecret");
	struct giving g    = {.c = c};

	if (!corp || !*corp)
		return cgi_refuse(c, 41002, "corpid missing");
	if (!secret || !*secret)
		return cgi_refuse(c, 41004, "corpsecret missing");
	if (strcmp(corp, c->sim->corp_id))
		return cgi_refuse(c, 40013, "invalid corpid");
	if (!(c->app = app_by_secret(c->sim, secret)))
		return cgi_refuse(c, 40001, "invalid credential");
	if (wc_db_tx(give, &g, e) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:s, s:I}", "access_token", g.token, "expires_in", (json_int_t)((g.life_ms + 999) / 1000));
	return 0;
}

int cgi_gettoken(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "gettoken", false, gettoken);
}

/* --- base calls -------------------------------------------------------------------------------------------------------- */

static int callback_addresses(struct cgi_call *c, wc_err *e)
{
	json_t     *list = wc_json(c->a, "[]");
	const char *s    = c->sim->callback_ips;
	size_t      n;

	(void)e;
	for (; *s; s += n + (s[n] == '|')) {
		n = strcspn(s, "|");
		json_array_append_new(list, json_stringn(s, n));
	}
	c->answer = wc_json(c->a, "{s:O}", "ip_list", list);
	return 0;
}

int cgi_callback_addresses(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "getcallbackip", true, callback_addresses);
}

static json_t *visible_members(const struct cgi_call *c)
{
	json_t *list = wc_json(c->a, "[]");

	for (size_t i = 0; i < c->sim->people.n; i++)
		json_array_append_new(list, json_pack("{s:s}", "userid", c->sim->people.list[i].id));
	return list;
}

static int agent_get(struct cgi_call *c, wc_err *e)
{
	const char *text = wc_query_param(c->rq, "agentid");
	char       *end;
	int64_t     agent;

	(void)e;
	if (!text || !*text)
		return cgi_refuse(c, 41011, "missing agentid");
	agent = strtoll(text, &end, 10);
	if (*end || !app_by_agent(c->sim, agent))
		return cgi_refuse(c, 40056, "invalid agentid");
	if (agent != c->app->agent)
		return cgi_refuse(c, 301002, "not allow to operate another agent with this accesstoken");
	c->answer = wc_json(c->a, "{s:I, s:s, s:s, s:s, s:{s:O}, s:{s:[]}, s:{s:[]}, s:i, s:s, s:i, s:i, s:s}", "agentid", (json_int_t)agent,
	                    "name", "模拟应用", "square_logo_url", "", "description", "", "allow_userinfos", "user", visible_members(c),
	                    "allow_partys", "partyid", "allow_tags", "tagid", "close", 0, "redirect_domain", "", "report_location_flag", 0,
	                    "isreportenter", 0, "home_url", "");
	return 0;
}

int cgi_agent_get(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "agent/get", true, agent_get);
}
