/* Metrics: counting from many processes at once, what the text looks like, and what happens when there is no room. */
#include "check.h"

#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int sample(wc_arena *a, wc_buf *out, const void *self, wc_err *e)
{
	(void)a;
	if (!self)
		return wc_fail(e, WC_E_DB, "away");
	wc_gauge_sample(out, "t_gauge", "state=\"x\"", *(const int *)self);
	return 0;
}

static const int       seven   = 7;
static const wc_metric counted = {"t_counted_total", WC_COUNTER, "a,b", "counted"};
static const wc_metric plain   = {"t_plain_total", WC_COUNTER, "", "plain"};
static const wc_metric timed   = {"t_timed_seconds", WC_HISTOGRAM, "route", "timed"};
static const wc_metric bare    = {"t_bare_seconds", WC_HISTOGRAM, "", "bare"};
static const wc_metric gauge   = {"t_gauge", WC_GAUGE, "state", "a gauge", sample};
static const wc_metric broken  = {"t_broken", WC_GAUGE, "", "a gauge that cannot be read", sample};

static const wc_metric lines   = {"wecomd_log_lines_total", WC_COUNTER, "level", "the log counts its lines"};

static void *fresh(void)
{
	void *at = mmap(NULL, METRICS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	metrics_use(at);
	return at;
}

static const char *text(wc_arena *a)
{
	wc_buf *out = wc_buf_new(a, 16u << 20);

	metrics_write(a, out);
	assert_false(wc_buf_failed(out));
	return out->s;
}

static void has(const char *all, const char *line)
{
	wc_arena *a = wc_arena_new();

	if (!strstr(all, wc_printf(a, "\n%s\n", line)))
		fail_msg("no line %s in\n%s", line, all);
	wc_arena_free(a);
}

static void nothing_is_counted_before_there_is_a_mapping(void **state)
{
	(void)state;
	metrics_use(NULL);
	wc_count("t_plain_total", 1, NULL);
	wc_observe_ms("t_bare_seconds", 1, NULL);
}

static void counters_of_many_processes_add_up(void **state)
{
	wc_arena *a;
	char      value[8];
	int       status;

	(void)state;
	fresh();
	for (int p = 0; p < 8; p++) {
		if (fork())
			continue;
		for (int i = 0; i < 20000; i++) {
			snprintf(value, sizeof value, "%d", i % 50);
			wc_count("t_counted_total", 2, "same", value, NULL);
			wc_observe_ms("t_timed_seconds", i % 3, value, NULL);
		}
		_exit(0);
	}
	for (int p = 0; p < 8; p++) {
		wait(&status);
		assert_int_equal(status, 0);
	}
	a = wc_arena_new();     /* here, since a child that leaves would leak it */
	for (int i = 0; i < 50; i++) {
		has(text(a), wc_printf(a, "t_counted_total{a=\"same\",b=\"%d\"} %d", i, 8 * 400 * 2));
		has(text(a), wc_printf(a, "t_timed_seconds_count{route=\"%d\"} %d", i, 8 * 400));
	}
	has(text(a), "wecomd_metrics_dropped_total 0");
	wc_arena_free(a);
}

static void the_text_is_what_prometheus_reads(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	fresh();
	wc_count("t_counted_total", 3, "q\"b\\", "n\nl", NULL);
	wc_observe_ms("t_timed_seconds", 0, "/x", NULL);
	wc_observe_ms("t_timed_seconds", 1, "/x", NULL);
	wc_observe_ms("t_timed_seconds", 15, "/x", NULL);
	wc_observe_ms("t_timed_seconds", 3600000, "/x", NULL);
	wc_observe_ms("t_bare_seconds", -5, NULL);
	has(text(a), "# HELP t_counted_total counted\n# TYPE t_counted_total counter\nt_counted_total{a=\"q\\\"b\\\\\",b=\"n\\nl\"} 3");
	has(text(a), "t_timed_seconds_bucket{route=\"/x\",le=\"0.001\"} 2");
	has(text(a), "t_timed_seconds_bucket{route=\"/x\",le=\"0.01\"} 2");
	has(text(a), "t_timed_seconds_bucket{route=\"/x\",le=\"0.02\"} 3");
	has(text(a), "t_timed_seconds_bucket{route=\"/x\",le=\"600\"} 3");
	has(text(a), "t_timed_seconds_bucket{route=\"/x\",le=\"+Inf\"} 4\nt_timed_seconds_sum{route=\"/x\"} 3600.016\nt_timed_seconds_count{route=\"/x\"} 4");
	has(text(a), "t_bare_seconds_bucket{le=\"0.001\"} 1");
	has(text(a), "t_bare_seconds_sum 0\nt_bare_seconds_count 1");
	has(text(a), "# TYPE t_plain_total counter\nt_plain_total 0");
	has(text(a), "# TYPE t_gauge gauge\nt_gauge{state=\"x\"} 7");
	assert_null(strstr(text(a), "t_broken"));
	wc_arena_free(a);
}

static void what_does_not_fit_is_dropped_and_counted(void **state)
{
	wc_arena *a = wc_arena_new();
	char      long_value[400];
	char      value[16];

	(void)state;
	fresh();
	memset(long_value, 'x', sizeof long_value - 1);
	long_value[sizeof long_value - 1] = 0;
	wc_count("t_unknown_total", 1, NULL);
	wc_count("t_timed_seconds", 1, "it is no counter", NULL);
	wc_count("t_counted_total", 1, "one value too few", NULL);
	wc_count("t_counted_total", 1, "one", "too", "many", NULL);
	wc_count("t_counted_total", 1, "x", long_value, NULL);
	has(text(a), "wecomd_metrics_dropped_total 5");
	for (int i = 0; i < 20000; i++) {
		snprintf(value, sizeof value, "%d", i);
		wc_count("t_counted_total", 1, "many", value, NULL);
	}
	/* What was there before goes on being counted. */
	wc_count("t_counted_total", 1, "many", "0", NULL);
	has(text(a), "t_counted_total{a=\"many\",b=\"0\"} 2");
	assert_null(strstr(text(a), "wecomd_metrics_dropped_total 5\n"));
	wc_arena_free(a);
}

static void faults_of_a_declaration_are_named(void **state)
{
	static const wc_metric wrong[] = {
		{"with space", WC_COUNTER, "", "h"}, {"9digit", WC_COUNTER, "", "h"}, {"", WC_COUNTER, "", "h"}, {"x", 0, "", "h"},
		{"x", WC_GAUGE, "", "h"}, {"x", WC_COUNTER, "", "h", sample}, {"x", WC_COUNTER, NULL, "h"}, {"x", WC_COUNTER, "", ""},
		{"x", WC_COUNTER, "a,b,c,d,e", "h"}, {"x", WC_COUNTER, "a b", "h"}, {"x", WC_COUNTER, ",a", "h"}, {"x", WC_COUNTER, "a:b", "h"}};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (!metric_fault(&wrong[i]))
			fail_msg("case %zu passed", i);
	assert_null(metric_fault(&counted));
	assert_null(metric_fault(&gauge));
}

static void a_self_has_the_successor_it_was_given_last(void **state)
{
	int a, b, c;

	(void)state;
	assert_null(self_now(NULL));
	assert_ptr_equal(self_now(&a), &a);
	self_replace(&a, &b);
	assert_ptr_equal(self_now(&a), &b);
	self_replace(&a, &c);
	assert_ptr_equal(self_now(&a), &c);
	assert_ptr_equal(self_now(&b), &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_counted_before_there_is_a_mapping),
		cmocka_unit_test(counters_of_many_processes_add_up),
		cmocka_unit_test(the_text_is_what_prometheus_reads),
		cmocka_unit_test(what_does_not_fit_is_dropped_and_counted),
		cmocka_unit_test(faults_of_a_declaration_are_named),
		cmocka_unit_test(a_self_has_the_successor_it_was_given_last),
	};
	const wc_metric *const all[] = {&counted, &plain, &timed, &bare, &broken, &lines};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		metrics_declare(all[i], NULL);
	metrics_declare(&gauge, &seven);
	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
