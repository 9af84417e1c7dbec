/* Warnings: what somebody should mend in WeCom. One row for each thing; it is cleared when the thing is well again. */
#include "group.h"

#include <inttypes.h>

int warn_on(wc_db *db, const char *kind, const char *object, int64_t errcode, const json_t *details, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int64_t   rc = wc_db_exec(db, e,
	                          "INSERT INTO wecom_customer_warning (kind, object, errcode, details) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE"
	                          " first_at = IF(cleared_at IS NULL, first_at, NOW(3)), errcode = VALUES(errcode), details = VALUES(details), last_at = NOW(3), cleared_at = NULL",
	                          wc_text(kind), wc_text(object), wc_int(errcode), wc_text(details ? wc_json_text(a, details) : "{}"));

	wc_arena_free(a);
	return rc < 0 ? -1 : 0;
}

int warn_off(wc_db *db, const char *kind, const char *object, wc_err *e)
{
	return wc_db_exec(db, e, "UPDATE wecom_customer_warning SET cleared_at = NOW(3) WHERE object = ? AND (? IS NULL OR kind = ?) AND cleared_at IS NULL",
	                  wc_text(object), wc_text(kind), wc_text(kind)) < 0 ? -1 : 0;
}

const wc_field warning_answer[] = {
	{WC_STRING, "id", NULL, 0, "its number"},
	{WC_STRING, "kind", NULL, 0, "owner_without_permission, owner_outside_range, owner_departed, group_unavailable, join_way_full, join_way_differs, join_way_gone, join_way_uncertain"},
	{WC_STRING, "object", NULL, 0, "owner:USERID, group:CHAT_ID or join_way:CONFIG_ID"},
	{WC_INT, "errcode", NULL, 0, "WeCom's; 0: none"},
	{WC_OBJECT, "details", NULL, 0, "what differs, or how many groups there are"},
	{WC_TIME, "first_at", NULL, 0, "seen first"},
	{WC_TIME, "last_at", NULL, 0, "seen last"},
	{0}};

static json_t *warning_json(wc_arena *a, const wc_rows *rows, size_t i, const void *unused)
{
	const char *text = wc_row_text(rows, i, 4);
	wc_err      e;

	(void)unused;
	return json_pack("{s:s, s:s, s:s, s:I, s:O, s:o, s:o}", "id", wc_row_text(rows, i, 0), "kind", wc_row_text(rows, i, 1), "object",
	                 wc_row_text(rows, i, 2), "errcode", (json_int_t)wc_row_int(rows, i, 3), "details", wc_json_parse(a, text, strlen(text), &e),
	                 "first_at", time_json(rows, i, 5), "last_at", time_json(rows, i, 6));
}

int warning_list(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e,
	                "SELECT id, kind, object, errcode, details, UNIX_TIMESTAMP(first_at) * 1000, UNIX_TIMESTAMP(last_at) * 1000 FROM wecom_customer_warning"
	                " WHERE cleared_at IS NULL AND id < ? ORDER BY id DESC LIMIT ?", wc_int(wc_list_after(list, INT64_MAX)), wc_int(wc_list_fetch(list))) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, warning_json, NULL);
}
