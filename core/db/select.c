/* SELECTs put together from the filters that a request gave, so that each is answered by the index made for it. Only text of the
 * program becomes SQL; what people say is bound. */
#include "db/db.h"

#include <wecomd/clock.h>

#include <stdlib.h>
#include <string.h>

#define SQL_MAX  8192
#define YEAR9999 INT64_C(253402300799999)     /* its last millisecond; a DATETIME goes no further */

void db_select_begin(struct db_select *s, wc_arena *a, const char *sql)
{
	*s = (struct db_select){.a = a, .sql = wc_buf_new(a, SQL_MAX)};
	wc_buf_adds(s->sql, sql);
}

void db_select_add(struct db_select *s, const char *sql, wc_val v)
{
	if (s->n == sizeof s->v / sizeof *s->v)
		abort();
	wc_buf_adds(s->sql, sql);
	s->v[s->n++] = v;
}

void db_select_text(struct db_select *s, const char *condition, const char *text)
{
	if (text)
		db_select_add(s, condition, wc_text(text));
}

/* The database does not compare an ASCII column with what is not ASCII: it fails. */
void db_select_word(struct db_select *s, const char *condition, const char *word)
{
	for (const char *c = word; c && *c; c++) {
		if ((unsigned char)*c < 0x80)
			continue;
		wc_buf_adds(s->sql, " AND FALSE");
		return;
	}
	db_select_text(s, condition, word);
}

/* "2026-01-31 08:00:00.000": a text takes years that FROM_UNIXTIME() does not. */
void db_select_time(struct db_select *s, const char *condition, int64_t ms)
{
	char *text;

	if (ms == WC_ABSENT)
		return;
	text                   = wc_time_text(s->a, ms < 0 ? 0 : ms > YEAR9999 ? YEAR9999 : ms);
	text[10]               = ' ';
	text[strlen(text) - 1] = 0;
	db_select_add(s, condition, wc_text(text));
}

int db_select_run(struct db_select *s, wc_rows *rows, wc_err *e)
{
	return wc_db_query_v(NULL, s->a, rows, e, s->sql->s, s->v, s->n);
}
