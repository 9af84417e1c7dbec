/* Lists of addresses, and the list of callbacks' sources that can be replaced. */
#include "check.h"

#include "web/web.h"

#include <stdio.h>

static bool has(const char *list, const char *address)
{
	wc_arena        *a = wc_arena_new();
	struct web_cidrs c;
	wc_err           e;
	bool             found = web_cidrs_parse(a, list, &c, &e) == 0 && web_cidrs_have(&c, address);

	wc_arena_free(a);
	return found;
}

static void an_address_is_in_a_network_or_not(void **state)
{
	static const struct {
		const char *list, *address;
		bool        in;
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.8", false},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"0.0.0.0/0", "8.8.8.8", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "8.8.8.8", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"2001:DB8::1", "2001:db8:0:0::1", true},
		{"101.226.103.*", "101.226.103.200", true},
		{"101.226.103.*", "101.226.104.200", false},
		{"101.226.*.*", "101.226.104.200", true},
		{"1.1.1.1,2.2.2.2\t3.3.3.3\n4.4.4.4;5.5.5.5", "4.4.4.4", true},
		{"", "1.1.1.1", false},
		{"unix", "unix:", true},
		{"10.0.0.0/8", "unix:", false},
		{"0.0.0.0/0 ::/0 unix", "unknown", false},
		{"0.0.0.0/0 ::/0 unix", "", false},
		{"0.0.0.0/0 ::/0 unix", "010.1.1.1", false},
		{"0.0.0.0/0 ::/0 unix", "10.1.1", false},
		{"0.0.0.0/0 ::/0 unix", "fe80::1%eth0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (has(cases[i].list, cases[i].address) != cases[i].in)
			fail_msg("%s in %s", cases[i].address, cases[i].list);
}

static void what_is_no_network_is_named(void **state)
{
	wc_arena        *a = wc_arena_new();
	struct web_cidrs c;
	wc_err           e;

	(void)state;
	for (const char *const *bad = (const char *const[]){"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x", "::/129", "here",
	     "10.0.0", "1.2.3.*x", "300.1.2.*", "*", "1.*.3.4", "10.0.0.0 /8", "1::2::3", "/8", NULL}; *bad; bad++) {
		if (web_cidrs_parse(a, *bad, &c, &e) == 0)
			fail_msg("%s was taken", *bad);
		assert_int_equal(e.code, WC_E_ARG);
	}
	wc_arena_free(a);
}

static void an_address_is_shown_in_one_form(void **state)
{
	char out[WEB_ADDRESS_SIZE];

	(void)state;
	assert_true(web_address_normal("::FFFF:192.0.2.1", out));
	assert_string_equal(out, "192.0.2.1");
	assert_true(web_address_normal("2001:DB8:0:0:0:0:0:1", out));
	assert_string_equal(out, "2001:db8::1");
	assert_false(web_address_normal("192.0.2.1 ", out));
	web_address_network("2001:db8:1:2:3:4:5:6", out);
	assert_string_equal(out, "2001:db8:1:2::");
	web_address_network("192.0.2.1", out);
	assert_string_equal(out, "192.0.2.1");
	web_address_network("unix:", out);
	assert_string_equal(out, "unix:");
}

static void the_sources_of_callbacks_can_be_replaced_and_a_bad_list_changes_nothing(void **state)
{
	wc_err e;

	(void)state;
	assert_true(callback_from_has("8.8.8.8"));
	assert_int_equal(callback_from_set("192.0.2.0/24 101.226.103.*", &e), 0);
	assert_false(callback_from_has("8.8.8.8"));
	assert_true(callback_from_has("101.226.103.1"));
	assert_int_equal(callback_from_set("8.8.8.8, nonsense", &e), -1);
	assert_false(callback_from_has("8.8.8.8"));
	assert_int_equal(callback_from_set("8.8.8.8", &e), 0);
	assert_true(callback_from_has("8.8.8.8"));
	assert_false(callback_from_has("101.226.103.1"));
	assert_false(callback_from_has("unknown"));
	assert_int_equal(callback_from_set("", &e), 0);
	assert_true(callback_from_has("unknown"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_in_a_network_or_not),
		cmocka_unit_test(what_is_no_network_is_named),
		cmocka_unit_test(an_address_is_shown_in_one_form),
		cmocka_unit_test(the_sources_of_callbacks_can_be_replaced_and_a_bad_list_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
