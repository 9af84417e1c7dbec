/* Customer contact (客户联系): its server API under /sim/cgi-bin/externalcontact, its events, and what tests and the phone do with it.
 *
 * contact.c holds what all share, contact_group.c groups, contact_customer.c customers and tags, contact_way.c join ways and who scans them,
 * contact_event.c the callbacks, contact_control.c the REST of tests and phone, contact_qr.c the picture of a join way. */
#pragma once

#include "cgi.h"

struct contact_rules {
	int64_t detail_lag_ms, outside_code, page_max, cursor_life_ms;
	bool    lower_case, unionids;
};

/* The people of the configuration are members from the first call on. */
int contact_ready(const struct simulator *sim, wc_err *e);
int contact_rules_read(wc_db *db, wc_arena *a, struct contact_rules *rules, wc_err *e);

/* A member by a userid in any case. errcode: why the app may not ask for what is theirs (unknown, outside the visible range, without
 * 客户联系), 0: it may. departed: only asked for by name, as an owner. */
struct contact_member {
	const char *userid;
	bool        departed;
	int64_t     errcode;
};

int contact_member_find(wc_arena *a, const struct contact_rules *rules, const char *userid, struct contact_member *m, wc_err *e);

/* As it comes back in answers. */
const char *contact_shown(wc_arena *a, const struct contact_rules *rules, const char *userid);

/* The body, an object. NULL: the call was refused. */
const json_t *contact_body(struct cgi_call *c);
const char   *contact_text(const json_t *body, const char *name);     /* "" where there is none */

/* An opaque cursor behind last, for the call whose arguments are about; the other way round NULL for one that is wrong or too old. */
const char *contact_cursor(wc_arena *a, const char *about, const char *last);
const char *contact_cursor_last(wc_arena *a, const struct contact_rules *rules, const char *about, const char *cursor);

/* An answer that refuses has the lists of the good one, empty. NULL: it has none. */
json_t *contact_empty(wc_arena *a, const char *api);

const char *contact_id(wc_arena *a, const char *prefix);     /* a new one */

/* --- groups ---------------------------------------------------------------------------------------------------------- */

/* What happens to a group. With quiet no event tells of it, as with what an API does or what got lost. */
struct contact_change {
	wc_arena               *a;
	const struct simulator *sim;
	const char             *action;      /* join leave remove rename notice owner dismiss */
	const char             *chat_id;
	const char             *id;          /* of join, leave, remove: who; of owner: the new one */
	const char             *text;        /* of rename and notice; of join: the state */
	const char             *invitor;
	int64_t                 scene;       /* of join */
	bool                    quiet;
};

/* In the caller's transaction. -1: WC_E_NOT_FOUND, WC_E_CONFLICT (full, dismissed). 1: done, 0: there was nothing to change. */
int contact_change(wc_db *db, const struct contact_change *change, wc_err *e);

struct contact_new_group {
	wc_arena               *a;
	const struct simulator *sim;
	const char             *chat_id, *name, *owner;
	int64_t                 capacity, members;     /* made-up customers besides the owner */
	bool                    quiet;
};

int contact_add_group(wc_db *db, const struct contact_new_group *g, wc_err *e);

int contact_group_list(wc_request *rq, const void *self);
int contact_group_get(wc_request *rq, const void *self);
int contact_statistic(wc_request *rq, const void *self);
int contact_statistic_by_day(wc_request *rq, const void *self);
int contact_opengid(wc_request *rq, const void *self);

/* --- customers ------------------------------------------------------------------------------------------------------- */

int contact_follow_users(wc_request *rq, const void *self);
int contact_list(wc_request *rq, const void *self);
int contact_get(wc_request *rq, const void *self);
int contact_batch(wc_request *rq, const void *self);
int contact_unassigned(wc_request *rq, const void *self);
int contact_tags(wc_request *rq, const void *self);
int contact_add_tag(wc_request *rq, const void *self);
int contact_del_tag(wc_request *rq, const void *self);
int contact_mark_tag(wc_request *rq, const void *self);

/* --- join ways ------------------------------------------------------------------------------------------------------- */

int contact_way_add(wc_request *rq, const void *self);
int contact_way_get(wc_request *rq, const void *self);
int contact_way_update(wc_request *rq, const void *self);
int contact_way_delete(wc_request *rq, const void *self);
int contact_way_picture(wc_request *rq, const void *self);

/* A customer scans: *chat_id is the group joined, an auto-created one when all are full. -1: WC_E_NOT_FOUND, WC_E_CONFLICT (full). */
struct contact_scan {
	wc_arena               *a;
	const struct simulator *sim;
	const char             *config_id, *customer;
	const char             *chat_id;
};

int contact_scan(wc_db *db, struct contact_scan *scan, wc_err *e);

/* A PNG of a QR code (version 5, level L: at most 106 bytes). */
wc_slice contact_qr(wc_arena *a, const char *text);

/* --- events ---------------------------------------------------------------------------------------------------------- */

/* Puts an event into the queue, in the caller's transaction. inner is the XML behind MsgType. */
int contact_tell(wc_db *db, wc_arena *a, const struct simulator *sim, const char *event, const char *inner, wc_err *e);

int contact_event_run(wc_job *job, const void *self, wc_err *e);

/* --- tests and phone ------------------------------------------------------------------------------------------------- */

