/* What the routes and commands of this folder have in common. */
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
