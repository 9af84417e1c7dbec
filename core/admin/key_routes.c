/* /api/keys and "wecomd key …". */
#include "admin/parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const wc_field key_create_fields[] = {
	{WC_STRING, "name", NULL, offsetof(struct key_create_body, name), "what the key is for", .min = 1, .max = 64},
	{WC_CHOICE, "role", NULL, offsetof(struct key_create_body, role), "what the key may do; never more than who makes it",
	 .choices = ROLES},
	{WC_DURATION, "expires", "0s", offsetof(struct key_create_body, expires_ms), "how long it lives, such as 90d; 0s: for ever", .min = 0,
	 .max = 3660ll * 86400000},
	{WC_STRING, "addresses", "", offsetof(struct key_create_body, addresses), "networks it may be used from, such as 10.0.0.0/8; empty: any", .max = 1000},
	{0}};

const wc_field keys_query[] = {
	{WC_CHOICE, "role", NULL, offsetof(struct key_filter, role), "only those with this role", .optional = true, .choices = ROLES},
	{WC_STRING, "created_by", NULL, offsetof(struct key_filter, created_by), "only those made by it, such as user:li.wei", .optional = true, .max = 96},
	{0}};

const wc_field key_fields[] = {
	{WC_INT, "id", NULL, 0, "the key's number", .min = 1, .max = INT64_MAX},
	{WC_STRING, "name", NULL, 0, "what the key is for"},
	{WC_CHOICE, "role", NULL, 0, "what the key may do", .choices = ROLES},
	{WC_STRING, "effective_role", NULL, 0, "what it may do now; null: it is expired, or its maker is disabled", .optional = true},
	{WC_INT, "created_ms", NULL, 0, "when it was made"},
	{WC_INT, "expires_ms", NULL, 0, "when it ends", .optional = true},
	{WC_INT, "last_used_ms", NULL, 0, "when it was used last, to the minute", .optional = true},
	{WC_STRING, "addresses", NULL, 0, "networks it may be used from; empty: any"},
	{WC_STRING, "created_by", NULL, 0, "who made it"},
	{0}};

/* Why a key opens nothing though it is there: role 0 is expired, or its maker is disabled. */
static json_t *key_json(wc_arena *a, const wc_rows *r, size_t i, const void *unused)
{
	wc_role effective = (wc_role)wc_row_int(r, i, 8);

	(void)a, (void)unused;
	return json_pack("{s:I, s:s, s:s, s:s?, s:I, s:o, s:o, s:s, s:s}", "id", (json_int_t)wc_row_int(r, i, 0), "name", wc_row_text(r, i, 1), "role",
	                 role_name((wc_role)wc_row_int(r, i, 2)), "effective_role", effective ? role_name(effective) : NULL, "created_ms",
	                 (json_int_t)wc_row_int(r, i, 3), "expires_ms", time_or_null(r, i, 4), "last_used_ms", time_or_null(r, i, 5), "addresses",
	                 wc_row_text(r, i, 6), "created_by", wc_row_text(r, i, 7));
}

int keys_list(wc_request *rq, const void *self)
{
	wc_list *list = wc_list_begin(rq);
	wc_rows  rows;
	wc_err   e;

	(void)self;
	if (key_rows(wc_request_arena(rq), wc_query(rq), wc_list_after(list, 0), wc_list_fetch(list), &rows, &e) < 0)
		return wc_reply_err(rq, &e);
	return wc_list_reply_rows(list, &rows, key_json, NULL);
}

int keys_create(wc_request *rq, const void *self)
{
	const struct key_create_body *b   = wc_body(rq);
	const struct web_identity    *who = request_identity(rq);
	struct web_cidrs              list;
	struct new_key                k = {.name = b->name, .addresses = b->addresses, .role = role_from(b->role), .expires_in_ms = b->expires_ms,
	                                   .creator = who->user, .actor = wc_actor(rq)};
	const char                   *key;
	wc_err                        e;

	(void)self;
	if (web_cidrs_parse(wc_request_arena(rq), b->addresses, &list, &e) < 0)
		return wc_reply_bad_fields(rq, &(wc_bad_field){"addresses", "addresses or networks such as 10.0.0.0/8 or 2001:db8::/32", NULL});
	if (k.role > who->role)
		return wc_problem(rq, 403, "role_too_high", "a key cannot have more than its maker's role, %s", role_name(who->role));
	if (!(key = key_add(wc_request_arena(rq), &k, &e)))
		return wc_reply_err(rq, &e);
	wc_answer_is_secret(rq);
	return wc_reply(rq, 201, "{s:I, s:s, s:s, s:s}", "id", (json_int_t)k.id, "name", k.name, "role", b->role, "key", key);
}

int keys_delete(wc_request *rq, const void *self)
{
	wc_err e;

	(void)self;
	return key_revoke(NULL, path_id(rq), wc_actor(rq), &e) < 0 ? wc_reply_err(rq, &e) : reply_none(rq);
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

static int say(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

int key_add_command(wc_arena *a, int argc, char **argv, const void *self)
{
	static const wc_field expires = {WC_DURATION, "--expires", "0s", 0, "", .min = 0, .max = 3660ll * 86400000};
	struct new_key        k       = {.name = wc_option(argc, argv, "--name", ""), .addresses = wc_option(argc, argv, "--addresses", ""),
	                                 .role = role_from(wc_option(argc, argv, "--role", "viewer")), .actor = "command"};
	const char           *wrong   = wc_field_from_text(a, &expires, wc_option(argc, argv, "--expires", "0s"), &k.expires_in_ms);
	char                 *key;
	wc_err                e;

	(void)self;
	if (wrong || !k.role) {
		fprintf(stderr, "%s %s\n", wrong ? "--expires: expected" : "--role is one of", wrong ? wrong : "viewer, operator, approver, admin");
		return 2;
	}
	if (!(key = key_add(a, &k, &e)))
		return say(&e);
	printf("%s\n", key);
	return 0;
}

static const char *day(wc_arena *a, const wc_rows *r, size_t row, size_t column)
{
	time_t    s = wc_row_int(r, row, column) / 1000;
	struct tm tm;

	if (!s)
		return "never";
	gmtime_r(&s, &tm);
	return wc_printf(a, "%04d-%02d-%02dT%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

int key_list_command(wc_arena *a, int argc, char **argv, const void *self)
{
	wc_rows r;
	wc_err  e;

	(void)argc;
	(void)argv;
	(void)self;
	if (key_rows(a, &(struct key_filter){0}, 0, 100000, &r, &e) < 0)
		return say(&e);
	for (size_t i = 0; i < r.n; i++)
		printf("%-24s %-9s expires %-18s used %-18s by %-16s %s%s\n", wc_row_text(&r, i, 1), role_name((wc_role)wc_row_int(&r, i, 2)), day(a, &r, i, 4),
		       day(a, &r, i, 5), wc_row_text(&r, i, 7), wc_row_text(&r, i, 6), wc_row_int(&r, i, 8) ? "" : " (opens nothing)");
	return 0;
}

int key_revoke_command(wc_arena *a, int argc, char **argv, const void *self)
{
	wc_err e;

	(void)a;
	(void)self;
	return key_revoke(wc_option(argc, argv, "--name", ""), 0, "command", &e) < 0 ? say(&e) : 0;
}
