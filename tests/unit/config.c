/* Reading the configuration: what is written is read, and what would be read otherwise than it is written is a problem with file and line. */
#include "check.h"

#include "host/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static wc_arena       *a;
static char            folder[] = "/tmp/wecomd-config-XXXXXX";
static struct problems p;

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static const char *path_of(const char *name)
{
	return wc_printf(a, "%s/%s", folder, name);
}

static const char *const files[] = {"wecomd.conf", "value", "big", "zero"};

static int remove_folder(void **state)
{
	(void)state;
	a = wc_arena_new();
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(path_of(files[i]));
	wc_arena_free(a);
	return rmdir(folder);
}

static int fresh(void **state)
{
	(void)state;
	a = wc_arena_new();
	problems_init(&p, a);
	return 0;
}

static int done(void **state)
{
	(void)state;
	wc_arena_free(a);
	return 0;
}

static void put(const char *name, const char *bytes, size_t n)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static struct config *load_bytes(const char *text, size_t n)
{
	const char *list[] = {path_of("wecomd.conf"), NULL};

	put("wecomd.conf", text, n);
	return config_load(a, list, &p);
}

static struct config *load(const char *text)
{
	return load_bytes(text, strlen(text));
}

static void value_is(const struct config *c, const char *section, const char *name, const char *value)
{
	const char *text = config_text(c, section, name);

	for (const struct problem *one = p.first; one; one = one->next)
		fail_msg("%s", one->text);
	if (!text || strcmp(text, value))
		fail_msg("[%s] %s is %s", section, name, text ? text : "not set");
}

static void one_problem(const char *line, const char *about)
{
	assert_int_equal(p.n, 1);
	if (!strstr(p.first->text, wc_printf(a, "wecomd.conf:%s: ", line)) || !strstr(p.first->text, about))
		fail_msg("%s", p.first->text);
	problems_init(&p, a);
}

static char *times(char c, size_t n)
{
	char *s = wc_alloc(a, n + 1);

	memset(s, c, n);
	return s;
}

static void a_value_goes_on_in_indented_lines(void **state)
{
	struct config *c = load("[a]\nx = one ; said here\n  two ; a part\n\n# between\n\tthree\ny = 1\n");

	(void)state;
	value_is(c, "a", "x", "one\ntwo ; a part\nthree");
	value_is(c, "a", "y", "1");
}

static void an_indented_first_setting_belongs_to_its_own_section(void **state)
{
	struct config *c = load("[a]\nx = one\n[b]\n  y = two\n  z = three\n[c]\n  z = four\n");

	(void)state;
	value_is(c, "a", "x", "one");
	value_is(c, "b", "y", "two\nz = three");
	value_is(c, "c", "z", "four");
}

static void a_byte_order_mark_is_skipped(void **state)
{
	(void)state;
	value_is(load("\xef\xbb\xbf[a]\nx = 1\n"), "a", "x", "1");
}

static void a_line_with_a_zero_byte_is_a_problem(void **state)
{
	static const char in_the_middle[] = "[a]\nx = on\0e\ny = 1\n", at_the_end[] = "[a]\nx = 1\ny = on\0e\n", first[] = "[a]\n\0x = 1\n";

	(void)state;
	load_bytes(in_the_middle, sizeof in_the_middle - 1);
	one_problem("2", "zero byte");
	load_bytes(at_the_end, sizeof at_the_end - 1);
	one_problem("3", "zero byte");
	load_bytes(first, sizeof first - 1);
	one_problem("2", "zero byte");
}

static void a_long_line_is_a_problem_and_the_next_one_is_read(void **state)
{
	struct config *c = load(wc_printf(a, "[a]\nx = %s\ny = 1\n", times('x', 300)));

	(void)state;
	one_problem("2", "longer than 198 bytes");
	value_is(c, "a", "y", "1");
}

static void a_section_s_name_that_would_be_cut_is_a_problem(void **state)
{
	const char *longest = times('b', 49), *longer = times('b', 50);

	(void)state;
	value_is(load(wc_printf(a, "[%s]\nx = 1\n", longest)), longest, "x", "1");
	load(wc_printf(a, "[%s]\nx = 1\n", longer));
	one_problem("1", "longer than 49 bytes");
	load(wc_printf(a, "[a]\n\n \t[%s]\nx = 1\n", longer));
	one_problem("3", "longer than 49 bytes");
}

static void a_value_without_a_name_is_a_problem(void **state)
{
	(void)state;
	load("[a]\n= 1\n");
	one_problem("2", "no name");
}

static void a_value_comes_whole_from_a_file_or_not_at_all(void **state)
{
	const char *conf = "[a]\nx = @value\n";

	(void)state;
	put("value", "secret\n", 7);
	value_is(load(conf), "a", "x", "secret");
	put("big", times('b', 64 << 10), 64 << 10);
	value_is(load("[a]\nx = @big\n"), "a", "x", times('b', 64 << 10));
	put("big", times('b', (64 << 10) + 1), (64 << 10) + 1);
	load("[a]\nx = @big\n");
	one_problem("2", "longer than 65536 bytes");
	put("zero", "a\0b\n", 4);
	load("[a]\nx = @zero\n");
	one_problem("2", "zero byte");
	load("[a]\nx = @.\n");
	one_problem("2", "Is a directory");
	load("[a]\nx = @none\n");
	one_problem("2", "No such file");
}

static void a_value_over_its_bound_is_a_problem(void **state)
{
	char *many = times(' ', 400 * 180);

	(void)state;
	setenv("WECOMD_TEST_LONG", times('e', (64 << 10) + 1), 1);
	load("[a]\nx = ${WECOMD_TEST_LONG}\n");
	one_problem("2", "longer than 65536 bytes");
	unsetenv("WECOMD_TEST_LONG");
	for (size_t i = 0; i < 400; i++)
		memcpy(many + i * 180, wc_printf(a, "%c%.178s\n", i ? ' ' : 'x', i ? times('y', 178) : wc_printf(a, " = %s", times('y', 178))), 180);
	load(wc_printf(a, "[a]\n%s", many));
	assert_true(p.n > 0);
	assert_non_null(strstr(p.first->text, "longer than 65536 bytes"));
}

static void what_is_handed_on_is_what_was_read(void **state)
{
	struct config *c = load("[a]\nx = one\n two\n[b:c]\ny =\n"), *again;
	FILE          *f = tmpfile();

	(void)state;
	assert_non_null(f);
	assert_int_equal(config_save(c, fileno(f)), 0);
	again = config_restore(a, fileno(f), &p);
	fclose(f);
	value_is(again, "a", "x", "one\ntwo");
	value_is(again, "b:c", "y", "");
	assert_int_equal(again->first->line, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_goes_on_in_indented_lines),
		TEST(an_indented_first_setting_belongs_to_its_own_section),
		TEST(a_byte_order_mark_is_skipped),
		TEST(a_line_with_a_zero_byte_is_a_problem),
		TEST(a_long_line_is_a_problem_and_the_next_one_is_read),
		TEST(a_section_s_name_that_would_be_cut_is_a_problem),
		TEST(a_value_without_a_name_is_a_problem),
		TEST(a_value_comes_whole_from_a_file_or_not_at_all),
		TEST(a_value_over_its_bound_is_a_problem),
		TEST(what_is_handed_on_is_what_was_read),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
