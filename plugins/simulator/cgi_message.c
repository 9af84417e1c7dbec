/* message/send (doc/90236): the body is checked by WeCom's rules, then the message is kept for whoever asks what was sent. */
#include "cgi_message.h"

#include "cgi.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define USERS_MAX 1000

/* ---- the content, by msgtype ---- */

static const char *text_at(const json_t *object, const char *path)
{
	const char *text = wc_json_str(object, path);

	return text ? text : "";
}

/* 0, or the errcode. */
static int64_t check_text(const json_t *content)
{
	return *text_at(content, "content") ? 0 : 44004;
}

static int64_t check_media(const json_t *content)
{
	return *text_at(content, "media_id") ? 40007 : 41006;     /* nothing can be uploaded here, so no media_id is known */
}

static int64_t check_textcard(const json_t *content)
{
	return *text_at(content, "title") && *text_at(content, "description") && *text_at(content, "url") ? 0 : 40063;
}

static int64_t check_news(const json_t *content)
{
	const json_t *articles = json_object_get(content, "articles"), *article;
	size_t        i;

	if (json_array_size(articles) > 8)
		return 45008;
	json_array_foreach(articles, i, article)
		if (!*text_at(article, "title") || (!*text_at(article, "url") && !*text_at(article, "appid")))
			return 40063;
	return json_array_size(articles) ? 0 : 40063;
}

static int64_t check_card(const json_t *content)
{
	const char *type = text_at(content, "card_type");

	if (!strcmp(type, "text_notice") || !strcmp(type, "news_notice"))
		return json_is_object(json_object_get(content, "card_action")) ? 0 : 42045;
	return *type ? 0 : 40063;
}

static const struct {
	const char *msgtype;
	int64_t   (*check)(const json_t *content);
} kinds[] = {{"text", check_text}, {"markdown", check_text}, {"textcard", check_textcard}, {"news", check_news},
             {"template_card", check_card}, {"image", check_media}, {"voice", check_media}, {"video", check_media}, {"file", check_media}};

static int64_t check_content(const json_t *body, const char *msgtype)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].msgtype, msgtype))
			return kinds[i].check(json_object_get(body, msgtype));
	return 40008;
}

/* ---- to whom ---- */

struct receivers {
	const char *good, *bad;     /* joined by |; the bad ones in lower case, as WeCom gives them back */
	size_t      n;
};

static const char *join(wc_arena *a, const char *list, const char *one)
{
	return *list ? wc_printf(a, "%s|%s", list, one) : one;
}

/* Userids compare without regard to case. */
static const char *known_as(const struct simulator *sim, const char *id)
{
	for (size_t i = 0; i < sim->people.n; i++)
		if (!strcasecmp(sim->people.list[i].id, id))
			return sim->people.list[i].id;
	return NULL;
}

