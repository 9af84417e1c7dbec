/* Bodies of callbacks and of replies, in XML and in JSON. */
#include <wecomd/envelope.h>
#include <wecomd/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AES_KEY "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"

static wc_arena *a;

static int setup(void **state)
{
	(void)state;
	a = wc_arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wc_arena_free(a);
	return 0;
}

struct good {
	const char *body, *encrypt;
};

static const struct good xml_bodies[] = {
	{"<xml><ToUserName><![CDATA[corpid]]></ToUserName><AgentID><![CDATA[218]]></AgentID>"
	 "<Encrypt><![CDATA[ab+/==]]></Encrypt></xml>", "ab+/=="},
	{"<xml><Encrypt><![CDATA[ab+/==]]></Encrypt><AgentID></AgentID><ToUserName>corpid</ToUserName></xml>", "ab+/=="},
	{"<xml><ToUserName/><Encrypt>ab+/==</Encrypt><AgentID>1</AgentID></xml>", "ab+/=="},
	{"<xml><Encrypt>ab+/==</Encrypt></xml>", "ab+/=="},
	{"<xml><Encrypt>ab<![CDATA[+/]]>==</Encrypt></xml>", "ab+/=="},
	{"<xml><Encrypt>ab<!-- no -->+/==</Encrypt></xml>", "ab+/=="},
	{"<xml><Encrypt>ab&#43;/&#x3d;=</Encrypt></xml>", "ab+/=="},
	{"\r\n \t<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n<Encrypt>ab+/==</Encrypt>\n</xml>\n\n", "ab+/=="},
	{"<?xml version=\"1.0\" encoding=\"GB2312\"?><xml><Encrypt>ab</Encrypt></xml>", "ab"},
	{"<anything><Encrypt>ab</Encrypt></anything>", "ab"},
	/* Only a child of the root counts, wherever the others stand. */
	{"<xml><ToUserName><Encrypt>fake</Encrypt></ToUserName><Encrypt>ab</Encrypt></xml>", "ab"},
	{"<xml><Encrypt>ab</Encrypt><Extra><Encrypt>fake</Encrypt></Extra></xml>", "ab"},
	{"<xml><Extra><Encrypt><Encrypt>fake</Encrypt></Encrypt></Extra><Encrypt>ab</Encrypt></xml>", "ab"},
	{"<xml><Extra><![CDATA[<Encrypt>fake</Encrypt>]]></Extra><Encrypt>ab</Encrypt></xml>", "ab"},
	{"<xml><!-- <Encrypt>fake</Encrypt> --><Encrypt>ab</Encrypt></xml>", "ab"},
	{"<Encrypt><Encrypt>ab</Encrypt></Encrypt>", "ab"},
	{"<xml><encrypt>fake</encrypt><Encrypt>ab</Encrypt></xml>", "ab"},
	/* Control characters other than TAB, LF and CR are dropped before the reader sees them. */
	{"<xml><ToUserName><![CDATA[a\x01\x08\x0b\x0c\x10\x1d\x1f" "b]]></ToUserName><Encrypt>ab</Encrypt></xml>", "ab"},
	{"<xml\ta='1'\nb='2'\rc='3'><Encrypt>ab</Encrypt></xml>", "ab"},
	{"<xml>\x10<Enc\x1drypt>a\x01" "b</Encrypt></xml>", "ab"},
};

static const struct good json_bodies[] = {
	{"{\"encrypt\":\"ab+/==\"}", "ab+/=="},
	{"{\"Encrypt\":\"ab+/==\"}", "ab+/=="},
	{"{\"tousername\":\"wx\",\"encrypt\":\"ab+/==\",\"agentid\":\"218\"}", "ab+/=="},
	{"{\"ToUserName\":\"wx\",\"AgentID\":218,\"Encrypt\":\"ab+/==\"}", "ab+/=="},
	{" \r\n\t{ \"encrypt\" : \"ab\\u002b\\/==\" } \n", "ab+/=="},
	{"{\"x\":{\"encrypt\":\"fake\"},\"encrypt\":\"ab\"}", "ab"},
	{"{ \"encrypt\"\t: \"ab+/==\"\n}\r\n ", "ab+/=="},
	{"{\"Encrypt\":\" !<&>{}:,~\"}", " !<&>{}:,~"},
};

static void assert_unwraps(const struct good *g, bool xml)
{
	wc_slice encrypt = {0};
	wc_err   e       = {0};
	bool     is_xml  = !xml;
	int      rc      = wc_envelope_unwrap(a, (wc_slice){g->body, strlen(g->body)}, &encrypt, &is_xml, &e);

	if (rc < 0)
		fail_msg("%s: %s", g->body, e.text);
	assert_int_equal(is_xml, xml);
	assert_int_equal(encrypt.n, strlen(g->encrypt));
	assert_memory_equal(encrypt.p, g->encrypt, encrypt.n);
}

