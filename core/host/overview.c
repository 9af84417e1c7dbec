/* GET /api/overview: what happened in the last hours and how it stands now, by stretches of time.
 *
 * Everything is counted from indexes. An answer is kept for a short while, the longer the more work it was, so that many open consoles
 * and many millions of rows together take a small part of one connection. */
#include "host/program.h"

#include "base/base.h"

#include <wecomd/clock.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HOURS_MAX   720
#define POINTS_MAX  96
#define KEEP_MS     2000      /* at least */
#define KEEP_FACTOR 20        /* times what the answer took */
#define KEEP_MAX_MS 60000
#define MODELS_MAX  100

/* --- stretches of time ---------------------------------------------------------------------------------------------- */

/* The finest that gives at most POINTS_MAX points; they begin at round times of the wall clock, and the last holds this moment. */
static wc_span span_of(int64_t hours, int64_t now_ms, int64_t zone_ms)
{
	static const int64_t minutes[] = {1, 5, 15, 30, 60, 180, 360, 720};
	wc_span              s = {.bucket_ms = 60000};
	int64_t              all_ms = hours * 3600000, end_ms;

	for (size_t i = 0; i < sizeof minutes / sizeof *minutes && all_ms / s.bucket_ms > POINTS_MAX; i++)
		s.bucket_ms = minutes[i] * 60000;
	s.n       = (size_t)((all_ms + s.bucket_ms - 1) / s.bucket_ms);
	end_ms    = ((now_ms + zone_ms) / s.bucket_ms + 1) * s.bucket_ms - zone_ms;
	s.from_ms = end_ms - (int64_t)s.n * s.bucket_ms;
	return s;
}

/* Rows of stretch and numbers: column c + 1 is added to into[c]. What lies outside is left out. */
static void add_rows(const wc_span *s, const wc_rows *rows, int64_t *const *into)
{
	for (size_t i = 0; i < rows->n; i++) {
		int64_t at = wc_row_int(rows, i, 0);

		for (size_t c = 0; at >= 0 && at < (int64_t)s->n && into[c]; c++)
			into[c][at] += wc_row_int(rows, i, c + 1);
	}
}

static json_t *list_of(const int64_t *numbers, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, numbers[i] < 0 ? json_null() : json_integer(numbers[i]));
	return list;
}

static int64_t sum_of(const int64_t *numbers, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += numbers[i];
	return sum;
}

static json_t *counted(const int64_t *numbers, size_t n)
{
	return json_pack("{s:I, s:o}", "total", (json_int_t)sum_of(numbers, n), "series", list_of(numbers, n));
}

static int64_t *zeros(wc_arena *a, const wc_span *s)
{
	return wc_alloc(a, s->n * sizeof(int64_t));
}

/* Counts rows in each stretch: sql takes the span's four values. NULL with *e. */
static json_t *count(wc_arena *a, const wc_span *s, const char *sql, wc_err *e)
{
	int64_t *numbers = zeros(a, s);
	wc_rows  rows;

	if (wc_db_query(NULL, a, &rows, e, sql, WC_SPAN_VALUES(s)) < 0)
		return NULL;
	add_rows(s, &rows, (int64_t *const[]){numbers, NULL});
	return counted(numbers, s->n);
}

#define COUNT_OF(table, column, more) \
	"SELECT " WC_BUCKET(column) " AS bucket, COUNT(*) FROM " table " WHERE " WC_WITHIN(column) more " GROUP BY bucket"

/* --- jobs ----------------------------------------------------------------------------------------------------------- */

