/* What tests and the phone do with customer contact: groups and customers come, change and go. */
#include "contact.h"

#include <inttypes.h>
#include <string.h>

#define OF(type, member) offsetof(struct type, member)

const wc_field contact_seed_fields[] = {
	{WC_INT, "seed", "1", OF(contact_seed, seed), "the same seed makes the same groups", .min = 1, .max = 999999},
	{WC_INT, "owners", "5", OF(contact_seed, owners), "members who own them", .min = 1, .max = 5000},
	{WC_INT, "groups", NULL, OF(contact_seed, groups), "in all", .min = 1, .max = 100000},
	{WC_INT, "members", "10", OF(contact_seed, members), "of each group, its owner among them", .min = 1, .max = 500},
	{0}};

const wc_field contact_group_fields[] = {
	{WC_STRING, "name", "", OF(contact_group_order, name), "empty: nobody named it", .max = 200},
	{WC_STRING, "owner", NULL, OF(contact_group_order, owner), "a member", .min = 1, .max = 64},
	{WC_INT, "members", "0", OF(contact_group_order, members), "made-up customers in it", .min = 0, .max = 500},
	{WC_INT, "capacity", "200", OF(contact_group_order, capacity), "how many it takes", .min = 2, .max = 1000},
	{WC_BOOL, "quiet", "off", OF(contact_group_order, quiet), "no event tells of it"},
	{0}};

const wc_field contact_change_fields[] = {
	{WC_STRING, "chat_id", NULL, OF(contact_change_order, chat_id), "the group", .min = 1, .max = 64},
	{WC_CHOICE, "action", NULL, OF(contact_change_order, action), "what happens", .choices = "join|leave|remove|rename|notice|owner|dismiss"},
	{WC_STRING, "id", "", OF(contact_change_order, id), "who joins, leaves, is removed, or owns it now", .max = 64},
	{WC_STRING, "text", "", OF(contact_change_order, text), "name or notice", .max = 1000},
	{WC_BOOL, "quiet", "off", OF(contact_change_order, quiet), "no event tells of it"},
	{0}};

const wc_field contact_scan_fields[] = {
	{WC_STRING, "config_id", NULL, OF(contact_scan_order, config_id), "the join way", .min = 1, .max = 64},
	{WC_STRING, "customer", "", OF(contact_scan_order, customer), "an external_userid; empty: somebody new", .max = 64},
	{WC_STRING, "name", "", OF(contact_scan_order, name), "of somebody new", .max = 60},
	{0}};

const wc_field contact_member_fields[] = {
	{WC_STRING, "userid", NULL, OF(contact_member_order, userid), "which; made if there is none", .min = 1, .max = 64},
	{WC_STRING, "name", NULL, OF(contact_member_order, name), "", .max = 60, .optional = true},
	{WC_CHOICE, "permission", "keep", OF(contact_member_order, permission), "客户联系", .choices = "keep|on|off"},
	{WC_CHOICE, "visible", "keep", OF(contact_member_order, visible), "in the apps' visible range", .choices = "keep|on|off"},
	{WC_BOOL, "departed", "off", OF(contact_member_order, departed), "leaves the company"},
	{0}};

const wc_field contact_customer_fields[] = {
	{WC_CHOICE, "action", NULL, OF(contact_customer_order, action), "what happens", .choices = "add|half|edit|delete|unfollow"},
	{WC_STRING, "userid", NULL, OF(contact_customer_order, userid), "the member", .min = 1, .max = 64},
	{WC_STRING, "external_userid", NULL, OF(contact_customer_order, external_userid), "the customer", .min = 1, .max = 64},
	{WC_STRING, "name", NULL, OF(contact_customer_order, name), "of the customer", .max = 60, .optional = true},
	{WC_STRING, "unionid", NULL, OF(contact_customer_order, unionid), "of the customer", .max = 60, .optional = true},
	{WC_STRING, "mobile", "", OF(contact_customer_order, mobile), "that the member noted", .max = 30},
	{WC_STRING, "state", "", OF(contact_customer_order, state), "of the contact way", .max = 60},
	{WC_STRING, "tag", NULL, OF(contact_customer_order, tag), "of edit: a tag's id that the member gives", .max = 60, .optional = true},
	{WC_STRING, "remark", "", OF(contact_customer_order, remark), "the member's word for the customer", .max = 60},
	{WC_BOOL, "quiet", "off", OF(contact_customer_order, quiet), "no event tells of it"},
	{0}};

