/* Records: what there is, the chat as the customer sees it, the sessions as servicers see them, and the books for tests. */
#include "kf_people.h"
#include "kf_api.h"

#include <stdlib.h>
#include <string.h>

#define BOOKS_MAX 5000
#define CHAT_MAX  200

static const char *query_or(wc_request *rq, const char *name, const char *standard)
{
	const char *value = wc_query_param(rq, name);

	return value ? value : standard;
}

static json_t *parsed(const wc_rows *rows, size_t i, size_t column)
{
	json_t *value = json_loads(wc_row_text(rows, i, column), JSON_DECODE_ANY, NULL);

	return value ? value : json_null();
}

/* --- the world -------------------------------------------------------------------------------------------------------------------------- */

static int servicers_of(wc_arena *a, const struct simulator *sim, const char *open_kfid, json_t *list, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT userid, status, stop_type FROM simulator_kf_servicer WHERE open_kfid = ? AND userid <> '' ORDER BY userid",
	                wc_text(open_kfid)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const char *id = wc_row_text(&rows, i, 0), *name = roster_name(&sim->people, id);

		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "userid", id, "name", name ? name : id, "status",
		                                      wc_row_int(&rows, i, 1) ? "stopped" : "receiving"));
	}
	return 0;
}

static int links_of(wc_arena *a, const char *open_kfid, json_t *list, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT scene, url FROM simulator_kf_link WHERE open_kfid = ? ORDER BY scene", wc_text(open_kfid)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "scene", wc_row_text(&rows, i, 0), "url", wc_row_text(&rows, i, 1)));
	return 0;
}

static int accounts(wc_arena *a, const struct simulator *sim, json_t *list, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT open_kfid, name, managed FROM simulator_kf_account WHERE NOT deleted ORDER BY created_ms, open_kfid LIMIT 100") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		json_t *servicers = wc_json(a, "[]"), *links = wc_json(a, "[]");

		if (servicers_of(a, sim, wc_row_text(&rows, i, 0), servicers, e) < 0 || links_of(a, wc_row_text(&rows, i, 0), links, e) < 0)
			return -1;
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:O, s:O}", "open_kfid", wc_row_text(&rows, i, 0), "name", wc_row_text(&rows, i, 1),
		                                      "manage_privilege", (int)wc_row_int(&rows, i, 2), "servicers", servicers, "links", links));
	}
	return 0;
}

int kf_world(wc_request *rq, const void *self)
{
	wc_arena *a         = wc_request_arena(rq);
	json_t   *list      = wc_json(a, "[]"), *customers = wc_json(a, "[]");
	wc_rows   rows;
	wc_err    e;

	if (accounts(a, self, list, &e) < 0 ||
	    wc_db_query(NULL, a, &rows, &e, "SELECT external_userid, nickname FROM simulator_kf_customer ORDER BY external_userid LIMIT 100") < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(customers, json_pack("{s:s, s:s}", "external_userid", wc_row_text(&rows, i, 0), "nickname", wc_row_text(&rows, i, 1)));
	return wc_reply(rq, 200, "{s:O, s:O}", "accounts", list, "customers", customers);
}

/* --- the chat ----------------------------------------------------------------------------------------------------------------------------- */

static json_t *chat_json(const wc_rows *rows, size_t i)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:b, s:b}", "msgid", wc_row_text(rows, i, 0), "from", wc_row_text(rows, i, 1), "servicer",
	                 wc_row_text(rows, i, 2), "msgtype", wc_row_text(rows, i, 3), "content", parsed(rows, i, 4), "at_ms",
	                 (json_int_t)wc_row_int(rows, i, 5), "failed", (int)wc_row_int(rows, i, 6), "recalled", (int)wc_row_int(rows, i, 7));
}