struct contact_seed { int64_t seed, owners, groups, members; };
struct contact_group_order { const char *name, *owner; int64_t members, capacity; bool quiet; };
struct contact_change_order { const char *chat_id, *action, *id, *text; bool quiet; };
struct contact_scan_order { const char *config_id, *customer, *name; };
struct contact_member_order { const char *userid, *name, *permission, *visible; bool departed; };
struct contact_customer_order { const char *action, *userid, *external_userid, *name, *unionid, *mobile, *state, *tag, *remark; bool quiet; };
struct contact_rules_order { int64_t detail_lag_ms, outside_code, page_max, cursor_life_ms, lower_case, unionids; };

extern const wc_field contact_seed_fields[], contact_group_fields[], contact_change_fields[], contact_scan_fields[], contact_member_fields[],
	contact_customer_fields[], contact_rules_fields[];

int contact_world(wc_request *rq, const void *self);
int contact_events(wc_request *rq, const void *self);
int contact_do_seed(wc_request *rq, const void *self);
int contact_do_group(wc_request *rq, const void *self);
int contact_do_change(wc_request *rq, const void *self);
int contact_do_scan(wc_request *rq, const void *self);
int contact_do_member(wc_request *rq, const void *self);
int contact_do_customer(wc_request *rq, const void *self);
int contact_do_rules(wc_request *rq, const void *self);

#define CONTACT_API "/sim/cgi-bin/externalcontact/"

#define CONTACT_ROUTES \
	{WC_GET, CONTACT_API "get_follow_user_list", WC_ANYONE, contact_follow_users, "Members who have customers"}, \
	{WC_GET, CONTACT_API "list", WC_ANYONE, contact_list, "Ids of a member's customers"}, \
	{WC_GET, CONTACT_API "get", WC_ANYONE, contact_get, "A customer and who follows"}, \
	{WC_POST, CONTACT_API "batch/get_by_user", WC_ANYONE, contact_batch, "Customers of members, in pages"}, \
	{WC_POST, CONTACT_API "get_unassigned_list", WC_ANYONE, contact_unassigned, "Customers of members who left"}, \
	{WC_POST, CONTACT_API "get_corp_tag_list", WC_ANYONE, contact_tags, "The company's tags"}, \
	{WC_POST, CONTACT_API "add_corp_tag", WC_ANYONE, contact_add_tag, "Makes tags"}, \
	{WC_POST, CONTACT_API "del_corp_tag", WC_ANYONE, contact_del_tag, "Deletes tags"}, \
	{WC_POST, CONTACT_API "mark_tag", WC_ANYONE, contact_mark_tag, "Tags a customer of a member"}, \
	{WC_POST, CONTACT_API "opengid_to_chatid", WC_ANYONE, contact_opengid, "The group of an opengid"}, \
	{WC_POST, CONTACT_API "groupchat/list", WC_ANYONE, contact_group_list, "Groups of owners, in pages"}, \
	{WC_POST, CONTACT_API "groupchat/get", WC_ANYONE, contact_group_get, "A group and its members"}, \
	{WC_POST, CONTACT_API "groupchat/statistic", WC_ANYONE, contact_statistic, "Figures by owner"}, \
	{WC_POST, CONTACT_API "groupchat/statistic_group_by_day", WC_ANYONE, contact_statistic_by_day, "Figures by day"}, \
	{WC_POST, CONTACT_API "groupchat/add_join_way", WC_ANYONE, contact_way_add, "Makes a join way"}, \
	{WC_POST, CONTACT_API "groupchat/get_join_way", WC_ANYONE, contact_way_get, "A join way and its QR code"}, \
	{WC_POST, CONTACT_API "groupchat/update_join_way", WC_ANYONE, contact_way_update, "Overwrites a join way"}, \
	{WC_POST, CONTACT_API "groupchat/del_join_way", WC_ANYONE, contact_way_delete, "Deletes a join way"}, \
	{WC_GET, "/sim/qr/{config_id}", WC_ANYONE, contact_way_picture, "The picture of a join way"}, \
	{WC_GET, "/sim/api/contact", WC_ANYONE, contact_world, "Members, groups and join ways, the newest of each"}, \
	{WC_GET, "/sim/api/contact/events", WC_ANYONE, contact_events, "The last events and how they were delivered"}, \
	{WC_POST, "/sim/api/contact/seed", WC_ANYONE, contact_do_seed, "Makes thousands of groups at once", contact_seed_fields, sizeof(struct contact_seed)}, \
	{WC_POST, "/sim/api/contact/groups", WC_ANYONE, contact_do_group, "A member makes a customer group", contact_group_fields, sizeof(struct contact_group_order)}, \
	{WC_POST, "/sim/api/contact/changes", WC_ANYONE, contact_do_change, "Something happens to a group", contact_change_fields, sizeof(struct contact_change_order)}, \
	{WC_POST, "/sim/api/contact/scans", WC_ANYONE, contact_do_scan, "A customer scans a join way", contact_scan_fields, sizeof(struct contact_scan_order)}, \
	{WC_POST, "/sim/api/contact/members", WC_ANYONE, contact_do_member, "Changes a member's rights, or the member leaves", contact_member_fields, sizeof(struct contact_member_order)}, \
	{WC_POST, "/sim/api/contact/customers", WC_ANYONE, contact_do_customer, "A customer and a member meet, or part", contact_customer_fields, sizeof(struct contact_customer_order)}, \
	{WC_POST, "/sim/api/contact/rules", WC_ANYONE, contact_do_rules, "How details lag, what is refused", contact_rules_fields, sizeof(struct contact_rules_order)}
