/* What the files of customer-group share.
 *
 * call.c talks to WeCom, sync.c sweeps, detail.c takes one group's detail in, event.c what callbacks tell, contact.c customers of members,
 * join_way.c join ways, filter.c the filters of the list, segments and the deliverable mark, warning.c warnings, api.c the routes. */
#pragma once

#include <wecomd/plugin.h>

#include <string.h>

struct customer_group {
	const char *secret, *callback, *token, *aes_key, *corp_id;
	const char *sync_cron, *reconcile_cron, *quota, *qr_hosts;
	int64_t     owners_at_once, details_after_ms, lag_ms, group_max, day_offset_ms;
};

/* Of wecom_customer_group.status; below 10 they are WeCom's. */
enum { STATUS_NORMAL = 0, STATUS_DEPARTED = 1, STATUS_INHERITING = 2, STATUS_INHERITED = 3, STATUS_DISMISSED = 10, STATUS_UNAVAILABLE = 11 };

#define STATUS_WORDS "normal|owner_departed|being_inherited|inherited|dismissed|unavailable"
const char *status_word(int64_t status);
int64_t     status_number(const char *word);     /* -1: none of them */

/* --- call.c ---------------------------------------------------------------------------------------------------------- */

/* A run of calls: of a job, which waits out short pauses, or of a request, which does not. */
struct run {
	const struct customer_group *self;
	wc_job                      *job;          /* NULL: a request */
	wc_arena                    *a;            /* of this piece of work: ended by who made it */
	int64_t                      calls;        /* how many were made */
	int64_t                      later_ms;     /* what failed may be tried again then; 0: nothing of the kind */
	bool                         uncertain;    /* nobody knows whether it was done */
};

/* 0: *errcode is 0 and *answer the body, or WeCom refused for good with *errcode; -1 with *e: not now (later_ms), stopped, or the set-up is
 * wrong (WC_E_CONFIG, WC_E_REFUSED: no call will succeed). */
int contact_call(struct run *r, const char *api, const json_t *body, const json_t **answer, int64_t *errcode, wc_err *e);

bool is_of_owner(int64_t errcode);     /* a refusal that concerns one of the members named, not the call as such */

/* "2026-…" of the database's clock, in the arena; NULL with *e. */
const char *db_now(wc_arena *a, wc_err *e);

/* --- detail.c -------------------------------------------------------------------------------------------------------- */

enum detail_result { DETAIL_TAKEN = 1, DETAIL_OLDER, DETAIL_GONE, DETAIL_REFUSED };

struct detail {
	const char        *version;     /* member_version of what WeCom showed */
	bool               is_new;      /* the group was not known */
	bool               changed;     /* something is different from what was here */
	enum detail_result result;
};

/* Asks for a group's detail and takes it in. sweep: of a reconciliation, whose drift report gets what differs; 0: none. at_ms: when members
 * left that are missing now; 0: now. */
int detail_fetch(struct run *r, const char *chat_id, int64_t sweep, int64_t at_ms, struct detail *d, wc_err *e);

int group_dismiss(struct run *r, const char *chat_id, int64_t at_ms, wc_err *e);

/* --- sync.c ---------------------------------------------------------------------------------------------------------- */

/* Begins a sweep; *id is the one under way when there is one (0 is returned then, 1 for a new one, which is audited if a person asked). */
int sweep_begin(wc_arena *a, const char *kind, const char *asked_by, int64_t *id, wc_err *e);

int sync_tick(wc_job *job, const void *self, wc_err *e);
int reconcile_tick(wc_job *job, const void *self, wc_err *e);
int sweep_run(wc_job *job, const void *self, wc_err *e);

/* --- event.c --------------------------------------------------------------------------------------------------------- */

int event_endpoints(wc_endpoint_list *list, const void *self, wc_err *e);
int event_receive(wc_callback *cb, const void *self, wc_err *e);
int event_chat(wc_job *job, const void *self, wc_err *e);
int event_contact(wc_job *job, const void *self, wc_err *e);

/* --- contact.c ------------------------------------------------------------------------------------------------------- */

/* Customers of these members, from WeCom. 0; *errcode as of contact_call(). */
int contacts_sweep(struct run *r, const json_t *userids, int64_t sweep, int64_t *count, int64_t *errcode, wc_err *e);
int contact_fetch(struct run *r, const char *external_userid, const char *state_userid, const char *state, int64_t *errcode, wc_err *e);
int contact_part(const char *external_userid, const char *userid, const char *status, wc_err *e);
int tags_fetch(struct run *r, wc_err *e);

/* --- join_way.c ------------------------------------------------------------------------------------------------------ */

