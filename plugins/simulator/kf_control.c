/* Control of 微信客服: one row, whose columns are the members of the body. */
#include "kf_control.h"

#include <string.h>

#define OF(member) offsetof(struct kf_control, member)
#define NUMBER(name, least, most, text) {WC_INT, #name, NULL, OF(name), text, .min = least, .max = most, .optional = true}
#define TEXT(name, most, text)          {WC_STRING, #name, NULL, OF(name), text, .max = most, .optional = true}

const wc_field kf_control_fields[] = {
	NUMBER(rings, 0, 10, "doorbells for each piece of news; 0: none, 2: doubled"),
	NUMBER(lag_ms, 0, 600000, "how long after its doorbell sync_msg gives a message"),
	NUMBER(page_max, 1, 1000, "entries of a page at most, whatever limit says"),
	NUMBER(empty_pages, 0, 1000000, "so many pages are empty with has_more 1"),
	NUMBER(duplicate_pages, 0, 1000000, "so many pages repeat what was given before their cursor"),
	NUMBER(refused_cursors, 0, 1000000, "so many calls with a cursor are refused"),
	NUMBER(cursor_errcode, -1, 1000000, "by which errcode"),
	{WC_CHOICE, "old_cursor", NULL, OF(old_cursor), "a cursor of more than three days ago", .choices = "oldest|refused", .optional = true},
	NUMBER(tokenless_per_minute, 0, 1000000, "calls of sync_msg without a token for an account"),
	NUMBER(repeat_errcode, -1, 1000000, "of a msgid that was accepted before"),
	NUMBER(code_errcode, -1, 1000000, "of a code that is wrong, used or late"),
	NUMBER(loose, 0, 1, "1: the transitions that the documents leave open are legal: 0 to 1, and 0, 1, 2 to 4"),
	{WC_CHOICE, "route", NULL, OF(route), "where a new session goes by itself", .choices = "new|pool|servicer", .optional = true},
	NUMBER(unverified, 0, 1, "1: the company is not verified and has at most ten accounts"),
	NUMBER(fail_next, 0, 1000000, "so many accepted messages get a msg_send_fail"),
	NUMBER(fail_type, 0, 100, "with that fail_type"),
	TEXT(callback, 1000, "where doorbells go; empty: as configured"),
	TEXT(upgrade_members, 1000, "who customers may be handed to, a|b"),
	TEXT(upgrade_groups, 1000, "and which groups, a|b"),
	{0}};

#define COLUMNS \
	"callback, old_cursor, route, upgrade_members, upgrade_groups, rings, lag_ms, page_max, empty_pages, duplicate_pages, refused_cursors," \
	" cursor_errcode, tokenless_per_minute, repeat_errcode, code_errcode, loose, unverified, fail_next, fail_type"

int kf_control_read(wc_db *db, wc_arena *a, struct kf_control *control, wc_err *e)
{
	wc_rows  rows;
	int64_t *numbers[] = {&control->rings, &control->lag_ms, &control->page_max, &control->empty_pages, &control->duplicate_pages,
	                      &control->refused_cursors, &control->cursor_errcode, &control->tokenless_per_minute, &control->repeat_errcode,
	                      &control->code_errcode, &control->loose, &control->unverified, &control->fail_next, &control->fail_type};

	if (wc_db_query(db, a, &rows, e, "SELECT " COLUMNS " FROM simulator_kf_control WHERE id = 1") < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_INTERNAL, "simulator_kf_control has lost its row");
	control->callback        = wc_row_text(&rows, 0, 0);
	control->old_cursor      = wc_row_text(&rows, 0, 1);
	control->route           = wc_row_text(&rows, 0, 2);
	control->upgrade_members = wc_row_text(&rows, 0, 3);
	control->upgrade_groups  = wc_row_text(&rows, 0, 4);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		*numbers[i] = wc_row_int(&rows, 0, 5 + i);
	return 0;
}