const wc_field contact_rules_fields[] = {
	{WC_INT, "detail_lag_ms", "-1", OF(contact_rules_order, detail_lag_ms), "how long details lag behind their events; -1: as it is", .min = -1, .max = 600000},
	{WC_INT, "outside_code", "-1", OF(contact_rules_order, outside_code), "the errcode for members outside the visible range", .min = -1, .max = 999999},
	{WC_INT, "page_max", "-1", OF(contact_rules_order, page_max), "rows of a page", .min = -1, .max = 1000},
	{WC_INT, "cursor_life_ms", "-1", OF(contact_rules_order, cursor_life_ms), "", .min = -1, .max = 86400000},
	{WC_INT, "lower_case", "-1", OF(contact_rules_order, lower_case), "1: userids come back in lower case", .min = -1, .max = 1},
	{WC_INT, "unionids", "-1", OF(contact_rules_order, unionids), "1: a developer id is bound", .min = -1, .max = 1},
	{0}};

/* --- looking --------------------------------------------------------------------------------------------------------- */

/* Rows as objects: the names are those of the columns, numbers where kind has 'i'. */
static int rows_json(wc_arena *a, const char *sql, const char *const *names, const char *kinds, json_t **list, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, sql) < 0)
		return -1;
	*list = wc_json(a, "[]");
	for (size_t i = 0; i < rows.n; i++) {
		json_t *row = json_object();

		for (size_t j = 0; j < rows.columns; j++)
			json_object_set_new(row, names[j], kinds[j] == 'i' ? json_integer(wc_row_int(&rows, i, j)) : json_string(wc_row_text(&rows, i, j)));
		json_array_append_new(*list, row);
	}
	return 0;
}

static const char members_sql[] = "SELECT userid, name, permission, visible, departed_s IS NOT NULL FROM simulator_contact_member ORDER BY userid LIMIT 100";
static const char groups_sql[]  = "SELECT chat_id, name, owner, status, dismissed, capacity, (SELECT COUNT(*) FROM simulator_room_member m"
	" WHERE m.chat_id = r.chat_id) FROM simulator_room r ORDER BY created_s DESC, chat_id DESC LIMIT 100";
static const char ways_sql[] = "SELECT config_id, remark, state, room_base_name, scene FROM simulator_join_way ORDER BY created_s DESC, config_id LIMIT 100";
static const char events_sql[] = "SELECT id, xml, tries, status, at_ms FROM simulator_contact_event ORDER BY id DESC LIMIT 200";