int join_ways_check(struct run *r, wc_err *e);     /* those whose last look is an hour old */
int join_way_check(struct run *r, const char *config_id, wc_err *e);

extern const wc_route join_way_routes[];
extern const wc_field join_way_fields[], join_way_answer[];
struct join_way { const char *state, *remark, *room_base_name; int64_t scene, room_base_id; bool auto_create_room; const char *const *chat_ids; };
int join_way_list(wc_request *rq, const void *self);
int join_way_post(wc_request *rq, const void *self);
int join_way_get(wc_request *rq, const void *self);
int join_way_put(wc_request *rq, const void *self);
int join_way_delete(wc_request *rq, const void *self);
int join_way_picture(wc_request *rq, const void *self);

/* --- filter.c -------------------------------------------------------------------------------------------------------- */

struct filter {
	const char *q, *owner, *tag, *status, *segment, *deliverable;
	int64_t     min_members, max_members, min_age_days, max_age_days, active_days;
};

extern const wc_field filter_fields[];

/* The groups that pass, by id behind after, or the one group that is not 0. Columns: those of GROUP_COLUMNS. */
int filter_groups(wc_arena *a, const struct customer_group *self, const struct filter *f, int64_t after, int64_t one, int64_t limit,
                  wc_rows *rows, wc_err *e);

#define GROUP_COLUMNS \
	"g.id, g.chat_id, g.name, g.owner, g.member_count, g.customer_count, g.status, g.notice, UNIX_TIMESTAMP(g.created_at) * 1000," \
	" UNIX_TIMESTAMP(g.updated_at) * 1000, UNIX_TIMESTAMP(g.activity_at) * 1000, UNIX_TIMESTAMP(g.detail_at) * 1000, g.errcode"
enum { GROUP_ID, GROUP_CHAT, GROUP_NAME, GROUP_OWNER, GROUP_MEMBERS, GROUP_CUSTOMERS, GROUP_STATUS, GROUP_NOTICE, GROUP_CREATED, GROUP_UPDATED,
       GROUP_ACTIVITY, GROUP_DETAIL, GROUP_ERRCODE, GROUP_WHY, GROUP_TAGS };

/* Puts the group (0: all groups) into the segments whose rules it meets, and out of the others. */
int segments_refresh(const struct customer_group *self, int64_t group, wc_err *e);

struct segment { const json_t *rules; };
extern const wc_field segment_fields[], segment_answer[];
int segment_list(wc_request *rq, const void *self);
int segment_put(wc_request *rq, const void *self);
int segment_delete(wc_request *rq, const void *self);

/* --- warning.c ------------------------------------------------------------------------------------------------------- */

int warn_on(wc_db *db, const char *kind, const char *object, int64_t errcode, const json_t *details, wc_err *e);
int warn_off(wc_db *db, const char *kind, const char *object, wc_err *e);     /* kind NULL: every kind */
extern const wc_field warning_answer[];
int warning_list(wc_request *rq, const void *self);

/* --- api.c ----------------------------------------------------------------------------------------------------------- */

struct sync_order { const char *kind; };
struct tags_order { const char *const *tags; };
struct drift_query { int64_t sync; };
struct trend_query { int64_t days; };

extern const wc_field sync_fields[], sweep_answer[], group_answer[], member_query[], member_answer[], tags_fields[], drift_query[], drift_answer[],
	trend_query[], contact_query[], contact_answer[];

int api_sync(wc_request *rq, const void *self);
int api_sweeps(wc_request *rq, const void *self);
int api_groups(wc_request *rq, const void *self);
int api_group(wc_request *rq, const void *self);
int api_members(wc_request *rq, const void *self);
int api_trend(wc_request *rq, const void *self);
int api_tags(wc_request *rq, const void *self);
int api_drift(wc_request *rq, const void *self);
int api_statistics(wc_request *rq, const void *self);
int api_contacts(wc_request *rq, const void *self);

json_t *time_json(const wc_rows *rows, size_t row, size_t column);     /* of milliseconds; null for NULL */

/* --- small things ---------------------------------------------------------------------------------------------------- */

static inline const char *text_of(const json_t *object, const char *name)
{
	const char *text = wc_json_str(object, name);

	return text ? text : "";
}

/* Numbers come as texts now and then. */
int64_t number_of(const json_t *object, const char *name);

wc_val      sealed_text(wc_arena *a, const char *about, const char *text);
const char *unsealed_text(wc_arena *a, const char *about, wc_cell cell);      /* "" for what does not open */
const char *short_hash(wc_arena *a, const char *purpose, const char *text);   /* 16 hex digits */
const char *masked(wc_arena *a, const char *name);

extern const wc_section customer_group_sections[];
