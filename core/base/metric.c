/* Counters in a mapping that all processes of a node share.
 *
 * A cell is an entry of a table of offsets, by open addressing; the offset leads to a record: the sample's name with its labels as
 * Prometheus writes them, and its numbers. A record is written whole before its offset is put into the table by one compare-and-swap,
 * so a process that dies in between leaves nothing half done, and nobody ever waits. Two that make the same sample at once leave one
 * record unused. */
#include "base/base.h"

#include <wecomd/log.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS        8192u
#define METRICS_MAX  512
#define LABELS_MAX   4
#define KEY_MAX      240

static const int64_t bounds_ms[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 60000, 120000, 300000, 600000};

#define BOUNDS (sizeof bounds_ms / sizeof *bounds_ms)

/* The numbers of a counter: its value. Of a histogram: one for each bucket, one for what is above, the sum in milliseconds. */
struct record {
	uint32_t       numbers;
	uint32_t       key_len;
	_Atomic int64_t number[];     /* and then the key, terminated */
};

struct mapping {
	_Atomic uint32_t used;             /* bytes behind cell[]; may run beyond the end, then it is full */
	_Atomic int64_t  dropped;
	_Atomic uint32_t cell[CELLS];      /* 0: free; else 1 + the record's offset in data */
	_Alignas(8) char data[];
};

struct declared {
	const wc_metric *metric;
	const void      *self;
};

static struct mapping *shared;
static struct declared known[METRICS_MAX];     /* by name */
static size_t          known_count;

#define DATA_BYTES (METRICS_BYTES - offsetof(struct mapping, data))

void metrics_use(void *mapping)
{
	shared = mapping;
}

/* --- what is known -------------------------------------------------------------------------------------------------- */

static bool is_name(const char *s, size_t n, bool colons)
{
	if (!n || isdigit((unsigned char)*s))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && !(colons && s[i] == ':'))
			return false;
	return true;
}

const char *metric_fault(const wc_metric *m)
{
	size_t labels = 0;

	if (!is_name(m->name, strlen(m->name), true) || strlen(m->name) > 100)
		return "its name is not one of Prometheus'";
	if (m->type < WC_COUNTER || m->type > WC_GAUGE)
		return "it has no type";
	if ((m->type == WC_GAUGE) != (m->sample != NULL))
		return "a gauge, and nothing else, has a sample function";
	if (!m->labels || !m->help || !*m->help)
		return "it lacks labels (\"\" for none) or help";
	for (const char *l = m->labels; *l; l += strcspn(l, ",") + (strchr(l, ',') != NULL))
		if (++labels > LABELS_MAX || !is_name(l, strcspn(l, ","), false))
			return "its labels are not at most four names, with commas between them";
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct declared *)a)->metric->name, ((const struct declared *)b)->metric->name);
}

void metrics_declare(const wc_metric *metric, const void *self)
{
	if (known_count == METRICS_MAX) {
		wc_log(WC_ERROR, "more metrics than expected", wc_kv_s("metric", metric->name));
		return;
	}
	known[known_count++] = (struct declared){metric, self};
	qsort(known, known_count, sizeof *known, by_name);
}

static const wc_metric *find_metric(const char *name, wc_metric_type type)
{
	size_t low = 0, high = known_count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int    way = strcmp(name, known[mid].metric->name);

		if (way == 0)
			return known[mid].metric->type == type ? known[mid].metric : NULL;
		if (way < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* --- counting ------------------------------------------------------------------------------------------------------- */

struct key {
	char   s[KEY_MAX];
	size_t n;
};

static bool put(struct key *k, const char *s, size_t n)
{
	if (n >= sizeof k->s - k->n)
		return false;
	memcpy(k->s + k->n, s, n);
	k->n += n;
	return true;
}

static bool put_value(struct key *k, const char *value)
{
	for (; *value; value++) {
		const char *escaped = *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : *value == '\\' ? "\\\\" : NULL;

		if (!put(k, escaped ? escaped : value, escaped ? 2 : 1))
			return false;
	}
	return true;
}

/* name{label="value",…}; false when it is too long or the values do not fit the labels. */
static bool make_key(struct key *k, const wc_metric *m, va_list values)
{
	const char *label = m->labels, *value;
	bool        first = true;

	k->n = 0;
	if (!put(k, m->name, strlen(m->name)))
		return false;
	while ((value = va_arg(values, const char *))) {
		size_t n = strcspn(label, ",");

		if (!n || !put(k, first ? "{" : ",", 1) || !put(k, label, n) || !put(k, "=\"", 2) || !put_value(k, value) || !put(k, "\"", 1))
			return false;
		label += n + (label[n] == ',');
		first = false;
	}
	if (*label || (!first && !put(k, "}", 1)))
		return false;
	k->s[k->n] = 0;
	return true;
}

static const char *key_of(const struct record *r)
{
	return (const char *)&r->number[r->numbers];
}

static bool fits(const struct record *r, const struct key *k, uint32_t numbers)
{
	return r->key_len == k->n && r->numbers == numbers && !memcmp(key_of(r), k->s, k->n);
}

static uint32_t hash(const struct key *k)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < k->n; i++)
		h = (h ^ (unsigned char)k->s[i]) * 16777619u;
	return h;
}