int contact_world(wc_request *rq, const void *self)
{
	static const char *const member[] = {"userid", "name", "permission", "visible", "departed"};
	static const char *const group[]  = {"chat_id", "name", "owner", "status", "dismissed", "capacity", "members"};
	static const char *const way[]    = {"config_id", "remark", "state", "room_base_name", "scene"};
	wc_arena                *a        = wc_request_arena(rq);
	json_t                  *members, *groups, *ways;
	wc_err                   e;

	if (contact_ready(self, &e) < 0 || rows_json(a, members_sql, member, "ssiii", &members, &e) < 0 ||
	    rows_json(a, groups_sql, group, "sssiiii", &groups, &e) < 0 || rows_json(a, ways_sql, way, "ssssi", &ways, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:O, s:O, s:O}", "members", members, "groups", groups, "join_ways", ways);
}

int contact_events(wc_request *rq, const void *self)
{
	static const char *const event[] = {"id", "xml", "tries", "status", "at_ms"};
	json_t                  *events;
	wc_err                   e;

	(void)self;
	if (rows_json(wc_request_arena(rq), events_sql, event, "isiii", &events, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:O}", "events", events);
}

/* --- acting ---------------------------------------------------------------------------------------------------------- */

static int reply_to(wc_request *rq, int rc, const wc_err *e, json_t *answer)
{
	return rc < 0 ? wc_reply_err(rq, e) : wc_reply_json(rq, 200, answer);
}

/* Names and states follow from the numbers, so that the same seed makes the same company. */
static int seed_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct contact_seed *s = arg;
	wc_val                     seed = wc_int(s->seed), now = wc_int(wc_now_ms() / 1000), groups = wc_int(s->groups), owners = wc_int(s->owners);

	if (wc_db_exec(db, e, "INSERT IGNORE INTO simulator_contact_member (userid, name) SELECT CONCAT('owner', ?, '-', seq), CONCAT('群主', seq)"
	               " FROM seq_1_to_5000 WHERE seq <= ?", seed, owners) < 0 ||
	    wc_db_exec(db, e, "INSERT INTO simulator_room (chat_id, name, owner, created_s, capacity) SELECT CONCAT('wrseed', ?, '-', LPAD(seq, 6, '0')),"
	               " CONCAT('客户群', seq), CONCAT('owner', ?, '-', 1 + seq MOD ?), ? - 86400 * (1 + seq MOD 90), 500 FROM seq_1_to_100000 WHERE seq <= ?",
	               seed, seed, owners, now, groups) < 0)
		return -1;
	return 0;
}

#define SEED_PART 100

/* A million rows in one statement would take longer than a connection waits. */
static int seed_members(const struct contact_seed *s, wc_err *e)
{
	for (int64_t from = 1; from <= s->groups; from += SEED_PART)
		if (wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_room_member (chat_id, id, type, join_s, scene, invitor)"
		               " SELECT r.chat_id, IF(m.seq = 1, r.owner, CONCAT('wm', SUBSTR(r.chat_id, 3), '-', m.seq)), IF(m.seq = 1, 1, 2),"
		               " r.created_s + 60 * m.seq, 1 + m.seq MOD 3, IF(m.seq MOD 3 = 0, r.owner, '') FROM simulator_room r JOIN seq_1_to_500 m ON m.seq <= ?"
		               " WHERE r.chat_id BETWEEN CONCAT('wrseed', ?, '-', LPAD(?, 6, '0')) AND CONCAT('wrseed', ?, '-', LPAD(?, 6, '0'))", wc_int(s->members),
		               wc_int(s->seed), wc_int(from), wc_int(s->seed), wc_int(from + SEED_PART - 1)) < 0)
			return -1;
	return 0;
}

int contact_do_seed(wc_request *rq, const void *self)
{
	struct contact_seed s = *(const struct contact_seed *)wc_body(rq);
	wc_err              e = {0};
	int                 rc;

	rc = contact_ready(self, &e) < 0 || wc_db_tx(seed_tx, &s, &e) < 0 ? -1 : seed_members(&s, &e);
	return reply_to(rq, rc, &e, wc_json(wc_request_arena(rq), "{s:I, s:I}", "groups", (json_int_t)s.groups, "members", (json_int_t)s.members));
}

static int group_tx(wc_db *db, void *arg, wc_err *e)
{
	return contact_add_group(db, arg, e);
}

int contact_do_group(wc_request *rq, const void *self)
{
	const struct contact_group_order *o = wc_body(rq);
	wc_arena                         *a = wc_request_arena(rq);
	struct contact_new_group          g = {a, self, contact_id(a, "wr"), o->name, o->owner, o->capacity, o->members, o->quiet};
	wc_err                            e = {0};
	int                               rc;

	rc = contact_ready(self, &e) < 0 ? -1 : wc_db_tx(group_tx, &g, &e);
	return reply_to(rq, rc, &e, wc_json(a, "{s:s}", "chat_id", g.chat_id));
}

static int change_tx(wc_db *db, void *arg, wc_err *e)
{
	return contact_change(db, arg, e) < 0 ? -1 : 0;
}

