/* Private to core/work: what its queries, routes and commands for people have in common. */
#pragma once

#include "work/work.h"

#include <wecomd/plugin.h>

/* SQL for a DATETIME column as milliseconds since 1970. */
#define MS(column) "CAST(UNIX_TIMESTAMP(" column ") * 1000 AS INTEGER)"

/* The {id} of the path; 0 when it is no id. */
int64_t desk_id(wc_request *rq);

/* A dead job, locked by the caller, gets its state and its new place in its lane (0: it has none). */
int job_try_again(wc_db *db, int64_t id, int64_t state, int64_t lane_no, wc_err *e);

/* Who asks, for the audit trail. */
const char *actor_of(wc_request *rq);

/* Positive decimal number, or 0. */
int64_t number_of(const char *text);

json_t *json_ms(const wc_rows *rows, size_t row, size_t column);       /* a number, null for SQL NULL; a new reference */
json_t *json_word(const wc_rows *rows, size_t row, size_t column);     /* text, null for SQL NULL and what is not UTF-8; a new reference */