/* How they stand now. Finished ones are in their thousands and counted by time alone. */
static int jobs_now(wc_arena *a, json_t *jobs, wc_err *e)
{
	static const char *const names[] = {"waiting", "ready", "running", NULL, "dead"};
	int64_t                  n[5]    = {0};
	wc_rows                  rows, oldest;

	if (wc_db_query(NULL, a, &rows, e, "SELECT state, COUNT(*) FROM job WHERE state IN (0, 1, 2, 4) GROUP BY state") < 0 ||
	    wc_db_query(NULL, a, &oldest, e, "SELECT GREATEST(TIMESTAMPDIFF(MICROSECOND, MIN(due_at), NOW(3)) DIV 1000, 0) FROM job"
	                                     " WHERE state = 1 AND due_at <= NOW(3)") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (wc_row_int(&rows, i, 0) >= 0 && wc_row_int(&rows, i, 0) < 5)
			n[wc_row_int(&rows, i, 0)] = wc_row_int(&rows, i, 1);
	for (size_t i = 0; i < 5; i++)
		if (names[i])
			json_object_set_new(jobs, names[i], json_integer(n[i]));
	json_object_set_new(jobs, "oldest_ready_ms", wc_row_cell(&oldest, 0, 0).s ? json_integer(wc_row_int(&oldest, 0, 0)) : json_null());
	return 0;
}

static json_t *jobs_part_of(wc_arena *a, const wc_span *s, wc_err *e)
{
	json_t *jobs = wc_json(a, "{}"), *done, *died;

	if (jobs_now(a, jobs, e) < 0 || !(done = count(a, s, COUNT_OF("job", "due_at", " AND state = 3"), e)))
		return NULL;
	json_object_set_new(jobs, "done", done);
	if (!(died = count(a, s, COUNT_OF("job", "due_at", " AND state = 4"), e)))
		return NULL;
	json_object_set_new(jobs, "died", died);
	return jobs;
}

/* --- model calls ---------------------------------------------------------------------------------------------------- */

/* Rows are stretch, milliseconds, how many, in the order of the milliseconds. The least value that percent of them do not exceed, of one
 * stretch or (-1) of all; -1 where there are none. */
static int64_t percentile(const wc_rows *rows, int64_t stretch, int64_t percent)
{
	int64_t all = 0, seen = 0;

	for (size_t i = 0; i < rows->n; i++)
		all += stretch < 0 || wc_row_int(rows, i, 0) == stretch ? wc_row_int(rows, i, 2) : 0;
	for (size_t i = 0; all && i < rows->n; i++) {
		seen += stretch < 0 || wc_row_int(rows, i, 0) == stretch ? wc_row_int(rows, i, 2) : 0;
		if (seen * 100 >= all * percent)
			return wc_row_int(rows, i, 1);
	}
	return -1;
}

static json_t *or_null(int64_t n)
{
	return n < 0 ? json_null() : json_integer(n);
}

/* To two digits: that makes a few hundred groups of any number of calls. */
static int first_text(wc_arena *a, const wc_span *s, json_t *ai, json_t *series, wc_err *e)
{
	int64_t *median = zeros(a, s), *p95 = zeros(a, s);
	wc_rows  rows;

	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT " WC_BUCKET("at") " AS bucket, ROUND(first_text_ms, 2 - LENGTH(first_text_ms)) AS ms, COUNT(*) FROM ai_call"
	                " WHERE " WC_WITHIN("at") " AND first_text_ms IS NOT NULL GROUP BY bucket, ms ORDER BY ms", WC_SPAN_VALUES(s)) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		median[i] = percentile(&rows, (int64_t)i, 50);
		p95[i]    = percentile(&rows, (int64_t)i, 95);
	}
	json_object_set_new(ai, "first_text_ms", json_pack("{s:o, s:o}", "median", or_null(percentile(&rows, -1, 50)), "p95",
	                                                   or_null(percentile(&rows, -1, 95))));
	json_object_set_new(series, "first_text_median_ms", list_of(median, s->n));
	json_object_set_new(series, "first_text_p95_ms", list_of(p95, s->n));
	return 0;
}

enum { CALLS, FAILED, PROMPT, COMPLETION, COST, FIGURES };

/* Rows are stretch, model, figures. */
struct models {
	size_t      n;
	const char *name[MODELS_MAX];
	int64_t     of[MODELS_MAX][FIGURES];
};

static int64_t *figures_of(struct models *m, const char *name)
{
	size_t i = 0;

	while (i < m->n && strcmp(m->name[i], name))
		i++;
	if (i == MODELS_MAX)
		return m->of[MODELS_MAX - 1];
	m->n       = i == m->n ? i + 1 : m->n;
	m->name[i] = name;
	return m->of[i];
}

static void add_figures(const wc_span *s, const wc_rows *rows, int64_t *const *by_time, struct models *by_model)
{
	for (size_t i = 0; i < rows->n; i++) {
		int64_t  at = wc_row_int(rows, i, 0);
		int64_t *of = figures_of(by_model, wc_row_text(rows, i, 1));

		for (size_t f = 0; at >= 0 && at < (int64_t)s->n && f < FIGURES; f++) {
			by_time[f][at] += wc_row_int(rows, i, f + 2);
			of[f] += wc_row_int(rows, i, f + 2);
		}
	}
}

static json_t *list_models(const struct models *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n; i++) {
		const int64_t *of = m->of[i];

		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "model", m->name[i], "calls", (json_int_t)of[CALLS], "failed",
		                                      (json_int_t)of[FAILED], "prompt_tokens", (json_int_t)of[PROMPT], "completion_tokens",
		                                      (json_int_t)of[COMPLETION], "cost_micros", (json_int_t)of[COST]));
	}
	return list;
}