static void encrypt_is_found_in_xml(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof xml_bodies / sizeof *xml_bodies; i++)
		assert_unwraps(&xml_bodies[i], true);
}

static void encrypt_is_found_in_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof json_bodies / sizeof *json_bodies; i++)
		assert_unwraps(&json_bodies[i], false);
}

static void assert_refused(const char *body, size_t n, const char *because)
{
	wc_slice encrypt = {"untouched", 9};
	wc_err   e       = {0};
	bool     is_xml;

	if (wc_envelope_unwrap(a, (wc_slice){body, n}, &encrypt, &is_xml, &e) == 0)
		fail_msg("taken: %.*s", (int)n, body);
	assert_int_equal(e.code, WC_E_ARG);
	if (!strstr(e.text, because))
		fail_msg("\"%s\" does not say \"%s\"", e.text, because);
	assert_string_equal(encrypt.p, "untouched");
}

struct bad {
	const char *body, *because;
};

static const struct bad bad_bodies[] = {
	{"", "neither XML nor JSON"},
	{" \r\n\t", "neither XML nor JSON"},
	{"[\"encrypt\"]", "neither XML nor JSON"},
	{"\"encrypt\"", "neither XML nor JSON"},
	{"encrypt=ab", "neither XML nor JSON"},
	{"\xef\xbb\xbf<xml><Encrypt>ab</Encrypt></xml>", "neither XML nor JSON"},
	{"<", "not well-formed"},
	{"<xml>", "not well-formed"},
	{"<xml><Encrypt>ab</Encrypt>", "not well-formed"},
	{"<xml><Encrypt>ab</xml>", "not well-formed"},
	{"<xml><Encrypt>ab</Encrypt></xml><xml/>", "not well-formed"},
	{"<xml><Encrypt>ab</Encrypt></xml>{}", "not well-formed"},
	{"<xml><Encrypt>\xff\xfe</Encrypt></xml>", "not well-formed"},
	{"<xml a='<Encrypt>ab</Encrypt>'/>", "not well-formed"},
	{"<xml><Encrypt>&e;</Encrypt></xml>", "not well-formed"},
	{"<xml><Encrypt><![CDATA[ab</Encrypt></xml>", "not well-formed"},
	{"<xml/>", "no Encrypt"},
	{"<xml><Encrypt></Encrypt></xml>", "no Encrypt"},
	{"<xml><Encrypt/></xml>", "no Encrypt"},
	{"<xml><x><Encrypt>fake</Encrypt></x></xml>", "no Encrypt"},
	{"<Encrypt>fake</Encrypt>", "no Encrypt"},
	{"<xml><Encrypt>ab</Encrypt><Encrypt>cd</Encrypt></xml>", "more than one Encrypt"},
	{"<xml><Encrypt>a<b/>b</Encrypt></xml>", "holds an element"},
	{"<xml><Encrypt>a<Encrypt>b</Encrypt></Encrypt></xml>", "holds an element"},
	{"<!DOCTYPE xml><xml><Encrypt>ab</Encrypt></xml>", "document type"},
	{"<!DOCTYPE xml SYSTEM \"file:///etc/passwd\"><xml><Encrypt>ab</Encrypt></xml>", "document type"},
	{"<!DOCTYPE xml [<!ENTITY e \"ab\">]><xml><Encrypt>&e;</Encrypt></xml>", "document type"},
	{"<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><Encrypt>&e;</Encrypt></xml>", "document type"},
	{"<!DOCTYPE x [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">"
	 "<!ENTITY c \"&b;&b;&b;&b;\">]><xml><Encrypt>&c;</Encrypt></xml>", "document type"},
	{"<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1/x\"> %p;]><xml><Encrypt>ab</Encrypt></xml>", "document type"},
	{"{", "not JSON"},
	{"{\"encrypt\":\"ab\"", "not JSON"},
	{"{\"encrypt\":\"ab\"}x", "not JSON"},
	{"{\"encrypt\":\"ab\"}}", "not JSON"},
	{"{\"encrypt\":\"ab\",}", "not JSON"},
	{"{\"encrypt\" \"ab\"}", "not JSON"},
	{"{\"encrypt\":\"ab", "not JSON"},
	{"{\"encrypt\":", "not JSON"},
	{"{\"encrypt\":\"a\nb\"}", "not JSON"},
	{"{\"encrypt\":\"a\xff\"}", "not JSON"},
	{"{\"encrypt\":\"a\\u0000b\"}", "not JSON"},
	{"{\"encrypt\":\"ab\",\"encrypt\":\"cd\"}", "not JSON"},
	{"{}", "no Encrypt"},
	{"{\"encrypt\":\"\"}", "no Encrypt"},
	{"{\"encrypt\":1}", "no Encrypt"},
	{"{\"encrypt\":null}", "no Encrypt"},
	{"{\"encrypt\":[\"ab\"]}", "no Encrypt"},
	{"{\"encrypt\":{\"encrypt\":\"ab\"}}", "no Encrypt"},
	{"{\"ENCRYPT\":\"ab\"}", "no Encrypt"},
	{"{\"x\":{\"encrypt\":\"fake\"}}", "no Encrypt"},
};