/* The newest, oldest first. What failed is not seen by the customer; it is here with failed, for the servicer's view. */
int kf_chat(wc_request *rq, const void *self)
{
	wc_arena   *a = wc_request_arena(rq);
	const char *account = query_or(rq, "open_kfid", ""), *external = query_or(rq, "external_userid", "");
	json_t     *list = wc_json(a, "[]");
	wc_rows     rows;
	wc_err      e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e,
	                "SELECT * FROM (SELECT m.msgid, IF(m.origin = 3, 'customer', 'servicer') sender, m.servicer, m.msgtype, m.content, m.at_ms, 0 failed,"
	                " EXISTS (SELECT 1 FROM simulator_kf_message r WHERE r.open_kfid = m.open_kfid AND r.external_userid = m.external_userid"
	                " AND r.msgtype = 'event' AND r.seq > m.seq AND JSON_VALUE(r.content, '$.recall_msgid') = m.msgid) recalled, 0 later, m.seq number"
	                " FROM simulator_kf_message m WHERE m.open_kfid = ? AND m.external_userid = ? AND m.origin <> 4"
	                " UNION ALL SELECT accepted, 'app', '', msgtype, content, at_ms, fail_type IS NOT NULL, 0, 1, id FROM simulator_kf_send"
	                " WHERE open_kfid = ? AND external_userid = ? AND errcode = 0 ORDER BY at_ms DESC, later DESC, number DESC LIMIT ?) newest"
	                " ORDER BY at_ms, later, number", wc_text(account), wc_text(external), wc_text(account), wc_text(external), wc_int(CHAT_MAX)) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, chat_json(&rows, i));
	return wc_reply(rq, 200, "{s:O}", "messages", list);
}

int kf_sessions(wc_request *rq, const void *self)
{
	wc_arena *a    = wc_request_arena(rq);
	json_t   *list = wc_json(a, "[]");
	int64_t   now;
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (kf_now(a, &now, &e) < 0 ||
	    wc_db_query(NULL, a, &rows, &e, "SELECT s.external_userid, c.nickname, IF(s.customer_ms < ?, 4, s.state), s.servicer, s.customer_ms, s.sent"
	                " FROM simulator_kf_session s JOIN simulator_kf_customer c ON c.external_userid = s.external_userid WHERE s.open_kfid = ?"
	                " ORDER BY s.customer_ms DESC, s.external_userid LIMIT 200", wc_int(now - KF_WINDOW_MS), wc_text(query_or(rq, "open_kfid", ""))) < 0)
		return wc_reply_err(rq, &e);
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s, s:I, s:I}", "external_userid", wc_row_text(&rows, i, 0), "nickname",
		                                      wc_row_text(&rows, i, 1), "state", (json_int_t)wc_row_int(&rows, i, 2), "servicer_userid",
		                                      wc_row_text(&rows, i, 3), "customer_ms", (json_int_t)wc_row_int(&rows, i, 4), "sent",
		                                      (json_int_t)wc_row_int(&rows, i, 5)));
	return wc_reply(rq, 200, "{s:O}", "sessions", list);
}

/* --- the books ----------------------------------------------------------------------------------------------------------------------------- */

static json_t *send_json(const wc_rows *rows, size_t i)
{
	json_t *fail = wc_row_cell(rows, i, 10).s ? json_integer(wc_row_int(rows, i, 10)) : json_null();

	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o}", "id", (json_int_t)wc_row_int(rows, i, 0), "api",
	                 wc_row_text(rows, i, 1), "open_kfid", wc_row_text(rows, i, 2), "external_userid", wc_row_text(rows, i, 3), "msgid",
	                 wc_row_text(rows, i, 4), "msgtype", wc_row_text(rows, i, 5), "content", parsed(rows, i, 6), "state",
	                 (json_int_t)wc_row_int(rows, i, 7), "sent", (json_int_t)wc_row_int(rows, i, 8), "errcode", (json_int_t)wc_row_int(rows, i, 9),
	                 "at_ms", (json_int_t)wc_row_int(rows, i, 11), "fail_type", fail);
}

static json_t *message_json(const wc_rows *rows, size_t i)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:I, s:I}", "seq", (json_int_t)wc_row_int(rows, i, 0), "msgid", wc_row_text(rows, i, 1),
	                 "open_kfid", wc_row_text(rows, i, 2), "external_userid", wc_row_text(rows, i, 3), "origin", (json_int_t)wc_row_int(rows, i, 4),
	                 "servicer_userid", wc_row_text(rows, i, 5), "msgtype", wc_row_text(rows, i, 6), "content", parsed(rows, i, 7), "at_ms",
	                 (json_int_t)wc_row_int(rows, i, 8), "pulled", (json_int_t)wc_row_int(rows, i, 9));
}

