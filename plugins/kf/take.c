/* What a page holds: messages of customers and servicers go to talk, events change what is known of sessions and sends. All of it in the
 * page's transaction; a message or an event that is known already writes nothing, so a page may come twice. */
#include "kf.h"

#include <stdlib.h>
#include <string.h>

#define PEOPLE_AT_ONCE 100
#define SEEN_MS        60000     /* a servicer's session that was seen so shortly is still theirs */

static int64_t whole(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : 0;
}

static const char *text_at(const json_t *object, const char *name)
{
	const char *text = wc_json_str(object, name);

	return text ? text : "";
}

static int64_t sent_ms(const json_t *m)
{
	return whole(m, "send_time") * 1000;
}

/* --- before the transaction -------------------------------------------------------------------------------------------- */

static bool is_customers(const json_t *m)
{
	return whole(m, "origin") == 3 && id_is_good(wc_json_str(m, "external_userid"));
}

static void keep_people(struct page *p, const json_t *list)
{
	const json_t *one;
	size_t        i;

	json_array_foreach(list, i, one)
		if (id_is_good(wc_json_str(one, "external_userid")))
			json_object_set(p->people, wc_json_str(one, "external_userid"), (json_t *)one);
}

/* Who they are is good to know, but no reason to leave a message unread. */
static void ask_people(struct page *p, json_t *ids)
{
	wc_answer answer;
	wc_err    why;

	if (!json_array_size(ids))
		return;
	if (call_must(p->a, p->acc->secret, "kf.customer.batchget", wc_json(p->a, "{s:O, s:i}", "external_userid_list", ids, "need_enter_session_context", 1),
	              &answer, &why) == 0)
		keep_people(p, json_object_get(answer.body, "customer_list"));
	else
		wc_log(WC_WARN, "customers could not be looked up", wc_kv_s("account", p->acc->open_kfid), wc_kv_s("error", why.text));
	json_array_clear(ids);
}

/* A servicer's session may end without an event; the next message of the customer is the machine's then. */
static int ask_state(struct page *p, const char *peer, const struct session *s, wc_err *e)
{
	const char *servicer;
	int64_t     state;

	if (wc_now_ms() - s->state_ms < SEEN_MS || (s->state != KF_POOL && s->state != KF_SERVED))
		return 0;
	if (session_ask(p->a, p->acc, peer, s->id, &state, &servicer, e) < 0)
		return e->code == WC_E_REFUSED ? 0 : -1;
	if (state != KF_POOL && state != KF_SERVED)
		json_object_set_new(p->over, peer, json_true());
	return 0;
}

int page_ask(struct page *p, wc_err *e)
{
	json_t       *asked = wc_json(p->a, "{}"), *ids = wc_json(p->a, "[]");
	const json_t *m;
	size_t        i;

	p->people = wc_json(p->a, "{}");
	p->over   = wc_json(p->a, "{}");
	json_array_foreach(p->list, i, m) {
		const char    *peer = wc_json_str(m, "external_userid");
		struct session s;

		if (!is_customers(m) || json_object_get(asked, peer))
			continue;
		json_object_set_new(asked, peer, json_true());
		if (session_find(NULL, p->a, p->acc->id, peer, &s, e) < 0 || (s.id && ask_state(p, peer, &s, e) < 0))
			return -1;
		if (!s.is_named)
			json_array_append_new(ids, json_string(peer));
		if (json_array_size(ids) == PEOPLE_AT_ONCE)
			ask_people(p, ids);
	}
	ask_people(p, ids);
	return 0;
}

/* --- who ----------------------------------------------------------------------------------------------------------------- */

static const char *nickname_of(const struct page *p, const char *peer)
{
	const char *name = wc_json_str(json_object_get(p->people, peer), "nickname");

	return name && *name ? name : NULL;
}