static void bad_bodies_are_refused_with_their_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_bodies / sizeof *bad_bodies; i++)
		assert_refused(bad_bodies[i].body, strlen(bad_bodies[i].body), bad_bodies[i].because);
	assert_refused(NULL, 0, "neither XML nor JSON");
}

/* levels times open, then middle, then levels times close. */
static char *nested(size_t levels, const char *open, const char *middle, const char *close)
{
	char *s = wc_alloc(a, levels * (strlen(open) + strlen(close)) + strlen(middle) + 1), *to = s;

	for (size_t i = 0; i < levels; i++)
		to = stpcpy(to, open);
	to = stpcpy(to, middle);
	for (size_t i = 0; i < levels; i++)
		to = stpcpy(to, close);
	return s;
}

static void xml_may_be_16_levels_deep(void **state)
{
	static const size_t levels[] = {15, 16, 10000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *inner = nested(levels[i], "<x>", "", "</x>");
		char *body  = wc_printf(a, "<xml><Encrypt>ab</Encrypt>%s</xml>", inner);

		if (levels[i] == 15)
			assert_unwraps(&(struct good){body, "ab"}, true);
		else
			assert_refused(body, strlen(body), "too deep");
	}
}

static void json_ten_thousand_levels_deep_is_refused(void **state)
{
	char *arrays  = wc_printf(a, "{\"encrypt\":\"ab\",\"x\":%s}", nested(10000, "[", "", "]"));
	char *objects = nested(10000, "{\"x\":", "1", "}");

	(void)state;
	assert_refused(arrays, strlen(arrays), "deep");
	assert_refused(objects, strlen(objects), "deep");
}

static void nul_bytes_are_dropped_from_xml_and_refused_in_json(void **state)
{
	static const char xml[]  = "<xml><Encrypt>a\0b</Encrypt>\0</xml>";
	static const char json[] = "{\"encrypt\":\"a\0b\"}";
	wc_slice encrypt;
	wc_err   e = {0};
	bool     is_xml;

	(void)state;
	assert_int_equal(wc_envelope_unwrap(a, (wc_slice){xml, sizeof xml - 1}, &encrypt, &is_xml, &e), 0);
	assert_int_equal(encrypt.n, 2);
	assert_memory_equal(encrypt.p, "ab", 2);
	assert_refused(json, sizeof json - 1, "not JSON");
}

static void every_cut_of_a_body_is_refused(void **state)
{
	static const char *const bodies[] = {
		"<xml><ToUserName><![CDATA[c]]></ToUserName><Encrypt><![CDATA[ab+/==]]></Encrypt></xml>",
		"{\"tousername\":\"c\",\"encrypt\":\"ab+/==\"}",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t n = 0; n < strlen(bodies[i]); n++) {
			char *exact = malloc(n ? n : 1);     /* so that a sanitizer sees a read beyond it */

			memcpy(exact, bodies[i], n);
			assert_refused(exact, n, "");
			free(exact);
		}
	}
}

static void one_megabyte_goes_through_whole(void **state)
{
	size_t   n    = 1u << 20;
	char    *text = wc_alloc(a, n + 1);
	char    *body;
	wc_slice encrypt;
	wc_err   e = {0};
	bool     is_xml;

	(void)state;
	memset(text, 'A', n);
	body = wc_printf(a, "<xml><Encrypt><![CDATA[%s]]></Encrypt></xml>", text);
	assert_int_equal(wc_envelope_unwrap(a, (wc_slice){body, strlen(body)}, &encrypt, &is_xml, &e), 0);
	assert_int_equal(encrypt.n, n);
	body = wc_printf(a, "{\"encrypt\":\"%s\"}", text);
	assert_int_equal(wc_envelope_unwrap(a, (wc_slice){body, strlen(body)}, &encrypt, &is_xml, &e), 0);
	assert_int_equal(encrypt.n, n);
}