int contact_do_change(wc_request *rq, const void *self)
{
	const struct contact_change_order *o = wc_body(rq);
	struct contact_change              x = {.a = wc_request_arena(rq), .sim = self, .action = o->action, .chat_id = o->chat_id, .id = o->id,
	                                        .text = !strcmp(o->action, "join") ? "" : o->text, .quiet = o->quiet};
	wc_err                             e = {0};
	int                                rc;

	if (!*o->id && strcmp(o->action, "rename") && strcmp(o->action, "notice") && strcmp(o->action, "dismiss"))
		return wc_reply_bad_fields(rq, &(wc_bad_field){"id", "who", NULL});
	rc = wc_db_tx(change_tx, &x, &e);
	return reply_to(rq, rc, &e, wc_json(x.a, "{}"));
}

struct scanning {
	struct contact_scan scan;
	const char         *name;
};

static int scan_tx(wc_db *db, void *arg, wc_err *e)
{
	struct scanning *s = arg;

	if (wc_db_exec(db, e, "INSERT IGNORE INTO simulator_customer (external_userid, name, unionid) VALUES (?, ?, CONCAT('o', ?))", wc_text(s->scan.customer),
	               wc_text(*s->name ? s->name : "扫码的客户"), wc_text(s->scan.customer)) < 0)
		return -1;
	return contact_scan(db, &s->scan, e);
}

int contact_do_scan(wc_request *rq, const void *self)
{
	const struct contact_scan_order *o = wc_body(rq);
	wc_arena                        *a = wc_request_arena(rq);
	struct scanning                  s = {{a, self, o->config_id, *o->customer ? o->customer : contact_id(a, "wm"), NULL}, o->name};
	wc_err                           e = {0};
	int                              rc = wc_db_tx(scan_tx, &s, &e);

	return reply_to(rq, rc, &e, wc_json(a, "{s:s, s:s}", "chat_id", s.scan.chat_id ? s.scan.chat_id : "", "customer", s.scan.customer));
}

static wc_val flag(const char *word)
{
	return !strcmp(word, "keep") ? wc_null() : wc_int(!strcmp(word, "on"));
}

static int member_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct contact_member_order *o = arg;

	if (wc_db_exec(db, e, "INSERT INTO simulator_contact_member (userid, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = COALESCE(?, name)",
	               wc_text(o->userid), wc_text(o->name ? o->name : o->userid), wc_text(o->name)) < 0 ||
	    wc_db_exec(db, e, "UPDATE simulator_contact_member SET permission = COALESCE(?, permission), visible = COALESCE(?, visible),"
	               " departed_s = COALESCE(?, departed_s) WHERE userid = ?", flag(o->permission), flag(o->visible),
	               o->departed ? wc_int(wc_now_ms() / 1000) : wc_null(), wc_text(o->userid)) < 0)
		return -1;
	return !o->departed ? 0 : wc_db_exec(db, e, "UPDATE simulator_room SET status = 1 WHERE owner = ?", wc_text(o->userid)) < 0 ? -1 : 0;
}

int contact_do_member(wc_request *rq, const void *self)
{
	struct contact_member_order o = *(const struct contact_member_order *)wc_body(rq);
	wc_err                      e = {0};
	int                         rc;

	rc = contact_ready(self, &e) < 0 ? -1 : wc_db_tx(member_tx, &o, &e);
	return reply_to(rq, rc, &e, wc_json(wc_request_arena(rq), "{}"));
}

struct customer_change {
	wc_arena                            *a;
	const struct simulator              *sim;
	const struct contact_customer_order *o;
};

static int tell_customer(wc_db *db, const struct customer_change *x, const char *change, wc_err *e)
{
	const struct contact_customer_order *o = x->o;
	const char *state = *o->state && strstr(change, "add_") ? wc_printf(x->a, "<State><![CDATA[%s]]></State>", o->state) : "";

	return contact_tell(db, x->a, x->sim, "change_external_contact",
	                    wc_printf(x->a, "<ChangeType><![CDATA[%s]]></ChangeType><UserID><![CDATA[%s]]></UserID><ExternalUserID><![CDATA[%s]]></ExternalUserID>%s",
	                              change, o->userid, o->external_userid, state), e);
}