static json_t *change_json(const wc_rows *rows, size_t i)
{
	return json_pack("{s:I, s:s, s:s, s:I, s:I, s:s, s:s, s:I}", "id", (json_int_t)wc_row_int(rows, i, 0), "open_kfid", wc_row_text(rows, i, 1),
	                 "external_userid", wc_row_text(rows, i, 2), "was", (json_int_t)wc_row_int(rows, i, 3), "state", (json_int_t)wc_row_int(rows, i, 4),
	                 "servicer_userid", wc_row_text(rows, i, 5), "who", wc_row_text(rows, i, 6), "at_ms", (json_int_t)wc_row_int(rows, i, 7));
}

static json_t *listed(wc_arena *a, const wc_rows *rows, json_t *(*one)(const wc_rows *rows, size_t i))
{
	json_t *list = wc_json(a, "[]");

	for (size_t i = 0; i < rows->n; i++)
		json_array_append_new(list, one(rows, i));
	return list;
}

/* Oldest first, BOOKS_MAX of each kind behind what ?sends_after, ?messages_after (a seq, with ?open_kfid) and ?changes_after say. */
int kf_record(wc_request *rq, const void *self)
{
	wc_arena *a        = wc_request_arena(rq);
	wc_val    account  = wc_text(query_or(rq, "open_kfid", "")), external = wc_text(query_or(rq, "external_userid", ""));
	int64_t   sends_after = strtoll(query_or(rq, "sends_after", "0"), NULL, 10), messages_after = strtoll(query_or(rq, "messages_after", "0"), NULL, 10),
	          changes_after = strtoll(query_or(rq, "changes_after", "0"), NULL, 10);
	wc_rows   sends, messages, changes;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &sends, &e, "SELECT id, api, open_kfid, external_userid, msgid, msgtype, content, state, sent, errcode, fail_type, at_ms"
	                " FROM simulator_kf_send WHERE id > ? AND ? IN ('', open_kfid) AND ? IN ('', external_userid) ORDER BY id LIMIT ?",
	                wc_int(sends_after), account, external, wc_int(BOOKS_MAX)) < 0 ||
	    wc_db_query(NULL, a, &messages, &e, "SELECT seq, msgid, open_kfid, external_userid, origin, servicer, msgtype, content, at_ms, pulled"
	                " FROM simulator_kf_message WHERE seq > ? AND ? IN ('', open_kfid) AND ? IN ('', external_userid) ORDER BY open_kfid, seq LIMIT ?",
	                wc_int(messages_after), account, external, wc_int(BOOKS_MAX)) < 0 ||
	    wc_db_query(NULL, a, &changes, &e, "SELECT id, open_kfid, external_userid, was, state, servicer, who, at_ms FROM simulator_kf_change"
	                " WHERE id > ? AND ? IN ('', open_kfid) AND ? IN ('', external_userid) ORDER BY id LIMIT ?", wc_int(changes_after), account,
	                external, wc_int(BOOKS_MAX)) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:O, s:O, s:O}", "sends", listed(a, &sends, send_json), "messages", listed(a, &messages, message_json), "changes",
	                listed(a, &changes, change_json));
}

static json_t *ring_json(const wc_rows *rows, size_t i)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:b}", "open_kfid", wc_row_text(rows, i, 0), "token", wc_row_text(rows, i, 1), "at_ms",
	                 (json_int_t)wc_row_int(rows, i, 2), "tries", (json_int_t)wc_row_int(rows, i, 3), "status", (json_int_t)wc_row_int(rows, i, 4),
	                 "error", wc_row_text(rows, i, 5), "heard", (int)wc_row_int(rows, i, 6));
}

int kf_rings(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, "SELECT open_kfid, token, at_ms, tries, status, error, done FROM (SELECT * FROM simulator_kf_ring"
	                " ORDER BY id DESC LIMIT 500) newest ORDER BY id") < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:O}", "rings", listed(a, &rows, ring_json));
}
