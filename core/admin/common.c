/* What the files of the admin tier share: roles as words, made-up passwords, the audit trail. */
#include "admin/parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PASSWORD_MIN 10     /* characters */

wc_role role_from(const char *word)
{
	for (wc_role role = WC_VIEWER; role <= WC_ADMIN; role++)
		if (!strcmp(role_name(role), word))
			return role;
	return 0;
}

char *random_words(wc_arena *a, size_t groups)
{
	static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";     /* 32; no l and 1, no o and 0 */
	unsigned char     raw[64];
	char             *out = wc_alloc(a, groups * 6 + 1), *p = out;

	wc_random(raw, sizeof raw);
	for (size_t i = 0; i < groups * 5 && i < sizeof raw; i++) {
		if (i && i % 5 == 0)
			*p++ = '-';
		*p++ = alphabet[raw[i] % 32];
	}
	return out;
}

const char *password_expected(const char *name, const char *password)
{
	size_t n = strlen(password);

	if (!wc_utf8_valid(password, n))
		return "UTF-8 text";
	if (wc_utf8_count(password, n) < PASSWORD_MIN || n > PASSWORD_MAX)
		return "a password of at least 10 characters and at most 256 bytes";
	if (!strcasecmp(name, password))
		return "a password that is not the user's name";
	return NULL;
}

static bool read_number(const char *text, int64_t *out)
{
	char *end;

	*out = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && strlen(text) < 19;
}

json_t *time_or_null(const wc_rows *rows, size_t row, size_t column)
{
	return wc_row_cell(rows, row, column).s ? json_integer(wc_row_int(rows, row, column)) : json_null();
}

int64_t path_id(wc_request *rq)
{
	int64_t id;

	return read_number(wc_path_param(rq, "id"), &id) ? id : 0;
}

int reply_none(wc_request *rq)
{
	return wc_reply_bytes(rq, 204, "application/json", (wc_slice){"", 0});
}

int audit(wc_db *db, const char *actor, const char *action, const char *kind, int64_t id, json_t *details, wc_err *e)
{
	wc_arena *a  = wc_arena_new();
	int       rc = wc_audit(db, &(wc_audit_entry){actor, action, wc_printf(a, "%s:%lld", kind, (long long)id),
	                                              wc_json_keep(a, details ? details : json_object())}, e);

	wc_arena_free(a);
	return rc;
}
