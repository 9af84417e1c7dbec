/* Routes: which pattern a path meets, and what clashes. */
#include "check.h"

#include "web/request.h"

#include <string.h>

static const wc_route table[] = {
	{WC_GET, "/api/things", WC_VIEWER},
	{WC_POST, "/api/things", WC_OPERATOR},
	{WC_GET, "/api/things/{id}", WC_VIEWER},
	{WC_GET, "/api/things/newest", WC_VIEWER},
	{WC_GET, "/api/{kind}/{id}/parts", WC_VIEWER},
};

static struct web_route routes[] = {{&table[0]}, {&table[1]}, {&table[2]}, {&table[3]}, {&table[4]}, {0}};

static const char *found(wc_request *rq, wc_arena *a, const char *method, const char *path, char allow[32])
{
	const struct web_route *r;

	*rq = (wc_request){.arena = a, .method_text = method, .path = path, .is_head = !strcmp(method, "HEAD")};
	r   = route_find(rq, routes, allow);
	return r ? r->route->path : NULL;
}

static void the_most_literal_pattern_wins(void **state)
{
	wc_arena  *a = wc_arena_new();
	wc_request rq;
	char       allow[32];

	(void)state;
	assert_string_equal(found(&rq, a, "GET", "/api/things/newest", allow), "/api/things/newest");
	assert_string_equal(found(&rq, a, "GET", "/api/things/7", allow), "/api/things/{id}");
	assert_string_equal(wc_path_param(&rq, "id"), "7");
	assert_string_equal(found(&rq, a, "HEAD", "/api/things", allow), "/api/things");
	wc_arena_free(a);
}

static void parameters_are_decoded_once_and_never_empty(void **state)
{
	wc_arena  *a = wc_arena_new();
	wc_request rq;
	char       allow[32];

	(void)state;
	found(&rq, a, "GET", "/api/things/%E4%BD%A0%252F+x", allow);
	assert_string_equal(wc_path_param(&rq, "id"), "你%2F+x");
	assert_null(found(&rq, a, "GET", "/api/things/", allow));
	assert_null(found(&rq, a, "GET", "/api/things/%zz", allow));
	assert_null(found(&rq, a, "GET", "/api/things/%00", allow));
	assert_null(found(&rq, a, "GET", "/api/things/a/b", allow));
	assert_null(found(&rq, a, "GET", "/api", allow));
	assert_null(found(&rq, a, "GET", "/", allow));
	wc_arena_free(a);
}

static void another_method_is_told_what_the_path_takes(void **state)
{
	wc_arena  *a = wc_arena_new();
	wc_request rq;
	char       allow[32];

	(void)state;
	assert_null(found(&rq, a, "DELETE", "/api/things", allow));
	assert_string_equal(allow, "GET, POST");
	assert_null(found(&rq, a, "GET", "/elsewhere", allow));
	assert_string_equal(allow, "");
	wc_arena_free(a);
}

static void routes_that_match_the_same_request_clash(void **state)
{
	static const struct {
		wc_method   ma, mb;
		const char *a, *b;
		bool        clash;
	} cases[] = {
		{WC_GET, WC_GET, "/a/{x}", "/a/{y}", true},
		{WC_GET, WC_POST, "/a/{x}", "/a/{y}", false},
		{WC_GET, WC_GET, "/a/{x}", "/a/b", false},
		{WC_GET, WC_GET, "/a", "/a", true},
		{WC_GET, WC_GET, "/a", "/a/b", false},
		{WC_GET, WC_GET, "/{x}/b", "/{y}/c", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(route_clashes(&(wc_route){cases[i].ma, cases[i].a}, &(wc_route){cases[i].mb, cases[i].b}), cases[i].clash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_literal_pattern_wins),
		cmocka_unit_test(parameters_are_decoded_once_and_never_empty),
		cmocka_unit_test(another_method_is_told_what_the_path_takes),
		cmocka_unit_test(routes_that_match_the_same_request_clash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
