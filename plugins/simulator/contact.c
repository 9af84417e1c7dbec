/* What the calls of customer contact share: members and their rights, bodies, cursors, empty answers. */
#include "contact.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int contact_ready(const struct simulator *sim, wc_err *e)
{
	static atomic_bool ready;

	if (atomic_load(&ready))
		return 0;
	for (size_t i = 0; i < sim->people.n; i++)
		if (wc_db_exec(NULL, e, "INSERT IGNORE INTO simulator_contact_member (userid, name) VALUES (?, ?)", wc_text(sim->people.list[i].id),
		               wc_text(sim->people.list[i].name)) < 0)
			return -1;
	atomic_store(&ready, true);
	return 0;
}

int contact_rules_read(wc_db *db, wc_arena *a, struct contact_rules *rules, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT detail_lag_ms, outside_code, page_max, cursor_life_ms, lower_case, unionids FROM simulator_contact_rules"
	                " WHERE id = 1") < 0)
		return -1;
	*rules = (struct contact_rules){wc_row_int(&rows, 0, 0), wc_row_int(&rows, 0, 1), wc_row_int(&rows, 0, 2), wc_row_int(&rows, 0, 3),
	                                wc_row_int(&rows, 0, 4) != 0, wc_row_int(&rows, 0, 5) != 0};
	return 0;
}

int contact_member_find(wc_arena *a, const struct contact_rules *rules, const char *userid, struct contact_member *m, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT userid, permission, visible, departed_s FROM simulator_contact_member WHERE userid = ?",
	                wc_text(userid)) < 0)
		return -1;
	*m = (struct contact_member){rows.n ? wc_row_text(&rows, 0, 0) : userid, rows.n && wc_row_cell(&rows, 0, 3).s, 0};
	if (!rows.n)
		m->errcode = 40003;
	else if (!wc_row_int(&rows, 0, 2))
		m->errcode = rules->outside_code;
	else if (!wc_row_int(&rows, 0, 1) && !m->departed)
		m->errcode = 84074;
	return 0;
}

const char *contact_shown(wc_arena *a, const struct contact_rules *rules, const char *userid)
{
	char *copy;

	if (!rules->lower_case)
		return userid;
	copy = wc_strdup(a, userid);
	for (char *p = copy; *p; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
	return copy;
}

const json_t *contact_body(struct cgi_call *c)
{
	wc_slice      raw = wc_raw_body(c->rq);
	const json_t *body;
	wc_err        e;

	if (contact_ready(c->sim, &e) < 0) {
		cgi_refuse(c, -1, "system busy");
		return NULL;
	}
	body = wc_json_parse(c->a, raw.p, raw.n, &e);
	if (!json_is_object(body)) {
		cgi_refuse(c, 40058, "Warning: wrong json format. invalid request parameter");
		return NULL;
	}
	if (json_object_get(body, "access_token")) {
		cgi_refuse(c, 41001, "access_token missing");
		return NULL;
	}
	return body;
}

const char *contact_text(const json_t *body, const char *name)
{
	const char *text = wc_json_str(body, name);

	return text ? text : "";
}

/* --- cursors --------------------------------------------------------------------------------------------------------- */

static const char *cursor_seal(wc_arena *a, const char *about, const char *issued, const char *last)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "simulator.cursor", about, issued, last, NULL);
	return wc_hex(a, hash, 12);
}

const char *contact_cursor(wc_arena *a, const char *about, const char *last)
{
	const char *issued = wc_printf(a, "%" PRId64, wc_now_ms());

	return wc_printf(a, "%s.%s.%s", cursor_seal(a, about, issued, last), issued, wc_hex(a, (const unsigned char *)last, strlen(last)));
}

static const char *from_hex(wc_arena *a, const char *hex)
{
	size_t n    = strlen(hex) / 2;
	char  *text = wc_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)strtol(wc_strndup(a, hex + 2 * i, 2), NULL, 16);
	return text;
}

const char *contact_cursor_last(wc_arena *a, const struct contact_rules *rules, const char *about, const char *cursor)
{
	const char *dot = strchr(cursor, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;
	const char *issued, *last;

	if (!second)
		return NULL;
	issued = wc_strndup(a, dot + 1, (size_t)(second - dot - 1));
	last   = from_hex(a, second + 1);
	if (strcmp(wc_strndup(a, cursor, (size_t)(dot - cursor)), cursor_seal(a, about, issued, last)))
		return NULL;
	return strtoll(issued, NULL, 10) + rules->cursor_life_ms < wc_now_ms() ? NULL : last;
}

/* --- answers --------------------------------------------------------------------------------------------------------- */

json_t *contact_empty(wc_arena *a, const char *api)
{
	static const char *const lists[][2] = {
		{"externalcontact/get_follow_user_list", "follow_user"}, {"externalcontact/list", "external_userid"},
		{"externalcontact/batch/get_by_user", "external_contact_list"}, {"externalcontact/get_unassigned_list", "info"},
		{"externalcontact/get_corp_tag_list", "tag_group"}, {"externalcontact/groupchat/list", "group_chat_list"},
		{"externalcontact/groupchat/statistic", "items"}};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (!strcmp(lists[i][0], api))
			return wc_json(a, "{s:[], s:s}", lists[i][1], "next_cursor", "");
	return NULL;
}

const char *contact_id(wc_arena *a, const char *prefix)
{
	unsigned char raw[12];

	wc_random(raw, sizeof raw);
	return wc_printf(a, "%s%s", prefix, wc_hex(a, raw, sizeof raw));
}
