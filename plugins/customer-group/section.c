/* A customer's part of customer groups: the members who have them as a customer, and its end with them. WeCom goes on listing who was erased here
 * as long as a member has them: the next sweep meets them as somebody new. */
#include "group.h"

#define PERSON "wecom_contact.person"
#define FOLLOW "wecom_contact_follow.person"

#define ROWS                                                                                                                              \
	"SELECT f.userid, f.status, f.state, CAST(UNIX_TIMESTAMP(f.followed_at) * 1000 AS INTEGER), c.external_userid, c.person, f.person"    \
	" FROM wecom_contact c JOIN wecom_contact_follow f ON f.contact_id = c.id WHERE c.customer_id = ? ORDER BY f.id"

static json_t *opened_json(wc_arena *a, const char *about, wc_cell cell)
{
	const char *text = unsealed_text(a, about, cell);
	wc_err      ignored;
	json_t     *value = *text ? wc_json_parse(a, text, strlen(text), &ignored) : NULL;

	return value ? json_incref(value) : json_null();
}

static json_t *row_json(wc_arena *a, const wc_rows *rows, size_t i, bool whole)
{
	json_t *row = json_pack("{s:s, s:s, s:s, s:o}", "member", wc_row_text(rows, i, 0), "status", wc_row_text(rows, i, 1), "state", wc_row_text(rows, i, 2), "since",
	                        time_json(rows, i, 3));

	if (whole) {
		json_object_set_new(row, "external_userid", json_string(wc_row_text(rows, i, 4)));
		json_object_set_new(row, "person", opened_json(a, PERSON, wc_row_cell(rows, i, 5)));
		json_object_set_new(row, "remark", opened_json(a, FOLLOW, wc_row_cell(rows, i, 6)));
	}
	return row;
}

static json_t *section(wc_arena *a, int64_t customer, bool whole, wc_err *e)
{
	json_t *list = wc_json(a, "[]");
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, ROWS, wc_int(customer)) < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++)
		json_array_append_new(list, row_json(a, &rows, i, whole));
	return rows.n ? wc_json(a, "{s:O}", "members", list) : wc_json(a, "n");
}

static json_t *read_section(wc_arena *a, int64_t customer, const void *self, wc_err *e)
{
	(void)self;
	return section(a, customer, false, e);
}

static json_t *whole_section(wc_arena *a, int64_t customer, const void *self, wc_err *e)
{
	(void)self;
	return section(a, customer, true, e);
}

static int erase(wc_db *db, int64_t customer, const void *self, wc_err *e)
{
	(void)self;
	return wc_db_exec(db, e, "UPDATE wecom_customer_group_member m JOIN wecom_contact c ON c.external_userid = m.member_id SET m.names = '' WHERE c.customer_id = ?",
	                  wc_int(customer)) < 0 ||
	       wc_db_exec(db, e, "DELETE f FROM wecom_contact_follow f JOIN wecom_contact c ON c.id = f.contact_id WHERE c.customer_id = ?", wc_int(customer)) < 0 ||
	       wc_db_exec(db, e, "DELETE FROM wecom_contact WHERE customer_id = ?", wc_int(customer)) < 0 ? -1 : 0;
}

const wc_section customer_group_sections[] = {
	{"customer", "contact", read_section, whole_section, erase},
	{0}};
