/* What callbacks tell: a group or a customer changed. The event is kept with one job, which asks WeCom how things stand now: events come twice,
 * late, in another order, or not at all, and the details may lag behind them. */
#include "group.h"

#include <inttypes.h>
#include <stdlib.h>

#define LAG_TRIES 5     /* how often a detail that lags is asked for again, with growing pauses */

int event_endpoints(wc_endpoint_list *list, const void *self, wc_err *e)
{
	const struct customer_group *s = self;

	(void)e;
	if (*s->token)
		wc_endpoint_add(list, &(wc_endpoint){s->callback, 1, s->token, s->aes_key, s->corp_id, NULL});
	return 0;
}

static const char *lane_of(wc_arena *a, const char *id)
{
	return wc_printf(a, "customer-group/%s", short_hash(a, "customer-group.lane", id));
}

static int64_t time_of(const json_t *event)
{
	return strtoll(wc_xml_text(event, "CreateTime"), NULL, 10) * 1000;
}

static bool is_id(const char *id)
{
	return *id && strlen(id) <= 128;
}

/* Every member that was named belongs to the identity: two joins of one second are two events. */
static const char *members_of(wc_arena *a, const json_t *event)
{
	wc_buf *out = wc_buf_new(a, 65536);

	for (size_t i = 0; i < wc_xml_count(event, "MemChangeList.Item"); i++)
		wc_buf_addf(out, "%s,", wc_xml_item(event, "MemChangeList.Item", i));
	return out->s;
}

static int receive_chat(wc_callback *cb, const json_t *event, wc_err *e)
{
	wc_arena   *a    = wc_callback_arena(cb);
	const char *chat = wc_xml_text(event, "ChatId"), *change = wc_xml_text(event, "ChangeType");

	if (!is_id(chat))
		return wc_fail(e, WC_E_ARG, "an event of a group without ChatId");
	wc_callback_identity(cb, "change_external_chat", change, wc_xml_text(event, "CreateTime"), chat, wc_xml_text(event, "UpdateDetail"),
	                     wc_xml_text(event, "CurMemVer"), wc_xml_text(event, "LastMemVer"), members_of(a, event), NULL);
	wc_callback_job(cb, "customer-group.chat", lane_of(a, chat), NULL,
	                wc_json(a, "{s:s, s:s, s:s, s:s, s:I}", "chat_id", chat, "change", change, "detail", wc_xml_text(event, "UpdateDetail"), "version",
	                        wc_xml_text(event, "CurMemVer"), "at_ms", (json_int_t)time_of(event)));
	wc_count("wecomd_customer_group_events_total", 1, "group", NULL);
	return 0;
}

static int receive_contact(wc_callback *cb, const json_t *event, wc_err *e)
{
	wc_arena   *a    = wc_callback_arena(cb);
	const char *user = wc_xml_text(event, "UserID"), *customer = wc_xml_text(event, "ExternalUserID"), *change = wc_xml_text(event, "ChangeType");

	if (!is_id(user) || !is_id(customer))
		return wc_fail(e, WC_E_ARG, "an event of a customer without UserID and ExternalUserID");
	wc_callback_identity(cb, "change_external_contact", change, wc_xml_text(event, "CreateTime"), user, customer, wc_xml_text(event, "State"),
	                     wc_xml_text(event, "Source"), wc_xml_text(event, "WelcomeCode"), NULL);
	wc_callback_job(cb, "customer-group.contact", lane_of(a, customer), NULL,
	                wc_json(a, "{s:s, s:s, s:s, s:s}", "change", change, "userid", user, "external_userid", customer, "state", wc_xml_text(event, "State")));
	wc_count("wecomd_customer_group_events_total", 1, "contact", NULL);
	return 0;
}

int event_receive(wc_callback *cb, const void *self, wc_err *e)
{
	json_t     *event;
	const char *name;

	(void)self;
	if (wc_xml_fields(wc_callback_arena(cb), wc_callback_msg(cb), &event, e) < 0)
		return -1;
	name = wc_xml_text(event, "Event");
	if (!strcmp(name, "change_external_chat"))
		return receive_chat(cb, event, e);
	if (!strcmp(name, "change_external_contact"))
		return receive_contact(cb, event, e);
	return 0;     /* others are none of our business, and none that WeCom should repeat */
}

/* --- a group --------------------------------------------------------------------------------------------------------- */

/* The same once more, in the same lane, a little later. try counts. */
static int again(wc_job *job, const char *kind, const char *lane, int64_t try, int64_t ms, wc_err *e)
{
	wc_arena *a    = wc_job_arena(job);
	json_t   *args = wc_json(a, "{}");
	int64_t   from = number_of(wc_job_args(job), "from");

	json_object_update(args, (json_t *)wc_job_args(job));
	json_object_set_new(args, "try", json_integer(try));
	json_object_set_new(args, "from", json_integer(from ? from : wc_job_id(job)));
	return wc_job_add(NULL, &(wc_job_spec){kind, lane, wc_printf(a, "cg/%" PRId64 "/%" PRId64, from ? from : wc_job_id(job), try), args, ms}, e) < 0 ? -1 : 0;
}

