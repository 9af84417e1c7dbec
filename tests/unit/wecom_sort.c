/* What WeCom's answers mean: every code of doc/90313 that the reference lists, and everything that can happen on the way. */
#include "check.h"

#include "wecom/sort.h"

#include <string.h>

enum { OK = WC_ANSWER_OK, RETRY = WC_ANSWER_RETRY, RATE = WC_ANSWER_RATE_LIMITED, NEVER = WC_ANSWER_PERMANENT, UNCERTAIN = WC_ANSWER_UNCERTAIN };

static const struct {
	int64_t errcode;
	int     class;          /* of a read and of an idempotent call */
	int     once;
} codes[] = {
	{-1, RETRY, UNCERTAIN}, {0, OK, OK}, {6000, RETRY, RETRY}, {45009, RATE, RATE}, {45033, RATE, RATE}, {45035, RETRY, RETRY},
	{41063, RETRY, RETRY}, {41079, RETRY, RETRY}, {41096, RETRY, RETRY},
	/* A token that is refused again after a fresh one was fetched: a matter of the configuration. */
	{40001, NEVER, NEVER}, {40014, NEVER, NEVER}, {42001, NEVER, NEVER},
	{40003, NEVER, NEVER}, {40004, NEVER, NEVER}, {40005, NEVER, NEVER}, {40006, NEVER, NEVER}, {40007, NEVER, NEVER},
	{40008, NEVER, NEVER}, {40009, NEVER, NEVER}, {40011, NEVER, NEVER}, {40013, NEVER, NEVER}, {40035, NEVER, NEVER},
	{40056, NEVER, NEVER}, {40057, NEVER, NEVER}, {40058, NEVER, NEVER}, {40063, NEVER, NEVER}, {40091, NEVER, NEVER},
	{40096, NEVER, NEVER}, {41001, NEVER, NEVER}, {41002, NEVER, NEVER}, {41004, NEVER, NEVER}, {41006, NEVER, NEVER},
	{41011, NEVER, NEVER}, {42009, NEVER, NEVER}, {42045, NEVER, NEVER}, {43004, NEVER, NEVER}, {44004, NEVER, NEVER},
	{45001, NEVER, NEVER}, {45002, NEVER, NEVER}, {45008, NEVER, NEVER}, {48002, NEVER, NEVER}, {50002, NEVER, NEVER},
	{60011, NEVER, NEVER}, {60020, NEVER, NEVER}, {60111, NEVER, NEVER}, {81013, NEVER, NEVER}, {82001, NEVER, NEVER},
	{84061, NEVER, NEVER}, {84074, NEVER, NEVER}, {86003, NEVER, NEVER}, {86201, NEVER, NEVER}, {86217, NEVER, NEVER},
	{90207, NEVER, NEVER}, {93000, NEVER, NEVER}, {93004, NEVER, NEVER}, {93008, NEVER, NEVER}, {95001, NEVER, NEVER},
	{95002, NEVER, NEVER}, {95007, NEVER, NEVER}, {95013, NEVER, NEVER}, {95014, NEVER, NEVER}, {95016, NEVER, NEVER},
	{95018, NEVER, NEVER}, {301002, NEVER, NEVER}, {301021, NEVER, NEVER}, {830002, NEVER, NEVER}, {846605, NEVER, NEVER},
	{846608, NEVER, NEVER}, {853000, NEVER, NEVER}, {999999, NEVER, NEVER}, {-77, NEVER, NEVER},
};

static void is_sorted(const struct exchange *x, wc_api_effect effect, int class)
{
	int64_t retry_ms = -1;
	int     got      = (int)sort_exchange(x, effect, &retry_ms);

	if (got != class)
		fail_msg("errcode %lld, status %ld, sent %d, effect %d: class %d instead of %d", (long long)x->errcode, x->status, x->sent,
		         (int)effect, got, class);
	assert_int_equal(class == RETRY || class == RATE, retry_ms > 0);
}

static void every_errcode_has_its_class(void **state)
{
	json_t *body = json_object();

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		struct exchange x = {.sent = true, .status = 200, .errcode = codes[i].errcode, .body = body};

		is_sorted(&x, WC_API_READ, codes[i].class);
		is_sorted(&x, WC_API_IDEMPOTENT, codes[i].class);
		is_sorted(&x, WC_API_ONCE, codes[i].once);
	}
	json_decref(body);
}

static const struct {
	const char *about;
	bool        sent, too_large;
	long        status;
	int         read, once;
} ways[] = {
	{"no connection",                        false, false, 0,   RETRY, RETRY},
	{"sent, then nothing",                   true,  false, 0,   RETRY, UNCERTAIN},
	{"200 that is not JSON, or cut",         true,  false, 200, RETRY, UNCERTAIN},
	{"an answer over the bound",             true,  true,  200, NEVER, UNCERTAIN},
	{"an answer over the bound, no status",  true,  true,  0,   NEVER, UNCERTAIN},
	{"a redirect",                           true,  false, 301, NEVER, NEVER},
	{"a gateway's refusal",                  true,  false, 403, NEVER, NEVER},
	{"a wrong base",                         true,  false, 404, NEVER, NEVER},
	{"a gateway that gave up reading",       true,  false, 408, RETRY, UNCERTAIN},
	{"a gateway's own limit",                true,  false, 429, RATE,  RATE},
	{"an error inside",                      true,  false, 500, RETRY, UNCERTAIN},
	{"a gateway without a server",           true,  false, 502, RETRY, UNCERTAIN},
	{"a gateway that waited in vain",        true,  false, 504, RETRY, UNCERTAIN},
};

static void whatever_happens_on_the_way_has_its_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct exchange x = {.sent = ways[i].sent, .too_large = ways[i].too_large, .status = ways[i].status, .errcode = NO_ANSWER};

		is_sorted(&x, WC_API_READ, ways[i].read);
		is_sorted(&x, WC_API_IDEMPOTENT, ways[i].read);
		is_sorted(&x, WC_API_ONCE, ways[i].once);
	}
}

static void only_three_codes_refuse_the_token(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		int64_t code = codes[i].errcode;

		assert_int_equal(is_token_refused(code), code == 40001 || code == 40014 || code == 42001);
	}
}

static void what_a_person_can_mend_is_said(void **state)
{
	static const int64_t known[] = {40001, 40013, 40014, 40056, 40091, 45009, 48002, 60020, 301002, NO_ANSWER};

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		assert_string_not_equal(remedy_of(known[i]).why, remedy_of(123456).why);
		assert_true(*remedy_of(known[i]).mend);
	}
	assert_non_null(strstr(remedy_of(60020).mend, "企业可信IP"));
}

static void a_url_keeps_what_a_token_holds(void **state)
{
	wc_arena *a = wc_arena_new();

	(void)state;
	assert_string_equal(url_encode(a, "aZ09-_.~"), "aZ09-_.~");
	assert_string_equal(url_encode(a, "a+b/c=%2B&#?"), "a%2Bb%2Fc%3D%252B%26%23%3F");
	assert_string_equal(url_encode(a, "张"), "%E5%BC%A0");
	assert_string_equal(url_encode(a, ""), "");
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_errcode_has_its_class),
		cmocka_unit_test(whatever_happens_on_the_way_has_its_class),
		cmocka_unit_test(only_three_codes_refuse_the_token),
		cmocka_unit_test(what_a_person_can_mend_is_said),
		cmocka_unit_test(a_url_keeps_what_a_token_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