/* The customer and the session, made where they are missing. */
static int know(wc_db *db, struct page *p, const char *peer, struct session *s, wc_err *e)
{
	const json_t *person   = json_object_get(p->people, peer);
	const char   *unionid  = wc_json_str(person, "unionid"), *scene = wc_json_str(person, "enter_session_context.scene");
	wc_ties       ties     = {.unionid = unionid && *unionid ? unionid : NULL, .external_userid = peer};
	int64_t       customer = wc_identity(db, p->a, CHANNEL, peer, nickname_of(p, peer), &ties, e);

	if (customer < 0 || session_make(db, p->a, p->acc, peer, customer, s, e) < 0)
		return -1;
	if (!person)
		return 0;
	return wc_db_exec(db, e, "UPDATE kf_session SET named_at = NOW(3), scene = IF(? = '', scene, LEFT(?, 64)) WHERE id = ?",
	                  wc_text(scene && id_is_good(scene) ? scene : ""), wc_text(scene && id_is_good(scene) ? scene : ""), wc_int(s->id)) < 0 ? -1 : 0;
}

/* --- messages ------------------------------------------------------------------------------------------------------------ */

/* "kfr.3.12": of the menu of the rating in turn 12. */
static bool is_rating(const json_t *m, int *score, int64_t *turn)
{
	const char *id = wc_json_str(m, "text.menu_id");

	if (!id || strncmp(id, "kfr.", 4) || id[4] < '1' || id[4] > '3' || id[5] != '.' || strlen(id) > 20)
		return false;
	*score = id[4] - '0';
	*turn  = strtoll(id + 6, NULL, 10);
	return true;
}

static int keep_rating(wc_db *db, const struct page *p, const struct session *s, int score, int64_t turn, wc_err *e)
{
	return wc_db_exec(db, e, "INSERT INTO kf_rating (account_id, customer, turn_no, score) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE score = VALUES(score)",
	                  wc_int(p->acc->id), wc_int(s->customer), wc_int(turn), wc_int(score)) < 0 ? -1 : 0;
}

static int ask_for_media(wc_db *db, const struct page *p, const json_t *m, const wc_received *r, wc_err *e)
{
	const char *media = media_of(m);
	wc_job_spec spec  = {.kind = "kf.media", .key = wc_printf(p->a, "kf.media/%lld", (long long)r->message)};

	if (!media || strlen(media) > 512)
		return 0;
	spec.args = wc_json(p->a, "{s:s, s:I, s:I, s:s}", "account", p->acc->open_kfid, "message", (json_int_t)r->message, "customer",
	                    (json_int_t)r->customer, "media", media);
	return wc_job_add(db, &spec, e) < 0 ? -1 : 0;
}

static int next_turn(wc_db *db, const struct session *s, int64_t at_ms, wc_err *e)
{
	return wc_db_exec(db, e,
	                  "UPDATE kf_session SET turn_ms = GREATEST(turn_ms, ?), turn_no = turn_no + 1, last_ms = GREATEST(last_ms, ?), shut = '',"
	                  " state = IF(state = 4, 0, state) WHERE id = ?",
	                  wc_int(at_ms), wc_int(at_ms), wc_int(s->id)) < 0 ? -1 : 0;
}

/* The servicer is gone, and with them the conversation that was theirs. */
static int machine_again(wc_db *db, const struct page *p, const char *peer, wc_err *e)
{
	int64_t conversation;

	if (!json_object_get(p->over, peer))
		return 0;
	conversation = wc_conversation_of(db, p->a, CHANNEL, p->acc->open_kfid, peer, e);
	return conversation <= 0 ? (int)conversation : wc_talk_close(db, p->a, conversation, "ended", e) < 0 ? -1 : 0;
}

static wc_incoming incoming(const struct page *p, const json_t *m, const char *peer)
{
	return (wc_incoming){.channel = CHANNEL, .account = p->acc->open_kfid, .peer = peer, .name = nickname_of(p, peer), .msgid = wc_json_str(m, "msgid"),
	                     .from = WC_FROM_CUSTOMER, .kind = kind_of(text_at(m, "msgtype")), .text = text_of(p->a, m), .content = m, .sent_ms = sent_ms(m)};
}

static int count(struct page *p, const wc_incoming *in, const wc_received *r)
{
	if (!r->is_new)
		p->known++;
	else if (in->quiet)
		p->quiet++;
	else
		p->taken++;
	return 0;
}