static int64_t pause_of(const struct run *r, int64_t try)
{
	int64_t lag = r->self->lag_ms << (try < 6 ? try : 6);

	return r->later_ms > lag ? r->later_ms : lag;
}

/* Whether WeCom still shows what was before the event. Without a version only a change of the group itself tells. */
static bool lags(const json_t *args, const struct detail *d)
{
	const char *version = text_of(args, "version"), *what = text_of(args, "detail");

	if (d->result != DETAIL_TAKEN)
		return false;
	if (*version && strstr(what, "member"))
		return strcmp(version, d->version) && !d->changed;
	return !d->changed && !strcmp(text_of(args, "change"), "update");
}

/* The next sweep asks once more. */
static int mark_due(const char *chat_id, wc_err *e)
{
	return wc_db_exec(NULL, e, "UPDATE wecom_customer_group SET detail_due = TRUE WHERE chat_id = ?", wc_text(chat_id)) < 0 ? -1 : 0;
}

static int is_known_version(wc_arena *a, const json_t *args, bool *known, wc_err *e)
{
	wc_rows rows;

	*known = false;
	if (!*text_of(args, "version") || !strstr(text_of(args, "detail"), "member"))
		return 0;
	if (wc_db_query(NULL, a, &rows, e, "SELECT 1 FROM wecom_customer_group WHERE chat_id = ? AND member_version = ?", wc_text(text_of(args, "chat_id")),
	                wc_text(text_of(args, "version"))) < 0)
		return -1;
	*known = rows.n > 0;
	return 0;
}

static int take_change(struct run *r, const json_t *args, wc_err *e)
{
	const char   *chat = text_of(args, "chat_id");
	int64_t       try  = number_of(args, "try");
	struct detail d;
	wc_rows       rows;

	if (detail_fetch(r, chat, 0, number_of(args, "at_ms"), &d, e) < 0)
		return r->later_ms && try < LAG_TRIES ? again(r->job, "customer-group.chat", lane_of(r->a, chat), try + 1, pause_of(r, try), e) : -1;
	if (lags(args, &d)) {
		/* A detail without a version to compare may be as new as it gets: two looks are enough. */
		if (mark_due(chat, e) < 0)
			return -1;
		return try < (*text_of(args, "version") ? LAG_TRIES : 2) ? again(r->job, "customer-group.chat", lane_of(r->a, chat), try + 1, pause_of(r, try), e) : 0;
	}
	if (wc_db_query(NULL, r->a, &rows, e, "SELECT id FROM wecom_customer_group WHERE chat_id = ?", wc_text(chat)) < 0)
		return -1;
	return rows.n ? segments_refresh(r->self, wc_row_int(&rows, 0, 0), e) : 0;
}

int event_chat(wc_job *job, const void *self, wc_err *e)
{
	struct run    r    = {.self = self, .job = job, .a = wc_job_arena(job)};
	const json_t *args = wc_job_args(job);
	bool          known;

	if (!strcmp(text_of(args, "change"), "dismiss"))
		return group_dismiss(&r, text_of(args, "chat_id"), number_of(args, "at_ms"), e);
	if (is_known_version(r.a, args, &known, e) < 0)
		return -1;
	return known ? 0 : take_change(&r, args, e);
}

/* --- a customer ------------------------------------------------------------------------------------------------------- */

static bool starts(const char *change, const char *with)
{
	return !strncmp(change, with, strlen(with));
}

/* Half-added customers are refused with 84061 until the other half comes; so may be one who was just added. */
static int take_contact(struct run *r, const json_t *args, wc_err *e)
{
	const char *customer = text_of(args, "external_userid"), *userid = text_of(args, "userid"), *change = text_of(args, "change");
	int64_t     try = number_of(args, "try"), errcode;
	bool        half = starts(change, "add_half");

	if (contact_fetch(r, customer, starts(change, "add_") ? userid : NULL, text_of(args, "state"), &errcode, e) < 0)
		return r->later_ms && try < LAG_TRIES ? again(r->job, "customer-group.contact", lane_of(r->a, customer), try + 1, pause_of(r, try), e) : -1;
	if (errcode != 84061)
		return 0;
	if (half)
		return contact_part(customer, userid, "half", e);
	return try < 2 ? again(r->job, "customer-group.contact", lane_of(r->a, customer), try + 1, pause_of(r, try), e) : 0;
}

int event_contact(wc_job *job, const void *self, wc_err *e)
{
	struct run    r      = {.self = self, .job = job, .a = wc_job_arena(job)};
	const json_t *args   = wc_job_args(job);
	const char   *change = text_of(args, "change"), *customer = text_of(args, "external_userid"), *userid = text_of(args, "userid");

	if (!strcmp(change, "del_external_contact"))
		return contact_part(customer, userid, "deleted", e);
	if (!strcmp(change, "del_follow_user"))
		return contact_part(customer, userid, "left", e);
	return starts(change, "add_") || !strcmp(change, "edit_external_contact") ? take_contact(&r, args, e) : 0;
}
