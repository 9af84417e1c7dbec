/* The shared token: what is done about a row, how long nobody asks after failures; and which addresses a pattern means. */
#include "check.h"

#include "wecom/exchange.h"
#include "wecom/parts.h"
#include "wecom/token_row.h"

#define S INT64_C(1000)

static const struct {
	const char      *about;
	struct row       row;
	int64_t          refused;
	bool             impatient;
	enum row_verdict verdict;
} cases[] = {
	{"a new row is fetched for", {0}, 0, false, ROW_FETCH},
	{"a fresh token is used", {.has_token = true, .version = 3, .fresh_ms = 6000 * S, .left_ms = 7000 * S}, 0, false, ROW_USE},
	{"some minutes before the end the next is fetched", {.has_token = true, .version = 3, .fresh_ms = -1, .left_ms = 200 * S}, 0, false, ROW_FETCH},
	{"while one fetches the others use the old", {.has_token = true, .version = 3, .fresh_ms = -1, .left_ms = 200 * S, .leased_ms = 9 * S}, 0, false, ROW_USE},
	{"an ended token is not used", {.has_token = true, .version = 3, .fresh_ms = -400 * S, .left_ms = -1}, 0, false, ROW_FETCH},
	{"who has none waits for the one that fetches", {.leased_ms = 9 * S}, 0, false, ROW_WAIT},
	{"a lease that ran out is taken over", {.leased_ms = 0}, 0, false, ROW_FETCH},
	{"a refused token is replaced", {.has_token = true, .version = 3, .age_ms = 900 * S, .fresh_ms = 6000 * S, .left_ms = 7000 * S}, 3, false, ROW_FETCH},
	{"who was refused with an older one takes the younger", {.has_token = true, .version = 4, .fresh_ms = 6000 * S, .left_ms = 7000 * S}, 3, false, ROW_USE},
	{"a first refusal is never too soon", {.has_token = true, .version = 3, .age_ms = 0, .fresh_ms = 6000 * S, .left_ms = 7000 * S}, 3, false, ROW_FETCH},
	{"a second one is, for two seconds", {.has_token = true, .version = 3, .age_ms = 1 * S, .forced = 1, .fresh_ms = 6000 * S, .left_ms = 7000 * S}, 3, false, ROW_TOO_SOON},
	{"and no longer", {.has_token = true, .version = 3, .age_ms = 2 * S, .forced = 1, .fresh_ms = 6000 * S, .left_ms = 7000 * S}, 3, false, ROW_FETCH},
	{"a tenth one for a minute", {.has_token = true, .version = 3, .age_ms = 59 * S, .forced = 10, .fresh_ms = 6000 * S, .left_ms = 7000 * S}, 3, false, ROW_TOO_SOON},
	{"an ended token that was refused is simply replaced", {.has_token = true, .version = 3, .age_ms = 1 * S, .forced = 5, .left_ms = -1}, 3, false, ROW_FETCH},
	{"after a failure nobody asks for a while", {.failures = 1, .failed_ago_ms = 5 * S, .retry_ms = 55 * S, .errcode = 40001}, 0, false, ROW_FAILED},
	{"but a person may", {.failures = 1, .failed_ago_ms = 5 * S, .retry_ms = 55 * S, .errcode = 40001}, 0, true, ROW_FETCH},
	{"though not all the time", {.failures = 1, .failed_ago_ms = 1 * S, .retry_ms = 59 * S, .errcode = 40001}, 0, true, ROW_FAILED},
	{"and never when WeCom blocks", {.failures = 1, .failed_ago_ms = 50 * S, .retry_ms = 10 * S, .errcode = 45009}, 0, true, ROW_FAILED},
	{"a failed early refresh leaves the old in use", {.has_token = true, .version = 3, .fresh_ms = -1, .left_ms = 200 * S, .retry_ms = 5 * S, .errcode = -1}, 0, false, ROW_USE},
	{"but not for who was refused with it", {.has_token = true, .version = 3, .left_ms = 200 * S, .retry_ms = 5 * S, .errcode = -1}, 3, false, ROW_FAILED},
};

static void a_row_says_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum row_verdict got = row_decide(&cases[i].row, cases[i].refused, cases[i].impatient);

		if (got != cases[i].verdict)
			fail_msg("%s: verdict %d instead of %d", cases[i].about, (int)got, (int)cases[i].verdict);
	}
}

/* 2,000 wrong calls in an hour and WeCom blocks the address. */
static void a_bad_secret_is_not_hammered(void **state)
{
	static const int64_t codes[] = {40001, 40013, 40091, 41002, 41004, 50003, 60020, 60031, 48006, 123456, 45009, NO_ANSWER, -1};

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		int64_t t = 0, calls = 0, last = 0;

		for (; t < 3600 * S; calls++) {
			int64_t pause = row_back_off_ms(codes[i], calls + 1);

			assert_true(pause >= last && pause >= 1 * S && pause <= 3600 * S);
			last = pause;
			t += pause;
		}
		assert_true(calls <= 70);
	}
	assert_true(row_back_off_ms(60020, 1000) <= 300 * S);       /* an address that was just added holds a minute later */
}

static void a_token_is_refreshed_some_minutes_before_its_end(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		int64_t early = 7200 * S - row_fresh_ms(7200 * S);

		assert_true(early >= 300 * S && early <= 420 * S);
		assert_true(row_fresh_ms(10 * S) == 8 * S);
	}
}

static void a_pattern_means_its_addresses(void **state)
{
	static const struct {
		const char *pattern, *address;
		bool        fits;
	} table[] = {
		{"101.226.103.5", "101.226.103.5", true},     {"101.226.103.5", "101.226.103.51", false}, {"101.226.103.*", "101.226.103.51", true},
		{"101.226.103.*", "101.226.104.51", false},   {"101.226.*", "101.226.104.51", true},      {"101.*.103.5", "101.7.103.5", true},
		{"1.2.3.4", "::ffff:1.2.3.4", true},          {"*", "1.2.3.4", false},                    {"", "1.2.3.4", false},
		{"*.*.*.*", "1.2.3.4", false},                {"1.2.3.*", "1.2.3.4, 9.9.9.9", false},     {"1.2.3.*", "1.2.3.999", false},
		{"1.2.3.*", "", false},                       {"1.2.3.*", "unix:", false},                {"240e:0:0::1", "240e::1", true},
		{"240e:*", "240e::17", true},                 {"240e:*", "240f::17", false},              {"1.2.3.4/24", "1.2.3.4", false},
		{"1*1*1*1*1*1*1", "111.111.111.111", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (address_fits(table[i].pattern, table[i].address) != table[i].fits)
			fail_msg("%s and %s", table[i].pattern, table[i].address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_says_what_to_do),
		cmocka_unit_test(a_bad_secret_is_not_hammered),
		cmocka_unit_test(a_token_is_refreshed_some_minutes_before_its_end),
		cmocka_unit_test(a_pattern_means_its_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