/* A record of its own, not yet in the table; 0 when the mapping is full, otherwise 1 + its offset. */
static uint32_t new_record(const struct key *k, uint32_t numbers)
{
	uint32_t       size = (uint32_t)((sizeof(struct record) + numbers * sizeof(int64_t) + k->n + 1 + 7) & ~(size_t)7);
	uint32_t       at   = atomic_load(&shared->used);
	struct record *r;

	do {
		if (at + size > DATA_BYTES)
			return 0;
	} while (!atomic_compare_exchange_weak(&shared->used, &at, at + size));
	r          = (struct record *)(shared->data + at);
	r->numbers = numbers;
	r->key_len = (uint32_t)k->n;
	memcpy((char *)&r->number[numbers], k->s, k->n + 1);
	return at + 1;
}

static struct record *record_at(uint32_t cell)
{
	return (struct record *)(shared->data + cell - 1);
}

static struct record *find_or_make(const struct key *k, uint32_t numbers)
{
	uint32_t h = hash(k), own = 0;

	for (uint32_t i = 0; i < CELLS; i++) {
		_Atomic uint32_t *cell = &shared->cell[(h + i) % CELLS];
		uint32_t          is   = atomic_load_explicit(cell, memory_order_acquire);

		if (!is) {
			if (!own && !(own = new_record(k, numbers)))
				return NULL;
			if (atomic_compare_exchange_strong(cell, &is, own))
				return record_at(own);
		}
		if (fits(record_at(is), k, numbers))
			return record_at(is);
	}
	return NULL;
}

static struct record *record_for(const char *name, wc_metric_type type, uint32_t numbers, va_list values)
{
	const wc_metric *m = find_metric(name, type);
	struct record   *r = NULL;
	struct key       k;

	if (m && make_key(&k, m, values))
		r = find_or_make(&k, numbers);
	if (!r)
		atomic_fetch_add_explicit(&shared->dropped, 1, memory_order_relaxed);
	return r;
}

void wc_count(const char *name, int64_t n, ...)
{
	struct record *r;
	va_list        values;

	if (!shared)
		return;
	va_start(values, n);
	r = record_for(name, WC_COUNTER, 1, values);
	va_end(values);
	if (r)
		atomic_fetch_add_explicit(&r->number[0], n, memory_order_relaxed);
}