static const char *lower(wc_arena *a, const char *s)
{
	char *copy = wc_strdup(a, s);

	for (char *p = copy; *p; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
	return copy;
}

static void sort_receivers(const struct cgi_call *c, const char *touser, struct receivers *r)
{
	size_t n;

	*r = (struct receivers){"", "", 0};
	if (!strcmp(touser, "@all")) {
		for (size_t i = 0; i < c->sim->people.n; i++)
			r->good = join(c->a, r->good, c->sim->people.list[i].id);
		return;
	}
	for (; *touser; touser += n + (touser[n] == '|')) {
		const char *id, *known;

		n     = strcspn(touser, "|");
		id    = wc_strndup(c->a, touser, n);
		known = known_as(c->sim, id);
		r->n++;
		if (known)
			r->good = join(c->a, r->good, known);
		else
			r->bad = join(c->a, r->bad, lower(c->a, id));
	}
}

/* ---- sending ---- */

struct message {
	const struct cgi_call *c;
	const char            *touser, *msgtype, *body, *msgid;
	int64_t                again_ms;     /* an equal one that is younger is dropped; 0: none is */
};

static int keep(wc_db *db, void *arg, wc_err *e)
{
	struct message *m = arg;
	unsigned char   hash[WC_HASH_SIZE];
	wc_rows         rows;

	wc_keyed_hash(hash, "simulator.app_message", m->body, NULL);
	if (m->again_ms) {
		if (wc_db_query(db, m->c->a, &rows, e, "SELECT msgid FROM simulator_app_message WHERE agent = ? AND body_hash = ? AND at_ms > ?",
		                wc_int(m->c->app->agent), wc_bytes(hash, sizeof hash), wc_int(wc_now_ms() - m->again_ms)) < 0)
			return -1;
		if (rows.n) {
			m->msgid = wc_row_text(&rows, 0, 0);
			return 0;
		}
	}
	return wc_db_exec(db, e, "INSERT INTO simulator_app_message (msgid, agent, touser, msgtype, body, body_hash, at_ms)"
	                  " VALUES (?, ?, ?, ?, ?, ?, ?)", wc_text(m->msgid), wc_int(m->c->app->agent), wc_text(m->touser),
	                  wc_text(m->msgtype), wc_text(m->body), wc_bytes(hash, sizeof hash), wc_int(wc_now_ms())) < 0 ? -1 : 0;
}

static bool is_flag(const json_t *body, const char *name)
{
	const json_t *value = json_object_get(body, name);

	return !value || (json_is_integer(value) && (json_integer_value(value) == 0 || json_integer_value(value) == 1));
}

/* 0, or the errcode of the first rule that the body breaks. */
static int64_t check_body(const struct cgi_call *c, const json_t *body)
{
	const json_t *agent = json_object_get(body, "agentid");

	if (json_object_get(body, "access_token"))
		return 41001;     /* it belongs into the URL */
	if (!agent)
		return 41011;
	if (!json_is_integer(agent))
		return 40056;
	if (json_integer_value(agent) != c->app->agent)
		return 301002;
	if (!*text_at(body, "touser") && !*text_at(body, "toparty") && !*text_at(body, "totag"))
		return 82001;
	if (!*text_at(body, "msgtype"))
		return 40008;
	if (!is_flag(body, "safe") || !is_flag(body, "enable_id_trans") || !is_flag(body, "enable_duplicate_check"))
		return 40035;
	return check_content(body, wc_json_str(body, "msgtype"));
}

static const char *new_msgid(wc_arena *a)
{
	unsigned char raw[16];

	wc_random(raw, sizeof raw);
	return wc_hex(a, raw, sizeof raw);
}

static int send(struct cgi_call *c, wc_err *e)
{
	wc_slice         raw  = wc_raw_body(c->rq);
	const json_t    *body = wc_json_parse(c->a, raw.p, raw.n, e);
	struct receivers to;
	struct message   m;
	int64_t          errcode, interval;

	if (!json_is_object(body))
		return cgi_refuse(c, 40058, "Warning: wrong json format. invalid request parameter");
	if ((errcode = check_body(c, body)))
		return cgi_refuse(c, errcode, errcode == 41001 ? "access_token missing" : "invalid request parameter");
	sort_receivers(c, text_at(body, "touser"), &to);
	if (to.n > USERS_MAX)
		return cgi_refuse(c, 40058, "touser exceeds 1000");
	if (!*to.good)     /* there are no departments and no tags here */
		return cgi_refuse(c, 81013, "user & party & tag all invalid");
	interval = json_integer_value(json_object_get(body, "duplicate_check_interval"));
	m        = (struct message){c, to.good, wc_json_str(body, "msgtype"), raw.p, new_msgid(c->a), 0};
	if (json_integer_value(json_object_get(body, "enable_duplicate_check")))
		m.again_ms = (interval > 0 && interval <= 14400 ? interval : 1800) * 1000;
	if (wc_db_tx(keep, &m, e) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:s, s:s, s:s, s:s}", "invaliduser", to.bad, "invalidparty", text_at(body, "toparty"), "invalidtag",
	                    text_at(body, "totag"), "msgid", m.msgid);
	return 0;
}

int cgi_message_send(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "message/send", true, send);
}

static int wrong_method(struct cgi_call *c, wc_err *e)
{
	(void)e;
	return cgi_refuse(c, 40058, "invalid request parameter, require POST");
}

int cgi_message_send_by_get(wc_request *rq, const void *self)
{
	return cgi_run(rq, self, "message/send", true, wrong_method);
}