static json_t *ai_part_of(wc_arena *a, const wc_span *s, wc_err *e)
{
	struct models *models = wc_alloc(a, sizeof *models);
	int64_t       *f[FIGURES], *tokens = zeros(a, s);
	json_t        *ai, *series;
	wc_rows        rows;

	for (size_t i = 0; i < FIGURES; i++)
		f[i] = zeros(a, s);
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT " WC_BUCKET("at") " AS bucket, model, COUNT(*), SUM(failed), SUM(prompt_tokens), SUM(completion_tokens), SUM(cost_micros)"
	                " FROM ai_call WHERE " WC_WITHIN("at") " GROUP BY bucket, model ORDER BY model", WC_SPAN_VALUES(s)) < 0)
		return NULL;
	add_figures(s, &rows, f, models);
	for (size_t i = 0; i < s->n; i++)
		tokens[i] = f[PROMPT][i] + f[COMPLETION][i];
	series = wc_json(a, "{s:o, s:o, s:o, s:o}", "calls", list_of(f[CALLS], s->n), "failed", list_of(f[FAILED], s->n), "tokens",
	                 list_of(tokens, s->n), "cost_micros", list_of(f[COST], s->n));
	ai = wc_json(a, "{s:I, s:I, s:I, s:I, s:I, s:s, s:O, s:o}", "calls", (json_int_t)sum_of(f[CALLS], s->n), "failed",
	             (json_int_t)sum_of(f[FAILED], s->n), "prompt_tokens", (json_int_t)sum_of(f[PROMPT], s->n), "completion_tokens",
	             (json_int_t)sum_of(f[COMPLETION], s->n), "cost_micros", (json_int_t)sum_of(f[COST], s->n), "currency", wc_currency(),
	             "series", series, "models", list_models(models));
	return first_text(a, s, ai, series, e) < 0 ? NULL : ai;
}

/* --- messages, outward actions, the audit trail ---------------------------------------------------------------------- */

/* Told by the plugins through which people and the company talk. */
static json_t *messages_part_of(wc_arena *a, const wc_span *s, wc_err *e)
{
	int64_t *in = zeros(a, s), *out = zeros(a, s);

	for (size_t i = 0; i < loaded->slot_count; i++) {
		const wc_plugin *plugin = loaded->slots[i].plugin;

		for (const wc_offer *o = plugin->offers; o && o->name; o++) {
			const wc_messages *messages = o->table;

			if (!strcmp(o->name, "messages") && o->version == 1 && messages->count(a, s, in, out, self_now(loaded->slots[i].self), e) < 0) {
				wc_wrap(e, "messages of %s", plugin->name);
				return NULL;
			}
		}
	}
	return wc_json(a, "{s:o, s:o}", "in", counted(in, s->n), "out", counted(out, s->n));
}

/* In the time asked for by when they were begun; and how many stand open now, whenever they were begun. */
static json_t *outbound_part_of(wc_arena *a, const wc_span *s, wc_err *e)
{
	int64_t n[5] = {0}, open[5] = {0};
	wc_rows rows, now;

	if (wc_db_query(NULL, a, &rows, e, "SELECT state, COUNT(*) FROM outbound_call WHERE " WC_WITHIN("created_at") " GROUP BY state",
	                wc_int(s->from_ms / 1000), wc_int((s->from_ms + (int64_t)s->n * s->bucket_ms) / 1000)) < 0 ||
	    wc_db_query(NULL, a, &now, e, "SELECT state, COUNT(*) FROM outbound_call WHERE state IN (0, 3) GROUP BY state") < 0)
		return NULL;
	for (size_t i = 0; i < rows.n; i++)
		n[wc_row_int(&rows, i, 0)] = wc_row_int(&rows, i, 1);
	for (size_t i = 0; i < now.n; i++)
		open[wc_row_int(&now, i, 0)] = wc_row_int(&now, i, 1);
	return wc_json(a, "{s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I}}", "intent", (json_int_t)n[0], "done", (json_int_t)n[1], "failed", (json_int_t)n[2],
	               "uncertain", (json_int_t)n[3], "given_up", (json_int_t)n[4], "now", "intent", (json_int_t)open[0], "uncertain", (json_int_t)open[3]);
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

static json_t *callbacks_part_of(wc_arena *a, const wc_span *s, wc_err *e)
{
	return count(a, s, COUNT_OF("inbox_event", "received_at", ""), e);
}

static json_t *audit_part_of(wc_arena *a, const wc_span *s, wc_err *e)
{
	return count(a, s, COUNT_OF("audit_log", "at", ""), e);
}

static const struct {
	const char *name;
	json_t   *(*make)(wc_arena *a, const wc_span *s, wc_err *e);
	bool        kept;      /* by the arena */
} sections[] = {
	{"callbacks", callbacks_part_of, false}, {"messages", messages_part_of, true}, {"jobs", jobs_part_of, true}, {"ai", ai_part_of, true},
	{"outbound", outbound_part_of, true},    {"audit", audit_part_of, false}};

static const char *make(wc_arena *a, int64_t hours, wc_err *e)
{
	wc_span s   = span_of(hours, wc_now_ms(), loaded->zone_s * 1000);
	json_t *all = wc_json(a, "{s:I, s:I, s:I, s:I}", "from_ms", (json_int_t)s.from_ms, "until_ms",
	                      (json_int_t)(s.from_ms + (int64_t)s.n * s.bucket_ms), "bucket_ms", (json_int_t)s.bucket_ms, "made_ms", (json_int_t)wc_now_ms());

	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		json_t *section = sections[i].make(a, &s, e);

		if (!section)
			return NULL;
		if (sections[i].kept)
			json_object_set(all, sections[i].name, section);
		else
			json_object_set_new(all, sections[i].name, section);
	}
	return wc_json_text(a, all);
}