void wc_observe_ms(const char *name, int64_t ms, ...)
{
	struct record *r;
	va_list        values;
	size_t         bucket = 0;

	if (!shared)
		return;
	va_start(values, ms);
	r = record_for(name, WC_HISTOGRAM, BOUNDS + 2, values);
	va_end(values);
	if (!r)
		return;
	if (ms < 0)
		ms = 0;
	while (bucket < BOUNDS && ms > bounds_ms[bucket])
		bucket++;
	atomic_fetch_add_explicit(&r->number[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->number[BOUNDS + 1], ms, memory_order_relaxed);
}

/* --- showing -------------------------------------------------------------------------------------------------------- */

void wc_gauge_sample(wc_buf *out, const char *name, const char *labels, double value)
{
	wc_buf_addf(out, *labels ? "%s{%s} %.15g\n" : "%s%s %.15g\n", name, labels, value);
}

/* The samples of a histogram: its buckets add up, and each carries the record's labels. */
static void write_histogram(wc_buf *out, const wc_metric *m, const struct record *r)
{
	const char *labels = key_of(r) + strlen(m->name);     /* "" or "{…}" */
	int         n      = *labels ? (int)strlen(labels) - 2 : 0;
	int64_t     sum    = atomic_load_explicit(&r->number[BOUNDS + 1], memory_order_relaxed), count = 0;

	labels += *labels == '{';
	for (size_t i = 0; i <= BOUNDS; i++) {
		count += atomic_load_explicit(&r->number[i], memory_order_relaxed);
		wc_buf_addf(out, "%s_bucket{%.*s%s", m->name, n, labels, n ? "," : "");
		if (i < BOUNDS)
			wc_buf_addf(out, "le=\"%g\"} %" PRId64 "\n", (double)bounds_ms[i] / 1000, count);
		else
			wc_buf_addf(out, "le=\"+Inf\"} %" PRId64 "\n", count);
	}
	wc_buf_addf(out, n ? "%s_sum{%.*s} %.15g\n" : "%s_sum%.*s %.15g\n", m->name, n, labels, (double)sum / 1000);
	wc_buf_addf(out, n ? "%s_count{%.*s} %" PRId64 "\n" : "%s_count%.*s %" PRId64 "\n", m->name, n, labels, count);
}

static bool is_of(const struct record *r, const wc_metric *m)
{
	const char *key = key_of(r);
	size_t      n   = strlen(m->name);

	return !strncmp(key, m->name, n) && (!key[n] || key[n] == '{') && r->numbers == (m->type == WC_COUNTER ? 1 : BOUNDS + 2);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(key_of(*(const struct record *const *)a), key_of(*(const struct record *const *)b));
}

static size_t gather(wc_arena *a, const struct record ***all)
{
	size_t n = 0;

	*all = wc_alloc(a, CELLS * sizeof **all);
	for (uint32_t i = 0; shared && i < CELLS; i++) {
		uint32_t cell = atomic_load_explicit(&shared->cell[i], memory_order_acquire);

		if (cell)
			(*all)[n++] = record_at(cell);
	}
	qsort(*all, n, sizeof **all, by_key);
	return n;
}

static void write_head(wc_buf *out, const char *name, const char *type, const char *help)
{
	wc_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A gauge that cannot be told just now is left out; the rest is worth having without it. */
static void write_gauge(wc_arena *a, wc_buf *out, const struct declared *d)
{
	size_t before = out->len;
	wc_err e;

	write_head(out, d->metric->name, "gauge", d->metric->help);
	if (d->metric->sample(a, out, self_now(d->self), &e) == 0)
		return;
	wc_log(WC_WARN, "a gauge could not be read", wc_kv_s("metric", d->metric->name), wc_kv_s("error", e.text));
	if (!wc_buf_failed(out)) {
		out->len         = before;
		out->s[out->len] = 0;
	}
}

static void write_counted(wc_buf *out, const wc_metric *m, const struct record *const *all, size_t n)
{
	bool any = false;

	write_head(out, m->name, m->type == WC_COUNTER ? "counter" : "histogram", m->help);
	for (size_t i = 0; i < n; i++) {
		if (!is_of(all[i], m))
			continue;
		any = true;
		if (m->type == WC_COUNTER)
			wc_buf_addf(out, "%s %" PRId64 "\n", key_of(all[i]), atomic_load_explicit(&all[i]->number[0], memory_order_relaxed));
		else
			write_histogram(out, m, all[i]);
	}
	if (!any && m->type == WC_COUNTER && !*m->labels)
		wc_buf_addf(out, "%s 0\n", m->name);
}

void metrics_write(wc_arena *a, wc_buf *out)
{
	const struct record **all;
	size_t                n = gather(a, &all);

	for (size_t i = 0; i < known_count; i++) {
		if (known[i].metric->type == WC_GAUGE)
			write_gauge(a, out, &known[i]);
		else
			write_counted(out, known[i].metric, all, n);
	}
	write_head(out, "wecomd_metrics_dropped_total", "counter", "samples that found no room, no declaration or not the right labels");
	wc_buf_addf(out, "wecomd_metrics_dropped_total %" PRId64 "\n", shared ? atomic_load(&shared->dropped) : 0);
}