static int take_customers(wc_db *db, struct page *p, const json_t *m, const char *peer, wc_err *e)
{
	wc_incoming    in = incoming(p, m, peer);
	struct session s;
	wc_received    r;
	int            score = 0;
	int64_t        turn  = 0;
	bool           rated = is_rating(m, &score, &turn);

	in.quiet = in.sent_ms < p->acc->quiet_before_ms || rated;
	if (know(db, p, peer, &s, e) < 0 || machine_again(db, p, peer, e) < 0 || wc_talk_receive(db, p->a, &in, &r, e) < 0)
		return -1;
	if (r.is_new && (next_turn(db, &s, in.sent_ms, e) < 0 || ask_for_media(db, p, m, &r, e) < 0 || (rated && keep_rating(db, p, &s, score, turn, e) < 0)))
		return -1;
	return count(p, &in, &r);
}

/* An origin that is not known yet: kept, and nobody is to answer. */
static int take_others(wc_db *db, struct page *p, const json_t *m, const char *peer, wc_err *e)
{
	wc_incoming    in = incoming(p, m, peer);
	struct session s;
	wc_received    r;

	in.from  = WC_FROM_SYSTEM;
	in.quiet = true;
	return know(db, p, peer, &s, e) < 0 || wc_talk_receive(db, p->a, &in, &r, e) < 0 ? -1 : count(p, &in, &r);
}

/* A conversation in which a member has spoken is theirs. */
static int give(wc_db *db, const struct page *p, const struct session *s, int64_t conversation, const char *servicer, wc_err *e)
{
	if (session_state(db, p->a, s->id, KF_SERVED, servicer, e) < 0)
		return -1;
	if (conversation <= 0)
		return 0;
	return wc_talk_hand_over(db, p->a, conversation, 0, *servicer ? wc_printf(p->a, "member:%s", servicer) : NULL, "servicer", e) < 0 ? -1 : 0;
}

static int take_servicers(wc_db *db, struct page *p, const json_t *m, const char *peer, wc_err *e)
{
	wc_incoming    in       = incoming(p, m, peer);
	const char    *servicer = text_at(m, "servicer_userid");
	struct session s;
	wc_received    r;

	in.from   = WC_FROM_PERSON;
	in.author = servicer;
	in.quiet  = in.sent_ms < p->acc->quiet_before_ms;
	if (know(db, p, peer, &s, e) < 0 || wc_talk_receive(db, p->a, &in, &r, e) < 0)
		return -1;
	if (r.is_new && wc_db_exec(db, e, "UPDATE kf_session SET last_ms = GREATEST(last_ms, ?) WHERE id = ?", wc_int(in.sent_ms), wc_int(s.id)) < 0)
		return -1;
	if (r.is_new && !in.quiet && (give(db, p, &s, r.conversation, servicer, e) < 0 || ask_for_media(db, p, m, &r, e) < 0))
		return -1;
	return count(p, &in, &r);
}

/* --- events -------------------------------------------------------------------------------------------------------------- */

static int64_t conversation_with(wc_db *db, const struct page *p, const char *peer, wc_err *e)
{
	return wc_conversation_of(db, p->a, CHANNEL, p->acc->open_kfid, peer, e);
}

static int enter_session(wc_db *db, struct page *p, const json_t *m, const json_t *event, const char *peer, struct session *s, wc_err *e)
{
	const char     *code = text_at(event, "welcome_code"), *scene = text_at(event, "scene");
	struct welcome *w;

	if (s->id && wc_db_exec(db, e, "UPDATE kf_session SET entered_at = NOW(3), scene = ? WHERE id = ?", wc_text(id_is_good(scene) ? scene : ""), wc_int(s->id)) < 0)
		return -1;
	if (!*code || !*p->acc->s.welcome || strlen(code) > 512 || wecom_now_ms() - sent_ms(m) > WELCOME_MS)
		return 0;
	w           = wc_alloc(p->a, sizeof *w);
	*w          = (struct welcome){code, peer, wc_json_str(m, "msgid"), sent_ms(m), p->welcomes};
	p->welcomes = w;
	return wc_job_add(db, &(wc_job_spec){.kind = "kf.welcome", .key = welcome_key(p->a, p->acc, w->msgid), .delay_ms = 2000,
	                                     .args = wc_json(p->a, "{s:s, s:s, s:s, s:s}", "account", p->acc->open_kfid, "peer", peer, "msgid", w->msgid,
	                                                     "code", code)}, e) < 0 ? -1 : 0;
}