static int meet(wc_db *db, const struct contact_customer_order *o, bool half, wc_err *e)
{
	if (wc_db_exec(db, e, "INSERT INTO simulator_customer (external_userid, name, unionid) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE name = COALESCE(?, name),"
	               " unionid = COALESCE(?, unionid)", wc_text(o->external_userid), wc_text(o->name ? o->name : "新客户"), wc_text(o->unionid),
	               wc_text(o->name), wc_text(o->unionid)) < 0)
		return -1;
	/* Who was never deleted by the member keeps the old state. */
	return wc_db_exec(db, e, "INSERT INTO simulator_follow (userid, external_userid, remark, mobile, state, created_s, half) VALUES (?, ?, ?, ?, ?, ?, ?)"
	                  " ON DUPLICATE KEY UPDATE half = VALUES(half)", wc_text(o->userid), wc_text(o->external_userid), wc_text(o->remark), wc_text(o->mobile),
	                  wc_text(o->state), wc_int(wc_now_ms() / 1000), wc_int(half)) < 0 ? -1 : 0;
}

static int edit(wc_db *db, const struct contact_customer_order *o, wc_err *e)
{
	return wc_db_exec(db, e, "UPDATE simulator_follow SET remark = IF(? = '', remark, ?), mobile = IF(? = '', mobile, ?),"
	                  " tags = IF(? IS NULL, tags, JSON_ARRAY_APPEND(tags, '$', ?)) WHERE userid = ? AND external_userid = ?", wc_text(o->remark),
	                  wc_text(o->remark), wc_text(o->mobile), wc_text(o->mobile), wc_text(o->tag), wc_text(o->tag), wc_text(o->userid),
	                  wc_text(o->external_userid)) < 0 ? -1 : 0;
}

static int customer_tx(wc_db *db, void *arg, wc_err *e)
{
	const struct customer_change        *x = arg;
	const struct contact_customer_order *o = x->o;
	const char                          *change = "edit_external_contact";
	int                                  rc;

	if (!strcmp(o->action, "add") || !strcmp(o->action, "half")) {
		change = *o->action == 'a' ? "add_external_contact" : "add_half_external_contact";
		rc     = meet(db, o, *o->action == 'h', e);
	} else if (!strcmp(o->action, "edit")) {
		rc = edit(db, o, e);
	} else {
		change = *o->action == 'd' ? "del_external_contact" : "del_follow_user";
		/* The customer who deletes the member stays in the member's list. */
		rc = *o->action == 'u' ? 0 : wc_db_exec(db, e, "DELETE FROM simulator_follow WHERE userid = ? AND external_userid = ?", wc_text(o->userid),
		                                        wc_text(o->external_userid)) < 0 ? -1 : 0;
	}
	return rc < 0 || o->quiet ? rc : tell_customer(db, x, change, e);
}

int contact_do_customer(wc_request *rq, const void *self)
{
	struct customer_change x = {wc_request_arena(rq), self, wc_body(rq)};
	wc_err                 e = {0};
	int                    rc;

	rc = contact_ready(self, &e) < 0 ? -1 : wc_db_tx(customer_tx, &x, &e);
	return reply_to(rq, rc, &e, wc_json(x.a, "{}"));
}

static wc_val given(int64_t value)
{
	return value < 0 ? wc_null() : wc_int(value);
}

int contact_do_rules(wc_request *rq, const void *self)
{
	const struct contact_rules_order *o = wc_body(rq);
	wc_err                            e = {0};
	int64_t                           rc;

	(void)self;
	rc = wc_db_exec(NULL, &e, "UPDATE simulator_contact_rules SET detail_lag_ms = COALESCE(?, detail_lag_ms), outside_code = COALESCE(?, outside_code),"
	                " page_max = COALESCE(?, page_max), cursor_life_ms = COALESCE(?, cursor_life_ms), lower_case = COALESCE(?, lower_case),"
	                " unionids = COALESCE(?, unionids) WHERE id = 1", given(o->detail_lag_ms), given(o->outside_code), given(o->page_max),
	                given(o->cursor_life_ms), given(o->lower_case), given(o->unionids));
	return reply_to(rq, rc < 0 ? -1 : 0, &e, wc_json(wc_request_arena(rq), "{}"));
}
