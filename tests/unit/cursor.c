/* Cursors: what was made opens again, and nothing else does. */
#include "check.h"

#include "crypt/crypt.h"
#include "web/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static wc_arena  *a;
static wc_request rq;

static int load_key(void **state)
{
	char   path[] = "/tmp/wecomd-cursor-XXXXXX";
	int    fd     = mkstemp(path);
	FILE  *f      = fdopen(fd, "w");
	wc_err e;
	int    rc;

	(void)state;
	fprintf(f, "1 %064d\n", 7);
	fclose(f);
	rc = crypt_open(path, &e);
	unlink(path);
	return rc;
}

static int fresh(void **state)
{
	(void)state;
	a  = wc_arena_new();
	rq = (wc_request){.arena = a, .path = "/api/things"};
	return 0;
}

static int done(void **state)
{
	(void)state;
	wc_arena_free(a);
	return 0;
}

static void a_cursor_gives_back_its_position(void **state)
{
	static const char *const positions[] = {"1", "9223372036854775807", "你好/ %\"", "", "\x01\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
		assert_string_equal(cursor_open(&rq, cursor_make(&rq, positions[i])), positions[i]);
}

static void a_cursor_changed_in_one_place_is_refused(void **state)
{
	char *cursor = cursor_make(&rq, "12345");

	(void)state;
	for (char *c = cursor; *c; c++) {
		char was = *c;

		*c = was == '0' ? '1' : '0';
		assert_null(cursor_open(&rq, cursor));
		*c = was == 'a' ? 'A' : 'g';
		assert_null(cursor_open(&rq, cursor));
		*c = was;
	}
	assert_string_equal(cursor_open(&rq, cursor), "12345");
}

static void a_cursor_cut_or_grown_is_refused(void **state)
{
	char *cursor = cursor_make(&rq, "12345");

	(void)state;
	for (size_t n = 0; n < strlen(cursor); n++)
		assert_null(cursor_open(&rq, wc_strndup(a, cursor, n)));
	assert_null(cursor_open(&rq, wc_printf(a, "%s0", cursor)));
	assert_null(cursor_open(&rq, wc_printf(a, "%s36", cursor)));
	assert_null(cursor_open(&rq, wc_printf(a, "%s00", cursor)));
}

static void a_cursor_is_good_for_its_path_alone(void **state)
{
	wc_request other = {.arena = a, .path = "/api/things/5/parts"};

	(void)state;
	assert_null(cursor_open(&other, cursor_make(&rq, "1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cursor_gives_back_its_position, fresh, done),
		cmocka_unit_test_setup_teardown(a_cursor_changed_in_one_place_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(a_cursor_cut_or_grown_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(a_cursor_is_good_for_its_path_alone, fresh, done),
	};

	return cmocka_run_group_tests(tests, load_key, NULL);
}
