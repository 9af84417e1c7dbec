/* The index of vectors: what it finds is what an exact scan finds, equal ones go by id, and files that are not whole are refused. */
#include "check.h"

#include "../../plugins/kb-escalation/vectors.c"

#define DIM   96
#define COUNT 3000
#define BEST  10

static wc_arena *a;
static wc_err    e;
static char      path[] = "/tmp/wecomd-vectors-XXXXXX";
static float    *all;

static uint32_t seed = 7;

static float number(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (float)(seed >> 8) / (float)(1u << 24) - 0.5f;
}

static int fresh(void **state)
{
	struct vectors_writer *w;

	(void)state;
	a   = wc_arena_new();
	all = wc_alloc(a, (size_t)COUNT * DIM * sizeof *all);
	for (size_t i = 0; i < (size_t)COUNT * DIM; i++)
		all[i] = number();
	close(mkstemp(path));
	w = vectors_begin(a, path, DIM, COUNT + 5, &e);
	for (int64_t i = 0; i < COUNT; i++)
		assert_int_equal(vectors_add(w, i + 1, all + i * DIM, &e), 0);
	assert_int_equal(vectors_finish(w, &e), 0);
	return 0;
}

static int done(void **state)
{
	(void)state;
	unlink(path);
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	wc_arena_free(a);
	return 0;
}

static double cosine(const float *x, const float *y)
{
	double xy = 0, xx = 0, yy = 0;

	for (int i = 0; i < DIM; i++)
		xy += (double)x[i] * y[i], xx += (double)x[i] * x[i], yy += (double)y[i] * y[i];
	return xy / sqrt(xx * yy);
}

/* How many vectors are nearer than that one. */
static size_t nearer(const float *query, int64_t id)
{
	double near = cosine(query, all + (id - 1) * DIM);
	size_t n    = 0;

	for (int64_t i = 0; i < COUNT; i++)
		n += i + 1 != id && cosine(query, all + i * DIM) > near + 1e-6;
	return n;
}

static void the_ten_nearest_are_those_of_an_exact_scan_in_their_order(void **state)
{
	struct vectors *x = vectors_open(path, &e);

	(void)state;
	assert_non_null(x);
	assert_int_equal(vectors_count(x), COUNT);
	for (int round = 0; round < 20; round++) {
		float              query[DIM];
		struct vector_hit *hits;

		for (int i = 0; i < DIM; i++)
			query[i] = number();
		assert_int_equal(vectors_search(a, x, query, BEST, &hits), BEST);
		for (size_t i = 0; i < BEST; i++) {
			assert_int_equal(nearer(query, hits[i].id), i);
			assert_true(fabs(hits[i].cosine - cosine(query, all + (hits[i].id - 1) * DIM)) < 1e-4);
		}
	}
	vectors_close(x);
}

static void equal_ones_go_by_their_ids_and_length_does_not_matter(void **state)
{
	struct vectors_writer *w = vectors_begin(a, path, 4, 3, &e);
	struct vectors        *x;
	struct vector_hit     *hits;

	(void)state;
	assert_int_equal(vectors_add(w, 30, (float[]){2, 0, 0, 0}, &e), 0);
	assert_int_equal(vectors_add(w, 10, (float[]){9, 0, 0, 0}, &e), 0);
	assert_int_equal(vectors_add(w, 20, (float[]){-1, 0, 0, 0}, &e), 0);
	assert_int_equal(vectors_finish(w, &e), 0);
	x = vectors_open(path, &e);
	assert_int_equal(vectors_search(a, x, (float[]){0.1f, 0, 0, 0}, 3, &hits), 3);
	assert_int_equal(hits[0].id, 10);
	assert_int_equal(hits[1].id, 30);
	assert_int_equal(hits[2].id, 20);
	assert_true(hits[2].cosine < -0.999f);
	assert_int_equal(vectors_search(a, x, (float[]){0, 0, 0, 0}, 3, &hits), 0);
	vectors_close(x);
}

static void what_has_no_length_is_refused(void **state)
{
	struct vectors_writer *w = vectors_begin(a, path, 2, 1, &e);

	(void)state;
	assert_int_equal(vectors_add(w, 1, (float[]){0, 0}, &e), -1);
	assert_int_equal(vectors_add(w, 1, (float[]){NAN, 1}, &e), -1);
	assert_int_equal(vectors_add(w, 1, (float[]){1, 1}, &e), 0);
	assert_int_equal(vectors_add(w, 2, (float[]){1, 1}, &e), -1);
}

static void a_file_that_is_not_whole_is_refused(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	assert_null(vectors_open(path, &e));
	assert_int_equal(e.code, WC_E_INTERNAL);
	assert_int_equal(truncate(path, 10), 0);
	assert_null(vectors_open(path, &e));
	unlink(path);
	assert_null(vectors_open(path, &e));
	assert_int_equal(e.code, WC_E_NOT_FOUND);
}

static void what_was_begun_and_not_finished_leaves_the_old_file(void **state)
{
	wc_arena       *other = wc_arena_new();
	struct vectors *x;

	(void)state;
	assert_non_null(vectors_begin(other, path, 8, 10, &e));
	wc_arena_free(other);
	x = vectors_open(path, &e);
	assert_int_equal(vectors_dim(x), DIM);
	vectors_close(x);
	assert_int_equal(access(wc_printf(a, "%s.new", path), F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_ten_nearest_are_those_of_an_exact_scan_in_their_order, fresh, done),
		cmocka_unit_test_setup_teardown(equal_ones_go_by_their_ids_and_length_does_not_matter, fresh, done),
		cmocka_unit_test_setup_teardown(what_has_no_length_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(a_file_that_is_not_whole_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(what_was_begun_and_not_finished_leaves_the_old_file, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