/* Room was made: who waits in the pool may have it. */
static int ask_for_assignment(wc_db *db, const struct page *p, const json_t *m, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "kf.assign", p->acc->open_kfid, wc_json_str(m, "msgid"), NULL);
	if (strcmp(p->acc->s.mode, "servicer"))
		return 0;
	return wc_job_add(db, &(wc_job_spec){.kind = "kf.assign", .lane = wc_printf(p->a, "kf/assign/%s", p->acc->open_kfid),
	                                     .key = wc_printf(p->a, "kf.assign/%s", wc_hex(p->a, hash, 16)),
	                                     .args = wc_json(p->a, "{s:s}", "account", p->acc->open_kfid)}, e) < 0 ? -1 : 0;
}

static int ask_for_farewell(wc_db *db, const struct page *p, const json_t *m, const char *peer, const struct session *s, const char *code, wc_err *e)
{
	if (!*code || strlen(code) > 512 || wecom_now_ms() - sent_ms(m) > WELCOME_MS)
		return 0;
	return wc_job_add(db, &(wc_job_spec){.kind = "kf.farewell", .key = wc_printf(p->a, "kf.farewell/%lld/%lld", (long long)s->id, (long long)sent_ms(m)),
	                                     .args = wc_json(p->a, "{s:s, s:s, s:I, s:s}", "account", p->acc->open_kfid, "peer", peer, "session",
	                                                     (json_int_t)s->id, "code", code)}, e) < 0 ? -1 : 0;
}

static int session_ends(wc_db *db, const struct page *p, const json_t *m, const json_t *event, const char *peer, const struct session *s, wc_err *e)
{
	int64_t conversation = conversation_with(db, p, peer, e);

	if (conversation < 0 || session_state(db, p->a, s->id, KF_ENDED, NULL, e) < 0 ||
	    (conversation && wc_talk_close(db, p->a, conversation, "ended", e) < 0) || ask_for_assignment(db, p, m, e) < 0)
		return -1;
	return ask_for_farewell(db, p, m, peer, s, text_at(event, "msg_code"), e);
}

static int session_changes(wc_db *db, const struct page *p, const json_t *m, const json_t *event, const char *peer, const struct session *s, wc_err *e)
{
	int64_t conversation;

	if (!s->id)
		return 0;
	if (whole(event, "change_type") == 3)
		return session_ends(db, p, m, event, peer, s, e);
	if ((conversation = conversation_with(db, p, peer, e)) < 0)
		return -1;
	return give(db, p, s, conversation, text_at(event, "new_servicer_userid"), e);
}

static int servicer_changes(wc_db *db, const struct page *p, const json_t *m, const json_t *event, wc_err *e)
{
	const char   *userid = text_at(event, "servicer_userid");
	unsigned char hash[WC_HASH_SIZE];

	if (!*userid || strlen(userid) > 128)
		return 0;
	if (member_keep(db, p->a, userid, hash, e) < 0)
		return -1;
	if (wc_db_exec(db, e,
	               "INSERT INTO kf_servicer (account_id, member, receiving) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE receiving = VALUES(receiving),"
	               " seen_at = NOW(3)",
	               wc_int(p->acc->id), wc_bytes(hash, sizeof hash), wc_int(whole(event, "status") == 1)) < 0)
		return -1;
	return ask_for_assignment(db, p, m, e);
}