/* --- answers that are kept ------------------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct kept {
	char   *text;            /* NULL: none */
	int64_t until_ms;        /* by the monotonic clock */
	bool    being_made;      /* by one thread; the others take what is old meanwhile */
} kept[HOURS_MAX + 1];

static const char *take_kept(wc_arena *a, int64_t hours)
{
	struct kept *k    = &kept[hours];
	const char  *text = NULL;

	pthread_mutex_lock(&lock);
	if (k->text && (k->being_made || wc_mono_ms() < k->until_ms))
		text = wc_strdup(a, k->text);
	else
		k->being_made = true;
	pthread_mutex_unlock(&lock);
	return text;
}

/* text NULL: it could not be made. */
static void keep(int64_t hours, const char *text, int64_t took_ms)
{
	struct kept *k     = &kept[hours];
	int64_t      keep_ms = KEEP_MS + KEEP_FACTOR * took_ms;

	pthread_mutex_lock(&lock);
	k->being_made = false;
	if (text) {
		free(k->text);
		k->text     = wc_xalloc(strlen(text) + 1);
		k->until_ms = wc_mono_ms() + (keep_ms < KEEP_MAX_MS ? keep_ms : KEEP_MAX_MS);
		strcpy(k->text, text);
	}
	pthread_mutex_unlock(&lock);
}

struct overview_query {
	int64_t hours;
};

static int overview(wc_request *rq, const void *self)
{
	wc_arena   *a     = wc_request_arena(rq);
	int64_t     hours = ((const struct overview_query *)wc_query(rq))->hours, began = wc_mono_ms();
	const char *text  = take_kept(a, hours);
	wc_err      e;

	(void)self;
	if (!text) {
		text = make(a, hours, &e);
		keep(hours, text, wc_mono_ms() - began);
	}
	if (!text)
		return wc_reply_err(rq, &e);
	return wc_reply_bytes(rq, 200, "application/json", (wc_slice){text, strlen(text)});
}

static const wc_field query_fields[] = {
	{WC_INT, "hours", "24", offsetof(struct overview_query, hours), "how far back", .min = 1, .max = HOURS_MAX},
	{0}};

static const wc_field answer_fields[] = {
	{WC_INT, "from_ms", NULL, 0, "where the first stretch begins, UTC milliseconds", .max = INT64_C(1) << 53},
	{WC_INT, "until_ms", NULL, 0, "where the last one ends", .max = INT64_C(1) << 53},
	{WC_INT, "bucket_ms", NULL, 0, "how long each is; a series has a number for each", .max = INT64_C(1) << 53},
	{WC_INT, "made_ms", NULL, 0, "when it was counted", .max = INT64_C(1) << 53},
	{WC_OBJECT, "callbacks", NULL, 0, "acknowledged events: total, series"},
	{WC_OBJECT, "messages", NULL, 0, "of people and to them, as the plugins count them: in, out, each total, series"},
	{WC_OBJECT, "jobs", NULL, 0, "waiting, ready, running, dead, oldest_ready_ms now; done and died, each total, series"},
	{WC_OBJECT, "ai", NULL, 0, "calls, failed, tokens, cost in millionths of currency, time to the first text (two digits), series, models"},
	{WC_OBJECT, "outbound", NULL, 0, "outward actions by how they stand; now: the open ones, however old"},
	{WC_OBJECT, "audit", NULL, 0, "entries of the audit trail: total, series"},
	{0}};

WC_PART(overview_part, "overview",
	.summary = "figures of the last hours",
	.routes  = WC_ROUTES({WC_GET, "/api/overview", WC_VIEWER, overview, "What happened in the last hours, by time, and how it stands now",
	                      .query = query_fields, .query_size = sizeof(struct overview_query), .answer = answer_fields}));
