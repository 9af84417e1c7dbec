/* Lists and commands for people: parameters in, pages out. */
#include "work/desk.h"

#include <wecomd/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t number_of(const char *text)
{
	size_t n = text ? strspn(text, "0123456789") : 0;

	return n && n <= 18 && !text[n] ? strtoll(text, NULL, 10) : 0;
}

int64_t desk_id(wc_request *rq)
{
	return number_of(wc_path_param(rq, "id"));
}

const char *actor_of(wc_request *rq)
{
	return wc_actor(rq);
}

int bad_query(wc_request *rq, const char *name, const char *expected)
{
	wc_reply_bad_fields(rq, &(wc_bad_field){.field = name, .expected = expected});
	return 1;
}

int page_read(wc_request *rq, struct page *p)
{
	const char *limit = wc_query_param(rq, "limit"), *cursor = wc_query_param(rq, "cursor");

	p->limit  = limit ? number_of(limit) : 50;
	p->before = cursor ? number_of(cursor) : INT64_MAX;
	if (p->limit < 1 || p->limit > 200)
		return bad_query(rq, "limit", "a number from 1 to 200");
	if (!p->before)
		return bad_query(rq, "cursor", "the \"next\" of the page before");
	return 0;
}

json_t *page_json(wc_arena *a, const struct page *p, const wc_rows *rows, json_t *(*item)(wc_arena *a, const wc_rows *rows, size_t i))
{
	json_t *items = wc_json_keep(a, json_array()), *next;
	size_t  n     = rows->n > (size_t)p->limit ? (size_t)p->limit : rows->n;

	for (size_t i = 0; i < n; i++)
		json_array_append(items, item(a, rows, i));
	next = rows->n > n ? json_string(wc_row_text(rows, n - 1, 0)) : json_null();
	return wc_json(a, "{s:O, s:o}", "items", items, "next", next);
}

int page_reply(wc_request *rq, const struct page *p, const wc_rows *rows, json_t *(*item)(wc_arena *a, const wc_rows *rows, size_t i))
{
	return wc_reply_json(rq, 200, page_json(wc_request_arena(rq), p, rows, item));
}

json_t *json_ms(const wc_rows *rows, size_t row, size_t column)
{
	return wc_row_cell(rows, row, column).s ? json_integer(wc_row_int(rows, row, column)) : json_null();
}

json_t *json_word(const wc_rows *rows, size_t row, size_t column)
{
	wc_cell cell = wc_row_cell(rows, row, column);

	return cell.s && wc_utf8_valid(cell.s, cell.n) ? json_stringn(cell.s, cell.n) : json_null();
}

const char *work_time_text(wc_arena *a, int64_t ms)
{
	time_t    s = ms / 1000;
	struct tm t;
	char      text[32];

	if (!ms)
		return "";
	gmtime_r(&s, &t);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &t);
	return wc_printf(a, "%s.%03d", text, (int)(ms % 1000));
}
