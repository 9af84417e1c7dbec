/* One JSON object a line on standard error.
 *
 *     wc_log(WC_WARN, "callback refused", wc_kv_s("callback", name), wc_kv_i("status", 403));
 *
 * Each line carries time (UTC, milliseconds), level, process role, pid and the thread's trace id.
 * Secrets, message texts and bodies never go into a log. Safe from every thread. */
#pragma once

#include <stdint.h>

typedef enum wc_level { WC_DEBUG, WC_INFO, WC_WARN, WC_ERROR } wc_level;

typedef struct wc_kv {
	const char *key;
	const char *text;     /* NULL: a number */
	int64_t     number;
} wc_kv;

static inline wc_kv wc_kv_s(const char *key, const char *text)
{
	return (wc_kv){key, text ? text : "", 0};
}

static inline wc_kv wc_kv_i(const char *key, int64_t number)
{
	return (wc_kv){key, 0, number};
}

#define wc_log(level, message, ...) wc_log_line(level, message, (const wc_kv[]){__VA_ARGS__ __VA_OPT__(, ){0}})

void wc_log_line(wc_level level, const char *message, const wc_kv *kv /* ends with a NULL key */);
void wc_log_level(wc_level least);           /* what is below is dropped; WC_INFO at first */
void wc_log_role(const char *role);          /* static text: "master", "web", "worker", … */

/* The trace id that ties together what belongs to one message: 32 hex digits, thread-local.
 * wc_trace_new() sets and returns a fresh one; wc_trace_set(NULL) clears it. */
const char *wc_trace(void);                  /* "" when there is none */
const char *wc_trace_new(void);
void        wc_trace_set(const char *trace_id);
