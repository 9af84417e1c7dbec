/* Figures over time that a plugin gives to the overview (GET /api/overview). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>

/* n stretches of bucket_ms each, the first from from_ms on; UTC milliseconds, whole seconds. */
typedef struct wc_span {
	int64_t from_ms, bucket_ms;
	size_t  n;
} wc_span;

/* Offered as "messages", version 1, by a plugin through which people and the company talk. Adds to in[] and out[], n numbers each, what came
 * and what went in each stretch. Must be fast over millions of rows: counted from an index. -1 with *e: the overview fails. */
typedef struct wc_messages {
	int (*count)(wc_arena *a, const wc_span *span, int64_t *in, int64_t *out, const void *self, wc_err *e);
} wc_messages;

/* SQL for the stretch that a DATETIME column lies in, and for the condition that it lies in one; each takes two values:
 *
 *     "SELECT " WC_BUCKET("at") " AS bucket, COUNT(*) FROM thing WHERE " WC_WITHIN("at") " GROUP BY bucket", WC_SPAN_VALUES(span)
 */
#define WC_BUCKET(column) "TIMESTAMPDIFF(SECOND, FROM_UNIXTIME(?), " column ") DIV ?"
#define WC_WITHIN(column) column " >= FROM_UNIXTIME(?) AND " column " < FROM_UNIXTIME(?)"
#define WC_SPAN_VALUES(s)                                                                                                                 \
	wc_int((s)->from_ms / 1000), wc_int((s)->bucket_ms / 1000), wc_int((s)->from_ms / 1000),                                             \
		wc_int(((s)->from_ms + (int64_t)(s)->n * (s)->bucket_ms) / 1000)