static wc_envelope bot(void)
{
	wc_envelope v;
	wc_err      e = {0};

	assert_int_equal(wc_envelope_init(&v, "QDG6eK", AES_KEY, "", &e), 0);
	return v;
}

/* Takes a reply apart as a callback's receiver would. */
static void assert_reply_opens(const wc_envelope *v, wc_slice body, bool xml, const char *signature, const char *msg)
{
	wc_slice encrypt, got;
	wc_err   e = {0};
	bool     is_xml;

	assert_int_equal(wc_envelope_unwrap(a, body, &encrypt, &is_xml, &e), 0);
	assert_int_equal(is_xml, xml);
	if (wc_envelope_open(v, a, signature, "1411525903", "461056294", encrypt, &got, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(got.p, msg);
}

static void a_json_reply_has_lower_case_keys_and_a_number_for_the_time(void **state)
{
	wc_envelope   v = bot();
	wc_err        e = {0};
	wc_slice      body;
	const json_t *reply;

	(void)state;
	assert_int_equal(wc_envelope_reply(&v, a, false, "1411525903", "461056294", (wc_slice){"{\"a\":\"你\"}", 11}, &body, &e), 0);
	assert_int_equal(strlen(body.p), body.n);
	reply = wc_json_parse(a, body.p, body.n, &e);
	assert_non_null(reply);
	assert_int_equal(json_object_size(reply), 4);
	assert_int_equal(json_integer_value(json_object_get(reply, "timestamp")), 1411525903);
	assert_string_equal(wc_json_str(reply, "nonce"), "461056294");
	assert_reply_opens(&v, body, false, wc_json_str(reply, "msgsignature"), "{\"a\":\"你\"}");
}

static void an_xml_reply_has_the_documented_form(void **state)
{
	static const char before[] = "]]></Encrypt><MsgSignature><![CDATA[";
	static const char after[]  = "]]></MsgSignature><TimeStamp>1411525903</TimeStamp><Nonce><![CDATA[461056294]]></Nonce></xml>";
	wc_envelope v = bot();
	wc_err      e = {0};
	wc_slice    body;
	const char *at;
	char        signature[41];

	(void)state;
	assert_int_equal(wc_envelope_reply(&v, a, true, "1411525903", "461056294", (wc_slice){"<xml/>", 6}, &body, &e), 0);
	assert_memory_equal(body.p, "<xml><Encrypt><![CDATA[", 23);
	at = strstr(body.p, before);
	assert_non_null(at);
	snprintf(signature, sizeof signature, "%s", at + sizeof before - 1);
	assert_string_equal(at + sizeof before - 1 + 40, after);
	assert_reply_opens(&v, body, true, signature, "<xml/>");
}

static void a_reply_takes_no_timestamp_or_nonce_that_would_break_its_form(void **state)
{
	static const char *const times[]  = {"", "x", "1x", "-1", "01", "1.5", " 1", "1 ", "1,\"a\":1", "1234567890123456"};
	static const char *const nonces[] = {"a\"b", "a\\b", "]]>", "a<b", "a&b", "a b", "a\nb", "\xe4\xbd\xa0"};
	wc_envelope v = bot();
	wc_err      e = {0};
	wc_slice    body;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		assert_int_equal(wc_envelope_reply(&v, a, i % 2, times[i], "n", (wc_slice){"{}", 2}, &body, &e), -1);
	for (size_t i = 0; i < sizeof nonces / sizeof *nonces; i++)
		assert_int_equal(wc_envelope_reply(&v, a, i % 2, "1", nonces[i], (wc_slice){"{}", 2}, &body, &e), -1);
	assert_int_equal(e.code, WC_E_ARG);
	assert_int_equal(wc_envelope_reply(&v, a, false, "0", "", (wc_slice){"{}", 2}, &body, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypt_is_found_in_xml),
		cmocka_unit_test(encrypt_is_found_in_json),
		cmocka_unit_test(bad_bodies_are_refused_with_their_reason),
		cmocka_unit_test(xml_may_be_16_levels_deep),
		cmocka_unit_test(json_ten_thousand_levels_deep_is_refused),
		cmocka_unit_test(nul_bytes_are_dropped_from_xml_and_refused_in_json),
		cmocka_unit_test(every_cut_of_a_body_is_refused),
		cmocka_unit_test(one_megabyte_goes_through_whole),
		cmocka_unit_test(a_json_reply_has_lower_case_keys_and_a_number_for_the_time),
		cmocka_unit_test(an_xml_reply_has_the_documented_form),
		cmocka_unit_test(a_reply_takes_no_timestamp_or_nonce_that_would_break_its_form),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
