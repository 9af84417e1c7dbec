/* Decrypted callbacks in XML become objects of texts; what is no such document is refused. */
#include <wecomd/json.h>
#include <wecomd/xml.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static int read_text(const char *xml, json_t **fields, wc_err *e)
{
	return wc_xml_fields(a, (wc_slice){xml, strlen(xml)}, fields, e);
}

static const struct {
	const char *xml, *json;
} good[] = {
	{"<xml><ToUserName><![CDATA[ww1]]></ToUserName><CreateTime>1760000200</CreateTime></xml>",
	 "{\"ToUserName\":\"ww1\",\"CreateTime\":\"1760000200\"}"},
	{"<xml><MemChangeList><Item><![CDATA[wm1]]></Item></MemChangeList></xml>", "{\"MemChangeList\":{\"Item\":\"wm1\"}}"},
	{"<xml><L>\n<Item>a</Item>\n<Item/>\n<Item>c</Item>\n</L></xml>", "{\"L\":{\"Item\":[\"a\",\"\",\"c\"]}}"},
	{"<xml><L><I><x>1</x></I><I>2</I><I><x>3</x><x>4</x></I></L></xml>", "{\"L\":{\"I\":[{\"x\":\"1\"},\"2\",{\"x\":[\"3\",\"4\"]}]}}"},
	{"<xml><State></State><Empty/></xml>", "{\"State\":\"\",\"Empty\":\"\"}"},
	{"<xml><a>x<![CDATA[<y>&amp;]]>z&lt;&#65;</a></xml>", "{\"a\":\"x<y>&amp;z<A\"}"},
	{"<?xml version=\"1.0\" encoding=\"GB2312\"?><anything p=\"1\"><!-- <b>no</b> --><b q='2'>中文</b></anything>", "{\"b\":\"中文\"}"},
	{"<xml><a>one\x01\x08 two</a></xml>", "{\"a\":\"one two\"}"},
	{"<xml>stray<a>1</a>text</xml>", "{\"a\":\"1\"}"},
	{"<xml/>", "{}"},
	{"<xml>only text</xml>", "{}"},
};

static void elements_are_texts_objects_and_arrays(void **state)
{
	json_t *fields;
	wc_err  e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(read_text(good[i].xml, &fields, &e), 0);
		assert_string_equal(wc_json_text(a, fields), good[i].json);
	}
}

static const char *const bad[] = {
	"", "text", "{\"a\":1}", "<xml>", "<xml></xml", "<xml></xml><xml></xml>", "<xml><a></b></xml>", "<xml><a>&nbsp;</a></xml>",
	"<xml><a>\xff\xfe</a></xml>", "<xml><a>\xed\xa0\x80</a></xml>", "<xml><a>&#0;</a></xml>", "<xml><a>&#1;</a></xml>",
	"<!DOCTYPE xml><xml><a>1</a></xml>",
	"<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]><xml><a>&a;&b;</a></xml>",
	"<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>",
	"<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>",
};

static void what_is_no_such_document_is_refused(void **state)
{
	json_t *fields = NULL;
	wc_err  e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		e = (wc_err){0};
		assert_int_equal(read_text(bad[i], &fields, &e), -1);
		assert_int_equal(e.code, WC_E_ARG);
		assert_null(fields);
	}
}

static const char *repeated(const char *head, const char *piece, size_t times, const char *tail)
{
	size_t n = strlen(piece);
	char  *s = wc_alloc(a, strlen(head) + n * times + strlen(tail) + 1), *p = s + strlen(head);

	strcpy(s, head);
	for (size_t i = 0; i < times; i++, p += n)
		memcpy(p, piece, n);
	strcpy(p, tail);
	return s;
}

static void depth_length_and_number_have_bounds(void **state)
{
	json_t *fields;
	wc_err  e;

	(void)state;
	assert_int_equal(read_text(repeated("<x>", "<i>1</i>", WC_XML_COUNT - 1, "</x>"), &fields, &e), 0);
	assert_int_equal(wc_xml_count(fields, "i"), WC_XML_COUNT - 1);
	assert_int_equal(read_text(repeated("<x>", "<i>1</i>", WC_XML_COUNT, "</x>"), &fields, &e), -1);
	assert_int_equal(read_text(repeated("<x><a>", "0123456789", WC_XML_MAX / 10, "</a></x>"), &fields, &e), -1);
	assert_int_equal(read_text(repeated(repeated("", "<i>", WC_XML_DEPTH, ""), "</i>", WC_XML_DEPTH, ""), &fields, &e), 0);
}

static void none_one_and_several_are_asked_for_in_one_way(void **state)
{
	json_t *fields;
	wc_err  e;

	(void)state;
	assert_int_equal(read_text("<x><one><Item>a</Item></one><two><Item>b</Item><Item>c</Item></two><deep><Item><z>1</z></Item></deep></x>",
	                           &fields, &e), 0);
	assert_int_equal(wc_xml_count(fields, "none.Item"), 0);
	assert_int_equal(wc_xml_count(fields, "one.Item"), 1);
	assert_int_equal(wc_xml_count(fields, "two.Item"), 2);
	assert_string_equal(wc_xml_item(fields, "one.Item", 0), "a");
	assert_string_equal(wc_xml_item(fields, "one.Item", 1), "");
	assert_string_equal(wc_xml_item(fields, "two.Item", 1), "c");
	assert_string_equal(wc_xml_item(fields, "two.Item", 2), "");
	assert_string_equal(wc_xml_text(fields, "two.Item"), "b");
	assert_string_equal(wc_xml_text(fields, "none"), "");
	assert_string_equal(wc_xml_text(fields, "deep.Item"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(elements_are_texts_objects_and_arrays, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_such_document_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(depth_length_and_number_have_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(none_one_and_several_are_asked_for_in_one_way, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