int kf_control_take(wc_db *db, const char *counter, wc_err *e)
{
	int64_t n = !strcmp(counter, "empty_pages")       ? wc_db_exec(db, e, "UPDATE simulator_kf_control SET empty_pages = empty_pages - 1 WHERE id = 1 AND empty_pages > 0")
	          : !strcmp(counter, "duplicate_pages")   ? wc_db_exec(db, e, "UPDATE simulator_kf_control SET duplicate_pages = duplicate_pages - 1 WHERE id = 1 AND duplicate_pages > 0")
	          : !strcmp(counter, "refused_cursors")   ? wc_db_exec(db, e, "UPDATE simulator_kf_control SET refused_cursors = refused_cursors - 1 WHERE id = 1 AND refused_cursors > 0")
	                                                  : wc_db_exec(db, e, "UPDATE simulator_kf_control SET fail_next = fail_next - 1 WHERE id = 1 AND fail_next > 0");

	return n < 0 ? -1 : n > 0;
}

int kf_control_get(wc_request *rq, const void *self)
{
	struct kf_control c;
	wc_err            e;

	(void)self;
	if (kf_control_read(NULL, wc_request_arena(rq), &c, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:s, s:s, s:s}",
	                "rings", (json_int_t)c.rings, "lag_ms", (json_int_t)c.lag_ms, "page_max", (json_int_t)c.page_max,
	                "empty_pages", (json_int_t)c.empty_pages, "duplicate_pages", (json_int_t)c.duplicate_pages,
	                "refused_cursors", (json_int_t)c.refused_cursors, "cursor_errcode", (json_int_t)c.cursor_errcode,
	                "old_cursor", c.old_cursor, "tokenless_per_minute", (json_int_t)c.tokenless_per_minute,
	                "repeat_errcode", (json_int_t)c.repeat_errcode, "code_errcode", (json_int_t)c.code_errcode,
	                "loose", (json_int_t)c.loose, "route", c.route, "unverified", (json_int_t)c.unverified,
	                "fail_next", (json_int_t)c.fail_next, "fail_type", (json_int_t)c.fail_type, "callback", c.callback,
	                "upgrade_members", c.upgrade_members, "upgrade_groups", c.upgrade_groups);
}

static wc_val given(int64_t value)
{
	return value == WC_ABSENT ? wc_null() : wc_int(value);
}

#define SET(column) #column " = COALESCE(?, " #column ")"

int kf_control_set(wc_request *rq, const void *self)
{
	const struct kf_control *to = wc_body(rq);
	wc_err                        e;

	if (wc_db_exec(NULL, &e,
	               "UPDATE simulator_kf_control SET " SET(callback) ", " SET(old_cursor) ", " SET(route) ", " SET(upgrade_members) ", "
	               SET(upgrade_groups) ", " SET(rings) ", " SET(lag_ms) ", " SET(page_max) ", " SET(empty_pages) ", " SET(duplicate_pages) ", "
	               SET(refused_cursors) ", " SET(cursor_errcode) ", " SET(tokenless_per_minute) ", " SET(repeat_errcode) ", "
	               SET(code_errcode) ", " SET(loose) ", " SET(unverified) ", " SET(fail_next) ", " SET(fail_type) " WHERE id = 1",
	               wc_text(to->callback), wc_text(to->old_cursor), wc_text(to->route), wc_text(to->upgrade_members), wc_text(to->upgrade_groups),
	               given(to->rings), given(to->lag_ms), given(to->page_max), given(to->empty_pages), given(to->duplicate_pages),
	               given(to->refused_cursors), given(to->cursor_errcode), given(to->tokenless_per_minute), given(to->repeat_errcode),
	               given(to->code_errcode), given(to->loose), given(to->unverified), given(to->fail_next), given(to->fail_type)) < 0)
		return wc_reply_err(rq, &e);
	return kf_control_get(rq, self);
}