/* An event that we do not know is kept whole where its customer is known. */
static int unknown_event(wc_db *db, struct page *p, const json_t *m, const char *type, const char *peer, const struct session *s, wc_err *e)
{
	wc_incoming in = incoming(p, m, peer);
	wc_received r;

	wc_log(WC_INFO, "an event that is not known is kept", wc_kv_s("account", p->acc->open_kfid), wc_kv_s("event", id_is_good(type) ? type : ""));
	if (!s->id)
		return 0;
	in.from  = WC_FROM_SYSTEM;
	in.kind  = "event";
	in.quiet = true;
	in.text  = wc_printf(p->a, "[%.60s]", type);
	return wc_talk_receive(db, p->a, &in, &r, e);
}

static int act_on(wc_db *db, struct page *p, const json_t *m, const json_t *event, const char *type, wc_err *e)
{
	const char    *peer = text_at(event, "external_userid");
	struct session s    = {.shut = ""};

	if (id_is_good(peer) && session_find(db, p->a, p->acc->id, peer, &s, e) < 0)
		return -1;
	if (!strcmp(type, "enter_session"))
		return enter_session(db, p, m, event, peer, &s, e);
	if (!strcmp(type, "msg_send_fail"))
		return send_failed(db, p->a, text_at(event, "fail_msgid"), whole(event, "fail_type"), e);
	if (!strcmp(type, "session_status_change"))
		return session_changes(db, p, m, event, peer, &s, e);
	if (!strcmp(type, "servicer_status_change"))
		return servicer_changes(db, p, m, event, e);
	if (!strcmp(type, "user_recall_msg") || !strcmp(type, "servicer_recall_msg"))
		return wc_message_recalled(db, CHANNEL, text_at(event, "recall_msgid"), e) < 0 ? -1 : 0;
	if (!strcmp(type, "reject_customer_msg_switch_change"))
		return s.id && wc_db_exec(db, e, "UPDATE kf_session SET rejects = ? WHERE id = ?", wc_int(whole(event, "reject_switch") == 1), wc_int(s.id)) < 0 ? -1 : 0;
	return unknown_event(db, p, m, type, peer, &s, e);
}

static int take_event(wc_db *db, struct page *p, const json_t *m, wc_err *e)
{
	const json_t *event = json_object_get(m, "event");
	const char   *type  = text_at(event, "event_type"), *msgid = wc_json_str(m, "msgid");
	int64_t       n     = wc_db_exec(db, e, "INSERT IGNORE INTO kf_event (account_id, msgid, kind) VALUES (?, ?, ?)", wc_int(p->acc->id), wc_text(msgid),
	                                 wc_text(id_is_good(type) ? type : "other"));

	if (n <= 0)
		return (int)n;
	/* What happened before we were there is over. */
	return sent_ms(m) < p->acc->quiet_before_ms ? 0 : act_on(db, p, m, event, type, e);
}

/* --- one of a page ------------------------------------------------------------------------------------------------------- */

static bool is_odd(const json_t *m)
{
	const char *msgid = wc_json_str(m, "msgid"), *type = wc_json_str(m, "msgtype");

	if (!msgid || !*msgid || strlen(msgid) > 128 || msgid[strspn(msgid, "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~")])
		return true;
	return !type || (strcmp(type, "event") && !id_is_good(wc_json_str(m, "external_userid")));
}

int take_message(wc_db *db, struct page *p, const json_t *m, wc_err *e)
{
	const char *peer = wc_json_str(m, "external_userid");

	p->current = wc_json_str(m, "msgid");
	if (is_odd(m) || json_object_get(p->left_out, p->current)) {
		wc_log(WC_WARN, "a message without a fit msgid, msgtype or external_userid is left out, or one that cannot be stored", wc_kv_s("account", p->acc->open_kfid));
		wc_count("wecomd_kf_messages_total", 1, "odd", NULL);
		return 0;
	}
	if (!strcmp(wc_json_str(m, "msgtype"), "event"))
		return take_event(db, p, m, e);
	if (whole(m, "origin") == 5)
		return take_servicers(db, p, m, peer, e);
	return whole(m, "origin") == 3 ? take_customers(db, p, m, peer, e) : take_others(db, p, m, peer, e);
}
