/* Counters in one mapping shared by all processes of a node, so that /metrics is whole from any of them. */
#pragma once

#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/buf.h>
#include <wecomd/err.h>

typedef enum wc_metric_type { WC_COUNTER = 1, WC_HISTOGRAM, WC_GAUGE } wc_metric_type;

typedef struct wc_metric {
	const char    *name;       /* "wecomd_messages_total": Prometheus' rules */
	wc_metric_type type;
	const char    *labels;     /* "kind,outcome": names, at most 4; "" for none */
	const char    *help;

	/* WC_GAUGE only: appends samples at each scrape (such as the age of a queue, by one query). name{label="value"} is written by
	 * wc_gauge_sample(). -1 leaves the metric out of this scrape. */
	int          (*sample)(wc_arena *a, wc_buf *out, const void *self, wc_err *e);
} wc_metric;

/* Adds n to the counter with these label values (as many as its labels, NULL at the end). Unknown names are a bug. Values come from
 * small closed sets: no ids, no texts. Lock-free; when the mapping is full the sample is dropped and counted. */
void wc_count(const char *name, int64_t n, ... /* const char *value, …, NULL */);

/* One observation of a histogram, in milliseconds (buckets 1, 2, 5 … 600,000; exported in seconds). */
void wc_observe_ms(const char *name, int64_t ms, ... /* values, NULL */);

void wc_gauge_sample(wc_buf *out, const char *name, const char *labels /* "state=\"ready\"" or "" */, double value);
