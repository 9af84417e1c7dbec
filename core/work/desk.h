/* Private to core/work: what its lists and commands for people have in common. */
#pragma once

#include "work/work.h"

#include <wecomd/plugin.h>

/* SQL for a DATETIME column as milliseconds since 1970. */
#define MS(column) "CAST(UNIX_TIMESTAMP(" column ") * 1000 AS INTEGER)"

/* ?limit= and ?cursor= of a list, newest first: rows with an id below before, one more than limit to see whether there are others. */
struct page {
	int64_t limit, before;
};

/* 0; or 1 when the parameters are wrong and the answer was sent. */
int page_read(wc_request *rq, struct page *p);

/* Sends {"items":[…],"next":…}. rows: at most limit + 1 with the id in column 0; item makes one. */
int page_reply(wc_request *rq, const struct page *p, const wc_rows *rows, json_t *(*item)(wc_arena *a, const wc_rows *rows, size_t i));

/* What it sends. */
json_t *page_json(wc_arena *a, const struct page *p, const wc_rows *rows, json_t *(*item)(wc_arena *a, const wc_rows *rows, size_t i));

/* Sends 422 for one query parameter; returns 1. */
int bad_query(wc_request *rq, const char *name, const char *expected);

/* The {id} of the path; 0 when it is no id. */
int64_t desk_id(wc_request *rq);

/* Who asks, for the audit trail. */
const char *actor_of(wc_request *rq);

/* Positive decimal number, or 0. */
int64_t number_of(const char *text);

json_t *json_ms(const wc_rows *rows, size_t row, size_t column);       /* a number, null for SQL NULL; a new reference */
json_t *json_word(const wc_rows *rows, size_t row, size_t column);     /* text, null for SQL NULL and what is not UTF-8; a new reference */
